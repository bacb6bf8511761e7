#include <prometheus/check_names.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "libs/base/log.h"
#include "libs/base/mutex.h"
#include "libs/telemetry/metrics.h"

namespace amaes {
namespace {

template <typename Kind>
using Families = std::map<std::string, std::unique_ptr<prometheus::Family<Kind>>>;

// The library throws on names that are not allowed; none may reach it.
void CheckNames(const std::string& name, const Labels& labels, bool histogram) {
  AMAES_CHECK(prometheus::CheckMetricName(name));
  for (const auto& [label, value] : labels) {
    AMAES_CHECK(prometheus::CheckLabelName(label));
    AMAES_CHECK(!histogram || label != "le");
  }
}

template <typename Kind>
void Collect(const Families<Kind>& families, std::vector<prometheus::MetricFamily>& out) {
  for (const auto& [name, family] : families) {
    for (prometheus::MetricFamily& each : family->Collect()) out.push_back(std::move(each));
  }
}

class PrometheusMetrics final : public Metrics {
 public:
  void Add(const std::string& name, const std::string& help, const Labels& labels, double amount) override {
    AMAES_CHECK(amount >= 0);
    MutexLock lock(mutex_);
    FamilyOf(counters_, name, help, labels).Add(labels).Increment(amount);
  }
  void Set(const std::string& name, const std::string& help, const Labels& labels, double value) override {
    MutexLock lock(mutex_);
    FamilyOf(gauges_, name, help, labels).Add(labels).Set(value);
  }
  void Observe(const std::string& name, const std::string& help, const Labels& labels,
               const std::vector<double>& buckets, double value) override {
    AMAES_CHECK(std::is_sorted(buckets.begin(), buckets.end()));
    MutexLock lock(mutex_);
    FamilyOf(histograms_, name, help, labels).Add(labels, buckets).Observe(value);
  }
  void Remove(const std::string& name, const Labels& labels) override {
    MutexLock lock(mutex_);
    const auto found = gauges_.find(name);
    if (found == gauges_.end() || !found->second->Has(labels)) return;
    found->second->Remove(&found->second->Add(labels));
  }
  std::string Serialize() override {
    std::vector<prometheus::MetricFamily> all;
    {
      MutexLock lock(mutex_);
      Collect(counters_, all);
      Collect(gauges_, all);
      Collect(histograms_, all);
    }
    std::sort(all.begin(), all.end(),
              [](const prometheus::MetricFamily& a, const prometheus::MetricFamily& b) { return a.name < b.name; });
    // The families keep their series in hash order: a reader wants the same place for the same series.
    for (prometheus::MetricFamily& family : all) {
      std::sort(family.metric.begin(), family.metric.end(),
                [](const prometheus::ClientMetric& a, const prometheus::ClientMetric& b) { return a.label < b.label; });
    }
    return prometheus::TextSerializer().Serialize(all);
  }

 private:
  template <typename Kind>
  prometheus::Family<Kind>& FamilyOf(Families<Kind>& families, const std::string& name, const std::string& help,
                                     const Labels& labels) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    CheckNames(name, labels, /*histogram=*/std::is_same_v<Kind, prometheus::Histogram>);
    auto found = families.find(name);
    if (found == families.end()) {
      AMAES_CHECK(!counters_.contains(name) && !gauges_.contains(name) && !histograms_.contains(name));
      auto family = std::make_unique<prometheus::Family<Kind>>(name, help, prometheus::Labels());
      found = families.emplace(name, std::move(family)).first;
    }
    return *found->second;
  }

  Mutex mutex_;
  Families<prometheus::Counter> counters_ ABSL_GUARDED_BY(mutex_);
  Families<prometheus::Gauge> gauges_ ABSL_GUARDED_BY(mutex_);
  Families<prometheus::Histogram> histograms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<Metrics> MakePrometheusMetrics() { return std::make_unique<PrometheusMetrics>(); }

}  // namespace amaes
