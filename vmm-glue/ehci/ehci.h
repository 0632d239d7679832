/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ehci.h - the parts of the controller, and what each of them offers the others.
 *
 * regs.c and pci.c turn accesses into register values; port.c and hub.c know what is plugged in; schedule.c walks
 * the guest's lists, queue.c and iso.c execute what it finds there, transfer.c and control.c move the bytes;
 * hcd.c has the clock and the interrupt. Sections are those of the EHCI specification, revision 1.0.
 */
#ifndef CLOVE_EHCI_EHCI_H
#define CLOVE_EHCI_EHCI_H

#include "common/util/bytes.h"
#include "common/util/err.h"
#include "common/util/list.h"
#include "usb/device.h"
#include "vmm-glue/clove-ehci.h"

enum ehci_reg {
	USBCMD, USBSTS, USBINTR, FRINDEX, CTRLDSSEGMENT, PERIODICLISTBASE, ASYNCLISTADDR, CONFIGFLAG,
	EHCI_REGS,
};

enum {
	CAPLENGTH = 0x20,

	USBCMD_RS = 1u << 0,
	USBCMD_HCRESET = 1u << 1,
	USBCMD_PSE = 1u << 4,
	USBCMD_ASE = 1u << 5,
	USBCMD_IAAD = 1u << 6,

	USBSTS_USBINT = 1u << 0,
	USBSTS_USBERRINT = 1u << 1,
	USBSTS_PCD = 1u << 2,
	USBSTS_FLR = 1u << 3,
	USBSTS_HSE = 1u << 4,
	USBSTS_IAA = 1u << 5,
	USBSTS_CAUSES = 0x3f,
	USBSTS_HCHALTED = 1u << 12,
	USBSTS_RECLAMATION = 1u << 13,
	USBSTS_PSS = 1u << 14,
	USBSTS_ASS = 1u << 15,

	PORT_CCS = 1u << 0,
	PORT_CSC = 1u << 1,
	PORT_PED = 1u << 2,
	PORT_PEC = 1u << 3,
	PORT_OCC = 1u << 5,
	PORT_FPR = 1u << 6,
	PORT_SUSPEND = 1u << 7,
	PORT_PR = 1u << 8,
	PORT_LINE_K = 1u << 10,
	PORT_LINE_J = 1u << 11,
	PORT_PP = 1u << 12,
	PORT_TEST = 0xf << 16,
	PORT_WKCNNT = 1u << 20,
	PORT_WKDSCNNT = 1u << 21,
	PORT_WKOC = 1u << 22,

	/* qTD dword 2 (3.5.3) */
	QTD_PING = 1u << 0,
	QTD_SPLIT_X = 1u << 1,
	QTD_MISSED = 1u << 2,
	QTD_XACT_ERR = 1u << 3,
	QTD_BABBLE = 1u << 4,
	QTD_BUFFER_ERR = 1u << 5,
	QTD_HALTED = 1u << 6,
	QTD_ACTIVE = 1u << 7,
	QTD_CERR = 3u << 10,
	QTD_IOC = 1u << 15,

	LINK_T = 1u << 0,
	LINK_ITD = 0, LINK_QH = 1, LINK_SITD = 2, LINK_FSTN = 3,

	EHCI_FETCHES = 1024,       /* elements read in one pass, of every kind: a list may be endless */
	EHCI_ISO_A_FRAME = 64,     /* iTDs and siTDs executed in one frame */
	EHCI_QUEUES = 256,
	EHCI_PAGE = 4096,
	EHCI_QTD_MAX = 0x5000,
};

#define QTD_TOGGLE (1u << 31)
#define EHCI_NEVER UINT64_MAX
#define EHCI_MICROFRAME UINT64_C(125000) /* ns */
#define EHCI_FRAME UINT64_C(1000000)

enum { PID_OUT, PID_IN, PID_SETUP };

/* Memory that could not be reached, ns. */
struct ehci_absence {
	unsigned int looks;        /* in vain; 0: it is there */
	uint64_t looked;           /* the last time */
	uint64_t spent;            /* with looking */
};

/* What the guest's memory says, read once. */
struct ehci_qtd {
	uint32_t next, alt, token, buffer[5];
};
static inline uint32_t qtd_total(const struct ehci_qtd *qtd) { return qtd->token >> 16 & 0x7fff; }
static inline uint32_t qtd_pid(const struct ehci_qtd *qtd) { return qtd->token >> 8 & 3; }
static inline uint32_t qtd_page(const struct ehci_qtd *qtd) { return qtd->token >> 12 & 7; }

