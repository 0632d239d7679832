# SPDX-License-Identifier: LGPL-2.1-or-later
# What the commands in this folder share: where things are, packages, the build.
# Sourced by bash; the caller has set `top` to the root of the source tree.
cache=${CLOVE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/clove}
# a desk of its own moves XDG_CACHE_HOME
export CLOVE_CACHE=$cache
jobs=${CLOVE_JOBS:-$(nproc)}

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this step needs root: run it as root, or install sudo ($*)"
	fi
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 \
			install -y --no-install-recommends "$@" </dev/null
}

# Install the packages of the named groups; no network and no root if all are there.
packages_install() {
	local group package missing=() log

	while read -r group package; do
		case " $* " in *" $group "*) ;; *) continue ;; esac
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			missing+=("$package")
	done < <(sed 's/#.*//; /^$/d' "$top/scripts/packages")
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "no apt-get here; install by hand: ${missing[*]}"
	say "installing ${#missing[@]} packages: ${missing[*]}"
	log=$(mktemp)
	# A fresh machine has no package lists; an old one has lists of gone versions.
	if ! apt_install "${missing[@]}" >"$log" 2>&1 &&
			! { as_root apt-get -qq update && apt_install "${missing[@]}"; } >"$log" 2>&1; then
		tail -n 15 "$log" >&2
		rm -f "$log"
		die "apt-get could not install the packages listed in scripts/packages"
	fi
	rm -f "$log"
}

# Build the tree out of tree in DIR (the rest are configure's arguments), quietly; the
# whole output goes to DIR/build.log. Configured once: remove DIR to change arguments.
build_tree() {
	local dir=$1
	shift

	[ ! -e "$top/config.status" ] ||
		die "the source folder is itself configured: run make distclean in it first"
	mkdir -p "$dir"
	if ! {
		{ [ -x "$top/configure" ] && [ "$top/configure" -nt "$top/configure.ac" ]; } || "$top/autogen.sh"
	} >"$dir/build.log" 2>&1; then
		tail -n 20 "$dir/build.log" >&2
		return 1
	fi
	if [ ! -e "$dir/Makefile" ] && ! (cd "$dir" && "$top/configure" "$@") >>"$dir/build.log" 2>&1; then
		tail -n 20 "$dir/build.log" >&2
		return 1
	fi
	if ! make -C "$dir" -j"$jobs" >>"$dir/build.log" 2>&1; then
		grep -E 'error:|Error|warning:' "$dir/build.log" | tail -n 20 >&2
		return 1
	fi
}
