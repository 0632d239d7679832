#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# newer-qemu.sh TEST [ARGUMENT...]: another test of this folder once more, on a recent QEMU,
# which qemu11.sh unpacks; it ends by destroying the server, which QEMU 7.2 never does.
. "$(dirname "$0")/lib.sh"
[ "${SERVER:-ours}" = stock ] || need_ours
newer=$cache/qemu11
mkdir -p "$cache"
exec 9>"$cache/qemu11.lock"
flock 9
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
exec 9>&-
version=$("$newer/bin/qemu-system-x86_64" --version | sed -n 's/.*version \([^ ]*\).*/\1/p')
export GUEST_QEMU=$newer/bin/qemu-system-x86_64
test=$1
shift
"$(dirname "$0")/$test" "$@" >"$t/test.log" 2>&1 || :
while read -r line; do
	case $line in
	'ok - '*) pass "QEMU $version, $*: ${line#ok - }" ;;
	'not ok - '*) fail "QEMU $version, $*: ${line#not ok - }" ;;
	'skip - '*) skip "QEMU $version, $*" "${line#skip - }" ;;
	esac
done < "$t/test.log"
grep -q '^# .* passed, ' "$t/test.log" || fail "QEMU $version, $test $*: did not reach its end"
