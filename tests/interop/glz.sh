#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images by a dictionary: the incumbents' clients and ours have read all earlier ones right if a later one is
# right, plain and deflated, on one display and on two with one dictionary.
#
#   glz.sh [qxl|std]
. "$(dirname "$0")/lib.sh"
kind=${1:-qxl}
need_ours
free_port
desk_start 1500 1000 || give_up "an X server"
export CLOVE_LOG=debug CLOVE_TRACE=display
spice=port=$port,addr=127.0.0.1,disable-ticketing=on,image-compression=glz
image_type() { grep -cE "DISPLAY_DRAW_COPY.*type[=: ]+$1([^0-9]|\$)" "$t/g/qemu.log"; }
look_at_window() { desk_shot "$window" "$1"; }
pictures() { # the guest's screen, again and again
	local seed

	for seed in 1 2 3 4 5 6; do draw g "-k mix -s $seed"; done
}
by_each_client() { # WHAT
	check "$1: spicy-screenshot equals screendump" agree g same spicy_shot --uri="spice://127.0.0.1:$port"
	client "$t/remote.log" remote-viewer --spice-disable-audio "spice://127.0.0.1:$port"
	if window=$(desk_window $client_pid 20); then
		pictures
		check "$1: remote-viewer shows the pixels of screendump" agree g find look_at_window
	else
		fail "$1: remote-viewer shows a window" "$(tail -n 1 "$t/remote.log")"
	fi
	desk_end $client_pid
	[ -n "$clove_viewer" ] || { skip "$1: clove-viewer" "it is not built"; return; }
	client "$t/viewer.log" "$clove_viewer" --screenshot "$t/viewer.png" "spice://127.0.0.1:$port"
	viewer=$client_pid
	if window=$(desk_window $viewer 20); then
		look() { viewer_shot $viewer "$t/viewer.png" "$1"; }
		pictures
		check "$1: clove-viewer equals screendump" agree g same look
	else
		fail "$1: clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
	fi
	desk_end $viewer
	check "$1: no complaint" quiet viewer.log
}
ends_well() {
	check "QEMU has no complaint" quiet g/qemu.log
	guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
	check "quit: QEMU ends" guest waitexit "$t/g" 10
}

boot ours g -vga "$kind" -spice "$spice,zlib-glz-wan-compression=never"
by_each_client plain
check "images came by the dictionary" test "$(image_type 102)" -gt 10
check "and none deflated" test "$(image_type 107)" = 0
ends_well
boot ours g -vga "$kind" -spice "$spice,zlib-glz-wan-compression=always"
by_each_client deflated
check "images came deflated" test "$(image_type 107)" -gt 10
ends_well
