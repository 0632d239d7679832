# SPDX-License-Identifier: LGPL-2.1-or-later
# What a test with real programs is: a guest, a screen, checks that are counted.
# Sourced by bash in the build folder (or with CLOVE_BUILD naming it).
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$(cd "${CLOVE_BUILD:-.}" && pwd)
. "$top/scripts/lib.sh"
. "$top/scripts/guest/desk.sh"
set -u
umask 077
t=$(mktemp -d "${TMPDIR:-/tmp}/clove-it.XXXXXX")
passed=0 failed=0 skipped=0 guests=()

pass() { passed=$((passed + 1)); echo "ok - $1"; }
fail() { failed=$((failed + 1)); echo "not ok - $1${2:+: $2}"; }
skip() { skipped=$((skipped + 1)); echo "skip - $1: $2"; }
check() { # WHAT COMMAND...: the command's last line says why if it fails
	local what=$1 out

	shift
	if out=$("$@" 2>&1); then pass "$what"; else fail "$what" "$(tail -n 1 <<<"$out")"; fi
}
# Not a check that failed but a test that cannot go on.
give_up() { fail "$@"; exit; }

at_end() {
	local g

	desk_stop
	for g in "${guests[@]}"; do guest stop "$t/$g"; done
	if [ $failed -gt 0 ] && [ -n "${CLOVE_KEEP:-}" ]; then
		echo "# files kept in $t"
	else
		rm -rf "$t"
	fi
	echo "# ${0##*/}${arguments:+ $arguments}: $passed passed, $failed failed, $skipped skipped, $SECONDS s"
	[ $failed = 0 ] && [ $passed$skipped != 00 ] || exit 1
	exit 0
}
arguments=$*
trap at_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ours=$(find "$build" -path '*.libs/libspice-server.so.1' 2>/dev/null | head -n 1)
ours=${ours%/*}
# VIEWER and SERVER=stock try a test itself on the programs that are known to pass it.
clove_viewer=${VIEWER:-$(find "$build" -name clove-viewer -type f -perm -u+x ! -path "*/.libs/*" 2>/dev/null | head -n 1)}
need_ours() { [ -n "$ours" ] || give_up "this test needs the built libspice-server.so.1" "none in $build"; }
need_viewer() { [ -n "$clove_viewer" ] || give_up "this test needs the built clove-viewer" "none in $build"; }

# Start QEMU and assert which library serves it: ours, or stock (the distribution's, or for
# the QEMU that qemu11.sh unpacked, the one it brought).
launch() { # ours|stock NAME QEMU-ARG...
	local whose=$1 name=$2 loaded
	shift 2

	guests+=("$name")
	[ "$whose" = stock ] || need_ours
	GUEST_LIBDIR=$([ "$whose" = stock ] || echo "$ours") guest start "$t/$name" "$@" ||
		give_up "$name: QEMU starts" "$(tail -n 3 "$t/$name/qemu.log" | tr '\n' ' ')"
	loaded=$(realpath "$(guest_library "$t/$name")") || loaded=none
	case $whose in
	ours) [ "$loaded" = "$(realpath "$ours/libspice-server.so.1")" ] ;;
	stock) [[ $loaded != none && $loaded != "$build"/* ]] ;;
	esac && pass "$name: QEMU runs on $whose: $loaded" || give_up "$name: QEMU runs on $whose" "$loaded"
}

# The same with a Linux guest in it, up to its prompt.
boot() { # ours|stock NAME QEMU-ARG...
	[ -n "${GUEST_INITRD:-}" ] || GUEST_INITRD=$(guest_initrd) || give_up "a guest to boot"
	export GUEST_INITRD
	launch "$@"
	guest wait "$t/$2" "${GUEST_BOOT_LIMIT:-100}" ||
		give_up "$2: the guest boots" "$(tail -n 3 "$t/$2/qemu.log" | tr '\n' ' ')"
}

# Nothing in a log is an accident (QEMU's coroutines make a sanitizer warn).
quiet() { ! grep -iE 'abort|assert|segfault|double free|sanitizer:|runtime error|CRITICAL' "$t/$1"; } # LOG

ends() { # PID [SECONDS]: true once it has ended by itself
	local end=$((SECONDS + ${2:-10}))

	while kill -0 "$1" 2>/dev/null; do
		[ $SECONDS -lt $end ] || { echo "still running"; return 1; }
		sleep 0.05
	done
}

# What QEMU says of a guest: running, suspended, paused...
state() { guest qmp "$t/$1" '{"execute":"query-status"}' | sed -n 's/.*"status": "\([a-z-]*\)".*/\1/p'; } # NAME
becomes() { # NAME STATE
	local n s=

	for n in {1..200}; do
		s=$(state "$1")
		[ "$s" != "$2" ] || return 0
		sleep 0.1
	done
	echo "query-status says $s"
	return 1
}
falls_asleep() { # NAME: to S3
	guest sh "$t/$1" '(sleep 0.3; echo mem > /sys/power/state) >/dev/null 2>&1 &' >/dev/null
	becomes "$1" suspended
}

# Compare what a client shows with QEMU's screendump until they agree (the guest's own
# worker brings its frame buffer to the screen): LOOK writes $t/seen.ppm.
agree() { # NAME same|find LOOK...
	local name=$1 how=$2 n why=
	shift 2

	for n in {1..12}; do
		# a text cursor blinks: what was seen is what QEMU showed before it, or behind
		if guest screendump "$t/$name" "$t/dump.ppm" && "$@" "$t/seen.ppm" &&
				guest screendump "$t/$name" "$t/later.ppm"; then
			why=$(picture "$how" "$t/seen.ppm" "$t/dump.ppm") && break
			why=$(picture "$how" "$t/seen.ppm" "$t/later.ppm") && break
		else
			why="nothing to compare"
		fi
		sleep "0.$((RANDOM % 5 + 1))" # and not in step with it
	done
	[ "$n" -lt 12 ] || { echo "${why:-no picture}"; return 1; }
	case $(picture size "$t/dump.ppm") in *" 1") echo "one colour only"; return 1 ;; esac
}

