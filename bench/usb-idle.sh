#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usb-idle.sh [SECONDS]: what three plugged devices cost while they idle (60 s), with a real usbfs: in a guest. In
# the build folder.
IDLE_SECONDS=${1:-60} exec "$(dirname "$0")/../tests/interop/usb-two-guests.sh"
