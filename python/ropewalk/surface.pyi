# SPDX-License-Identifier: MIT
from typing import Any

# The enumerators of the C headers.
OK: int
ERR_CANCELLED: int
ERR_TIMEOUT: int
ERR_CLOSED: int
ERR_END: int
ERR_FULL: int
ERR_EMPTY: int
ERR_NOMEM: int
ERR_INVALID: int
ERR_TYPE: int
ERR_STATE: int
ERR_BUSY: int
ERR_OS: int
ERR_DNS: int
ERR_LIMIT: int
ERR_INCOMPLETE: int
ERR_THREAD: int
ERR_DEADLOCK: int
ERR_SCRIPT: int
ERR_UNSUPPORTED: int
ERR_LAGGED: int
ERR_BROKEN: int
DEFAULT_TASK_BUDGET: int
LEAST_TASK_BUDGET: int
MOST_TASK_BUDGET: int
DEFAULT_BLOCKING_THREADS: int
LEAST_BLOCKING_THREADS: int
MOST_BLOCKING_THREADS: int
DEFAULT_BLOCKING_QUEUE: int
LEAST_BLOCKING_QUEUE: int
MOST_BLOCKING_QUEUE: int
VERSION_MAJOR: int
VERSION_MINOR: int
VERSION_PATCH: int
VALUE_DEPTH_MAX: int

def errors() -> dict[str, dict[str, Any]]: ...
def options() -> dict[str, dict[str, Any]]: ...
def sim_options() -> dict[str, dict[str, Any]]: ...
def counters() -> dict[str, str]: ...
def stats() -> dict[str, int]: ...
