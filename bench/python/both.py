# SPDX-License-Identifier: MIT
"""both.py - a message from Python to Lua and its answer: on Ropewalk, and on asyncio with lupa.

    python both.py ropewalk|lupa

On Ropewalk a Python task and a Lua task share two channels. With lupa, a task drives a Lua coroutine between two
asyncio queues, which is what one does without a common loop. Prints `round_trip<TAB>nanoseconds`, CPU time.
"""

import asyncio
import statistics
import sys
import time

COUNT = 20_000
RUNS = 5


def report(samples: list[float]) -> None:
    print(f"round_trip\t{statistics.median(samples):.2f}", flush=True)


async def on_ropewalk() -> None:
    import ropewalk as rw

    lua = rw.Lua()
    echo = lua.eval("function(rx, tx) for message in rx:iter() do tx:send(message) end end")
    to_lua, in_lua = rw.channel(1)
    from_lua, in_python = rw.channel(1)
    task = rw.spawn(run(echo, in_lua, from_lua))
    samples = []
    for _ in range(RUNS):
        start = time.thread_time_ns()
        for i in range(COUNT):
            await to_lua.send(i)
            await in_python.receive()
        samples.append((time.thread_time_ns() - start) / COUNT)
    to_lua.close()
    await task
    report(samples)
    lua.close()


async def run(function, *arguments) -> None:
    await function(*arguments)


async def on_lupa() -> None:
    import lupa

    lua = lupa.LuaRuntime()
    thread = lua.eval("function() local m = nil while true do m = coroutine.yield(m) end end").coroutine()
    thread.send(None)
    to_lua: asyncio.Queue = asyncio.Queue(1)
    from_lua: asyncio.Queue = asyncio.Queue(1)

    async def drive() -> None:
        while (message := await to_lua.get()) is not None:
            await from_lua.put(thread.send(message))

    task = asyncio.create_task(drive())
    samples = []
    for _ in range(RUNS):
        start = time.thread_time_ns()
        for i in range(COUNT):
            await to_lua.put(i)
            await from_lua.get()
        samples.append((time.thread_time_ns() - start) / COUNT)
    await to_lua.put(None)
    await task
    report(samples)


def main(which: str) -> None:
    if which == "lupa":
        asyncio.run(on_lupa())
    else:
        import ropewalk

        ropewalk.run(on_ropewalk())


if __name__ == "__main__":
    main(sys.argv[1])
