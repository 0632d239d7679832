/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clove-ehci-vfio.c - the daemon: joins the EHCI model to vfio-user, its devices, a clock and a control socket. */
#include "config.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/net/tcp.h"
#include "common/util/log.h"
#include "vmm-glue/clove-ehci.h"
#include "vmm-glue/daemon/control.h"
#include "vmm-glue/daemon/options.h"
#include "vmm-glue/daemon/sandbox.h"
#include "vmm-glue/daemon/waker.h"
#include "vmm-glue/vfio-user/server.h"

enum { PORTS_MAX = CLOVE_EHCI_ROOT_PORTS + CLOVE_EHCI_HUB_PORTS, HUB_FIRST = 101 };

struct daemon {
	struct clove_ehci_options options;
	struct clove_loop *loop;
	struct clove_ehci *ehci;
	struct clove_vfio_server *server;
	struct clove_control *control;
	struct clove_waker *waker;
	struct clove_tls *tls[CLOVE_OPTIONS_TARGETS];
	struct clove_redir *redirs[CLOVE_OPTIONS_TARGETS];
	/* software devices, to be typed on and asked; they leave only when they are unplugged */
	struct port {
		int number;               /* 0: none */
		enum clove_device_kind kind;
		struct clove_usb_device *device;
	} ports[PORTS_MAX];

	int timer, signals;
	struct clove_watch *timer_watch, *signals_watch;
	uint64_t due, armed;          /* when the controller wants to run; what the timer is set to */
	bool is_quitting, has_socket, has_control; /* has: the path is ours */
};

/* -- what the controller asks of us -- */

static bool dma_read(void *opaque, uint64_t address, void *data, size_t len)
{
	return clove_vfio_dma(((struct daemon *)opaque)->server, address, data, len, false);
}

static bool dma_write(void *opaque, uint64_t address, const void *data, size_t len)
{
	return clove_vfio_dma(((struct daemon *)opaque)->server, address, (void *)(uintptr_t)data, len, true);
}

static void set_irq(void *opaque, bool level)
{
	struct daemon *self = opaque;

	/* the controller is born before its server */
	if (self->server)
		clove_vfio_interrupt(self->server, level);
}

static uint64_t now(void *opaque)
{
	(void)opaque;
	return clove_now_ns();
}

static void wake_at(void *opaque, uint64_t ns)
{
	((struct daemon *)opaque)->due = ns;
}

static void power_event(void *opaque)
{
	clove_waker_wake(((struct daemon *)opaque)->waker);
}

static void log_line(void *opaque, const char *line)
{
	(void)opaque;
	clove_log_limited(WARN, "ehci", "%s", line);
}

static const struct clove_ehci_vmm vmm = {
	.dma_read = dma_read, .dma_write = dma_write, .set_irq = set_irq, .now = now, .wake_at = wake_at,
	.power_event = power_event, .log = log_line,
};

/* -- what the VMM asks of the controller -- */

static uint32_t config_read(void *opaque, uint32_t offset, unsigned int size)
{
	return clove_ehci_config_read(((struct daemon *)opaque)->ehci, offset, size);
}

static void config_write(void *opaque, uint32_t offset, uint32_t value, unsigned int size)
{
	clove_ehci_config_write(((struct daemon *)opaque)->ehci, offset, value, size);
}

static uint32_t bar_read(void *opaque, uint32_t bar, uint32_t offset, unsigned int size)
{
	(void)bar;
	return clove_ehci_bar_read(((struct daemon *)opaque)->ehci, offset, size);
}

static void bar_write(void *opaque, uint32_t bar, uint32_t offset, uint32_t value, unsigned int size)
{
	(void)bar;
	clove_ehci_bar_write(((struct daemon *)opaque)->ehci, offset, value, size);
}

static void reset(void *opaque)
{
	clove_ehci_reset(((struct daemon *)opaque)->ehci);
}

static void attached(void *opaque, bool is_attached)
{
	struct daemon *self = opaque;

	/* a socket that was handed over connected is all there will ever be */
	if (!is_attached && self->options.fd >= 0 && !self->options.socket)
		self->is_quitting = true;
}

