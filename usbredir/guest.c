/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* guest.c - knows which packet each of a driver's requests becomes, and which answer ends it. */
#include "usbredir/guest-private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"

enum {
	SWAP_AT = 64 * 1024,             /* from here on a block changes hands instead of being copied */
	FEATURE_ENDPOINT_HALT = 0, FEATURE_REMOTE_WAKEUP = 1, /* USB 2.0, table 9-6 */
};

/* -- sending -- */

static void tell(struct clove_usb_guest *guest)
{
	if (guest->is_told || guest->is_dying || !clove_usbredir_unsent(guest->parser))
		return;
	guest->is_told = true;
	if (guest->events.output)
		guest->events.output(guest->owner);
}

enum clove_err guest_send(struct clove_usb_guest *guest, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data)
{
	enum clove_err err = clove_usbredir_send(guest->parser, type, id, body, data);

	if (err != CLOVE_OK)
		clove_log_limited(WARN, "usb-guest", "%s", clove_usbredir_error(guest->parser));
	tell(guest);
	return err;
}

uint64_t guest_new_id(struct clove_usb_guest *guest)
{
	guest->last_id++;
	if (!clove_usbredir_has_cap(guest->parser, CLOVE_USBREDIR_CAP_64BITS_IDS))
		guest->last_id &= UINT32_MAX;
	if (!guest->last_id) /* 0 is what comes unasked */
		guest->last_id = 1;
	return guest->last_id;
}

struct guest_request *guest_request(struct clove_usb_guest *guest, uint32_t type, const void *body,
		uint8_t *take_data, size_t len)
{
	struct guest_request *request = NULL;
	enum clove_err err;

	if (guest->request_count < GUEST_REQUESTS_MAX)
		request = calloc(1, sizeof *request);
	if (!request) {
		free(take_data);
		return NULL;
	}
	request->id = guest_new_id(guest);
	request->type = type;
	err = clove_usbredir_send_take(guest->parser, type, request->id, body, take_data, len);
	if (err != CLOVE_OK) {
		clove_log_limited(WARN, "usb-guest", "%s", clove_usbredir_error(guest->parser));
		free(request);
		return NULL;
	}
	clove_list_append(&guest->requests, &request->link);
	guest->request_count++;
	guest->figures.requests++;
	tell(guest);
	return request;
}

void guest_forget_request(struct clove_usb_guest *guest, struct guest_request *request)
{
	clove_list_remove(&request->link);
	guest->request_count--;
	free(request);
}

void guest_cancel_request(struct clove_usb_guest *guest, struct guest_request *request)
{
	uint32_t type = request->type;
	uint64_t id = request->id;

	guest_forget_request(guest, request);
	if (type == CLOVE_USBREDIR_CONTROL_PACKET || type == CLOVE_USBREDIR_BULK_PACKET ||
			type == CLOVE_USBREDIR_INTERRUPT_PACKET)
		(void)!guest_send(guest, CLOVE_USBREDIR_CANCEL_DATA_PACKET, id, NULL, CLOVE_BYTES(NULL, 0));
}

/* An answer's status as the driver's side knows them. */
static uint8_t known(uint8_t status)
{
	return status > CLOVE_USB_BABBLE ? CLOVE_USB_IOERROR : status;
}

static size_t room_of(const struct clove_usb_transfer *transfer)
{
	if (transfer->type == CLOVE_USB_CONTROL && transfer->setup.length < transfer->len)
		return transfer->setup.length;
	return transfer->len;
}

void guest_answer_in(struct clove_usb_transfer *transfer, uint8_t status, struct clove_bytes data)
{
	if (data.len > room_of(transfer)) {
		clove_usb_complete(transfer, CLOVE_USB_BABBLE, 0);
		return;
	}
	if (data.len)
		memcpy(transfer->data, data.data, data.len);
	clove_usb_complete(transfer, known(status), data.len);
}

/* -- control -- */

