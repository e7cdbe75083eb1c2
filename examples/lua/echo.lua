-- SPDX-License-Identifier: MIT
-- An echo server, and a client that talks to it, on one loop.
local rw = require "ropewalk"

local function serve(conn)
  for line in conn:lines() do
    conn:write(line, "\n")
  end
  conn:close()
end

rw.run(function()
  local listener = assert(rw.tcp.listen("127.0.0.1", 0))

  rw.scope(function(scope)
    local acceptor = scope:spawn(function()
      while true do
        scope:spawn(serve, assert(listener:accept()))
      end
    end)
    local conn = assert(rw.tcp.connect("127.0.0.1", listener:port()))
    conn:write("hello\n")
    print("echoed " .. conn:read("l"))
    conn:close()
    acceptor:cancel()
  end)
  listener:close()
end)
