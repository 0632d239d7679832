#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A key from the viewer wakes a guest that sleeps in S3, also when the viewer connects only
# after it fell asleep. On std VGA: Linux 6.1's qxl console does not come back on any server.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}
need_viewer
free_port
boot "$whose" g -vga std -spice "port=$port,addr=127.0.0.1,disable-ticketing=on"
desk_start 1400 1000 || give_up "an X server"
view() {
	client "$t/viewer.log" "$clove_viewer" "spice://127.0.0.1:$port"
	viewer=$client_pid
	window=$(desk_window $viewer 20)
}
wake() { desk_key "$window" space; becomes g running; }
alive_again() { guest_answers "$t/g"; }

view || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
check "the guest falls asleep" falls_asleep g
check "a key wakes it" wake
check "and it answers" alive_again
look_at_window() { desk_shot "$window" "$1"; }
draw g "-k mix"
check "the picture comes back" agree g find look_at_window
desk_end $viewer

check "the guest falls asleep without a viewer" falls_asleep g
if view; then
	sleep 1
	check "it still sleeps when the viewer has come" test "$(state g)" = suspended
	check "a key from the late viewer wakes it" wake
	check "and it answers" alive_again
	draw g "-k mix -s 2"
	check "the late viewer gets the picture" agree g find look_at_window
else
	fail "clove-viewer shows a window for a sleeping guest" "$(tail -n 1 "$t/viewer.log")"
fi
