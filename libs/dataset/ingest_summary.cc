#include "libs/dataset/ingest_summary.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/log.h"

namespace amaes {
namespace {

using Outcome = ReadAnswer::Outcome;

// Where the companions lie now: an answer of the version before tells where they lay.
void Locate(const std::vector<CompanionFile>& files, std::vector<Companion>& companions) {
  for (Companion& companion : companions) {
    const std::filesystem::path name = std::filesystem::path(companion.path).filename();
    for (const CompanionFile& file : files) {
      if (file.role == companion.role && (name.empty() || file.path.filename() == name))
        companion.path = file.path.string();
    }
  }
}

CatalogueEntry EntryOf(const ScanFile& file, const std::string& stamp, const ReadAnswer& answer) {
  CatalogueEntry entry = answer.entry;
  entry.source = file.source;
  entry.path = file.path.string();
  Locate(file.companions, entry.companions);
  entry.subject = file.subject;
  entry.session = file.session;
  entry.modality = file.modality;
  entry.collection = file.collection;
  entry.case_id = file.case_id;
  entry.info = file.info;
  entry.stamp = stamp;
  return entry;
}

}  // namespace

IngestReport Summarise(const IngestPlan& plan, const DatasetVersion* previous, DatasetVersion& version) {
  IngestReport report;
  report.files = static_cast<std::int64_t>(plan.items.size() + plan.skipped.size());
  for (const auto& [source, rule] : plan.skipped) report.skipped.push_back({source, rule});
  report.findings = plan.findings;
  // Which source a volume is known by, and the sources of the version before.
  std::map<std::string, std::string> source_of;  // by voxel digest
  std::set<std::string> names;
  if (previous != nullptr) {
    for (const CatalogueEntry& entry : previous->entries) {
      source_of.emplace(entry.voxel_digest, entry.source);
      names.insert(entry.source);
    }
  }
  std::set<std::string> taken;  // voxel digests
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < plan.items.size(); ++i) {
    AMAES_CHECK(plan.answers[i].has_value());
    const ReadAnswer& answer = *plan.answers[i];
    const ScanFile& file = plan.items[i];
    if (plan.unchanged[i]) ++report.unchanged;
    if (answer.outcome == Outcome::kExcluded) {
      report.skipped.push_back({file.source, absl::StrCat("excluded: ", answer.reason)});
      continue;
    }
    if (answer.outcome != Outcome::kVolume) {
      report.quarantined.push_back({file.source, answer.reason});
      continue;
    }
    const std::string& digest = answer.entry.voxel_digest;
    const auto [known, is_new] = source_of.emplace(digest, file.source);
    if (known->second != file.source || taken.contains(digest)) {
      report.duplicates.push_back({file.source, known->second});
      continue;
    }
    changed += is_new && names.contains(file.source) ? 1 : 0;
    taken.insert(digest);
    version.entries.push_back(EntryOf(file, plan.stamps[i], answer));
    for (const auto& [role, reason] : answer.companions) {
      report.companions.push_back({file.source, absl::StrCat(role, ": ", reason)});
    }
    ++report.volumes;
  }
  if (previous != nullptr) {
    for (const CatalogueEntry& entry : previous->entries) {
      if (taken.contains(entry.voxel_digest)) continue;
      version.entries.push_back(entry);
      ++report.carried;
    }
  }
  if (changed > 0) {
    report.findings.push_back(absl::StrCat(
        changed, changed == 1 ? " file has" : " files have",
        " the name of a volume of the version before, and other voxels: both are kept; exclude what is out of date"));
  }
  std::sort(report.skipped.begin(), report.skipped.end(),
            [](const auto& a, const auto& b) { return a.source < b.source; });
  return report;
}

std::string FrequentReasons(const std::vector<IngestReport::Item>& items, std::size_t limit) {
  std::map<std::string, std::int64_t> counts;
  for (const IngestReport::Item& item : items) ++counts[item.reason];
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [reason, count] : counts) order.emplace_back(-count, reason);
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), limit));
  return absl::StrJoin(order, "; ", [](std::string* out, const auto& item) {
    absl::StrAppend(out, -item.first, item.first == -1 ? " file: " : " files: ", item.second);
  });
}

}  // namespace amaes
