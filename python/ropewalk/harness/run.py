# SPDX-License-Identifier: MIT
"""Cases in this Python: one simulated loop per case, from empty to empty."""

from __future__ import annotations

import gc
import sys

import ropewalk as rw
from ropewalk import testing

from .case import Case
from .steps import Runner

__all__ = ["LANGUAGE", "LIVE", "live", "run_case"]

LANGUAGE = f"python{sys.version_info[0]}.{sys.version_info[1]}"

# What must not be left, and the counter that tells.
LIVE = {"tasks": "tasks_live", "objects": "objects_live", "futures": "futures_live"}


async def live() -> dict[str, int]:
    """What is alive on the running loop, once garbage is gone: counts by the names in LIVE."""
    gc.collect()
    await rw.yield_now()
    await rw.yield_now()
    gc.collect()
    stats = rw.stats()
    return {name: stats[counter] for name, counter in LIVE.items()}


async def _run(case: Case, trace: list[str]) -> None:
    loop = rw.running_loop()
    loop.set_exception_handler(lambda loop, context: None)
    started = loop.time()

    def write(label: str, text: str) -> None:
        trace.append(f"{round((loop.time() - started) * 1000)} {label} {text}")

    before = await live()
    runner = Runner(case, write)
    try:
        await rw.spawn(runner.run_task("main", "main"), name="main")
    except BaseException:
        pass  # the task has written how it ended
    runner.variables.clear()
    del runner
    left = {name: count - before[name] for name, count in (await live()).items()}
    if any(left.values()):
        write("left", " ".join(f"{name}={count}" for name, count in left.items()))


def run_case(case: Case) -> list[str]:
    """Run one case in virtual time and give its trace.

    When its main task has ended and its variables are gone, nothing may be left alive; what is, becomes a last line.
    """
    trace: list[str] = []
    try:
        testing.run(_run(case, trace))
    except rw.DeadlockError:
        trace.append("0 loop deadlock")
    return trace
