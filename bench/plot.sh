#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# plot.sh - bars for each figure of a summary.csv of run.sh, as SVG on standard output.
#
# Every figure has its own scale; a thin line ends at the 99th percentile if that fits.
set -euo pipefail
awk -F, '
function bar(y, who, colour, k) {
	if (!((who, k) in med))
		return
	width = med[who, k] / most * 400
	if (width < 1) width = 1
	printf "<rect x=\"330\" y=\"%d\" width=\"%.1f\" height=\"11\" fill=\"%s\"/>\n", y, width, colour
	far = p99[who, k] / most * 400
	if (far > 440) far = 440
	if (far > width)
		printf "<rect x=\"330\" y=\"%.1f\" width=\"%.1f\" height=\"1.5\" fill=\"%s\"/>\n", y + 5, far, colour
	printf "<text x=\"%.1f\" y=\"%d\" class=\"v\">%s %s</text>\n", 336 + (far > width ? far : width), y + 10,
		med[who, k] + 0, unit
}
FNR == NR && /^#/ { next }
FNR == NR {
	split($0, f, "|")
	if (f[4] == "yes") {
		rows[++n] = f[1]
		titles[f[1]] = f[2]
		units[f[1]] = f[3]
	}
	next
}
{ k = $2 "," $3 "," $4; med[$1, k] = $6; p99[$1, k] = $9 }
END {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"880\" height=\"%d\" font-family=\"sans-serif\">\n", n * 38 + 60
	print "<style>text{font-size:12px;fill:#222}.v{font-size:11px;fill:#444}</style>"
	print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
	print "<rect x=\"330\" y=\"12\" width=\"11\" height=\"11\" fill=\"#2b6cb0\"/><text x=\"346\" y=\"22\">Clove</text>"
	print "<rect x=\"410\" y=\"12\" width=\"11\" height=\"11\" fill=\"#b7791f\"/><text x=\"426\" y=\"22\">Debian 12 libspice-server 0.15.1; medians, lines to p99</text>"
	for (i = 1; i <= n; i++) {
		k = rows[i]
		unit = units[k]
		most = med["clove", k] > med["stock", k] ? med["clove", k] : med["stock", k]
		if (most <= 0)
			continue
		y = 38 + (i - 1) * 38
		printf "<text x=\"320\" y=\"%d\" text-anchor=\"end\">%s</text>\n", y + 16, titles[k]
		bar(y, "clove", "#2b6cb0", k)
		bar(y + 13, "stock", "#b7791f", k)
	}
	print "</svg>"
}' "$(dirname "$0")/figures" "$1"
