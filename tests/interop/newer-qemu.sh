#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The peers of peers.sh once more on a recent QEMU, which qemu11.sh unpacks; it ends by
# destroying the server, which QEMU 7.2 never does.
. "$(dirname "$0")/lib.sh"
need_ours
newer=$cache/qemu11
if [ ! -x "$newer/bin/qemu-system-x86_64" ]; then
	# half a QEMU would be taken for a whole one the next time
	rm -rf "$newer.part"
	if ! "$top/scripts/guest/qemu11.sh" "$newer.part" >"$t/qemu11.log" 2>&1; then
		skip "a recent QEMU" "qemu11.sh could not fetch it: $(tail -n 1 "$t/qemu11.log")"
		rm -rf "$newer.part"
		exit
	fi
	mv "$newer.part" "$newer"
fi
version=$("$newer/bin/qemu-system-x86_64" --version | sed -n 's/.*version \([^ ]*\).*/\1/p')
export GUEST_QEMU=$newer/bin/qemu-system-x86_64
for vga in ${*:-qxl std virtio}; do
	"$(dirname "$0")/peers.sh" "$vga" >"$t/peers.log" 2>&1 || :
	while read -r line; do
		case $line in
		'ok - '*) pass "QEMU $version, $vga: ${line#ok - }" ;;
		'not ok - '*) fail "QEMU $version, $vga: ${line#not ok - }" ;;
		'skip - '*) skip "QEMU $version, $vga" "${line#skip - }" ;;
		esac
	done < "$t/peers.log"
done
