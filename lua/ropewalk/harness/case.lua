-- SPDX-License-Identifier: MIT
--
-- ropewalk.harness.case - behaviour cases: what a file of cases means once it has been read.
--
-- STEPS is the list of steps. The runners in C and Python hold the same table, so that a step which one
-- of them does not know
-- is an error there and not a difference in behaviour. The format is described in docs/harness.md.

local literal = require "ropewalk.harness.literal"

local M = {}

-- word = { arguments, class }. Arguments: n name, i number, c capacity, v value, s quoted text, w word,
-- * the rest;
-- [word x] may be left out.
local STEPS = {
  sleep = { "i", "leaf" },
  yield = { "", "leaf" },
  await = { "n", "leaf" },
  receive = { "n", "leaf" },
  send = { "n v", "leaf" },
  next = { "n", "leaf" },
  forward = { "n n", "leaf" },
  reserve = { "n [as n]", "leaf" },
  spawn = { "n [as n] [in n]", "direct" },
  cancel = { "n", "direct" },
  abort = { "n", "direct" },
  detach = { "n", "direct" },
  done = { "n", "direct" },
  ["return"] = { "v", "direct" },
  fail = { "s", "direct" },
  value = { "v", "direct" },
  trace = { "*", "direct" },
  future = { "n", "direct" },
  resolve = { "n v", "direct" },
  reject = { "n s", "direct" },
  channel = { "n c [kind w]", "direct" },
  oneshot = { "n", "direct" },
  broadcast = { "n i", "direct" },
  subscribe = { "n as n", "direct" },
  publish = { "n v", "direct" },
  try_send = { "n v", "direct" },
  try_receive = { "n", "direct" },
  close_sender = { "n", "direct" },
  close_receiver = { "n", "direct" },
  clone_sender = { "n as n", "direct" },
  clone_receiver = { "n as n", "direct" },
  permit_send = { "n v", "direct" },
  permit_release = { "n", "direct" },
  count = { "n", "direct" },
  stream_list = { "v as n", "direct" },
  stream_channel = { "n as n", "direct" },
  stream_interval = { "i as n", "direct" },
  stream_ticks = { "i i as n", "direct" },
  map = { "n i as n", "direct" },
  filter = { "n i as n", "direct" },
  take = { "n i as n", "direct" },
  merge = { "n n as n", "direct" },
  chunks = { "n i as n", "direct" },
  buffered = { "n i as n", "direct" },
  close_stream = { "n", "direct" },
  within = { "i", "prefix" },
  scope = { "n", "block" },
  timeout = { "i", "block" },
  move_on = { "i", "block" },
  shield = { "", "block" },
  ["repeat"] = { "i", "block" },
  each = { "n as n", "block" },
  try = { "", "block" },
  ["do"] = { "", "block" },
  join = { "", "group" },
  first = { "", "group" },
  select = { "[mode w]", "group" },
  after = { "i", "choice" },
  default = { "", "choice" },
  finally = { "", "middle" },
  ["end"] = { "", "end" },
}

local DEPTH = 16
local NAME = "^[a-z][a-z0-9_]*$"
M.UNBOUNDED = -1

-- ---- lines --------------------------------------------------------------------------------------

local Line = {}
Line.__index = Line

function Line:fail(message, ...)
  error({ case = ("line %d: " .. message):format(self.number, ...) }, 0)
end

local function fail_at(number, message)
  error({ case = ("line %d: %s"):format(number, message) }, 0)
end

function Line:word()
  local word, stop = self.text:match("^[ \t]*([^ \t]*)()", self.at)
  self.at = stop
  return word
end

function Line:rest()
  return (self.text:sub(self.at):gsub("^[ \t]+", ""):gsub("[ \t\r]+$", ""))
end

-- ---- steps --------------------------------------------------------------------------------------

local function read_plain(line, kind)
  local word = line:word()
  if word == "" then
    line:fail(kind == "i" and "a number is missing" or "a name is missing")
  elseif kind == "i" or kind == "c" then
    if kind == "c" and word == "unbounded" then
      return M.UNBOUNDED
    elseif not word:find("^%d+$") or #word > 11 then
      line:fail('not a number: "%s"', word:sub(1, 60))
    end
    return tonumber(word)
  elseif not word:find(NAME) then
    line:fail('not a name: "%s"', word:sub(1, 60))
  end
  return word
end

