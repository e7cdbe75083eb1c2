# SPDX-License-Identifier: MIT
"""Tests without waiting: a loop in a simulated world, where time jumps to the next event when all tasks wait.

The network is in memory, and with options it is a bad one. The same seed replays the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ._loop import EventLoop

__all__ = ["loop_factory", "run"]

T = TypeVar("T")


def loop_factory(
    *,
    seed: int = 0,
    shuffle: bool = False,
    latency_min_ns: int = 0,
    latency_max_ns: int = 0,
    short_io_ppm: int = 0,
    eintr_ppm: int = 0,
    reset_ppm: int = 0,
    connect_fail_ppm: int = 0,
    emfile_ppm: int = 0,
    buffer_size: int = 0,
    names: dict[str, str] | None = None,
) -> Callable[[], EventLoop]:
    """A factory of simulated loops, for `asyncio.Runner(loop_factory=...)`.

    Args:
        seed: of the generator that decides everything that is left to chance.
        shuffle: let the seed decide the order of what is ready at the same time.
        latency_min_ns: the least time a packet takes, in nanoseconds.
        latency_max_ns: the most.
        short_io_ppm: chance, in millionths, that a read or write moves fewer bytes than it could.
        eintr_ppm: that a system call is interrupted first.
        reset_ppm: per operation, that its connection is reset.
        connect_fail_ppm: that a connection is refused.
        emfile_ppm: that descriptors have run out.
        buffer_size: bytes of a simulated socket's buffer, each direction; 0 for 65536.
        names: host names and the addresses they resolve to.
    """
    options: dict[str, Any] = {
        "seed": seed,
        "shuffle": shuffle,
        "latency_min_ns": latency_min_ns,
        "latency_max_ns": latency_max_ns,
        "short_io_ppm": short_io_ppm,
        "eintr_ppm": eintr_ppm,
        "reset_ppm": reset_ppm,
        "connect_fail_ppm": connect_fail_ppm,
        "emfile_ppm": emfile_ppm,
        "buffer_size": buffer_size,
    }

    def make() -> EventLoop:
        loop = EventLoop(options)
        for host, address in (names or {}).items():
            loop._add_name(host, address)
        return loop

    return make


def run(main: Coroutine[Any, Any, T], **options: Any) -> T:
    """Run a coroutine in a simulated world; `options` are those of loop_factory().

    Raises:
        DeadlockError: every task waits and nothing is left that could wake one.
    """
    with asyncio.Runner(loop_factory=loop_factory(**options)) as runner:
        return runner.run(main)
