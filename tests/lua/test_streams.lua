-- SPDX-License-Identifier: MIT
-- Streams, generators, adapters, sinks.

local rw = require "ropewalk"
local t = require "t"

local function numbers(n)
  return rw.stream(function(emit)
    for i = 1, n do emit(i) end
  end)
end

t.run("a generator gives what it emits", function()
  t.equal(t.list(t.collect(numbers(5))), "1 2 3 4 5")
  t.equal(t.list(t.collect(numbers(0))), "")
end)

t.run("a generator runs only as far as it is read", function()
  local note = t.trace()
  local s = rw.stream(function(emit)
    for i = 1, 3 do
      note("make " .. i)
      emit(i)
    end
  end)
  t.equal(tostring(note), "")
  s:next()
  s:next()
  t.equal(tostring(note), "make 1, make 2")
  s:close()
  t.equal(s:next(), nil)
end)

t.run("a generator may await", function()
  local before = rw.now()
  local s = rw.stream(function(emit)
    for i = 1, 3 do
      rw.sleep(1)
      emit(i)
    end
  end)
  t.equal(t.list(t.collect(s)), "1 2 3")
  t.equal(rw.now() - before, 3)
end)

t.run("an error of a generator is raised where it is read", function()
  local s = rw.stream(function(emit)
    emit(1)
    error("spoilt", 0)
  end)
  t.equal(s:next(), 1)
  t.raises("spoilt", s.next, s)
  t.equal(s:next(), nil)
end)

t.run("emit belongs to its generator", function()
  local stolen
  local s = rw.stream(function(emit) stolen = emit emit(1) end)
  s:next()
  t.raises("generator", function() stolen(2) end)
end)

t.run("lists, receivers and intervals are sources", function()
  t.equal(t.list(t.collect(rw.stream { "a", "b" })), "a b")
  local tx, rx = rw.channel(3)
  tx:send(1)
  tx:send(2)
  tx:close()
  t.equal(t.list(t.collect(rx:stream())), "1 2")
  local before = rw.now()
  local ticks = t.collect(rw.interval(2):take(3))
  t.equal(t.list(ticks), "0 1 2")
  t.equal(rw.now() - before, 4)
  t.raises("period", rw.interval, 0)
end)

t.run("map, filter and take", function()
  local s = numbers(10):map(function(v) return v * v end):filter(function(v) return v % 2 == 0 end):take(3)
  t.equal(t.list(t.collect(s)), "4 16 36")
end)

t.run("functions of adapters may await", function()
  local s = numbers(3):map(function(v) rw.sleep(v) return v end)
  s = s:filter(function(v) rw.sleep(1) return v ~= 2 end)
  t.equal(t.list(t.collect(s)), "1 3")
  t.equal(rw.now() >= 9, true)
end)

t.run("an error in an adapter ends the stream", function()
  local s = numbers(3):map(function(v) if v == 2 then error("two", 0) end return v end)
  t.equal(s:next(), 1)
  t.raises("two", s.next, s)
  t.equal(s:next(), nil)
end)

t.run("chunks collects lists", function()
  local chunks = t.collect(numbers(5):chunks(2))
  t.equal(t.list(chunks), "{1 2} {3 4} {5}")
end)

t.run("merge takes items as they come", function()
  local function every(period, name)
    return rw.interval(period):take(3):map(function(i) return name .. i end)
  end
  local got = t.collect(every(2, "a"):merge(every(3, "b")))
  table.sort(got)
  t.equal(t.list(got), "a0 a1 a2 b0 b1 b2")
  t.equal(#t.collect(rw.merge(numbers(2), numbers(3), numbers(4))), 9)
end)

t.run("buffered runs some at a time and keeps the order", function()
  local running, most = 0, 0
  local before = rw.now()
  local s = numbers(6):buffered(3, function(v)
    running = running + 1
    most = math.max(most, running)
    rw.sleep(7 - v)
    running = running - 1
    return v
  end)
  t.equal(t.list(t.collect(s)), "1 2 3 4 5 6")
  t.equal(most, 3)
  t.check(rw.now() - before < 21)
end)

t.run("an adapter takes the stream it is called on", function()
  local s = numbers(3)
  local mapped = s:map(function(v) return v end)
  t.raises("closed", s.next, s)
  t.equal(mapped:next(), 1)
  t.raises("function expected", mapped.map, mapped, 1)
  t.raises("same stream", rw.merge, mapped, mapped)
end)

t.run("a nil in a stream comes as null", function()
  local s = rw.stream(function(emit) emit(nil) emit(1) end)
  t.equal(s:next(), rw.null)
  t.equal(s:next(), 1)
  t.equal(s:next(), nil)
end)

t.run("a sink takes with back-pressure", function()
  local tx, rx = rw.channel(1)
  local sink = rw.sink(tx)
  local got
  rw.spawn(function() rw.sleep(1) got = t.list(t.collect(rx)) end)
  for i = 1, 4 do sink:send(i) end
  sink:flush()
  sink:close()
  rw.sleep(2)
  t.equal(got, "1 2 3 4")
end)

t.run("forward moves everything and closes the sink", function()
  local tx, rx = rw.channel(2)
  local reader = rw.spawn(function() return t.list(t.collect(rx)) end)
  local sink = tx:sink()
  t.equal(rw.forward(numbers(7), sink), 7)
  t.equal(reader:await(), "1 2 3 4 5 6 7")
end)

t.run("a read that is cut off loses no item of a channel", function()
  local tx, rx = rw.channel(4)
  local s = rx:stream()
  t.equal(select(2, rw.timeout(1, s.next, s)), "timeout")
  tx:send("kept")
  t.equal(s:next(), "kept")
end)

if not t.is_51 then
  t.run("iter works in a generic for", function()
    local sum = 0
    for v in numbers(4):iter() do sum = sum + v end
    t.equal(sum, 10)
  end)
end

t.run("emit gives true", function()
  local results
  local s = rw.stream(function(emit)
    results = t.pack(emit(1))
  end)
  t.list(t.collect(s))
  t.values(results, true)
end)

t.finish()