static const struct clove_vfio_function function = {
	.config_size = 256,
	.bar_sizes = { CLOVE_EHCI_BAR_SIZE },
	.config_read = config_read, .config_write = config_write,
	.bar_read = bar_read, .bar_write = bar_write,
	.reset = reset, .attached = attached,
};

/* -- devices -- */

static struct port *find_port(struct daemon *self, int number)
{
	for (int i = 0; i < PORTS_MAX; i++)
		if (self->ports[i].number == number)
			return &self->ports[i];
	return NULL;
}

static bool plug_remote(void *owner, struct clove_usb_device *device)
{
	return clove_ehci_plug(((struct daemon *)owner)->ehci, device) != 0;
}

/* The port, or 0 with a sentence. */
static int plug(struct daemon *self, const struct clove_device_spec *spec, int fd, char **error)
{
	struct clove_usb_device *device = clove_device_new(spec, fd, self->loop, error);
	int number = device ? clove_ehci_plug(self->ehci, device) : 0;
	struct port *port = number ? find_port(self, 0) : NULL;

	if (port)
		*port = (struct port){ number, spec->kind, device };
	else if (device && !number)
		clove_explain(error, "all ports are taken: unplug something first");
	return number;
}

static void append(struct clove_buf *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct clove_buf *out, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (n > 0 && clove_buf_append(out, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1))
		clove_log(WARN, "control", "no memory for an answer");
}

static void control_plug(struct daemon *self, const char *text, int fd, struct clove_buf *out)
{
	struct clove_device_spec spec;
	char *error = NULL;
	int number = 0;

	if (clove_device_spec_parse(text, &spec, &error)) {
		number = plug(self, &spec, fd, &error);
		fd = -1;
		clove_device_spec_fini(&spec);
	}
	if (fd >= 0)
		close(fd);
	if (number)
		append(out, "port %d: %s", number, clove_ehci_port_name(self->ehci, number));
	else
		append(out, "error: %s", error ? error : "no memory");
	free(error);
}

static void control_unplug(struct daemon *self, const char *text, struct clove_buf *out)
{
	int number = atoi(text);
	struct port *port = number > 0 ? find_port(self, number) : NULL;

	if (number <= 0 || !clove_ehci_unplug(self->ehci, number)) {
		append(out, "error: nothing is plugged in at port \"%s\" (list shows the ports)", text);
		return;
	}
	if (port)
		*port = (struct port){ 0 };
	append(out, "port %d is empty", number);
}

static void control_list(struct daemon *self, const char *text, struct clove_buf *out)
{
	bool is_first = true;

	(void)text;
	for (int i = 0; i < PORTS_MAX; i++) {
		int number = i < CLOVE_EHCI_ROOT_PORTS ? i + 1 : HUB_FIRST + i - CLOVE_EHCI_ROOT_PORTS;
		const char *name = clove_ehci_port_name(self->ehci, number);

		if (!name)
			continue;
		append(out, "%sport %d: %s", is_first ? "" : "\n", number, name);
		is_first = false;
	}
	if (is_first)
		append(out, "nothing is plugged in");
}

static struct port *port_of_kind(struct daemon *self, int number, enum clove_device_kind kind, const char *name,
		struct clove_buf *out)
{
	struct port *port = number > 0 ? find_port(self, number) : NULL;

	if (port && port->kind == kind)
		return port;
	append(out, "error: there is no %s at port %d", name, number);
	return NULL;
}

static void control_key(struct daemon *self, const char *text, struct clove_buf *out)
{
	int number, usage, n = 0;

	if (sscanf(text, "%d %i %n", &number, &usage, &n) < 2 || usage < 0 || usage > 255 ||
			(text[n] && strcmp(text + n, "down") && strcmp(text + n, "up"))) {
		append(out, "error: say key PORT USAGE [down|up]");
		return;
	}
	struct port *port = port_of_kind(self, number, CLOVE_DEVICE_KEYBOARD, "keyboard", out);

	if (!port)
		return;
	if (strcmp(text + n, "up"))
		clove_usb_keyboard_key(port->device, (uint8_t)usage, true);
	if (strcmp(text + n, "down"))
		clove_usb_keyboard_key(port->device, (uint8_t)usage, false);
	append(out, "done");
}

