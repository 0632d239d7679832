#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures redirection as it is against ours: a guest with a stick on our controller (the laptop) runs by turns Debian's
# usbredirect, which serves a second guest's QEMU usb-redir, and our clove-usbredirect, which serves our controller in
# that same second guest. Over TCP; medians of interleaved rounds.
#
#   usb-incumbent.sh DIR      in the build folder (or CLOVE_BUILD); DIR gets usb-incumbent.csv and usb-incumbent.md
#
# Environment: ROUNDS (5), USB_MIB (read or written in a round; 4), USB_RANDOM (reads of 4 KiB; 50).

[ $# = 1 ] || { sed -n '3,/^\[/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
. "$(dirname "$0")/../tests/interop/lib.sh"
. "$top/tests/interop/ehci-lib.sh"
rounds=${ROUNDS:-5} mib=${USB_MIB:-4} count=${USB_RANDOM:-50}
theirs=$(command -v usbredirect) || give_up "this bench needs Debian's usbredirect" "apt-get install usbredirect"
ours=$build/clove-usbredirect
[ -x "$ours" ] || give_up "this bench needs the built clove-usbredirect" "none in $build"
csv=$out/usb-incumbent.csv
echo "round,whose,work,figure" > "$csv"
truncate -s 64M "$t/stick.img"
head -c 64M /dev/urandom | dd of="$t/stick.img" conv=notrunc status=none
free_port; theirs_port=$port
free_port; ours_port=$port

"$top/scripts/guest/mkguest.sh" -b "$theirs" -b "$ours" "$t/a.cpio.gz" >/dev/null || give_up "a guest with both programs"
a() { guest sh "$t/a" "$@"; }
start_daemon --device "storage,file=$t/stick.img,writable=on"
stick=1d6b:0108
GUEST_INITRD=$t/a.cpio.gz GUEST_APPEND=guest.net=1 boot_ehci a -device virtio-net-pci,netdev=n \
	-netdev "user,id=n,hostfwd=tcp:127.0.0.1:$theirs_port-:4000,hostfwd=tcp:127.0.0.1:$ours_port-:4001"
start_daemon --usbredir "tcp:127.0.0.1:$ours_port"
boot_ehci g -device usb-ehci,id=stock,addr=7 \
	-chardev "socket,id=far,host=127.0.0.1,port=$theirs_port,reconnect-ms=500" -device usb-redir,bus=stock.0,chardev=far

has() { guest_sees "[ \$(ls -d /sys/block/sd* 2>/dev/null | wc -l) = $1 ]" 60; } # DISKS
share() { # ours|theirs
	local line="clove-usbredirect --device $stick --listen 0.0.0.0:4001"

	[ "$1" = ours ] || line="usbredirect --device $stick --as 0.0.0.0:4000 --keepalive"
	a "setsid $line </dev/null >/tmp/$1.log 2>&1 & usleep 100000; echo" >/dev/null
	has 1 >/dev/null || give_up "$1: the second guest has the stick" "$(a "tail -n 2 /tmp/$1.log")"
	disk=$(in_guest 'basename $(ls -d /sys/block/sd*)')
}
take_back() {
	a 'kill $(pidof clove-usbredirect usbredirect)' >/dev/null
	has 0 >/dev/null || give_up "the stick leaves the second guest"
}
work() { # WHOSE WORK
	local line figure

	case $2 in
	random) line=$(in_guest "usbwork random /dev/$disk 4096 $count 67108864" 120) ;;
	*) line=$(in_guest "usbwork $2 /dev/$disk 1048576 $((mib << 20))" 120) ;;
	esac
	figure=$(awk -v w="$2" 'NF == 2 && $2 > 0 { printf "%.2f", w == "random" ? $1 / $2 : $1 / $2 / 1e6 }' <<<"$line")
	[ -n "$figure" ] || { fail "$1: $2" "$line"; return; }
	echo "$round,$1,$2,$figure" | tee -a "$csv"
}
for round in $(seq "$rounds"); do
	for whose in ours theirs; do
		share $whose
		for what in read write random; do work $whose $what; done
		take_back
	done
done
check "every round has its figures" test "$(wc -l < "$csv")" = $((1 + rounds * 6))

# "median (least to most)" of a column, and of the ratios of each round
spread() { sort -n | awk -v d="$1" '{ v[NR] = $1 } END { if (NR) printf "%.*f (%.*f to %.*f)", d, v[int((NR + 1) / 2)], d, v[1], d, v[NR] }'; }
figures() { awk -F, -v d="$1" -v w="$2" '$2 == d && $3 == w { print $4 }' "$csv"; }
ratios() { awk -F, -v w="$1" '$3 == w { f[$1, $2] = $4; n[$1] } END { for (r in n) if (f[r, "theirs"] > 0) print f[r, "ours"] / f[r, "theirs"] }' "$csv"; }
{
	echo "| work | ours | Debian's usbredirect to QEMU's usb-redir | ratio (of each round) |"
	echo "|---|---:|---:|---:|"
	for what in read write random; do
		case $what in random) name="4 KiB random reads, 1/s" d=0 ;; *) name="sequential $what, MB/s" d=1 ;; esac
		echo "| $name | $(figures ours $what | spread $d) | $(figures theirs $what | spread $d) | $(ratios $what | spread 1) |"
	done
} | tee "$out/usb-incumbent.md"
