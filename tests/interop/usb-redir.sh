#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Knows whether QEMU's own usb-redir, and a Linux guest behind it, can use each device that clove-usbredirect offers.
. "$(dirname "$0")/lib.sh"
program=$build/clove-usbredirect
[ -x "$program" ] || give_up "this test needs the built clove-usbredirect" "none in $build"

redirect() { # NAME ARGUMENT... [<INPUT]: in the background, its words in $t/NAME.log; sets `pid`
	local name=$1
	shift

	"$program" -v "$@" <&0 >"$t/$name.log" 2>&1 & # without <&0 a shell gives what is behind & no input
	pid=$!
	desk_remember $pid
}
said() { # NAME PATTERN [SECONDS]
	local end=$((SECONDS + ${3:-10}))

	until grep -qE "$2" "$t/$1.log"; do
		[ $SECONDS -lt $end ] || { tail -n 1 "$t/$1.log"; return 1; }
		sleep 0.1
	done
}
g() { guest sh "$t/g" "$@"; }
g_until() { # LINE: until it is true in the guest, ten seconds
	g "for i in \$(seq 50); do { $1; } >/dev/null 2>&1 && exit 0; sleep 0.2; done; echo 'never: ${1//\'/}'; dmesg | tail -n 3; exit 1"
}
bye() { # PID: an orderly end
	kill -TERM "$1"
	ends "$1" 5
}
port() { sed -n 's/.*listening on port \([0-9]*\)$/\1/p' "$t/$1.log"; }

# A certificate for QEMU and for us.
tls_files() {
	local d=$t/pki

	mkdir -p "$d" && cd "$d" || return 1
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca-key.pem -out ca-cert.pem -subj /CN=test-ca
	openssl req -newkey rsa:2048 -nodes -keyout server-key.pem -out s.csr -subj /CN=127.0.0.1
	printf 'subjectAltName=IP:127.0.0.1\n' > ext
	openssl x509 -req -in s.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out server-cert.pem \
		-extfile ext
}
(tls_files) >"$t/tls.log" 2>&1 || give_up "certificates" "$(tail -n 1 "$t/tls.log")"

# The devices: a stick with a file, and an ISO image of sorts.
truncate -s 24M "$t/disk.img"
mkfs.ext4 -q -F "$t/disk.img" || give_up "a file system for the stick"
{ head -c 32769 /dev/zero; printf CD001; head -c 3000000 /dev/urandom; } > "$t/cd.iso"
truncate -s 3000320 "$t/cd.iso"
cd_sum=$(md5sum < "$t/cd.iso" | cut -d ' ' -f 1)

# QEMU connects to the first, listens for the others; the third is by TLS.
redirect stick --image "$t/disk.img" --writable --listen 127.0.0.1:0
stick=$pid
check "it listens" said stick 'listening on port'
GUEST_INITRD=$(guest_initrd) || give_up "a guest to boot"
export GUEST_INITRD
guests+=(g)
guest start "$t/g" -device usb-ehci,id=e -device qemu-xhci,id=x \
	-object "tls-creds-x509,id=tls,dir=$t/pki,endpoint=server,verify-peer=off" \
	-chardev "socket,id=c1,host=127.0.0.1,port=$(port stick),reconnect=1" \
	-device usb-redir,id=r1,chardev=c1,bus=e.0 \
	-chardev "socket,id=c2,path=$t/u2,server=on,wait=off" -device usb-redir,id=r2,chardev=c2,bus=e.0 \
	-chardev "socket,id=c3,host=127.0.0.1,port=0,server=on,wait=off,tls-creds=tls" \
	-device usb-redir,id=r3,chardev=c3,bus=x.0 \
	-chardev "socket,id=c4,path=$t/u4,server=on,wait=off" -device usb-redir,id=r4,chardev=c4,bus=x.0 ||
	give_up "QEMU starts" "$(tail -n 2 "$t/g/qemu.log")"
guest wait "$t/g" 100 || give_up "the guest boots" "$(tail -n 2 "$t/g/qemu.log")"
tls_port=$(guest hmp "$t/g" 'info chardev' | tr -d '\r' | sed -n 's/^c3:.*127\.0\.0\.1:\([0-9]*\).*/\1/p')

# ---- a stick at high speed
check "the guest sees the stick" g_until '[ -b /dev/sda ] && grep -q 49152 /sys/block/sda/size'
check "the guest mounts it" g 'mkdir -p /m && mount -t ext4 /dev/sda /m'
check "it writes" g 'dd if=/dev/urandom of=/m/file bs=64k count=64 2>/dev/null && sync && md5sum < /m/file > /tmp/sum'
check "it reads the same" g 'echo 3 > /proc/sys/vm/drop_caches; md5sum < /m/file | cmp - /tmp/sum'
sum=$(g 'umount /m; cut -d " " -f 1 /tmp/sum')
same_on_host() { [ "$(debugfs -R 'cat file' "$t/disk.img" 2>/dev/null | md5sum | cut -d ' ' -f 1)" = "$sum" ]; }
check "the file on the host has the same checksum" same_on_host
check "the file system is whole" e2fsck -fn "$t/disk.img"

