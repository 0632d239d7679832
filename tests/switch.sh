#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Knows what clove-switch and clove-qemu promise: ours on, theirs off, and no trace left.
set -eu
build=$(pwd)
PATH=$PATH:/usr/sbin:/sbin
command -v ldconfig >/dev/null || { echo "no ldconfig here"; exit 77; }
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
failed=0
expect() { # WHAT STATUS WANTED-STATUS [TEXT PATTERN]
	if [ "$2" = "$3" ] && case ${4:-} in ${5:-*}) true ;; *) false ;; esac; then
		echo "ok - $1"
	else
		echo "not ok - $1 (status $2, wanted $3): ${4:-}"
		failed=1
	fi
}
run() { set +e; out=$("$@" 2>&1); status=$?; set -e; }

# A system of its own with the distribution's library and ours, told apart by a symbol.
stock=usr/lib/x86_64-linux-gnu ours=opt/clove/lib/clove
mkdir -p "$t/$stock" "$t/$ours" "$t/etc/ld.so.conf.d"
echo "include /etc/ld.so.conf.d/*.conf" > "$t/etc/ld.so.conf"
echo "/$stock" > "$t/etc/ld.so.conf.d/x86_64-linux-gnu.conf"
for d in stock ours; do
	echo "const char *whose(void); const char *whose(void) { return \"$d\"; }" > "$t/$d.c"
	${CC:-cc} -shared -fPIC -Wl,-soname,libspice-server.so.1 -o "$t/${!d}/libspice-server.so.1" "$t/$d.c"
done
echo 'const char *whose(void); int puts(const char *); int main(void) { puts(whose()); return 0; }' > "$t/main.c"
${CC:-cc} -o "$t/main" "$t/main.c" "$t/$stock/libspice-server.so.1" -Wl,-rpath-link,"$t/$stock"
ldconfig -r "$t" || { echo "ldconfig -r does not work here"; exit 77; }
list() { (cd "$t/etc" && find . -type f | sort | xargs sha256sum); }
list > "$t/before"

export CLOVE_LIBDIR=/$ours
switch="$build/scripts/clove-switch --root $t"
run $switch status;	expect "status before" $status 1 "$out" "off: /$stock/*"
run $switch on;		expect "on" $status 0 "$out" "on: *"
run $switch status;	expect "status when on" $status 0 "$out" "on: /$ours/libspice-server.so.1"
run $switch on;		expect "on twice" $status 0
run $switch off;	expect "off" $status 0 "$out" "off: *"
run $switch status;	expect "status after" $status 1 "$out" "off: /$stock/*"
list > "$t/after"
run cmp "$t/before" "$t/after";	expect "off leaves no trace" $status 0 "$out"
run $switch off;	expect "off twice" $status 0
run $switch sideways;	expect "unknown word" $status 2 "$out" "clove-switch: unknown word*"
run $switch;		expect "no word" $status 2
run "$build/scripts/clove-switch" --root "$t/none" on;	expect "no such root" $status 2
mv "$t/$ours" "$t/gone"
run $switch on;		expect "library missing" $status 2 "$out" "clove-switch: there is no *"
mv "$t/gone" "$t/$ours"
: > "$t/etc/ld.so.conf"
run $switch on;		expect "a linker that does not listen" $status 2 "$out" "*nothing was changed"
run test -e "$t/etc/ld.so.conf.d/00-clove.conf";	expect "and nothing stays behind" $status 1

export CLOVE_LIBDIR=$t/$ours
LD_LIBRARY_PATH=$t/$stock run "$t/main";	expect "the stock library without clove-qemu" $status 0 "$out" stock
LD_LIBRARY_PATH=$t/$stock run "$build/scripts/clove-qemu" "$t/main";	expect "clove-qemu puts ours first" $status 0 "$out" ours
run "$build/scripts/clove-qemu" sh -c 'echo $QEMU11_LIBPATH; exit 5';	expect "arguments and status pass" $status 5 "$out" "$t/$ours*"
run "$build/scripts/clove-qemu" "$t/no-such";	expect "no such command" $status 127
run "$build/scripts/clove-qemu";	expect "no command" $status 2
CLOVE_LIBDIR=$t/none run "$build/scripts/clove-qemu" "$t/main";	expect "clove-qemu without a library" $status 1 "$out" "*is Clove installed*"
exit $failed
