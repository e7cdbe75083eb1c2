-- SPDX-License-Identifier: MIT
-- select, join, first, futures.

local rw = require "ropewalk"
local t = require "t"

t.run("select takes what is ready and tells which", function()
  local tx1, rx1 = rw.channel(1)
  local _, rx2 = rw.channel(1)
  tx1:send("v")
  t.values(t.pack(rw.select({ rx1, "receive" }, { rx2, "receive" })), 1, "v")
end)

t.run("select waits for the first to come and leaves the others alone", function()
  local tx1, rx1 = rw.channel(1)
  local tx2, rx2 = rw.channel(1)
  rw.spawn(function() rw.sleep(1) tx2:send("b") rw.sleep(1) tx1:send("a") end)
  t.values(t.pack(rw.select({ rx1, "receive" }, { rx2, "receive" })), 2, "b")
  t.equal(rx1:receive(), "a")
end)

t.run("select sends only when it wins", function()
  local tx, rx = rw.channel(1)
  local tx2 = rw.channel(0)
  t.values(t.pack(rw.select({ tx2, "send", "lost" }, { tx, "send", "won" })), 2, nil)
  t.equal(rx:receive(), "won")
end)

t.run("select has timeouts and defaults", function()
  local _, rx = rw.channel(1)
  local before = rw.now()
  t.equal(rw.select({ rx, "receive" }, { timeout = 2 }), 2)
  t.equal(rw.now() - before, 2)
  t.equal(rw.select({ rx, "receive" }, { default = true }), 2)
end)

t.run("a closed channel wins with nil, closed", function()
  local tx, rx = rw.channel(1)
  tx:close()
  t.values(t.pack(rw.select({ rx, "receive" }, { timeout = 1 })), 1, nil, "closed", "closed")
end)

t.run("select takes futures, tasks and functions", function()
  local f = rw.future()
  local task = rw.spawn(function() rw.sleep(3) return "task" end)
  rw.spawn(function() rw.sleep(2) f:resolve("future") end)
  t.values(t.pack(rw.select({ f }, { task }, { function() rw.sleep(1) return "fn" end })), 3, "fn")
  t.values(t.pack(rw.select({ f }, { task })), 1, "future")
  t.values(t.pack(rw.select({ task })), 1, "task")
end)

t.run("biased select tries in the order given", function()
  local tx1, rx1 = rw.channel(9)
  local tx2, rx2 = rw.channel(9)
  for i = 1, 3 do tx1:send(i) tx2:send(i) end
  for i = 1, 3 do
    t.values(t.pack(rw.select({ rx1, "receive" }, { rx2, "receive" }, { biased = true })), 1, i)
  end
end)

t.run("select without bias is fair", function()
  local counts = { 0, 0 }
  local tx1, rx1 = rw.channel(200)
  local tx2, rx2 = rw.channel(200)
  for i = 1, 100 do tx1:send(i) tx2:send(i) end
  for _ = 1, 100 do
    local i = rw.select({ rx1, "receive" }, { rx2, "receive" })
    counts[i] = counts[i] + 1
  end
  t.check(counts[1] > 20 and counts[2] > 20, counts[1] .. ":" .. counts[2])
end)

t.run("no value is lost between selects and timeouts", function()
  local tx, rx = rw.channel(1)
  local sum, sent = 0, 0
  rw.spawn(function()
    for i = 1, 200 do
      rw.sleep(0.0007)
      tx:send(i)
      sent = sent + i
    end
    tx:close()
  end)
  while true do
    local i, v, _, code = rw.select({ rx, "receive" }, { timeout = 0.0005 })
    if i == 1 then
      if code == "closed" then break end
      sum = sum + v
    end
  end
  t.equal(sum, sent)
end)

t.run("wrong cases are told and nothing is taken", function()
  local tx, rx = rw.channel(1)
  t.raises("table expected", rw.select, rx)
  t.raises("receive", rw.select, { rx, "send", 1 })
  t.raises("send", rw.select, { tx, "receive" })
  t.raises("awaited", rw.select, { 5 })
  t.raises("case", rw.select, {})
  t.raises("expected", rw.select)
end)

t.run("join gives all values in order", function()
  local a = rw.spawn(function() rw.sleep(2) return "a" end)
  t.values(t.pack(rw.join(a, function() rw.sleep(1) return "b" end, rw.spawn(function() end))), "a", "b", nil)
  t.values(t.pack(rw.join()))
end)

t.run("join raises the first failure and cancels functions", function()
  local cancelled
  t.raises("bad", rw.join, function() rw.sleep(1) error("bad", 0) end, function()
    local ok, e = rw.pcall(rw.sleep, 60)
    cancelled = not ok and rw.is_cancelled(e)
    error(e, 0)
  end)
  t.equal(cancelled, true)
end)

t.run("first gives the index and the value of the first", function()
  local function slow() rw.sleep(2) return "slow" end
  local function fast() rw.sleep(1) return "fast" end
  t.values(t.pack(rw.first(slow, fast)), 2, "fast")
  t.raises("expected", rw.first)
  t.raises("expected", rw.first, 1)
end)

t.run("a future is resolved once and awaited by any number", function()
  local f = rw.future()
  local a = rw.spawn(function() return f:await() end)
  local b = rw.spawn(function() return rw.await(f) end)
  t.equal(f:is_done(), false)
  f:resolve("x", 2)
  t.values(t.pack(a:await()), "x", 2)
  t.values(t.pack(b:await()), "x", 2)
  t.equal(f:is_done(), true)
  t.raises("already", f.resolve, f, 1)
  t.raises("already", f.reject, f, "e")
end)

t.run("a rejected future raises what it was given", function()
  local f = rw.future()
  local mine = {}
  f:reject(mine)
  local ok, problem = rw.pcall(f.await, f)
  t.equal(ok, false)
  t.equal(problem, mine)
  local g = rw.future()
  g:reject("text")
  t.raises("text", g.await, g)
  local h = rw.future()
  h:abandon()
  t.equal(t.raises("", h.await, h).code, "broken")
end)

t.run("map, and_then and or_else chain", function()
  local f = rw.future()
  f:resolve(20)
  t.equal(f:map(function(v) rw.sleep(1) return v + 1 end):await(), 21)
  t.equal(f:and_then(function(v) return rw.spawn(function() rw.sleep(1) return v * 2 end) end):await(), 40)
  local bad = rw.spawn(function() error("no", 0) end)
  t.equal(bad:or_else(function(e) return "rescued " .. e.message end):await(), "rescued no")
  t.raises("no", function() bad:map(function() return 1 end):await() end)
  t.equal(f:or_else(function() return 0 end):map(function(v) return -v end):await(), -20)
end)

t.run("a chained future is awaited once", function()
  local f = rw.future()
  f:resolve(1)
  local g = f:map(function(v) return v end)
  t.equal(g:await(), 1)
  t.raises("already", g.await, g)
  t.raises("function expected", f.map, f, 1)
end)

t.run("what cannot be awaited is told", function()
  t.raises("await", rw.await, 5)
  t.raises("await", rw.await, {})
  t.equal(rw.is_awaitable(rw.future()), true)
  t.equal(rw.is_awaitable({}), false)
end)

t.finish()
