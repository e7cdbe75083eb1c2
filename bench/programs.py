# SPDX-License-Identifier: MIT
"""programs.py - running the benchmark programs of ours and of the peers in turns.

A program prints lines `figure<TAB>number`. Programs that are compared run one after the other, round after round, so
that a slow minute of the machine hits all of them; what counts is the median over the rounds.
"""

import os
import statistics
import subprocess
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUT = os.path.join(ROOT, "build", "bench")
TIMEOUT_SECONDS = 120


@dataclass
class Program:
    """One command; `prefix` goes before the names of its figures."""

    prefix: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}


class Missing:
    """What could not be measured, and why; said once each."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def add(self, what: str, why: str) -> None:
        if what not in self.reasons:
            self.reasons[what] = why
            print(f"  missing: {what}: {why}", flush=True)


def bench_path(name: str) -> str:
    return os.path.join(OUT, name)


def source(*parts: str) -> str:
    return os.path.join(ROOT, "bench", *parts)


def pin(process: subprocess.Popen, cpu: int) -> None:
    """Keeps a program on one processor, where there are two to choose from."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) > 1:
        os.sched_setaffinity(process.pid, {cpus[cpu % len(cpus)]})


def run_once(program: Program) -> dict[str, float]:
    done = subprocess.run(
        program.command,
        env=program.environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise RuntimeError(f"status {done.returncode}: {lines[-1]}")
    figures = {}
    for line in done.stdout.splitlines():
        name, _, number = line.partition("\t")
        if number:
            figures[f"{program.prefix}.{name}"] = float(number)
    return figures


def run_in_turns(programs: list[Program], rounds: int, missing: Missing) -> dict[str, list[float]]:
    """The samples of each figure, one per round. A program that fails is named and left out."""
    samples: dict[str, list[float]] = {}
    alive = list(programs)
    for _ in range(rounds):
        for program in list(alive):
            try:
                for name, number in run_once(program).items():
                    samples.setdefault(name, []).append(number)
            except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
                missing.add(program.prefix, str(error))
                alive.remove(program)
    return samples


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the rounds' quotients: what slows a whole round down cancels out."""
    if len(ours) == len(theirs):
        return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return statistics.median(ours) / statistics.median(theirs)
