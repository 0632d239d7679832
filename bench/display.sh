#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# display.sh - frames from a guest's commands to a client's pixels: this library and the distribution's by turns.
#
#   CLOVE_BUILD=DIR bench/display.sh [OUT]    OUT (default: DIR/display-results) gets display.csv with the figures
#                                             of each run, table-DEFAULTS.md, and display.svg
#   bench/display.sh --into FILE [OUT]        puts the tables of OUT between FILE's marks "display: DEFAULTS"
#
# What is run, and what has to hold, is in bench/display-figures. Environment: ROUNDS (10), LIBRARIES
# ("clove stock"), DEFAULTS ("library qemu": nothing set, and what QEMU sets), WORKS (all; the names in
# display-figures), SECONDS_EACH (those of each work).
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/lib.sh"
build=${CLOVE_BUILD:-$top/build}
into=
if [ "${1:-}" = --into ]; then
	into=$2
	shift 2
fi
out=${1:-$build/display-results}
figures=$top/bench/display-figures
libraries=${LIBRARIES:-clove stock}

if [ -n "$into" ]; then
	for defaults in library qemu; do
		[ -s "$out/table-$defaults.md" ] || continue
		grep -q "<!-- display: $defaults -->" "$into" || die "$into has no mark for $defaults"
		sed -i -e "/<!-- display: $defaults -->/,/<!-- end -->/{//!d}" \
			-e "/<!-- display: $defaults -->/r $out/table-$defaults.md" "$into"
	done
	exit 0
fi

bench=$build/bench/bench-display
[ -x "$bench" ] && [ -x "$build/bench/display-vmm" ] || die "no $bench: build first"
mkdir -p "$out"
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

measure() { # LIBRARY DEFAULTS ROUND WORK ARGUMENT...
	local where=$1,$2,$3,$4 arguments=(--defaults "$2" "${@:5}") try

	[ "$1" != clove ] || arguments+=(--library "$build/.libs")
	[ -z "${SECONDS_EACH:-}" ] || arguments+=(--seconds "$SECONDS_EACH")
	for try in 1 2; do
		if timeout 120 "$bench" "${arguments[@]}" >"$rows" 2>"$out/last.log"; then
			sed "s/^/$where,/" "$rows" >>"$out/display.csv"
			return 0
		fi
		say "$where, try $try: $(tail -n 1 "$out/last.log")"
	done
	echo "$where,failed,1" >>"$out/display.csv"
}

echo "library,defaults,round,work,metric,value" >"$out/display.csv"
for ((round = 1; round <= ${ROUNDS:-10}; round++)); do
	for defaults in ${DEFAULTS:-library qemu}; do
		say "round $round, defaults of $defaults"
		while IFS='|' read -r kind work arguments title; do
			[ "$kind" = run ] || continue
			[[ " ${WORKS:-$work} " == *" $work "* ]] || continue
			for library in $libraries; do
				# shellcheck disable=SC2086 # a list of words
				measure "$library" "$defaults" "$round" "$work" $arguments
			done
		done <"$figures"
	done
	libraries=$(tac -s' ' <<<"$libraries " | tr '\n' ' ')
done

for defaults in ${DEFAULTS:-library qemu}; do
	"$top/bench/display-table.sh" "$defaults" "$out/display.csv" >"$out/table-$defaults.md"
	printf '\n%s\n\n' "Defaults of $defaults"
	cat "$out/table-$defaults.md"
done
"$top/bench/display-plot.sh" "$out/display.csv" >"$out/display.svg"
