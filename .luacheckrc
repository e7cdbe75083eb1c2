-- What luacheck may assume: the library runs on every Lua, so only names that all of them share are known.
std = "min"
max_line_length = 110
self = false
unused_args = false
exclude_files = { "build/**", "lua/ropewalk/meta.lua" }
-- Feature tests of newer versions go through rawget(_G, ...) in lua/ropewalk; tests may name what one version has.
files["tests/**"] = { std = "max" }
files["bench/**"] = { std = "max" }
files["examples/**"] = { std = "max" }
files["**/*.rockspec"] = { std = "+rockspec" }
