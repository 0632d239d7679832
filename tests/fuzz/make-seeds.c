/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* make-seeds.c - writes the corpus of fuzz-wire: for each layout a body that is not small. */
#include <stdio.h>
#include <stdlib.h>
#include "tests/fuzz/wire-layouts.h"

enum { TRIES = 60, LARGEST = 400 };

static int make(const char *folder, unsigned int number, const struct clove_layout *layout,
		const char *name)
{
	static const struct clove_caps caps = { { UINT32_MAX } };
	uint64_t random = number;
	struct clove_buf best = { 0 };
	char path[4096];
	FILE *file;

	for (int i = 0; i < TRIES; i++) {
		struct clove_buf body = { 0 }, smaller = best;

		if (clove_wire_seed(layout, &caps, &random, &body) == CLOVE_OK &&
				body.len <= LARGEST && body.len >= best.len) {
			best = body;
			body = smaller;
		}
		clove_buf_fini(&body);
	}
	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "wb");
	if (!file) {
		perror(path);
		clove_buf_fini(&best);
		return 1;
	}
	fputc((int)number, file);
	fputc(1, file);
	if (best.len)
		fwrite(best.data, 1, best.len, file);
	clove_buf_fini(&best);
	if (fclose(file)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct clove_layout *layout;
	const char *name;
	unsigned int number = 0;
	int failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: make-seeds FOLDER\n");
		return 2;
	}
	while ((layout = wire_layout(number, &name)))
		failed |= make(argv[1], number++, layout, name);
	printf("%u seeds\n", number);
	return failed || number > 256;
}
