# SPDX-License-Identifier: MIT
"""The loop's own life: closing, threads, fork, the end of the interpreter; misuse of each has a clear answer."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import subprocess
import sys
import threading
import warnings
import weakref
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, test


def run_script(script: str) -> tuple[int, str, str]:
    """A program of its own: exit status, output, errors."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@test
def a_closed_loop_says_so() -> None:
    loop = rw.new_event_loop()
    loop.close()
    loop.close()
    assert loop.is_closed()
    for call in (loop.call_soon, loop.call_soon_threadsafe):
        expect_raises(RuntimeError, call, print, match="closed")
    expect_raises(RuntimeError, loop.call_later, 1, print, match="closed")
    expect_raises(RuntimeError, loop.run_forever, match="closed")
    coro = asyncio.sleep(0)
    expect_raises(RuntimeError, loop.create_task, coro, match="closed")
    coro.close()


@test
async def a_running_loop_cannot_be_closed_or_run() -> None:
    loop = asyncio.get_running_loop()
    expect_raises(RuntimeError, loop.close, match="running")
    expect_raises(RuntimeError, loop.run_forever, match="running")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expect_raises(RuntimeError, lambda: rw.run(None), match="running")  # type: ignore[arg-type]


@test
def what_a_closed_loop_made_is_closed() -> None:
    kept: list[Any] = []

    async def body() -> None:
        tx, rx = rw.channel(3)
        tx.send_nowait(object())
        a, b = rw.socket_pair()
        kept.extend(
            [tx, rx, a, b, rw.Future(), rw.stream([1]), rw.broadcast(1), rw.Semaphore(), rx.receive(), rw.sleep(1)]
        )

    rw.run(body())
    tx, rx, a = kept[:3]
    expect_raises(rw.ClosedError, tx.send, 1)
    expect_raises(rw.ClosedError, rx.receive)
    expect_raises(rw.ClosedError, a.receive)
    tx.close()
    assert tx.closed and a.closed and a.fileno() == -1
    assert len(tx) == 0
    kept.clear()
    gc.collect()


@test
def tasks_left_in_a_closed_loop_are_dropped() -> None:
    loop = rw.new_event_loop()
    closed = []

    async def body() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            closed.append(1)

    async def start() -> None:
        rw.spawn(body()).detach()
        await rw.yield_now()

    loop.run_until_complete(start())
    loop.close()
    gc.collect()
    assert closed == [1]


@test
async def another_thread_is_told_to_use_a_handle() -> None:
    loop = asyncio.get_running_loop()
    tx, _ = rw.channel(1)
    errors: list[BaseException] = []

    def misuse() -> None:
        for call in (lambda: loop.call_soon(print), lambda: tx.send_nowait(1), lambda: loop.create_task(None)):
            try:
                call()
            except Exception as error:
                errors.append(error)

    thread = threading.Thread(target=misuse)
    thread.start()
    thread.join()
    assert [type(error) for error in errors] == [rw.ThreadError] * 3, errors


@test
async def a_handle_reaches_the_loop_from_other_threads() -> None:
    handle = rw.handle()
    got: list[Any] = []

    async def add(a: int, b: int) -> int:
        await rw.yield_now()
        return a + b

    async def fail() -> None:
        raise KeyError("k")

    def work() -> None:
        handle.post(got.append, "posted")
        got.append(handle.run(add(1, 2)))
        got.append(handle.spawn(add(3, 4)).result(5))
        try:
            handle.run(fail())
        except KeyError:
            got.append("failed")
        handle.wake()

    await rw.to_thread(work)
    assert got == ["posted", 3, 7, "failed"]


@test
def a_handle_of_a_closed_loop_says_so() -> None:
    async def body() -> rw.LoopHandle:
        return rw.handle()

    handle = rw.run(body())
    expect_raises(rw.ClosedError, handle.post, print)
    expect_raises(rw.ClosedError, lambda: handle.run(asyncio.sleep(0)))


@test
def a_loop_may_run_in_any_thread() -> None:
    loop = rw.new_event_loop()
    loop.call_soon(lambda: None)
    results: list[int] = []

    async def body() -> int:
        await asyncio.sleep(0.001)
        return threading.get_ident()

    thread = threading.Thread(target=lambda: results.append(loop.run_until_complete(body())))
    thread.start()
    thread.join()
    results.append(loop.run_until_complete(body()))
    assert results[0] != results[1] == threading.get_ident()
    loop.close()


