-- SPDX-License-Identifier: MIT
--
-- echo_luv.lua - the echo server on luv: callbacks, and try_write first. Prints its port.

local uv = require "luv"

local listener = uv.new_tcp()

assert(listener:bind("127.0.0.1", 0))
assert(listener:listen(1024, function(failure)
  assert(not failure, failure)
  local connection = uv.new_tcp()
  listener:accept(connection)
  connection:nodelay(true)
  connection:read_start(function(read_failure, data)
    if read_failure or not data then
      connection:close()
      return
    end
    local written = connection:try_write(data) or 0
    if written < #data then
      connection:write(data:sub(written + 1))
    end
  end)
end))
print(listener:getsockname().port)
io.stdout:flush()
uv.run()
