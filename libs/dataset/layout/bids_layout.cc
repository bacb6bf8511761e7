// Layout "bids": sub-X/[ses-Y/]TYPE/NAME_SUFFIX.nii[.gz] with TYPE one of anat, dwi, perf, func, swi. The suffix names
// the modality. Skipped: other types (fmap, pet, eeg, …), derivatives, sourcedata and other folders beside the subjects,
// label maps and masks by their suffix or by the entities label- and desc-.
#include "libs/dataset/layout/bids_layout.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/bids_sidecars.h"
#include "libs/dataset/layout/json_text.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/tree.h"
#include "nlohmann/json.hpp"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxDescriptionBytes = std::size_t{1} << 20;
constexpr std::array<absl::string_view, 5> kTypes = {"anat", "dwi", "perf", "func", "swi"};

using NamePair = std::pair<absl::string_view, absl::string_view>;
// Suffixes whose modality is called otherwise here; every other suffix is its own modality.
constexpr std::array kSuffixes = {
    NamePair{"dwi", "DWI"},        NamePair{"asl", "ASL"},       NamePair{"bold", "BOLD"}, NamePair{"swi", "SWI"},
    NamePair{"inplaneT1", "T1w"},  NamePair{"inplaneT2", "T2w"}, NamePair{"angio", "MRA"}, NamePair{"PD", "PDw"},
    NamePair{"T2star", "T2starw"}, NamePair{"trace", "DWI"},     NamePair{"adc", "ADC"},   NamePair{"m0scan", "M0"},
    NamePair{"T2FLAIR", "FLAIR"},  NamePair{"cbv", "BOLD"},      NamePair{"T1", "T1w"},    NamePair{"T2", "T2w"},
};
constexpr std::array<absl::string_view, 5> kLabelSuffixes = {"dseg", "probseg", "mask", "defacemask", "roi"};

bool IsType(absl::string_view name) {
  for (const absl::string_view type : kTypes) {
    if (type == name) return true;
  }
  return false;
}

std::string BidsModality(const BidsName& name, absl::string_view type) {
  if (name.suffix == "sbref") return type == "dwi" ? "DWI" : "BOLD";
  if (name.suffix == "T1w") {
    for (const std::string& entity : name.entities) {
      if (absl::StartsWith(entity, "ce-")) return "T1w-Gd";
    }
  }
  for (const auto& [suffix, modality] : kSuffixes) {
    if (suffix == name.suffix) return std::string(modality);
  }
  return name.suffix.empty() ? "unknown" : name.suffix;
}

std::string BidsLabelRule(const std::string& stem, const BidsName& name) {
  for (const absl::string_view suffix : kLabelSuffixes) {
    if (suffix == name.suffix) return absl::StrCat("label by its suffix: ", name.suffix);
  }
  for (const std::string& entity : name.entities) {
    if (absl::StartsWith(entity, "label-")) return absl::StrCat("label by its name: ", entity);
    if (absl::StartsWith(entity, "desc-")) return absl::StrCat("derivative by its name: ", entity);
  }
  return LabelRule({}, stem);
}

// Where a file stands in the tree; `rule` says why it is no scan.
struct Place {
  std::string subject, session, type, rule;
};

Place PlaceOf(const std::string& file) {
  Place place;
  const std::vector<std::string> folders = FolderParts(file);
  if (folders.empty()) {
    place.rule = "BIDS: lies beside the subjects";
    return place;
  }
  if (!absl::StartsWith(folders[0], "sub-")) {
    place.rule = absl::StrCat("BIDS: folder ", folders[0], " holds no raw scans");
    return place;
  }
  place.subject = folders[0];
  std::size_t at = 1;
  if (at < folders.size() && absl::StartsWith(folders[at], "ses-")) place.session = folders[at++];
  if (at == folders.size())
    place.rule = "BIDS: lies in no data type folder (anat, dwi, …)";
  else if (!IsType(folders[at]))
    place.rule = absl::StrCat("BIDS: data type ", folders[at], " is not read");
  else if (at + 1 != folders.size())
    place.rule = absl::StrCat("BIDS: a folder inside ", folders[at]);
  else
    place.type = folders[at];
  return place;
}

}  // namespace

Recognition BidsLayout::Recognise(const fs::path& folder) {
  const Names top = ListNames(folder);
  int looked = 0;
  bool typed = false;
  for (const std::string& name : top.folders) {
    if (!absl::StartsWith(name, "sub-") || ++looked > 5) continue;
    for (const std::string& inner : ListNames(folder / name).folders) {
      typed = typed || IsType(inner);
      if (!typed && absl::StartsWith(inner, "ses-")) {
        for (const std::string& type : ListNames(folder / name / inner).folders) typed = typed || IsType(type);
      }
    }
  }
  if (!typed) return {};
  const absl::StatusOr<std::string> text = files::Read(folder / "dataset_description.json", kMaxDescriptionBytes);
  const absl::StatusOr<nlohmann::json> description = text.ok() ? ParseJsonText(*text) : text.status();
  if (description.ok() && !JsonText(*description, "BIDSVersion").empty()) {
    return {90, "dataset_description.json states a BIDS version, and sub-* folders hold data types"};
  }
  return {70, "sub-* folders hold BIDS data types (anat, dwi, …)"};
}

absl::StatusOr<ScanList> BidsLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const Tree tree, ListTree(folder));
  BidsSidecars sidecars(tree);
  ScanList list;
  std::vector<std::string> texts;
  for (const std::string& path : tree.files) {
    if (absl::EndsWith(path, ".json") || absl::EndsWith(path, ".tsv")) {
      texts.push_back(path);
      continue;
    }
    const auto [stem, ending] = SplitScanName(fs::path(path).filename().string());
    const BidsName name = ParseBidsName(stem);
    Place place = PlaceOf(path);
    std::string rule = NoScanRule(tree, path);
    if (rule.empty() && absl::StartsWithIgnoreCase(ending, ".hdr")) rule = "BIDS: .hdr/.img is not read";
    if (rule.empty()) rule = std::move(place.rule);
    if (rule.empty()) rule = BidsLabelRule(stem, name);
    if (!rule.empty()) {
      list.skipped.emplace_back(path, std::move(rule));
      continue;
    }
    ScanFile file;
    file.source = path;
    file.modality = BidsModality(name, place.type);
    file.info = sidecars.Facts(path, place.subject, place.session);
    file.subject = std::move(place.subject);
    file.session = std::move(place.session);
    list.files.push_back(std::move(file));
  }
  for (std::string& path : texts) {
    const bool is_table = absl::EndsWith(path, ".tsv");
    std::string rule = is_table ? "BIDS table" : "BIDS sidecar";
    if (const auto damaged = sidecars.damaged().find(path); damaged != sidecars.damaged().end()) {
      absl::StrAppend(&rule, " that cannot be read, its facts are missing: ", damaged->second);
    }
    list.skipped.emplace_back(std::move(path), std::move(rule));
  }
  return FinishList("bids", tree, std::move(list), "scan sub-X/[ses-Y/]anat|dwi|perf|func|swi/*.nii[.gz]");
}

}  // namespace amaes
