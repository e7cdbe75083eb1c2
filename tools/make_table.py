#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the table of functions, through which modules reach the library that runs, from the public headers.

bindings/swig/table.txt gives the order: a position once given is kept for good, new functions go to its end. It also
gives the sizes of the structs that cross, which only another version of the table may change. From it and the
prototypes come three files:

    ropewalk/table.h     struct rw_table, whose members have the types of the functions
    ropewalk/module.c    every rw_ function as a call through the table, for one file of a module to include
    core_table.c         the table itself, for the library

``--check`` only tells whether table.txt and the headers name the same functions.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from csource import Source

ROOT = Path(__file__).resolve().parent.parent
ORDER = ROOT / "bindings" / "swig" / "table.txt"
# A module does not choose the process's allocator, and asks its host for the table.
LEFT_OUT = {"rw_set_allocator", "rw_table"}
# Variadic functions, each by its twin that takes a list.
VARIADIC = {"rw_failure_format": "rw_failure_vformat"}

_FUNCTION = re.compile(
    r"^RW_API\b\s*(?P<result>[^;{}()]*?)\s*\b(?P<name>rw_\w+)\s*\((?P<parameters>[^;{}]*?)\)\s*"
    r"(?:__attribute__\s*\(\(.*?\)\)\s*)?;",
    re.MULTILINE | re.DOTALL,
)
_INCLUDE = re.compile(r'^#include "ropewalk/(\w+)\.h"', re.MULTILINE)
_POINTER_NAME = re.compile(r"\(\s*\*\s*(\w+)\s*\)")
_NAME = re.compile(r"(\w+)\s*(?:\[[^\]]*\])?\s*$")

NOTE = "/* Made by tools/make_table.py from the public headers and bindings/swig/table.txt. */\n"


@dataclass(frozen=True)
class Function:
    name: str
    result: str
    parameters: tuple[str, ...]

    @property
    def member(self) -> str:
        return self.name.removeprefix("rw_")

    @property
    def arguments(self) -> list[str]:
        """The names of the parameters, for a call that passes them on."""
        names = []
        for parameter in self.parameters:
            match = _POINTER_NAME.search(parameter) or _NAME.search(parameter)
            if match is None:
                raise SystemExit(f"{self.name}: no name in the parameter {parameter!r}")
            names.append(match[1])
        return names


def split_parameters(text: str) -> tuple[str, ...]:
    """At the commas outside of parentheses."""
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    cleaned = tuple(" ".join(part.split()) for part in parts)
    return () if cleaned == ("void",) else cleaned


def functions() -> dict[str, Function]:
    """All public functions, in the order of the headers."""
    found = {}
    umbrella = (ROOT / "include" / "ropewalk.h").read_text(encoding="utf-8")
    for header in _INCLUDE.findall(umbrella):
        code = Source(ROOT / "include" / "ropewalk" / f"{header}.h").code
        for match in _FUNCTION.finditer(code):
            name = match["name"]
            if name not in LEFT_OUT:
                found[name] = Function(name, " ".join(match["result"].split()), split_parameters(match["parameters"]))
    return found


def structs() -> list[str]:
    """All structs that the public headers define."""
    headers = sorted((ROOT / "include" / "ropewalk").glob("*.h"))
    return [name for path in headers for name in re.findall(r"^struct (rw_\w+) \{", Source(path).code, re.MULTILINE)]


def ordered_names() -> list[str]:
    lines = ORDER.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", "struct "))]


def struct_sizes() -> list[tuple[str, int]]:
    """Those structs, with their bytes where pointers have 64 bits."""
    found = re.findall(r"^struct (\w+) (\d+)$", ORDER.read_text(encoding="utf-8"), re.MULTILINE)
    return [(name, int(size)) for name, size in found]


def complaints(found: dict[str, Function], names: list[str]) -> list[str]:
    said = [f"{name} stands twice in table.txt" for name in sorted({n for n in names if names.count(n) > 1})]
    said += [
        f"{name} is in table.txt, but in no header: a position is kept for good" for name in names if name not in found
    ]
    sized = {name for name, _ in struct_sizes()}
    said += [f"struct {name} is not in table.txt: add it with its size" for name in structs() if name not in sized]
    said += [
        f"{name} is not in table.txt: add it at the end" for name in found if name not in names and name not in VARIADIC
    ]
    return said


