/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test-capture.c - libusb's devices, on a mocked machine: found, opened, driven, unplugged at every moment. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tests/unit/mock-device.h"
#include "tests/unit/usbfs-fixture.h"
#include "usbredir/capture.h"

enum { LIMIT_MS = 20000, KNOWN_MAX = 8 };

static struct usbfs_machine *machine;
static struct clove_loop *loop;
static struct clove_capture *capture;
static struct clove_local_device known[KNOWN_MAX];
static int known_count, changes, lost_count, settled, settled_with;
static uint64_t last_lost;

static void on_plugged(void *owner, const struct clove_local_device *device)
{
	ck_assert_ptr_eq(owner, &known);
	ck_assert_int_lt(known_count, KNOWN_MAX);
	known[known_count++] = *device;
}

static void on_unplugged(void *owner, uint64_t id)
{
	ck_assert_ptr_eq(owner, &known);
	last_lost = id;
	lost_count++;
}

static void on_changed(void *owner, const struct clove_local_device *device)
{
	ck_assert_ptr_eq(owner, &known);
	for (int i = 0; i < known_count; i++) {
		if (known[i].id == device->id)
			known[i] = *device;
	}
	changes++;
}

static void on_settled(void *owner)
{
	ck_assert_ptr_eq(owner, &known);
	settled_with = known_count;
	settled++;
}

static const struct clove_capture_events events = { on_plugged, on_unplugged, on_changed, on_settled };

/* Turns the loop until the words are true. */
#define WAIT(what) \
	do { \
		uint64_t limit_ = clove_now_ms() + LIMIT_MS; \
		while (!(what)) { \
			ck_assert_msg(clove_now_ms() < limit_, "waited for: %s", #what); \
			clove_poll_loop_step(loop, 20); \
		} \
	} while (0)

static void turn_for(int ms)
{
	uint64_t until = clove_now_ms() + (uint64_t)ms;

	while (clove_now_ms() < until)
		clove_poll_loop_step(loop, 5);
}

static void set_up(void)
{
	machine = usbfs_machine_new();
	loop = clove_poll_loop_new();
	known_count = changes = lost_count = settled = 0;
}

static void start_capture(void)
{
	char *error;

	capture = clove_capture_new(loop, &events, &known, &error);
	ck_assert_msg(capture, "%s", error);
}

static void tear_down(void)
{
	clove_capture_free(capture);
	capture = NULL;
	clove_poll_loop_free(loop);
	usbfs_machine_free(machine);
}

static struct usbfs_port *plug(const struct usbfs_port_options *options)
{
	struct usbfs_port_options all = { 1, 2, "usb-storage", "Acme", "Mock", "12345", NULL, NULL };

	return usbfs_machine_plug(machine, mock_device_new(0x1234, 0x5678, 0), options ? options : &all);
}

/* ---- an opened device ---------------------------------------------------------------------- */

struct opened {
	struct clove_usb_device *device;
	enum clove_err err;
	char why[256];
	int answers, gone;
	char gone_why[256];
};

static void on_gone(void *owner, const char *why)
{
	struct opened *opened = owner;

	opened->gone++;
	snprintf(opened->gone_why, sizeof opened->gone_why, "%s", why);
}

static const struct clove_usb_events device_events = { .gone = on_gone };

static void on_opened(void *opaque, struct clove_usb_device *take_device, enum clove_err err, const char *why)
{
	struct opened *opened = opaque;

	ck_assert_int_ne(take_device == NULL, err == CLOVE_OK);
	opened->device = take_device;
	opened->err = err;
	snprintf(opened->why, sizeof opened->why, "%s", why);
	opened->answers++;
	if (take_device) {
		take_device->events = &device_events;
		take_device->owner = opened;
	}
}

static void open_first(struct opened *opened)
{
	memset(opened, 0, sizeof *opened);
	clove_capture_open(capture, known[0].id, -1, on_opened, opened);
	ck_assert_int_eq(opened->answers, 0);
	WAIT(opened->answers);
	ck_assert_int_eq(opened->answers, 1);
}

/* With a device plugged, found and opened. */
static struct usbfs_port *open_one(struct opened *opened)
{
	struct usbfs_port *port = plug(NULL);

	start_capture();
	WAIT(known_count == 1);
	open_first(opened);
	ck_assert_msg(opened->device, "%s", opened->why);
	return port;
}

static void close_one(struct opened *opened)
{
	clove_usb_device_free(opened->device);
	opened->device = NULL;
}

/* ---- transfers ----------------------------------------------------------------------------- */

static int done_count;

static void on_done(struct clove_usb_transfer *transfer)
{
	(void)transfer;
	done_count++;
}

static struct clove_usb_transfer *give(struct clove_usb_device *device, uint8_t endpoint, uint8_t type,
		const void *data, size_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, type, len, 0);

	if (data && len)
		memcpy(transfer->data, data, len);
	transfer->done = on_done;
	clove_usb_submit(device, transfer);
	return transfer;
}

static struct clove_usb_transfer *give_control(struct clove_usb_device *device, uint8_t request_type, uint8_t request,
		uint16_t value, uint16_t index, const void *data, uint16_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(request_type & 0x80, CLOVE_USB_CONTROL, len, 0);

	transfer->setup = (struct clove_usb_setup){ request_type, request, value, index, len };
	if (data && len)
		memcpy(transfer->data, data, len);
	transfer->done = on_done;
	clove_usb_submit(device, transfer);
	return transfer;
}

