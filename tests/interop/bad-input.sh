#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Mistakes of people and of strangers' programs: one clear sentence each, an exit status
# that says failure, soon, and nothing half done.
. "$(dirname "$0")/lib.sh"
whose=${SERVER:-ours}

# Ends within 15 s, by itself, with this status (or any failure: -), and its words match.
refuses() { # WHAT STATUS PATTERN COMMAND...
	local what=$1 want=$2 pattern=$3 status
	shift 3

	timeout 15 "$@" >"$t/out" 2>&1 </dev/null
	status=$?
	# QEMU's coroutines make a sanitizer warn
	sed -i '/^==[0-9]*==WARNING/d; /^False positive error reports/d; /sanitizers.issues/d' "$t/out"
	if [ $status = 0 ] || [ $status -ge 124 ] || { [ "$want" != - ] && [ $status != "$want" ]; }; then
		fail "$what" "exit status $status, wanted ${want/-/a failure}: $(tail -n 1 "$t/out")"
	elif ! grep -qiE -- "$pattern" "$t/out"; then
		fail "$what" "no word of /$pattern/: $(tail -n 2 "$t/out" | tr '\n' ' ')"
	elif [ "$(wc -l < "$t/out")" -gt 8 ] || grep -qE 'CRITICAL|Assertion|Sanitizer|Segmentation' "$t/out"; then
		fail "$what" "more than a sentence: $(head -n 3 "$t/out" | tr '\n' ' ')"
	else
		pass "$what: $(grep -iE -m 1 -- "$pattern" "$t/out" | sed "s,$t,DIR,g" | cut -c 1-110)"
	fi
}

# The server library inside QEMU: QEMU must not start, and must say why.
make_certificates "$t/pki" localhost && make_certificates "$t/other" localhost || give_up "openssl makes certificates"
if [ "$whose" = stock ]; then
	library=
else
	need_ours
	library=$ours
