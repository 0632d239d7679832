#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# clove-viewer gives images to a guest's QEMU as USB devices, over TLS, as a person does it: from the command line, by
# check boxes and a file dialog; takes them back, and gives them again when the server comes back.
#
#   usb-dialog.sh stock|ours    which library serves
. "$(dirname "$0")/lib.sh"
whose=${1:-ours}
need_viewer
make_certificates "$t/pki" localhost || give_up "openssl makes certificates"
free_port
desk_start 1200 900 || give_up "an X server"
head -c 2097152 /dev/urandom > "$t/a.img"
head -c 1500160 /dev/urandom > "$t/b.img"
head -c 1048576 /dev/zero > "$t/w.img"
sum_of() { md5sum < "$1" | cut -c 1-32; }
a=$(sum_of "$t/a.img") b=$(sum_of "$t/b.img")
start_guest() {
	boot "$whose" g -vga std -device usb-ehci,id=ehci \
		-chardev spicevmc,id=u0,name=usbredir -device usb-redir,chardev=u0,id=r0,bus=ehci.0 \
		-chardev spicevmc,id=u1,name=usbredir -device usb-redir,chardev=u1,id=r1,bus=ehci.0 \
		-spice "tls-port=$port,addr=127.0.0.1,x509-dir=$t/pki,disable-ticketing=on"
}
in_guest() { guest sh "$t/g" "$@"; }
has_disks() { # N
	in_guest "for n in \$(seq 100); do [ \$(ls /dev | grep -c '^sd.\$') != $1 ] || exit 0; sleep 0.2; done; exit 1" 30 ||
		{ echo "not $1 disks"; return 1; }
}
reads() { # SUM...: those disks, in any order
	local want got

	want=$(printf '%s\n' "$@" | sort | tr '\n' ' ')
	has_disks $# || return 1
	got=$(in_guest 'for d in /dev/sd?; do md5sum < $d; done' 60 | cut -c 1-32 | sort | tr '\n' ' ')
	[ "$got" = "$want" ] || { echo "sums $got, wanted $want"; return 1; }
}

start_guest
client "$t/viewer.log" env CLOVE_LOG=info "$clove_viewer" --ca-file "$t/pki/ca-cert.pem" --stats "$t/stats" \
	--hotkeys usb-device-reset=ctrl+shift+r --share-image "$t/a.img" "spice+tls://localhost:$port"
viewer=$client_pid
window=$(desk_window $viewer 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
check "the guest reads the image of the command line" reads "$a"
refuses_writes() { ! in_guest 'dd if=/dev/zero of=/dev/sda bs=4096 count=1 conv=fsync' >/dev/null 2>&1 &&
	[ "$(sum_of "$t/a.img")" = "$a" ]; }
check "and cannot write to it" refuses_writes

# The dialog, opened by the button beside the keys', worked by the keyboard.
named() { timeout "${2:-5}" xdotool search --sync --onlyvisible --name "^$1\$" | tail -n 1; } # NAME
shows() { [ -n "$(named "$1")" ] || { echo "no window $1"; return 1; }; }
open_dialog() {
	desk_focus "$window"
	xdotool mousemove --window "$window" 100 24 sleep 0.3 click 1
	shows "USB Devices"
}
check "the button opens the dialog" open_dialog
dialog=$(named "USB Devices")
press() { desk_focus "$dialog"; xdotool key --delay 60 "$@"; }
press space
check "a check box takes it back" has_disks 0
press space
check "and gives it again" reads "$a"

choose() { # FILE KEY...: in the file dialog
	local file=$1

	shift
	press alt+s
	shows "Share a Disk Image or ISO" || return 1
	desk_focus "$(named "Share a Disk Image or ISO")"
	[ $# = 0 ] || xdotool key --delay 60 "$@"
	xdotool key --delay 60 ctrl+l sleep 0.3 type --delay 20 -- "$file"
	sleep 0.3
	xdotool key Return
}
check "an image is chosen" choose "$t/b.img"
check "the guest reads both" reads "$a" "$b"
resets() {
	local before after n

	before=$(in_guest 'dmesg | grep -c "new high-speed USB device"')
	desk_focus "$window"
	xdotool key ctrl+shift+r
	for n in {1..50}; do
		after=$(in_guest 'dmesg | grep -c "new high-speed USB device"')
		[ "$after" -ne $((before + 2)) ] || return 0
		sleep 0.2
	done
	echo "$before devices were found, and now $after"
	return 1
}
check "the hotkey plugs both in anew" resets
check "and the guest reads both" reads "$a" "$b"
check "a third finds no channel" choose "$t/w.img" alt+w
third_waits() { reads "$a" "$b" && [ -n "$(named "USB Devices")" ]; }
check "and the others are not disturbed" third_waits

# The server goes in the middle of a read, and comes back.
in_guest '(cat /dev/sd? > /dev/null; echo 3 > /proc/sys/vm/drop_caches; cat /dev/sd? >/dev/null) >/dev/null 2>&1 &' >/dev/null
sleep 0.2
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
guest waitexit "$t/g" 10
sleep 1 # the viewer looks whether anybody is there before it comes back by itself
check "the viewer stays" kill -0 $viewer
start_guest
check "it comes back, and gives both again" reads "$a" "$b"

# Room for the third, to which the guest may write: the first is unticked.
press space
writes() {
	has_disks 2 || return 1
	in_guest 'd=/dev/$(cd /sys/block; for s in sd?; do [ $(cat $s/size) != 2048 ] || echo $s; done); '\
'dd if=/bin/busybox of=$d bs=4096 count=100 conv=fsync 2>/dev/null && head -c 409600 /bin/busybox | md5sum' 30 |
		cut -c 1-32 > "$t/sum"
	[ "$(head -c 409600 "$t/w.img" | md5sum | cut -c 1-32)" = "$(cat "$t/sum")" ] || { echo "other bytes"; return 1; }
}
check "the one that waited gets the channel, and the guest writes to it" writes
json() { python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert max(row["usb_bytes_out"] for row in rows) > 3000000, rows[-1]' "$1"; }
kill -TERM $viewer
check "SIGTERM ends the viewer" ends $viewer 5
check "the devices are gone" has_disks 0
check "the figures count USB" json "$t/stats"
check "the viewer says nothing bad" quiet viewer.log
check "QEMU is still there" guest alive "$t/g"
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "QEMU ends" guest waitexit "$t/g" 10
