#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/safetensors.h"
#include "libs/checkpoint/safetensors_format.h"

namespace amaes {
namespace {

using Json = nlohmann::ordered_json;

absl::StatusOr<Json> Entry(const TensorView& tensor, std::int64_t begin) {
  const std::optional<std::int64_t> bytes = TensorBytes(tensor.type, tensor.shape);
  if (!bytes || *bytes != static_cast<std::int64_t>(tensor.bytes.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"", tensor.name, "\": shape (", absl::StrJoin(tensor.shape, ", "), ") of ",
                     TensorTypeName(tensor.type), " does not have ", tensor.bytes.size(), " bytes"));
  }
  return Json{
      {"dtype", TensorTypeName(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {begin, begin + *bytes}}};
}

absl::StatusOr<std::string> Header(const std::vector<TensorView>& tensors,
                                   const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header[kSafetensorsMetadata] = metadata;
  std::set<std::string> names = {kSafetensorsMetadata};
  std::int64_t at = 0;
  for (const TensorView& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("tensor \"", tensor.name, "\": the name is taken"));
    }
    AMAES_ASSIGN_OR_RETURN(header[tensor.name], Entry(tensor, at));
    at += static_cast<std::int64_t>(tensor.bytes.size());
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("a name or a metadata text is not UTF-8: ", e.what()));
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kSafetensorsMaxHeader) {
    return absl::InvalidArgumentError(
        absl::StrCat("the header has ", text.size(), " bytes; the format allows ", kSafetensorsMaxHeader));
  }
  return text;
}

absl::Status WriteAll(int fd, absl::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return files::ErrnoStatus(errno, "cannot write", path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status WriteFile(int fd, const std::string& header, const std::vector<TensorView>& tensors,
                       const std::filesystem::path& path) {
  std::string prefix(kSafetensorsPrefix, '\0');
  for (std::size_t i = 0; i < prefix.size(); ++i) prefix[i] = static_cast<char>((header.size() >> (8 * i)) & 0xFF);
  AMAES_RETURN_IF_ERROR(WriteAll(fd, prefix, path));
  AMAES_RETURN_IF_ERROR(WriteAll(fd, header, path));
  for (const TensorView& tensor : tensors) AMAES_RETURN_IF_ERROR(WriteAll(fd, tensor.bytes, path));
  if (fsync(fd) != 0) return files::ErrnoStatus(errno, "cannot flush", path);
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteSafetensors(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  absl::StatusOr<std::string> header = Header(tensors, metadata);
  if (!header.ok()) return Annotate(header.status(), path.string());
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return files::ErrnoStatus(errno, "cannot create", path);
  absl::Status status = WriteFile(fd, *header, tensors, path);
  if (close(fd) != 0 && status.ok()) status = files::ErrnoStatus(errno, "cannot close", path);
  return status;
}

}  // namespace amaes