/* Its status; the answer in data, its length in *len. */
static uint8_t ask(struct clove_usb_device *device, uint8_t request_type, uint8_t request, uint16_t value,
		uint16_t index, void *data, size_t *len)
{
	struct clove_usb_transfer *transfer = give_control(device, request_type, request, value, index, data,
			(uint16_t)*len);
	uint8_t status;

	WAIT(!transfer->is_submitted);
	if (request_type & 0x80)
		memcpy(data, transfer->data, transfer->actual);
	*len = transfer->actual;
	status = transfer->status;
	clove_usb_transfer_free(transfer);
	return status;
}

static uint8_t command(struct clove_usb_device *device, uint8_t request_type, uint8_t request, uint16_t value,
		uint16_t index)
{
	size_t none = 0;

	return ask(device, request_type, request, value, index, NULL, &none);
}

static void expect(struct clove_usb_transfer *transfer, uint8_t status, size_t actual)
{
	WAIT(!transfer->is_submitted);
	ck_assert_uint_eq(transfer->status, status);
	ck_assert_uint_eq(transfer->actual, actual);
	clove_usb_transfer_free(transfer);
}

static void fill(uint8_t *bytes, size_t len)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
}

/* Out and back, to see that it works. */
static void try_bulk(struct clove_usb_device *device, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	struct clove_usb_transfer *in;

	fill(bytes, len);
	expect(give(device, MOCK_BULK_OUT, CLOVE_USB_BULK, bytes, len), CLOVE_USB_SUCCESS, len);
	in = give(device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, len);
	WAIT(!in->is_submitted);
	ck_assert_uint_eq(in->status, CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(in->actual, len);
	if (len)
		ck_assert_mem_eq(in->data, bytes, len);
	clove_usb_transfer_free(in);
	free(bytes);
}

/* ---- finding ------------------------------------------------------------------------------- */

START_TEST(test_finds_devices)
{
	struct usbfs_port_options hub = { 1, 3, "hub", "Acme", "Hub", NULL, NULL, NULL };
	const struct clove_usb_shape *shape = &known[0].shape;

	plug(NULL);
	usbfs_machine_plug(machine, mock_device_new(1, 2, 9), &hub);
	start_capture();
	WAIT(settled);
	ck_assert_int_eq(settled_with, 1);
	ck_assert_int_eq(known_count, 1);
	ck_assert_str_eq(known[0].name, "Acme Mock");
	ck_assert_str_eq(known[0].serial, "12345");
	ck_assert_str_eq(known[0].driver, "usb-storage");
	ck_assert_str_eq(known[0].in_use, "");
	ck_assert(known[0].is_accessible);
	ck_assert_uint_eq(known[0].bus, 1);
	ck_assert_uint_eq(known[0].address, 2);
	ck_assert_uint_eq(shape->vendor, 0x1234);
	ck_assert_uint_eq(shape->product, 0x5678);
	ck_assert_uint_eq(shape->version, 0x0123);
	ck_assert_uint_eq(shape->speed, CLOVE_USB_HIGH);
	ck_assert_uint_eq(shape->configuration, 1);
	ck_assert_uint_eq(shape->interface_count, 2);
	ck_assert_uint_eq(shape->interfaces[0].interface_class, 0xff);
	ck_assert_uint_eq(shape->interfaces[0].subclass, 1);
	ck_assert_uint_eq(shape->interfaces[0].protocol, 2);
	ck_assert_uint_eq(shape->interfaces[1].number, 1);
	ck_assert_uint_eq(shape->endpoints[clove_usb_index(MOCK_BULK_OUT)].type, CLOVE_USB_BULK);
	ck_assert_uint_eq(shape->endpoints[clove_usb_index(MOCK_BULK_OUT)].max_packet, 512);
	ck_assert_uint_eq(shape->endpoints[clove_usb_index(MOCK_INTERRUPT)].interval, 4);
	ck_assert_uint_eq(shape->endpoints[clove_usb_index(MOCK_ISO_IN)].type, CLOVE_USB_NO_ENDPOINT);
}
END_TEST

START_TEST(test_follows_plugging)
{
	struct usbfs_port_options second = { 1, 3, NULL, "Acme", "Acme Second", NULL, NULL, NULL };
	struct usbfs_port *port;

	start_capture();
	WAIT(settled);
	ck_assert_int_eq(known_count, 0);
	port = plug(NULL);
	WAIT(known_count == 1);
	plug(&second);
	WAIT(known_count == 2);
	ck_assert_uint_ne(known[0].id, known[1].id);
	ck_assert_str_eq(known[1].name, "Acme Second"); /* and not the maker twice */
	usbfs_machine_unplug(machine, port);
	WAIT(lost_count == 1);
	ck_assert_uint_eq(last_lost, known[0].id);
}
END_TEST

static const struct {
	const char *why, *manufacturer, *product, *want;
} names[] = {
	{ "both", "Maker", "Thing", "Maker Thing" },
	{ "blanks", "  Maker ", "The   Thing  ", "Maker The Thing" },
	{ "no maker: from the list or none", NULL, "Thing", "Thing" },
	{ "none at all: by its class", NULL, NULL, "USB device" },
	{ "UTF-8", "M\xc3\xa4ker", "\xe2\x82\xac", "M\xc3\xa4ker \xe2\x82\xac" },
	{ "no UTF-8", "M\xe4ker", "\xc0\x80Thing", "M ker Thing" },
	{ "controls", "Ma\x1b[31mker", "Th\x7fing\tx", "Ma [31mker Th ing x" },
	{ "right to left", "Ma\xe2\x80\xaeker", "T", "Ma ker T" },
	{ "a surrogate", "Ma\xed\xa0\x80ker", "T", "Ma ker T" },
	{ "very long", "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456789", "T",
	  "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
	  "012345678901234567890123456" },
};

START_TEST(test_names_devices)
{
	struct usbfs_port_options options = { 1, 2, NULL, names[_i].manufacturer, names[_i].product, NULL, NULL, NULL };

	usbfs_machine_plug(machine, mock_device_new(0xfffe, 0xfffe, 0), &options);
	start_capture();
	WAIT(known_count == 1);
	ck_assert_msg(!strcmp(known[0].name, names[_i].want), "%s: \"%s\"", names[_i].why, known[0].name);
}
END_TEST

START_TEST(test_names_from_the_list_of_ids)
{
	struct usbfs_port_options options = { 1, 2, NULL, NULL, NULL, NULL, NULL, NULL };

	if (access("/usr/share/misc/usb.ids", R_OK) < 0 && access("/usr/share/hwdata/usb.ids", R_OK) < 0) {
		printf("skip: names by id: no usb.ids here (Debian: usb.ids)\n");
		return;
	}
	usbfs_machine_plug(machine, mock_device_new(0x0403, 0x6001, 0), &options);
	start_capture();
	WAIT(known_count == 1);
	ck_assert_msg(strstr(known[0].name, "Future Technology") == known[0].name, "%s", known[0].name);
	ck_assert_msg(strstr(known[0].name, "FT232"), "%s", known[0].name);
}
END_TEST

/* "/proc" and the number of its file system: something that is mounted here. */
static void number_of_proc(char number[32])
{
	char line[1024];
	FILE *file = fopen("/proc/self/mountinfo", "r");

	number[0] = 0;
	while (fgets(line, sizeof line, file)) {
		char found[32], where[512];

		if (sscanf(line, "%*s %*s %31s %*s %511s", found, where) == 2 && !strcmp(where, "/proc"))
			strcpy(number, found);
	}
	fclose(file);
	ck_assert_str_ne(number, "");
}

START_TEST(test_refuses_what_is_mounted)
{
	char number[32];
	struct usbfs_port_options options = { 1, 2, "usb-storage", "Acme", "Stick", NULL, "sdx", number };
	struct opened opened;
	struct usbfs_port *port;

	number_of_proc(number);
	port = plug(&options);
	start_capture();
	WAIT(known_count == 1);
	ck_assert_str_eq(known[0].in_use, "/proc is mounted");
	open_first(&opened);
	ck_assert_ptr_null(opened.device);
	ck_assert_int_eq(opened.err, CLOVE_ERR_REFUSED);
	ck_assert_str_eq(opened.why, "/proc is in use: eject it first");
	ck_assert_int_eq(port->detaches, 0);
	ck_assert_int_eq(port->ioctls, 0);
}
END_TEST

START_TEST(test_looks_again)
{
	char path[512], link[64] = "../../../../bus/usb/drivers/option";

	plug(NULL);
	start_capture();
	WAIT(known_count == 1);
	snprintf(path, sizeof path, "%s%s/1-1:1.0/driver", usbfs_machine_root(machine), known[0].bus == 1 ?
			"/sys/devices/1-1" : "");
	unlink(path);
	ck_assert_int_eq(symlink(link, path), 0);
	clove_capture_look(capture);
	WAIT(changes);
	ck_assert_msg(strstr(known[0].driver, "option"), "%s", known[0].driver);
	/* and by itself, soon after a plug: mounting comes then */
	unlink(path);
	changes = 0;
	WAIT(changes);
	ck_assert_str_eq(known[0].driver, "usb-storage");
}
END_TEST

/* ---- opening ------------------------------------------------------------------------------- */

START_TEST(test_claims_and_gives_back)
{
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);

	ck_assert_int_eq(port->detaches, 2);
	ck_assert_int_ge(port->claims, 2);
	ck_assert_int_eq(port->resets, 1);
	ck_assert_int_eq(port->attaches, 0);
	ck_assert_str_eq(opened.device->name, "Acme Mock");
	ck_assert_mem_eq(&opened.device->shape, &known[0].shape, sizeof known[0].shape);
	try_bulk(opened.device, 100);
	close_one(&opened);
	WAIT(port->attaches == 2);
	ck_assert_int_eq(port->resets, 2);
	ck_assert_int_eq(opened.gone, 0);
	/* once more, at once: it waits for the giving back */
	open_first(&opened);
	ck_assert_msg(opened.device, "%s", opened.why);
	close_one(&opened);
	open_first(&opened);
	ck_assert_msg(opened.device, "%s", opened.why);
	try_bulk(opened.device, 100);
	close_one(&opened);
}
END_TEST

