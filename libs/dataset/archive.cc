#include "libs/dataset/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

struct CloseArchive {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Archive = std::unique_ptr<zip_t, CloseArchive>;
struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Member = std::unique_ptr<zip_file_t, CloseMember>;

// libzip's codes in words, and as statuses.
absl::Status ZipStatus(zip_error_t* error, absl::string_view what) {
  const std::string text = absl::StrCat(what, ": ", zip_error_strerror(error));
  switch (zip_error_code_zip(error)) {
    case ZIP_ER_NOENT:
      return absl::NotFoundError(text);
    case ZIP_ER_CRC:
    case ZIP_ER_ZLIB:
    case ZIP_ER_EOF:
    case ZIP_ER_READ:
    case ZIP_ER_SEEK:
    case ZIP_ER_COMPRESSED_DATA:
      return absl::DataLossError(text);
    case ZIP_ER_MEMORY:
      return absl::ResourceExhaustedError(text);
    case ZIP_ER_OPEN:
      return absl::UnavailableError(text);
    default:
      return absl::InvalidArgumentError(text);
  }
}

absl::StatusOr<Archive> Open(const fs::path& path) {
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_RDONLY, &code));
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  absl::Status status = ZipStatus(&error, "cannot open the archive");
  zip_error_fini(&error);
  return status;
}

// The rule by which a member is never read, or "".
std::string NameRule(const std::string& name) {
  if (name.empty()) return "archive member without a name";
  if (!IsUtf8(name)) return "archive member whose name is not UTF-8";
  if (name.front() == '/' || absl::StrContains(name, '\\') || (name.size() > 1 && name[1] == ':')) {
    return "archive member with an absolute name";
  }
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part == "..") return "archive member whose name leads out of the archive";
  }
  for (const unsigned char c : name) {
    if (absl::ascii_iscntrl(c)) return "archive member whose name holds a control character";
  }
  return {};
}

absl::StatusOr<ArchiveList> List(zip_t* archive) {
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  if (count < 0 || static_cast<std::uint64_t>(count) > kMaxArchiveMembers) {
    return absl::InvalidArgumentError(absl::StrCat("the archive has more than ", kMaxArchiveMembers, " members"));
  }
  ArchiveList list;
  std::set<std::string> names;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
    zip_stat_t info;
    if (zip_stat_index(archive, i, 0, &info) != 0) return ZipStatus(zip_get_error(archive), "cannot list the archive");
    std::string name = (info.valid & ZIP_STAT_NAME) != 0 ? info.name : "";
    if (absl::EndsWith(name, "/")) continue;
    std::string rule = NameRule(name);
    if (rule.empty() && !names.insert(name).second) rule = "archive member of a name that an earlier one has";
    if (rule.empty() && (info.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && info.encryption_method != ZIP_EM_NONE) {
      rule = "archive member that is encrypted";
    }
    if (rule.empty())
      list.members.push_back({std::move(name), (info.valid & ZIP_STAT_SIZE) != 0 ? info.size : 0});
    else
      list.refused.emplace_back(std::move(name), std::move(rule));
  }
  std::sort(list.members.begin(), list.members.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return list;
}

using Sink = std::function<absl::Status(absl::string_view bytes)>;

absl::Status Stream(const fs::path& path, const std::string& member, std::uint64_t max_bytes, const Sink& sink) {
  AMAES_ASSIGN_OR_RETURN(const Archive archive, Open(path));
  zip_stat_t info;
  if (zip_stat(archive.get(), member.c_str(), 0, &info) != 0) {
    return ZipStatus(zip_get_error(archive.get()), "no such member in the archive");
  }
  const absl::Status too_large =
      absl::ResourceExhaustedError(absl::StrCat("too large: the archive's member has more than ", max_bytes, " bytes"));
  if ((info.valid & ZIP_STAT_SIZE) != 0 && info.size > max_bytes) return too_large;
  const Member file(zip_fopen_index(archive.get(), info.index, 0));
  if (!file) return ZipStatus(zip_get_error(archive.get()), "cannot open the archive's member");
  std::string block(kBlockBytes, '\0');
  for (std::uint64_t total = 0;;) {
    const zip_int64_t got = zip_fread(file.get(), block.data(), block.size());
    if (got < 0) return ZipStatus(zip_file_get_error(file.get()), "damaged: cannot read the archive's member");
    if (got == 0) break;
    total += static_cast<std::uint64_t>(got);
    if (total > max_bytes) return too_large;
    AMAES_RETURN_IF_ERROR(sink(absl::string_view(block.data(), static_cast<std::size_t>(got))));
  }
  return absl::OkStatus();
}

class OutputFile {
 public:
  explicit OutputFile(fs::path path) : path_(std::move(path)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  }
  ~OutputFile() {
    if (descriptor_ >= 0) Abandon();
  }
  absl::Status status() const {
    return descriptor_ >= 0 ? absl::OkStatus() : files::ErrnoStatus(errno, "cannot create", path_);
  }
  absl::Status Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = write(descriptor_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return files::ErrnoStatus(errno, "cannot write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return absl::OkStatus();
  }
  absl::Status Close() {
    const int result = close(descriptor_);
    descriptor_ = -1;
    if (result == 0) return absl::OkStatus();
    const absl::Status status = files::ErrnoStatus(errno, "cannot write", path_);
    unlink(path_.c_str());
    return status;
  }

 private:
  void Abandon() {
    close(descriptor_);
    unlink(path_.c_str());
  }

  const fs::path path_;
  int descriptor_ = -1;
};

}  // namespace

absl::StatusOr<ArchiveList> ListArchive(const fs::path& path) {
  AMAES_ASSIGN_OR_RETURN(const Archive archive, Open(path));
  return List(archive.get());
}

absl::StatusOr<ArchiveList> ListArchiveBytes(absl::string_view bytes) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  Archive archive(source != nullptr ? zip_open_from_source(source, ZIP_RDONLY, &error) : nullptr);
  if (!archive) {
    absl::Status status = ZipStatus(&error, "cannot open the archive");
    if (source != nullptr) zip_source_free(source);
    zip_error_fini(&error);
    return status;
  }
  zip_error_fini(&error);
  return List(archive.get());
}

absl::StatusOr<std::string> ReadArchiveMember(const fs::path& archive, const std::string& member,
                                              std::uint64_t max_bytes) {
  std::string content;
  AMAES_RETURN_IF_ERROR(Stream(archive, member, max_bytes, [&](absl::string_view bytes) {
    content.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }));
  return content;
}

absl::Status ExtractArchiveMember(const fs::path& archive, const std::string& member, std::uint64_t max_bytes,
                                  const fs::path& target) {
  OutputFile file(target);
  AMAES_RETURN_IF_ERROR(file.status());
  AMAES_RETURN_IF_ERROR(Stream(archive, member, max_bytes, [&](absl::string_view bytes) { return file.Write(bytes); }));
  return file.Close();
}

}  // namespace amaes
