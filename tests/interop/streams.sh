#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What moves in a guest comes as a stream to viewers of both kinds, in time, and is exact once it rests; with
# streaming-video=off nothing is a stream.
#
#   streams.sh [qxl|std]
. "$(dirname "$0")/lib.sh"
kind=${1:-qxl}
need_ours
free_port
desk_start 1500 1000 || give_up "an X server"
# Whole messages in QEMU's log: what the server sends of streams, and what viewers report.
export CLOVE_LOG=debug CLOVE_TRACE=display
start() { # STREAMING-VIDEO
	boot ours g -vga "$kind" -spice "port=$port,addr=127.0.0.1,disable-ticketing=on,streaming-video=$1"
}
count() { grep -c "$1" "$t/g/qemu.log"; }
film() { guest sh "$t/g" "fbpat -f -n ${1:-400} >/dev/null 2>&1 &" >/dev/null; }
film_ends() { guest sh "$t/g" 'while pidof fbpat >/dev/null; do sleep 0.2; done; fbpat -k mix' 90 >/dev/null; }
frames_come() { # HOW-MANY
	local n had

	had=$(count 'DISPLAY_STREAM_DATA')
	for n in {1..200}; do
		[ $(($(count 'DISPLAY_STREAM_DATA') - had)) -lt "$1" ] || return 0
		sleep 0.1
	done
	echo "$(($(count 'DISPLAY_STREAM_DATA') - had)) frames"
	return 1
}
# Of all frames that reports tell of: few may have been dropped.
few_drops() {
	grep 'got.*DISPLAY_STREAM_REPORT' "$t/g/qemu.log" | tail -n +"$((${1:-0} + 1))" |
		grep -oE 'num_(frames|drops)[=: ]+[0-9]+' | tr '=:' '  ' |
		awk '{ n[$1] += $2 } END { print n["num_drops"] + 0 " of " n["num_frames"] + 0 " dropped"
			exit !(n["num_frames"] > 20 && n["num_drops"] * 10 <= n["num_frames"]) }'
}
look_at_window() { desk_shot "$window" "$1"; }
in_colour() { # the film's place is no longer black
	desk_shot "$window" "$t/film.ppm" && [ "$(convert "$t/film.ppm" -gravity center -crop 300x200+0+0 +repage \
			-scale 1x1! -format '%[fx:mean>0.2]' info:)" = 1 ]
}

start all
client "$t/remote.log" remote-viewer --debug "spice://127.0.0.1:$port"
window=$(desk_window $client_pid 20) || give_up "remote-viewer shows a window" "$(tail -n 1 "$t/remote.log")"
check "remote-viewer shows the guest" agree g find look_at_window
film
check "remote-viewer gets a film as a stream" frames_come 40
check "and shows it" in_colour
film_ends
sleep 2
check "every pixel is right when it has ended" agree g find look_at_window
check "the stream has ended" test "$(count 'DISPLAY_STREAM_CREATE')" = "$(count 'DISPLAY_STREAM_DESTROY ')"
check "few frames came too late for it" few_drops
desk_end $client_pid

film 200
sleep 3
check "a screenshot in the middle of a film" spicy_shot --uri="spice://127.0.0.1:$port" "$t/shot.ppm"
film_ends
check "spicy-screenshot gets the very pixels" agree g same spicy_shot --uri="spice://127.0.0.1:$port"

reports=$(count 'got.*DISPLAY_STREAM_REPORT')
if [ -n "$clove_viewer" ]; then
	client "$t/viewer.log" "$clove_viewer" --screenshot "$t/viewer.png" "spice://127.0.0.1:$port"
	viewer=$client_pid
	window=$(desk_window $viewer 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
	look() { viewer_shot $viewer "$t/viewer.png" "$1"; }
	film
	check "clove-viewer gets a film as a stream" frames_come 40
	check "and shows it" in_colour
	film_ends
	sleep 2
	check "every pixel is right when it has ended" agree g same look
	check "few frames came too late for it" few_drops "$reports"
	check "no complaint" quiet viewer.log
	desk_end $viewer
else
	skip "clove-viewer gets a film" "it is not built"
fi
check "QEMU has no complaint" quiet g/qemu.log
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
guest waitexit "$t/g" 10

start off
client "$t/remote.log" remote-viewer "spice://127.0.0.1:$port"
window=$(desk_window $client_pid 20) || give_up "remote-viewer shows a window" "$(tail -n 1 "$t/remote.log")"
film 100
film_ends
check "without streaming it gets the very pixels" agree g find look_at_window
check "and no stream" test "$(count 'DISPLAY_STREAM')" = 0
