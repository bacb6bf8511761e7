#include "libs/checkpoint/safetensors.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/checkpoint/file_ops.h"
#include "libs/checkpoint/safetensors_format.h"

namespace amaes {
namespace {

using Json = nlohmann::json;

// Where a tensor lies in the data; the view is made when all have been checked.
struct Placed {
  TensorView view;
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

std::uint64_t LittleEndian64(absl::string_view bytes) {
  std::uint64_t out = 0;
  for (int i = 7; i >= 0; --i) out = (out << 8) | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return out;
}

// Non-negative, and small enough that sums of two do not overflow.
std::optional<std::int64_t> Natural(const Json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto number = value.get<std::uint64_t>();
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 2)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

// Parses the header and refuses keys that stand there twice, which a JSON tree would hide.
absl::StatusOr<Json> ParseHeader(absl::string_view header) {
  std::vector<std::set<std::string>> keys;
  std::string twice;
  const Json::parser_callback_t watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      twice = value.get<std::string>();
    }
    return true;
  };
  Json out = Json::parse(header.begin(), header.end(), watch, /*allow_exceptions=*/false);
  if (out.is_discarded()) return absl::DataLossError("the header is not JSON");
  if (!out.is_object()) return absl::DataLossError("the header is not a JSON object");
  if (!twice.empty()) return absl::DataLossError(absl::StrCat("the header names \"", twice, "\" twice"));
  return out;
}

absl::Status ReadMetadata(const Json& entry, std::map<std::string, std::string>& out) {
  if (!entry.is_object()) return absl::DataLossError("the metadata is not a JSON object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) return absl::DataLossError(absl::StrCat("metadata \"", key, "\" is not a text"));
    out[key] = value.get<std::string>();
  }
  return absl::OkStatus();
}

