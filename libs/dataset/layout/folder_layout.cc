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

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"
#include "libs/dataset/layout/scan_name.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

// A file name's stem and ending; ending "" for what is no scan.
struct FileName {
  std::string stem, ending;
};

FileName SplitName(const std::string& name) {
  for (const absl::string_view ending : {".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img"}) {
    if (name.size() > ending.size() && absl::EndsWithIgnoreCase(name, ending)) {
      return {name.substr(0, name.size() - ending.size()), std::string(ending)};
    }
  }
  return {name, ""};
}

class Walk {
 public:
  explicit Walk(fs::path root) : root_(std::move(root)) {}

  // Lists one folder and those below it. Only the topmost one has to be readable.
  absl::Status List(const fs::path& relative) {
    std::error_code error;
    if (!IsNew(root_ / relative)) return absl::OkStatus();
    fs::directory_iterator iterator(root_ / relative, error);
    if (error) return files::ErrnoStatus(error.value(), "cannot list", root_ / relative);
    std::set<std::string> names;
    for (; iterator != fs::directory_iterator(); iterator.increment(error)) {
      names.insert(iterator->path().filename().string());
      if (error) break;
    }
    if (error) return files::ErrnoStatus(error.value(), "cannot list", root_ / relative);
    for (const std::string& name : names) Visit(relative, name, names);
    return absl::OkStatus();
  }

  ScanList Take() {
    std::sort(list_.files.begin(), list_.files.end(), [](const auto& a, const auto& b) { return a.source < b.source; });
    std::sort(list_.skipped.begin(), list_.skipped.end());
    return std::move(list_);
  }

 private:
  bool IsNew(const fs::path& folder) {
    struct stat info {};
    return stat(folder.c_str(), &info) == 0 && visited_.emplace(info.st_dev, info.st_ino).second;
  }

  void Skip(const fs::path& relative, std::string rule) {
    list_.skipped.emplace_back(relative.string(), std::move(rule));
  }

  void Visit(const fs::path& folder, const std::string& name, const std::set<std::string>& siblings) {
    const fs::path relative = folder / name;
    if (name.front() == '.') return Skip(relative, "hidden");
    std::error_code error;
    const fs::file_status status = fs::status(root_ / relative, error);
    if (status.type() == fs::file_type::not_found) return Skip(relative, "broken link");
    if (error) return Skip(relative, absl::StrCat("cannot be looked at: ", error.message()));
    if (fs::is_directory(status)) {
      if (!List(relative).ok()) Skip(relative, "folder that cannot be listed");
      return;
    }
    if (!fs::is_regular_file(status)) return Skip(relative, "not a scan: no regular file");
    VisitFile(relative, name, siblings);
  }

  void VisitFile(const fs::path& relative, const std::string& name, const std::set<std::string>& siblings) {
    const FileName parts = SplitName(name);
    if (parts.ending.empty()) {
      const std::string extension = fs::path(name).extension().string();
      return Skip(relative, absl::StrCat("not a scan: ", extension.empty() ? "no file ending" : extension));
    }
    if (!IsUtf8(relative.string())) return Skip(relative, "file name is not UTF-8: rename it");
    if (absl::StartsWith(parts.ending, ".img")) {
      return Skip(relative, HasHeader(parts.stem, siblings) ? "second half of a .hdr/.img pair"
                                                            : "not a scan: .img without its .hdr");
    }
    const fs::path parent = relative.parent_path();
    const std::vector<std::string> folders(parent.begin(), parent.end());
    if (std::string rule = LabelRule(folders, parts.stem); !rule.empty()) return Skip(relative, std::move(rule));
    ScanName scan = ParseScanName(folders, parts.stem);
    ScanFile file;
    file.source = relative.string();
    file.subject = std::move(scan.subject);
    file.session = std::move(scan.session);
    file.modality = std::move(scan.modality);
    list_.files.push_back(std::move(file));
  }

  static bool HasHeader(const std::string& stem, const std::set<std::string>& siblings) {
    for (const char* ending : {".hdr", ".hdr.gz", ".HDR", ".HDR.GZ"}) {
      if (siblings.contains(absl::StrCat(stem, ending))) return true;
    }
    return false;
  }

  const fs::path root_;
  std::set<std::pair<dev_t, ino_t>> visited_;
  ScanList list_;
};

}  // namespace

absl::StatusOr<ScanList> FolderLayout::Scan(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("no folder ", folder.string(), " on this machine"));
  }
  Walk walk(folder);
  AMAES_RETURN_IF_ERROR(walk.List({}));
  ScanList list = walk.Take();
  if (list.files.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no .nii, .nii.gz or .hdr/.img scan below ", folder.string(), " (",
                                                   list.skipped.size(), " other files)"));
  }
  return list;
}

}  // namespace amaes
