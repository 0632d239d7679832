/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pci.c - what each vfio-user request does to a PCI function, and every check of what a client asks. */
#include "vmm-glue/vfio-user/pci.h"

#include <errno.h>
#include "common/util/log.h"

enum { PCI_COMMAND = 4, PCI_COMMAND_MASTER = 4 };

void clove_vfio_pci_init(struct clove_vfio_pci *pci, const struct clove_vfio_function *function, void *opaque,
		struct clove_loop *loop)
{
	*pci = (struct clove_vfio_pci){ .function = function, .opaque = opaque };
	clove_vfio_irq_init(&pci->irq, loop);
}

static void reset(struct clove_vfio_pci *pci)
{
	pci->function->reset(pci->opaque);
	pci->is_bus_master = false;
}

void clove_vfio_pci_drop(struct clove_vfio_pci *pci)
{
	pci->is_bus_master = false;
	clove_vfio_dma_unmap_all(&pci->dma);
	clove_vfio_irq_drop(&pci->irq);
	reset(pci);
}

/* -- memory -- */

static int on_dma_map(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	const struct clove_vfio_dma_map *map = message;

	(void)reply;
	if (fd_count > 1 || !(map->flags & CLOVE_VFIO_DMA_READABLE) ||
			map->flags & ~(uint32_t)(CLOVE_VFIO_DMA_READABLE | CLOVE_VFIO_DMA_WRITABLE))
		return EINVAL;
	return clove_vfio_dma_map(&pci->dma, fd_count ? fds[0] : -1, map->offset, map->address, map->size,
			map->flags & CLOVE_VFIO_DMA_WRITABLE);
}

static int on_dma_unmap(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	const struct clove_vfio_dma_unmap *unmap = message;
	int why = 0;

	(void)fds;
	if (fd_count || unmap->flags & ~(uint32_t)CLOVE_VFIO_UNMAP_ALL)
		return EINVAL;
	if (!(unmap->flags & CLOVE_VFIO_UNMAP_ALL))
		why = clove_vfio_dma_unmap(&pci->dma, unmap->address, unmap->size);
	else if (unmap->address || unmap->size)
		return EINVAL;
	else
		clove_vfio_dma_unmap_all(&pci->dma);
	return why ? why : clove_wire_write(clove_vfio_dma_unmap_layout(), unmap, NULL, reply) ? ENOMEM : 0;
}

/* -- what the function is -- */

static uint32_t region_size(const struct clove_vfio_pci *pci, uint32_t index)
{
	if (index < CLOVE_VFIO_BARS)
		return pci->function->bar_sizes[index];
	return index == CLOVE_VFIO_CONFIG_REGION ? pci->function->config_size : 0;
}

static int on_get_info(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	const struct clove_vfio_get_info *get = message;
	struct clove_vfio_device_info info = {
		.argsz = 16,
		.flags = CLOVE_VFIO_DEVICE_RESETS | CLOVE_VFIO_DEVICE_IS_PCI,
		.num_regions = CLOVE_VFIO_REGIONS,
		.num_irqs = CLOVE_VFIO_IRQS,
	};

	(void)pci, (void)fds;
	if (fd_count || get->argsz < info.argsz)
		return EINVAL;
	return clove_wire_write(clove_vfio_device_info_layout(), &info, NULL, reply) ? ENOMEM : 0;
}

static int on_get_region_info(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	const struct clove_vfio_region_info *get = message;
	struct clove_vfio_region_info info = {
		.argsz = 32,
		.index = get->index,
		.size = region_size(pci, get->index),
	};

	(void)fds;
	if (fd_count || get->argsz < info.argsz || get->index >= CLOVE_VFIO_REGIONS)
		return EINVAL;
	if (info.size)
		info.flags = CLOVE_VFIO_REGION_READABLE | CLOVE_VFIO_REGION_WRITABLE;
	return clove_wire_write(clove_vfio_region_info_layout(), &info, NULL, reply) ? ENOMEM : 0;
}

static int on_get_irq_info(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	const struct clove_vfio_irq_info *get = message;
	struct clove_vfio_irq_info info = {
		.argsz = 16,
		.index = get->index,
		.flags = clove_vfio_irq_flags(get->index),
		.count = clove_vfio_irq_count(get->index),
	};

	(void)pci, (void)fds;
	if (fd_count || get->argsz < info.argsz || get->index >= CLOVE_VFIO_IRQS)
		return EINVAL;
	return clove_wire_write(clove_vfio_irq_info_layout(), &info, NULL, reply) ? ENOMEM : 0;
}

