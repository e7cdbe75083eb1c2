# SPDX-License-Identifier: MIT
"""The PostgreSQL client of examples/extension in Python, and in Python and Lua at once, against a server that
tests/ext/postgres.py has started."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pg
import ropewalk as rw
from t import Skip, expect_raises, expect_raises_async, main, nothing_is_left, test

PATIENCE = 60.0
SLEEPING = "select pid from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"
SLEEPERS = f"select count(*) from ({SLEEPING}) as sleeping"
LOST = "57P01: terminating connection due to administrator command"


@asynccontextmanager
async def connections(count: int) -> AsyncIterator[list[Any]]:
    """Connections that are closed afterwards."""
    opened = [await pg.connect("", PATIENCE) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            connection.close()


async def rows(connection: Any, sql: str, params: list[Any] | None = None) -> list[list[Any]]:
    """The rows of one statement."""
    return (await connection.query(sql, params))["rows"]


async def until(connection: Any, sql: str, wanted: Any) -> None:
    """Ask again and again, until the one value of the answer is what is wanted."""
    with rw.fail_after(PATIENCE):
        while await rows(connection, sql) != [[wanted]]:
            await rw.sleep(0.01)


@test
async def a_result_is_a_dict() -> None:
    async with connections(1) as [c]:
        await c.query("create temp table t(a int, b text)")
        assert await c.query("insert into t values (1, 'x') returning a, b as c") == {
            "columns": ["a", "c"],
            "rows": [[1, "x"]],
            "affected": 1,
            "command": "INSERT 0 1",
        }


@test
async def each_type_is_the_one_that_python_has_for_it() -> None:
    async with connections(1) as [c]:
        [row] = await rows(c, "select 1::int2, 2, -9223372036854775808, 1.5::real, 'nan'::float8, true, null")
        assert math.isnan(row.pop(4))
        assert row == [1, 2, -(2**63), 1.5, True, None]
        [row] = await rows(c, "select 'ä', '\\x00ff'::bytea, 1.50::numeric, '2026-01-02'::date")
        assert row == ["ä", b"\0\xff", "1.50", "2026-01-02"]


@test
async def parameters_go_as_what_they_are() -> None:
    async with connections(1) as [c]:
        values = [None, True, -7, 2**40, 0.1, "it's", b"\0\xff"]
        [row] = await rows(c, "select $1::text, $2, $3, $4, $5, $6::text, $7", values)
        assert row == values
        await expect_raises_async(TypeError, c.query("select $1", [[1]]), match="parameter 1")
        await expect_raises_async(ValueError, c.query("select $1, $2", ["", "a\0"]), match="parameter 2")
        expect_raises(TypeError, c.query, "select $1", [object()])
        expect_raises((TypeError, ValueError), c.query, None)  # type: ignore[arg-type]


@test
async def an_error_of_the_server_has_its_sqlstate() -> None:
    async with connections(1) as [c]:
        error = await expect_raises_async(rw.ScriptError, c.query("select * from nowhere"), match="42P01: relation")
        assert error.type == "pg.42P01"  # type: ignore[attr-defined]
        assert await rows(c, "select 1") == [[1]]


@test
async def a_connection_that_cannot_be_made_says_why() -> None:
    await expect_raises_async(rw.BrokenError, pg.connect("password=wrong"), match="password authentication failed")
    await expect_raises_async(rw.BrokenError, pg.connect("port=1"), match="Connection refused")
    await expect_raises_async(ValueError, pg.connect("nonsense"), match='missing "="')
    with rw.listen_tcp("127.0.0.1", 0) as silent:
        await expect_raises_async(TimeoutError, pg.connect(f"port={silent.port}", 0.1))


@test
async def rows_are_a_stream() -> None:
    async with connections(2) as [c, other]:
        total = 0
        async for [number, _] in c.rows("select i, repeat('x', 4000) from generate_series(1, $1) as i", [10000]):
            total += number
            if number == 10:
                await until(other, "select count(*) from pg_stat_activity where wait_event = 'ClientWrite'", 1)
        assert total == 10000 * 10001 // 2
        assert await rows(c, "select 1") == [[1]]


@test
async def a_stream_that_is_left_cancels_its_statement() -> None:
    async with connections(2) as [c, other]:
        stream = c.rows("select pg_sleep(3600)")
        with rw.move_on_after(0.05):
            await anext(stream)
        stream.close()
        assert await rows(c, "select 1") == [[1]]
        assert await rows(other, SLEEPERS) == [[0]]


@test
async def cancelling_the_task_cancels_the_query_on_the_server() -> None:
    async with connections(2) as [c, other]:
        task = rw.spawn(c.query("select pg_sleep(3600)"))
        await until(other, SLEEPERS, 1)
        task.cancel()
        await expect_raises_async(rw.CancelledError, task)
        assert await rows(c, "select 6") == [[6]]
        assert await rows(other, SLEEPERS) == [[0]]


@test
async def a_deadline_cancels_the_query_on_the_server() -> None:
    async with connections(2) as [c, other]:
        with expect_timeout(), rw.fail_after(0.05):
            await c.query("select pg_sleep(3600)")
        assert await rows(c, "select 6") == [[6]]
        assert await rows(other, SLEEPERS) == [[0]]


class expect_timeout:
    """The block must end with TimeoutError."""

    def __enter__(self) -> None:
        self.begin = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        assert kind is not None
        assert issubclass(kind, TimeoutError)
        return True


@test
async def notifications_are_a_stream() -> None:
    async with connections(2) as [c, other]:
        stream = await c.listen("news")
        first = rw.spawn(anext(stream))
        pid = (await rows(other, "select pg_backend_pid(), pg_notify('news', 'one')"))[0][0]
        assert await first == {"channel": "news", "payload": "one", "pid": pid}
        await c.query("select pg_notify('news', 'two')")
        assert (await anext(stream))["payload"] == "two"
        stream.close()
        assert await rows(c, "select count(*) from pg_listening_channels()") == [[0]]


@test
async def a_lost_connection_is_an_error_for_everybody() -> None:
    async with connections(2) as [c, other]:
        stream = await c.listen("news")
        tasks = [rw.spawn(c.query(sql)) for sql in ("select pg_sleep(3600)", "select 1")] + [rw.spawn(anext(stream))]
        await until(other, SLEEPERS, 1)
        await other.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(3600)'"
        )
        for task in tasks:
            await expect_raises_async(rw.BrokenError, task, match=LOST)
        await expect_raises_async(rw.BrokenError, c.query("select 1"), match=LOST)
        await expect_raises_async(rw.BrokenError, c.listen("news"), match=LOST)


@test
async def closing_a_connection_ends_who_waits() -> None:
    async with connections(2) as [c, other]:
        task = rw.spawn(c.query("select pg_sleep(3600)"))
        await until(other, SLEEPERS, 1)
        c.close()
        await expect_raises_async(rw.ClosedError, task, match="the connection was closed")
        await expect_raises_async(rw.ClosedError, c.query("select 1"), match="the connection was closed")
        await until(other, SLEEPERS, 0)


@test
async def a_connection_goes_with_its_last_reference() -> None:
    async with connections(1) as [other]:
        before = rw.stats()
        c = await pg.connect()
        [[pid]] = await rows(c, "select pg_backend_pid()")
        assert await rows(other, "select count(*) from pg_stat_activity where pid = $1", [pid]) == [[1]]
        del c
        await until(other, f"select count(*) from pg_stat_activity where pid = {pid}", 0)
        await nothing_is_left(before)


async def fifty(pool: list[Any]) -> list[Any]:
    """50 queries at once over the connections of a pool."""

    async def one(number: int) -> Any:
        [[answer]] = await rows(pool[number % len(pool)], "select $1 * 2 from pg_sleep(0.01)", [number])
        return answer

    return await rw.gather(*(one(number) for number in range(50)))


@test
async def fifty_queries_run_at_once() -> None:
    async with connections(5) as pool:
        assert await fifty(pool) == [2 * number for number in range(50)]


LUA_FIFTY = """
local rw = require "ropewalk"
local pg = require "pg"