/* What is not sent as it is (usbredir-wire 5.1). */
static struct guest_request *translate(struct guest_device *device, const struct clove_usb_setup *setup,
		bool *is_translated)
{
	struct clove_usb_guest *guest = device->guest;
	const struct clove_usbredir_set_configuration configuration = { (uint8_t)setup->value };
	const struct clove_usbredir_set_alt_setting alt = { (uint8_t)setup->index, (uint8_t)setup->value };
	const struct clove_usbredir_get_alt_setting get_alt = { (uint8_t)setup->index };

	*is_translated = true;
	switch (setup->request_type << 8 | setup->request) {
	case 0x0009: /* SET_CONFIGURATION */
		guest_storage_abort(device, CLOVE_USB_CANCELLED);
		guest_streams_stop(device, -1, true);
		return guest_request(guest, CLOVE_USBREDIR_SET_CONFIGURATION, &configuration, NULL, 0);
	case 0x8008: /* GET_CONFIGURATION */
		return guest_request(guest, CLOVE_USBREDIR_GET_CONFIGURATION, NULL, NULL, 0);
	case 0x010b: /* SET_INTERFACE */
		guest_storage_abort(device, CLOVE_USB_CANCELLED);
		guest_streams_stop(device, alt.interface, true);
		return guest_request(guest, CLOVE_USBREDIR_SET_ALT_SETTING, &alt, NULL, 0);
	case 0x810a: /* GET_INTERFACE */
		return guest_request(guest, CLOVE_USBREDIR_GET_ALT_SETTING, &get_alt, NULL, 0);
	default:
		*is_translated = false;
		return NULL;
	}
}

/* A block of its own for what is to be sent; the transfer keeps its bytes. */
static uint8_t *copy_of(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (copy && len)
		memcpy(copy, data, len);
	return copy;
}

static void submit_control(struct guest_device *device, struct clove_usb_transfer *transfer)
{
	const struct clove_usb_setup *setup = &transfer->setup;
	bool is_in = setup->request_type & CLOVE_USB_IN, is_translated;
	struct guest_request *request = translate(device, setup, &is_translated);

	if (!is_translated) {
		const struct clove_usbredir_control_packet packet = {
			.endpoint = setup->request_type & CLOVE_USB_IN, .request = setup->request,
			.requesttype = setup->request_type, .value = setup->value, .index = setup->index,
			.length = setup->length,
		};
		size_t len = is_in ? 0 : setup->length;
		uint8_t *data = len ? copy_of(transfer->data, len) : NULL;

		if (setup->request_type == 0x21 && setup->request == 0xff) /* bulk-only reset (BOT, 3.1) */
			guest_storage_abort(device, CLOVE_USB_CANCELLED);
		if (!len || data)
			request = guest_request(device->guest, CLOVE_USBREDIR_CONTROL_PACKET, &packet, data, len);
	}
	if (!request) {
		clove_usb_complete(transfer, CLOVE_USB_IOERROR, 0);
		return;
	}
	request->transfer = transfer;
	transfer->device_data = request;
}

/* What a control request that succeeded means for what we keep. */
static void note_control(struct guest_device *device, const struct clove_usb_setup *setup)
{
	if (setup->request_type == 0x02 && setup->request == 1 && setup->value == FEATURE_ENDPOINT_HALT)
		guest_streams_forget(&device->endpoints[clove_usb_index((uint8_t)setup->index)]);
	if (setup->request_type == 0 && setup->value == FEATURE_REMOTE_WAKEUP && setup->request == 3)
		device->may_wake = true;
	if (setup->request_type == 0 && setup->value == FEATURE_REMOTE_WAKEUP && setup->request == 1)
		device->may_wake = false;
}

static void on_control(struct guest_device *device, struct guest_request *request,
		const struct clove_usbredir_control_packet *packet, struct clove_bytes data)
{
	struct clove_usb_transfer *transfer = request->transfer;
	const struct clove_usb_setup setup = transfer->setup;

	guest_forget_request(device->guest, request);
	if (packet->status == CLOVE_USB_SUCCESS)
		note_control(device, &setup);
	if (setup.request_type & CLOVE_USB_IN)
		guest_answer_in(transfer, packet->status, data);
	else
		clove_usb_complete(transfer, known(packet->status), packet->status ? 0 :
				packet->length < setup.length ? packet->length : setup.length);
}

/* Answers of one byte, or of none. */
static void on_translated(struct guest_device *device, struct guest_request *request, uint8_t status, uint8_t value)
{
	struct clove_usb_transfer *transfer = request->transfer;

	guest_forget_request(device->guest, request);
	if (transfer->setup.request_type & CLOVE_USB_IN)
		guest_answer_in(transfer, status, CLOVE_BYTES(&value, !status && transfer->setup.length));
	else
		clove_usb_complete(transfer, known(status), 0);
}

