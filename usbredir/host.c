/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host.c - a device's life on a connection, and the requests of a guest: one answer each, whatever happens. */
#include "usbredir/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/util/log.h"
#include "usbredir/host-parts.h"

enum {
	MOST_REQUESTS = 4096,
	HELD_MAX = 256 << 20,               /* bytes of OUT data that wait for the device */
	IN_HAND_MAX = 256 << 20,            /* bytes of the transfers that the device has */
	UNSENT_HIGH = 16 << 20,             /* while the peer does not read more than that, no request is begun */
	FRAMES_AT_ONCE = 100,               /* after a pause; what is older is forgotten */
};

enum { SET_CONFIGURATION = 9, SET_INTERFACE = 11, CLEAR_FEATURE = 1, SET_ADDRESS = 5 };

struct request {
	struct clove_list link;             /* in host->requests or host->waiting */
	struct clove_usb_host *host;
	uint32_t type;                      /* the packet that asked; 0: we ask ourselves */
	uint64_t id;
	bool is_cancelled;                  /* it was answered */
	uint8_t endpoint, transfer_type;
	uint32_t stream;
	struct clove_usb_setup setup;
	size_t len;
	uint8_t *data;                      /* OUT; until the transfer has it */
	struct clove_usb_transfer *transfer; /* NULL while it waits */
	void (*cleared)(struct clove_usb_host *host, uint8_t endpoint, uint8_t status);
};

struct stream_op {
	struct clove_list link;
	struct clove_usb_host *host;        /* NULL: the device left */
	uint64_t id;
	uint32_t endpoints, count;
};

static void drop_device(struct clove_usb_host *host, bool tells);
static void destroy(struct clove_usb_host *host);
static void start_waiting(struct clove_usb_host *host);

/* ---- calls into us: what has to wait until none is left ------------------------------------------------ */

static void tell_output(struct clove_usb_host *host)
{
	if (host->output_told || host->is_dying || !clove_usbredir_unsent(host->parser))
		return;
	host->output_told = true;
	if (host->events->output)
		host->events->output(host->owner);
}

/* One telling for all that was queued. The owner may have sent it on return: then more can begin. */
static void flush(struct clove_usb_host *host)
{
	tell_output(host);
	if (host->device && !host->leaves && !host->is_dying) {
		host_streams_resume(host);
		start_waiting(host);
		tell_output(host);
	}
}

static void enter(struct clove_usb_host *host)
{
	host->busy++;
}

/* The host may be gone on return. */
static void leave(struct clove_usb_host *host)
{
	if (host->busy > 1) {
		host->busy--;
		return;
	}
	flush(host);
	while (host->leaves && !host->is_dying) {
		drop_device(host, true);
		flush(host);
	}
	host->busy--;
	if (host->is_dying)
		destroy(host);
}

void host_enter_done(struct clove_usb_host *host)
{
	host->busy++;
	host->in_done++;
}

/* A device must not be freed from inside its `done`: that waits for the loop. */
void host_exit_done(struct clove_usb_host *host)
{
	if (host->busy == 1)
		flush(host);
	host->in_done--;
	if (!--host->busy && (host->is_dying || host->leaves))
		clove_timer_start(host->loop, host->later, 0);
}

static void on_later(void *opaque)
{
	enter(opaque);
	leave(opaque);
}

/* ---- sending ------------------------------------------------------------------------------------------- */

static void after_send(struct clove_usb_host *host, enum clove_err err)
{
	if (err && err != CLOVE_ERR_STATE && err != CLOVE_ERR_UNSUPPORTED) {
		clove_log_limited(WARN, "usbredir", "cannot answer: %s", clove_usbredir_error(host->parser));
		host_leave(host, err == CLOVE_ERR_LIMIT ? "the other end does not read what it asked for" :
				"out of memory");
	}
}

void host_send(struct clove_usb_host *host, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	after_send(host, clove_usbredir_send(host->parser, type, id, body, data));
}