START_TEST(test_opens_once)
{
	struct opened first, second;

	open_one(&first);
	open_first(&second);
	ck_assert_int_eq(second.err, CLOVE_ERR_STATE);
	ck_assert_str_eq(second.why, "it is redirected already");
	try_bulk(first.device, 10);
	close_one(&first);
}
END_TEST

/* Nobody may open it, and this thread and those it starts have not root's way around that. */
static void close_node(bool is_closed)
{
	static struct __user_cap_data_struct all[2];
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct some[2];
	char path[512];

	snprintf(path, sizeof path, "%s/dev/bus/usb/001/002", usbfs_machine_root(machine));
	ck_assert_int_eq(chmod(path, is_closed ? 0 : 0644), 0);
	if (is_closed)
		ck_assert_int_eq(syscall(SYS_capget, &header, all), 0);
	memcpy(some, all, sizeof some);
	if (is_closed)
		some[0].effective &= ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH);
	ck_assert_int_eq(syscall(SYS_capset, &header, some), 0);
}

START_TEST(test_says_why_not)
{
	struct opened opened;
	struct usbfs_port *port = plug(NULL);

	start_capture();
	WAIT(known_count == 1);
	port->busy = 1;
	open_first(&opened);
	ck_assert_int_eq(opened.err, CLOVE_ERR_STATE);
	ck_assert_str_eq(opened.why, "it is in use by another program (driver usb-storage): close that first");
	port->busy = 0;
	port->reset_error = ENODEV;
	open_first(&opened);
	ck_assert_int_eq(opened.err, CLOVE_ERR_IO);
	ck_assert_str_eq(opened.why, "it did not come back from a reset");
	port->reset_error = 0;
	clove_capture_open(capture, 999, -1, on_opened, &opened);
	WAIT(opened.answers == 2);
	ck_assert_int_eq(opened.err, CLOVE_ERR_CLOSED);
	close_node(true);
	open_first(&opened);
	close_node(false);
	ck_assert_int_eq(opened.err, CLOVE_ERR_AUTH);
	ck_assert_str_eq(opened.why, "no permission to open the device - see help");
	open_first(&opened);
	ck_assert_msg(opened.device, "%s", opened.why);
	close_one(&opened);
}
END_TEST

