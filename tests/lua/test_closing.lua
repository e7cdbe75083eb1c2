-- SPDX-License-Identifier: MIT
--
-- test_closing.lua - <close> variables of a task that fails: each is closed once, in order, and may await.

local rw = require "ropewalk"
local t = require "t"

if not t.has_close then
  t.skip("the close variables of a task that fails", "this Lua has no close variables")
  t.finish()
  return
end

-- Lua that others cannot read; `closing(fn)` is a value that fn(value, error) closes.
local function chunk(source)
  return load("local rw, note, closing = ... " .. source)
end

local function closing(fn)
  return setmetatable({}, { __close = fn })
end

local function failing(source)
  local note = t.trace()
  local task = rw.spawn(chunk(source), rw, note, closing)
  local ok, problem = pcall(task.await, task)
  t.equal(ok, false)
  return tostring(note), problem
end

t.run("handlers run innermost first, each may await, and the task ends with its error", function()
  local order, problem = failing [[
    local a <close> = closing(function(_, e) note("a " .. tostring(e)) rw.sleep(1) note "a slept" end)
    local b <close> = closing(function(_, e) rw.yield_now() note("b " .. tostring(e)) end)
    local c <const> = closing(function() note "never" end)
    rw.sleep(1)
    error("broken", 0)
  ]]
  t.equal(order, "b broken, a broken, a slept")
  t.equal(problem.message, "broken")
  t.check(problem.traceback:find("'error'", 1, true))
end)

t.run("variables of every function that was left are closed, and loops close theirs", function()
  local order = failing [[
    local function inner()
      local x <close> = closing(function() note "inner" end)
      for _ in next, { 1 }, nil, closing(function() rw.sleep(1) note "loop" end) do
        error("broken", 0)
      end
    end
    local y <close> = closing(function() note "outer" end)
    inner()
    note "never"
  ]]
  t.equal(order, "loop, inner, outer")
end)

t.run("a thread that is used again has the hook of who spawned, like a new one", function()
  local calls = 0
  local hooked = chunk [[
    debug.sethook(note, "c")
    local x <close> = closing(function() rw.yield_now() end)
    rw.yield_now()
  ]]
  rw.spawn(hooked, rw, function() calls = calls + 1 end, closing):await()
  t.check(calls > 0)
  local before = calls
  for _ = 1, 3 do
    rw.spawn(function()
      rw.yield_now()
      t.equal(debug.gethook(), nil)
    end):await()
  end
  t.equal(calls, before)
end)

t.run("what a handler raises takes the error's place", function()
  local order, problem = failing [[
    local a <close> = closing(function(_, e) note(e.message) end)
    local b <close> = closing(function() rw.sleep(1) error("second", 0) end)
    local c <close> = closing(function(_, e) note(e.message) end)
    error("first", 0)
  ]]
  t.equal(order, "first, second")
  t.equal(problem.message, "second")
  t.check(problem.traceback:find("test_closing", 1, true) or problem.traceback:find("[string", 1, true))
end)

t.run("a handler gets the value that it closes, whatever it takes", function()
  local order = failing [[
    local function named(name, fn)
      return setmetatable({ name = name }, { __close = fn })
    end
    local a <close> = named("a", function() note "none" end)
    local b <close> = named("b", function(self) note(self.name) end)
    local c <close> = named("c", function(...) note(select("#", ...) .. (...).name) end)
    local d <close> = named("d", function(self, e, more) note(self.name .. e.message .. tostring(more)) end)
    local function call(_, self, e) note(self.name .. e.message) end
    local e <close> = named("e", setmetatable({}, { __call = call }))
    local f <close> = named("f", assert)
    error("!", 0)
  ]]
  t.equal(order, "e!, d!nil, 2c, b, none")
end)

t.run("an error that is a table comes to the handlers as an error object and leaves as itself", function()
  local mine = { "mine" }
  local seen
  local task = rw.spawn(chunk [[
    local fail, see = rw, note
    local a <close> = closing(see)
    error(fail)
  ]], mine, function(_, e) seen = rw.is_error(e) end, closing)
  local ok, problem = pcall(task.await, task)
  t.equal(ok, false)
  t.equal(problem, mine)
  t.equal(seen, true)
end)

t.run("a cancelled task closes what it has; its handlers' awaits are refused", function()
  local note = t.trace()
  local task = rw.spawn(chunk [[
    local a <close> = closing(function(_, e)
      note(tostring(rw.is_cancelled(e)))
      note(tostring(rw.is_cancelled(select(2, pcall(rw.sleep, 1)))))
      rw.shield(function() rw.sleep(1) end)
      note "shielded"
    end)
    rw.sleep(60)
  ]], rw, note, closing)
  rw.yield_now()
  task:cancel()
  local ok, problem = pcall(task.await, task)
  t.equal(ok, false)
  t.check(rw.is_cancelled(problem))
  t.equal(tostring(note), "true, true, shielded")
end)

t.run("what a protected call catches is closed by Lua itself", function()
  local note = t.trace()
  local task = rw.spawn(chunk [[
    local ok, e = pcall(function()
      local a <close> = closing(function() rw.sleep(1) note "closed" end)
      error("caught", 0)
    end)
    note(tostring(ok) .. e)
    return 7
  ]], rw, note, closing)
  t.equal(task:await(), 7)
  t.equal(tostring(note), "closed, falsecaught")
end)

t.run("functions of a stream and of rw.and_then close theirs too", function()
  local note = t.trace()
  local generate = chunk [[
    return function(emit)
      local a <close> = closing(function() rw.sleep(1) note "generator" end)
      emit(1)
      error("broken", 0)
    end
  ]](rw, note, closing)
  local stream = rw.stream(generate)
  t.equal(stream:next(), 1)
  t.raises("broken", stream.next, stream)
  t.equal(tostring(note), "generator")
end)

t.run("a task is used again after it had to be closed", function()
  for i = 1, 20 do
    local order = failing [[
      local a <close> = closing(function() rw.yield_now() note "closed" end)
      error("again", 0)
    ]]
    t.equal(order, "closed")
    t.equal(rw.spawn(function(n) rw.yield_now() return n end, i):await(), i)
  end
end)

t.finish()