absl::Status ReadShape(const Json& list, std::vector<std::int64_t>& out) {
  if (!list.is_array()) return absl::DataLossError("the shape is not a list");
  for (const Json& value : list) {
    const std::optional<std::int64_t> size = Natural(value);
    if (!size) return absl::DataLossError("a size in the shape is not a natural number");
    out.push_back(*size);
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorType> ReadType(const Json& value) {
  if (!value.is_string()) return absl::DataLossError("the type is not a text");
  const auto name = value.get<std::string>();
  for (const TensorType type : kTensorTypes) {
    if (name == TensorTypeName(type)) return type;
  }
  return absl::DataLossError(absl::StrCat("type \"", name, "\" is none of F32, F64, BF16, I64, U8"));
}

absl::StatusOr<Placed> ReadEntry(const Json& entry, std::int64_t data_size) {
  if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") ||
      !entry.contains("data_offsets")) {
    return absl::DataLossError("the entry is not an object of dtype, shape and data_offsets");
  }
  Placed out;
  AMAES_ASSIGN_OR_RETURN(out.view.type, ReadType(entry["dtype"]));
  AMAES_RETURN_IF_ERROR(ReadShape(entry["shape"], out.view.shape));
  const Json& offsets = entry["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2) return absl::DataLossError("data_offsets is not a list of two");
  const std::optional<std::int64_t> begin = Natural(offsets[0]);
  const std::optional<std::int64_t> end = Natural(offsets[1]);
  if (!begin || !end || *begin > *end || *end > data_size) {
    return absl::DataLossError(
        absl::StrCat("data_offsets ", offsets.dump(), " do not lie in the data, which has ", data_size, " bytes"));
  }
  const std::optional<std::int64_t> bytes = TensorBytes(out.view.type, out.view.shape);
  if (!bytes || *bytes != *end - *begin) {
    return absl::DataLossError(absl::StrCat("shape ", entry["shape"].dump(), " of ", TensorTypeName(out.view.type),
                                            " does not have the ", *end - *begin, " bytes of its data_offsets"));
  }
  out.begin = *begin;
  out.end = *end;
  return out;
}

// One after the other, from the first byte to the last.
absl::Status CheckPlaces(std::vector<Placed>& tensors, std::int64_t data_size) {
  std::sort(tensors.begin(), tensors.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.begin, a.end, a.view.name) < std::tie(b.begin, b.end, b.view.name);
  });
  std::int64_t at = 0;
  for (const Placed& tensor : tensors) {
    if (tensor.begin != at) {
      return absl::DataLossError(absl::StrCat("tensor \"", tensor.view.name, "\" begins at ", tensor.begin,
                                              tensor.begin < at ? ", inside the one before it" : ", after a hole",
                                              ", at ", at));
    }
    at = tensor.end;
  }
  if (at != data_size) {
    return absl::DataLossError(absl::StrCat("the tensors end at ", at, ", but the data has ", data_size, " bytes"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Placed>> ReadHeader(absl::string_view header, std::int64_t data_size,
                                               std::map<std::string, std::string>& metadata) {
  AMAES_ASSIGN_OR_RETURN(const Json tree, ParseHeader(header));
  std::vector<Placed> tensors;
  for (const auto& [name, entry] : tree.items()) {
    if (name == kSafetensorsMetadata) {
      AMAES_RETURN_IF_ERROR(ReadMetadata(entry, metadata));
      continue;
    }
    absl::StatusOr<Placed> tensor = ReadEntry(entry, data_size);
    if (!tensor.ok()) return Annotate(tensor.status(), absl::StrCat("tensor \"", name, "\""));
    tensor->view.name = name;
    tensors.push_back(*std::move(tensor));
  }
  AMAES_RETURN_IF_ERROR(CheckPlaces(tensors, data_size));
  return tensors;
}

absl::Status Fill(SafetensorsFile& file) {
  const absl::string_view content = file.content;
  if (content.size() < kSafetensorsPrefix) {
    return absl::DataLossError(absl::StrCat("the file has ", content.size(), " bytes: too short for a header length"));
  }
  const std::uint64_t length = LittleEndian64(content);
  const std::size_t rest = content.size() - kSafetensorsPrefix;
  if (length > kSafetensorsMaxHeader || length > rest) {
    return absl::DataLossError(absl::StrCat("a header of ", length, " bytes does not fit a file of ", content.size()));
  }
  const absl::string_view header = content.substr(kSafetensorsPrefix, static_cast<std::size_t>(length));
  if (header.empty() || header[0] != '{') return absl::DataLossError("the header does not begin with {");
  const absl::string_view data = content.substr(kSafetensorsPrefix + static_cast<std::size_t>(length));
  AMAES_ASSIGN_OR_RETURN(std::vector<Placed> tensors,
                         ReadHeader(header, static_cast<std::int64_t>(data.size()), file.metadata));
  for (Placed& tensor : tensors) {
    tensor.view.bytes =
        data.substr(static_cast<std::size_t>(tensor.begin), static_cast<std::size_t>(tensor.end - tensor.begin));
    file.tensors.push_back(std::move(tensor.view));
  }
  return absl::OkStatus();
}

}  // namespace

const char* TensorTypeName(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return "F32";
    case TensorType::kF64:
      return "F64";
    case TensorType::kBF16:
      return "BF16";
    case TensorType::kI64:
      return "I64";
    case TensorType::kU8:
      return "U8";
  }
  return "";
}

std::int64_t TensorTypeBytes(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return 4;
    case TensorType::kF64:
      return 8;
    case TensorType::kBF16:
      return 2;
    case TensorType::kI64:
      return 8;
    case TensorType::kU8:
      return 1;
  }
  return 0;
}

std::optional<std::int64_t> TensorBytes(TensorType type, const std::vector<std::int64_t>& shape) {
  std::int64_t bytes = TensorTypeBytes(type);
  for (const std::int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return bytes;
}

const TensorView* SafetensorsFile::Find(absl::string_view name) const {
  for (const TensorView& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

absl::StatusOr<SafetensorsFile> ParseSafetensors(std::string content, absl::string_view origin) {
  // A file with tensors is longer than what a std::string holds inside itself, so views survive a move.
  SafetensorsFile file;
  file.content = std::move(content);
  if (absl::Status status = Fill(file); !status.ok()) return Annotate(status, origin);
  return file;
}

absl::StatusOr<SafetensorsFile> ReadSafetensorsHeader(const std::filesystem::path& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat("no file ", path.string(), ": ", error.message()));
  const auto fails = [&](auto... what) { return absl::DataLossError(absl::StrCat(path.string(), ": ", what...)); };
  std::ifstream in(path, std::ios::binary);
  char prefix[kSafetensorsPrefix];
  if (!in.read(prefix, sizeof prefix)) return fails("the file has ", size, " bytes: too short for a header length");
  const std::uint64_t length = LittleEndian64({prefix, sizeof prefix});
  if (length > kSafetensorsMaxHeader || length > size - kSafetensorsPrefix) {
    return fails("a header of ", length, " bytes does not fit a file of ", size);
  }
  SafetensorsFile file;
  file.content.resize(static_cast<std::size_t>(length));
  if (!in.read(file.content.data(), static_cast<std::streamsize>(length))) return fails("the header cannot be read");
  absl::StatusOr<std::vector<Placed>> tensors =
      ReadHeader(file.content, static_cast<std::int64_t>(size - kSafetensorsPrefix - length), file.metadata);
  if (!tensors.ok()) return Annotate(tensors.status(), path.string());
  for (Placed& tensor : *tensors) file.tensors.push_back(std::move(tensor.view));
  return file;
}

absl::StatusOr<SafetensorsFile> ReadSafetensors(const std::filesystem::path& path) {
  std::string content;
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error) content.reserve(static_cast<std::size_t>(size));
  AMAES_RETURN_IF_ERROR(ReadBlocks(path, /*from_disk=*/false,
                                   [&](absl::string_view block) { content.append(block.data(), block.size()); }));
  return ParseSafetensors(std::move(content), path.string());
}

}  // namespace amaes