def table_header(listed: list[Function]) -> str:
    members = "\n".join(f"    __typeof__({f.name}) *{f.member};" for f in listed)
    return f"""/* SPDX-License-Identifier: MIT
 *
 * table.h - every function of the library behind one pointer.
 *
 * A module that is loaded into a scripting host is compiled with ROPEWALK_MODULE and includes ropewalk/module.c once:
 * its rw_ functions then call through `ropewalk_table`, which ropewalk/python.h or ropewalk/lua.h sets when the module
 * is imported. Members are only ever added at the end, and the structs of the headers keep their sizes: a module made
 * for an older table works with a newer library.
 */
{NOTE}#ifndef ROPEWALK_TABLE_H
#define ROPEWALK_TABLE_H

#include <ropewalk.h>

/* Changes only when what is in the table changes its meaning; must be equal on both sides. */
#define RW_TABLE_VERSION 1

struct rw_table {{
    uint32_t table_version; /* RW_TABLE_VERSION */
    uint32_t table_size;    /* of the library's table, in bytes: at least that of the module's */
{members}
}};

#ifdef ROPEWALK_MODULE
RW_BEGIN_DECLS
/* The library that this module works with; NULL before the module is imported. */
extern __attribute__((visibility("hidden"))) const struct rw_table *ropewalk_table;
RW_END_DECLS
#endif

#endif
"""


def thunk(function: Function) -> str:
    signature = f"{function.result} {function.name}({', '.join(function.parameters) or 'void'})".replace("* ", "*")
    call = f"ropewalk_table->{function.member}({', '.join(function.arguments)});"
    return f"{signature}\n{{\n    {'' if function.result == 'void' else 'return '}{call}\n}}\n"


def variadic_thunk(function: Function, twin: str) -> str:
    fixed = [parameter for parameter in function.parameters if parameter != "..."]
    names = Function(function.name, function.result, tuple(fixed)).arguments
    return f"""{function.result} {function.name}({", ".join(function.parameters)})
{{
    va_list arguments;

    va_start(arguments, {names[-1]});
    {function.result} result = ropewalk_table->{twin.removeprefix("rw_")}({", ".join(names)}, arguments);
    va_end(arguments);
    return result;
}}
"""


def module_source(listed: list[Function], variadic: list[Function]) -> str:
    body = "\n".join([thunk(f) for f in listed] + [variadic_thunk(f, VARIADIC[f.name]) for f in variadic])
    return f"""/* SPDX-License-Identifier: MIT
 *
 * module.c - the functions of ropewalk.h for a module: each is a call through the table of the library that runs.
 *
 * Include it in exactly one file of the module. Nothing of it is visible outside.
 */
{NOTE}#ifndef ROPEWALK_MODULE
#error "compile every file of a module with -DROPEWALK_MODULE"
#endif

#include <ropewalk/table.h>

RW_BEGIN_DECLS

const struct rw_table *ropewalk_table = NULL;

{body}
RW_END_DECLS
"""


def library_source(listed: list[Function]) -> str:
    members = "\n".join(f"    .{f.member} = {f.name}," for f in listed)
    functions = "\n".join(f"        (void (*)(void)){f.name}," for f in listed)
    sizes = "\n".join(
        f'_Static_assert(sizeof(struct {name}) == {size}, "struct {name} has another size: so must RW_TABLE_VERSION");'
        for name, size in struct_sizes()
    )
    return f"""/* SPDX-License-Identifier: MIT
 *
 * core_table.c - the table of the library's functions.
 */
{NOTE}#include <ropewalk/table.h>

#include "exec/births.h"

#if UINTPTR_MAX == UINT64_MAX
{sizes}
#endif

static const struct rw_table table = {{
    .table_version = RW_TABLE_VERSION,
    .table_size = sizeof table,
{members}
}};

const struct rw_table *rw_table(void)
{{
    return &table;
}}

bool rwi_is_public(const void *function)
{{
    static void (*const functions[])(void) = {{
{functions}
    }};

    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {{
        if ((uintptr_t)functions[i] == (uintptr_t)function) {{
            return true;
        }}
    }}
    return false;
}}
"""


def write(path: Path, text: str) -> None:
    """Only what changed, so that nothing is compiled without need."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the table of functions from the public headers.")
    parser.add_argument("--check", action="store_true", help="only compare table.txt with the headers")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "kit", help="where the files go")
    options = parser.parse_args()

    found, names = functions(), ordered_names()
    said = complaints(found, names)
    for line in said:
        print(f"make_table: {line}", file=sys.stderr)
    if said or options.check:
        return 1 if said else 0
    listed = [found[name] for name in names]
    variadic = [found[name] for name in VARIADIC]
    write(options.out / "ropewalk" / "table.h", table_header(listed))
    write(options.out / "ropewalk" / "module.c", module_source(listed, variadic))
    write(options.out / "core_table.c", library_source(listed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
