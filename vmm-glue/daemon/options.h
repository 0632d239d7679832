/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - what clove-ehci-vfio was asked to do. */
#ifndef CLOVE_DAEMON_OPTIONS_H
#define CLOVE_DAEMON_OPTIONS_H

#include <stdbool.h>
#include "vmm-glue/daemon/devices.h"
#include "vmm-glue/daemon/redir.h"

enum { CLOVE_OPTIONS_DEVICES = 13, CLOVE_OPTIONS_TARGETS = 26 };

struct clove_ehci_options {
	const char *socket, *control, *qmp, *bridge, *ca_file, *host_subject;
	int fd;                       /* -1: none */
	bool has_sandbox, is_verbose;
	struct clove_device_spec devices[CLOVE_OPTIONS_DEVICES];
	unsigned int device_count;
	struct clove_redir_target targets[CLOVE_OPTIONS_TARGETS]; /* the bridge's connections among them */
	unsigned int target_count;
};

/* What is to be done: -1 the work, else an exit status (help and version have been printed). A mistake has been
 * said in one sentence on standard error. */
int clove_ehci_options_parse(int argc, char **argv, struct clove_ehci_options *options);
void clove_ehci_options_fini(struct clove_ehci_options *options);

#endif
