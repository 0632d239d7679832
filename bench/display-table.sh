#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# display-table.sh - medians, ranges and bars of a display.csv, as a table of Markdown.
#
#   bench/display-table.sh DEFAULTS CSV
set -euo pipefail
awk -F, -v defaults="$1" '
function median(key,   i, j, v, n, a) {
	n = count[key]
	for (i = 1; i <= n; i++) {
		v = value[key, i]
		for (j = i - 1; j > 0 && a[j] > v; j--)
			a[j + 1] = a[j]
		a[j + 1] = v
	}
	low = a[1]
	high = a[n]
	most = a[int(n * 0.9 + 0.999)]
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}
function number(v) {
	return v >= 100 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : sprintf("%.2f", v)
}
function text(key,   m) {
	if (!count[key])
		return "-"
	m = median(key)
	return sprintf("%s (%s to %s)", number(m), number(low), number(high))
}
# of the runs without a long gap, if there are any
function good(key,   i, n, other) {
	other = key SUBSEP "good"
	delete count[other]
	for (i = 1; i <= count[key]; i++)
		if (!gap[key, i]) {
			value[other, ++n] = value[key, i]
			count[other] = n
		}
	return n ? median(other) : median(key)
}
FNR == NR {
	if ($2 != defaults || $5 == "value")
		next
	k = $1 SUBSEP $4 SUBSEP $5
	value[k, ++count[k]] = $6
	at[k, $3] = count[k]
	if ($5 == "gap_ms" && $6 > 1000)
		has_gap[$1, $4, $3] = 1
	round[k, count[k]] = $3
	next
}
FNR == 1 {
	FS = "|"
	for (k in count)
		for (i = 1; i <= count[k]; i++) {
			split(k, part, SUBSEP)
			gap[k, i] = (part[1], part[2], round[k, i]) in has_gap
		}
	print "| workload | figure | Clove (rounds) | Debian'"'"'s (rounds) | ratio | bar | held |"
	print "|---|---|---:|---:|---:|---|---|"
	$0 = $0
}
/^#/ { next }
$1 == "run" { title[$2] = $4 }
$1 == "metric" { name[$2] = $3 }
$1 == "bar" {
	ours = "clove" SUBSEP $2 SUBSEP $3
	theirs = "stock" SUBSEP $2 SUBSEP $3
	if (!count[ours] && !count[theirs])
		next
	ratio = bar = held = ""
	base = count[theirs] ? ($4 == "good" ? good(theirs) : median(theirs)) : 0
	if (count[ours] && base > 0)
		ratio = median(ours) / base
	if ($4 == "at most") {
		bar = "at most " $5 " x"
		held = ratio == "" ? "" : ratio <= $5 + 0
	} else if ($4 == "at least" || $4 == "good") {
		bar = "at least " $5 " x" ($4 == "good" ? " its good runs" : "")
		held = ratio == "" ? "" : ratio >= $5 - 0
	} else if ($4 == "below" && count[ours]) {
		bar = "at most " $5
		held = median(ours) <= $5 + 0
	} else if ($4 == "9 of 10" && count[ours]) {
		bar = "at most " $5 " in 9 of 10 runs"
		median(ours)
		held = most <= $5 + 0
	}
	printf "| %s | %s | %s | %s | %s | %s | %s |\n", $2 == last ? "" : title[$2], name[$3], text(ours), text(theirs),
		ratio == "" ? "" : sprintf("%.2f", ratio), bar, held == "" ? "" : held ? "yes" : "**no**"
	last = $2
}' "$2" "$(dirname "$0")/display-figures"
