/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filter.c - knows how filter rules are written, and which checks a device has to pass. */
#include "usbredir/filter.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/buf.h"

enum { FIELDS = 5, RULES_MAX = 10000, CLASS_HID = 3, CLASS_PER_INTERFACE = 0, CLASS_MISCELLANEOUS = 0xef };

static const struct {
	long lowest, highest;
} ranges[FIELDS] = { { -1, 255 }, { -1, 65535 }, { -1, 65535 }, { -1, 65535 }, { INT_MIN, INT_MAX } };

/* The next piece between separators, runs of which count as one; false if none is left. */
static bool cut(const char **text, const char *end, const char *separators, struct clove_bytes *piece)
{
	const char *start = *text, *stop;

	while (start < end && strchr(separators, *start))
		start++;
	for (stop = start; stop < end && !strchr(separators, *stop);)
		stop++;
	*piece = CLOVE_BYTES(start, (size_t)(stop - start));
	*text = stop;
	return piece->len;
}

static enum clove_err parse_field(struct clove_bytes field, size_t i, long *value)
{
	char text[32], *end;

	if (i >= FIELDS)
		return CLOVE_ERR_SHORT;
	if (field.len >= sizeof text)
		return CLOVE_ERR_VALUE;
	memcpy(text, field.data, field.len);
	text[field.len] = '\0';
	errno = 0;
	*value = strtol(text, &end, 0);
	if (errno || end == text || *end || *value < ranges[i].lowest || *value > ranges[i].highest)
		return CLOVE_ERR_VALUE;
	return CLOVE_OK;
}

static enum clove_err parse_rule(struct clove_bytes text, const char *separators, struct clove_usb_rule *rule)
{
	const char *at = (const char *)text.data, *end = at + text.len;
	struct clove_bytes field;
	long v[FIELDS];
	size_t n = 0;

	while (cut(&at, end, separators, &field)) {
		enum clove_err err = parse_field(field, n, &v[n < FIELDS ? n : 0]);

		if (err != CLOVE_OK)
			return err;
		n++;
	}
	if (n != FIELDS)
		return CLOVE_ERR_SHORT;
	*rule = (struct clove_usb_rule){ (int)v[0], (int)v[1], (int)v[2], (int)v[3], v[4] != 0 };
	return CLOVE_OK;
}

enum clove_err clove_usb_filter_parse(struct clove_usb_filter *filter, const char *text,
		const char *rule_separators, const char *field_separators)
{
	const char *end = text + strlen(text);
	struct clove_buf rules = { 0 };
	struct clove_bytes piece;
	enum clove_err err = CLOVE_OK;
	size_t count = 0;

	while (err == CLOVE_OK && cut(&text, end, rule_separators ? rule_separators : "|", &piece)) {
		struct clove_usb_rule rule;

		err = count++ == RULES_MAX ? CLOVE_ERR_LIMIT :
				parse_rule(piece, field_separators ? field_separators : ",", &rule);
		if (err == CLOVE_OK)
			err = clove_buf_append(&rules, &rule, sizeof rule);
	}
	if (err == CLOVE_OK) {
		struct clove_usb_rule *copy = malloc(rules.len ? rules.len : 1);

		if (copy) {
			if (rules.len)
				memcpy(copy, rules.data, rules.len);
			*filter = (struct clove_usb_filter){ copy, count };
		} else {
			err = CLOVE_ERR_NOMEM;
		}
	}
	clove_buf_fini(&rules);
	return err;
}

void clove_usb_filter_fini(struct clove_usb_filter *filter)
{
	free(filter->rules);
	*filter = (struct clove_usb_filter){ 0 };
}

static enum clove_err print_field(struct clove_buf *text, int value, int digits)
{
	char field[16];
	int len = value < 0 ? snprintf(field, sizeof field, "-1,") :
			snprintf(field, sizeof field, "0x%0*x,", digits, (unsigned int)value);

	return clove_buf_append(text, field, (size_t)len);
}

char *clove_usb_filter_print(const struct clove_usb_filter *filter)
{
	struct clove_buf text = { 0 };
	enum clove_err err = CLOVE_OK;
	char *copy = NULL;

	for (size_t i = 0; i < filter->count && err == CLOVE_OK; i++) {
		const struct clove_usb_rule *rule = &filter->rules[i];
		const int fields[] = { rule->device_class, rule->vendor, rule->product, rule->version };

		err = clove_buf_append(&text, "|", i > 0);
		for (size_t k = 0; k < 4 && err == CLOVE_OK; k++)
			err = print_field(&text, fields[k], k ? 4 : 2);
		if (err == CLOVE_OK)
			err = clove_buf_append(&text, rule->is_allowed ? "1" : "0", 1);
	}
	if (err == CLOVE_OK)
		err = clove_buf_append(&text, "", 1);
	if (err == CLOVE_OK)
		copy = strdup((const char *)text.data);
	clove_buf_fini(&text);
	return copy;
}

static bool fits(int rule, int value)
{
	return rule == -1 || rule == value;
}

static enum clove_usb_verdict check_class(const struct clove_usb_filter *filter, const struct clove_usb_shape *shape,
		uint8_t device_class, bool allows_by_default)
{
	for (size_t i = 0; i < filter->count; i++) {
		const struct clove_usb_rule *rule = &filter->rules[i];

		if (fits(rule->device_class, device_class) && fits(rule->vendor, shape->vendor) &&
				fits(rule->product, shape->product) && fits(rule->version, shape->version))
			return rule->is_allowed ? CLOVE_USB_ALLOWED : CLOVE_USB_DENIED;
	}
	return allows_by_default ? CLOVE_USB_ALLOWED : CLOVE_USB_UNMATCHED;
}

static bool is_side_hid(const struct clove_usb_interface *interface)
{
	return interface->interface_class == CLASS_HID && !interface->subclass && !interface->protocol;
}

enum clove_usb_verdict clove_usb_filter_check(const struct clove_usb_filter *filter,
		const struct clove_usb_shape *shape, bool allows_by_default)
{
	uint32_t count = shape->interface_count < CLOVE_USB_INTERFACES ? shape->interface_count :
			CLOVE_USB_INTERFACES;
	enum clove_usb_verdict verdict = CLOVE_USB_ALLOWED;
	uint32_t side = 0;

	if (shape->device_class != CLASS_PER_INTERFACE && shape->device_class != CLASS_MISCELLANEOUS)
		verdict = check_class(filter, shape, shape->device_class, allows_by_default);
	for (uint32_t i = 0; i < count; i++)
		side += is_side_hid(&shape->interfaces[i]);
	for (uint32_t i = 0; i < count && verdict == CLOVE_USB_ALLOWED; i++)
		if (count == 1 || side == count || !is_side_hid(&shape->interfaces[i]))
			verdict = check_class(filter, shape, shape->interfaces[i].interface_class, allows_by_default);
	return verdict;
}
