# SPDX-License-Identifier: MIT
from ._loop import EventLoop, new_event_loop
