# SPDX-License-Identifier: MIT
"""The chat server: C accepts, Lua parses, Python keeps the room. One loop, one thread.

Prints `PORT n`, then a line of JSON twice a second, and a last one when standard input is closed and all have left.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import socket
import sys

import ropewalk as rw
from room import Room

SEND_BUFFER = 16 * 1024


def limit_send_buffer(listener: rw.Listener) -> None:
    """Gives all connections a small send buffer, so that a slow reader is felt here and not hidden in the kernel."""
    with socket.socket(fileno=os.dup(listener.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


async def report(room: Room) -> None:
    """Prints progress."""
    async for _ in rw.interval(0.5):
        print(json.dumps(room.report()), flush=True)


async def wait_for_the_end() -> None:
    """Waits for standard input to be closed."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def main() -> None:
    lua = rw.Lua()
    sessions = lua.execute(pathlib.Path(__file__).with_name("session.lua").read_text(), name="session.lua")
    room = Room()
    listener = rw.listen_tcp("127.0.0.1", 0)
    limit_send_buffer(listener)
    connections_tx, connections_rx = rw.channel(16)
    events_tx, events_rx = rw.channel(64)

    # A task without a line of script: connections go from the listener to the channel in C.
    accepting = rw.spawn(rw.forward(listener.stream(), rw.Sink(connections_tx)), name="accept")
    serving = rw.spawn(sessions(connections_rx, events_tx), name="sessions")
    keeping = rw.spawn(room.keep(events_rx), name="room")
    reporting = rw.spawn(report(room), name="report")
    print(f"PORT {listener.port}", flush=True)

    await wait_for_the_end()
    listener.close()
    await accepting
    await serving
    events_tx.close()
    await keeping
    reporting.cancel()
    print(json.dumps(room.report()), flush=True)


rw.run(main())
