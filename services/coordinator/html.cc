#include "services/coordinator/html.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace amaes::html {
namespace {

constexpr char kStyle[] = R"css(
:root{--bg:#f6f7f9;--card:#fff;--text:#1c2330;--soft:#667085;--line:#e4e7ec;--accent:#2f6fed;--good:#1a7f4b;--bad:#c0362c;--wait:#a15c07}
@media(prefers-color-scheme:dark){:root{--bg:#12161d;--card:#1b212b;--text:#e6e9ef;--soft:#98a2b3;--line:#2c3441;--accent:#6ea0ff;--good:#4cc38a;--bad:#ff7b72;--wait:#e3b341}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,sans-serif}
header{background:var(--card);border-bottom:1px solid var(--line);padding:14px 28px;display:flex;gap:16px;align-items:baseline}
header a{color:var(--text);font-weight:700;font-size:18px}
header span{color:var(--soft)}
main{max-width:1180px;margin:0 auto;padding:20px 28px}
h1{font-size:22px;margin:8px 0 14px}
h2{font-size:16px;margin:0 0 10px}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;margin:0 0 18px;overflow-x:auto}
table{border-collapse:collapse;width:100%}
th{color:var(--soft);font-weight:500;text-align:left;padding:4px 14px 6px 0;border-bottom:1px solid var(--line);white-space:nowrap}
td{padding:7px 14px 7px 0;border-bottom:1px solid var(--line);vertical-align:top;font-variant-numeric:tabular-nums}
tr:last-child td{border-bottom:0}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
.soft{color:var(--soft)}
.bar{position:relative;min-width:150px;height:20px;background:var(--line);border-radius:10px;overflow:hidden}
.bar i{display:block;height:100%;background:var(--accent);opacity:.55}
.bar b{position:absolute;inset:0;text-align:center;font-size:12px;line-height:20px;font-weight:500}
.badge{border-radius:10px;padding:1px 9px;font-size:12px;font-weight:600;border:1px solid currentColor;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.wait{color:var(--wait)}.busy{color:var(--accent)}.plain{color:var(--soft)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:12px}
.facts div{border-left:3px solid var(--line);padding-left:10px}
.facts b{display:block;font-size:18px;font-variant-numeric:tabular-nums}
img{max-width:100%;border-radius:6px}
)css";

}  // namespace

std::string Page(absl::string_view title, int refresh_seconds, absl::string_view body) {
  const std::string refresh =
      refresh_seconds > 0 ? absl::StrCat("<meta http-equiv=\"refresh\" content=\"", refresh_seconds, "\">") : "";
  return absl::StrCat("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">",
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">", refresh, "<title>",
                      Escape(title), "</title><style>", kStyle,
                      "</style></head><body><header><a href=\"/\">amaes</a><span>", Escape(title),
                      "</span></header><main>", body, "</main></body></html>\n");
}

std::string Table(const std::vector<std::string>& heads, const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<table><thead><tr>";
  for (const std::string& head : heads) absl::StrAppend(&out, "<th>", head, "</th>");
  absl::StrAppend(&out, "</tr></thead><tbody>");
  for (const std::vector<std::string>& row : rows) {
    absl::StrAppend(&out, "<tr>");
    for (const std::string& cell : row) absl::StrAppend(&out, "<td>", cell, "</td>");
    absl::StrAppend(&out, "</tr>");
  }
  return absl::StrCat(out, "</tbody></table>");
}

std::string Link(absl::string_view target, absl::string_view text) {
  return absl::StrCat("<a href=\"", Escape(target), "\">", Escape(text), "</a>");
}

std::string Bar(double share, absl::string_view label) {
  const double percent = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) * 100 : 0;
  return absl::StrFormat("<div class=\"bar\"><i style=\"width:%.1f%%\"></i><b>%s</b></div>", percent, Escape(label));
}

std::string Badge(absl::string_view word, absl::string_view kind) {
  return absl::StrCat("<span class=\"badge ", kind, "\">", Escape(word), "</span>");
}

std::string Bytes(double bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < std::size(kUnits)) {
    bytes /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, bytes, kUnits[unit]);
}

std::string Number(double value) { return std::isfinite(value) ? absl::StrFormat("%.4g", value) : "–"; }

std::string Seconds(double seconds) {
  if (!std::isfinite(seconds) || seconds <= 0) return "–";
  if (seconds < 60) return absl::StrFormat("%.0f s", seconds);
  const auto minutes = static_cast<std::int64_t>(seconds / 60);
  if (minutes < 60) return absl::StrCat(minutes, " min");
  if (minutes < 48 * 60) return absl::StrCat(minutes / 60, " h ", minutes % 60, " min");
  return absl::StrCat(minutes / 60 / 24, " d ", minutes / 60 % 24, " h");
}

std::string Time(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) return "–";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", time, absl::UTCTimeZone());
}

}  // namespace amaes::html