START_TEST(test_takes_a_descriptor)
{
	struct usbfs_port_options second = { 1, 3, NULL, "Acme", "Second", NULL, NULL, NULL };
	struct opened opened = { 0 };

	plug(NULL);
	plug(&second);
	start_capture();
	WAIT(known_count == 2);
	int which = known[0].address == 2 ? 0 : 1;
	clove_capture_open(capture, known[which].id, open("/dev/bus/usb/001/002", O_RDWR | O_CLOEXEC), on_opened, &opened);
	WAIT(opened.answers == 1);
	ck_assert_msg(opened.device, "%s", opened.why);
	try_bulk(opened.device, 1000);
	close_one(&opened);
	/* of another device */
	clove_capture_open(capture, known[!which].id, open("/dev/bus/usb/001/002", O_RDWR | O_CLOEXEC), on_opened, &opened);
	WAIT(opened.answers == 2);
	ck_assert_ptr_null(opened.device);
	/* of no device at all */
	clove_capture_open(capture, known[which].id, open("/dev/null", O_RDWR | O_CLOEXEC), on_opened, &opened);
	WAIT(opened.answers == 3);
	ck_assert_ptr_null(opened.device);
}
END_TEST

START_TEST(test_never_resets_some)
{
	struct usbfs_port_options options = { 1, 2, NULL, "Acme", "Mock", NULL, NULL, NULL };
	struct usbfs_port *port = usbfs_machine_plug(machine, mock_device_new(0x1210, 0x001c, 0), &options);
	struct opened opened;

	start_capture();
	WAIT(known_count == 1);
	open_first(&opened);
	ck_assert_ptr_nonnull(opened.device);
	try_bulk(opened.device, 10);
	clove_usb_reset(opened.device);
	try_bulk(opened.device, 10);
	close_one(&opened);
	clove_capture_free(capture);
	capture = NULL;
	ck_assert_int_eq(port->resets, 0);
	ck_assert_int_eq(port->releases, port->claims);
}
END_TEST

/* An opening that takes long, and is not wanted any more at its beginning, in the middle, or when it is done. */
START_TEST(test_forgets)
{
	static const int waits[] = { 0, 30, 100, 0 };
	struct opened opened = { 0 }, other = { 0 };
	struct usbfs_port *port = plug(NULL);

	start_capture();
	WAIT(known_count == 1);
	port->reset_ms = 400;
	clove_capture_open(capture, known[0].id, -1, on_opened, &opened);
	clove_capture_forget(capture, &other);
	if (_i == 3)
		WAIT(opened.answers);
	else
		turn_for(waits[_i]);
	if (opened.answers)
		close_one(&opened);
	clove_capture_forget(capture, &opened);
	/* it is free again: somebody else can have it */
	clove_capture_open(capture, known[0].id, -1, on_opened, &other);
	WAIT(other.answers);
	ck_assert_msg(other.device, "%s", other.why);
	ck_assert_int_eq(opened.answers, _i == 3);
	close_one(&other);
	WAIT(port->attaches >= 2);
}
END_TEST

START_TEST(test_ends_at_any_time)
{
	struct opened opened = { 0 };
	struct clove_usb_transfer *in = NULL;
	struct usbfs_port *port = plug(NULL);

	done_count = 0;
	start_capture();
	if (_i > 0) {
		WAIT(known_count == 1);
		port->reset_ms = 50;
		clove_capture_open(capture, known[0].id, -1, on_opened, &opened);
	}
	if (_i > 1)
		turn_for(20);
	if (_i > 2) {
		WAIT(opened.answers);
		in = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 512);
		turn_for(_i > 3 ? 20 : 0);
	}
	clove_capture_free(capture);
	capture = NULL;
	if (in) {
		ck_assert_int_eq(done_count, 1);
		ck_assert_int_eq(opened.gone, 1);
		ck_assert(!in->is_submitted);
		clove_usb_transfer_free(in);
		/* a shell that answers */
		expect(give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 512), CLOVE_USB_IOERROR, 0);
		clove_usb_reset(opened.device);
		close_one(&opened);
	} else if (_i > 0) {
		ck_assert_int_eq(opened.answers, 1);
		ck_assert_ptr_null(opened.device);
	}
	ck_assert_int_eq(port->attaches, port->detaches);
}
END_TEST

/* ---- transfers ----------------------------------------------------------------------------- */

