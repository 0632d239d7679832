/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* claim.c - what libusb is asked, and when: claiming, transfers, configurations, resets, giving back. */
#include "usbredir/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <libusb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/util/bytes.h"
#include "common/util/log.h"
#include "usbredir/local-devices.h"

enum {
	CANCEL_LIMIT_MS = 5000,   /* a controller that has not given transfers back by then never will */
	RETRY_MS = 10,            /* a report for which there was no memory */
};

/* Devices that do not come back from a reset (usbredir-wire, section 5.8). */
static const struct { uint16_t vendor, product; } never_reset[] = {
	{ 0x1210, 0x001c }, { 0x2798, 0x0001 },
};

static const char unplugged[] = "it was unplugged";

static struct clove_claim *claim_of(struct clove_usb_thread *thread)
{
	return (struct clove_claim *)thread;
}

static struct clove_request *request_of(struct clove_list *link)
{
	return CLOVE_CONTAINER(link, struct clove_request, link);
}

/* ---- reports ------------------------------------------------------------------------------- */

static bool has_news(const struct clove_claim *claim)
{
	return (claim->is_opened && !claim->is_opened_told) || !clove_list_is_empty(&claim->done) ||
			(claim->is_lost && !claim->is_lost_told) || claim->is_ended;
}

static void move_all(struct clove_list *to, struct clove_list *from)
{
	CLOVE_LIST_FOR_EACH(item, from) {
		clove_list_remove(item);
		clove_list_append(to, item);
	}
}

/* False without memory: nothing was told then. */
static bool tell(struct clove_claim *claim)
{
	struct clove_claim_report *report = calloc(1, sizeof *report);

	if (!report)
		return false;
	report->claim = claim;
	report->is_opened = claim->is_opened && !claim->is_opened_told;
	report->lost = claim->is_lost && !claim->is_lost_told ? claim->why : NULL;
	report->is_ended = claim->is_ended;
	clove_list_init(&report->done);
	move_all(&report->done, &claim->done);
	if (!clove_mailbox_post(claim->reports, claim->on_report, report)) {
		move_all(&claim->done, &report->done);
		free(report);
		return false;
	}
	claim->is_opened_told = claim->is_opened;
	claim->is_lost_told = claim->is_lost;
	return true;
}

static void say(struct clove_claim *claim, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct clove_claim *claim, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(claim->why, sizeof claim->why, format, args);
	va_end(args);
}

static void lose(struct clove_claim *claim, const char *why)
{
	if (claim->is_lost)
		return;
	claim->is_lost = true;
	say(claim, "%s", why);
}

/* ---- shape --------------------------------------------------------------------------------- */

static uint8_t speed_of(int speed)
{
	switch (speed) {
	case LIBUSB_SPEED_LOW: return CLOVE_USB_LOW;
	case LIBUSB_SPEED_FULL: return CLOVE_USB_FULL;
	case LIBUSB_SPEED_HIGH: return CLOVE_USB_HIGH;
	case LIBUSB_SPEED_SUPER:
	case LIBUSB_SPEED_SUPER_PLUS: return CLOVE_USB_SUPER;
	default: return CLOVE_USB_SPEED_UNKNOWN;
	}
}

static uint32_t streams_of(struct libusb_context *context, const struct libusb_endpoint_descriptor *endpoint)
{
	struct libusb_ss_endpoint_companion_descriptor *companion;
	uint32_t streams = 0;

	if ((endpoint->bmAttributes & 3) != CLOVE_USB_BULK ||
			libusb_get_ss_endpoint_companion_descriptor(context, endpoint, &companion))
		return 0;
	if (companion->bmAttributes & 0x1f)
		streams = 1u << (companion->bmAttributes & 0x1f);
	libusb_free_ss_endpoint_companion_descriptor(companion);
	return streams;
}

