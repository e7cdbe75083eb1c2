# SPDX-License-Identifier: MIT
"""Numbers through a channel, squared, and summed: the channel holds two, so the producer waits for the consumer."""

import ropewalk as rw


async def produce(tx: rw.Sender) -> None:
    async with tx:
        for number in range(1, 11):
            await tx.send(number)


async def main() -> None:
    tx, rx = rw.channel(2)
    rw.spawn(produce(tx))
    total = 0
    async for number in rx:
        total += number * number
    print(f"sum of squares {total}")


rw.run(main())
