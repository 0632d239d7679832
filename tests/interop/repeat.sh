#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A key held for 1.5 s repeats in the guest as often as the desktop says: QEMU's PS/2
# keyboard does not repeat by itself, so every repetition came from the viewer.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}
need_viewer
free_port
boot "$whose" g -vga std -spice "port=$port,addr=127.0.0.1,disable-ticketing=on"
desk_start 1400 1000 || give_up "an X server"
# What the desktop says is counted on the same key, held as long, in a window of X's own.
desktop_repeats() {
	local id

	stdbuf -oL xev -event keyboard -geometry 300x300+900+600 >"$t/xev" 2>&1 &
	desk_remember $!
	# xev does not say whose its window is
	id=$(timeout 10 xdotool search --sync --onlyvisible --name '^Event Tester$' | head -n 1)
	desk_focus "$id"
	sleep 0.5
	xdotool keydown k sleep 1.5 keyup k
	sleep 0.5
	desk_end $!
	grep -c '^KeyPress' "$t/xev"
}
# counted before there is a viewer, which grabs the keyboard
rates=("500 20" "250 30") wanted=()
for rate in "${rates[@]}"; do
	# shellcheck disable=SC2086
	xset r rate $rate
	# a loaded machine stretches 1.5 s, now more, now less
	wanted+=("$( (desktop_repeats; desktop_repeats) | sort -n | tr '\n' ' ')")
done
client "$t/viewer.log" "$clove_viewer" "spice://127.0.0.1:$port"
window=$(desk_window $client_pid 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
sleep 1
hold() { # KEY MILLISECONDS, with nothing else between press and release
	desk_focus "$window"
	xdotool keydown "$1" sleep "$2" keyup "$1"
}
as_often() { # LEAST MOST
	local try

	for try in 1 2 3; do
		during_events g 5 hold k 1.5
		# evdev: code 37 is K; 1 press, 2 repeat, 0 release
		got=$(grep -cE ' 1 37 [12]$' "$t/events") releases=$(grep -cE ' 1 37 0$' "$t/events")
		[ "$releases" = 1 ] || { echo "$releases releases"; return 1; }
		[ "$1" -le 3 ] || [ "$got" -lt $(($1 - 1)) ] || [ "$got" -gt $(($2 + 1)) ] || return 0
	done
	echo "$got presses in the guest, $1 to $2 on the desktop"
	return 1
}
for i in "${!rates[@]}"; do
	# shellcheck disable=SC2086
	xset r rate ${rates[i]}
	# shellcheck disable=SC2086
	check "xset r rate ${rates[i]}: as many presses as on the desktop, ${wanted[i]}, and one release" \
		as_often ${wanted[i]}
done
xset r off
during_events g 4 hold k 1.5
got=$(grep -cE ' 1 37 [12]$' "$t/events")
[ "$got" = 1 ] && pass "no repeats where the desktop has none" || fail "no repeats where the desktop has none" "$got presses"
