#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# clove-viewer as a person uses it: a password typed, keys held while the focus goes, both mouse
# modes, full screen, a server that goes and comes back, a second viewer, figures, no window manager.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}
need_viewer
[ "$whose" = stock ] || need_ours
make_certificates "$t/pki" localhost || give_up "openssl makes certificates"
echo -n right > "$t/password"
free_port
desk_start 1400 1000 || give_up "an X server"
manager=${desk_pids[1]}
start_guest() { # QEMU-ARG...
	boot "$whose" g -object secret,id=spice,file="$t/password" \
		-spice "tls-port=$port,addr=127.0.0.1,x509-dir=$t/pki,password-secret=spice" "$@"
}
uri=spice+tls://localhost:$port ca=(--ca-file "$t/pki/ca-cert.pem")

if [ -x "$build/tests/unit/test-window" ]; then
	check "every control has a name, every menu entry works" "$build/tests/unit/test-window"
fi
start_guest -vga qxl

# A password typed into the dialog: a wrong one first.
client "$t/viewer.log" "$clove_viewer" "${ca[@]}" --stats "$t/stats" --screenshot "$t/viewer.png" "$uri"
viewer=$client_pid
dialog() { # until a dialog is the active window
	local n

	for n in {1..100}; do
		[ "$(xdotool getactivewindow getwindowname 2>/dev/null)" != "Clove Viewer" ] || return 0
		sleep 0.1
	done
	echo "no dialog"
	return 1
}
window=$(desk_window $viewer 20) || give_up "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
check "a password is asked for" dialog
xdotool type wrong
xdotool key Return
sleep 1
check "and again after a wrong one" dialog
xdotool type right
xdotool key Return
look_at_window() { desk_shot "$window" "$1"; }
check "the right one shows the guest" agree g find look_at_window
check "typed keys arrive in the guest" typed_arrives g "$window"

# Keys: what is down comes up when the focus goes; what the viewer keeps the guest does not see.
lose_focus() {
	desk_focus "$window"
	xdotool keydown shift keydown k
	sleep 0.2
	xdotool mousemove 5 5
	desk_focus "$other"
	sleep 0.3
	xdotool keyup k keyup shift
}
xev -event keyboard -geometry 200x200+0+0 >"$t/xev" 2>&1 &
desk_remember $!
other=$(timeout 10 xdotool search --sync --onlyvisible --name '^Event Tester$' | head -n 1)
during_events g 4 lose_focus
balance() { # CODE: as many releases as presses, and some
	awk -v code="$1" '$2 == 1 && $3 == code { n[$4]++ } END { exit !(n[1] && n[1] == n[0]) }' "$t/events" ||
		{ grep " 1 $1 " "$t/events" | tr '\n' ' '; return 1; }
}
check "Shift comes up when the focus goes" balance 42
check "K comes up when the focus goes" balance 37
hotkeys() {
	desk_focus "$window"
	xdotool mousemove --window "$window" 400 300 sleep 0.2 key shift+F11
	sleep 1
	xprop -id "$window" _NET_WM_STATE > "$t/state"
	xdotool key shift+F11 sleep 1 mousemove --window "$window" 400 301 sleep 0.2 \
		key F11 key alt+Tab key ctrl+q
	sleep 0.5
}
during_events g 6 hotkeys
full_screen() { grep -q FULLSCREEN "$t/state"; }
check "Shift+F11 makes full screen" full_screen
once() { [ "$(grep -c " 1 $1 1\$" "$t/events")" = 1 ] || { grep -c " 1 $1 1\$" "$t/events"; return 1; }; }
check "the guest sees F11 but not the hotkey" once 87
check "the guest sees Alt+Tab" once 15
check "the guest sees Ctrl+Q" once 16
check "and the picture is 1:1 again" agree g find look_at_window