static void add_endpoint(struct clove_usb_shape *shape, struct libusb_context *context, uint8_t interface,
		const struct libusb_endpoint_descriptor *from)
{
	struct clove_usb_endpoint *endpoint = &shape->endpoints[clove_usb_index(from->bEndpointAddress)];
	uint16_t max_packet = from->wMaxPacketSize & 0x7ff;

	if (!(from->bEndpointAddress & 0x0f))
		return;
	endpoint->type = from->bmAttributes & 3;
	endpoint->interval = from->bInterval;
	endpoint->interface = interface;
	if (endpoint->type == CLOVE_USB_ISO && shape->speed == CLOVE_USB_HIGH)
		max_packet *= 1 + (from->wMaxPacketSize >> 11 & 3); /* USB 2.0, table 9-13 */
	endpoint->max_packet = max_packet;
	endpoint->max_streams = streams_of(context, from);
}

static const struct libusb_interface_descriptor *setting(const struct libusb_interface *interface, uint8_t alt)
{
	for (int i = 0; i < interface->num_altsetting; i++) {
		if (interface->altsetting[i].bAlternateSetting == alt)
			return &interface->altsetting[i];
	}
	return NULL;
}

void clove_claim_shape(struct libusb_context *context, struct libusb_device *device, const uint8_t *alt,
		struct clove_usb_shape *shape)
{
	struct libusb_device_descriptor descriptor;
	struct libusb_config_descriptor *config;

	memset(shape, 0, sizeof *shape);
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++)
		shape->endpoints[i].type = i % 16 ? CLOVE_USB_NO_ENDPOINT : CLOVE_USB_CONTROL;
	shape->speed = speed_of(libusb_get_device_speed(device));
	if (libusb_get_device_descriptor(device, &descriptor))
		return;
	shape->device_class = descriptor.bDeviceClass;
	shape->device_subclass = descriptor.bDeviceSubClass;
	shape->device_protocol = descriptor.bDeviceProtocol;
	shape->vendor = descriptor.idVendor;
	shape->product = descriptor.idProduct;
	shape->version = descriptor.bcdDevice;
	shape->endpoints[0].max_packet = shape->endpoints[16].max_packet = descriptor.bMaxPacketSize0;
	if (libusb_get_active_config_descriptor(device, &config))
		return;
	shape->configuration = config->bConfigurationValue;
	for (int i = 0; i < config->bNumInterfaces && shape->interface_count < CLOVE_USB_INTERFACES; i++) {
		const struct libusb_interface *interface = &config->interface[i];
		const struct libusb_interface_descriptor *now =
				interface->num_altsetting ? &interface->altsetting[0] : NULL;

		if (now && alt && now->bInterfaceNumber < CLOVE_USB_INTERFACES)
			now = setting(interface, alt[now->bInterfaceNumber]);
		if (!now || now->bInterfaceNumber >= CLOVE_USB_INTERFACES)
			continue;
		shape->interfaces[shape->interface_count++] = (struct clove_usb_interface){
			now->bInterfaceNumber, now->bAlternateSetting, now->bInterfaceClass,
			now->bInterfaceSubClass, now->bInterfaceProtocol,
		};
		for (int e = 0; e < now->bNumEndpoints; e++)
			add_endpoint(shape, context, now->bInterfaceNumber, &now->endpoint[e]);
	}
	libusb_free_config_descriptor(config);
}

static void reshape(struct clove_claim *claim)
{
	clove_claim_shape(claim->thread.context, libusb_get_device(claim->handle), claim->alt, &claim->shape);
}

/* ---- transfers ----------------------------------------------------------------------------- */

/* libusb's errors as a transfer's end (usbredir-wire, section 8). */
static uint8_t status_of_error(struct clove_claim *claim, int error)
{
	switch (error) {
	case 0: return CLOVE_USB_SUCCESS;
	case LIBUSB_ERROR_NO_DEVICE:
		lose(claim, unplugged);
		return CLOVE_USB_IOERROR;
	case LIBUSB_ERROR_INVALID_PARAM: return CLOVE_USB_INVAL;
	case LIBUSB_ERROR_NOT_FOUND:
	case LIBUSB_ERROR_PIPE: return CLOVE_USB_STALL;
	case LIBUSB_ERROR_TIMEOUT: return CLOVE_USB_TIMEOUT;
	case LIBUSB_ERROR_OVERFLOW: return CLOVE_USB_BABBLE;
	default: return CLOVE_USB_IOERROR;
	}
}