void host_send_take(struct clove_usb_host *host, uint32_t type, uint64_t id, const void *body, uint8_t *take_data,
		size_t len)
{
	after_send(host, clove_usbredir_send_take(host->parser, type, id, body, take_data, len));
}

#define SEND(host, type, id, ...) host_send((host), (type), (id), &(__VA_ARGS__), CLOVE_BYTES(NULL, 0))
static void send_bare(struct clove_usb_host *host, uint32_t type, uint64_t id)
{
	host_send(host, type, id, NULL, CLOVE_BYTES(NULL, 0));
}

static void send_infos(struct clove_usb_host *host)
{
	const struct clove_usb_shape *shape = &host->device->shape;
	struct clove_usbredir_interface_info interfaces = { .interface_count = shape->interface_count };
	struct clove_usbredir_ep_info endpoints = { 0 };

	for (uint32_t i = 0; i < shape->interface_count; i++) {
		interfaces.interface[i] = shape->interfaces[i].number;
		interfaces.interface_class[i] = shape->interfaces[i].interface_class;
		interfaces.interface_subclass[i] = shape->interfaces[i].subclass;
		interfaces.interface_protocol[i] = shape->interfaces[i].protocol;
	}
	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++) {
		const struct clove_usb_endpoint *about = &shape->endpoints[e];
		bool has_interval = about->type == CLOVE_USB_ISO || about->type == CLOVE_USB_INTERRUPT;

		endpoints.type[e] = about->type;
		/* 0 is illegal there, and a guest would refuse the whole device for it. */
		endpoints.interval[e] = has_interval && !about->interval ? 1 : about->interval;
		endpoints.interface[e] = about->interface;
		endpoints.max_packet_size[e] = about->max_packet;
		endpoints.max_streams[e] = about->max_streams;
	}
	host->told = *shape;
	SEND(host, CLOVE_USBREDIR_INTERFACE_INFO, 0, interfaces);
	SEND(host, CLOVE_USBREDIR_EP_INFO, 0, endpoints);
}

static bool is_same_shape(const struct clove_usb_shape *a, const struct clove_usb_shape *b)
{
	bool is_same = a->configuration == b->configuration && a->interface_count == b->interface_count &&
			!memcmp(a->interfaces, b->interfaces, sizeof a->interfaces);

	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS && is_same; e++)
		is_same = a->endpoints[e].type == b->endpoints[e].type &&
				a->endpoints[e].interval == b->endpoints[e].interval &&
				a->endpoints[e].interface == b->endpoints[e].interface &&
				a->endpoints[e].max_packet == b->endpoints[e].max_packet &&
				a->endpoints[e].max_streams == b->endpoints[e].max_streams;
	return is_same;
}

/* Whatever changed it: the guest learns the new tables before it learns that its request succeeded. */
static void send_infos_if_changed(struct clove_usb_host *host)
{
	if (host->is_connected && !is_same_shape(&host->told, &host->device->shape))
		send_infos(host);
}

/* ---- frames --------------------------------------------------------------------------------------------- */

static void want_frames(struct clove_usb_host *host)
{
	bool wants = host->device && host->device->wants_frames;

	if (wants && !host->is_framing) {
		host->frames_from = clove_now_us();
		host->frames_done = 0;
		clove_timer_start(host->loop, host->frame_timer, 1);
	} else if (!wants && host->is_framing) {
		clove_timer_stop(host->loop, host->frame_timer);
	}
	host->is_framing = wants;
}

/* A timer comes late now and then: as many frames as milliseconds. */
static void on_frame(void *opaque)
{
	struct clove_usb_host *host = opaque;
	uint64_t due = (clove_now_us() - host->frames_from) / 1000;

	enter(host);
	if (due > host->frames_done + FRAMES_AT_ONCE)
		host->frames_done = due - FRAMES_AT_ONCE;
	while (host->frames_done < due && host->device && host->device->wants_frames && !host->leaves) {
		host->frames_done++;
		clove_usb_frame(host->device);
	}
	want_frames(host);
	if (host->is_framing)
		clove_timer_start(host->loop, host->frame_timer, 1);
	leave(host);
}

