# SPDX-License-Identifier: MIT
"""What asyncio builds on transports: TLS, sendfile, streams."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import ssl
import subprocess
import tempfile

import ropewalk as rw
from t import Skip, expect_raises, expect_raises_async, main, test
from transports import LOST, PATIENCE, half_pair, pair, receive


def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context, with a certificate made for this test."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Skip("there is no openssl to make a certificate")
    with tempfile.TemporaryDirectory() as directory:
        key, certificate = os.path.join(directory, "key"), os.path.join(directory, "certificate")
        command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(certificate, key)
        client = ssl.create_default_context(cafile=certificate)
    return server, client


async def echo_lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


@test
async def tls_goes_over_it_from_the_start() -> None:
    server_context, client_context = tls_contexts()
    server = await asyncio.start_server(echo_lines, "127.0.0.1", 0, ssl=server_context, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=client_context, server_hostname="localhost", limit=1 << 20
    )
    line = b"x" * 300_000 + b"\n"
    writer.write(line)
    assert await asyncio.wait_for(reader.readline(), PATIENCE) == line
    assert writer.get_extra_info("cipher") and writer.get_extra_info("peername") == ("127.0.0.1", port)
    writer.close()
    await writer.wait_closed()
    server.close()
    await asyncio.wait_for(server.wait_closed(), PATIENCE)


@test
async def tls_begins_in_the_middle_of_a_connection() -> None:
    server_context, client_context = tls_contexts()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.start_tls(server_context)
        await echo_lines(reader, writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    writer.write(b"STARTTLS\n")
    assert await reader.readline() == b"go\n"
    await writer.start_tls(client_context, server_hostname="localhost")
    writer.write(b"secret\n")
    assert await asyncio.wait_for(reader.readline(), PATIENCE) == b"secret\n"
    writer.close()
    await writer.wait_closed()
    server.close()


@test
async def a_file_is_sent_by_the_kernel_or_in_pieces() -> None:
    loop = asyncio.get_running_loop()
    size = 600_000
    for native in (True, False):
        transport, protocol, peer = await half_pair()
        with peer, tempfile.TemporaryFile() as file:
            file.write(b"f" * size)
            transport.write(b"head ")
            if native:
                sending = loop.sendfile(transport, file, fallback=False)
            else:
                sending = loop._sendfile_fallback(transport, file, 0, None)  # type: ignore[attr-defined]
                file.seek(0)
            task = asyncio.ensure_future(sending)
            assert await receive(peer, 5 + size) == b"head " + b"f" * size
            assert await task == size
            transport.write(b" tail")
            assert await receive(peer, 5) == b" tail"
            peer.send(b"still reading")
            await protocol.until(lambda protocol=protocol: protocol.data == b"still reading")
            transport.close()
            await protocol.saw(LOST)


@test
async def sendfile_ends_when_the_peer_closes_in_the_middle() -> None:
    loop = asyncio.get_running_loop()
    for native in (True, False):
        transport, protocol, peer = await half_pair()
        with tempfile.TemporaryFile() as file:
            file.write(b"f" * 4_000_000)
            file.seek(0)
            if native:
                sending = loop.sendfile(transport, file, fallback=False)
            else:
                sending = loop._sendfile_fallback(transport, file, 0, None)  # type: ignore[attr-defined]
            task = asyncio.ensure_future(sending)
            await receive(peer, 10_000)
            peer.close()
            await expect_raises_async(ConnectionError, asyncio.wait_for(task, PATIENCE))
            transport.abort()
            await protocol.until(lambda protocol=protocol: protocol.events[-1][0] == "lost")


@test
async def nothing_is_written_while_a_file_is_sent() -> None:
    transport, protocol, peer = await half_pair()
    with peer:
        transport.write(b"x" * 100_000)
        waiter = transport._make_empty_waiter()
        expect_raises(RuntimeError, transport.write, b"x", match="sendfile")
        expect_raises(RuntimeError, transport.writelines, [b"x"], match="sendfile")
        expect_raises(RuntimeError, transport._make_empty_waiter)
        transport.abort()
        await expect_raises_async(ConnectionError, asyncio.wait_for(waiter, PATIENCE), match="closed by peer")
        await protocol.saw(LOST)


@test
async def connections_by_the_hundred_leave_nothing() -> None:
    for round_number in range(3):
        made = [await pair() for _ in range(50)]
        for one, _, _, _ in made:
            one.write(b"x" * 1000)
        for one, left, two, right in made:
            await right.until(lambda right=right: len(right.data) == 1000)
            two.close()
            await left.saw(LOST)
            assert one.is_closing()
        if round_number == 0:
            gc.collect()
            before = rw.stats()["objects_live"]
    del made, one, two, left, right
    gc.collect()
    assert rw.stats()["objects_live"] <= before


if __name__ == "__main__":
    main()
