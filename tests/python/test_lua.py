# SPDX-License-Identifier: MIT
"""Python and Lua on one loop: calls, awaits, values, channels, errors, cancelling, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, nothing_is_left, test


def identity(lua: rw.Lua) -> Any:
    """The Lua function that gives back what it is given."""
    return lua.eval("function(x) return x end")


@test
async def python_awaits_a_lua_function() -> None:
    lua = rw.Lua()
    double = lua.eval('function(x) require("ropewalk").sleep(0.001) return 2 * x end')
    assert await double(21) == 42


@test
async def several_results_are_a_tuple() -> None:
    lua = rw.Lua()
    assert await lua.eval("function() return 1, nil, 'x' end")() == (1, None, "x")
    assert await lua.eval("function() return {1, 2} end")() == [1, 2]
    assert await lua.eval("function() end")() is None
    assert await rw.gather(lua.eval("function() return 1, 2 end")()) == [(1, 2)]
    task = await lua.eval('function() return (require("ropewalk").spawn(function() return 3, 4 end)) end')()
    assert await task == (3, 4)


@test
async def values_keep_their_types_there_and_back() -> None:
    echo = identity(rw.Lua())
    for value in (
        None,
        True,
        False,
        0,
        -1,
        2**63 - 1,
        -(2**63),
        0.5,
        -0.0,
        math.inf,
        "text",
        "ü€😀",
        "",
        [1, [2, "x"]],
    ):
        back = await echo(value)
        assert back == value and type(back) is type(value), (value, back)
    assert await echo(b"\xff\x00") == b"\xff\x00"
    assert await echo({"a": 1, "b": [True]}) == {"a": 1, "b": [True]}
    assert math.isnan(await echo(math.nan))


@test
async def a_python_object_keeps_its_identity() -> None:
    echo = identity(rw.Lua())
    thing = object()
    assert await echo(thing) is thing
    assert await echo(len) is len


@test
async def too_deep_and_cyclic_values_are_refused() -> None:
    echo = identity(rw.Lua())
    cycle: list[Any] = []
    cycle.append(cycle)
    assert await echo(cycle) is cycle  # it cannot be copied, so it passes as itself
    lua = rw.Lua()
    await expect_raises_async(rw.LimitError, lua.eval("function() local t = {} t.t = t return t end")())


@test
async def lua_awaits_a_python_coroutine() -> None:
    async def fetch(word: str) -> str:
        await asyncio.sleep(0.001)
        return word.upper()

    call = rw.Lua().eval('function(fetch) return require("ropewalk").await(fetch("hi")) end')
    assert await call(fetch) == "HI"


@test
async def lua_awaits_python_tasks_futures_and_asyncio_futures() -> None:
    await_it = rw.Lua().eval('function(x) return require("ropewalk").await(x) end')

    async def seven() -> int:
        return 7

    assert await await_it(rw.spawn(seven())) == 7
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.001, future.set_result, "done")
    assert await await_it(future) == "done"
    promise = rw.Future()
    promise.set_result(1)
    assert await await_it(promise) == 1


@test
async def lua_sees_python_modules_and_attributes() -> None:
    lua = rw.Lua()
    call = lua.execute(
        """
        local py = require "ropewalk.python"
        return function(thing)
          local math = py.import("math")
          thing.size = 3
          return math.sqrt(16.0), tostring(thing), thing.size, py.builtins.len({1, 2})
        end"""
    )

    class Thing:
        def __str__(self) -> str:
            return "a thing"

    assert list(await call(Thing())) == [4.0, "a thing", 3, 2]


@test
async def lua_reads_subscripts_and_misuse_is_an_error() -> None:
    call = rw.Lua().execute(
        """
        local py = require "ropewalk.python"
        return function(thing) return py.getitem(thing, "key"), (select(2, pcall(py.import, 5))) end"""
    )

    class Thing:
        def __getitem__(self, key: str) -> str:
            return key.upper()

    item, error = await call(Thing())
    assert item == "KEY" and isinstance(error, TypeError)


@test
async def a_lua_error_crosses_with_message_and_traceback() -> None:
    lua = rw.Lua()
    fails = lua.execute("local function deeper() error('boom') end return function() deeper() end", name="chunk")
    error = await expect_raises_async(rw.ScriptError, fails(), match="boom")
    assert "chunk:1" in str(error)
    assert isinstance(error, rw.ScriptError) and error.traceback is not None
    assert "deeper" in error.traceback


@test
async def a_python_exception_keeps_its_identity_through_lua() -> None:
    thrown = KeyError("k")

    def fail() -> None:
        raise thrown

    async def fail_later() -> None:
        await asyncio.sleep(0)
        raise thrown

    lua = rw.Lua()
    through = lua.eval("function(f) return f() end")
    assert await expect_raises_async(KeyError, through(fail)) is thrown
    awaited = lua.eval('function(f) return require("ropewalk").await(f()) end')
    assert await expect_raises_async(KeyError, awaited(fail_later)) is thrown


@test
async def lua_catches_a_python_exception_as_an_error_object() -> None:
    def fail() -> None:
        raise ValueError("no good")

    call = rw.Lua().eval("function(f) local ok, e = pcall(f) return ok, tostring(e) end")
    ok, text = await call(fail)
    assert ok is False and "no good" in text


@test
async def one_channel_carries_values_both_ways() -> None:
    lua = rw.Lua()
    tx, rx = rw.channel(2)
    send_all = lua.execute(
        """
        local rw = require "ropewalk"
        return function(tx)
          for _, v in ipairs({1, 2.5, "text", rw.list({1, 2}), rw.map({a = 1})}) do tx:send(v) end
          tx:send(rw.bytes("\\255"))
          tx:send(nil)
          tx:close()
        end"""
    )
    sending = rw.spawn(send_all(tx))
    assert [value async for value in rx] == [1, 2.5, "text", [1, 2], {"a": 1}, b"\xff", None]
    await sending

    tx, rx = rw.channel(1)
    collect = lua.eval(
        "function(rx) local t = {} for v in rx:iter() do t[#t + 1] = math.type(v) or type(v) end return t end"
    )
    collecting = rw.spawn(collect(rx))
    for value in (1, 1.5, "x", b"\xff", [1], {"a": 1}):
        await tx.send(value)
    tx.close()
    assert await collecting == ["integer", "float", "string", "string", "table", "table"]


@test
async def cancelling_python_cancels_the_lua_it_awaits() -> None:
    lua = rw.Lua()
    tx, rx = rw.channel(4)
    wait = lua.execute(
        """
        local rw = require "ropewalk"
        return function(tx)
          local ok, e = pcall(rw.sleep, 3600)
          tx:try_send(rw.is_cancelled(e))
          error(e, 0)
        end"""
    )
    task = rw.spawn(wait(tx))
    await rw.sleep(0.001)
    task.cancel()
    await expect_raises_async(rw.Cancelled, task)
    assert await rx.receive() is True


@test
async def cancelling_lua_cancels_the_python_it_awaits() -> None:
    seen: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    lua = rw.Lua()
    call = lua.execute(
        """
        local rw = require "ropewalk"
        return function(wait)
          local t = rw.spawn(function() rw.await(wait()) end)
          rw.sleep(0.001)
          t:cancel()
          local ok, e = pcall(t.await, t)
          return ok, rw.is_cancelled(e)
        end"""
    )
    assert list(await call(wait)) == [False, True]
    assert seen == ["cancelled"]


@test
async def a_python_deadline_holds_in_lua() -> None:
    wait = rw.Lua().eval('function() require("ropewalk").sleep(3600) end')
    with rw.move_on_after(0.01) as scope:
        await wait()
    assert scope.cancelled_caught
    try:
        with rw.fail_after(0.01):
            await wait()
    except TimeoutError:
        pass
    else:
        raise AssertionError("no TimeoutError")


@test
async def a_lua_deadline_holds_in_python() -> None:
    async def wait() -> None:
        await rw.sleep(3600)

    call = rw.Lua().eval(
        'function(w) local rw = require("ropewalk") return rw.timeout(0.01, function() rw.await(w()) end) end'
    )
    assert list(await call(wait))[:2] == [None, "timeout"]


@test
async def a_thousand_crossings_leave_nothing() -> None:
    lua = rw.Lua()

    async def inner(x: int) -> int:
        await rw.yield_now()
        return x + 1

    call = lua.eval('function(f, x) return require("ropewalk").await(f(x)) end')
    await call(inner, 0)
    await rw.yield_now()
    before = rw.stats()
    for i in range(1000):
        assert await call(inner, i) == i + 1
    lua.execute("collectgarbage() collectgarbage()")
    await nothing_is_left(before)


@test
async def two_states_live_on_one_loop() -> None:
    one, other = rw.Lua(), rw.Lua()
    one.execute("x = 1")
    other.execute("x = 2")
    assert (one["x"], other["x"]) == (1, 2)
    pass_on = other.eval("function(f) return f end")
    f = one.eval("function() return 5 end")
    assert await (await pass_on(f))() == 5


@test
async def globals_and_chunks() -> None:
    lua = rw.Lua()
    lua["name"] = "rope"
    assert lua.eval("name .. 'walk'") == "ropewalk"
    assert lua.execute("return 1, 2") == (1, 2)
    assert lua.execute("x = 1") is None
    assert lua.globals()["x"] == 1
    assert lua["missing"] is None
    expect_raises(SyntaxError, lua.execute, "return (", match="execute:1")
    expect_raises(rw.ScriptError, lua.execute, "error('now')", match="now")
    expect_raises(TypeError, lua.eval, 5)
    expect_raises(SyntaxError, lua.execute, "\x1bLua")


@test
async def awaiting_at_the_top_of_a_chunk_says_why_it_cannot() -> None:
    lua = rw.Lua()
    expect_raises(rw.ScriptError, lua.execute, 'require("ropewalk").sleep(1)', match="task")


@test
async def a_closed_state_answers_with_an_error() -> None:
    lua = rw.Lua()
    f = lua.eval("function() end")
    running = rw.spawn(lua.eval('function() require("ropewalk").sleep(3600) end')())
    await rw.sleep(0.001)
    lua.close()
    lua.close()
    expect_raises(rw.ClosedError, lua.eval, "1")
    expect_raises(rw.ClosedError, f)
    await expect_raises_async((rw.Cancelled, rw.Error), running)  # type: ignore[arg-type]


@test
async def wrong_arguments_are_refused() -> None:
    lua = rw.Lua()
    f = identity(lua)
    expect_raises(TypeError, lambda: f(x=1))
    expect_raises(TypeError, rw.Lua, 1)
    expect_raises(TypeError, lambda: lua.eval("5")())


@test
def a_state_needs_a_running_loop() -> None:
    expect_raises(RuntimeError, rw.Lua)


@test
def a_loop_may_end_with_lua_work_in_flight() -> None:
    async def leave() -> None:
        lua = rw.Lua()
        rw.spawn(lua.eval('function() require("ropewalk").sleep(3600) end')())
        await rw.sleep(0.001)

    rw.run(leave())


if __name__ == "__main__":
    main()
