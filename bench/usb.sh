#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures USB storage in one guest: our controller over vfio-user against QEMU's usb-storage on its own EHCI, and,
# where clove-usbredirect is built, the same image redirected over TLS. Medians over interleaved rounds.
#
#   usb.sh DIR      in the build folder (or CLOVE_BUILD); DIR gets usb.csv and usb.md
#
# Environment: ROUNDS (5), USB_MIB (read or written in a round by each; 32), USB_RANDOM (reads of 4 KiB; 300).

[ $# = 1 ] || { sed -n '3,/^\[/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
. "$(dirname "$0")/../tests/interop/lib.sh"
. "$top/tests/interop/ehci-lib.sh"
rounds=${ROUNDS:-5} mib=${USB_MIB:-32} count=${USB_RANDOM:-300}
csv=$out/usb.csv
echo "round,device,work,figure" > "$csv"
truncate -s 256M "$t/ours.img"
head -c 64M /dev/urandom | dd of="$t/ours.img" conv=notrunc status=none
cp "$t/ours.img" "$t/theirs.img"
cp "$t/ours.img" "$t/redir.img"
cp "$t/ours.img" "$t/redir-qemu.img"
usbredirect=$build/clove-usbredirect
remote=()
qemu=(-device usb-ehci,id=stock,addr=7 -drive "if=none,id=theirs,file=$t/theirs.img,format=raw,cache=writeback"
	-device usb-storage,bus=stock.0,drive=theirs,removable=on)
devices="ours stock"

# TLS with a certificate of its own for the redirected ones.
certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-keyout "$t/key.pem" -out "$t/cert.pem" 2>/dev/null
}
if [ -x "$usbredirect" ] && certificate; then
	free_port
	tls_port=$port
	free_port
	tcp_port=$port
	"$usbredirect" --image "$t/redir.img" --writable --listen "127.0.0.1:$tls_port" --tls --ca-file "$t/cert.pem" --cert "$t/cert.pem" --key "$t/key.pem" \
		>"$t/redir.log" 2>&1 &
	desk_remember $!
	"$usbredirect" --image "$t/redir-qemu.img" --writable --listen "127.0.0.1:$tcp_port" >"$t/redir-qemu.log" 2>&1 &
	desk_remember $!
	sleep 0.5
	remote=(--usbredir "tls:localhost:$tls_port" --ca-file "$t/cert.pem")
	qemu+=(-device usb-ehci,id=stock2,addr=8 -chardev "socket,id=redir,host=127.0.0.1,port=$tcp_port" -device usb-redir,bus=stock2.0,chardev=redir)
	devices="ours stock redirected stock-redirected"
fi

start_daemon --device "storage,file=$t/ours.img,writable=on" "${remote[@]}"
boot_ehci g "${qemu[@]}"
guest_sees "[ \$(ls -d /sys/block/sd* | wc -l) = $(wc -w <<<"$devices") ]" 30 >/dev/null ||
	give_up "the guest has all disks" "$(in_guest 'ls -l /sys/block')"
# Which disk hangs on which controller and by which device: by serial number and vendor.
in_guest 'for d in /sys/block/sd*; do echo ${d##*/} $(cat $d/device/vendor) $(readlink -f $d | tr / "\n" | grep "^0000:" | tail -n 1); done' > "$t/disks"
cat "$t/disks"
our_pci=$(in_guest 'for d in /sys/bus/pci/devices/*; do [ "$(cat $d/device)" = 0x293a ] && echo ${d##*/}; done' | head -n 1)
declare -A disk
while read -r name vendor where; do
	case $vendor,$where in
	QEMU,*) disk[stock]=$name ;;
	*,"$our_pci") [ -z "${disk[ours]:-}" ] && disk[ours]=$name || disk[redirected]=$name ;;
	*) disk[stock-redirected]=$name ;;
	esac
