#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Plays sound in a guest on our controller to a redirected headset, over a line that is late by up to so much, and counts what
# the headset missed.
#
#   usb-sound.sh [SECONDS [JITTER-MS]]    in the build folder (or CLOVE_BUILD); 600 s, 20 ms
seconds=${1:-600} jitter=${2:-20}
. "$(dirname "$0")/../tests/interop/lib.sh"
. "$top/tests/interop/ehci-lib.sh"
free_port
headset=$port
"$build/clove-usbredirect" --audio --verbose --listen "127.0.0.1:$headset" >"$t/headset.log" 2>&1 &
headset_pid=$!
desk_remember $headset_pid
free_port
"$build/bench/delay-relay" "$port" "$headset" 2 "$jitter" >"$t/relay.log" 2>&1 &
desk_remember $!
sleep 0.5
start_daemon --usbredir "tcp:127.0.0.1:$port"
boot_ehci g
guest_sees 'grep -qi usb /proc/asound/cards' 30 >/dev/null || give_up "the guest has a sound card" "$(tail -n 1 "$t/daemon.log")"
in_guest 'modprobe snd-pcm-oss' >/dev/null
in_guest "usbwork play $seconds" $((seconds + 60)) > "$t/played"
kill "$headset_pid"
wait "$headset_pid"
figures=$(grep -o 'played [0-9]* packets.*' "$t/headset.log" | tail -n 1)
echo "# the guest played $(cut -d ' ' -f 1 "$t/played") frames; the headset: ${figures:-nothing}"
gaps=$(sed -n 's/.* \([0-9]*\) gaps.*/\1/p' <<<"$figures")
check "$seconds s of sound at $jitter ms of jitter, without a gap" test "$gaps" = 0