START_TEST(test_controls)
{
	struct opened opened;
	uint8_t bytes[4000], back[4000];
	size_t len;

	open_one(&opened);
	fill(bytes, sizeof bytes);
	len = sizeof bytes;
	ck_assert_uint_eq(ask(opened.device, 0x40, MOCK_STORE, 0, 0, bytes, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, sizeof bytes);
	len = sizeof back;
	ck_assert_uint_eq(ask(opened.device, 0xc0, MOCK_FETCH, 0, 0, back, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, sizeof back);
	ck_assert_mem_eq(back, bytes, sizeof bytes);
	len = 10;
	ck_assert_uint_eq(ask(opened.device, 0xc0, MOCK_FETCH, 0, 0, back, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, 10);
	len = 10;
	ck_assert_uint_eq(ask(opened.device, 0xc0, 99, 0, 0, back, &len), CLOVE_USB_STALL);
	/* a descriptor */
	len = 255;
	ck_assert_uint_eq(ask(opened.device, 0x80, 6, 0x0100, 0, back, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, 18);
	/* what the kernel has to know of */
	len = 1;
	ck_assert_uint_eq(ask(opened.device, 0x80, 8, 0, 0, back, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(len, 1);
	ck_assert_uint_eq(back[0], 1);
	len = 1;
	ck_assert_uint_eq(ask(opened.device, 0x81, 10, 0, 1, back, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(back[0], 0);
	len = 1;
	ck_assert_uint_eq(ask(opened.device, 0x81, 10, 0, 7, back, &len), CLOVE_USB_STALL);
	len = 1;
	ck_assert_uint_eq(ask(opened.device, 0x81, 10, 0, 0xffff, back, &len), CLOVE_USB_STALL);
	ck_assert_uint_eq(command(opened.device, 0x00, 5, 3, 0), CLOVE_USB_STALL); /* SET_ADDRESS */
	ck_assert_uint_eq(command(opened.device, 0x01, 11, 5, 1), CLOVE_USB_STALL); /* no such setting */
	ck_assert_uint_eq(command(opened.device, 0x01, 11, 0, 40), CLOVE_USB_STALL);
	close_one(&opened);
}
END_TEST

static const size_t sizes[] = { 0, 1, 511, 512, 513, 16384, 65536, 100000, 1 << 20 };

START_TEST(test_moves_bulk)
{
	struct opened opened;

	open_one(&opened);
	try_bulk(opened.device, sizes[_i]);
	close_one(&opened);
}
END_TEST

START_TEST(test_moves_bulk_in_order)
{
	enum { N = 8, LEN = 3000 };
	struct clove_usb_transfer *in[N], *out[N];
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	uint8_t bytes[LEN];

	for (int i = 0; i < N; i++)
		in[i] = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, LEN);
	WAIT(port->flying == N);
	for (int i = 0; i < N; i++) {
		memset(bytes, i + 1, sizeof bytes);
		out[i] = give(opened.device, MOCK_BULK_OUT, CLOVE_USB_BULK, bytes, LEN);
	}
	for (int i = 0; i < N; i++) {
		WAIT(!in[i]->is_submitted && !out[i]->is_submitted);
		ck_assert_uint_eq(in[i]->actual, LEN);
		ck_assert_uint_eq(in[i]->data[0], i + 1);
		ck_assert_uint_eq(in[i]->data[LEN - 1], i + 1);
		clove_usb_transfer_free(in[i]);
		clove_usb_transfer_free(out[i]);
	}
	/* a short answer */
	in[0] = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, LEN);
	expect(give(opened.device, MOCK_BULK_OUT, CLOVE_USB_BULK, bytes, 7), CLOVE_USB_SUCCESS, 7);
	expect(in[0], CLOVE_USB_SUCCESS, 7);
	close_one(&opened);
}
END_TEST

/* The kernel's bound on memory: what does not fit waits, in order. */
START_TEST(test_waits_for_the_kernels_memory)
{
	enum { N = 6, LEN = 100000 };
	struct clove_usb_transfer *in[N];
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	uint8_t *bytes = malloc(LEN);

	port->memory = 250000;
	for (int i = 0; i < N; i++)
		in[i] = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, LEN);
	WAIT(port->flying == 2);
	port->memory = 350000; /* and now one fits for writing */
	for (int i = 0; i < N; i++) {
		memset(bytes, i + 1, LEN);
		if (i == N - 1)
			clove_usb_cancel(opened.device, in[i]);
		else
			expect(give(opened.device, MOCK_BULK_OUT, CLOVE_USB_BULK, bytes, 0), CLOVE_USB_SUCCESS, 0);
	}
	port->memory = 0;
	expect(in[N - 1], CLOVE_USB_CANCELLED, 0);
	for (int i = 0; i < N - 1; i++)
		clove_usb_cancel(opened.device, in[i]);
	for (int i = 0; i < N - 1; i++)
		expect(in[i], CLOVE_USB_CANCELLED, 0);
	free(bytes);
	/* alone and too large: no waiting helps */
	port->memory = 1000;
	expect(give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, LEN), CLOVE_USB_IOERROR, 0);
	port->memory = 0;
	try_bulk(opened.device, 1000);
	close_one(&opened);
}
END_TEST

START_TEST(test_interrupts_and_cancels)
{
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	struct clove_usb_transfer *in = give(opened.device, MOCK_INTERRUPT, CLOVE_USB_INTERRUPT, NULL, 8);

	WAIT(port->flying == 1);
	ck_assert(in->is_submitted);
	ck_assert_uint_eq(command(opened.device, 0x40, MOCK_EVENT, 0x77, 0), CLOVE_USB_SUCCESS);
	WAIT(!in->is_submitted);
	ck_assert_uint_eq(in->actual, 4);
	ck_assert_uint_eq(in->data[3], 0x77);
	clove_usb_submit(opened.device, in);
	clove_usb_cancel(opened.device, in); /* before the thread has seen it, perhaps */
	WAIT(!in->is_submitted);
	ck_assert_uint_eq(in->status, CLOVE_USB_CANCELLED);
	clove_usb_submit(opened.device, in);
	WAIT(port->flying == 1);
	clove_usb_cancel(opened.device, in);
	clove_usb_cancel(opened.device, in);
	WAIT(!in->is_submitted);
	ck_assert_uint_eq(in->status, CLOVE_USB_CANCELLED);
	ck_assert_ptr_nonnull(in->data);
	/* the race of an answer and a cancel: either, and once */
	for (int i = 0; i < 20; i++) {
		struct clove_usb_transfer *event = give_control(opened.device, 0x40, MOCK_EVENT, 1, 0, NULL, 0);

		clove_usb_submit(opened.device, in);
		for (int k = 0; k < i && in->is_submitted; k++)
			clove_poll_loop_step(loop, 0);
		clove_usb_cancel(opened.device, in);
		WAIT(!in->is_submitted && !event->is_submitted);
		ck_assert(in->status == CLOVE_USB_CANCELLED || in->status == CLOVE_USB_SUCCESS);
		clove_usb_transfer_free(event);
	}
	clove_usb_transfer_free(in);
	close_one(&opened);
}
END_TEST

static struct clove_usb_transfer *give_iso(struct clove_usb_device *device, uint8_t endpoint, uint32_t packets,
		uint16_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(endpoint, CLOVE_USB_ISO, (size_t)packets * len,
			packets);

	for (uint32_t i = 0; i < packets; i++)
		transfer->packets[i].len = len;
	transfer->done = on_done;
	clove_usb_submit(device, transfer);
	return transfer;
}

START_TEST(test_moves_iso)
{
	struct clove_usb_transfer *transfer;
	struct opened opened;
	uint8_t word[4];
	size_t len = 4;

	open_one(&opened);
	/* not before its setting is chosen */
	transfer = give_iso(opened.device, MOCK_ISO_IN, 8, 192);
	ck_assert_uint_eq(transfer->status, CLOVE_USB_INVAL);
	clove_usb_transfer_free(transfer);
	ck_assert_uint_eq(command(opened.device, 0x01, 11, 1, 1), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(opened.device->shape.endpoints[clove_usb_index(MOCK_ISO_IN)].type, CLOVE_USB_ISO);
	ck_assert_uint_eq(opened.device->shape.endpoints[clove_usb_index(MOCK_ISO_IN)].max_packet, 2 * 192);
	ck_assert_uint_eq(opened.device->shape.endpoints[clove_usb_index(MOCK_ISO_OUT)].max_packet, 192);
	ck_assert_uint_eq(opened.device->shape.endpoints[clove_usb_index(MOCK_ISO_IN)].interface, 1);
	for (int round = 0; round < 3; round++) {
		uint32_t n = round == 2 ? 32 : 8;

		transfer = give_iso(opened.device, MOCK_ISO_IN, n, 192);
		WAIT(!transfer->is_submitted);
		ck_assert_uint_eq(transfer->status, CLOVE_USB_SUCCESS);
		for (uint32_t i = 0; i < n; i++) {
			const struct clove_usb_packet *packet = &transfer->packets[i];

			ck_assert_uint_eq(packet->status, i == 3 ? CLOVE_USB_IOERROR : CLOVE_USB_SUCCESS);
			ck_assert_uint_eq(packet->actual, i == 3 ? 0 : 10 + i);
			if (i != 3) {
				ck_assert_uint_eq(transfer->data[i * 192], i);
				ck_assert_uint_eq(transfer->data[i * 192 + 9 + i], i);
			}
		}
		clove_usb_transfer_free(transfer);
	}
	transfer = give_iso(opened.device, MOCK_ISO_OUT, 10, 100);
	WAIT(!transfer->is_submitted);
	ck_assert_uint_eq(transfer->status, CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(transfer->packets[9].actual, 100);
	ck_assert_uint_eq(transfer->actual, 1000);
	clove_usb_transfer_free(transfer);
	ck_assert_uint_eq(ask(opened.device, 0xc0, MOCK_ISO_BYTES, 0, 0, word, &len), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(clove_le32(word), 1000);
	/* back to the setting without them */
	ck_assert_uint_eq(command(opened.device, 0x01, 11, 0, 1), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(opened.device->shape.endpoints[clove_usb_index(MOCK_ISO_IN)].type, CLOVE_USB_NO_ENDPOINT);
	close_one(&opened);
}
END_TEST

START_TEST(test_clears_halts)
{
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	struct clove_usb_transfer *in = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 512);

	WAIT(port->flying == 1);
	ck_assert_uint_eq(command(opened.device, 0x40, MOCK_HALT, MOCK_BULK_IN, 0), CLOVE_USB_SUCCESS);
	expect(in, CLOVE_USB_STALL, 0);
	expect(give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 512), CLOVE_USB_STALL, 0);
	ck_assert_uint_eq(command(opened.device, 0x02, 1, 0, MOCK_BULK_IN), CLOVE_USB_SUCCESS);
	ck_assert_int_eq(port->halts_cleared, 1);
	try_bulk(opened.device, 512);
	/* another feature, or endpoint 0, is the device's own affair */
	command(opened.device, 0x02, 1, 1, MOCK_BULK_IN);
	command(opened.device, 0x02, 1, 0, 0);
	ck_assert_int_eq(port->halts_cleared, 1);
	close_one(&opened);
}
END_TEST

START_TEST(test_configures)
{
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	struct clove_usb_transfer *in;

	/* as it is already, and nothing has happened: nobody is let in between */
	ck_assert_uint_eq(command(opened.device, 0x00, 9, 1, 0), CLOVE_USB_SUCCESS);
	ck_assert_int_eq(port->configurations, 0);
	ck_assert_uint_eq(opened.device->shape.configuration, 1);
	in = give(opened.device, MOCK_INTERRUPT, CLOVE_USB_INTERRUPT, NULL, 8);
	WAIT(port->flying == 1);
	ck_assert_uint_eq(command(opened.device, 0x01, 11, 1, 1), CLOVE_USB_SUCCESS);
	ck_assert(in->is_submitted); /* of another interface */
	ck_assert_uint_eq(command(opened.device, 0x00, 9, 1, 0), CLOVE_USB_SUCCESS);
	ck_assert_int_eq(port->configurations, 1);
	expect(in, CLOVE_USB_CANCELLED, 0);
	ck_assert_uint_eq(opened.device->shape.endpoints[clove_usb_index(MOCK_ISO_IN)].type, CLOVE_USB_NO_ENDPOINT);
	try_bulk(opened.device, 100);
	ck_assert_uint_eq(command(opened.device, 0x00, 9, 5, 0), CLOVE_USB_STALL); /* there is none */
	try_bulk(opened.device, 100);
	ck_assert_uint_eq(command(opened.device, 0x00, 9, 0, 0), CLOVE_USB_SUCCESS);
	ck_assert_uint_eq(opened.device->shape.configuration, 0);
	ck_assert_uint_eq(opened.device->shape.interface_count, 0);
	close_one(&opened);
	/* it has its configuration, and so its drivers, again */
	clove_capture_free(capture);
	capture = NULL;
	ck_assert_int_eq(port->configurations, 3);
	ck_assert_int_eq(port->releases, port->claims);
}
END_TEST

START_TEST(test_resets)
{
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	struct clove_usb_transfer *in;

	ck_assert_int_eq(port->resets, 1);
	clove_usb_reset(opened.device); /* just done */
	try_bulk(opened.device, 100);
	ck_assert_int_eq(port->resets, 1);
	ck_assert_uint_eq(command(opened.device, 0x01, 11, 1, 1), CLOVE_USB_SUCCESS);
	in = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 4096);
	WAIT(port->flying == 1);
	port->reset_ms = 300;
	clove_usb_reset(opened.device);
	ck_assert(!in->is_submitted); /* before it returns */
	ck_assert_uint_eq(in->status, CLOVE_USB_CANCELLED);
	clove_usb_transfer_free(in);
	/* what is given meanwhile is done behind it */
	try_bulk(opened.device, 5000);
	ck_assert_int_eq(port->resets, 2);
	ck_assert_int_eq(opened.gone, 0);
	port->reset_error = ENODEV;
	clove_usb_reset(opened.device);
	WAIT(opened.gone);
	ck_assert_int_eq(opened.gone, 1);
	ck_assert_str_eq(opened.gone_why, "it did not come back from a reset");
	close_one(&opened);
}
END_TEST

/* One that is being reset holds up nobody else. */
START_TEST(test_serves_others_meanwhile)
{
	struct usbfs_port_options second = { 1, 3, NULL, "Acme", "Second", NULL, NULL, NULL };
	struct opened one = { 0 }, two = { 0 };
	struct usbfs_port *port = plug(NULL);
	uint64_t begin;

	plug(&second);
	start_capture();
	WAIT(known_count == 2);
	clove_capture_open(capture, known[known[0].address == 2 ? 0 : 1].id, -1, on_opened, &one);
	clove_capture_open(capture, known[known[0].address == 2 ? 1 : 0].id, -1, on_opened, &two);
	WAIT(one.answers && two.answers);
	ck_assert_msg(one.device && two.device, "%s%s", one.why, two.why);
	try_bulk(one.device, 10);
	port->reset_ms = 3000;
	begin = clove_now_ms();
	clove_usb_reset(one.device);
	for (int i = 0; i < 10; i++)
		try_bulk(two.device, 10000);
	ck_assert_uint_lt(clove_now_ms() - begin, 2500);
	port->reset_ms = 0;
	close_one(&two);
	close_one(&one);
}
END_TEST

START_TEST(test_frees_with_transfers)
{
	enum { N = 5 };
	struct clove_usb_transfer *in[N];
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);

	done_count = 0;
	for (int i = 0; i < N; i++)
		in[i] = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 4096);
	if (_i)
		WAIT(port->flying == N);
	close_one(&opened);
	ck_assert_int_eq(done_count, N);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(in[i]->status, CLOVE_USB_CANCELLED);
		clove_usb_transfer_free(in[i]);
	}
	WAIT(port->attaches == 2);
	ck_assert_int_eq(port->flying, 0);
	ck_assert_int_eq(opened.gone, 0);
}
END_TEST

static void keep_status(void *opaque, uint8_t status)
{
	*(int *)opaque = status;
}

START_TEST(test_asks_for_streams)
{
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	int status = -1;

	opened.device->ops->streams(opened.device, 1u << clove_usb_index(MOCK_BULK_IN), 4, keep_status, &status);
	WAIT(status >= 0);
	ck_assert_int_ne(status, CLOVE_USB_SUCCESS); /* the mock has none */
	ck_assert_int_eq(port->streams, 1);
	status = -1;
	opened.device->ops->streams(opened.device, 0, 4, keep_status, &status);
	WAIT(status >= 0);
	ck_assert_int_eq(status, CLOVE_USB_INVAL);
	status = -1;
	opened.device->ops->streams(opened.device, 1, 4, keep_status, &status);
	close_one(&opened);
	ck_assert_int_eq(status, CLOVE_USB_IOERROR);
}
END_TEST

/* ---- unplugging ---------------------------------------------------------------------------- */

START_TEST(test_notices_unplugging)
{
	struct opened opened;
	struct usbfs_port *port = open_one(&opened);
	struct clove_usb_transfer *in = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 4096);

	WAIT(port->flying == 1);
	usbfs_machine_unplug(machine, port);
	WAIT(opened.gone);
	ck_assert(!in->is_submitted);
	ck_assert_uint_eq(in->status, CLOVE_USB_IOERROR);
	ck_assert_str_eq(opened.gone_why, "it was unplugged");
	clove_usb_transfer_free(in);
	WAIT(lost_count == 1);
	turn_for(50);
	ck_assert_int_eq(opened.gone, 1);
	close_one(&opened);
}
END_TEST

/* All that a driver does, with the plug pulled at every second word between libusb and the kernel. Some rows wait
 * for our time limit, as umockdev has no POLLERR to tell libusb. */
START_TEST(test_unplugs_at_every_moment)
{
	enum { N = 6 };
	struct clove_usb_transfer *transfers[N];
	struct opened opened = { 0 };
	struct usbfs_port *port = plug(NULL);
	uint8_t bytes[2000] = { 1 };

	done_count = 0;
	start_capture();
	WAIT(known_count == 1);
	port->unplug_after = 1 + 2 * _i;
	clove_capture_open(capture, known[0].id, -1, on_opened, &opened);
	WAIT(opened.answers);
	if (opened.device) {
		transfers[0] = give_control(opened.device, 0x01, 11, 1, 1, NULL, 0);
		transfers[1] = give(opened.device, MOCK_INTERRUPT, CLOVE_USB_INTERRUPT, NULL, 8);
		transfers[2] = give(opened.device, MOCK_BULK_OUT, CLOVE_USB_BULK, bytes, sizeof bytes);
		transfers[3] = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, sizeof bytes);
		transfers[4] = give_control(opened.device, 0xc0, MOCK_FETCH, 0, 0, NULL, 100);
		transfers[5] = give_control(opened.device, 0x00, 9, 1, 0, NULL, 0);
		WAIT(done_count >= N);
		if (_i % 3 == 1)
			clove_usb_reset(opened.device);
		if (_i % 3 == 2)
			usbfs_machine_unplug(machine, port);
		else
			port->unplug_after = 1;
		/* with something under way the loss is seen at once */
		for (int i = 0; i < 100 && !opened.gone; i++) {
			struct clove_usb_transfer *in = give(opened.device, MOCK_BULK_IN, CLOVE_USB_BULK, NULL, 64);

			WAIT(!in->is_submitted || opened.gone);
			if (in->is_submitted)
				clove_usb_cancel(opened.device, in);
			WAIT(!in->is_submitted);
			clove_usb_transfer_free(in);
		}
		WAIT(opened.gone);
		ck_assert_int_eq(opened.gone, 1);
		for (int i = 0; i < N; i++)
			clove_usb_transfer_free(transfers[i]);
		close_one(&opened);
	} else {
		ck_assert_str_ne(opened.why, "");
	}
}
END_TEST