static int on_set_irqs(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	(void)reply;
	return clove_vfio_irq_request(&pci->irq, message, fds, fd_count);
}

static int on_reset(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	(void)message, (void)fds, (void)reply;
	if (fd_count)
		return EINVAL;
	reset(pci);
	return 0;
}

/* -- accesses of the guest -- */

static bool is_inside(const struct clove_vfio_pci *pci, const struct clove_vfio_region_access *access)
{
	uint32_t size = region_size(pci, access->region);

	return access->count && access->count <= size && access->offset <= size - access->count;
}

/* The widest access that may begin at `offset`. */
static unsigned int width(uint32_t offset, uint32_t left)
{
	return !(offset & 3) && left >= 4 ? 4 : !(offset & 1) && left >= 2 ? 2 : 1;
}

static int on_region_read(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	const struct clove_vfio_region_access *access = message;
	struct clove_vfio_region_access head = *access;
	const struct clove_vfio_function *function = pci->function;

	(void)fds;
	if (fd_count || access->data.len || !is_inside(pci, access))
		return EINVAL;
	if (clove_wire_write(clove_vfio_region_access_layout(), &head, NULL, reply))
		return ENOMEM;
	uint8_t *out = clove_buf_reserve(reply, access->count);

	if (!out)
		return ENOMEM;
	uint32_t offset = (uint32_t)access->offset, end = offset + access->count;

	for (unsigned int n; offset < end; offset += n, out += n) {
		uint32_t value;

		n = width(offset, end - offset);
		value = access->region == CLOVE_VFIO_CONFIG_REGION ? function->config_read(pci->opaque, offset, n) :
				function->bar_read(pci->opaque, access->region, offset, n);
		for (unsigned int i = 0; i < n; i++)
			out[i] = (uint8_t)(value >> i * 8);
	}
	reply->len += access->count;
	return 0;
}

static int on_region_write(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
		struct clove_buf *reply)
{
	const struct clove_vfio_region_access *access = message;
	const struct clove_vfio_function *function = pci->function;
	struct clove_vfio_region_access head = *access;

	(void)fds;
	if (fd_count || access->data.len != access->count || !is_inside(pci, access))
		return EINVAL;
	const uint8_t *in = access->data.data;
	uint32_t offset = (uint32_t)access->offset, end = offset + access->count;

	for (unsigned int n; offset < end; offset += n, in += n) {
		uint32_t value = 0;

		n = width(offset, end - offset);
		for (unsigned int i = 0; i < n; i++)
			value |= (uint32_t)in[i] << i * 8;
		if (access->region == CLOVE_VFIO_CONFIG_REGION)
			function->config_write(pci->opaque, offset, value, n);
		else
			function->bar_write(pci->opaque, access->region, offset, value, n);
	}
	if (access->region == CLOVE_VFIO_CONFIG_REGION)
		pci->is_bus_master = function->config_read(pci->opaque, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
	head.data.len = 0;
	return clove_wire_write(clove_vfio_region_access_layout(), &head, NULL, reply) ? ENOMEM : 0;
}

static const struct {
	uint16_t command;
	int (*handle)(struct clove_vfio_pci *pci, const void *message, int *fds, unsigned int fd_count,
			struct clove_buf *reply);
} handlers[] = {
	{ CLOVE_VFIO_REGION_READ,            on_region_read },
	{ CLOVE_VFIO_REGION_WRITE,           on_region_write },
	{ CLOVE_VFIO_DMA_MAP,                on_dma_map },
	{ CLOVE_VFIO_DMA_UNMAP,              on_dma_unmap },
	{ CLOVE_VFIO_DEVICE_GET_INFO,        on_get_info },
	{ CLOVE_VFIO_DEVICE_GET_REGION_INFO, on_get_region_info },
	{ CLOVE_VFIO_DEVICE_GET_IRQ_INFO,    on_get_irq_info },
	{ CLOVE_VFIO_DEVICE_SET_IRQS,        on_set_irqs },
	{ CLOVE_VFIO_DEVICE_RESET,           on_reset },
};

int clove_vfio_pci_request(struct clove_vfio_pci *pci, uint16_t command, const void *message, int *fds,
		unsigned int fd_count, struct clove_buf *reply)
{
	size_t before = reply->len;
	int why = ENOTSUP;

	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
		if (handlers[i].command == command) {
			why = handlers[i].handle(pci, message, fds, fd_count, reply);
			break;
		}
	if (why)
		reply->len = before;
	return why;
}