void host_submit(struct clove_usb_host *host, struct clove_usb_transfer *transfer)
{
	clove_usb_submit(host->device, transfer);
	want_frames(host);
}

/* ---- requests ------------------------------------------------------------------------------------------- */

static void free_request(struct request *request)
{
	struct clove_usb_host *host = request->host;

	clove_list_remove(&request->link);
	host->request_count--;
	if (!(request->endpoint & CLOVE_USB_IN))
		host->held -= request->len;
	if (request->transfer) {
		host->in_hand -= request->len;
		clove_usb_transfer_free(request->transfer);
	}
	free(request->data);
	free(request);
}

/* Takes the transfer's data if there are any to be sent. */
static void answer_data(const struct request *request, uint8_t status, size_t actual)
{
	struct clove_usb_host *host = request->host;
	bool is_in = request->endpoint & CLOVE_USB_IN;
	size_t data_len = is_in ? actual : 0;
	uint8_t *data = NULL;
	struct clove_usbredir_bulk_packet bulk = { request->endpoint, status, .stream_id = request->stream };

	if (data_len) {
		data = request->transfer->data;
		request->transfer->data = NULL;
	}
	switch (request->type) {
	case CLOVE_USBREDIR_CONTROL_PACKET:
		host_send_take(host, request->type, request->id, &(struct clove_usbredir_control_packet){
				request->endpoint, request->setup.request, request->setup.request_type, status,
				request->setup.value, request->setup.index, (uint16_t)actual }, data, data_len);
		break;
	case CLOVE_USBREDIR_BULK_PACKET:
		clove_usbredir_set_bulk_length(&bulk, (uint32_t)actual);
		host_send_take(host, request->type, request->id, &bulk, data, data_len);
		break;
	default:
		host_send_take(host, request->type, request->id, &(struct clove_usbredir_interrupt_packet){
				request->endpoint, status, (uint16_t)actual }, data, data_len);
	}
}

static uint8_t alt_of(const struct clove_usb_host *host, uint8_t interface)
{
	const struct clove_usb_shape *shape = &host->device->shape;

	for (uint32_t i = 0; i < shape->interface_count; i++)
		if (shape->interfaces[i].number == interface)
			return shape->interfaces[i].alt;
	return 0xff;
}

static void send_configuration_status(struct clove_usb_host *host, uint64_t id, uint8_t status)
{
	SEND(host, CLOVE_USBREDIR_CONFIGURATION_STATUS, id, (struct clove_usbredir_configuration_status){
			status, host->device->shape.configuration });
}

static void send_alt_status(struct clove_usb_host *host, uint64_t id, uint8_t status, uint8_t interface)
{
	SEND(host, CLOVE_USBREDIR_ALT_SETTING_STATUS, id, (struct clove_usbredir_alt_setting_status){
			status, interface, alt_of(host, interface) });
}

static void answer(const struct request *request, uint8_t status, size_t actual)
{
	struct clove_usb_host *host = request->host;

	switch (request->type) {
	case 0:
		if (request->cleared)
			request->cleared(host, (uint8_t)request->setup.index, status);
		break;
	case CLOVE_USBREDIR_SET_CONFIGURATION:
		send_configuration_status(host, request->id, status);
		break;
	case CLOVE_USBREDIR_SET_ALT_SETTING:
		send_alt_status(host, request->id, status, (uint8_t)request->setup.index);
		break;
	default:
		answer_data(request, status, actual);
	}
}

static void on_done(struct clove_usb_transfer *transfer)
{
	struct request *request = transfer->opaque;
	struct clove_usb_host *host = request->host;
	struct clove_usb_device *device = host->device;

	host_enter_done(host);
	if (transfer->type == CLOVE_USB_CONTROL)
		send_infos_if_changed(host);
	if (!request->is_cancelled)
		answer(request, transfer->status, transfer->actual);
	free_request(request);
	if (device == host->device && !host->leaves)
		start_waiting(host);
	host_exit_done(host);
}

