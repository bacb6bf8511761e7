#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/checkpoint/checkpoint.h"
#include "libs/checkpoint/file_ops.h"

namespace amaes {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;

// JSON has no name for these; a run that diverged must still be able to write down its loss.
Json FromDouble(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

// Reads fields of one object and remembers the first thing that is wrong.
class Reader {
 public:
  Reader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) Fail("is not an object");
  }

  void Read(const char* key, std::string& out) {
    if (const Json* value = Get(key); value != nullptr && Expect(key, value->is_string(), "a text"))
      out = value->get<std::string>();
  }
  template <typename Integer>
  void ReadInteger(const char* key, std::int64_t low, Integer& out) {
    const Json* value = Get(key);
    if (value == nullptr || !Expect(key, value->is_number_integer(), "a whole number")) return;
    // Unsigned values beyond int64 turn negative here and are refused with the rest.
    const std::int64_t number = value->get<std::int64_t>();
    if (!Expect(key, number >= low && number <= std::numeric_limits<Integer>::max(),
                absl::StrCat("a number from ", low)))
      return;
    out = static_cast<Integer>(number);
  }
  void Read(const char* key, double& out) {
    const Json* value = Get(key);
    if (value == nullptr) return;
    if (*value == "nan")
      out = std::numeric_limits<double>::quiet_NaN();
    else if (*value == "inf")
      out = std::numeric_limits<double>::infinity();
    else if (*value == "-inf")
      out = -std::numeric_limits<double>::infinity();
    else if (Expect(key, value->is_number(), "a number"))
      out = value->get<double>();
  }
  void Read(const char* key, std::vector<std::string>& out) {
    const Json* list = Array(key);
    if (list == nullptr) return;
    for (const Json& value : *list) {
      if (!Expect(key, value.is_string(), "a list of texts")) return;
      out.push_back(value.get<std::string>());
    }
  }
  const Json* Array(const char* key) {
    const Json* value = Get(key);
    return value != nullptr && Expect(key, value->is_array(), "a list") ? value : nullptr;
  }
  void Read(const char* key, std::vector<double>& out) {
    const Json* list = Array(key);
    if (list == nullptr) return;
    for (const Json& value : *list) {
      Json one = {{"number", value}};
      Reader number(one, key);
      number.Read("number", out.emplace_back());
      Take(number.Finish());
    }
  }
  const Json* Object(const char* key) {
    const Json* value = Get(key);
    return value != nullptr && Expect(key, value->is_object(), "an object") ? value : nullptr;
  }
  void Check(const char* key, bool ok, absl::string_view wanted) { Expect(key, ok, wanted); }
  void Take(const std::string& error) {
    if (error_.empty()) error_ = error;
  }

  // "" when all was well and every field was read.
  std::string Finish() {
    if (error_.empty()) {
      for (const auto& [key, value] : object_.items()) {
        if (!read_.contains(key)) Fail(absl::StrCat("has an unknown field ", Json(key).dump()));
      }
    }
    return error_;
  }

 private:
  const Json* Get(const char* key) {
    if (!error_.empty()) return nullptr;
    read_.insert(key);
    const auto found = object_.find(key);
    if (found != object_.end()) return &*found;
    Fail(absl::StrCat("has no field \"", key, "\""));
    return nullptr;
  }
  bool Expect(const char* key, bool ok, absl::string_view wanted) {
    if (!ok) Fail(absl::StrCat("field \"", key, "\" is not ", wanted));
    return ok;
  }
  void Fail(absl::string_view what) {
    if (error_.empty()) error_ = absl::StrCat(where_, " ", what);
  }

  const Json& object_;
  const std::string where_;
  std::set<std::string> read_;
  std::string error_;
};

bool IsHex(const std::string& text, std::size_t digits) {
  if (text.size() != digits) return false;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) && !(c >= 'a' && c <= 'f')) return false;
  }
  return true;
}

std::string ReadFile(const Json& object, CheckpointFile& file) {
  Reader reader(object, "a file's entry");
  reader.Read("name", file.name);
  reader.ReadInteger("size", 0, file.size);
  reader.Read("sha256", file.sha256);
  reader.Read("block_crc32c", file.block_crc32c);
  if (std::string error = reader.Finish(); !error.empty()) return error;
  reader.Check("name", IsPlainFileName(file.name), "a plain file name");
  reader.Check("sha256", IsHex(file.sha256, 64), "64 hexadecimal digits");
  const std::int64_t blocks = file.size / kCheckpointBlockBytes + (file.size % kCheckpointBlockBytes != 0 ? 1 : 0);
  reader.Check("block_crc32c", static_cast<std::int64_t>(file.block_crc32c.size()) == blocks,
               "as long as the size asks for");
  for (const std::string& crc : file.block_crc32c)
    reader.Check("block_crc32c", IsHex(crc, 8), "of 8 hexadecimal digits each");
  return reader.Finish();
}

