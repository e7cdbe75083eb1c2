-- SPDX-License-Identifier: MIT
-- What the library says of itself, as in the headers, and the options of a loop. tests/python compares
-- the languages.

local t = require "t"
local rw = require "ropewalk"
local surface = require "ropewalk.surface"
local testing = require "ropewalk.testing"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function count(map)
  local found = 0
  for _ in pairs(map) do
    found = found + 1
  end
  return found
end

-- The text of an X table, on one line.
local function table_of(header, name)
  local text = read("include/ropewalk/" .. header):gsub("\\\n", " ")
  return assert(text:match("#define " .. name .. "%(X%)([^\n]*)")):gsub("%s+", " ")
end

t.plain("errors are those of the header", function()
  local found = 0
  for name, number, code, python, text in
    table_of("err.h", "RW_ERRORS"):gmatch 'X%((%S+), (%S+), "(.-)", "(.-)", "(.-)"%)'
  do
    local row = rw.errors()[code]
    t.equal(row.name, name)
    t.equal(row.number, tonumber(number))
    t.equal(row.python, python)
    t.equal(row.text, text)
    t.equal(surface[name:gsub("^RW_", "")], row.number)
    t.equal(rw.error("made", code).code, code)
    found = found + 1
  end
  t.equal(count(rw.errors()), found)
end)

t.plain("options are those of the header", function()
  local found = 0
  local rows = table_of("loop.h", "RW_LOOP_OPTIONS")
  for symbol, name, unit, default, least, most, text in
    rows:gmatch 'X%((%S+), (%S+), "(.-)", (%d+), (%d+), (%d+), "(.-)"%)'
  do
    local row = rw.options()[name]
    t.equal(row.unit, unit)
    t.equal(row.text, text)
    t.equal(row.default, tonumber(default))
    t.equal(row.least, tonumber(least))
    t.equal(row.most, tonumber(most))
    t.equal(surface["DEFAULT_" .. symbol], row.default)
    t.equal(surface["LEAST_" .. symbol], row.least)
    t.equal(surface["MOST_" .. symbol], row.most)
    found = found + 1
  end
  t.equal(count(rw.options()), found)
end)

t.plain("options of a simulation are those of the header", function()
  local limits, found = { INT64_MAX = 2 ^ 63, UINT32_MAX = 2 ^ 32 - 1 }, 0
  local rows = table_of("sim.h", "RW_SIM_OPTIONS")
  for name, unit, default, least, most, text in
    rows:gmatch 'X%(%S+, (%S+), "(.-)", (%d+), (%d+), (%S+), "(.-)"%)'
  do
    local row = testing.options()[name]
    t.equal(row.unit, unit)
    t.equal(row.text, text)
    t.equal(row.default, tonumber(default))
    t.equal(row.least, tonumber(least))
    t.check(most == "INT64_MAX" or row.most == (limits[most] or tonumber(most)), name)
    found = found + 1
  end
  t.equal(count(testing.options()), found)
end)

t.plain("counters are those of the header", function()
  local found, stats = 0, rw.stats()
  for name, text in table_of("loop.h", "RW_STATS"):gmatch 'X%((%S+), "(.-)"%)' do
    t.equal(rw.counters()[name], text)
    t.equal(type(stats[name]), "number")
    found = found + 1
  end
  t.equal(count(rw.counters()), found)
  t.equal(count(stats), found)
end)

t.plain("the version is there in numbers", function()
  local numbers = { surface.VERSION_MAJOR, surface.VERSION_MINOR, surface.VERSION_PATCH }
  t.equal(table.concat(numbers, "."), rw.VERSION)
end)

