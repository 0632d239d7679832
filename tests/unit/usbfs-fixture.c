/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* usbfs-fixture.c - the kernel's usbfs, played: every ioctl of libusb becomes a transfer of a device of usb/. */
#include "tests/unit/usbfs-fixture.h"

#include <assert.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <linux/usbdevice_fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <umockdev.h>
#include "common/util/bytes.h"
#include "common/util/list.h"

enum { INTERFACES = 8 };

struct usbfs_machine {
	UMockdevTestbed *testbed;
	char *root;
	struct clove_list ports;
};

struct port {
	struct usbfs_port port;              /* first */
	struct clove_list link;
	struct usbfs_machine *machine;
	struct clove_usb_device *device;
	UMockdevIoctlBase *handler;
	int bus, address;
	char *syspath, *node;
	_Atomic bool is_unplugged;
	/* umockdev's thread. */
	uint32_t claimed;                    /* by usbfs */
	uint32_t driven;                     /* the kernel's driver has the interface */
	uint32_t drivable;                   /* and would take it */
	bool has_driver;
	size_t bytes;
	struct clove_list flying, done;
};

struct urb {
	struct clove_list link;
	struct port *port;
	struct clove_usb_transfer *transfer;
	UMockdevIoctlData *data, *buffer;
	size_t size;                         /* of `data` */
	bool is_cancelled;
	struct usbdevfs_urb copy;            /* last: it ends in an open array */
};

/* ---- umockdev's class ---------------------------------------------------------------------- */

typedef struct {
	UMockdevIoctlBase parent;
	struct port *port;
} Usbfs;
typedef struct {
	UMockdevIoctlBaseClass parent;
} UsbfsClass;
GType usbfs_get_type(void);
G_DEFINE_TYPE(Usbfs, usbfs, UMOCKDEV_TYPE_IOCTL_BASE)

static void usbfs_init(Usbfs *self)
{
	(void)self;
}

/* ---- transfers ----------------------------------------------------------------------------- */

static int errno_of(uint8_t status)
{
	static const int errors[] = {
		[CLOVE_USB_SUCCESS] = 0, [CLOVE_USB_CANCELLED] = -ENOENT, [CLOVE_USB_INVAL] = -EINVAL,
		[CLOVE_USB_IOERROR] = -EPROTO, [CLOVE_USB_STALL] = -EPIPE, [CLOVE_USB_TIMEOUT] = -ETIMEDOUT,
		[CLOVE_USB_BABBLE] = -EOVERFLOW,
	};

	return errors[status];
}

static void urb_free(struct urb *urb)
{
	clove_list_remove(&urb->link);
	clove_usb_transfer_free(urb->transfer);
	if (urb->buffer)
		umockdev_ioctl_data_unref(urb->buffer);
	umockdev_ioctl_data_unref(urb->data);
	free(urb);
}

static void on_done(struct clove_usb_transfer *transfer)
{
	struct urb *urb = transfer->opaque;

	urb->port->port.flying--;
	urb->port->bytes -= (size_t)urb->copy.buffer_length;
	clove_list_remove(&urb->link);
	clove_list_append(&urb->port->done, &urb->link);
}

/* The kernel answers standard requests to devices only with what the device says. */
static struct clove_usb_transfer *transfer_of(const struct usbdevfs_urb *urb, const uint8_t *bytes)
{
	static const uint8_t types[] = {
		[USBDEVFS_URB_TYPE_ISO] = CLOVE_USB_ISO, [USBDEVFS_URB_TYPE_INTERRUPT] = CLOVE_USB_INTERRUPT,
		[USBDEVFS_URB_TYPE_CONTROL] = CLOVE_USB_CONTROL, [USBDEVFS_URB_TYPE_BULK] = CLOVE_USB_BULK,
	};
	uint8_t type = types[urb->type], endpoint = urb->endpoint;
	size_t skip = type == CLOVE_USB_CONTROL ? 8 : 0, len = (size_t)urb->buffer_length - skip;
	uint32_t packets = type == CLOVE_USB_ISO ? (uint32_t)urb->number_of_packets : 0;
	struct clove_usb_transfer *transfer;

