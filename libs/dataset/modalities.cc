#include "libs/dataset/modalities.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"

namespace amaes {
namespace {

constexpr char kOther[] = "other";

std::string MetricName(absl::string_view modality) {
  if (modality.empty()) return "unknown";
  std::string name(modality);
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') c = '_';
  }
  return name;
}

}  // namespace

std::vector<std::string> ModalityGroups(const DatasetVersion& version) {
  std::map<std::string, std::int64_t> counts;
  for (const CatalogueEntry& entry : version.entries) ++counts[MetricName(entry.modality)];
  if (counts.size() < 2) return {};
  std::vector<std::pair<std::string, std::int64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> groups;
  for (const auto& [name, count] : sorted) {
    if (name != kOther) groups.push_back(name);
  }
  const bool rest = counts.contains(kOther) || groups.size() > kMostModalities;
  groups.resize(std::min(groups.size(), kMostModalities));
  if (rest) groups.push_back(kOther);
  return groups;
}

std::int32_t GroupOf(absl::Span<const std::string> groups, absl::string_view modality) {
  if (groups.empty()) return -1;
  const auto found = std::find(groups.begin(), groups.end(), MetricName(modality));
  // What is not among the most frequent is the last one, "other".
  return static_cast<std::int32_t>(found == groups.end() ? groups.size() - 1 : found - groups.begin());
}

}  // namespace amaes