static void on_configuration(struct guest_device *device, struct guest_request *request,
		const struct clove_usbredir_configuration_status *packet)
{
	struct clove_usb_shape *shape = &device->base.shape;

	if (packet->status == CLOVE_USB_SUCCESS) {
		shape->configuration = packet->configuration;
		if (request->type == CLOVE_USBREDIR_SET_CONFIGURATION)
			for (uint32_t i = 0; i < shape->interface_count; i++)
				shape->interfaces[i].alt = 0;
	}
	on_translated(device, request, packet->status, packet->configuration);
}

static void on_alt_setting(struct guest_device *device, struct guest_request *request,
		const struct clove_usbredir_alt_setting_status *packet)
{
	struct clove_usb_shape *shape = &device->base.shape;

	for (uint32_t i = 0; i < shape->interface_count && packet->status == CLOVE_USB_SUCCESS; i++)
		if (shape->interfaces[i].number == packet->interface)
			shape->interfaces[i].alt = packet->alt;
	on_translated(device, request, packet->status, packet->alt);
}

/* -- bulk and interrupt OUT -- */

/* The longest packet, a multiple of any max packet size where it is less than the transfer may be. */
static size_t longest_bulk(const struct guest_device *device)
{
	return clove_usbredir_has_cap(device->guest->parser, CLOVE_USBREDIR_CAP_32BITS_BULK_LENGTH) ?
			CLOVE_USB_BULK_MAX : 63 * 1024;
}

static struct guest_endpoint *endpoint_of(struct guest_device *device, uint8_t address)
{
	return &device->endpoints[clove_usb_index(address)];
}

/* Sends the rest of it, or the next packet of the rest. False: it could not, and has come back. */
static bool send_piece(struct guest_device *device, struct clove_usb_transfer *transfer, size_t offset)
{
	size_t left = transfer->len - offset, most = longest_bulk(device), piece = left < most ? left : most;
	struct clove_usbredir_bulk_packet bulk = { .endpoint = transfer->endpoint, .stream_id = transfer->stream };
	struct clove_usbredir_interrupt_packet interrupt = { .endpoint = transfer->endpoint, .length = (uint16_t)piece };
	bool is_in = transfer->endpoint & CLOVE_USB_IN, is_bulk = transfer->type == CLOVE_USB_BULK;
	bool is_whole = piece == transfer->len, takes = is_whole && piece >= SWAP_AT;
	struct guest_request *request = NULL;
	uint8_t *data = NULL;

	clove_usbredir_set_bulk_length(&bulk, (uint32_t)piece);
	if (!is_in && piece) {
		data = takes ? transfer->data : copy_of(transfer->data + offset, piece);
		if (takes)
			transfer->data = NULL;
	}
	if (is_in || !piece || data)
		request = guest_request(device->guest, is_bulk ? CLOVE_USBREDIR_BULK_PACKET :
				CLOVE_USBREDIR_INTERRUPT_PACKET, is_bulk ? (void *)&bulk : &interrupt, data,
				is_in ? 0 : piece);
	if (!request) {
		endpoint_of(device, transfer->endpoint)->split = NULL;
		clove_usb_complete(transfer, CLOVE_USB_IOERROR, offset);
		return false;
	}
	request->transfer = transfer;
	request->offset = offset;
	request->piece = piece;
	transfer->device_data = request;
	endpoint_of(device, transfer->endpoint)->split = is_whole ? NULL : request;
	return true;
}

void guest_submit_bulk(struct guest_device *device, struct clove_usb_transfer *transfer)
{
	struct guest_endpoint *endpoint = endpoint_of(device, transfer->endpoint);

	transfer->device_data = NULL;
	if (endpoint->split || !clove_list_is_empty(&endpoint->waiting)) {
		clove_list_append(&endpoint->waiting, &transfer->link);
		return;
	}
	if (transfer->type == CLOVE_USB_INTERRUPT && transfer->len > UINT16_MAX)
		clove_usb_complete(transfer, CLOVE_USB_INVAL, 0);
	else
		send_piece(device, transfer, 0);
}

