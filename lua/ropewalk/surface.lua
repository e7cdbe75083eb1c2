-- SPDX-License-Identifier: MIT
--
-- ropewalk.surface - what the library says of itself: constants, errors, options and counters.
--
-- Made from bindings/swig/surface.i by the kit for modules in C, as the Python module of this name is. The
-- constants are the enumerators of the C headers: surface.ERR_CLOSED, surface.DEFAULT_TASK_BUDGET.

local core = require "ropewalk.core"

return core.surface()
