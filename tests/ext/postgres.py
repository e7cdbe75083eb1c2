#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a command with a PostgreSQL server of its own.

    postgres.py COMMAND [ARGUMENT...]

The server lives in a temporary directory, listens on a free port of the loopback, asks for a password, and is gone when
the command has ended, whose status is ours. The command finds it through PGHOST, PGPORT, PGUSER, PGPASSWORD and
PGDATABASE. Root, whom PostgreSQL refuses, runs it as `postgres` or `nobody`.

A server that is not installed, or does not start, counts as one failed test that says so.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 20
PASSWORD = "strands"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "shared_buffers": "8MB",
    "fsync": "off",
    "autovacuum": "off",
    "logging_collector": "off",
    "unix_socket_directories": "",
}


class NoServer(Exception):
    """There is no server, with the reason."""


def find_binaries() -> str:
    """The directory of the server's programs."""
    found = []
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        found.append(answer.stdout.strip())
    found += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]), reverse=True)
    for path in found:
        if os.access(os.path.join(path, "initdb"), os.X_OK) and os.access(os.path.join(path, "postgres"), os.X_OK):
            return path
    raise NoServer("no initdb in pg_config's directory nor below /usr/lib/postgresql (Debian: postgresql)")


def choose_user() -> dict[str, Any]:
    """What a process has to be given so as not to be root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise NoServer("running as root, and there is no user `postgres` or `nobody` to start it as")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A server in `directory`, from start() to stop()."""

    def __init__(self, directory: str) -> None:
        self.binaries = find_binaries()
        self.user = choose_user()
        self.directory = directory
        self.data = os.path.join(directory, "data")
        self.log = os.path.join(directory, "log")
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def program(self, name: str) -> str:
        return os.path.join(self.binaries, name)

    def create(self) -> None:
        password = os.path.join(self.directory, "password")
        with open(password, "w", encoding="ascii") as file:
            file.write(PASSWORD + "\n")
        if self.user:
            for path in (self.directory, password):
                os.chown(path, self.user["user"], self.user["group"])
        command = [self.program("initdb"), "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8"]
        command += ["--no-locale", "--no-sync", f"--pwfile={password}"]
        made = subprocess.run(
            command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **self.user
        )
        if made.returncode != 0:
            raise NoServer("initdb failed: " + made.stdout.strip()[-2000:])

    def start(self) -> None:
        """Starts it; another program may take the free port first, so it is tried on several."""
        for _ in range(5):
            self.port = free_port()
            command = [self.program("postgres"), "-D", self.data, "-p", str(self.port)]
            for name, value in SETTINGS.items():
                command += ["-c", f"{name}={value}"]
            with open(self.log, "wb") as log:
                self.process = subprocess.Popen(
                    command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self.user
                )
            if self.wait_until_ready():
                return
        with open(self.log, encoding="utf-8", errors="replace") as log_text:
            raise NoServer("the server did not start: " + log_text.read()[-2000:])

    def wait_until_ready(self) -> bool:
        """False: the process has ended."""
        assert self.process is not None
        end = time.monotonic() + START_SECONDS
        command = [self.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        while time.monotonic() < end:
            if self.process.poll() is not None:
                return False
            if subprocess.run(command, check=False).returncode == 0:
                return self.process.poll() is None
            time.sleep(0.05)
        raise NoServer(f"the server was not ready after {START_SECONDS} s")

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_SECONDS)

    def environment(self) -> dict[str, str]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        variables.update(PGHOST="127.0.0.1", PGPORT=str(self.port), PGUSER="postgres", PGDATABASE="postgres")
        variables.update(PGPASSWORD=PASSWORD, PGPASSFILE=os.devnull)
        return variables


def main(arguments: list[str]) -> int:
    """The command line."""
    if not arguments:
        sys.exit((__doc__ or "").split("\n\n")[1].strip())
    with tempfile.TemporaryDirectory(prefix="ropewalk-pg-", ignore_cleanup_errors=True) as directory:
        server = None
        try:
            server = Server(directory)
            server.create()
            server.start()
            status = subprocess.run(arguments, env=server.environment(), check=False).returncode
        except NoServer as why:
            print(f"not ok there is a PostgreSQL server to test with\n# {why}\n0 passed, 1 failed, 0 skipped")
            return 1
        finally:
            if server is not None:
                server.stop()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
