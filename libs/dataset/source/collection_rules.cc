#include "libs/dataset/source/collection_rules.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/dataset/layout/scan_name.h"

namespace amaes {
namespace {

using Words = absl::Span<const absl::string_view>;

constexpr std::array<absl::string_view, 8> kPpmiAccepted = {"t1",  "t2",  "mprage", "flair",
                                                            "gre", "dwi", "swi",    "grappa"};
constexpr std::array<absl::string_view, 7> kPpmiRejected = {"2d", "resting_state", "fmri", "corrected",
                                                            "mt", "repeat",        "space"};
constexpr std::array<absl::string_view, 9> kOasis3Accepted = {"t1",  "t2",  "mprage", "flair", "gre",
                                                              "dwi", "swi", "grappa", "anat"};
constexpr std::array<absl::string_view, 2> kOasisRejected = {"fmri", "func"};
constexpr int kMsdChannels = 4;
constexpr std::array<const char*, kMsdChannels> kMsdModalities = {"FLAIR", "T1w", "T1w-Gd", "T2w"};

// `word` is in lower case.
bool Holds(const std::string& text, absl::string_view word) {
  return absl::StrContains(absl::AsciiStrToLower(text), word);
}

CollectionVerdict Rejected(std::string rule) { return {std::move(rule), {}}; }

CollectionVerdict Taken(std::string subject, std::string session, std::string modality) {
  ScanFile file;
  file.subject = std::move(subject);
  file.session = std::move(session);
  file.modality = modality.empty() ? "unknown" : std::move(modality);
  return {"", {std::move(file)}};
}

// The modality of the series' name, else of the file's.
std::string SeriesModality(const std::string& series, const std::string& stem) {
  std::string modality = ModalityOf(series);
  return modality.empty() ? ModalityOf(stem) : modality;
}

// SUBJECT/SERIES/VISIT/IMAGE/*.nii; all series.
CollectionVerdict JudgeAdni(const CollectionPath& path) {
  if (path.folders.size() < 4) return Rejected("ADNI: not in SUBJECT/SERIES/VISIT/IMAGE");
  return Taken(path.folders[0], path.folders[2], SeriesModality(path.folders[1], path.stem));
}

// SUBJECT/SERIES/DATE/IMAGE[/nifti]/*.nii.
CollectionVerdict JudgePpmi(const CollectionPath& path) {
  if (path.folders.size() < 4) return Rejected("PPMI: not in SUBJECT/SERIES/DATE/IMAGE");
  if (std::string rule = SeriesRule(path.folders[1], kPpmiAccepted, kPpmiRejected); !rule.empty()) {
    return Rejected(std::move(rule));
  }
  return Taken(path.folders[0], path.folders[2], SeriesModality(path.folders[1], path.stem));
}

// "OAS30001_MR_d0129" → subject and session.
std::pair<std::string, std::string> OasisVisit(const std::string& folder) {
  const std::size_t at = folder.find('_');
  if (at == std::string::npos) return {folder, ""};
  return {folder.substr(0, at), folder.substr(at + 1)};
}

CollectionVerdict JudgeOasis(const CollectionPath& path, Words accepted) {
  if (path.folders.size() < 2) return Rejected("OASIS: not in VISIT/SERIES");
  if (!Holds(path.folders[0], "mr")) return Rejected("OASIS: the visit is no MR visit");
  if (std::string rule = SeriesRule(path.folders[1], accepted, kOasisRejected); !rule.empty()) {
    return Rejected(std::move(rule));
  }
  auto [subject, session] = OasisVisit(path.folders[0]);
  std::string modality = ModalityOf(path.stem);
  if (modality.empty()) modality = ModalityOf(path.folders[1]);
  return Taken(std::move(subject), std::move(session), std::move(modality));
}
// VISIT/SERIES/[NIFTI/]*.nii.gz.
CollectionVerdict JudgeOasis3(const CollectionPath& path) { return JudgeOasis(path, kOasis3Accepted); }
// VISIT/SERIES/NIFTI/*.nii.gz.
CollectionVerdict JudgeOasis4(const CollectionPath& path) { return JudgeOasis(path, {}); }

// imagesTs/BRATS_485.nii.gz, four channels in one file.
CollectionVerdict JudgeMsd(const CollectionPath& path) {
  if (path.folders.size() != 1 || path.folders[0] != "imagesTs") {
    return Rejected("MSD: only imagesTs, the test images without labels, is part of BRAINS-45K");
  }
  CollectionVerdict verdict;
  for (int channel = 0; channel < kMsdChannels; ++channel) {
    ScanFile file;
    file.subject = file.case_id = path.stem;
    file.frame = channel;
    file.modality = kMsdModalities[static_cast<std::size_t>(channel)];
    verdict.scans.push_back(std::move(file));
  }
  return verdict;
}

// CASE/CASE_flair|t1|t1ce|t2.nii.gz.
CollectionVerdict JudgeBrats(const CollectionPath& path) {
  if (path.folders.size() != 1 || !absl::StartsWith(path.stem, absl::StrCat(path.folders[0], "_"))) {
    return Rejected("BraTS21: not in CASE/CASE_flair|t1|t1ce|t2.nii.gz");
  }
  const std::string channel = path.stem.substr(path.folders[0].size() + 1);
  if (channel == "seg") return Rejected("label by its name: seg");
  if (channel != "flair" && channel != "t1" && channel != "t1ce" && channel != "t2") {
    return Rejected("BraTS21: none of flair, t1, t1ce, t2");
  }
  CollectionVerdict verdict = Taken(path.folders[0], "", ModalityOf(channel));
  verdict.scans[0].case_id = path.folders[0];
  return verdict;
}

// sub-strokecase0001/ses-0001/[dwi|anat/]*_dwi|adc|flair.nii.gz; masks lie in derivatives.
CollectionVerdict JudgeIsles(const CollectionPath& path) {
  if (!path.folders.empty() && path.folders[0] == "derivatives") return Rejected("label by its folder: derivatives");
  if (path.folders.size() < 2) return Rejected("ISLES22: not in SUBJECT/SESSION");
  const std::string modality = ModalityOf(path.stem.substr(path.stem.rfind('_') + 1));
  if (modality != "DWI" && modality != "ADC" && modality != "FLAIR") {
    return Rejected("ISLES22: none of dwi, adc, flair");
  }
  CollectionVerdict verdict = Taken(path.folders[0], path.folders[1], modality);
  verdict.scans[0].case_id = path.folders[0];
  return verdict;
}

// SITE/[SCANNER/]CASE/pre/FLAIR|T1.nii.gz of the training part.
CollectionVerdict JudgeWmh(const CollectionPath& path) {
  for (const std::string& folder : path.folders) {
    if (absl::StartsWithIgnoreCase(folder, "test")) return Rejected("WMH: a case of the test part");
  }
  if (path.folders.size() < 3 || path.folders.back() != "pre") {
    return Rejected("WMH: only CASE/pre/FLAIR and T1 are part of BRAINS-45K");
  }
  if (path.stem != "FLAIR" && path.stem != "T1") return Rejected("WMH: neither FLAIR nor T1");
  const std::string subject = absl::StrCat(path.folders[0], "/", path.folders[path.folders.size() - 2]);
  CollectionVerdict verdict = Taken(subject, "", ModalityOf(path.stem));
  verdict.scans[0].case_id = subject;
  return verdict;
}

// CENTRE/PATIENT/Preprocessed_Data/DP|FLAIR|GADO|T1|T2_preprocessed.nii.gz of the training part.
CollectionVerdict JudgeMsseg(const CollectionPath& path) {
  for (const std::string& folder : path.folders) {
    if (Holds(folder, "testing")) return Rejected("MSSEG1: a case of the test part");
  }
  if (path.folders.size() < 3 || path.folders.back() != "Preprocessed_Data") {
    return Rejected("MSSEG1: only CENTRE/PATIENT/Preprocessed_Data is part of BRAINS-45K");
  }
  const std::string channel = path.stem.substr(0, path.stem.find('_'));
  if (channel != "DP" && channel != "FLAIR" && channel != "GADO" && channel != "T1" && channel != "T2") {
    return Rejected("MSSEG1: none of DP, FLAIR, GADO, T1, T2");
  }
  const std::size_t last = path.folders.size() - 2;
  const std::string subject = absl::StrCat(path.folders[last - 1], "/", path.folders[last]);
  CollectionVerdict verdict = Taken(subject, "", ModalityOf(channel));
  verdict.scans[0].case_id = subject;
  return verdict;
}

}  // namespace

std::string SeriesRule(const std::string& series, Words accepted, Words rejected) {
  for (const absl::string_view word : rejected) {
    if (Holds(series, word)) return absl::StrCat("series rejected by the word ", word);
  }
  if (accepted.empty()) return {};
  for (const absl::string_view word : accepted) {
    if (Holds(series, word)) return {};
  }
  return absl::StrCat("series accepted by none of ", absl::StrJoin(accepted, ", "));
}

const std::vector<CollectionRules>& Brains45kCollections() {
  // The four without labels: 3-D, at least 15 voxels along every axis, nothing below zero.
  static const ScanDemands unlabelled{.min_voxels_per_axis = 15, .nonnegative = true, .only_3d = true};
  static const auto unknown = [](const char* name) { return Expectation{name, -1, 0, CountBasis::kUnknown, true}; };
  static const auto derived = [](const char* name, std::int64_t scans) {
    return Expectation{name, scans, 0, CountBasis::kDerived, false};
  };
  static const std::vector<CollectionRules> collections = {
      {"ADNI", {"ADNI", "ADNI_NIFTI"}, {"ADNI"}, unknown("ADNI"), unlabelled, JudgeAdni},
      {"OASIS3", {"OASIS3", "OASIS-3"}, {"DATA", "OASIS3_images"}, unknown("OASIS3"), unlabelled, JudgeOasis3},
      {"OASIS4", {"OASIS4", "OASIS-4"}, {"DATA", "OASIS4_images"}, unknown("OASIS4"), unlabelled, JudgeOasis4},
      {"PPMI", {"PPMI"}, {"DATA", "PPMI"}, unknown("PPMI"), unlabelled, JudgePpmi},
      {"MSD", {"MSD", "Task01_BrainTumour", "decathlon"}, {"Task01_BrainTumour"}, derived("MSD", 1064), {}, JudgeMsd},
      {"BraTS21",
       {"BraTS21", "BraTS2021", "BraTS-2021"},
       {"training_data", "BraTS2021_Training_Data"},
       derived("BraTS21", 3752),
       {},
       JudgeBrats},
      {"ISLES22",
       {"ISLES22", "ISLES-2022", "ISLES2022"},
       {"images", "rawdata", "dataset"},
       derived("ISLES22", 750),
       {},
       JudgeIsles},
      {"WMH", {"WMH", "WMH2017"}, {"training"}, derived("WMH", 120), {}, JudgeWmh},
      {"MSSEG1",
       {"MSSEG1", "MSSEG1_2016", "MSSEG2016"},
       {"training", "MSSEG-Training"},
       derived("MSSEG1", 75),
       {},
       JudgeMsseg},
  };
  return collections;
}

}  // namespace amaes