-- A value is kept as { value = v } or { reference = name }, since nil is one.
local function read_value(line, kind)
  local first = line.text:match("^[ \t]*(.?)", line.at)
  if kind == "v" and first == "$" then
    local name = line:word():sub(2)
    if not name:find(NAME) then
      line:fail('not a variable: "$%s"', name:sub(1, 60))
    end
    return { reference = name }
  elseif kind == "s" and first ~= '"' then
    line:fail("a quoted text is missing")
  end
  local value, stop, wrong = literal.parse(line.text, line.at)
  if wrong then
    line:fail("%s", wrong)
  end
  line.at = stop
  if kind == "s" then
    return value
  end
  return { value = value }
end

local function read_argument(line, kind)
  if kind == "*" then
    local rest = line:rest()
    line.at = #line.text + 1
    return rest
  elseif kind == "v" or kind == "s" then
    return read_value(line, kind)
  end
  return read_plain(line, kind)
end

local function read_arguments(line, pattern)
  local arguments, count = {}, 0
  local at = 1
  while at <= #pattern do
    local keyword, kind, stop = pattern:match("^%[(%w+) (%w)%] ?()", at)
    if keyword then
      local start = line.at
      count = count + 1
      if line:word() == keyword then
        arguments[count] = read_argument(line, kind)
      else
        line.at = start
      end
    else
      local plain
      plain, stop = pattern:match("^([%w*]+) ?()", at)
      if #plain == 1 then
        count = count + 1
        arguments[count] = read_argument(line, plain)
      elseif line:word() ~= plain then
        line:fail('a word is missing: "%s"', plain)
      end
    end
    at = stop
  end
  return arguments
end

local function read_body(line, step)
  local word = line:word()
  local known = STEPS[word]
  if not known then
    line:fail(word == "" and "a step is missing" or 'unknown step: "%s"', word:sub(1, 60))
  end
  step.op, step.kind = word, known[2]
  step.arguments = read_arguments(line, known[1])
end

local function check_marks(line, step)
  local is_structure = step.kind == "end" or step.kind == "middle" or step.kind == "choice"
  if is_structure or step.op == "trace" or step.op == "return" then
    if step.show or step.store then
      line:fail("this step has no outcome to show or to store")
    end
  elseif step.show and step.store then
    line:fail("an outcome is either shown or stored")
  end
end

local function read_step(line)
  local step = { line = line.number, body = {}, cleanup = {} }
  line.at = 1
  local name, sign, after = line.text:match("^[ \t]*([^ \t]*)[ \t]+(=)%f[%z \t]()", 1)
  if sign and name:find(NAME) then
    step.store = name
    line.at = after
  end
  local start = line.at
  if line:word() == "show" then
    step.show = true
  else
    line.at = start
  end
  step.text = line:rest()
  read_body(line, step)
  if step.kind == "prefix" then
    step.within_ms = step.arguments[1]
    read_body(line, step)
    if step.kind ~= "leaf" then
      line:fail("within takes a step that waits")
    end
  end
  check_marks(line, step)
  if line:rest() ~= "" then
    line:fail('too much on this line: "%s"', line:rest():sub(1, 60))
  end
  return step
end

-- ---- files --------------------------------------------------------------------------------------

local Parser = {}
Parser.__index = Parser

