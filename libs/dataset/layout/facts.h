// What sidecars and tables say about a scan, brought to the keys of ScanFile::info. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "libs/dataset/layout/table.h"

namespace amaes {

using ScanInfo = std::map<std::string, std::string>;

// The value under a key of ScanFile::info, cleaned: one line, at most 120 bytes; age in years ("034Y", "89+", "18-24"),
// sex M, F or O, numbers as short as they can be. What says nothing ("", n/a, unknown, nan) leaves the map as it is.
void PutFact(ScanInfo& info, const std::string& key, absl::string_view value);

// A BIDS sidecar: manufacturer, model, field strength, echo and repetition time (seconds there, milliseconds here).
//   - InvalidArgument: not a JSON object.
absl::Status PutSidecar(absl::string_view json, ScanInfo& info);

// The columns of a table that name facts in any usual spelling (age, sex, gender, Manufacturer, EchoTime, quality, …).
// Echo and repetition times: seconds if the echo time is below 1, else milliseconds.
class FactColumns {
 public:
  explicit FactColumns(const Table& table);  // must outlive this
  void Put(const TableRow& row, ScanInfo& info) const;
  // Whether a column is used.
  bool Uses(int column) const;

 private:
  const Table& table_;
  std::vector<std::pair<int, const char*>> columns_;
  int echo_ = -1, repetition_ = -1;
};

}  // namespace amaes
