#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SeaBIOS boots from a stick on our USB controller; and what a VMM that is no friend can do to the daemon: nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/ehci-lib.sh"

# A boot sector that reads sector 2 by the BIOS, prints it on the first serial port, and halts.
python=$(command -v python3) || { skip "SeaBIOS boots from a stick" "no python3 to write its boot sector"; exit; }
"$python" - "$t/boot.img" <<'P'
import sys
code = bytes([
    0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c,  # ax=ds=es=ss=0, sp=7c00
    0xb8, 0x01, 0x02, 0xbb, 0x00, 0x7e, 0xb9, 0x02, 0x00, 0xb6, 0x00,  # read 1 sector, CHS 0/0/2, to 7e00 (drive in dl)
    0xcd, 0x13, 0x72, 0x16,                                            # int 13h; jc hang
    0xbe, 0x00, 0x7e,                                                  # si=7e00
    0xba, 0xfd, 0x03,                                                  # next: dx=3fd
    0xec, 0xa8, 0x20, 0x74, 0xfb,                                      # wait until it can send
    0xac, 0x84, 0xc0, 0x74, 0x06,                                      # lodsb; test al,al; jz hang
    0xba, 0xf8, 0x03, 0xee, 0xeb, 0xed,                                # out 3f8; jmp next
    0xf4, 0xeb, 0xfd,                                                  # hang: hlt
])
sector = code + bytes(440 - len(code)) + bytes(6) + bytes([0x80, 0, 2, 0, 0x0c, 1, 1, 0, 1, 0, 0, 0, 0xff, 7, 0, 0]) + bytes(48) + b'\x55\xaa'
open(sys.argv[1], 'wb').write(sector + b'booted from a Clove stick\r\n\0'.ljust(512, b'\0') + bytes(1048576 - 1024))
P
start_daemon --device "storage,file=$t/boot.img"
GUEST_DIRECT=0 launch_ehci g -boot menu=off
booted() {
	local n

	for n in {1..300}; do
		! grep -aq 'booted from a Clove stick' "$t/g/console.log" || return 0
		sleep 0.1
	done
	tail -c 200 "$t/g/console.log"
	return 1
}
check "SeaBIOS boots from a stick" booted
guest stop "$t/g"

# -- bytes that no VMM sends --
hostile() { # a few hundred connections that say anything
	"$python" - "$t/ehci" <<'P'
import array, os, random, socket, struct, sys
random.seed(4)
def message(cmd, body=b'', flags=0, size=None):
    return struct.pack('<HHIII', 7, cmd, 16 + len(body) if size is None else size, flags, 0) + body
version = message(1, struct.pack('<HH', 0, 0) + b'{"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576,"pgsizes":4096}}\0')
def fd():
    f = os.memfd_create('x')
    os.ftruncate(f, 1 << 20)
    return f
for n in range(300):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(2)
    s.connect(sys.argv[1])
    files = []
    try:
        if n % 5:
            s.sendall(version)
            s.recv(4096)
        for i in range(random.randrange(1, 40)):
            kind = random.randrange(9)
            body = os.urandom(random.choice([0, 4, 15, 16, 20, 32, 100, 4000]))
            m = message(random.randrange(0, 20), body, random.choice([0, 0x10, 1, 2, 0xffffffff]))
            if kind == 0:
                m = os.urandom(random.randrange(1, 200))
            elif kind == 1:
                m = message(2, struct.pack('<IIQQQ', 32, 3, 0, random.choice([0, 4096, 1 << 20, 2**64 - 4096]), random.choice([4096, 1 << 20, 2**63])))
            elif kind == 2:
                m = message(10, struct.pack('<QII', random.choice([0, 0x20, 0x34, 0x38, 0x44, 4, 2**63]), random.choice([0, 7]), 4) + os.urandom(4), 0x10)
            elif kind == 3:
                m = message(10, struct.pack('<QIIH', 4, 7, 2, 6))
            elif kind == 4:
                m = message(8, struct.pack('<IIIII', 20, random.choice([0x24, 0x21, 0x11, 0x14]), random.randrange(6), 0, random.randrange(3)))
            if kind in (1, 4) and random.random() < 0.8:
                f = fd() if kind == 1 or random.random() < 0.3 else os.eventfd(0)
                files.append(f)
                s.sendmsg([m], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [f]))])
                if kind == 1 and random.random() < 0.3:
                    os.ftruncate(f, 0)
            else:
                s.sendall(m)
    except (OSError, AttributeError):
        pass
    s.close()
    for f in files:
        os.close(f)
P
}
check "300 hostile clients say what they like" hostile
check "the daemon is there" kill -0 $daemon_pid
check "and holds no descriptors of theirs" test "$(ls "/proc/$daemon_pid/fd" | wc -l)" -lt 25
boot_ehci h
check "and serves the next guest" guest sh "$t/h" 'n=0; until test -b /dev/sda; do n=$((n + 1)); [ $n -lt 200 ] || exit 1; usleep 100000; done' 60

# -- memory that is not shared --
guest stop "$t/h"
guests+=(u)
GUEST_MACHINE=q35 GUEST_DIRECT=0 guest start "$t/u" -boot menu=off \
	-device "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$t/ehci\"}}"
told() { local n; for n in {1..200}; do ! grep -q "share=on" "$t/daemon.log" || return 0; sleep 0.1; done; return 1; }
check "a guest whose memory is not shared is told so" told
guest stop "$t/u"
: > "$t/daemon.log"
guests+=(p)
GUEST_DIRECT=0 guest start "$t/p" -boot menu=off -object memory-backend-memfd,id=m0,size=256M,share=off \
	-device "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":\"$t/ehci\"}}"
check "also one whose file is passed, but private" told
guest stop "$t/p"

# -- one sentence for each mistake --
says() { # PATTERN OPTION...
	local pattern=$1 text
	shift

	text=$("$daemon" "$@" 2>&1) && { echo "it ran"; return 1; }
	[ "$(wc -l <<<"$text")" = 1 ] && grep -q "$pattern" <<<"$text" || { echo "$text"; return 1; }
}
check "a socket that is served is not taken away" says "another program serves" --socket "$t/ehci"
check "a missing image" says "No such file" --socket "$t/x" --device storage,file=/nonexistent
check "a device that there is not" says "there is no device" --socket "$t/x" --device printer
check "a writable CD" says "cannot be writable" --socket "$t/x" --device "storage,file=$t/boot.img,cd=on,writable=on"
check "no socket" says "say where" --device keyboard
check "a folder that is not there" says "No such file" --socket "$t/nowhere/x"
check "a port too far" says "65535" --socket "$t/x" --usbredir tcp:localhost:70000
check "no such CA" says "CA file" --socket "$t/x" --usbredir tls:localhost:1 --ca-file /nonexistent
check "too many devices" says "13 ports" --socket "$t/x" $(printf -- '--device keyboard %.0s' {1..14})
check "a control socket without a daemon" test "$("$ctl" "$t/nowhere" list 2>&1 | grep -c 'no clove-ehci-vfio listens')" = 1
kill $daemon_pid
check "it ends on SIGTERM" ends $daemon_pid 5
check "and takes its sockets away" test ! -e "$t/ehci" -a ! -e "$t/control"
