/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* control.c - control transfers: SETUP, data and status tokens become one request to the device, and SET_ADDRESS
 * stays here (USB 2.0, 8.5.3 and 9.4.6).
 *
 * An IN request is given to the device with its SETUP token, all others at their status stage.
 */
#include "vmm-glue/ehci/ehci.h"

enum { SET_ADDRESS = 5, CLEAR_FEATURE = 1, SET_FEATURE = 3, DEVICE_REMOTE_WAKEUP = 1 };

static void on_done(struct clove_usb_transfer *transfer)
{
	struct ehci_attached *attached = transfer->opaque;

	if (!attached) {
		clove_usb_transfer_free(transfer);
		return;
	}
	attached->hc->in_flight--;
	attached->control.is_done = true;
	attached->hc->active = attached->hc->periodic_active = ehci_now(attached->hc);
	ehci_kick(attached->hc);
}

void ehci_control_abort(struct ehci_attached *attached)
{
	struct ehci_control *control = &attached->control;
	struct clove_usb_transfer *transfer = control->transfer;
	bool is_submitted = transfer && transfer->is_submitted;

	*control = (struct ehci_control){ CONTROL_IDLE, .queue = control->queue };
	if (is_submitted) {
		attached->hc->in_flight--;
		transfer->opaque = NULL;
		clove_usb_cancel(attached->usb, transfer);
	} else {
		clove_usb_transfer_free(transfer);
	}
}

bool ehci_control_is_waiting(const struct ehci_attached *attached)
{
	return attached->control.transfer && attached->control.transfer->is_submitted;
}

static void submit(struct ehci_attached *attached)
{
	struct ehci_control *control = &attached->control;

	attached->hc->in_flight++;
	clove_usb_submit(attached->usb, control->transfer);
}

bool ehci_control_begin(struct ehci_attached *attached, const struct clove_usb_setup *setup)
{
	struct ehci_control *control = &attached->control;

	ehci_control_abort(attached);
	control->transfer = clove_usb_transfer_new(setup->request_type & CLOVE_USB_IN, CLOVE_USB_CONTROL,
			setup->length, 0);
	if (!control->transfer)
		return false;
	control->transfer->setup = *setup;
	control->transfer->done = on_done;
	control->transfer->opaque = attached;
	if (setup->request_type & CLOVE_USB_IN) {
		control->stage = CONTROL_IN;
		submit(attached);
	} else {
		control->stage = CONTROL_OUT;
	}
	return true;
}

static enum ehci_answer on_setup(struct ehci_attached *attached, const struct ehci_qtd *qtd, size_t *moved)
{
	struct clove_usb_setup setup;
	uint8_t bytes[8];

	if (qtd_total(qtd) != sizeof bytes)
		return ANSWER_STALL;
	if (!ehci_qtd_read(attached->hc, qtd, bytes, sizeof bytes))
		return ANSWER_FAULT;
	setup = (struct clove_usb_setup){ bytes[0], bytes[1], clove_le16(bytes + 2), clove_le16(bytes + 4),
			clove_le16(bytes + 6) };
	if (!ehci_control_begin(attached, &setup))
		return ANSWER_ERROR;
	*moved = sizeof bytes;
	return ANSWER_ACK;
}

/* What the device said, once it has. */
static enum ehci_answer result(const struct ehci_control *control)
{
	static const uint8_t answers[] = {
		[CLOVE_USB_SUCCESS] = ANSWER_ACK, [CLOVE_USB_CANCELLED] = ANSWER_ERROR,
		[CLOVE_USB_INVAL] = ANSWER_STALL, [CLOVE_USB_IOERROR] = ANSWER_ERROR,
		[CLOVE_USB_STALL] = ANSWER_STALL, [CLOVE_USB_TIMEOUT] = ANSWER_ERROR,
		[CLOVE_USB_BABBLE] = ANSWER_BABBLE,
	};
	const struct clove_usb_transfer *transfer = control->transfer;

