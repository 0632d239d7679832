#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures what a command to a redirected stick costs on a long line: our controller and QEMU's usb-redir in one guest, both
# from clove-usbredirect through a relay that makes a round trip as long as asked.
#
#   usb-far.sh [RTT-MS]    in the build folder (or CLOVE_BUILD); 20 ms
#
# Environment: ROUNDS (3), USB_RANDOM (reads of 4 KiB in a round; 50).
rtt=${1:-20}
. "$(dirname "$0")/../tests/interop/lib.sh"
. "$top/tests/interop/ehci-lib.sh"
rounds=${ROUNDS:-3} count=${USB_RANDOM:-50}
truncate -s 64M "$t/ours.img" "$t/theirs.img"

# Sets `far`: the port of a stick at the other end of the line.
far_stick() { # IMAGE
	free_port
	"$build/clove-usbredirect" --image "$1" --listen "127.0.0.1:$port" >>"$t/stick.log" 2>&1 &
	desk_remember $!
	far=$port
	free_port
	"$build/bench/delay-relay" "$port" "$far" "$rtt" >>"$t/relay.log" 2>&1 &
	desk_remember $!
	far=$port
}
far_stick "$t/ours.img"
ours=$far
far_stick "$t/theirs.img"
theirs=$far
sleep 0.5
start_daemon --usbredir "tcp:127.0.0.1:$ours"
boot_ehci g -device usb-ehci,id=stock,addr=7 -chardev "socket,id=far,host=127.0.0.1,port=$theirs" \
	-device usb-redir,bus=stock.0,chardev=far
guest_sees '[ $(ls -d /sys/block/sd* | wc -l) = 2 ]' 60 >/dev/null || give_up "the guest has both sticks" "$(in_guest 'ls /sys/block')"
our_pci=$(in_guest 'for d in /sys/bus/pci/devices/*; do [ "$(cat $d/device)" = 0x293a ] && echo ${d##*/}; done' | head -n 1)
our_disk=$(in_guest "for d in /sys/block/sd*; do readlink -f \$d | grep -q $our_pci && echo \${d##*/}; done")
their_disk=$(in_guest "for d in /sys/block/sd*; do readlink -f \$d | grep -q $our_pci || echo \${d##*/}; done")
each() { # DISK: ms a read
	in_guest "usbwork random /dev/$1 4096 $count 67108864" 120 | awk 'NF == 2 && $1 > 0 { printf "%.1f", 1000 * $2 / $1 }'
}
for round in $(seq "$rounds"); do
	echo "# round $round, $rtt ms round trip: ours $(each "$our_disk") ms a read of 4 KiB, QEMU's usb-redir $(each "$their_disk") ms"
done | tee "$t/lines"
ours=$(awk '{ print $9 }' "$t/lines" | sort -n | sed -n "$(((rounds + 1) / 2))p")
check "a command costs one round trip: $ours ms" awk -v ms="$ours" -v rtt="$rtt" 'BEGIN { exit !(ms > 0 && ms < 1.7 * rtt) }'
