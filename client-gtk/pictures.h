/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pictures.h - what all display channels of one session share: image cache, GLZ dictionary, waiting.
 *
 * The session makes one, before its first display channel, and frees it after its last. A new session
 * (a reconnect too) begins with a new one.
 */
#ifndef CLOVE_CLIENT_GTK_PICTURES_H
#define CLOVE_CLIENT_GTK_PICTURES_H

struct clove_pictures;

struct clove_pictures *clove_pictures_new(void);
void clove_pictures_free(struct clove_pictures *pictures);

#endif
