# SPDX-License-Identifier: MIT
"""Tasks: spawn, await, cancel, names, contexts; and that they are asyncio's tasks to whoever asks."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from collections.abc import Callable
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, test


async def give(value: Any, turns: int = 1) -> Any:
    for _ in range(turns):
        await rw.yield_now()
    return value


async def fail(error: BaseException) -> None:
    await rw.yield_now()
    raise error


@test
async def cancelling_reaches_a_task_that_only_gives_up_turns() -> None:
    async def spin(give_up: Callable[[], Any]) -> None:
        while True:
            await give_up()

    for give_up in (rw.yield_now, lambda: rw.sleep(0), lambda: asyncio.sleep(0)):
        task = rw.spawn(spin(give_up))
        for _ in range(3):
            await rw.yield_now()
        task.cancel("enough")
        for _ in range(20):
            if task.done():
                break
            await rw.yield_now()
        assert task.cancelled()
    seen: list[str] = []

    async def stubborn() -> None:
        try:
            await rw.yield_now()
        except asyncio.CancelledError:
            seen.append("cancelled")
        await rw.yield_now()
        seen.append("went on")

    task = rw.spawn(stubborn())
    await rw.yield_now()
    task.cancel()
    await task
    assert seen == ["cancelled", "went on"]


@test
async def a_task_gives_the_result_of_its_coroutine() -> None:
    task = rw.spawn(give(7), name="seven")
    assert isinstance(task, asyncio.Task) and isinstance(task, rw.Task)
    assert task.get_name() == "seven" and not task.done()
    assert await task == 7
    assert await task == 7, "a task may be awaited any number of times"
    assert task.done() and task.result() == 7 and task.exception() is None


@test
async def a_task_raises_what_its_coroutine_raised() -> None:
    error = KeyError("x")
    task = rw.spawn(fail(error))
    caught = await expect_raises_async(KeyError, task)
    assert caught is error and task.exception() is error


@test
async def results_of_any_type_keep_their_identity() -> None:
    thing = object()
    assert await rw.spawn(give(thing)) is thing
    for value in (None, True, 3, 2**70, -1.5, "text", b"bytes", [1], {"a": 1}, (1, 2), StopIteration(1)):
        assert await rw.spawn(give(value)) is value


@test
async def asyncio_sees_the_task() -> None:
    task = asyncio.create_task(give(1, 3), name="t")
    assert task in asyncio.all_tasks()
    seen = []

    async def look() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    looker = asyncio.create_task(look())
    await looker
    assert seen == [looker, looker]
    await task
    assert task not in asyncio.all_tasks()
    assert "finished" in repr(task) and "name='t'" in repr(task)


@test
async def cancelling_raises_in_the_await_and_carries_the_message() -> None:
    task = rw.spawn(rw_sleep(10))
    await rw.yield_now()
    assert task.cancel("why") is True and task.cancelling() == 1
    error = await expect_raises_async(rw.CancelledError, task)
    assert error.args == ("why",) and task.cancelled()
    assert task.cancel() is False, "a task that has ended cannot be cancelled"


async def rw_sleep(seconds: float) -> None:
    await rw.sleep(seconds)


@test
async def cancelling_twice_is_one_cancellation() -> None:
    task = rw.spawn(rw_sleep(10))
    await rw.yield_now()
    task.cancel()
    task.cancel()
    await expect_raises_async(rw.CancelledError, task)
    assert task.cancelling() == 2


@test
async def a_task_cancelled_before_it_ran_never_runs() -> None:
    ran = []

    async def body() -> None:
        ran.append(1)

    task = rw.spawn(body())
    task.cancel()
    await expect_raises_async(rw.CancelledError, task)
    assert not ran


@test
async def a_cancel_that_is_caught_is_over() -> None:
    async def stubborn() -> str:
        try:
            await rw.sleep(10)
        except rw.CancelledError:
            await rw.sleep(0.001)
            return "survived"
        return "unreachable"

    task = rw.spawn(stubborn())
    await rw.yield_now()
    task.cancel()
    assert await task == "survived"


@test
async def a_value_and_a_cancel_at_once_lose_neither() -> None:
    tx, rx = rw.channel(1)

    async def reader() -> list[Any]:
        got: list[Any] = []
        try:
            got.append(await rx.receive())
            await rw.sleep(10)
        except rw.CancelledError:
            got.append("cancelled")
        return got

    task = rw.spawn(reader())
    await rw.yield_now()
    tx.send_nowait("value")
    task.cancel()
    got = await task
    if got == ["cancelled"]:
        got.insert(0, rx.receive_nowait())
    assert got == ["value", "cancelled"]


@test
async def uncancel_undoes_the_count() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        assert task.uncancel() == 0
    await asyncio.sleep(0)


@test
async def an_abort_handle_cancels_from_another_thread() -> None:
    task = rw.spawn(rw_sleep(30))
    handle = task.abort_handle()
    thread = threading.Thread(target=handle.cancel)
    thread.start()
    await expect_raises_async(rw.CancelledError, task)
    thread.join()
    assert handle.cancel() is False


@test
async def each_task_has_its_own_context() -> None:
    var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="outer")

    async def body(value: str) -> str:
        var.set(value)
        await rw.yield_now()
        return var.get()

    assert await rw.gather(body("a"), body("b")) == ["a", "b"]
    assert var.get() == "outer"
    context = contextvars.copy_context()
    await rw.spawn(body("kept"), context=context)
    assert context[var] == "kept"


@test
async def done_callbacks_run_once_in_order() -> None:
    calls: list[Any] = []
    task = rw.spawn(give(1))
    task.add_done_callback(lambda t: calls.append(("a", t)))
    drop = lambda t: calls.append("dropped")  # noqa: E731
    task.add_done_callback(drop)
    assert task.remove_done_callback(drop) == 1
    task.add_done_callback(lambda t: calls.append(("b", t)))
    await task
    await rw.yield_now()
    assert calls == [("a", task), ("b", task)]
    task.add_done_callback(lambda t: calls.append("late"))
    await rw.yield_now()
    assert calls[-1] == "late"


@test
async def misuse_is_told() -> None:
    expect_raises(TypeError, rw.spawn, 5, match="coroutine")
    expect_raises(TypeError, rw.spawn, give)
    coro = give(1)
    expect_raises(TypeError, lambda: rw.spawn(coro, nonsense=1))
    coro.close()
    task = rw.spawn(give(1))
    expect_raises(asyncio.InvalidStateError, task.result)
    expect_raises(RuntimeError, task.set_result, 1)
    await task

    async def itself() -> None:
        await holder[0]

    holder = [rw.spawn(itself())]
    await expect_raises_async(RuntimeError, holder[0], match="itself")


@test
async def awaiting_nonsense_is_told() -> None:
    class Odd:
        def __await__(self) -> Any:
            yield 5

    await expect_raises_async(RuntimeError, rw.spawn(await_it(Odd())), match="bad yield")


async def await_it(thing: Any) -> Any:
    return await thing


@test
def awaiting_outside_a_loop_is_told() -> None:
    expect_raises(RuntimeError, rw.sleep, 1, match="ropewalk.run")
    coro = give(1)
    expect_raises(RuntimeError, rw.spawn, coro)
    coro.close()


@test
async def an_operation_is_awaited_once() -> None:
    op = rw.sleep(0)
    await op
    await expect_raises_async(RuntimeError, await_it(op), match="already")


@test
async def an_operation_that_is_never_awaited_does_nothing() -> None:
    tx, rx = rw.channel(1)
    tx.send("never")
    gc.collect()
    expect_raises(rw.WouldBlock, rx.receive_nowait)


@test
async def an_unretrieved_exception_is_reported() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    task = rw.spawn(fail(ValueError("lost")))
    await rw.sleep(0.001)
    del task
    gc.collect()
    assert len(told) == 1 and "never retrieved" in told[0]["message"], told


@test
async def a_detached_task_runs_on() -> None:
    done = []

    async def body() -> None:
        await rw.yield_now()
        done.append(1)

    rw.spawn(body()).detach()
    gc.collect()
    await rw.sleep(0.001)
    assert done == [1]


@test
async def a_stock_task_awaits_native_operations() -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coro, **kwargs: asyncio.Task(coro, loop=loop, **kwargs))
    try:
        tx, rx = rw.channel(1)

        async def body() -> Any:
            await rw.sleep(0.001)
            await tx.send("x")
            return await rx.receive()

        task = loop.create_task(body())
        assert type(task) is asyncio.Task
        assert await task == "x"
    finally:
        loop.set_task_factory(None)


@test
async def gather_first_and_join_take_anything_awaitable() -> None:
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, "f")
    assert await rw.gather(give(1), rw.spawn(give(2)), rw.sleep(0), future) == [1, 2, None, "f"]
    assert await rw.gather() == []
    index, value = await rw.first(rw.sleep(10), give("quick"))
    assert (index, value) == (1, "quick")
    expect_raises(TypeError, rw.gather, 5)
    expect_raises(ValueError, rw.first)


@test
async def the_first_failure_of_gather_cancels_the_others() -> None:
    ended = []

    async def other() -> None:
        try:
            await rw.sleep(10)
        except rw.CancelledError:
            ended.append(1)
            raise

    await expect_raises_async(ValueError, rw.gather(other(), fail(ValueError())))
    assert ended == [1]


@test
async def futures_are_combined() -> None:
    future: rw.Future[int] = rw.Future()
    asyncio.get_running_loop().call_soon(future.set_result, 4)
    assert await future.map(lambda x: x + 1) == 5
    assert await future.and_then(lambda x: give(x * 2)) == 8
    failing: rw.Future[int] = rw.Future()
    failing.set_exception(ValueError("v"))
    assert await failing.or_else(lambda e: give(repr(e))) == "ValueError('v')"
    await expect_raises_async(ValueError, failing)
    expect_raises(asyncio.InvalidStateError, future.set_result, 1)


@test
async def a_oneshot_gives_one_value() -> None:
    tx, rx = rw.oneshot()
    tx.send("v")
    assert await rx == "v"
    expect_raises((rw.StateError, rw.ClosedError), tx.send, "again")  # type: ignore[arg-type]
    tx, rx = rw.oneshot()
    tx.close()
    await expect_raises_async(rw.ClosedError, rx)


if __name__ == "__main__":
    main()
