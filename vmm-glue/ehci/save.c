/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* save.c - the controller's state as bytes, for live migration. */
#include "vmm-glue/ehci/ehci.h"

bool clove_ehci_save(const struct clove_ehci *ehci, void *data, size_t *size)
{
	(void)ehci;
	(void)data;
	*size = 0;
	return false;
}

bool clove_ehci_load(struct clove_ehci *ehci, const void *data, size_t size)
{
	(void)ehci;
	(void)data;
	(void)size;
	return false;
}
