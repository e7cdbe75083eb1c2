-- SPDX-License-Identifier: MIT
-- session.lua - the Lua side of the chat server: one task per client parses its lines, another writes what
-- the room sends.
--
-- A client says `JOIN name`, `SAY text`, `LEAVE`; it hears `WELCOME seq`, `MSG seq name text`, `BYE seq`,
-- `ERR text`. The room is a Python task: what a client does goes to it through one channel, what a client
-- hears comes from it through a channel of its own, whose sending end travels inside the join event.
local rw = require "ropewalk"

local LINE_MAX = 1024
local OUTBOX = 32

-- Writes until the room closes the outbox. A client that reads slowly makes `write` wait, hence the outbox
-- fill up, hence the room hold its messages back; nobody else notices.
local function write_all(conn, outbox)
  for text in outbox:iter() do
    local ok = conn:write(text)
    if not ok then
      break
    end
  end
  outbox:close()
  conn:shutdown()
end

-- One line without its end, or nil and why there is none: "closed", "incomplete", "limit".
local function next_line(conn)
  local line, _, code = conn:read_until("\n", LINE_MAX)
  if line == nil then
    return nil, code
  end
  return (line:gsub("\r?\n$", ""))
end

local function parse(line)
  local verb, rest = line:match("^(%u+) ?(.*)$")
  return verb, rest
end

local handlers = {}

function handlers.JOIN(session, name)
  if session.name or name == "" then
    return session.outbox:send("ERR join once, with a name\n")
  end
  session.name = name
  session.room:send({ kind = "join", name = name, outbox = session.outbox })
end

function handlers.SAY(session, text)
  if not session.name then
    return session.outbox:send("ERR join first\n")
  end
  session.room:send({ kind = "say", name = session.name, text = text })
end

function handlers.LEAVE(session)
  session.left = true
end

local function read_all(session)
  while not session.left do
    local line, why = next_line(session.conn)
    if line == nil then
      return why
    end
    local verb, rest = parse(line)
    local handler = handlers[verb]
    if handler then
      handler(session, rest)
    else
      session.outbox:send("ERR unknown command\n")
    end
  end
  return "left"
end

local function serve(conn, room)
  local outbox, outbox_rx = rw.channel(OUTBOX)
  local writer = rw.spawn(write_all, conn, outbox_rx)
  local session = { conn = conn, room = room, outbox = outbox }
  local why = read_all(session)
  if session.name then
    room:send({ kind = "leave", name = session.name, why = why })
  end
  room:close()
  outbox:close()
  writer:await()
  conn:close()
end

-- Takes connections, which a C task accepts and puts into `connections`; serves each in a task of its own.
return function(connections, room)
  rw.scope(function(scope)
    for conn in connections:iter() do
      scope:spawn(serve, conn, room:clone())
    end
  end)
end
