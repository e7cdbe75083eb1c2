# SPDX-License-Identifier: MIT
"""echo.py - CPU time that an echo server spends on a request.

All servers of a group are up at once and idle until it is their turn; each round loads every one of them for a short
window with the same generator. Server and generator are kept on a processor of their own, so that the scheduler's
choice of where to wake whom is the same for all.
"""

import os
import select
import subprocess
from dataclasses import dataclass, field

from programs import ROOT, Missing, Program, bench_path, pin

START_SECONDS = 10


@dataclass
class Server:
    program: Program
    process: subprocess.Popen
    port: int
    samples: dict[tuple[int, int], list[float]] = field(default_factory=dict)  # by (connections, size)


def read_port(process: subprocess.Popen) -> int:
    """The first line a server prints is its port."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline() if ready else ""
    if not line.strip().isdigit():
        raise RuntimeError("it printed no port")
    return int(line)


def start(program: Program) -> Server:
    log = open(os.path.join(ROOT, "build", "bench", "servers.log"), "a", encoding="utf-8")  # noqa: SIM115
    with log:
        process = subprocess.Popen(
            program.command,
            env=program.environment(),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    pin(process, 0)
    try:
        return Server(program, process, read_port(process))
    except RuntimeError:
        stop(process)
        raise


def stop(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def load(server: Server, connections: int, size: int, window_ms: int) -> float:
    """Nanoseconds of the server's CPU time per request."""
    command = [bench_path("load"), server.port, connections, size, window_ms, server.process.pid]
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pin(process, 1)
    try:
        out, err = process.communicate(timeout=window_ms / 1000 * 2 + 10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"load: {err.strip()}")
    requests, cpu_ns, _ = (int(word) for word in out.split())
    return cpu_ns / max(requests, 1)


def measure(
    programs: list[Program],
    shapes: list[tuple[int, int]],
    rounds: int,
    window_ms: int,
    missing: Missing,
) -> dict[str, list[float]]:
    """`shapes` are (connections, size); the samples are named PREFIX.SIZE.CONNECTIONS."""
    servers: list[Server] = []
    try:
        for program in programs:
            try:
                servers.append(start(program))
            except (OSError, RuntimeError) as error:
                missing.add(program.prefix, str(error))
        for _ in range(rounds):
            for shape in shapes:
                for server in list(servers):
                    try:
                        cost = load(server, *shape, window_ms)
                        server.samples.setdefault(shape, []).append(cost)
                    except (RuntimeError, subprocess.TimeoutExpired) as error:
                        missing.add(server.program.prefix, str(error))
                        servers.remove(server)
                        stop(server.process)
    finally:
        for server in servers:
            stop(server.process)
    return {
        f"{server.program.prefix}.{size}.{connections}": samples
        for server in servers
        for (connections, size), samples in server.samples.items()
    }
