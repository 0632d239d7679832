#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Hostile clients against a VMM player: a line for each class of what they break, then a closing one.
#
#   CLOVE_BUILD=DIR run.sh [ARGUMENT...]    arguments go to tests/hostile/hostile, whose head explains them
#
# CLOVE_BUILD       the folder that was built (default: build); a configured --enable-sanitize or
#                   --enable-tsan tree is attacked just the same, with its reports ending the process
# HOSTILE_COUNT     how many inputs (default 2000, a minute or two; the whole run is 20000)
# HOSTILE_SEED      which ones (default 1)
# HOSTILE_LIBDIR    the folder of the libspice-server.so.1 to be attacked (default: the built one); "system":
#                   the distribution's, to compare with
# HOSTILE_LOG       where the attacked process's own words go (default: a file that is shown if a class fails)
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
. "$top/scripts/lib.sh"
build=${CLOVE_BUILD:-$top/build}
hostile=$build/tests/hostile/hostile vmm=$build/bench/bench-vmm
libdir=${HOSTILE_LIBDIR:-$build/.libs}
[ -x "$hostile" ] && [ -x "$vmm" ] || die "no $hostile or $vmm: build first"
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
log=${HOSTILE_LOG:-$t/log}

openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout "$t/server-key.pem" -out "$t/server-cert.pem" \
	-subj '/CN=127.0.0.1' -addext 'subjectAltName=IP:127.0.0.1' >"$t/openssl.log" 2>&1 ||
	{ cat "$t/openssl.log" >&2; die "openssl makes no certificate"; }
cp "$t/server-cert.pem" "$t/ca-cert.pem"

patience=1000 run=()
settings=()
if [ "$libdir" = system ]; then
	expected=/usr/lib/
else
	expected=$(cd "$libdir" && pwd -P)/ || die "no folder $libdir"
	settings+=("LD_LIBRARY_PATH=$expected")
fi
if grep -q 'CLOVE_SANITIZE = .*address' "$build/Makefile"; then
	# what is dropped with the process is not lost: it is killed at the end
	settings+=(ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1)
	patience=3000
elif grep -q 'CLOVE_SANITIZE = .*thread' "$build/Makefile"; then
	settings+=(TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1)
	# this compiler's runtime does not know the wide address randomisation of newer kernels
	run=(setarch "$(uname -m)" -R)
	patience=5000
fi

export TMPDIR=$t
"${run[@]}" "$hostile" --count "${HOSTILE_COUNT:-2000}" --seed "${HOSTILE_SEED:-1}" --ca "$t/ca-cert.pem" \
	--password secret --patience $patience --library "$expected" "$@" -- \
	env "${settings[@]}" "$vmm" --tls-dir "$t" --password secret --tablet --usb 2 --size 640x480 2>"$log"
status=$?
if [ $status != 0 ] && [ -z "${HOSTILE_LOG:-}" ]; then
	grep -E -A 12 'ERROR: |WARNING: ThreadSanitizer|runtime error|hostile:' "$log" | head -n 60
	tail -n 5 "$log"
fi
exit $status
