-- SPDX-License-Identifier: MIT
--
-- cases.lua - what run_oom does with ever less memory: the cases, and a function that tells what is alive.
--
-- Each case uses one part of the library in the usual way. It may raise; it must leave nothing behind. One
-- that `collects` itself is run only with the collector at work.

local rw = require "ropewalk"
local core = require "ropewalk.core"
local testing = require "ropewalk.testing"

local jit = rawget(_G, "jit")

if jit then
  jit.off() -- LuaJIT's compiler does not survive the end of memory; its interpreter does
end

local cases = {}

local function case(name, fn)
  cases[#cases + 1] = {
    name = name,
    run = function()
      rw.run(function()
        rw.timeout(0.05, fn) -- where one side failed, the other waits
      end)
    end,
  }
end

-- What a run has left to report is reported now: the failure of a task whose handle is collected afterwards.
function cases.settle()
  collectgarbage()
  pcall(core.sim_end) -- one that could not be ended
  pcall(rw.run, function()
    rw.yield_now()
    collectgarbage()
  end)
  collectgarbage()
end

local function count_once()
  cases.settle()
  local live = rw.stats()
  return live.tasks_live + 1e3 * live.objects_live + 1e6 * live.futures_live + 1e9 * live.timers_armed
end

-- Everything that the library counts, as one number: 0, when what takes its turns to end has had them.
local function count_live()
  local live = count_once()
  for _ = 1, 20 do
    if live == 0 then
      break
    end
    pcall(rw.run, rw.sleep, 0.0005) -- the last of a socket's bytes go, or cannot
    live = count_once()
  end
  return live
end

local function use(...)
  return select("#", ...)
end

-- All that an iterator gives. No generic for: in 5.1 that cannot be awaited in.
local function drain(next_item, source)
  while true do
    local item = next_item(source)
    if item == nil then
      return
    end
    use(item)
  end
end

local much = ("x"):rep(300000) -- made here: 5.4's own buffers do not survive such a moment


case("a task is spawned and joined", function()
  local task = rw.spawn({ name = "named" }, function(a)
    rw.yield_now()
    return a, { a }
  end, 5)
  use(task:await())
end)

case("several are joined, the first of several wins", function()
  use(rw.join(rw.spawn(rw.yield_now), function()
    rw.sleep(0)
    return 1
  end, function()
    return "x"
  end))
  use(rw.first(function()
    rw.sleep(0)
    return 1
  end, function()
    rw.yield_now()
    return 2
  end))
end)

case("a join set gives its tasks as they end", function()
  local set = rw.join_set()
  for i = 1, 2 do
    set:spawn(function()
      rw.yield_now()
      return i
    end)
  end
  drain(set:iter())
end)

case("tables go through a channel", function()
  local tx, rx = rw.channel(1)
  rw.spawn(function()
    for i = 1, 3 do
      tx:send({ i, text = "y", list = { 1, { 2 } } })
    end
    tx:close()
  end)
  drain(rx:iter())
end)

case("values are copied into a shared channel", function()
  local tx, rx = rw.channel(4, { shared = true })
  tx:send({ a = { b = rw.list { 1, 2, 3 } }, c = "text", d = 1.5, e = true })
  tx:send(rw.bytes "data")
  use(rx:receive().a.b[3], rx:receive())
end)

case("a permit is reserved and used", function()
  local tx, rx = rw.channel(1)
  local permit = tx:reserve()
  permit:send { "value" }
  use(rx:try_receive(), tx:clone():try_send(2))
end)

case("a select commits one arm", function()
  local tx, rx = rw.channel(1)
  local full = rw.channel(1)
  full:send(1)
  local task = rw.spawn(rw.yield_now)
  use(rw.select({ rx, "receive" }, { full, "send", { 2 } }, { task, "await" }, { timeout = 0.001 }))
  tx:send { 1 }
  use(rw.select({ full, "send", { 2 } }, { rx, "receive" }))
end)

case("a scope fails, cancels its tasks and cleans up", function()
  pcall(rw.scope, function(scope)
    scope:defer(function()
      rw.yield_now()
    end)
    scope:spawn(function()
      rw.sleep(1)
    end)
    scope:spawn(function()
      error { "table" }
    end)
    rw.sleep(1)
  end)
end)

case("a time limit, a shield, a cancelled task", function()
  use(rw.timeout(0, function()
    rw.sleep(1)
  end))
  rw.shield(function()
    rw.yield_now()
  end, 1)
  local task = rw.spawn(rw.sleep, 1)
  task:abort_handle():cancel "enough"
  use(pcall(task.await, task))
end)

