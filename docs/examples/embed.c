/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* embed.c - how a virtual machine monitor takes in Clove's SPICE server, USB controller and S3 block.
 *
 * The VMM here has memory, ports and a PCI function, but no processor: guest() plays its driver, goes to sleep,
 * and is woken by a key. Build: cc embed.c $(pkg-config --cflags --libs spice-server clove-ehci clove-s3)
 *
 *   embed [PORT]    listens for viewers on 127.0.0.1 (default: any port), ends after the guest woke up
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <clove-ehci.h>
#include <clove-s3.h>
#include <spice.h>

enum { PM_PORT = 0x600, SCI = 9, MEMORY = 1 << 20, USBSTS = 0x24, USBCMD = 0x20, CONFIGFLAG = 0x60 };

struct vmm {
	uint8_t memory[MEMORY];
	struct clove_ehci *ehci;
	struct clove_s3 *s3;
	uint64_t ehci_due;                     /* UINT64_MAX: not */
	bool is_running, is_off, has_usb_irq;
	int wake_ups;
};

static struct vmm vmm = { .ehci_due = UINT64_MAX, .is_running = true };

static uint64_t now(void *opaque)
{
	struct timespec t;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* -- the event loop, as the SPICE server wants it: QEMU has its own; here it is a table and poll() -- */

struct SpiceTimer { SpiceTimerFunc func; void *opaque; uint64_t due; };          /* due 0: stopped */
struct SpiceWatch { int fd, mask; SpiceWatchFunc func; void *opaque; };

enum { MOST = 64 };
static struct SpiceTimer *timers[MOST];
static struct SpiceWatch *watches[MOST];

static SpiceTimer *timer_add(SpiceTimerFunc func, void *opaque)
{
	for (int i = 0; i < MOST; i++)
		if (!timers[i] && (timers[i] = calloc(1, sizeof *timers[i]))) {
			*timers[i] = (struct SpiceTimer){ func, opaque, 0 };
			return timers[i];
		}
	return NULL;
}

static void timer_start(SpiceTimer *timer, uint32_t ms) { timer->due = now(NULL) + ms * UINT64_C(1000000); }
static void timer_cancel(SpiceTimer *timer) { timer->due = 0; }

static void timer_remove(SpiceTimer *timer)
{
	for (int i = 0; i < MOST; i++)
		if (timers[i] == timer)
			timers[i] = NULL;
	free(timer);
}

static SpiceWatch *watch_add(int fd, int mask, SpiceWatchFunc func, void *opaque)
{
	for (int i = 0; i < MOST; i++)
		if (!watches[i] && (watches[i] = calloc(1, sizeof *watches[i]))) {
			*watches[i] = (struct SpiceWatch){ fd, mask, func, opaque };
			return watches[i];
		}
	return NULL;
}

static void watch_update_mask(SpiceWatch *watch, int mask) { watch->mask = mask; }

static void watch_remove(SpiceWatch *watch)
{
	for (int i = 0; i < MOST; i++)
		if (watches[i] == watch)
			watches[i] = NULL;
	free(watch);
}

static SpiceCoreInterface core = {
	.base = { SPICE_INTERFACE_CORE, "embed", SPICE_INTERFACE_CORE_MAJOR, SPICE_INTERFACE_CORE_MINOR },
	.timer_add = timer_add, .timer_start = timer_start, .timer_cancel = timer_cancel, .timer_remove = timer_remove,
	.watch_add = watch_add, .watch_update_mask = watch_update_mask, .watch_remove = watch_remove,
};

static void turn(int ms)
{
	struct pollfd fds[MOST];
	struct SpiceWatch *whose[MOST];
	nfds_t n = 0;

	for (int i = 0; i < MOST; i++)
		if (watches[i]) {
			whose[n] = watches[i];
			fds[n++] = (struct pollfd){ watches[i]->fd, (short)((watches[i]->mask & SPICE_WATCH_EVENT_READ ?
					POLLIN : 0) | (watches[i]->mask & SPICE_WATCH_EVENT_WRITE ? POLLOUT : 0)), 0 };
		}
	if (vmm.ehci_due != UINT64_MAX)
		ms = 0;                        /* a real one has a timer of nanoseconds here */
	poll(fds, n, ms);
	for (nfds_t i = 0; i < n; i++)
		for (int k = 0; k < MOST; k++)     /* it may have been removed by one before */
			if (fds[i].revents && watches[k] == whose[i]) {
				watches[k]->func(fds[i].fd, (fds[i].revents & POLLOUT ? SPICE_WATCH_EVENT_WRITE : 0) |
						(fds[i].revents & ~POLLOUT ? SPICE_WATCH_EVENT_READ : 0), watches[k]->opaque);
				break;
			}
	for (int i = 0; i < MOST; i++)
		if (timers[i] && timers[i]->due && timers[i]->due <= now(NULL)) {
			timers[i]->due = 0;
			timers[i]->func(timers[i]->opaque);
		}
	if (vmm.ehci_due <= now(NULL)) {
		vmm.ehci_due = UINT64_MAX;
		clove_ehci_run(vmm.ehci);
	}
}

/* -- the USB controller: what it asks of a VMM -- */

static bool dma_read(void *opaque, uint64_t address, void *data, size_t len)
{
	(void)opaque;
	if (len > MEMORY || address > MEMORY - len)
		return false;
	memcpy(data, vmm.memory + address, len);
	return true;
}

static bool dma_write(void *opaque, uint64_t address, const void *data, size_t len)
{
	(void)opaque;
	if (len > MEMORY || address > MEMORY - len)
		return false;
	memcpy(vmm.memory + address, data, len);
	return true;
}

static void set_irq(void *opaque, bool level) { (void)opaque; vmm.has_usb_irq = level; }
static void wake_at(void *opaque, uint64_t ns) { (void)opaque; vmm.ehci_due = ns; }
static void power_event(void *opaque) { (void)opaque; clove_s3_event(vmm.s3, CLOVE_S3_USB); }

static const struct clove_ehci_vmm ehci_vmm = {
	.dma_read = dma_read, .dma_write = dma_write, .set_irq = set_irq, .now = now, .wake_at = wake_at,
	.power_event = power_event,
};

/* -- sleep -- */

static void set_sci(void *opaque, bool level) { (void)opaque, (void)level; /* line SCI of the interrupt controller */ }
static void go_to_sleep(void *opaque) { (void)opaque; vmm.is_running = false; }
static void power_off(void *opaque) { (void)opaque; vmm.is_off = true; }

static void wake(void *opaque)
{
	(void)opaque;
	clove_ehci_reset(vmm.ehci);            /* and all else but memory; devices stay plugged in */
	vmm.is_running = true;                 /* the firmware jumps to the FACS's waking vector */
	vmm.wake_ups++;
}

static const struct clove_s3_vmm s3_vmm = { set_sci, go_to_sleep, wake, power_off };

/* -- the keyboard: viewers' keys reach the guest, and wake it -- */

static void push_scan(SpiceKbdInstance *keyboard, uint8_t code)
{
	(void)keyboard;
	if (!(code & 0x80))
		clove_s3_event(vmm.s3, CLOVE_S3_KEY);
	/* ... and into the PS/2 controller's queue */
}

static uint8_t get_leds(SpiceKbdInstance *keyboard) { (void)keyboard; return 0; }

static SpiceKbdInterface keyboard_interface = {
	.base = { SPICE_INTERFACE_KEYBOARD, "embed", SPICE_INTERFACE_KEYBOARD_MAJOR, SPICE_INTERFACE_KEYBOARD_MINOR },
	.push_scan_freg = push_scan, .get_leds = get_leds,
};
static SpiceKbdInstance keyboard = { .base.sif = &keyboard_interface.base };

/* -- what the guest's firmware and drivers would do; false: something was not as it should be -- */

static bool guest(void)
{
	uint8_t fadt[276] = "FACP", ssdt[CLOVE_S3_SSDT_SIZE];

	clove_s3_fadt(fadt, sizeof fadt, PM_PORT, SCI); /* tables that the firmware puts in place */
	clove_s3_ssdt(ssdt);
	clove_ehci_config_write(vmm.ehci, 4, 6, 2);     /* memory and bus mastering */
	clove_ehci_bar_write(vmm.ehci, USBCMD, 1, 4);   /* run */
	clove_ehci_bar_write(vmm.ehci, CONFIGFLAG, 1, 4);
	turn(0);
	if (!(clove_ehci_bar_read(vmm.ehci, CONFIGFLAG + 4, 4) & 1))
		return false;                          /* a device is connected to port 1 */
	clove_s3_write(vmm.s3, CLOVE_S3_PM1_CONTROL, CLOVE_S3_SLEEP_TYPE << 10 | 1 << 13, 2);
	if (vmm.is_running)
		return false;
	push_scan(&keyboard, 0x1e);                     /* as a viewer's key does */
	return vmm.is_running && vmm.wake_ups == 1 && clove_s3_read(vmm.s3, CLOVE_S3_PM1_STATUS, 2) >> 15;
}

int main(int argc, char **argv)
{
	SpiceServer *server = spice_server_new();
	char *error = NULL, path[] = "/tmp/embed-XXXXXX";
	int fd = mkstemp(path);
	bool is_fine;

	vmm.ehci = clove_ehci_new(&ehci_vmm, NULL);
	vmm.s3 = clove_s3_new(&s3_vmm, NULL);
	if (!server || !vmm.ehci || !vmm.s3 || fd < 0 || ftruncate(fd, 1 << 20) < 0)
		return 1;
	spice_server_set_addr(server, "127.0.0.1", SPICE_ADDR_FLAG_IPV4_ONLY);
	if (argc > 1)
		spice_server_set_port(server, atoi(argv[1]));
	spice_server_set_noauth(server);
	if (argc > 1 && (spice_server_init(server, &core) || spice_server_add_interface(server, &keyboard.base)))
		return 1;

	struct clove_usb_device *stick = clove_ehci_storage_new(path, CLOVE_EHCI_WRITABLE, &error);

	if (!stick)
		fprintf(stderr, "embed: %s\n", error ? error : "no memory");
	else
		printf("the stick is at port %d\n", clove_ehci_plug(vmm.ehci, stick));
	is_fine = stick && guest();
	puts(is_fine ? "a key woke the guest" : "something is wrong");
	clove_ehci_free(vmm.ehci);
	clove_s3_free(vmm.s3);
	spice_server_destroy(server);
	unlink(path);
	free(error);
	return !is_fine;
}
