-- SPDX-License-Identifier: MIT
-- The library's own module, made once more by each SWIG as anybody's would be: it says what the built-in one
-- says.

local t = require "t"
local rw = require "ropewalk"
local builtin = require "ropewalk.surface"
local surface = require "surface"

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

t.plain("it has the same constants", function()
  for _, row in pairs(rw.errors()) do
    local name = row.name:gsub("^RW_", "")
    t.equal(surface[name], row.number)
    t.equal(builtin[name], row.number)
  end
  for name in pairs(rw.options()) do
    for _, bound in ipairs { "DEFAULT_", "LEAST_", "MOST_" } do
      t.check(type(surface[bound .. name:upper()]) == "number", name)
    end
  end
end)

t.plain("it gives the same tables", function()
  t.check(same(surface.errors(), rw.errors()), "errors")
  t.check(same(surface.options(), rw.options()), "options")
  t.check(same(surface.counters(), rw.counters()), "counters")
end)

t.run("it reads the counters of the running loop", function()
  t.check(same(surface.stats(), rw.stats()), "stats")
end)

t.finish()
