# SPDX-License-Identifier: MIT
"""A native task is what asyncio takes it for: found, named, counted, introspected, collected, like one of its own."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, nothing_is_left, test


async def give(value: Any, turns: int = 1) -> Any:
    for _ in range(turns):
        await rw.yield_now()
    return value


async def give_current() -> Any:
    await rw.yield_now()
    return asyncio.current_task()


@test
async def every_task_is_its_own_current_task() -> None:
    tasks = [rw.spawn(give_current()) for _ in range(3)]
    assert await rw.gather(*tasks) == tasks
    assert asyncio.current_task() is not None and asyncio.current_task() not in tasks
    seen: list[Any] = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(asyncio.current_task()))
    await give(None, 2)
    assert seen == [None]


@test
async def asyncio_keeps_no_task_that_is_done() -> None:
    task = rw.spawn(give_current())
    gone = weakref.ref(task)
    await task
    del task
    await rw.sleep(0.001)
    gc.collect()
    assert gone() is None
    assert asyncio.current_task() in asyncio.all_tasks()


class Hashed(rw.EventLoop):
    """A loop whose hash is not ours."""

    def __hash__(self) -> int:
        return 7


@test
def a_loop_with_a_hash_of_its_own_has_a_current_task() -> None:
    async def body() -> None:
        task = rw.spawn(give_current())
        assert await task is task
        assert await asyncio.create_task(give_current()) is not task

    with asyncio.Runner(loop_factory=Hashed) as runner:
        runner.run(body())


@test
async def all_tasks_finds_those_that_live() -> None:
    me = asyncio.current_task()
    waiting = [rw.spawn(give(i, 3)) for i in range(50)]
    assert asyncio.all_tasks() == {me, *waiting}
    more = rw.spawn(give(0, 9))
    assert more in asyncio.all_tasks()
    await rw.gather(*waiting)
    assert asyncio.all_tasks() == {me, more}
    await more
    assert asyncio.all_tasks() == {me}


@test
async def the_sets_of_asyncio_agree() -> None:
    if sys.version_info >= (3, 14):
        return  # there is no such set any more
    name = "_all_tasks" if sys.version_info < (3, 12) else "_scheduled_tasks"
    found = getattr(asyncio.tasks, name)
    task = rw.spawn(give(0, 3))
    assert task in found and len(found) >= 2 and task in list(found)
    await task
    assert task not in found


ALLOWED = {"__new__", "__class_getitem__", "__doc__", "__module__", "__init__", "__del__", "__dict__", "__weakref__"}


@test
def no_method_of_asyncio_looks_at_a_native_task() -> None:
    inherited = (set(vars(asyncio.Task)) | set(vars(asyncio.Future))) - set(vars(rw.Task)) - ALLOWED
    assert not inherited, inherited


@test
async def what_asyncio_reads_by_itself_is_true() -> None:
    if sys.version_info >= (3, 14):
        return  # its fields stay zero
    task = rw.spawn(give("x"), name="reader")
    future = asyncio.Future
    assert not future.done(task) and asyncio.Task.get_coro(task) is task.get_coro()  # type: ignore[arg-type]
    assert asyncio.Task.get_name(task) == "reader"
    await task
    assert future.done(task) and future.result(task) == "x"  # type: ignore[arg-type]
    failed = rw.spawn(fail())
    error = await expect_raises_async(KeyError, failed)
    assert future.exception(failed) is error  # type: ignore[arg-type]


async def fail() -> None:
    raise KeyError("failed")


@test
async def callbacks_run_in_order_and_can_be_taken_back() -> None:
    calls: list[str] = []

    def note(name: str) -> Callable[[Any], None]:
        return lambda _: calls.append(name)

    first, second, third = note("first"), note("second"), note("third")
    task: Any = rw.spawn(give(1))
    for callback in (first, second, third, second):
        task.add_done_callback(callback)
    assert [entry[0] for entry in task._callbacks] == [first, second, third, second]
    assert task.remove_done_callback(second) == 2
    assert task.remove_done_callback(second) == 0
    await task
    await rw.yield_now()
    assert calls == ["first", "third"]
    other: Any = rw.spawn(give(1))
    other.add_done_callback(first)
    assert other.remove_done_callback(first) == 1 and other._callbacks is None
    other.add_done_callback(third)
    await other
    await rw.yield_now()
    assert calls == ["first", "third", "third"]


@test
async def a_cycle_through_a_task_is_collected() -> None:
    task: Any = rw.spawn(give(1))
    await task
    task.itself = task
    gone = weakref.ref(task)
    del task
    await rw.yield_now()
    gc.collect()
    assert gone() is None


class Node:
    """Anything that can hold something."""

    held: Any = None


@test
async def a_cycle_through_a_value_is_collected() -> None:
    before = rw.stats()
    future, (tx, rx) = rw.Future(), rw.channel(2)
    in_future, in_channel, in_task = Node(), Node(), Node()
    future.set_result(in_future)
    in_future.held = future
    tx.send_nowait(in_channel)
    in_channel.held = (tx, rx)

    task = rw.spawn(give(in_task))
    await task
    in_task.held = task
    gone = [weakref.ref(node) for node in (in_future, in_channel, in_task)]
    del future, tx, rx, in_future, in_channel, in_task, task
    await nothing_is_left(before)
    assert [reference() for reference in gone] == [None, None, None]


@test
async def a_value_that_somebody_can_still_get_stays() -> None:
    future, (tx, rx) = rw.Future(), rw.channel(2)
    node = Node()
    future.set_result(node)
    tx.send_nowait(node)
    node.held = (future, tx)
    del node
    gc.collect()
    assert (await rx.receive()) is (await future)


@test
async def tasks_have_their_names_in_reports() -> None:
    named, unnamed = rw.spawn(give(1, 2), name="named"), rw.spawn(give(1, 2))
    names = {task["name"] for task in rw.tasks()}
    assert {"named", unnamed.get_name()} <= names and "" not in names
    assert unnamed.get_name().startswith("Task-")
    await rw.gather(named, unnamed)


@test
async def in_debug_mode_a_task_knows_where_it_was_made() -> None:
    loop = asyncio.get_running_loop()
    assert rw.spawn(give(1))._source_traceback is None  # type: ignore[attr-defined]
    loop.set_debug(True)
    task: Any = rw.spawn(give(1))
    loop.set_debug(False)
    assert task._source_traceback[-1].name == "in_debug_mode_a_task_knows_where_it_was_made"
    assert "created at" in repr(task)
    await task


@test
async def a_native_task_never_starts_eagerly() -> None:
    loop: Any = asyncio.get_running_loop()
    coro = give(1)
    expect_raises(NotImplementedError, lambda: rw.spawn(coro, eager_start=True), match="eager")
    for spawn in (rw.spawn, loop.create_task):
        assert await spawn(coro, eager_start=False) == 1
        assert await spawn(give(2), eager_start=None) == 2
        coro = give(1)
    coro.close()
    expect_raises(TypeError, lambda: rw.spawn(give, nonsense=1), match="nonsense")


@test
async def the_loop_starts_a_task_eagerly_when_asked() -> None:
    loop: Any = asyncio.get_running_loop()
    seen: list[str] = []

    async def begin() -> str:
        seen.append("began")
        await rw.sleep(0.001)
        await asyncio.sleep(0.001)
        seen.append("ended")
        return "done"

    if sys.version_info < (3, 12):
        coro = begin()
        expect_raises(NotImplementedError, lambda: loop.create_task(coro, eager_start=True), match="eager")
        coro.close()
        return
    task = loop.create_task(begin(), name="eager", eager_start=True)
    assert (seen, task.get_name(), task.done()) == (["began"], "eager", False)
    assert await task == "done"
    assert await loop.create_task(give(3), eager_start=True) == 3
    assert await rw.spawn(give(4)) == 4  # the loop's own tasks are as they were
    loop.set_task_factory(asyncio.eager_task_factory)
    seen.clear()
    task = asyncio.create_task(begin())
    loop.set_task_factory(None)
    assert (seen, await task) == (["began", "ended"], "done")


@test
async def gather_gives_exceptions_when_asked() -> None:
    error = KeyError("x")

    async def raise_it() -> None:
        raise error

    cancelled = rw.spawn(give(1, 9))
    cancelled.cancel()
    results = await rw.gather(give(1), raise_it(), cancelled, give(2), return_exceptions=True)
    assert results[0] == 1 and results[1] is error and results[3] == 2
    assert isinstance(results[2], asyncio.CancelledError)
    assert await rw.gather(return_exceptions=True) == []
    assert await expect_raises_async(KeyError, rw.gather(raise_it(), return_exceptions=False)) is error
    expect_raises(TypeError, lambda: rw.gather(nonsense=1))


@test
async def a_gather_that_is_cancelled_is_cancelled() -> None:
    ended: list[str] = []

    async def wait(name: str) -> None:
        try:
            await rw.sleep(60)
        finally:
            ended.append(name)

    async def body() -> None:
        await rw.gather(wait("a"), wait("b"), return_exceptions=True)

    task = rw.spawn(body())
    await give(None, 3)
    task.cancel()
    await expect_raises_async(asyncio.CancelledError, task)
    assert sorted(ended) == ["a", "b"]
    with rw.move_on_after(0.001) as scope:
        await body()
    assert scope.cancelled_caught and sorted(ended) == ["a", "a", "b", "b"]


@test
async def cancelling_a_stock_task_cancels_its_operation() -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(lambda loop, coro, **kwargs: asyncio.Task(coro, loop=loop, **kwargs))
    before = rw.stats()
    try:
        tx, rx = rw.channel(1)

        async def body() -> Any:
            return await rx.receive()

        task = loop.create_task(body())
        assert type(task) is asyncio.Task
        await give(None, 3)
        task.cancel()
        await expect_raises_async(asyncio.CancelledError, task)
        await give(None, 3)
        assert rw.stats()["tasks_live"] == before["tasks_live"]
        await tx.send("x")
        assert rx.receive_nowait() == "x"
        async with tx.reserve() as permit:
            permit.send("y")
        assert await loop.create_task(body()) == "y"
    finally:
        loop.set_task_factory(None)


if __name__ == "__main__":
    main()
