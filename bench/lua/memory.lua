-- SPDX-License-Identifier: MIT
--
-- memory.lua - what a Lua task that waits costs in memory, and its bare coroutine: by the resident set.
--
-- All wait for the same promise. `above` is what a task takes beyond the coroutine it runs. Garbage is
-- collected on the way, as in a program that runs on: handles that were let go of are no part of a task.

local COUNT, BATCH = 100000, 5000

local function resident()
  collectgarbage()
  collectgarbage()
  local file = assert(io.open("/proc/self/statm"))
  local _, pages = file:read("*n", "*n")
  file:close()
  return pages * 4096
end

local function report(name, before, after)
  print(string.format("%s\t%.1f", name, (after - before) / COUNT))
end

local create, resume, yield = coroutine.create, coroutine.resume, coroutine.yield

local threads = {}

-- They stay, so that the tasks cannot use their memory again.
local function bare()
  for i = 1, COUNT do
    threads[i] = false
  end
  local before = resident()
  for i = 1, COUNT do
    threads[i] = create(function()
      yield()
    end)
    resume(threads[i])
    if i % BATCH == 0 then
      collectgarbage()
    end
  end
  local after = resident()
  report("coroutine", before, after)
  return after - before
end

local rw = require "ropewalk"

local function tasks()
  local used
  rw.run(function()
    local promise = rw.future()
    local warm = rw.spawn(function()
      rw.sleep(0)
    end)
    warm:await()
    local before = resident()
    for i = 1, COUNT do
      rw.spawn(function()
        promise:await()
      end):detach()
      if i % BATCH == 0 then
        collectgarbage()
      end
    end
    rw.yield_now()
    rw.yield_now()
    local after = resident()
    report("task", before, after)
    used = after - before
    promise:resolve(1)
  end)
  return used
end

local of_threads = bare()
local of_tasks = tasks()
print(string.format("above\t%.1f", (of_tasks - of_threads) / COUNT))