t.plain("no global is set, and SWIG's of other modules stay", function()
  local globals = { "surface", "swig_type", "swig_equals" }
  for _, name in ipairs(globals) do
    t.equal(rawget(_G, name), nil)
  end
  rawset(_G, "swig_type", "of another")
  package.loaded["ropewalk.surface"] = nil
  local again = require "ropewalk.surface"
  t.equal(rawget(_G, "swig_type"), "of another")
  rawset(_G, "swig_type", nil)
  t.equal(rawget(_G, "swig_equals"), nil)
  t.equal(again.ERR_CLOSED, surface.ERR_CLOSED)
end)

-- ---- the options of a loop ----

local function refusal(options)
  local ok, problem = pcall(rw.loop, options)
  t.equal(ok, false)
  return tostring(problem)
end

t.plain("a wrong option is answered with what is allowed", function()
  local answers = {
    [{ task_buget = 1 }] = "there is no loop option 'task_buget': choose from "
      .. "task_budget, blocking_threads, blocking_queue",
    [{ task_budget = 0 }] = "loop option 'task_budget' is 0: 1 to 1000000 operations are allowed",
    [{ task_budget = 1.5 }] = "loop option 'task_budget' is 1.5: 1 to 1000000 operations are allowed",
    [{ task_budget = "many" }] = "loop option 'task_budget' is a number of operations, not text",
    [{ task_budget = {} }] = "loop option 'task_budget' is a number of operations, not map",
    [{ 5 }] = "the options of a loop are a map, not list",
    [{ task_budget = print }] = "a Lua function cannot be copied",
  }
  for options, said in pairs(answers) do
    t.check(refusal(options):find(said, 1, true), said)
  end
  t.check(refusal(5):find("table expected", 1, true), "table expected")
end)

t.plain("a wrong option of a simulation is answered with what is allowed", function()
  local function refused(said, options)
    t.raises(said, testing.run, error, options)
  end
  refused("there is no simulation option 'latency'", { latency = 1 })
  refused("'short_io_ppm' is 1500000: 0 to 1000000 millionths are allowed", { short_io = 1.5 })
  refused("simulation option 'shuffle' is a flag, not int", { shuffle = 1 })
  refused("'latency_max_ns' is 1000000: less than latency_min_ns", { latency_max = 0.001, latency_min = 1 })
  refused("table expected", 5)
  local good = { latency_min = 1, seed = 5, buffer_size = 1, strict = true }
  t.equal(testing.run(function() return 1 end, good), 1)
end)

t.plain("options come too late when the loop is there", function()
  rw.loop()
  t.check(refusal({ task_budget = 5 }):find("has its loop already", 1, true), "too late")
  t.check(refusal({ task_buget = 5 }):find("there is no loop option", 1, true), "wrong all the same")
end)

local yields = [[
  rw.run(function()
    local tx, rx = rw.channel(1)
    for i = 1, 100 do
      tx:send(i)
      rx:receive()
    end
  end)
  io.write(rw.stats().budget_yields >= 10 and "many" or "few")
]]

t.plain("an option reaches the loop", function()
  t.equal((t.program("rw.loop { task_budget = 10 }\n" .. yields)), "many")
  t.equal((t.program("rw.loop { task_budget = 1000 }\n" .. yields)), "few")
end)

t.plain("every option can be its default and its bounds", function()
  local source = [[
    for name, row in pairs(rw.options()) do
      assert(not pcall(rw.loop, { [name] = row.least - 1 }))
      assert(not pcall(rw.loop, { [name] = row.most + 1 }))
    end
    local options = {}
    for name, row in pairs(rw.options()) do options[name] = row[%q] end
    rw.loop(options)
    io.write "good"
  ]]
  for _, bound in ipairs { "default", "least" } do
    t.equal((t.program(source:format(bound))), "good")
  end
end)

t.plain("a pool has the same bounds as the loop's own", function()
  local most = rw.options().blocking_threads.most
  t.equal(pcall(rw.pool, "default"), true)
  t.equal(pcall(rw.pool, "most", most), true)
  t.equal(pcall(rw.pool, "more", most + 1), false)
  t.equal(pcall(rw.pool, "none", 0), false)
end)

t.finish()
