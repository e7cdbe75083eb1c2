# SPDX-License-Identifier: MIT
"""micro.py - what small things cost in Python: on Ropewalk, natively and through asyncio; on asyncio; on uvloop.

    python micro.py ropewalk|asyncio|uvloop

Prints `figure<TAB>nanoseconds`, CPU time, the median of five runs, as the programs in C do. Switches are among 100
tasks, so that what a turn of the loop costs is shared.
"""

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Callable, Coroutine

COUNT = 50_000
RUNS = 5
BATCH = 100

Case = Callable[[int], Coroutine[None, None, None]]


def measure(name: str, run: Callable[[Coroutine[None, None, None]], None], case: Case) -> None:
    run(case(COUNT // 10))
    samples = []
    for _ in range(RUNS):
        gc.collect()
        start = time.thread_time_ns()
        run(case(COUNT))
        samples.append((time.thread_time_ns() - start) / COUNT)
    print(f"{name}\t{statistics.median(samples):.2f}", flush=True)


async def nothing() -> None:
    pass


async def aio_switch(count: int) -> None:
    async def switch() -> None:
        sleep = asyncio.sleep
        for _ in range(count // BATCH):
            await sleep(0)

    for task in [asyncio.create_task(switch()) for _ in range(BATCH)]:
        await task


async def aio_spawn(count: int) -> None:
    create_task = asyncio.create_task
    for _ in range(count // BATCH):
        for task in [create_task(nothing()) for _ in range(BATCH)]:
            await task


async def aio_queue(count: int) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(BATCH)

    async def send() -> None:
        for i in range(count):
            await queue.put(i)

    task = asyncio.create_task(send())
    for _ in range(count):
        await queue.get()
    await task


def run_ropewalk() -> None:
    import ropewalk as rw

    async def switch(count: int) -> None:
        async def switch() -> None:
            yield_now = rw.yield_now
            for _ in range(count // BATCH):
                await yield_now()

        for task in [rw.spawn(switch()) for _ in range(BATCH)]:
            await task

    async def spawn(count: int) -> None:
        spawn = rw.spawn
        for _ in range(count // BATCH):
            for task in [spawn(nothing()) for _ in range(BATCH)]:
                await task

    async def channel(count: int) -> None:
        sender, receiver = rw.channel(BATCH)

        async def send() -> None:
            for i in range(count):
                await sender.send(i)

        task = rw.spawn(send())
        for _ in range(count):
            await receiver.receive()
        await task

    cases = {"switch": switch, "spawn": spawn, "channel": channel, "aio_switch": aio_switch, "aio_spawn": aio_spawn}
    for name, case in cases.items():
        measure(name, rw.run, case)


def run_asyncio(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    def run(main: Coroutine[None, None, None]) -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main)

    for name, case in {"switch": aio_switch, "spawn": aio_spawn, "queue": aio_queue}.items():
        measure(name, run, case)


def main(which: str) -> None:
    if which == "ropewalk":
        run_ropewalk()
    elif which == "uvloop":
        import uvloop

        run_asyncio(uvloop.new_event_loop)
    else:
        run_asyncio(asyncio.new_event_loop)


if __name__ == "__main__":
    main(sys.argv[1])
