#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# spicy-screenshot shows what the server draws of commands by chance, by every choice of codecs, pixel for pixel.
. "$(dirname "$0")/lib.sh"
drawer=$build/tests/property/drawer
[ -x "$drawer" ] || give_up "this test needs $drawer" "none there: build first"
free_port
desk_start 800 600 || give_up "an X server"
cd "$t" || exit 1
start() { # SEED COMPRESSION
	coproc DRAWER { LD_LIBRARY_PATH=$ours exec "$drawer" "$port" "$1" "$2" 2>"$t/drawer.log"; }
	drawer_pid=$DRAWER_PID
}
more() { # the guest draws, and a file says what
	echo more >&"${DRAWER[1]}" && read -r -t 20 drawn <&"${DRAWER[0]}"
}
as_drawn() { # SCREENSHOT...
	"$@" "$t/seen.ppm" && picture same "$t/seen.ppm" "$t/$drawn"
}
for codec in 1:off 2:auto_glz 3:auto_lz 4:quic 5:glz 6:lz 7:lz4; do
	start $((RANDOM % 1000)) "${codec%:*}"
	for round in {1..4}; do
		more || give_up "${codec#*:}: the guest draws" "$(tail -n 1 "$t/drawer.log")"
		check "${codec#*:}: spicy-screenshot, after drawing $((60 * round)) times" as_drawn \
			spicy_shot --uri="spice://127.0.0.1:$port"
	done
	[ -z "$clove_viewer" ] || check "${codec#*:}: clove-viewer" as_drawn clove_shot "spice://127.0.0.1:$port"
	eval "exec ${DRAWER[1]}>&-"
	wait "$drawer_pid" 2>/dev/null
	check "${codec#*:}: no complaint" quiet drawer.log
done
