#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that includes point down, and that nothing goes around the layers.

    base <- reactor, exec <- flow <- io <- loop <- ropewalk.h <- bindings <- lua, python

- A core file includes its own layer and those below; exec and flow never name reactor, nor reactor exec.
- A part of the public door (``include/ropewalk/channel.h``) stands where the core module of its name stands; one
  without such a module (or the umbrella) is seen by whoever may see the layer DOORS gives it.
- The graph of modules (a .c with its .h) has no cycle.
- No header of Lua or Python outside bindings/; bindings/ includes only ropewalk.h (or the table made of it) and its own
  headers, and the Lua half does not know the Python half.
- The operating system is called in ``core/base/sys*.c`` and the other files of OS_FILES, nowhere else in core/.
- With ``--library``: the compiled core has no mutable global.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from csource import Include, Source, c_files

# Each layer, and the layers that its files may include besides itself.
LAYERS: dict[str, set[str]] = {
    "base": set(),
    "reactor": {"base"},
    "exec": {"base"},
    "flow": {"base", "exec"},
    "io": {"base", "reactor", "exec", "flow"},
    "loop": {"base", "reactor", "exec", "flow", "io"},
}

LUA_HEADERS = {"lua.h", "lauxlib.h", "lualib.h", "luaconf.h", "luajit.h", "lua.hpp"}
PYTHON_HEADER = re.compile(r"^(Python|structmember|frameobject|datetime)\.h$|^(internal|cpython)/")

# Functions of the C library that reach the operating system or the heap.
OS_CALLS = (
    "malloc calloc realloc free aligned_alloc posix_memalign strdup strndup mmap munmap "
    "socket bind listen connect accept accept4 recv recvfrom recvmsg send sendto sendmsg read readv write writev "
    "close shutdown pipe pipe2 poll ppoll select epoll_create1 epoll_ctl epoll_wait epoll_pwait2 eventfd "
    "timerfd_create fcntl ioctl open openat fstat unlink getrandom clock_gettime nanosleep usleep sleep sched_yield "
    "getaddrinfo freeaddrinfo getsockopt setsockopt getsockname getpeername "
    "pthread_create pthread_join pthread_cond_wait pthread_cond_timedwait sigaction fork execve waitpid exit getenv"
).split()
_OS_CALL = re.compile(r"(?<![\w.>])(" + "|".join(OS_CALLS) + r")\s*\(")
OS_FILES = re.compile(r"^core/base/(sys\w*|mem|check)\.[ch]$")
# What has no simulated twin and so no place in the table, with the files that may: a thread parks in the inbox and is
# woken from another one; the pool is threads, and in simulation runs its jobs in the loop instead; names are resolved
# on the pool, and in simulation come from a list.
OS_EXCEPTIONS = {
    "core/base/inbox.c": {"eventfd", "close", "read", "write", "poll"},
    "core/reactor/backend_sim.c": {"poll", "read"},
    "core/exec/pool.c": {"pthread_create", "pthread_join", "pthread_cond_wait"},
    "core/io/dns.c": {"getaddrinfo", "freeaddrinfo"},
}


def layer_of(path: Path) -> str | None:
    """The layer of a core file, given relative to the root; core/*.c is the composition root, `loop`."""
    if path.parts[0] != "core":
        return None
    return path.parts[1] if len(path.parts) > 2 else "loop"


