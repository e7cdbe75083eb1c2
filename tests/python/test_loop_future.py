# SPDX-License-Identifier: MIT
"""What loop.create_future() makes is an asyncio.Future to whoever uses it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import traceback
import weakref
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, test


def make() -> Any:
    future = asyncio.get_running_loop().create_future()
    assert type(future).__name__ == "LoopFuture"
    return future


@test
async def it_has_a_result_once() -> None:
    future = make()
    assert isinstance(future, asyncio.Future) and asyncio.isfuture(future) and not asyncio.iscoroutine(future)
    assert future.get_loop() is asyncio.get_running_loop()
    assert not future.done() and not future.cancelled() and "pending" in repr(future)
    expect_raises(asyncio.InvalidStateError, future.result, match="Result is not set.")
    expect_raises(asyncio.InvalidStateError, future.exception)
    future.set_result(5)
    assert future.done() and future.result() == 5 and future.exception() is None and await future == 5
    assert await future == 5 and "finished result=5" in repr(future)
    expect_raises(asyncio.InvalidStateError, future.set_result, 6)
    expect_raises(asyncio.InvalidStateError, future.set_exception, KeyError())
    assert future.cancel() is False and not future.cancelled()
    tuples = make()
    tuples.set_result((1, 2))
    assert await tuples == (1, 2)
    stop = make()
    stop.set_result(StopIteration(3))
    assert isinstance(await stop, StopIteration)


@test
async def it_raises_what_was_set_and_its_traceback_does_not_grow() -> None:
    future = make()
    error = KeyError("mine")
    future.set_exception(error)
    assert future.exception() is error and "KeyError" in repr(future)
    lengths = []
    for _ in range(3):
        assert await expect_raises_async(KeyError, future) is error
        lengths.append(len(traceback.extract_tb(error.__traceback__)))
    assert lengths[0] == lengths[2], lengths
    by_class = make()
    by_class.set_exception(ValueError)
    expect_raises(ValueError, by_class.result)
    bad = make()
    expect_raises(TypeError, bad.set_exception, 5, match="invalid exception object")
    if sys.version_info >= (3, 12):
        bad.set_exception(StopIteration(1))
        assert isinstance(expect_raises(RuntimeError, bad.result).__cause__, StopIteration)
    else:
        expect_raises(TypeError, bad.set_exception, StopIteration(1), match="StopIteration")


@test
async def waiting_tasks_are_woken_in_order_among_the_callbacks() -> None:
    future, order = make(), []

    async def wait(name: str) -> None:
        order.append((name, await future))

    tasks = [asyncio.create_task(wait("first"))]
    await asyncio.sleep(0)
    future.add_done_callback(lambda done: order.append(("callback", done is future)))
    tasks.append(asyncio.create_task(wait("second")))
    await asyncio.sleep(0)
    assert len(future._callbacks) == 3
    future.set_result("x")
    assert order == [] and future._callbacks is None
    await asyncio.gather(*tasks)
    assert order == [("first", "x"), ("callback", True), ("second", "x")]


@test
async def callbacks_are_added_removed_and_have_contexts() -> None:
    future, calls = make(), []
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)

    def look(done: Any) -> None:
        calls.append(variable.get())

    context = contextvars.copy_context()
    context.run(variable.set, 1)
    for _ in range(3):
        future.add_done_callback(look)
    assert future.remove_done_callback(look) == 3 and future.remove_done_callback(look) == 0
    future.add_done_callback(look)
    future.add_done_callback(print)
    assert future.remove_done_callback(print) == 1
    future.add_done_callback(look, context=context)
    variable.set(2)
    future.add_done_callback(look, context=None)
    future.set_result(None)
    future.add_done_callback(look)
    await asyncio.sleep(0)
    assert calls == [0, 1, 2, 2]
    expect_raises(TypeError, future.add_done_callback)
    expect_raises(TypeError, future.add_done_callback, look, 5)
    expect_raises(TypeError, lambda: future.add_done_callback(look, other=5))


@test
async def a_callback_that_compares_badly_is_an_error() -> None:
    class Bad:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise KeyError("compare")

        def __call__(self, future: Any) -> None: ...

    future = make()
    future.add_done_callback(print)
    future.add_done_callback(Bad())
    expect_raises(KeyError, future.remove_done_callback, Bad())

    class Clears:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            future.remove_done_callback(print)
            return True

    future = make()
    for _ in range(4):
        future.add_done_callback(print)
    future.remove_done_callback(Clears())
    assert not future._callbacks


@test
async def it_is_cancelled_with_a_message() -> None:
    future = make()
    assert future.cancel("why") is True and future.cancelled() and "cancelled" in repr(future)
    error = await expect_raises_async(asyncio.CancelledError, future)
    assert error.args == ("why",)
    expect_raises(asyncio.CancelledError, future.exception)
    assert future.cancel() is False
    plain = make()
    plain.cancel()
    assert (await expect_raises_async(asyncio.CancelledError, plain)).args == ()


@test
async def cancelling_a_task_cancels_what_it_awaits() -> None:
    future = make()

    async def wait() -> None:
        await future

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel("reason")
    assert future.cancelled()
    error = await expect_raises_async(asyncio.CancelledError, task)
    assert error.args == ("reason",) and task.cancelled()


@test
async def a_scope_cancels_what_its_tasks_await() -> None:
    future = make()
    with rw.move_on_after(0.001) as scope:
        await future
    assert scope.cancelled_caught and future.cancelled()


@test
async def stock_tasks_of_asyncio_await_it_too() -> None:
    future = make()

    async def wait() -> Any:
        return await future

    task = asyncio.tasks._PyTask(wait(), loop=asyncio.get_running_loop())  # type: ignore[attr-defined]
    asyncio.get_running_loop().call_soon(future.set_result, 7)
    assert await task == 7


@test
async def asyncio_builds_on_it() -> None:
    loop = asyncio.get_running_loop()
    futures = [make() for _ in range(3)]
    for number, future in enumerate(futures):
        loop.call_soon(future.set_result, number)
    assert await asyncio.gather(*futures) == [0, 1, 2]
    assert await asyncio.shield(futures[0]) == 0
    done, _ = await asyncio.wait(futures)
    assert done == set(futures)
    await expect_raises_async(asyncio.TimeoutError, asyncio.wait_for(make(), 0.001))
    assert asyncio.ensure_future(futures[1]) is futures[1] and asyncio.wrap_future(futures[1]) is futures[1]


@test
async def awaiting_it_wrongly_is_an_error() -> None:
    future = make()
    assert next(future) is future
    expect_raises(RuntimeError, lambda: next(future), match="await wasn't used with future")

    class Yields:
        def __await__(self) -> Any:
            yield make()

    await expect_raises_async(RuntimeError, asyncio.create_task(awaiting(Yields())), match="yield was used instead")
    other = rw.new_event_loop()
    foreign = other.create_future()
    await expect_raises_async(RuntimeError, asyncio.create_task(awaiting(foreign)), match="different loop")
    other.close()


async def awaiting(what: Any) -> Any:
    return await what


@test
async def an_exception_that_nobody_sees_is_reported() -> None:
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: contexts.append(context))
    for look in (False, True):
        future = make()
        future.set_exception(KeyError("unseen"))
        if look:
            future.exception()
        del future
        gc.collect()
    assert len(contexts) == 1 and "never retrieved" in contexts[0]["message"]


@test
async def it_can_be_referred_to_weakly_and_carries_attributes() -> None:
    future = make()
    gone = weakref.ref(future)
    future.note = future
    assert gone() is future
    del future
    gc.collect()
    assert gone() is None


@test
async def cycles_through_it_are_collected() -> None:
    gone = []
    for finish in ("set_result", "set_exception", "add_done_callback", None):
        future = make()
        gone.append(weakref.ref(future))
        if finish == "set_exception":
            error = KeyError("cycle")
            error.future = future  # type: ignore[attr-defined]
            future.set_exception(error)
            future.exception()
            del error
        elif finish == "set_result":
            future.set_result([future])
        elif finish == "add_done_callback":
            future.add_done_callback(lambda _, future=future: None)
            future.add_done_callback(lambda _, future=future: None)
        del future
    await asyncio.sleep(0)
    gc.collect()
    assert [reference() for reference in gone] == [None] * 4


@test
async def another_thread_is_refused() -> None:
    future, errors = make(), []
    future.add_done_callback(print)

    def foreign() -> None:
        try:
            future.set_result(1)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=foreign)
    thread.start()
    thread.join()
    assert errors and not future.done()
    future.remove_done_callback(print)


@test
def it_outlives_its_loop() -> None:
    loop = rw.new_event_loop()
    future, waited = loop.create_future(), loop.create_future()
    waited.add_done_callback(print)
    loop.close()
    future.set_result(1)
    assert future.result() == 1
    expect_raises(RuntimeError, waited.set_result, 1, match="closed")
    expect_raises(RuntimeError, future.add_done_callback, print, match="closed")


@test
def in_debug_mode_futures_know_where_they_were_made() -> None:
    async def body() -> None:
        future = asyncio.get_running_loop().create_future()
        assert future._source_traceback  # type: ignore[attr-defined]

    rw.run(body(), debug=True)


if __name__ == "__main__":
    main()
