# SPDX-License-Identifier: MIT
"""Each rule of check_style.py, by a file that breaks it and one that does not."""

import unittest
from pathlib import Path

import harness
from check_style import Style, unbraced, uncommented_prototypes
from csource import Source

HEAD = "/* SPDX-License-Identifier: MIT\n *\n * {name} - what it is.\n *\n * Invariant: it holds.\n */\n"
TESTED = {"tests/core/exec/test_task.c": HEAD.format(name="test_task.c")}
DENSE_BODY = "\nvoid f(int a)\n{\n    RW_REQUIRE(a);\n    RW_ASSERT(a > 1);\n}\n"


def problems(files: dict[str, str]) -> list[str]:
    with harness.Checkout(files) as root:
        return Style(root, map(Path, files)).check()


def of_task(body: str, **more: str) -> list[str]:
    return problems({**TESTED, "core/exec/task.c": HEAD.format(name="task.c") + body, **more})


class CheckStyle(unittest.TestCase):
    def assert_one(self, found: list[str], text: str) -> None:
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_a_good_file_is_clean(self) -> None:
        self.assertEqual(of_task(DENSE_BODY), [])

    def test_a_file_without_its_design_is_found(self) -> None:
        text = "/* SPDX-License-Identifier: MIT */\n" + DENSE_BODY
        self.assert_one(problems({**TESTED, "core/exec/task.c": text}), "does not open with a comment `task.c - ")
        text = "/* SPDX-License-Identifier: MIT\n *\n * task.c - tasks. */\n" + DENSE_BODY
        self.assert_one(problems({**TESTED, "core/exec/task.c": text}), "say the design")

    def test_a_file_without_licence_is_found(self) -> None:
        self.assert_one(problems({"lua/ropewalk/init.lua": "return {}\n"}), "no line `SPDX")

    def test_a_long_function_is_found(self) -> None:
        body = DENSE_BODY.replace("}", "    a++;\n" * 70 + "}")
        self.assert_one(of_task(body), "f() has 75 lines")

    def test_a_long_file_is_found(self) -> None:
        self.assert_one(of_task(DENSE_BODY + "\n" * 500), "a .c file stays under 500")

    def test_few_asserts_are_found(self) -> None:
        self.assert_one(
            of_task("\nvoid f(int a)\n{\n    RW_ASSERT(a);\n}\n"), "task*.c: 1 asserts in 1 functions are 1.00"
        )

    def test_the_average_of_a_folder_decides_elsewhere(self) -> None:
        files = {"tests/core/base/test_a.c": HEAD, "tests/core/base/test_b.c": HEAD}
        files["core/base/a.c"] = HEAD.format(name="a.c") + DENSE_BODY
        files["core/base/b.c"] = HEAD.format(name="b.c") + "\nvoid g(void)\n{\n}\n"
        self.assertEqual(problems(files), [])
        files["core/base/b.c"] += "\nvoid h(void)\n{\n}\n"
        self.assert_one(problems(files), "core/base: 2 asserts in 3 functions are 0.67 each")

    def test_a_module_without_a_test_file_is_found(self) -> None:
        found = problems({"core/exec/task.c": HEAD.format(name="task.c") + DENSE_BODY})
        self.assert_one(found, "has no test file tests/core/exec/test_task.c")

    def test_a_typedef_of_a_struct_is_found(self) -> None:
        self.assert_one(of_task(DENSE_BODY + "typedef struct s {\n    int a;\n} s_t;\n"), "a typedef of a struct")

    def test_a_typedef_of_a_function_is_clean(self) -> None:
        self.assertEqual(of_task(DENSE_BODY + "typedef void (*fn)(struct s *);\n"), [])
        self.assertEqual(of_task(DENSE_BODY + "typedef struct s *(*make)(void);\ntypedef struct s *f(int);\n"), [])

    def test_an_unfinished_mark_is_found(self) -> None:
        self.assert_one(of_task(DENSE_BODY + "/* TO" + "DO: later */\n"), "an unfinished mark")

    def test_a_path_of_a_machine_is_found(self) -> None:
        self.assert_one(problems({"README.md": "see /ho" + "me/somebody/x\n"}), "a path of one machine")
        self.assertEqual(problems({"README.md": "see $HOME/x and /usr/lib\n"}), [])

    def test_bodies_without_braces_are_found(self) -> None:
        for text in (
            "if (a)\n b();",
            "for (;;)\n b();",
            "while (a) b();",
            "if (a) {\n} else\n b();",
            "do b(); while (a);",
        ):
            self.assertGreaterEqual(len(unbraced(text)), 1, text)

    def test_bodies_with_braces_are_clean(self) -> None:
        for text in (
            "if (a) {\n} else if (b(c)) {\n} else {\n}",
            "do {\n} while (a);",
            "for (;;) {\n}",
            "while (f(a)) {\n}",
        ):
            self.assertEqual(unbraced(text), [], text)


class Contracts(unittest.TestCase):
    def names(self, text: str) -> list[str]:
        return [name for _, name in uncommented_prototypes(Source(Path("x.h"), text))]

    def test_a_comment_directly_above_is_a_contract(self) -> None:
        self.assertEqual(self.names("/* Makes one. */\nRW_API int rw_a(void);\n"), [])

    def test_no_comment_is_found(self) -> None:
        self.assertEqual(self.names("/* Else. */\n\nRW_API int rw_a(void);\n"), ["rw_a"])

    def test_a_comment_holds_for_the_block_below_it(self) -> None:
        self.assertEqual(self.names("/* Both. */\nRW_API int rw_a(void);\nRW_API int rw_b(int a,\n    int b);\n"), [])

    def test_an_empty_line_ends_the_block(self) -> None:
        self.assertEqual(self.names("/* One. */\nRW_API int rw_a(void);\n\nRW_API int rw_b(void);\n"), ["rw_b"])

    def test_a_comment_behind_holds_for_its_own_line(self) -> None:
        self.assertEqual(self.names("\nRW_API int rw_a(void); /* why */\nRW_API int rw_b(void);\n"), ["rw_b"])


if __name__ == "__main__":
    harness.main()