class Tree:
    """The files of a checkout, and what is wrong with them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[str] = []
        self.core = {path.relative_to(root): Source(path) for path in c_files(root, "core")}
        self.door = {path.relative_to(root): Source(path) for path in c_files(root, "include")}
        self.bindings = {path.relative_to(root): Source(path) for path in c_files(root, "bindings")}

    def complain(self, path: Path, line: int, text: str) -> None:
        self.problems.append(f"{path}:{line}: {text}")

    def check(self) -> list[str]:
        for path, source in self.core.items():
            self._check_core(path, source)
        for path, source in self.door.items():
            self._check_foreign(path, source)
            self._check_door(path, source)
        for path, source in self.bindings.items():
            self._check_binding(path, source)
        for cycle in self.cycles():
            self.problems.append("cycle of modules: " + " -> ".join(cycle))
        return self.problems

    # -- core ------------------------------------------------------------------------------------------------------

    def _check_core(self, path: Path, source: Source) -> None:
        layer = layer_of(path)
        if layer not in LAYERS:
            self.complain(path, 1, f"`{layer}` is not a layer")
            return
        self._check_foreign(path, source)
        for include in source.includes():
            target = self.resolve(path, include)
            if target is None:
                if not include.is_system:
                    self.complain(path, include.line, f'"{include.name}" is neither below core/ nor include/')
                continue
            below = self.layer_of_target(target)
            if below is not None and below != layer and below not in LAYERS[layer]:
                self.complain(path, include.line, f"{layer} may not include {include.name}, which is {below}")
        if not OS_FILES.match(str(path)):
            own = {function.name for function in source.functions()} | OS_EXCEPTIONS.get(str(path), set())
            for call in _OS_CALL.finditer(source.code):
                if call[1] in own:
                    continue
                self.complain(path, source.line_at(call.start()), f"{call[1]}() goes around the sys table")

    def _check_foreign(self, path: Path, source: Source) -> None:
        for include in source.includes():
            if include.name.split("/")[-1] in LUA_HEADERS or PYTHON_HEADER.search(include.name):
                self.complain(path, include.line, f"{include.name}: a foreign VM's header outside bindings/")

    def resolve(self, path: Path, include: Include) -> Path | None:
        """The file of this tree that an include names; None for a system header."""
        for base in (path.parent, Path("core"), Path("include")):
            target = base / include.name
            if target in self.core or target in self.door:
                return target
        return None

    def layer_of_target(self, target: Path) -> str | None:
        """Where a core file or a part of the door stands; None where anybody may see it."""
        if target.parts[0] == "core":
            return layer_of(target)
        if target == Path("include/ropewalk.h"):
            return None
        return self.layer_of_door(target.stem)

    def layer_of_door(self, stem: str) -> str | None:
        for path in self.core:
            if path.stem == stem:
                return layer_of(path)
        return None

    # -- the door and above it ---------------------------------------------------------------------------------------

    def _check_door(self, path: Path, source: Source) -> None:
        for include in source.includes():
            if not include.is_system and self.resolve(path, include) not in self.door:
                self.complain(path, include.line, f'"{include.name}": the door includes only itself')

    def _check_binding(self, path: Path, source: Source) -> None:
        half = path.parts[1] if len(path.parts) > 2 else ""
        for include in source.includes():
            name = include.name
            if name in ("ropewalk.h", "ropewalk/table.h"):
                continue
            if name.startswith("ropewalk/") or Path("core") / name in self.core:
                self.complain(path, include.line, f"{name}: a binding includes ropewalk.h, and nothing behind it")
            elif name.split("/")[-1] in LUA_HEADERS:
                if half not in ("lua", "python", "swig"):
                    self.complain(path, include.line, f"{name}: what all hosts share knows no Lua")
            elif PYTHON_HEADER.search(name):
                if half not in ("python", "swig"):
                    self.complain(path, include.line, f"{name}: only bindings/python knows Python")
            elif not include.is_system:
                self._check_own(path, half, include)

    def _check_own(self, path: Path, half: str, include: Include) -> None:
        target = next(
            (base / include.name for base in (path.parent, Path("bindings")) if base / include.name in self.bindings),
            None,
        )
        if target is None:
            self.complain(path, include.line, f'"{include.name}" is not below bindings/')
            return
        other = target.parts[1] if len(target.parts) > 2 else ""
        if other not in ("", half) and (half, other) != ("python", "lua"):
            self.complain(path, include.line, f"bindings/{half} may not include {include.name}")

    # -- the graph of modules ----------------------------------------------------------------------------------------

    def graph(self) -> dict[str, set[str]]:
        """Module -> modules it includes. A module is a .c with its .h: the path without its ending."""
        edges: dict[str, set[str]] = {}
        for files in (self.core, self.bindings):
            for path, source in files.items():
                module = str(path.with_suffix(""))
                targets = edges.setdefault(module, set())
                for include in source.includes():
                    for base in (path.parent, Path(path.parts[0])):
                        target = base / include.name
                        if target in files and str(target.with_suffix("")) != module:
                            targets.add(str(target.with_suffix("")))
        return edges

    def cycles(self) -> Iterator[list[str]]:
        """One cycle for each group of modules that reach each other."""
        edges = self.graph()
        reach = {module: reachable(edges, module) for module in edges}
        seen: set[str] = set()
        for module in sorted(edges):
            if module in reach[module] and module not in seen:
                group = {other for other in reach[module] if module in reach.get(other, set())}
                seen |= group
                yield walk_cycle(edges, module, group)


def reachable(edges: dict[str, set[str]], start: str) -> set[str]:
    """What can be reached from `start` by one step or more."""
    found: set[str] = set()
    todo = list(edges[start])
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo.extend(edges.get(module, ()))
    return found


def walk_cycle(edges: dict[str, set[str]], start: str, group: set[str]) -> list[str]:
    """A shortest way from `start` back to itself inside `group`."""
    paths = [[start]]
    seen = {start}
    while True:
        path = paths.pop(0)
        for module in sorted(edges[path[-1]] & group):
            if module == start:
                return [*path, start]
            if module not in seen:
                seen.add(module)
                paths.append([*path, module])


def mutable_globals(objdump: str) -> list[str]:
    """The symbols in writable sections, from the output of `objdump -t`; relocated constants are not writable."""
    found = []
    member = "?"
    for line in objdump.splitlines():
        if line.endswith("file format elf64-x86-64") or ":     file format" in line:
            member = line.split(":")[0]
        match = re.search(r"\sO\s+(\.data|\.bss|\.tdata|\.tbss|\*COM\*)\S*\s+\S+\s+(?:\.hidden )?(\S+)$", line)
        if match and not re.search(r"\s\.data\.rel\.ro", line):
            found.append(f"{member}: {match[2]} is a mutable global ({match[1]})")
    return found


# The allocator hook is process-wide by contract (ropewalk/base.h): the one global there is.
ALLOWED_GLOBALS = re.compile(r"^mem\.o: hook ")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--library", type=Path, help="the static library, to look for mutable globals in")
    options = parser.parse_args(argv)
    problems = Tree(options.root).check()
    if options.library:
        dump = subprocess.run(["objdump", "-t", options.library], capture_output=True, text=True, check=True).stdout
        problems += [text for text in mutable_globals(dump) if not ALLOWED_GLOBALS.search(text)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
