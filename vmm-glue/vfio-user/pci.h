/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pci.h - a PCI function behind vfio-user's requests: its regions, memory and interrupts. */
#ifndef CLOVE_VFIO_PCI_H
#define CLOVE_VFIO_PCI_H

#include "common/util/buf.h"
#include "vmm-glue/vfio-user/dma.h"
#include "vmm-glue/vfio-user/irq.h"
#include "vmm-glue/vfio-user/server.h"

struct clove_vfio_pci {
	const struct clove_vfio_function *function;
	void *opaque;
	struct clove_vfio_dma dma;
	struct clove_vfio_irq irq;
	bool is_bus_master;           /* bit 2 of the command register, as it was last written */
};

void clove_vfio_pci_init(struct clove_vfio_pci *pci, const struct clove_vfio_function *function, void *opaque,
		struct clove_loop *loop);
/* The client is gone: its memory and descriptors too, and the function is reset. */
void clove_vfio_pci_drop(struct clove_vfio_pci *pci);

/* Any request but VERSION, parsed; the reply's body is appended. 0, or an errno, and then nothing was appended.
 * Descriptors that are kept are replaced by -1. */
int clove_vfio_pci_request(struct clove_vfio_pci *pci, uint16_t command, const void *message, int *fds,
		unsigned int fd_count, struct clove_buf *reply);

#endif
