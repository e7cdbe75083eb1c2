-- SPDX-License-Identifier: MIT
-- Values: what crosses, and as what.

local rw = require "ropewalk"
local t = require "t"

-- A shared channel copies: what comes out went through the portable form.
local function through(value)
  local tx, rx = rw.channel(1, { shared = true })
  tx:send(value)
  return rx:receive()
end

t.run("scalars come back as they were", function()
  local values = { true, false, 0, 1, -1, 1.5, -0.25, 2 ^ 53, 1e300, "", "text", "\0\1\255", ("x"):rep(1e5) }
  for _, v in ipairs(values) do
    t.equal(through(v), v)
  end
  local zero = 0.0
  t.equal(1 / through(-zero), -math.huge)
  local nan = through(0 / 0)
  t.check(nan ~= nan)
  t.equal(through(math.huge), math.huge)
end)

if math.type then
  t.run("integers and floats stay what they are", function()
    t.equal(math.type(through(3)), "integer")
    t.equal(math.type(through(3.0)), "float")
    t.equal(through(math.maxinteger), math.maxinteger)
    t.equal(through(math.mininteger), math.mininteger)
  end)
end

t.run("tables are copied as lists and maps", function()
  local got = through { 1, "two", { 3 }, { k = "v", n = { x = true } } }
  t.equal(#got, 4)
  t.equal(got[2], "two")
  t.equal(got[3][1], 3)
  t.equal(got[4].k, "v")
  t.equal(got[4].n.x, true)
end)

t.run("marks and null keep what a bare table cannot say", function()
  local got = through(rw.list { 1, rw.null, 3 })
  t.equal(got[1], 1)
  t.equal(got[2], rw.null)
  t.equal(got[3], 3)
  t.equal(#through(rw.list()), 0)
  t.equal(through(rw.map { a = 1 }).a, 1)
  t.equal(through(rw.map { [1] = "one" })[1], "one")
  t.raises("table expected", rw.list, 1)
  t.raises("metatable", rw.list, setmetatable({}, {}))
end)

t.run("bytes and text wrap a string", function()
  t.equal(through(rw.bytes "abc"), "abc")
  t.equal(through(rw.text "grün"), "grün")
  t.raises("UTF-8", rw.text, "\255")
  t.raises("string expected", rw.bytes, {})
end)

t.run("a cycle and too deep a table are refused", function()
  local cycle = {}
  cycle.self = cycle
  t.raises("nested too deeply", through, cycle)
  local deep = {}
  for _ = 1, 200 do deep = { deep } end
  t.raises("nested too deeply", through, deep)
  local fine = { 1 }
  for _ = 1, 90 do fine = { fine } end
  t.equal(type(through(fine)), "table")
end)

t.run("what has no copy is named", function()
  t.raises("function", through, print)
  t.raises("function", through, { a = { print } })
  t.raises("thread", through, coroutine.create(function() end))
end)

t.run("within one state everything keeps its identity", function()
  local tx, rx = rw.channel(1)
  for _, v in ipairs { print, {}, coroutine.create(function() end), tx, rw.future(), io.stdout } do
    tx:send(v)
    t.check(rx:receive() == v)
  end
end)

t.run("errors cross as errors", function()
  local tx, rx = rw.channel(1)
  local e = rw.error("bad thing", "limit")
  tx:send(e)
  local got = rx:receive()
  t.equal(got.message, "bad thing")
  t.equal(got.code, "limit")
  t.equal(rw.is_error(got), true)
  t.equal(got, e)
  t.equal(through(e).message, "bad thing")
end)

t.run("an error object tells message, code, origin and traceback", function()
  local e = rw.error("m", "closed")
  t.equal(tostring(e), "m")
  t.equal(e.origin, "lua")
  t.check(e.traceback:find("test_values", 1, true))
  t.equal(e.unknown, nil)
  t.equal(#e.others, 0)
  t.raises("no error code", rw.error, "m", "nonsense")
  t.equal(rw.is_error("m"), false)
  t.equal(rw.is_cancelled(e), false)
  t.equal(rw.is_cancelled(rw.CANCELLED), true)
end)

t.run("a raised error object is the same one where it arrives", function()
  local mine = rw.error("mine")
  local ok, got = rw.pcall(function() rw.spawn(function() error(mine) end):await() end)
  t.equal(ok, false)
  t.equal(got, mine)
end)

t.run("many values pass through one native without being kept", function()
  local tx, rx = rw.channel(1)
  local weak = setmetatable({}, { __mode = "v" })
  for i = 1, 100 do
    weak[i] = {}
    tx:send(weak[i])
    rx:receive()
  end
  collectgarbage()
  collectgarbage()
  local left = 0
  for _ in pairs(weak) do left = left + 1 end
  t.check(left < 3, left .. " tables were kept")
end)

t.finish()
