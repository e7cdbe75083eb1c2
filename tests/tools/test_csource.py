# SPDX-License-Identifier: MIT
"""The reader of C files that the checkers share."""

import unittest
from pathlib import Path

import harness
from csource import Source


def functions(text: str) -> list[tuple[str, int, int]]:
    return [(f.name, f.line, f.length) for f in Source(Path("x.c"), text).functions()]


class CSource(unittest.TestCase):
    def test_a_function_has_its_name_first_line_and_length(self) -> None:
        self.assertEqual(functions("int x;\n\nstatic int\nf(int a)\n{\n    return a;\n}\n"), [("f", 3, 5)])

    def test_a_table_of_values_is_no_function(self) -> None:
        self.assertEqual(functions("static const int table[2] = {\n    F(1), 2\n};\nstruct s {\n    int a;\n};\n"), [])

    def test_braces_in_comments_and_literals_do_not_count(self) -> None:
        text = "void f(void)\n{\n    /* } */\n    g('}', \"}{\");\n}\nvoid h(void)\n{\n}\n"
        self.assertEqual(functions(text), [("f", 1, 5), ("h", 6, 3)])

    def test_a_macro_of_many_lines_is_not_code(self) -> None:
        text = "#define M(x) \\\n    do { \\\n    } while (0)\nvoid f(void)\n{\n    M(1);\n}\n"
        self.assertEqual(functions(text), [("f", 4, 4)])

    def test_an_extern_c_block_is_looked_into(self) -> None:
        self.assertEqual(functions('extern "C" {\nvoid f(void)\n{\n}\n}\n'), [("f", 2, 3)])

    def test_a_function_pointer_parameter_keeps_the_name(self) -> None:
        self.assertEqual(functions("int f(int (*g)(void *), int b)\n{\n    return 0;\n}\n"), [("f", 1, 4)])

    def test_an_attribute_before_the_body_is_skipped(self) -> None:
        self.assertEqual(functions("int f(void) __attribute__((cold))\n{\n    return 0;\n}\n"), [("f", 1, 4)])

    def test_a_designated_initialiser_with_a_cast_is_no_function(self) -> None:
        self.assertEqual(functions("struct s v = (struct s){\n    1\n};\n"), [])

    def test_includes_say_line_name_and_kind(self) -> None:
        source = Source(Path("x.c"), '#include <a.h>\n// #include "no.h"\n#include "b/c.h"\n')
        found = [(i.line, i.name, i.is_system) for i in source.includes()]
        self.assertEqual(found, [(1, "a.h", True), (3, "b/c.h", False)])

    def test_the_head_is_the_comment_a_file_opens_with(self) -> None:
        self.assertEqual(Source(Path("x.c"), "/* a\n * b */\nint x; /* c */\n").head_comment(), "/* a\n * b */")
        self.assertEqual(Source(Path("x.c"), "int x; /* c */\n").head_comment(), "")

    def test_blanking_keeps_every_offset(self) -> None:
        text = 'int a; /* x\n y */ char *s = "z";\n#define Q 1\n'
        self.assertEqual(len(Source(Path("x.c"), text).code), len(text))


if __name__ == "__main__":
    harness.main()
