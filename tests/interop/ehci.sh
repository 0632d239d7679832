#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Linux on our USB controller over vfio-user: every kind of device, and what happens when they leave.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ehci-lib.sh"
truncate -s 64M "$t/disk.img"
head -c 8M /dev/urandom | dd of="$t/disk.img" conv=notrunc status=none
seconds=${EHCI_AUDIO_SECONDS:-60}

start_daemon --device "storage,file=$t/disk.img,writable=on" --device keyboard --device tablet --device serial \
	--device audio
keyboard=$(ctl list | sed -n 's/^port \([0-9]*\):.*eyboard.*/\1/p')
tablet=$(ctl list | sed -n 's/^port \([0-9]*\):.*ablet.*/\1/p')
serial=$(ctl list | sed -n 's/^port \([0-9]*\):.*erial.*/\1/p')
audio=$(ctl list | sed -n 's/^port \([0-9]*\):.*\([Aa]udio\|[Hh]eadset\).*/\1/p')
stick=$(ctl list | sed -n 's/^port \([0-9]*\):.*stick.*/\1/p')
check "five devices are plugged in, four of them behind the hub" \
	test "$(ctl list | grep -c '^port 10')$(ctl list | grep -c '^port [1-6]:')" = 42
boot_ehci g
check "the guest sees the controller" guest_sees 'grep -q 0x0c0320 /sys/bus/pci/devices/*/class'
check "and drives it by MSI" guest_sees 'grep -q "MSI.*ehci_hcd" /proc/interrupts'

# -- storage --
check "a stick is a disk" has_disk
sums() { [ "$(in_guest 'dd if=/dev/sda bs=1M count=8 2>/dev/null | md5sum' 60 | cut -c 1-32)" = "$(head -c 8M "$t/disk.img" | md5sum | cut -c 1-32)" ] || { echo "other bytes"; return 1; }; }
check "8 MiB are read as they are" sums
written() {
	local sum

	in_guest 'usbwork fill /dev/sda 16777216 42' 60 | grep -q same || return 1
	in_guest 'echo 3 > /proc/sys/vm/drop_caches; usbwork verify /dev/sda 16777216 42' 60 | grep -q same || return 1
	sum=$(in_guest 'dd if=/dev/sda bs=1M count=16 2>/dev/null | md5sum' 60 | cut -c 1-32)
	[ "$sum" = "$(head -c 16M "$t/disk.img" | md5sum | cut -c 1-32)" ] || { echo "the image has other bytes"; return 1; }
}
check "16 MiB are written as they are" written

# -- keyboard, tablet --
has_input() { guest_sees "evdump -l | grep -i '$1'"; }
check "a low-speed keyboard is there" has_input keyboard
press_a() { ctl key "$keyboard" 4; sleep 0.1; ctl key "$keyboard" 0x1e; } >/dev/null
during_events g 2 press_a
check "a key arrives: pressed, and released" test "$(grep -c ' 1 30 1$' "$t/events")$(grep -c ' 1 30 0$' "$t/events")" = 11
check "and the next one" test "$(grep -c ' 1 2 1$' "$t/events")$(grep -c ' 1 2 0$' "$t/events")" = 11
check "a tablet is there" has_input tablet
move() { ctl tablet "$tablet" 1000 2000; sleep 0.1; ctl tablet "$tablet" 3000 4000 1; sleep 0.1; ctl tablet "$tablet" 3000 4000 0; } >/dev/null
during_events g 2 move
check "its positions arrive" test "$(grep -c ' 3 0 1000$' "$t/events")$(grep -c ' 3 1 4000$' "$t/events")" = 11
check "and its button" test "$(grep -c ' 1 272 1$' "$t/events")$(grep -c ' 1 272 0$' "$t/events")" = 11

# -- serial --
check "a serial device is a terminal" guest_sees 'test -c /dev/ttyACM0'
echoes() { in_guest 'usbwork echo /dev/ttyACM0 100000' 60; }
check "100,000 bytes come back over it" echoes

