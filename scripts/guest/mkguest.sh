#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# mkguest.sh [-b PROGRAM]... [-f FILE:PATH]... OUT.cpio.gz
# Builds the small test guest: busybox, this directory's init and prompt, the
# modules of kernel.sh's Debian kernel that the tests need, and three little
# programs (fbpat, evdump, usbwork). -b adds a program of this machine with its shared
# libraries, -f a plain file. Needs no root.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
bins= files=
while getopts b:f: c; do
	case $c in
	b) bins="$bins $OPTARG" ;;
	f) files="$files $OPTARG" ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 1 ] || { sed -n 's/^# \(mkguest.*\)/usage: \1/p' "$0" >&2; exit 2; }
out=$1
kernel=$("$here/kernel.sh")
base=$(cd "$(dirname "$kernel")/.." && pwd)
kv=${kernel##*/vmlinuz-}

# what the tests use; the names are resolved with all that they depend on
mods="
 virtio_pci virtio_blk virtio_scsi virtio_console virtio_net virtio_balloon virtio_input virtio_rng
 qxl bochs cirrus virtio-gpu
 ehci-pci uhci-hcd ohci-pci xhci-pci usb-storage uas usbhid hid-generic cdc-acm usbserial ftdi_sio
 usbmon mc snd-usb-audio snd-hda-intel snd-hda-codec-generic snd-intel8x0 snd-ens1370 snd-pcm-oss
 evdev psmouse uinput usblp rndis_host cdc_ether asix ax88179_178a
 e1000 e1000e 8139cp 8139too
 sd_mod sr_mod cdrom sg ata_piix ata_generic ahci megaraid_sas lsi53c8xx sym53c8xx
 ext4 vfat isofs nls_cp437 nls_ascii nls_utf8 nls_iso8859-1 loop crc32c_generic crc32c-intel
 i6300esb iTCO_wdt button acpi_cpu_hotplug qemu_fw_cfg 9p 9pnet_virtio
 kvm-amd pcspkr acpiphp shpchp
"
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
r=$t/root
mkdir -p "$r"/{bin,sbin,usr,etc,proc,sys,dev,tmp,run,mnt,root,lib/modules/$kv}
ln -s ../bin "$r/usr/bin"
ln -s lib "$r/lib64"
cp "$(command -v busybox)" "$r/bin/busybox"
for a in $("$r/bin/busybox" --list); do
	case $a in busybox | init) ;; *) ln -s busybox "$r/bin/$a" ;; esac
done
for a in modprobe insmod rmmod lsmod depmod mdev ip poweroff reboot; do ln -sf ../bin/busybox "$r/sbin/$a"; done
install -m 755 "$here/init" "$r/init"
install -m 755 "$here/prompt" "$here/screen" "$r/bin"
for p in fbpat evdump usbwork; do ${CC:-cc} -O2 -s -static -o "$r/bin/$p" "$here/$p.c"; done
echo 'root:x:0:0:root:/root:/bin/sh' > "$r/etc/passwd"
echo 'root:x:0:' > "$r/etc/group"
cat > "$r/etc/mdev.conf" <<'M'
$MODALIAS=.* root:root 660 @/sbin/modprobe -q -b "$MODALIAS"
.* root:root 660
M
for m in $mods; do
	modprobe -q -d "$base" -S "$kv" --show-depends "$m" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p' || :
done | sort -u > "$t/list"
while read -r f; do
	d=$r/lib/modules/$kv/${f#*/lib/modules/$kv/}
	mkdir -p "${d%/*}"
	cp "$f" "$d"
done < "$t/list"
cp "$base/lib/modules/$kv"/modules.{builtin,order} "$r/lib/modules/$kv/"
[ ! -e "$base/lib/modules/$kv/modules.builtin.modinfo" ] || cp "$base/lib/modules/$kv/modules.builtin.modinfo" "$r/lib/modules/$kv/"
depmod -b "$r" "$kv"
rm -f "$r/lib/modules/$kv"/*.bin
for b in $bins; do
	p=$(command -v "$b") || { echo "mkguest: no $b" >&2; exit 1; }
	cp -L "$p" "$r/bin/"
	ldd "$p" 2>/dev/null | grep -o '/[^ ]*' | while read -r l; do
		mkdir -p "$r${l%/*}"
		cp -L "$l" "$r$l"
	done
done
for f in $files; do
	mkdir -p "$r$(dirname "${f#*:}")"
	cp -L "${f%%:*}" "$r${f#*:}"
done
(cd "$r" && find . | cpio -o -H newc -R 0:0 --quiet | gzip -6) > "$out.tmp"
mv "$out.tmp" "$out"
echo "$out: $(stat -c %s "$out") bytes, $(wc -l < "$t/list") modules of $kv"
