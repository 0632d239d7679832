#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who gets in, by which way: addresses, security of each channel, passwords set and expired
# by QMP, connections handed over by QMP, and what a second client does to the first.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}
[ "$whose" = stock ] || need_ours
export GUEST_DIRECT=0 # the BIOS's own text is picture enough
make_certificates "$t/pki" localhost || give_up "openssl makes certificates"
trust=$t/pki/ca-cert.pem
trusting_ca() { local SSL_CERT_FILE=$trust; export SSL_CERT_FILE; "$@"; }
desk_start 1500 1000 || give_up "an X server"

machine() { # NAME SPICE-OPTIONS [QEMU-ARG...]
	local name=$1 options=$2
	shift 2

	launch "$whose" "$name" -vga std -spice "$options" "$@"
	qmp=$t/$name
}
# the same by clove-viewer, where it is built
shown_by_ours() { [ -z "$clove_viewer" ] || agree "$1" same clove_shot "${@:2}"; } # NAME OPTION-OR-TARGET...
shown() { agree "$1" same spicy_shot "${@:2}"; } # NAME OPTION...
kept_out() { # OPTION...: no picture, and soon
	! timeout 15 spicy-screenshot "$@" -o "$t/out.ppm" >"$t/spicy.log" 2>&1 || [ ! -s "$t/out.ppm" ] ||
		{ echo "there is a picture"; return 1; }
}
spice() { guest qmp "$qmp" '{"execute":"query-spice"}'; }
# Main channels with a client; a display channel says that the client has got through.
mains() { grep -o '"channel-type": 1[,}]' <<<"$(spice)" | wc -l; }
displays() { grep -o '"channel-type": 2[,}]' <<<"$(spice)" | wc -l; }
until_counts() { # FUNCTION WANT
	local n got

	for n in {1..60}; do
		got=$($1)
		[ "$got" != "$2" ] || return 0
		sleep 0.2
	done
	echo "$got $1, wanted $2"
	return 1
}
stays() { # FUNCTION WANT: still so after a second
	sleep 1
	until_counts "$@"
}
set_password() { # PASSWORD CONNECTED
	guest qmp "$qmp" "{\"execute\":\"set_password\",\"arguments\":{\"protocol\":\"spice\",\"password\":\"$1\",\"connected\":\"$2\"}}" >"$t/reply" 2>&1
}
expire() { guest qmp "$qmp" "{\"execute\":\"expire_password\",\"arguments\":{\"protocol\":\"spice\",\"time\":\"$1\"}}" >"$t/reply" 2>&1; }
watch() { # ARGUMENT...: a remote-viewer that stays; its password comes in a file
	client "$t/watch.log" remote-viewer --spice-disable-audio "$@"
}

# Addresses.
machine unix "unix=on,addr=$t/s.sock,disable-ticketing=on"
check "a unix socket" shown unix --uri="spice+unix://$t/s.sock"
check "a unix socket, clove-viewer" shown_by_ours unix "spice+unix://$t/s.sock"
guest stop "$t/unix"
if grep -q '^00000000000000000000000000000001' /proc/net/if_inet6 2>/dev/null; then
	free_port
	machine six "port=$port,addr=::1,ipv6=on,disable-ticketing=on"
	check "IPv6" shown six -h ::1 -p "$port"
	check "IPv6, clove-viewer" shown_by_ours six "spice://[::1]:$port"
	check "IPv6: nobody listens on 127.0.0.1" kept_out -h 127.0.0.1 -p "$port"
	guest stop "$t/six"
else
	skip "IPv6" "this machine has no ::1"
fi
free_port
machine four "port=$port,addr=localhost,ipv4=on,disable-ticketing=on"
check "IPv4 by name" shown four -h 127.0.0.1 -p "$port"

# One client at a time, the last that comes; whoever was there is told by the end.
watch "spice://127.0.0.1:$port"
check "a client stays" until_counts displays 1
first=$client_pid
watch "spice://127.0.0.1:$port"
second=$client_pid
check "a second client replaces the first" ends $first
check "and is served" until_counts displays 1
desk_end $second
check "its end leaves nobody" until_counts mains 0
# No password is asked for here, whatever is said about its life.
for when in now +60 never; do expire $when; done
check "expire_password does not lock out where no password is asked for" shown four -h 127.0.0.1 -p "$port"
check "another password does no harm there" shown four -h 127.0.0.1 -p "$port" -w anything
check "QEMU is still there" guest alive "$t/four"
guest stop "$t/four"

if [ "$whose" = ours ]; then
	free_port
	CLOVE_MULTI_CLIENT=1 machine many "port=$port,addr=127.0.0.1,disable-ticketing=on"
	watch "spice://127.0.0.1:$port"
	first=$client_pid
	check "CLOVE_MULTI_CLIENT: the first of two" until_counts displays 1
	watch "spice://127.0.0.1:$port"
	second=$client_pid
	check "CLOVE_MULTI_CLIENT: the second joins it" until_counts displays 2
	# windows may lie upon each other
	look_first() { window=$(desk_window $first) && desk_focus "$window" && sleep 0.2 && desk_shot "$window" "$1"; }
	look_second() { window=$(desk_window $second) && desk_focus "$window" && sleep 0.2 && desk_shot "$window" "$1"; }
	check "CLOVE_MULTI_CLIENT: the first sees the picture" agree many find look_first
	check "CLOVE_MULTI_CLIENT: the second sees it too" agree many find look_second
	desk_end $first
	check "CLOVE_MULTI_CLIENT: the second stays when the first goes" stays displays 1
	desk_end $second
	guest stop "$t/many"