struct ehci_qh {
	uint32_t link, endpoint, masks, current;
	struct ehci_qtd overlay;
};
static inline uint32_t qh_address(const struct ehci_qh *qh) { return qh->endpoint & 0x7f; }
static inline uint32_t qh_number(const struct ehci_qh *qh) { return qh->endpoint >> 8 & 0xf; }
static inline uint32_t qh_max_packet(const struct ehci_qh *qh) { return qh->endpoint >> 16 & 0x7ff; }
static inline uint32_t qh_smask(const struct ehci_qh *qh) { return qh->masks & 0xff; }
static inline uint32_t qh_mult(const struct ehci_qh *qh) { return qh->masks >> 30 ? qh->masks >> 30 : 1; }
/* As enum clove_usb_speed numbers them; EHCI has full 0, low 1, high 2. */
static inline uint8_t qh_speed(const struct ehci_qh *qh)
{
	static const uint8_t speeds[] = {
		CLOVE_USB_FULL, CLOVE_USB_LOW, CLOVE_USB_HIGH, CLOVE_USB_SPEED_UNKNOWN,
	};
	return speeds[qh->endpoint >> 12 & 3];
}

/* A control transfer on its way: one for each device, whatever queue it comes from. */
struct ehci_control {
	enum { CONTROL_IDLE, CONTROL_IN, CONTROL_OUT, CONTROL_SUBMITTED } stage;
	bool is_done;
	uint32_t queue;            /* the address of the QH that it comes from */
	struct clove_usb_transfer *transfer;
	size_t moved;              /* bytes of the data stage that passed between guest and transfer */
};

/* A device that is plugged in. */
struct ehci_attached {
	struct clove_ehci *hc;
	struct clove_usb_device *usb; /* NULL: nothing is */
	int port;                  /* as clove_ehci_plug() numbers them */
	uint8_t address;
	bool is_lost;              /* it said `gone` while we were busy */
	bool may_wake;             /* DEVICE_REMOTE_WAKEUP, as the guest set it */
	unsigned int restoring;    /* requests under way that give a migrated device its configuration again */
	uint64_t reset_order;      /* who was reset last has address 0 */
	struct ehci_control control;
};

struct ehci_port {
	uint32_t portsc;
	struct ehci_attached attached;
};

/* An endpoint's work, by its QH's address. */
struct ehci_queue {
	struct clove_list link;    /* its bucket's */
	uint32_t address;
	bool is_periodic;
	uint32_t next;             /* its horizontal link, as last read */
	uint64_t pass;             /* the last pass that came by */
	unsigned int order;        /* its place in that pass */
	uint64_t frame;            /* periodic: the last frame that it was linked in */
	uint64_t period;           /* frames between two of them; 0: not known */
	uint64_t moved_frame;      /* the last in which something happened */
	uint64_t seen;             /* ns */
	struct ehci_absence away;  /* of the bytes of its transfer */
	struct clove_list works;   /* in the order of the list */
	unsigned int work_count;
	size_t work_bytes;
};

/* A transfer that a device has or had, and the qTDs that it was made of. */
struct ehci_work {
	struct clove_list link;    /* its queue's, or the controller's orphans */
	struct ehci_queue *queue;  /* NULL: withdrawn, nothing of it reaches the guest */
	struct ehci_attached *attached; /* NULL: unplugged */
	struct clove_ehci *hc;
	struct clove_usb_transfer *transfer;
	bool is_done;
	uint32_t max_packet;
	unsigned int count, room;
	unsigned int told;         /* parts that the guest knows of, and their bytes */
	size_t told_bytes;
	struct ehci_part {
		uint32_t address;
		struct ehci_qtd qtd;
	} *parts;
};

struct ehci_hub;

enum { EHCI_BUCKETS = 64 };

struct clove_ehci {
	const struct clove_ehci_vmm *vmm;
	void *opaque;
	uint8_t config[256];
	uint32_t reg[EHCI_REGS];
	struct ehci_port ports[CLOVE_EHCI_ROOT_PORTS];
	struct ehci_hub *hub;
	uint64_t resets;           /* counts, for reset_order */

	/* the clock */
	uint64_t run_since;        /* ns of FRINDEX `run_base`, while RS is set */
	uint64_t run_base;         /* microframes, not wrapped */
	uint64_t rollovers;        /* of FRINDEX, those that FLR told */
	uint64_t frame_next;       /* periodic: the first frame that was not executed */
	uint64_t shown, shown_at;  /* microframes that the guest read last, and when, ns */
	uint64_t iso_until;        /* ns: isochronous elements were seen a short while ago */
	uint64_t frames_at;        /* ns of the next clove_usb_frame(), for those who want it */

