#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A guest as libvirt defines it: every device and the sandbox of its command line.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}
[ "$whose" = stock ] || need_ours
free_port
export GUEST_MACHINE=q35 GUEST_MEM=384M
boot "$whose" g -uuid 6f2b1f0e-54a1-4c5c-9c7e-0d5fd8f7c1aa -name guest=clove,debug-threads=on \
	-device pcie-root-port,port=16,chassis=1,id=pci.1,bus=pcie.0,multifunction=on,addr=0x2 \
	-device pcie-root-port,port=17,chassis=2,id=pci.2,bus=pcie.0,addr=0x2.0x1 \
	-device ich9-usb-ehci1,id=usb,bus=pcie.0,addr=0x1d.0x7 \
	-device ich9-usb-uhci1,masterbus=usb.0,firstport=0,bus=pcie.0,multifunction=on,addr=0x1d \
	-device ich9-usb-uhci2,masterbus=usb.0,firstport=2,bus=pcie.0,addr=0x1d.0x1 \
	-device ich9-usb-uhci3,masterbus=usb.0,firstport=4,bus=pcie.0,addr=0x1d.0x2 \
	-device virtio-serial-pci,id=virtio-serial0,bus=pci.1,addr=0x0 \
	-chardev spicevmc,id=charchannel0,name=vdagent \
	-device virtserialport,bus=virtio-serial0.0,nr=1,chardev=charchannel0,id=channel0,name=com.redhat.spice.0 \
	-device usb-tablet,id=input0,bus=usb.0,port=1 \
	-audiodev '{"id":"audio1","driver":"spice"}' \
	-spice "port=$port,addr=127.0.0.1,disable-ticketing=on,image-compression=off,seamless-migration=on" \
	-device qxl-vga,id=video0,ram_size=67108864,vram_size=67108864,vram64_size_mb=0,vgamem_mb=16,max_outputs=1,bus=pcie.0,addr=0x1 \
	-device ich9-intel-hda,id=sound0,bus=pcie.0,addr=0x1b -device hda-duplex,id=sound0-codec0,bus=sound0.0,cad=0,audiodev=audio1 \
	-chardev spicevmc,id=charredir0,name=usbredir -device usb-redir,chardev=charredir0,id=redir0,bus=usb.0,port=2 \
	-chardev spicevmc,id=charredir1,name=usbredir -device usb-redir,chardev=charredir1,id=redir1,bus=usb.0,port=3 \
	-device virtio-balloon-pci,id=balloon0,bus=pci.2,addr=0x0 \
	-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny -msg timestamp=on
desk_start 1400 1000 || give_up "an X server"
draw g "-k mix"
check "spicy-screenshot equals screendump" agree g same spicy_shot -h 127.0.0.1 -p "$port"

# The guest's tablet makes the mouse absolute; what the guest gets is read in the guest.
use() { # NAME PID WINDOW
	local name=$1 pid=$2 window=$3

	look_at_window() { desk_shot "$window" "$1"; }
	check "$name: shows the pixels of screendump" agree g find look_at_window
	check "$name: typed keys arrive in the guest" typed_arrives g "$window"
	point() {
		guest sh "$t/g" 'evdump -t 6 > /tmp/events 2>&1 &' >/dev/null
		sleep 0.5
		# the same place twice would be no event
		xdotool mousemove --window "$window" $((200 + RANDOM % 300)) $((200 + RANDOM % 300)) \
			mousemove_relative 10 0 mousemove_relative 10 10 click 1 click 2 click 3 click 4 click 5
		sleep 0.3
		guest sh "$t/g" 'while pidof evdump >/dev/null; do sleep 0.2; done; cat /tmp/events' > "$t/events"
	}
	# evdev: type 3 is an absolute axis, 1 a key (272 to 274 the buttons), 2 8 the wheel
	event() { grep -qE " $1\$" "$t/events" || { echo "no such event in: $(tr '\n' ';' < "$t/events")"; return 1; }; }
	point
	check "$name: the pointer goes right in the guest" event '3 0 [0-9]+'
	check "$name: and down" event '3 1 [0-9]+'
	check "$name: left button" event '1 272 1'
	check "$name: right button" event '1 273 1'
	check "$name: middle button" event '1 274 1'
	check "$name: wheel up" event '2 8 1'
	check "$name: wheel down" event '2 8 -1'
	sound() { guest sh "$t/g" 'modprobe snd-pcm-oss; timeout 10 dd if=/dev/urandom bs=1k count=64 of=/dev/dsp'; }
	check "$name: the guest plays sound" sound
	desk_end "$pid"
}
client "$t/remote-viewer.log" remote-viewer "spice://127.0.0.1:$port"
if window=$(desk_window $client_pid 20); then
	use remote-viewer $client_pid "$window"
else
	fail "remote-viewer shows a window" "$(tail -n 1 "$t/remote-viewer.log")"
fi
if [ -n "$clove_viewer" ]; then
	client "$t/viewer.log" "$clove_viewer" "spice://127.0.0.1:$port"
	if window=$(desk_window $client_pid 20); then
		use clove-viewer $client_pid "$window"
	else
		fail "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
	fi
else
	skip "clove-viewer on libvirt's guest" "it is not built"
fi
spice=$(guest qmp "$t/g" '{"execute":"query-spice"}')
check "query-spice says that the mouse is the client's" grep -q '"mouse-mode": "client"' <<<"$spice"
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/g" 10
