#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# guest.sh - start a test guest in the background and drive it.
#
#   guest.sh start DIR [QEMU-ARG...]  start QEMU; DIR gets its sockets and logs
#   guest.sh wait DIR [SECONDS]       until the guest's prompt is there (180)
#   guest.sh boot DIR [QEMU-ARG...]   start and wait
#   guest.sh sh DIR LINE [SECONDS]    run a shell line in the guest: its output
#                                     on stdout, its status as exit status (60)
#   guest.sh put DIR FILE PATH        a small file into the guest (base64)
#   guest.sh get DIR PATH FILE        and out of it
#   guest.sh qmp DIR JSON             one QMP command; prints its reply
#   guest.sh hmp DIR LINE             one monitor command; prints its text
#   guest.sh event DIR NAME [SECONDS] until QMP event NAME has been seen (30)
#   guest.sh events DIR               all events so far
#   guest.sh key DIR NAME...          press keys (QMP names: a, ret, ctrl-alt-f1)
#   guest.sh screendump DIR OUT.ppm   the display as QEMU sees it
#   guest.sh ga DIR JSON [SECONDS]    one guest-agent command (socket DIR/ga.sock)
#   guest.sh cpu DIR                  CPU seconds used by this QEMU so far
#   guest.sh rss DIR                  resident size in KiB
#   guest.sh alive DIR                true while QEMU runs
#   guest.sh waitexit DIR [SECONDS]   until QEMU has ended by itself (60)
#   guest.sh stop DIR                 quit, then TERM, then KILL, by its pid
#
# Environment: GUEST_QEMU (qemu-system-x86_64), GUEST_KERNEL (kernel.sh's),
# GUEST_INITRD (DIR/../guest.cpio.gz), GUEST_APPEND (more kernel words),
# GUEST_MACHINE (pc), GUEST_MEM (256M), GUEST_SMP (1), GUEST_ACCEL (tcg),
# GUEST_DIRECT=0 (no -kernel/-initrd: the arguments say what to boot),
# GUEST_LIBDIR (a directory put in front of LD_LIBRARY_PATH for QEMU alone),
# GUEST_PRELOAD (LD_PRELOAD for QEMU alone: a sanitizer's runtime).
# DIR: keep the path short (UNIX socket names end at 107 bytes).
set -u
here=$(cd "$(dirname "$0")" && pwd)
die() { echo "guest.sh: $*" >&2; exit 1; }
[ $# -ge 2 ] || { sed -n '3,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
verb=$1 dir=$2
shift 2
command -v socat >/dev/null || die "socat is not installed (scripts/packages lists what is needed)"

alive() { [ -s "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$(cat "$dir/pid")/status" 2>/dev/null; }

start() {
	local direct=() k
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	rm -f "$dir"/{qmp.sock,ch.sock,ga.sock,chan.log,pid,ev.in,ev.out}
	command -v "${GUEST_QEMU:-qemu-system-x86_64}" >/dev/null || die "no ${GUEST_QEMU:-qemu-system-x86_64} here"
	if [ "${GUEST_DIRECT:-1}" = 1 ]; then
		k=$("$here/kernel.sh") || exit 1
		direct=(-kernel "$k" -initrd "${GUEST_INITRD:-$dir/../guest.cpio.gz}"
				-append "console=ttyS0 panic=5 quiet ${GUEST_APPEND:-}")
	fi
	# a QMP monitor on a pipe whose output end is a plain file keeps all events
	mkfifo "$dir/ev.in"
	: > "$dir/ev.out"
	: > "$dir/chan.log"
	(
		[ -z "${GUEST_LIBDIR:-}" ] ||
			export LD_LIBRARY_PATH="$GUEST_LIBDIR${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" QEMU11_LIBPATH="$GUEST_LIBDIR"
		[ -z "${GUEST_PRELOAD:-}" ] || export LD_PRELOAD="$GUEST_PRELOAD"
		cd "$dir" || exit 1
		exec setsid "${GUEST_QEMU:-qemu-system-x86_64}" -name "${dir##*/}" -nodefaults -no-user-config \
			-machine "${GUEST_MACHINE:-pc}" -accel "${GUEST_ACCEL:-tcg}" -m "${GUEST_MEM:-256M}" -smp "${GUEST_SMP:-1}" \
			-display none "${direct[@]}" \
			-serial file:console.log \
			-chardev socket,id=prompt,path=ch.sock,server=on,wait=off,logfile=chan.log -serial chardev:prompt \
			-chardev pipe,id=events,path=ev -mon events,mode=control \
			-qmp unix:qmp.sock,server=on,wait=off \
			"$@" </dev/null >qemu.log 2>&1
	) &
	echo $! > "$dir/pid"
	for _ in $(seq 100); do
		if [ -S "$dir/qmp.sock" ] && [ -S "$dir/ch.sock" ]; then
			# opened both ways: a QEMU that has ended meanwhile would block this for ever
			echo '{"execute":"qmp_capabilities"}' 1<> "$dir/ev.in"
			return 0
		fi
		alive || { cat "$dir/qemu.log" >&2; die "QEMU ended at once"; }
		sleep 0.1
	done
	die "no QMP socket"
}

# the prompt's own log tells when it is there: no polling over the line
wait_ready() {
	local end=$((SECONDS + ${1:-180}))
	until grep -q '@@READY' "$dir/chan.log" 2>/dev/null; do
		alive || { tail -n 5 "$dir/qemu.log" >&2; die "QEMU has ended"; }
		[ $SECONDS -lt $end ] || { tail -n 15 "$dir/console.log" >&2; die "no prompt"; }
		sleep 0.1
	done
}

sh_guest() {
	local tag=t$$x$RANDOM w end=$((SECONDS + ${2:-60})) line out
	out=$dir/out.$tag
	: > "$out"
	# The connection stays until the answer is there (QEMU drops what it has not
	# yet read when the peer closes), and is read all the time (the socket takes
	# some 280 single bytes only). The answer is not taken from chan.log, where
	# QEMU 7.2 may log a byte twice when the socket was full.
	exec {w}> >(exec socat - "UNIX-CONNECT:$dir/ch.sock" >"$out" 2>/dev/null)
	printf '\n%s %s\n' "$tag" "$1" >&"$w" 2>/dev/null
	while :; do
		line=$(tr -d '\r\0' < "$out" | grep -a -m 1 "^@@E $tag ") && break
		alive || { rm -f "$out"; die "QEMU has ended"; }
		[ $SECONDS -lt $end ] || { cat "$out"; rm -f "$out"; echo "guest.sh: timeout" >&2; exit 124; }
		sleep 0.05
	done
	exec {w}>&-
	tr -d '\r\0' < "$out" | sed -n "/^@@B $tag\$/,/^@@E $tag /{//d;p}" | sed '${/^$/d}'
	rm -f "$out"
	return "${line##* }"
}

qmp() {
	local id=q$$x$RANDOM line cmd out=
	cmd="${1%\}}, \"id\": \"$id\""
	coproc Q { socat -t 5 - "UNIX-CONNECT:$dir/qmp.sock" 2>/dev/null; }
	local pid=$Q_PID
	printf '{"execute":"qmp_capabilities"}\n%s}\n' "$cmd" >&"${Q[1]}" 2>/dev/null || die "no QMP socket"
	while IFS= read -r -t "${2:-60}" line <&"${Q[0]}"; do
		case $line in *"\"id\": \"$id\""*) out=$line; break ;; esac
	done
	kill "$pid" 2>/dev/null
	[ -n "$out" ] || die "no QMP reply"
	printf '%s\n' "$out" | tr -d '\r'
	case $out in *'"error":'*) return 1 ;; esac
}

