# SPDX-License-Identifier: MIT
"""What the tests of transports share: a protocol that writes down what it sees, and connected pairs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

PATIENCE = 10


class Recorder(asyncio.Protocol):
    """Writes down what it is told, and lets tests wait for it."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.data = b""
        self.transport: Any = None
        self.keep_open = False
        self._changed = asyncio.Event()

    def note(self, event: Any) -> None:
        self.events.append(event)
        self._changed.set()

    async def until(self, what: Any) -> None:
        """Wait until what() is true; it is asked after each event."""

        async def wait() -> None:
            while not what():
                self._changed.clear()
                await self._changed.wait()

        await asyncio.wait_for(wait(), PATIENCE)

    async def saw(self, event: Any) -> None:
        await self.until(lambda: event in self.events)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        assert type(data) is bytes
        self.data += data
        self.note("data")

    def eof_received(self) -> bool:
        self.note("eof")
        return self.keep_open

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    def connection_lost(self, exception: Exception | None) -> None:
        self.note(("lost", exception))


LOST = ("lost", None)


async def pair(left: Any = None, right: Any = None) -> tuple[Any, Any, Any, Any]:
    """Two transports that are connected, and their protocols."""
    loop = asyncio.get_running_loop()
    a, b = socket.socketpair()
    one, left = await loop.create_connection(lambda: left or Recorder(), sock=a)
    two, right = await loop.connect_accepted_socket(lambda: right or Recorder(), b)
    return one, left, two, right


async def half_pair(protocol: Any = None) -> tuple[Any, Any, socket.socket]:
    """A transport with its protocol, and the bare socket at its other end; little fits between them."""
    a, b = socket.socketpair()
    a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    b.setblocking(False)
    transport, protocol = await asyncio.get_running_loop().create_connection(lambda: protocol or Recorder(), sock=a)
    return transport, protocol, b


async def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes of a bare socket."""
    data = b""
    while len(data) < size:
        part = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, size - len(data)), PATIENCE)
        assert part, f"the end after {len(data)} of {size} bytes"
        data += part
    return data


@contextlib.contextmanager
def no_log() -> Iterator[None]:
    """asyncio's logger says nothing."""
    logging.getLogger("asyncio").disabled = True
    yield
    logging.getLogger("asyncio").disabled = False


def told() -> list[dict[str, Any]]:
    """What the loop's exception handler is told from now on."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
    return contexts
