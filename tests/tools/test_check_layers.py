# SPDX-License-Identifier: MIT
"""Each rule of check_layers.py, by a tree that breaks it and one that does not."""

import unittest

import harness
from check_layers import Tree, mutable_globals


def problems(**files: str) -> list[str]:
    """Keys are paths with `__` for a slash and `_dot_` for a dot, since they must be names."""
    named = {key.replace("__", "/").replace("_dot_", "."): text for key, text in files.items()}
    with harness.Checkout(named) as root:
        return Tree(root).check()


class Layers(unittest.TestCase):
    def assert_one(self, found: list[str], text: str) -> None:
        self.assertEqual(len(found), 1, found)
        self.assertIn(text, found[0])

    def test_an_include_that_points_down_is_clean(self) -> None:
        found = problems(
            core__base__list_dot_h="", core__flow__channel_dot_c='#include "base/list.h"\n#include <stdio.h>\n'
        )
        self.assertEqual(found, [])

    def test_an_include_that_points_up_is_found(self) -> None:
        found = problems(core__exec__task_dot_h="", core__base__mem_dot_c='#include "exec/task.h"\n')
        self.assert_one(found, "core/base/mem.c:1: base may not include exec/task.h, which is exec")

    def test_exec_and_flow_never_name_the_reactor(self) -> None:
        for layer in ("exec", "flow"):
            files = {"core__reactor__reactor_dot_h": "", f"core__{layer}__x_dot_c": '#include "reactor/reactor.h"\n'}
            self.assert_one(problems(**files), f"{layer} may not include reactor/reactor.h")

    def test_the_reactor_knows_no_tasks(self) -> None:
        found = problems(core__exec__task_dot_h="", core__reactor__x_dot_c='#include "exec/task.h"\n')
        self.assert_one(found, "reactor may not include")

    def test_the_loop_may_see_everything(self) -> None:
        found = problems(
            core__loop_dot_c='#include "reactor/reactor.h"\n#include "io/tcp.h"\n',
            core__reactor__reactor_dot_h="",
            core__io__tcp_dot_h="",
        )
        self.assertEqual(found, [])

    def test_a_part_of_the_door_stands_where_its_module_stands(self) -> None:
        found = problems(
            include__ropewalk__channel_dot_h="",
            core__flow__channel_dot_c="",
            core__base__mem_dot_c='#include "ropewalk/channel.h"\n',
        )
        self.assert_one(found, "base may not include ropewalk/channel.h, which is flow")

    def test_a_missing_header_is_named(self) -> None:
        self.assert_one(problems(core__base__mem_dot_c='#include "base/nothing.h"\n'), "neither below core/ nor")

    def test_an_unknown_folder_is_no_layer(self) -> None:
        self.assert_one(problems(core__extra__x_dot_c=""), "`extra` is not a layer")

    def test_a_foreign_vm_stays_out_of_the_core_and_the_door(self) -> None:
        self.assert_one(problems(core__base__x_dot_c="#include <lua.h>\n"), "a foreign VM's header")
        self.assert_one(problems(include__ropewalk__x_dot_h="#include <Python.h>\n"), "a foreign VM's header")

    def test_a_binding_looks_only_through_the_door(self) -> None:
        found = problems(core__base__list_dot_h="", bindings__host_dot_c='#include "base/list.h"\n')
        self.assert_one(found, "a binding includes ropewalk.h")
        found = problems(include__ropewalk__task_dot_h="", bindings__host_dot_c="#include <ropewalk/task.h>\n")
        self.assert_one(found, "a binding includes ropewalk.h")
        self.assertEqual(problems(bindings__host_dot_c="#include <ropewalk.h>\n"), [])

    def test_the_common_part_of_the_hosts_knows_no_host(self) -> None:
        self.assert_one(problems(bindings__host_dot_c="#include <lua.h>\n"), "knows no Lua")
        self.assert_one(problems(bindings__host_dot_c="#include <Python.h>\n"), "only bindings/python")

    def test_the_lua_half_does_not_know_the_python_half(self) -> None:
        found = problems(bindings__python__task_dot_h="", bindings__lua__task_dot_c='#include "python/task.h"\n')
        self.assert_one(found, "bindings/lua may not include python/task.h")

    def test_the_python_half_may_know_the_lua_half(self) -> None:
        found = problems(
            bindings__lua__state_dot_h="",
            bindings__python__lua_dot_c='#include <Python.h>\n#include <lua.h>\n#include "lua/state.h"\n',
        )
        self.assertEqual(found, [])

    def test_a_cycle_of_modules_is_told_as_a_walk(self) -> None:
        found = problems(
            core__exec__a_dot_h="",
            core__exec__b_dot_h="",
            core__exec__a_dot_c='#include "exec/a.h"\n#include "exec/b.h"\n',
            core__exec__b_dot_c='#include "exec/a.h"\n',
        )
        self.assertEqual(found, ["cycle of modules: core/exec/a -> core/exec/b -> core/exec/a"])

    def test_a_system_call_outside_sys_is_found(self) -> None:
        text = "void f(void)\n{\n    sys->close(1);\n    close(1);\n}\n"
        self.assert_one(problems(core__io__tcp_dot_c=text), "core/io/tcp.c:4: close() goes around the sys table")
        self.assertEqual(problems(core__base__sys_linux_dot_c=text), [])

    def test_a_function_of_the_file_itself_is_no_system_call(self) -> None:
        text = "static int send(int a)\n{\n    return a;\n}\nint f(void)\n{\n    return send(1);\n}\n"
        self.assertEqual(problems(core__exec__handle_dot_c=text), [])

    def test_a_mutable_global_is_found_and_a_constant_is_not(self) -> None:
        dump = (
            "x.o:     file format elf64-x86-64\n"
            "0000000000000000 l     O .bss\t0000000000000004 counter\n"
            "0000000000000000 l     O .data.rel.ro.local\t0000000000000028 vtable\n"
            "0000000000000000 l     O .rodata\t0000000000000028 table\n"
            "0000000000000000 g     O .data\t0000000000000004 .hidden other\n"
        )
        self.assertEqual(
            mutable_globals(dump),
            ["x.o: counter is a mutable global (.bss)", "x.o: other is a mutable global (.data)"],
        )


if __name__ == "__main__":
    harness.main()