static uint8_t status_of(enum libusb_transfer_status status)
{
	switch (status) {
	case LIBUSB_TRANSFER_COMPLETED: return CLOVE_USB_SUCCESS;
	case LIBUSB_TRANSFER_CANCELLED: return CLOVE_USB_CANCELLED;
	case LIBUSB_TRANSFER_STALL: return CLOVE_USB_STALL;
	case LIBUSB_TRANSFER_TIMED_OUT: return CLOVE_USB_TIMEOUT;
	case LIBUSB_TRANSFER_OVERFLOW: return CLOVE_USB_BABBLE;
	default: return CLOVE_USB_IOERROR;
	}
}

/* libusb's part ends here: what it has of the device must be gone before the device is closed. */
static void finish(struct clove_claim *claim, struct clove_request *request, uint8_t status)
{
	request->status = status;
	libusb_free_transfer(request->usb);
	request->usb = NULL;
	clove_list_remove(&request->link);
	clove_list_append(&claim->done, &request->link);
}

static void LIBUSB_CALL on_transfer(struct libusb_transfer *usb)
{
	struct clove_request *request = usb->user_data;
	struct clove_claim *claim = request->claim;

	if (usb->status == LIBUSB_TRANSFER_NO_DEVICE)
		lose(claim, unplugged);
	for (uint32_t i = 0; i < request->packet_count; i++) {
		const struct libusb_iso_packet_descriptor *from = &usb->iso_packet_desc[i];
		struct clove_usb_packet *packet = &request->packets[i];

		packet->status = status_of(from->status);
		packet->actual = from->actual_length < packet->len ? (uint16_t)from->actual_length : packet->len;
	}
	request->actual = usb->actual_length > 0 ? (size_t)usb->actual_length : 0;
	finish(claim, request, status_of(usb->status));
}

/* False: it has to wait for others to end, as the kernel bounds what all transfers may hold (usbfs_memory_mb). */
static bool fly(struct clove_claim *claim, struct clove_request *request)
{
	int error = libusb_submit_transfer(request->usb);

	if (error == LIBUSB_ERROR_NO_MEM && !clove_list_is_empty(&claim->flying))
		return false;
	if (!error) {
		clove_list_remove(&request->link);
		clove_list_append(&claim->flying, &request->link);
		return true;
	}
	clove_log_limited(DEBUG, "usb", "%s: transfer on 0x%02x: %s", claim->local.name, request->usb->endpoint,
			libusb_error_name(error));
	finish(claim, request, status_of_error(claim, error));
	return true;
}

/* Each endpoint keeps its order; none waits for another, whose transfers may end only by what this one sends. */
static void fly_those_waiting(struct clove_claim *claim)
{
	uint32_t blocked = 0;

	CLOVE_LIST_FOR_EACH(item, &claim->waiting) {
		uint32_t endpoint = 1u << clove_usb_index(request_of(item)->usb->endpoint);

		if (!(blocked & endpoint) && !fly(claim, request_of(item)))
			blocked |= endpoint;
	}
}

/* Bit 0 stands for both directions of the control endpoint. */
static bool is_on(const struct clove_request *request, uint32_t endpoints)
{
	return endpoints & 1u << clove_usb_index(request->usb->endpoint);
}

static bool is_any(struct clove_list *list, uint32_t endpoints)
{
	CLOVE_LIST_FOR_EACH(item, list) {
		if (is_on(request_of(item), endpoints))
			return true;
	}
	return false;
}