/* After a transfer of several packets those behind it go. */
static void go_on(struct guest_device *device, struct guest_endpoint *endpoint)
{
	while (device->guest && !endpoint->split && !clove_list_is_empty(&endpoint->waiting)) {
		struct clove_usb_transfer *transfer = CLOVE_CONTAINER(endpoint->waiting.next,
				struct clove_usb_transfer, link);

		clove_list_remove(&transfer->link);
		send_piece(device, transfer, 0);
	}
}

/* The answer to a packet of a bulk or interrupt transfer; `moved` of OUT bytes. */
static void on_answer(struct guest_device *device, struct guest_request *request, uint8_t status, size_t moved,
		struct clove_bytes data)
{
	struct clove_usb_transfer *transfer = request->transfer;
	struct guest_endpoint *endpoint = endpoint_of(device, transfer->endpoint);
	bool is_in = transfer->endpoint & CLOVE_USB_IN, was_split = endpoint->split == request;
	size_t offset = request->offset, piece = request->piece;

	guest_forget_request(device->guest, request);
	if (was_split)
		endpoint->split = NULL;
	if (status != CLOVE_USB_SUCCESS)
		guest_storage_trouble(device, transfer->endpoint);
	if (is_in && data.len > piece) {
		clove_usb_complete(transfer, CLOVE_USB_BABBLE, offset);
	} else {
		if (is_in && data.len >= SWAP_AT && data.len == transfer->len) {
			uint8_t *block = clove_usbredir_take_data(device->guest->parser);

			if (block) {
				free(transfer->data);
				transfer->data = block;
			} else {
				status = CLOVE_USB_IOERROR;
			}
		} else if (is_in && data.len) {
			memcpy(transfer->data + offset, data.data, data.len);
		}
		moved = is_in ? data.len : moved < piece ? moved : piece;
		if (status == CLOVE_USB_SUCCESS && moved == piece && offset + moved < transfer->len)
			send_piece(device, transfer, offset + moved);
		else
			clove_usb_complete(transfer, known(status), offset + moved);
	}
	if (was_split)
		go_on(device, endpoint);
}

/* -- the device's operations -- */

static void submit(struct clove_usb_device *base, struct clove_usb_transfer *transfer)
{
	struct guest_device *device = guest_device_of(base);

	if (!device->guest)
		clove_usb_complete(transfer, CLOVE_USB_IOERROR, 0);
	else if (device->is_ending)
		clove_usb_complete(transfer, CLOVE_USB_CANCELLED, 0);
	else if (transfer->type == CLOVE_USB_CONTROL)
		submit_control(device, transfer);
	else if (!guest_streams_submit(device, transfer) && !guest_storage_submit(device, transfer))
		guest_submit_bulk(device, transfer);
}

static void cancel(struct clove_usb_device *base, struct clove_usb_transfer *transfer)
{
	struct guest_device *device = guest_device_of(base);
	struct guest_endpoint *endpoint = endpoint_of(device, transfer->endpoint);
	struct guest_request *request = transfer->device_data;

	if (device->guest && !request && guest_storage_cancel(device, transfer))
		return;
	if (device->guest && request) {
		size_t moved = request->offset;

		if (endpoint->split == request)
			endpoint->split = NULL;
		guest_cancel_request(device->guest, request);
		guest_storage_trouble(device, transfer->endpoint);
		clove_usb_complete(transfer, CLOVE_USB_CANCELLED, moved);
	} else {
		clove_usb_complete(transfer, CLOVE_USB_CANCELLED, transfer->actual);
	}
	if (device->guest && device->base.shape.endpoints[clove_usb_index(endpoint->address)].type == CLOVE_USB_BULK &&
			!endpoint->started_by)
		go_on(device, endpoint);
}

static void take_all(struct clove_list *from, struct clove_list *to)
{
	clove_list_init(to);
	while (!clove_list_is_empty(from)) {
		struct clove_list *item = from->next;

		clove_list_remove(item);
		clove_list_append(to, item);
	}
}

