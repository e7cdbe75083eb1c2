-- SPDX-License-Identifier: MIT
--
-- ropewalk.harness.steps - the steps of a case as Lua code would write them: functions, pcall, nil and a
-- message.
--
-- Operations that give nil, message, code become errors here, so that one way of failing is left; a
-- shown step catches it.

local rw = require "ropewalk"
local case_format = require "ropewalk.harness.case"
local literal = require "ropewalk.harness.literal"

local unpack = table.unpack or unpack

local Runner = {}
Runner.__index = Runner

local M = {}

-- ---- errors -------------------------------------------------------------------------------------

-- What an operation gave, or an error of its code.
local function check(value, message, code)
  if value == nil and code ~= nil then
    error(rw.error(message, code), 0)
  end
  return value
end

-- The same for operations that give true.
local function done(value, message, code)
  check(value, message, code)
  return nil
end

-- How a trace shows an error: its code, a script's message, and how many others came with it.
function M.format_error(problem)
  if not rw.is_error(problem) then
    return ('error script "%s"'):format(tostring(problem))
  end
  local text = "error " .. problem.code
  if problem.code == "script" then
    text = ('%s "%s"'):format(text, problem.message)
  end
  local others = problem.others and #problem.others or 0
  return others > 0 and ("%s +%d"):format(text, others) or text
end

-- ---- tasks --------------------------------------------------------------------------------------

function Runner:run_steps(steps, label)
  for _, step in ipairs(steps) do
    self:run_step(step, label)
  end
end

function Runner:run_step(step, label)
  if step.show then
    local ok, outcome = rw.pcall(self.perform, self, step, label)
    local shown = ok and literal.format(outcome) or M.format_error(outcome)
    self.write(label, step.text .. ": " .. shown)
    return
  end
  local outcome = self:perform(step, label)
  if step.store then
    self.variables[step.store] = outcome
  end
end

function Runner:run_body(name, label)
  for _, step in ipairs(self.case.tasks[name]) do
    if step.op == "return" then
      return self:value(step.arguments[1])
    end
    self:run_step(step, label)
  end
  return nil
end

-- The body of a task; it writes how it ended, unless it ended well.
function Runner:run_task(name, label)
  local ok, outcome = rw.pcall(self.run_body, self, name, label)
  if not ok then
    self.write(label, rw.is_cancelled(outcome) and "cancelled" or "failed: " .. M.format_error(outcome))
    error(outcome, 0)
  end
  return outcome
end

function Runner:perform(step, label)
  if step.kind == "leaf" then
    return self:wait(step)
  elseif step.kind == "group" then
    return self:group(step)
  elseif step.kind == "block" then
    return self:block(step, label)
  elseif step.op == "trace" then
    return self.write(label, self:fill_in(step.arguments[1]))
  end
  return self[step.op](self, unpack(step.arguments, 1, 4))
end

-- ---- values -------------------------------------------------------------------------------------

function Runner:value(argument)
  if argument.reference then
    return self.variables[argument.reference]
  end
  return argument.value
end

function Runner:variable(name)
  local variable = self.variables[name]
  if variable == nil then
    error(rw.error("no variable " .. name, "invalid"), 0)
  end
  return variable
end

function Runner:fill_in(words)
  return (words:gsub("%$([a-z0-9_]*)", function(name)
    return literal.format(self.variables[name])
  end))
end

-- ---- steps that wait ----------------------------------------------------------------------------

local waits = {}

function waits.sleep(_, milliseconds)
  return done(rw.sleep(milliseconds / 1000))
end

function waits.yield()
  return done(rw.yield_now())
end

function waits:await(name)
  return check(rw.await(self:variable(name)))
end

function waits:receive(name)
  return check(self:variable(name).receiver:receive())
end

function waits:send(name, argument)
  return done(self:variable(name).sender:send(self:value(argument)))
end

function waits:next(name)
  local item, message, code = self:variable(name):next()
  if item == nil and code == nil then
    error(rw.error("end of stream", "end"), 0)
  end
  return check(item, message, code)
end

function waits:forward(name, channel)
  return check(rw.forward(self:variable(name), rw.sink(self:variable(channel).sender)))
