-- SPDX-License-Identifier: MIT
-- Ends: of the state, of the process, of a loop in use. Each case is a program of its own, run by the same
-- interpreter.

local t = require "t"

-- Runs a program; its exit status must be 0 and its output `wanted`.
local function program(name, wanted, source)
  t.plain(name, function()
    local body, status = t.program(source)
    t.equal(status, "0", "exit status, output: " .. body)
    t.equal(body, wanted == "" and "" or wanted .. "\n")
  end)
end

program("the state ends with tasks that never ran", "end", [[
  for _ = 1, 10 do rw.spawn(function() print "must not run" end) end
  print "end"
]])

program("the state ends with tasks in mid-sleep and mid-scope", "end", [[
  for _ = 1, 10 do
    rw.spawn(function()
      rw.scope(function(s)
        s:defer(print, "must not run")
        s:spawn(function() rw.sleep(100) end)
        rw.pcall(rw.sleep, 100)
        print "must not run"
      end)
    end)
  end
  rw.loop():turn()
  rw.loop():turn()
  print "end"
]])

program("the state ends with sockets, channels and streams in use", "end", [[
  KEEP = {}
  local function keep(...) KEEP[#KEEP + 1] = { ... } end
  keep(rw.channel(3))
  local tx, rx = rw.channel(3)
  keep(tx, rx)
  local server = assert(rw.tcp.listen("127.0.0.1", 0))
  keep(server)
  rw.spawn(function() while true do keep(server:accept()) end end)
  rw.spawn(function()
    local c = rw.tcp.connect("127.0.0.1", server:port())
    keep(c)
    tx:send { table = true }
    tx:send(print)
    c:read()
  end)
  rw.spawn(function()
    local s = rw.stream(function(emit) emit(1) rw.sleep(9) end)
    keep(s)
    s:next()
    s:next()
  end)
  rw.spawn(function() keep(rw.future():await()) end)
  rw.spawn(function() rw.select({ select(2, rw.channel(1)), "receive" }, { timeout = 100 }) end)
  rw.spawn(function() rw.join(function() rw.sleep(50) end, function() rw.sleep(60) end) end)
  rw.spawn(function() local s = rw.join_set() keep(s) s:spawn(rw.sleep, 5) s:next() end)
  rw.spawn(function() local m = rw.mutex() keep(m) m:lock() m:lock() end)
  for _ = 1, 20 do rw.loop():turn(false) end
  keep(rw.handle(), rw.loop())
  print "end"
]])

program("os.exit in a task", "in the task", [[
  rw.run(function()
    rw.spawn(function() rw.sleep(100) end)
    rw.yield_now()
    print "in the task"
    io.stdout:flush()
    os.exit(0)
  end)
]])

program("os.exit in a task, closing the state", "in the task", [[
  local server = assert(rw.tcp.listen("127.0.0.1", 0))
  rw.run(function()
    rw.scope(function(s)
      s:spawn(function() server:accept() end)
      s:spawn(function() rw.sleep(100) end)
      rw.yield_now()
      print "in the task"
      io.stdout:flush()
      os.exit(0, true)
    end)
  end)
]])

program("an error that leaves run can be caught and the loop used again", "caught\n5", [[
  local ok = pcall(rw.run, function() rw.spawn(function() rw.sleep(100) end) rw.sleep(0) error "out" end)
  print(ok and "not caught" or "caught")
  print(rw.run(function() rw.sleep(0) return 5 end))
]])

program("garbage is collected while everything is in use", "4950", [[
  pcall(collectgarbage, "setpause", 1) -- 5.5 has another name for it
  print(rw.run(function()
    local tx, rx = rw.channel(2)
    rw.spawn(function()
      for i = 0, 99 do tx:send({ i }) collectgarbage() end
      tx:close()
    end)
    local sum = 0
    while true do
      local item = rx:receive()
      if item == nil then return sum end
      collectgarbage()
      sum = sum + item[1]
    end
  end))
]])

program("dropped handles end what nobody can use any more", "0 0", [[
  rw.run(function()
    for _ = 1, 100 do
      local tx, rx = rw.channel(1)
      tx:try_send {}
      local f = rw.future()
      f:map(print)
      rw.stream(function() end):map(print)
      rw.oneshot()
      rw.broadcast(1):subscribe()
      rw.watch(1):subscribe()
      rw.semaphore(1)
      rw.notify()
      rw.join_set()
    end
  end)
  collectgarbage()
  collectgarbage()
  print(rw.stats().objects_live .. " " .. rw.stats().futures_live)
]])

program("the module may be loaded first inside a coroutine", "7", [[
  for name in pairs(package.loaded) do if name:find "^ropewalk" then package.loaded[name] = nil end end
  local value
  coroutine.wrap(function()
    local again = require "ropewalk"
    value = again.run(function() again.sleep(0) return 7 end)
  end)()
  collectgarbage()
  print(value)
]])

program("another thread has a state and a loop of its own", "5", [[
  print(rw.run(function()
    return rw.spawn_blocking(function()
      local inner = require "ropewalk"
      return inner.run(function() inner.sleep(0.001) return 5 end)
    end)
  end))
]])

program("an error in a finalizer does not stop the loop", "done", [[
  rw.run(function()
    if newproxy then
      local ghost = newproxy(true)
      getmetatable(ghost).__gc = function() rw.spawn(function() end) end
    else
      setmetatable({}, { __gc = function() rw.spawn(function() end) end })
    end
    collectgarbage()
    collectgarbage()
    rw.sleep(0.001)
  end)
  print "done"
]])

program("a host turns the loop by hand", "2 1", [[
  local n = 0
  rw.spawn(function() n = n + 1 rw.yield_now() n = n + 1 end)
  local loop = rw.loop()
  local turns = 0
  while not loop:is_idle() do loop:turn() turns = turns + 1 assert(turns < 100) end
  assert(loop:fd() >= 0)
  assert(loop:deadline() == nil)
  rw.spawn(function() rw.sleep(1000) end)
  loop:turn()
  loop:turn()
  assert(loop:deadline() > 900)
  print(n .. " " .. (loop:is_running() and 0 or 1))
]])

program("a simulation inside a running loop is refused", "false", [[
  local testing = require "ropewalk.testing"
  print(rw.run(function() return (rw.pcall(testing.run, function() end)) end))
]])

program("objects of a simulation that has ended say that they are closed", "this sender is closed\n3", [[
  local testing = require "ropewalk.testing"
  local tx, rx
  testing.run(function() tx, rx = rw.channel(1) end)
  local ok, problem = pcall(tx.try_send, tx, 1)
  print(tostring(problem):match "this .*closed")
  collectgarbage()
  print(rw.run(function() local a, b = rw.channel(1) a:send(3) return b:receive() end))
]])

program("an object is told by what it is, not by where it lies", "true", [[
  local refused = true
  local function try(fn, object)
    local ok, problem = pcall(fn, object, 1)
    refused = refused and not ok and tostring(problem):find("sender expected", 1, true) ~= nil
  end
  for round = 1, 50 do
    local tx = rw.channel(1)
    local try_send = tx.try_send
    assert(tx:try_send(round))
    tx = nil
    collectgarbage()
    local others = {}
    for i = 1, 20 do
      others[i] = rw.semaphore(1)
      try(try_send, others[i])
    end
  end
  print(refused)
]])

program("an object whose finalizer has run is closed for others too", "this sender is closed\ntrue", [[
  local said, try_send
  local function make()
    local holder, tx
    local function last()
      local ok, problem = pcall(try_send, tx, 2)
      said = tostring(problem):match "this .*closed"
    end
    if newproxy then
      holder = newproxy(true)
      getmetatable(holder).__gc = last
    else
      holder = setmetatable({}, { __gc = last })
    end
    tx = rw.channel(1) -- later than its holder, so that it ends first
    try_send = tx.try_send
    assert(tx:try_send(1))
  end
  make()
  for _ = 1, 3 do collectgarbage() end
  print(said)
  local refused = true
  for _ = 1, 50 do
    local ok, problem = pcall(try_send, rw.semaphore(1), 1)
    refused = refused and not ok and tostring(problem):find("sender expected", 1, true) ~= nil
  end
  print(refused)
]])

if t.is_jit then
  program("a forked child may not run the parent's loop, and ends cleanly", "forked\n5", [[
    local ffi = require "ffi"
    ffi.cdef "int fork(void); int waitpid(int, int *, int);"
    rw.run(function() rw.sleep(0) end)
    rw.spawn(function() rw.sleep(1) return 5 end)
    io.stdout:flush()
    local pid = ffi.C.fork()
    if pid == 0 then
      local ok, problem = pcall(rw.run, function() end)
      print(tostring(problem):match "forked")
      io.stdout:flush()
      os.exit(0, true)
    end
    ffi.C.waitpid(pid, nil, 0)
    print(rw.run(function() return 5 end))
  ]])
else
  t.skip("a forked child may not run the parent's loop", "only LuaJIT can fork without a library")
end

t.finish()
