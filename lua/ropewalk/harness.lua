-- SPDX-License-Identifier: MIT
--
-- ropewalk.harness - behaviour cases in this Lua.
--
--      lua -e 'require("ropewalk.harness").main(arg)' -- [--trace] FILE...
--
-- Each case runs on a simulated loop of its own; when its main task has ended and its variables are
-- gone, nothing may be left.
-- With --trace nothing is compared: what happened is printed for another program to compare, in lines of
-- fields with
-- tabs between them (docs/harness.md).

local rw = require "ropewalk"
local testing = require "ropewalk.testing"
local case_format = require "ropewalk.harness.case"
local steps = require "ropewalk.harness.steps"

local M = {}

-- The name of this Lua in `only` and `not`: "luajit", "lua5.1" ...
M.LANGUAGE = rawget(_G, "jit") and "luajit" or "lua" .. _VERSION:match("%d+%.%d+")

local function left_alive()
  collectgarbage()
  collectgarbage()
  rw.yield_now()
  rw.yield_now()
  collectgarbage()
  return rw.stats()
end

-- Runs one case in virtual time and gives its trace, a list of lines.
function M.run_case(case)
  local trace = {}
  testing.run(function()
    local started = rw.now()
    local function write(label, text)
      local milliseconds = math.floor((rw.now() - started) * 1000 + 0.5)
      trace[#trace + 1] = ("%d %s %s"):format(milliseconds, label, text)
    end
    local before = left_alive()
    do
      local runner = steps.new(case, write)
      local task = rw.spawn({ name = "main" }, function()
        return runner:run_task("main", "main")
      end)
      rw.pcall(rw.await, task)
    end
    local after = left_alive()
    local tasks = after.tasks_live - before.tasks_live
    local objects = after.objects_live - before.objects_live
    local futures = after.futures_live - before.futures_live
    if tasks + objects + futures ~= 0 then
      write("left", ("tasks=%d objects=%d futures=%d"):format(tasks, objects, futures))
    end
  end)
  return trace
end

local function read_file(path)
  local file, problem = io.open(path, "rb")
  if not file then
    return nil, problem
  end
  local text = file:read("*a")
  file:close()
  return text
end

local function load_cases(path)
  local text, problem = read_file(path)
  if not text then
    return nil, problem
  end
  local cases
  cases, problem = case_format.parse(text)
  return cases, problem and path .. ": " .. problem
end

local function print_difference(expected, trace)
  for i = 1, math.max(#expected, #trace) do
    if expected[i] == trace[i] then
      print("#   " .. trace[i])
    else
      if expected[i] then
        print("# - " .. expected[i])
      end
      if trace[i] then
        print("# + " .. trace[i])
      end
    end
  end
end

local function compare(case, path, totals)
  local ok, trace = pcall(M.run_case, case)
  if not ok then
    trace = { "error " .. tostring(trace) }
  end
  if table.concat(trace, "\n") == table.concat(case.expected, "\n") then
    print("ok " .. case.name)
    totals.passed = totals.passed + 1
    return
  end
  print(("not ok %s\n# %s:%d"):format(case.name, path, case.line))
  print_difference(case.expected, trace)
  totals.failed = totals.failed + 1
end

local function print_trace(case, path)
  print(("case\t%s\t%d\t%s"):format(path, case.line, case.name))
  local reason = case_format.skip_reason(case, M.LANGUAGE)
  if reason then
    print("skip\t" .. reason)
    return
  end
  local ok, trace = pcall(M.run_case, case)
  if not ok then
    print("error\t" .. tostring(trace):gsub("[\t\n]", " "))
    return
  end
  for _, line in ipairs(trace) do
    print("trace\t" .. line)
  end
end

local function run_file(path, totals, trace_only)
  local cases, problem = load_cases(path)
  if not cases then
    print((trace_only and "error\t" or "not ok ") .. path .. (trace_only and " " or "\n# ") .. problem)
    totals.failed = totals.failed + 1
    return
  end
  for _, case in ipairs(cases) do
    local reason = case_format.skip_reason(case, M.LANGUAGE)
    if trace_only then
      print_trace(case, path)
    elseif reason then
      print(("skip %s %s"):format(case.name, reason))
      totals.skipped = totals.skipped + 1
    else
      compare(case, path, totals)
    end
  end
end

-- Runs the files named by `arguments` and ends the process with how it went.
function M.main(arguments)
  local totals = { passed = 0, failed = 0, skipped = 0 }
  local trace_only = arguments[1] == "--trace"
  for i = trace_only and 2 or 1, #arguments do
    run_file(arguments[i], totals, trace_only)
  end
  if not trace_only then
    print(("%d passed, %d failed, %d skipped"):format(totals.passed, totals.failed, totals.skipped))
  end
  io.stdout:flush()
  os.exit(totals.failed == 0 and 0 or 1)
end

return M
