-- SPDX-License-Identifier: MIT
--
-- ropewalk.testing - programs run in simulation: virtual time, an in-memory network, a seed.
--
-- Inside run the clock stands while anything can run and jumps when everything waits, so that a test of an
-- hour's timeout takes no time; the same seed replays the same run.

local core = require "ropewalk.core"

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

-- Runs fn(sim) to its end on a simulated loop and gives its results. Options (all may be left out): seed;
-- shuffle = true lets the seed decide the order of what is ready at the same time; latency_min, latency_max
-- in seconds; short_io, eintr, reset, connect_fail, emfile as probabilities from 0 to 1; buffer_size in
-- bytes; strict = true raises when sockets are left open.
function M.run(fn, options)
  if type(fn) ~= "function" then
    error("bad argument #1 to 'run' (function expected, got " .. type(fn) .. ")", 2)
  end
  local sim = core.sim_begin(options)
  return conclude(options and options.strict, pcall(core.run, fn, sim))
end

-- The clock of the running loop, in seconds.
M.now = core.now

return M
