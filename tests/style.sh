#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Knows what a machine can check of the house's style: white space, ends of files,
# licence lines and the subjects of commits.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
bad=0
complain() { [ -z "$1" ] || { printf '%s\n' "$1"; bad=1; }; }

repository=
[ ! -e .git ] || ! git rev-parse HEAD >/dev/null 2>&1 || repository=1
# Recorded bytes are nobody's text; what autotools put here is not ours to judge.
if [ -n "$repository" ]; then
	git ls-files
else
	find . -type f | sed 's,^\./,,'
fi | grep -Ev '^(tests/golden|tests/fuzz/corpus|build|_build|_inst|autom4te.cache|m4/(libtool|lt))' |
	grep -E '\.([ch]|def|sh|ac|am|inc|md|ui|svg|xml|desktop|in|[1-9]|syms)$|^scripts/|^\.ci/|^NEWS$' |
	grep -Ev '^(configure|aclocal|config\.h|Makefile)(\.in|\.m4)?$|\.(png|log|trs|o|a)$' |
	while read -r f; do [ -f "$f" ] && [ ! -L "$f" ] && printf '%s\n' "$f" || :; done > "${TMPDIR:-/tmp}/style.$$"
trap 'rm -f "${TMPDIR:-/tmp}/style.$$"' EXIT
mapfile -t files < "${TMPDIR:-/tmp}/style.$$"
[ ${#files[@]} -gt 10 ] || { echo "style: only ${#files[@]} files found"; exit 1; }

complain "$(grep -nE '[ 	]+$' "${files[@]}" | sed -n 's/^\([^:]*:[0-9]*\):.*/\1: white space at the end/p')"
complain "$(grep -n $'\r' "${files[@]}" | sed -n 's/^\([^:]*:[0-9]*\):.*/\1: carriage return/p')"
complain "$(grep -nE '^	* +	' "${files[@]}" | sed -n 's/^\([^:]*:[0-9]*\):.*/\1: a space before a tab/p')"
for f in "${files[@]}"; do
	[ -s "$f" ] || continue
	[ -z "$(tail -c 1 "$f")" ] || complain "$f: no newline at the end"
	[ -n "$(tail -c 2 "$f" | tr -d '\n')" ] || complain "$f: empty lines at the end"
	case $f in
	*.c | *.h | *.def)
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' ||
			complain "$f: no SPDX line"
		complain "$(grep -nE '^ {8}' "$f" | sed "s,^\([0-9]*\):.*,$f:\1: indented with spaces,")" ;;
	*.sh | *.ac | *.am | *.inc)
		head -n 4 "$f" | grep -q 'SPDX-License-Identifier: LGPL-2.1-or-later' ||
			complain "$f: no SPDX line" ;;
	esac
done

commits=0
if [ -n "$repository" ]; then
	while IFS= read -r subject; do
		commits=$((commits + 1))
		if [[ ! $subject =~ ^[a-z0-9][a-z0-9._/+-]*(,\ [a-z0-9._/+-]+)*:\ [A-Z\`].*[^.]$ ]]; then
			complain "commit \"$subject\": not \"room: Do this\""
		elif [ ${#subject} -gt 72 ]; then
			complain "commit \"$subject\": ${#subject} characters"
		fi
	done < <(git log --no-merges --format=%s)
fi
echo "style: ${#files[@]} files, $commits commits: $([ $bad = 0 ] && echo fine || echo 'see above')"
exit $bad
