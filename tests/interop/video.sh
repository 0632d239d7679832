#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# clove-viewer shows what a server sends as video, and the same pixels as QEMU once it has ended.
#
#   video.sh [qxl|std [stock|ours]]    on the library of the distribution, or on this one
. "$(dirname "$0")/lib.sh"
kind=${1:-qxl}
whose=${2:-${SERVER:-stock}}
need_viewer
free_port
desk_start 1200 900 || give_up "an X server"
boot "$whose" g -vga "$kind" -spice "port=$port,addr=127.0.0.1,disable-ticketing=on,streaming-video=all"
client "$t/viewer.log" "$clove_viewer" --stats "$t/stats" --screenshot "$t/viewer.png" "spice://127.0.0.1:$port"
viewer=$client_pid
window=$(desk_window $viewer 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
look() { viewer_shot $viewer "$t/viewer.png" "$1"; }
check "the guest is shown" agree g same look
figure() { grep -o "\"$1\":[0-9]*" "$t/stats" | tail -n "${2:-1}" | cut -d: -f2; }

guest sh "$t/g" 'fbpat -v -n 2000 >/dev/null 2>&1 &' >/dev/null
until_video() {
	local n

	for n in {1..150}; do
		[ "$(figure video_frames)" -lt 20 ] || return 0
		sleep 0.1
	done
	figure video_frames
	return 1
}
check "a film comes as video" until_video
during() { [ "$(figure streams | sort -n | tail -n 1)" -gt 0 ] || figure streams; }
check "a stream is there meanwhile" during
coloured() { # the strip is no longer black
	local n mean="no screenshot"

	for n in {1..10}; do
		look "$t/film.ppm" || { sleep 0.5; continue; }
		mean=$(convert "$t/film.ppm" -gravity center -crop 800x60+0+0 +repage -scale 1x1! -format '%[fx:mean]' info:)
		! awk -v mean="$mean" 'BEGIN { exit !(mean > 0.1) }' || return 0
		sleep 0.5
	done
	echo "mean brightness: $mean; $(tail -n 1 "$t/viewer.log")"
	return 1
}
check "the picture has it" coloured
guest sh "$t/g" 'kill $(pidof fbpat); while pidof fbpat >/dev/null; do sleep 0.2; done' >/dev/null
guest sh "$t/g" 'fbpat -k mix' >/dev/null
sleep 2
check "when it has ended every pixel is the guest's" agree g same look
check "nothing was skipped" test "$(figure skipped)" = 0
echo "# $(figure video_frames) frames of video, $(figure video_dropped) dropped, $(figure video_decode_us) us"
check "no complaint" quiet viewer.log
