#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A device that an incumbent viewer shares (CD images: no hardware is needed) reaches QEMU's own usb-redir through
# our library: over TLS and plain, several at once, through stop and cont, and when the viewer goes in the middle.
# And a process at the USB bridge wakes the guest. On the distribution's library (SERVER=stock) QEMU 7.2 ended here in
# its own usb-redir ("read_buf == NULL"): it was given bytes inside of its taking others.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}
[ "$whose" = stock ] || need_ours

head -c 4098048 /dev/urandom > "$t/a.iso"
head -c 1024000 /dev/urandom > "$t/b.iso"
sum_of() { md5sum < "$1" | cut -c 1-32; }
a=$(sum_of "$t/a.iso") b=$(sum_of "$t/b.iso")
make_certificates "$t/pki" localhost || give_up "openssl makes certificates"
free_port; plain=$port
free_port; tls=$port
redirs=()
for n in 0 1 2; do
	redirs+=(-chardev "spicevmc,id=u$n,name=usbredir" -device "usb-redir,chardev=u$n,id=r$n,bus=ehci.0")
done
CLOVE_USB_SOCKET=$t/usb CLOVE_LOG=info boot "$whose" g -vga std -device usb-ehci,id=ehci "${redirs[@]}" \
	-spice "port=$plain,tls-port=$tls,addr=127.0.0.1,x509-dir=$t/pki,disable-ticketing=on"
desk_start 1200 900 || give_up "an X server"
write_vv "$t/tls.vv" host=127.0.0.1 tls-port="$tls" ca="$(pem_line "$t/pki/ca-cert.pem")" \
	host-subject="O=Clove,CN=localhost"

in_guest() { guest sh "$t/g" "$@"; }
# The sums of all CDs in the guest, in an order of their own.
cds() { in_guest 'for d in /dev/sr*; do [ ! -b $d ] || md5sum < $d; done' 60 | cut -c 1-32 | sort | tr '\n' ' '; }
has_cds() { # N [SECONDS]
	local limit=${2:-20}

	in_guest "n=0; until [ \$(ls /dev | grep -c ^sr) = $1 ]; do n=\$((n+1)); [ \$n -lt $((limit * 5)) ] || exit 1; sleep 0.2; done" \
		$((limit + 10))
}
reads() { # SUM...
	local want got

	want=$(printf '%s\n' "$@" | sort | tr '\n' ' ')
	has_cds $# || { echo "the guest does not have $# CDs"; return 1; }
	got=$(cds)
	[ "$got" = "$want" ] || { echo "sums $got, wanted $want"; return 1; }
}
# An image is not "newly plugged": what is there when the channels come is only taken by this rule.
take_all=--spice-usbredir-redirect-on-connect=-1,-1,-1,-1,1
view() { client "$t/$1.log" "${@:2}"; viewer=$client_pid; }

view remote-viewer remote-viewer --spice-disable-audio $take_all --spice-share-cd="$t/a.iso" --spice-share-cd="$t/b.iso" "$t/tls.vv"
check "remote-viewer, TLS: the guest reads two CDs at once" reads "$a" "$b"
stopped() {
	local got n

	in_guest 'rm -f /tmp/count; echo 3 > /proc/sys/vm/drop_caches; (cat /dev/sr* | wc -c > /tmp/part; mv /tmp/part /tmp/count) & sleep 0.1' \
		>/dev/null
	for n in {1..8}; do
		guest qmp "$t/g" '{"execute":"stop"}' >/dev/null
		sleep 0.1
		guest qmp "$t/g" '{"execute":"cont"}' >/dev/null
		sleep 0.1
	done
	got=$(in_guest 'until [ -s /tmp/count ]; do sleep 0.2; done; cat /tmp/count' 30)
	[ "$got" = 5122048 ] || { echo "$got bytes"; return 1; }
	in_guest 'echo 3 > /proc/sys/vm/drop_caches' >/dev/null
	reads "$a" "$b"
}
check "stop and cont in the middle of a read" stopped
desk_end $viewer
check "the viewer leaves: the CDs are gone" has_cds 0

view remote-viewer remote-viewer --spice-disable-audio $take_all --spice-share-cd="$t/b.iso" "$t/tls.vv"
check "it comes back with another CD" reads "$b"
desk_end $viewer
check "and leaves" has_cds 0

view spicy spicy $take_all --spice-share-cd="$t/a.iso" -h 127.0.0.1 -p "$plain"
check "spicy, plain: the guest reads a CD" reads "$a"
in_guest 'echo 3 > /proc/sys/vm/drop_caches; (cat /dev/sr0 | wc -c) > /tmp/count 2>/dev/null & sleep 0.05' >/dev/null
kill -9 $viewer
wait $viewer 2>/dev/null
check "killed in the middle of a read: the CD is gone" has_cds 0
check "and the guest goes on" in_guest 'true'
desk_end $viewer
view spicy spicy $take_all --spice-share-cd="$t/b.iso" -h 127.0.0.1 -p "$plain"
check "the next viewer's CD is read" reads "$b"
for n in 0 1 2; do guest qmp "$t/g" "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"r$n\"}}" >/dev/null; done
check "the VMM takes its devices away: the CD is gone" has_cds 0
desk_end $viewer

if [ "$whose" = ours ]; then
	waker() { [ "$(printf 'CLOVEWAK\1' | timeout 5 socat -t 2 - "UNIX:$t/usb" | od -An -tu1 | tr -d ' ')" = 1 ]; }
	check "the guest falls asleep" falls_asleep g
	check "a waker at the bridge is answered 1" waker
	check "and the guest wakes" becomes g running
	check "and answers" guest_answers "$t/g"
fi
check "QEMU is still there" guest alive "$t/g"
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/g" 10
check "quit: and says nothing bad" quiet g/qemu.log
