// Source "brains-45k": one folder per collection below --from, by the names in collection_rules.cc.
#include "libs/dataset/source/brains_45k.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/layout/scan_name.h"
#include "libs/dataset/layout/tree.h"
#include "libs/dataset/source/collection_rules.h"
#include "libs/dataset/source/reference_split.h"

namespace amaes {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kTotal = 44756;
constexpr std::int64_t kLabelled = 1064 + 3752 + 750 + 120 + 75;
constexpr std::size_t kBratsCases = 1251;
constexpr std::uint32_t kBratsSeed = 4215532;

const CollectionRules* CollectionOf(const std::string& folder) {
  for (const CollectionRules& rules : Brains45kCollections()) {
    for (const absl::string_view name : rules.folders) {
      if (absl::EqualsIgnoreCase(name, folder)) return &rules;
    }
  }
  return nullptr;
}

bool IsInner(const CollectionRules& rules, const std::string& folder) {
  for (const absl::string_view name : rules.inner) {
    if (absl::EqualsIgnoreCase(name, folder)) return true;
  }
  return false;
}

class Lister {
 public:
  explicit Lister(const Tree& tree) : tree_(tree) {}

  void Take(const std::string& file) {
    std::vector<std::string> folders = FolderParts(file);
    const CollectionRules* rules = folders.empty() ? nullptr : CollectionOf(folders[0]);
    if (rules == nullptr) return Skip(file, "brains-45k: lies in no collection's folder");
    folders_[rules->name].insert(folders[0]);
    std::size_t inner = 1;
    while (inner < folders.size() && IsInner(*rules, folders[inner])) ++inner;
    folders.erase(folders.begin(), folders.begin() + static_cast<std::ptrdiff_t>(inner));
    if (std::string rule = NoScanRule(tree_, file); !rule.empty()) return Skip(file, std::move(rule));
    auto [stem, ending] = SplitScanName(fs::path(file).filename().string());
    if (std::string rule = LabelRule({}, stem); !rule.empty()) return Skip(file, std::move(rule));
    CollectionVerdict verdict = rules->judge({std::move(folders), std::move(stem), std::move(ending)});
    if (!verdict.rule.empty()) return Skip(file, std::move(verdict.rule));
    for (ScanFile& scan : verdict.scans) Put(*rules, file, std::move(scan));
  }

  // The reference trains on the training part of its own split of BraTS21; its test part is left out here too.
  void LeaveOutBratsTestPart() {
    std::set<std::string> cases;
    for (const ScanFile& file : list_.files) {
      if (file.collection == "BraTS21") cases.insert(file.case_id);
    }
    if (cases.size() != kBratsCases) {
      if (!cases.empty()) {
        brats_note_ = absl::StrCat("; ", cases.size(), " of ", kBratsCases,
                                   " cases are there: the reference's split cannot be told, all were taken");
      }
      return;
    }
    const std::set<std::size_t> test = ReferenceTestPart(kBratsSeed, cases.size());
    std::set<std::string> left_out;
    std::size_t index = 0;
    for (const std::string& name : cases) {
      if (test.contains(index++)) left_out.insert(name);
    }
    std::vector<ScanFile> kept;
    for (ScanFile& file : list_.files) {
      if (file.collection == "BraTS21" && left_out.contains(file.case_id))
        Skip(file.source, "BraTS21: in the test part of the reference's split");
      else
        kept.push_back(std::move(file));
    }
    list_.files = std::move(kept);
  }

  ScanList Finish() {
    std::map<absl::string_view, std::int64_t> found;
    for (const ScanFile& file : list_.files) ++found[file.collection];
    std::int64_t total = 0, unlabelled = 0;
    for (const CollectionRules& rules : Brains45kCollections()) {
      const std::int64_t count = found[rules.name];
      total += count;
      if (rules.demands.only_3d) unlabelled += count;
      list_.findings.push_back(CheckCollection(rules.expected, absl::StrJoin(folders_[rules.name], ", "), count));
      if (rules.name == "BraTS21" && !brats_note_.empty()) {
        std::string& difference = list_.findings.back().difference;
        difference = absl::StrCat(difference.empty() ? "as many as expected" : difference, brats_note_);
      }
    }
    const Expectation four{"ADNI, OASIS3, OASIS4 and PPMI", kTotal - kLabelled, 0, CountBasis::kDerived, true};
    list_.findings.push_back(CheckCollection(four, "", unlabelled));
    list_.findings.push_back(CheckCollection({"all of BRAINS-45K", kTotal, 0, CountBasis::kKnown, true}, "", total));
    return std::move(list_);
  }

 private:
  void Skip(const std::string& file, std::string rule) { list_.skipped.emplace_back(file, std::move(rule)); }

  void Put(const CollectionRules& rules, const std::string& file, ScanFile scan) {
    const std::string name(rules.name);
    scan.source = scan.frame < 0 ? file : absl::StrCat(file, "#", scan.frame);
    scan.path = tree_.root / file;
    scan.collection = name;
    scan.subject = absl::StrCat(name, "/", scan.subject);
    scan.demands = rules.demands;
    list_.files.push_back(std::move(scan));
  }

  const Tree& tree_;
  ScanList list_;
  std::map<absl::string_view, std::set<std::string>> folders_;
  std::string brats_note_;
};

}  // namespace

absl::StatusOr<ScanList> Brains45kSource::Scan(const fs::path& folder) {
  AMAES_ASSIGN_OR_RETURN(const Tree tree, ListTree(folder));
  Lister lister(tree);
  for (const std::string& file : tree.files) lister.Take(file);
  lister.LeaveOutBratsTestPart();
  return FinishList(
      "brains-45k", tree, lister.Finish(),
      "scan of ADNI, OASIS3, OASIS4, PPMI, MSD, BraTS21, ISLES22, WMH or MSSEG1 in a folder of that name");
}

}  // namespace amaes
