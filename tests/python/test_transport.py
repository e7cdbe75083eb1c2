# SPDX-License-Identifier: MIT
"""The stream transport: what asyncio promises of asyncio.Transport, on sockets of this machine."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import socket
import tempfile
import threading
import warnings
import weakref
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, test
from transports import LOST, PATIENCE, Recorder, half_pair, no_log, pair, receive, told


@test
async def a_protocol_sees_its_connection_from_made_to_lost() -> None:
    loop = asyncio.get_running_loop()
    accepted: list[Recorder] = []

    def accept() -> Recorder:
        accepted.append(Recorder())
        return accepted[-1]

    server = await loop.create_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, protocol = await loop.create_connection(Recorder, "127.0.0.1", port)
    assert isinstance(transport, asyncio.Transport) and type(transport).__name__ == "SocketTransport"
    assert protocol.events == ["made"] and protocol.transport is transport
    assert transport.get_protocol() is protocol and transport.is_reading() and not transport.is_closing()
    assert transport.get_extra_info("peername") == ("127.0.0.1", port)
    assert transport.get_extra_info("sockname") == transport.get_extra_info("socket").getsockname()
    assert transport.get_extra_info("nothing") is None and transport.get_extra_info("nothing", 5) == 5
    assert transport.get_extra_info("nothing", default=6) == 6
    assert transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
    transport.write(b"hello")
    await accepted[0].until(lambda: accepted[0].data == b"hello")
    assert accepted[0].transport.get_extra_info("peername") == transport.get_extra_info("sockname")
    transport.close()
    assert transport.is_closing() and not transport.is_reading()
    await protocol.saw(LOST)
    await accepted[0].saw(LOST)
    assert accepted[0].events == ["made", "data", "eof", LOST]
    assert transport.get_protocol() is None and "closed" in repr(transport)
    server.close()
    await asyncio.wait_for(server.wait_closed(), PATIENCE)


@test
async def unix_sockets_have_the_same_transport() -> None:
    loop = asyncio.get_running_loop()
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "socket")
        server = await loop.create_unix_server(Recorder, path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        assert type(transport).__name__ == "SocketTransport"
        transport.close()
        await protocol.saw(LOST)
        server.close()


@test
async def what_cannot_be_sent_waits_in_order_and_pauses_the_protocol() -> None:
    transport, protocol, peer = await half_pair()
    with peer:
        first, second = b"a" * 300_000, bytearray(b"b" * 1000)
        transport.write(first)
        assert "pause" in protocol.events and transport.get_write_buffer_size() > 65536
        transport.write(second)
        second[:] = b"?" * 1000  # it is its owner's again
        transport.writelines([b"c" * 10, bytearray(b"d"), memoryview(b"eee")[1:]])
        transport.write(b"")
        expected = first + b"b" * 1000 + b"c" * 10 + b"dee"
        assert await receive(peer, len(expected)) == expected
        await protocol.saw("resume")
        assert transport.get_write_buffer_size() == 0
        assert protocol.events == ["made", "pause", "resume"]
        transport.close()
        await protocol.saw(LOST)


@test
async def what_was_written_is_sent_before_close_and_before_eof() -> None:
    for finish in ("close", "write_eof"):
        transport, protocol, peer = await half_pair()
        with peer:
            transport.write(b"x" * 200_000)
            getattr(transport, finish)()
            assert protocol.events == ["made", "pause"]
            assert await receive(peer, 200_000) == b"x" * 200_000
            assert await asyncio.get_running_loop().sock_recv(peer, 1) == b""
            transport.close()
            await protocol.saw(LOST)
            assert protocol.events == ["made", "pause", "resume", LOST]


@test
async def many_small_writes_arrive_in_order() -> None:
    transport, protocol, peer = await half_pair()
    with peer:
        pieces = [b"%06d" % i for i in range(5000)]
        for piece in pieces:
            transport.write(piece)
        transport.writelines(pieces)
        transport.writelines(iter(pieces))
        assert await receive(peer, 90_000) == b"".join(pieces) * 3
        transport.abort()
        await protocol.saw(LOST)


@test
async def abort_sends_no_more() -> None:
    transport, protocol, peer = await half_pair()
    with peer:
        transport.write(b"x" * 1_000_000)
        transport.abort()
        transport.abort()
        assert transport.get_write_buffer_size() == 0 and transport.is_closing()
        assert LOST not in protocol.events  # a callback of its own, later
        await protocol.saw(LOST)
        size = 0
        while part := peer.recv(1 << 20):
            size += len(part)
        assert size < 1_000_000


@test
async def reading_pauses_and_resumes() -> None:
    one, _, two, right = await pair()
    two.pause_reading()
    two.pause_reading()
    assert not two.is_reading()
    one.write(b"waits")
    for _ in range(5):
        await asyncio.sleep(0)
    assert right.data == b""
    two.resume_reading()
    assert two.is_reading()
    await right.until(lambda: right.data == b"waits")
    one.close()
    await right.saw(LOST)
    two.resume_reading()
    two.pause_reading()


@test
async def pausing_inside_data_received_keeps_the_rest_for_later() -> None:
    class Once(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    one, _, two, right = await pair(None, Once())
    one.write(b"x" * 200_000)
    await right.saw("data")
    size = len(right.data)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(right.data) == size < 200_000
    while len(right.data) < 200_000:
        two.resume_reading()
        size = len(right.data)
        await right.until(lambda size=size: len(right.data) > size)
    one.close()
    await one.get_protocol().saw(LOST)
    two.close()
    await right.saw(LOST)


class Buffered(asyncio.BufferedProtocol, Recorder):  # type: ignore[misc]
    """Receives into its own memory."""

    size = 10

    def get_buffer(self, hint: int) -> Any:
        assert hint == -1
        self.memory = bytearray(self.size)
        return self.memory

    def buffer_updated(self, count: int) -> None:
        Recorder.data_received(self, bytes(self.memory[:count]))


@test
async def a_buffered_protocol_receives_into_its_own_memory() -> None:
    one, left, two, right = await pair(None, Buffered())
    one.write(b"0123456789" * 20 + b"end")
    await right.until(lambda: right.data.endswith(b"end"))
    assert right.data == b"0123456789" * 20 + b"end" and right.events.count("data") == 21
    other = Recorder()
    two.set_protocol(other)
    assert two.get_protocol() is other
    one.write(b"plain")
    await other.until(lambda: other.data == b"plain")
    one.close()
    await other.saw(LOST)
    assert left.events == ["made", LOST]


@test
async def one_side_may_end_and_still_listen() -> None:
    one, left, two, right = await pair()
    right.keep_open = True
    assert one.can_write_eof()
    one.write_eof()
    one.write_eof()
    await right.saw("eof")
    expect_raises(RuntimeError, one.write, b"x", match="after write_eof")
    expect_raises(RuntimeError, one.writelines, [b"x"], match="after write_eof")
    two.write(b"answer")
    await left.until(lambda: left.data == b"answer")
    assert not two.is_closing()
    two.close()
    await right.saw(LOST)
    await left.saw(LOST)
    assert right.events == ["made", "eof", LOST]


@test
async def a_peer_that_resets_is_an_error_of_connection_lost() -> None:
    contexts = told()
    one, left, two, right = await pair()
    two.pause_reading()
    one.write(b"never read")
    two.abort()
    await left.until(lambda: len(left.events) > 1)
    kind, error = left.events[-1]
    assert kind == "lost" and isinstance(error, ConnectionResetError), left.events
    assert contexts == []  # an OSError is not the protocol's fault
    await right.saw(LOST)
    with no_log():
        for _ in range(10):
            one.write(b"into the void")
        one.writelines([b"x"])
    one.close()
    one.abort()


@test
async def writing_to_a_peer_that_is_gone_loses_the_connection() -> None:
    transport, protocol, peer = await half_pair()
    transport.pause_reading()
    peer.close()
    transport.write(b"x")
    assert transport.is_closing()
    await protocol.until(lambda: len(protocol.events) == 2)
    assert isinstance(protocol.events[1][1], BrokenPipeError)


@test
async def errors_of_a_protocol_are_reported_and_end_its_connection() -> None:
    class Bad(Recorder):
        def data_received(self, data: bytes) -> None:
            raise KeyError("data_received")

        def eof_received(self) -> bool:
            raise KeyError("eof_received")

    class BadBuffer(Buffered):
        size = 0

    class BadUpdate(Buffered):
        def buffer_updated(self, count: int) -> None:
            raise KeyError("buffer_updated")

    for make, cause, text in (
        (Bad, "write", "data_received"),
        (Bad, "write_eof", "eof_received"),
        (BadBuffer, "write", "get_buffer"),
        (BadUpdate, "write", "buffer_updated"),
    ):
        contexts = told()
        one, left, two, right = await pair(None, make())
        getattr(one, cause)(*([b"x"] if cause == "write" else []))
        await left.until(lambda left=left: len(left.events) > 1)
        await right.until(lambda right=right: right.events[-1][0] == "lost")
        (context,) = contexts
        assert text in context["message"] and text in str(context["exception"]), context
        assert context["transport"] is two and context["protocol"] is right
        assert right.events[-1][1] is context["exception"]
        one.close()


@test
async def errors_in_connection_made_and_lost_are_reported() -> None:
    class Bad(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            raise KeyError("made")

        def connection_lost(self, exception: Exception | None) -> None:
            super().connection_lost(exception)
            raise KeyError("lost")

    contexts = told()
    one, _, two, right = await pair(None, Bad())
    assert "made" in str(contexts[0]["exception"])
    one.write(b"x")
    await right.saw("data")
    two.close()
    await right.saw(LOST)
    await asyncio.sleep(0)
    assert "lost" in str(contexts[1]["exception"]) and two.get_extra_info("socket").fileno() == -1
    one.close()


@test
async def errors_of_flow_control_are_reported_and_change_nothing() -> None:
    class Bad(Recorder):
        def pause_writing(self) -> None:
            raise KeyError("pause")

        def resume_writing(self) -> None:
            raise KeyError("resume")

    contexts = told()
    transport, protocol, peer = await half_pair(Bad())
    with peer:
        transport.write(b"x" * 300_000)
        assert await receive(peer, 300_000)
        transport.close()
        await protocol.saw(LOST)
    assert [context["message"] for context in contexts] == [
        "protocol.pause_writing() failed",
        "protocol.resume_writing() failed",
    ]


@test
async def marks_are_set_and_checked() -> None:
    transport, protocol, peer = await half_pair()
    with peer:
        assert transport.get_write_buffer_limits() == (16384, 65536)
        transport.set_write_buffer_limits(high=100)
        assert transport.get_write_buffer_limits() == (25, 100)
        transport.set_write_buffer_limits(low=100)
        assert transport.get_write_buffer_limits() == (100, 400)
        transport.set_write_buffer_limits(high=5, low=5)
        expect_raises(ValueError, transport.set_write_buffer_limits, 5, 6)
        expect_raises(ValueError, transport.set_write_buffer_limits, 5, -1)
        expect_raises(TypeError, transport.set_write_buffer_limits, "5")
        assert transport.get_write_buffer_limits() == (5, 5)
        transport.set_write_buffer_limits()
        transport.write(b"x" * 30_000)
        assert "pause" not in protocol.events
        transport.set_write_buffer_limits(high=0)
        assert "pause" in protocol.events
        transport.abort()
        await protocol.saw(LOST)


@test
async def misuse_is_told() -> None:
    transport, protocol, peer = await half_pair()
    with peer:
        expect_raises(TypeError, transport.write, "text", match="bytes-like")
        expect_raises(TypeError, transport.write, None)
        expect_raises(TypeError, transport.writelines, [b"fine", 5])
        expect_raises(TypeError, transport.writelines, 5)
        assert transport.get_write_buffer_size() == 0
        expect_raises(TypeError, type(transport))
        errors: list[Any] = []

        def foreign() -> None:
            try:
                transport.close()
            except RuntimeError as error:
                errors.append(error)

        loop = asyncio.get_running_loop()
        expect_raises(RuntimeError, loop.add_reader, transport.get_extra_info("socket"), print, match="transport")
        thread = threading.Thread(target=foreign)
        thread.start()
        thread.join()
        assert errors
        transport.abort()
        await protocol.saw(LOST)


@test
async def callbacks_run_in_the_context_of_the_connection() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    seen: list[str] = []

    class Looks(Recorder):
        def data_received(self, data: bytes) -> None:
            seen.append(variable.get())
            super().data_received(data)

        def connection_lost(self, exception: Exception | None) -> None:
            seen.append(variable.get())
            super().connection_lost(exception)

    variable.set("made here")
    one, _, _, right = await pair(None, Looks())
    variable.set("later")
    one.write(b"x")
    await right.saw("data")
    one.close()
    await right.saw(LOST)
    assert seen == ["made here", "made here"]


@test
def an_exit_in_a_protocol_ends_the_program() -> None:
    class Leaves(Recorder):
        def data_received(self, data: bytes) -> None:
            raise SystemExit(3)

    async def body() -> None:
        one, _, _, _ = await pair(None, Leaves())
        one.write(b"x")
        await asyncio.sleep(PATIENCE)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        error = expect_raises(SystemExit, lambda: rw.run(body()))
        gc.collect()
    assert error.code == 3  # type: ignore[attr-defined]


@test
def an_unclosed_transport_warns_and_its_socket_is_closed() -> None:
    async def body() -> int:
        transport, _, peer = await half_pair()
        peer.close()
        transport.pause_reading()
        return transport.get_extra_info("socket").fileno()  # type: ignore[no-any-return]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fd = rw.run(body())
        gc.collect()
    assert any("unclosed transport <SocketTransport" in str(warning.message) for warning in caught), caught
    expect_raises(OSError, os.fstat, fd)


@test
def a_loop_that_is_closed_first_takes_its_transports_along() -> None:
    loop = rw.new_event_loop()
    one, _, two, _ = loop.run_until_complete(pair())
    one.write(b"unread")
    loop.close()
    for transport in (one, two):
        expect_raises(RuntimeError, transport.close, match="closed")
        expect_raises(RuntimeError, transport.write, b"x", match="closed")
    gone = weakref.ref(one)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del one, two, transport, loop
        gc.collect()
    assert gone() is None


@test
def a_loop_that_is_dropped_is_collected_with_its_transports() -> None:
    loop = rw.new_event_loop()
    made = loop.run_until_complete(pair())
    gone = [weakref.ref(loop), weakref.ref(made[0])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del loop, made
        gc.collect()
    assert [reference() for reference in gone] == [None, None]


@test
async def a_connection_that_is_cancelled_while_it_is_made_is_closed() -> None:
    loop = asyncio.get_running_loop()
    a, b = socket.socketpair()
    protocol = Recorder()
    with b:
        task = asyncio.ensure_future(loop.create_connection(lambda: protocol, sock=a))
        await asyncio.sleep(0)
        task.cancel()
        await expect_raises_async(asyncio.CancelledError, task)
        await protocol.saw(LOST)
        assert protocol.events == ["made", LOST]


main()
