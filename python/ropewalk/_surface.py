# SPDX-License-Identifier: MIT
"""What the library says of itself, from `ropewalk.surface` where that can be had.

It is made by SWIG, whose modules keep their state in globals and so belong to one interpreter. In others the counters
come from the package's own module, since programs and tests need them, and the rest is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ropewalk

from ._errors import UnsupportedError
from ._ropewalk import _C_API, _is_main_interpreter

__all__ = ["counters", "errors", "options", "sim_options", "stats"]

# Where a module of the kit looks for it, also while the package is in the middle of its own imports.
ropewalk._C_API = _C_API

if TYPE_CHECKING or _is_main_interpreter:
    from .surface import counters, errors, options, sim_options, stats
else:
    from ._ropewalk import stats

    def _refused(name: str) -> Any:
        def refuse() -> Any:
            raise UnsupportedError(f"ropewalk.{name}() works in the main interpreter only")

        return refuse

    counters, errors, options, sim_options = map(_refused, ("counters", "errors", "options", "sim_options"))
