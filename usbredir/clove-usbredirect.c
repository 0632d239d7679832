/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clove-usbredirect.c - joins a device, a usb host and a byte stream, and goes on when any of them comes and goes. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "common/util/log.h"
#include "usb/software.h"
#include "usbredir/capture.h"
#include "usbredir/host.h"
#include "usbredir/peer-link.h"
#include "usbredir/permission.h"
#include "usbredir/redirect-options.h"
#include "usbredir/typist.h"

enum { READ_AT_ONCE = 256 << 10, VECTORS = 64, FAREWELL = 1000 }; /* bytes; ms */

struct program {
	struct redirect_options options;
	struct clove_loop *loop;
	struct clove_watch *signal_watch;
	int signals, status;
	struct peer_link *link;
	char last_failure[256];           /* said once, not with every attempt */

	struct clove_stream *stream;      /* the peer's */
	struct clove_watch *watch;
	struct clove_usb_host *host;
	uint8_t *room;                    /* for what is read */
	bool was_good;                    /* the peer spoke */
	bool is_farewell;                 /* the program ends when all is sent */
	struct clove_timer *timer;        /* of the farewell */

	struct clove_usb_device *spare;   /* software: made at the start, to see that it can be made */
	struct typist *typist;
	struct clove_capture *capture;
	struct clove_permission *permission;
	uint64_t plug;                    /* the local device's id; 0: it is not there */
	uint8_t bus, address;
	char name[128];
	bool is_opening, was_open;
};

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	va_list args;

	fputs("clove-usbredirect: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void end(struct program *program, int status)
{
	program->status = status;
	clove_poll_loop_quit(program->loop);
}

/* ---- the device ---------------------------------------------------------------------------------------- */

static struct clove_usb_device *make_software(struct program *program, char **error)
{
	const struct redirect_options *o = &program->options;
	struct clove_usb_storage_options storage = {
		.path = o->image, .is_writable = o->is_writable, .loop = program->loop,
		.kind = o->is_cd ? CLOVE_USB_STORAGE_CD : o->is_writable ? CLOVE_USB_STORAGE_STICK :
				CLOVE_USB_STORAGE_GUESS,
	};
	struct clove_usb_device *device;

	*error = NULL;
	switch (o->source) {
	case REDIRECT_IMAGE:
		return clove_usb_storage_new(&storage, error);
	case REDIRECT_KEYBOARD:
		device = clove_usb_keyboard_new();
		break;
	case REDIRECT_TABLET:
		device = clove_usb_tablet_new();
		break;
	case REDIRECT_SERIAL:
		device = clove_usb_serial_new();
		break;
	default:
		device = clove_usb_audio_new();
	}
	if (!device)
		*error = strdup("out of memory");
	return device;
}

static void plug(struct program *program, struct clove_usb_device *take_device)
{
	char name[sizeof take_device->name];

	memcpy(name, take_device->name, sizeof name);
	switch (clove_usb_host_plug(program->host, take_device)) {
	case CLOVE_OK:
		if (program->typist)
			typist_set_device(program->typist, clove_usb_host_device(program->host));
		if (program->options.is_verbose)
			say("%s is offered to %s", name, program->stream->peer);
		break;
	case CLOVE_ERR_REFUSED:
		say("the guest's rules do not allow %s", name);
		break;
	default:
		break;                      /* one is there already */
	}
}

static void open_local(struct program *program, int take_fd);

static void on_permission(void *opaque, int take_fd, enum clove_err err, const char *why)
{
	struct program *program = opaque;

	(void)err;
	clove_permission_free(program->permission);
	program->permission = NULL;
	if (take_fd >= 0 && program->plug && program->host) {
		open_local(program, take_fd);
		return;
	}
	if (take_fd >= 0) {
		close(take_fd);
		return;
	}
	say("no permission to open %s: %s", program->name, why);
	end(program, 1);
}

static void on_opened(void *opaque, struct clove_usb_device *take_device, enum clove_err err, const char *why)
{
	struct program *program = opaque;

	program->is_opening = false;
	if (take_device && program->host) {
		program->was_open = true;
		plug(program, take_device);
	} else if (take_device) {
		clove_usb_device_free(take_device);
	} else if (err == CLOVE_ERR_AUTH && program->plug && !program->permission) {
		program->permission = clove_permission_ask(program->loop, program->bus, program->address,
				on_permission, program);
		if (!program->permission) {
			say("cannot redirect %s: %s", program->name, why);
			end(program, 1);
		}
	} else {
		say("cannot redirect %s: %s", program->name, why);
		if (!program->was_open && err != CLOVE_ERR_CLOSED)
			end(program, 1);    /* at first nobody relies on it: better say so at once */
	}
}

static void open_local(struct program *program, int take_fd)
{
	program->is_opening = true;
	clove_capture_open(program->capture, program->plug, take_fd, on_opened, program);
}

/* The peer, if there is one, gets the device, if there is one. */
static void join(struct program *program)
{
	struct clove_usb_device *device = program->spare;
	char *error;

	if (!program->host || clove_usb_host_device(program->host) || program->is_farewell)
		return;
	if (program->options.source == REDIRECT_DEVICE) {
		if (program->plug && !program->is_opening && !program->permission)
			open_local(program, -1);
		return;
	}
	program->spare = NULL;
	if (!device)
		device = make_software(program, &error);
	if (device) {
		plug(program, device);
		return;
	}
	say("%s", error);
	free(error);
}

static bool is_wanted(const struct program *program, const struct clove_local_device *device)
{
	const struct redirect_options *o = &program->options;

	return o->is_by_place ? device->bus == o->bus && device->address == o->address :
			device->shape.vendor == o->vendor && device->shape.product == o->product;
}

static void on_plugged(void *owner, const struct clove_local_device *device)
{
	struct program *program = owner;

	if (program->options.source == REDIRECT_LIST) {
		printf("%u-%u\t%04x:%04x\t%s%s%s%s\n", device->bus, device->address, device->shape.vendor,
				device->shape.product, device->name, *device->in_use ? " (" : "", device->in_use,
				*device->in_use ? ")" : "");
		return;
	}
	if (program->plug || !is_wanted(program, device))
		return;
	program->plug = device->id;
	program->bus = device->bus;
	program->address = device->address;
	snprintf(program->name, sizeof program->name, "%s", device->name);
	join(program);
}

static void on_unplugged(void *owner, uint64_t id)
{
	struct program *program = owner;

	if (id == program->plug)
		program->plug = 0;          /* the open device says itself that it is gone */
}

static void on_settled(void *owner)
{
	struct program *program = owner;

	if (program->options.source == REDIRECT_LIST)
		end(program, 0);
}

static const struct clove_capture_events capture_events = {
	.plugged = on_plugged, .unplugged = on_unplugged, .settled = on_settled,
};

/* ---- the peer ------------------------------------------------------------------------------------------ */

/* What came of the sound, before its device goes. */
static void say_figures(const struct program *program)
{
	const struct clove_usb_device *device = program->host ? clove_usb_host_device(program->host) : NULL;
	struct clove_usb_audio_figures f;

	if (!device || program->options.source != REDIRECT_AUDIO || !program->options.is_verbose)
		return;
	clove_usb_audio_figures(device, &f);
	say("played %llu packets, %llu bytes, %llu gaps; recorded %llu packets", (unsigned long long)f.packets_out,
			(unsigned long long)f.bytes_out, (unsigned long long)f.gaps_out,
			(unsigned long long)f.packets_in);
}

static void drop_peer(struct program *program, const char *why)
{
	bool was_good = program->was_good;

	if (!program->stream)
		return;
	if (program->typist)
		typist_set_device(program->typist, NULL);
	say_figures(program);
	if (program->options.is_verbose || *why)
		say("%s: %s", program->stream->peer, *why ? why : "the connection was closed");
	if (program->is_opening) {
		clove_capture_forget(program->capture, program);
		program->is_opening = false;
	}
	clove_usb_host_free(program->host);
	program->host = NULL;
	clove_watch_remove(program->loop, program->watch);
	program->watch = NULL;
	clove_stream_free(program->stream);
	program->stream = NULL;
	program->was_good = false;
	if (program->is_farewell)
		end(program, program->status);
	else if (program->options.is_once)
		end(program, was_good ? 0 : 1);
	else
		peer_link_next(program->link, was_good);
}

/* What the peer takes now; the rest when the watch says so. */
static enum clove_err write_all(struct program *program)
{
	enum clove_err err = CLOVE_OK;

	while (!err && clove_usb_host_unsent(program->host)) {
		struct iovec iov[VECTORS];
		int n = clove_usb_host_output(program->host, iov, VECTORS);
		size_t put = 0;

		err = clove_stream_writev(program->stream, iov, n, &put);
		if (put)
			clove_usb_host_sent(program->host, put);
	}
	clove_watch_set(program->loop, program->watch, CLOVE_READ |
			(clove_usb_host_unsent(program->host) ? CLOVE_WRITE : 0) |
			(err == CLOVE_ERR_AGAIN ? clove_stream_wants(program->stream) : 0));
	return err == CLOVE_ERR_AGAIN ? CLOVE_OK : err;
}

static enum clove_err read_all(struct program *program)
{
	enum clove_err err = CLOVE_OK;

	/* A few times, so that a peer that never pauses does not keep the loop. */
	for (int i = 0; i < 8 && !err; i++) {
		size_t got = 0;

		err = clove_stream_read(program->stream, program->room, READ_AT_ONCE, &got);
		if (err == CLOVE_OK) {
			program->was_good = true;
			if (clove_usb_host_feed(program->host, CLOVE_BYTES(program->room, got))) {
				say("%s breaks the protocol: %s", program->stream->peer,
						clove_usb_host_error(program->host));
				return CLOVE_ERR_CLOSED;
			}
		}
		if (i == 7 && !err && clove_stream_buffered(program->stream))
			i--;                /* TLS has it: the descriptor stays silent */
	}
	return err == CLOVE_ERR_AGAIN ? CLOVE_OK : err;
}

static void on_stream(void *opaque, int fd, int events)
{
	struct program *program = opaque;
	enum clove_err err;

	(void)fd;
	(void)events;
	err = read_all(program);
	if (!err)
		err = write_all(program);
	if (err)
		drop_peer(program, err == CLOVE_ERR_CLOSED ? "" : program->stream->error ? program->stream->error :
				strerror(errno));
	else if (program->is_farewell && !clove_usb_host_unsent(program->host))
		drop_peer(program, "");
}

/* Written at once; a failure is found by the loop's next turn. */
static void on_output(void *owner)
{
	struct program *program = owner;

	if (program->watch && write_all(program))
		clove_watch_set(program->loop, program->watch, CLOVE_READ | CLOVE_WRITE);
}

static void on_device_left(void *owner, const char *why)
{
	struct program *program = owner;

	if (program->typist)
		typist_set_device(program->typist, NULL);
	if (*why)
		say("the device left: %s", why);
}

static const struct clove_usb_host_events host_events = { .output = on_output, .device_left = on_device_left };

static void on_peer(void *owner, struct clove_stream *take_stream)
{
	struct program *program = owner;

	program->stream = take_stream;
	program->last_failure[0] = '\0';
	program->host = clove_usb_host_new(program->loop, &host_events, program);
	program->watch = clove_watch_add(program->loop, take_stream->fd, CLOVE_READ | CLOVE_WRITE, on_stream, program);
	if (!program->host || !program->watch) {
		drop_peer(program, "out of memory");
		return;
	}
	if (program->options.is_verbose)
		say("%s is here%s", take_stream->peer, take_stream->is_tls ? ", by TLS" : "");
	join(program);
	on_output(program);
	/* what came with the end of a handshake is with TLS already: a turn that writes also reads */
	if (program->watch && clove_stream_buffered(program->stream))
		clove_watch_set(program->loop, program->watch, CLOVE_READ | CLOVE_WRITE);
}

static void on_failed(void *owner, const char *why)
{
	struct program *program = owner;

	if (strcmp(why, program->last_failure)) {
		snprintf(program->last_failure, sizeof program->last_failure, "%s", why);
		say("%s%s", why, program->options.is_once || program->options.listens ? "" : "; trying again");
	}
	if (program->options.is_once && !program->options.listens)
		end(program, 1);
}

static const struct peer_link_events link_events = { .peer = on_peer, .failed = on_failed };

/* ---- the program --------------------------------------------------------------------------------------- */

/* The peer hears that the device leaves, if it listens. */
static void on_signal(void *opaque, int fd, int events)
{
	struct program *program = opaque;
	struct signalfd_siginfo info;
	ssize_t n = read(fd, &info, sizeof info);

	(void)events;
	if (n != sizeof info)
		return;
	if (!program->stream || program->is_farewell) {
		end(program, 0);
		return;
	}
	program->is_farewell = true;
	program->status = 0;
	say_figures(program);
	clove_usb_host_unplug(program->host);
	clove_timer_start(program->loop, program->timer, FAREWELL);
	on_output(program);
	clove_watch_set(program->loop, program->watch, CLOVE_READ | CLOVE_WRITE);
}

static void on_timer(void *opaque)
{
	end(opaque, 0);
}

static int watch_signals(struct program *program)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	program->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	program->signal_watch = program->signals < 0 ? NULL :
			clove_watch_add(program->loop, program->signals, CLOVE_READ, on_signal, program);
	return program->signal_watch ? 0 : 1;
}

