# SPDX-License-Identifier: LGPL-2.1-or-later
# What a script does at a desk: an X screen of its own, windows, typing, looking.
# Sourced by bash; uses $top (source tree), $build (build folder) and $t (folder for files).
desk_pids=()

# Every process started here is remembered by its pid and ended by it.
desk_remember() { desk_pids+=("$1"); }

desk_end() { # PID: TERM, then KILL after 2 s
	local n

	kill "$1" 2>/dev/null || return 0
	for n in {1..40}; do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	kill -9 "$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
}

desk_stop() {
	local i

	for ((i = ${#desk_pids[@]} - 1; i >= 0; i--)); do
		desk_end "${desk_pids[i]}"
	done
	desk_pids=()
}

# An X server of WxH with a window manager; sets DISPLAY. The server picks its number.
desk_start() { # W H
	local n number=

	: > "$t/display"
	Xvfb -displayfd 7 -screen 0 "$1x$2x24" -nolisten tcp -noreset 7>>"$t/display" >"$t/xvfb.log" 2>&1 &
	desk_remember $!
	for n in {1..200}; do
		number=$(cat "$t/display")
		[ -z "$number" ] || break
		sleep 0.05
	done
	[ -n "$number" ] || { cat "$t/xvfb.log" >&2; return 1; }
	export DISPLAY=:$number GDK_BACKEND=x11 NO_AT_BRIDGE=1 GTK_A11Y=none
	unset WAYLAND_DISPLAY
	# Settings of the person who runs this must not decide what is drawn or pressed.
	mkdir -p "$t/home"
	export XDG_CONFIG_HOME=$t/home XDG_CACHE_HOME=$t/home XDG_DATA_HOME=$t/home GSETTINGS_BACKEND=memory
	openbox --sm-disable >"$t/openbox.log" 2>&1 &
	desk_remember $!
	for n in {1..100}; do
		xprop -root _NET_SUPPORTING_WM_CHECK 2>/dev/null | grep -q 'window id' && return 0
		sleep 0.05
	done
	cat "$t/openbox.log" >&2
	return 1
}

# The ids of the windows that a process shows, largest first.
desk_windows() { # PID
	local w x y width height screen

	for w in $(xdotool search --onlyvisible --pid "$1" 2>/dev/null); do
		WIDTH=0 HEIGHT=0
		eval "$(xdotool getwindowgeometry --shell "$w" 2>/dev/null | grep -E '^(WIDTH|HEIGHT)=[0-9]+$')"
		echo "$((WIDTH * HEIGHT)) $w"
	done | sort -rn | awk '$1 > 10000 { print $2 }'
}

# Until the process shows a window (or at least N of them); prints the largest.
desk_window() { # PID [SECONDS [N]]
	local end=$((SECONDS + ${2:-15})) list

	while :; do
		list=$(desk_windows "$1")
		[ "$(grep -c . <<<"$list")" -lt "${3:-1}" ] || { head -n 1 <<<"$list"; return 0; }
		[ $SECONDS -lt $end ] && kill -0 "$1" 2>/dev/null || return 1
		sleep 0.1
	done
}

desk_focus() { # WINDOW
	timeout 5 xdotool windowactivate --sync "$1" >/dev/null 2>&1 || :
	timeout 5 xdotool windowfocus --sync "$1" >/dev/null 2>&1 || :
}

desk_type() { # WINDOW TEXT
	desk_focus "$1"
	xdotool type --delay "${DESK_DELAY:-30}" -- "$2"
}

desk_key() { # WINDOW KEY...
	desk_focus "$1"
	shift
	xdotool key --delay "${DESK_DELAY:-30}" "$@"
}

# What the X server shows of a window, pixel for pixel.
desk_shot() { # WINDOW OUT.ppm
	xwd -silent -nobdrs -id "$1" 2>/dev/null | convert xwd:- -depth 8 "ppm:$2"
}

to_ppm() { convert "$1" -alpha off -depth 8 -type TrueColor "ppm:$2"; }

picture() { "$build/scripts/guest/picture" "$@"; }

guest() { "$top/scripts/guest/guest.sh" "$@"; }

# The guest's initramfs, built once for this kernel and these scripts.
guest_initrd() {
	local kernel name

	kernel=$("$top/scripts/guest/kernel.sh") || return 1
	name=$cache/guest-$( (echo "$kernel"; cat "$top"/scripts/guest/{mkguest.sh,init,prompt,screen,*.c}) |
		sha256sum | head -c 16).cpio.gz
	(
		flock 8
		[ ! -s "$name" ] || exit 0
		# not today's: another tree's tests may be about to boot it
		find "$cache" -maxdepth 1 -name 'guest-*.cpio.gz' -mtime +0 -delete
		"$top/scripts/guest/mkguest.sh" "$name" >&2
	) 8>"$cache/guest.lock" || return 1
	echo "$name"
}

# The disk of the desktop guest, built once; needs root. With guest_initrd's words, see mkdesktop.sh.
guest_desktop() { # INITRD
	local name

	name=$cache/desktop-$( (echo "$1"; cat "$top"/scripts/guest/{mkdesktop.sh,prompt}) | sha256sum | head -c 16).qcow2
	(
		flock 8
		[ ! -s "$name" ] || exit 0
		find "$cache" -maxdepth 1 -name 'desktop-*.qcow2' -mtime +0 -delete
		as_root "$top/scripts/guest/mkdesktop.sh" -g "$1" "$name" >&2
	) 8>"$cache/desktop.lock" || return 1
	echo "$name"
}

# A recent QEMU, unpacked once; its program's path. It needs no root and changes nothing installed.
guest_qemu11() {
	mkdir -p "$cache"
	(
		flock 8
		[ ! -x "$cache/qemu11/bin/qemu-system-x86_64" ] || exit 0
		# half a QEMU would be taken for a whole one the next time
		rm -rf "$cache/qemu11" "$cache/qemu11.part"
		"$top/scripts/guest/qemu11.sh" "$cache/qemu11.part" >&2 && mv "$cache/qemu11.part" "$cache/qemu11"
	) 8>"$cache/qemu11.lock" || return 1
	echo "$cache/qemu11/bin/qemu-system-x86_64"
}

# Until a guest answers at its prompt; what is said to it while its serial port wakes up may be lost.
guest_answers() { # DIR
	local n

	for n in {1..8}; do
		! guest sh "$1" 'echo awake' 8 2>/dev/null | grep -q awake || return 0
	done
	echo "no answer in $n tries"
	return 1
}

# The file that a running guest's QEMU has mapped as its SPICE server library.
guest_library() { # DIR
	local p

	p=$(sed -n 's,^[^/]*\(/.*libspice-server\.so[^ ]*\).*,\1,p' "/proc/$(cat "$1/pid")/maps" | sort -u)
	[ -n "$p" ] || return 1
	echo "$p"
}

# A TCP port of 127.0.0.1 where nobody listens now; the next search begins behind it.
port_next=${CLOVE_TEST_PORTS:-$((20000 + RANDOM % 10000))}
free_port() { # sets `port`
	while :; do
		port=$port_next
		port_next=$((port_next + 1))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
	done
}

# A CA and a server certificate in QEMU's file names, in DIR; the subject is "CN=NAME,O=Clove".
make_certificates() { # DIR [NAME]
	local dir=$1 name=${2:-localhost}

	mkdir -p "$dir"
	(
		umask 077
		cd "$dir"
		openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/O=Clove/CN=Test authority" \
			-keyout ca-key.pem -out ca-cert.pem
		openssl req -newkey rsa:2048 -nodes -subj "/O=Clove/CN=$name" -keyout server-key.pem -out server.csr
		printf 'subjectAltName=DNS:%s,IP:127.0.0.1,IP:::1\n' "$name" > ext
		openssl x509 -req -in server.csr -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 30 \
			-extfile ext -out server-cert.pem
	) >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2; return 1; }
}

# A connection file as managers write it.
write_vv() { # OUT.vv KEY=VALUE...
	local out=$1

	shift
	(umask 077; { echo '[virt-viewer]'; echo 'type=spice'; printf '%s\n' "$@"; } > "$out")
}

# PEM as one line of a connection file.
pem_line() { sed 's/$/\\n/' "$1" | tr -d '\n'; }