@test
def two_loops_in_two_threads_do_not_meet() -> None:
    async def body(seed: int) -> list[int]:
        tx, rx = rw.channel(2)

        async def produce() -> None:
            for i in range(300):
                await tx.send(seed + i)
            tx.close()

        rw.spawn(produce())
        return [value async for value in rx]

    results: dict[int, list[int]] = {}
    threads = [threading.Thread(target=lambda n=n: results.__setitem__(n, rw.run(body(n * 1000)))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[n] == list(range(n * 1000, n * 1000 + 300)) for n in range(4))


@test
def an_operation_of_another_loop_is_refused() -> None:
    kept: list[Any] = []

    async def first() -> None:
        kept.append(rw.channel(1))

    async def second() -> None:
        await expect_raises_async(RuntimeError, use())

    async def use() -> None:
        await kept[0][1].receive()

    loop = rw.new_event_loop()
    loop.run_until_complete(first())
    rw.run(second())
    loop.close()


@test
def an_unclosed_loop_is_collected() -> None:
    loop = rw.new_event_loop()
    gone = weakref.ref(loop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del loop
        gc.collect()
    assert gone() is None


@test
def the_interpreter_ends_with_work_in_flight() -> None:
    status, out, errors = run_script(
        """
import asyncio, sys, ropewalk as rw
loop = rw.new_event_loop()
async def forever():
    await rw.sleep(1000)
async def main():
    for _ in range(10):
        rw.spawn(forever()).detach()
    global kept
    kept = [rw.channel(3), rw.listen_tcp(), rw.socket_pair(), rw.interval(1), asyncio.create_task(asyncio.sleep(1000))]
    rw.spawn(rw_receive(kept[0][1])).detach()
    await rw.yield_now()
async def rw_receive(rx):
    await rx.receive()
loop.run_until_complete(main())
print("ended")
"""
    )
    assert (status, out) == (0, "ended\n"), (status, out, errors)


@test
def sys_exit_in_a_task_ends_the_program() -> None:
    status, out, errors = run_script(
        """
import sys, ropewalk as rw
async def main():
    async def leave():
        sys.exit(7)
    rw.spawn(leave())
    try:
        await rw.sleep(10)
    finally:
        print("cleaned")
rw.run(main())
"""
    )
    assert (status, out) == (7, "cleaned\n"), (status, out, errors)


@test
def a_forked_child_can_go_on_without_the_parents_loop() -> None:
    status, out, errors = run_script(
        """
import asyncio, os, sys, warnings, ropewalk as rw
warnings.simplefilter("ignore")
async def main():
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            asyncio.events._set_running_loop(None)
            try:
                loop.call_soon(print)
            except RuntimeError as error:
                assert "fork" in str(error), error
            async def inner():
                await rw.sleep(0.001)
                return "child"
            assert rw.run(inner()) == "child"
            os._exit(0)
        except BaseException:
            import traceback; traceback.print_exc()
            os._exit(1)
    _, status = os.waitpid(child, 0)
    await rw.sleep(0.001)
    print("parent", os.waitstatus_to_exitcode(status))
loop = rw.new_event_loop()
loop.run_until_complete(main())
loop.close()
"""
    )
    assert (status, out) == (0, "parent 0\n"), (status, out, errors)


@test
async def stats_tasks_and_dump_tell_what_is_there() -> None:
    async def named() -> None:
        await rw.sleep(10)

    task = rw.spawn(named(), name="waiter")
    await rw.yield_now()
    assert rw.stats()["tasks_live"] == 2 and len(rw.tasks()) == 2
    out = io.StringIO()
    rw.dump(out)
    assert "tasks_live 2" in out.getvalue() and "named" in out.getvalue()
    task.cancel()


@test
def headers_are_where_get_include_says() -> None:
    assert os.path.isabs(rw.get_include())


@test
def the_version_is_the_librarys() -> None:
    assert rw.__version__.count(".") == 2


if __name__ == "__main__":
    main()
