/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-qxl.c - bytes as a guest's memory, and a drawable, a surface and a cursor command at its start. */
#include <stdlib.h>
#include "tests/unit/qxl-fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest guest;
	struct clove_qxl_surface_command surface;
	struct clove_qxl_cursor cursor;
	struct clove_monitors monitors;
	pixman_region32_t changed;
	void *release;

	if (!guest_init(&guest))
		return 0;
	memcpy(guest.memory, data, size < GUEST_BYTES ? size : GUEST_BYTES);
	guest_surface(&guest, 0, 61, 47, 32, -244);
	guest_surface(&guest, 1, 33, 20, 16, 68);
	guest_surface(&guest, 2, 40, 40, 8, 40);
	pixman_region32_init(&changed);
	for (int dialect = 0; dialect < 3; dialect++) {
		guest.source.is_compat = dialect > 0;
		guest.source.is_16bpp = dialect > 1;
		if (guest_draw(&guest, &changed) == CLOVE_OK)
			clove_surface_save(guest.by_id[0], &guest.memslots, NULL);
	}
	pixman_region32_fini(&changed);
	if (clove_qxl_read_surface(&guest.source, guest_address(0), &surface, &release) == CLOVE_OK) {
		const char *why;

		clove_surface_free(clove_surface_new(3, &surface.info, &guest.memslots, GUEST_BYTES, &why));
	}
	if (clove_qxl_read_cursor(&guest.source, guest_address(0), &cursor, &release) != CLOVE_OK)
		cursor.type = 0;
	clove_buf_fini(&cursor.shape.data);
	if (clove_qxl_read_monitors(&guest.source, guest_address(0), 16, &monitors) != CLOVE_OK)
		monitors.count = 0;
	guest_fini(&guest);
	return 0;
}
