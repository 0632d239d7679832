#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the tests with real programs, two at a time, and adds up what they counted.
#
#   run.sh [PATTERN]   in the build folder; only the tests whose line matches PATTERN
#
# Environment: CLOVE_JOBS (how many at a time; 2), SERVER=stock and VIEWER=PROGRAM (try the
# tests themselves on the programs that are known to pass them).
set -u
here=$(cd "$(dirname "$0")" && pwd)
only=${1:-.}
limit=400
# Long ones first. What measures time runs alone, at the end.
tests='
desktop.sh qxl
desktop.sh modesetting
newer-qemu.sh peers.sh qxl
newer-qemu.sh peers.sh std
newer-qemu.sh peers.sh virtio
newer-qemu.sh heads.sh
heads.sh
peers.sh std
peers.sh qxl
peers.sh virtio
stock.sh std auto_glz
stock.sh qxl auto_glz
stock.sh qxl quic
stock.sh qxl glz
stock.sh qxl lz
stock.sh qxl off
stock.sh qxl jpeg
again.sh std
again.sh qxl
glz.sh qxl
glz.sh std
streams.sh qxl
streams.sh std
video.sh qxl
video.sh std
video.sh qxl ours
ehci-boot.sh
ehci-sleep.sh
access.sh
libvirt.sh
sleep.sh
usb-dialog.sh stock
usb-dialog.sh ours
usb-viewer.sh redir
usb-viewer.sh bridge
usb-vmc.sh
usb-two-guests.sh
bad-input.sh
usb-redir.sh
drawings.sh
../raster/raster.sh
'
alone='
ehci.sh
repeat.sh
viewer.sh
'
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# scripts/guest needs programs that only scripts/packages promises
for p in qemu-system-x86_64 socat Xvfb openbox xdotool xwd convert spicy-screenshot remote-viewer; do
	command -v $p >/dev/null || { echo "no $p here: install what scripts/packages lists"; exit 1; }
done
# What takes minutes to make, once, is made before a test's time begins.
prepare() {
	local top initrd

	grep -qE "$only" <<<"$(grep '^desktop' <<<"$tests")" || return 0
	top=$(cd "$here/../.." && pwd)
	# shellcheck disable=SC1091
	. "$top/scripts/lib.sh"
	. "$top/scripts/guest/desk.sh"
	initrd=$(guest_initrd) && guest_desktop "$initrd"
}
(prepare) >/dev/null || echo "# no desktop guest: its tests are skipped"
number=0
run_one() { # TEST ARGUMENT...
	local log=$logs/$number status

	# each with ports of its own: what one finds free the other may be about to take
	CLOVE_TEST_PORTS=$((21000 + RANDOM % 50 * 200 + number * 20)) \
		timeout -k 10 $limit "$here/$1" "${@:2}" </dev/null >"$log.part" 2>&1
	status=$?
	[ $status != 124 ] || echo "not ok - $*: took more than $limit s" >> "$log.part"
	grep -q '^# .* passed, ' "$log.part" || echo "not ok - $*: did not reach its end" >> "$log.part"
	mv "$log.part" "$log"
	# one writer at a time
	flock "$logs" cat "$log"
}
run_all() { # AT-A-TIME LIST
	local name arguments running=0

	while read -r name arguments; do
		[ -n "$name" ] && grep -qE "$only" <<<"$name $arguments" || continue
		number=$((number + 1))
		# shellcheck disable=SC2086
		run_one "$name" $arguments &
		running=$((running + 1))
		[ $running -lt "$1" ] || { wait -n; running=$((running - 1)); }
	done <<<"$2"
	wait
}
run_all "${CLOVE_JOBS:-2}" "$tests"
run_all 1 "$alone"
total() { cat "$logs"/* 2>/dev/null | grep -c "^$1 "; }
passed=$(total ok) failed=$(total 'not ok') skipped=$(total skip)
echo "interop: $passed passed, $failed failed, $skipped skipped, $SECONDS s"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
