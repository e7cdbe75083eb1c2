-- SPDX-License-Identifier: MIT
--
-- echo.lua - the echo server on Ropewalk in Lua: a task per connection. Prints its port.

local rw = require "ropewalk"

local READ_MAX = 16384

local function echo(connection)
  while true do
    local data = connection:read_some(READ_MAX)
    if not data then
      break
    end
    connection:write(data)
  end
  connection:close()
end

rw.run(function()
  local listener = assert(rw.tcp.listen("127.0.0.1", 0))
  print(listener:port())
  io.stdout:flush()
  while true do
    rw.spawn(echo, assert(listener:accept()))
  end
end)