	if (type == CLOVE_USB_CONTROL)
		endpoint = bytes[0] & CLOVE_USB_IN;
	transfer = clove_usb_transfer_new(endpoint, type, len, packets);
	if (type == CLOVE_USB_CONTROL)
		transfer->setup = (struct clove_usb_setup){ bytes[0], bytes[1], clove_le16(bytes + 2),
				clove_le16(bytes + 4), clove_le16(bytes + 6) };
	if (!(endpoint & CLOVE_USB_IN) && len)
		memcpy(transfer->data, bytes + skip, len);
	for (uint32_t i = 0; i < packets; i++)
		transfer->packets[i].len = (uint16_t)urb->iso_frame_desc[i].length;
	if (type == CLOVE_USB_BULK)
		transfer->stream = urb->stream_id;
	return transfer;
}

/* How much there is must be known before it is resolved: a second resolve at the same place gives the first's
 * answer, and what was resolved beyond the end would be written back there. The caller waits meanwhile. */
__attribute__((no_sanitize("thread")))
static size_t urb_size(const struct port *port, UMockdevIoctlData *arg)
{
	const struct usbdevfs_urb *urb;
	size_t size = sizeof *urb;

	memcpy(&urb, arg->data, sizeof urb);
	if (!port->port.is_foreign && urb->type == USBDEVFS_URB_TYPE_ISO)
		size += (size_t)urb->number_of_packets * sizeof urb->iso_frame_desc[0];
	return size;
}

static int submit(struct port *port, UMockdevIoctlData *arg)
{
	size_t size = urb_size(port, arg);
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, size, NULL);
	const struct usbdevfs_urb *from = (const struct usbdevfs_urb *)data->data;
	struct urb *urb;
	int error = 0;

	if (from->buffer_length < 0 || (from->type == USBDEVFS_URB_TYPE_CONTROL && from->buffer_length < 8) ||
			(from->type == USBDEVFS_URB_TYPE_ISO && port->port.is_foreign))
		error = EINVAL;
	else if (port->port.memory && port->bytes + (size_t)from->buffer_length > (size_t)port->port.memory)
		error = ENOMEM;
	if (error) {
		umockdev_ioctl_data_unref(data);
		return error;
	}
	urb = calloc(1, sizeof *urb);
	urb->port = port;
	urb->data = data;
	urb->copy = *from;
	urb->size = size;
	if (from->buffer_length)
		urb->buffer = umockdev_ioctl_data_resolve(data, G_STRUCT_OFFSET(struct usbdevfs_urb, buffer),
				(gsize)from->buffer_length, NULL);
	urb->transfer = transfer_of(from, urb->buffer ? urb->buffer->data : NULL);
	urb->transfer->done = on_done;
	urb->transfer->opaque = urb;
	port->bytes += (size_t)from->buffer_length;
	clove_list_init(&urb->link);
	clove_list_append(&port->flying, &urb->link);
	if (++port->port.flying > port->port.most_flying)
		port->port.most_flying = (int)port->port.flying;
	clove_usb_submit(port->device, urb->transfer);
	return 0;
}

static int discard(struct port *port, UMockdevIoctlData *arg)
{
	gulong address;

	memcpy(&address, arg->data, sizeof address);
	CLOVE_LIST_FOR_EACH(item, &port->flying) {
		struct urb *urb = CLOVE_CONTAINER(item, struct urb, link);

		if (urb->data->client_addr == address) {
			clove_usb_cancel(port->device, urb->transfer);
			return 0;
		}
	}
	return EINVAL;
}

static int reap(struct port *port, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *cell;
	struct usbdevfs_urb *to;
	struct urb *urb;

	if (clove_list_is_empty(&port->done))
		return EAGAIN;
	urb = CLOVE_CONTAINER(port->done.next, struct urb, link);
	cell = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);
	to = malloc(urb->size);
	memcpy(to, urb->data->data, urb->size);
	to->status = errno_of(urb->transfer->status);
	to->actual_length = (int)urb->transfer->actual;
	if (urb->transfer->type == CLOVE_USB_ISO) {
		to->status = urb->transfer->status == CLOVE_USB_CANCELLED ? -ENOENT : 0;
		for (uint32_t i = 0; i < urb->transfer->packet_count; i++) {
			to->iso_frame_desc[i].actual_length = urb->transfer->packets[i].actual;
			to->iso_frame_desc[i].status = (unsigned int)errno_of(urb->transfer->packets[i].status);
		}
		umockdev_ioctl_data_update(urb->data, 0, (guint8 *)to, (gint)(sizeof *to +
				urb->transfer->packet_count * sizeof to->iso_frame_desc[0]));
	} else {
		umockdev_ioctl_data_update(urb->data, 0, (guint8 *)to, sizeof *to);
	}
	free(to);
	if (urb->transfer->endpoint & CLOVE_USB_IN && urb->buffer && urb->transfer->len) {
		bool is_control = urb->transfer->type == CLOVE_USB_CONTROL;
		size_t len = urb->transfer->type == CLOVE_USB_ISO ? urb->transfer->len : urb->transfer->actual;

		if (len)
			umockdev_ioctl_data_update(urb->buffer, is_control ? 8 : 0, urb->transfer->data, (gint)len);
	}
	umockdev_ioctl_data_set_ptr(cell, 0, urb->data);
	umockdev_ioctl_data_unref(cell);
	port->port.reaped++;
	urb_free(urb);
	return 0;
}