/* No transfer of these endpoints is in the kernel's hands any more, unless the device is then lost. */
static void quiesce(struct clove_claim *claim, uint32_t endpoints)
{
	uint64_t limit = clove_now_ms() + CANCEL_LIMIT_MS;

	CLOVE_LIST_FOR_EACH(item, &claim->waiting) {
		if (is_on(request_of(item), endpoints))
			finish(claim, request_of(item), CLOVE_USB_CANCELLED);
	}
	CLOVE_LIST_FOR_EACH(item, &claim->flying) {
		if (is_on(request_of(item), endpoints))
			libusb_cancel_transfer(request_of(item)->usb);
	}
	while (is_any(&claim->flying, endpoints)) {
		if (clove_now_ms() > limit) {
			lose(claim, "it did not answer");
			return;
		}
		clove_usb_thread_wait(&claim->thread, 100);
	}
}

/* ---- claiming ------------------------------------------------------------------------------ */

/* With `attach` the kernel's drivers come back at once. */
static void release_all(struct clove_claim *claim, bool attach)
{
	libusb_set_auto_detach_kernel_driver(claim->handle, attach);
	for (int i = 0; i < CLOVE_USB_INTERFACES; i++) {
		if (claim->claimed & 1u << i)
			libusb_release_interface(claim->handle, i);
	}
	claim->claimed = 0;
}

/* Every interface of the configuration that is set; or none, with libusb's error. */
static int claim_all(struct clove_claim *claim)
{
	struct libusb_config_descriptor *config;
	int error;

	memset(claim->alt, 0, sizeof claim->alt);
	error = libusb_get_active_config_descriptor(libusb_get_device(claim->handle), &config);
	if (error)
		return error == LIBUSB_ERROR_NOT_FOUND ? 0 : error; /* not configured: nothing to claim */
	libusb_set_auto_detach_kernel_driver(claim->handle, 1);
	for (int i = 0; i < config->bNumInterfaces && !error; i++) {
		int number = config->interface[i].num_altsetting ?
				config->interface[i].altsetting[0].bInterfaceNumber : CLOVE_USB_INTERFACES;

		if (number >= CLOVE_USB_INTERFACES)
			continue;
		error = libusb_claim_interface(claim->handle, number);
		if (!error)
			claim->claimed |= 1u << number;
	}
	libusb_free_config_descriptor(config);
	if (error)
		release_all(claim, true);
	return error;
}

static bool may_reset(const struct clove_claim *claim)
{
	for (size_t i = 0; i < sizeof never_reset / sizeof never_reset[0]; i++) {
		if (never_reset[i].vendor == claim->local.shape.vendor &&
				never_reset[i].product == claim->local.shape.product)
			return false;
	}
	return true;
}

/* A second reset with nothing between is left out: every guest begins with one, right after ours. */
static void reset(struct clove_claim *claim)
{
	int error;

	if (claim->is_lost || claim->is_fresh || !may_reset(claim))
		return;
	error = libusb_reset_device(claim->handle);
	if (error == LIBUSB_ERROR_NOT_FOUND || error == LIBUSB_ERROR_NO_DEVICE) {
		lose(claim, "it did not come back from a reset");
		return;
	}
	if (error)
		clove_log(WARN, "usb", "%s: reset: %s", claim->local.name, libusb_error_name(error));
	memset(claim->alt, 0, sizeof claim->alt);
	claim->is_fresh = claim->is_first_time = true;
}

/* ---- requests that are more than a transfer ------------------------------------------------ */

static uint16_t setup_word(const struct clove_request *request, int at)
{
	return clove_le16(request->control + at);
}

static void answer_byte(struct clove_request *request, uint8_t byte)
{
	if (request->usb->length <= (int)LIBUSB_CONTROL_SETUP_SIZE)
		return;
	request->control[LIBUSB_CONTROL_SETUP_SIZE] = byte;
	request->actual = 1;
}

static uint8_t get_configuration(struct clove_claim *claim, struct clove_request *request)
{
	answer_byte(request, claim->shape.configuration);
	return CLOVE_USB_SUCCESS;
}

static uint8_t get_interface(struct clove_claim *claim, struct clove_request *request)
{
	uint16_t number = setup_word(request, 4);

	if (number >= CLOVE_USB_INTERFACES || !(claim->claimed & 1u << number))
		return CLOVE_USB_STALL;
	answer_byte(request, claim->alt[number]);
	return CLOVE_USB_SUCCESS;
}

