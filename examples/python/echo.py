# SPDX-License-Identifier: MIT
"""An echo server, and a client that talks to it, on one loop."""

import ropewalk as rw


async def serve(conn: rw.SocketStream) -> None:
    async with conn:
        async for line in conn.lines():
            await conn.send(line + b"\n")


async def main() -> None:
    async with rw.listen_tcp("127.0.0.1", 0) as listener, rw.scope() as scope:

        async def accept() -> None:
            async for conn in listener:
                scope.spawn(serve(conn))

        acceptor = scope.spawn(accept())
        async with await rw.connect_tcp("127.0.0.1", listener.port) as conn:
            await conn.send(b"hello\n")
            line = await conn.receive_until(b"\n", 100)
            print("echoed " + line.decode().rstrip())
        acceptor.cancel()


rw.run(main())
