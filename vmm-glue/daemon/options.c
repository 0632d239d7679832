/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.c - clove-ehci-vfio's command line, and what is wrong with one. */
#include "config.h"
#include "vmm-glue/daemon/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BRIDGE_DEVICES = 4, BRIDGE_DEVICES_MAX = 13 };

enum choice {
	SOCKET = 256, FD, DEVICE, USBREDIR, BRIDGE, BRIDGE_COUNT, CA_FILE, HOST_SUBJECT, QMP, CONTROL, SANDBOX, VERBOSE, HELP,
	VERSION_,
};

static const struct option table[] = {
	{ "socket",         required_argument, NULL, SOCKET },
	{ "socket-path",    required_argument, NULL, SOCKET },
	{ "fd",             required_argument, NULL, FD },
	{ "device",         required_argument, NULL, DEVICE },
	{ "usbredir",       required_argument, NULL, USBREDIR },
	{ "bridge",         required_argument, NULL, BRIDGE },
	{ "bridge-devices", required_argument, NULL, BRIDGE_COUNT },
	{ "ca-file",        required_argument, NULL, CA_FILE },
	{ "host-subject",   required_argument, NULL, HOST_SUBJECT },
	{ "qmp",            required_argument, NULL, QMP },
	{ "control",        required_argument, NULL, CONTROL },
	{ "sandbox",        required_argument, NULL, SANDBOX },
	{ "verbose",        no_argument,       NULL, VERBOSE },
	{ "help",           no_argument,       NULL, HELP },
	{ "version",        no_argument,       NULL, VERSION_ },
	{ 0 },
};

static const char help[] =
	"Usage: clove-ehci-vfio --socket PATH [OPTION...]\n"
	"Serves a USB 2.0 controller (EHCI) to a virtual machine monitor over vfio-user.\n"
	"\n"
	"  --socket PATH          listen here for the VMM (or --socket-path)\n"
	"  --fd N                 an inherited socket instead: listening, or one VMM that is connected\n"
	"  --device SPEC          plug a device in: storage,file=FILE[,writable=on][,cd=on],\n"
	"                         keyboard, tablet, serial, audio; may be repeated\n"
	"  --usbredir TARGET      a device from elsewhere: unix:PATH, tcp:HOST:PORT, tls:HOST:PORT,\n"
	"                         listen-unix:PATH, listen-tcp:HOST:PORT; may be repeated\n"
	"  --ca-file FILE         who may sign the certificates of tls: (PEM); default: the system's\n"
	"  --host-subject TEXT    the subject that such a certificate must have, instead of the host's name\n"
	"  --bridge PATH          the server library's USB socket: the viewer's devices\n"
	"  --bridge-devices N     how many of them at a time, 1 to 13 (4)\n"
	"  --qmp PATH             QEMU's QMP socket, to wake a sleeping guest\n"
	"  --control PATH         listen here for clove-ehci-ctl\n"
	"  --sandbox off          without the filter of system calls\n"
	"  --verbose              say more\n"
	"  --help, --version\n";

static int wrong(char *error)
{
	fprintf(stderr, "clove-ehci-vfio: %s\n", error ? error : "no memory");
	free(error);
	return 1;
}

static int wrong_text(const char *text)
{
	return wrong(strdup(text));
}

static bool number(const char *text, long low, long high, int *value)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (!*text || *end || n < low || n > high)
		return false;
	*value = (int)n;
	return true;
}

static int add_device(struct clove_ehci_options *o, const char *text)
{
	char *error;

	if (o->device_count == CLOVE_OPTIONS_DEVICES)
		return wrong_text("a controller has 13 ports: that is one --device too many");
	if (!clove_device_spec_parse(text, &o->devices[o->device_count], &error))
		return wrong(error);
	o->device_count++;
	return -1;
}

static int add_target(struct clove_ehci_options *o, const char *text)
{
	char *error;

	if (o->target_count == CLOVE_OPTIONS_TARGETS)
		return wrong_text("that is one --usbredir too many");
	if (!clove_redir_target_parse(text, &o->targets[o->target_count], &error))
		return wrong(error);
	o->target_count++;
	return -1;
}

static int add_bridge(struct clove_ehci_options *o, int count)
{
	for (int i = 0; i < count && o->target_count < CLOVE_OPTIONS_TARGETS; i++) {
		struct clove_redir_target *target = &o->targets[o->target_count];

		*target = (struct clove_redir_target){ .kind = CLOVE_REDIR_BRIDGE, .host = strdup(o->bridge) };
		if (asprintf(&target->name, "bridge %d", i + 1) < 0)
			target->name = NULL;
		o->target_count++;
		if (!target->host || !target->name)
			return wrong(NULL);
	}
	return -1;
}

static int take(struct clove_ehci_options *o, int option, const char *text, int *bridge_devices)
{
	switch (option) {
	case SOCKET:       o->socket = text; break;
	case BRIDGE:       o->bridge = text; break;
	case CA_FILE:      o->ca_file = text; break;
	case HOST_SUBJECT: o->host_subject = text; break;
	case QMP:          o->qmp = text; break;
	case CONTROL:      o->control = text; break;
	case VERBOSE:      o->is_verbose = true; break;
	case DEVICE:       return add_device(o, text);
	case USBREDIR:     return add_target(o, text);
	case FD:
		if (!number(text, 0, 65535, &o->fd))
			return wrong_text("--fd takes the number of an open socket");
		break;
	case BRIDGE_COUNT:
		if (!number(text, 1, BRIDGE_DEVICES_MAX, bridge_devices))
			return wrong_text("--bridge-devices takes a number from 1 to 13");
		break;
	case SANDBOX:
		if (strcmp(text, "on") && strcmp(text, "off"))
			return wrong_text("--sandbox takes on or off");
		o->has_sandbox = !strcmp(text, "on");
		break;
	case HELP:
		fputs(help, stdout);
		return 0;
	case VERSION_:
		puts("clove-ehci-vfio " VERSION);
		return 0;
	default:
		/* getopt has said what is wrong */
		fputs("Try clove-ehci-vfio --help.\n", stderr);
		return 1;
	}
	return -1;
}

int clove_ehci_options_parse(int argc, char **argv, struct clove_ehci_options *o)
{
	int option, result = -1, bridge_devices = 0;

	*o = (struct clove_ehci_options){ .fd = -1, .has_sandbox = true };
	while (result < 0 && (option = getopt_long(argc, argv, "", table, NULL)) != -1)
		result = take(o, option, optarg, &bridge_devices);
	if (result >= 0)
		return result;
	if (optind < argc) {
		fprintf(stderr, "clove-ehci-vfio: \"%s\" is no option; try --help\n", argv[optind]);
		return 1;
	}
	if (!o->socket == (o->fd < 0))
		return wrong_text(o->socket ? "--socket and --fd exclude each other"
				: "say where the VMM connects: --socket PATH");
	if (bridge_devices && !o->bridge)
		return wrong_text("--bridge-devices needs --bridge PATH");
	return o->bridge ? add_bridge(o, bridge_devices ? bridge_devices : BRIDGE_DEVICES) : -1;
}

void clove_ehci_options_fini(struct clove_ehci_options *o)
{
	for (unsigned int i = 0; i < o->device_count; i++)
		clove_device_spec_fini(&o->devices[i]);
	for (unsigned int i = 0; i < o->target_count; i++)
		clove_redir_target_fini(&o->targets[i]);
}
