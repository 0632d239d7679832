#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# clove-viewer on QEMU with the distribution's own library: the codecs that only it sends
# (std is drawn by QEMU, qxl by the guest's driver; the second argument is image-compression,
# or jpeg: lossy, so near is enough).
. "$(dirname "$0")/lib.sh"
vga=${1:-qxl} compression=${2:-auto_glz}
need_viewer
case $compression in
jpeg) options=image-compression=auto_glz,jpeg-wan-compression=always ;;
*) options=image-compression=$compression,jpeg-wan-compression=never ;;
esac
free_port
boot stock g -vga "$vga" \
	-spice "port=$port,addr=127.0.0.1,disable-ticketing=on,$options,zlib-glz-wan-compression=always"
desk_start 1500 1000 || give_up "an X server"
client "$t/viewer.log" "$clove_viewer" --screenshot "$t/viewer.png" --wait-picture 20 "spice://127.0.0.1:$port"
viewer=$client_pid
window=$(desk_window $viewer 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
look_at_shot() { viewer_shot $viewer "$t/viewer.png" "$1"; }
look_at_window() { desk_shot "$window" "$1"; }
check "text console" agree g same look_at_shot
check "typed keys arrive in the guest" typed_arrives g "$window"
check "scrolled text" guest sh "$t/g" 'seq 1 200 > /dev/tty1'
check "scrolled text equals screendump" agree g same look_at_shot
# A lossy picture is judged by its distance: equal is infinite, 20 dB is another picture.
is_near() {
	local n distance=

	for n in {1..10}; do
		look_at_shot "$t/seen.ppm" && guest screendump "$t/g" "$t/dump.ppm" &&
			distance=$(compare -metric PSNR "$t/seen.ppm" "$t/dump.ppm" null: 2>&1)
		case $distance in
		inf) [ "$1" = ramp ] || return 0 ;;
		[3-9][0-9] | [3-9][0-9].*) return 0 ;;
		esac
		sleep 0.3
	done
	echo "${distance:-no picture} dB"
	return 1
}
for kind in mix noise text ramp check bars; do
	draw g "-k $kind"
	if [ "$compression" = jpeg ]; then
		check "$kind is near screendump" is_near $kind
	else
		check "$kind equals screendump" agree g same look_at_shot
	fi
done
if [ "$compression" != jpeg ]; then
	guest sh "$t/g" 'fbpat -m -n 60' >/dev/null
	check "after a moving square" agree g same look_at_shot
	check "the X server shows the same pixels at 1:1" agree g find look_at_window
fi
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/g" 10
