#include "libs/dataset/layout/listing.h"

#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/files.h"
#include "libs/base/status_macros.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxListBytes = std::size_t{1} << 30;

std::string Below(const fs::path& root, const fs::path& file) { return SourceName(root, file, ""); }

// The file that a label's or scan's path means, e.g. the header for a data half.
bool IsThere(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

}  // namespace

absl::StatusOr<fs::path> FindList(const fs::path& given, std::vector<std::string> (*lists_in)(const fs::path&),
                                  const std::string& what) {
  std::error_code error;
  if (!fs::exists(given, error)) {
    return absl::NotFoundError(absl::StrCat("no folder or list ", given.string(), " on this machine"));
  }
  if (!fs::is_directory(given, error)) return given;
  const std::vector<std::string> lists = lists_in(given);
  if (lists.size() == 1) return given / lists[0];
  return absl::InvalidArgumentError(
      absl::StrCat(lists.empty() ? absl::StrCat("no ", what, " in ")
                                 : absl::StrCat("more than one list (", absl::StrJoin(lists, ", "), ") in "),
                   given.string(), ": name the list itself"));
}

absl::StatusOr<Listing> Listing::Open(const fs::path& given, const fs::path& list) {
  Listing listing;
  listing.list_ = list;
  listing.root_ = list.parent_path();
  AMAES_ASSIGN_OR_RETURN(listing.text_, files::Read(list, kMaxListBytes));
  std::error_code error;
  if (fs::is_directory(given, error)) {
    AMAES_ASSIGN_OR_RETURN(listing.tree_, ListTree(given));
  } else {
    listing.tree_.root = listing.root_;
  }
  return listing;
}

bool Listing::Add(ScanFile& file, const std::string& stated, const std::string& where) {
  file.path = file.path.lexically_normal();
  file.source = SourceName(tree_.root, file.path, stated);
  if (file.frame >= 0) absl::StrAppend(&file.source, "#", file.frame);
  if (!IsThere(file.path)) {
    if (missing_.insert(stated).second) Skip(stated, absl::StrCat("no such file (", where, ")"));
    return false;
  }
  const std::string ending = SplitScanName(file.path.filename().string()).ending;
  if (absl::StartsWithIgnoreCase(ending, ".img")) {
    Skip(stated, absl::StrCat("names the .img of a pair: name its .hdr (", where, ")"));
    return false;
  }
  const auto [earlier, is_new] = named_.emplace(absl::StrCat(file.path.string(), "#", file.frame), where);
  if (!is_new) {
    Skip(stated, absl::StrCat("named twice: ", earlier->second, " and ", where));
    return false;
  }
  used_[Below(tree_.root, file.path)] = "";
  return true;
}

void Listing::AddCompanion(ScanFile& file, const std::string& role, const fs::path& path, const std::string& stated,
                           const std::string& where) {
  const fs::path normal = path.lexically_normal();
  if (!IsThere(normal)) {
    if (missing_.insert(stated).second) Skip(stated, absl::StrCat("no such file: ", role, " (", where, ")"));
    return;
  }
  file.companions.push_back({role, normal});
  used_.emplace(Below(tree_.root, normal), role);
}

absl::StatusOr<ScanList> Listing::Finish(const std::string& layout, const std::string& looked_for) {
  const std::string list_file = Below(tree_.root, list_);
  for (const std::string& path : tree_.files) {
    if (path == list_file) {
      notes_.insert(notes_.begin(), "the list of scans");
      Skip(path, absl::StrJoin(notes_, "; "));
      continue;
    }
    const auto used = used_.find(path);
    if (used == used_.end()) {
      const std::string rule = NoScanRule(tree_, path);
      Skip(path, rule.empty() ? absl::StrCat("not named by ", name()) : rule);
    } else if (!used->second.empty()) {
      Skip(path, absl::StrCat("companion of a scan: ", used->second));
    }
  }
  return FinishList(layout, tree_, std::move(list_of_scans_), looked_for);
}

}  // namespace amaes
