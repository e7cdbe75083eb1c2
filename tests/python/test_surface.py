# SPDX-License-Identifier: MIT
"""What the library says of itself: the same in Python, in Lua and in the headers, and the options of a loop."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ropewalk as rw
from ropewalk import _errors, surface, testing
from t import Skip, expect_raises, main, test

INCLUDE = Path(__file__).resolve().parents[2] / "include"


def rows(header: str, table: str) -> list[list[Any]]:
    """The rows of an X table, each as its words: names, numbers and texts."""
    text = (INCLUDE / "ropewalk" / header).read_text(encoding="utf-8")
    match = re.search(rf"#define {table}\(X\)(.*?[^\\])\n", text, re.DOTALL)
    assert match is not None
    body = re.sub(r"\s*\\\n\s*", " ", match[1])
    words = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"|(?P<number>-?\d+)|(?P<name>\w+)')
    found = []
    for row in re.findall(r'X\(((?:[^"()]|"[^"]*")*)\)', body):
        found.append([int(m["number"]) if m["number"] else m["name"] or m["text"] for m in words.finditer(row)])
    return found


LIMITS = {"INT64_MAX": 2**63 - 1, "UINT32_MAX": 2**32 - 1}


@test
def errors_are_those_of_the_header() -> None:
    table = {
        code: {"number": number, "name": name, "python": python, "text": text}
        for name, number, code, python, text in rows("err.h", "RW_ERRORS")
    }
    assert rw.errors() == table and list(rw.errors()) == list(table)
    for row in table.values():
        assert getattr(surface, row["name"].removeprefix("RW_")) == row["number"]


@test
def every_error_has_its_class_with_its_code() -> None:
    for code, row in rw.errors().items():
        found = getattr(_errors, row["python"])
        if issubclass(found, rw.Error) and code != "empty":  # which shares the class of "full"
            assert found.code == code, found


@test
def options_are_those_of_the_header() -> None:
    table = {
        name: {"default": default, "least": least, "most": most, "unit": unit, "text": text}
        for _, name, unit, default, least, most, text in rows("loop.h", "RW_LOOP_OPTIONS")
    }
    assert rw.options() == table and list(rw.options()) == list(table)
    for name, row in table.items():
        for bound in ("default", "least", "most"):
            assert getattr(surface, f"{bound.upper()}_{name.upper()}") == row[bound]


@test
def options_of_a_simulation_are_those_of_the_header() -> None:
    table = {
        name: {"default": default, "least": least, "most": LIMITS.get(most, most), "unit": unit, "text": text}
        for _, name, unit, default, least, most, text in rows("sim.h", "RW_SIM_OPTIONS")
    }
    assert testing.options() == table and list(testing.options()) == list(table)


@test
async def counters_are_those_of_the_header() -> None:
    table = dict(rows("loop.h", "RW_STATS"))
    assert rw.counters() == table and list(rw.counters()) == list(table)
    assert list(rw.stats()) == list(table)


@test
def the_version_is_there_in_numbers() -> None:
    numbers = (surface.VERSION_MAJOR, surface.VERSION_MINOR, surface.VERSION_PATCH)
    assert ".".join(map(str, numbers)) == rw.__version__


@test
async def lua_says_the_same() -> None:
    if rw.lua_version() is None:
        raise Skip("built without Lua")
    lua = rw.Lua()
    said = await lua.eval(
        "function() local rw = require 'ropewalk' return {rw.errors(), rw.options(), rw.counters()} end"
    )()
    assert said == [rw.errors(), rw.options(), rw.counters()]
    assert await lua.eval("function() return require('ropewalk.testing').options() end")() == testing.options()
    names = [name for name in dir(surface) if re.fullmatch(r"[A-Z]+(_[A-Z]+)*", name)]
    assert len(names) > len(rw.errors())
    constants = await lua.eval(
        "function(names) local surface, found = require 'ropewalk.surface', {}"
        " for i, name in ipairs(names) do found[i] = surface[name] end return found end"
    )(names)
    assert constants == [getattr(surface, name) for name in names]
    lua.close()


@test
def the_stub_names_every_constant() -> None:
    stub = (INCLUDE.parent / "python" / "ropewalk" / "surface.pyi").read_text(encoding="utf-8")
    declared = set(re.findall(r"^(\w+): int$", stub, re.MULTILINE))
    assert declared == {name for name in dir(surface) if isinstance(getattr(surface, name), int)}


# ---- the options of a loop ----------------------------------------------------------------------------------------


@test
def a_wrong_option_is_answered_with_what_is_allowed() -> None:
    expect_raises(
        TypeError,
        lambda: rw.new_event_loop(task_buget=1),
        match="there is no loop option 'task_buget': choose from task_budget, blocking_threads, blocking_queue",
    )
    expect_raises(
        ValueError,
        lambda: rw.new_event_loop(task_budget=0),
        match="loop option 'task_budget' is 0: 1 to 1000000 operations are allowed",
    )
    expect_raises(
        TypeError,
        lambda: rw.EventLoop(task_budget="many"),
        match="loop option 'task_budget' is a number of operations, not text",
    )
    expect_raises(ValueError, lambda: rw.new_event_loop(blocking_threads=10**30))


@test
def every_option_can_be_its_default_and_its_bounds() -> None:
    for name, row in rw.options().items():
        for value in (row["default"], row["least"], None):
            rw.new_event_loop(**{name: value}).close()
        for value in (row["least"] - 1, row["most"] + 1):
            expect_raises(ValueError, lambda: rw.new_event_loop(**{name: value}), match=name)


@test
def a_wrong_option_of_a_simulation_is_answered_with_what_is_allowed() -> None:
    def refused(kind: type[Exception], said: str, **options: Any) -> None:
        expect_raises(kind, testing.loop_factory(**options), match=said)

    refused(TypeError, "there is no simulation option 'latency'", latency=1)
    refused(
        ValueError, "simulation option 'short_io_ppm' is 1500000: 0 to 1000000 millionths are allowed", short_io=1.5
    )
    refused(TypeError, "simulation option 'shuffle' is a flag, not int", shuffle=1)
    refused(ValueError, "'latency_max_ns' is 1000000: less than latency_min_ns", latency_max=0.001, latency_min=1)
    testing.loop_factory(latency_min=1, seed=5, buffer_size=1, names={"there": "10.0.0.1"})().close()


async def budget_yields(count: int) -> int:
    tx, rx = rw.channel(count)
    for number in range(count):
        await tx.send(number)
        await rx.receive()
    return rw.stats()["budget_yields"]


@test
def an_option_of_run_reaches_the_loop() -> None:
    few, many = rw.run(budget_yields(100), task_budget=10), rw.run(budget_yields(100), task_budget=1000)
    assert few >= 10 and many == 0, (few, many)


async def outcome_of_a_third_job() -> Any:
    """While one job runs and one waits."""
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        over.wait()

    async def job(function: Callable[[], Any]) -> Any:
        return await rw.to_thread(function)

    async with rw.scope() as jobs:
        jobs.spawn(job(hold))
        while not begun.is_set():
            await rw.sleep(0.001)
        jobs.spawn(job(over.wait))
        await rw.yield_now()
        third = asyncio.gather(rw.spawn(job(int)), return_exceptions=True)
        await rw.sleep(0.001)
        over.set()
    return (await third)[0]


@test
def the_queue_of_blocking_jobs_is_as_long_as_asked_for() -> None:
    refused = rw.run(outcome_of_a_third_job(), blocking_queue=1, blocking_threads=1)
    assert isinstance(refused, rw.WouldBlock), refused
    assert rw.run(outcome_of_a_third_job()) == 0


@test
def a_coroutine_of_run_with_a_wrong_option_is_not_run() -> None:
    async def never() -> None:
        raise AssertionError("was run")

    coroutine = never()
    expect_raises(TypeError, lambda: rw.run(coroutine, no_such_option=1), match="no_such_option")
    coroutine.close()


# ---- other interpreters ------------------------------------------------------------------------------------------

IN_ANOTHER = """
import ropewalk as rw
async def main():
    await rw.sleep(0)
    return rw.stats()["tasks_spawned"]
assert rw.run(main(), task_budget=5) == 1
try:
    rw.errors()
except rw.UnsupportedError as error:
    assert str(error) == "ropewalk.errors() works in the main interpreter only", error
else:
    raise AssertionError("was not refused")
"""
RUNNER = """
import sys
source = sys.stdin.read()
{first}
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
other = interpreters.create({how})
failed = interpreters.{run}(other, source)
assert failed is None, failed
print("ran")
"""


def run_in_another(how: str, first: str) -> None:
    run = "exec" if sys.version_info >= (3, 13) else "run_string"
    done = subprocess.run(
        [sys.executable, "-c", RUNNER.format(how=how, first=first, run=run)],
        input=IN_ANOTHER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ran\n", done.stderr


@test
def another_interpreter_runs_programs_and_refuses_the_rest() -> None:
    run_in_another("", "")


@test
def it_does_so_beside_the_main_one() -> None:
    run_in_another("", "import ropewalk")


@test
def one_that_shares_the_lock_too() -> None:
    legacy = "'legacy'" if sys.version_info >= (3, 13) else "isolated=False"
    run_in_another(legacy, "import ropewalk")


if __name__ == "__main__":
    main()
