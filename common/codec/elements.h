/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* elements.h - what the searches of LZ and GLZ share: how far elements agree, and pixels as literals. */
#ifndef CLOVE_CODEC_ELEMENTS_H
#define CLOVE_CODEC_ELEMENTS_H

#include <string.h>
#include "common/util/bytes.h"

/* How many bytes agree from a and b on, b before a, up to a's end. */
static inline size_t clove_agreement(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
	const uint8_t *start = a;

	while (end - a >= 8) {
		uint64_t differ = clove_le64(a) ^ clove_le64(b);

		if (differ)
			return (size_t)(a - start) + (size_t)__builtin_ctzll(differ) / 8;
		a += 8;
		b += 8;
	}
	while (a < end && *a == *b)
		a++, b++;
	return (size_t)(a - start);
}

/* Four bytes into three each; one byte more may be written. */
static inline void clove_pack_rgb(uint8_t *to, const uint8_t *p, size_t n)
{
	size_t i = 0;

	for (; i + 4 <= n; i += 4, to += 12, p += 16) {
		uint64_t a = clove_le64(p), b = clove_le64(p + 8);

		a = (a & 0xffffff) | (a >> 32 << 24);
		b = (b & 0xffffff) | (b >> 32 << 24);
		clove_put_le64(to, a | b << 48);
		clove_put_le32(to + 8, (uint32_t)(b >> 16));
	}
	for (; i < n; i++, to += 3, p += 4)
		memcpy(to, p, 4);
}

#endif
