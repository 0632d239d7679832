/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* model.h - what all devices made of software share: standard requests, halts, transfers that wait.
 *
 * A model is asked only for what is its own: requests of its class, and its endpoints' transfers.
 */
#ifndef CLOVE_USB_MODEL_H
#define CLOVE_USB_MODEL_H

#include "usb/desc.h"
#include "usb/device.h"

struct clove_model;

struct clove_model_ops {
	/* A request that chapter 9 does not answer. IN: appends the answer (the base cuts it to wLength).
	 * OUT: `data` is what came. Not CLOVE_OK: the request is stalled. */
	enum clove_err (*control)(struct clove_model *model, const struct clove_usb_setup *setup,
			struct clove_bytes data, struct clove_buf *answer);
	/* Something changed: transfers wait, or a halt ended. Never re-entered: it is called again instead. */
	void (*run)(struct clove_model *model);
	/* A reset, or a new configuration or setting. The transfers of these endpoints (bits clove_usb_index())
	 * have come back, their halts are forgotten; all ones: of the whole device. */
	void (*restart)(struct clove_model *model, uint32_t endpoints);
	/* A transfer that the model took off its list is to end now: clove_usb_complete(). May be NULL. */
	void (*cancel_taken)(struct clove_model *model, struct clove_usb_transfer *transfer);
	void (*frame)(struct clove_model *model);   /* or NULL */
	void (*free)(struct clove_model *model);    /* what is its own, and the model */
};

struct clove_model {
	struct clove_usb_device device;             /* first, so that a model is a device */
	const struct clove_model_ops *ops;
	const struct clove_desc *desc;
	struct clove_list waiting[CLOVE_USB_ENDPOINTS]; /* transfers, by clove_usb_index() */
	struct clove_list taken;                    /* those the model has in hand (clove_model_take) */
	uint8_t alts[CLOVE_USB_INTERFACES];
	uint32_t halted;                            /* bits clove_usb_index() */
	bool may_wake;                              /* DEVICE_REMOTE_WAKEUP is set */
	bool is_running, runs_again;
};

/* `desc` is borrowed for the model's life. The model is zeroed. */
void clove_model_init(struct clove_model *model, const struct clove_model_ops *ops,
		const struct clove_desc *desc, const char *name);
/* Calls ops->run, in turn. */
void clove_model_run(struct clove_model *model);
/* The first transfer that waits at an endpoint address, or NULL. */
struct clove_usb_transfer *clove_model_first(struct clove_model *model, uint8_t endpoint);
/* Takes it in hand: it waits no more, and a cancel asks cancel_taken. */
void clove_model_take(struct clove_model *model, struct clove_usb_transfer *transfer);
/* Halts an endpoint: what waits there comes back as STALL, and so does all that follows until it is cleared. */
void clove_model_halt(struct clove_model *model, uint8_t endpoint);
/* Something happened that wakes a suspended device, if the driver allowed that. */
void clove_model_wake(struct clove_model *model);
/* The device leaves: not from inside submit or cancel. */
void clove_model_leave(struct clove_model *model, const char *why);

#endif
