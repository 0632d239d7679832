/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fuzz-usbredir-filter.c - any text as rules; what is taken prints, and reads again as the same. */
#include <stdlib.h>
#include <string.h>
#include "usbredir/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct clove_usb_filter filter = { 0 }, again = { 0 };
	struct clove_usb_shape shape = { .interface_count = size > 3 ? data[0] : 1, .device_class = size > 3 ? data[1] : 0,
			.vendor = size > 3 ? data[2] : 0 };
	char *text = malloc(size + 1), *printed = NULL;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < CLOVE_USB_INTERFACES; i++)
		shape.interfaces[i].interface_class = size > i ? data[i] : 3;
	if (clove_usb_filter_parse(&filter, text, NULL, NULL) == CLOVE_OK) {
		printed = clove_usb_filter_print(&filter);
		if (printed && (clove_usb_filter_parse(&again, printed, NULL, NULL) != CLOVE_OK ||
				again.count != filter.count ||
				clove_usb_filter_check(&again, &shape, false) !=
				clove_usb_filter_check(&filter, &shape, false)))
			abort();
	}
	clove_usb_filter_fini(&filter);
	clove_usb_filter_fini(&again);
	free(printed);
	free(text);
	return 0;
}
