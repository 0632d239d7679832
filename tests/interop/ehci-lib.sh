# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests of our USB controller share: the daemon, a recent QEMU on it, and its devices. Sourced after lib.sh.
daemon=$(find "$build" -maxdepth 1 -name clove-ehci-vfio -type f -perm -u+x | head -n 1)
ctl=$build/clove-ehci-ctl
[ -n "$daemon" ] || give_up "this test needs the built clove-ehci-vfio" "none in $build"
mkdir -p "$cache"
GUEST_QEMU=$(guest_qemu11 2>"$t/qemu11.log") ||
	{ skip "a QEMU with vfio-user" "qemu11.sh could not fetch it: $(tail -n 1 "$t/qemu11.log")"; exit; }
GUEST_INITRD=$(guest_initrd) || give_up "a guest to boot"
export GUEST_QEMU GUEST_INITRD GUEST_MACHINE=q35,memory-backend=m0 GUEST_MEM=256M

# Starts the daemon, up to its sockets: $t/ehci and $t/control.
start_daemon() { # OPTION...
	local n

	rm -f "$t/ehci" "$t/control"
	"$daemon" --socket "$t/ehci" --control "$t/control" --verbose "$@" >>"$t/daemon.log" 2>&1 &
	daemon_pid=$!
	desk_remember $daemon_pid
	for n in {1..100}; do
		[ ! -S "$t/ehci" ] || return 0
		kill -0 $daemon_pid 2>/dev/null || break
		sleep 0.05
	done
	give_up "clove-ehci-vfio starts" "$(tail -n 1 "$t/daemon.log")"
}
ctl() { "$ctl" "$t/control" "$@"; }
plug() { ctl plug "$1" | sed -n 's/^port \([0-9]*\):.*/\1/p'; } # SPEC: the port's number

# A guest on the daemon's controller, up to its prompt.
launch_ehci() { # NAME QEMU-ARG...
	local name=$1
	shift

	guests+=("$name")
	guest start "$t/$name" -object memory-backend-memfd,id=m0,size=$GUEST_MEM,share=on \
		-device "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$t/ehci\"}}" "$@" ||
		give_up "$name: QEMU starts" "$(tail -n 3 "$t/$name/qemu.log" | tr '\n' ' ')"
}
boot_ehci() { # NAME QEMU-ARG...
	launch_ehci "$@"
	guest wait "$t/$1" "${GUEST_BOOT_LIMIT:-180}" ||
		give_up "$1: the guest boots" "$(tail -n 3 "$t/$1/qemu.log" | tr '\n' ' ')"
}
in_guest() { guest sh "$t/g" "$@"; } # LINE [SECONDS]
# Until a line in the guest succeeds.
guest_sees() { # LINE [SECONDS]
	in_guest "n=0; until { $1; } >/dev/null 2>&1; do n=\$((n + 1)); [ \$n -lt $((${2:-15} * 10)) ] || { echo 'not seen: $(tr -d "'" <<<"$1")'; exit 1; }; usleep 100000; done" \
		$((${2:-15} + 30))
}

has_disk() { guest_sees 'test -b /dev/sda'; }
lives() { guest_answers "$t/g"; }
