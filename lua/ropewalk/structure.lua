-- SPDX-License-Identifier: MIT
--
-- ropewalk.structure - scopes, and what is made of them: timeout and shield.
--
-- A body runs in the calling task between core.enter and core.leave, in protected mode, so that leave
-- always gets to wait for the children. Deferred functions run last, in reverse order, shielded from
-- cancellation. An error passes through as an error object, which keeps its traceback, and is raised again
-- as what it was.

local core = require "ropewalk.core"

local enter, leave, rethrow = core.enter, core.leave, core.rethrow
local unpack = table.unpack or unpack

-- Calls in a way that may be awaited across: true and the results, or false and an error object.
local try = core.try
if not try then
  local with_traceback, xpcall = core.with_traceback, xpcall
  function try(fn, ...)
    return xpcall(fn, with_traceback, ...)
  end
end

local function pack(...)
  return { n = select("#", ...), ... }
end

-- Leaves a scope after its body: the body's results, or nil and how it was cut short.
local function conclude(inner, ok, ...)
  local kept, message, code = leave(inner, ok, (...))
  if kept then
    return ...
  end
  return nil, message, code
end

local function within(options, fn, ...)
  local inner = enter(options)
  return conclude(inner, try(fn, ...))
end

local function run_deferred(deferred)
  local first
  for i = #deferred, 1, -1 do
    local call = deferred[i]
    local ok, problem = try(unpack(call, 1, call.n))
    if not ok and first == nil then
      first = problem
    end
  end
  if first ~= nil then
    rethrow(first)
  end
end

local Scope = {}
Scope.__index = Scope

local function unwind(scope, deferred, ...)
  local results = pack(try(conclude, scope.inner, ...))
  local clean, problem = try(within, { shield = true }, run_deferred, deferred)
  if not results[1] then
    rethrow(results[2])
  elseif not clean then
    rethrow(problem)
  end
  return unpack(results, 2, results.n)
end

local function finish(scope, ...)
  local deferred = scope.deferred
  if deferred then
    scope.deferred = nil
    return unwind(scope, deferred, ...)
  end
  return conclude(scope.inner, ...)
end

-- A child task; options with a name may come first.
function Scope:spawn(...)
  return self.inner:spawn(...)
end

-- Calls fn(...) when the scope has ended, however it ended.
function Scope:defer(fn, ...)
  local meta = type(fn) ~= "function" and getmetatable(fn)
  if type(fn) ~= "function" and not (type(meta) == "table" and meta.__call) then
    error("bad argument #1 to 'defer' (function expected, got " .. type(fn) .. ")", 2)
  end
  local deferred = self.deferred or {}
  deferred[#deferred + 1] = pack(fn, ...)
  self.deferred = deferred
end

function Scope:cancel(reason)
  self.inner:cancel(reason)
end

function Scope:set_timeout(seconds)
  return self.inner:set_timeout(seconds)
end

function Scope:is_cancelled()
  return self.inner:is_cancelled()
end

function Scope:count()
  return self.inner:count()
end

-- Lua 5.4: `local s <close> = rw.scope()`.
function Scope:__close(problem)
  if self.inner:is_open() then
    finish(self, problem == nil, problem)
  end
end

local M = {}

-- scope(fn, ...), scope(options, fn, ...): fn(scope, ...)'s results once all children have ended. Without
-- fn: an open scope for a <close> variable.
function M.scope(options, fn, ...)
  if type(options) == "function" then
    local scope = setmetatable({ inner = enter() }, Scope)
    return finish(scope, try(options, scope, fn, ...))
  end
  local scope = setmetatable({ inner = enter(options) }, Scope)
  if fn == nil then
    return scope
  end
  return finish(scope, try(fn, scope, ...))
end

-- fn(...)'s results, or nil, "timeout", "timeout" when it took longer.
function M.timeout(seconds, fn, ...)
  return within({ timeout = seconds, fail_after = true }, fn, ...)
end

-- fn()'s results; a cancellation from outside waits until it has ended, or `seconds` have passed.
function M.shield(fn, seconds, ...)
  return within({ timeout = seconds, shield = true }, fn, ...)
end

M.try = try

return M
