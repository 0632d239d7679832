/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* desc.c - the layout of USB 2.0's descriptors (section 9.6), written from a device's table. */
#include "usb/desc.h"

#include <string.h>

static enum clove_err put(struct clove_buf *out, const uint8_t *body, size_t len)
{
	uint8_t length = (uint8_t)(len + 1);

	if (len > 254)
		return CLOVE_ERR_LIMIT;
	if (clove_buf_append(out, &length, 1))
		return CLOVE_ERR_NOMEM;
	return clove_buf_append(out, body, len);
}
#define PUT(out, ...) \
	put(out, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static uint8_t string_index(const struct clove_desc *desc, unsigned int which)
{
	return desc->strings[which] ? (uint8_t)(which + 1) : 0;
}

static enum clove_err put_device(const struct clove_desc *desc, struct clove_buf *out)
{
	return PUT(out, CLOVE_DESC_DEVICE, CLOVE_DESC_16(desc->usb), desc->device_class, desc->device_subclass,
			desc->device_protocol, desc->max_packet_0, CLOVE_DESC_16(desc->vendor),
			CLOVE_DESC_16(desc->product), CLOVE_DESC_16(desc->version), string_index(desc, 0),
			string_index(desc, 1), string_index(desc, 2), 1);
}

static enum clove_err put_extras(const struct clove_desc_extra *extras, unsigned int count, struct clove_buf *out)
{
	enum clove_err err = CLOVE_OK;

	for (unsigned int i = 0; i < count && !err; i++)
		err = put(out, extras[i].body, extras[i].len);
	return err;
}

static enum clove_err put_endpoint(const struct clove_desc_endpoint *e, struct clove_buf *out)
{
	enum clove_err err = e->is_audio ?
			PUT(out, CLOVE_DESC_ENDPOINT, e->address, e->attributes, CLOVE_DESC_16(e->max_packet),
					e->interval, 0, 0) :
			PUT(out, CLOVE_DESC_ENDPOINT, e->address, e->attributes, CLOVE_DESC_16(e->max_packet),
					e->interval);

	return err ? err : put_extras(e->extras, e->extra_count, out);
}

static enum clove_err put_interface(const struct clove_desc_interface *i, struct clove_buf *out)
{
	enum clove_err err = PUT(out, CLOVE_DESC_INTERFACE, i->number, i->alt, i->endpoint_count,
			i->interface_class, i->subclass, i->protocol, 0);

	if (!err)
		err = put_extras(i->extras, i->extra_count, out);
	for (unsigned int e = 0; e < i->endpoint_count && !err; e++)
		err = put_endpoint(&i->endpoints[e], out);
	return err;
}

static enum clove_err put_configuration(const struct clove_desc *desc, struct clove_buf *out)
{
	size_t start = out->len;
	uint8_t count = 0;
	enum clove_err err;

	for (unsigned int i = 0; i < desc->interface_count; i++)
		count = (uint8_t)(count + !desc->interfaces[i].alt);
	err = PUT(out, CLOVE_DESC_CONFIGURATION, 0, 0, count, 1, 0, desc->attributes, desc->max_power);
	for (unsigned int i = 0; i < desc->interface_count && !err; i++)
		err = put_interface(&desc->interfaces[i], out);
	if (!err)
		clove_put_le16(out->data + start + 2, (uint16_t)(out->len - start)); /* wTotalLength */
	return err;
}

/* UTF-16LE of ASCII; index 0 is the list of languages. */
static enum clove_err put_string(const struct clove_desc *desc, uint8_t index, struct clove_buf *out)
{
	uint8_t body[1 + 2 * 120] = { CLOVE_DESC_STRING };
	const char *text;
	size_t len;

	if (!index)
		return PUT(out, CLOVE_DESC_STRING, CLOVE_DESC_16(0x0409));
	text = index <= 3 ? desc->strings[index - 1] : NULL;
	if (!text)
		return CLOVE_ERR_UNSUPPORTED;
	len = strlen(text) > 120 ? 120 : strlen(text);
	for (size_t i = 0; i < len; i++)
		body[1 + 2 * i] = (uint8_t)text[i];
	return put(out, body, 1 + 2 * len);
}

enum clove_err clove_desc_write(const struct clove_desc *desc, uint8_t type, uint8_t index,
		struct clove_buf *out)
{
	if (type == CLOVE_DESC_STRING)
		return put_string(desc, index, out);
	if (type == CLOVE_DESC_DEVICE && !index)
		return put_device(desc, out);
	if (type == CLOVE_DESC_CONFIGURATION && !index)
		return put_configuration(desc, out);
	return CLOVE_ERR_UNSUPPORTED;
}

const struct clove_desc_interface *clove_desc_interface(const struct clove_desc *desc, uint8_t number,
		uint8_t alt)
{
	for (unsigned int i = 0; i < desc->interface_count; i++)
		if (desc->interfaces[i].number == number && desc->interfaces[i].alt == alt)
			return &desc->interfaces[i];
	return NULL;
}

static struct clove_usb_endpoint shape_endpoint(const struct clove_desc_endpoint *e, uint8_t interface)
{
	uint16_t bytes = e->max_packet & 0x7ff;
	uint8_t type = e->attributes & 3;

	if (type == CLOVE_USB_ISO)
		bytes = (uint16_t)(bytes * (1 + (e->max_packet >> 11 & 3)));
	return (struct clove_usb_endpoint){ .type = type, .interval = e->interval, .interface = interface,
			.max_packet = bytes };
}

void clove_desc_shape(const struct clove_desc *desc, uint8_t configuration, const uint8_t *alts,
		struct clove_usb_shape *shape)
{
	*shape = (struct clove_usb_shape){
		.speed = desc->speed, .device_class = desc->device_class,
		.device_subclass = desc->device_subclass, .device_protocol = desc->device_protocol,
		.vendor = desc->vendor, .product = desc->product, .version = desc->version,
		.configuration = configuration,
	};
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		shape->endpoints[e].type = CLOVE_USB_NO_ENDPOINT;
	shape->endpoints[0] = shape->endpoints[16] = (struct clove_usb_endpoint){
			.type = CLOVE_USB_CONTROL, .max_packet = desc->max_packet_0 };
	for (unsigned int i = 0; configuration && i < desc->interface_count; i++) {
		const struct clove_desc_interface *d = &desc->interfaces[i];

		if (d->number >= CLOVE_USB_INTERFACES || d->alt != alts[d->number] ||
				shape->interface_count == CLOVE_USB_INTERFACES)
			continue;
		shape->interfaces[shape->interface_count++] = (struct clove_usb_interface){
				d->number, d->alt, d->interface_class, d->subclass, d->protocol };
		for (unsigned int e = 0; e < d->endpoint_count; e++)
			shape->endpoints[clove_usb_index(d->endpoints[e].address)] =
					shape_endpoint(&d->endpoints[e], d->number);
	}
}
