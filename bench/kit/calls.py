# SPDX-License-Identifier: MIT
"""calls.py - what a call through SWIG's wrappers costs in Python, beside one written by hand.

Prints `figure<TAB>nanoseconds`, CPU time; the two take turns, and each figure is the smallest of its runs.
"""

import time
from collections.abc import Callable
from typing import Any

import byhand
import kit
import ropewalk as rw

COUNT = 20_000
RUNS = 15


async def ready(module: Any) -> None:
    call = module.ready
    for _ in range(COUNT):
        await call(123456)


async def pending(module: Any) -> None:
    call = module.tick
    for _ in range(COUNT):
        await call(123456)


async def four(module: Any) -> None:
    call = module.add
    for _ in range(COUNT):
        await call(1, 2.5, "abc", True)


async def call_one(module: Any) -> None:
    call = module.int64
    for _ in range(COUNT):
        call(123456)


async def call_four(module: Any) -> None:
    call = module.plus
    for _ in range(COUNT):
        call(1, 2, 3, 4)


async def main() -> None:
    cases: list[Callable[[Any], Any]] = [ready, pending, four, call_one, call_four]
    for case in cases:
        best = {"kit": float("inf"), "byhand": float("inf")}
        for _ in range(RUNS):
            for name, module in (("kit", kit), ("byhand", byhand)):
                start = time.thread_time_ns()
                await case(module)
                best[name] = min(best[name], (time.thread_time_ns() - start) / COUNT)
        for name, nanoseconds in best.items():
            print(f"{name}.{case.__name__}\t{nanoseconds:.2f}")
        print(f"more.{case.__name__}\t{best['kit'] - best['byhand']:.2f}", flush=True)


rw.run(main())
