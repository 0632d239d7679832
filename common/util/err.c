/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* err.c - the words for each error code. */
#include "common/util/err.h"

const char *clove_err_name(enum clove_err err)
{
	static const char *const names[] = {
		[CLOVE_OK] = "no error",
		[CLOVE_ERR_AGAIN] = "not ready yet",
		[CLOVE_ERR_CLOSED] = "closed by the peer",
		[CLOVE_ERR_SHORT] = "input too short",
		[CLOVE_ERR_BOUNDS] = "out of bounds",
		[CLOVE_ERR_VALUE] = "invalid value",
		[CLOVE_ERR_LIMIT] = "over the limit",
		[CLOVE_ERR_STATE] = "not allowed now",
		[CLOVE_ERR_UNSUPPORTED] = "not supported",
		[CLOVE_ERR_VERSION] = "protocol version not supported",
		[CLOVE_ERR_AUTH] = "authentication failed",
		[CLOVE_ERR_REFUSED] = "refused by the peer",
		[CLOVE_ERR_TLS] = "TLS failed",
		[CLOVE_ERR_IO] = "input or output failed",
		[CLOVE_ERR_NOMEM] = "out of memory",
	};

	if ((unsigned int)err >= sizeof names / sizeof names[0])
		return "unknown error";
	return names[err];
}