/* ---- what the kernel does itself ----------------------------------------------------------- */

static void keep_status(struct clove_usb_transfer *transfer)
{
	(void)transfer;
}

/* A control transfer that waits: only for what devices answer at once. The status, or negative. */
static int control(struct clove_usb_device *device, uint8_t request_type, uint8_t request, uint16_t value,
		uint16_t index, uint8_t *data, size_t len)
{
	struct clove_usb_transfer *transfer = clove_usb_transfer_new(request_type & CLOVE_USB_IN, CLOVE_USB_CONTROL,
			len, 0);
	int result;

	transfer->setup = (struct clove_usb_setup){ request_type, request, value, index, (uint16_t)len };
	transfer->done = keep_status;
	if (!(request_type & CLOVE_USB_IN) && len)
		memcpy(transfer->data, data, len);
	clove_usb_submit(device, transfer);
	assert(!transfer->is_submitted);
	result = transfer->status == CLOVE_USB_SUCCESS ? (int)transfer->actual : errno_of(transfer->status);
	if (request_type & CLOVE_USB_IN && result > 0)
		memcpy(data, transfer->data, (size_t)result);
	clove_usb_transfer_free(transfer);
	return result;
}

/* The first of its integers. */
static int word(UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(int), NULL);
	int value;

	memcpy(&value, data->data, sizeof value);
	umockdev_ioctl_data_unref(data);
	return value;
}

static int set_interface(struct port *port, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_setinterface), NULL);
	struct usbdevfs_setinterface setting;

	memcpy(&setting, data->data, sizeof setting);
	umockdev_ioctl_data_unref(data);
	port->port.settings++;
	return control(port->device, 0x01, 11, (uint16_t)setting.altsetting, (uint16_t)setting.interface, NULL, 0) < 0 ?
			EINVAL : 0;
}

static int claim(struct port *port, int interface)
{
	if (interface < 0 || interface >= INTERFACES)
		return EINVAL;
	if (port->driven & 1u << interface || port->port.busy)
		return EBUSY;
	port->claimed |= 1u << interface;
	port->port.claims++;
	return 0;
}

static int disconnect(struct port *port, int interface)
{
	if (port->port.busy)
		return EBUSY;
	if (!(port->driven & 1u << interface))
		return ENODATA;
	port->driven &= ~(1u << interface);
	port->port.detaches++;
	return 0;
}

static int connect_driver(struct port *port, int interface)
{
	if (port->claimed & 1u << interface)
		return EBUSY;
	if (!port->has_driver)
		return ENODATA;
	port->driven |= 1u << interface;
	port->port.attaches++;
	return 0;
}

static int reset(struct port *port)
{
	port->port.resets++;
	if (port->port.reset_error)
		return port->port.reset_error;
	clove_usb_reset(port->device);
	return control(port->device, 0x00, 9, 1, 0, NULL, 0) < 0 ? ENODEV : 0;
}

static int set_configuration(struct port *port, int value)
{
	if (port->claimed || (port->driven && port->port.busy))
		return EBUSY;
	port->driven = 0;
	if (control(port->device, 0x00, 9, value < 0 ? 0 : (uint16_t)value, 0, NULL, 0) < 0)
		return EINVAL;
	if (port->has_driver)
		port->driven = port->drivable;
	port->port.configurations++;
	return 0;
}

