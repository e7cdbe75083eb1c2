-- SPDX-License-Identifier: MIT
-- Blocking functions in states of their own.

local rw = require "ropewalk"
local t = require "t"

local function test(name, fn)
  t.run(name .. ", in simulation", fn)
  t.plain(name, function() rw.run(fn) end)
end

test("a function runs elsewhere and gives its results", function()
  t.values(t.pack(rw.spawn_blocking(function(a, b) return a + b, "x", nil end, 1, 2)), 3, "x", nil)
  t.values(t.pack(rw.spawn_blocking(function() end)))
end)

test("tables are copied there and back", function()
  local got = rw.spawn_blocking(function(list, map)
    list[#list + 1] = map.k
    return { list = list, n = #list }
  end, { 1, 2 }, { k = "v" })
  t.equal(got.n, 3)
  t.equal(got.list[3], "v")
end)

test("globals are not shared", function()
  rawset(_G, "shared_by_mistake", 1)
  t.equal(rw.spawn_blocking(function() return rawget(_G, "shared_by_mistake") end), nil)
  rawset(_G, "shared_by_mistake", nil)
end)

test("a function may be named by its module", function()
  t.equal(rw.spawn_blocking("string.rep", "ab", 3), "ababab")
  t.raises("no function", rw.spawn_blocking, "string.nothing")
  t.raises("module.function", rw.spawn_blocking, "string")
end)

test("an error comes back with its traceback", function()
  local problem = t.raises("there", rw.spawn_blocking, function() error("there", 0) end)
  t.equal(problem.code, "script")
  t.check(problem.traceback:find("traceback", 1, true))
end)

test("what cannot cross is named", function()
  local outside = 1
  t.raises("'outside'", rw.spawn_blocking, function() return outside end)
  t.raises("function", rw.spawn_blocking, function() end, print)
  t.raises("function", rw.spawn_blocking, function() return print end)
  t.raises("function expected", rw.spawn_blocking, 5)
end)

test("a pool has its own threads", function()
  local pool = rw.pool("mine", 2)
  local sum = 0
  rw.scope(function(s)
    for i = 1, 8 do
      s:spawn(function()
        local square = pool:spawn_blocking(function(n) return n * n end, i)
        sum = sum + square
      end)
    end
  end)
  t.equal(sum, 204)
  t.raises("integer", rw.pool, "none", 0)
end)

t.plain("other tasks go on meanwhile", function()
  rw.run(function()
    local ticks, stop = 0, false
    rw.spawn(function()
      while not stop do
        ticks = ticks + 1
        rw.yield_now()
      end
    end)
    rw.spawn_blocking(function()
      local x = 0
      for i = 1, 100000 do x = x + i end
      return x
    end)
    stop = true
    t.check(ticks > 0)
  end)
end)

t.finish()
