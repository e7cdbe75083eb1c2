# SPDX-License-Identifier: MIT
"""run.py - every figure of the README side by side with its peers, in one run: `make bench`.

    python bench/run.py [--quick] [--only GROUP,...]

Groups: c, echo, lua, python, kit, memory. Prints a table, and writes it to build/bench.md and all samples to
build/bench.json. A peer that is not installed, and a part of ours that does not run, is named; neither ends the run.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from dataclasses import dataclass

import echo
from figures import CONNECTIONS, FLOOR, FLOOR_REFERENCE_NS, LUAS, Result, all_figures, evaluate
from programs import ROOT, Missing, Program, bench_path, run_in_turns, source

GROUPS = ("c", "echo", "lua", "python", "kit", "memory")


@dataclass
class Settings:
    rounds: int
    echo_rounds: int
    echo_window_ms: int


FULL = Settings(rounds=7, echo_rounds=9, echo_window_ms=150)
QUICK = Settings(rounds=2, echo_rounds=2, echo_window_ms=100)
TOKIO = os.path.join(ROOT, "build", "tokio-target", "release", "ropewalk-bench-tokio")


def lua_program(prefix: str, lua: str, script: str, *args: str) -> Program:
    interpreter = os.environ.get(f"BENCH_LUA_{lua}") or ("luajit" if lua == "luajit" else f"lua{lua}")
    env = {
        "LUA_INIT": "",
        "LUA_PATH": os.path.join(ROOT, "lua", "?.lua") + ";" + os.path.join(ROOT, "lua", "?", "init.lua") + ";;",
        "LUA_CPATH": os.path.join(ROOT, "build", "lua", lua, "?.so") + ";;",
    }
    return Program(prefix, [interpreter, source("lua", script), *args], env)


def python_program(prefix: str, script: str, *args: str) -> Program:
    return Program(prefix, [sys.executable, source("python", script), *args])


def have_module(name: str, missing: Missing) -> bool:
    if importlib.util.find_spec(name) is None:
        missing.add(name, "not installed: tools/deps.sh")
        return False
    return True


def run_c(settings: Settings, missing: Missing) -> dict[str, list[float]]:
    programs = [
        Program("floor", [bench_path("floor")]),
        Program("micro", [bench_path("micro")]),
        Program("tokio", [TOKIO]),
    ]
    return run_in_turns(programs, settings.rounds, missing)


def echo_servers(missing: Missing) -> list[Program]:
    servers = [
        Program("epoll", [bench_path("echo_epoll")]),
        Program("rw_c", [bench_path("echo")]),
        Program("uv", [bench_path("echo_uv")]),
        Program("tokio_echo", [TOKIO, "echo"]),
    ]
    for lua in ("5.4", "luajit"):
        servers.append(lua_program(f"rw_lua_{lua}", lua, "echo.lua"))
        servers.append(lua_program(f"luv_{lua}", lua, "echo_luv.lua"))
    for loop in ("ropewalk", "asyncio", "uvloop"):
        if not have_module(loop, missing):
            continue
        prefix = "rw_py" if loop == "ropewalk" else loop
        servers.append(python_program(f"{prefix}_protocol", "echo.py", loop, "protocol"))
        servers.append(python_program(f"{prefix}_streams", "echo.py", loop, "streams"))
        if loop == "ropewalk":
            servers.append(python_program("rw_py_native", "echo.py", loop, "native"))
    return servers


def run_echo(settings: Settings, missing: Missing) -> dict[str, list[float]]:
    servers = echo_servers(missing)
    shapes = [(connections, 64) for connections in CONNECTIONS]
    samples = echo.measure(servers, shapes, settings.echo_rounds, settings.echo_window_ms, missing)
    python = [
        server
        for server in servers
        if "py" in server.prefix or "_protocol" in server.prefix or "_streams" in server.prefix
    ]
    samples.update(echo.measure(python, [(32, 1024)], settings.echo_rounds, settings.echo_window_ms, missing))
    return samples


def run_lua(settings: Settings, missing: Missing) -> dict[str, list[float]]:
    programs = []
    for lua in LUAS:
        programs.append(Program(f"bare_{lua}", [bench_path(f"bare-{lua}")]))
        programs.append(lua_program(f"lua_{lua}", lua, "micro.lua"))
    return run_in_turns(programs, settings.rounds, missing)


def run_python(settings: Settings, missing: Missing) -> dict[str, list[float]]:
    programs = [
        python_program(loop, "micro.py", loop)
        for loop in ("ropewalk", "asyncio", "uvloop")
        if have_module(loop, missing)
    ]
    programs.append(python_program("both", "both.py", "ropewalk"))
    if have_module("lupa", missing):
        programs.append(python_program("lupa", "both.py", "lupa"))
    return run_in_turns(programs, settings.rounds, missing)


def run_kit(settings: Settings, missing: Missing) -> dict[str, list[float]]:
    python = python_program("kit_python", os.path.join("..", "kit", "calls.py"))
    python.env["PYTHONPATH"] = bench_path("kit") + os.pathsep + os.environ.get("PYTHONPATH", "")
    programs = [python]
    for lua in LUAS:
        program = lua_program(f"kit_lua_{lua}", lua, os.path.join("..", "kit", "calls.lua"))
        modules = os.path.join(bench_path("kit"), f"lua-{lua}", "?.so")
        program.env["LUA_CPATH"] = f"{modules};{program.env['LUA_CPATH']}"
        programs.append(program)
    return run_in_turns(programs, min(settings.rounds, 3), missing)


def run_memory(_settings: Settings, missing: Missing) -> dict[str, list[float]]:
    programs = [Program("memory_c", [bench_path("memory")])]
    programs += [lua_program(f"memory_lua_{lua}", lua, "memory.lua") for lua in LUAS]
    programs += [python_program(f"memory_{loop}", "memory.py", loop) for loop in ("ropewalk", "asyncio")]
    return run_in_turns(programs, 1, missing)


RUNNERS = {"c": run_c, "echo": run_echo, "lua": run_lua, "python": run_python, "kit": run_kit, "memory": run_memory}


def number(value: float, unit: str) -> str:
    if unit == "ns" and value >= 2000:
        return f"{value / 1000:.2f} us"
    return f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def table(results: list[Result], machine: float, missing: Missing) -> str:
    lines = [
        f"CPU time per operation, medians; {platform.machine()}, Python {platform.python_version()}. The bare executor",
        f"runs a task in {machine * FLOOR_REFERENCE_NS:.1f} ns here: budgets in nanoseconds are the design's "
        f"times {machine:.2f}.",
    ]
    group = ""
    for result in results:
        figure = result.figure
        if figure.group != group:
            group = figure.group
            lines += [
                "",
                f"### {group}",
                "",
                "| what | Ropewalk | peers (Ropewalk is x times that) | budget | |",
                "|---|---|---|---|---|",
            ]
        peers = ", ".join(
            f"{peer} {number(value, figure.unit)} ({result.ratios[peer]:.2f})" for peer, value in result.peers.items()
        )
        budget = number(result.budget, figure.unit) if result.budget is not None else ""
        verdict = f"{result.verdict} ({result.used:.2f})" if result.used is not None else ""
        lines.append(f"| {figure.what} | {number(result.value, figure.unit)} | {peers} | {budget} | {verdict} |")
    if missing.reasons:
        lines += ["", "Not measured:", ""]
        lines += [f"- {what}: {why}" for what, why in sorted(missing.reasons.items())]
    return "\n".join(lines) + "\n"


def record(results: list[Result], samples: dict[str, list[float]], machine: float, missing: Missing) -> dict:
    return {
        "machine": {
            "factor": machine,
            "arch": platform.machine(),
            "kernel": platform.release(),
            "python": platform.python_version(),
        },
        "figures": [
            {
                "group": result.figure.group,
                "what": result.figure.what,
                "key": result.figure.ours,
                "unit": result.figure.unit,
                "value": result.value,
                "peers": result.peers,
                "ratios": result.ratios,
                "budget": result.budget,
                "used": result.used,
                "verdict": result.verdict,
            }
            for result in results
        ],
        "missing": missing.reasons,
        "samples": samples,
    }


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under two minutes")
    parser.add_argument("--only", default=",".join(GROUPS), help="groups to run, with commas between them")
    options = parser.parse_args(arguments)
    options.only = [group for group in options.only.split(",") if group]
    unknown = set(options.only) - set(GROUPS)
    if unknown:
        parser.error(f"unknown group: {', '.join(sorted(unknown))}")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    settings = QUICK if options.quick else FULL
    missing = Missing()
    samples = run_in_turns([Program("floor", [bench_path("floor")])], max(settings.rounds, 3), missing)
    for group in options.only:
        start = time.monotonic()
        print(f"bench: {group} ...", flush=True)
        samples.update(RUNNERS[group](settings, missing))
        print(f"bench: {group} took {time.monotonic() - start:.0f} s", flush=True)
    machine = statistics.median(samples[FLOOR]) / FLOOR_REFERENCE_NS
    results = [result for figure in all_figures() if (result := evaluate(figure, samples, machine)) is not None]
    text = table(results, machine, missing)
    with open(os.path.join(ROOT, "build", "bench.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(ROOT, "build", "bench.json"), "w", encoding="utf-8") as file:
        json.dump(record(results, samples, machine, missing), file, indent=1)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