static int sync_control(struct port *port, UMockdevIoctlData *arg, long *result)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_ctrltransfer), NULL);
	struct usbdevfs_ctrltransfer request;
	UMockdevIoctlData *bytes;
	uint8_t *copy;
	int got;

	memcpy(&request, data->data, sizeof request);
	bytes = request.wLength ? umockdev_ioctl_data_resolve(data, G_STRUCT_OFFSET(struct usbdevfs_ctrltransfer, data),
			request.wLength, NULL) : NULL;
	copy = calloc(1, (size_t)request.wLength + 1);
	if (bytes)
		memcpy(copy, bytes->data, request.wLength);
	got = control(port->device, request.bRequestType, request.bRequest, request.wValue, request.wIndex, copy,
			request.wLength);
	if (bytes && got > 0 && request.bRequestType & CLOVE_USB_IN)
		umockdev_ioctl_data_update(bytes, 0, copy, got);
	free(copy);
	if (bytes)
		umockdev_ioctl_data_unref(bytes);
	umockdev_ioctl_data_unref(data);
	*result = got;
	return got < 0 ? -got : 0;
}

static int capabilities(UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(uint32_t), NULL);
	uint32_t caps = USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_REAP_AFTER_DISCONNECT;

	umockdev_ioctl_data_update(data, 0, (guint8 *)&caps, sizeof caps);
	umockdev_ioctl_data_unref(data);
	return 0;
}

static int connect_info(struct port *port, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_connectinfo), NULL);
	struct usbdevfs_connectinfo info = { .devnum = (unsigned int)port->address,
		.slow = port->device->shape.speed == CLOVE_USB_LOW };

	umockdev_ioctl_data_update(data, 0, (guint8 *)&info, sizeof info);
	umockdev_ioctl_data_unref(data);
	return 0;
}

static void keep_streams(void *opaque, uint8_t status)
{
	*(uint8_t *)opaque = status;
}

static int streams(struct port *port, UMockdevIoctlData *arg, bool is_alloc, long *result)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_streams) + 32, NULL);
	const struct usbdevfs_streams *from = (const struct usbdevfs_streams *)data->data;
	uint32_t endpoints = 0, count = is_alloc ? from->num_streams : 0;
	uint8_t status = CLOVE_USB_STALL;

	for (unsigned int i = 0; i < from->num_eps && i < 32; i++)
		endpoints |= 1u << clove_usb_index(from->eps[i]);
	umockdev_ioctl_data_unref(data);
	if (port->device->ops->streams)
		port->device->ops->streams(port->device, endpoints, count, keep_streams, &status);
	port->port.streams++;
	*result = (long)count;
	return status ? EINVAL : 0;
}

static int driver_ioctl(struct port *port, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_ioctl), NULL);
	struct usbdevfs_ioctl request;

	memcpy(&request, data->data, sizeof request);
	umockdev_ioctl_data_unref(data);
	if (request.ifno < 0 || request.ifno >= INTERFACES)
		return EINVAL;
	return request.ioctl_code == (int)USBDEVFS_DISCONNECT ? disconnect(port, request.ifno) :
			request.ioctl_code == (int)USBDEVFS_CONNECT ? connect_driver(port, request.ifno) : ENODATA;
}

static int serve(struct port *port, unsigned int request, UMockdevIoctlData *arg, long *result)
{
	static const int speeds[] = { 1, 2, 3, 5 };
	int number;

	switch (request) {
	case USBDEVFS_GET_CAPABILITIES: return capabilities(arg);
	case USBDEVFS_GET_SPEED: *result = speeds[port->device->shape.speed]; return 0;
	case USBDEVFS_CONNECTINFO: return connect_info(port, arg);
	case USBDEVFS_CONTROL: return sync_control(port, arg, result);
	case USBDEVFS_SUBMITURB: return submit(port, arg);
	case USBDEVFS_DISCARDURB: return discard(port, arg);
	case USBDEVFS_REAPURB:
	case USBDEVFS_REAPURBNDELAY: return reap(port, arg);
	case USBDEVFS_CLAIMINTERFACE: return claim(port, word(arg));
	case USBDEVFS_RELEASEINTERFACE:
		number = word(arg);
		if (!(port->claimed & 1u << number))
			return EINVAL;
		port->claimed &= ~(1u << number);
		port->port.releases++;
		return 0;
	case USBDEVFS_DISCONNECT_CLAIM:
		number = word(arg);
		if (port->driven & 1u << number && disconnect(port, number))
			return EBUSY;
		return claim(port, number);
	case USBDEVFS_GETDRIVER: return ENODATA;
	case USBDEVFS_IOCTL: return driver_ioctl(port, arg);
	case USBDEVFS_SETINTERFACE: return set_interface(port, arg);
	case USBDEVFS_SETCONFIGURATION: return set_configuration(port, word(arg));
	case USBDEVFS_CLEAR_HALT:
		port->port.halts_cleared++;
		return control(port->device, 0x02, 1, 0, (uint16_t)word(arg), NULL, 0) < 0 ? EPIPE : 0;
	case USBDEVFS_RESET: return reset(port);
	case USBDEVFS_ALLOC_STREAMS: return streams(port, arg, true, result);
	case USBDEVFS_FREE_STREAMS: return streams(port, arg, false, result);
	default: return ENOTTY;
	}
}

