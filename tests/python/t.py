# SPDX-License-Identifier: MIT
"""The frame of the Python tests: a test is a function whose name is a sentence that is true when it passes.

Coroutine functions run on a fresh loop of Ropewalk's; after each test the loop is closed and must hold nothing.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

import ropewalk as rw

Test = Callable[[], Any]


class Skip(Exception):
    """Raised by a test that cannot run here; its text says why."""


def expect_raises(kind: type[BaseException], call: Callable[..., Any], *args: Any, match: str = "") -> BaseException:
    """Call and give the exception of the kind that it must raise, with `match` in its text."""
    try:
        call(*args)
    except kind as error:
        if match not in str(error):
            raise AssertionError(f"{match!r} is not in {error!r}") from error
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


async def expect_raises_async(kind: type[BaseException], awaitable: Any, match: str = "") -> BaseException:
    """Await and give the exception of the kind that this must raise, with `match` in its text."""
    try:
        await awaitable
    except kind as error:
        if match not in str(error):
            raise AssertionError(f"{match!r} is not in {error!r}") from error
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


async def nothing_is_left(before: dict[str, int], slack: int = 0) -> None:
    """Let a few turns pass, then compare what is live with an earlier rw.stats()."""
    for _ in range(5):
        gc.collect()
        await rw.yield_now()
    now = rw.stats()
    for key in ("objects_live", "futures_live", "tasks_live"):
        assert now[key] <= before[key] + slack, f"{key}: {before[key]} -> {now[key]}"


def run_one(test: Test) -> None:
    """Run a test, on a loop if it is a coroutine function."""
    if inspect.iscoroutinefunction(test):
        with asyncio.Runner(loop_factory=rw.new_event_loop) as runner:
            runner.run(test())
    else:
        test()


def main(module: types.ModuleType | None = None) -> None:
    """Run the tests of a module (its functions in the order of their lines) and exit."""
    module = module or sys.modules["__main__"]
    tests = [
        value for name, value in vars(module).items() if getattr(value, "is_test", False) and not name.startswith("_")
    ]
    counts = [0, 0, 0]
    for test in tests:
        if len(sys.argv) > 1 and sys.argv[1] not in test.__name__:
            continue
        try:
            run_one(test)
        except Skip as reason:
            counts[2] += 1
            print(f"skip {test.__name__} {reason}")
        except BaseException:
            counts[1] += 1
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
            print(f"not ok {test.__name__}")
        else:
            counts[0] += 1
            print(f"ok {test.__name__}")
        sys.stdout.flush()
    print(f"{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    sys.exit(1 if counts[1] else 0)


def test(function: Test) -> Test:
    """Mark a function as a test."""
    function.is_test = True  # type: ignore[attr-defined]
    return function