static void show_shape(struct clove_claim *claim, struct clove_request *request)
{
	reshape(claim);
	if (request->new_shape) {
		*request->new_shape = claim->shape;
		request->is_reshaped = true;
	}
}

static uint8_t set_configuration(struct clove_claim *claim, struct clove_request *request)
{
	int value = setup_word(request, 2) & 0xff, error, claim_error;

	/* Clearing what is clear already would only let others in. */
	if (claim->is_first_time && value == claim->shape.configuration) {
		show_shape(claim, request);
		return CLOVE_USB_SUCCESS;
	}
	quiesce(claim, UINT32_MAX);
	if (claim->is_lost)
		return CLOVE_USB_IOERROR;
	release_all(claim, false);
	error = libusb_set_configuration(claim->handle, value ? value : -1);
	claim_error = error == LIBUSB_ERROR_NO_DEVICE ? 0 : claim_all(claim);
	if (claim_error) {
		lose(claim, "another program took it while it was configured");
		return CLOVE_USB_IOERROR;
	}
	if (!error)
		claim->is_first_time = true;
	show_shape(claim, request);
	return status_of_error(claim, error);
}

static uint8_t set_interface(struct clove_claim *claim, struct clove_request *request)
{
	uint16_t alt = setup_word(request, 2), number = setup_word(request, 4);
	uint32_t endpoints = 0;
	int error;

	if (number >= CLOVE_USB_INTERFACES || !(claim->claimed & 1u << number) || alt > 0xff)
		return CLOVE_USB_STALL;
	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		if (i % 16 && claim->shape.endpoints[i].type != CLOVE_USB_NO_ENDPOINT &&
				claim->shape.endpoints[i].interface == number)
			endpoints |= 1u << i;
	}
	quiesce(claim, endpoints);
	if (claim->is_lost)
		return CLOVE_USB_IOERROR;
	error = libusb_set_interface_alt_setting(claim->handle, number, alt);
	if (!error)
		claim->alt[number] = (uint8_t)alt;
	claim->is_first_time = false;
	show_shape(claim, request);
	return status_of_error(claim, error);
}

static uint8_t clear_halt(struct clove_claim *claim, struct clove_request *request)
{
	return status_of_error(claim, libusb_clear_halt(claim->handle, (unsigned char)setup_word(request, 4)));
}

/* Only the kernel gives addresses. */
static uint8_t refuse(struct clove_claim *claim, struct clove_request *request)
{
	(void)claim;
	(void)request;
	return CLOVE_USB_STALL;
}

/* USB 2.0, section 9.4: what the kernel has to know of. */
static const struct kernel_request {
	uint8_t request_type, request;
	uint8_t (*serve)(struct clove_claim *claim, struct clove_request *request);
} kernel_requests[] = {
	{ 0x00, LIBUSB_REQUEST_SET_ADDRESS, refuse },
	{ 0x80, LIBUSB_REQUEST_GET_CONFIGURATION, get_configuration },
	{ 0x00, LIBUSB_REQUEST_SET_CONFIGURATION, set_configuration },
	{ 0x81, LIBUSB_REQUEST_GET_INTERFACE, get_interface },
	{ 0x01, LIBUSB_REQUEST_SET_INTERFACE, set_interface },
	{ 0x02, LIBUSB_REQUEST_CLEAR_FEATURE, clear_halt },
};

static const struct kernel_request *kernel_request(const struct clove_request *request)
{
	const uint8_t *setup = request->control;

	if (!setup)
		return NULL;
	for (size_t i = 0; i < sizeof kernel_requests / sizeof kernel_requests[0]; i++) {
		if (setup[0] == kernel_requests[i].request_type && setup[1] == kernel_requests[i].request)
			/* a halt of an endpoint, and not of endpoint 0 */
			return kernel_requests[i].serve == clear_halt &&
					(setup_word(request, 2) || !(setup[4] & 0x0f)) ? NULL : &kernel_requests[i];
	}
	return NULL;
}

