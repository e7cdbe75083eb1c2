-- SPDX-License-Identifier: MIT
-- A tick every 100 ms, five times.
local rw = require "ropewalk"

rw.run(function()
  for tick in rw.interval(0.1):take(5):iter() do
    print("tick " .. tostring(tick))
  end
end)
