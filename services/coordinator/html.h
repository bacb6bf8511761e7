// Pieces of pages. Everything that comes from users or workers goes through Escape
// (libs/base/format.h). Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/format.h"

namespace amaes::html {

// A whole page. `body` is HTML; `refresh_seconds` 0: it does not load itself again.
std::string Page(absl::string_view title, int refresh_seconds, absl::string_view body);
// Cells are HTML.
std::string Table(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows);
std::string Link(absl::string_view target, absl::string_view text);
// 0 … 1, with a label of its own.
std::string Bar(double share, absl::string_view label);
// A coloured word: good, busy, wait, bad or plain.
std::string Badge(absl::string_view word, absl::string_view kind);

std::string Bytes(double bytes);      // "4.2 GB"
std::string Number(double value);     // four digits; "–" when it is not finite
std::string Seconds(double seconds);  // "2 h 5 min"; "–" for 0
std::string Time(absl::Time time);    // UTC; "–" when it is none

}  // namespace amaes::html
