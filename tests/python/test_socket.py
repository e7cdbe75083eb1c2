# SPDX-License-Identifier: MIT
"""TCP and Unix sockets, on the kernel and in simulation."""

from __future__ import annotations

import os
import socket as stdlib_socket
import tempfile
from typing import Any

import ropewalk as rw
from ropewalk import testing
from t import expect_raises, expect_raises_async, main, test


def both(function: Any) -> Any:
    """The test runs on the kernel and in simulation."""

    def run() -> None:
        rw.run(function())
        testing.run(function())

    run.__name__ = function.__name__
    return test(run)


async def echo(socket: rw.SocketStream) -> None:
    async for data in socket:
        await socket.send(data)


@both
async def an_echo_server_serves() -> None:
    listener = rw.listen_tcp("127.0.0.1", 0)
    assert listener.port > 0
    server = rw.spawn(rw.serve(listener, echo))
    async with rw.connect_tcp("127.0.0.1", listener.port) as client:
        await client.send(b"hello")
        assert await client.receive() == b"hello"
        await client.send([b"a", bytearray(b"b").decode(), b"c"])
        assert await client.receive_exactly(3) == b"abc"
        assert client.peer == listener.local
    listener.close()
    await server


@both
async def reading_has_anyios_meanings() -> None:
    a, b = await pair()
    await a.send(b"line one\r\nline two\nrest")
    assert await b.receive_until(b"\r\n") == b"line one"
    assert await b.receive_until(b"\n", 100) == b"line two"
    assert await b.receive(2) == b"re"
    await a.send_eof()
    error = await expect_raises_async(rw.IncompleteRead, b.receive_exactly(10))
    assert isinstance(error, EOFError)
    assert await b.receive_exactly(2) == b"st", "what did come stays readable"
    await expect_raises_async(rw.EndOfStream, b.receive())
    await b.send(b"still open this way")
    assert await a.receive() == b"still open this way"


async def pair() -> tuple[rw.SocketStream, rw.SocketStream]:
    with rw.listen_tcp("127.0.0.1", 0) as listener:
        client, server = await rw.gather(rw.connect_tcp("127.0.0.1", listener.port), listener.accept())
    return client, server


@both
async def lines_end_with_the_stream() -> None:
    a, b = await pair()
    await a.send(b"one\r\ntwo\n\nlast")
    await a.aclose()
    assert [line async for line in b.lines()] == [b"one", b"two", b"", b"last"]


@both
async def a_limit_loses_nothing() -> None:
    a, b = await pair()
    await a.send(b"0123456789\n")
    await expect_raises_async(rw.LimitError, b.receive_until(b"\n", 4))
    assert await b.receive_until(b"\n", 100) == b"0123456789"


@both
async def a_cancelled_read_loses_nothing() -> None:
    a, b = await pair()

    async def read() -> bytes:
        return await b.receive_exactly(6)

    await a.send(b"abc")
    with rw.move_on_after(0.01):
        await b.receive_exactly(6)
    task = rw.spawn(read())
    await rw.yield_now()
    task.cancel()
    await expect_raises_async(rw.CancelledError, task)
    await a.send(b"def")
    assert await b.receive_exactly(6) == b"abcdef"


@both
async def much_data_is_held_back() -> None:
    a, b = await pair()
    block = bytes(range(256)) * 256
    count = 40

    async def write() -> None:
        for _ in range(count):
            await a.send(block)
        await a.send_eof()

    rw.spawn(write())
    await rw.sleep(0.01)
    assert a.unsent <= 4 * len(block)
    assert await b.receive_all() == block * count


@both
async def closed_sockets_say_so() -> None:
    a, b = await pair()
    a.close()
    a.close()
    assert a.closed and a.fileno() == -1
    await expect_raises_async(rw.ClosedError, a.receive())
    await expect_raises_async(rw.ClosedError, a.send(b"x"))
    await expect_raises_async(rw.EndOfStream, b.receive())
    listener = rw.listen_tcp()
    waiting = rw.spawn(accept(listener))
    await rw.yield_now()
    listener.close()
    await expect_raises_async(rw.ClosedError, waiting)


async def accept(listener: rw.Listener) -> rw.SocketStream:
    return await listener.accept()


@both
async def two_readers_are_refused() -> None:
    _, b = await pair()

    async def read() -> bytes:
        return await b.receive()

    first = rw.spawn(read())
    await rw.yield_now()
    await expect_raises_async(rw.BusyError, b.receive())
    first.cancel()


@test
async def unix_sockets_work() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "s")
        with rw.listen_unix(path, mode=0o600) as listener:
            assert os.stat(path).st_mode & 0o777 == 0o600
            client, server = await rw.gather(rw.connect_unix(path), listener.accept())
            await client.send(b"x")
            assert await server.receive() == b"x"
        await expect_raises_async(OSError, rw.connect_unix(os.path.join(directory, "none")))


@test
async def refused_connections_are_os_errors() -> None:
    with stdlib_socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        await expect_raises_async(ConnectionRefusedError, rw.connect_tcp("127.0.0.1", port))
    expect_raises(ValueError, rw.listen_tcp, "not an address", 0)
    with rw.listen_tcp() as listener:
        expect_raises(OSError, rw.listen_tcp, "127.0.0.1", listener.port)


@test
async def names_resolve() -> None:
    addresses = await rw.resolve("localhost", 80)
    assert all(entry["port"] == 80 for entry in addresses) and addresses
    await expect_raises_async(stdlib_socket.gaierror, rw.resolve("no-such-name.invalid"))


@test
async def a_pair_is_connected() -> None:
    a, b = rw.socket_pair()
    a.send_nowait(b"now")
    assert await b.receive() == b"now"


@test
async def misuse_is_told() -> None:
    a, _ = rw.socket_pair()
    expect_raises(TypeError, a.send, "text")
    expect_raises(TypeError, a.send, None)
    expect_raises(ValueError, a.receive, 0)
    expect_raises(ValueError, a.receive_exactly, -1)
    expect_raises(TypeError, a.receive_exactly)
    expect_raises(ValueError, a.receive_until, b"")
    expect_raises(ValueError, rw.connect_tcp, "h", 70000)
    expect_raises(TypeError, rw.connect_tcp, 5, 80)


@test
def a_bad_network_loses_no_byte() -> None:
    async def body() -> None:
        a, b = await pair()
        data = os.urandom(50_000)

        async def write() -> None:
            await a.send(data)
            await a.send_eof()

        rw.spawn(write())
        assert await b.receive_all() == data

    for seed in range(20):
        testing.run(body(), seed=seed, shuffle=True, short_io_ppm=300_000, eintr_ppm=300_000, latency_max_ns=1_000_000)


if __name__ == "__main__":
    main()
