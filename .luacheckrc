-- One source for Lua 5.1 to 5.5 and LuaJIT: any name that one of them has may be asked for (`table.unpack or unpack`).
std = "max"
max_line_length = 110
self = false
exclude_files = { "build/**", "lua/ropewalk/meta.lua", "lua/ropewalk/meta/**" }
files["**/*.rockspec"] = { std = "+rockspec" }
