# SPDX-License-Identifier: MIT
"""memory.py - what a Python task that waits costs in memory, by the resident set of the process.

    python memory.py ropewalk|asyncio

All wait for the same thing. `coroutine` is a coroutine object that was begun, alone; `above` is what a task takes
beyond the coroutine it runs.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Generator

COUNT = 100_000
PAGE = os.sysconf("SC_PAGESIZE")


def resident() -> int:
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


class Suspend:
    def __await__(self) -> Generator[None, None, None]:
        yield


async def wait(thing: object) -> None:
    await thing  # type: ignore[misc]


def of_coroutines() -> tuple[float, list[object]]:
    kept: list[object] = [None] * COUNT
    suspend = Suspend()
    before = resident()
    for i in range(COUNT):
        coro = wait(suspend)
        coro.send(None)
        kept[i] = coro
    return (resident() - before) / COUNT, kept


async def of_tasks(which: str) -> float:
    if which == "ropewalk":
        import ropewalk

        spawn, future = ropewalk.spawn, ropewalk.Future()
    else:
        spawn, future = asyncio.create_task, asyncio.get_running_loop().create_future()
    tasks: list[object] = [None] * COUNT
    await spawn(asyncio.sleep(0))
    before = resident()
    for i in range(COUNT):
        tasks[i] = spawn(wait(future))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    used = (resident() - before) / COUNT
    future.set_result(None)
    for task in tasks:
        await task  # type: ignore[misc]
    return used


def main(which: str) -> None:
    coroutine, kept = of_coroutines()
    if which == "ropewalk":
        import ropewalk

        task = ropewalk.run(of_tasks(which))
    else:
        task = asyncio.run(of_tasks(which))
    print(f"coroutine\t{coroutine:.1f}")
    print(f"task\t{task:.1f}")
    print(f"above\t{task - coroutine:.1f}")
    for coro in kept:
        coro.close()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(sys.argv[1])
