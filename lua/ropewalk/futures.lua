-- SPDX-License-Identifier: MIT
--
-- ropewalk.futures - what futures and tasks can be made into, and sets of tasks.
--
-- map, and_then and or_else are methods of tasks, promises and futures alike. Their functions may await;
-- one that returns something awaitable is awaited in its turn by and_then and or_else.

local core = require "ropewalk.core"

local await, is_awaitable = core.await, core.is_awaitable

local function settle(value, ...)
  if is_awaitable(value) then
    return await(value)
  end
  return value, ...
end

local combinators = {}

-- A lazy future of fn(value).
function combinators:map(fn)
  return core.and_then(self, fn)
end

-- Goes on with the future that fn(value) returns.
function combinators:and_then(fn)
  return core.and_then(self, function(...)
    return settle(fn(...))
  end)
end

-- Goes on with fn(error) after a failure.
function combinators:or_else(fn)
  return core.or_else(self, function(problem)
    return settle(fn(problem))
  end)
end

for _, name in ipairs { "task", "promise", "future" } do
  local methods = core.methods(name)
  for key, fn in pairs(combinators) do
    methods[key] = fn
  end
end

-- Tasks taken in the order in which they end. Closing the set cancels those that are left.
local JoinSet = {}
JoinSet.__index = JoinSet

function JoinSet:spawn(...)
  local task = core.spawn(...)
  self.last = self.last + 1
  self.tasks[self.last] = task
  self.inner:add(self.last, task)
  return task
end

function JoinSet:count()
  return self.inner:count()
end

-- The next task that has ended (await it for its results); nil when none is left.
function JoinSet:next()
  local key = self.inner:next()
  if key == nil then
    return nil
  end
  local task = self.tasks[key]
  self.tasks[key] = nil
  return task
end

function JoinSet:iter()
  return JoinSet.next, self
end

function JoinSet:close()
  self.inner:close()
end

JoinSet.__close = JoinSet.close

local M = {}

function M.join_set()
  return setmetatable({ inner = core.join_set(), tasks = {}, last = 0 }, JoinSet)
end

return M
