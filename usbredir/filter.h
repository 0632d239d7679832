/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter.h - rules that say which USB devices may be redirected: "class,vendor,product,version,allow|...".
 *
 * Integers as in C (decimal, 0x hex, 0 octal), -1 is any, allow 0 or not. The first rule that fits decides.
 */
#ifndef CLOVE_USBREDIR_FILTER_H
#define CLOVE_USBREDIR_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include "common/util/err.h"
#include "usb/device.h"

/* What people's clients redirect by themselves when it is plugged: everything but keyboards, mice and pads. */
#define CLOVE_USB_FILTER_AUTO "0x03,-1,-1,-1,0|-1,-1,-1,-1,1"

/* All zeroes has no rules. */
struct clove_usb_filter {
	struct clove_usb_rule {
		int device_class;                /* -1: any, as below */
		int vendor, product, version;
		bool is_allowed;
	} *rules;
	size_t count;
};

/* `rule_separators` and `field_separators` are sets of characters; NULL for those of the wire, "|" and ",".
 * CLOVE_ERR_VALUE: no integer, or out of range; CLOVE_ERR_SHORT: not five fields; CLOVE_ERR_LIMIT: too many
 * rules. The filter is untouched then, else it is overwritten. */
CLOVE_CHECKED enum clove_err clove_usb_filter_parse(struct clove_usb_filter *filter, const char *text,
		const char *rule_separators, const char *field_separators);
void clove_usb_filter_fini(struct clove_usb_filter *filter);
/* As the wire wants it; free() it. NULL without memory. */
char *clove_usb_filter_print(const struct clove_usb_filter *filter);

enum clove_usb_verdict {
	CLOVE_USB_ALLOWED,
	CLOVE_USB_DENIED,        /* a rule says no */
	CLOVE_USB_UNMATCHED,     /* no rule fits; not with `allows_by_default` */
};

/* The device and each of its interfaces have to be allowed, but for what a composite device has beside its
 * purpose: a HID interface that no BIOS would use (a headset's buttons). */
enum clove_usb_verdict clove_usb_filter_check(const struct clove_usb_filter *filter,
		const struct clove_usb_shape *shape, bool allows_by_default);

#endif
