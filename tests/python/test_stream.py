# SPDX-License-Identifier: MIT
"""Streams, adapters, sinks and forward."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import ropewalk as rw
from ropewalk import testing
from t import expect_raises, expect_raises_async, main, test


async def numbers(count: int) -> AsyncIterator[int]:
    for i in range(count):
        await rw.yield_now()
        yield i


async def collect(stream: Any) -> list[Any]:
    return [item async for item in stream]


@test
async def anything_iterable_is_a_stream() -> None:
    assert await collect(rw.stream([1, 2, 3])) == [1, 2, 3]
    assert await collect(rw.stream(numbers(3))) == [0, 1, 2]
    tx, rx = rw.channel(None)
    tx.send_nowait("x")
    tx.close()
    assert await collect(rw.stream(rx)) == ["x"]
    assert await collect(rw.stream([])) == []
    expect_raises(TypeError, rw.stream, 5)


@test
async def the_end_is_an_error_for_next() -> None:
    stream = rw.stream([1])
    assert await stream.next() == 1
    await expect_raises_async(rw.EndOfStream, stream.next())
    await expect_raises_async(rw.EndOfStream, stream.next())


async def double(x: int) -> int:
    await rw.sleep(0.001)
    return 2 * x


@test
async def adapters_take_functions_and_coroutine_functions() -> None:
    assert await collect(rw.stream(range(4)).map(lambda x: x + 1)) == [1, 2, 3, 4]
    assert await collect(rw.stream(range(4)).map(double)) == [0, 2, 4, 6]
    assert await collect(rw.stream(range(6)).filter(lambda x: x % 2)) == [1, 3, 5]
    assert await collect(rw.stream(range(100)).take(2)) == [0, 1]
    assert await collect(rw.stream(range(5)).chunks(2)) == [[0, 1], [2, 3], [4]]
    assert await collect(rw.stream(range(5)).buffered(3, double)) == [0, 2, 4, 6, 8]
    assert sorted(await collect(rw.merge(rw.stream("ab"), numbers(2), rw.stream("c"))), key=str) == [
        0,
        1,
        "a",
        "b",
        "c",
    ]
    assert sorted(await collect(rw.stream([1]).merge([2], [3]))) == [1, 2, 3]


@test
async def a_failure_ends_the_stream() -> None:
    async def source() -> AsyncIterator[int]:
        yield 1
        raise KeyError("k")

    stream = rw.stream(source())
    assert await stream.next() == 1
    await expect_raises_async(KeyError, stream.next())
    await expect_raises_async(rw.EndOfStream, stream.next())

    def bad(x: int) -> int:
        raise ValueError(x)

    await expect_raises_async(ValueError, collect(rw.stream([1, 2]).map(bad)))


@test
async def an_adapter_takes_its_stream() -> None:
    stream = rw.stream([1, 2])
    taken = stream.take(1)
    expect_raises(rw.ClosedError, stream.next)
    assert await collect(taken) == [1]


@test
async def closing_lets_go_of_the_source() -> None:
    closed = []

    async def source() -> AsyncIterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(1)

    generator = source()
    async with rw.stream(generator) as stream:
        assert await stream.next() == 1
    await expect_raises_async(rw.EndOfStream, stream.next())
    await generator.aclose()  # type: ignore[attr-defined]
    assert closed == [1]


@test
def an_interval_counts_its_ticks() -> None:
    async def body() -> None:
        assert await collect(rw.interval(0.5).take(3)) == [0, 1, 2]
        assert rw.running_loop().time() == 2.0  # simulated clocks begin at 1
        expect_raises(ValueError, rw.interval, 0)
        expect_raises(TypeError, rw.interval, None)

    testing.run(body())


@test
async def forward_moves_everything_with_back_pressure() -> None:
    tx, rx = rw.channel(1)
    task = rw.spawn(run_forward(rw.stream(range(5)), tx))
    got = await collect(rx)
    assert got == [0, 1, 2, 3, 4] and await task == 5
    out: list[int] = []
    assert await rw.forward([1, 2], out.append) == 2 and out == [1, 2]

    async def slow(item: int) -> None:
        await rw.yield_now()
        out.append(item)

    assert await rw.forward(numbers(3), slow) == 3 and out[2:] == [0, 1, 2]


async def run_forward(source: Any, target: Any) -> int:
    return await rw.forward(source, target)


@test
async def a_sink_takes_items_one_by_one() -> None:
    got: list[int] = []
    sink = rw.Sink(got.append)
    await sink.send(1)
    await sink.flush()
    await sink.close()
    assert got == [1]

    def refuse(item: int) -> None:
        raise ValueError(item)

    await expect_raises_async(ValueError, rw.Sink(refuse).send(1))
    expect_raises(TypeError, rw.Sink, 5)


@test
async def misuse_is_told() -> None:
    expect_raises(ValueError, rw.stream([]).chunks, 0)
    expect_raises(ValueError, rw.stream([]).take, -1)
    expect_raises(TypeError, rw.stream([]).map, 5)
    expect_raises(ValueError, rw.stream([]).buffered, 0)
    expect_raises(ValueError, rw.merge)


if __name__ == "__main__":
    main()
