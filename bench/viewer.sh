#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# viewer.sh - what a viewer costs that shows what view-server sends, on a screen of 3840x2160.
#
#   bench/viewer.sh [KIND:RATE...]    in the build folder; make bench-viewer: all of them
#
# Prints for each kind and viewer the CPU time of the viewer's process as a part of one core, of the X server
# beside it, and how many updates a second were taken. Environment: VIEWERS ("clove-viewer
# remote-viewer"), SIZE (3840x2160), SECONDS_EACH (8), ROUNDS (3; by turns).
bench=$(cd "$(dirname "$0")" && pwd)
. "$bench/../tests/interop/lib.sh"
need_viewer
server=$build/bench/view-server
size=${SIZE:-3840x2160} each=${SECONDS_EACH:-8} rounds=${ROUNDS:-3}
kinds=${*:-text-raw:60 text-lz:60 text-lz4:60 text-quic:60 text-copy:60 photo-quic:2 tiles-quic:2 photo-jpeg:4 video:30}
desk_start "${size%x*}" "${size#*x}" || give_up "an X server"
xserver=${desk_pids[0]}
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; } # PID: of user and system, 100 a second
sent() { tail -n 1 "$t/server" | sed 's/.*"sent":\([0-9]*\).*/\1/'; }

printf '%-12s %5s %-14s %12s %12s %10s\n' kind rate viewer cpu/core X/core shown/s
for ((round = 0; round < rounds; round++)); do
	for one in $kinds; do
		kind=${one%:*} rate=${one#*:}
		for viewer in ${VIEWERS:-clove-viewer remote-viewer}; do
			rm -f "$t/socket"
			client "$t/server" "$server" "$t/socket" "${size%x*}" "${size#*x}" "$kind" "$rate"
			server_pid=$client_pid
			for n in {1..600}; do [ ! -S "$t/socket" ] || break; sleep 0.1; done
			case $viewer in
			clove-viewer) client "$t/viewer.log" "$clove_viewer" --full-screen "spice+unix://$t/socket" ;;
			*) client "$t/viewer.log" "$viewer" --full-screen "spice+unix://$t/socket" ;;
			esac
			desk_window $client_pid 20 >/dev/null || give_up "$viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
			sleep 3
			cpu=$(ticks $client_pid) x=$(ticks "$xserver") n=$(sent)
			sleep "$each"
			printf '%-12s %5s %-14s %12s %12s %10s\n' "$kind" "$rate" "$viewer" \
				"$(awk "BEGIN { print ($(ticks $client_pid) - $cpu) / $each / 100 }")" \
				"$(awk "BEGIN { print ($(ticks "$xserver") - $x) / $each / 100 }")" \
				"$(awk "BEGIN { print ($(sent) - $n) / $each }")"
			[ -z "${KEEP_RUNNING:-}" ] || "$KEEP_RUNNING" $client_pid
			desk_end $client_pid
			desk_end $server_pid
			pass "$one $viewer" >/dev/null
		done
	done
done
