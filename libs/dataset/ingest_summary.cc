#include "libs/dataset/ingest_summary.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/log.h"

namespace amaes {

IngestReport Summarise(const ScanList& list, const std::vector<ReadAnswer>& answers, DatasetVersion& version) {
  AMAES_CHECK(answers.size() == list.files.size());
  IngestReport report;
  report.files = static_cast<std::int64_t>(list.files.size() + list.skipped.size());
  for (const auto& [source, rule] : list.skipped) report.skipped.push_back({source, rule});
  std::map<std::string, std::string> first_source;  // by voxel digest
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const ScanFile& file = list.files[i];
    if (answers[i].outcome != ReadAnswer::Outcome::kVolume) {
      report.quarantined.push_back({file.source, answers[i].reason});
      continue;
    }
    const auto [known, is_new] = first_source.emplace(answers[i].entry.voxel_digest, file.source);
    if (!is_new) {
      report.duplicates.push_back({file.source, known->second});
      continue;
    }
    CatalogueEntry entry = answers[i].entry;
    entry.source = file.source;
    entry.subject = file.subject;
    entry.session = file.session;
    entry.modality = file.modality;
    entry.collection = file.collection;
    entry.case_id = file.case_id;
    entry.info = file.info;
    version.entries.push_back(std::move(entry));
    ++report.volumes;
  }
  return report;
}

std::string FrequentReasons(const IngestReport& report, std::size_t limit) {
  std::map<std::string, std::int64_t> counts;
  for (const IngestReport::Item& item : report.quarantined) ++counts[item.reason];
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [reason, count] : counts) order.emplace_back(-count, reason);
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), limit));
  return absl::StrJoin(order, "; ", [](std::string* out, const auto& item) {
    absl::StrAppend(out, -item.first, item.first == -1 ? " file: " : " files: ", item.second);
  });
}

}  // namespace amaes
