-- SPDX-License-Identifier: MIT
--
-- test_harness - the reader of behaviour cases: what it reads, and what it says about what it cannot.

local t = require "t"
local case_format = require "ropewalk.harness.case"
local harness = require "ropewalk.harness"
local literal = require "ropewalk.harness.literal"

t.plain("malformed files are refused with the line and the reason", function()
  local file = assert(io.open("tests/harness/malformed.txt", "rb"))
  local text = file:read("*a"):match("\n(! .*)$") .. "! "
  file:close()
  local count = 0
  for message, body in text:gmatch("! ([^\n]*)\n(.-\n)%f[!]") do
    local cases, problem = case_format.parse(body)
    assert(not cases and problem == message, ("expected %s, got %s"):format(message, tostring(problem)))
    count = count + 1
  end
  assert(count > 40, count)
end)

t.plain("each value has one spelling", function()
  local spellings = {
    "nil", "true", "false", "0", "-7", "0.25", "0.1", "inf", "-inf", "nan",
    '""', '"a \\"b\\" \\\\ \\n\\t\\x00"', 'b"\\xff\\x00x"',
    "[]", '[1, [2.5, nil], "x"]', "{}", '{"a": 1, "b": [true]}', "{1: 2}",
  }
  for _, spelling in ipairs(spellings) do
    local value, stop, wrong = literal.parse(spelling, 1)
    assert(not wrong and stop == #spelling + 1, spelling)
    assert(literal.format(value) == spelling, literal.format(value))
  end
end)

t.plain("a case that differs shows what happened", function()
  local cases = assert(case_format.parse("case a\ntask main\nsleep 5\nshow done nobody\nexpect\n"))
  local trace = harness.run_case(cases[1])
  assert(#trace == 1 and trace[1] == "5 main done nobody: error invalid", trace[1])
end)

t.plain("what is left alive is told", function()
  local text = "case a\ntask main\nspawn w\ndetach w\ntask w\nsleep 1000\nexpect\n"
  local cases = assert(case_format.parse(text))
  local trace = harness.run_case(cases[1])
  assert(trace[1] and trace[1]:find("^0 left tasks=1 "), trace[1])
end)

t.finish()
