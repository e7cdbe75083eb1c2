# SPDX-License-Identifier: MIT
"""asyncio itself on Ropewalk's loop: what ordinary programs and libraries use."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from typing import Any

import ropewalk as rw
from t import expect_raises, expect_raises_async, main, test


@test
async def sleep_wait_gather_and_shield() -> None:
    async def give(value: int, delay: float) -> int:
        await asyncio.sleep(delay, value)
        return value

    assert await asyncio.gather(give(1, 0.002), give(2, 0.001)) == [1, 2]
    done, pending = await asyncio.wait(
        [asyncio.create_task(give(1, 0)), asyncio.create_task(asyncio.sleep(10))], timeout=0.05
    )
    assert len(done) == 1 and len(pending) == 1
    for task in pending:
        task.cancel()
    assert await asyncio.shield(give(3, 0)) == 3
    assert await asyncio.wait_for(give(4, 0), 1) == 4
    await expect_raises_async(asyncio.TimeoutError, asyncio.wait_for(asyncio.sleep(10), 0.001))
    results = [await future for future in asyncio.as_completed([give(5, 0.001), give(6, 0)])]
    assert sorted(results) == [5, 6]


@test
async def queues_locks_events_and_conditions() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(1)

    async def produce() -> None:
        for i in range(5):
            await queue.put(i)

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        assert [await queue.get() for _ in range(5)] == [0, 1, 2, 3, 4]
    lock, event = asyncio.Lock(), asyncio.Event()
    async with lock:
        assert lock.locked()
    asyncio.get_running_loop().call_soon(event.set)
    await event.wait()


@test
async def streams_and_servers() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello\n")
    assert await reader.readline() == b"HELLO\n"
    big = (b"x" * 999 + b"\n") * 500
    writer.write(big)
    writer.write_eof()
    assert len(await reader.read()) == len(big)
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


@test
async def subprocesses() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read()[::-1])", stdin=-1, stdout=-1
    )
    out, _ = await process.communicate(b"abc")
    assert out == b"cba" and process.returncode == 0


@test
async def threads_and_executors() -> None:
    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()
    assert await loop.run_in_executor(None, sum, [1, 2]) == 3
    got = loop.create_future()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(got.set_result, 5))
    thread.start()
    assert await got == 5
    thread.join()

    async def inner() -> int:
        return 6

    assert await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(inner(), loop).result(5)) == 6


@test
async def callbacks_in_order_and_cancelled() -> None:
    loop = asyncio.get_running_loop()
    calls: list[Any] = []
    loop.call_soon(calls.append, 1)
    loop.call_soon(calls.append, 2).cancel()
    loop.call_soon(lambda *args: calls.append(args), 1, 2, 3, 4, 5)
    handle = loop.call_later(0.001, calls.append, "later")
    assert abs(handle.when() - loop.time() - 0.001) < 1
    gone = loop.call_later(0.001, calls.append, "never")
    gone.cancel()
    assert gone.cancelled()
    loop.call_at(loop.time(), calls.append, "now")
    await asyncio.sleep(0.01)
    assert calls == [1, (1, 2, 3, 4, 5), "now", "later"], calls
    expect_raises(TypeError, loop.call_soon, 5)
    expect_raises(TypeError, loop.call_soon)
    expect_raises(TypeError, loop.call_later, None, calls.append)


@test
async def an_exception_in_a_callback_is_reported_and_the_loop_goes_on() -> None:
    loop = asyncio.get_running_loop()
    told: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda loop, context: told.append(context))
    loop.call_soon(lambda: 1 // 0)
    await asyncio.sleep(0.001)
    assert isinstance(told[0]["exception"], ZeroDivisionError) and "handle" in told[0]


@test
async def readers_and_writers() -> None:
    loop = asyncio.get_running_loop()
    a, b = socket.socketpair()
    a.setblocking(False)
    b.setblocking(False)
    with a, b:
        got = loop.create_future()
        loop.add_reader(a, lambda: got.done() or got.set_result(a.recv(10)))
        loop.add_writer(b, b.send, b"x")
        assert set(await got) == set(b"x")
        assert loop.remove_writer(b) is True and loop.remove_reader(a) is True
        assert loop.remove_reader(a) is False
        await loop.sock_sendall(b, b"hello")
        data = b""
        while not data.endswith(b"hello"):
            data += await loop.sock_recv(a, 100)


@test
async def signals() -> None:
    loop = asyncio.get_running_loop()
    got = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, got.set_result, "usr1")
    os.kill(os.getpid(), signal.SIGUSR1)
    assert await got == "usr1"
    assert loop.remove_signal_handler(signal.SIGUSR1)


@test
async def async_generators_are_closed_by_the_loop() -> None:
    closed = []

    async def generator() -> Any:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    kept = generator()
    async for _ in kept:
        break
    await asyncio.get_running_loop().shutdown_asyncgens()
    assert closed == [1]


@test
async def datagrams() -> None:
    loop = asyncio.get_running_loop()
    got = loop.create_future()

    class Protocol(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, address: Any) -> None:
            if not got.done():
                got.set_result(data)

    transport, _ = await loop.create_datagram_endpoint(Protocol, local_addr=("127.0.0.1", 0))
    sender, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=transport.get_extra_info("sockname")
    )
    sender.sendto(b"dgram")
    assert await got == b"dgram"
    transport.close()
    sender.close()


@test
def debug_mode_tells_of_slow_callbacks_and_tasks() -> None:
    told: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    def slow_callback() -> None: ...

    async def body() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 0.0
        loop.call_soon(slow_callback)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        loop.slow_callback_duration = 100.0

    logger, keep = logging.getLogger("asyncio"), Keep()
    logger.addHandler(keep)
    logger.propagate = False
    try:
        rw.run(body(), debug=True)
        assert any("Executing <Handle" in text and "slow_callback" in text for text in told), told
        assert any("Executing <Task" in text for text in told), told
        told.clear()
        rw.run(body())
        assert told == []
    finally:
        logger.removeHandler(keep)
        logger.propagate = True


@test
def a_loop_that_runs_in_short_pieces_gets_its_input() -> None:
    loop = rw.new_event_loop()
    a, b = socket.socketpair()
    got: list[bytes] = []
    with a, b:
        loop.add_reader(b, lambda: got.append(b.recv(10)))
        a.send(b"x")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert got == [b"x"]
        loop.remove_reader(b)
    loop.close()


@test
def every_way_to_start_works() -> None:
    async def body() -> str:
        assert isinstance(asyncio.get_running_loop(), rw.EventLoop)
        await asyncio.sleep(0)
        return "done"

    assert rw.run(body()) == "done"
    assert rw.run(body(), debug=True) == "done"
    with asyncio.Runner(loop_factory=rw.new_event_loop) as runner:
        assert runner.run(body()) == "done"
        assert runner.run(body()) == "done"
    loop = rw.new_event_loop()
    assert loop.run_until_complete(body()) == "done"
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


@test
def a_keyboard_interrupt_ends_the_program_cleanly() -> None:
    cleaned = []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background is born deaf to it

    async def body() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(10)
        finally:
            cleaned.append(1)

    expect_raises(KeyboardInterrupt, lambda: rw.run(body()))
    assert cleaned == [1]


if __name__ == "__main__":
    main()
