# SPDX-License-Identifier: MIT
"""Scopes, timeouts and shields; and how they get along with asyncio's own cancelling."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import ropewalk as rw
from ropewalk import testing
from t import expect_raises, expect_raises_async, main, test


def virtual(function: Any) -> Any:
    """The test runs in virtual time."""

    def run() -> None:
        testing.run(function())

    run.__name__ = function.__name__
    return test(run)


async def fail_after_a_turn(error: BaseException) -> None:
    await rw.yield_now()
    raise error


@virtual
async def no_child_outlives_its_scope() -> None:
    ended = []

    async def child(seconds: float) -> None:
        await rw.sleep(seconds)
        ended.append(seconds)

    async with rw.scope() as scope:
        scope.spawn(child(2))
        task = scope.spawn(child(1), name="one")
        assert task.get_name() == "one" and scope.child_count == 2
    assert ended == [1, 2]


@virtual
async def the_first_error_cancels_the_siblings() -> None:
    cancelled = []

    async def sibling() -> None:
        try:
            await rw.sleep(100)
        except rw.CancelledError:
            cancelled.append(1)
            raise

    try:
        async with rw.scope() as scope:
            scope.spawn(sibling())
            scope.spawn(fail_after_a_turn(ValueError("v")))
            await rw.sleep(100)
    except BaseExceptionGroup as group:
        assert [repr(e) for e in group.exceptions] == ["ValueError('v')"]
    else:
        raise AssertionError("nothing was raised")
    assert cancelled == [1]


@virtual
async def all_errors_are_in_the_group() -> None:
    async def late() -> None:
        try:
            await rw.sleep(100)
        finally:
            raise KeyError("late")

    try:
        async with rw.scope() as scope:
            scope.spawn(late())
            await rw.yield_now()
            raise ValueError("body")
    except* ValueError as group:
        assert len(group.exceptions) == 1
    except* KeyError as group:
        assert len(group.exceptions) == 1


@virtual
async def a_lone_body_error_is_in_a_group_too() -> None:
    try:
        async with rw.scope():
            raise ValueError("alone")
    except ExceptionGroup as group:
        assert repr(group.exceptions[0]) == "ValueError('alone')"


@virtual
async def fail_after_raises_and_move_on_after_does_not() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with rw.move_on_after(2) as scope:
        await rw.sleep(100)
    assert scope.cancelled_caught and scope.cancel_called and loop.time() - start == 2
    try:
        with rw.fail_after(3):
            await asyncio.sleep(100)
    except TimeoutError as error:
        assert isinstance(error, rw.TimeoutError) and isinstance(error, asyncio.TimeoutError)
    else:
        raise AssertionError("no TimeoutError")
    assert loop.time() - start == 5
    with rw.fail_after(3) as scope:
        await rw.sleep(1)
    assert not scope.cancelled_caught
    async with rw.timeout(None):
        await rw.sleep(1)


@virtual
async def every_await_in_a_cancelled_scope_raises_again() -> None:
    count = 0
    with rw.move_on_after(1):
        for _ in range(5):
            try:
                await rw.sleep(100)
            except rw.CancelledError:
                count += 1
    assert count == 5
    count = 0
    with rw.move_on_after(1):
        for _ in range(3):
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                count += 1
    assert count == 3


@virtual
async def the_inner_of_two_deadlines_wins_when_it_is_first() -> None:
    with rw.move_on_after(5) as outer:
        with rw.move_on_after(1) as inner:
            await rw.sleep(100)
        await rw.sleep(1)
    assert inner.cancelled_caught and not outer.cancelled_caught
    with rw.move_on_after(1) as outer:
        with rw.move_on_after(5) as inner:
            await rw.sleep(100)
    assert outer.cancelled_caught and not inner.cancelled_caught


@virtual
async def a_shield_keeps_cancelling_out() -> None:
    done = []
    with rw.move_on_after(1) as scope:
        with rw.shield():
            await rw.sleep(3)
            done.append(1)
        await rw.sleep(1)
        done.append(2)
    assert done == [1] and scope.cancelled_caught
    with rw.move_on_after(1):
        with rw.shield(2) as shield:
            await rw.sleep(10)
    assert shield.cancelled_caught


@virtual
async def cancel_may_come_from_outside_and_be_called_early() -> None:
    scope = rw.move_on_after(None)
    asyncio.get_running_loop().call_later(1, scope.cancel)
    with scope:
        await rw.sleep(100)
    assert scope.cancelled_caught
    scope = rw.scope()
    scope.cancel()
    async with scope:
        await rw.sleep(100)
    assert scope.cancelled_caught


@virtual
async def the_deadline_can_be_moved() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    with rw.move_on_after(1) as scope:
        assert abs(scope.deadline - (start + 1)) < 1e-6
        scope.deadline = start + 4
        await rw.sleep(100)
    assert loop.time() - start == 4


@virtual
async def task_cancel_goes_through_scopes() -> None:
    async def body() -> None:
        with rw.move_on_after(50):
            async with rw.scope() as scope:
                scope.spawn(rw_sleep(100))
                await rw.sleep(100)
        raise AssertionError("the cancel was swallowed")

    task = rw.spawn(body())
    await rw.sleep(1)
    task.cancel("by hand")
    await expect_raises_async(rw.CancelledError, task)


async def rw_sleep(seconds: float) -> None:
    await rw.sleep(seconds)


@virtual
async def task_cancel_while_children_are_waited_for() -> None:
    async def body() -> None:
        async with rw.scope() as scope:
            scope.spawn(rw_sleep(100))
        raise AssertionError("the cancel was swallowed")

    task = rw.spawn(body())
    await rw.sleep(1)
    task.cancel("late")
    error = await expect_raises_async(rw.CancelledError, task)
    assert error.args == ("late",)


@virtual
async def asyncio_timeout_and_task_group_work_inside() -> None:
    async with rw.scope() as scope:
        scope.spawn(rw_sleep(1))
        try:
            async with asyncio.timeout(0.5):
                await rw.sleep(10)
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            group.create_task(rw_sleep(2))
            group.create_task(asyncio.sleep(1))


@virtual
async def a_timeout_around_a_task_group_waits_for_its_cleanup() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    cleaned = []

    async def slow_to_clean() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            with rw.shield():
                await asyncio.sleep(1)
                cleaned.append(1)

    with rw.move_on_after(1) as scope:
        async with asyncio.TaskGroup() as group:
            group.create_task(slow_to_clean())
    assert scope.cancelled_caught and cleaned == [1]
    assert 2 <= loop.time() - start < 3.5


@test
async def a_cancelled_scope_around_a_task_group_costs_no_cpu() -> None:
    async def slow_to_clean() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.3)

    polls = rw.stats()["polls"]
    with rw.move_on_after(0.01):
        async with asyncio.TaskGroup() as group:
            group.create_task(slow_to_clean())
    assert rw.stats()["polls"] - polls < 200


@virtual
async def wait_for_inside_a_cancelled_scope_ends() -> None:
    with rw.move_on_after(1) as scope:
        await asyncio.wait_for(asyncio.sleep(100), 50)
    assert scope.cancelled_caught


@virtual
async def misuse_is_told() -> None:
    scope = rw.scope()
    coro = rw_sleep(1)
    expect_raises(rw.StateError, scope.spawn, coro)
    async with scope:
        pass
    expect_raises(rw.StateError, scope.spawn, coro)
    with rw.move_on_after(1) as plain:
        expect_raises(rw.StateError, plain.spawn, coro)
    coro.close()
    try:
        async with scope:
            raise AssertionError("entered twice")
    except rw.StateError:
        pass
    expect_raises(TypeError, rw.fail_after, "x")
    expect_raises(ValueError, rw.fail_after, float("nan"))


@virtual
async def a_child_spawned_into_a_cancelled_scope_never_runs() -> None:
    ran = []

    async def child() -> None:
        ran.append(1)

    async with rw.scope() as scope:
        scope.cancel()
        task = scope.spawn(child())
    assert not ran and task.cancelled()


@test
async def an_exit_passes_through_a_scope() -> None:
    async def quits() -> None:
        raise SystemExit(3)

    def program() -> None:
        async def body() -> None:
            async with rw.scope() as scope:
                scope.spawn(quits())
                await rw.sleep(10)

        rw.run(body())

    error = await asyncio.to_thread(expect_raises, SystemExit, program)
    assert error.code == 3  # type: ignore[attr-defined]


@test
def a_timeout_takes_no_real_time_in_simulation() -> None:
    async def body() -> None:
        with rw.move_on_after(100_000):
            await rw.Future()

    start = time.monotonic()
    testing.run(body())
    assert time.monotonic() - start < 30


if __name__ == "__main__":
    main()
