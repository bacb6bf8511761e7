#include "libs/dataset/catalogue_json.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/json_fields.h"

namespace amaes {
namespace {

using nlohmann::json;

Split ParseSplit(const std::string& name) {
  if (name == SplitName(Split::kTrain)) return Split::kTrain;
  if (name == SplitName(Split::kHeldOut)) return Split::kHeldOut;
  throw JsonFieldError{absl::StrCat("field 'split' is '", name, "'")};
}

json ItemsJson(const std::vector<IngestReport::Item>& items) {
  json out = json::array();
  for (const IngestReport::Item& item : items) out.push_back({{"reason", item.reason}, {"source", item.source}});
  return out;
}

std::vector<IngestReport::Item> Items(const json& object, const char* name) {
  std::vector<IngestReport::Item> items;
  for (const json& item : Field<std::vector<json>>(object, name)) {
    items.push_back({Field<std::string>(item, "source"), Field<std::string>(item, "reason")});
  }
  return items;
}

}  // namespace

std::string SplitName(Split split) { return split == Split::kTrain ? "train" : "held-out"; }

namespace {

// [value, voxels] each.
json ValuesJson(const std::vector<LabelValue>& values) {
  json out = json::array();
  for (const LabelValue& value : values) out.push_back(json::array({value.value, value.voxels}));
  return out;
}

std::vector<LabelValue> Values(const json& object) {
  std::vector<LabelValue> out;
  if (!object.contains("values")) return out;  // written by a program that did not count them
  for (const auto& [value, voxels] : Field<std::vector<std::pair<double, std::int64_t>>>(object, "values")) {
    out.push_back({value, voxels});
  }
  return out;
}

// Not in catalogues of programs that did not keep it.
std::string Path(const json& object) {
  return object.contains("path") ? Field<std::string>(object, "path") : std::string();
}

json CompanionsJson(const std::vector<Companion>& companions) {
  json out = json::array();
  for (const Companion& companion : companions) {
    out.push_back({{"chunk_checksums", companion.chunk_checksums},
                   {"path", companion.path},
                   {"role", companion.role},
                   {"stored_bytes", companion.stored_bytes},
                   {"values", ValuesJson(companion.values)},
                   {"volume", companion.volume}});
  }
  return out;
}

std::vector<Companion> Companions(const json& object) {
  std::vector<Companion> out;
  for (const json& item : Field<std::vector<json>>(object, "companions")) {
    out.push_back({Field<std::string>(item, "role"), Field<std::string>(item, "volume"),
                   Field<std::int64_t>(item, "stored_bytes"),
                   Field<std::vector<std::uint32_t>>(item, "chunk_checksums"), Values(item), Path(item)});
  }
  return out;
}

}  // namespace

std::string EntryJson(const CatalogueEntry& entry) {
  return CanonicalJson({{"affine", entry.affine},
                        {"case_id", entry.case_id},
                        {"chunk_checksums", entry.chunk_checksums},
                        {"collection", entry.collection},
                        {"companions", CompanionsJson(entry.companions)},
                        {"datatype", entry.datatype},
                        {"flags", entry.flags},
                        {"foreground_share", entry.foreground_share},
                        {"frame", entry.frame},
                        {"frames", entry.frames},
                        {"info", entry.info},
                        {"mean", entry.mean},
                        {"modality", entry.modality},
                        {"nonfinite_voxels", entry.nonfinite_voxels},
                        {"orientation", entry.orientation},
                        {"path", entry.path},
                        {"session", entry.session},
                        {"shape", entry.shape},
                        {"source", entry.source},
                        {"source_maximum", entry.source_maximum},
                        {"source_minimum", entry.source_minimum},
                        {"source_shape", entry.source_shape},
                        {"source_spacing", entry.source_spacing},
                        {"split", SplitName(entry.split)},
                        {"stamp", entry.stamp},
                        {"standard_deviation", entry.standard_deviation},
                        {"stored_bytes", entry.stored_bytes},
                        {"subject", entry.subject},
                        {"volume", entry.volume},
                        {"voxel_digest", entry.voxel_digest}});
}

absl::StatusOr<CatalogueEntry> ParseEntry(const std::string& line) {
  CatalogueEntry entry;
  AMAES_RETURN_IF_ERROR(WithJsonObject(line, [&](const json& object) {
    entry.volume = Field<std::string>(object, "volume");
    entry.voxel_digest = Field<std::string>(object, "voxel_digest");
    entry.subject = Field<std::string>(object, "subject");
    entry.session = Field<std::string>(object, "session");
    entry.modality = Field<std::string>(object, "modality");
    entry.source = Field<std::string>(object, "source");
    entry.path = Path(object);
    entry.collection = Field<std::string>(object, "collection");
    entry.case_id = Field<std::string>(object, "case_id");
    entry.datatype = Field<std::string>(object, "datatype");
    entry.orientation = Field<std::string>(object, "orientation");
    entry.stamp = Field<std::string>(object, "stamp");
    entry.flags = Field<std::vector<std::string>>(object, "flags");
    entry.info = Field<std::map<std::string, std::string>>(object, "info");
    entry.companions = Companions(object);
    entry.frame = Field<std::int64_t>(object, "frame");
    entry.source_minimum = Field<double>(object, "source_minimum");
    entry.source_maximum = Field<double>(object, "source_maximum");
    // Not in catalogues of programs that did not keep it.
    if (object.contains("affine")) entry.affine = Field<std::array<double, 16>>(object, "affine");
    entry.shape = Field<Shape3>(object, "shape");
    entry.source_shape = Field<Shape3>(object, "source_shape");
    entry.source_spacing = Field<std::array<double, 3>>(object, "source_spacing");
    entry.mean = Field<double>(object, "mean");
    entry.standard_deviation = Field<double>(object, "standard_deviation");
    entry.foreground_share = Field<double>(object, "foreground_share");
    entry.nonfinite_voxels = Field<std::int64_t>(object, "nonfinite_voxels");
    entry.frames = Field<int>(object, "frames");
    entry.split = ParseSplit(Field<std::string>(object, "split"));
    entry.stored_bytes = Field<std::int64_t>(object, "stored_bytes");
    entry.chunk_checksums = Field<std::vector<std::uint32_t>>(object, "chunk_checksums");
    if (entry.shape[0] < 1 || entry.shape[1] < 1 || entry.shape[2] < 1) {
      return absl::DataLossError("field 'shape' is not positive");
    }
    return absl::OkStatus();
  }));
  return entry;
}

std::string ReportJson(const IngestReport& report) {
  return CanonicalJson({{"carried", report.carried},
                        {"companions", ItemsJson(report.companions)},
                        {"duplicates", ItemsJson(report.duplicates)},
                        {"files", report.files},
                        {"findings", report.findings},
                        {"quarantined", ItemsJson(report.quarantined)},
                        {"skipped", ItemsJson(report.skipped)},
                        {"unchanged", report.unchanged},
                        {"volumes", report.volumes}});
}

absl::StatusOr<IngestReport> ParseReport(const std::string& text) {
  IngestReport report;
  AMAES_RETURN_IF_ERROR(WithJsonObject(text, [&](const json& object) {
    report.files = Field<std::int64_t>(object, "files");
    report.volumes = Field<std::int64_t>(object, "volumes");
    report.duplicates = Items(object, "duplicates");
    report.quarantined = Items(object, "quarantined");
    report.skipped = Items(object, "skipped");
    report.unchanged = Field<std::int64_t>(object, "unchanged");
    report.carried = Field<std::int64_t>(object, "carried");
    report.companions = Items(object, "companions");
    report.findings = Field<std::vector<std::string>>(object, "findings");
    return absl::OkStatus();
  }));
  return report;
}

}  // namespace amaes
