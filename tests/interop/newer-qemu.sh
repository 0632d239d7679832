#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# newer-qemu.sh TEST [ARGUMENT...]: another test of this folder once more, on a recent QEMU,
# which qemu11.sh unpacks; it ends by destroying the server, which QEMU 7.2 never does.
. "$(dirname "$0")/lib.sh"
[ "${SERVER:-ours}" = stock ] || need_ours
if ! newer=$(guest_qemu11 2>"$t/qemu11.log"); then
	skip "a recent QEMU" "qemu11.sh could not fetch it: $(tail -n 1 "$t/qemu11.log")"
	exit
fi
version=$("$newer" --version | sed -n 's/.*version \([^ ]*\).*/\1/p')
export GUEST_QEMU=$newer
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
