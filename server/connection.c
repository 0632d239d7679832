/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connection.c - the end of a connection, whether or not a channel has taken its stream. */
#include "server/connection.h"

#include <stdlib.h>
#include "common/codec/glz.h"
#include "server/image-budget.h"

void clove_connection_free(struct clove_connection *conn)
{
	if (!conn)
		return;
	clove_stream_free(conn->stream);
	clove_buf_fini(&conn->early);
	clove_glz_encoder_unref(conn->glz);
	clove_image_budget_unref(conn->images);
	free(conn);
}
