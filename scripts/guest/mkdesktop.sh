#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# mkdesktop.sh -g GUEST.cpio.gz OUT.qcow2
# Builds the desktop guest: a minimal Debian with Xorg, openbox and xterm, as a disk image without a
# partition table. It boots with the small guest GUEST.cpio.gz as its initrd (which gives its kernel modules, fbpat
# and evdump, too) and the kernel words "guest.root=vda guest.modules=none". Needs root, a Debian mirror, some
# 2 GB beside OUT, two or three minutes.
#
# /run/guest-session appears when X and its window manager are up. The kernel word guest.x=qxl|modesetting chooses
# X's driver; qxl draws with the device's own 2D commands and surfaces, modesetting sends images only.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
guest=
while getopts g: c; do
	case $c in
	g) guest=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
[ $# = 1 ] && [ -n "$guest" ] || { sed -n 's/^# \(mkdesktop.*\)/usage: \1/p' "$0" >&2; exit 2; }
out=$1
t=$out.tree
packages=systemd-sysv,udev,dbus,kmod,procps,xserver-xorg-core,xserver-xorg-video-qxl
packages=$packages,xserver-xorg-input-libinput,xinit,xauth,x11-xserver-utils,x11-utils,x11-apps,xfonts-base
packages=$packages,xterm,openbox,xdotool
mirror=$(sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p; s/^URIs: *\([^ ]*\).*/\1/p' \
	/etc/apt/sources.list /etc/apt/sources.list.d/debian* 2>/dev/null | grep -v security | head -n 1)
trap 'rm -rf "$t" "$out.raw"' EXIT
rm -rf "$t"
debootstrap --variant=minbase --include="$packages" bookworm "$t" ${mirror:+"$mirror"} > "$out.log" 2>&1 ||
	{ tail -n 20 "$out.log" >&2; exit 1; }
rm -rf "$t"/var/cache/apt/* "$t"/var/lib/apt/lists/* "$t"/usr/share/{doc,man,info,locale}/* \
	"$t"/boot/* "$t"/usr/lib/modules/* "$t"/var/log/*.log
(cd "$t" && gzip -dc "$guest" | cpio -idm --quiet 'lib/modules/*' bin/fbpat bin/evdump)
depmod -b "$t" "$(ls "$t/usr/lib/modules" | head -n 1)"

sed '1s/.*/#!\/bin\/sh/' "$here/prompt" > "$t/usr/local/bin/guest-prompt"
echo desktop > "$t/etc/hostname"
echo '127.0.0.1 localhost desktop' > "$t/etc/hosts"
echo '/dev/vda / ext4 defaults,noatime 0 0' > "$t/etc/fstab"
sed -i 's/^root:[^:]*:/root::/' "$t/etc/shadow"
echo 0123456789abcdef0123456789abcdef > "$t/etc/machine-id"
cat > "$t/etc/systemd/system/guest-prompt.service" <<'U'
[Unit]
Description=command prompt on the second serial port
DefaultDependencies=no
After=systemd-remount-fs.service
[Service]
ExecStart=/usr/local/bin/guest-prompt /dev/ttyS1
Environment=DISPLAY=:0
Restart=always
[Install]
WantedBy=sysinit.target
U
cat > "$t/etc/systemd/system/guest-x.service" <<'U'
[Unit]
Description=X session
After=systemd-user-sessions.service dbus.service systemd-udev-trigger.service
[Service]
Environment=HOME=/root
WorkingDirectory=/root
ExecStart=/usr/local/bin/guest-x
Restart=on-failure
[Install]
WantedBy=multi-user.target
U
cat > "$t/usr/local/bin/guest-x" <<'U'
#!/bin/sh
driver=
for w in $(cat /proc/cmdline); do
	case $w in guest.x=*) driver=${w#*=} ;; esac
done
mkdir -p /etc/X11/xorg.conf.d
[ -z "$driver" ] || cat > /etc/X11/xorg.conf.d/10-guest.conf <<X
Section "Device"
	Identifier "card0"
	Driver "$driver"
EndSection
X
n=0
while [ ! -e /dev/dri/card0 ] && [ $n -lt 50 ]; do n=$((n + 1)); sleep 0.1; done
exec xinit /usr/local/bin/guest-session -- /usr/bin/Xorg :0 vt7 -nolisten tcp -ac -s 0 -dpms
U
cat > "$t/usr/local/bin/guest-session" <<'U'
#!/bin/sh
export DISPLAY=:0 XDG_RUNTIME_DIR=/run
xset s off -dpms
xsetroot -solid '#305070'
exec openbox --startup 'sh -c "xterm -geometry 80x24+20+40 -title first & touch /run/guest-session"'
U
chmod 755 "$t/usr/local/bin"/guest-*
links=$t/etc/systemd/system
mkdir -p "$links"/{multi-user,sysinit}.target.wants
ln -sf ../guest-x.service "$links/multi-user.target.wants/"
ln -sf ../guest-prompt.service "$links/sysinit.target.wants/"
ln -sf /lib/systemd/system/multi-user.target "$links/default.target"
for u in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
		fstrim.timer systemd-timesyncd.service getty@tty1.service serial-getty@ttyS0.service \
		systemd-update-utmp.service systemd-machine-id-commit.service systemd-pstore.service \
		systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-update-done.service \
		ldconfig.service; do
	ln -sf /dev/null "$links/$u"
done
truncate -s "$(($(du -sm "$t" | cut -f1) + 400))M" "$out.raw"
mkfs.ext4 -q -L guestroot -O ^has_journal -d "$t" "$out.raw"
qemu-img convert -c -O qcow2 "$out.raw" "$out.tmp"
mv "$out.tmp" "$out"
echo "$out: $(stat -c %s "$out") bytes"
