// SPDX-License-Identifier: GPL-3.0-or-later
// The style sheet of the HTML report: the window's palette, light and dark, and a plain light page in print.
#pragma once

namespace nibblescope {

inline constexpr const char *reportStyle = R"css(
:root { color-scheme: light dark; --base: #FFFFFF; --alternate: #F6F7F9; --window: #ECEEF1; --text: #1A1E24;
  --text2: #565E69; --divider: #C3C8CF; --grid: #E4E7EB; --edge: #7A828D; --accent: #1B5FB8; --good: #1E6B3A;
  --bad: #B3261E; --warn: #FFF4D6; --warn-icon: #8A5A00; }
.for-dark { display: none; }
@media screen and (prefers-color-scheme: dark) {
  :root { --base: #16191D; --alternate: #1B1F24; --window: #1F2329; --text: #E7EAEE; --text2: #A3ABB6;
    --divider: #3A414A; --grid: #2A2F36; --edge: #7D8691; --accent: #6FA8F5; --good: #7FD19B; --bad: #FF8A80;
    --warn: #3A3117; --warn-icon: #F0C05A; }
  .for-light { display: none; } .for-dark { display: block; } }
* { box-sizing: border-box; }
html { background: var(--window); }
body { margin: 0; color: var(--text); font: 13px/1.5 Inter, "DejaVu Sans", system-ui, sans-serif;
  font-feature-settings: "tnum"; -webkit-text-size-adjust: 100%; }
main { max-width: 1000px; margin: 24px auto; padding: 36px 48px 40px; background: var(--base);
  border: 1px solid var(--divider); border-radius: 3px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; font-weight: 650; letter-spacing: -0.01em;
  overflow-wrap: anywhere; }
h2 { font-size: 15px; line-height: 1.35; margin: 40px 0 10px; padding-top: 12px; border-top: 1px solid var(--divider);
  font-weight: 600; }
h3 { font-size: 13px; margin: 24px 0 4px; font-weight: 600; overflow-wrap: anywhere; }
p { margin: 0 0 10px; max-width: 78ch; }
.sub, .note, .kept td, caption { color: var(--text2); }
.lede { font-size: 15px; font-weight: 600; line-height: 1.45; margin: 20px 0 0; }
.lede p { max-width: none; margin-bottom: 6px; }
dl.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); margin: 24px 0 0;
  border: 1px solid var(--divider); border-radius: 3px; }
dl.key div { padding: 10px 14px 12px; border-left: 1px solid var(--grid); margin-left: -1px; }
dl.key dt { font-size: 11px; color: var(--text2); }
dl.key dd { margin: 0; }
dl.key dd.value { font-size: 21px; line-height: 1.3; font-weight: 600; white-space: nowrap; }
dl.key dd.what { font-size: 11px; color: var(--text2); }
ul.warnings { list-style: none; margin: 20px 0 0; padding: 8px 14px; background: var(--warn); border-radius: 3px;
  border-left: 4px solid var(--warn-icon); }
ul.warnings li { margin: 3px 0; overflow-wrap: anywhere; }
figure { margin: 12px 0 0; overflow-x: auto; }
svg { display: block; max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 12px; line-height: 1.35; }
caption { text-align: left; padding: 0 0 6px; }
th { font-weight: 600; text-align: left; vertical-align: bottom; border-bottom: 1px solid var(--edge);
  padding: 4px 8px 4px 0; }
td { padding: 3px 8px 3px 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
th.n, td.n { text-align: right; white-space: nowrap; }
td.name { overflow-wrap: anywhere; min-width: 200px; }
tr.sum td { font-weight: 600; border-top: 1px solid var(--edge); border-bottom: none; }
.yes { color: var(--good); } .no { color: var(--bad); }
code { font: 11.5px/1.5 "DejaVu Sans Mono", ui-monospace, monospace; }
pre { background: var(--alternate); border: 1px solid var(--grid); border-radius: 3px; padding: 8px 12px; margin: 8px 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
dl.terms { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 4px 20px; margin: 0; }
dl.terms dt { font-weight: 600; } dl.terms dd { margin: 0; color: var(--text2); max-width: 78ch; }
footer { margin-top: 36px; padding-top: 10px; border-top: 1px solid var(--divider); color: var(--text2);
  font-size: 11px; }
@media (max-width: 720px) { main { margin: 0; padding: 20px 16px; border: none; } }
@media print {
  html { background: none; } main { border: none; margin: 0; padding: 0; max-width: none; }
  body { font-size: 10pt; } table { font-size: 8.5pt; } thead { display: table-header-group; }
  h2, h3 { break-after: avoid; } figure, tr, dl.key { break-inside: avoid; } @page { margin: 16mm 14mm; } }
)css";

} // namespace nibblescope
