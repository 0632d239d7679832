/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* screenshot.h - a guest's picture as a file: PPM or PNG by its name, whole or not at all. */
#ifndef CLOVE_CLIENT_GTK_SCREENSHOT_H
#define CLOVE_CLIENT_GTK_SCREENSHOT_H

#include <stdint.h>
#include "common/util/err.h"

/* Pixels are 32 bits, blue first. The file appears under its name only when it is complete. On
 * failure a sentence for people in *error (g_free). */
CLOVE_CHECKED enum clove_err clove_screenshot_write(const char *path, const uint8_t *pixels,
		int32_t width, int32_t height, int32_t stride, char **error);

#endif
