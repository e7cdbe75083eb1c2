-- SPDX-License-Identifier: MIT
-- client.lua - a chat client as a Lua task; the same one in Python is Client in clients.py.
local rw = require "ropewalk"

-- Says `options.messages` lines, hears until `the end` (or leaves earlier, or is cut off in the middle of a
-- line), and gives what it has heard:
-- {name, joined, left, heard = {seq, ...}, texts = {"name text", ...}, slowest}.
return function(port, options, started)
  local conn = assert(rw.tcp.connect("127.0.0.1", port))
  local result = { name = options.name, heard = rw.list {}, texts = rw.list {}, slowest = 0 }
  local said_at, said = nil, 0

  local function say()
    if said < options.messages then
      said = said + 1
      said_at = rw.now()
      conn:write(("SAY %d %s\n"):format(said, options.padding))
    elseif options.fate == "leave" then
      conn:write("LEAVE\n")
    elseif options.fate == "cut" then
      conn:write("SAY and then the line goes de")
      conn:abort()
      return false
    end
    return true
  end

  local function on_message(rest)
    local seq, text = rest:match("^(%d+) (.*)$")
    result.heard[#result.heard + 1] = tonumber(seq)
    result.texts[#result.texts + 1] = (text:gsub("x+$", ""))
    local name = text:match("^(%S+)")
    if text:find("the end", 1, true) then
      conn:write("LEAVE\n")
    elseif name == options.name then
      result.slowest = math.max(result.slowest, rw.now() - said_at)
      return say()
    end
    return true
  end

  conn:write("JOIN " .. options.name .. "\n")
  for line in conn:lines() do
    local verb, rest = line:match("^(%u+) ?(.*)$")
    if verb == "WELCOME" then
      result.joined = tonumber(rest)
      started:receive()
      say()
    elseif verb == "BYE" then
      result.left = tonumber(rest)
      break
    elseif verb == "MSG" and not on_message(rest) then
      return result
    end
  end
  conn:close()
  return result
end
