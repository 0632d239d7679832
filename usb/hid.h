/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hid.h - what input devices made of software share: reports in a queue, and the requests of HID 1.11. */
#ifndef CLOVE_USB_HID_H
#define CLOVE_USB_HID_H

#include "usb/model.h"

enum { CLOVE_HID_REPORT = 8, CLOVE_HID_QUEUE = 32, CLOVE_HID_ENDPOINT = 0x81 };

enum { CLOVE_DESC_HID = 0x21, CLOVE_DESC_REPORT = 0x22 };   /* HID 1.11, section 7.1 */

/* The items of a report descriptor that we use (HID 1.11, section 6.2.2). */
#define CLOVE_HID_USAGE_PAGE(n)   0x05, (n)
#define CLOVE_HID_USAGE(n)        0x09, (n)
#define CLOVE_HID_USAGES(a, b)    0x19, (a), 0x29, (b)
#define CLOVE_HID_LOGICAL(a, b)   0x15, (a), 0x25, (b)
#define CLOVE_HID_LOGICAL_16(a, b) 0x16, CLOVE_DESC_16(a), 0x26, CLOVE_DESC_16(b)
#define CLOVE_HID_FIELDS(n, bits) 0x95, (n), 0x75, (bits)
#define CLOVE_HID_INPUT(n)        0x81, (n)
#define CLOVE_HID_OUTPUT(n)       0x91, (n)
#define CLOVE_HID_COLLECTION(n)   0xa1, (n)
#define CLOVE_HID_END             0xc0
enum { CLOVE_HID_DATA_ARRAY = 0, CLOVE_HID_CONSTANT = 1, CLOVE_HID_ABSOLUTE = 2, CLOVE_HID_RELATIVE = 6 };

struct clove_hid {
	struct clove_model model;              /* first */
	struct clove_bytes report_desc;
	uint8_t report_len;                    /* at most CLOVE_HID_REPORT */
	uint8_t state[CLOVE_HID_REPORT];       /* the newest report: what GET_REPORT answers */
	uint8_t queue[CLOVE_HID_QUEUE][CLOVE_HID_REPORT];
	unsigned int first, count;
	uint8_t idle, protocol, output;        /* 4 ms; 0 boot, 1 report; the last SET_REPORT's first byte */
	unsigned int idle_frames;
};

extern const struct clove_model_ops clove_hid_ops;

/* NULL without memory. */
struct clove_hid *clove_hid_new(const struct clove_desc *desc, struct clove_bytes report_desc, uint8_t report_len,
		const char *name);
/* A new report. When the queue is full the last report gives way: what was pressed last is known at the end. */
void clove_hid_report(struct clove_hid *hid, const uint8_t *report);
/* The last report that nobody has read yet, to be changed in place; or NULL. */
uint8_t *clove_hid_last(struct clove_hid *hid);

#endif
