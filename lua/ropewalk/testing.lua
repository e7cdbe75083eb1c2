-- SPDX-License-Identifier: MIT
--
-- ropewalk.testing - programs run in simulation: virtual time, an in-memory network, a seed.
--
-- Inside run the clock stands while anything can run and jumps when everything waits, so that a test of an
-- hour's timeout takes no time; the same seed replays the same run.

local core = require "ropewalk.core"
local surface = require "ropewalk.surface"

local M = {}

local function conclude(left_open, ok, ...)
  local open = core.sim_end()
  if not ok then
    error((...), 0)
  end
  if left_open and open > 0 then
    error(("%d descriptors were left open"):format(open), 0)
  end
  return ...
end

-- What run takes, by name: default, bounds, unit and what it is.
M.options = surface.sim_options

-- Runs fn(sim) to its end on a simulated loop and gives its results. Options are those of
-- testing.options(), where a time in nanoseconds may be given in seconds (latency_max = 0.1) and a chance in
-- millionths as one from 0 to 1 (short_io = 0.5); and strict = true, which raises when sockets are left open.
function M.run(fn, options)
  if type(fn) ~= "function" then
    error("bad argument #1 to 'run' (function expected, got " .. type(fn) .. ")", 2)
  end
  if options ~= nil and type(options) ~= "table" then
    error("bad argument #2 to 'run' (table expected, got " .. type(options) .. ")", 2)
  end
  local strict, own = false, {}
  for name, value in pairs(options or own) do
    if name == "strict" then
      strict = value
    else
      own[name] = value
    end
  end
  local sim = core.sim_begin(own)
  return conclude(strict, pcall(core.run, fn, sim))
end

-- The clock of the running loop, in seconds.
M.now = core.now

return M
