-- SPDX-License-Identifier: MIT
--
-- run_cases.lua - the behaviour cases of this tree in the Lua that runs this file; or the files that are
-- named.

local files = { ... }

if #files == 0 or (#files == 1 and files[1] == "--trace") then
  local list = io.popen("ls tests/cases/*.case")
  for path in list:lines() do
    files[#files + 1] = path
  end
  list:close()
end

require("ropewalk.harness").main(files)