static void control_tablet(struct daemon *self, const char *text, struct clove_buf *out)
{
	int number, x, y, buttons = 0, wheel = 0;

	if (sscanf(text, "%d %d %d %d %d", &number, &x, &y, &buttons, &wheel) < 3) {
		append(out, "error: say tablet PORT X Y [BUTTONS [WHEEL]]");
		return;
	}
	struct port *port = port_of_kind(self, number, CLOVE_DEVICE_TABLET, "tablet", out);

	if (!port)
		return;
	clove_usb_tablet_move(port->device, (uint16_t)x, (uint16_t)y, (uint8_t)buttons, (int8_t)wheel);
	append(out, "done");
}

static void control_audio(struct daemon *self, const char *text, struct clove_buf *out)
{
	struct port *port = port_of_kind(self, atoi(text), CLOVE_DEVICE_AUDIO, "audio device", out);
	struct clove_usb_audio_figures figures;

	if (!port)
		return;
	clove_usb_audio_figures(port->device, &figures);
	append(out, "packets_out=%" PRIu64 " bytes_out=%" PRIu64 " gaps_out=%" PRIu64 " packets_in=%" PRIu64,
			figures.packets_out, figures.bytes_out, figures.gaps_out, figures.packets_in);
}

static const struct {
	const char *word;
	void (*handle)(struct daemon *self, const char *text, struct clove_buf *out);
} verbs[] = {
	{ "list",   control_list },
	{ "unplug", control_unplug },
	{ "key",    control_key },
	{ "tablet", control_tablet },
	{ "audio",  control_audio },
};

static void on_control(void *owner, char *line, int fd, struct clove_buf *out)
{
	struct daemon *self = owner;
	char *text = strchr(line, ' ');

	if (text)
		*text++ = 0;
	if (!strcmp(line, "plug")) {
		control_plug(self, text ? text : "", fd, out);
		return;
	}
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(line, verbs[i].word)) {
			verbs[i].handle(self, text ? text : "", out);
			return;
		}
	append(out, "error: \"%s\" is not understood: say plug, unplug, list, key, tablet or audio", line);
}

/* -- birth and death -- */

static bool complain(char *error)
{
	fprintf(stderr, "clove-ehci-vfio: %s\n", error ? error : "no memory");
	free(error);
	return false;
}

static bool complain_about(const char *path, const char *what)
{
	fprintf(stderr, "clove-ehci-vfio: %s: %s\n", path, what);
	return false;
}

/* A socket that someone serves is not taken away from them. */
static bool is_served(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;
	bool served;

	if (strlen(path) >= sizeof address.sun_path)
		return false;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	served = fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN);
	if (fd >= 0)
		close(fd);
	return served;
}

static int listen_at(const char *path)
{
	char *error = NULL;
	mode_t before;
	int fd;

	if (is_served(path)) {
		complain_about(path, "another program serves this socket; end it, or choose another path");
		return -1;
	}
	before = umask(0177);
	fd = clove_listen_unix(path, &error);
	umask(before);
	if (fd < 0)
		complain(error);
	return fd;
}

/* The descriptor that was handed over: its kind decides. */
static bool serve_fd(struct daemon *self, int fd)
{
	int is_listening = 0;
	socklen_t len = sizeof is_listening;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) < 0)
		return complain_about("--fd", "this descriptor is no socket");
	self->server = clove_vfio_server_new(self->loop, is_listening ? fd : -1, &function, self);
	if (!self->server)
		return complain(NULL);
	if (is_listening) {
		self->options.socket = "";
		return true;
	}
	return clove_vfio_server_take_client(self->server, fd) || complain(NULL);
}

static bool serve(struct daemon *self)
{
	int fd;

	if (!self->options.socket)
		return serve_fd(self, self->options.fd);
	fd = listen_at(self->options.socket);
	if (fd < 0)
		return false;
	self->has_socket = true;
	self->server = clove_vfio_server_new(self->loop, fd, &function, self);
	return self->server || complain(NULL);
}

static bool open_redirs(struct daemon *self)
{
	for (unsigned int i = 0; i < self->options.target_count; i++) {
		const struct clove_redir_target *target = &self->options.targets[i];
		char *error = NULL;

		if (target->kind == CLOVE_REDIR_TLS) {
			self->tls[i] = clove_tls_client_new(&(struct clove_tls_client_options){
					.ca_file = self->options.ca_file, .host = target->host,
					.subject = self->options.host_subject }, &error);
			if (!self->tls[i])
				return complain(error);
		}
		self->redirs[i] = clove_redir_new(self->loop, target, self->tls[i], plug_remote, self, &error);
		if (!self->redirs[i])
			return complain(error);
	}
	return true;
}