	if (!control->is_done)
		return ANSWER_WAIT;
	if (transfer->status >= sizeof answers)
		return ANSWER_ERROR;
	if (transfer->status == CLOVE_USB_SUCCESS && transfer->actual > transfer->len)
		return ANSWER_BABBLE;
	if (transfer->status == CLOVE_USB_SUCCESS && control->stage == CONTROL_IN && transfer->actual && !transfer->data)
		return ANSWER_ERROR;
	return answers[transfer->status];
}

/* Features of the hub and of devices that the controller has to know of. */
static void learn(struct ehci_attached *attached)
{
	const struct clove_usb_setup *setup = &attached->control.transfer->setup;

	if (setup->request_type || setup->value != DEVICE_REMOTE_WAKEUP)
		return;
	if (setup->request == SET_FEATURE || setup->request == CLEAR_FEATURE)
		attached->may_wake = setup->request == SET_FEATURE;
}

/* The status stage of a request without data, or with data to the device. */
static enum ehci_answer status_in(struct ehci_attached *attached)
{
	struct ehci_control *control = &attached->control;
	const struct clove_usb_setup *setup = &control->transfer->setup;
	enum ehci_answer answer;

	if (!setup->request_type && setup->request == SET_ADDRESS) {
		attached->address = setup->value & 0x7f;
		ehci_control_abort(attached);
		return ANSWER_ACK;
	}
	if (control->stage == CONTROL_OUT) {
		if (control->moved != setup->length)
			return ANSWER_STALL;
		if (attached->hc->is_paused)
			return ANSWER_WAIT;
		control->stage = CONTROL_SUBMITTED;
		submit(attached);
	}
	answer = result(control);
	if (answer == ANSWER_WAIT)
		return answer;
	if (answer == ANSWER_ACK)
		learn(attached);
	ehci_control_abort(attached);
	return answer;
}

static enum ehci_answer on_in(struct ehci_attached *attached, const struct ehci_qtd *qtd, size_t *moved)
{
	struct ehci_control *control = &attached->control;
	enum ehci_answer answer;
	size_t rest;

	if (control->stage == CONTROL_IDLE)
		return ANSWER_STALL;
	if (control->stage != CONTROL_IN)
		return status_in(attached);
	answer = result(control);
	if (answer != ANSWER_ACK)
		return answer;
	rest = control->transfer->actual > control->moved ? control->transfer->actual - control->moved : 0;
	*moved = rest < qtd_total(qtd) ? rest : qtd_total(qtd);
	if (*moved && !ehci_qtd_write(attached->hc, qtd, control->transfer->data + control->moved, *moved))
		return ANSWER_FAULT;
	control->moved += *moved;
	return ANSWER_ACK;
}

static enum ehci_answer on_out(struct ehci_attached *attached, const struct ehci_qtd *qtd, size_t *moved)
{
	struct ehci_control *control = &attached->control;
	enum ehci_answer answer;
	size_t len = qtd_total(qtd);

	if (control->stage == CONTROL_OUT) {
		if (len > control->transfer->len - control->moved)
			return ANSWER_STALL;
		if (len && !ehci_qtd_read(attached->hc, qtd, control->transfer->data + control->moved, len))
			return ANSWER_FAULT;
		control->moved += len;
		*moved = len;
		return ANSWER_ACK;
	}
	if (control->stage != CONTROL_IN)
		return ANSWER_STALL;
	/* the status stage of a request with data from the device */
	answer = result(control);
	if (answer == ANSWER_WAIT)
		return answer;
	ehci_control_abort(attached);
	*moved = len;
	return answer;
}

/* One qTD of a control queue. *moved: bytes of it that passed. */
enum ehci_answer ehci_control_token(struct ehci_attached *attached, const struct ehci_qtd *qtd, size_t *moved)
{
	*moved = 0;
	switch (qtd_pid(qtd)) {
	case PID_SETUP:
		if (attached->hc->is_paused)
			return ANSWER_WAIT;
		return on_setup(attached, qtd, moved);
	case PID_IN:
		return on_in(attached, qtd, moved);
	default:
		return on_out(attached, qtd, moved);
	}
}
