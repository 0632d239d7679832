/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-core.h - what every interface begins with, and the VMM's event loop. */
#ifndef CLOVE_SPICE_CORE_H
#define CLOVE_SPICE_CORE_H

#include <stdint.h>
#include <sys/socket.h>
#include "spice/macros.h"

SPICE_BEGIN_DECLS

typedef struct SpiceServer SpiceServer;

/* `type` is the string that says which interface this is. A library takes interfaces of the same
 * major version and of a minor one that it knows. */
typedef struct SpiceBaseInterface {
	const char *type;
	const char *description;
	uint32_t major_version;
	uint32_t minor_version;
} SpiceBaseInterface;

/* First in each instance. Both structs are the VMM's and stay where they are until removed. */
typedef struct SpiceBaseInstance {
	const SpiceBaseInterface *sif;
} SpiceBaseInstance;

#define SPICE_INTERFACE_CORE "core"
#define SPICE_INTERFACE_CORE_MAJOR 1
#define SPICE_INTERFACE_CORE_MINOR 3

#define SPICE_WATCH_EVENT_READ (1 << 0)
#define SPICE_WATCH_EVENT_WRITE (1 << 1)

#define SPICE_CHANNEL_EVENT_CONNECTED 1
#define SPICE_CHANNEL_EVENT_INITIALIZED 2
#define SPICE_CHANNEL_EVENT_DISCONNECTED 3

#define SPICE_CHANNEL_EVENT_FLAG_TLS (1 << 0)
#define SPICE_CHANNEL_EVENT_FLAG_ADDR_EXT (1 << 1)  /* the ..._ext members are there */

typedef struct SpiceWatch SpiceWatch;
typedef struct SpiceTimer SpiceTimer;
typedef void (*SpiceWatchFunc)(int fd, int event, void *opaque);
typedef void (*SpiceTimerFunc)(void *opaque);

/* Stays at its address from SPICE_CHANNEL_EVENT_INITIALIZED to _DISCONNECTED. */
typedef struct SpiceChannelEventInfo {
	int connection_id;              /* of the client; 0 until it is linked */
	int type;                       /* of the channel */
	int id;
	int flags;
	struct sockaddr laddr, paddr;   /* this end, the peer; cut short */
	socklen_t llen, plen;
	struct sockaddr_storage laddr_ext, paddr_ext;
	socklen_t llen_ext, plen_ext;
} SpiceChannelEventInfo;

typedef struct SpiceCoreInterface {
	SpiceBaseInterface base;

	/* Timers fire once, after `ms` from timer_start() on. */
	SpiceTimer *(*timer_add)(SpiceTimerFunc func, void *opaque);
	void (*timer_start)(SpiceTimer *timer, uint32_t ms);
	void (*timer_cancel)(SpiceTimer *timer);
	void (*timer_remove)(SpiceTimer *timer);

	/* Level triggered; at most one watch for a descriptor. */
	SpiceWatch *(*watch_add)(int fd, int event_mask, SpiceWatchFunc func, void *opaque);
	void (*watch_update_mask)(SpiceWatch *watch, int event_mask);
	void (*watch_remove)(SpiceWatch *watch);

	void (*channel_event)(int event, SpiceChannelEventInfo *info);
} SpiceCoreInterface;

SPICE_END_DECLS

#endif