/* The device before the peer: what cannot be shared is said before anybody is bothered. */
static char *prepare_device(struct program *program)
{
	const struct redirect_options *o = &program->options;
	char *error = NULL;

	if (o->source == REDIRECT_DEVICE || o->source == REDIRECT_LIST) {
		program->capture = clove_capture_new(program->loop, &capture_events, program, &error);
		return error;
	}
	program->spare = make_software(program, &error);
	if (!error && (o->source == REDIRECT_KEYBOARD || o->source == REDIRECT_TABLET)) {
		program->typist = typist_new(program->loop, STDIN_FILENO, o->source == REDIRECT_TABLET);
		if (!program->typist)
			return strdup("out of memory");
	}
	return error;
}

static char *prepare(struct program *program)
{
	const struct redirect_options *o = &program->options;
	char *error;

	program->loop = clove_poll_loop_new();
	program->room = malloc(READ_AT_ONCE);
	program->timer = program->loop ? clove_timer_add(program->loop, on_timer, program) : NULL;
	if (!program->room || !program->timer || watch_signals(program))
		return strdup("out of memory");
	error = prepare_device(program);
	if (error)
		return error;
	if (o->source == REDIRECT_LIST)
		return NULL;
	program->link = peer_link_new(program->loop, &(struct peer_link_options){ .listens = o->listens,
			.host = o->host, .port = o->port, .is_tls = o->is_tls, .ca_file = o->ca_file,
			.cert_file = o->cert_file, .key_file = o->key_file, .host_subject = o->host_subject },
			&link_events, program, &error);
	if (program->link && o->listens && (o->is_verbose || o->port == -2)) {
		if (o->port == -1)
			say("listening on %s", o->host);
		else
			say("listening on port %d", peer_link_port(program->link));
	}
	return error;
}

static void clean_up(struct program *program)
{
	program->is_farewell = true;
	drop_peer(program, "");
	clove_usb_device_free(program->spare);
	typist_free(program->typist);
	clove_permission_free(program->permission);
	clove_capture_free(program->capture);
	peer_link_free(program->link);
	if (program->loop) {
		clove_watch_remove(program->loop, program->signal_watch);
		clove_timer_remove(program->loop, program->timer);
	}
	if (program->signals >= 0)
		close(program->signals);
	clove_poll_loop_free(program->loop);
	free(program->room);
	redirect_options_fini(&program->options);
}

int main(int argc, char **argv)
{
	static struct program program = { .signals = -1 };
	int answer = redirect_options_parse(&program.options, argc, argv);
	char *error;

	if (answer) {
		redirect_options_fini(&program.options);
		return answer == 2 ? 2 : 0;
	}
	error = prepare(&program);
	if (error) {
		say("%s", error);
		free(error);
		program.status = 1;
	} else {
		clove_poll_loop_run(program.loop);
	}
	answer = program.status;
	clean_up(&program);
	return answer;
}
