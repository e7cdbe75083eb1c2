-- SPDX-License-Identifier: MIT
-- Tasks: spawned, joined, cancelled, let go of.

local rw = require "ropewalk"
local t = require "t"

t.run("a spawned task runs after its spawner first waits", function()
  local note = t.trace()
  local task = rw.spawn(function() note "child" end)
  note "parent"
  task:await()
  note "end"
  t.equal(tostring(note), "parent, child, end")
end)

t.run("run gives all results of the main function", function()
  local results = t.pack(rw.spawn(function(a, b) return a + b, nil, "x" end, 1, 2):await())
  t.values(results, 3, nil, "x")
end)

t.run("a task without results gives nil", function()
  t.values(t.pack(rw.spawn(function() end):await()), nil)
end)

t.run("a task may be joined many times and by many", function()
  local task = rw.spawn(function() rw.sleep(1) return "v" end)
  local function join() return task:await() end
  local a, b = rw.spawn(join), rw.spawn(join)
  t.equal(a:await(), "v")
  t.equal(b:await(), "v")
  t.equal(task:await(), "v")
end)

t.run("sleep takes virtual time and no other", function()
  local before = rw.now()
  rw.sleep(3600)
  t.equal(math.floor(rw.now() - before + 0.5), 3600)
end)

t.run("sleepers wake in the order of their deadlines", function()
  local note = t.trace()
  local tasks = {}
  for i, s in ipairs { 3, 1, 2 } do
    tasks[i] = rw.spawn(function() rw.sleep(s) note(s) end)
  end
  for _, task in ipairs(tasks) do task:await() end
  t.equal(tostring(note), "1, 2, 3")
end)

t.run("yield_now lets every other task run once", function()
  local note = t.trace()
  local function body(name)
    note(name .. "1")
    rw.yield_now()
    note(name .. "2")
  end
  local a, b = rw.spawn(body, "a"), rw.spawn(body, "b")
  a:await()
  b:await()
  t.equal(tostring(note), "a1, b1, a2, b2")
end)

t.run("cancel raises the cancel error at the await", function()
  local seen
  local task = rw.spawn(function()
    local ok, problem = rw.pcall(rw.sleep, 60)
    seen = not ok and rw.is_cancelled(problem) and tostring(problem)
    error(problem, 0)
  end)
  rw.yield_now()
  task:cancel("not needed")
  t.check(rw.is_cancelled(t.raises("not needed", task.await, task)))
  t.equal(seen, "not needed")
end)

t.run("a cancelled task is cancelled at each await", function()
  local count = 0
  local task = rw.spawn(function()
    for _ = 1, 5 do
      if not rw.pcall(rw.sleep, 60) then count = count + 1 end
    end
    return "survived"
  end)
  rw.yield_now()
  task:cancel()
  t.equal(task:await(), "survived")
  t.equal(count, 5)
end)

t.run("a turn given up counts as an await", function()
  t.values(t.pack(rw.yield_now()), true)
  t.values(t.pack(rw.sleep(0)), true)
  t.values(t.pack(rw.sleep(-1)), true)
  local start, times, seen = rw.now(), {}, 0
  local task = rw.spawn(function()
    t.values(t.pack(rw.yield_now()), true) -- cancelled meanwhile: it had begun before
    for i = 1, 3 do
      local ok, problem = t.pcall(i % 2 == 1 and rw.yield_now or rw.sleep, 0)
      t.check(not ok and rw.is_cancelled(problem))
      times[i], seen = rw.now() - start, i
    end
  end)
  rw.yield_now()
  task:cancel()
  t.pcall(task.await, task)
  t.equal(seen, 3)
  t.check(times[1] < 0.0005 and times[3] > 0.0025, "the pause grows: " .. t.list(times))
end)

