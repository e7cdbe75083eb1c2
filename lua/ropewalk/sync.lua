-- SPDX-License-Identifier: MIT
--
-- ropewalk.sync - mutex, rwlock, condition, barrier and once, made of semaphores and notifications.
--
-- All are fair, since those two are, and safe to cancel: a wait has either the thing or not. `with` calls a
-- function while holding the lock and gives it back however the function ends.

local core = require "ropewalk.core"
local structure = require "ropewalk.structure"

local try, rethrow = structure.try, core.rethrow

-- Gives `count` permits back after a protected call: its results, or its error raised again.
local function give_back(semaphore, count, ok, ...)
  semaphore:release(count)
  if not ok then
    rethrow((...))
  end
  return ...
end

local function hold(semaphore, count, fn, ...)
  semaphore:acquire(count)
  return give_back(semaphore, count, try(fn, ...))
end

-- ---- mutex ----

local Mutex = {}
Mutex.__index = Mutex

function Mutex:lock()
  self.semaphore:acquire(1)
  self.locked = true
  return true
end

function Mutex:try_lock()
  local got = self.semaphore:try_acquire(1)
  self.locked = self.locked or got
  return got
end

function Mutex:unlock()
  if not self.locked then
    error("this mutex is not locked", 2)
  end
  self.locked = self.semaphore:available() > 0
  self.semaphore:release(1)
  self.locked = self.semaphore:available() == 0
end

function Mutex:is_locked()
  return self.semaphore:available() == 0
end

Mutex["with"] = function(self, fn, ...)
  self:lock()
  return give_back(self.semaphore, 1, try(fn, ...))
end

-- ---- rwlock ----

local RWLock = {}
RWLock.__index = RWLock

-- A writer takes all permits. Who comes after it waits behind it, so that writers are not starved.
local READERS = 2 ^ 20

function RWLock:read(fn, ...)
  return hold(self.semaphore, 1, fn, ...)
end

function RWLock:write(fn, ...)
  return hold(self.semaphore, READERS, fn, ...)
end

-- ---- condition ----

local Condition = {}
Condition.__index = Condition

local function lock_again(mutex, ok, ...)
  structure.shield(mutex.lock, nil, mutex)
  if not ok then
    rethrow((...))
  end
  return true
end

-- Unlocks, waits to be told, locks again; also when it was cancelled.
function Condition:wait(mutex)
  mutex:unlock()
  return lock_again(mutex, try(self.notify.wait, self.notify))
end

function Condition:notify_one()
  self.notify:notify_one()
end

function Condition:notify_all()
  return self.notify:notify_all()
end

-- ---- barrier ----

local Barrier = {}
Barrier.__index = Barrier

-- Waits until `size` tasks have come; true for the one that came last.
function Barrier:wait()
  self.count = self.count + 1
  if self.count < self.size then
    local ok, problem = try(self.notify.wait, self.notify)
    if not ok then
      self.count = math.max(self.count - 1, 0)
      rethrow(problem)
    end
    return false
  end
  self.count = 0
  self.notify:notify_all()
  return true
end

-- ---- once ----

local Once = {}
Once.__index = Once

local function keep_first(self, ok, ...)
  if not ok then
    rethrow((...))
  end
  if not self.done then
    self.value, self.done = (...), true
  end
  return self.value
end

-- fn(...)'s first result, computed by the first caller; the others wait for it. After an error the next one
-- tries again.
function Once:get(fn, ...)
  if self.done then
    return self.value
  end
  return self.mutex:with(function(...)
    if self.done then
      return self.value
    end
    return keep_first(self, try(fn, ...))
  end, ...)
end

local M = {}

function M.mutex()
  return setmetatable({ semaphore = core.semaphore(1), locked = false }, Mutex)
end

function M.rwlock()
  return setmetatable({ semaphore = core.semaphore(READERS) }, RWLock)
end

function M.condition()
  return setmetatable({ notify = core.notify() }, Condition)
end

function M.barrier(size)
  if type(size) ~= "number" or size < 1 then
    error("bad argument #1 to 'barrier' (a number of tasks expected)", 2)
  end
  return setmetatable({ notify = core.notify(), size = size, count = 0 }, Barrier)
end

function M.once()
  return setmetatable({ mutex = M.mutex() }, Once)
end

return M