end

function waits:reserve(name, permit)
  local kept = check(self:variable(name).sender:reserve())
  if permit then
    self.variables[permit] = kept
  end
end

function Runner:wait_now(step)
  return waits[step.op](self, unpack(step.arguments, 1, 3))
end

function Runner:wait(step)
  if step.within_ms then
    return check(rw.timeout(step.within_ms / 1000, self.wait_now, self, step))
  end
  return self:wait_now(step)
end

-- Something to await in the place of the step: the thing itself, or a function that becomes a task.
function Runner:awaitable(step)
  if step.op == "await" then
    return self:variable(step.arguments[1])
  end
  return function()
    return self:wait(step)
  end
end

function Runner:choice(member)
  local variable = member.kind == "leaf" and self.variables[member.arguments[1]]
  if member.op == "after" then
    return { timeout = member.arguments[1] / 1000 }
  elseif member.op == "default" then
    return { default = true }
  elseif member.op == "receive" and variable.sender ~= nil then
    return { variable.receiver, "receive" }
  elseif member.op == "send" then
    return { variable.sender, "send", self:value(member.arguments[2]) }
  end
  return { self:awaitable(member) }
end

function Runner:select(step)
  local choices = {}
  for i, member in ipairs(step.body) do
    choices[i] = self:choice(member)
  end
  if step.arguments[1] == "biased" then
    choices[#choices + 1] = { biased = true }
  end
  local index, value, message, code = rw.select(unpack(choices))
  value = check(value, message, code)
  local sent = step.body[index].op == "send" or step.body[index].op == "after"
  return rw.list { index - 1, (value == nil or sent) and rw.null or value }
end

function Runner:group(step)
  if step.op == "select" then
    return self:select(step)
  end
  local members = {}
  for i, member in ipairs(step.body) do
    members[i] = self:awaitable(member)
  end
  local count = step.op == "join" and #members or 2
  local results = { rw[step.op](unpack(members)) }
  for i = 1, count do
    if results[i] == nil then
      results[i] = rw.null
    end
  end
  if step.op == "first" then
    results[1] = results[1] - 1
  end
  return rw.list(results)
end

-- ---- blocks -------------------------------------------------------------------------------------

local blocks = {}

function blocks:scope(step, label)
  rw.scope(function(scope)
    self.variables[step.arguments[1]] = scope
    self:run_steps(step.body, label)
  end)
end

function blocks:timeout(step, label)
  check(rw.timeout(step.arguments[1] / 1000, self.run_steps, self, step.body, label))
end

function blocks:move_on(step, label)
  rw.scope({ timeout = step.arguments[1] / 1000 }, function()
    self:run_steps(step.body, label)
  end)
end

function blocks:shield(step, label)
  rw.shield(function()
    self:run_steps(step.body, label)
  end)
end

blocks["repeat"] = function(self, step, label)
  for _ = 1, step.arguments[1] do
    self:run_steps(step.body, label)
  end
end

-- A generic for would do, except that Lua 5.1 cannot wait inside its iterator.
function blocks:each(step, label)
  local source = self:variable(step.arguments[1])
  local is_stream = type(source) == "userdata"
  while true do
    local item, message, code
    if is_stream then
      item, message, code = source:next()
    else
      item, message, code = source.receiver:receive()
    end
    if item == nil and (is_stream and code == nil or code == "closed" or code == "end") then
      return
    end
    self.variables[step.arguments[2]] = check(item, message, code)
    self:run_steps(step.body, label)
  end
end

function blocks:try(step, label)
  local ok, problem = rw.pcall(self.run_steps, self, step.body, label)
  self:run_steps(step.cleanup, label)
  if not ok then
    error(problem, 0)
  end
end

blocks["do"] = function(self, step, label)
  self:run_steps(step.body, label)
end

function Runner:block(step, label)
  blocks[step.op](self, step, label)
end

-- ---- steps that are done at once ----------------------------------------------------------------

function Runner:spawn(task, label, scope)
  label = label or task
  local options = { name = label }
  local function body()
    return self:run_task(task, label)
  end
  if scope then
    self.variables[label] = self:variable(scope):spawn(options, body)
  else
    self.variables[label] = rw.spawn(options, body)
  end
end

function Runner:cancel(name)
  self:variable(name):cancel()
end

function Runner:abort(name)
  self:variable(name):abort_handle():cancel()
end

function Runner:detach(name)
  self:variable(name):detach()
  self.variables[name] = nil
end

function Runner:done(name)
  return self:variable(name):is_done()
end

function Runner.fail(_, message)
  error(message, 0)
end

function Runner:future(name)
  self.variables[name] = rw.future()
end

function Runner:resolve(name, argument)
  return done(self:variable(name):resolve(self:value(argument)))
end

function Runner:reject(name, message)
  return done(self:variable(name):reject(message))
end

function Runner:channel(name, capacity, kind)
  local size = capacity ~= case_format.UNBOUNDED and capacity or nil
  local sender, receiver = rw.channel(size, kind == "shared" and { shared = true } or nil)
  self.variables[name] = { sender = sender, receiver = receiver }
end

function Runner:oneshot(name)
  local sender, receiver = rw.oneshot()
  self.variables[name] = { sender = sender, receiver = receiver, is_oneshot = true }
end

function Runner:broadcast(name, capacity)
  self.variables[name] = { sender = rw.broadcast(capacity) }
end

function Runner:subscribe(name, result)
  self.variables[result] = { receiver = self:variable(name).sender:subscribe() }
end

function Runner:publish(name, argument)
  return check(self:variable(name).sender:send(self:value(argument)))
end

function Runner:try_send(name, argument)
  local variable = self:variable(name)
  if variable.is_oneshot then
    return done(variable.sender:send(self:value(argument)))
  end
  return done(variable.sender:try_send(self:value(argument)))
end

function Runner:try_receive(name)
  return check(self:variable(name).receiver:try_receive())
end

function Runner:close_sender(name)
  self:variable(name).sender:close()
end

function Runner:close_receiver(name)
  self:variable(name).receiver:close()
end

function Runner:clone_sender(name, result)
  self.variables[result] = { sender = self:variable(name).sender:clone() }
end

function Runner:clone_receiver(name, result)
  self.variables[result] = { receiver = self:variable(name).receiver:clone() }
end

function Runner:permit_send(name, argument)
  return done(self:variable(name):send(self:value(argument)))
end

function Runner:permit_release(name)
  self:variable(name):release()
end

function Runner:count(name)
  return self:variable(name).receiver:count()
end

-- ---- streams ------------------------------------------------------------------------------------

function Runner:stream_list(items, result)
  self.variables[result] = rw.stream(self:value(items))
end

function Runner:stream_channel(name, result)
  self.variables[result] = self:variable(name).receiver:stream()
end

function Runner:stream_interval(period, result)
  self.variables[result] = rw.interval(period / 1000)
end

function Runner:stream_ticks(count, delay, result)
  self.variables[result] = rw.stream(function(emit)
    for tick = 0, count - 1 do
      rw.sleep(delay / 1000)
      emit(tick)
    end
  end)
end

-- The stream of that name, which the adapter takes over.
function Runner:adapt(name)
  local stream = self:variable(name)
  self.variables[name] = nil
  return stream
end

function Runner:map(name, number, result)
  self.variables[result] = self:adapt(name):map(function(item)
    return item + number
  end)
end

function Runner:filter(name, number, result)
  self.variables[result] = self:adapt(name):filter(function(item)
    return item % number == 0
  end)
end

function Runner:take(name, count, result)
  self.variables[result] = self:adapt(name):take(count)
end

function Runner:merge(name, other, result)
  self.variables[result] = self:adapt(name):merge(self:adapt(other))
end

function Runner:chunks(name, size, result)
  self.variables[result] = self:adapt(name):chunks(size)
end

function Runner:buffered(name, limit, result)
  self.variables[result] = self:adapt(name):buffered(limit, function(item)
    rw.sleep(item / 1000)
    return item * 10
  end)
end

function Runner:close_stream(name)
  self:variable(name):close()
end

-- A runner of one case; write(label, text) adds a line to the trace.
function M.new(case, write)
  return setmetatable({ case = case, write = write, variables = {} }, Runner)
end

return M
