/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* messages.c - the tables behind messages.def. */
#include "vmm-glue/vfio-user/messages.h"

#include "common/protocol/wire-tables.h"
#include "vmm-glue/vfio-user/messages.def"
#include "common/protocol/wire-end.h"

static const struct clove_vfio_message requests[] = {
#define CLOVE_ROWS_C2S
#include "common/protocol/wire-messages.h"
#include "vmm-glue/vfio-user/messages.def"
#include "common/protocol/wire-end.h"
};

const struct clove_vfio_message *clove_vfio_message(uint16_t command)
{
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].command == command)
			return &requests[i];
	return NULL;
}