# -- audio: full-speed isochronous --
check "an audio device is a sound card" guest_sees 'grep -qi usb /proc/asound/cards'
in_guest 'modprobe snd-pcm-oss; ls -l /dev/dsp' >/dev/null
field() { ctl audio "$audio" | sed -n "s/.*$1=\([0-9]*\).*/\1/p"; }
# A processor that does other things for a tenth of a second loses sound, on any emulated controller: the best of four.
packets=0 gaps=-1
for _ in 1 2 3 4; do
	packets_before=$(field packets_out) gaps_before=$(field gaps_out)
	in_guest "usbwork play $seconds > /tmp/play 2>&1; cat /tmp/play" $((seconds + 40)) > "$t/played"
	packets=$(($(field packets_out) - packets_before)) gaps=$(($(field gaps_out) - gaps_before))
	echo "# played: $(cat "$t/played"); $packets packets, $gaps gaps"
	[ $gaps != 0 ] || break
done
if [ $gaps != 0 ] && awk -v n="$(nproc)" '{ exit !($1 > 2 * n) }' /proc/loadavg; then
	skip "sound without a gap" "this machine is busy with other things: $(cut -d ' ' -f 1 /proc/loadavg) of load"
else
	check "$seconds s of sound arrive" test $packets -ge $((seconds * 990))
	check "without a gap, once in four tries" test $gaps = 0
fi

# -- leaving --
in_guest '(usbwork read /dev/sda 65536 67108864; usbwork read /dev/sda 65536 67108864) > /tmp/read 2>&1 &' >/dev/null
sleep 0.3
check "a stick is pulled out in the middle of a transfer" ctl unplug "$stick"
check "and is gone" guest_sees '! test -b /dev/sda'
check "the guest lives" lives
check "and reports the error" guest_sees 'grep -qE "error|No such" /tmp/read'
rounds() {
	local n port

	for n in $(seq "${EHCI_ROUNDS:-20}"); do
		port=$(plug "storage,file=$t/disk.img")
		[ -n "$port" ] || return 1
		if [ $((n % 4)) = 0 ]; then
			guest_sees 'test -b /dev/sda' >/dev/null || { echo "round $n: no disk"; return 1; }
		else
			sleep "0.$((RANDOM % 6))"
		fi
		ctl unplug "$port" >/dev/null || return 1
	done
	guest_sees '! test -b /dev/sda'
}
check "${EHCI_ROUNDS:-20} rounds of plug and unplug" rounds
check "then a stick is still a disk" test -n "$(plug "storage,file=$t/disk.img")"
check "and has its bytes" has_disk
check "it is write-protected" guest_sees 'grep -q 1 /sys/block/sda/ro'
rebind() {
	in_guest 'd=$(basename $(dirname $(grep -l 0x0c0320 /sys/bus/pci/devices/*/class | head -n 1)))
		echo $d > /sys/bus/pci/drivers/ehci-pci/unbind && sleep 1 && echo $d > /sys/bus/pci/drivers/ehci-pci/bind' >/dev/null
}
check "the driver is unbound and bound again" rebind
check "and the devices are there again" guest_sees 'test -b /dev/sda && evdump -l | grep -qi keyboard && test -c /dev/ttyACM0' 20
check "nothing in the guest's log is an accident" test -z "$(in_guest 'dmesg' | grep -iE 'BUG:|Oops|fatal error|HC died|WARNING:')"

# -- a second VMM, the daemon's end --
exec 7< <(socat -u "UNIX-CONNECT:$t/ehci" - 2>/dev/null)
read -r -t 5 -N 1 <&7
check "a second client is sent away, and the guest does not mind" lives
exec 7<&-
guest stop "$t/g"
boot_ehci g
check "the next QEMU is served by the same daemon" has_disk
kill -9 $daemon_pid
wait $daemon_pid 2>/dev/null
check "the daemon is killed: the guest lives" lives
check "the daemon's log is quiet" quiet daemon.log