/* Everything comes back; streams stop, and the far side is perhaps told that. */
static void end_all(struct guest_device *device, struct clove_usb_guest *guest, bool tells)
{
	struct clove_list requests, waiting;

	device->is_ending = true;
	guest_storage_abort(device, CLOVE_USB_CANCELLED);
	guest_streams_stop(device, -1, tells);
	take_all(&guest->requests, &requests);
	clove_list_init(&waiting);
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		struct clove_list some;

		device->endpoints[i].split = NULL;
		take_all(&device->endpoints[i].waiting, &some);
		while (!clove_list_is_empty(&some)) {
			struct clove_list *item = some.next;

			clove_list_remove(item);
			clove_list_append(&waiting, item);
		}
	}
	while (!clove_list_is_empty(&requests)) {
		struct guest_request *request = CLOVE_CONTAINER(requests.next, struct guest_request, link);
		struct clove_usb_transfer *transfer = request->transfer;
		void (*done)(void *opaque, uint8_t status) = request->streams_done;
		void *opaque = request->opaque;
		size_t moved = request->offset;

		guest_forget_request(guest, request);
		if (transfer) {
			transfer->device_data = NULL;
			clove_usb_complete(transfer, CLOVE_USB_CANCELLED, moved);
		} else if (done) {
			done(opaque, CLOVE_USB_CANCELLED);
		}
	}
	while (!clove_list_is_empty(&waiting)) {
		struct clove_usb_transfer *transfer = CLOVE_CONTAINER(waiting.next, struct clove_usb_transfer, link);

		clove_usb_complete(transfer, CLOVE_USB_CANCELLED, transfer->actual);
	}
	device->is_ending = false;
}

static void reset(struct clove_usb_device *base)
{
	struct guest_device *device = guest_device_of(base);
	struct clove_usb_guest *guest = device->guest;

	if (!guest)
		return;
	/* the far side cancels and stops by itself; the order of packets keeps old from new */
	end_all(device, guest, false);
	base->shape.configuration = 0;
	device->may_wake = false;
	(void)!guest_send(guest, CLOVE_USBREDIR_RESET, 0, NULL, CLOVE_BYTES(NULL, 0));
}

static void streams(struct clove_usb_device *base, uint32_t endpoints, uint32_t count,
		void (*done)(void *opaque, uint8_t status), void *opaque)
{
	struct guest_device *device = guest_device_of(base);
	const struct clove_usbredir_alloc_bulk_streams alloc = { endpoints, count };
	const struct clove_usbredir_free_bulk_streams freed = { endpoints };
	struct guest_request *request = NULL;

	if (device->guest && !device->is_ending && count)
		request = guest_request(device->guest, CLOVE_USBREDIR_ALLOC_BULK_STREAMS, &alloc, NULL, 0);
	else if (device->guest && !device->is_ending)
		request = guest_request(device->guest, CLOVE_USBREDIR_FREE_BULK_STREAMS, &freed, NULL, 0);
	if (!request) {
		done(opaque, CLOVE_USB_INVAL);
		return;
	}
	request->streams_done = done;
	request->opaque = opaque;
}

/* Cuts the device off its guest: all transfers come back, and so will those to come. */
static void detach(struct guest_device *device, bool tells)
{
	struct clove_usb_guest *guest = device->guest;

	if (!guest)
		return;
	end_all(device, guest, tells);
	device->guest = NULL;
	guest->device = NULL;
}

static void free_device(struct clove_usb_device *base)
{
	struct guest_device *device = guest_device_of(base);

	device->base.events = NULL;
	detach(device, true);
	guest_storage_fini(device);
	guest_streams_fini(device);
	free(device);
}

static const struct clove_usb_device_ops device_ops = {
	.submit = submit,
	.cancel = cancel,
	.reset = reset,
	.streams = streams,
	.free = free_device,
};

/* -- the device's coming and going -- */

/* Where the far side does not say it: the most that the type may have (USB 2.0, 5.5 to 5.8). */
static uint16_t usual_max_packet(uint8_t type, uint8_t speed)
{
	bool is_high = speed >= CLOVE_USB_HIGH && speed != CLOVE_USB_SPEED_UNKNOWN;

	switch (type) {
	case CLOVE_USB_BULK:
		return is_high ? 512 : 64;
	case CLOVE_USB_ISO:
		return is_high ? 3072 : 1023;
	case CLOVE_USB_INTERRUPT:
		return is_high ? 1024 : speed == CLOVE_USB_LOW ? 8 : 64;
	default:
		return 64;
	}
}

static void set_max_packets(struct clove_usb_guest *guest, struct clove_usb_shape *shape)
{
	bool is_told = clove_usbredir_has_cap(guest->parser, CLOVE_USBREDIR_CAP_EP_INFO_MAX_PACKET_SIZE);

	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		struct clove_usb_endpoint *endpoint = &shape->endpoints[i];

		if (!is_told || !(i & 15))
			endpoint->max_packet = usual_max_packet(endpoint->type, shape->speed);
	}
}

