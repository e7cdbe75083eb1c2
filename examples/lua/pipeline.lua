-- SPDX-License-Identifier: MIT
-- Numbers through a channel, squared, and summed: it holds two, so the producer waits for the consumer.
local rw = require "ropewalk"

rw.run(function()
  local tx, rx = rw.channel(2)
  local producer = rw.spawn(function()
    for i = 1, 10 do
      tx:send(i)
    end
    tx:close()
  end)
  local sum = 0
  for n in rx:iter() do
    sum = sum + n * n
  end
  producer:await()
  print(("sum of squares %d"):format(sum))
end)
