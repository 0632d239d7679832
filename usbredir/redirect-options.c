/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* redirect-options.c - the command line of clove-usbredirect; it takes usbredirect's spelling too. */
#include "config.h"
#include "usbredir/redirect-options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: clove-usbredirect DEVICE PEER [OPTION...]\n"
	"Shares a USB device with a virtual machine, by the usbredir protocol.\n"
	"\n"
	"Device, one of:\n"
	"  --device VID:PID|BUS-ADDR   a device of this machine: 1234:5678 (hexadecimal) or 3-12\n"
	"  --image FILE                a disk image or block device as a stick, an ISO image as a CD;\n"
	"      --writable              let the guest write (default: write-protected)\n"
	"      --cd                    as a CD, whatever the file says\n"
	"  --keyboard                  types what comes on standard input\n"
	"  --tablet                    moves as standard input says: lines of X Y [BUTTONS [WHEEL]]\n"
	"  --serial                    a serial port that sends back what it gets\n"
	"  --audio                     a headset that hears a tone\n"
	"  --list                      say which devices this machine has, and end\n"
	"\n"
	"Peer, one of:\n"
	"  --to HOST:PORT|unix:PATH      connect, and again whenever it was lost\n"
	"  --listen HOST:PORT|unix:PATH  wait for a peer, then for the next (--as is the same)\n"
	"\n"
	"  --tls                       by TLS\n"
	"  --ca-file FILE              whose certificates are trusted (PEM)\n"
	"  --cert FILE, --key FILE     our own, to listen (PEM)\n"
	"  --host-subject SUBJECT      the certificate's subject, instead of the host's name\n"
	"  --once                      end when the first peer is gone\n"
	"  -k, --keep                  go on with the next peer (the default)\n"
	"  -v, --verbose               say what happens\n"
	"  -h, --help    --version\n";

