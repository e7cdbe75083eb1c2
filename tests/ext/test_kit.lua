-- SPDX-License-Identifier: MIT
-- The kit in Lua: what a module made with ropewalk.i gives to scripts, and what misuse comes to.

local rw = require "ropewalk"
local kit = require "kit"
local t = require "t"

-- There it ends the process to give a value of no kind, and leaks are looked for: checked.lua.
local is_checked = os.getenv "ROPEWALK_CHECKED"

t.run("a future is awaited", function()
  t.equal(kit.ready(5), 5)
  t.equal(kit.tick(7), 7)
  t.equal(kit.add(1, 2.5, "abc", true), 7.5)
  local a = rw.spawn(kit.tick, 1)
  local b = rw.spawn(kit.ready, 2)
  t.equal(a:await() + b:await(), 3)
end)

t.run("a failure is nil, message, code, or raised when it is misuse", function()
  t.values(t.pack(kit.fail(-3, "the peer went")), nil, "the peer went", "closed")
  t.values(t.pack(kit.failure(-12, "no disk")), nil, "no disk", "os")
  t.values(t.pack(kit.check(-3)), nil, "closed", "closed")
  t.equal(kit.check(0), true)
  t.raises("not that", kit.fail, -8, "not that")
  t.raises("another task", kit.check, -11)
end)

t.run("a pending failure is nil, message, code, or raised", function()
  t.values(t.pack(kit.later("late", 0)), "late")
  local ok, problem = t.pcall(function()
    return rw.timeout(1, kit.never)
  end)
  t.check(ok and problem == nil)
end)

t.run("cancelling ends the future", function()
  local task = rw.spawn(kit.later, "never", nil)
  rw.yield_now()
  task:cancel()
  local ok, problem = t.pcall(task.await, task)
  t.check(not ok and rw.is_cancelled(problem))
  t.values(t.pack(rw.timeout(1, kit.later, "late", 2)), nil, "timeout", "timeout")
  t.equal(rw.timeout(1, kit.later, "in time", 0.5), "in time")
end)

t.run("a future may be a parameter", function()
  t.equal(kit.hand_on(rw.spawn(function() rw.yield_now() return 42 end)), 42)
  t.raises("bad argument #1 to 'hand_on'", kit.hand_on, 3)
end)

t.run("values are copied", function()
  local value = kit.echo { list = { 1, 2.5, true }, text = "x" }
  t.equal(value.list[2], 2.5)
  t.equal(value.text, "x")
  t.equal(kit.describe { 1, 2 }, "list")
  t.equal(kit.describe(1), "int")
  t.raises("bad argument #1 to 'echo'", kit.echo, print)
  t.raises("bad argument #1 to 'describe'", kit.describe, print)
  local cycle = {}
  cycle.self = cycle
  t.raises("bad argument", kit.echo, cycle)
  t.equal(kit.same(print), print)
end)

t.plain("integers keep their bits", function()
  for _, number in ipairs { 0, -1, 2 ^ 53, -2 ^ 53, 127 } do
    t.equal(kit.int64(number), number)
  end
  t.equal(kit.plus(1, 2, 3, 4), 10)
  t.equal(kit.int8(-128), -128)
  t.raises("an integer from -128 to 127 expected", kit.int8, 128)
  t.raises("an integer from 0 to 65535 expected", kit.unsigned_short, -1)
  t.raises("an integer expected, got", kit.int64, 1.5)
  t.raises("an integer expected, got string", kit.int64, "1")
  t.raises("does not fit", kit.int64, 2 ^ 70)
  if math.maxinteger then
    t.equal(kit.int64(math.maxinteger), math.maxinteger)
    t.equal(kit.int64(math.mininteger), math.mininteger)
    t.equal(kit.uint64(-1), -1) -- as math.ult has it
    t.equal(math.type(kit.int64(3)), "integer")
  else
    local big = kit.int64(-2 ^ 63)
    t.equal(tostring(big), "-9223372036854775808")
    t.equal(kit.int64(big), big)
    t.equal(tostring(kit.plus(big, 1, 0, 0)), "-9223372036854775807")
    t.equal(tostring(kit.uint64(2 ^ 63)), "9223372036854775808")
    t.equal(kit.uint64(kit.uint64(2 ^ 63)), kit.uint64(2 ^ 63))
    t.raises("expected", kit.uint64, -1)
  end
end)

if t.is_jit then
  t.plain("LuaJIT's own int64_t counts", function()
    local load = loadstring or load
    local big = load("return 9007199254740993LL")()
    t.equal(tostring(kit.int64(big)), "9007199254740993")
    t.equal(tostring(kit.uint64(load("return 18446744073709551615ULL")())), "18446744073709551615")
  end)
end

