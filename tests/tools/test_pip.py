# SPDX-License-Identifier: MIT
"""The package as users get it: an sdist that builds from what it contains, installed by pip with build isolation."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import harness

ROOT = Path(__file__).resolve().parents[2]
SMOKE = """
import asyncio, ropewalk as rw
async def child(n):
    await rw.sleep(0.001)
    return n * 2
async def main():
    task = rw.spawn(child(20))
    await asyncio.sleep(0.001)
    return await task + 2
print(rw.run(main()))
"""
SURFACE = """
import ropewalk as rw
from ropewalk import surface
assert surface.ERR_CLOSED == rw.errors()["closed"]["number"], rw.errors()
print(rw.options()["task_budget"]["default"])
"""
HAS_LUA = """
import ropewalk as rw
async def main():
    lua = rw.Lua()
    return await lua.eval("function(x) require('ropewalk').sleep(0) return x + 1 end")(41)
print(rw.run(main()))
"""
NO_LUA = """
import ropewalk as rw
async def main():
    try:
        rw.Lua()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
print(rw.run(main()))
"""
LUA_SURFACE = """
import ropewalk as rw
async def main():
    lua = rw.Lua()
    assert await lua.eval("function() return require('ropewalk').errors() end")() == rw.errors()
    return await lua.eval("function() return require('ropewalk.surface').ERR_CLOSED end")()
print(rw.run(main()))
"""


def path_without(name: str, directory: Path) -> str:
    """A PATH with everything that is in ours but the programs called `name`: a directory of links."""
    directory.mkdir()
    for part in os.environ["PATH"].split(os.pathsep):
        for program in Path(part).iterdir() if os.path.isdir(part) else ():
            link = directory / program.name
            if not program.name.startswith(name) and not os.path.lexists(link):
                link.symlink_to(program)
    return str(directory)


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> str:
    base = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if shutil.which("ccache"):
        base["CC"] = "ccache " + base.get("CC", "gcc")
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=cwd, env={**base, **environment}, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def copy_tree(target: Path) -> None:
    """The sources only, so that nothing of a build in the tree helps. There need be no git: the matrix has a copy."""
    names = shutil.ignore_patterns(".git", "build", "dist", "*.egg-info", "__pycache__", ".mypy_cache", ".ruff_cache")
    shutil.copytree(ROOT, target, ignore=names)


class Pip(unittest.TestCase):
    directory: tempfile.TemporaryDirectory[str]
    work: Path
    pip: list[str | Path]
    sdist: Path
    no_swig: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = tempfile.TemporaryDirectory()
        cls.work = Path(cls.directory.name)
        run(sys.executable, "-m", "venv", cls.work / "tools")
        cls.pip = [cls.work / "tools" / "bin" / "python", "-m", "pip"]
        run(*cls.pip, "install", "-q", "build")
        copy_tree(cls.work / "tree")
        cls.no_swig = path_without("swig", cls.work / "without-swig")
        run(cls.work / "tools" / "bin" / "python", "-m", "build", "--sdist", "-o", cls.work, cwd=cls.work / "tree")
        cls.sdist = next(cls.work.glob("ropewalk-*.tar.gz"))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.directory.cleanup()

    def installed(self, what: Path, name: str, **environment: str) -> Path:
        """A new environment with `what` in it; its python."""
        run(sys.executable, "-m", "venv", self.work / name)
        python = self.work / name / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", what, **environment)
        return python

    def test_the_sdist_builds_from_what_it_contains_and_without_swig(self) -> None:
        self.assertIsNone(shutil.which("swig", path=self.no_swig))
        python = self.installed(self.sdist, "from-sdist", PATH=self.no_swig)
        self.assertEqual(run(python, "-c", SMOKE, cwd=self.work), "42\n")
        self.assertEqual(run(python, "-c", SURFACE, cwd=self.work), "128\n")
        self.assertEqual(run(python, "-c", LUA_SURFACE, cwd=self.work), "-3\n")
        package = run(python, "-c", "import ropewalk; print(ropewalk.__file__)", cwd=self.work)
        self.assertTrue((Path(package.strip()).parent / "py.typed").exists())
        self.assertEqual(run(python, "-c", HAS_LUA, cwd=self.work), "42\n")

    def test_a_module_in_c_builds_from_what_is_installed(self) -> None:
        python = self.installed(self.sdist, "for-modules")
        command = f"""set -e
            swig -python -fastproxy $({python} -m ropewalk.config --swig) -outdir . -o wrapped.c {ROOT}/tests/ext/kit.i
            ${{CC:-cc}} -shared -fPIC -w $({python} -m ropewalk.config --cflags --libs) -I{ROOT}/tests/ext \
                -I$({python} -c 'import sysconfig; print(sysconfig.get_paths()["include"])') \
                -o _kit.so wrapped.c {ROOT}/tests/ext/kit.c {ROOT}/tests/ext/kit_misuse.c -pthread"""
        run("sh", "-c", command, cwd=self.work)
        program = "import kit, ropewalk as rw\nasync def main(): return await kit.tick(42)\nprint(rw.run(main()))"
        self.assertEqual(run(python, "-c", program, cwd=self.work), "42\n")

    def test_the_tree_installs_without_a_lua_and_says_so(self) -> None:
        """A checkout has nothing that SWIG makes: where there is no SWIG, pip is told to bring one along."""
        python = self.installed(self.work / "tree", "from-tree", ROPEWALK_LUA="none", PATH=self.no_swig)
        self.assertEqual(run(python, "-c", SMOKE, cwd=self.work), "42\n")
        self.assertEqual(run(python, "-c", SURFACE, cwd=self.work), "128\n")
        self.assertRegex(run(python, "-c", NO_LUA, cwd=self.work), r"^UnsupportedError: .*Lua")

    def test_a_build_by_hand_without_swig_says_what_to_do(self) -> None:
        run(*self.pip, "install", "-q", "setuptools>=77")
        with self.assertRaisesRegex(AssertionError, "SWIG 4.1 or newer is needed .* or `pip install swig`"):
            run(self.pip[0], "setup.py", "-q", "build_ext", cwd=self.work / "tree", PATH=self.no_swig)

    def test_an_unknown_lua_is_refused(self) -> None:
        with self.assertRaisesRegex(AssertionError, "ROPEWALK_LUA=6.0: choose one of"):
            self.installed(self.work / "tree", "refused", ROPEWALK_LUA="6.0")

    def test_the_sdist_has_no_build_products(self) -> None:
        with tarfile.open(self.sdist) as archive:
            names = archive.getnames()
        self.assertEqual([name for name in names if name.endswith((".o", ".so", ".a", ".pyc"))], [])
        made = sorted(name.rsplit("/", 1)[1] for name in names if "/bindings/swig/made/" in name)
        self.assertEqual(made, ["surface_lua.c", "surface_python.c"])


if __name__ == "__main__":
    harness.main()
