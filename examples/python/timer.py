# SPDX-License-Identifier: MIT
"""A tick every 100 ms, five times."""

import ropewalk as rw


async def main() -> None:
    async for tick in rw.interval(0.1).take(5):
        print(f"tick {tick}")


rw.run(main())
