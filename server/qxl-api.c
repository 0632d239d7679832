/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qxl-api.c - the spice_qxl_* entry points: which of them wait, which are posted, which complete later. */
#include <unistd.h>
#include "common/util/log.h"
#include "server/worker-requests.h"

#define EXPORT __attribute__((visibility("default")))

static struct clove_worker *find(const QXLInstance *qxl, const char *call)
{
	struct clove_worker *worker = qxl ? clove_worker_of(qxl) : NULL;

	if (!worker)
		clove_log_limited(WARN, "qxl", "%s: no such QXL interface; ignored", call);
	return worker;
}

static void call(QXLInstance *qxl, const char *name, struct clove_request request)
{
	struct clove_worker *worker = find(qxl, name);

	if (worker)
		clove_worker_call(worker, &request);
}

static void post(QXLInstance *qxl, const char *name, struct clove_request request)
{
	struct clove_worker *worker = find(qxl, name);

	if (worker)
		clove_worker_post(worker, &request);
}

#define CALL(qxl, ...) call((qxl), __func__, (struct clove_request){ __VA_ARGS__ })
#define POST(qxl, ...) post((qxl), __func__, (struct clove_request){ __VA_ARGS__ })
#define LATER(qxl, c, ...) POST((qxl), .is_async = true, .cookie = (c), __VA_ARGS__)

EXPORT void spice_qxl_wakeup(QXLInstance *qxl)
{
	struct clove_worker *worker = find(qxl, __func__);

	if (worker)
		clove_worker_wakeup(worker);
}

EXPORT void spice_qxl_oom(QXLInstance *qxl)
{
	struct clove_worker *worker = find(qxl, __func__);

	if (worker)
		clove_worker_oom(worker);
}

EXPORT void spice_qxl_start(QXLInstance *qxl)
{
	POST(qxl, .type = CLOVE_REQUEST_START);
}

EXPORT void spice_qxl_stop(QXLInstance *qxl)
{
	CALL(qxl, .type = CLOVE_REQUEST_STOP);
}

EXPORT void spice_qxl_update_area(QXLInstance *qxl, uint32_t surface_id, struct QXLRect *area,
		struct QXLRect *dirty_rects, uint32_t num_dirty_rects, uint32_t clear_dirty_region)
{
	if (area)
		CALL(qxl, .type = CLOVE_REQUEST_UPDATE_AREA, .id = surface_id,
				.update = { *area, dirty_rects, num_dirty_rects, clear_dirty_region });
}

EXPORT void spice_qxl_update_area_async(QXLInstance *qxl, uint32_t surface_id, QXLRect *area,
		uint32_t clear_dirty_region, uint64_t cookie)
{
	QXLRect none = { 0 };

	LATER(qxl, cookie, .type = CLOVE_REQUEST_UPDATE_AREA, .id = surface_id,
			.update = { area ? *area : none, NULL, 0, clear_dirty_region });
}

EXPORT void spice_qxl_add_memslot(QXLInstance *qxl, QXLDevMemSlot *slot)
{
	CALL(qxl, .type = CLOVE_REQUEST_ADD_MEMSLOT, .slot = *slot);
}

EXPORT void spice_qxl_add_memslot_async(QXLInstance *qxl, QXLDevMemSlot *slot, uint64_t cookie)
{
	LATER(qxl, cookie, .type = CLOVE_REQUEST_ADD_MEMSLOT, .slot = *slot);
}

EXPORT void spice_qxl_del_memslot(QXLInstance *qxl, uint32_t slot_group_id, uint32_t slot_id)
{
	POST(qxl, .type = CLOVE_REQUEST_DEL_MEMSLOT, .group = slot_group_id, .id = slot_id);
}

EXPORT void spice_qxl_reset_memslots(QXLInstance *qxl)
{
	POST(qxl, .type = CLOVE_REQUEST_RESET_MEMSLOTS);
}

EXPORT void spice_qxl_create_primary_surface(QXLInstance *qxl, uint32_t surface_id,
		QXLDevSurfaceCreate *surface)
{
	CALL(qxl, .type = CLOVE_REQUEST_CREATE_PRIMARY, .id = surface_id, .create = *surface);
}

EXPORT void spice_qxl_create_primary_surface_async(QXLInstance *qxl, uint32_t surface_id,
		QXLDevSurfaceCreate *surface, uint64_t cookie)
{
	LATER(qxl, cookie, .type = CLOVE_REQUEST_CREATE_PRIMARY, .id = surface_id, .create = *surface);
}

EXPORT void spice_qxl_destroy_primary_surface(QXLInstance *qxl, uint32_t surface_id)
{
	CALL(qxl, .type = CLOVE_REQUEST_DESTROY_PRIMARY, .id = surface_id);
}

EXPORT void spice_qxl_destroy_primary_surface_async(QXLInstance *qxl, uint32_t surface_id,
		uint64_t cookie)
{
	LATER(qxl, cookie, .type = CLOVE_REQUEST_DESTROY_PRIMARY, .id = surface_id);
}

