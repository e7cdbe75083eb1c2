# SPDX-License-Identifier: MIT
"""Modules in C made for another version of the tables: older ones work, newer ones are refused with a sentence."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import unittest
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parents[2]
PYTHON_MODULE = """
#include <Python.h>
#include <ropewalk/module.c>
#include <ropewalk/python.h>
static const struct rw_python_api *api;
static PyObject *answer(PyObject *self, PyObject *unused)
{
    struct rw_loop *loop = api->loop(api, "answer");
    return loop != NULL ? api->await(api, rw_ready(loop, rw_int(42)), "answer") : NULL;
}
static PyMethodDef functions[] = {{"answer", answer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static int start(PyObject *module)
{
    api = ropewalk_import();
    return api != NULL ? 0 : -1;
}
static PyModuleDef_Slot slots[] = {{Py_mod_exec, start}, {0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "byhand", NULL, 0, functions, slots, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_byhand(void) { return PyModuleDef_Init(&definition); }
"""
PYTHON_PROGRAM = "import byhand, ropewalk as rw\nasync def main():\n    print(await byhand.answer())\nrw.run(main())"
LUA_MODULE = """
#include <ropewalk/lua.h>
#include <ropewalk/module.c>
static const struct rw_lua_api *api;
static int answer(lua_State *L)
{
    struct rw_loop *loop = api->loop(L, "answer");
    return loop != NULL ? api->await(L, rw_ready(loop, rw_int(42)), "answer") : lua_error(L);
}
int luaopen_byhand(lua_State *L)
{
    api = ropewalk_require(L);
    lua_newtable(L);
    lua_pushcfunction(L, answer);
    api->awaiting(L);
    lua_setfield(L, -2, "answer");
    return 1;
}
"""
LUA_PROGRAM = "local byhand = require 'byhand' require('ropewalk').run(function() print(byhand.answer()) end)"


class Tables(unittest.TestCase):
    """Each test edits a copy of the headers and builds a module by hand against it, for both languages."""

    directory: tempfile.TemporaryDirectory[str]

    def setUp(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.work = Path(self.directory.name)
        self.include = self.work / "include"
        shutil.copytree(ROOT / "build" / "kit" / "include", self.include)

    def tearDown(self) -> None:
        self.directory.cleanup()

    def edit(self, header: str, pattern: str, replacement: str) -> None:
        path = self.include / "ropewalk" / header
        text, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
        self.assertEqual(count, 1, f"{pattern} in {header}")
        path.write_text(text, encoding="utf-8")

    def build(self, source: str, output: str, *flags: str) -> None:
        (self.work / "byhand.c").write_text(source, encoding="utf-8")
        common = f"-std=gnu11 -fPIC -shared -DROPEWALK_MODULE -I{self.include}"
        subprocess.run(
            [os.environ.get("CC", "cc"), *common.split(), *flags, "-o", output, "byhand.c"],
            cwd=self.work,
            check=True,
        )

    def in_python(self) -> str:
        self.build(PYTHON_MODULE, "byhand.so", f"-I{sysconfig.get_paths()['include']}")
        package = ROOT / "build" / "python" / f"{sys.version_info[0]}.{sys.version_info[1]}"
        done = subprocess.run(
            [sys.executable, "-c", PYTHON_PROGRAM],
            env={**os.environ, "PYTHONPATH": f"{package}:{self.work}", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def in_lua(self) -> str:
        flags = subprocess.run(["pkg-config", "--cflags", "lua5.4"], capture_output=True, text=True, check=True)
        self.build(LUA_MODULE, "byhand.so", *flags.stdout.split())
        done = subprocess.run(
            ["lua5.4", "-e", LUA_PROGRAM],
            env={
                **os.environ,
                "LUA_INIT": "",
                "LUA_PATH": f"{ROOT}/lua/?.lua;{ROOT}/lua/?/init.lua",
                "LUA_CPATH": f"{self.work}/?.so;{ROOT}/build/lua/5.4/?.so",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def test_a_module_by_hand_works_in_both(self) -> None:
        self.assertEqual(self.in_python(), "42\n")
        self.assertEqual(self.in_lua(), "42\n")

    def test_one_for_an_older_table_works(self) -> None:
        self.edit("table.h", r"\n    __typeof__\(rw_\w+\) \*\w+;\n\};", "\n};")
        self.edit(
            "module.c",
            r"\n\w[^\n]*\n\{\n    return ropewalk_table->\w+\([^\n]*\);\n\}\n\nstruct rw_value rw_failure_format",
            "\nstruct rw_value rw_failure_format",
        )
        self.edit("python.h", r"    /\* Ends a reference that.*?\};", "};")
        self.edit("lua.h", r"    /\* From here on values.*?\};", "};")
        self.assertEqual(self.in_python(), "42\n")
        self.assertEqual(self.in_lua(), "42\n")

    def test_one_for_a_newer_table_is_refused(self) -> None:
        self.edit("table.h", r"\};", "    void (*later)(void);\n};")
        for said in (self.in_python(), self.in_lua()):
            self.assertRegex(said, r"uses functions that ropewalk \S+ does not have: install ropewalk \S+ or newer")

    def test_one_for_a_newer_face_is_refused(self) -> None:
        self.edit("python.h", r"\};", "    void (*later)(void);\n};")
        self.edit("lua.h", r"\};", "    void (*later)(void);\n};")
        for said in (self.in_python(), self.in_lua()):
            self.assertRegex(said, r"uses functions that ropewalk \S+ does not have: install ropewalk \S+ or newer")

    def test_one_for_another_version_is_refused(self) -> None:
        self.edit("table.h", r"RW_TABLE_VERSION 1", "RW_TABLE_VERSION 2")
        for said in (self.in_python(), self.in_lua()):
            self.assertRegex(said, r"was built for version 1\.2 of Ropewalk's tables, and ropewalk \S+ has 1\.1")


if __name__ == "__main__":
    harness.main()