draw() { guest sh "$t/$1" "fbpat ${2:-}" >/dev/null && sleep 0.5; } # NAME [FBPAT-OPTION...]

# Lines typed into a window arrive at the guest's shell, which repeats them on its serial port.
typed_arrives() { # NAME WINDOW
	local word=word-$RANDOM n

	desk_type "$2" "echo $word | tee /dev/ttyS0"
	desk_key "$2" Return
	for n in {1..100}; do
		! grep -q "^$word" "$t/$1/console.log" || return 0
		sleep 0.1
	done
	echo "the guest's shell did not get $word"
	return 1
}

# Events of the guest's input devices while a command runs on the host, in $t/events.
during_events() { # NAME SECONDS COMMAND...
	local name=$1 limit=$2 n
	shift 2

	guest sh "$t/$name" "evdump -t $limit > /tmp/events 2>&1 &" >/dev/null
	sleep 0.3
	"$@"
	guest sh "$t/$name" 'wait; while pidof evdump >/dev/null; do sleep 0.2; done; cat /tmp/events' > "$t/events"
}

client() { # LOG COMMAND...: in the background; sets `client_pid`
	local log=$1
	shift

	"$@" >"$log" 2>&1 &
	client_pid=$!
	desk_remember $client_pid
}

spicy_shot() { # OPTION... OUT.ppm
	local out=${!#}

	rm -f "$out"
	timeout 20 spicy-screenshot "${@:1:$#-1}" -o "$out" >"$t/spicy.log" 2>&1 && [ -s "$out" ]
}

clove_shot() { # OPTION-OR-TARGET... OUT.ppm: a clove-viewer of its own, which ends by itself
	local out=${!#}

	rm -f "$t/clove.png" "$out"
	timeout 30 "$clove_viewer" --screenshot "$t/clove.png" --wait-picture 20 --exit-after-screenshot \
		"${@:1:$#-1}" >"$t/clove.log" 2>&1 && to_ppm "$t/clove.png" "$out" 2>/dev/null
}

viewer_shot() { # PID FILE.png OUT.ppm: a fresh --screenshot of a running clove-viewer
	local n

	rm -f "$2"
	kill -USR1 "$1" || return 1
	for n in {1..200}; do [ -s "$2" ] && break; sleep 0.05; done
	to_ppm "$2" "$3" 2>/dev/null
}
