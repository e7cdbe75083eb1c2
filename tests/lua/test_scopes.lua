-- SPDX-License-Identifier: MIT
-- Scopes, timeouts, shields: no child outlives its scope, and cancelling is a level.

local rw = require "ropewalk"
local t = require "t"

t.run("a scope waits for its children and gives the body's results", function()
  local note = t.trace()
  local a, b = rw.scope(function(s)
    s:spawn(function() rw.sleep(2) note "slow" end)
    s:spawn(function() rw.sleep(1) note "fast" end)
    t.equal(s:count(), 2)
    return 1, nil
  end)
  note "after"
  t.equal(a, 1)
  t.equal(b, nil)
  t.equal(tostring(note), "fast, slow, after")
end)

t.run("arguments go to the body and to children", function()
  local sum = rw.scope(function(s, a, b)
    return s:spawn(function(x, y) return x * y end, a, b):await()
  end, 6, 7)
  t.equal(sum, 42)
end)

t.run("the first error cancels the siblings and is raised at the end", function()
  local sibling
  local problem = t.raises("first", rw.scope, function(s)
    s:spawn(function() rw.sleep(1) error("first", 0) end)
    s:spawn(function()
      local ok, e = rw.pcall(rw.sleep, 100)
      sibling = not ok and rw.is_cancelled(e)
      error(e, 0)
    end)
    rw.sleep(100)
  end)
  t.equal(sibling, true)
  t.equal(problem.message, "first")
  t.equal(#problem.others, 0)
  t.check(rw.now() < 50)
end)

t.run("later errors are attached to the first", function()
  local problem = t.raises("one", rw.scope, function(s)
    s:spawn(function() rw.sleep(1) error("one", 0) end)
    s:spawn(function() rw.pcall(rw.sleep, 9) error("two", 0) end)
    s:spawn(function() rw.pcall(rw.sleep, 9) error("three", 0) end)
  end)
  t.equal(#problem.others, 2)
  t.equal(problem.others[1].message, "two")
  t.equal(problem.others[2].message, "three")
end)

t.run("a table that is raised keeps its identity and gets its siblings", function()
  local mine = { kind = "mine" }
  local ok, problem = rw.pcall(rw.scope, function(s)
    s:spawn(function() rw.sleep(1) error(mine) end)
    s:spawn(function() rw.pcall(rw.sleep, 9) error("other", 0) end)
  end)
  t.equal(ok, false)
  t.equal(problem, mine)
  t.equal(#mine.others, 1)
end)

t.run("the body's own error cancels the children", function()
  local cancelled
  t.raises("body", rw.scope, function(s)
    s:spawn(function()
      local ok, e = rw.pcall(rw.sleep, 100)
      cancelled = not ok and rw.is_cancelled(e)
    end)
    rw.yield_now()
    error("body", 0)
  end)
  t.equal(cancelled, true)
end)

t.run("cancelling a scope ends at its border", function()
  local results = t.pack(rw.scope(function(s)
    s:spawn(function() rw.sleep(100) end)
    s:cancel("enough")
    rw.sleep(100)
  end))
  t.values(results, nil, "cancelled", "cancelled")
  rw.sleep(1)
end)

t.run("deferred functions run last, in reverse order, however the scope ends", function()
  local note = t.trace()
  t.raises("oops", rw.scope, function(s)
    s:defer(note, "first")
    s:defer(function(x) rw.sleep(1) note(x) end, "second")
    s:spawn(function() rw.pcall(rw.sleep, 5) note "child" end)
    rw.yield_now()
    error("oops", 0)
  end)
  t.equal(tostring(note), "child, second, first")
end)

t.run("an error of a deferred function is raised when there was none before", function()
  t.raises("from defer", rw.scope, function(s) s:defer(error, "from defer", 0) end)
  t.raises("from body", rw.scope, function(s)
    s:defer(error, "from defer", 0)
    error("from body", 0)
  end)
  t.raises("function expected", rw.scope, function(s) s:defer(1) end)
end)

t.run("timeout gives the results, or nil and timeout", function()
  t.values(t.pack(rw.timeout(5, function(a) rw.sleep(1) return a, 2 end, 1)), 1, 2)
  local before = rw.now()
  t.values(t.pack(rw.timeout(5, function() rw.sleep(60) return 1 end)), nil, "timeout", "timeout")
  t.equal(rw.now() - before, 5)
end)

t.run("an error inside a timeout is raised", function()
  t.raises("inside", rw.timeout, 5, function() rw.sleep(1) error("inside", 0) end)
end)

t.run("the inner of two timeouts is the one that is told", function()
  local outer = t.pack(rw.timeout(10, function()
    return "inner", rw.timeout(1, rw.sleep, 60)
  end))
  t.values(outer, "inner", nil, "timeout", "timeout")
  local inner = t.pack(rw.timeout(1, function() return rw.timeout(10, rw.sleep, 60) end))
  t.values(inner, nil, "timeout", "timeout")
end)

t.run("a timeout cancels what was spawned inside", function()
  local ended = false
  rw.timeout(1, function()
    rw.scope(function(s)
      s:spawn(function()
        local ok, e = rw.pcall(rw.sleep, 60)
        ended = not ok and rw.is_cancelled(e)
        error(e, 0)
      end)
    end)
  end)
  t.equal(ended, true)
  t.equal(rw.now(), rw.now())
end)

t.run("a scope's deadline can be moved", function()
  local before = rw.now()
  rw.scope({ timeout = 1 }, function(s)
    s:set_timeout(3)
    rw.sleep(60)
  end)
  t.equal(rw.now() - before, 3)
end)

t.run("a swallowed cancellation is raised again at the next await", function()
  local count = 0
  t.values(t.pack(rw.timeout(1, function()
    for _ = 1, 3 do
      if not rw.pcall(rw.sleep, 60) then count = count + 1 end
    end
    rw.sleep(60)
  end)), nil, "timeout", "timeout")
  t.equal(count, 3)
end)

t.run("a shield keeps a cancellation out until it ends", function()
  local finished = false
  local task = rw.spawn(function()
    rw.shield(function() rw.sleep(2) finished = true end)
    rw.sleep(60)
  end)
  rw.sleep(1)
  task:cancel()
  t.raises("cancelled", task.await, task)
  t.equal(finished, true)
  t.equal(rw.now() < 60, true)
end)

t.run("a shield has a deadline of its own", function()
  local task = rw.spawn(function()
    return rw.shield(function() rw.sleep(60) end, 2)
  end)
  local before = rw.now()
  rw.sleep(1)
  t.values(t.pack(task:await()), nil, "timeout", "timeout")
  t.equal(rw.now() - before, 2)
end)

t.run("a supervisor's child may fail alone", function()
  local note = t.trace()
  rw.scope({ supervisor = true }, function(s)
    s:spawn(function() error("alone", 0) end)
    s:spawn(function() rw.sleep(1) note "went on" end)
  end)
  t.equal(tostring(note), "went on")
end)

t.run("nested scopes end from the inside out", function()
  local note = t.trace()
  rw.scope(function(outer)
    outer:spawn(function() rw.sleep(3) note "outer child" end)
    rw.scope(function(inner)
      inner:spawn(function() rw.sleep(1) note "inner child" end)
    end)
    note "inner done"
  end)
  t.equal(tostring(note), "inner child, inner done, outer child")
end)

t.run("a scope that has ended takes no children", function()
  local kept
  rw.scope(function(s) kept = s end)
  t.raises("ended", kept.spawn, kept, function() end)
  kept:cancel()
  t.equal(kept:is_cancelled(), false)
end)

t.run("cancelling a task with open scopes unwinds them all", function()
  local note = t.trace()
  local task = rw.spawn(function()
    rw.scope(function(a)
      a:defer(note, "a")
      rw.scope(function(b)
        b:defer(note, "b")
        rw.sleep(60)
      end)
    end)
  end)
  rw.yield_now()
  task:cancel()
  t.raises("cancelled", task.await, task)
  t.equal(tostring(note), "b, a")
end)

t.run("an error keeps the traceback of where it was raised", function()
  local function deep() error("deep", 0) end
  local problem = t.raises("deep", rw.scope, function(s)
    s:spawn(function() deep() end)
  end)
  t.check(problem.traceback:find("deep", 1, true))
  local again = t.raises("deep", rw.scope, function() deep() end)
  t.check(again.traceback:find("test_scopes", 1, true))
end)

if t.has_close then
  local source = [[
    local rw, t = ...
    return function()
      local note = t.trace()
      do
        local s <close> = rw.scope()
        s:defer(note, "deferred")
        s:spawn(function() rw.sleep(1) note "child" end)
        note "body"
      end
      t.equal(tostring(note), "body, child, deferred")
      local ok, problem = pcall(function()
        local s <close> = rw.scope()
        s:spawn(function()
          local fine, e = pcall(rw.sleep, 60)
          note(rw.is_cancelled(e) and "cancelled" or tostring(fine))
        end)
        rw.yield_now()
        error("left", 0)
      end)
      t.equal(ok, false)
      t.equal(tostring(problem), "left")
      t.equal(note[#note], "cancelled")
      local tx, rx = rw.channel(1)
      do
        local sender <close> = tx
        sender:send(1)
      end
      t.equal(rx:receive(), 1)
      t.equal(select(2, rx:receive()), "closed")
      local tx2 = rw.channel(1)
      do
        local permit <close> = tx2:reserve()
        t.equal(tx2:try_send(1), nil)
        t.check(permit)
      end
      t.equal(tx2:try_send(1), true)
      local a, b = rw.unix.pair()
      do
        local socket <close> = a
        socket:write("last words")
      end
      t.equal(b:read("a"), "last words")
      b:close()
    end
  ]]
  t.run("close variables leave scopes and close channel ends", load(source)(rw, t))
  t.run("a task that fails with close variables still waits in them", function()
    local body = load [[
      local rw, note = ...
      local s <close> = rw.scope()
      s:defer(function() rw.sleep(1) note "deferred" end)
      error("root", 0)
    ]]
    local note = t.trace()
    local task = rw.spawn(body, rw, note)
    t.raises("root", task.await, task)
    t.equal(tostring(note), "deferred")
  end)
else
  t.skip("close variables leave scopes and close channel ends", "this Lua has no close variables")
end

t.finish()