case("errors are objects, with tracebacks and causes", function()
  local _, e = rw.pcall(function()
    rw.spawn(function()
      error(setmetatable({}, { __tostring = function()
        return "described"
      end }))
    end):await()
  end)
  use(tostring(e))
  local _, made = pcall(error, rw.error("made", "busy"))
  use(made.traceback, made.others, made.code)
end)

case("a generator's stream is mapped, filtered and taken from", function()
  local stream = rw.stream(function(emit)
    for i = 1, 4 do
      emit { i }
    end
  end)
  local mapped = stream:map(function(x)
    return x[1]
  end):filter(function(x)
    return x ~= 2
  end):take(2)
  drain(mapped:iter())
end)

case("streams of tables are chunked, merged, buffered, forwarded", function()
  drain(rw.stream({ 1, 2, 3 }):chunks(2):iter())
  drain(rw.merge(rw.stream { 1, 2 }, rw.stream { 3 }):iter())
  local tx, rx = rw.channel(8)
  use(rw.forward(rw.stream { 1, "a" }, rw.sink(tx)), rx:receive())
  local ticks = rw.interval(0.001)
  use(ticks:next())
end)

case("a future is resolved, mapped, followed by another", function()
  local future = rw.future()
  rw.spawn(function()
    future:resolve { 1, "a" }
  end)
  use(future
    :map(function(x)
      return x[2]
    end)
    :and_then(function(x)
      return rw.spawn(function()
        return x .. "b"
      end)
    end)
    :await())
  local bad = rw.future()
  bad:reject(rw.error "no")
  use(bad
    :or_else(function()
      return rw.spawn(rw.yield_now)
    end)
    :await())
end)

case("oneshot, broadcast and watch", function()
  local tx, rx = rw.oneshot()
  rw.spawn(function()
    tx:send { "v" }
  end)
  use(rx:await())
  local broadcast = rw.broadcast(2)
  local receiver = broadcast:subscribe()
  broadcast:send { 1 }
  use(receiver:receive())
  local watch = rw.watch { 1 }
  local watcher = watch:subscribe()
  watch:send { 2 }
  use(watcher:changed())
end)

case("locks of all kinds", function()
  rw.mutex():with(rw.yield_now)
  local semaphore = rw.semaphore(1)
  semaphore:acquire()
  semaphore:release()
  local lock = rw.rwlock()
  lock:read(rw.yield_now)
  lock:write(rw.yield_now)
  local notify = rw.notify()
  notify:notify_one()
  notify:wait()
  use(rw.barrier(1):wait(), rw.once():get(function()
    return { 1 }
  end), rw.condition())
end)

case("a client and a server talk over TCP", function()
  local listener = assert(rw.tcp.listen("127.0.0.1", 0))
  local server = rw.spawn(function()
    local socket = assert(listener:accept())
    socket:write(socket:read "l", "\n")
    socket:close()
  end)
  local port = listener:port()
  local socket = assert(rw.tcp.connect("127.0.0.1", port))
  socket:write "hello\n"
  drain(socket:lines())
  socket:close()
  listener:close()
  server:await()
end)

case("a pair of sockets carries much", function()
  local a, b = rw.unix.pair()
  local writer = rw.spawn(function()
    a:write(much, "\n", much)
    a:shutdown()
  end)
  use(b:read_until("\n", 1000000), b:read "a")
  writer:await()
  a:close()
  b:close()
end)

case("functions run on other threads", function()
  use(rw.spawn_blocking(function(a, b)
    return a + 1, { b }
  end, 1, "text"))
  local pool = rw.pool("small", 1, 4)
  use(pcall(pool.spawn_blocking, pool, function()
    error "there"
  end))
end)

case("names are resolved", function()
  use(rw.dns.resolve("127.0.0.1", 80))
end)

case("what is going on is shown", function()
  local task = rw.spawn(rw.sleep, 1)
  use(rw.tasks(), rw.dump(), rw.stats(), rw.errors(), rw.options(), rw.counters(), tostring(task))
  task:cancel()
end)

case("a context is inherited", function()
  rw.ctx.name = { "value" }
  rw.spawn(function()
    rw.ctx.other = rw.ctx.name
  end):await()
end)

case("a simulation runs", function() end)
cases[#cases].collects = true -- as it ends
cases[#cases].run = function()
  testing.run(function()
    rw.sleep(10)
    rw.spawn(rw.sleep, 5):await()
  end, {})
end

case("a deadlock is reported", function() end)
cases[#cases].run = function()
  pcall(rw.run, function()
    rw.future():await()
  end)
end

return cases, count_live