static uint8_t serve_streams(struct clove_claim *claim, struct clove_request *request)
{
	unsigned char endpoints[CLOVE_USB_ENDPOINTS];
	int count = 0, got;

	for (unsigned int i = 0; i < CLOVE_USB_ENDPOINTS; i++) {
		if (request->stream_endpoints & 1u << i)
			endpoints[count++] = (unsigned char)((i & 0x0f) | (i & 0x10) << 3);
	}
	if (!count)
		return CLOVE_USB_INVAL;
	if (!request->stream_count)
		return status_of_error(claim, libusb_free_streams(claim->handle, endpoints, count));
	got = libusb_alloc_streams(claim->handle, request->stream_count, endpoints, count);
	if (got >= 0 && (uint32_t)got < request->stream_count) {
		/* fewer than were asked for are of no use (usbredir-wire, section 3) */
		libusb_free_streams(claim->handle, endpoints, count);
		return CLOVE_USB_IOERROR;
	}
	return got < 0 ? status_of_error(claim, got) : CLOVE_USB_SUCCESS;
}

/* ---- letters ------------------------------------------------------------------------------- */

static void on_submit(void *thread, void *carried)
{
	struct clove_claim *claim = claim_of(thread);
	struct clove_request *request = carried;
	const struct kernel_request *special;

	request->claim = claim;
	if (claim->is_lost || !claim->handle) {
		finish(claim, request, CLOVE_USB_IOERROR);
		return;
	}
	claim->is_fresh = false;
	if (request->is_streams) {
		finish(claim, request, serve_streams(claim, request));
		return;
	}
	special = kernel_request(request);
	if (special) {
		finish(claim, request, special->serve(claim, request));
		return;
	}
	if (!request->control)
		claim->is_first_time = false;
	request->usb->dev_handle = claim->handle;
	request->usb->callback = on_transfer;
	request->usb->user_data = request;
	if (is_any(&claim->waiting, 1u << clove_usb_index(request->usb->endpoint)) || !fly(claim, request))
		clove_list_append(&claim->waiting, &request->link);
}

struct cancelling {
	uint64_t id;
};

static void on_cancel(void *thread, void *carried)
{
	struct clove_claim *claim = claim_of(thread);
	struct cancelling *cancelling = carried;

	CLOVE_LIST_FOR_EACH(item, &claim->waiting) {
		if (request_of(item)->id == cancelling->id)
			finish(claim, request_of(item), CLOVE_USB_CANCELLED);
	}
	CLOVE_LIST_FOR_EACH(item, &claim->flying) {
		if (request_of(item)->id == cancelling->id)
			libusb_cancel_transfer(request_of(item)->usb);
	}
	free(cancelling);
}

