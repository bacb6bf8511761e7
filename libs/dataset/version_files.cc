// The three files of a dataset version.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/digest.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/catalogue.h"
#include "libs/dataset/catalogue_json.h"
#include "libs/dataset/json_fields.h"
#include "libs/dataset/zstd_text.h"

namespace amaes {
namespace {

using nlohmann::json;

constexpr int kFormatVersion = 1;
constexpr char kVersionFile[] = "version.json";
constexpr char kCatalogueFile[] = "catalogue.jsonl.zst";
constexpr char kReportFile[] = "report.json";

// What version.json states beside the fields of DatasetVersion.
struct Stated {
  std::int64_t volumes = 0;
  std::string catalogue_sha256;
};

json ExclusionsJson(const std::vector<Exclusion>& exclusions) {
  json out = json::array();
  for (const Exclusion& e : exclusions) {
    out.push_back({{"kind", e.kind}, {"reason", e.reason}, {"time", e.time}, {"value", e.value}});
  }
  return out;
}

std::vector<Exclusion> Exclusions(const json& object) {
  std::vector<Exclusion> out;
  for (const json& item : Field<std::vector<json>>(object, "exclusions")) {
    out.push_back({Field<std::string>(item, "kind"), Field<std::string>(item, "value"),
                   Field<std::string>(item, "reason"), Field<std::string>(item, "time")});
    if (out.back().kind != "voxels" && out.back().kind != "subject") {
      throw JsonFieldError{absl::StrCat("field 'kind' of an exclusion is '", out.back().kind, "'")};
    }
  }
  return out;
}

std::string VersionJson(const DatasetVersion& version, const std::string& catalogue_sha256) {
  const json object = {{"base", version.base},
                       {"catalogue_sha256", catalogue_sha256},
                       {"contract", json::parse(ContractJson(version.contract))},
                       {"digest", version.digest},
                       {"exclusions", ExclusionsJson(version.exclusions)},
                       {"format", "amaes-dataset"},
                       {"format_version", kFormatVersion},
                       {"name", version.name},
                       {"version", version.version},
                       {"volumes", version.entries.size()}};
  return absl::StrCat(object.dump(1, ' ', false, json::error_handler_t::replace), "\n");
}

absl::Status ParseVersion(const std::string& text, DatasetVersion& version, Stated& stated) {
  return WithJsonObject(text, [&](const json& object) -> absl::Status {
    if (Field<std::string>(object, "format") != "amaes-dataset") return absl::DataLossError("not a dataset version");
    const int format = Field<int>(object, "format_version");
    if (format > kFormatVersion) {
      return absl::DataLossError(absl::StrCat("dataset format ", format,
                                              " is newer than this program, which reads up to ", kFormatVersion,
                                              ": use a newer one"));
    }
    version.name = Field<std::string>(object, "name");
    version.version = Field<std::int64_t>(object, "version");
    version.base = Field<std::int64_t>(object, "base");
    version.digest = Field<std::string>(object, "digest");
    const absl::StatusOr<Contract> contract = ParseContract(CanonicalJson(Field<json>(object, "contract")));
    if (!contract.ok()) return absl::DataLossError(absl::StrCat("field 'contract': ", contract.status().message()));
    version.contract = *contract;
    version.exclusions = Exclusions(object);
    stated.volumes = Field<std::int64_t>(object, "volumes");
    stated.catalogue_sha256 = Field<std::string>(object, "catalogue_sha256");
    return absl::OkStatus();
  });
}

absl::Status ParseCatalogue(const std::string& text, std::vector<CatalogueEntry>& entries) {
  std::int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    ++number;
    absl::StatusOr<CatalogueEntry> entry = ParseEntry(std::string(line));
    if (!entry.ok()) return Annotate(entry.status(), absl::StrCat("line ", number));
    entries.push_back(*std::move(entry));
  }
  return absl::OkStatus();
}

// A part that must be there once version.json is.
absl::StatusOr<std::string> ReadPart(const std::filesystem::path& path) {
  absl::StatusOr<std::string> content = files::Read(path, std::size_t{1} << 32);
  if (absl::IsNotFound(content.status())) {
    return absl::DataLossError(absl::StrCat(path.string(), " is missing beside ", kVersionFile));
  }
  return content;
}

}  // namespace

absl::Status WriteVersion(const std::filesystem::path& folder, const DatasetVersion& version,
                          const IngestReport& report) {
  std::string lines;
  for (const CatalogueEntry& entry : version.entries) absl::StrAppend(&lines, EntryJson(entry), "\n");
  const std::string catalogue = CompressText(lines);
  AMAES_RETURN_IF_ERROR(files::WriteAtomic(folder / kCatalogueFile, catalogue));
  AMAES_RETURN_IF_ERROR(files::WriteAtomic(folder / kReportFile, absl::StrCat(ReportJson(report), "\n")));
  return files::WriteAtomic(folder / kVersionFile, VersionJson(version, Sha256Hex(catalogue)));
}

absl::StatusOr<DatasetVersion> ReadVersion(const std::filesystem::path& folder) {
  DatasetVersion version;
  Stated stated;
  AMAES_ASSIGN_OR_RETURN(const std::string header, files::Read(folder / kVersionFile));
  AMAES_RETURN_IF_ERROR(Annotate(ParseVersion(header, version, stated), (folder / kVersionFile).string()));
  const std::filesystem::path path = folder / kCatalogueFile;
  AMAES_ASSIGN_OR_RETURN(const std::string catalogue, ReadPart(path));
  if (Sha256Hex(catalogue) != stated.catalogue_sha256) {
    return absl::DataLossError(
        absl::StrCat(path.string(), " is damaged: its SHA-256 is not the one in ", kVersionFile));
  }
  const absl::StatusOr<std::string> text = DecompressText(catalogue);
  if (!text.ok()) return Annotate(text.status(), path.string());
  AMAES_RETURN_IF_ERROR(Annotate(ParseCatalogue(*text, version.entries), path.string()));
  if (static_cast<std::int64_t>(version.entries.size()) != stated.volumes) {
    return absl::DataLossError(
        absl::StrCat(path.string(), " has ", version.entries.size(), " volumes instead of ", stated.volumes));
  }
  if (VersionDigest(version) != version.digest) {
    return absl::DataLossError(
        absl::StrCat((folder / kVersionFile).string(), ": the digest does not fit the catalogue"));
  }
  return version;
}

absl::StatusOr<IngestReport> ReadReport(const std::filesystem::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const std::string text, files::Read(folder / kReportFile));
  absl::StatusOr<IngestReport> report = ParseReport(text);
  if (!report.ok()) return Annotate(report.status(), (folder / kReportFile).string());
  return report;
}

}  // namespace amaes