# ---- the peer comes and goes
kill -9 "$stick"
wait "$stick" 2>/dev/null
check "the guest sees the stick go" g_until '[ ! -e /dev/sda ]'
redirect again --image "$t/disk.img" --listen "127.0.0.1:$(port stick)"
again=$pid
check "QEMU comes back, and the stick with it" g_until '[ -b /dev/sda ]'
check "it is write-protected now" g '[ "$(cat /sys/block/sda/ro)" = 1 ]'
check "it ends in order" bye "$again"
check "the guest sees it leave" g_until '[ ! -e /dev/sda ]'

# ---- a CD, by a unix socket
redirect cd --image "$t/cd.iso" --to "unix:$t/u2"
cd=$pid
check "the guest sees the CD" g_until '[ -b /dev/sr0 ]'
reads_cd() { [ "$(g "dd if=/dev/sr0 bs=2k count=1465 2>/dev/null | md5sum" 60)" = "$cd_sum  -" ]; }
check "it reads the whole CD" reads_cd
check "it ejects the CD" g 'echo 1 > /proc/sys/dev/cdrom/autoeject && head -c 1 /dev/sr0 >/dev/null'
check "the CD leaves, and says why" said cd 'the guest ejected the CD'
check "the guest sees the CD go" g_until '[ ! -e /dev/sr0 ]'
check "it ends in order without a device" bye "$cd"

# ---- full and low speed, on xHCI; the first by TLS
redirect untrusting --serial --tls --to "127.0.0.1:$tls_port" --once
check "an unknown certificate is refused, in words" said untrusting 'certificate|issuer|CA'
wait "$pid"
redirect serial --serial --tls --ca-file "$t/pki/ca-cert.pem" --to "127.0.0.1:$tls_port"
serial=$pid
check "it is by TLS" said serial 'by TLS'
check "the guest sees the serial port" g_until '[ -c /dev/ttyACM0 ]'
check "what it writes comes back" g 'stty -F /dev/ttyACM0 raw -echo; exec 3<>/dev/ttyACM0
	head -c 20000 /dev/urandom | od -An -tx1 | tr -d " \n" > /tmp/out; echo >> /tmp/out
	(cat /tmp/out >&3) & timeout 20 head -n 1 <&3 > /tmp/in; cmp /tmp/out /tmp/in'
check "it ends in order" bye "$serial"

mkfifo "$t/keys" "$t/moves"
exec 4<>"$t/keys" 5<>"$t/moves"
redirect keyboard --keyboard --to "unix:$t/u4" <&4
check "the guest sees the keyboard" g_until 'grep -q "Clove USB keyboard" /proc/bus/input/devices'
check "it is of low speed" g 'grep -lx 1.5 /sys/bus/usb/devices/*/speed'
bye "$pid" >/dev/null
g_until '! grep -q "Clove USB keyboard" /proc/bus/input/devices' >/dev/null
redirect typing --keyboard --to "unix:$t/u4" <&4
g_until 'grep -q "Clove USB keyboard" /proc/bus/input/devices' >/dev/null
during_events g 3 eval 'sleep 0.7; printf aZ >&4'
check "the guest gets its keys" grep -E '\b(30|44|KEY_A|KEY_Z)\b' "$t/events"
bye "$pid" >/dev/null
g_until '! grep -q "Clove USB keyboard" /proc/bus/input/devices' >/dev/null
redirect tablet --tablet --to "unix:$t/u4" <&5
check "the guest sees the tablet" g_until 'grep -q "Clove USB tablet" /proc/bus/input/devices'
during_events g 3 eval 'sleep 0.7; echo 1000 2000 1 >&5'
check "the guest gets its position" grep 2000 "$t/events"
bye "$pid" >/dev/null

redirect audio --audio --to "unix:$t/u4"
audio=$pid
check "the guest sees the headset" g_until '[ -c /dev/snd/pcmC0D0p ] && modprobe snd-pcm-oss && [ -e /dev/dsp ]'
if g '[ -e /dev/dsp ]' >/dev/null; then
	check "it plays" g 'head -c 8000 /dev/zero > /dev/dsp' 60
	check "it records the tone" g 'head -c 8000 /dev/dsp | od -An -tu1 | tr -s " " "\n" | sort -u | wc -l | xargs test 20 -lt' 60
else
	skip "it plays" "the guest has no /dev/dsp"
fi
bye "$audio" >/dev/null
check "packets were played and recorded" grep -E 'played [1-9][0-9]* packets.*recorded [1-9]' "$t/audio.log"
check "QEMU has nothing to complain about" quiet g/qemu.log
