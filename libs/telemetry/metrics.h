// Counters, gauges and histograms by name. The only place with prometheus-cpp, behind this header.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace amaes {

using Labels = std::map<std::string, std::string>;

// Thread-safe. Names, help, buckets and kind are fixed in the calls: the first call of a name registers it, and a
// later one with another kind, a name that Prometheus does not allow, or a counter that goes back is our own mistake
// and ends the program.
class Metrics {
 public:
  virtual ~Metrics() = default;
  // Counters. `amount` 0 makes the series visible.
  virtual void Add(const std::string& name, const std::string& help, const Labels& labels, double amount) = 0;
  // Gauges.
  virtual void Set(const std::string& name, const std::string& help, const Labels& labels, double value) = 0;
  // Histograms. `buckets`: upper bounds, rising, without infinity.
  virtual void Observe(const std::string& name, const std::string& help, const Labels& labels,
                       const std::vector<double>& buckets, double value) = 0;
  // Forgets one gauge's series (a job that is over). Does nothing if there is none.
  virtual void Remove(const std::string& name, const Labels& labels) = 0;
  // Prometheus text format 0.0.4, families by name.
  virtual std::string Serialize() = 0;
};

std::unique_ptr<Metrics> MakePrometheusMetrics();

}  // namespace amaes
