"""The CSS of the report: light, dark and on paper; and its hash for the content security policy."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from markupsafe import Markup

STYLE = Markup("""
:root {
  --text: #1b1f27; --soft: #586070; --back: #ffffff; --line: #d9dde4; --band: #e8eef9;
  --usual: #4a78c9; --reference: #2b4f96; --failed: #b3261e; --passed: #1a6e3c; --chip: #eef1f6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e4e7ec; --soft: #a3abb9; --back: #14171c; --line: #333a46; --band: #24304a;
    --usual: #7ea5ea; --reference: #b3cbf6; --failed: #ff8a80; --passed: #7fd6a0; --chip: #242a34;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.6rem; padding-bottom: 0.25rem; }
h2 { border-bottom: 1px solid var(--line); }
header p { margin: 0.2rem 0; overflow-wrap: anywhere; }
.kind { color: var(--soft); }
.verdict strong { font-size: 1.15rem; margin-right: 0.5rem; }
strong.failed { color: var(--failed); }
strong.passed { color: var(--passed); }
strong.unknown { color: var(--soft); }
.chip { display: inline-block; background: var(--chip); border-radius: 1rem; }
.chip { padding: 0.05rem 0.7rem; margin: 0.1rem; }
figure { margin: 1rem 0 1.5rem; break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: 0.3rem; overflow-wrap: anywhere; }
.note { color: var(--soft); font-size: 0.85rem; margin: 0.1rem 0; overflow-wrap: anywhere; }
.chart { max-width: 48rem; display: block; font-size: 13px; }
.chart text { fill: var(--text); }
.chart .value { text-anchor: end; }
.band { fill: var(--band); }
.axis { stroke: var(--line); }
.bar.usual { fill: var(--usual); }
.bar.reference { fill: var(--reference); }
.bar.failed { fill: var(--failed); }
.threshold { stroke: var(--text); stroke-width: 2; stroke-dasharray: 3 2; }
.interval { stroke: var(--text); stroke-width: 1.5; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.25rem 0.6rem; vertical-align: top; }
th, td { border-bottom: 1px solid var(--line); }
th, td { overflow-wrap: break-word; }
th.n { text-align: right; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
tr.failed td { color: var(--failed); }
.pairs th { width: 16rem; font-weight: 600; }
.pairs td { min-width: 5rem; overflow-wrap: anywhere; }
li { overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
@media screen and (max-width: 45rem) {
  main { padding: 1rem 0.75rem; }
  .wide thead { display: none; }
  .wide table, .wide tbody { display: block; }
  .wide tr { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0.3rem 0; }
  .wide td { display: block; padding: 0; border: 0; text-align: left; }
  .wide td:empty { display: none; }
  .wide td::before { content: attr(data-label) " "; color: var(--soft); }
  .wide td.n { white-space: nowrap; }
  .wide tr { border-bottom: 1px solid var(--line); }
  .pairs th { width: auto; }
}
@media print {
  @page { size: A4; margin: 14mm; }
  :root {
    --text: #000; --soft: #444; --back: #fff; --line: #bbb; --band: #e8e8e8;
    --usual: #6b6b6b; --reference: #222; --failed: #b3261e; --passed: #14532d; --chip: #eee;
  }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  .wide { overflow: visible; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
""")

STYLE_SHA256 = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""By which a Content-Security-Policy lets this style in, and no other."""