/* Gives a waiting request to the device. */
static void begin(struct clove_usb_host *host, struct request *request)
{
	bool is_in = request->endpoint & CLOVE_USB_IN;
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(request->endpoint, request->transfer_type,
			is_in ? request->len : 0, 0);

	if (!transfer) {
		answer(request, CLOVE_USB_IOERROR, 0);
		free_request(request);
		return;
	}
	if (!is_in) {
		transfer->data = request->data;
		transfer->len = request->len;
		request->data = NULL;
	}
	transfer->setup = request->setup;
	transfer->stream = request->stream;
	transfer->opaque = request;
	transfer->done = on_done;
	request->transfer = transfer;
	host->in_hand += request->len;
	clove_list_remove(&request->link);
	clove_list_append(&host->requests, &request->link);
	host_submit(host, transfer);
}

static void start_waiting(struct clove_usb_host *host)
{
	while (!clove_list_is_empty(&host->waiting) && host->device && !host->leaves &&
			clove_usbredir_unsent(host->parser) <= UNSENT_HIGH) {
		struct request *request = CLOVE_CONTAINER(host->waiting.next, struct request, link);

		if (host->in_hand && request->len > IN_HAND_MAX - host->in_hand)
			break;
		begin(host, request);
	}
}

/* Takes `data`. What there is no room for fails at once. */
static void ask(struct clove_usb_host *host, const struct request *wanted, uint8_t *data)
{
	struct request *request = malloc(sizeof *request);
	bool is_out = !(wanted->endpoint & CLOVE_USB_IN);

	if (!request || (wanted->len && is_out && !data) || host->request_count >= MOST_REQUESTS ||
			(is_out && wanted->len > HELD_MAX - host->held)) {
		struct request failed = *wanted;

		clove_log_limited(WARN, "usbredir", "%u requests wait: one more is too many", host->request_count);
		failed.host = host;
		answer(&failed, CLOVE_USB_IOERROR, 0);
		free(request);
		free(data);
		return;
	}
	*request = *wanted;
	request->host = host;
	request->data = data;
	if (is_out)
		host->held += request->len;
	host->request_count++;
	clove_list_append(&host->waiting, &request->link);
	start_waiting(host);
}

static void ask_control(struct clove_usb_host *host, uint32_t type, uint64_t id, uint8_t request_type,
		uint8_t request, uint16_t value, uint16_t index)
{
	ask(host, &(struct request){ .type = type, .id = id, .transfer_type = CLOVE_USB_CONTROL,
			.setup = { request_type, request, value, index, 0 } }, NULL);
}

void host_clear_halt(struct clove_usb_host *host, uint8_t endpoint,
		void (*cleared)(struct clove_usb_host *host, uint8_t endpoint, uint8_t status))
{
	ask(host, &(struct request){ .transfer_type = CLOVE_USB_CONTROL, .cleared = cleared,
			.setup = { 0x02, CLEAR_FEATURE, 0, endpoint, 0 } }, NULL);
}

static struct request *find(struct clove_list *list, uint64_t id)
{
	CLOVE_LIST_FOR_EACH(item, list) {
		struct request *request = CLOVE_CONTAINER(item, struct request, link);

		if (request->id == id && !request->is_cancelled && request->type >= CLOVE_USBREDIR_CONTROL_PACKET)
			return request;
	}
	return NULL;
}

/* Answered at once; the transfer's own end is then nobody's affair. Unknown: it was answered already. */
static void cancel(struct clove_usb_host *host, uint64_t id)
{
	struct request *request = find(&host->requests, id);

	if (request) {
		request->is_cancelled = true;
		answer(request, CLOVE_USB_CANCELLED, 0);
		clove_usb_cancel(host->device, request->transfer);
		return;
	}
	request = find(&host->waiting, id);
	if (request) {
		answer(request, CLOVE_USB_CANCELLED, 0);
		free_request(request);
	}
}

