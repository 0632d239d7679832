/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* screenshot.c - how a picture becomes RGB rows, and how a half-written file is never seen. */
#include "client-gtk/screenshot.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>

enum { SIDE_MAX = 32767 };

static guchar *to_rgb(const uint8_t *pixels, int32_t width, int32_t height, int32_t stride)
{
	guchar *rgb = g_try_malloc_n((gsize)width * 3, (gsize)height), *to = rgb;

	for (int32_t y = 0; rgb && y < height; y++) {
		const uint8_t *from = pixels + (ptrdiff_t)stride * y;

		for (int32_t x = 0; x < width; x++, from += 4) {
			*to++ = from[2];
			*to++ = from[1];
			*to++ = from[0];
		}
	}
	return rgb;
}

static bool make_png(const guchar *rgb, int32_t width, int32_t height, char **data, gsize *len,
		GError **error)
{
	GdkPixbuf *pixbuf = gdk_pixbuf_new_from_data(rgb, GDK_COLORSPACE_RGB, FALSE, 8, width, height,
			width * 3, NULL, NULL);
	bool is_done = pixbuf && gdk_pixbuf_save_to_buffer(pixbuf, data, len, "png", error, NULL);

	g_clear_object(&pixbuf);
	return is_done;
}

static bool make_ppm(const guchar *rgb, int32_t width, int32_t height, char **data, gsize *len)
{
	gsize body = (gsize)width * 3 * (gsize)height;
	char head[48];
	gsize start = (gsize)g_snprintf(head, sizeof head, "P6\n%d %d\n255\n", width, height);

	*data = g_try_malloc(start + body);
	if (!*data)
		return false;
	memcpy(*data, head, start);
	memcpy(*data + start, rgb, body);
	*len = start + body;
	return true;
}

enum clove_err clove_screenshot_write(const char *path, const uint8_t *pixels, int32_t width,
		int32_t height, int32_t stride, char **error)
{
	char *lower = g_ascii_strdown(path, -1), *data = NULL;
	bool is_png = g_str_has_suffix(lower, ".png"), is_written = false;
	GError *gerror = NULL;
	guchar *rgb = NULL;
	gsize len = 0;

	*error = NULL;
	if (!is_png && !g_str_has_suffix(lower, ".ppm")) {
		*error = g_strdup_printf("The name of the screenshot %s must end in .png or .ppm.", path);
	} else if (width < 1 || height < 1 || width > SIDE_MAX || height > SIDE_MAX ||
			stride / 4 < width) {
		*error = g_strdup("There is no picture to write.");
	} else {
		rgb = to_rgb(pixels, width, height, stride);
		if (rgb && (is_png ? make_png(rgb, width, height, &data, &len, &gerror)
				: make_ppm(rgb, width, height, &data, &len)))
			is_written = g_file_set_contents(path, data, (gssize)len, &gerror);
		if (!is_written)
			*error = g_strdup_printf("The screenshot %s cannot be written: %s.", path,
					gerror ? gerror->message : "out of memory");
	}
	g_clear_error(&gerror);
	g_free(lower);
	g_free(data);
	g_free(rgb);
	return is_written ? CLOVE_OK : CLOVE_ERR_IO;
}
