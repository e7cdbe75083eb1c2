-- SPDX-License-Identifier: MIT
--
-- calls.lua - what a call through SWIG's wrappers costs in Lua, beside one written by hand.
--
-- Prints `figure<TAB>nanoseconds`, CPU time; the two take turns, and each figure is the smallest of its runs.

local rw = require "ropewalk"
local modules = { kit = require "kit", byhand = require "byhand" }

local COUNT, RUNS = 50000, 15

local cases = {
  { "ready", function(module)
    local call = module.ready
    for _ = 1, COUNT do call(123456) end
  end },
  { "pending", function(module)
    local call = module.tick
    for _ = 1, COUNT do call(123456) end
  end },
  { "four", function(module)
    local call = module.add
    for _ = 1, COUNT do call(1, 2.5, "abc", true) end
  end },
  { "call_one", function(module)
    local call = module.int64
    for _ = 1, COUNT do call(123456) end
  end },
  { "call_four", function(module)
    local call = module.plus
    for _ = 1, COUNT do call(1, 2, 3, 4) end
  end },
}

rw.run(function()
  for _, case in ipairs(cases) do
    local best = {}
    for _ = 1, RUNS do
      for name, module in pairs(modules) do
        local start = os.clock()
        case[2](module)
        best[name] = math.min(best[name] or math.huge, (os.clock() - start) / COUNT * 1e9)
      end
    end
    for name, nanoseconds in pairs(best) do
      print(("%s.%s\t%.2f"):format(name, case[1], nanoseconds))
    end
    print(("more.%s\t%.2f"):format(case[1], best.kit - best.byhand))
  end
end)
