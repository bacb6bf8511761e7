// Layout "folder": every .nii, .nii.gz and .hdr/.img pair at any depth. Names are read by these rules, in this order.
//
// Subject: a folder "sub-X", "sub_X", "patient01", "subject 7"; else the part "sub-X" of the file name; else the file
// name up to its first modality or visit word ("oms-long-p01_study1_FLAIR": "oms-long-p01"); else the whole name. If
// that leaves nothing that names a person ("T1w", "scan1"): the nearest folder that does ("p07/T1w": "p07"). In
// imagesTr, imagesTs and imagesVal a channel number at the end ("case_0001") is cut off first. Session: "ses-X",
// "visit2", "study1", "timepoint-3" in the file name, else in the nearest folder, else none. Modality: the first known
// word of the file name (T1w, T2w, FLAIR, PDw, DWI, …), else of the nearest folder, else "unknown".
//
// Not scans: other endings, hidden names, the .img of a pair, and labels by their name (mask, seg, lesion, prob, …) or
// by their folder (labelsTr). Links are followed; a folder that is reached twice is read once.
#include "libs/dataset/layout/folder_layout.h"

#include <system_error>
#include <utility>
#include <vector>

#include "libs/base/status_macros.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/tree.h"

namespace amaes {

namespace fs = std::filesystem;

Recognition FolderLayout::Recognise(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return {};
  return {1, "a folder; subject and modality are guessed from names"};
}

absl::StatusOr<ScanList> FolderLayout::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const Tree tree, ListTree(folder));
  ScanList list;
  for (const std::string& path : tree.files) {
    std::string rule = NoScanRule(tree, path);
    const std::vector<std::string> folders = FolderParts(path);
    const std::string stem = SplitScanName(fs::path(path).filename().string()).stem;
    if (rule.empty()) rule = LabelRule(folders, stem);
    if (!rule.empty()) {
      list.skipped.emplace_back(path, std::move(rule));
      continue;
    }
    ScanName scan = ParseScanName(folders, stem);
    ScanFile file;
    file.source = path;
    file.subject = std::move(scan.subject);
    file.session = std::move(scan.session);
    file.modality = std::move(scan.modality);
    list.files.push_back(std::move(file));
  }
  return FinishList("folder", tree, std::move(list), ".nii, .nii.gz or .hdr/.img scan");
}

}  // namespace amaes
