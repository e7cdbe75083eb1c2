-- SPDX-License-Identifier: MIT
-- Channels, permits, oneshots, broadcast, watch.

local rw = require "ropewalk"
local t = require "t"

t.run("values come in the order in which they were sent", function()
  local tx, rx = rw.channel(2)
  rw.spawn(function()
    for i = 1, 20 do tx:send(i) end
    tx:close()
  end)
  local got = t.collect(rx)
  t.equal(#got, 20)
  for i = 1, 20 do t.equal(got[i], i) end
end)

t.run("a full channel makes the sender wait", function()
  local note = t.trace()
  local tx, rx = rw.channel(1)
  rw.spawn(function()
    tx:send(1)
    note "one"
    tx:send(2)
    note "two"
  end)
  rw.sleep(1)
  note "receive"
  t.equal(rx:receive(), 1)
  rw.sleep(1)
  t.equal(tostring(note), "one, receive, two")
  t.equal(tx:capacity(), 1)
  t.equal(rx:count(), 1)
end)

t.run("a rendezvous ends when the value was taken", function()
  local tx, rx = rw.channel(0)
  local sent = false
  rw.spawn(function() tx:send("v") sent = true end)
  rw.sleep(1)
  t.equal(sent, false)
  t.equal(rx:receive(), "v")
  rw.yield_now()
  t.equal(sent, true)
end)

t.run("an unbounded channel never makes a sender wait", function()
  local tx, rx = rw.channel()
  for i = 1, 1000 do t.equal(tx:try_send(i), true) end
  t.equal(rx:count(), 1000)
  t.equal(tx:capacity(), math.huge)
end)

t.run("what was sent before the close is still received", function()
  local tx, rx = rw.channel(3)
  tx:send("a")
  tx:close()
  t.equal(tx:is_closed(), true)
  t.equal(rx:receive(), "a")
  t.values(t.pack(rx:receive()), nil, "closed", "closed")
  t.values(t.pack(tx:send("b")), nil, "closed", "closed")
end)

t.run("closing the receiver tells the senders", function()
  local tx, rx = rw.channel(1)
  tx:send(1)
  local task = rw.spawn(function() return tx:send(2) end)
  rw.yield_now()
  rx:close()
  t.values(t.pack(task:await()), nil, "closed", "closed")
  t.equal(tx:is_closed(), true)
end)

t.run("closing twice does nothing", function()
  local tx, rx = rw.channel(1)
  tx:close()
  tx:close()
  rx:close()
  rx:close()
end)

t.run("try_send and try_receive never wait", function()
  local tx, rx = rw.channel(1)
  t.values(t.pack(rx:try_receive()), nil, "nothing there now", "empty")
  t.equal(tx:try_send("x"), true)
  t.values(t.pack(tx:try_send("y")), nil, "no room now", "full")
  t.equal(rx:try_receive(), "x")
end)

t.run("clones share the channel, which ends with the last of them", function()
  local tx, rx = rw.channel(4)
  local other = tx:clone()
  tx:close()
  t.equal(other:send(1), true)
  other:close()
  t.equal(rx:receive(), 1)
  t.equal(select(3, rx:receive()), "closed")
  local _, b = rw.channel(1)
  local c = b:clone()
  b:close()
  t.equal(c:is_closed(), false)
end)

t.run("many receivers share the values", function()
  local tx, rx = rw.channel(0)
  local sum = 0
  rw.scope(function(s)
    for _ = 1, 4 do
      local mine = rx:clone()
      s:spawn(function()
        for _, v in ipairs(t.collect(mine)) do sum = sum + v end
      end)
    end
    for i = 1, 100 do tx:send(i) end
    tx:close()
  end)
  t.equal(sum, 5050)
end)

t.run("a permit sends without waiting, or gives the room back", function()
  local tx, rx = rw.channel(1)
  local permit = tx:reserve()
  t.equal(select(3, tx:try_send("x")), "full")
  t.equal(permit:send("y"), true)
  t.equal(rx:receive(), "y")
  t.raises("state", function() permit:send("z") end)
  local second = tx:reserve()
  second:release()
  second:close()
  t.equal(tx:try_send("w"), true)
end)

t.run("a receive that is cut off loses nothing", function()
  local tx, rx = rw.channel(1)
  t.equal(select(2, rw.timeout(1, rx.receive, rx)), "timeout")
  tx:send("kept")
  t.equal(rx:receive(), "kept")
end)

t.run("every kind of value crosses", function()
  local tx, rx = rw.channel(20)
  local f = function() end
  local tab = { 1 }
  local values = { true, false, 0, -1, 1.5, "text", "\255\254", f, tab, tx, rw.null }
  for _, v in ipairs(values) do tx:send(v) end
  for i = 1, 10 do
    local got = rx:receive()
    t.equal(got, values[i], "value " .. i)
  end
  t.values(t.pack(rx:receive()), nil)
  tx:send(nil)
  t.values(t.pack(rx:receive()), nil)
end)

t.run("a closed channel can be told from a nil that was sent", function()
  local tx, rx = rw.channel(1)
  tx:send(nil)
  tx:close()
  t.equal(rx:next(), rw.null)
  t.equal(rx:next(), nil)
end)

t.run("a shared channel takes copies and refuses what has none", function()
  local tx, rx = rw.channel(4, { shared = true })
  tx:send({ a = { 1, 2 } })
  local got = rx:receive()
  t.equal(got.a[2], 2)
  t.raises("function", function() tx:send(print) end)
  tx:send("s")
  t.equal(rx:receive(), "s")
end)

if not t.is_51 then
  t.run("iter works in a generic for", function()
    local tx, rx = rw.channel(1)
    rw.spawn(function()
      for i = 1, 3 do tx:send(i) end
      tx:close()
    end)
    local sum = 0
    for v in rx:iter() do sum = sum + v end
    t.equal(sum, 6)
  end)
else
  t.skip("iter works in a generic for", "Lua 5.1 cannot suspend in an iterator")
end

t.run("a oneshot carries one value", function()
  local tx, rx = rw.oneshot()
  t.equal(tx:is_closed(), false)
  rw.spawn(function() rw.sleep(1) tx:send("once") end)
  t.equal(rx:receive(), "once")
  t.raises("state", function() tx:send("twice") end)
  t.raises("already", rx.receive, rx)
end)

t.run("a oneshot whose sender goes away says closed", function()
  local tx, rx = rw.oneshot()
  tx:close()
  t.equal(select(3, rx:receive()), "closed")
end)

t.run("a broadcast reaches everyone who subscribed", function()
  local all = rw.broadcast(4)
  local a, b = all:subscribe(), all:subscribe()
  t.equal(all:send("x"), 2)
  t.equal(a:receive(), "x")
  t.equal(b:receive(), "x")
  for i = 1, 6 do all:send(i) end
  t.equal(select(3, a:receive()), "lagged")
  t.equal(a:missed(), 2)
  t.equal(a:receive(), 3)
  all:close()
  b:close()
end)

t.run("a watch gives the newest value", function()
  local cell = rw.watch(1)
  local seen = cell:subscribe()
  t.equal(seen:value(), 1)
  rw.spawn(function()
    cell:send(2)
    cell:send(3)
    rw.sleep(1)
    cell:close()
  end)
  t.equal(seen:changed(), 3)
  t.equal(select(3, seen:changed()), "closed")
end)

t.run("wrong arguments and closed handles are told", function()
  local tx, rx = rw.channel(1)
  t.raises("integer", rw.channel, -1)
  t.raises("integer", rw.channel, 1.5)
  t.raises("sender expected", tx.send, rx, 1)
  t.raises("receiver expected", rx.receive, tx)
  t.raises("receiver expected", rx.receive)
  t.raises("table expected", rw.channel, 1, "shared")
end)

t.finish()
