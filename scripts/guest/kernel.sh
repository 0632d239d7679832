#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# kernel.sh - have the Debian kernel that guests boot, unpacked, and print its vmlinuz.
#
# The package that linux-image-amd64 depends on (so never a cloud or rt kernel) is
# downloaded and unpacked into the cache; nothing is installed on this machine.
# Its modules are beside it, in DIR/lib/modules, where `modprobe -d DIR` finds them.
#
# Environment: GUEST_KERNEL (a vmlinuz with ../lib/modules beside it; nothing is fetched),
# CLOVE_CACHE (default ~/.cache/clove).
set -eu
PATH=$PATH:/usr/sbin:/sbin
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/lib.sh"

if [ -n "${GUEST_KERNEL:-}" ]; then
	[ -r "$GUEST_KERNEL" ] || die "no guest kernel at $GUEST_KERNEL"
	echo "$GUEST_KERNEL"
	exit 0
fi
dir=$cache/kernel
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
# (what an older one of these scripts unpacked lacks the media core, which USB sound needs)
if [ -s "$dir/ready" ] && compgen -G "$dir/lib/modules/*/kernel/drivers/media/mc" >/dev/null; then
	echo "$dir/$(cat "$dir/ready")"
	exit 0
fi

resolve() {
	apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[0-9].*-amd64\)$/\1/p' |
		grep -Ev -- '-(cloud|rt)-amd64$' | tail -n 1
}

package=$(resolve) || :
if [ -z "$package" ]; then
	as_root apt-get -qq update >&2
	package=$(resolve) || :
fi
[ -n "$package" ] || die "apt knows no linux-image-amd64; set GUEST_KERNEL to a Debian vmlinuz"
rm -rf "$dir/get" "$dir/boot" "$dir/lib"
mkdir "$dir/get"
fetch() { (cd "$dir/get" && apt-get -qq -o APT::Sandbox::User=root download "$package" >"$dir/get.log" 2>&1); }
if ! fetch; then
	# the package lists may name a version that the mirror has replaced
	as_root apt-get -qq update >&2 || :
	fetch || { cat "$dir/get.log" >&2; die "cannot fetch $package; set GUEST_KERNEL to a Debian vmlinuz"; }
fi
dpkg-deb --fsys-tarfile "$dir"/get/*.deb | tar -C "$dir" -x --no-same-owner \
	--exclude='*/drivers/media/[!m]*' --exclude='*/drivers/media/mmc' --exclude='*/drivers/infiniband' --exclude='*/drivers/staging' \
	--exclude='*/net/wireless' --exclude='*/drm/amd' --exclude='*/drm/i915' \
	--exclude='*/drm/nouveau' --exclude='*/drm/radeon' ./boot ./lib/modules
rm -rf "$dir/get" "$dir/get.log"
version=${package#linux-image-}
depmod -b "$dir" "$version" 2>/dev/null
[ -r "$dir/boot/vmlinuz-$version" ] || die "$package holds no boot/vmlinuz-$version"
echo "boot/vmlinuz-$version" > "$dir/ready"
echo "$dir/boot/vmlinuz-$version"
