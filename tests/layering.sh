#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Knows which room may include which: the dependency table of ARCHITECTURE.md, enforced.
#
#   layering.sh [ROOT]    read every #include under ROOT (default: the source tree)
#
# Without ROOT it also breaks each rule once in a tree of its own, and fails unless told so.
set -eu
export LC_ALL=C
here=$(cd "$(dirname "$0")/.." && pwd)

# ROOM | own headers it may include (prefixes) | system headers it must never include
table='
common/util     | common/util/                                             | glib gio gtk gdk libusb gst spice
common/protocol | common/util/ common/protocol/                            | glib gio gtk gdk libusb gst spice openssl pixman
common/codec    | common/util/ common/codec/                               | glib gio gtk gdk libusb gst spice openssl sys/socket.h
common/canvas   | common/util/ common/protocol/ common/codec/ common/canvas/ | glib gio gtk gdk libusb gst openssl sys/socket.h
common/net      | common/util/ common/protocol/ common/net/                | glib gio gtk gdk libusb gst spice pixman
usb             | common/ usb/                                             | glib gio gtk gdk libusb sys/socket.h pthread.h
usbredir        | common/ usb/ usbredir/                                   | glib gio gtk gdk
server          | common/ include/ server/                                 | glib gio gtk gdk libusb
client-gtk      | common/ usb/ usbredir/ client-gtk/                       |
vmm-glue/ehci   | common/util/ usb/ vmm-glue/                              | glib gio gtk gdk libusb sys/socket.h pthread.h
vmm-glue        | common/ usb/ usbredir/ vmm-glue/                         | glib gio gtk gdk
include         | include/ spice/                                            | glib gio gtk gdk libusb openssl pixman
'

# The first row whose room holds the file; tests/ and bench/ have none and may include all.
check_file() { # ROOT FILE
	local root=$1 file=$2 room may never where header ok word

	while IFS='|' read -r room may never; do
		read -r room <<<"$room"
		[ -n "$room" ] || continue
		case $file in "$room"/*) ;; *) continue ;; esac
		while IFS=' ' read -r where header; do
			case $header in
			'"'*)
				header=${header#\"} header=${header%%\"*} ok=
				case $header in
				config.h) ok=1 ;;
				*/*) ;;
				*) [ "$room" != include ] || ok=1 ;;  # installed side by side
				esac
				for word in $may; do
					case $header in "$word"*) ok=1 ;; esac
				done
				[ -n "$ok" ] || echo "$file:$where: $room must not include \"$header\""
				;;
			'<'*)
				header=${header#<} header=${header%%>*}
				for word in $never; do
					case $header in
					"$word" | "$word"[/.-]* | "$word"*.h)
						echo "$file:$where: $room must not include <$header>" ;;
					esac
				done
				;;
			esac
		done < <(sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"][^>"]*[>"]\).*/\1/;t found;b;:found;=;p' \
				"$root/$file" | paste -d ' ' - -)
		return 0
	done <<<"$table"
}

check_tree() {
	local root=$1 file

	# a .def is a description: it may name no file at all
	(cd "$root" && find common usb usbredir server client-gtk vmm-glue include \
			-name '*.[ch]' -o -name '*.def' 2>/dev/null) | sort |
		while read -r file; do check_file "$root" "$file"; done
}

if [ $# -gt 0 ]; then
	found=$(check_tree "$1")
	[ -z "$found" ] || { echo "$found"; exit 1; }
	exit 0
fi

t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
missed=0 broken=0
breaks() { # FILE INCLUDE-LINE: this line must be refused
	mkdir -p "$t/$(dirname "$1")"
	printf '%s\n' "$2" > "$t/$1"
	broken=$((broken + 1))
	[ -n "$(check_tree "$t")" ] || { echo "not refused: $1: $2"; missed=$((missed + 1)); }
	rm "$t/$1"
}
breaks common/util/a.c    '#include "common/protocol/wire.h"'
breaks common/protocol/a.c '#include "common/net/link.h"'
breaks common/codec/a.c   '#include "common/protocol/wire.h"'
breaks common/codec/a.h   '#include "common/net/stream.h"'
breaks common/net/a.c     '#include "common/codec/lz.h"'
breaks common/net/a.c     '# include "server/inputs-channel.h"'
breaks common/canvas/a.c  '#include "common/net/channel.h"'
breaks common/canvas/a.c  '#include <gtk/gtk.h>'
breaks common/util/a.c    '#include <glib-object.h>'
breaks common/util/a.c    '#include <libusb.h>'
breaks server/a.c         '#include "client-gtk/session.h"'
breaks server/a.c         '#include "usbredir/parser.h"'
breaks server/a.c         '#include <gdk/gdk.h>'
breaks server/a.c         '#include "session.h"'
breaks client-gtk/a.c     '#include "server/worker.h"'
breaks usb/a.c            '#include <libusb-1.0/libusb.h>'
breaks vmm-glue/ehci/a.c  '#include "vmm-glue2/vfio-user.h"'
mkdir -p "$t/server" && printf '#include "common/net/link.h"\n#include <stdio.h>\n' > "$t/server/good.c"
good=$(check_tree "$t")
[ -z "$good" ] || { echo "refused without reason: $good"; missed=$((missed + 1)); }

found=$(check_tree "$here")
[ -z "$found" ] || echo "$found"
echo "layering: $broken broken rules tried, $missed missed; $(grep -c . <<<"$found" || :) in the tree"
[ $missed = 0 ] && [ -z "$found" ]
