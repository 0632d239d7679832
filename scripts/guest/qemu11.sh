#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Install a recent Debian build of QEMU (x86 system emulator, with its own libc
# and libraries) into a directory, without touching the host's packages.
#
#   qemu11.sh DIR [SUITE [BACKPORTS]]
#
# SUITE      base suite, by name (default: trixie)
# BACKPORTS  suite that QEMU itself is taken from (default: trixie-backports;
#            "-" = none, e.g. "qemu11.sh DIR sid -")
#
# The mirror is the one this machine's apt already uses for Debian's main
# archive; set QEMU11_MIRROR to override it. No root needed, no chroot: the
# packages are unpacked, and DIR/bin holds wrappers that start the programs
# with the unpacked dynamic linker and libraries.
#
#   DIR/bin/qemu-system-x86_64   run QEMU
#   DIR/bin/qemu-img             image tool
#
# Environment of the wrappers:
#   QEMU11_LIBPATH   directories searched before the unpacked ones (for
#                    instance one that holds another libspice-server.so.1)
#   QEMU11_RUN       a command put in front (gdb --args, strace -f, ...)
#
# QEMU11_PACKAGES overrides the package list.
set -eu

usage() { sed -n '3,26s/^# \{0,1\}//p' "$0"; exit 2; }
[ $# -ge 1 ] || usage
case $1 in -h|--help) usage;; esac
suite=${2:-trixie}
bpo=${3:-trixie-backports}
mkdir -p "$1"
dir=$(cd "$1" && pwd)
packages=${QEMU11_PACKAGES:-qemu-system-x86 qemu-system-modules-spice qemu-utils}

arch=$(dpkg --print-architecture)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The archive that apt already uses: an index of origin and label "Debian"
# (so not the security archive).
mirror=${QEMU11_MIRROR:-}
if [ -z "$mirror" ]; then
	mirror=$(apt-get indextargets --format '$(CREATED_BY)|$(ORIGIN)|$(LABEL)|$(REPO_URI)' |
			 sed -n 's/^Packages|Debian|Debian|//p' | head -n 1)
fi
[ -n "$mirror" ] || { echo "qemu11.sh: no Debian archive among apt's sources; set QEMU11_MIRROR" >&2; exit 1; }

state=$dir/.apt
mkdir -p "$state/etc/preferences.d" "$state/lists/partial" "$state/cache/archives/partial" "$dir/root" "$dir/bin"
: > "$state/status"
signed=
[ -r "$keyring" ] && signed="signed-by=$keyring"
{
	echo "deb [arch=$arch $signed] $mirror $suite main"
	[ "$bpo" = - ] || echo "deb [arch=$arch $signed] $mirror $bpo main"
} > "$state/etc/sources.list"
: > "$state/etc/preferences"
if [ "$bpo" != - ]; then
	cat > "$state/etc/preferences" <<PREF
Package: qemu-* src:qemu seabios ipxe-qemu
Pin: release n=$bpo
Pin-Priority: 900
PREF
fi

apt() {
	cmd=$1; shift
	"$cmd" -q -o Dir::Etc="$state/etc" -o Dir::Etc::sourcelist="$state/etc/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferences="$state/etc/preferences" \
		-o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State="$state" -o Dir::State::status="$state/status" \
		-o Dir::State::lists="$state/lists" -o Dir::Cache="$state/cache" \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" \
		-o APT::Install-Recommends=false -o APT::Sandbox::User= \
		-o Debug::NoLocking=true -o Acquire::Languages=none "$@"
}

apt apt-get update
# shellcheck disable=SC2086
apt apt-get install -y --download-only $packages

rm -rf "$dir/root"; mkdir "$dir/root"
# usr-merge first, as the packages of a merged-/usr suite expect
for d in bin sbin lib lib64; do mkdir -p "$dir/root/usr/$d"; ln -s "usr/$d" "$dir/root/$d"; done
for deb in "$state"/cache/archives/*.deb; do
	# through tar, so that a package that still ships /lib lands in /usr/lib
	dpkg-deb --fsys-tarfile "$deb" | tar -C "$dir/root" -x --keep-directory-symlink --no-same-owner -f -
done
[ "${QEMU11_KEEP:-0}" = 1 ] || { rm -rf "$state/cache" "$state/lists"
	rm -rf "$dir/root/usr/share/doc" "$dir/root/usr/share/man" "$dir/root/usr/share/locale" "$dir/root/usr/share/info"; }

ld=$(find "$dir/root/usr/lib64" "$dir/root/usr/lib" -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
multi=$(dirname "$(find "$dir/root/usr/lib" -name 'libc.so.6' | head -n 1)")
[ -n "$ld" ] && [ -n "$multi" ] || { echo "qemu11.sh: no dynamic linker unpacked" >&2; exit 1; }
rel() { printf '%s' "${1#"$dir"/}"; }

wrap() { # program, extra arguments
	[ -x "$dir/root/usr/bin/$1" ] || return 0
	cat > "$dir/bin/$1" <<WRAP
#!/bin/sh
here=\$(cd "\$(dirname "\$(readlink -f "\$0")")/.." && pwd)
QEMU_MODULE_DIR=\${QEMU_MODULE_DIR:-\$here/$(rel "$multi")/qemu}; export QEMU_MODULE_DIR
exec \${QEMU11_RUN:-} "\$here/$(rel "$ld")" --library-path "\${QEMU11_LIBPATH:+\$QEMU11_LIBPATH:}\$here/$(rel "$multi"):\$here/root/usr/lib" --argv0 $1 "\$here/root/usr/bin/$1" $2 "\$@"
WRAP
	chmod +x "$dir/bin/$1"
}
wrap qemu-system-x86_64 '-L "$here/root/usr/share/qemu" -L "$here/root/usr/share/seabios" -L "$here/root/usr/lib/ipxe/qemu"'
wrap qemu-system-i386   '-L "$here/root/usr/share/qemu" -L "$here/root/usr/share/seabios" -L "$here/root/usr/lib/ipxe/qemu"'
wrap qemu-img ''
wrap qemu-io ''
wrap qemu-storage-daemon ''

"$dir/bin/qemu-system-x86_64" --version | head -n 1
du -sh "$dir" | awk '{print $1 " in " "'"$dir"'"}'
