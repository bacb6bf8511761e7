#include "libs/dataset/exclusion.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/dataset/selection_filter.h"

namespace amaes {
namespace {

constexpr std::size_t kShortestVolume = 8;
constexpr char kVoxels[] = "voxels";
constexpr char kSubject[] = "subject";

// Of what is selected, by part.
class Marks {
 public:
  explicit Marks(std::size_t size) : marked_(size) {}

  // Marks the entries that `fits`; notes `part` when there are none.
  template <typename Fits>
  void Mark(const DatasetVersion& version, const std::string& part, const Fits& fits) {
    bool any = false;
    for (std::size_t i = 0; i < version.entries.size(); ++i) {
      if (!fits(version.entries[i])) continue;
      marked_[i] = any = true;
    }
    if (!any) out_.unmatched.push_back(part);
  }

  SelectedVolumes Take() {
    for (std::size_t i = 0; i < marked_.size(); ++i) {
      if (marked_[i]) out_.indices.push_back(i);
    }
    return std::move(out_);
  }

 private:
  std::vector<bool> marked_;
  SelectedVolumes out_;
};

// Whether `name` stands in `text` with no letter or digit beside it.
bool HasWord(const std::string& text, const std::string& name) {
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || !absl::ascii_isalnum(static_cast<unsigned char>(text[at - 1]))) &&
        (end == text.size() || !absl::ascii_isalnum(static_cast<unsigned char>(text[end])))) {
      return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<SelectedVolumes> SelectVolumes(const DatasetVersion& version, const VolumeSelector& selector) {
  if (selector.empty())
    return absl::InvalidArgumentError("nothing is selected: name a subject, file, volume or filter");
  Marks marks(version.entries.size());
  for (const std::string& subject : selector.subjects) {
    marks.Mark(version, absl::StrCat("subject '", subject, "'"),
               [&](const CatalogueEntry& entry) { return entry.subject == subject; });
  }
  for (const std::string& pattern : selector.files) {
    marks.Mark(version, absl::StrCat("file '", pattern, "'"), [&](const CatalogueEntry& entry) {
      return entry.source == pattern || fnmatch(pattern.c_str(), entry.source.c_str(), 0) == 0;
    });
  }
  for (const std::string& volume : selector.volumes) {
    if (volume.size() < kShortestVolume) {
      return absl::InvalidArgumentError(
          absl::StrCat("volume '", volume, "': at least the first ", kShortestVolume, " digits are needed"));
    }
    marks.Mark(version, absl::StrCat("volume '", volume, "'"),
               [&](const CatalogueEntry& entry) { return absl::StartsWith(entry.volume, volume); });
  }
  if (!selector.filter.empty()) {
    absl::StatusOr<EntryFilter> filter = EntryFilter::Parse(selector.filter);
    if (!filter.ok()) return Annotate(filter.status(), "filter");
    AMAES_RETURN_IF_ERROR(Annotate(filter->CheckKeys(version.entries), "filter"));
    marks.Mark(version, absl::StrCat("filter '", selector.filter, "'"),
               [&](const CatalogueEntry& entry) { return filter->Matches(entry); });
  }
  return marks.Take();
}

bool IsExcluded(const std::vector<Exclusion>& exclusions, const std::string& subject) {
  const std::string key = SubjectKey(subject);
  return std::any_of(exclusions.begin(), exclusions.end(),
                     [&](const Exclusion& known) { return known.kind == kSubject && known.value == key; });
}

std::vector<Exclusion> ExclusionsFor(const DatasetVersion& version, const VolumeSelector& selector,
                                     const std::vector<std::size_t>& indices, const std::string& reason,
                                     const std::string& time) {
  const std::set<std::string> subjects(selector.subjects.begin(), selector.subjects.end());
  std::set<std::pair<std::string, std::string>> known;
  for (const Exclusion& exclusion : version.exclusions) known.emplace(exclusion.kind, exclusion.value);
  std::vector<Exclusion> added;
  for (const std::size_t index : indices) {
    const CatalogueEntry& entry = version.entries[index];
    std::pair<std::string, std::string> one(kVoxels, entry.voxel_digest);
    if (subjects.contains(entry.subject)) one = {kSubject, SubjectKey(entry.subject)};
    if (known.insert(one).second) added.push_back({one.first, one.second, reason, time});
  }
  return added;
}

DatasetVersion WithoutExcluded(const DatasetVersion& base, const std::vector<Exclusion>& added) {
  DatasetVersion next;
  next.name = base.name;
  next.contract = base.contract;
  next.exclusions = base.exclusions;
  next.exclusions.insert(next.exclusions.end(), added.begin(), added.end());
  std::set<std::string> voxels, subjects;
  for (const Exclusion& exclusion : next.exclusions) {
    (exclusion.kind == kVoxels ? voxels : subjects).insert(exclusion.value);
  }
  for (const CatalogueEntry& entry : base.entries) {
    if (voxels.contains(entry.voxel_digest)) continue;
    if (!subjects.empty() && subjects.contains(SubjectKey(entry.subject))) continue;
    next.entries.push_back(entry);
  }
  FinishVersion(next, &base);
  return next;
}

IngestReport ReportWithout(const IngestReport& base, const DatasetVersion& version, const DatasetVersion& next,
                           const std::string& reason, bool forget) {
  std::set<std::string> kept, gone, subjects;
  for (const CatalogueEntry& entry : next.entries) kept.insert(entry.source);
  IngestReport report = base;
  for (const CatalogueEntry& entry : version.entries) {
    if (kept.contains(entry.source)) continue;
    gone.insert(entry.source);
    if (!entry.subject.empty()) subjects.insert(entry.subject);
    // Volumes that this ingest met were counted as files; those that were carried over were not.
    if (report.volumes > 0) {
      --report.volumes;
    } else {
      ++report.files;
      report.carried = std::max<std::int64_t>(0, report.carried - 1);
    }
    report.skipped.push_back(
        {forget ? "(forgotten)" : entry.source, absl::StrCat(forget ? "forgotten: " : "excluded: ", reason)});
  }
  if (!forget) return report;
  const auto names = [&](const std::string& text) {
    return gone.contains(text) || std::any_of(subjects.begin(), subjects.end(),
                                              [&](const std::string& subject) { return HasWord(text, subject); });
  };
  for (std::vector<IngestReport::Item>* items :
       {&report.duplicates, &report.quarantined, &report.skipped, &report.companions}) {
    for (IngestReport::Item& item : *items) {
      if (item.source == "(forgotten)") continue;
      if (names(item.source)) item.source = "(forgotten)";
      if (names(item.reason)) item.reason = "(forgotten)";
    }
  }
  std::erase_if(report.findings, names);
  return report;
}

}  // namespace amaes
