# SPDX-License-Identifier: MIT
"""What misuse comes to in a checked build: each case has an interpreter of its own, and mostly ends it."""

from __future__ import annotations

import subprocess
import sys

from t import main, test


def said_by(body: str, *, ends: bool = True) -> str:
    """What a task with `body` writes to stderr; `ends` tells whether it takes the process with it."""
    code = f"import kit, ropewalk as rw\nasync def main():\n    {body}\nrw.run(main())"
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, check=False, text=True, timeout=60)
    assert (done.returncode != 0) == ends, done.stderr
    return done.stderr


def expect(text: str, said: str) -> None:
    assert text in said, said


@test
def a_wrong_argument_names_both_functions() -> None:
    said = said_by("kit.no_loop()")
    expect("rw_promise_new: does not hold: loop != NULL; called by kit_no_loop (_kit.", said)


@test
def a_value_of_no_kind_names_the_future() -> None:
    expect("the future 'kit.wrong_kind' gave a value of an unknown kind (99)", said_by("await kit.wrong_kind()"))


@test
def a_future_polled_when_it_is_done_is_named() -> None:
    expect("the future 'ready' was polled again after it was ready", said_by("await kit.poll_twice()"))


@test
def a_promise_resolved_on_another_thread_is_told_so() -> None:
    said = said_by("kit.resolve_there()")
    expect("rw_promise_resolve: does not hold: rw_loop_is_own_thread(promise->loop)", said)
    expect("called by _kit.", said)


@test
def a_forgotten_reference_is_named_when_the_loop_ends() -> None:
    said = said_by("kit.forget(); kit.forget()", ends=False)
    expect("the loop has ended, but not all that kit_forget (_kit.", said)
    expect("made: 2 still referenced", said)


@test
def nothing_is_said_of_what_scripts_keep() -> None:
    assert said_by("global kept; kept = rw.channel(1), rw.sleep(1); await kit.tick(1)", ends=False) == ""


main()