static void forget_waiting(struct clove_usb_host *host)
{
	while (!clove_list_is_empty(&host->waiting)) {
		struct request *request = CLOVE_CONTAINER(host->waiting.next, struct request, link);

		if (request->type)          /* ours are for streams that end too */
			answer(request, CLOVE_USB_CANCELLED, 0);
		free_request(request);
	}
}

/* ---- the guest's packets -------------------------------------------------------------------------------- */

static void on_control(struct clove_usb_host *host, uint64_t id, const struct clove_usbredir_control_packet *p,
		size_t len)
{
	struct request request = { .type = CLOVE_USBREDIR_CONTROL_PACKET, .id = id, .host = host,
			.endpoint = p->requesttype & CLOVE_USB_IN, .transfer_type = CLOVE_USB_CONTROL,
			.setup = { p->requesttype, p->request, p->value, p->index, p->length } };

	request.len = request.endpoint ? p->length : len;
	if ((p->endpoint & CLOVE_USB_IN) != request.endpoint || (!p->requesttype && p->request == SET_ADDRESS)) {
		request.endpoint = p->endpoint & CLOVE_USB_IN;
		answer(&request, CLOVE_USB_INVAL, 0);
		return;
	}
	ask(host, &request, len ? clove_usbredir_take_data(host->parser) : NULL);
}

static void on_bulk(struct clove_usb_host *host, uint64_t id, const struct clove_usbredir_bulk_packet *p, size_t len)
{
	ask(host, &(struct request){ .type = CLOVE_USBREDIR_BULK_PACKET, .id = id, .endpoint = p->endpoint & 0x8f,
			.transfer_type = CLOVE_USB_BULK, .stream = p->stream_id,
			.len = p->endpoint & CLOVE_USB_IN ? clove_usbredir_bulk_length(p) : len },
			len ? clove_usbredir_take_data(host->parser) : NULL);
}

static void on_interrupt_out(struct clove_usb_host *host, uint64_t id,
		const struct clove_usbredir_interrupt_packet *p, size_t len)
{
	ask(host, &(struct request){ .type = CLOVE_USBREDIR_INTERRUPT_PACKET, .id = id,
			.endpoint = p->endpoint & 0x0f, .transfer_type = CLOVE_USB_INTERRUPT, .len = len },
			len ? clove_usbredir_take_data(host->parser) : NULL);
}

static void on_set_configuration(struct clove_usb_host *host, uint64_t id, uint8_t configuration)
{
	if (configuration == host->device->shape.configuration) {
		send_configuration_status(host, id, CLOVE_USB_SUCCESS);
		return;
	}
	host_streams_stop(host, UINT32_MAX);
	ask_control(host, CLOVE_USBREDIR_SET_CONFIGURATION, id, 0x00, SET_CONFIGURATION, configuration, 0);
}

static void on_set_alt_setting(struct clove_usb_host *host, uint64_t id, uint8_t interface, uint8_t alt)
{
	uint32_t endpoints = 0;

	for (unsigned int e = 0; e < CLOVE_USB_ENDPOINTS; e++)
		if (host->device->shape.endpoints[e].interface == interface)
			endpoints |= UINT32_C(1) << e;
	host_streams_stop(host, endpoints);
	ask_control(host, CLOVE_USBREDIR_SET_ALT_SETTING, id, 0x01, SET_INTERFACE, alt, interface);
}

/* A device is always configured by the system that has it; guests count on that. */
static void configure(struct clove_usb_host *host)
{
	if (!host->device->shape.configuration)
		ask_control(host, 0, 0, 0x00, SET_CONFIGURATION, 1, 0);
}

static void on_reset(struct clove_usb_host *host)
{
	if (host->is_fresh)
		return;
	forget_waiting(host);
	host_streams_stop(host, UINT32_MAX);
	clove_usb_reset(host->device);
	if (!host->device)
		return;
	configure(host);
	host->is_fresh = true;
}

