// Layout "npy": volumes that somebody preprocessed: NAME.npy of AMAES, yucca and FOMO25, or NAME.b2nd of nnU-Net and
// nnssl, each with NAME.pkl. Skipped: the .pkl, labels (NAME_seg.b2nd), plans and splits, packed .npz.
#include "libs/dataset/layout/npy_layout.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/tree.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

bool IsKey(absl::string_view part, absl::string_view key) { return absl::EqualsIgnoreCase(part, key); }

// "sub_1_ses_2_rest" or "sub-1_ses-2_rest".
bool ReadFomoName(const std::string& stem, ScanFile& file) {
  const std::vector<std::string> parts = absl::StrSplit(stem, '_');
  std::size_t at = 0;
  const auto take = [&](absl::string_view key, std::string& out) {
    if (at < parts.size() && absl::StartsWith(parts[at], absl::StrCat(key, "-")) && parts[at].size() > key.size() + 1) {
      out = parts[at++];
      return true;
    }
    if (at + 1 < parts.size() && IsKey(parts[at], key) && !parts[at + 1].empty()) {
      out = absl::StrCat(parts[at], "_", parts[at + 1]);
      at += 2;
      return true;
    }
    return false;
  };
  std::string subject, session;
  if (!take("sub", subject) || !take("ses", session) || at >= parts.size()) return false;
  file.subject = subject;
  file.session = session;
  return true;
}

// "COLLECTION_#_subject_#_series_#_date_#_image_#_rest".
bool ReadBrainsName(const std::string& stem, ScanFile& file) {
  const std::vector<std::string> parts = absl::StrSplit(stem, "_#_");
  if (parts.size() < 4) return false;
  file.collection = parts[0];
  file.subject = absl::StrCat(parts[0], "/", parts[1]);
  file.session = parts[3];
  file.modality = ModalityOf(parts[2]);
  return true;
}

}  // namespace

bool IsPreparedArray(absl::string_view name) {
  return absl::EndsWithIgnoreCase(name, ".npy") || absl::EndsWithIgnoreCase(name, ".b2nd");
}

void ReadPreprocessedName(const std::vector<std::string>& folders, const std::string& stem, ScanFile& file) {
  const ScanName guess = ParseScanName(folders, stem);
  if (!ReadBrainsName(stem, file) && !ReadFomoName(stem, file)) {
    file.subject = guess.subject;
    file.session = guess.session;
  }
  if (file.modality.empty()) file.modality = guess.modality;
}

Recognition NpyLayout::Recognise(const fs::path& folder) {
  const Names top = ListNames(folder);
  std::string array, scan;
  bool has_properties = false;
  for (const std::string& name : top.files) {
    if (array.empty() && IsPreparedArray(name)) array = name;
    if (!SplitScanName(name).ending.empty()) scan = name;
    has_properties = has_properties || absl::EndsWith(name, ".pkl");
  }
  if (array.empty()) return {};
  if (has_properties && scan.empty()) return {88, "preprocessed arrays (.npy, .b2nd) with their .pkl"};
  return {scan.empty() ? 80 : 20, "preprocessed arrays (.npy, .b2nd)"};
}

absl::StatusOr<ScanList> NpyLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const Tree tree, ListTree(folder));
  ScanList list;
  for (const std::string& path : tree.files) {
    const fs::path name = fs::path(path).filename();
    const std::string stem = name.stem().string();
    const std::vector<std::string> folders = FolderParts(path);
    std::string rule;
    if (IsPreparedArray(path)) {
      rule = absl::EndsWithIgnoreCase(stem, "_seg") ? "label by its name: _seg" : LabelRule(folders, stem);
    } else if (name.extension() == ".pkl") {
      const std::string base = path.substr(0, path.size() - 4);
      const bool has_array = tree.Has(absl::StrCat(base, ".npy")) || tree.Has(absl::StrCat(base, ".b2nd"));
      rule = has_array ? "properties of a preprocessed array" : "properties without an array";
    } else if (name.extension() == ".npz") {
      rule = "packed arrays: unpack them to .npy first";
    } else {
      rule = EndingRule(path);
    }
    if (!rule.empty()) {
      list.skipped.emplace_back(path, std::move(rule));
      continue;
    }
    ScanFile file;
    file.source = path;
    file.preprocessed = true;
    ReadPreprocessedName(folders, stem, file);
    list.files.push_back(std::move(file));
  }
  return FinishList("npy", tree, std::move(list), "preprocessed array .npy or .b2nd");
}

}  // namespace amaes
