#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Suspend to RAM with our USB controller: a USB keyboard ends it, through QMP, and devices are there again after it.
# Once only: the second sleep of a q35 in QEMU 11.1 ends at once, whatever its devices are.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ehci-lib.sh"
truncate -s 16M "$t/disk.img"
head -c 4M /dev/urandom | dd of="$t/disk.img" conv=notrunc status=none
sum() { in_guest 'echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/sda bs=1M count=4 2>/dev/null | md5sum' 60 | cut -c 1-32; }
all_there() { guest_sees 'test -b /dev/sda && evdump -l | grep -qi keyboard' 30 && [ "$(sum)" = "$(head -c 4M "$t/disk.img" | md5sum | cut -c 1-32)" ]; }

start_daemon --device "storage,file=$t/disk.img,writable=on" --device keyboard --qmp "$t/wake.sock"
boot_ehci g -global ICH9-LPC.disable_s3=0 -qmp "unix:$t/wake.sock,server=on,wait=off"
check "stick and keyboard are there" all_there
in_guest 'for d in /sys/bus/usb/devices/*/power/wakeup /sys/bus/pci/devices/*/usb*/../power/wakeup; do echo enabled > $d; done 2>/dev/null' >/dev/null
check "the keyboard may wake the guest" in_guest 'for d in /sys/bus/usb/devices/*; do [ "$(cat $d/bInterfaceClass 2>/dev/null)" != 03 ] || cat ${d%:*}/power/wakeup; done | grep -q enabled'
check "the guest falls asleep" falls_asleep g
sleep 1
check "and sleeps on" test "$(state g)" = suspended
check "a key of the USB keyboard is pressed" ctl key 101 4
check "and wakes it, through QMP" becomes g running
check "it answers" lives
check "stick and keyboard are there again" all_there
during_events g 2 ctl key 101 5 >/dev/null
check "and keys arrive" grep -q ' 1 48 1$' "$t/events"
check "nothing in the guest's log is an accident" test -z "$(in_guest 'dmesg' | grep -iE 'BUG:|Oops|fatal error|HC died')"
check "the daemon's log is quiet" quiet daemon.log
