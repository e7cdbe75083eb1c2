# SPDX-License-Identifier: MIT
"""The library's own module, made once more by each SWIG as anybody's would be: it says what the installed one says."""

from __future__ import annotations

import ropewalk as rw
import surface
from ropewalk import surface as installed
from t import expect_raises, main, test


@test
def it_has_the_same_constants() -> None:
    names = [name for name in dir(installed) if isinstance(getattr(installed, name), int)]
    assert len(names) > len(rw.errors())
    for name in names:
        assert getattr(surface, name) == getattr(installed, name), name


@test
def it_gives_the_same_tables_without_a_loop() -> None:
    assert surface.errors() == rw.errors()
    assert surface.options() == rw.options()
    assert surface.counters() == rw.counters()


@test
async def it_reads_the_counters_of_the_running_loop() -> None:
    assert surface.stats() == rw.stats()


@test
def without_a_loop_there_are_no_counters_to_read() -> None:
    expect_raises(RuntimeError, surface.stats, match="no running event loop")


if __name__ == "__main__":
    main()
