-- SPDX-License-Identifier: MIT
-- A task that would sleep for an hour is cancelled, another one runs into a deadline.
local rw = require "ropewalk"

rw.run(function()
  local sleeper = rw.spawn(function()
    rw.sleep(3600)
  end)
  sleeper:cancel("enough")
  local ok, err = rw.pcall(sleeper.await, sleeper)
  assert(not ok and rw.is_cancelled(err))
  print("sleeper: " .. tostring(err))

  local _, why = rw.timeout(0.05, rw.sleep, 3600)
  print("waiter: " .. why)
end)
