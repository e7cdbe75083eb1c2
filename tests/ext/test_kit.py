# SPDX-License-Identifier: MIT
"""The kit in Python: what a module made with ropewalk.i gives to scripts, and what misuse comes to."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import kit
import ropewalk as rw
from ropewalk import testing
from t import expect_raises, expect_raises_async, main, nothing_is_left, test


@test
async def a_future_is_awaited() -> None:
    assert await kit.ready(5) == 5
    assert await kit.tick(-(2**63)) == -(2**63)
    assert await kit.add(1, 2.5, "abc", True) == 7.5
    assert await rw.gather(kit.tick(1), kit.ready(2), rw.spawn(kit.tick(3))) == [1, 2, 3]


@test
async def a_failure_is_the_class_of_its_code() -> None:
    await expect_raises_async(rw.ClosedError, kit.fail(-3, "the peer went"), match="the peer went")
    await expect_raises_async(ValueError, kit.fail(-8, "not that"), match="not that")
    expect_raises(rw.BusyError, kit.failure, -11, "occupied", match="occupied")
    assert kit.check(0) is None
    expect_raises(rw.BusyError, kit.check, -11)


@test
def cancelling_ends_the_future() -> None:
    async def main() -> None:
        before = rw.stats()
        task = rw.spawn(kit.later("never", None))
        await rw.yield_now()
        task.cancel()
        await expect_raises_async(rw.CancelledError, task)
        with rw.move_on_after(1.0) as scope:
            await kit.later("late", 2.0)
        assert scope.cancelled_caught
        assert await kit.later("in time", 0.5) == "in time"
        del task
        await nothing_is_left(before)

    testing.run(main())


@test
async def a_future_may_be_a_parameter() -> None:
    async def answer() -> int:
        await rw.yield_now()
        return 42

    assert await kit.hand_on(answer()) == 42
    assert await kit.hand_on(kit.tick(3)) == 3
    expect_raises(TypeError, kit.hand_on, 3)


@test
async def values_are_copied() -> None:
    value = {"list": [1, 2.5, None, True], b"bytes": "text", 7: {"deep": [[]]}}
    assert kit.echo(value) == value
    assert kit.describe((1, 2)) == "list"
    assert kit.describe(b"x") == "bytes"
    expect_raises(TypeError, kit.echo, sys)
    expect_raises(TypeError, kit.describe, object())
    loop: list[Any] = []
    loop.append(loop)
    expect_raises(rw.LimitError, kit.echo, loop)
    thing = object()
    assert kit.same(thing) is thing


@test
async def integers_keep_their_bits() -> None:
    for number in (0, -1, 2**53 + 1, 2**63 - 1, -(2**63)):
        assert kit.int64(number) == number
    for number in (0, 2**53 + 1, 2**64 - 1):
        assert kit.uint64(number) == number
    assert kit.int8(-128) == -128
    assert kit.plus(1, 2, 3, 4) == 10
    for call, number in ((kit.int8, 128), (kit.int64, 2**63), (kit.uint64, -1), (kit.unsigned_short, 65536)):
        expect_raises(OverflowError, call, number)
    expect_raises(TypeError, kit.int64, "1")


@test
async def bytes_are_not_copied_and_text_is_text() -> None:
    data = bytearray(b"\x01\x02\xff")
    assert kit.sum_bytes(data) == 258
    data.append(1)  # it is not held any longer
    assert kit.sum_bytes(memoryview(data)[:2]) == 3
    expect_raises(TypeError, kit.sum_bytes, "text")
    assert kit.text_size("äö\0") == 5
    expect_raises(TypeError, kit.text_size, b"bytes")
    expect_raises(TypeError, kit.failure, -8, None, match="expected a str, not None")
    expect_raises(TypeError, kit.failure, -8, b"bytes")


@test
async def a_buffer_is_a_memoryview() -> None:
    view = kit.bytes(300)
    assert isinstance(view, memoryview)
    assert view.readonly
    assert bytes(view[254:258]) == b"\xfe\xff\x00\x01"
    del view
    assert bytes(kit.bytes(0)) == b""


@test
async def seconds_are_seconds() -> None:
    assert kit.timeout(1.5) == 1_500_000_000
    assert kit.timeout(None) == 2**63 - 1
    assert kit.remaining(2) == 2_000_000_000
    assert kit.remaining(None) == -1
    expect_raises(TypeError, kit.timeout, "soon")
    expect_raises(ValueError, kit.timeout, float("nan"))


@test
async def channels_and_streams_go_both_ways() -> None:
    tx, rx = rw.channel(3)
    await kit.send(tx, "over")
    assert await kit.receive(rx) == "over"
    assert [item async for item in kit.filled_channel(3)] == [1, 2, 3]
    assert [item async for item in kit.count_to(4).map(lambda x: x * x)] == [1, 4, 9, 16]
    assert await kit.next(rw.stream([7])) == 7

    async def items() -> AsyncIterator[str]:
        yield "generated"

    assert await kit.next(items()) == "generated"
    expect_raises(TypeError, kit.receive, tx, match="a Receiver")
    expect_raises(TypeError, kit.send, 5, 1)
    expect_raises(TypeError, kit.next, 5)


@test
async def a_callback_is_called_on_its_loop() -> None:
    thread = threading.get_ident()

    async def double(x: int) -> int:
        await rw.yield_now()
        assert threading.get_ident() == thread
        return x * 2

    assert await kit.call(double, 21) == 42
    assert await kit.call(lambda x: x + 1, 1) == 2
    await expect_raises_async(ZeroDivisionError, kit.call(lambda x: 1 // x, 0))
    got = rw.Future()
    kit.post_from_thread(lambda x: got.set_result((x, threading.get_ident())), "posted")
    assert await got == ("posted", thread)
    expect_raises(TypeError, kit.call, 3, 1)


@test
async def another_thread_completes() -> None:
    assert await kit.from_thread(9) == 9
    assert await rw.gather(*(kit.from_thread(i) for i in range(20))) == list(range(20))


@test
def a_modules_thread_may_outlive_the_loop() -> None:
    body = "task = rw.spawn(kit.when_process_ends()); await rw.yield_now()"
    code = f"import kit, ropewalk as rw\nasync def main():\n    {body}\nrw.run(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


@test
async def misuse_has_a_defined_result() -> None:
    await expect_raises_async(rw.BrokenError, kit.given_up(), match="kit.given_up was given up without a result")
    assert await kit.twice() == -10  # RW_ERR_STATE, for the second
    expect_raises(MemoryError, kit.null, match="null() gave no future")
    before = rw.stats()["objects_live"]
    kit.forget()
    assert rw.stats()["objects_live"] == before + 1  # leaks are counted


@test
def a_future_that_nobody_completes_is_reported() -> None:
    async def main() -> None:
        await kit.never()

    expect_raises(rw.DeadlockError, lambda: testing.run(main()))


if "ROPEWALK_CHECKED" not in os.environ:  # else it ends the process: checked.py

    @test
    async def a_wrong_kind_is_an_error() -> None:
        await expect_raises_async(SystemError, kit.wrong_kind(), match="unknown kind (99)")


@test
async def objects_of_the_module_arrive_as_its_classes() -> None:
    counter = await kit.new_counter(5)
    assert isinstance(counter, kit.counter)
    assert counter.add(3) == 8
    assert await counter.wait(2) == 10
    other = kit.counter_now(1)
    assert kit.live_counters() == 2
    tx, rx = rw.channel(1)
    await tx.send(counter)
    assert await rx.receive() is counter
    del counter, other
    gc.collect()
    assert kit.live_counters() == 0
    expect_raises(TypeError, kit.counter.add, None, 1)
    expect_raises(TypeError, kit.counter.add, 5, 1)
    expect_raises(AttributeError, kit.counter)


@test
async def an_object_may_be_let_go_of_on_another_thread() -> None:
    held = [await kit.new_counter(1)]
    thread = threading.Thread(target=held.clear)
    thread.start()
    while thread.is_alive():
        await rw.sleep(0.001)
    await rw.yield_now()
    await rw.yield_now()
    assert kit.live_counters() == 0


@test
def without_a_loop_the_error_says_so() -> None:
    expect_raises(RuntimeError, kit.ready, 1, match="no running event loop")
    assert kit.echo(5) == 5


@test
def nothing_is_left_behind() -> None:
    async def main() -> None:
        before = rw.stats()
        for _ in range(50):
            expect_raises(TypeError, kit.send, rw.channel(1)[0], sys)
            expect_raises(TypeError, kit.call, len, sys)
            kit.ready(1)
        await nothing_is_left(before)

    testing.run(main())


if __name__ == "__main__":
    main()
