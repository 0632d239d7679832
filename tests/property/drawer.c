/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* drawer.c - a VMM whose guest draws by chance, for clients that are programs of their own.
 *
 * usage: drawer PORT SEED [COMPRESSION]
 *
 * A line on standard input has it draw some more, and print the name of a file (PPM) with what every client has to
 * show from then on. End of file ends it.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/property/guest.h"
#include "tests/unit/vmm-fixture.h"

static bool write_expected(const char *name)
{
	int width, height;
	const uint32_t *pixels = guest_expect(&width, &height);
	FILE *file = fopen(name, "wb");

	if (!file)
		return false;
	fprintf(file, "P6\n%d %d\n255\n", width, height);
	for (int i = 0; i < width * height; i++)
		fwrite((uint8_t[]){ (uint8_t)(pixels[i] >> 16), (uint8_t)(pixels[i] >> 8), (uint8_t)pixels[i] }, 3, 1,
				file);
	return fclose(file) == 0;
}

static bool draw(unsigned int n)
{
	if (chance_one_in(3))
		guest_set_mode(200 + (int)chance_below(440), 150 + (int)chance_below(330), chance_one_in(5) ? 16 : 32);
	for (; n; n--) {
		if (!guest_draw() || (chance_one_in(3) && !guest_film()))
			return false;
		clove_poll_loop_step(vmm.loop, 1);
	}
	return true;
}

int main(int argc, char **argv)
{
	const char *name = "drawn.ppm";
	SpiceServer *server = spice_server_new();
	char line[64];

	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	chance_seed((uint32_t)strtoul(argv[2], NULL, 10));
	vmm.loop = clove_poll_loop_new();
	spice_server_set_addr(server, "127.0.0.1", 0);
	spice_server_set_port(server, atoi(argv[1]));
	spice_server_set_noauth(server);
	if (argc > 3)
		spice_server_set_image_compression(server, (SpiceImageCompression)atoi(argv[3]));
	if (spice_server_init(server, &vmm_core) || spice_server_add_interface(server, &vmm_kbd.base) ||
			spice_server_add_interface(server, &vmm_mouse.base) ||
			spice_server_add_interface(server, &vmm_tablet.base) || !guest_start(server))
		return 1;
	spice_server_vm_start(server);
	guest_set_mode(640, 480, 32);
	for (;;) {
		struct pollfd input = { STDIN_FILENO, POLLIN, 0 };

		clove_poll_loop_step(vmm.loop, 2);
		if (poll(&input, 1, 0) != 1)
			continue;
		if (!fgets(line, sizeof line, stdin))
			break;
		if (!draw(60) || !write_expected(name))
			return 1;
		printf("%s\n", name);
		fflush(stdout);
	}
	guest_end();
	spice_server_remove_interface(&vmm_tablet.base);
	spice_server_destroy(server);
	clove_poll_loop_free(vmm.loop);
	return 0;
}
