/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* irq.h - one interrupt's level as eventfds of a vfio-user client: INTx that masks itself, or MSI. */
#ifndef CLOVE_VFIO_IRQ_H
#define CLOVE_VFIO_IRQ_H

#include <stdbool.h>
#include "common/util/loop.h"
#include "vmm-glue/vfio-user/messages.h"

struct clove_vfio_irq {
	struct clove_loop *loop;
	int intx, msi, unmask;        /* eventfds; -1: none */
	struct clove_watch *unmask_watch;
	bool level, is_masked;        /* of INTx: by itself since it signalled, or by the client */
};

void clove_vfio_irq_init(struct clove_vfio_irq *irq, struct clove_loop *loop);
void clove_vfio_irq_drop(struct clove_vfio_irq *irq); /* the client's descriptors; the level stays */

void clove_vfio_irq_set(struct clove_vfio_irq *irq, bool level);

uint32_t clove_vfio_irq_count(uint32_t index);
uint32_t clove_vfio_irq_flags(uint32_t index);
/* SET_IRQS. Takes the descriptors it keeps out of `fds` and leaves -1 there. 0, or an errno. */
int clove_vfio_irq_request(struct clove_vfio_irq *irq, const struct clove_vfio_set_irqs *request, int *fds,
		unsigned int fd_count);

#endif
