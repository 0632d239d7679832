#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Knows what libspice-server.so.1 exports: every function of the reference list with its version,
# those of our own, and nothing else, each in docs/abi.md; its name, and that it is bound and sealed when it is loaded.
#
#   symbols.sh [LIBRARY]    (default: the one that was just built)
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
lib=${1:-.libs/libspice-server.so.1}
list=$here/golden/abi/exports.txt own=$here/golden/abi/extensions.txt
failed=0

[ -e "$lib" ] || { echo "symbols: there is no $lib"; exit 1; }
check() { # WHAT COMMAND...
	local what=$1
	shift
	"$@" || { echo "symbols: $lib: $what"; failed=1; }
}

# name@@version of what others can bind to; the nodes themselves are absolute
exported=$(readelf -W --dyn-syms "$lib" |
	awk '$1 ~ /^[0-9]+:$/ && $5 != "LOCAL" && $7 != "UND" && $7 != "ABS" { print $8 }' | sort)
check "exports differ from the list (< missing, > too many)" diff <(sort "$list" "$own") - <<<"$exported"

# the chain of nodes: each names the one before it as its parent
nodes=$(sed 's/.*@@//' "$list" | sort -uV)
chain=$(readelf -W -V "$lib" | awk '
	/Version definition section/ { on = 1 }
	/Version needs section/ { on = 0 }
	on && / Rev: / { if (name != "") print name, parent; name = $NF; parent = "-"; sub(/.*Name: /, "", name) }
	on && /Parent 1: / { parent = $NF }
	END { print name, parent }' | grep '^SPICE_SERVER')
wanted=$(paste -d ' ' <(echo "$nodes") <(echo -; sed '$d' <<<"$nodes"))
check "the chain of versions differs" diff <(echo "$wanted") - <<<"$chain"

documented=$(grep '^| `' "$here/../docs/abi.md" | grep -oE '`(spice|clove)_[a-z0-9_]*`' | tr -d '`' | sort)
check "docs/abi.md differs from the list (< missing, > too many)" \
	diff <(sed 's/@@.*//' "$list" "$own" | sort) - <<<"$documented"

dynamic=$(readelf -W -d "$lib")
check "SONAME is not libspice-server.so.1" grep -q 'SONAME.*\[libspice-server.so.1\]' <<<"$dynamic"
check "symbols are not bound at load time" grep -q 'BIND_NOW\|FLAGS_1.*NOW' <<<"$dynamic"
check "no text relocations are allowed" eval '! grep -q TEXTREL <<<"$dynamic"'
check "GLib must stay out of QEMU's way" eval '! grep -q "NEEDED.*libg\(lib\|io\|object\)-" <<<"$dynamic"'
check "no RELRO" grep -q GNU_RELRO <<<"$(readelf -W -l "$lib")"

echo "symbols: $(wc -l <<<"$exported") exports, $(wc -l <<<"$chain") versions"
[ $failed = 0 ]