# Server mouse mode: the first click takes the pointer, every unit arrives, Ctrl+Alt gives it back.
relative() {
	local n

	desk_focus "$window"
	xdotool mousemove --window "$window" 400 300 sleep 0.2 click 1 sleep 0.3
	for n in {1..50}; do xdotool mousemove_relative -- 9 -4; sleep 0.01; done
	xdotool click 3 click 4
	sleep 0.2
	xdotool keydown ctrl keydown alt keyup alt keyup ctrl
	sleep 0.2
	for n in {1..10}; do xdotool mousemove_relative -- 5 5; done
}
during_events g 6 relative
moved() { # X Y
	awk -v x="$1" -v y="$2" '$2 == 2 && $3 == 0 { dx += $4 } $2 == 2 && $3 == 1 { dy += $4 }
		END { print "moved " dx + 0 "," dy + 0; exit !(dx == x && dy == y) }' "$t/events"
}
check "relative motion arrives whole, and none after Ctrl+Alt" moved 450 -200
pressed() { [ "$(grep -cE " 1 27[0-9] 1\$" "$t/events")" = "$1" ] || { grep -E " 1 27" "$t/events" | tr '\n' ' '; return 1; }; }
check "the click that takes the pointer is not the guest's" pressed 1
check "a wheel's click arrives" grep -q ' 2 8 1$' "$t/events"

# A second viewer takes the guest; the first asks before it takes it back.
client "$t/second.log" "$clove_viewer" "${ca[@]}" --password-file "$t/password" "$uri"
second=$client_pid
w2=$(desk_window $second 20)
look_at_second() { desk_focus "$w2"; desk_shot "$w2" "$1"; }
check "a second viewer shows the guest" agree g find look_at_second
sleep 4
check "and the first leaves it there" agree g find look_at_second
desk_end $second
desk_key "$window" alt+r
check "the banner's button reconnects" agree g find look_at_window

# The server goes: the last picture stays, and the viewer comes back by itself.
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
guest waitexit "$t/g" 10
sleep 1
cp "$t/dump.ppm" "$t/last.ppm"
desk_shot "$window" "$t/dimmed.ppm"
differs() { ! picture find "$t/dimmed.ppm" "$t/last.ppm" >/dev/null; }
check "the last picture is dimmed" differs
check "the viewer is still there" kill -0 $viewer
start_guest -vga std -usb -device usb-tablet
sleep 8 # it looks every 5 s
check "it comes back by itself" agree g find look_at_window

# Client mouse mode: every corner can be reached, at any scale.
corners() {
	local w h

	read -r w h _ < <(picture size "$t/dump.ppm" | tr x ' ')
	desk_focus "$window"
	# where the guest's picture lies in the window
	read -r x y < <(picture find "$t/seen.ppm" "$t/dump.ppm")
	for at in "0 0" "$((w - 1)) $((h - 1))"; do
		# shellcheck disable=SC2086
		set -- $at
		xdotool mousemove --window "$window" $((x + $1)) $((y + $2))
		sleep 0.3
	done
	xdotool click 1
	sleep 0.3
}
during_events g 5 corners
reached() { # AXIS VALUE
	grep -qE " 3 $1 $2\$" "$t/events" || { grep -E " 3 $1 " "$t/events" | tr '\n' ' '; return 1; }
}
check "the right edge" reached 0 327[0-9][0-9]
check "the lower edge" reached 1 327[0-9][0-9]
check "a click" grep -q ' 1 272 1$' "$t/events"

json() { python3 -c 'import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
assert rows[-1]["keys"] > 20 and any(row["frames"] for row in rows), rows[-1]
assert any(row["key_to_pixel_us"] for row in rows), rows' "$1"; }
kill -TERM $viewer
check "SIGTERM ends the viewer" ends $viewer 5
wait $viewer
status=$?
[ $status = 0 ] && pass "with status 0" || fail "with status 0" "$status"
check "every line of the figures is JSON" json "$t/stats"

# Without a window manager, from standard input, and what scripts rely on.
desk_end "$manager"
"$clove_viewer" "${ca[@]}" --password-file - --screenshot "$t/shot.ppm" --exit-after-screenshot \
	--wait-picture 20 "$uri" < "$t/password" >"$t/shot.log" 2>&1
status=$?
[ $status = 0 ] && [ -s "$t/shot.ppm" ] && pass "a screenshot without a window manager" ||
	fail "a screenshot without a window manager" "status $status: $(tail -n 1 "$t/shot.log")"
client "$t/last.log" "$clove_viewer" "${ca[@]}" --password-file "$t/password" --exit-on-disconnect "$uri"
last=$client_pid
window=$(desk_window $last 20)
check "a window without a window manager" agree g find look_at_window
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "--exit-on-disconnect ends it" ends $last 10
wait $last
status=$?
[ $status = 7 ] && pass "with status 7" || fail "with status 7" "$status: $(tail -n 1 "$t/last.log")"