t.plain("bytes are not copied and text is text", function()
  t.equal(kit.sum_bytes("\1\2\255"), 258)
  t.equal(kit.text_size("a\0b"), 3)
  t.raises("bad argument #2 to 'failure' (a string expected, got nil)", kit.failure, -8, nil)
  t.raises("bad argument #2 to 'failure' (a string expected, got table)", kit.failure, -8, {})
  t.raises("a string expected, got number", kit.text_size, 3)
  t.raises("a string or a buffer expected, got table", kit.sum_bytes, {})
end)

t.run("a buffer is looked at in place", function()
  local buffer = kit.bytes(300)
  t.equal(buffer:len(), 300)
  if _VERSION ~= "Lua 5.1" then
    t.equal(#buffer, 300)
  end
  t.equal(buffer:sub(255, 258), "\254\255\0\1")
  t.equal(buffer:sub(-2), "\42\43")
  t.equal(buffer:sub(5, 4), "")
  t.values(t.pack(buffer:byte(2, 4)), 1, 2, 3)
  t.equal(buffer:byte(-300), 0)
  t.values(t.pack(buffer:byte(301)))
  t.equal(#tostring(kit.bytes(7)), 7)
  t.equal(kit.sum_bytes(kit.bytes(4)), 6)
  t.equal(tostring(kit.bytes(0)), "")
end)

t.run("seconds are seconds", function()
  t.equal(kit.timeout(1.5), 1500000000)
  t.equal(kit.remaining(2), 2000000000)
  t.equal(kit.remaining(nil), -1)
  t.raises("seconds (a number) expected", kit.timeout, "soon")
  t.raises("seconds (a number) expected", kit.timeout, 0 / 0)
end)

t.run("channels and streams go both ways", function()
  local tx, rx = rw.channel(3)
  kit.send(tx, "over")
  t.equal(kit.receive(rx), "over")
  t.equal(t.list(t.collect(kit.filled_channel(3):stream())), "1 2 3")
  t.equal(t.list(t.collect(kit.count_to(3):map(function(x) return x * x end))), "1 4 9")
  t.equal(kit.next(kit.count_to(2)), 1)
  tx:send("queued")
  t.equal(kit.next(rx), "queued")
  t.raises("a receiver expected", kit.receive, tx)
  t.raises("a sender expected, got number", kit.send, 5, 1)
  t.raises("bad argument #1 to 'next'", kit.next, 5)
end)

t.run("a callback is called on its loop", function()
  t.equal(kit.call(function(x) rw.yield_now() return x * 2 end, 21), 42)
  t.raises("went wrong", kit.call, function() error("went wrong") end, 1)
  t.raises("a function expected, got number", kit.call, 3, 1)
end)

t.plain("other threads post and complete", function()
  rw.run(function()
    local posted = rw.future()
    kit.post_from_thread(function(x) posted:resolve(x) end, "posted")
    t.equal(posted:await(), "posted")
    t.equal(kit.from_thread(9), 9)
  end)
end)

t.run("misuse has a defined result", function()
  t.values(t.pack(kit.given_up()), nil, "kit.given_up was given up without a result", "broken")
  t.equal(kit.twice(), -10) -- RW_ERR_STATE, for the second
  t.raises("null gave no future", kit.null)
  if not is_checked then
    t.raises("a value of an unknown kind (99)", kit.wrong_kind)
  end
end)

if not is_checked then
  t.plain("leaks are counted", function()
    local before = rw.stats().objects_live
    kit.forget()
    t.equal(rw.stats().objects_live, before + 1)
  end)
end

t.run("objects of the module arrive as its classes", function()
  local counter = kit.new_counter(5)
  t.equal(counter:add(3), 8)
  t.equal(counter:wait(2), 10)
  t.equal(kit.counter_now(1):add(0), 1)
  t.equal(kit.live_counters(), 2)
  t.raises("kit_counter", function() counter.add(nil, 1) end)
  counter = counter:add(0)
  t.equal(counter, 10)
  collectgarbage()
  collectgarbage()
  t.equal(kit.live_counters(), 0)
end)

t.plain("a module's thread may outlive the state", function()
  local code = "local kit, rw = require [[kit]], require [[ropewalk]] rw.run(function()"
    .. " rw.spawn(kit.when_process_ends):detach() rw.yield_now() end)"
  local pipe = assert(io.popen(("%s -e '%s' 2>&1; echo $?"):format(arg[-1], code)))
  t.equal(pipe:read("*a"), "0\n")
  pipe:close()
end)

t.plain("outside a task the error says so", function()
  t.raises("cannot await outside a task", kit.ready, 1)
  t.equal(kit.echo(5), 5)
end)

t.run("wrong arguments leave nothing behind", function()
  local tx = rw.channel(1)
  local before = rw.stats().objects_live
  for _ = 1, 20 do
    t.raises("bad argument", kit.send, tx, print)
    t.raises("bad argument", kit.call, print, print)
  end
  for _ = 1, 3 do
    rw.yield_now()
  end
  t.equal(rw.stats().objects_live, before)
end)

t.finish()