static void on_streams_done(void *opaque, uint8_t status)
{
	struct stream_op *op = opaque;
	struct clove_usb_host *host = op->host;

	if (host) {
		host_enter_done(host);
		clove_list_remove(&op->link);
		SEND(host, CLOVE_USBREDIR_BULK_STREAMS_STATUS, op->id, (struct clove_usbredir_bulk_streams_status){
				op->endpoints, status ? 0 : op->count, status });
		host_exit_done(host);
	}
	free(op);
}

static void on_streams(struct clove_usb_host *host, uint64_t id, uint32_t endpoints, uint32_t count)
{
	struct stream_op *op = host->device->ops->streams ? malloc(sizeof *op) : NULL;

	if (!op) {
		SEND(host, CLOVE_USBREDIR_BULK_STREAMS_STATUS, id, (struct clove_usbredir_bulk_streams_status){
				endpoints, 0, CLOVE_USB_INVAL });
		return;
	}
	*op = (struct stream_op){ .host = host, .id = id, .endpoints = endpoints, .count = count };
	clove_list_append(&host->stream_ops, &op->link);
	host->device->ops->streams(host->device, endpoints, count, on_streams_done, op);
}

static void offer(struct clove_usb_host *host);

static void on_filter(struct clove_usb_host *host, const char *rules)
{
	if (clove_usb_filter_parse(&host->filter, rules, NULL, NULL)) {
		clove_log(WARN, "usbredir", "the other end's filter is no filter: %.80s", rules);
		return;
	}
	if (host->events->filter)
		host->events->filter(host->owner, rules);
	if (host->device && clove_usb_filter_check(&host->filter, &host->device->shape, true) != CLOVE_USB_ALLOWED)
		host_leave(host, "the guest's rules do not allow it");
}

/* Those that concern the connection. False: one for the device. */
static bool on_connection_packet(struct clove_usb_host *host, uint32_t type, struct clove_bytes data)
{
	switch (type) {
	case CLOVE_USBREDIR_HELLO:
		offer(host);
		return true;
	case CLOVE_USBREDIR_DEVICE_DISCONNECT_ACK:
		host->awaits_ack = false;
		offer(host);
		return true;
	case CLOVE_USBREDIR_FILTER_FILTER:
		on_filter(host, (const char *)data.data);
		return true;
	case CLOVE_USBREDIR_FILTER_REJECT:
		if (!host->is_connected)
			return true;
		if (host->events->filter)
			host->events->filter(host->owner, NULL);
		host_leave(host, "the guest refused it");
		return true;
	default:
		return false;
	}
}

static void on_packet(void *owner, uint32_t type, uint64_t id, const void *body, struct clove_bytes data)
{
	struct clove_usb_host *host = owner;

	if (host->is_dying || on_connection_packet(host, type, data))
		return;
	if (!host->is_connected || host->leaves)
		return;                     /* for a device that has left */
	if (type == CLOVE_USBREDIR_RESET) {
		on_reset(host);
		return;
	}
	host->is_fresh = false;
	if (host_stream_packet(host, type, id, body, data))
		return;
	switch (type) {
	case CLOVE_USBREDIR_CONTROL_PACKET:
		on_control(host, id, body, data.len);
		break;
	case CLOVE_USBREDIR_BULK_PACKET:
		on_bulk(host, id, body, data.len);
		break;
	case CLOVE_USBREDIR_INTERRUPT_PACKET:
		on_interrupt_out(host, id, body, data.len);
		break;
	case CLOVE_USBREDIR_CANCEL_DATA_PACKET:
		cancel(host, id);
		break;
	case CLOVE_USBREDIR_SET_CONFIGURATION:
		on_set_configuration(host, id, ((const struct clove_usbredir_set_configuration *)body)->configuration);
		break;
	case CLOVE_USBREDIR_GET_CONFIGURATION:
		send_configuration_status(host, id, CLOVE_USB_SUCCESS);
		break;
	case CLOVE_USBREDIR_SET_ALT_SETTING: {
		const struct clove_usbredir_set_alt_setting *p = body;

		on_set_alt_setting(host, id, p->interface, p->alt);
		break;
	}
	case CLOVE_USBREDIR_GET_ALT_SETTING: {
		uint8_t interface = ((const struct clove_usbredir_get_alt_setting *)body)->interface;

		send_alt_status(host, id, alt_of(host, interface) == 0xff ? CLOVE_USB_INVAL : CLOVE_USB_SUCCESS,
				interface);
		break;
	}
	case CLOVE_USBREDIR_ALLOC_BULK_STREAMS: {
		const struct clove_usbredir_alloc_bulk_streams *p = body;

		on_streams(host, id, p->endpoints, p->no_streams);
		break;
	}
	case CLOVE_USBREDIR_FREE_BULK_STREAMS:
		on_streams(host, id, ((const struct clove_usbredir_free_bulk_streams *)body)->endpoints, 0);
		break;
	default:
		clove_log_limited(DEBUG, "usbredir", "packet %u is of no use here", (unsigned int)type);
	}
}