static void on_ep_info(struct clove_usb_guest *guest, const struct clove_usbredir_ep_info *info)
{
	if (guest->device)
		guest_streams_retype(guest->device, info->type);
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++)
		guest->shape.endpoints[i] = (struct clove_usb_endpoint){
			.type = i & 15 ? info->type[i] : CLOVE_USB_CONTROL, .interval = info->interval[i],
			.interface = info->interface[i], .max_packet = info->max_packet_size[i],
			.max_streams = info->max_streams[i],
		};
	guest->has_endpoints = true;
	if (guest->device) {
		memcpy(guest->device->base.shape.endpoints, guest->shape.endpoints, sizeof guest->shape.endpoints);
		set_max_packets(guest, &guest->device->base.shape);
		guest_storage_find(guest->device);
	}
}

static uint8_t alt_of(const struct clove_usb_shape *shape, uint8_t number)
{
	for (uint32_t i = 0; i < shape->interface_count; i++)
		if (shape->interfaces[i].number == number)
			return shape->interfaces[i].alt;
	return 0;
}

static void on_interface_info(struct clove_usb_guest *guest, const struct clove_usbredir_interface_info *info)
{
	struct clove_usb_shape *shape = &guest->shape;

	shape->interface_count = info->interface_count;
	for (uint32_t i = 0; i < info->interface_count; i++)
		shape->interfaces[i] = (struct clove_usb_interface){
			.number = info->interface[i], .interface_class = info->interface_class[i],
			.subclass = info->interface_subclass[i], .protocol = info->interface_protocol[i],
			.alt = guest->device ? alt_of(&guest->device->base.shape, info->interface[i]) : 0,
		};
	guest->has_interfaces = true;
	if (guest->device) {
		guest->device->base.shape.interface_count = shape->interface_count;
		memcpy(guest->device->base.shape.interfaces, shape->interfaces, sizeof shape->interfaces);
		guest_storage_find(guest->device);
	}
}

static void lose_device(struct clove_usb_guest *guest, const char *why)
{
	struct guest_device *device = guest->device;

	if (!device)
		return;
	detach(device, false);
	if (device->base.events && device->base.events->gone)
		device->base.events->gone(device->base.owner, why); /* may free it */
}

static void on_connect(struct clove_usb_guest *guest, const struct clove_usbredir_device_connect *connect)
{
	struct clove_usb_shape *shape = &guest->shape;
	struct guest_device *device;

	lose_device(guest, "another device took its place");
	if (guest->is_dying)
		return;
	if (!guest->has_endpoints || !guest->has_interfaces) {
		clove_log_limited(WARN, "usb-guest", "device %04x:%04x came without its endpoints or interfaces",
				connect->vendor_id, connect->product_id);
		clove_usb_guest_reject(guest);
		return;
	}
	shape->speed = connect->speed;
	shape->device_class = connect->device_class;
	shape->device_subclass = connect->device_subclass;
	shape->device_protocol = connect->device_protocol;
	shape->vendor = connect->vendor_id;
	shape->product = connect->product_id;
	shape->version = connect->device_version_bcd;
	shape->configuration = shape->interface_count > 0; /* which one is not said; the first is the usual one */
	device = calloc(1, sizeof *device);
	if (!device || !guest->events.device) {
		free(device);
		clove_usb_guest_reject(guest);
		return;
	}
	device->base.ops = &device_ops;
	device->base.shape = *shape;
	set_max_packets(guest, &device->base.shape);
	snprintf(device->base.name, sizeof device->base.name, "USB device %04x:%04x", shape->vendor, shape->product);
	device->guest = guest;
	clove_list_init(&device->storages);
	guest_streams_init(device);
	guest->device = device;
	guest_storage_find(device);
	guest->events.device(guest->owner, &device->base);
}

static void on_disconnect(struct clove_usb_guest *guest)
{
	guest->has_endpoints = guest->has_interfaces = false;
	lose_device(guest, "");
}

/* -- what comes -- */

/* The request that this answers; NULL: cancelled meanwhile, or never made. */
static struct guest_request *find_request(struct clove_usb_guest *guest, uint64_t id, uint32_t type, uint32_t or_type)
{
	CLOVE_LIST_FOR_EACH(item, &guest->requests) {
		struct guest_request *request = CLOVE_CONTAINER(item, struct guest_request, link);

		if (request->id == id)
			return request->type == type || request->type == or_type ? request : NULL;
	}
	return NULL;
}

