# SPDX-License-Identifier: MIT
"""A task that would sleep for an hour is cancelled, another one runs into a deadline."""

import ropewalk as rw


async def main() -> None:
    sleeper = rw.spawn(rw.sleep(3600))
    sleeper.cancel("enough")
    try:
        await sleeper
    except rw.Cancelled as error:
        print(f"sleeper: {error}")

    try:
        with rw.fail_after(0.05):
            await rw.sleep(3600)
    except TimeoutError:
        print("waiter: timeout")


rw.run(main())
