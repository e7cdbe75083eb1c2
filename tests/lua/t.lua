-- SPDX-License-Identifier: MIT
--
-- t - the runner of the Lua tests: one line per test, a count at the end.
--
-- A test is a function that raises when something is wrong. t.run's run in simulation, where no time passes
-- and whatever is left open is an error; t.plain's run as they are. Both check afterwards that no task,
-- timer or future of theirs is left.

local rw = require "ropewalk"
local testing = require "ropewalk.testing"

local t = { passed = 0, failed = 0, skipped = 0 }

t.is_51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
t.is_jit = rawget(_G, "jit") ~= nil
t.has_close = _VERSION >= "Lua 5.4"

-- pcall that can be awaited across on every version.
t.pcall = rw.pcall

local function describe(problem)
  return (tostring(problem):gsub("\n", "\n# "))
end

local function report(name, ok, problem)
  if ok then
    t.passed = t.passed + 1
    print("ok " .. name)
  else
    t.failed = t.failed + 1
    print("not ok " .. name)
    print("# " .. describe(problem))
  end
end

local function add_traceback(problem)
  if type(problem) == "string" then
    return debug.traceback(problem, 2)
  end
  return problem
end

function t.plain(name, fn)
  report(name, xpcall(fn, add_traceback))
end

-- fn(sim) as the main task of a simulation.
function t.run(name, fn, options)
  options = options or {}
  if options.strict == nil then
    options.strict = true
  end
  t.plain(name, function()
    testing.run(function(sim)
      fn(sim)
      return true
    end, options)
  end)
end

function t.skip(name, reason)
  t.skipped = t.skipped + 1
  print("skip " .. name .. " " .. reason)
end

local function show(value)
  return type(value) == "string" and string.format("%q", value) or tostring(value)
end

function t.equal(got, wanted, what)
  if got ~= wanted then
    error((what and what .. ": " or "") .. "got " .. show(got) .. ", wanted " .. show(wanted), 2)
  end
end

-- Compares all values: t.same({got...}, {wanted...}) as lists with n.
function t.values(got, ...)
  local count = select("#", ...)
  t.equal(got.n, count, "number of values")
  for i = 1, count do
    t.equal(got[i], (select(i, ...)), "value " .. i)
  end
end

function t.pack(...)
  return { n = select("#", ...), ... }
end

function t.check(condition, what)
  if not condition then
    error(what or "a condition does not hold", 2)
  end
end

-- fn(...) must raise something whose text contains `part`; gives what was raised.
function t.raises(part, fn, ...)
  local ok, problem = t.pcall(fn, ...)
  if ok then
    error("no error was raised, wanted: " .. part, 2)
  end
  local text = tostring(problem)
  if not text:find(part, 1, true) then
    error("the error " .. show(text) .. " does not contain " .. show(part), 2)
  end
  return problem
end

-- All items of a stream or receiver, without a for that Lua 5.1 could not await in.
function t.collect(source)
  local items = {}
  while true do
    local item = source:next()
    if item == nil then
      return items
    end
    items[#items + 1] = item
  end
end

function t.list(items)
  local parts = {}
  for i, item in ipairs(items) do
    parts[i] = type(item) == "table" and "{" .. t.list(item) .. "}" or tostring(item)
  end
  return table.concat(parts, " ")
end

-- A trace of events: note "x"; tostring gives "x y z".
function t.trace()
  return setmetatable({}, {
    __call = function(self, ...)
      self[#self + 1] = table.concat({ ... }, " ")
    end,
    __tostring = function(self)
      return table.concat(self, ", ")
    end,
  })
end

-- Runs a program of its own on the same interpreter: its output and its exit status.
function t.program(source)
  local i, interpreter = 0, nil
  while arg[i] do
    interpreter = arg[i]
    i = i - 1
  end
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write('local rw = require "ropewalk"\n', source)
  file:close()
  local pipe = assert(io.popen(interpreter .. " " .. path .. " 2>&1; echo status $?"))
  local output, status = pipe:read("*a"):match("^(.-)status (%d+)%s*$")
  pipe:close()
  os.remove(path)
  return output, status
end

function t.finish()
  print(("%d passed, %d failed, %d skipped"):format(t.passed, t.failed, t.skipped))
  os.exit(t.failed == 0 and 0 or 1, true)
end

return t
