#include "libs/dataset/report.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace amaes {
namespace {

constexpr std::size_t kMostWords = 12;
constexpr std::size_t kMostValues = 8;
constexpr double kManyDecades = 1000;

std::string Word(const std::string& word) { return word.empty() ? "(none)" : word; }

// Counts entries by the labels that `labels` gives for each.
ReportTable Table(
    const std::string& title, const DatasetVersion& version,
    const std::function<void(const CatalogueEntry&, const std::function<void(std::string, std::int64_t)>&)>& labels) {
  std::map<std::string, ReportRow> rows;
  std::map<std::string, std::set<std::string>> subjects;
  for (const CatalogueEntry& entry : version.entries) {
    labels(entry, [&](std::string label, std::int64_t bytes) {
      label = Word(label);
      ReportRow& row = rows[label];
      row.label = label;
      ++row.volumes;
      row.bytes += bytes;
      subjects[label].insert(entry.subject);
    });
  }
  ReportTable table{title, {}};
  for (auto& [label, row] : rows) {
    row.subjects = static_cast<std::int64_t>(subjects[label].size());
    table.rows.push_back(std::move(row));
  }
  std::stable_sort(table.rows.begin(), table.rows.end(),
                   [](const ReportRow& a, const ReportRow& b) { return a.volumes > b.volumes; });
  return table;
}

std::vector<ReportTable> Tables(const DatasetVersion& version) {
  using Each = const std::function<void(std::string, std::int64_t)>&;
  std::vector<ReportTable> tables = {
      Table("split", version,
            [](const CatalogueEntry& e, Each each) {
              each(e.split == Split::kTrain ? "to train on" : "held out", e.stored_bytes);
            }),
      Table("collection", version, [](const CatalogueEntry& e, Each each) { each(e.collection, e.stored_bytes); }),
      Table("modality", version, [](const CatalogueEntry& e, Each each) { each(e.modality, e.stored_bytes); }),
      Table("flag", version,
            [](const CatalogueEntry& e, Each each) {
              for (const std::string& flag : e.flags) each(flag, e.stored_bytes);
            }),
      Table("companion", version,
            [](const CatalogueEntry& e, Each each) {
              for (const Companion& companion : e.companions) each(companion.role, companion.stored_bytes);
            }),
      Table("type in the file", version, [](const CatalogueEntry& e, Each each) { each(e.datatype, e.stored_bytes); }),
      Table("orientation in the file", version,
            [](const CatalogueEntry& e, Each each) { each(e.orientation, e.stored_bytes); }),
  };
  std::erase_if(tables, [](const ReportTable& table) {
    // A single row without a word says nothing.
    return table.rows.empty() || (table.rows.size() == 1 && table.rows.front().label == Word(""));
  });
  return tables;
}

ReportHistogram Numbers(const std::string& title, const std::string& unit, const DatasetVersion& version,
                        const std::function<double(const CatalogueEntry&)>& value) {
  std::vector<double> values;
  std::int64_t unknown = 0;
  for (const CatalogueEntry& entry : version.entries) {
    const double number = value(entry);
    if (std::isfinite(number)) {
      values.push_back(number);
    } else {
      ++unknown;
    }
  }
  return NumberHistogram(title, unit, values, unknown);
}

ReportHistogram Words(const std::string& title, const DatasetVersion& version, const std::string& key) {
  std::vector<std::string> words;
  for (const CatalogueEntry& entry : version.entries) {
    const auto found = entry.info.find(key);
    words.push_back(found == entry.info.end() ? "" : found->second);
  }
  return WordHistogram(title, words);
}

double InfoNumber(const CatalogueEntry& entry, const std::string& key) {
  double number = NAN;
  const auto found = entry.info.find(key);
  return found != entry.info.end() && absl::SimpleAtod(found->second, &number) ? number : NAN;
}

double Rounded(double value, double step) { return std::round(value / step) * step; }

std::vector<ReportHistogram> Histograms(const DatasetVersion& version) {
  const auto side = [&](const char* axis, int a) {
    return Numbers(absl::StrCat("stored size along ", axis), "voxels", version,
                   [a](const CatalogueEntry& e) { return static_cast<double>(e.shape[a]); });
  };
  const auto spacing = [](const CatalogueEntry& e, bool finest) {
    const auto [low, high] = std::minmax_element(e.source_spacing.begin(), e.source_spacing.end());
    return Rounded(finest ? *low : *high, 0.01);
  };
  std::vector<std::string> modalities;
  for (const CatalogueEntry& entry : version.entries) modalities.push_back(entry.modality);
  std::vector<ReportHistogram> all = {
      WordHistogram("modality", modalities),
      Numbers("voxel size in the file, finest axis", "mm", version,
              [&](const CatalogueEntry& e) { return spacing(e, true); }),
      Numbers("voxel size in the file, coarsest axis", "mm", version,
              [&](const CatalogueEntry& e) { return spacing(e, false); }),
      side("x (left to right)", 0),
      side("y (back to front)", 1),
      side("z (bottom to top)", 2),
      Numbers("largest intensity in the file", "", version, [](const CatalogueEntry& e) { return e.source_maximum; }),
      Numbers("mean of the stored voxels", "", version, [](const CatalogueEntry& e) { return Rounded(e.mean, 1e-4); }),
      Numbers("share of foreground in the stored volume", "", version,
              [](const CatalogueEntry& e) { return Rounded(e.foreground_share, 1e-3); }),
      Words("manufacturer", version, "manufacturer"),
      Words("scanner", version, "scanner"),
      Numbers("field strength", "T", version,
              [](const CatalogueEntry& e) { return Rounded(InfoNumber(e, "field_strength_t"), 0.1); }),
      Numbers("age", "years", version, [](const CatalogueEntry& e) { return InfoNumber(e, "age_years"); }),
      Words("sex", version, "sex"),
      Numbers("echo time", "ms", version, [](const CatalogueEntry& e) { return InfoNumber(e, "echo_time_ms"); }),
      Numbers("repetition time", "ms", version,
              [](const CatalogueEntry& e) { return InfoNumber(e, "repetition_time_ms"); }),
      Words("quality", version, "quality"),
  };
  std::erase_if(all, [](const ReportHistogram& histogram) { return histogram.bars.empty(); });
  return all;
}

// 1, 2, 2.5 or 5 times a power of ten, at least `width`.
double RoundWidth(double width) {
  const double power = std::pow(10, std::floor(std::log10(width)));
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= width * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// Where the bars may end: few values far above the rest must not press all others into one bar.
double CommonHigh(std::vector<double> values, double low, double high) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(0.95 * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at > low && high - low > 3 * (*at - low) ? *at : high;
}

std::string NumberLabel(double value) { return absl::StrFormat("%.6g", value == 0 ? 0.0 : value); }

}  // namespace

ReportHistogram NumberHistogram(const std::string& title, const std::string& unit, const std::vector<double>& values,
                                std::int64_t unknown) {
  ReportHistogram out{title, unit, {}, unknown};
  if (values.empty()) return out;
  std::map<double, std::int64_t> distinct;
  for (const double value : values) ++distinct[value];
  if (distinct.size() <= kMostValues) {
    for (const auto& [value, count] : distinct) out.bars.push_back({NumberLabel(value), count});
    return out;
  }
  const double low = distinct.begin()->first, high = distinct.rbegin()->first;
  std::vector<double> edges;  // of the bars, ascending
  if (low > 0 && high / low >= kManyDecades) {
    const double first = std::floor(std::log10(low)), last = std::floor(std::log10(high)) + 1;
    for (double decade = first; decade <= last; ++decade) edges.push_back(std::pow(10, decade));
  } else {
    const double common = CommonHigh(values, low, high);
    const double width = RoundWidth((common - low) / 10);
    const double first = std::floor(low / width);
    for (double at = first; edges.size() < 2 || edges.back() < common; ++at) edges.push_back(at * width);
  }
  for (std::size_t i = 0; i + 1 < edges.size(); ++i) {
    out.bars.push_back({absl::StrCat(NumberLabel(edges[i]), " – ", NumberLabel(edges[i + 1])), 0});
  }
  // The last bar takes its upper edge, too.
  if (high > edges.back()) out.bars.push_back({absl::StrCat("above ", NumberLabel(edges.back())), 0});
  for (const auto& [value, count] : distinct) {
    const auto above = std::upper_bound(edges.begin(), edges.end(), value);
    std::ptrdiff_t bar = above - edges.begin() - 1;
    if (value == edges.back()) --bar;
    bar = std::clamp<std::ptrdiff_t>(bar, 0, static_cast<std::ptrdiff_t>(out.bars.size()) - 1);
    out.bars[static_cast<std::size_t>(bar)].volumes += count;
  }
  return out;
}

ReportHistogram WordHistogram(const std::string& title, const std::vector<std::string>& words) {
  ReportHistogram out{title, "", {}, 0};
  std::map<std::string, std::int64_t> counts;
  for (const std::string& word : words) {
    if (word.empty()) {
      ++out.unknown;
    } else {
      ++counts[word];
    }
  }
  for (const auto& [word, count] : counts) out.bars.push_back({word, count});
  std::stable_sort(out.bars.begin(), out.bars.end(),
                   [](const ReportBar& a, const ReportBar& b) { return a.volumes > b.volumes; });
  if (out.bars.size() > kMostWords) {
    ReportBar rest{absl::StrCat(out.bars.size() - kMostWords + 1, " others"), 0};
    for (std::size_t i = kMostWords - 1; i < out.bars.size(); ++i) rest.volumes += out.bars[i].volumes;
    out.bars.resize(kMostWords - 1);
    out.bars.push_back(rest);
  }
  return out;
}

DatasetReport MakeReport(const DatasetVersion& version, const IngestReport& ingest) {
  DatasetReport report;
  report.name = version.name;
  report.version = version.version;
  report.digest = version.digest;
  report.contract = ContractJson(version.contract);
  report.volumes = static_cast<std::int64_t>(version.entries.size());
  std::set<std::string> subjects;
  std::set<std::pair<std::string, std::string>> sessions;
  for (const CatalogueEntry& entry : version.entries) {
    subjects.insert(entry.subject);
    sessions.emplace(entry.subject, entry.session);
    report.voxels += VoxelCount(entry.shape);
    report.stored_bytes += entry.stored_bytes;
    for (const Companion& companion : entry.companions) report.companion_bytes += companion.stored_bytes;
  }
  report.subjects = static_cast<std::int64_t>(subjects.size());
  report.sessions = static_cast<std::int64_t>(sessions.size());
  report.tables = Tables(version);
  report.histograms = Histograms(version);
  report.exclusions = version.exclusions;
  report.ingest = ingest;
  return report;
}

}  // namespace amaes