static void on_bulk(struct guest_device *device, uint64_t id, const struct clove_usbredir_bulk_packet *packet,
		struct clove_bytes data)
{
	struct guest_request *request = find_request(device->guest, id, CLOVE_USBREDIR_BULK_PACKET,
			CLOVE_USBREDIR_BULK_PACKET);

	if (request && (request->ahead || request->storage))
		guest_storage_answered(device, request, known(packet->status), data);
	else if (request)
		on_answer(device, request, packet->status, clove_usbredir_bulk_length(packet), data);
}

static void on_interrupt(struct guest_device *device, uint64_t id,
		const struct clove_usbredir_interrupt_packet *packet, struct clove_bytes data)
{
	struct guest_request *request;

	if (packet->endpoint & CLOVE_USB_IN) {
		guest_streams_packet(device, packet->endpoint, CLOVE_USBREDIR_START_INTERRUPT_RECEIVING,
				known(packet->status), data);
		return;
	}
	request = find_request(device->guest, id, CLOVE_USBREDIR_INTERRUPT_PACKET, CLOVE_USBREDIR_INTERRUPT_PACKET);
	if (request)
		on_answer(device, request, packet->status, packet->length, data);
}

static void on_bulk_streams(struct guest_device *device, uint64_t id,
		const struct clove_usbredir_bulk_streams_status *packet)
{
	struct guest_request *request = find_request(device->guest, id, CLOVE_USBREDIR_ALLOC_BULK_STREAMS,
			CLOVE_USBREDIR_FREE_BULK_STREAMS);
	void (*done)(void *opaque, uint8_t status);
	void *opaque;

	if (!request)
		return;
	done = request->streams_done;
	opaque = request->opaque;
	guest_forget_request(device->guest, request);
	done(opaque, known(packet->status));
}

/* Packets of a device that the driver's side still has. */
static void on_device_packet(struct guest_device *device, uint32_t type, uint64_t id, const void *body,
		struct clove_bytes data)
{
	const struct clove_usbredir_iso_stream_status *iso_status = body;
	const struct clove_usbredir_interrupt_receiving_status *interrupt_status = body;
	const struct clove_usbredir_bulk_receiving_status *bulk_status = body;
	const struct clove_usbredir_iso_packet *iso = body;
	const struct clove_usbredir_buffered_bulk_packet *buffered = body;
	struct guest_request *request;

	switch (type) {
	case CLOVE_USBREDIR_CONFIGURATION_STATUS:
		request = find_request(device->guest, id, CLOVE_USBREDIR_SET_CONFIGURATION,
				CLOVE_USBREDIR_GET_CONFIGURATION);
		if (request)
			on_configuration(device, request, body);
		break;
	case CLOVE_USBREDIR_ALT_SETTING_STATUS:
		request = find_request(device->guest, id, CLOVE_USBREDIR_SET_ALT_SETTING,
				CLOVE_USBREDIR_GET_ALT_SETTING);
		if (request)
			on_alt_setting(device, request, body);
		break;
	case CLOVE_USBREDIR_CONTROL_PACKET:
		request = find_request(device->guest, id, type, type);
		if (request)
			on_control(device, request, body, data);
		break;
	case CLOVE_USBREDIR_BULK_PACKET:
		on_bulk(device, id, body, data);
		break;
	case CLOVE_USBREDIR_INTERRUPT_PACKET:
		on_interrupt(device, id, body, data);
		break;
	case CLOVE_USBREDIR_BULK_STREAMS_STATUS:
		on_bulk_streams(device, id, body);
		break;
	case CLOVE_USBREDIR_ISO_STREAM_STATUS:
		guest_streams_status(device, iso_status->endpoint, CLOVE_USBREDIR_START_ISO_STREAM, id,
				known(iso_status->status));
		break;
	case CLOVE_USBREDIR_INTERRUPT_RECEIVING_STATUS:
		guest_streams_status(device, interrupt_status->endpoint, CLOVE_USBREDIR_START_INTERRUPT_RECEIVING, id,
				known(interrupt_status->status));
		break;
	case CLOVE_USBREDIR_BULK_RECEIVING_STATUS:
		guest_streams_status(device, bulk_status->endpoint, CLOVE_USBREDIR_START_BULK_RECEIVING, id,
				known(bulk_status->status));
		break;
	case CLOVE_USBREDIR_ISO_PACKET:
		guest_streams_packet(device, iso->endpoint, CLOVE_USBREDIR_START_ISO_STREAM, known(iso->status), data);
		break;
	case CLOVE_USBREDIR_BUFFERED_BULK_PACKET:
		guest_streams_packet(device, buffered->endpoint, CLOVE_USBREDIR_START_BULK_RECEIVING,
				known(buffered->status), data);
		break;
	default:
		break;
	}
}

