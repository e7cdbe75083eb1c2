-- SPDX-License-Identifier: MIT
rockspec_format = "3.0"
package = "ropewalk"
version = "0.1.0-1"
source = {
  url = "git+https://example.invalid/ropewalk.git",
  tag = "v0.1.0",
}
description = {
  summary = "Tasks, channels, streams and sockets on one event loop, for C, Lua and Python",
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1, < 5.6" }
build = {
  type = "command",
  build_command = [[make build/lua/rock/ropewalk/core.so LUAS=rock LUA_rock_CFLAGS="-isystem $(LUA_INCDIR)"]],
  install = {
    lua = {
      ["ropewalk"] = "lua/ropewalk/init.lua",
      ["ropewalk.context"] = "lua/ropewalk/context.lua",
      ["ropewalk.futures"] = "lua/ropewalk/futures.lua",
      ["ropewalk.structure"] = "lua/ropewalk/structure.lua",
      ["ropewalk.surface"] = "lua/ropewalk/surface.lua",
      ["ropewalk.sync"] = "lua/ropewalk/sync.lua",
      ["ropewalk.testing"] = "lua/ropewalk/testing.lua",
    },
    lib = {
      ["ropewalk.core"] = "build/lua/rock/ropewalk/core.so",
    },
  },
}
