# SPDX-License-Identifier: MIT
"""One loop, two languages: Lua awaits Python, Python awaits Lua, and a channel between them."""

import ropewalk as rw

LUA = """
local rw = require "ropewalk"
local py = require "ropewalk.python"

return function(rx, fetch)
  local words = {}
  for word in rx:iter() do
    words[#words + 1] = rw.await(fetch(word))   -- a Python coroutine, awaited by Lua
  end
  return table.concat(words, " ")
end
"""


async def fetch(word: str) -> str:
    await rw.sleep(0.01)
    return word.upper()


async def main() -> None:
    lua = rw.Lua()
    shout = lua.execute(LUA)
    tx, rx = rw.channel(1)
    shouting = rw.spawn(shout(rx, fetch))  # a Lua function, awaited by Python
    for word in ("one", "loop", "three", "languages"):
        await tx.send(word)
    tx.close()
    print(await shouting)


rw.run(main())
