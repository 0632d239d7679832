/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* irq.c - when a client is signalled, when INTx is masked, and which SET_IRQS make sense. */
#include "vmm-glue/vfio-user/irq.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

static const struct { uint32_t count, flags; } kinds[CLOVE_VFIO_IRQS] = {
	[CLOVE_VFIO_INTX] = { 1, CLOVE_VFIO_IRQ_EVENTFD | CLOVE_VFIO_IRQ_MASKABLE | CLOVE_VFIO_IRQ_AUTOMASKED },
	[CLOVE_VFIO_MSI]  = { 1, CLOVE_VFIO_IRQ_EVENTFD | CLOVE_VFIO_IRQ_NORESIZE },
};

void clove_vfio_irq_init(struct clove_vfio_irq *irq, struct clove_loop *loop)
{
	*irq = (struct clove_vfio_irq){ .loop = loop, .intx = -1, .msi = -1, .unmask = -1 };
}

static void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void drop_unmask(struct clove_vfio_irq *irq)
{
	clove_watch_remove(irq->loop, irq->unmask_watch);
	irq->unmask_watch = NULL;
	drop(&irq->unmask);
}

void clove_vfio_irq_drop(struct clove_vfio_irq *irq)
{
	drop(&irq->intx);
	drop(&irq->msi);
	drop_unmask(irq);
	irq->is_masked = false;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	/* full, or no longer what it was: the client's affair */
	if (write(fd, &one, sizeof one) < 0)
		return;
}

/* The client lowers the line by itself when the guest touches the device, and then unmasks (2.6 of the
 * vfio-user reference): a level that is still high is signalled again. */
static void raise_intx(struct clove_vfio_irq *irq)
{
	if (irq->msi >= 0 || irq->intx < 0 || !irq->level || irq->is_masked)
		return;
	irq->is_masked = true;
	signal_fd(irq->intx);
}

void clove_vfio_irq_set(struct clove_vfio_irq *irq, bool level)
{
	bool rises = level && !irq->level;

	irq->level = level;
	if (rises && irq->msi >= 0)
		signal_fd(irq->msi);
	raise_intx(irq);
}

static void on_unmask(void *opaque, int fd, int events)
{
	struct clove_vfio_irq *irq = opaque;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN) {
		drop_unmask(irq);
		return;
	}
	irq->is_masked = false;
	raise_intx(irq);
}

uint32_t clove_vfio_irq_count(uint32_t index)
{
	return index < CLOVE_VFIO_IRQS ? kinds[index].count : 0;
}

uint32_t clove_vfio_irq_flags(uint32_t index)
{
	return index < CLOVE_VFIO_IRQS ? kinds[index].flags : 0;
}

/* Nothing that could keep a writer waiting, or act on 8 bytes in its own way. */
static bool is_event_file(int fd)
{
	struct statfs fs;
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == ANON_INODE_FS_MAGIC &&
			fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

static int assign(struct clove_vfio_irq *irq, uint32_t index, uint32_t action, int *fd)
{
	if (*fd >= 0 && !is_event_file(*fd))
		return EINVAL;
	if (action == CLOVE_VFIO_SET_UNMASK) {
		drop_unmask(irq);
		if (*fd < 0)
			return 0;
		irq->unmask_watch = clove_watch_add(irq->loop, *fd, CLOVE_READ, on_unmask, irq);
		if (!irq->unmask_watch)
			return ENOMEM;
		irq->unmask = *fd;
	} else {
		int *mine = index == CLOVE_VFIO_INTX ? &irq->intx : &irq->msi;

		drop(mine);
		*mine = *fd;
		if (index == CLOVE_VFIO_INTX)
			irq->is_masked = false;
		else if (*fd >= 0 && irq->level)
			signal_fd(*fd);
		raise_intx(irq);
	}
	*fd = -1;
	return 0;
}

int clove_vfio_irq_request(struct clove_vfio_irq *irq, const struct clove_vfio_set_irqs *request, int *fds,
		unsigned int fd_count)
{
	uint32_t data = request->flags & 7, action = request->flags & 0x38, index = request->index;
	bool is_intx = index == CLOVE_VFIO_INTX;

	if (request->flags & ~0x3fu || (data != CLOVE_VFIO_SET_NONE && data != CLOVE_VFIO_SET_BOOL &&
			data != CLOVE_VFIO_SET_EVENTFD))
		return EINVAL;
	if (action != CLOVE_VFIO_SET_MASK && action != CLOVE_VFIO_SET_UNMASK && action != CLOVE_VFIO_SET_TRIGGER)
		return EINVAL;
	if (index >= CLOVE_VFIO_IRQS || (action != CLOVE_VFIO_SET_TRIGGER && !is_intx))
		return EINVAL;
	if (fd_count && data != CLOVE_VFIO_SET_EVENTFD)
		return EINVAL;

	if (!request->count) {
		/* the whole index is switched off */
		if (data != CLOVE_VFIO_SET_NONE || action != CLOVE_VFIO_SET_TRIGGER || request->start)
			return EINVAL;
		if (is_intx) {
			drop(&irq->intx);
			drop_unmask(irq);
			irq->is_masked = false;
		} else if (index == CLOVE_VFIO_MSI) {
			drop(&irq->msi);
			raise_intx(irq);
		}
		return 0;
	}
	/* each kind that we have is one vector */
	if (request->start || request->count > clove_vfio_irq_count(index))
		return EINVAL;
	if (data == CLOVE_VFIO_SET_EVENTFD) {
		int none = -1;

		if (fd_count > 1 || action == CLOVE_VFIO_SET_MASK)
			return EINVAL;
		return assign(irq, index, action, fd_count ? &fds[0] : &none);
	}
	if (data == CLOVE_VFIO_SET_BOOL) {
		if (request->data.len < 1)
			return EINVAL;
		if (!request->data.data[0])
			return 0;
	}
	switch (action) {
	case CLOVE_VFIO_SET_MASK:
		irq->is_masked = true;
		break;
	case CLOVE_VFIO_SET_UNMASK:
		irq->is_masked = false;
		raise_intx(irq);
		break;
	default:
		if (is_intx && irq->intx >= 0)
			signal_fd(irq->intx);
		else if (!is_intx && irq->msi >= 0)
			signal_fd(irq->msi);
	}
	return 0;
}