/* ---- the device's coming and going ---------------------------------------------------------------------- */

/* As soon as both are here: the device, and a peer that is ready for one. */
static void offer(struct clove_usb_host *host)
{
	const struct clove_usb_shape *shape;

	if (!host->device || host->is_connected || host->awaits_ack || host->leaves ||
			!clove_usbredir_is_met(host->parser))
		return;
	shape = &host->device->shape;
	host->is_connected = true;
	host->is_fresh = true;
	send_infos(host);
	SEND(host, CLOVE_USBREDIR_DEVICE_CONNECT, 0, (struct clove_usbredir_device_connect){
			.speed = shape->speed, .device_class = shape->device_class,
			.device_subclass = shape->device_subclass, .device_protocol = shape->device_protocol,
			.vendor_id = shape->vendor, .product_id = shape->product,
			.device_version_bcd = shape->version });
}

/* All answers are sent before the disconnect. The owner may plug another, or free the host, inside. */
static void drop_device(struct clove_usb_host *host, bool tells)
{
	struct clove_usb_device *device = host->device;
	bool was_connected = host->is_connected;
	char why[sizeof host->why];

	memcpy(why, host->why, sizeof why);
	device->events = NULL;
	forget_waiting(host);
	host_streams_forget(host);
	host->in_done++;                    /* done is called: nobody frees a device in there */
	clove_usb_device_free(device);
	host->in_done--;
	forget_waiting(host);
	CLOVE_LIST_FOR_EACH(item, &host->stream_ops) {
		clove_list_remove(item);
		CLOVE_CONTAINER(item, struct stream_op, link)->host = NULL;
	}
	host->device = NULL;
	host->is_connected = host->leaves = false;
	want_frames(host);
	if (was_connected) {
		send_bare(host, CLOVE_USBREDIR_DEVICE_DISCONNECT, 0);
		host->awaits_ack = clove_usbredir_peer_has_cap(host->parser,
				CLOVE_USBREDIR_CAP_DEVICE_DISCONNECT_ACK);
	}
	if (tells && !host->is_dying && host->events->device_left)
		host->events->device_left(host->owner, why);
}

void host_leave(struct clove_usb_host *host, const char *why)
{
	if (!host->device || host->leaves)
		return;
	snprintf(host->why, sizeof host->why, "%s", why);
	host->leaves = true;
	if (!host->busy) {
		enter(host);
		leave(host);
	}
}

static void destroy(struct clove_usb_host *host)
{
	if (host->device)
		drop_device(host, false);
	clove_timer_remove(host->loop, host->frame_timer);
	clove_timer_remove(host->loop, host->later);
	clove_usb_filter_fini(&host->filter);
	clove_usbredir_free(host->parser);
	free(host);
}