static void on_reset(void *thread, void *carried)
{
	struct clove_claim *claim = claim_of(thread);

	(void)carried;
	if (claim->is_lost || !claim->handle)
		return;
	quiesce(claim, UINT32_MAX);
	reset(claim);
	reshape(claim);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void fail(struct clove_claim *claim, int error)
{
	switch (error) {
	case LIBUSB_ERROR_ACCESS:
		claim->error = CLOVE_ERR_AUTH;
		say(claim, "no permission to open the device - see help");
		return;
	case LIBUSB_ERROR_BUSY:
		claim->error = CLOVE_ERR_STATE;
		if (claim->local.driver[0])
			say(claim, "it is in use by another program (driver %s): close that first",
					claim->local.driver);
		else
			say(claim, "it is in use by another program: close that first");
		return;
	case LIBUSB_ERROR_NO_DEVICE:
		claim->error = CLOVE_ERR_CLOSED;
		say(claim, "%s", unplugged);
		return;
	case LIBUSB_ERROR_NO_MEM:
		claim->error = CLOVE_ERR_NOMEM;
		say(claim, "no memory");
		return;
	case LIBUSB_ERROR_IO:
	case LIBUSB_ERROR_TIMEOUT:
	case LIBUSB_ERROR_PIPE:
		claim->error = CLOVE_ERR_IO;
		say(claim, "it did not answer: unplug it and plug it in again");
		return;
	default:
		claim->error = CLOVE_ERR_IO;
		say(claim, "it cannot be used (%s)", libusb_strerror(error));
	}
}

/* libusb's word for why a node cannot be opened. */
static int open_node(struct clove_claim *claim)
{
	char node[64];

	if (claim->fd >= 0)
		return 0;
	clove_local_device_node(claim->local.bus, claim->local.address, node, sizeof node);
	claim->fd = open(node, O_RDWR | O_CLOEXEC);
	if (claim->fd >= 0)
		return 0;
	switch (errno) {
	case EACCES:
	case EPERM: return LIBUSB_ERROR_ACCESS;
	case ENOENT:
	case ENODEV:
	case ENXIO: return LIBUSB_ERROR_NO_DEVICE;
	case EBUSY: return LIBUSB_ERROR_BUSY;
	case ENOMEM: return LIBUSB_ERROR_NO_MEM;
	default: return LIBUSB_ERROR_OTHER;
	}
}

/* A file system would be torn off (viewer, section 14.3). */
static bool is_in_use(struct clove_claim *claim)
{
	static const char mounted[] = " is mounted";
	const char *in_use = claim->local.in_use, *end = strstr(in_use, mounted);

	if (!in_use[0])
		return false;
	claim->error = CLOVE_ERR_REFUSED;
	if (end && !end[sizeof mounted - 1])
		say(claim, "%.*s is in use: eject it first", (int)(end - in_use), in_use);
	else
		say(claim, "%s: stop that first", in_use);
	return true;
}

static int claim_device(struct clove_claim *claim)
{
	int error = open_node(claim);

	if (!error)
		error = libusb_wrap_sys_device(claim->thread.context, claim->fd, &claim->handle);
	if (error)
		return error;
	/* A descriptor that was handed over is of this device, or of none. */
	if (libusb_get_device_address(libusb_get_device(claim->handle)) != claim->local.address)
		return LIBUSB_ERROR_NO_DEVICE;
	error = libusb_get_configuration(claim->handle, &claim->first_configuration);
	if (!error)
		error = claim_all(claim);
	return error;
}

static void begin(struct clove_usb_thread *thread)
{
	struct clove_claim *claim = claim_of(thread);
	int error;

	clove_local_device_look(&claim->local);
	if (!thread->context) {
		claim->error = CLOVE_ERR_IO;
		say(claim, "USB cannot be used here (%s)", libusb_strerror(thread->init_error));
	} else if (!is_in_use(claim)) {
		error = claim_device(claim);
		if (error)
			fail(claim, error);
	}
	if (!claim->error) {
		reset(claim);
		if (!claim->is_lost)
			reshape(claim);
		else
			claim->error = CLOVE_ERR_IO;
	}
	claim->is_opened = true;
	claim->is_lost_told = claim->is_lost;
}

static void turn(struct clove_usb_thread *thread)
{
	struct clove_claim *claim = claim_of(thread);

	fly_those_waiting(claim);
	thread->wait_ms = has_news(claim) && !tell(claim) ? RETRY_MS : -1;
}

/* As it was before: its configuration, or else the kernel's drivers on its interfaces (usbredir-wire, section 8). */
static void give_back(struct clove_claim *claim)
{
	uint32_t claimed = claim->claimed;
	int configuration = 0;

	release_all(claim, false);
	if (claimed)
		reset(claim);
	if (claim->is_lost)
		return;
	libusb_get_configuration(claim->handle, &configuration);
	if (claim->first_configuration && configuration != claim->first_configuration) {
		libusb_set_configuration(claim->handle, claim->first_configuration);
		return;
	}
	for (int i = 0; i < CLOVE_USB_INTERFACES; i++) {
		int error = claimed & 1u << i ? libusb_attach_kernel_driver(claim->handle, i) : 0;

		if (error && error != LIBUSB_ERROR_NOT_FOUND && error != LIBUSB_ERROR_NO_DEVICE &&
				error != LIBUSB_ERROR_NOT_SUPPORTED && error != LIBUSB_ERROR_BUSY)
			clove_log(WARN, "usb", "%s: interface %d stays without a driver: %s",
					claim->local.name, i, libusb_error_name(error));
	}
}

static void end(struct clove_usb_thread *thread)
{
	struct clove_claim *claim = claim_of(thread);

	if (claim->handle) {
		quiesce(claim, UINT32_MAX);
		if (!claim->is_lost)
			give_back(claim);
		libusb_close(claim->handle);
		claim->handle = NULL;
	}
	if (claim->fd >= 0)
		close(claim->fd);
	claim->fd = -1;
	/* What a controller never gave back has no one behind it now: the kernel ended it with the descriptor. */
	CLOVE_LIST_FOR_EACH(item, &claim->flying)
		finish(claim, request_of(item), CLOVE_USB_IOERROR);
	CLOVE_LIST_FOR_EACH(item, &claim->waiting)
		finish(claim, request_of(item), CLOVE_USB_IOERROR);
	claim->is_ended = true;
	while (!tell(claim)) {
		if (thread->context)
			clove_usb_thread_wait(thread, RETRY_MS);
		else
			clove_poll_loop_step(thread->idle_loop, RETRY_MS);
	}
}

/* ---- the home's side ----------------------------------------------------------------------- */

struct clove_request *clove_request_new(uint32_t packet_count, bool may_reshape)
{
	struct clove_request *request = calloc(1, sizeof *request + packet_count * sizeof request->packets[0]);

	if (!request)
		return NULL;
	clove_list_init(&request->link);
	request->packet_count = packet_count;
	request->usb = libusb_alloc_transfer((int)packet_count);
	if (may_reshape)
		request->new_shape = calloc(1, sizeof *request->new_shape);
	if (request->usb && (!may_reshape || request->new_shape))
		return request;
	clove_request_free(request);
	return NULL;
}

void clove_request_free(struct clove_request *request)
{
	if (!request)
		return;
	libusb_free_transfer(request->usb);
	free(request->control);
	free(request->new_shape);
	free(request);
}

struct clove_claim *clove_claim_new(const struct clove_local_device *local, int take_fd,
		struct clove_mailbox *reports, clove_letter_fn on_report, void *opaque)
{
	struct clove_claim *claim = calloc(1, sizeof *claim);

	if (!claim) {
		if (take_fd >= 0)
			close(take_fd);
		return NULL;
	}
	claim->thread.begin = begin;
	claim->thread.turn = turn;
	claim->thread.end = end;
	claim->reports = reports;
	claim->on_report = on_report;
	claim->opaque = opaque;
	claim->local = *local;
	claim->fd = take_fd;
	clove_list_init(&claim->flying);
	clove_list_init(&claim->waiting);
	clove_list_init(&claim->done);
	if (!clove_usb_thread_start(&claim->thread)) {
		if (take_fd >= 0)
			close(take_fd);
		clove_claim_free(claim);
		return NULL;
	}
	return claim;
}

bool clove_claim_submit(struct clove_claim *claim, struct clove_request *request)
{
	return clove_usb_thread_post(&claim->thread, on_submit, request);
}

bool clove_claim_cancel(struct clove_claim *claim, uint64_t id)
{
	struct cancelling *cancelling = malloc(sizeof *cancelling);

	if (!cancelling)
		return false;
	cancelling->id = id;
	if (clove_usb_thread_post(&claim->thread, on_cancel, cancelling))
		return true;
	free(cancelling);
	return false;
}

bool clove_claim_reset(struct clove_claim *claim)
{
	return clove_usb_thread_post(&claim->thread, on_reset, NULL);
}

void clove_claim_end(struct clove_claim *claim)
{
	clove_usb_thread_end(&claim->thread);
}

void clove_claim_join(struct clove_claim *claim)
{
	clove_usb_thread_join(&claim->thread);
}

void clove_claim_free(struct clove_claim *claim)
{
	if (!claim)
		return;
	clove_usb_thread_join(&claim->thread);
	free(claim);
}
