-- SPDX-License-Identifier: MIT
-- The PostgreSQL client of examples/extension in Lua, with a server that tests/ext/postgres.py has started.

local rw = require "ropewalk"
local pg = require "pg"
local t = require "t"

local PATIENCE = 60
local SLEEPING = "select pid from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"
local SLEEPERS = "select count(*) from (" .. SLEEPING .. ") as sleeping"
local LOST = "57P01: terminating connection due to administrator command"

-- fn(...) with `count` connections, which are closed afterwards.
local function test(name, count, fn)
  t.plain(name, function()
    rw.run(function()
      local pool = {}
      for i = 1, count do
        pool[i] = assert(pg.connect("", PATIENCE))
      end
      fn(pool[1], pool[2], pool)
      for _, connection in ipairs(pool) do
        connection:close()
      end
    end)
  end)
end

local function rows(connection, sql, params)
  return assert(connection:query(sql, params)).rows
end

-- The one value of an answer.
local function ask(connection, sql, params)
  local answer = rows(connection, sql, params)
  t.equal(#answer, 1, "rows")
  return answer[1][1]
end

-- Asks again and again, until the answer is what is wanted.
local function wait_until(connection, sql, wanted)
  local stop = rw.now() + PATIENCE
  while ask(connection, sql) ~= wanted do
    t.check(rw.now() < stop, "it never came")
    rw.sleep(0.01)
  end
end

test("a result is a table", 1, function(c)
  assert(c:query("create temp table t(a int, b text)"))
  local result = assert(c:query("insert into t values (1, 'x'), (2, null) returning a, b as c"))
  t.equal(t.list(result.columns), "a c")
  t.equal(result.affected, 2)
  t.equal(result.command, "INSERT 0 2")
  t.equal(t.list(result.rows[1]), "1 x")
  t.equal(result.rows[2][2], rw.null)
  t.equal(#rows(c, "select 1 where false"), 0)
end)

test("each type is the one that Lua has for it", 1, function(c)
  local row = rows(c, "select 1::int2, 2, 1.5::real, 'nan'::float8, true, '\\x00ff'::bytea, 1.50::numeric")[1]
  t.equal(row[1], 1)
  t.equal(row[2], 2)
  t.equal(row[3], 1.5)
  t.check(row[4] ~= row[4])
  t.equal(row[5], true)
  t.equal(row[6], "\0\255")
  t.equal(row[7], "1.50")
  t.equal(tostring(ask(c, "select -9223372036854775808")), "-9223372036854775808")
end)

test("parameters go as what they are", 1, function(c)
  local values = { rw.null, true, -7, 2 ^ 40, 0.5, "it's", rw.bytes("\0\255") }
  local row = rows(c, "select $1::text, $2, $3, $4::float8, $5, $6::text, $7", values)[1]
  t.equal(row[1], rw.null)
  t.equal(row[2], true)
  t.equal(row[3], -7)
  t.equal(row[4], 2 ^ 40)
  t.equal(row[5], 0.5)
  t.equal(row[6], "it's")
  t.equal(row[7], "\0\255")
  t.equal(ask(c, "select 1", {}), 1)
  t.raises("parameter 1: PostgreSQL cannot be given a list", c.query, c, "select $1", { { 1 } })
  t.raises("the parameters are a map, not a list", c.query, c, "select $1", { name = 1 })
  t.raises("a string expected, got nil", c.query, c, nil)
end)

test("an error of the server is raised with its SQLSTATE", 1, function(c)
  local problem = t.raises('42P01: relation "nowhere" does not exist', c.query, c, "select * from nowhere")
  t.equal(problem.type, "pg.42P01")
  t.equal(ask(c, "select 1"), 1)
end)

test("a connection that cannot be made says why", 0, function()
  local connection, message, code = pg.connect("password=wrong")
  t.equal(connection, nil)
  t.check(message:find("password authentication failed", 1, true))
  t.equal(code, "broken")
  t.check(select(2, pg.connect("port=1")):find("Connection refused", 1, true))
  t.raises('missing "="', pg.connect, "nonsense")
  local silent = assert(rw.tcp.listen("127.0.0.1", 0))
  t.values(t.pack(pg.connect("port=" .. silent:port(), 0.1)), nil, "timeout", "timeout")
  silent:close()
end)

test("rows are a stream, read no faster than they are taken", 2, function(c, other)
  local stream = c:rows("select i, repeat('x', 4000) from generate_series(1, $1) as i", { 10000 })
  local total = 0
  while true do
    local row = stream:next()
    if not row then break end
    total = total + row[1]
    if row[1] == 10 then
      wait_until(other, "select count(*) from pg_stat_activity where wait_event = 'ClientWrite'", 1)
    end
  end
  t.equal(total, 10000 * 10001 / 2)
  t.equal(ask(c, "select 1"), 1)
end)

test("a stream that is left cancels its statement", 2, function(c, other)
  local stream = c:rows("select pg_sleep(3600)")
  t.values(t.pack(rw.timeout(0.05, stream.next, stream)), nil, "timeout", "timeout")
  stream:close()
  t.equal(ask(c, "select 1"), 1)
  t.equal(ask(other, SLEEPERS), 0)
end)

test("cancelling the task cancels the query on the server", 2, function(c, other)
  local task = rw.spawn(function() return c:query("select pg_sleep(3600)") end)
  wait_until(other, SLEEPERS, 1)
  task:cancel()
  local ok, problem = t.pcall(task.await, task)
  t.check(not ok and rw.is_cancelled(problem))
  t.equal(ask(c, "select 6"), 6)
  t.equal(ask(other, SLEEPERS), 0)
end)

test("notifications are a stream", 2, function(c, other)
  local stream = assert(c:listen("news"))
  local first = rw.spawn(function() return stream:next() end)
  local pid = ask(other, "select pg_backend_pid(), pg_notify('news', 'one')")
  local notification = first:await()
  t.equal(notification.channel, "news")
  t.equal(notification.payload, "one")
  t.equal(notification.pid, pid)
  assert(c:query("select pg_notify('news', 'two')"))
  t.equal(stream:next().payload, "two")
  stream:close()
  t.equal(ask(c, "select count(*) from pg_listening_channels()"), 0)
end)

test("a lost connection is an error for everybody", 2, function(c, other)
  local stream = assert(c:listen("news"))
  local tasks = {
    rw.spawn(function() return c:query("select pg_sleep(3600)") end),
    rw.spawn(function() return c:query("select 1") end),
  }
  local listening = rw.spawn(function() return stream:next() end)
  wait_until(other, SLEEPERS, 1)
  assert(other:query("select pg_terminate_backend(pid) from (" .. SLEEPING .. ") as sleeping"))
  for _, task in ipairs(tasks) do
    t.values(t.pack(task:await()), nil, LOST, "broken")
  end
  t.raises(LOST, listening.await, listening)
  t.values(t.pack(c:query("select 1")), nil, LOST, "broken")
  t.values(t.pack(c:listen("news")), nil, LOST, "broken")
end)

test("closing a connection ends who waits", 2, function(c, other)
  local task = rw.spawn(function() return c:query("select pg_sleep(3600)") end)
  wait_until(other, SLEEPERS, 1)
  c:close()
  t.values(t.pack(task:await()), nil, "the connection was closed", "closed")
  t.values(t.pack(c:query("select 1")), nil, "the connection was closed", "closed")
  wait_until(other, SLEEPERS, 0)
end)

test("fifty queries run at once", 5, function(_, _, pool)
  local tasks = {}
  for i = 1, 50 do
    tasks[i] = rw.spawn(function()
      return ask(pool[i % 5 + 1], "select $1 * 2 from pg_sleep(0.01)", { i })
    end)
  end
  for i, task in ipairs(tasks) do
    t.equal(task:await(), 2 * i)
  end
end)

t.finish()
