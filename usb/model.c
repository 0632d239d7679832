/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* model.c - the standard requests of USB 2.0, chapter 9, and the waiting lists of a device made of software. */
#include "usb/model.h"

#include <stdio.h>
#include <stdlib.h>

enum { TO_DEVICE = 0, TO_INTERFACE = 1, TO_ENDPOINT = 2 };   /* bmRequestType 4..0 */
enum { ENDPOINT_HALT = 0, DEVICE_REMOTE_WAKEUP = 1 };        /* table 9-6 */

static struct clove_model *model_of(struct clove_usb_device *device)
{
	return CLOVE_CONTAINER(device, struct clove_model, device);
}

/* ---- transfers -------------------------------------------------------------------------------------- */

/* Those that are there now; what `done` submits again comes behind them and stays. */
static void end_list(struct clove_list *list, uint8_t status)
{
	size_t count = 0;

	CLOVE_LIST_FOR_EACH(item, list)
		count++;
	while (count-- && !clove_list_is_empty(list))
		clove_usb_complete(CLOVE_CONTAINER(list->next, struct clove_usb_transfer, link), status, 0);
}

static struct clove_usb_transfer *first_taken(const struct clove_model *model, uint32_t endpoints)
{
	CLOVE_LIST_FOR_EACH(item, &model->taken) {
		struct clove_usb_transfer *transfer = CLOVE_CONTAINER(item, struct clove_usb_transfer, link);

		if (endpoints >> clove_usb_index(transfer->endpoint) & 1)
			return transfer;
	}
	return NULL;
}

static void end_transfers(struct clove_model *model, uint32_t endpoints)
{
	struct clove_usb_transfer *taken;

	while ((taken = first_taken(model, endpoints)))
		model->ops->cancel_taken(model, taken);
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		if (endpoints >> e & 1)
			end_list(&model->waiting[e], CLOVE_USB_CANCELLED);
}

void clove_model_run(struct clove_model *model)
{
	model->runs_again = true;
	if (model->is_running)
		return;
	model->is_running = true;
	while (model->runs_again) {
		model->runs_again = false;
		model->ops->run(model);
	}
	model->is_running = false;
}

struct clove_usb_transfer *clove_model_first(struct clove_model *model, uint8_t endpoint)
{
	struct clove_list *list = &model->waiting[clove_usb_index(endpoint)];

	return clove_list_is_empty(list) ? NULL :
			CLOVE_CONTAINER(list->next, struct clove_usb_transfer, link);
}

void clove_model_take(struct clove_model *model, struct clove_usb_transfer *transfer)
{
	clove_list_remove(&transfer->link);
	clove_list_append(&model->taken, &transfer->link);
}

void clove_model_halt(struct clove_model *model, uint8_t endpoint)
{
	unsigned int e = clove_usb_index(endpoint);

	model->halted |= UINT32_C(1) << e;
	end_list(&model->waiting[e], CLOVE_USB_STALL);
}

void clove_model_wake(struct clove_model *model)
{
	if (model->may_wake && model->device.is_suspended && model->device.events && model->device.events->wake)
		model->device.events->wake(model->device.owner);
}

void clove_model_leave(struct clove_model *model, const char *why)
{
	const struct clove_usb_events *events = model->device.events;
	void *owner = model->device.owner;

	end_transfers(model, UINT32_MAX);
	model->device.wants_frames = false;
	model->device.events = NULL;
	if (events && events->gone)
		events->gone(owner, why);
}

/* ---- chapter 9 -------------------------------------------------------------------------------------- */

static bool is_configured(const struct clove_model *model)
{
	return model->device.shape.configuration != 0;
}

static void reshape(struct clove_model *model, uint8_t configuration)
{
	clove_desc_shape(model->desc, configuration, model->alts, &model->device.shape);
}

static void restart(struct clove_model *model, uint32_t endpoints)
{
	end_transfers(model, endpoints);
	model->halted &= ~endpoints;
	model->ops->restart(model, endpoints);
	clove_model_run(model);
}

static uint32_t endpoints_of(const struct clove_model *model, uint8_t interface)
{
	uint32_t endpoints = 0;

	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		if (e & 0x0f && model->device.shape.endpoints[e].type != CLOVE_USB_NO_ENDPOINT &&
				model->device.shape.endpoints[e].interface == interface)
			endpoints |= UINT32_C(1) << e;
	return endpoints;
}

