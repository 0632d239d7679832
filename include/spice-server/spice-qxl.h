/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* spice-qxl.h - a display: what the VMM offers the library's thread, and what it asks of it.
 *
 * Functions without _async that answer something, or change memory that the caller owns, wait for the
 * thread. Each _async is followed by one async_complete() with its cookie, on the display's thread.
 */
#ifndef CLOVE_SPICE_QXL_H
#define CLOVE_SPICE_QXL_H

#include "spice-core.h"
#include "spice/qxl_dev.h"
#include "spice/vd_agent.h"

SPICE_BEGIN_DECLS

#define SPICE_INTERFACE_QXL "qxl"
#define SPICE_INTERFACE_QXL_MAJOR 3
#define SPICE_INTERFACE_QXL_MINOR 3

typedef struct QXLInterface QXLInterface;
typedef struct QXLInstance QXLInstance;
typedef struct QXLState QXLState;
typedef struct QXLWorker QXLWorker;

struct QXLInstance {
	SpiceBaseInstance base;
	int id;                         /* of its display and cursor channels */
	QXLState *st;                   /* the library's */
};

typedef struct QXLDevInitInfo {
	uint32_t num_memslots_groups;
	uint32_t num_memslots;
	uint8_t memslot_gen_bits;
	uint8_t memslot_id_bits;
	uint32_t qxl_ram_size;
	uint8_t internal_groupslot_id;
	uint32_t n_surfaces;
} QXLDevInitInfo;

/* Host memory from virt_start to virt_end becomes a slot of the group. */
typedef struct QXLDevMemSlot {
	uint32_t slot_group_id;
	uint32_t slot_id;
	uint32_t generation;
	uintptr_t virt_start;
	uintptr_t virt_end;
	uint64_t addr_delta;            /* an address' offset + this is the host's address */
	uint32_t qxl_ram_size;
} QXLDevMemSlot;

/* QXLSurfaceCreate with the group of `mem`, not packed. */
typedef struct QXLDevSurfaceCreate {
	uint32_t width, height;
	int32_t stride;
	uint32_t format;
	uint32_t position;
	uint32_t mouse_mode;
	uint32_t flags;
	uint32_t type;
	uint64_t mem;
	uint32_t group_id;
} QXLDevSurfaceCreate;

struct QXLInterface {
	SpiceBaseInterface base;

	union {
		void (*attached_worker)(QXLInstance *qxl);
		void (*attache_worker)(QXLInstance *qxl, QXLWorker *worker);  /* its older form */
	};
	void (*set_compression_level)(QXLInstance *qxl, int level);
	void (*set_mm_time)(QXLInstance *qxl, uint32_t mm_time);  /* never called; may be NULL */
	void (*get_init_info)(QXLInstance *qxl, QXLDevInitInfo *info);

	/* On the display's thread: the rings. 1: a command was taken; 0: there is none. */
	int (*get_command)(QXLInstance *qxl, struct QXLCommandExt *command);
	int (*req_cmd_notification)(QXLInstance *qxl);  /* 1: still none, spice_qxl_wakeup() will follow */
	void (*release_resource)(QXLInstance *qxl, struct QXLReleaseInfoExt release);
	int (*get_cursor_command)(QXLInstance *qxl, struct QXLCommandExt *command);
	int (*req_cursor_notification)(QXLInstance *qxl);
	void (*notify_update)(QXLInstance *qxl, uint32_t update_id);
	int (*flush_resources)(QXLInstance *qxl);

	/* 3.1 */
	void (*async_complete)(QXLInstance *qxl, uint64_t cookie);
	void (*update_area_complete)(QXLInstance *qxl, uint32_t surface_id, struct QXLRect *updated_rects,
			uint32_t num_updated_rects);
	/* 3.2 */
	void (*set_client_capabilities)(QXLInstance *qxl, uint8_t client_present,
			uint8_t caps[SPICE_CAPABILITIES_SIZE]);
	/* 3.3, on the main thread. NULL asks whether the device would take one: 1 or 0. */
	int (*client_monitors_config)(QXLInstance *qxl, VDAgentMonitorsConfig *monitors_config);
};