	/* the interrupt */
	uint32_t pending;          /* causes that wait for the threshold */
	uint64_t delivered;        /* ns of the last delivery */
	bool is_raised;

	/* work and when */
	bool is_busy;
	bool must_run;
	bool is_paused;            /* no transfer begins */
	uint64_t active;           /* ns of the last thing that happened on the async schedule */
	uint64_t periodic_active;
	uint64_t async_at, periodic_at;
	uint64_t async_step;       /* ns between two looks */
	uint64_t wish;             /* what wake_at was told last */
	uint64_t pass;
	unsigned int fetches;      /* left in this pass */
	struct ehci_absence away[2]; /* of the circle's elements, of the frames' */
	bool is_in_frames;
	uint64_t away_pass;        /* the last in which some were */
	unsigned int in_flight;    /* transfers that devices have */
	unsigned int answers;      /* periodic ones that came back since the last look */
	struct clove_list queues[EHCI_BUCKETS];
	unsigned int queue_count;
	struct clove_list orphans;
	struct clove_usb_transfer *iso_spare;
};

/* hcd.c */
uint64_t ehci_now(struct clove_ehci *hc);
uint64_t ehci_microframes(struct clove_ehci *hc);
uint64_t ehci_show_microframes(struct clove_ehci *hc); /* the guest reads FRINDEX */
bool ehci_is_running(const struct clove_ehci *hc); /* RS, and power and bus mastering for it */
void ehci_kick(struct clove_ehci *hc);             /* there is something to do: run soon */
void ehci_raise(struct clove_ehci *hc, uint32_t causes);          /* at once */
void ehci_raise_at_threshold(struct clove_ehci *hc, uint32_t causes);
void ehci_update_irq(struct clove_ehci *hc, bool is_acknowledge);
void ehci_started(struct clove_ehci *hc);          /* RS went 0 -> 1 */
void ehci_stopped(struct clove_ehci *hc);
void ehci_host_error(struct clove_ehci *hc);
bool ehci_may_come_back(struct clove_ehci *hc, struct ehci_absence *absence); /* counts a look in vain */
void ehci_element_missing(struct clove_ehci *hc);  /* the list being walked; ends this pass, or the controller */
void ehci_wake_machine(struct clove_ehci *hc);     /* PME, if the guest sleeps and wants it */
void ehci_controller_reset(struct clove_ehci *hc); /* HCRESET */
void ehci_log(struct clove_ehci *hc, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ehci_rollover(struct clove_ehci *hc);         /* tells FLR what the clock says */
void ehci_tell_frame(struct clove_ehci *hc);        /* clove_usb_frame() for all who want it */

/* regs.c */
void ehci_regs_reset(struct clove_ehci *hc);
uint32_t ehci_reg_read(struct clove_ehci *hc, uint32_t offset);

/* pci.c */
void ehci_config_reset(struct clove_ehci *hc);
bool ehci_may_dma(const struct clove_ehci *hc);
bool ehci_has_msi(const struct clove_ehci *hc);
bool ehci_is_intx_disabled(const struct clove_ehci *hc);
bool ehci_is_asleep(const struct clove_ehci *hc);  /* D-state other than D0 */
bool ehci_set_pme(struct clove_ehci *hc);          /* true: enabled */
void ehci_config_set_irq(struct clove_ehci *hc, bool level);

/* port.c */
void ehci_ports_init(struct clove_ehci *hc);
void ehci_ports_reset(struct clove_ehci *hc);
uint32_t ehci_port_read(struct clove_ehci *hc, unsigned int n);
void ehci_port_write(struct clove_ehci *hc, unsigned int n, uint32_t value, uint32_t mask);
void ehci_ports_routed(struct clove_ehci *hc);     /* CONFIGFLAG 0 -> 1 */
void ehci_hub_at_port(struct clove_ehci *hc, unsigned int n); /* makes it, or moves it there */
struct ehci_attached *ehci_find(struct clove_ehci *hc, uint32_t address, uint8_t speed);
void ehci_attached_lost(struct clove_ehci *hc);    /* unplugs who said `gone` while we were busy */
void ehci_attach(struct ehci_attached *attached, struct clove_usb_device *take_usb);
void ehci_detach(struct ehci_attached *attached);  /* frees it */
void ehci_attached_reset(struct ehci_attached *attached);
void ehci_port_suspends_changed(struct clove_ehci *hc);
/* Every one that is plugged in: starts with NULL. */
struct ehci_attached *ehci_next_attached(struct clove_ehci *hc, const struct ehci_attached *after);

/* hub.c */
struct ehci_hub *ehci_hub_new(struct clove_ehci *hc);
struct clove_usb_device *ehci_hub_device(struct ehci_hub *hub);
struct ehci_attached *ehci_hub_port(struct ehci_hub *hub, unsigned int n);
bool ehci_hub_is_enabled(const struct ehci_hub *hub, unsigned int n);
bool ehci_hub_is_suspended(const struct ehci_hub *hub, unsigned int n);
void ehci_hub_port_changed(struct ehci_hub *hub, unsigned int n); /* plugged in, or out */
void ehci_hub_port_wakes(struct ehci_hub *hub, unsigned int n);
uint32_t ehci_hub_port_state(const struct ehci_hub *hub, unsigned int n); /* status, and above it the changes */
void ehci_hub_port_restore(struct ehci_hub *hub, unsigned int n, uint32_t state);

/* schedule.c: both answer true when something moved */
bool ehci_async_pass(struct clove_ehci *hc);
bool ehci_periodic_frames(struct clove_ehci *hc, uint64_t first, uint64_t last, uint64_t iso_first);
bool ehci_periodic_answers(struct clove_ehci *hc, uint64_t frame);
void ehci_doorbell(struct clove_ehci *hc);
bool ehci_fetch(struct clove_ehci *hc, uint32_t address, uint32_t *words, unsigned int count);
struct ehci_queue *ehci_queue_find(struct clove_ehci *hc, uint32_t address, bool may_make);
void ehci_queues_forget(struct clove_ehci *hc);    /* all of them; transfers are called back */
/* Withdraws what was not seen for a while. The time when to ask again; EHCI_NEVER. */
uint64_t ehci_queues_expire(struct clove_ehci *hc);

/* queue.c: executes a QH, at most `limit` completions. True when something moved. */
bool ehci_queue_execute(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_qh *qh, unsigned int limit);
void ehci_queue_withdraw(struct ehci_queue *queue);
void ehci_attached_withdraw(struct ehci_attached *attached); /* all that this device has */

/* iso.c */
bool ehci_itd_execute(struct clove_ehci *hc, uint32_t address, const uint32_t words[16]);
bool ehci_sitd_execute(struct clove_ehci *hc, uint32_t address, const uint32_t words[7]);

/* transfer.c: the pages of a qTD, and a chain of them as one transfer */
bool ehci_dma_read(struct clove_ehci *hc, uint64_t address, void *data, size_t len);
bool ehci_dma_write(struct clove_ehci *hc, uint64_t address, const void *data, size_t len);
bool ehci_store(struct clove_ehci *hc, uint32_t address, uint32_t value); /* one word, after all before it */
bool ehci_qtd_is_sane(const struct ehci_qtd *qtd, uint32_t max_packet);
bool ehci_qtd_read(struct clove_ehci *hc, const struct ehci_qtd *qtd, void *data, size_t len);
bool ehci_qtd_write(struct clove_ehci *hc, const struct ehci_qtd *qtd, const void *data, size_t len);
void ehci_qtd_moved(struct ehci_qtd *qtd, size_t len, uint32_t max_packet, bool is_short);
struct ehci_work *ehci_work_new(struct clove_ehci *hc, struct ehci_queue *queue, struct ehci_attached *attached);
bool ehci_work_add(struct ehci_work *work, uint32_t address, const struct ehci_qtd *qtd);
/* False: no memory, or its data cannot be read (*is_fault). */
bool ehci_work_submit(struct ehci_work *work, uint8_t endpoint, uint8_t type, size_t len, bool *is_fault);
void ehci_work_withdraw(struct ehci_work *work);
void ehci_work_free(struct ehci_work *work);       /* done */

/* control.c */
enum ehci_answer { ANSWER_WAIT, ANSWER_ACK, ANSWER_STALL, ANSWER_ERROR, ANSWER_BABBLE, ANSWER_FAULT };
enum ehci_answer ehci_control_token(struct ehci_attached *attached, const struct ehci_qtd *qtd, size_t *moved);
void ehci_control_abort(struct ehci_attached *attached);
bool ehci_control_is_waiting(const struct ehci_attached *attached);
/* Begins a control transfer in the middle, for who restores one. Takes nothing. */
bool ehci_control_begin(struct ehci_attached *attached, const struct clove_usb_setup *setup);

#endif
