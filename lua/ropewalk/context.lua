-- SPDX-License-Identifier: MIT
--
-- ropewalk.context - rw.ctx: a table per task, inherited by the tasks it spawns.
--
-- A child sees what its parent had when it was spawned; what either sets later is its own. The table behind
-- it is never changed, only replaced, so inheriting costs nothing.

local core = require "ropewalk.core"

local get, set = core.get_context, core.set_context

return setmetatable({}, {
  __index = function(_, key)
    local values = get()
    return values and values[key]
  end,
  __newindex = function(_, key, value)
    local copy = {}
    for k, v in pairs(get() or {}) do
      copy[k] = v
    end
    copy[key] = value
    set(copy)
  end,
  __metatable = "ropewalk",
})
