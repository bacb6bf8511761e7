// Counters, gauges and histograms by name. The only place with prometheus-cpp, behind this header.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace amaes {

using Labels = std::map<std::string, std::string>;

// Thread-safe. Names, help and label sets are fixed in the calls: the first call of a name registers it.
class Metrics {
 public:
  virtual ~Metrics() = default;
  virtual void Add(const std::string& name, const std::string& help, const Labels& labels, double amount) = 0;
  virtual void Set(const std::string& name, const std::string& help, const Labels& labels, double value) = 0;
  virtual void Observe(const std::string& name, const std::string& help, const Labels& labels,
                       const std::vector<double>& buckets, double value) = 0;
  // Forgets one gauge's series (a job that is over).
  virtual void Remove(const std::string& name, const Labels& labels) = 0;
  // Prometheus text format 0.0.4.
  virtual std::string Serialize() = 0;
};

std::unique_ptr<Metrics> MakePrometheusMetrics();

}  // namespace amaes