void spice_qxl_wakeup(QXLInstance *qxl);  /* commands may be there */
void spice_qxl_oom(QXLInstance *qxl);     /* the guest needs its memory back */
void spice_qxl_start(QXLInstance *qxl);   /* spice_server_vm_start() does it for all */
void spice_qxl_stop(QXLInstance *qxl);

/* Renders the area into guest memory and tells what has changed in it since last cleared. */
void spice_qxl_update_area(QXLInstance *qxl, uint32_t surface_id, struct QXLRect *area,
		struct QXLRect *dirty_rects, uint32_t num_dirty_rects, uint32_t clear_dirty_region);
void spice_qxl_update_area_async(QXLInstance *qxl, uint32_t surface_id, QXLRect *area,
		uint32_t clear_dirty_region, uint64_t cookie);

void spice_qxl_add_memslot(QXLInstance *qxl, QXLDevMemSlot *slot);
void spice_qxl_add_memslot_async(QXLInstance *qxl, QXLDevMemSlot *slot, uint64_t cookie);
void spice_qxl_del_memslot(QXLInstance *qxl, uint32_t slot_group_id, uint32_t slot_id);
void spice_qxl_reset_memslots(QXLInstance *qxl);

/* surface_id is 0. */
void spice_qxl_create_primary_surface(QXLInstance *qxl, uint32_t surface_id,
		QXLDevSurfaceCreate *surface);
void spice_qxl_create_primary_surface_async(QXLInstance *qxl, uint32_t surface_id,
		QXLDevSurfaceCreate *surface, uint64_t cookie);
void spice_qxl_destroy_primary_surface(QXLInstance *qxl, uint32_t surface_id);
void spice_qxl_destroy_primary_surface_async(QXLInstance *qxl, uint32_t surface_id, uint64_t cookie);

void spice_qxl_destroy_surface_wait(QXLInstance *qxl, uint32_t surface_id);
void spice_qxl_destroy_surface_async(QXLInstance *qxl, uint32_t surface_id, uint64_t cookie);
void spice_qxl_destroy_surfaces(QXLInstance *qxl);
void spice_qxl_destroy_surfaces_async(QXLInstance *qxl, uint64_t cookie);
void spice_qxl_flush_surfaces_async(QXLInstance *qxl, uint64_t cookie);

void spice_qxl_reset_cursor(QXLInstance *qxl);
void spice_qxl_reset_image_cache(QXLInstance *qxl);
/* After a migration: surfaces and the cursor come again. */
void spice_qxl_loadvm_commands(QXLInstance *qxl, struct QXLCommandExt *commands, uint32_t count);

/* The address of a QXLMonitorsConfig; without one, or after driver_unload(), the primary decides. */
void spice_qxl_monitors_config_async(QXLInstance *qxl, QXLPHYSICAL monitors_config, int group_id,
		uint64_t cookie);
void spice_qxl_driver_unload(QXLInstance *qxl);
void spice_qxl_set_max_monitors(QXLInstance *qxl, unsigned int max_monitors);
/* The device as the guest knows it ("pci/0000/02.0"), and which of its outputs these monitors are. */
void spice_qxl_set_device_info(QXLInstance *qxl, const char *device_address,
		uint32_t device_display_id_start, uint32_t device_display_id_count);

/* A DMA-BUF instead of a primary; the descriptors become the library's. fd -1, or no planes: none. */
void spice_qxl_gl_scanout(QXLInstance *qxl, int fd, uint32_t width, uint32_t height, uint32_t stride,
		uint32_t drm_fourcc, int y_0_top);
void spice_qxl_gl_scanout2(QXLInstance *qxl, const int *fds, uint32_t width, uint32_t height,
		const uint32_t *offsets, const uint32_t *strides, uint32_t num_planes,
		uint32_t drm_fourcc, uint64_t modifier, int y_0_top);
void spice_qxl_gl_draw_async(QXLInstance *qxl, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
		uint64_t cookie);

SPICE_END_DECLS

#endif