static void tick(struct port *port)
{
	static uint64_t last;
	uint64_t now = g_get_monotonic_time() / 1000;

	if (port->device->wants_frames && now != last) {
		last = now;
		clove_usb_frame(port->device);
	}
}

/* Others are served meanwhile. */
struct slow_reset {
	struct port *port;
	UMockdevIoctlClient *client;
};

static gboolean end_reset(gpointer opaque)
{
	struct slow_reset *slow = opaque;
	int error = slow->port->is_unplugged ? ENODEV : reset(slow->port);

	umockdev_ioctl_client_complete(slow->client, error ? -1 : 0, error);
	g_object_unref(slow->client);
	free(slow);
	return G_SOURCE_REMOVE;
}

static void reset_slowly(struct port *port, UMockdevIoctlClient *client)
{
	struct slow_reset *slow = calloc(1, sizeof *slow);
	GSource *timer = g_timeout_source_new((guint)port->port.reset_ms);

	slow->port = port;
	slow->client = g_object_ref(client);
	g_source_set_callback(timer, end_reset, slow, NULL);
	g_source_attach(timer, g_main_context_get_thread_default());
	g_source_unref(timer);
}

static gboolean handle_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client)
{
	struct port *port = ((Usbfs *)base)->port;
	unsigned int request = (unsigned int)umockdev_ioctl_client_get_request(client);
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);
	long result = 0;
	int error;

	port->port.ioctls++;
	if (port->port.unplug_after && !--port->port.unplug_after)
		port->is_unplugged = true;
	tick(port);
	if (request == USBDEVFS_RESET && port->port.reset_ms && !port->is_unplugged) {
		reset_slowly(port, client);
		return TRUE;
	}
	error = port->is_unplugged ? ENODEV : serve(port, request, arg, &result);
	umockdev_ioctl_client_complete(client, error ? -1 : result, error);
	return TRUE;
}

/* A program that ended has no claim and no transfer any more. */
static void client_vanished(UMockdevIoctlBase *base, UMockdevIoctlClient *client)
{
	struct port *port = ((Usbfs *)base)->port;

	(void)client;
	while (!clove_list_is_empty(&port->flying))
		clove_usb_cancel(port->device, CLOVE_CONTAINER(port->flying.next, struct urb, link)->transfer);
	CLOVE_LIST_FOR_EACH(item, &port->done)
		urb_free(CLOVE_CONTAINER(item, struct urb, link));
	port->claimed = 0;
}

static void usbfs_class_init(UsbfsClass *class)
{
	class->parent.handle_ioctl = handle_ioctl;
	class->parent.client_vanished = client_vanished;
}

/* ---- the machine --------------------------------------------------------------------------- */

bool usbfs_is_mocked(char **argv)
{
	const char *preload = getenv("LD_PRELOAD");
	char *with;

	if (preload && strstr(preload, "libumockdev-preload"))
		return true;
	with = g_strdup_printf("%s%slibumockdev-preload.so.0", preload ? preload : "", preload ? ":" : "");
	setenv("LD_PRELOAD", with, 1);
	/* the sanitizer's library comes second then, and does without */
	with = g_strdup_printf("%s:verify_asan_link_order=0", getenv("ASAN_OPTIONS") ? getenv("ASAN_OPTIONS") : "");
	setenv("ASAN_OPTIONS", with, 1);
	execv("/proc/self/exe", argv);
	return false;
}

struct usbfs_machine *usbfs_machine_new(void)
{
	struct usbfs_machine *machine = calloc(1, sizeof *machine);
	char *path;

