#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the tests with real programs, one after the other, and adds up what they counted.
#
#   run.sh [PATTERN]   in the build folder; only the tests whose line matches PATTERN
set -u
here=$(cd "$(dirname "$0")" && pwd)
only=${1:-.}
tests='
bad-input.sh
access.sh
peers.sh std
peers.sh qxl
peers.sh virtio
peers.sh cirrus
stock.sh std auto_glz
stock.sh qxl auto_glz
stock.sh qxl quic
stock.sh qxl glz
stock.sh qxl lz
stock.sh qxl off
heads.sh
libvirt.sh
sleep.sh
repeat.sh
newer-qemu.sh
'
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# scripts/guest needs programs that only scripts/packages promises
for p in qemu-system-x86_64 socat Xvfb openbox xdotool xwd convert spicy-screenshot remote-viewer; do
	command -v $p >/dev/null || { echo "no $p here: install what scripts/packages lists"; exit 1; }
done
while read -r name arguments; do
	[ -n "$name" ] && grep -qE "$only" <<<"$name $arguments" || continue
	echo "# $name $arguments"
	# shellcheck disable=SC2086
	timeout -k 10 150 "$here/$name" $arguments </dev/null 2>&1 | tee "$log"
	[ "${PIPESTATUS[0]}" != 124 ] || echo "not ok - $name $arguments: took more than 150 s" | tee -a "$log"
	grep -q '^# .* passed, ' "$log" || echo "not ok - $name $arguments: did not reach its end" | tee -a "$log"
	passed=$((passed + $(grep -c '^ok ' "$log")))
	failed=$((failed + $(grep -c '^not ok ' "$log")))
	skipped=$((skipped + $(grep -c '^skip ' "$log")))
done <<<"$tests"
echo "interop: $passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
