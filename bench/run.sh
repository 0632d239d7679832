#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh - what a VMM pays for its clients and what they wait for: this library and the distribution's by turns.
#
#   CLOVE_BUILD=DIR bench/run.sh [OUT]    OUT (default: DIR/bench-results) gets bench.csv with every sample,
#                                         table.md with medians, and performance.svg
#
# One VMM player drives both libraries in each round; the order is turned with the rounds. Environment:
# ROUNDS (5), LIBRARIES ("clove stock").
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/scripts/lib.sh"
build=${CLOVE_BUILD:-$top/build}
out=${1:-$build/bench-results}
rounds=${ROUNDS:-5} libraries=${LIBRARIES:-clove stock}
vmm=$build/bench/bench-vmm client=$build/bench/bench-client
[ -x "$vmm" ] && [ -x "$client" ] || die "no $vmm or $client: build first"
mkdir -p "$out"
t=$(mktemp -d)
vmm_pid=
cleanup() { [ -z "$vmm_pid" ] || kill "$vmm_pid" 2>/dev/null || :; rm -rf "$t"; }
trap cleanup EXIT

openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout "$t/server-key.pem" -out "$t/server-cert.pem" \
	-subj '/CN=127.0.0.1' -addext 'subjectAltName=IP:127.0.0.1' 2>"$t/openssl.log" || die "openssl makes no certificate"
cp "$t/server-cert.pem" "$t/ca-cert.pem"

vmm_start() { # LIBRARY [ASSIGNMENT...]
	local path=() n
	library=$1
	shift

	rm -f "$t/vmm"
	[ "$library" != clove ] || path=("LD_LIBRARY_PATH=$build/.libs")
	env "${path[@]}" "$@" "$vmm" --control "$t/control" --tls-dir "$t" --password secret \
		>"$t/vmm" 2>>"$out/vmm-$library.log" &
	vmm_pid=$!
	for n in {1..100}; do
		[ ! -s "$t/vmm" ] || break
		sleep 0.05
	done
	port=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p;q' "$t/vmm")
	tls_port=$(sed -n 's/.*"tls_port":\([0-9]*\).*/\1/p;q' "$t/vmm")
	loaded=$(sed -n 's/.*"library":"\([^"]*\)".*/\1/p;q' "$t/vmm")
	case $library:$loaded in
	"clove:$(realpath "$build")"/*) ;;
	stock:/usr/lib/*) ;;
	*) die "the VMM player has loaded $loaded" ;;
	esac
}

vmm_end() {
	kill "$vmm_pid"
	wait "$vmm_pid" 2>/dev/null || :
	vmm_pid=
}

measure() { # TRANSPORT COUNT MODE
	local where=(--port "$port")

	[ "$1" = plain ] || where=(--port "$tls_port" --ca "$t/ca-cert.pem")
	"$client" "${where[@]}" --password secret --control "$t/control" --count "$2" "$3" >"$t/rows" ||
		die "$library: $3 over $1 could not be measured"
	sed "s/^/$library,$round,$1,/" "$t/rows" >>"$out/bench.csv"
}

echo "library,round,transport,metric,detail,value" >"$out/bench.csv"
for ((round = 1; round <= rounds; round++)); do
	for library in $libraries; do
		say "round $round: $library"
		vmm_start "$library"
		measure plain 5 idle
		measure plain 10 links
		measure tls 10 links
		measure plain 12 picture
		measure tls 12 picture
		measure plain 100 keys
		vmm_end
		vmm_start "$library" SPICE_DEBUG_ALLOW_MC=1
		measure plain 4 memory
		vmm_end
	done
	libraries=$(tac -s' ' <<<"$libraries " | tr '\n' ' ')
done

# Per library, transport, metric and detail: samples, median, the medians of the rounds, the 99th percentile.
# What links cost is also taken together over all channels.
tail -n +2 "$out/bench.csv" | awk -F, -v OFS=, '{ print } $4 ~ /^link_/ { $5 = "any channel"; print }' |
	sort -t, -k1,1 -k3,5 -k6,6n | awk -F, '
	function flush(   r, low, high, m) {
		if (!n)
			return
		low = high = ""
		for (r in count) {
			m = in_round[r, int((count[r] + 1) / 2)]
			if (low == "" || m < low) low = m
			if (high == "" || m > high) high = m
		}
		printf "%s,%d,%.1f,%.1f,%.1f,%.1f\n", key, n, v[int((n + 1) / 2)], low, high, v[int(n * 0.99 + 0.999)]
		n = 0
		delete count
		delete in_round
	}
	{
		k = $1 "," $3 "," $4 "," $5
		if (k != key)
			flush()
		key = k
		v[++n] = $6 + 0
		in_round[$2, ++count[$2]] = $6 + 0
	}
	END { flush() }' >"$out/summary.csv"

{
	echo "| figure | Clove (rounds) | p99 | Debian's (rounds) | p99 | unit | ratio |"
	echo "|---|---:|---:|---:|---:|---|---:|"
	awk -F'[|]' '
	FNR == NR {
		split($0, f, ",")
		k = f[2] "," f[3] "," f[4]
		median[f[1], k] = f[6]
		text[f[1], k] = sprintf("%s (%s to %s) | %s", f[6], f[7], f[8], f[9])
		next
	}
	/^#/ { next }
	{
		ratio = ""
		if (("clove", $1) in text && median["stock", $1] > 0)
			ratio = sprintf("%.3f", median["clove", $1] / median["stock", $1])
		printf "| %s | %s | %s | %s | %s |\n", $2, ("clove", $1) in text ? text["clove", $1] : "- | -",
			("stock", $1) in text ? text["stock", $1] : "- | -", $3, ratio
	}' "$out/summary.csv" "$top/bench/figures"
} >"$out/table.md"
"$top/bench/plot.sh" "$out/summary.csv" >"$out/performance.svg"
cat "$out/table.md"

bar() { # WHAT FIELD LIMIT: a value of ours against its bar, over the links of all channels
	awk -F, -v what="$1" -v field="$2" -v limit="$3" '
		$1 == "clove" && $3 == "link_main_thread_cpu_us" && $4 == "any channel" {
			ok = $field <= limit
			printf "%sok - main-thread CPU per link over %s, %s: %.0f us (bar %d)\n", ok ? "" : "not ", $2, what, $field, limit
			bad += !ok
		}
		END { exit bad > 0 }' "$out/summary.csv"
}
status=0
case " $libraries " in
*" clove "*)
	bar median 6 200 || status=1
	bar "99th percentile" 9 1000 || status=1 ;;
esac
exit $status
