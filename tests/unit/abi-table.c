/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* abi-table.c - built twice: against our public headers, and against the distribution's. */
#ifdef ABI_PEER
#include <spice.h>
#include <spice/enums.h>
#include <spice/ipc_ring.h>
#include <spice/protocol.h>
#include <spice/qxl_dev.h>
#include <spice/vd_agent.h>
#define ABI_TABLE abi_table_peer
#else
#include "include/spice-server/spice.h"
#include "include/spice-server/spice/enums.h"
#include "include/spice-server/spice/ipc_ring.h"
#include "include/spice-server/spice/protocol.h"
#include "include/spice-server/spice/qxl_dev.h"
#include "include/spice-server/spice/vd_agent.h"
#define ABI_TABLE abi_table_ours
#endif
#include "tests/unit/abi-table.h"

#define AT(s, m) .name = #s "." #m, .offset = offsetof(s, m), .size = sizeof(((s *)0)->m)
#define TYPE(s) { .name = #s, .size = sizeof(s) },
#define MEMBER(s, m) { AT(s, m) },
#define NUMBER(s, m) { AT(s, m), .is_signed = (__typeof__(((s *)0)->m))-1 < 1 },
#define VALUE(c) { .name = #c, .value = (long long)(c) },
#define TEXT(c) { .name = #c, .text = (c) },

static const struct abi_row rows[] = {
#include "tests/unit/abi-names.h"
};

/* Takes prevail first and puts then, so that it is empty and full, and both sides wait. */
static void ring(uint32_t trace[])
{
	static QXLReleaseRing r;

	SPICE_RING_INIT(&r);
	for (uint32_t i = 0; i < ABI_RING_STEPS; i++) {
		int tells = 2, waits = 2;

		if (i % 5 < (i < 20 ? 2 : 4)) {
			SPICE_RING_PROD_WAIT(&r, waits);
			if (!waits) {
				*SPICE_RING_PROD_ITEM(&r) = i;
				SPICE_RING_PUSH(&r, tells);
			}
		} else {
			SPICE_RING_CONS_WAIT(&r, waits);
			if (!waits) {
				trace[5] = (uint32_t)*SPICE_RING_CONS_ITEM(&r);
				SPICE_RING_POP(&r, tells);
			}
		}
		trace[0] = r.prod << 16 | r.cons;
		trace[1] = r.notify_on_prod;
		trace[2] = r.notify_on_cons;
		trace[3] = !!waits;
		trace[4] = tells == 2 ? 2 : !!tells;
		trace += ABI_RING_WORDS;
	}
}

const struct abi_table *ABI_TABLE(void)
{
	static const struct abi_table table = { rows, sizeof rows / sizeof *rows, ring };

	return &table;
}
