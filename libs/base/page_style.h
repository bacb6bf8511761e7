// What our pages have in common: colours for light and dark, text, sections and tables.
#pragma once

namespace amaes {

inline constexpr char kPageStyle[] = R"css(
:root{--bg:#f6f7f9;--card:#fff;--text:#1c2330;--soft:#667085;--line:#e4e7ec;--accent:#2f6fed;--good:#1a7f4b;--bad:#c0362c}
@media(prefers-color-scheme:dark){:root{--bg:#12161d;--card:#1b212b;--text:#e6e9ef;--soft:#98a2b3;--line:#2c3441;--accent:#6ea0ff;--good:#4cc38a;--bad:#ff7b72}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:24px 28px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:17px;margin:0 0 12px}h3{font-size:14px;margin:0 0 8px;font-weight:600}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px;margin:18px 0 0;overflow-x:auto}
.soft{color:var(--soft)}.bad{color:var(--bad)}.good{color:var(--good)}
table{border-collapse:collapse;width:100%}
th{color:var(--soft);font-weight:500;text-align:left;padding:3px 12px 5px 0;border-bottom:1px solid var(--line);white-space:nowrap}
td{padding:4px 12px 4px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
details summary{cursor:pointer;font-weight:600;margin:2px 0}details{margin:6px 0}
)css";

}  // namespace amaes
