#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images that clove-viewer shares over TLS on our library reach the guest:
#
#   usb-viewer.sh redir    through QEMU 7.2's own usb-redir
#   usb-viewer.sh bridge   through the USB bridge and our own controller (QEMU 11, clove-ehci-vfio)
. "$(dirname "$0")/lib.sh"
way=${1:-redir}
[ "$way" = redir ] || . "$(dirname "$0")/ehci-lib.sh"
whose=${SERVER:-ours}
need_viewer
[ "$whose" = stock ] || need_ours

head -c 2097152 /dev/urandom > "$t/disk.img"
head -c 4098048 /dev/urandom > "$t/a.iso"
sum_of() { md5sum < "$1" | cut -c 1-32; }
disk=$(sum_of "$t/disk.img") cd=$(sum_of "$t/a.iso")
make_certificates "$t/pki" localhost || give_up "openssl makes certificates"
free_port; tls=$port
write_vv "$t/tls.vv" host=127.0.0.1 tls-port="$tls" ca="$(pem_line "$t/pki/ca-cert.pem")" \
	host-subject="O=Clove,CN=localhost"
desk_start 1200 900 || give_up "an X server"

in_guest() { guest sh "$t/$g" "$@"; }
has() { # GLOB N [SECONDS]
	local limit=${3:-20}

	in_guest "n=0; until [ \$(ls /dev | grep -c '^$1\$') = $2 ]; do n=\$((n+1)); [ \$n -lt $((limit * 5)) ] || exit 1; sleep 0.2; done" \
		$((limit + 10))
}
reads() { # DEVICE SUM
	local got

	has "$1" 1 || { echo "the guest has no $1"; return 1; }
	got=$(in_guest "echo 3 > /proc/sys/vm/drop_caches; md5sum < /dev/$1" 60 | cut -c 1-32)
	[ "$got" = "$2" ] || { echo "$1 has the sum $got, not $2"; return 1; }
}
view() { client "$t/viewer.log" "$clove_viewer" "$@" "$t/tls.vv"; viewer=$client_pid; }
# What a viewer's life does to its devices; the guest is $g.
lives() { # WHAT
	view --share-image="$t/disk.img" --spice-share-cd="$t/a.iso"
	check "$1: the guest reads a disk image" reads sda "$disk"
	check "$1: and an ISO beside it" reads sr0 "$cd"
	check "$1: it may not write to the image" in_guest '! echo x > /dev/sda; [ "$(cat /sys/block/sda/ro)" = 1 ]'
	desk_end $viewer
	check "$1: the viewer leaves, and both are gone" has 's[dr].*' 0
	cp "$t/disk.img" "$t/mine.img"
	view --share-image="$t/mine.img,writable"
	check "$1: it comes back" reads sda "$disk"
	in_guest 'head -c 1000000 /dev/urandom > /tmp/new; dd if=/tmp/new of=/dev/sda bs=4096 conv=fsync,notrunc 2>/dev/null; sync' >/dev/null
	check "$1: what the guest writes is in the file" \
		test "$(head -c 1000000 "$t/mine.img" | md5sum)" = "$(in_guest 'md5sum < /tmp/new')"
	in_guest '(cat /dev/sda | wc -c) > /tmp/count 2>/dev/null &' >/dev/null
	kill -9 $viewer
	wait $viewer 2>/dev/null
	check "$1: killed in the middle of a read, and all is gone" has 's[dr].*' 0
	view --share-image="$t/disk.img"
	check "$1: the next viewer's is read" reads sda "$disk"
	desk_end $viewer
	check "$1: clove-viewer says nothing bad" quiet viewer.log
}

if [ "$way" = bridge ]; then
	g=bridge
	start_daemon --bridge "$t/usb" --bridge-devices 3 --device keyboard
	: "${GUEST_BOOT_LIMIT:=120}"
	CLOVE_USB_SOCKET=$t/usb GUEST_LIBDIR=$ours boot_ehci bridge -vga std \
		-spice "tls-port=$tls,addr=127.0.0.1,x509-dir=$t/pki,disable-ticketing=on"
	loaded=$(realpath "$(guest_library "$t/bridge")")
	check "QEMU runs on ours: $loaded" test "$loaded" = "$(realpath "$ours/libspice-server.so.1")"
	lives bridge
	# a keyboard of the controller wakes the guest: the daemon asks by the bridge
	keyboard=$(ctl list | sed -n 's/^port \([0-9]*\):.*eyboard.*/\1/p')
	view --share-image="$t/disk.img"
	has sda 1 >/dev/null
	in_guest 'for f in /sys/bus/usb/devices/*/power/wakeup; do echo enabled > $f; done' >/dev/null
	check "the guest falls asleep" falls_asleep bridge
	ctl key "$keyboard" 4 >/dev/null
	check "a key of our controller's keyboard wakes it through the bridge" becomes bridge running
	check "and it answers" guest_answers "$t/$g"
	check "the viewer's disk is there as before" reads sda "$disk"
	desk_end $viewer
	check "the daemon is still there" kill -0 $daemon_pid
	check "quit: QEMU ends" guest qmp "$t/bridge" '{"execute":"quit"}'
	check "quit: in time" guest waitexit "$t/bridge" 10
	check "quit: and says nothing bad" quiet bridge/qemu.log
	check "nor does the daemon" quiet daemon.log
	exit
fi

g=redir redirs=()
for n in 0 1 2; do
	redirs+=(-chardev "spicevmc,id=u$n,name=usbredir" -device "usb-redir,chardev=u$n,id=r$n,bus=ehci.0")
done
boot "$whose" redir -vga std -device usb-ehci,id=ehci "${redirs[@]}" \
	-spice "tls-port=$tls,addr=127.0.0.1,x509-dir=$t/pki,disable-ticketing=on"
lives usb-redir
check "quit: QEMU ends" guest qmp "$t/redir" '{"execute":"quit"}'
check "quit: in time" guest waitexit "$t/redir" 10
check "quit: and says nothing bad" quiet redir/qemu.log
