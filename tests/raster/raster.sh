#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Draws the same random commands with the built library and with the distribution's, and compares all
# surfaces; has each record a display, and each play it. A seed of one's own: raster.sh SEED [COUNT].
. "$(dirname "$0")/../interop/lib.sh"
need_ours
stock=$(ldconfig -p | sed -n 's/^\s*libspice-server\.so\.1 .*=> //p' | head -n 1)
program=$build/tests/raster/raster
if [ -z "$stock" ]; then
	skip "the distribution's library draws the same" "there is no libspice-server.so.1 here"
	exit
fi
stock=$(readlink -f "$stock")
if grep -aq 'clove %s: ' "$stock"; then
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

# A display recorded by either library, played by either.
replay=$build/tests/raster/replay
for by in "$ours/libspice-server.so.1" "$stock"; do
	for of in "$ours/libspice-server.so.1" "$stock"; do
		[ "$by" = "$stock" ] && to=stock || to=ours
		[ "$of" = "$stock" ] && from=stock || from=ours
		what="recorded by $from, played by $to"
		equal=0 different=
		for seed in $(seq 1 20); do
			drawn=$("$replay" record "$of" "$seed" "$t/recording" 2>/dev/null | tail -n 1)
			played=$("$replay" play "$by" "$seed" "$t/recording" 2>/dev/null | tail -n 1)
			if [[ $drawn == hash* ]] && [ "$drawn" = "$played" ]; then
				equal=$((equal + 1))
			else
				different="$different $seed"
			fi
		done
		if [ -z "$different" ]; then
			pass "$what: $equal recordings give the surfaces that were drawn"
		else
			fail "$what" "surfaces differ after seeds$different"
		fi
	done
done
