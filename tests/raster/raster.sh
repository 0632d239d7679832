#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Draws the same random commands with the built library and with the distribution's, and compares all
# surfaces. A seed of one's own: raster.sh SEED [COUNT].
. "$(dirname "$0")/../interop/lib.sh"
need_ours
stock=$(ldconfig -p | sed -n 's/^\s*libspice-server\.so\.1 .*=> //p' | head -n 1)
program=$build/tests/raster/raster
if [ -z "$stock" ]; then
	skip "the distribution's library draws the same" "there is no libspice-server.so.1 here"
	exit
fi
stock=$(readlink -f "$stock")
if nm -D "$stock" 2>/dev/null | grep -q clove; then
	skip "the distribution's library draws the same" "$stock is ours"
	exit
fi
compare() { # SEED COUNT
	local out last

	out=$("$program" "$ours/libspice-server.so.1" "$stock" "$1" "$2")
	last=$(tail -n 1 <<<"$out")
	if grep -q "^$2 cases equal, 0 differ, 0 died" <<<"$last"; then
		pass "seeds from $1: ${last%%,*}, all surfaces of each"
	else
		fail "seeds from $1" "$last"
		grep -v ' cases equal' <<<"$out" | head -n 60 | sed 's/^/# /'
	fi
	sed -n 's/^case \([0-9]*\): .* died$/\1/p' <<<"$out" | while read -r died; do
		skip "case $died" "one library died of it"
	done
}
compare "${1:-1}" "${2:-5000}"
[ $# -gt 0 ] || compare $((RANDOM * 32768 + RANDOM)) 5000
