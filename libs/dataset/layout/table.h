// Tables of text: .csv, .tsv and .jsonl, as they come with scans. Pure.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace amaes {

struct TableRow {
  std::int64_t line = 0;  // where it begins in the file, from 1
  std::vector<std::string> cells;
};

struct Table {
  std::vector<std::string> columns;  // as written, blanks around them cut off
  std::vector<TableRow> rows;

  // The first column with one of these names, upper and lower case alike; -1 = none.
  int Column(std::initializer_list<absl::string_view> names) const;
  // The cell without blanks around it; "" where the row is too short, `column` is -1, or the cell says n/a.
  std::string Cell(const TableRow& row, int column) const;
};

// RFC 4180 with `separator`: quotes, doubled quotes, line ends inside quotes; also LF alone, a byte order mark, empty
// lines. The first line is the header.
//   - InvalidArgument: "line 3: …"; empty, no UTF-8, NUL, a quote that is not closed or stands inside a cell, a column
//     name that is empty or there twice, more than 4096 columns.
absl::StatusOr<Table> ParseTable(absl::string_view text, char separator);

// One JSON object a line; values are texts, numbers and booleans; null is an empty cell. The columns are the keys in
// the order in which they first appear.   - InvalidArgument: "line 3: …".
absl::StatusOr<Table> ParseJsonLines(absl::string_view text);

}  // namespace amaes