function Parser:end_task()
  local open = self.open[#self.open]
  if self.where == "task" and open then
    fail_at(open.step.line, "a block without its end")
  end
  self.open = {}
end

local function check_spawns(case, steps)
  for _, step in ipairs(steps) do
    if step.op == "spawn" and not case.tasks[step.arguments[1]] then
      fail_at(step.line, "spawns a task that the case does not have")
    end
    check_spawns(case, step.body)
    check_spawns(case, step.cleanup)
  end
end

function Parser:end_case()
  self:end_task()
  local case = self.cases[#self.cases]
  if not case then
    return
  elseif case.first ~= "main" then
    fail_at(case.line, "the first task of a case is called main")
  elseif not case.expected then
    fail_at(case.line, "a case ends with what is expected")
  end
  for _, steps in pairs(case.tasks) do
    check_spawns(case, steps)
  end
end

function Parser:begin_case(line)
  self:end_case()
  local name = line:rest()
  if name == "" then
    line:fail("a case has a name")
  end
  self.cases[#self.cases + 1] = { name = name, line = line.number, notes = {}, tasks = {} }
  self.where = "case"
end

function Parser:begin_task(line)
  self:end_task()
  local case, name = self.cases[#self.cases], line:rest()
  if not name:find(NAME) then
    line:fail("a task has a name of small letters, digits and _")
  end
  case.first = case.first or name
  case.tasks[name] = case.tasks[name] or {}
  self.steps = case.tasks[name]
  self.where = "task"
end

function Parser:begin_expect(line)
  self:end_task()
  if line:rest() ~= "" then
    line:fail("expect stands alone on its line")
  end
  self.cases[#self.cases].expected = {}
  self.where = "expect"
  self.last_time = 0
end

function Parser:add_note(word, line)
  local languages, reason = line:rest():match("^([^:]+):[ \t]*(.+)$")
  if not languages then
    line:fail("a limit is written `only languages: reason` or `not languages: reason`")
  end
  local notes = self.cases[#self.cases].notes
  notes[#notes + 1] = { word = word, languages = languages, reason = reason }
end

function Parser:place_step(line, step, around)
  if step.kind == "end" then
    if not around then
      line:fail("an end without a block")
    elseif around.op == "try" and not around.has_cleanup then
      fail_at(around.line, "a try block has a finally")
    elseif around.kind == "group" and #around.body == 0 then
      fail_at(around.line, "a group without steps")
    end
    self.steps = table.remove(self.open).steps
  elseif step.kind == "middle" then
    if not around or around.op ~= "try" or around.has_cleanup then
      line:fail("finally belongs into a try block, once")
    end
    around.has_cleanup = true
    self.steps = around.cleanup
  else
    self.steps[#self.steps + 1] = step
    if step.kind == "block" or step.kind == "group" then
      if #self.open == DEPTH then
        line:fail("too many blocks inside each other")
      end
      self.open[#self.open + 1] = { step = step, steps = self.steps }
      self.steps = step.body
    end
  end
end

function Parser:add_step(line)
  local step = read_step(line)
  local open = self.open[#self.open]
  local around = open and open.step
  if around and around.kind == "group" and step.kind ~= "end" then
    if step.show or step.store then
      line:fail("a step of a group has no outcome of its own")
    elseif step.kind ~= "leaf" and step.kind ~= "choice" then
      line:fail("a group holds steps that wait")
    end
  end
  if step.kind == "choice" and not (around and around.op == "select") then
    line:fail("only a select has this choice")
  elseif step.op == "return" and around then
    line:fail("return stands outside all blocks")
  end
  self:place_step(line, step, around)
end

function Parser:add_expected(line)
  line.at = 1
  local text = line:rest()
  local time = tonumber(text:match("^(%-?%d+) "))
  if not time or time < self.last_time then
    line:fail("an expected line is `milliseconds task what`, and time does not go back")
  end
  self.last_time = time
  local expected = self.cases[#self.cases].expected
  expected[#expected + 1] = text
end

function Parser:add(line)
  local word = line:word()
  if word == "" or word:find("^[#\r]") then
    return
  elseif word == "case" then
    self:begin_case(line)
  elseif self.where == "nothing" then
    line:fail("a file begins with a case")
  elseif word == "task" and self.where ~= "expect" then
    self:begin_task(line)
  elseif word == "expect" and self.where == "task" then
    self:begin_expect(line)
  elseif self.where == "task" then
    self:add_step(line)
  elseif self.where == "expect" then
    self:add_expected(line)
  elseif word == "only" or word == "not" then
    self:add_note(word, line)
  else
    line:fail("here only `only`, `not` and `task` are known")
  end
end

-- Reads the text of a file of cases: a list of cases, or nil and what is wrong, naming the line.
function M.parse(text)
  local parser = setmetatable({ cases = {}, where = "nothing", open = {}, steps = {}, last_time = 0 }, Parser)
  local number = 0
  local ok, problem = pcall(function()
    for line in (text .. "\n"):gmatch("([^\n]*)\n") do
      number = number + 1
      parser:add(setmetatable({ number = number, text = (line:gsub("\r$", "")), at = 1 }, Line))
    end
    parser:end_case()
  end)
  if ok then
    return parser.cases
  elseif type(problem) == "table" and problem.case then
    return nil, problem.case
  end
  error(problem, 0)
end

-- Why the case does not run in `language` ("lua5.1", "luajit" ...), or nil when it does.
function M.skip_reason(case, language)
  for _, note in ipairs(case.notes) do
    local named = false
    for word in note.languages:gmatch("%S+") do
      named = named or word == language or word == "lua"
    end
    if named ~= (note.word == "only") then
      return note.reason
    end
  end
  return nil
end

return M
