# SPDX-License-Identifier: MIT
"""Functions on threads, and what tasks share: semaphores, locks, events and their kin."""

from __future__ import annotations

import contextvars
import threading
from typing import Any

import ropewalk as rw
from ropewalk import testing
from t import expect_raises, expect_raises_async, main, test


@test
async def to_thread_gives_the_very_result() -> None:
    thing = object()
    assert await rw.to_thread(lambda: thing) is thing
    assert await rw.to_thread(threading.get_ident) != threading.get_ident()
    assert await rw.to_thread(int, "ff", base=16) == 255
    await expect_raises_async(ZeroDivisionError, rw.to_thread(lambda: 1 // 0))
    expect_raises(TypeError, rw.to_thread, 5)
    expect_raises(TypeError, rw.to_thread)


@test
async def to_thread_keeps_the_context() -> None:
    var: contextvars.ContextVar[int] = contextvars.ContextVar("var")
    var.set(3)
    assert await rw.to_thread(var.get) == 3


@test
async def a_pool_has_a_size_and_a_limit() -> None:
    pool = rw.Pool("small", 1, 1)
    gate = threading.Event()
    first = rw.spawn(run(pool, gate.wait))
    while rw.stats()["blocking_live"] == 0:
        await rw.yield_now()
    await rw.sleep(0.01)
    second = rw.spawn(run(pool, lambda: 2))
    await rw.yield_now()
    await expect_raises_async(rw.WouldBlock, run(pool, lambda: 3))
    gate.set()
    assert await first is True and await second == 2
    assert await rw.to_thread(lambda: 4, pool=pool) == 4
    pool.close()
    pool.close()
    expect_raises(rw.ClosedError, lambda: rw.to_thread(lambda: 5, pool=pool))
    expect_raises(TypeError, lambda: rw.to_thread(lambda: 5, pool="x"))  # type: ignore[arg-type]
    expect_raises(ValueError, rw.Pool, "p", 0)


async def run(pool: rw.Pool, function: Any) -> Any:
    return await pool.run(function)


@test
async def a_cancelled_job_is_not_waited_for() -> None:
    gate = threading.Event()
    with rw.move_on_after(0.01) as scope:
        await rw.to_thread(gate.wait)
    assert scope.cancelled_caught
    gate.set()


@test
def in_simulation_jobs_run_at_once() -> None:
    async def body() -> int:
        return await rw.to_thread(lambda: 6)

    assert testing.run(body()) == 6


@test
async def a_semaphore_is_fair() -> None:
    semaphore = rw.Semaphore(1)
    order: list[int] = []

    async def use(number: int) -> None:
        async with semaphore:
            order.append(number)
            await rw.yield_now()

    async with rw.scope() as scope:
        for i in range(5):
            scope.spawn(use(i))
    assert order == [0, 1, 2, 3, 4] and semaphore.value == 1
    await semaphore.acquire()
    expect_raises(rw.WouldBlock, semaphore.acquire_nowait)
    semaphore.close()
    await expect_raises_async(rw.ClosedError, semaphore.acquire())
    expect_raises(ValueError, rw.Semaphore, -1)


@test
async def a_lock_belongs_to_its_task() -> None:
    lock = rw.Lock()
    async with lock:
        assert lock.locked()
        await expect_raises_async(rw.StateError, lock.acquire())
    expect_raises(rw.StateError, lock.release)
    lock.acquire_nowait()
    expect_raises(rw.WouldBlock, lock.acquire_nowait)
    lock.release()


@test
async def an_event_wakes_all() -> None:
    event = rw.Event()
    waiting = [rw.spawn(event.wait()) for _ in range(3)]
    await rw.yield_now()
    event.set()
    await rw.gather(*waiting)
    await event.wait()
    event.clear()
    assert not event.is_set()


@test
async def a_condition_waits_under_its_lock() -> None:
    condition = rw.Condition()
    items: list[int] = []

    async def consume() -> int:
        async with condition:
            await condition.wait_for(lambda: bool(items))
            return items.pop()

    tasks = [rw.spawn(consume()) for _ in range(2)]
    await rw.yield_now()
    async with condition:
        items.extend([1, 2])
        condition.notify_all()
    assert sorted(await rw.gather(*tasks)) == [1, 2]
    expect_raises(rw.StateError, condition.notify)


@test
async def readers_share_and_writers_do_not() -> None:
    lock = rw.RWLock()
    inside: list[str] = []

    async def read() -> None:
        async with lock.read():
            inside.append("r")
            await rw.sleep(0.001)
            assert "w" not in inside
            inside.remove("r")

    async def write() -> None:
        async with lock.write():
            assert not inside
            inside.append("w")
            await rw.yield_now()
            inside.remove("w")

    await rw.gather(read(), read(), write(), read())


@test
async def a_barrier_lets_all_through_together() -> None:
    barrier = rw.Barrier(3)
    assert sorted(await rw.gather(barrier.wait(), barrier.wait(), barrier.wait())) == [0, 1, 2]
    expect_raises(ValueError, rw.Barrier, 0)


@test
async def once_runs_once() -> None:
    calls: list[int] = []

    async def compute() -> str:
        calls.append(1)
        await rw.yield_now()
        return "value"

    once = rw.Once(compute)
    assert await rw.gather(once.get(), once.get()) == ["value", "value"] and calls == [1]


@test
async def a_join_set_gives_tasks_as_they_end() -> None:
    async def wait(turns: int) -> int:
        for _ in range(turns):
            await rw.yield_now()
        return turns

    joined: rw.JoinSet[int] = rw.JoinSet()
    for turns in (5, 1, 3):
        joined.spawn(wait(turns))
    assert [task.result() async for task in joined] == [1, 3, 5]
    await expect_raises_async(rw.WouldBlock, joined.next())


if __name__ == "__main__":
    main()
