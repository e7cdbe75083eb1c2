# SPDX-License-Identifier: MIT
"""Tests without waiting: a loop in a simulated world, where time jumps to the next event when all tasks wait.

The network is in memory, and with options it is a bad one. The same seed replays the same run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ._loop import EventLoop
from ._surface import sim_options as options

__all__ = ["loop_factory", "options", "run"]

T = TypeVar("T")


def loop_factory(*, names: dict[str, str] | None = None, **options: float | None) -> Callable[[], EventLoop]:
    """A factory of simulated loops, for `asyncio.Runner(loop_factory=...)`.

    Args:
        names: host names and the addresses they resolve to.
        options: of the simulation, those that `options()` lists. A time in nanoseconds may also be given in seconds
            (``latency_max=0.1`` for ``latency_max_ns``), a chance in millionths as one from 0 to 1 (``short_io=0.5``).
    """

    def make() -> EventLoop:
        loop = EventLoop(dict(options))
        for host, address in (names or {}).items():
            loop._add_name(host, address)
        return loop

    return make


def run(main: Coroutine[Any, Any, T], *, names: dict[str, str] | None = None, **options: float | None) -> T:
    """Run a coroutine in a simulated world; `options` are those of loop_factory().

    Raises:
        DeadlockError: every task waits and nothing is left that could wake one.
        TypeError: there is no such option, or its value is no number.
        ValueError: a number is out of its option's bounds.
    """
    with asyncio.Runner(loop_factory=loop_factory(names=names, **options)) as runner:
        return runner.run(main)
