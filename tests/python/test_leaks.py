# SPDX-License-Identifier: MIT
"""A thousand rounds of everything leave nothing: no core object, no Python object, no reference."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import ropewalk as rw
from t import main, nothing_is_left, test

ROUNDS = 1000


async def rounds(body: Callable[[Any], Awaitable[Any]]) -> None:
    """Run body(token) many times; live counts and the token's references must not grow."""
    token = object()
    for _ in range(20):
        await body(token)
    await rw.yield_now()
    gc.collect()
    references, objects, stats = sys.getrefcount(token), len(gc.get_objects()), rw.stats()
    for _ in range(ROUNDS):
        await body(token)
    await nothing_is_left(stats)
    assert sys.getrefcount(token) <= references, (sys.getrefcount(token), references)
    assert len(gc.get_objects()) - objects < ROUNDS // 4, len(gc.get_objects()) - objects


async def give(value: Any) -> Any:
    await rw.yield_now()
    return value


async def fail(token: Any) -> None:
    await rw.yield_now()
    raise KeyError(token)


@test
async def tasks() -> None:
    async def body(token: Any) -> None:
        assert await rw.spawn(give(token)) is token

    await rounds(body)


class Holder:
    """Keeps its own task, which keeps what its traceback or result refers to: the holder."""

    task: Any = None
    token: Any = None


async def fail_with(holder: Holder) -> None:
    await rw.yield_now()
    raise KeyError(id(holder))


@test
async def tasks_in_cycles_are_collected() -> None:
    async def body(token: Any) -> None:
        for coroutine in (fail_with, give):
            holder = Holder()
            holder.token = token
            holder.task = rw.spawn(coroutine(holder))
            try:
                await holder.task
            except KeyError:
                pass

    await rounds(body)


@test
async def failing_tasks() -> None:
    async def body(token: Any) -> None:
        try:
            await rw.spawn(fail(token))
        except KeyError:
            pass

    await rounds(body)


@test
async def cancelled_tasks() -> None:
    async def body(token: Any) -> None:
        task = rw.spawn(wait(token))
        await rw.yield_now()
        task.cancel(token)
        try:
            await task
        except rw.CancelledError:
            pass

    async def wait(token: Any) -> None:
        await rw.sleep(100)

    await rounds(body)


@test
async def asyncio_futures_and_callbacks() -> None:
    async def body(token: Any) -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(future.set_result, token)
        loop.call_later(0, lambda: token)
        loop.call_later(100, lambda: token).cancel()
        assert await future is token
        await asyncio.sleep(0)

    await rounds(body)


@test
async def channels_and_select() -> None:
    async def body(token: Any) -> None:
        tx, rx = rw.channel(2)
        await tx.send(token)
        await rx.receive()
        await rw.select(rx.receive(), tx.send(token))
        tx.send(token)
        rx.receive()
        async with tx.reserve() as permit:
            permit.send(token)
        with rw.move_on_after(0):
            await rw.select(tx.send([token]), rw.Future(), biased=True)

    await rounds(body)


@test
async def scopes() -> None:
    async def body(token: Any) -> None:
        async with rw.scope() as scope:
            scope.spawn(give(token))
        try:
            async with rw.scope() as scope:
                scope.spawn(fail(token))
                await rw.sleep(100)
        except BaseExceptionGroup:
            pass
        with rw.fail_after(100):
            await rw.yield_now()

    await rounds(body)


@test
async def streams_and_combinators() -> None:
    async def body(token: Any) -> None:
        async for _ in rw.stream([token, token]).map(lambda x: x).filter(lambda x: True).chunks(2):
            pass
        await rw.gather(give(token), give(token))
        await rw.first(give(token), rw.sleep(100))
        future: rw.Future[Any] = rw.Future()
        waiting = future.map(lambda x: [x, token])
        future.set_result(token)
        await waiting
        rw.stream([token]).take(1)

    await rounds(body)


@test
async def sockets() -> None:
    async def body(token: Any) -> None:
        a, b = rw.socket_pair()
        await a.send(b"x\n")
        await b.receive_until(b"\n")
        a.close()
        b.close()
        await rw.yield_now()

    await rounds(body)


@test
async def futures_never_awaited() -> None:
    async def body(token: Any) -> None:
        tx, rx = rw.channel()
        rw.sleep(5)
        rw.gather(rx.receive(), tx.send(token))
        rw.Future()
        task = rw.spawn(give(token))
        task.detach()
        await rw.yield_now()
        await rw.yield_now()

    await rounds(body)


@test
def loops() -> None:
    async def body() -> None:
        tx, _rx = rw.channel(1)
        tx.send_nowait(object())
        await rw.spawn(give(1))

    rw.run(body())
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        rw.run(body())
    gc.collect()
    assert len(gc.get_objects()) - before < 50


if __name__ == "__main__":
    main()