done < "$t/disks"
work() { # DEVICE WORK
	local line figure d=/dev/${disk[$1]}

	case $2 in
	read) line=$(in_guest "usbwork read $d 1048576 $((mib << 20))" 300) ;;
	write) line=$(in_guest "usbwork write $d 1048576 $((mib << 20))" 300) ;;
	random) line=$(in_guest "usbwork random $d 4096 $count 67108864" 300) ;;
	esac
	figure=$(awk -v w="$2" 'NF == 2 && $2 > 0 { printf "%.2f", w == "random" ? $1 / $2 : $1 / $2 / 1e6 }' <<<"$line")
	[ -n "$figure" ] || { fail "$1: $2" "$line"; return; }
	echo "$round,$1,$2,$figure" | tee -a "$csv"
}
cpu_of() { local s; s=$(cat "/proc/$1/stat") || return; set -- ${s##*) }; echo $((${12} + ${13})); }
for round in $(seq "$rounds"); do
	for what in read write random; do
		for device in $devices; do work "$device" "$what"; done
	done
done
check "every round has its figures" test "$(wc -l < "$csv")" = $((1 + rounds * 3 * $(wc -w <<<"$devices")))

# What the daemon costs while its devices idle: half a minute.
sleep 2
before=$(cpu_of $daemon_pid)
sleep "${USB_IDLE:-20}"
idle=$(awk -v t=$(($(cpu_of $daemon_pid) - before)) -v s="${USB_IDLE:-20}" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", 100 * t / hz / s }')

# A tablet's report, host to guest: sent by the control program, seen by the guest's kernel; one clock less its offset.
tablet=$(plug tablet)
guest_sees 'evdump -l | grep -qi tablet' >/dev/null
latency() {
	local event

	event=$(in_guest 'evdump -l' | grep -i tablet | head -n 1 | cut -d ' ' -f 1)
	in_guest "(usbwork stamp /dev/input/$event 200 > /tmp/stamps) 2>/dev/null & sleep 0.3" >/dev/null
	python3 - "$t/control" "$tablet" > "$t/sent" <<'P'
import socket, sys, time
for n in range(1, 201):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    line = f'tablet {sys.argv[2]} {n * 100} 500\n'.encode()
    sent = time.time_ns() // 1000
    s.sendall(line)
    s.recv(100)
    s.close()
    print(n * 100, sent)
    time.sleep(0.02)
P
	in_guest 'cat /tmp/stamps' > "$t/stamps"
}
latency
# the guest's clock is the host's but for a constant: the least delay seen is taken as 0 plus the kernel's own way
awk 'NR == FNR { sent[$1] = $2; next } $1 == 3 && $2 == 0 && ($3 in sent) { print $4 - sent[$3] }' "$t/sent" "$t/stamps" |
	sort -n > "$t/delays"
delays=$(awk '{ d[NR] = $1 } END { if (NR) printf "%d %.2f %.2f", NR, (d[int(NR * 0.5) + 1] - d[1]) / 1000, (d[int(NR * 0.95)] - d[1]) / 1000 }' "$t/delays")

median() { awk -F, -v d="$1" -v w="$2" '$2 == d && $3 == w { print $4 }' "$csv" | sort -n | awk '{ v[NR] = $1 } END { print NR ? v[int((NR + 1) / 2)] : "-" }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.1f x", a / b; else printf "-" }'; }
{
	echo "QEMU $("$GUEST_QEMU" --version | sed -n 's/.*version \([^ ]*\).*/\1/p'), TCG, medians of $rounds rounds of $mib MiB and $count reads in one guest"
	echo
	echo "| work | ours, local | QEMU's usb-storage on its EHCI | ratio | ours over TLS | of our local | QEMU's usb-redir over TCP | ratio |"
	echo "|---|---|---|---|---|---|---|---|"
	for what in read write random; do
		a=$(median ours $what) b=$(median stock $what) c=$(median redirected $what) d=$(median stock-redirected $what)
		case $what in random) name="4 KiB random reads, 1/s" ;; *) name="sequential $what, MB/s" ;; esac
		echo "| $name | $a | $b | $(ratio "$a" "$b") | $c | $(ratio "$c" "$a") | $d | $(ratio "$c" "$d") |"
	done
	echo
	echo "Daemon while its devices idle: $idle % of a core. Tablet reports, spread of the delay above the least: ${delays:-none seen} (count, median ms, p95 ms)."
} | tee "$out/usb.md"
