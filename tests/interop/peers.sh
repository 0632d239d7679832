#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The incumbents' clients and ours on our server: plain, TLS and password, on one display
# device (std, qxl, virtio, cirrus), and what the guest's life does to a connected client.
. "$(dirname "$0")/lib.sh"
vga=${1:-qxl}
whose=${SERVER:-ours}
[ "$whose" = stock ] || need_ours

make_certificates "$t/pki" localhost || give_up "openssl makes certificates"
echo -n secret-1 > "$t/password"
free_port; plain=$port
free_port; tls=$port
boot "$whose" g -vga "$vga" -object secret,id=spice,file="$t/password" \
	-spice "port=$plain,tls-port=$tls,addr=127.0.0.1,x509-dir=$t/pki,password-secret=spice"
ca=$t/pki/ca-cert.pem subject="O=Clove,CN=localhost"
desk_start 1500 1000 || give_up "an X server"
draw g "-k mix"

check "spicy-screenshot, plain with password, equals screendump" \
	agree g same spicy_shot -h 127.0.0.1 -p "$plain" -w secret-1
# spicy-screenshot has no option for a CA
trusting_ca() { local SSL_CERT_FILE=$ca; export SSL_CERT_FILE; "$@"; }
check "spicy-screenshot, TLS with password, equals screendump" \
	agree g same trusting_ca spicy_shot -h localhost -s "$tls" -w secret-1
refused() { ! spicy_shot -h 127.0.0.1 -p "$plain" -w secret-2 "$t/refused.ppm" && [ ! -s "$t/refused.ppm" ]; }
check "spicy-screenshot with a wrong password gets no picture" refused

# remote-viewer keeps its settings in the desk's own folder; its window has a header bar.
write_vv "$t/tls.vv" host=127.0.0.1 tls-port="$tls" password=secret-1 ca="$(pem_line "$ca")" host-subject="$subject"
write_vv "$t/plain.vv" host=127.0.0.1 port="$plain" password=secret-1
look_at_window() { desk_shot "$window" "$1"; }

client "$t/remote-viewer.log" remote-viewer --spice-disable-audio "$t/tls.vv"
incumbent=$client_pid
if window=$(desk_window $incumbent 20); then
	check "remote-viewer, TLS, shows the pixels of screendump" agree g find look_at_window
	check "remote-viewer, typed keys arrive in the guest" typed_arrives g "$window"
else
	fail "remote-viewer shows a window" "$(tail -n 1 "$t/remote-viewer.log")"
fi
desk_end $incumbent
client "$t/remote-viewer.log" remote-viewer --spice-disable-audio "$t/plain.vv"
if window=$(desk_window $client_pid 20); then
	check "remote-viewer, plain, shows the pixels of screendump" agree g find look_at_window
else
	fail "remote-viewer, plain, shows a window" "$(tail -n 1 "$t/remote-viewer.log")"
fi
desk_end $client_pid

if [ -n "$clove_viewer" ]; then
	check "clove-viewer, TLS, screenshot equals screendump" agree g same clove_shot "$t/tls.vv"
	client "$t/viewer.log" "$clove_viewer" --screenshot "$t/viewer.png" --wait-picture 20 "$t/plain.vv"
	ours_pid=$client_pid
	if window=$(desk_window $ours_pid 20); then
		look_at_shot() { viewer_shot $ours_pid "$t/viewer.png" "$1"; }
		check "clove-viewer, plain, screenshot equals screendump" agree g same look_at_shot
		check "clove-viewer, plain, shows the same pixels at 1:1" agree g find look_at_window
		check "clove-viewer, typed keys arrive in the guest" typed_arrives g "$window"
		guest qmp "$t/g" '{"execute":"stop"}' >/dev/null
		check "stop: the picture stays" agree g same look_at_shot
		guest qmp "$t/g" '{"execute":"cont"}' >/dev/null
		draw g "-k mix -s 2"
		check "cont: the next picture comes" agree g same look_at_shot
		: > "$t/g/chan.log"
		guest qmp "$t/g" '{"execute":"system_reset"}' >/dev/null
		check "system_reset: the guest comes up again" guest wait "$t/g" 120
		draw g "-k mix -s 3"
		check "system_reset: the viewer follows" agree g same look_at_shot
	else
		fail "clove-viewer shows a window" "$(tail -n 1 "$t/viewer.log")"
	fi
else
	skip "clove-viewer on $vga" "it is not built"
	guest qmp "$t/g" '{"execute":"stop"}' >/dev/null
	guest qmp "$t/g" '{"execute":"cont"}' >/dev/null
	: > "$t/g/chan.log"
	guest qmp "$t/g" '{"execute":"system_reset"}' >/dev/null
	check "system_reset: the guest comes up again" guest wait "$t/g" 120
	draw g "-k mix -s 3"
	check "after a reset: spicy-screenshot equals screendump" agree g same spicy_shot -h 127.0.0.1 -p "$plain" -w secret-1
fi
check "QEMU is still there" guest alive "$t/g"
guest qmp "$t/g" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/g" 10
check "quit: and says nothing bad" quiet g/qemu.log
[ -z "$clove_viewer" ] || check "nor did clove-viewer" quiet viewer.log
