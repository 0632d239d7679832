#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usb-two-guests.sh: a machine with USB devices (a guest: real kernel drivers, real usbfs) in which clove-usbredirect
# runs and serves another guest's usb-redir: a stick, a keyboard and a headset, taken from their drivers and given
# back. IDLE_SECONDS is for how long the idle programs' CPU time is taken (10).
. "$(dirname "$0")/lib.sh"
redirect=$(find "$build" -maxdepth 1 -name clove-usbredirect -type f -perm -u+x | head -n 1)
[ -n "$redirect" ] || give_up "this test needs the built clove-usbredirect" "none in $build"
PATH=$PATH:/usr/sbin:/sbin
free_port; stick=$port
free_port; keyboard=$port
free_port; headset=$port
idle=${IDLE_SECONDS:-10}

"$top/scripts/guest/mkguest.sh" -b "$redirect" "$t/a.cpio.gz" >/dev/null || give_up "a guest with clove-usbredirect in it"
mkdir "$t/tree"
head -c 3000000 /dev/urandom > "$t/tree/data"
sum=$(sha256sum < "$t/tree/data")
truncate -s 16M "$t/stick"
mke2fs -q -t ext4 -d "$t/tree" "$t/stick" || give_up "a stick with a file on it"

a() { guest sh "$t/a" "$@"; }
b() { guest sh "$t/b" "$@"; }
# Both boot while the other does; B's chardevs connect when A listens.
(
	GUEST_INITRD=$t/a.cpio.gz GUEST_APPEND=guest.net=1 guest boot "$t/a" -device usb-ehci,id=e -device qemu-xhci,id=x \
		-drive if=none,id=st,file="$t/stick",format=raw -device usb-storage,bus=e.0,drive=st,id=stick \
		-device usb-kbd,bus=x.0 -audiodev wav,id=au,path="$t/heard.wav" -device usb-audio,bus=x.0,audiodev=au \
		-device e1000,netdev=n -netdev "user,id=n,hostfwd=tcp:127.0.0.1:$stick-:4000,hostfwd=tcp:127.0.0.1:$keyboard-:4001,hostfwd=tcp:127.0.0.1:$headset-:4002"
) >"$t/a.log" 2>&1 &
booting=$!
guests+=(a b)
GUEST_INITRD=$(guest_initrd) guest boot "$t/b" -device usb-ehci,id=e -device qemu-xhci,id=x \
	-chardev socket,id=s,host=127.0.0.1,port="$stick",reconnect=1 -device usb-redir,bus=e.0,chardev=s \
	-chardev socket,id=k,host=127.0.0.1,port="$keyboard",reconnect=1 -device usb-redir,bus=x.0,chardev=k \
	-chardev socket,id=h,host=127.0.0.1,port="$headset",reconnect=1 -device usb-redir,bus=x.0,chardev=h \
	>"$t/b.log" 2>&1 || give_up "b: the guest boots" "$(tail -n 1 "$t/b.log")"
wait $booting || give_up "a: the guest boots" "$(tail -n 1 "$t/a.log")"

# Which drivers hold the interfaces of the devices that are no hubs, in A or B.
drivers() { "$1" 'for i in /sys/bus/usb/devices/*:*; do readlink $i/driver; done' | sed 's,.*/,,' | grep -v hub | sort | tr '\n' ' '; }
soon() { # WANT COMMAND...: its output becomes that within some seconds
	local want=$1 end=$((SECONDS + 20)) got
	shift

	until got=$("$@"); [ "$got" = "$want" ]; do
		[ $SECONDS -lt $end ] || { echo "$got instead of $want"; return 1; }
		sleep 0.3
	done
}
share() { # VID:PID PORT: with nothing that would keep the prompt waiting
	a "setsid clove-usbredirect --device $1 --listen 0.0.0.0:$2 -v </dev/null >>/tmp/$2.log 2>&1 & usleep 100000; echo" >/dev/null
}
own="snd-usb-audio snd-usb-audio usb-storage usbhid "
taken="usbfs usbfs usbfs usbfs "
check "A's kernel drives its devices" soon "$own" drivers a
list() { a 'clove-usbredirect --list' | sort -k 2 | tee "$t/list" | grep -q 46f4:0001; }
check "A lists them" list

mounted() { a 'mount -t ext4 /dev/sda /mnt' >/dev/null; share 46f4:0001 4000; soon 1 a 'grep -c "/mnt is in use: eject it first" /tmp/4000.log' && drivers a | grep -q usb-storage; }
check "a mounted stick is refused, and stays" mounted
a 'umount /mnt; killall clove-usbredirect 2>/dev/null; rm -f /tmp/*.log' >/dev/null

share 46f4:0001 4000
share 0627:0001 4001
share 46f4:0002 4002
check "clove-usbredirect takes them from the kernel's drivers" soon "$taken" drivers a
check "and B's kernel drives them" soon "$own" drivers b

read_back() { soon sda b 'ls /sys/class/block' && b 'mount -t ext4 /dev/sda /mnt && sha256sum < /mnt/data' | grep -qF "$sum"; }
check "B reads the stick's file, byte by byte" read_back
written=$(b 'head -c 1500000 /dev/urandom > /mnt/new; sync; sha256sum < /mnt/new; umount /mnt')
hears() { b 'modprobe -q snd-pcm-oss; head -c 200000 /dev/urandom > /dev/dsp' >/dev/null && sleep 1 && [ "$(tail -c +45 "$t/heard.wav" | tr -d '\0' | wc -c)" -gt 100000 ]; }
check "A's headset plays what B plays" hears
types() { during_events b 6 guest key "$t/a" x ret; grep -q ' 1 45 1' "$t/events" && grep -q ' 1 28 0' "$t/events"; }
check "A's keyboard types in B" types

# Hundredths of a second, of all threads of all of them.
spent() { a 'cut -d " " -f 14,15 $(pidof clove-usbredirect | sed "s,[0-9]*,/proc/&/stat,g")' | awk '{ n += $1 + $2 } END { print n }'; }
before=$(spent)
sleep "$idle"
used=$(($(spent) - before))
echo "# idle, three plugged devices: ${used}0 ms of CPU in $idle s ($before before)"
cheap() { [ "$before" -gt 0 ] && [ $((used * 2)) -le "$idle" ]; }
check "idle devices cost less than 0.5 % of a core" cheap

a 'kill $(pidof clove-usbredirect)' >/dev/null
check "given back, A's kernel drives them again" soon "$own" drivers a
check "and B has them no more" soon "" drivers b
same() { a 'for i in 1 2 3 4 5 6 7 8 9; do test -e /dev/sda && break; sleep 1; done; mount -t ext4 /dev/sda /mnt && sha256sum < /mnt/new; umount /mnt' | grep -qF "$written"; }
check "A reads what B wrote" same

share 46f4:0001 4000
soon sda b 'ls /sys/class/block' >/dev/null
b '(dd if=/dev/sda of=/dev/null bs=64k iflag=direct 2>/dev/null; echo $? > /tmp/dd) & echo' >/dev/null
guest hmp "$t/a" 'device_del stick' >/dev/null
torn() { soon 1 b 'cat /tmp/dd' && soon "" b 'ls /sys/class/block' && a 'cat /tmp/4000.log' | grep -q 'it was unplugged' && a 'pidof clove-usbredirect' >/dev/null; }
check "a stick torn out in the middle of a read is gone in B too, and its program goes on" torn
check "nothing in the logs is an accident" quiet a/console.log
