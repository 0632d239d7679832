#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# key-latency.sh - from a key press to the changed pixel on the X screen, viewer by viewer.
#
#   bench/key-latency.sh [OUT.csv]   in the build folder; default: key-latency.csv here
#
# One QEMU for each display device (qxl's text console and std), on our library, plain TCP,
# default settings; clove-viewer, remote-viewer, and remote-viewer with
# SPICE_KEYPRESS_DELAY=0 take turns on it, some keys at a time, held 50 and 150 ms.
# Prints a table and whether the bars hold; OUT.csv has a row for each key.
# Environment: KEYS (60 for each row of the table), TURNS (3), SERVER=stock (the
# distribution's library), DISPLAYS ("qxl std"), VIEWERS.
bench=$(cd "$(dirname "$0")" && pwd)
. "$bench/../tests/interop/lib.sh"
csv=${1:-$PWD/key-latency.csv}
keys=${KEYS:-60} turns=${TURNS:-3} holds="50 150"
whose=${SERVER:-ours}
[ -x "$build/bench/key-pixels" ] || give_up "bench/key-pixels is built" "it needs libxtst-dev and libxdamage-dev"
[ "$whose" = stock ] || need_ours
viewers=${VIEWERS:-${clove_viewer:+clove-viewer }remote-viewer remote-viewer-0}
desk_start 1400 1000 || give_up "an X server"

view() { # VIEWER
	case $1 in
	clove-viewer) client "$t/viewer.log" "$clove_viewer" "spice://127.0.0.1:$port" ;;
	remote-viewer) client "$t/viewer.log" env -u SPICE_KEYPRESS_DELAY remote-viewer "spice://127.0.0.1:$port" ;;
	remote-viewer-0) client "$t/viewer.log" env SPICE_KEYPRESS_DELAY=0 remote-viewer "spice://127.0.0.1:$port" ;;
	esac
}
echo "server,display,viewer,hold_ms,key,latency_ms" > "$t/all.csv"
for vga in ${DISPLAYS:-qxl std}; do
	free_port
	boot "$whose" "$vga" -vga "$vga" -spice "port=$port,addr=127.0.0.1,disable-ticketing=on"
	for ((turn = 0; turn < turns; turn++)); do
		for viewer in $viewers; do
			view "$viewer"
			window=$(desk_window $client_pid 20) || give_up "$viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
			look_at_window() { desk_shot "$window" "$1"; }
			agree "$vga" find look_at_window || give_up "$viewer shows the guest"
			desk_focus "$window"
			xdotool mousemove --window "$window" 400 400
			sleep 0.5
			for hold in $holds; do
				"$build/bench/key-pixels" "$window" "$hold" $(((keys + turns - 1) / turns)) > "$t/keys" ||
					give_up "keys are pressed and pixels seen"
				awk -v row="$whose,$vga,$viewer,$hold" -v turn=$turn '{ print row "," turn "-" NR "," $1 }' \
					"$t/keys" >> "$t/all.csv"
			done
			desk_end $client_pid
		done
	done
	guest stop "$t/$vga"
done
mv "$t/all.csv" "$csv"

row() { # DISPLAY VIEWER HOLD: "N LOST P50 P95 MOST"
	awk -F, -v d="$1" -v v="$2" -v h="$3" '$2 == d && $3 == v && $4 == h { print $6 }' "$csv" | sort -n |
		awk '$1 == "lost" { lost++; next } { at[n++] = $1 }
			END { printf "%d %d %s %s %s\n", n, lost, at[int((n - 1) * 0.5)], at[int((n - 1) * 0.95)], at[n - 1] }'
}
bars=
printf '\n%-8s %-16s %8s %6s %6s %9s %9s %9s\n' display viewer hold/ms keys lost p50/ms p95/ms most/ms
for vga in ${DISPLAYS:-qxl std}; do
	for hold in $holds; do
		for viewer in $viewers; do
			read -r n lost p50 p95 most < <(row "$vga" "$viewer" "$hold")
			printf '%-8s %-16s %8s %6s %6s %9s %9s %9s\n' "$vga" "$viewer" "$hold" "$n" "$lost" "$p50" "$p95" "$most"
			declare "p50_${viewer//-/_}=$p50"
			[ "$n" -ge "$keys" ] && [ "$lost" = 0 ] || fail "$viewer, $vga, $hold ms: every key shows" "$lost lost"
		done
		bars="$bars
$vga $hold ${p50_clove_viewer:-} ${p50_remote_viewer:-} ${p50_remote_viewer_0:-}"
	done
done
echo
while read -r vga hold mine theirs undelayed; do
	[ -n "$undelayed" ] || continue
	at_most() { # FACTOR REFERENCE WHAT
		local ratio

		ratio=$(awk -v a="$mine" -v b="$2" 'BEGIN { printf "%.2f", a / b }')
		awk -v r="$ratio" -v f="$1" 'BEGIN { exit !(r <= f) }' && pass "$vga, $hold ms: $ratio x $3, at most $1" ||
			fail "$vga, $hold ms: at most $1 x $3" "$ratio"
	}
	# std's pixels wait for QEMU's refresh timer, whichever viewer looks: the first bar is qxl's
	[ "$vga" != qxl ] || at_most 0.25 "$theirs" "remote-viewer"
	at_most 1.3 "$undelayed" "remote-viewer with SPICE_KEYPRESS_DELAY=0"
done <<<"$bars"
[ $failed != 0 ] || pass "wrote $csv"