static bool has_interface(const struct clove_model *model, uint16_t index)
{
	return is_configured(model) && index < CLOVE_USB_INTERFACES &&
			clove_desc_interface(model->desc, (uint8_t)index, 0);
}

/* Endpoint 0 never halts: its stall ends with the next SETUP. */
static bool has_endpoint(const struct clove_model *model, uint16_t index)
{
	return !(index & 0xff70) && (!(index & 0x0f) ||
			model->device.shape.endpoints[clove_usb_index((uint8_t)index)].type !=
					CLOVE_USB_NO_ENDPOINT);
}

static enum clove_err get_status(struct clove_model *model, const struct clove_usb_setup *setup,
		struct clove_buf *answer)
{
	uint8_t status[2] = { 0 };

	switch (setup->request_type & 0x1f) {
	case TO_DEVICE:
		status[0] = (uint8_t)(model->may_wake << 1); /* never self-powered */
		break;
	case TO_INTERFACE:
		if (!has_interface(model, setup->index))
			return CLOVE_ERR_VALUE;
		break;
	case TO_ENDPOINT:
		if (!has_endpoint(model, setup->index))
			return CLOVE_ERR_VALUE;
		status[0] = model->halted >> clove_usb_index((uint8_t)setup->index) & 1;
		break;
	default:
		return CLOVE_ERR_VALUE;
	}
	return clove_buf_append(answer, status, 2);
}

static enum clove_err set_feature(struct clove_model *model, const struct clove_usb_setup *setup, bool is_on)
{
	uint8_t endpoint = (uint8_t)setup->index;
	unsigned int to = setup->request_type & 0x1f;

	if (to == TO_DEVICE && setup->value == DEVICE_REMOTE_WAKEUP &&
			model->desc->attributes & CLOVE_DESC_REMOTE_WAKEUP) {
		model->may_wake = is_on;
		return CLOVE_OK;
	}
	if (to != TO_ENDPOINT || setup->value != ENDPOINT_HALT || !has_endpoint(model, setup->index))
		return CLOVE_ERR_VALUE;
	if (!(endpoint & 0x0f))
		return CLOVE_OK;
	if (is_on) {
		clove_model_halt(model, endpoint);
	} else {
		model->halted &= ~(UINT32_C(1) << clove_usb_index(endpoint));
		clove_model_run(model);
	}
	return CLOVE_OK;
}

static enum clove_err set_configuration(struct clove_model *model, uint16_t value)
{
	if (value > 1)
		return CLOVE_ERR_VALUE;
	for (unsigned int i = 0; i < CLOVE_USB_INTERFACES; i++)
		model->alts[i] = 0;
	reshape(model, (uint8_t)value);
	restart(model, UINT32_MAX);
	return CLOVE_OK;
}

static enum clove_err set_interface(struct clove_model *model, uint16_t number, uint16_t alt)
{
	uint32_t endpoints;

	if (!has_interface(model, number) || alt > 0xff || !clove_desc_interface(model->desc, (uint8_t)number,
			(uint8_t)alt))
		return CLOVE_ERR_VALUE;
	endpoints = endpoints_of(model, (uint8_t)number);
	model->alts[number] = (uint8_t)alt;
	reshape(model, model->device.shape.configuration);
	restart(model, endpoints | endpoints_of(model, (uint8_t)number));
	return CLOVE_OK;
}

enum {
	GET_STATUS = 0, CLEAR_FEATURE = 1, SET_FEATURE = 3, SET_ADDRESS = 5, GET_DESCRIPTOR = 6,
	GET_CONFIGURATION = 8, SET_CONFIGURATION = 9, GET_INTERFACE = 10, SET_INTERFACE = 11,
};