/* ---- no machine ---------------------------------------------------------------------------- */

START_TEST(test_says_that_there_is_no_usb)
{
	char *error, path[512];

	snprintf(path, sizeof path, "%s/sys/bus/usb/devices", usbfs_machine_root(machine));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_ptr_null(clove_capture_new(loop, &events, &known, &error));
	ck_assert_msg(strstr(error, "No USB here") == error, "%s", error);
	free(error);
}
END_TEST

#define ROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(int argc, char **argv)
{
	Suite *suite = suite_create("capture");
	TCase *finding = tcase_create("finding"), *opening = tcase_create("opening"),
		*transfers = tcase_create("transfers"), *unplugging = tcase_create("unplugging");
	TCase *all[] = { finding, opening, transfers, unplugging };
	SRunner *runner;
	int failed;

	(void)argc;
	if (!usbfs_is_mocked(argv)) {
		printf("skip: umockdev cannot be loaded into this program\n");
		return 77;
	}
	for (int i = 0; i < ROWS(all); i++) {
		tcase_add_checked_fixture(all[i], set_up, tear_down);
		suite_add_tcase(suite, all[i]);
	}
	tcase_add_test(finding, test_finds_devices);
	tcase_add_test(finding, test_follows_plugging);
	tcase_add_loop_test(finding, test_names_devices, 0, ROWS(names));
	tcase_add_test(finding, test_names_from_the_list_of_ids);
	tcase_add_test(finding, test_refuses_what_is_mounted);
	tcase_add_test(finding, test_looks_again);
	tcase_add_test(finding, test_says_that_there_is_no_usb);
	tcase_add_test(opening, test_claims_and_gives_back);
	tcase_add_test(opening, test_opens_once);
	tcase_add_test(opening, test_says_why_not);
	tcase_add_test(opening, test_takes_a_descriptor);
	tcase_add_test(opening, test_never_resets_some);
	tcase_add_loop_test(opening, test_forgets, 0, 4);
	tcase_add_loop_test(opening, test_ends_at_any_time, 0, 5);
	tcase_add_test(transfers, test_controls);
	tcase_add_loop_test(transfers, test_moves_bulk, 0, ROWS(sizes));
	tcase_add_test(transfers, test_moves_bulk_in_order);
	tcase_add_test(transfers, test_waits_for_the_kernels_memory);
	tcase_add_test(transfers, test_interrupts_and_cancels);
	tcase_add_test(transfers, test_moves_iso);
	tcase_add_test(transfers, test_clears_halts);
	tcase_add_test(transfers, test_configures);
	tcase_add_test(transfers, test_resets);
	tcase_add_test(transfers, test_serves_others_meanwhile);
	tcase_add_loop_test(transfers, test_frees_with_transfers, 0, 2);
	tcase_add_test(transfers, test_asks_for_streams);
	tcase_add_test(unplugging, test_notices_unplugging);
	tcase_add_loop_test(unplugging, test_unplugs_at_every_moment, 0, 30);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
