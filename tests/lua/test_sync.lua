-- SPDX-License-Identifier: MIT
-- Semaphores, notifications, and the locks made of them.

local rw = require "ropewalk"
local t = require "t"

t.run("a semaphore lets so many in", function()
  local s = rw.semaphore(2)
  local inside, most = 0, 0
  rw.scope(function(scope)
    for _ = 1, 6 do
      scope:spawn(function()
        s:acquire()
        inside = inside + 1
        most = math.max(most, inside)
        rw.sleep(1)
        inside = inside - 1
        s:release()
      end)
    end
  end)
  t.equal(most, 2)
  t.equal(s:available(), 2)
  t.equal(s:try_acquire(3), false)
  t.equal(s:try_acquire(2), true)
end)

t.run("a closed semaphore wakes its waiters", function()
  local s = rw.semaphore(0)
  local task = rw.spawn(function() return s:acquire() end)
  rw.yield_now()
  s:close()
  t.equal(select(3, task:await()), "closed")
end)

t.run("a notification wakes one or all, and is kept when none waits", function()
  local n = rw.notify()
  local woken = 0
  for _ = 1, 3 do
    rw.spawn(function() n:wait() woken = woken + 1 end)
  end
  rw.sleep(1)
  n:notify_one()
  rw.sleep(1)
  t.equal(woken, 1)
  t.equal(n:notify_all(), 2)
  rw.sleep(1)
  t.equal(woken, 3)
  n:notify_one()
  n:wait()
end)

t.run("a mutex lets one in at a time, in the order of coming", function()
  local m = rw.mutex()
  local note = t.trace()
  rw.scope(function(s)
    for i = 1, 3 do
      s:spawn(function()
        m:lock()
        note("in" .. i)
        rw.sleep(1)
        note("out" .. i)
        m:unlock()
      end)
    end
  end)
  t.equal(tostring(note), "in1, out1, in2, out2, in3, out3")
  t.equal(m:is_locked(), false)
  t.raises("not locked", m.unlock, m)
end)

t.run("with unlocks however the function ends", function()
  local m = rw.mutex()
  t.values(t.pack(m:with(function(a) return a, 2 end, 1)), 1, 2)
  t.raises("inside", m.with, m, function() error("inside", 0) end)
  t.equal(m:try_lock(), true)
  t.equal(m:try_lock(), false)
  m:unlock()
end)

t.run("a lock that is cut off leaves the mutex free", function()
  local m = rw.mutex()
  m:lock()
  t.equal(select(2, rw.timeout(1, m.lock, m)), "timeout")
  m:unlock()
  t.equal(m:try_lock(), true)
  m:unlock()
end)

t.run("readers share, writers do not", function()
  local lock = rw.rwlock()
  local note = t.trace()
  rw.scope(function(s)
    for i = 1, 2 do
      s:spawn(function() lock:read(function() note("r" .. i) rw.sleep(1) note("r" .. i .. " out") end) end)
    end
    s:spawn(function() lock:write(function() note "w" rw.sleep(1) note "w out" end) end)
    s:spawn(function() lock:read(function() note "r3" end) end)
  end)
  t.equal(tostring(note), "r1, r2, r1 out, r2 out, w, w out, r3")
end)

t.run("a condition waits without holding the mutex", function()
  local m, c = rw.mutex(), rw.condition()
  local ready, seen = false, false
  rw.spawn(function()
    m:lock()
    while not ready do c:wait(m) end
    seen = true
    m:unlock()
  end)
  rw.sleep(1)
  m:lock()
  ready = true
  c:notify_all()
  m:unlock()
  rw.sleep(1)
  t.equal(seen, true)
end)

t.run("a barrier lets all go when the last has come", function()
  local b = rw.barrier(3)
  local leaders, gone = 0, 0
  for i = 1, 3 do
    rw.spawn(function()
      rw.sleep(i)
      if b:wait() then leaders = leaders + 1 end
      gone = gone + 1
    end)
  end
  rw.sleep(2.5)
  t.equal(gone, 0)
  rw.sleep(1)
  t.equal(gone, 3)
  t.equal(leaders, 1)
  t.raises("number of tasks", rw.barrier, 0)
end)

t.run("once computes once", function()
  local once = rw.once()
  local count = 0
  local function compute(v)
    rw.sleep(1)
    count = count + 1
    return v
  end
  t.raises("try again", once.get, once, function() error("try again", 0) end)
  local a = rw.spawn(function() return once:get(compute, "first") end)
  local b = rw.spawn(function() return once:get(compute, "second") end)
  t.equal(a:await(), "first")
  t.equal(b:await(), "first")
  t.equal(count, 1)
end)

t.finish()
