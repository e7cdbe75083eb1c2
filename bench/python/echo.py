# SPDX-License-Identifier: MIT
"""echo.py - an echo server in Python, on three loops and in three ways. Prints its port.

python echo.py ropewalk|asyncio|uvloop protocol|streams|native
"""

import asyncio
import sys

READ_MAX = 16384


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]


async def protocol() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def streams() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_MAX):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def native() -> None:
    import ropewalk as rw

    async def echo(connection: rw.SocketStream) -> None:
        try:
            while True:
                await connection.send(await connection.receive(READ_MAX))
        except (rw.EndOfStream, rw.BrokenError):
            await connection.aclose()

    listener = rw.listen_tcp("127.0.0.1", 0)
    print(listener.port, flush=True)
    while True:
        rw.spawn(echo(await listener.accept()))


def main(loop: str, way: str) -> None:
    server = {"protocol": protocol, "streams": streams, "native": native}[way]
    if loop == "asyncio":
        asyncio.run(server())
    elif loop == "uvloop":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server())
    else:
        import ropewalk

        ropewalk.run(server())


if __name__ == "__main__":
    main(*sys.argv[1:])
