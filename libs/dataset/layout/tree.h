// What lies below a folder, before any layout judges it; and the parts that all layouts share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libs/dataset/layout.h"

namespace amaes {

struct Tree {
  std::filesystem::path root;
  std::vector<std::string> files;                            // regular files below root, sorted
  std::vector<std::pair<std::string, std::string>> skipped;  // what no layout looks at (hidden, broken link), with why

  bool Has(const std::string& file) const;
};

// Links are followed; a folder that is reached twice is listed once. Names that are not UTF-8 are skipped.
//   - NotFound: no such folder.   - PermissionDenied, Unavailable: the topmost folder cannot be listed.
absl::StatusOr<Tree> ListTree(const std::filesystem::path& root);

// One level, sorted, hidden names left out; empty if it cannot be listed.
struct Names {
  std::vector<std::string> folders, files;
};
Names ListNames(const std::filesystem::path& folder);

// "a_T1w.nii.gz" → "a_T1w" and ".nii.gz"; ending "" for what is neither NIfTI nor ANALYZE. Case of the ending is kept.
struct FileName {
  std::string stem, ending;
};
FileName SplitScanName(const std::string& name);

// The rule by which a file is no scan to open ("not a scan: .json", the second half of a pair), or "".
std::string NoScanRule(const Tree& tree, const std::string& file);

// "not a scan: .json".
std::string EndingRule(const std::string& file);

// The folders of a path below the root.
std::vector<std::string> FolderParts(const std::string& file);

// Sorted, with what the tree skipped.   - InvalidArgument: no scan; names the folder and what was looked for.
absl::StatusOr<ScanList> FinishList(std::string layout, const Tree& tree, ScanList list, const std::string& looked_for);

// A path that a list states, with what a person would call an error in it, or "": empty, control characters, not UTF-8.
std::string PathDefect(const std::string& path);

// Where the list states a file, as ScanFile::source wants it: below `root` if it lies there, else as stated.
std::string SourceName(const std::filesystem::path& root, const std::filesystem::path& file, const std::string& stated);

}  // namespace amaes
