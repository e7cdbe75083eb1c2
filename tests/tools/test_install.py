# SPDX-License-Identifier: MIT
"""What `make install` stages: a C program and each Lua must be able to use it, and it must show nothing else."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = r"""
#include <ropewalk.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    struct rw_loop *loop = rw_loop_new(NULL);
    printf("%s %d\n", rw_version(), strcmp(rw_version(), RW_VERSION_STRING));
    rw_loop_free(loop);
    return 0;
}
"""


def run(*command: str | Path, **environment: str) -> str:
    # A make above this one would hand its flags and its jobserver down.
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=ROOT, env={**clean, **environment}, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def lua_interpreters() -> list[tuple[str, str]]:
    found = []
    for abi in ("5.1", "5.2", "5.3", "5.4", "5.5"):
        path = shutil.which(f"lua{abi}")
        if path and (ROOT / "build" / "lua" / abi).exists():
            found.append((abi, path))
    return found


class Install(unittest.TestCase):
    stage: tempfile.TemporaryDirectory[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.stage = tempfile.TemporaryDirectory()
        run("make", "install", f"DESTDIR={cls.stage.name}", "PREFIX=/opt/rope", f"CC={os.environ.get('CC', 'cc')}")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.stage.cleanup()

    def prefix(self) -> Path:
        return Path(self.stage.name) / "opt" / "rope"

    def test_a_module_in_c_for_lua_builds_from_what_is_staged(self) -> None:
        stage, prefix = Path(self.stage.name), self.prefix()
        command = f"""set -e
            swig -lua -I{prefix}/share/ropewalk/swig -o {stage}/wrapped.c tests/ext/kit.i
            ${{CC:-cc}} -shared -fPIC -w $(PKG_CONFIG_SYSROOT_DIR={stage} pkg-config --cflags ropewalk-module) \
                $(pkg-config --cflags lua5.4) -Itests/ext -o {stage}/kit.so \
                {stage}/wrapped.c tests/ext/kit.c tests/ext/kit_misuse.c -pthread
            pkg-config --variable=swigdir ropewalk-module"""
        run("sh", "-c", command, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))
        program = "local kit = require 'kit' require('ropewalk').run(function() print(kit.tick(42)) end)"
        said = run(
            "lua5.4",
            "-e",
            program,
            LUA_PATH=f"{prefix}/share/lua/5.4/?.lua;{prefix}/share/lua/5.4/?/init.lua",
            LUA_CPATH=f"{stage}/?.so;{prefix}/lib/lua/5.4/?.so",
        )
        self.assertEqual(said, "42\n")

    def test_the_shared_library_shows_only_the_names_of_the_header(self) -> None:
        lines = run("nm", "-D", "--defined-only", self.prefix() / "lib" / "libropewalk.so").splitlines()
        shown = {line.split()[-1].split("@")[0] for line in lines if line.split()[-2] != "A"}
        header = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "include").rglob("*.h"))
        declared = set(re.findall(r"\b(rw_\w+)\s*\(", header))
        self.assertEqual(shown - declared, set())
        self.assertIn("rw_version", shown)

    def test_the_shared_library_has_its_soname_and_links(self) -> None:
        self.assertIn("libropewalk.so.0", run("readelf", "-d", self.prefix() / "lib" / "libropewalk.so"))
        self.assertTrue((self.prefix() / "lib" / "libropewalk.so.0").exists())

    def test_every_public_name_is_defined(self) -> None:
        lines = run("nm", "-D", "--defined-only", self.prefix() / "lib" / "libropewalk.so").splitlines()
        shown = {line.split()[-1].split("@")[0] for line in lines}
        header = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "include").rglob("*.h"))
        promised = set(re.findall(r"^RW_API\b[^;{(]*?\b(rw_\w+)\s*\(", header, re.MULTILINE))
        self.assertEqual(promised - shown, set())

    def compile_and_run(self, *link: str) -> str:
        library = self.prefix() / "lib"
        pkg_config = {"PKG_CONFIG_PATH": str(library / "pkgconfig"), "PKG_CONFIG_SYSROOT_DIR": self.stage.name}
        flags = run("pkg-config", "--cflags", "--libs", *link, "ropewalk", **pkg_config).split()
        with tempfile.TemporaryDirectory() as directory:
            source = Path(directory) / "program.c"
            source.write_text(PROGRAM, encoding="utf-8")
            program = Path(directory) / "program"
            run(os.environ.get("CC", "cc"), "-Wall", "-Werror", "-o", program, source, *flags)
            return run(program, LD_LIBRARY_PATH=str(library))

    def test_a_program_builds_against_it_with_pkg_config(self) -> None:
        self.assertRegex(self.compile_and_run(), r"^\d+\.\d+\.\d+ 0\n$")

    def test_the_umbrella_header_is_good_c_plus_plus(self) -> None:
        if shutil.which("g++") is None:
            self.skipTest("no g++")
        run("g++", "-std=c++17", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", "-I", self.prefix() / "include",
            self.prefix() / "include" / "ropewalk.h")  # fmt: skip

    def test_each_lua_finds_its_module(self) -> None:
        for abi, path in lua_interpreters():
            with self.subTest(abi=abi):
                share, lib = self.prefix() / "share" / "lua" / abi, self.prefix() / "lib" / "lua" / abi
                out = run(
                    path,
                    "-e",
                    "print(type(require('ropewalk').run))",
                    LUA_PATH=f"{share}/?.lua;{share}/?/init.lua",
                    LUA_CPATH=f"{lib}/?.so",
                )
                self.assertEqual(out, "function\n")

    def test_a_module_shows_only_its_entry(self) -> None:
        for path in (self.prefix() / "lib" / "lua").rglob("*.so"):
            shown = [line.split()[-1] for line in run("nm", "-D", "--defined-only", path).splitlines()]
            self.assertTrue(all(name.startswith("luaopen_ropewalk") for name in shown), shown)

    def test_uninstall_leaves_nothing(self) -> None:
        with tempfile.TemporaryDirectory() as stage:
            arguments = (f"DESTDIR={stage}", "PREFIX=/usr", f"CC={os.environ.get('CC', 'cc')}")
            run("make", "install", *arguments)
            run("make", "uninstall", *arguments)
            self.assertEqual([path for path in Path(stage).rglob("*") if not path.is_dir()], [])


if __name__ == "__main__":
    harness.main()
