#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two heads: two qxl devices (two display channels), and a virtio device with two outputs.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}
[ "$whose" = stock ] || need_ours
free_port
boot "$whose" two -vga none -device qxl-vga,id=head0 -device qxl,id=head1 \
	-spice "port=$port,addr=127.0.0.1,disable-ticketing=on"
desk_start 2200 1800 || give_up "an X server"
# The guest's driver may leave a head that no console uses at its first surface, of 64x64; to be told
# to pan, even by nothing, makes it look again.
guest sh "$t/two" 'echo 0,0 > /sys/class/graphics/fb1/pan; fbpat -k mix; fbpat -k text -d /dev/fb1' >/dev/null ||
	give_up "the guest has two frame buffers"
sleep 0.5
head1() {
	guest qmp "$t/two" "{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"$t/head1.ppm\",\"device\":\"head1\"}}" >/dev/null
}
check "spicy-screenshot, first head" agree two same spicy_shot -h 127.0.0.1 -p "$port"
look_at_window() { desk_shot "$window" "$1"; }
both_shown() { # PID: one window shows head 0, another head 1
	local n w list found

	for n in {1..20}; do
		sleep 0.3
		list=$(desk_windows "$1") found=
		guest screendump "$t/two" "$t/dump.ppm" && head1 || continue
		for w in $list; do
			desk_focus "$w" # windows may lie upon each other
			sleep 0.2
			desk_shot "$w" "$t/w.ppm" || continue
			! picture find "$t/w.ppm" "$t/dump.ppm" >/dev/null || found=${found}0
			! picture find "$t/w.ppm" "$t/head1.ppm" >/dev/null || found=${found}1
		done
		case $found in 01 | 10) return 0 ;; esac
	done
	echo "of $(wc -w <<<"$list") windows these show a head: ${found:-none}"
	return 1
}
if [ -n "$clove_viewer" ]; then
	client "$t/viewer.log" "$clove_viewer" "spice://127.0.0.1:$port"
	viewer=$client_pid
	if desk_window $viewer 20 2 >/dev/null; then
		check "clove-viewer shows both heads, each in its window" both_shown $viewer
	else
		fail "clove-viewer shows two windows" "$(tail -n 1 "$t/viewer.log")"
	fi
	desk_end $viewer
else
	skip "clove-viewer on two heads" "it is not built"
fi
: > "$t/two/chan.log"
guest qmp "$t/two" '{"execute":"system_reset"}' >/dev/null
check "system_reset: the guest comes up again" guest wait "$t/two" 120
guest qmp "$t/two" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/two" 10

free_port
boot "$whose" outputs -vga none -device virtio-vga,max_outputs=2 \
	-spice "port=$port,addr=127.0.0.1,disable-ticketing=on"
draw outputs "-k mix"
check "virtio with two outputs: spicy-screenshot equals screendump" agree outputs same spicy_shot -h 127.0.0.1 -p "$port"
guest qmp "$t/outputs" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/outputs" 10