static void on_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	struct clove_usb_guest *guest = owner;

	switch (type) {
	case CLOVE_USBREDIR_DEVICE_CONNECT:
		on_connect(guest, body);
		break;
	case CLOVE_USBREDIR_DEVICE_DISCONNECT:
		on_disconnect(guest);
		break;
	case CLOVE_USBREDIR_EP_INFO:
		on_ep_info(guest, body);
		break;
	case CLOVE_USBREDIR_INTERFACE_INFO:
		on_interface_info(guest, body);
		break;
	default:
		if (guest->device)
			on_device_packet(guest->device, type, id, body, data);
	}
}

/* -- the guest -- */

struct clove_usb_guest *clove_usb_guest_new(struct clove_loop *loop, const struct clove_usb_guest_events *events,
		void *owner)
{
	struct clove_usb_guest *guest = calloc(1, sizeof *guest);
	const struct clove_usbredir_options options = { .role = CLOVE_USBREDIR_GUEST, .caps = CLOVE_USBREDIR_CAPS_ALL,
			.packet = on_packet, .owner = guest };

	(void)loop; /* whose time counts is the driver's */
	if (!guest)
		return NULL;
	guest->events = *events;
	guest->owner = owner;
	clove_list_init(&guest->requests);
	guest->parser = clove_usbredir_new(&options);
	if (!guest->parser) {
		free(guest);
		return NULL;
	}
	guest->is_told = true; /* the hello is there at once */
	return guest;
}

static void destroy(struct clove_usb_guest *guest)
{
	clove_usbredir_free(guest->parser);
	free(guest);
}

void clove_usb_guest_free(struct clove_usb_guest *guest)
{
	if (!guest || guest->is_dying)
		return;
	guest->is_dying = true;
	lose_device(guest, "the connection ended");
	if (guest->is_feeding)
		clove_usbredir_free(guest->parser); /* once it is not looked at any more */
	else
		destroy(guest);
}

void clove_usb_guest_reject(struct clove_usb_guest *guest)
{
	if (clove_usbredir_peer_has_cap(guest->parser, CLOVE_USBREDIR_CAP_FILTER))
		(void)!guest_send(guest, CLOVE_USBREDIR_FILTER_REJECT, 0, NULL, CLOVE_BYTES(NULL, 0));
}

enum clove_err clove_usb_guest_feed(struct clove_usb_guest *guest, struct clove_bytes bytes)
{
	enum clove_err err;

	if (guest->is_feeding)
		return CLOVE_ERR_STATE;
	guest->is_feeding = true;
	err = clove_usbredir_feed(guest->parser, bytes);
	guest->is_feeding = false;
	if (guest->is_dying) {
		if (err != CLOVE_ERR_CLOSED)
			clove_usbredir_free(guest->parser);
		free(guest);
		return CLOVE_ERR_CLOSED;
	}
	tell(guest);
	return err;
}

const char *clove_usb_guest_error(const struct clove_usb_guest *guest)
{
	return clove_usbredir_error(guest->parser);
}

int clove_usb_guest_output(const struct clove_usb_guest *guest, struct iovec *iov, int n)
{
	return clove_usbredir_output(guest->parser, iov, n);
}

void clove_usb_guest_sent(struct clove_usb_guest *guest, size_t len)
{
	clove_usbredir_sent(guest->parser, len);
	if (!clove_usbredir_unsent(guest->parser))
		guest->is_told = false;
}

size_t clove_usb_guest_unsent(const struct clove_usb_guest *guest)
{
	return clove_usbredir_unsent(guest->parser);
}

void clove_usb_guest_figures(const struct clove_usb_guest *guest, struct clove_usb_guest_figures *figures)
{
	*figures = guest->figures;
}