static void on_timer(void *opaque, int fd, int events)
{
	/* the turn's end runs what is due, and sets the timer anew */
	(void)opaque, (void)fd, (void)events;
}

static void on_signal(void *opaque, int fd, int events)
{
	(void)fd, (void)events;
	((struct daemon *)opaque)->is_quitting = true;
}

static bool set_up(struct daemon *self)
{
	sigset_t set;
	char *error = NULL;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	self->due = self->armed = UINT64_MAX;
	self->loop = clove_poll_loop_new();
	self->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (!self->loop || self->timer < 0 || self->signals < 0)
		return complain(NULL);
	self->timer_watch = clove_watch_add(self->loop, self->timer, CLOVE_READ, on_timer, self);
	self->signals_watch = clove_watch_add(self->loop, self->signals, CLOVE_READ, on_signal, self);
	self->waker = clove_waker_new(self->loop, self->options.qmp, self->options.bridge);
	self->ehci = clove_ehci_new(&vmm, self);
	if (!self->timer_watch || !self->signals_watch || !self->waker || !self->ehci)
		return complain(NULL);

	for (unsigned int i = 0; i < self->options.device_count; i++)
		if (!plug(self, &self->options.devices[i], -1, &error))
			return complain(error);
	if (!open_redirs(self))
		return false;
	if (self->options.control) {
		int fd = listen_at(self->options.control);

		if (fd < 0)
			return false;
		self->has_control = true;
		self->control = clove_control_new(self->loop, fd, on_control, self);
		if (!self->control)
			return complain(NULL);
	}
	if (!serve(self))
		return false;
	if (self->options.has_sandbox && !clove_sandbox_enter(&error))
		return complain(error);
	clove_log(INFO, "daemon", "ready; sandbox: %s", self->options.has_sandbox ? clove_sandbox_kind() : "off");
	return true;
}

static void tear_down(struct daemon *self)
{
	clove_control_free(self->control);
	clove_vfio_server_free(self->server);
	self->server = NULL;
	for (unsigned int i = 0; i < self->options.target_count; i++) {
		clove_redir_free(self->redirs[i]);
		clove_tls_free(self->tls[i]);
	}
	clove_ehci_free(self->ehci);
	clove_waker_free(self->waker);
	if (self->has_socket)
		unlink(self->options.socket);
	if (self->has_control)
		unlink(self->options.control);
	clove_poll_loop_free(self->loop);
	clove_ehci_options_fini(&self->options);
}

/* Sets the timer if the next run is later than now; nanoseconds matter, a driver waits for each of them. */
static void arm(struct daemon *self)
{
	struct itimerspec at = { 0 };

	if (self->due == self->armed)
		return;
	self->armed = self->due;
	if (self->due != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(self->due / 1000000000u);
		at.it_value.tv_nsec = (long)(self->due % 1000000000u);
		if (!self->due)
			at.it_value.tv_nsec = 1;
	}
	timerfd_settime(self->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void run(struct daemon *self)
{
	while (!self->is_quitting) {
		bool is_due = self->due != UINT64_MAX && self->due <= clove_now_ns();

		if (!is_due)
			arm(self);
		clove_poll_loop_step(self->loop, is_due ? 0 : -1);
		if (self->due != UINT64_MAX && self->due <= clove_now_ns()) {
			self->due = UINT64_MAX;
			clove_ehci_run(self->ehci);
		}
		for (unsigned int i = 0; i < self->options.target_count; i++)
			clove_redir_flush(self->redirs[i]);
	}
}

int main(int argc, char **argv)
{
	static struct daemon self;
	int status = clove_ehci_options_parse(argc, argv, &self.options);

	if (status >= 0) {
		clove_ehci_options_fini(&self.options);
		return status;
	}
	if (self.options.is_verbose)
		clove_log_set_level(CLOVE_LOG_INFO);
	if (set_up(&self)) {
		run(&self);
		status = 0;
	} else {
		status = 1;
	}
	tear_down(&self);
	return status;
}