static enum clove_err standard(struct clove_model *model, const struct clove_usb_setup *setup,
		struct clove_bytes data, struct clove_buf *answer)
{
	switch (setup->request_type << 8 | setup->request) {
	case 0x8000 | GET_STATUS: case 0x8100 | GET_STATUS: case 0x8200 | GET_STATUS:
		return get_status(model, setup, answer);
	case 0x0000 | CLEAR_FEATURE: case 0x0200 | CLEAR_FEATURE:
		return set_feature(model, setup, false);
	case 0x0000 | SET_FEATURE: case 0x0200 | SET_FEATURE:
		return set_feature(model, setup, true);
	case 0x0000 | SET_ADDRESS:              /* the driver's side's affair; harmless */
		return CLOVE_OK;
	case 0x8000 | GET_DESCRIPTOR:
		return clove_desc_write(model->desc, (uint8_t)(setup->value >> 8), (uint8_t)setup->value, answer);
	case 0x8000 | GET_CONFIGURATION:
		return clove_buf_append(answer, &model->device.shape.configuration, 1);
	case 0x0000 | SET_CONFIGURATION:
		return set_configuration(model, setup->value);
	case 0x8100 | GET_INTERFACE:
		if (!has_interface(model, setup->index))
			return CLOVE_ERR_VALUE;
		return clove_buf_append(answer, &model->alts[setup->index], 1);
	case 0x0100 | SET_INTERFACE:
		return set_interface(model, setup->index, setup->value);
	default:                                /* GET_DESCRIPTOR of an interface: HID's */
		return model->ops->control ? model->ops->control(model, setup, data, answer) :
				CLOVE_ERR_UNSUPPORTED;
	}
}

static void control(struct clove_model *model, struct clove_usb_transfer *transfer)
{
	bool is_in = transfer->setup.request_type & CLOVE_USB_IN;
	struct clove_buf answer = { 0 };
	enum clove_err err = standard(model, &transfer->setup,
			is_in ? CLOVE_BYTES(NULL, 0) : CLOVE_BYTES(transfer->data, transfer->len), &answer);
	size_t len = answer.len < transfer->setup.length ? answer.len : transfer->setup.length;

	if (!err && is_in && len)
		memcpy(transfer->data, answer.data, len);
	clove_buf_fini(&answer);
	clove_usb_complete(transfer, err ? CLOVE_USB_STALL : CLOVE_USB_SUCCESS,
			err ? 0 : is_in ? len : transfer->len);
}

/* ---- the vtable ------------------------------------------------------------------------------------- */

static void submit(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	struct clove_model *model = model_of(device);
	unsigned int e = clove_usb_index(transfer->endpoint);

	if (transfer->type == CLOVE_USB_CONTROL) {
		control(model, transfer);
	} else if (model->halted >> e & 1) {
		clove_usb_complete(transfer, CLOVE_USB_STALL, 0);
	} else {
		clove_list_append(&model->waiting[e], &transfer->link);
		clove_model_run(model);
	}
}

static bool is_taken(const struct clove_model *model, const struct clove_usb_transfer *transfer)
{
	CLOVE_LIST_FOR_EACH(item, &model->taken)
		if (item == &transfer->link)
			return true;
	return false;
}

static void cancel(struct clove_usb_device *device, struct clove_usb_transfer *transfer)
{
	struct clove_model *model = model_of(device);

	if (is_taken(model, transfer))
		model->ops->cancel_taken(model, transfer);
	else
		clove_usb_complete(transfer, CLOVE_USB_CANCELLED, 0);
}

static void reset(struct clove_usb_device *device)
{
	struct clove_model *model = model_of(device);

	model->may_wake = false;
	if (set_configuration(model, 0))
		return;
}

static void frame(struct clove_usb_device *device)
{
	struct clove_model *model = model_of(device);

	if (model->ops->frame)
		model->ops->frame(model);
}

static void free_model(struct clove_usb_device *device)
{
	struct clove_model *model = model_of(device);

	device->events = NULL;
	end_transfers(model, UINT32_MAX);
	model->ops->free(model);
}

static const struct clove_usb_device_ops model_ops = {
	.submit = submit, .cancel = cancel, .reset = reset, .frame = frame, .free = free_model,
};

void clove_model_init(struct clove_model *model, const struct clove_model_ops *ops,
		const struct clove_desc *desc, const char *name)
{
	model->device.ops = &model_ops;
	model->ops = ops;
	model->desc = desc;
	snprintf(model->device.name, sizeof model->device.name, "%s", name);
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		clove_list_init(&model->waiting[e]);
	clove_list_init(&model->taken);
	reshape(model, 0);
}
