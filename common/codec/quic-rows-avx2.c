/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quic-rows-avx2.c - QUIC's rows again, built for processors with AVX2, BMI2 and LZCNT. */
#define QUIC_ROWS clove_quic_rows_avx2
#include "common/codec/quic-rows.c"