json() { local s=${1//\\/\\\\}; s=${s//\"/\\\"}; printf '"%s"' "$s"; }

case $verb in
start) start "$@" ;;
wait) wait_ready "$@" ;;
boot) start "$@"; wait_ready "${GUEST_BOOT_LIMIT:-180}" ;;
sh) sh_guest "$@" ;;
put) sh_guest "echo $(base64 -w 0 "$1") | base64 -d > $2" ;;
get) sh_guest "base64 $1" "${3:-120}" | base64 -d > "$2" ;;
qmp) qmp "$@" ;;
hmp)
	r=$(qmp "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":$(json "$1")}}") || { echo "$r"; exit 1; }
	r=${r#*\"return\": \"}
	r=${r%\", \"id\"*}
	printf '%b' "${r//\\\"/\"}"
	;;
event)
	end=$((SECONDS + ${2:-30}))
	until grep -q "\"event\": \"$1\"" "$dir/ev.out"; do
		[ $SECONDS -lt $end ] || die "no event $1"
		sleep 0.1
	done
	;;
events) grep '"event":' "$dir/ev.out" | tr -d '\r' ;;
key)
	for k; do
		list=
		for q in ${k//-/ }; do list="$list${list:+,}{\"type\":\"qcode\",\"data\":\"$q\"}"; done
		qmp "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[$list]}}" >/dev/null || exit 1
	done
	;;
screendump)
	o=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
	qmp "{\"execute\":\"screendump\",\"arguments\":{\"filename\":$(json "$o")}}" >/dev/null
	;;
ga)
	# the socket must not be half closed before the reply: QEMU would drop it
	exec 3< <(timeout "${2:-15}" socat - "UNIX-CONNECT:$dir/ga.sock" 2>/dev/null < <(printf '%s\n' "$1"; exec sleep "${2:-15}"))
	IFS= read -r -t "${2:-15}" line <&3 && printf '%s\n' "$line" | tr -d '\377'
	;;
cpu)
	s=$(cat "/proc/$(cat "$dir/pid")/stat") || exit 1
	set -- ${s##*) }
	echo "$(((${12} + ${13}) * 100 / $(getconf CLK_TCK)))" | sed 's/\(.*\)\(..\)$/\1.\2/; s/^\./0./'
	;;
rss) sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(cat "$dir/pid")/status" ;;
alive) alive ;;
waitexit)
	end=$((SECONDS + ${1:-60}))
	while alive; do [ $SECONDS -lt $end ] || die "still running"; sleep 0.1; done
	;;
stop)
	p=$(cat "$dir/pid" 2>/dev/null) || exit 0
	if alive; then
		echo '{"execute":"qmp_capabilities"}{"execute":"quit"}' |
			timeout 3 socat -t 1 - "UNIX-CONNECT:$dir/qmp.sock" >/dev/null 2>&1
		for _ in $(seq 30); do alive || break; sleep 0.1; done
		if alive; then kill "$p"; sleep 1; fi
		if alive; then kill -9 "$p"; fi
	fi
	rm -f "$dir/pid"
	;;
*) die "unknown: $verb" ;;
esac