fi
qemu=(env "LD_LIBRARY_PATH=$library" ${GUEST_PRELOAD:+"LD_PRELOAD=$GUEST_PRELOAD"} qemu-system-x86_64 -nodefaults -no-user-config -display none -vga std -spice)
free_port
taken=$port
# It waits for the viewer to leave: a close with unread bytes may take its own answer away again.
printf '#!/bin/sh\necho "SSH-2.0-OpenSSH_9.2"\nexec cat >/dev/null\n' > "$t/other-server"
chmod +x "$t/other-server"
socat "TCP-LISTEN:$taken,bind=127.0.0.1,fork" EXEC:"$t/other-server" 2>/dev/null &
desk_remember $!
for _ in {1..50}; do (exec 3<>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null && break; sleep 0.05; done
free_port
tls="tls-port=$port,addr=127.0.0.1,disable-ticketing=on"
refuses "server: a taken port" 1 'in use|bind|listen' "${qemu[@]}" "port=$taken,addr=127.0.0.1,disable-ticketing=on"
refuses "server: an address of another machine" 1 'address|bind|listen' "${qemu[@]}" "port=$port,addr=192.0.2.1,disable-ticketing=on"
refuses "server: no certificates there" 1 'certificate|cert|load|open' "${qemu[@]}" "$tls,x509-dir=$t/none"
mkdir "$t/mixed" && cp "$t"/pki/*.pem "$t/mixed" && cp "$t/other/server-key.pem" "$t/mixed"
refuses "server: a key of another certificate" 1 'key|match|mismatch' "${qemu[@]}" "$tls,x509-dir=$t/mixed"
mkdir "$t/garbage" && cp "$t"/pki/*.pem "$t/garbage" && echo garbage > "$t/garbage/server-cert.pem"
refuses "server: a certificate that is none" 1 'certificate|cert|load|pem' "${qemu[@]}" "$tls,x509-dir=$t/garbage"
mkdir "$t/locked" && cp "$t"/pki/*.pem "$t/locked" &&
	openssl rsa -aes128 -passout pass:right -in "$t/pki/server-key.pem" -out "$t/locked/server-key.pem" 2>/dev/null
refuses "server: a wrong password of the key" 1 'key|password|decrypt' "${qemu[@]}" "$tls,x509-dir=$t/locked,x509-key-password=wrong"
refuses "server: nonsense as ciphers" 1 'cipher' "${qemu[@]}" "$tls,x509-dir=$t/pki,tls-ciphers=NO-SUCH-CIPHER"
refuses "guest: a missing kernel" 1 'no guest kernel at' env GUEST_KERNEL="$t/none" "$top/scripts/guest/guest.sh" boot "$t/g"
refuses "demo: an unknown option" 1 'unknown option' "$top/scripts/demo" --bogus
refuses "demo: a place that cannot be written" 1 'cannot write' "$top/scripts/demo" --check --output "$t/none/demo.png"

if [ -z "$clove_viewer" ]; then
	skip "the viewer's mistakes" "clove-viewer is not built"
	exit
fi
desk_start 1000 800 || give_up "an X server"
viewer=("$clove_viewer" --exit-on-disconnect --screenshot "$t/never.png")
free_port
refuses "viewer: an unknown option" 1 'option' "$clove_viewer" --no-such-option
refuses "viewer: an unknown scheme" 2 'spice://' "${viewer[@]}" gopher://127.0.0.1:1
refuses "viewer: no port" 2 'port' "${viewer[@]}" spice://127.0.0.1
refuses "viewer: a port that is none" 2 'port' "${viewer[@]}" spice://127.0.0.1:port
refuses "viewer: a file that is not there" 2 'no file' "${viewer[@]}" "$t/none.vv"
printf '\0\1\2nonsense' > "$t/nonsense.vv"
refuses "viewer: a file of nonsense" 2 'connection file' "${viewer[@]}" "$t/nonsense.vv"
echo '[other]' > "$t/other.vv"
refuses "viewer: a file of another kind" 2 'virt-viewer' "${viewer[@]}" "$t/other.vv"
write_vv "$t/badca.vv" host=127.0.0.1 tls-port="$port" ca=nonsense
refuses "viewer: a CA that is none" - 'CA|certificate|authority' "${viewer[@]}" "$t/badca.vv"
refuses "viewer: nobody listens" 3 'cannot be reached' "${viewer[@]}" "spice://127.0.0.1:$port"
refuses "viewer: a server that is not SPICE" 3 'not a SPICE server' "${viewer[@]}" "spice://127.0.0.1:$taken"
free_port
socat "TCP-LISTEN:$port,bind=127.0.0.1,fork" SYSTEM:'true' 2>/dev/null &
desk_remember $!
for _ in {1..50}; do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.05; done
refuses "viewer: a server that closes early" 3 'closed the connection' "${viewer[@]}" "spice://127.0.0.1:$port"
refuses "viewer: a unix socket that is not there" 3 'reached|no such file' "${viewer[@]}" "spice+unix://$t/none.sock"

# A real server, and certificates and passwords that are not its own.
free_port
echo -n right > "$t/password"
GUEST_LIBDIR=$library GUEST_DIRECT=0 guest start "$t/g" -vga std -object secret,id=spice,file="$t/password" -S \
	-spice "tls-port=$port,addr=127.0.0.1,x509-dir=$t/pki,password-secret=spice" || give_up "QEMU starts"
guests+=(g)
vv() { write_vv "$t/real.vv" host=127.0.0.1 tls-port="$port" "$@"; }
good=$(pem_line "$t/pki/ca-cert.pem") wrong=$(pem_line "$t/other/ca-cert.pem")
vv password=right ca="$wrong" host-subject="O=Clove,CN=localhost"
refuses "viewer: an unknown CA" 4 'CA|authority|trust|certificate' "${viewer[@]}" "$t/real.vv"
vv password=right ca="$good" host-subject="O=Clove,CN=elsewhere"
refuses "viewer: a wrong subject" 4 'subject' "${viewer[@]}" "$t/real.vv"
vv password=wrong ca="$good" host-subject="O=Clove,CN=localhost"
refuses "viewer: a wrong password in a file" 5 'new file' "${viewer[@]}" "$t/real.vv"
refuses "viewer: TLS server, plain address" 3 'closed|TLS' "${viewer[@]}" "spice://127.0.0.1:$port"
vv password=right ca="$good" host-subject="O=Clove,CN=localhost"
refuses "viewer: a picture that cannot be written" 6 'none/shot.png|written' "$clove_viewer" --screenshot "$t/none/shot.png" --wait-picture 10 "$t/real.vv"
[ ! -e "$t/never.png" ] && pass "viewer: no picture was written" || fail "viewer: no picture was written" "there is one"
check "the server is still there" guest alive "$t/g"
