/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hid.c - the requests of the HID class (1.11, section 7) and how reports meet the transfers that wait. */
#include "usb/hid.h"

#include <stdlib.h>

static struct clove_hid *hid_of(struct clove_model *model)
{
	return CLOVE_CONTAINER(model, struct clove_hid, model);
}

enum {
	GET_REPORT = 1, GET_IDLE = 2, GET_PROTOCOL = 3, SET_REPORT = 9, SET_IDLE = 10, SET_PROTOCOL = 11,
	GET_DESCRIPTOR = 6,
};

static enum clove_err get_descriptor(struct clove_hid *hid, uint16_t value, struct clove_buf *answer)
{
	const struct clove_desc_extra *about = hid->model.desc->interfaces[0].extras;
	uint8_t len = (uint8_t)(about->len + 1);

	if (value == CLOVE_DESC_REPORT << 8)
		return clove_buf_append(answer, hid->report_desc.data, hid->report_desc.len);
	if (value != CLOVE_DESC_HID << 8)
		return CLOVE_ERR_UNSUPPORTED;
	return clove_buf_append(answer, &len, 1) ? CLOVE_ERR_NOMEM :
			clove_buf_append(answer, about->body, about->len);
}

/* Frames are wanted while an idle rate asks for repeated reports (7.2.4). */
static void want_frames(struct clove_hid *hid)
{
	hid->model.device.wants_frames = hid->idle && clove_model_first(&hid->model, CLOVE_HID_ENDPOINT);
}

static enum clove_err control(struct clove_model *model, const struct clove_usb_setup *setup,
		struct clove_bytes data, struct clove_buf *answer)
{
	struct clove_hid *hid = hid_of(model);

	if (setup->index)
		return CLOVE_ERR_VALUE;
	switch (setup->request_type << 8 | setup->request) {
	case 0x8100 | GET_DESCRIPTOR:
		return get_descriptor(hid, setup->value, answer);
	case 0xa100 | GET_REPORT:
		if (setup->value != 0x0100)           /* input, report 0 */
			return CLOVE_ERR_UNSUPPORTED;
		return clove_buf_append(answer, hid->state, hid->report_len);
	case 0xa100 | GET_IDLE:
		return clove_buf_append(answer, &hid->idle, 1);
	case 0xa100 | GET_PROTOCOL:
		return clove_buf_append(answer, &hid->protocol, 1);
	case 0x2100 | SET_REPORT:
		if (data.len)
			hid->output = data.data[0];
		return CLOVE_OK;
	case 0x2100 | SET_IDLE:
		hid->idle = (uint8_t)(setup->value >> 8);
		hid->idle_frames = 0;
		want_frames(hid);
		return CLOVE_OK;
	case 0x2100 | SET_PROTOCOL:
		if (setup->value > 1)
			return CLOVE_ERR_VALUE;
		hid->protocol = (uint8_t)setup->value; /* both have the same report */
		return CLOVE_OK;
	default:
		return CLOVE_ERR_UNSUPPORTED;
	}
}

/* A report longer than the room is cut, as a real device's packet would babble: nobody asks so. */
static void answer_with(struct clove_hid *hid, struct clove_usb_transfer *transfer, const uint8_t *report)
{
	size_t len = hid->report_len < transfer->len ? hid->report_len : transfer->len;

	if (len)
		memcpy(transfer->data, report, len);
	hid->idle_frames = 0;
	clove_usb_complete(transfer, len < hid->report_len ? CLOVE_USB_BABBLE : CLOVE_USB_SUCCESS, len);
}

static void run(struct clove_model *model)
{
	struct clove_hid *hid = hid_of(model);
	struct clove_usb_transfer *transfer;

	while (hid->count && (transfer = clove_model_first(model, CLOVE_HID_ENDPOINT))) {
		const uint8_t *report = hid->queue[hid->first];

		hid->first = (hid->first + 1) % CLOVE_HID_QUEUE;
		hid->count--;
		answer_with(hid, transfer, report);
	}
	want_frames(hid);
}

static void frame(struct clove_model *model)
{
	struct clove_hid *hid = hid_of(model);
	struct clove_usb_transfer *transfer = clove_model_first(model, CLOVE_HID_ENDPOINT);

	if (hid->idle && transfer && ++hid->idle_frames >= hid->idle * 4u)
		answer_with(hid, transfer, hid->state);
	want_frames(hid);
}

static void restart(struct clove_model *model, uint32_t endpoints)
{
	struct clove_hid *hid = hid_of(model);

	(void)endpoints;                              /* it has but one */
	hid->count = 0;
	hid->idle = 0;
	hid->protocol = 1;                            /* 7.2.6: the report protocol after a reset */
	want_frames(hid);
}

static void free_hid(struct clove_model *model)
{
	free(hid_of(model));
}

const struct clove_model_ops clove_hid_ops = {
	.control = control, .run = run, .restart = restart, .frame = frame, .free = free_hid,
};

struct clove_hid *clove_hid_new(const struct clove_desc *desc, struct clove_bytes report_desc, uint8_t report_len,
		const char *name)
{
	struct clove_hid *hid = calloc(1, sizeof *hid);

	if (!hid)
		return NULL;
	hid->report_desc = report_desc;
	hid->report_len = report_len;
	hid->protocol = 1;
	clove_model_init(&hid->model, &clove_hid_ops, desc, name);
	return hid;
}

uint8_t *clove_hid_last(struct clove_hid *hid)
{
	return hid->count ? hid->queue[(hid->first + hid->count - 1) % CLOVE_HID_QUEUE] : NULL;
}

void clove_hid_report(struct clove_hid *hid, const uint8_t *report)
{
	memcpy(hid->state, report, hid->report_len);
	if (!hid->model.device.shape.configuration)
		return;
	if (hid->count < CLOVE_HID_QUEUE)
		hid->count++;
	memcpy(clove_hid_last(hid), report, hid->report_len);
	clove_model_run(&hid->model);
	clove_model_wake(&hid->model);
}
