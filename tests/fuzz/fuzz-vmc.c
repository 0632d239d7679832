/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-vmc.c - four bytes choose header, capabilities, pieces and what the device is like; the rest is the client's. */
#include <string.h>
#include "common/util/log.h"
#include "server/char-device.h"
#include "server/server.h"
#include "server/vmc-channel.h"
#include "tests/fuzz/fed-stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct device {
	size_t most;              /* of one write */
	unsigned int writes, refuses;
	size_t says;
};

static int on_write(void *end, const uint8_t *bytes, int len)
{
	struct device *device = end;
	size_t n = (size_t)len < device->most ? (size_t)len : device->most;
	unsigned int sum = 0;

	if (device->refuses && device->writes++ % device->refuses == 0)
		return 0;
	for (size_t i = 0; i < n; i++) /* all of it can be read */
		sum += bytes[i];
	device->says += sum & 0xfff;
	return (int)n;
}

static int on_read(void *end, uint8_t *bytes, int len)
{
	struct device *device = end;
	size_t n = device->says < (size_t)len ? device->says : (size_t)len;

	memset(bytes, 7, n);
	device->says -= n;
	return (int)n;
}

static void no_line(void *opaque, enum clove_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct clove_char_ops ops = { .write = on_write, .read = on_read };
	static SpiceCoreInterface core; /* too old for events */
	struct device device = { 0 };
	struct SpiceServer server = { .core = &core, .loop = clove_poll_loop_new() };
	struct clove_client client = { .server = &server };
	struct clove_connection *conn = calloc(1, sizeof *conn);
	struct clove_vmc_offer offer;

	if (size < 4 || !conn || !server.loop || !(conn->stream = fed_new(CLOVE_BYTES(data + 4, size - 4),
			(size_t)data[1] * 16 + 1))) {
		free(conn);
		clove_poll_loop_free(server.loop);
		return 0;
	}
	clove_log_set_sink(no_line, NULL);
	clove_list_init(&server.clients);
	clove_list_init(&server.vmc_offers);
	clove_list_init(&client.vmcs);
	conn->mini_header = !(data[0] & 1);
	conn->info = (struct clove_link_info){ .channel_type = CLOVE_CHANNEL_USBREDIR,
			.channel_caps.words = { data[0] >> 1 & 1 } };
	device = (struct device){ .most = (size_t)data[2] * 64 + 1, .refuses = data[3] & 7,
			.says = (size_t)data[3] << 8 };

	struct clove_char_device *stream = clove_char_device_new(server.loop, &(struct clove_char_options){
			.ops = &ops, .end = &device, .is_running = true });

	if (stream && clove_vmc_offer(&server, &offer, CLOVE_CHANNEL_USBREDIR, stream) &&
			clove_vmc_link(&client, conn)) {
		for (int i = 0; i < 100000 && !clove_list_is_empty(&client.vmcs); i++) {
			clove_char_device_wakeup(stream);
			clove_poll_loop_step(server.loop, 0);
		}
		clove_vmc_drop_all(&client);
	} else {
		clove_connection_free(conn);
	}
	clove_char_device_free(stream);
	clove_poll_loop_free(server.loop);
	return 0;
}
