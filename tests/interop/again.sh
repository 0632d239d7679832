#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Screens that are switched to and fro come out of the client's image cache: equal to screendump each time, and
# for a part of the bytes. clove-viewer, then remote-viewer, which counts no bytes: its socket does.
. "$(dirname "$0")/lib.sh"
vga=${1:-std}
need_viewer
free_port
boot "${SERVER:-ours}" g -vga "$vga" -spice "port=$port,addr=127.0.0.1,disable-ticketing=on"
desk_start 1500 1000 || give_up "an X server"
screens=("-k noise" "-k mix" "-k noise -s 7")

# Bytes that all connections to the server have brought this process so far.
received() { # PID
	ss -tinpH "dport = :$port" | awk -v pid="pid=$1," '/^[A-Z]/ { mine = index($0, pid) }
		mine && match($0, /bytes_received:[0-9]+/) { n += substr($0, RSTART + 15, RLENGTH - 15) } END { print n + 0 }'
}
fewer() { # FIRST AGAIN
	echo "$2 bytes, $1 at first"
	[ "$1" -gt 0 ] && [ $(($2 * 20)) -lt "$1" ]
}
# Shows all screens three times; the third time all that is seen between them is known, too.
to_and_fro() { # WHO PID HOW LOOK...
	local who=$1 pid=$2 how=$3 round screen before bytes=()
	shift 3

	for round in 0 1 2; do
		before=$(received "$pid")
		for screen in "${screens[@]}"; do
			draw g "$screen"
			check "$who: $screen, round $round, equals screendump" agree g "$how" "$@"
		done
		bytes[round]=$(($(received "$pid") - before))
	done
	echo "# $who: ${bytes[*]} bytes for ${#screens[@]} screens in three rounds"
	check "$who: screens that come again cost less than a twentieth" fewer "${bytes[0]}" "${bytes[2]}"
}

client "$t/viewer.log" "$clove_viewer" --screenshot "$t/viewer.png" --stats "$t/stats" "spice://127.0.0.1:$port"
viewer=$client_pid
window=$(desk_window $viewer 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
look_at_shot() { viewer_shot $viewer "$t/viewer.png" "$1"; }
to_and_fro clove-viewer $viewer same look_at_shot
used_cache() { [ "$(grep -o '"cache":[0-9]*' "$t/stats" | tail -n 1 | cut -d: -f2)" -gt 0 ]; }
[ "${SERVER:-ours}" = stock ] || check "clove-viewer: by its cache" used_cache
desk_end $viewer
check "spicy-screenshot still equals screendump" agree g same spicy_shot -h 127.0.0.1 -p "$port"

client "$t/remote-viewer.log" remote-viewer --spice-disable-audio "spice://127.0.0.1:$port"
viewer=$client_pid
if window=$(desk_window $viewer 20); then
	look_at_window() { desk_shot "$window" "$1"; }
	to_and_fro remote-viewer $viewer find look_at_window
	check "no failure in remote-viewer's log" quiet remote-viewer.log
else
	fail "remote-viewer shows a window" "$(tail -n 1 "$t/remote-viewer.log")"
fi
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/g" 10
