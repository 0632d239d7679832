/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says why test-abi-layout is not run. */
#include <stdio.h>

int main(void)
{
	puts("no -dev headers of another SPICE server to compare with (libspice-server-dev)");
	return 77;
}
