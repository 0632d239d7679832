/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says why test-usbredir-peer is not run. */
#include <stdio.h>

int main(void)
{
	puts("no other usbredir parser to compare with (libusbredirparser-dev)");
	return 77;
}