static void on_gone(void *owner, const char *why)
{
	struct clove_usb_host *host = owner;

	enter(host);
	if (host->device && !host->leaves)
		host_leave(host, why);
	leave(host);
}

static void on_frames_wanted(void *owner)
{
	struct clove_usb_host *host = owner;

	enter(host);
	want_frames(host);
	leave(host);
}

static const struct clove_usb_events device_events = { .gone = on_gone, .frames_wanted = on_frames_wanted };

/* ---- the owner's calls ---------------------------------------------------------------------------------- */

struct clove_usb_host *clove_usb_host_new(struct clove_loop *loop, const struct clove_usb_host_events *events,
		void *owner)
{
	struct clove_usb_host *host = calloc(1, sizeof *host);

	if (!host)
		return NULL;
	*host = (struct clove_usb_host){ .loop = loop, .events = events, .owner = owner };
	clove_list_init(&host->requests);
	clove_list_init(&host->waiting);
	clove_list_init(&host->stream_ops);
	clove_list_init(&host->dying);
	host->output_told = true;           /* the owner knows that the hello is there */
	host->parser = clove_usbredir_new(&(struct clove_usbredir_options){ .role = CLOVE_USBREDIR_HOST,
			.caps = CLOVE_USBREDIR_CAPS_ALL, .packet = on_packet, .owner = host });
	host->frame_timer = clove_timer_add(loop, on_frame, host);
	host->later = clove_timer_add(loop, on_later, host);
	if (!host->parser || !host->frame_timer || !host->later) {
		destroy(host);
		return NULL;
	}
	return host;
}

void clove_usb_host_free(struct clove_usb_host *host)
{
	if (!host)
		return;
	host->is_dying = true;
	if (!host->busy)
		destroy(host);
}

enum clove_err clove_usb_host_plug(struct clove_usb_host *host, struct clove_usb_device *take_device)
{
	if (host->device) {
		clove_usb_device_free(take_device);
		return CLOVE_ERR_STATE;
	}
	enter(host);
	host->device = take_device;
	host->why[0] = '\0';
	take_device->owner = host;
	take_device->events = &device_events;
	configure(host);
	if (host->filter.count &&
			clove_usb_filter_check(&host->filter, &take_device->shape, true) != CLOVE_USB_ALLOWED) {
		host->device = NULL;
		take_device->events = NULL;
		clove_usb_device_free(take_device);
		leave(host);
		return CLOVE_ERR_REFUSED;
	}
	want_frames(host);
	offer(host);
	leave(host);
	return CLOVE_OK;
}

void clove_usb_host_unplug(struct clove_usb_host *host)
{
	host_leave(host, "");
}

struct clove_usb_device *clove_usb_host_device(const struct clove_usb_host *host)
{
	return host->device;
}

enum clove_err clove_usb_host_feed(struct clove_usb_host *host, struct clove_bytes bytes)
{
	enum clove_err err;

	enter(host);
	err = clove_usbredir_feed(host->parser, bytes);
	if (err)
		snprintf(host->error, sizeof host->error, "%s", clove_usbredir_error(host->parser));
	if (host->is_dying)
		err = CLOVE_ERR_CLOSED;
	leave(host);
	return err;
}

const char *clove_usb_host_error(const struct clove_usb_host *host)
{
	return host->error;
}

int clove_usb_host_output(const struct clove_usb_host *host, struct iovec *iov, int n)
{
	return clove_usbredir_output(host->parser, iov, n);
}

void clove_usb_host_sent(struct clove_usb_host *host, size_t len)
{
	clove_usbredir_sent(host->parser, len);
	if (!clove_usbredir_unsent(host->parser))
		host->output_told = false;
	if (!host->busy) {                  /* else from inside `output`, and flush goes on */
		enter(host);
		leave(host);
	}
}

size_t clove_usb_host_unsent(const struct clove_usb_host *host)
{
	return clove_usbredir_unsent(host->parser);
}