	machine->testbed = umockdev_testbed_new();
	machine->root = umockdev_testbed_get_root_dir(machine->testbed);
	clove_list_init(&machine->ports);
	path = g_strdup_printf("%s/sys/bus/usb/devices", machine->root);
	g_mkdir_with_parents(path, 0755);
	g_free(path);
	return machine;
}

const char *usbfs_machine_root(const struct usbfs_machine *machine)
{
	return machine->root;
}

const char *usbfs_port_syspath(const struct usbfs_port *port)
{
	return ((const struct port *)port)->syspath;
}

static void set_text(struct port *port, const char *name, const char *value)
{
	if (value)
		umockdev_testbed_set_attribute(port->machine->testbed, port->syspath, name, value);
}

/* The device's and every configuration's descriptor, one behind the other: the file "descriptors" and the node. */
static size_t read_descriptors(struct clove_usb_device *device, uint8_t *to, size_t size)
{
	size_t used = 18;

	if (control(device, 0x80, 6, 0x0100, 0, to, 18) != 18)
		return 0;
	for (uint8_t i = 0; i < to[17]; i++) {
		int got = control(device, 0x80, 6, (uint16_t)(0x0200 | i), 0, to + used, size - used);

		if (got > 0)
			used += (size_t)got;
	}
	return used;
}

static void add_interface(struct port *port, const struct clove_usb_interface *interface, const char *driver)
{
	UMockdevTestbed *testbed = port->machine->testbed;
	char *name = g_strdup_printf("%d-%d:1.%d", port->bus, port->address - 1, interface->number), *class, *number, *path;

	class = g_strdup_printf("%02x", interface->interface_class);
	number = g_strdup_printf("%02x", interface->number);
	path = umockdev_testbed_add_device(testbed, "usb", name, port->syspath, "bInterfaceClass", class,
			"bInterfaceNumber", number, NULL, "DEVTYPE", "usb_interface", NULL);
	if (driver) {
		char *link = g_strdup_printf("../../../../../bus/usb/drivers/%s", driver);

		umockdev_testbed_set_attribute_link(testbed, path, "driver", link);
		g_free(link);
		port->drivable |= 1u << interface->number;
	}
	g_free(path);
	g_free(number);
	g_free(class);
	g_free(name);
}

static void add_block(struct port *port, const char *block, const char *number)
{
	char *parent = g_strdup_printf("%s/%d-%d:1.0", port->syspath, port->bus, port->address - 1);
	char *host = umockdev_testbed_add_device(port->machine->testbed, "scsi", "host9", parent, NULL, NULL);
	/* the path of a block device has its class in it */
	char *directory = g_strdup_printf("%s%s/block/%s", port->machine->root, host, block), *dev;

	g_mkdir_with_parents(directory, 0755);
	dev = g_strdup_printf("%s/dev", directory);
	g_file_set_contents(dev, number, -1, NULL);
	g_free(dev);
	g_free(directory);
	g_free(host);
	g_free(parent);
}

/* What is read from it are the descriptors. umockdev keeps its number beside it. */
static void make_node(struct port *port, const uint8_t *descriptors, size_t len)
{
	char *path = g_strdup_printf("%s%s", port->machine->root, port->node), *directory = g_path_get_dirname(path);
	char *numbers = g_strdup_printf("%s/dev/.node", port->machine->root), *link, *target;

	g_mkdir_with_parents(directory, 0755);
	g_mkdir_with_parents(numbers, 0755);
	g_file_set_contents(path, (const gchar *)descriptors, (gssize)len, NULL);
	chmod(path, 0644);
	link = g_strdup_printf("%s/bus_usb_%03d_%03d", numbers, port->bus, port->address);
	target = g_strdup_printf("189:%d", (port->bus - 1) * 128 + port->address - 1);
	if (symlink(target, link) < 0)
		abort();
	g_free(target);
	g_free(link);
	g_free(numbers);
	g_free(directory);
	g_free(path);
}

