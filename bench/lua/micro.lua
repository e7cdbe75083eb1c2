-- SPDX-License-Identifier: MIT
--
-- micro.lua - what an await costs in Lua, and what the bare coroutine under it costs.
--
-- Prints `figure<TAB>nanoseconds`, CPU time, the median of five runs, as the programs in C do.

local COUNT, RUNS, BATCH = 100000, 5, 100

local function median(list)
  table.sort(list)
  return list[math.floor(#list / 2) + 1]
end

local function measure(name, fn)
  fn(COUNT / 10)
  local runs = {}
  for i = 1, RUNS do
    collectgarbage()
    local start = os.clock()
    fn(COUNT)
    runs[i] = (os.clock() - start) / COUNT * 1e9
  end
  print(string.format("%s\t%.2f", name, median(runs)))
end

local resume, yield, create = coroutine.resume, coroutine.yield, coroutine.create

measure("bare", function(count)
  local thread = create(function()
    while true do
      yield()
    end
  end)
  for _ = 1, count do
    resume(thread)
  end
end)

measure("create", function(count)
  for _ = 1, count do
    resume(create(function() end))
  end
end)

local ok, rw = pcall(require, "ropewalk")

if not ok then
  io.stderr:write(tostring(rw), "\n")
  os.exit(1)
end

measure("switch", function(count)
  rw.run(function()
    local yield_now = rw.yield_now
    for _ = 1, count do
      yield_now()
    end
  end)
end)

measure("switch_many", function(count)
  rw.run(function()
    rw.scope(function(scope)
      for _ = 1, BATCH do
        scope:spawn(function()
          for _ = 1, count / BATCH do
            rw.yield_now()
          end
        end)
      end
    end)
  end)
end)

measure("spawn", function(count)
  rw.run(function()
    local tasks = {}
    for _ = 1, count / BATCH do
      for i = 1, BATCH do
        tasks[i] = rw.spawn(function() end)
      end
      for i = 1, BATCH do
        tasks[i]:await()
      end
    end
  end)
end)

measure("channel", function(count)
  rw.run(function()
    local sender, receiver = rw.channel(BATCH)
    rw.spawn(function()
      for i = 1, count do
        sender:send(i)
      end
    end)
    for _ = 1, count do
      receiver:receive()
    end
  end)
end)
