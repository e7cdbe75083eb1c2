# SPDX-License-Identifier: MIT
"""Channels, permits, select, broadcast and watch."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, test


@test
async def values_arrive_in_order() -> None:
    for capacity in (0, 1, 3, None):
        tx, rx = rw.channel(capacity)

        async def send_all(tx: Any = tx) -> None:
            async with tx:
                for i in range(20):
                    await tx.send(i)

        rw.spawn(send_all())
        assert [value async for value in rx] == list(range(20)), capacity
        await expect_raises_async(rw.ClosedError, rx.receive())


@test
async def objects_keep_their_identity() -> None:
    tx, rx = rw.channel(None)
    things: list[Any] = [object(), {"a": 1}, [1], (1,), 2**100, ValueError("v"), len, tx]
    for thing in things:
        tx.send_nowait(thing)
    for thing in things:
        assert await rx.receive() is thing
    for value in (None, True, 7, -(2**63), 1.5, "tëxt", b"\0\xff", "\ud800"):
        tx.send_nowait(value)
        back = rx.receive_nowait()
        assert back == value and type(back) is type(value)


@test
async def nowait_says_when_it_would_wait() -> None:
    tx, rx = rw.channel(1)
    expect_raises(rw.WouldBlock, rx.receive_nowait)
    expect_raises(BlockingIOError, rx.receive_nowait)
    tx.send_nowait(1)
    expect_raises(rw.WouldBlock, tx.send_nowait, 2)
    assert len(rx) == 1 and len(tx) == 1 and tx.capacity == 1
    assert rw.channel(None)[0].capacity is None


@test
async def closing_wakes_everyone() -> None:
    tx, rx = rw.channel()
    waiting = rw.spawn(receive(rx))
    await rw.yield_now()
    tx.close()
    tx.close()
    await expect_raises_async(rw.ClosedError, waiting)
    tx, rx = rw.channel()
    waiting = rw.spawn(send(tx, 1))
    await rw.yield_now()
    rx.close()
    await expect_raises_async(rw.ClosedError, waiting)
    assert tx.closed and rx.closed
    await expect_raises_async(rw.ClosedError, tx.send(2))


async def receive(rx: rw.Receiver[Any]) -> Any:
    return await rx.receive()


async def send(tx: rw.Sender[Any], value: Any) -> None:
    await tx.send(value)


@test
async def clones_share_the_channel() -> None:
    tx, rx = rw.channel(None)
    other = tx.clone()
    tx.send_nowait(1)
    tx.close()
    other.send_nowait(2)
    assert await rx.receive() == 1 and await rx.receive() == 2
    other.close()
    await expect_raises_async(rw.ClosedError, rx.receive())


@test
async def a_permit_keeps_room() -> None:
    tx, rx = rw.channel(1)
    async with tx.reserve() as permit:
        expect_raises(rw.WouldBlock, tx.send_nowait, 1)
        permit.send("kept")
        expect_raises(rw.StateError, permit.send, "again")
    assert await rx.receive() == "kept"
    permit = await tx.reserve()
    permit.close()
    tx.send_nowait(2)
    assert await rx.receive() == 2


@test
async def a_cancelled_receive_loses_nothing() -> None:
    tx, rx = rw.channel(5)
    for i in range(50):
        task = rw.spawn(receive(rx))
        await rw.yield_now()
        tx.send_nowait(i)
        task.cancel()
        try:
            got = await task
        except rw.CancelledError:
            got = rx.receive_nowait()
        assert got == i


@test
async def select_does_exactly_one() -> None:
    tx, rx = rw.channel(1)
    assert await rw.select(rx.receive(), tx.send("s")) == (1, None)
    assert await rw.select(rx.receive(), rw.sleep(10)) == (0, "s")
    await expect_raises_async(rw.TimeoutError, rw.select(rx.receive(), timeout=0.001))
    assert await rw.select(rw.sleep(10), rw.sleep(0.001), biased=True) == (1, None)
    tx.close()
    error = await expect_raises_async(rw.ClosedError, rw.select(rw.sleep(10), rx.receive()))
    assert error.index == 1  # type: ignore[attr-defined]
    expect_raises(ValueError, rw.select)
    expect_raises(TypeError, rw.select, 5)


@test
async def select_never_loses_a_value() -> None:
    a_tx, a_rx = rw.channel()
    b_tx, b_rx = rw.channel()
    got: list[Any] = []

    async def pump(tx: rw.Sender[Any], first: int) -> None:
        for i in range(100):
            await tx.send(first + i)
        tx.close()

    rw.spawn(pump(a_tx, 0))
    rw.spawn(pump(b_tx, 1000))
    for _ in range(200):
        _, value = await rw.select(a_rx.receive(), b_rx.receive())
        got.append(value)
    assert sorted(got) == [*range(100), *range(1000, 1100)]


@test
async def a_shared_channel_reaches_another_threads_loop() -> None:
    tx, rx = rw.channel(4, shared=True)
    expect_raises(rw.ThreadError, in_thread, lambda: tx.send_nowait(1))
    tx.send_nowait([1, "x", {"k": b"v"}, None])
    assert await rx.receive() == [1, "x", {"k": b"v"}, None]
    expect_raises(TypeError, tx.send_nowait, object())


def in_thread(function: Any) -> Any:
    """The outcome of a function on another thread."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((True, function()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    good, value = outcome[0]
    if not good:
        raise value
    return value


@test
async def a_broadcast_reaches_all_and_tells_who_lagged() -> None:
    broadcast = rw.broadcast(2)
    a, b = broadcast.subscribe(), broadcast.subscribe()
    assert broadcast.send(1) == 2
    assert await a.receive() == 1
    broadcast.send(2)
    broadcast.send(3)
    assert await a.receive() == 2
    error = await expect_raises_async(rw.Lagged, b.receive())
    assert error.missed == 1  # type: ignore[attr-defined]
    assert await b.receive() == 2
    broadcast.close()
    assert [v async for v in a] == [3]
    expect_raises(ValueError, rw.broadcast, 0)


@test
async def a_watch_shows_the_last_value() -> None:
    cell = rw.watch("a")
    seen = cell.subscribe()
    assert seen.value == "a"
    cell.send("b")
    cell.send("c")
    assert await seen.changed() == "c"
    asyncio.get_running_loop().call_soon(cell.close)
    await expect_raises_async(rw.ClosedError, seen.changed())


@test
async def misuse_is_told() -> None:
    expect_raises(ValueError, rw.channel, -1)
    expect_raises(TypeError, rw.channel, "x")
    expect_raises(TypeError, rw.Sender)
    tx, _ = rw.channel()
    expect_raises(TypeError, tx.send)


if __name__ == "__main__":
    main()