void ReadFiles(Reader& reader, CheckpointManifest& manifest) {
  const Json* list = reader.Array("files");
  if (list == nullptr) return;
  std::set<std::string> names;
  for (const Json& entry : *list) {
    CheckpointFile file;
    reader.Take(ReadFile(entry, file));
    reader.Check("files", names.insert(file.name).second, "a list of different names");
    manifest.files.push_back(std::move(file));
  }
}

void ReadMaps(Reader& reader, CheckpointManifest& manifest) {
  if (const Json* metrics = reader.Object("metrics"); metrics != nullptr) {
    Reader values(*metrics, "metrics");
    for (const auto& [key, value] : metrics->items()) values.Read(key.c_str(), manifest.metrics[key]);
    reader.Take(values.Finish());
  }
  if (const Json* state = reader.Object("state"); state != nullptr) {
    Reader values(*state, "state");
    for (const auto& [key, value] : state->items()) values.Read(key.c_str(), manifest.state[key]);
    reader.Take(values.Finish());
  }
  if (const Json* ledger = reader.Object("ledger"); ledger != nullptr) {
    Reader values(*ledger, "ledger");
    for (const auto& [key, value] : ledger->items()) values.ReadInteger(key.c_str(), 0, manifest.ledger[key]);
    reader.Take(values.Finish());
  }
}

absl::StatusOr<Json> ParseManifest(const std::string& json) {
  Json out = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (out.is_discarded()) return absl::DataLossError("manifest is not JSON");
  if (!out.is_object()) return absl::DataLossError("manifest is not a JSON object");
  const auto version = out.find("format_version");
  if (version == out.end() || !version->is_number_integer() || version->get<std::int64_t>() < 1) {
    return absl::DataLossError("manifest has no format_version");
  }
  if (const auto number = version->get<std::int64_t>(); number > kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat("checkpoint format version ", number, " is newer than ",
                                                      kFormatVersion,
                                                      ", the newest that this program reads: use a newer amaes"));
  }
  return out;
}

}  // namespace

std::string ManifestToJson(const CheckpointManifest& manifest) {
  Json out = {{"format_version", manifest.format_version},
              {"job", manifest.job},
              {"attempt", manifest.attempt},
              {"step", manifest.step},
              {"position", manifest.position},
              {"world_size", manifest.world_size},
              {"sampling_version", manifest.sampling_version},
              {"spec_json", manifest.spec_json},
              {"contract_json", manifest.contract_json},
              {"dataset", manifest.dataset},
              {"dataset_version", manifest.dataset_version},
              {"dataset_digest", manifest.dataset_digest},
              {"dataset_selection", manifest.dataset_selection},
              {"parent", manifest.parent},
              {"software", manifest.software},
              {"written", manifest.written}};
  if (!manifest.initialised_from.empty()) out["initialised_from"] = manifest.initialised_from;
  out["metrics"] = Json::object();
  for (const auto& [name, value] : manifest.metrics) out["metrics"][name] = FromDouble(value);
  out["ledger"] = Json::object();
  for (const auto& [name, length] : manifest.ledger) out["ledger"][name] = length;
  out["metrics_length"] = manifest.metrics_length;
  out["best_step"] = manifest.best_step;
  out["state"] = Json::object();
  for (const auto& [name, numbers] : manifest.state) {
    out["state"][name] = Json::array();
    for (const double number : numbers) out["state"][name].push_back(FromDouble(number));
  }
  out["citations"] = manifest.citations;
  out["files"] = Json::array();
  for (const CheckpointFile& file : manifest.files) {
    out["files"].push_back(
        {{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}, {"block_crc32c", file.block_crc32c}});
  }
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<CheckpointManifest> ManifestFromJson(const std::string& json) {
  const absl::StatusOr<Json> object = ParseManifest(json);
  if (!object.ok()) return object.status();
  CheckpointManifest out;
  Reader reader(*object, "manifest");
  reader.ReadInteger("format_version", 1, out.format_version);
  reader.Read("job", out.job);
  reader.ReadInteger("attempt", 0, out.attempt);
  reader.ReadInteger("step", 0, out.step);
  reader.ReadInteger("position", 0, out.position);
  reader.ReadInteger("world_size", 1, out.world_size);
  reader.ReadInteger("sampling_version", 0, out.sampling_version);
  reader.Read("spec_json", out.spec_json);
  reader.Read("contract_json", out.contract_json);
  reader.Read("dataset", out.dataset);
  reader.ReadInteger("dataset_version", 0, out.dataset_version);
  reader.Read("dataset_digest", out.dataset_digest);
  reader.Read("dataset_selection", out.dataset_selection);
  reader.Read("parent", out.parent);
  if (object->contains("initialised_from")) reader.Read("initialised_from", out.initialised_from);
  reader.Read("software", out.software);
  reader.Read("written", out.written);
  ReadMaps(reader, out);
  reader.ReadInteger("metrics_length", 0, out.metrics_length);
  reader.ReadInteger("best_step", -1, out.best_step);
  reader.Read("citations", out.citations);
  ReadFiles(reader, out);
  if (const std::string error = reader.Finish(); !error.empty()) return absl::DataLossError(error);
  return out;
}

}  // namespace amaes
