-- SPDX-License-Identifier: MIT
-- What misuse comes to in a checked build: each case has an interpreter of its own, and mostly ends it.

local t = require "t"

local interpreter = arg[-1]

-- What a task with `body` writes to stderr.
local function said_by(body)
  local code = "local kit, rw = require [[kit]], require [[ropewalk]] rw.run(function() " .. body .. " end)"
  local pipe = assert(io.popen(interpreter .. " -e '" .. code .. "' 2>&1", "r"))
  local said = pipe:read("*a")
  pipe:close()
  return said
end

local function expect(text, said)
  if not said:find(text, 1, true) then
    error("expected " .. text .. " in: " .. said, 2)
  end
end

t.plain("a wrong argument names both functions", function()
  local said = said_by("kit.no_loop()")
  expect("rw_promise_new: does not hold: loop != NULL; called by kit_no_loop (kit.so)", said)
end)

t.plain("a value of no kind names the future", function()
  expect("the future 'kit.wrong_kind' gave a value of an unknown kind (99)", said_by("kit.wrong_kind()"))
end)

t.plain("a promise resolved on another thread is told so", function()
  expect("called by kit.so+0x", said_by("kit.resolve_there()"))
end)

t.plain("a forgotten reference is named when the loop ends", function()
  local said = said_by("kit.forget() kit.forget()")
  expect("the loop has ended, but not all that kit_forget (kit.so) made: 2 still referenced", said)
end)

t.plain("nothing is said of what scripts keep", function()
  t.equal(said_by("kept = {rw.channel(1)} kit.tick(1)"), "")
end)

t.finish()