EXPORT void spice_qxl_destroy_surface_wait(QXLInstance *qxl, uint32_t surface_id)
{
	CALL(qxl, .type = CLOVE_REQUEST_DESTROY_SURFACE, .id = surface_id);
}

EXPORT void spice_qxl_destroy_surface_async(QXLInstance *qxl, uint32_t surface_id, uint64_t cookie)
{
	LATER(qxl, cookie, .type = CLOVE_REQUEST_DESTROY_SURFACE, .id = surface_id);
}

EXPORT void spice_qxl_destroy_surfaces(QXLInstance *qxl)
{
	CALL(qxl, .type = CLOVE_REQUEST_DESTROY_SURFACES);
}

EXPORT void spice_qxl_destroy_surfaces_async(QXLInstance *qxl, uint64_t cookie)
{
	LATER(qxl, cookie, .type = CLOVE_REQUEST_DESTROY_SURFACES);
}

EXPORT void spice_qxl_flush_surfaces_async(QXLInstance *qxl, uint64_t cookie)
{
	LATER(qxl, cookie, .type = CLOVE_REQUEST_FLUSH_SURFACES);
}

EXPORT void spice_qxl_reset_cursor(QXLInstance *qxl)
{
	CALL(qxl, .type = CLOVE_REQUEST_RESET_CURSOR);
}

EXPORT void spice_qxl_reset_image_cache(QXLInstance *qxl)
{
	CALL(qxl, .type = CLOVE_REQUEST_RESET_IMAGE_CACHE);
}

EXPORT void spice_qxl_loadvm_commands(QXLInstance *qxl, struct QXLCommandExt *ext, uint32_t count)
{
	CALL(qxl, .type = CLOVE_REQUEST_LOADVM, .loadvm = { ext, count });
}

EXPORT void spice_qxl_monitors_config_async(QXLInstance *qxl, QXLPHYSICAL monitors_config,
		int group_id, uint64_t cookie)
{
	LATER(qxl, cookie, .type = CLOVE_REQUEST_MONITORS_CONFIG, .group = (uint32_t)group_id,
			.address = monitors_config);
}

EXPORT void spice_qxl_driver_unload(QXLInstance *qxl)
{
	POST(qxl, .type = CLOVE_REQUEST_DRIVER_UNLOAD);
}

EXPORT void spice_qxl_set_max_monitors(QXLInstance *qxl, unsigned int max_monitors)
{
	POST(qxl, .type = CLOVE_REQUEST_MAX_MONITORS, .id = max_monitors);
}

/* The address is for the guest's agent, which is told of displays when the main channel has one. */
EXPORT void spice_qxl_set_device_info(QXLInstance *qxl, const char *device_address,
		uint32_t device_display_id_start, uint32_t device_display_id_count)
{
	if (device_display_id_count > 16) {
		clove_log(WARN, "qxl", "%s: %u monitors from %u on are too many; ignored",
				device_address ? device_address : "", device_display_id_count,
				device_display_id_start);
		return;
	}
	POST(qxl, .type = CLOVE_REQUEST_MAX_MONITORS, .id = device_display_id_count);
}

/* The descriptors are ours from here on, whatever comes of them. */
static void scanout(QXLInstance *qxl, const char *name, const int *fds, unsigned int count)
{
	struct clove_request request = { .type = CLOVE_REQUEST_GL_SCANOUT, .planes = { -1, -1, -1, -1 } };
	struct clove_worker *worker = find(qxl, name);

	for (unsigned int i = 0; fds && i < count && i < CLOVE_PLANES_MAX; i++)
		request.planes[i] = fds[i];
	if (worker)
		clove_worker_post(worker, &request);
	for (int i = 0; !worker && i < CLOVE_PLANES_MAX; i++)
		if (request.planes[i] >= 0)
			close(request.planes[i]);
}

EXPORT void spice_qxl_gl_scanout(QXLInstance *qxl, int fd, uint32_t width, uint32_t height,
		uint32_t stride, uint32_t format, int y_0_top)
{
	(void)width;
	(void)height;
	(void)stride;
	(void)format;
	(void)y_0_top;
	scanout(qxl, __func__, &fd, 1);
}

EXPORT void spice_qxl_gl_scanout2(QXLInstance *qxl, const int *fd, uint32_t width, uint32_t height,
		const uint32_t *offset, const uint32_t *stride, uint32_t num_planes, uint32_t format,
		uint64_t modifier, int y_0_top);
EXPORT void spice_qxl_gl_scanout2(QXLInstance *qxl, const int *fd, uint32_t width, uint32_t height,
		const uint32_t *offset, const uint32_t *stride, uint32_t num_planes, uint32_t format,
		uint64_t modifier, int y_0_top)
{
	(void)width;
	(void)height;
	(void)offset;
	(void)stride;
	(void)format;
	(void)modifier;
	(void)y_0_top;
	scanout(qxl, __func__, fd, num_planes);
}

EXPORT void spice_qxl_gl_draw_async(QXLInstance *qxl, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
		uint64_t cookie)
{
	(void)x;
	(void)y;
	(void)w;
	(void)h;
	LATER(qxl, cookie, .type = CLOVE_REQUEST_GL_DRAW);
}
