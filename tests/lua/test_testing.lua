-- SPDX-License-Identifier: MIT
-- ropewalk.testing: the same seed, the same run.

local rw = require "ropewalk"
local testing = require "ropewalk.testing"
local t = require "t"

-- The order in which six connections answer, which latency and seed decide.
local function workload(seed)
  return testing.run(function()
    local note = t.trace()
    rw.scope(function(s)
      for i = 1, 6 do
        local a, b = rw.unix.pair()
        s:spawn(function()
          for _ = 1, 3 do note(i .. a:read(1)) end
          a:close()
        end)
        s:spawn(function()
          for j = 1, 3 do
            b:write(tostring(j))
            rw.sleep(0.5)
          end
          b:close()
        end)
      end
    end)
    return tostring(note)
  end, { seed = seed, shuffle = true, latency_max = 1 })
end

t.plain("a seed replays the same order, another gives another", function()
  t.equal(workload(1), workload(1))
  local different = 0
  for seed = 2, 10 do
    if workload(seed) ~= workload(1) then different = different + 1 end
  end
  t.check(different > 5)
end)

t.plain("results and errors come out of run", function()
  t.values(t.pack(testing.run(function() rw.sleep(1e6) return 1, 2 end)), 1, 2)
  t.raises("out", testing.run, function() error("out", 0) end)
  t.raises("function expected", testing.run, 1)
end)

t.plain("sockets that are left open are told in strict runs", function()
  local kept
  local function body() kept = { rw.unix.pair() } end
  t.raises("2 descriptors were left open", testing.run, body, { strict = true })
  testing.run(body)
  t.equal(#kept, 2)
end)

t.plain("the simulation can be looked at", function()
  testing.run(function(sim)
    t.equal(sim:fd_count(), 0)
    local before = sim:now()
    sim:advance(5)
    t.equal(sim:now() - before, 5)
    local number = sim:random()
    t.check(number >= 0 and number < 1)
    sim:add_name("example.test", "10.0.0.1")
    t.equal(rw.dns.resolve("example.test")[1].address, "10.0.0.1")
  end)
end)

t.plain("the language server is told of every function, and of no other", function()
  local file = assert(io.open("lua/ropewalk/meta.lua"))
  local source = file:read "*a"
  file:close()
  local told = {}
  for name in source:gmatch "function rw%.([%w_%.]+)%(" do told[name] = true end
  for name in source:gmatch "%-%-%-@field ([%w_]+)" do told[name] = true end
  for name, value in pairs(rw) do
    if type(value) == "function" then t.check(told[name], name .. " is missing") end
  end
  for name in source:gmatch "function rw%.([%w_]+)%(" do
    t.check(rw[name] ~= nil, name .. " does not exist")
  end
end)

t.finish()
