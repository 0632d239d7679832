#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# An X desktop on our library: what clients show equals QEMU's screendump, at any moment of its drawing.
#
#   desktop.sh [qxl|modesetting]     X's driver: the device's own 2D commands and surfaces, or images only
. "$(dirname "$0")/lib.sh"
driver=${1:-qxl}
need_ours
need_viewer
[ -n "${GUEST_INITRD:-}" ] || GUEST_INITRD=$(guest_initrd) || give_up "a guest to boot"
disk=$(guest_desktop "$GUEST_INITRD") || { skip "the desktop guest" "mkdesktop.sh could not build it here"; exit; }
export GUEST_INITRD GUEST_MEM=512M GUEST_APPEND="guest.root=vda guest.modules=none guest.x=$driver"
GUEST_BOOT_LIMIT=200
free_port
desk_start 1300 1000 || give_up "an X server"
boot ours g -vga qxl -drive "file=$disk,if=virtio,snapshot=on" \
	-spice "port=$port,addr=127.0.0.1,disable-ticketing=on,streaming-video=all"
on_desk() { guest sh "$t/g" "export DISPLAY=:0; $1" "${2:-60}"; }
session() {
	local n

	for n in {1..150}; do
		! on_desk 'xdotool search --onlyvisible --name first >/dev/null' || return 0
		sleep 1
	done
	guest sh "$t/g" 'journalctl -u guest-x | tail -n 1'
	return 1
}
check "the desktop comes up" session
client "$t/viewer.log" "$clove_viewer" --screenshot "$t/viewer.png" --stats "$t/stats" "spice://127.0.0.1:$port"
viewer=$client_pid
window=$(desk_window $viewer 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
look() { viewer_shot $viewer "$t/viewer.png" "$1"; }
spicy_look() { spicy_shot -h 127.0.0.1 -p "$port" "$1"; }
check "the desktop, clove-viewer" agree g same look

# While the guest's X server is halted nothing is drawn, so that what a client has been sent can be compared in
# the middle of anything. (QEMU itself halted would show an old picture of a qxl device.)
frozen() {
	local ok=0

	guest sh "$t/g" 'kill -STOP $(pidof Xorg)' >/dev/null
	agree g same look || ok=1
	guest sh "$t/g" 'kill -CONT $(pidof Xorg)' >/dev/null
	return $ok
}
work() { # WHAT COMMAND: while it goes on, the pictures agree at four moments
	local n

	on_desk "$2" >/dev/null
	for n in 1 2 3 4; do
		sleep "0.$((RANDOM % 8 + 1))"
		check "$1: moment $n" frozen
	done
	on_desk 'while pidof busy >/dev/null; do sleep 0.2; done' >/dev/null
	check "$1: at its end" agree g same look
}
on_desk 'cp /bin/sh /usr/local/bin/busy' >/dev/null
work "scrolled text" 'setsid xterm -geometry 100x40+200+150 -e busy -c "seq 1 1500; sleep 1" >/dev/null 2>&1 &'
work "a window is dragged" 'setsid busy -c "w=\$(xdotool search --name first | head -n 1); for i in \$(seq 60); do \
	xdotool windowmove \$w \$((i * 7)) \$((i * 5)); done" >/dev/null 2>&1 &'
work "windows come and go" 'setsid busy -c "for i in 1 2 3 4 5 6; do xterm -geometry 60x20+\$((i * 90))+\$((i * 50)) \
	-e sh -c \"ls -lR /etc | head -n 300\"; done" >/dev/null 2>&1 &'
work "X clients that draw" 'setsid busy -c "xlogo -geometry 300x300+500+100 & xeyes -geometry 200x150+50+500 & \
	xclock -update 1 -geometry 200x200+700+450 & for i in \$(seq 40); do xdotool mousemove \$((i * 25)) \$((i * 18)); \
	sleep 0.1; done; kill %1 %2 %3" >/dev/null 2>&1 &'
check "spicy-screenshot equals screendump" agree g same spicy_look
check "QEMU says nothing bad" quiet g/qemu.log
check "nor did clove-viewer" quiet viewer.log
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/g" 10