struct usbfs_port *usbfs_machine_plug(struct usbfs_machine *machine, struct clove_usb_device *take_device,
		const struct usbfs_port_options *options)
{
	static const char *const speeds[] = { "1.5", "12", "480", "5000" };
	struct port *port = calloc(1, sizeof *port);
	struct clove_usb_device *device = take_device;
	uint8_t descriptors[4096];
	char bus[12], address[12], minor[12], *name;
	size_t len = read_descriptors(device, descriptors, sizeof descriptors);

	assert(len);
	port->machine = machine;
	port->device = device;
	port->bus = options->bus;
	port->address = options->address;
	port->has_driver = options->driver;
	clove_list_init(&port->flying);
	clove_list_init(&port->done);
	clove_list_append(&machine->ports, &port->link);
	control(device, 0x00, 9, descriptors[18 + 5], 0, NULL, 0);
	snprintf(bus, sizeof bus, "%d", port->bus);
	snprintf(address, sizeof address, "%d", port->address);
	snprintf(minor, sizeof minor, "%d", (port->bus - 1) * 128 + port->address - 1);
	port->node = g_strdup_printf("/dev/bus/usb/%03d/%03d", port->bus, port->address);
	name = g_strdup_printf("%d-%d", port->bus, port->address - 1);
	port->syspath = umockdev_testbed_add_device(machine->testbed, "usb", name, NULL,
			"busnum", bus, "devnum", address, "speed", speeds[device->shape.speed],
			"bConfigurationValue", "1", "bNumConfigurations", "1", NULL,
			"DEVNAME", port->node, "DEVTYPE", "usb_device", "MAJOR", "189", "MINOR", minor,
			"BUSNUM", bus, "DEVNUM", address, NULL);
	set_text(port, "manufacturer", options->manufacturer);
	set_text(port, "product", options->product);
	set_text(port, "serial", options->serial);
	make_node(port, descriptors, len);
	for (uint32_t i = 0; i < device->shape.interface_count; i++)
		add_interface(port, &device->shape.interfaces[i], options->driver);
	port->driven = port->drivable;
	if (options->block)
		add_block(port, options->block, options->block_number);
	port->handler = g_object_new(usbfs_get_type(), NULL);
	((Usbfs *)port->handler)->port = port;
	umockdev_testbed_attach_ioctl(machine->testbed, port->node, port->handler, NULL);
	/* last: umockdev has told of the device already, and without these nobody takes it for one */
	umockdev_testbed_set_attribute_binary(machine->testbed, port->syspath, "descriptors", descriptors, (gint)len);
	umockdev_testbed_uevent(machine->testbed, port->syspath, "add");
	g_free(name);
	return &port->port;
}

void usbfs_machine_unplug(struct usbfs_machine *machine, struct usbfs_port *usbfs_port)
{
	struct port *port = (struct port *)usbfs_port;

	port->is_unplugged = true;
	umockdev_testbed_uevent(machine->testbed, port->syspath, "remove");
	umockdev_testbed_remove_device(machine->testbed, port->syspath);
}

void usbfs_machine_free(struct usbfs_machine *machine)
{
	CLOVE_LIST_FOR_EACH(item, &machine->ports)
		umockdev_testbed_detach_ioctl(machine->testbed, CLOVE_CONTAINER(item, struct port, link)->node, NULL);
	g_object_unref(machine->testbed); /* joins its thread */
	CLOVE_LIST_FOR_EACH(item, &machine->ports) {
		struct port *port = CLOVE_CONTAINER(item, struct port, link);

		clove_usb_device_free(port->device);
		CLOVE_LIST_FOR_EACH(done, &port->done)
			urb_free(CLOVE_CONTAINER(done, struct urb, link));
		CLOVE_LIST_FOR_EACH(flying, &port->flying)
			urb_free(CLOVE_CONTAINER(flying, struct urb, link));
		g_object_unref(port->handler);
		g_free(port->syspath);
		g_free(port->node);
		free(port);
	}
	g_free(machine->root);
	free(machine);
}

/* ---- the sanitizer's -------------------------------------------------------------------------- */

/* What these libraries lock it cannot see, as they were not built with it; nor then what is handed to umockdev's
 * thread here. */
__attribute__((visibility("default"), used)) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:libumockdev.so\ncalled_from_lib:libumockdev-preload.so\n"
			"called_from_lib:libglib-2.0.so\ncalled_from_lib:libgobject-2.0.so\ncalled_from_lib:libgio-2.0.so\n"
			"called_from_lib:libudev.so\ncalled_from_lib:libusb-1.0.so\n"
			"race:usbfs-fixture.c\n"
			/* descriptors that these libraries closed are used again */
			"race:closedir\n";
}