fi

# Security of each channel.
free_port; plain=$port
free_port; tls=$port
machine mixed "port=$plain,tls-port=$tls,addr=127.0.0.1,x509-dir=$t/pki,disable-ticketing=on,tls-channel=main,tls-channel=inputs,plaintext-channel=display"
check "tls-channel, plaintext-channel: a client with both ports gets the picture" \
	trusting_ca shown mixed -h localhost -p "$plain" -s "$tls"
check "tls-channel=main: not by the plain port alone" kept_out -h 127.0.0.1 -p "$plain"
write_vv "$t/mixed.vv" host=127.0.0.1 port="$plain" tls-port="$tls" ca="$(pem_line "$trust")" \
	host-subject="O=Clove,CN=localhost" secure-channels="main;inputs"
watch "$t/mixed.vv"
check "tls-channel, plaintext-channel: a viewer is served" until_counts displays 1
# QEMU lists each channel with its type and whether it is TLS
is_tls() { # TYPE true|false
	spice | grep -o '{[^{}]*"channel-type": '"$1"'[,}][^{}]*' | tee "$t/channel" | grep -q "\"tls\": $2"
}
sleep 0.5
desk_end $client_pid
if [ -n "$clove_viewer" ]; then
	check "tls-channel, plaintext-channel: clove-viewer gets the picture" agree mixed same clove_shot "$t/mixed.vv"
fi
watch "$t/mixed.vv"
until_counts displays 1 >/dev/null
sleep 0.5
check "main is TLS" is_tls 1 true
check "inputs is TLS" is_tls 3 true
check "display is plain" is_tls 2 false
desk_end $client_pid
guest stop "$t/mixed"

# Passwords by QMP.
echo -n first > "$t/password"
free_port
machine locked "port=$port,addr=127.0.0.1,password-secret=spice" -object secret,id=spice,file="$t/password"
here=(-h 127.0.0.1 -p "$port")
check "the password of the command line" shown locked "${here[@]}" -w first
check "the same in a file, clove-viewer" shown_by_ours locked --password-file "$t/password" "spice://127.0.0.1:$port"
check "a wrong password" kept_out "${here[@]}" -w second
check "no password" kept_out "${here[@]}" -w ''
set_password second keep
check "set_password: the new one" shown locked "${here[@]}" -w second
check "set_password: no longer the old one" kept_out "${here[@]}" -w first
expire now
check "expire_password now" kept_out "${here[@]}" -w second
expire never
check "expire_password never" shown locked "${here[@]}" -w second
expire +2
check "expire_password +2: at once it still does" shown locked "${here[@]}" -w second
sleep 3
check "expire_password +2: 3 s later no longer" kept_out "${here[@]}" -w second
expire $(($(date +%s) + 60))
check "expire_password at a time to come" shown locked "${here[@]}" -w second
expire never

write_vv "$t/locked.vv" host=127.0.0.1 port="$port" password=second
watch "$t/locked.vv"
check "a client with the password stays" until_counts displays 1
check "connected=keep is done" set_password third keep
check "connected=keep: the client stays" stays displays 1
not() { ! "$@"; }
check "connected=fail is refused while there is a client" not set_password fourth fail
check "connected=fail: the client stays" stays displays 1
check "connected=disconnect is done" set_password fifth disconnect
check "connected=disconnect: the client is gone" until_counts mains 0
desk_end $client_pid
check "connected=disconnect: and the password is the new one" shown locked "${here[@]}" -w fifth
check "connected=fail is done when nobody is there" set_password sixth fail
check "connected=fail: and the password is the new one" shown locked "${here[@]}" -w sixth

# Connections by QMP.
by_qmp() { # WORD...: sets `port` where add-client.py takes connections
	free_port
	"$(dirname "$0")/add-client.py" "$qmp/qmp2.sock" "$port" "$@" >"$t/add.log" 2>&1 &
	adder=$!
	desk_remember $adder
	for _ in {1..100}; do grep -qs listening "$t/add.log" && break; sleep 0.05; done
}
check "QEMU is still there" guest alive "$t/locked"
guest stop "$t/locked"
machine handed "port=$plain,tls-port=$tls,addr=127.0.0.1,x509-dir=$t/pki,password-secret=spice" \
	-object secret,id=spice,file="$t/password" -qmp "unix:$t/handed/qmp2.sock,server=on,wait=off"
by_qmp
check "add_client: the password is asked for" kept_out -h 127.0.0.1 -p "$port" -w wrong
check "add_client: with the password" shown handed -h 127.0.0.1 -p "$port" -w first
desk_end $adder
by_qmp skipauth
check "add_client skipauth: any password does" shown handed -h 127.0.0.1 -p "$port" -w anything
desk_end $adder
by_qmp tls
check "add_client tls: the picture comes over TLS" trusting_ca shown handed -h localhost -s "$port" -w first
check "add_client: no command was refused" not grep -v listening "$t/add.log"
desk_end $adder
check "QEMU is still there" guest alive "$t/handed"
check "and says nothing bad" quiet handed/qemu.log
guest qmp "$t/handed" '{"execute":"quit"}' >/dev/null
check "quit: QEMU ends" guest waitexit "$t/handed" 10
