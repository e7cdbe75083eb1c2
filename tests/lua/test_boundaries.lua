-- SPDX-License-Identifier: MIT
-- Where one can await, and what is said where one cannot.

local rw = require "ropewalk"
local t = require "t"

t.plain("outside a task", function()
  t.raises("outside a task", rw.sleep, 1)
  t.raises("outside a task", rw.yield_now)
  local tx, rx = rw.channel(1)
  t.raises("outside a task", rx.receive, rx)
  t.raises("outside a task", tx.send, tx, 1)
  t.raises("outside a task", rw.scope, function() end)
  t.raises("outside a task", rw.timeout, 1, function() end)
  t.raises("outside a task", rw.select, { rx, "receive" })
  t.equal(rw.current(), nil)
end)

t.run("inside a coroutine of one's own", function()
  local co = coroutine.create(function() rw.sleep(1) end)
  local ok, problem = coroutine.resume(co)
  t.equal(ok, false)
  t.check(tostring(problem):find("coroutine of your own", 1, true))
  local wrapped = coroutine.wrap(function()
    for i = 1, 3 do coroutine.yield(i) end
  end)
  t.equal(wrapped(), 1)
  rw.sleep(1)
  t.equal(wrapped(), 2)
end)

t.run("in table.sort and string.gsub", function()
  t.raises("C call", table.sort, { 3, 1, 2 }, function(a, b) rw.yield_now() return a < b end)
  t.raises("C call", string.gsub, "abc", ".", function() rw.yield_now() end)
  rw.sleep(1)
end)

t.run("in a metamethod", function()
  local object = setmetatable({}, {
    __index = function(_, key) rw.yield_now() return key .. "!" end,
    __add = function() rw.yield_now() return 7 end,
  })
  if t.is_51 then
    t.raises("metamethod", function() return object.x end)
  else
    t.equal(object.x, "x!")
    t.equal(object + 1, 7)
  end
end)

t.run("in pcall and xpcall", function()
  if t.is_51 then
    local ok, problem = pcall(rw.sleep, 1)
    t.equal(ok, false)
    t.check(tostring(problem):find("pcall in Lua 5.1", 1, true))
  else
    t.equal(pcall(rw.sleep, 1), true)
    t.values(t.pack(pcall(function() rw.sleep(1) error("e", 0) end)), false, "e")
    local function fail() rw.sleep(1) error("e", 0) end
    t.values(t.pack(xpcall(fail, function(e) return e .. "!" end)), false, "e!")
  end
  t.values(t.pack(rw.pcall(function(a) rw.sleep(1) return a, 2 end, 1)), true, 1, 2)
  t.values(t.pack(rw.pcall(function() rw.sleep(1) error("e", 0) end)), false, "e")
  t.values(t.pack(rw.pcall(function() return rw.pcall(error, "inner", 0) end)), true, false, "inner")
  t.values(t.pack(rw.pcall(rw.sleep, 1)), true, true)
end)

t.run("an error after an await in nested pcalls", function()
  local function level(n)
    if n == 0 then
      rw.sleep(1)
      error("bottom", 0)
    end
    local ok, problem = rw.pcall(level, n - 1)
    t.equal(ok, false)
    error(problem .. n, 0)
  end
  t.values(t.pack(rw.pcall(level, 5)), false, "bottom12345")
end)

t.run("a failing await is raised inside the innermost pcall", function()
  local f = rw.future()
  rw.spawn(function() rw.sleep(1) f:reject("late") end)
  local ok, problem = rw.pcall(f.await, f)
  t.equal(ok, false)
  t.equal(tostring(problem), "late")
  rw.sleep(1)
end)

t.run("deep recursion between awaits", function()
  local function down(n)
    if n == 0 then
      rw.sleep(1)
      return 0
    end
    return 1 + down(n - 1)
  end
  t.equal(down(150), 150)
end)

t.run("in a finalizer", function()
  if t.is_51 then
    return
  end
  local seen
  if t.is_jit then
    local ghost = newproxy(true)
    getmetatable(ghost).__gc = function() seen = select(2, pcall(rw.sleep, 1)) end
  else
    setmetatable({}, { __gc = function() seen = select(2, pcall(rw.sleep, 1)) end })
  end
  for _ = 1, 3 do collectgarbage() end
  t.check(tostring(seen):find("cannot await", 1, true), tostring(seen))
  rw.sleep(1)
end)

t.run("coroutine.yield in a task is told", function()
  local task = rw.spawn(function() coroutine.yield(1) end)
  t.raises("coroutine.yield", task.await, task)
end)

t.run("a task resumed by hand does not break the loop", function()
  local thread
  local task = rw.spawn(function()
    thread = coroutine.running()
    rw.sleep(1)
    return "unharmed"
  end)
  rw.yield_now()
  if not t.is_51 and not t.is_jit then
    local ok, problem = coroutine.resume(thread)
    t.equal(ok, false)
    t.check(tostring(problem):find("by hand", 1, true))
    t.raises("", task.await, task)
  else
    t.equal(task:await(), "unharmed")
  end
end)

t.plain("no global is set and nothing is replaced", function()
  local before = {}
  for key in pairs(_G) do before[key] = true end
  for name in pairs(package.loaded) do
    if name:find("^ropewalk") and name ~= "ropewalk.core" then package.loaded[name] = nil end
  end
  local resume, wrap = coroutine.resume, coroutine.wrap
  require "ropewalk"
  require "ropewalk.testing"
  for key in pairs(_G) do t.check(before[key], "the global " .. key .. " was set") end
  t.equal(coroutine.resume, resume)
  t.equal(coroutine.wrap, wrap)
end)

t.finish()
