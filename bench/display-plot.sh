#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# display-plot.sh - each figure that has a bar as Clove's ratio to Debian's library, from a display.csv, as SVG.
#
# A logarithmic scale; a dot for each pair of runs, a line at the medians' ratio, a tick at the bar.
set -euo pipefail
awk -F, '
function median(key,   i, j, v, n, a) {
	n = count[key]
	for (i = 1; i <= n; i++) {
		v = value[key, i]
		for (j = i - 1; j > 0 && a[j] > v; j--)
			a[j + 1] = a[j]
		a[j + 1] = v
	}
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}
function x_of(ratio,   x) {
	x = 560 + log(ratio) / log(10) * 170
	return x < 392 ? 392 : x > 728 ? 728 : x
}
FNR == NR {
	if ($2 != "library")
		next
	k = $1 SUBSEP $4 SUBSEP $5
	value[k, ++count[k]] = $6
	of[k, $3] = $6
	if ($3 > rounds)
		rounds = $3 + 0
	next
}
FNR == 1 { FS = "|"; $0 = $0 }
/^#/ { next }
$1 == "run" { title[$2] = $4 }
$1 == "metric" { name[$2] = $3 }
$1 == "bar" {
	ours = "clove" SUBSEP $2 SUBSEP $3
	theirs = "stock" SUBSEP $2 SUBSEP $3
	if (!count[ours] || !count[theirs] || median(theirs) <= 0 || median(ours) <= 0)
		next
	y = 70 + n++ * 18
	if ($2 != last)
		rest = rest sprintf("<line x1=\"10\" x2=\"740\" y1=\"%d\" y2=\"%d\" stroke=\"#ddd\"/>\n", y - 4, y - 4)
	rest = rest sprintf("<text x=\"380\" y=\"%d\" text-anchor=\"end\">%s%s</text>\n", y + 9,
		$2 == last ? "" : title[$2] ": ", name[$3])
	last = $2
	for (r = 1; r <= rounds; r++)
		if (of[theirs, r] > 0 && of[ours, r] > 0)
			rest = rest sprintf("<circle cx=\"%.1f\" cy=\"%d\" r=\"2\" fill=\"#2b6cb0\" opacity=\"0.45\"/>\n",
				x_of(of[ours, r] / of[theirs, r]), y + 5)
	rest = rest sprintf("<rect x=\"%.1f\" y=\"%d\" width=\"3\" height=\"12\" fill=\"#2b6cb0\"/>\n",
		x_of(median(ours) / median(theirs)) - 1.5, y - 1)
	if ($4 == "at most" || $4 == "at least" || $4 == "good")
		rest = rest sprintf("<path d=\"M%.1f %d l-4 -5 h8 z\" fill=\"#c53030\"/>\n", x_of($5), y + 1)
}
END {
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"790\" height=\"%d\" viewBox=\"-40 0 790 %d\" font-family=\"sans-serif\">\n", n * 18 + 90, n * 18 + 90
	print "<style>text{font-size:10px;fill:#222}</style><rect x=\"-40\" width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
	print "<text x=\"10\" y=\"20\" style=\"font-size:13px\">Clove / Debian 12 libspice-server 0.15.1, library defaults</text>"
	print "<text x=\"10\" y=\"36\">line: ratio of the medians; dots: each round; red: the bar</text>"
	split("0.1 0.2 0.5 1 2 5 10", tick, " ")
	for (i = 1; i in tick; i++) {
		printf "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"56\" y2=\"%d\" stroke=\"%s\"/>\n", x_of(tick[i]), x_of(tick[i]),
			n * 18 + 70, tick[i] == 1 ? "#888" : "#eee"
		printf "<text x=\"%.1f\" y=\"52\" text-anchor=\"middle\">%s</text>\n", x_of(tick[i]), tick[i]
	}
	printf "%s</svg>\n", rest
}' "$1" "$(dirname "$0")/display-figures"