t.run("what a task leaves behind is not found by the next one", function()
  local function fail(...) t.equal(select("#", ...), 2) error("wrong") end
  for i = 1, 400 do
    local task = rw.spawn(i % 3 == 0 and fail or function(...) return select("#", ...) end, i, "x")
    if i % 5 == 0 then
      task:cancel()
    end
    local ok, result = t.pcall(task.await, task)
    if i % 5 == 0 then
      t.check(not ok and rw.is_cancelled(result))
    elseif i % 3 == 0 then
      t.check(not ok and tostring(result):find("wrong"))
    else
      t.equal(result, 2)
    end
  end
end)

t.run("a task cancelled before it ran never runs", function()
  local ran = false
  local task = rw.spawn(function() ran = true end)
  task:cancel()
  t.check(rw.is_cancelled(t.raises("cancelled", task.await, task)))
  t.equal(ran, false)
end)

t.run("cancelling twice and cancelling what is done do nothing", function()
  local task = rw.spawn(function() rw.sleep(5) end)
  task:cancel("first")
  task:cancel("second")
  t.raises("first", task.await, task)
  task:cancel()
  local done = rw.spawn(function() return 1 end)
  done:await()
  done:cancel()
  t.equal(done:await(), 1)
end)

t.run("an abort handle cancels, and says closed when there is nothing left", function()
  local task = rw.spawn(function() rw.sleep(60) end)
  local handle = task:abort_handle()
  rw.yield_now()
  t.equal(handle:cancel(), true)
  t.raises("cancelled", task.await, task)
  local ok, message, code = handle:cancel()
  t.equal(ok, nil)
  t.equal(code, "closed")
  t.check(message ~= nil)
end)

t.run("a detached task runs on", function()
  local done = false
  local task = rw.spawn(function() rw.sleep(1) done = true end)
  task:detach()
  t.raises("closed", task.await, task)
  rw.sleep(2)
  t.equal(done, true)
end)

t.run("the error of a task is raised where it is joined", function()
  local task = rw.spawn(function() error("broken", 0) end)
  local problem = t.raises("broken", task.await, task)
  t.equal(problem.message, "broken")
  t.equal(problem.code, "script")
  t.check(problem.traceback:find("test_tasks", 1, true), "no traceback")
end)

t.run("names, ids and states can be asked", function()
  local task = rw.spawn({ name = "worker" }, function(x) rw.sleep(1) return x end, 7)
  t.equal(task:name(), "worker")
  task:set_name("renamed")
  t.equal(task:name(), "renamed")
  t.check(task:id() > 0)
  t.equal(task:is_done(), false)
  t.equal(task:await(), 7)
  t.equal(task:is_done(), true)
  t.equal(task:is_cancelled(), false)
end)

t.run("tasks and dump tell what is there", function()
  local task = rw.spawn({ name = "sleeper" }, function() rw.sleep(9) end)
  rw.yield_now()
  local names = {}
  for _, info in ipairs(rw.tasks()) do names[info.name] = info.state end
  t.equal(names.sleeper, "waiting")
  t.check(rw.dump():find("sleeper", 1, true))
  t.check(rw.dump():find("test_tasks", 1, true), "no traceback in the dump")
  task:cancel()
end)

t.run("a task that finishes does so in its own order among thousands", function()
  local sum = 0
  local tasks = {}
  for i = 1, 3000 do
    tasks[i] = rw.spawn(function(n) rw.yield_now() sum = sum + n return n end, i)
  end
  for i = 1, 3000 do t.equal(tasks[i]:await(), i) end
  t.equal(sum, 3000 * 3001 / 2)
end)

t.run("ctx is inherited by what is spawned later and belongs to each task", function()
  rw.ctx.user = "a"
  local child = rw.spawn(function()
    local first = rw.ctx.user
    rw.ctx.user = "b"
    rw.sleep(1)
    return first, rw.ctx.user
  end)
  rw.ctx.user = "c"
  t.values(t.pack(child:await()), "a", "b")
  t.equal(rw.ctx.user, "c")
end)

