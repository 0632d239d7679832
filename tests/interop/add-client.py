#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""add-client.py QMP-SOCKET PORT [skipauth] [tls]: hand connections to QEMU, as a manager does.

Listens on 127.0.0.1:PORT; every connection accepted there goes to QEMU by getfd and
add_client, so that any client can be used to test them. Prints QEMU's refusals.
"""
import json
import socket
import sys

qmp = socket.socket(socket.AF_UNIX)
qmp.connect(sys.argv[1])
replies = qmp.makefile("r")


def command(name, arguments=None, fds=()):
    text = json.dumps({"execute": name, "arguments": arguments or {}}).encode()
    socket.send_fds(qmp, [text], fds)
    while True:
        reply = json.loads(replies.readline())
        if "error" in reply:
            print(name, reply["error"]["desc"], flush=True)
        if "error" in reply or "return" in reply:
            return


command("qmp_capabilities")
listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
print("listening", flush=True)
while True:
    client, _ = listener.accept()
    command("getfd", {"fdname": "client"}, [client.fileno()])
    command("add_client", {"protocol": "spice", "fdname": "client",
                           "skipauth": "skipauth" in sys.argv, "tls": "tls" in sys.argv})
    client.close()