__attribute__((format(printf, 1, 2)))
static int complain(const char *format, ...)
{
	va_list args;

	fputs("clove-usbredirect: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return 2;
}

/* A whole number up to `most` in the text up to `end`, or -1. */
static long number(const char *text, const char *end, int base, long most)
{
	char *stop;
	long n;

	errno = 0;
	n = strtol(text, &stop, base);
	return stop != end || stop == text || errno || n < 0 || n > most || strchr("+- \t", *text) ? -1 : n;
}

static int parse_device(struct redirect_options *o, const char *text)
{
	const char *colon = strchr(text, ':'), *dash = strchr(text, '-'), *end = text + strlen(text);
	const char *middle = colon ? colon : dash;
	long a = middle ? number(text, middle, colon ? 16 : 10, colon ? 0xffff : 255) : -1;
	long b = middle ? number(middle + 1, end, colon ? 16 : 10, colon ? 0xffff : 255) : -1;

	if (a < 0 || b < 0)
		return complain("%s is no device: give VID:PID (as 1234:5678) or BUS-ADDR (as 3-12); --list shows them",
				text);
	o->is_by_place = !colon;
	if (colon) {
		o->vendor = (uint16_t)a;
		o->product = (uint16_t)b;
	} else {
		o->bus = (uint8_t)a;
		o->address = (uint8_t)b;
	}
	return 0;
}

static int parse_peer(struct redirect_options *o, const char *text, bool listens)
{
	const char *at = text, *colon, *name_end;
	long port;

	if (o->port)
		return complain("there is one peer: give --to or --listen once");
	o->listens = listens;
	if (!strncmp(at, "unix:", 5)) {
		o->port = -1;
		o->host = strdup(at + 5);
		return *o->host ? 0 : complain("%s has no path", text);
	}
	if (!strncmp(at, "tls:", 4))
		o->is_tls = true;
	if (!strncmp(at, "tls:", 4) || !strncmp(at, "tcp:", 4))
		at += 4;
	colon = strrchr(at, ':');
	port = colon ? number(colon + 1, at + strlen(at), 10, 65535) : -1;
	if (port < 0 || (!port && !listens) || (colon == at && !listens))
		return complain("%s is no address: give HOST:PORT, [IPv6]:PORT or unix:PATH", text);
	name_end = colon;
	if (*at == '[' && colon[-1] == ']') {
		at++;
		name_end--;
	}
	o->host = strndup(at, (size_t)(name_end - at));
	o->port = port ? (int)port : -2;  /* -2: any */
	return 0;
}

enum {
	DEVICE = 256, IMAGE, WRITABLE, CD, KEYBOARD, TABLET, SERIAL, AUDIO, LIST, TO, LISTEN, TLS, CA_FILE, CERT, KEY,
	HOST_SUBJECT, ONCE, SAY_VERSION,
};

static const struct option options_known[] = {
	{ "device", required_argument, NULL, DEVICE }, { "image", required_argument, NULL, IMAGE },
	{ "writable", no_argument, NULL, WRITABLE }, { "cd", no_argument, NULL, CD },
	{ "keyboard", no_argument, NULL, KEYBOARD }, { "tablet", no_argument, NULL, TABLET },
	{ "serial", no_argument, NULL, SERIAL }, { "audio", no_argument, NULL, AUDIO },
	{ "list", no_argument, NULL, LIST }, { "to", required_argument, NULL, TO },
	{ "listen", required_argument, NULL, LISTEN }, { "as", required_argument, NULL, LISTEN },
	{ "tls", no_argument, NULL, TLS }, { "ca-file", required_argument, NULL, CA_FILE },
	{ "cert", required_argument, NULL, CERT }, { "key", required_argument, NULL, KEY },
	{ "host-subject", required_argument, NULL, HOST_SUBJECT }, { "once", no_argument, NULL, ONCE },
	{ "keep", no_argument, NULL, 'k' }, { "verbose", optional_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, SAY_VERSION }, { NULL, 0, NULL, 0 },
};

static int choose(struct redirect_options *o, enum redirect_source source)
{
	if (o->source)
		return complain("there is one device: give one of --device, --image, --keyboard, --tablet, --serial, "
				"--audio, --list");
	o->source = source;
	return 0;
}

static int take(struct redirect_options *o, int option)
{
	switch (option) {
	case DEVICE:
		return choose(o, REDIRECT_DEVICE) ? 2 : parse_device(o, optarg);
	case IMAGE:
		o->image = optarg;
		return choose(o, REDIRECT_IMAGE);
	case KEYBOARD: case TABLET: case SERIAL: case AUDIO: case LIST:
		return choose(o, (enum redirect_source)(REDIRECT_KEYBOARD + option - KEYBOARD));
	case WRITABLE:
		o->is_writable = true;
		return 0;
	case CD:
		o->is_cd = true;
		return 0;
	case TO: case LISTEN:
		return parse_peer(o, optarg, option == LISTEN);
	case TLS:
		o->is_tls = true;
		return 0;
	case CA_FILE:
		o->ca_file = optarg;
		return 0;
	case CERT:
		o->cert_file = optarg;
		return 0;
	case KEY:
		o->key_file = optarg;
		return 0;
	case HOST_SUBJECT:
		o->host_subject = optarg;
		return 0;
	case ONCE:
		o->is_once = true;
		return 0;
	case 'k':
		return 0;
	case 'v':
		o->is_verbose = true;
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 1;
	case SAY_VERSION:
		puts("clove-usbredirect " PACKAGE_VERSION);
		return 1;
	default:
		fputs("clove-usbredirect: --help says what there is\n", stderr);
		return 2;
	}
}

static int check(const struct redirect_options *o)
{
	if (!o->source)
		return complain("which device? give --device, --image or another; --help says what there is");
	if (o->source == REDIRECT_LIST)
		return 0;
	if (!o->port)
		return complain("with whom? give --to HOST:PORT or --listen HOST:PORT");
	if ((o->is_writable || o->is_cd) && o->source != REDIRECT_IMAGE)
		return complain("--writable and --cd are about an --image");
	if (o->is_writable && o->is_cd)
		return complain("a CD is not writable: leave out --writable or --cd");
	if (o->is_tls && o->port == -1)
		return complain("a unix socket needs no TLS: leave out --tls");
	if (o->is_tls && o->listens && (!o->ca_file || !o->cert_file || !o->key_file))
		return complain("to listen by TLS takes --ca-file, --cert and --key");
	if (!o->is_tls && (o->ca_file || o->cert_file || o->key_file || o->host_subject))
		return complain("certificates are for TLS: give --tls too");
	return 0;
}

int redirect_options_parse(struct redirect_options *options, int argc, char **argv)
{
	int option, answer = 0;

	memset(options, 0, sizeof *options);
	while (!answer && (option = getopt_long(argc, argv, "kvh", options_known, NULL)) >= 0)
		answer = take(options, option);
	/* usbredirect takes a level behind -v */
	if (!answer && options->is_verbose && optind < argc && strspn(argv[optind], "0123456789") == strlen(argv[optind]))
		optind++;
	if (!answer && optind < argc)
		answer = complain("%s is no option; --help says what there is", argv[optind]);
	return answer ? answer : check(options);
}

void redirect_options_fini(struct redirect_options *options)
{
	free(options->host);
}