t.run("current is the running task", function()
  local task
  task = rw.spawn(function() return rw.current() == task end)
  t.equal(task:await(), true)
end)

t.run("a join set gives tasks in the order in which they end", function()
  local set = rw.join_set()
  for i, s in ipairs { 3, 1, 2 } do
    set:spawn(function() rw.sleep(s) return i end)
  end
  t.equal(set:count(), 3)
  local order = {}
  while true do
    local task = set:next()
    if not task then break end
    order[#order + 1] = task:await()
  end
  t.equal(t.list(order), "2 3 1")
end)

t.run("closing a join set cancels what is left in it", function()
  local set = rw.join_set()
  local task = set:spawn(function() rw.sleep(100) end)
  rw.yield_now()
  set:close()
  t.raises("cancelled", task.await, task)
end)

t.plain("a handle spawns and wakes, and keeps the loop from being idle", function()
  local handle = rw.handle()
  t.equal(rw.loop():is_idle(), false)
  t.equal(rw.run(function() return handle:spawn(function(x) return x + 1 end, 1):await() end), 2)
  handle:wake()
  handle:close()
  handle:close()
  t.raises("closed", handle.wake, handle)
  while not rw.loop():is_idle() do rw.loop():turn() end
end)

t.plain("run gives results and raises errors with a traceback", function()
  t.values(t.pack(rw.run(function(a) rw.sleep(0) return a, 2 end, 1)), 1, 2)
  local problem = t.raises("at the top", rw.run, function() error("at the top", 0) end)
  t.check(tostring(problem):find("traceback", 1, true))
  t.equal(problem.message, "at the top")
end)

t.plain("run inside a task is refused", function()
  rw.run(function() t.raises("running already", rw.run, function() end) end)
end)

t.plain("when the main function ends, the tasks that are left are cancelled", function()
  local ended
  rw.run(function()
    rw.spawn(function()
      local ok, problem = rw.pcall(rw.sleep, 1000)
      ended = not ok and rw.is_cancelled(problem)
    end)
    rw.yield_now()
  end)
  t.equal(ended, true)
  t.equal(rw.stats().tasks_live, 0)
end)

t.plain("a failure that nobody joined is raised by run", function()
  local problem = t.raises("lost", rw.run, function()
    rw.spawn(function() error("lost", 0) end):detach()
    rw.sleep(0.001)
    collectgarbage()
  end)
  t.equal(problem.message, "lost")
end)

t.plain("a deadlock is reported with the tracebacks of the tasks", function()
  local problem = t.raises("nothing can wake", rw.run, function() rw.future():await() end)
  t.equal(problem.code, "deadlock")
  t.check(problem.traceback:find("test_tasks", 1, true))
  t.equal(rw.stats().tasks_live, 0)
end)

t.plain("a failure that nobody joined is told beside the deadlock it caused", function()
  local problem = t.raises("nothing can wake", rw.run, function()
    local f = rw.future()
    rw.spawn(function() error("the cause", 0) end)
    rw.yield_now()
    collectgarbage()
    collectgarbage()
    f:await()
  end)
  t.equal(problem.others[1].message, "the cause")
end)

t.plain("tasks spawned before run are run by it", function()
  local ran = false
  local task = rw.spawn(function() ran = true end)
  rw.run(function() task:await() end)
  t.equal(ran, true)
end)

t.plain("wrong arguments are told", function()
  t.raises("function expected", rw.run, 1)
  t.raises("function expected", rw.spawn, "x")
  t.raises("number expected", rw.run, function() rw.sleep("soon") end)
  t.raises("NaN", rw.run, function() rw.sleep(0 / 0) end)
  rw.run(function() t.raises("task expected", rw.current().cancel, {}) end)
end)

t.plain("no future, timer or task is left behind", function()
  collectgarbage()
  collectgarbage()
  local stats = rw.stats()
  t.equal(stats.tasks_live, 0)
  t.equal(stats.timers_armed, 0)
end)

t.finish()
