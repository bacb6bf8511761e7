#include "libs/dataset/layout/tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

class Walk {
 public:
  explicit Walk(Tree& tree) : tree_(tree) {}

  // Lists one folder and those below it.
  absl::Status List(const fs::path& relative) {
    std::error_code error;
    if (!IsNew(tree_.root / relative)) return absl::OkStatus();
    fs::directory_iterator iterator(tree_.root / relative, error);
    if (error) return files::ErrnoStatus(error.value(), "cannot list", tree_.root / relative);
    std::set<std::string> names;
    for (; iterator != fs::directory_iterator(); iterator.increment(error)) {
      names.insert(iterator->path().filename().string());
      if (error) break;
    }
    if (error) return files::ErrnoStatus(error.value(), "cannot list", tree_.root / relative);
    for (const std::string& name : names) Visit(relative, name);
    return absl::OkStatus();
  }

 private:
  bool IsNew(const fs::path& folder) {
    struct stat info {};
    return stat(folder.c_str(), &info) == 0 && visited_.emplace(info.st_dev, info.st_ino).second;
  }

  void Visit(const fs::path& folder, const std::string& name) {
    const fs::path relative = folder / name;
    const auto skip = [&](std::string rule) { tree_.skipped.emplace_back(relative.string(), std::move(rule)); };
    if (name.front() == '.') return skip("hidden");
    if (!IsUtf8(name)) return skip("file name is not UTF-8: rename it");
    std::error_code error;
    const fs::file_status status = fs::status(tree_.root / relative, error);
    if (status.type() == fs::file_type::not_found) return skip("broken link");
    if (error) return skip(absl::StrCat("cannot be looked at: ", error.message()));
    if (fs::is_directory(status)) {
      if (!List(relative).ok()) skip("folder that cannot be listed");
      return;
    }
    if (!fs::is_regular_file(status)) return skip("not a scan: no regular file");
    tree_.files.push_back(relative.string());
  }

  Tree& tree_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

bool HasHeader(const Tree& tree, const std::string& stem) {
  for (const char* ending : {".hdr", ".hdr.gz", ".HDR", ".HDR.GZ"}) {
    if (tree.Has(absl::StrCat(stem, ending))) return true;
  }
  return false;
}

}  // namespace

bool Tree::Has(const std::string& file) const { return std::binary_search(files.begin(), files.end(), file); }

absl::StatusOr<Tree> ListTree(const fs::path& root) {
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    return absl::NotFoundError(absl::StrCat("no folder ", root.string(), " on this machine"));
  }
  Tree tree;
  tree.root = root;
  AMAES_RETURN_IF_ERROR(Walk(tree).List({}));
  std::sort(tree.files.begin(), tree.files.end());
  return tree;
}

Names ListNames(const fs::path& folder) {
  Names names;
  std::error_code error;
  for (fs::directory_iterator iterator(folder, error); !error && iterator != fs::directory_iterator();
       iterator.increment(error)) {
    std::string name = iterator->path().filename().string();
    if (name.empty() || name.front() == '.') continue;
    std::error_code status;
    if (iterator->is_directory(status))
      names.folders.push_back(std::move(name));
    else if (iterator->is_regular_file(status))
      names.files.push_back(std::move(name));
  }
  std::sort(names.folders.begin(), names.folders.end());
  std::sort(names.files.begin(), names.files.end());
  return names;
}

FileName SplitScanName(const std::string& name) {
  for (const absl::string_view ending : {".nii.gz", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img"}) {
    if (name.size() > ending.size() && absl::EndsWithIgnoreCase(name, ending)) {
      const std::size_t stem = name.size() - ending.size();
      return {name.substr(0, stem), name.substr(stem)};
    }
  }
  return {name, ""};
}

std::string EndingRule(const std::string& file) {
  const std::string extension = fs::path(file).extension().string();
  return absl::StrCat("not a scan: ", extension.empty() ? "no file ending" : extension);
}

std::string NoScanRule(const Tree& tree, const std::string& file) {
  const FileName parts = SplitScanName(file);
  if (parts.ending.empty() || parts.stem.back() == '/') return EndingRule(file);
  if (!absl::StartsWithIgnoreCase(parts.ending, ".img")) return {};
  return HasHeader(tree, parts.stem) ? "second half of a .hdr/.img pair" : "not a scan: .img without its .hdr";
}

std::vector<std::string> FolderParts(const std::string& file) {
  const fs::path parent = fs::path(file).parent_path();
  return {parent.begin(), parent.end()};
}

absl::StatusOr<ScanList> FinishList(std::string layout, const Tree& tree, ScanList list,
                                    const std::string& looked_for) {
  list.layout = std::move(layout);
  list.skipped.insert(list.skipped.end(), tree.skipped.begin(), tree.skipped.end());
  std::sort(list.files.begin(), list.files.end(), [](const auto& a, const auto& b) { return a.source < b.source; });
  std::sort(list.skipped.begin(), list.skipped.end());
  if (!list.files.empty()) return list;
  std::string first;
  if (!list.skipped.empty()) first = absl::StrCat("; the first: ", list.skipped[0].second);
  return absl::InvalidArgumentError(absl::StrCat("no ", looked_for, " below ", tree.root.string(), " (",
                                                 list.skipped.size(), " other files", first, ")"));
}

std::string PathDefect(const std::string& path) {
  if (path.empty()) return "is empty";
  if (!IsUtf8(path)) return "is not UTF-8";
  for (const unsigned char c : path) {
    if (absl::ascii_iscntrl(c)) return "holds a control character";
  }
  return path.size() > 4095 ? "is longer than 4095 bytes" : "";
}

std::string SourceName(const fs::path& root, const fs::path& file, const std::string& stated) {
  const fs::path below = file.lexically_normal().lexically_relative(root.lexically_normal());
  if (below.empty() || *below.begin() == ".." || below == ".") return stated;
  return below.string();
}

}  // namespace amaes
