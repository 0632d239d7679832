#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# clove-viewer on QEMU with the distribution's own library: the codecs that only it sends
# (std is drawn by QEMU, qxl by the guest's driver; the second argument is image-compression).
. "$(dirname "$0")/lib.sh"
vga=${1:-qxl} compression=${2:-auto_glz}
need_viewer
free_port
boot stock g -vga "$vga" \
	-spice "port=$port,addr=127.0.0.1,disable-ticketing=on,image-compression=$compression,zlib-glz-wan-compression=always"
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
for kind in mix noise text ramp check bars; do
	draw g "-k $kind"
	check "$kind equals screendump" agree g same look_at_shot
done
guest sh "$t/g" 'fbpat -m -n 60' >/dev/null
check "after a moving square" agree g same look_at_shot
check "the X server shows the same pixels at 1:1" agree g find look_at_window
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/g" 10
