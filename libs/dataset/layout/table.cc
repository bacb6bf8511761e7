#include "libs/dataset/layout/table.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status_macros.h"
#include "libs/base/utf8.h"
#include "libs/dataset/layout/json_text.h"

namespace amaes {
namespace {

constexpr std::size_t kMaxColumns = 4096;
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

absl::Status LineError(std::int64_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", what));
}

absl::Status CheckText(absl::string_view text) {
  std::int64_t line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (c == '\0') return LineError(line, "a NUL byte: not a text file");
  }
  if (IsUtf8(text)) return absl::OkStatus();
  line = 1;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!IsUtf8(text.substr(0, end))) return LineError(line, "not UTF-8: save the list as UTF-8");
    if (end == text.size()) return LineError(line, "not UTF-8: save the list as UTF-8");
    text.remove_prefix(end + 1);
    ++line;
  }
}

class Reader {
 public:
  Reader(absl::string_view text, char separator) : text_(text), separator_(separator) {}

  bool AtEnd() const { return at_ >= text_.size(); }

  // The next line's cells; a line that is empty has none.
  absl::StatusOr<TableRow> Row() {
    TableRow row;
    row.line = line_;
    while (true) {
      AMAES_ASSIGN_OR_RETURN(std::string cell, Cell());
      row.cells.push_back(std::move(cell));
      if (row.cells.size() > kMaxColumns) {
        return LineError(row.line, absl::StrCat("more than ", kMaxColumns, " columns"));
      }
      if (AtEnd()) break;
      if (text_[at_] == separator_) {
        ++at_;
        continue;
      }
      EndLine();
      break;
    }
    if (row.cells.size() == 1 && absl::StripAsciiWhitespace(row.cells[0]).empty()) row.cells.clear();
    return row;
  }

 private:
  bool AtLineEnd() const {
    return AtEnd() || text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }

  void EndLine() {
    if (!AtEnd() && text_[at_] == '\r') ++at_;
    if (!AtEnd() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  absl::StatusOr<std::string> Cell() {
    if (AtEnd() || text_[at_] != '"') {
      const std::size_t begin = at_;
      while (!AtLineEnd() && text_[at_] != separator_) ++at_;
      return std::string(text_.substr(begin, at_ - begin));
    }
    const std::int64_t first_line = line_;
    std::string cell;
    for (++at_; !AtEnd(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        cell += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        cell += text_[at_++];
      } else {
        ++at_;
        if (!AtLineEnd() && text_[at_] != separator_) return LineError(line_, "text behind a closing quote");
        return cell;
      }
    }
    return LineError(first_line, "a quote is not closed");
  }

  absl::string_view text_;
  const char separator_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
};

absl::Status CheckColumns(const TableRow& header) {
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < header.cells.size(); ++i) {
    const std::string name = absl::AsciiStrToLower(header.cells[i]);
    if (name.empty()) return LineError(header.line, absl::StrCat("column ", i + 1, " has no name"));
    const auto [earlier, is_new] = seen.emplace(name, i);
    if (!is_new) {
      return LineError(header.line, absl::StrCat("columns ", earlier->second + 1, " and ", i + 1, " are both called '",
                                                 header.cells[i], "'"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

int Table::Column(std::initializer_list<absl::string_view> names) const {
  for (const absl::string_view name : names) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (absl::EqualsIgnoreCase(columns[i], name)) return static_cast<int>(i);
    }
  }
  return -1;
}

std::string Table::Cell(const TableRow& row, int column) const {
  if (column < 0 || static_cast<std::size_t>(column) >= row.cells.size()) return {};
  const absl::string_view cell = absl::StripAsciiWhitespace(row.cells[static_cast<std::size_t>(column)]);
  return absl::EqualsIgnoreCase(cell, "n/a") ? std::string() : std::string(cell);
}

absl::StatusOr<Table> ParseTable(absl::string_view text, char separator) {
  AMAES_RETURN_IF_ERROR(CheckText(text));
  if (absl::StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Reader reader(text, separator);
  Table table;
  bool has_header = false;
  while (!reader.AtEnd()) {
    AMAES_ASSIGN_OR_RETURN(TableRow row, reader.Row());
    if (row.cells.empty()) continue;
    if (has_header) {
      table.rows.push_back(std::move(row));
      continue;
    }
    for (std::string& name : row.cells) name = std::string(absl::StripAsciiWhitespace(name));
    // A separator at the end of the header is common and names nothing.
    if (row.cells.size() > 1 && row.cells.back().empty()) row.cells.pop_back();
    AMAES_RETURN_IF_ERROR(CheckColumns(row));
    table.columns = std::move(row.cells);
    has_header = true;
  }
  if (!has_header) return absl::InvalidArgumentError("line 1: empty: the first line names the columns");
  return table;
}

absl::StatusOr<Table> ParseJsonLines(absl::string_view text) {
  AMAES_RETURN_IF_ERROR(CheckText(text));
  if (absl::StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Table table;
  std::map<std::string, std::size_t> columns;
  for (std::int64_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const absl::string_view content = absl::StripAsciiWhitespace(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty()) continue;
    absl::StatusOr<std::vector<std::pair<std::string, std::string>>> fields = FlatJsonObject(content);
    if (!fields.ok()) return LineError(line, fields.status().message());
    TableRow row;
    row.line = line;
    for (auto& [key, value] : *fields) {
      const auto [column, is_new] = columns.emplace(absl::AsciiStrToLower(key), table.columns.size());
      if (is_new) table.columns.push_back(key);
      if (table.columns.size() > kMaxColumns) {
        return LineError(line, absl::StrCat("more than ", kMaxColumns, " columns"));
      }
      if (row.cells.size() <= column->second) row.cells.resize(column->second + 1);
      row.cells[column->second] = std::move(value);
    }
    table.rows.push_back(std::move(row));
  }
  if (table.columns.empty()) return absl::InvalidArgumentError("line 1: empty: one JSON object a line is expected");
  for (TableRow& row : table.rows) row.cells.resize(table.columns.size());
  return table;
}

}  // namespace amaes