return function(count)
  local pool = {}
  for i = 1, count do
    pool[i] = assert(pg.connect())
  end
  local tasks = {}
  for i = 1, 50 do
    tasks[i] = rw.spawn(function()
      return assert(pool[i % count + 1]:query("select $1 * 2 from pg_sleep(0.01)", {i})).rows[1][1]
    end)
  end
  local answers = {}
  for i, task in ipairs(tasks) do
    answers[i] = task:await()
  end
  for _, connection in ipairs(pool) do
    connection:close()
  end
  return answers
end
"""


def lua_with_pg() -> Any:
    """A Lua state that finds the module that was built for it."""
    try:
        lua = rw.Lua()
    except rw.UnsupportedError as why:
        raise Skip(str(why)) from None
    abi = lua.execute('return jit and "luajit" or _VERSION:match("%d%.%d")')
    pattern = Path(pg.__file__).parent.parent / f"lua-{abi}" / "?.so"
    lua.execute(f'package.cpath = "{pattern};" .. package.cpath')
    return lua


@test
async def fifty_queries_run_at_once_from_both_languages_on_one_loop() -> None:
    lua = lua_with_pg()
    in_lua = lua.execute(LUA_FIFTY)
    async with connections(5) as pool:
        here, there = await rw.gather(fifty(pool), in_lua(5))
    assert here == [2 * number for number in range(50)]
    assert there == [2 * number for number in range(1, 51)]


@test
async def a_module_stays_loaded_when_its_state_is_gone() -> None:
    lua = lua_with_pg()
    path = lua.execute('require "pg" return package.searchpath("pg", package.cpath)')
    del lua
    gc.collect()
    await rw.yield_now()
    assert path in Path("/proc/self/maps").read_text(encoding="utf-8")


@test
async def cancelling_in_python_cancels_a_query_in_lua() -> None:
    lua = lua_with_pg()
    sleep = lua.execute(
        'local pg = require "pg" return function() return pg.connect():query("select pg_sleep(3600)") end'
    )
    async with connections(1) as [other]:
        task = rw.spawn(sleep())
        await until(other, SLEEPERS, 1)
        task.cancel()
        await expect_raises_async(rw.CancelledError, task)
        await until(other, SLEEPERS, 0)


if __name__ == "__main__":
    main()
