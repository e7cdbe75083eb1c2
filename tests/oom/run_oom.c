/* SPDX-License-Identifier: MIT
 *
 * run_oom.c - the Lua binding when memory runs out: each case of cases.lua again and again, with the first allocation
 * failing, then the second ..., until it gets to its end.
 *
 * Three kinds of memory are short in turn: Lua's, the core's, and both; for one allocation (twice: Lua tries again after a
 * collection), and for all that follow. A case may fail, and raise; it may not crash, hang, or leave anything behind: the same
 * state serves all runs, what is alive is counted after each, and when the state has gone, so has all of the core's memory.
 * The collector stands still meanwhile, since a finalizer for whose call Lua has no memory is lost.
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <ropewalk.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALLOCATIONS_MAX = 5000, WITH_RETRY = 2, FOR_GOOD = 1 << 30 };

int luaopen_ropewalk_core(lua_State *L);

static struct {
    bool lua_is_short, core_is_short;
    int fail_at; /* this allocation from now; 0: none */
    int fail_count;
    int failing; /* so many more fail */
    bool has_failed;
    long core_blocks; /* atomic: threads of pools allocate too */
} memory;

static bool fails(bool is_short)
{
    if (is_short && memory.fail_at > 0 && --memory.fail_at == 0) {
        memory.failing = memory.fail_count;
        memory.has_failed = true;
    }
    if (is_short && memory.failing > 0) {
        memory.failing--;
        return true;
    }
    return false;
}

static void *lua_memory(void *arg, void *block, size_t old_size, size_t size)
{
    (void)arg;
    if (size == 0) {
        free(block);
        return NULL;
    }
    return (block == NULL || size > old_size) && fails(memory.lua_is_short) ? NULL : realloc(block, size);
}

static void *acquire(void *arg, size_t size)
{
    void *block = fails(memory.core_is_short) ? NULL : malloc(size);

    (void)arg;
    if (block != NULL) {
        __atomic_add_fetch(&memory.core_blocks, 1, __ATOMIC_RELAXED);
    }
    return block;
}

static void *resize(void *arg, void *block, size_t old_size, size_t size)
{
    (void)arg;
    (void)old_size;
    return fails(memory.core_is_short) ? NULL : realloc(block, size);
}

static void release(void *arg, void *block, size_t size)
{
    (void)arg;
    (void)size;
    if (block != NULL) {
        __atomic_sub_fetch(&memory.core_blocks, 1, __ATOMIC_RELAXED);
    }
    free(block);
}

static const struct rw_allocator core_memory = {acquire, resize, release, NULL};

static void run_short(int fail_at, int fail_count)
{
    memory.fail_at = fail_at;
    memory.fail_count = fail_count;
    memory.failing = 0;
    memory.has_failed = false;
}

/* What is alive, by the function at index 2. */
static lua_Number count_live(lua_State *L)
{
    lua_pushvalue(L, 2);
    lua_call(L, 0, 1);
    lua_Number live = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return live;
}

/* The function on top, until it succeeds with no allocation failing. True when nothing was ever left behind. */
static bool run_case(lua_State *L, const char *name, int fail_count)
{
    for (int n = 1; n < ALLOCATIONS_MAX; n++) {
        lua_Number before = count_live(L);

        lua_pushvalue(L, -1);
        lua_gc(L, LUA_GCSTOP, 0);
        run_short(n, fail_count);
        int status = lua_pcall(L, 0, 0, 0);
        bool has_failed = memory.has_failed;
        run_short(0, 0);
        lua_gc(L, LUA_GCRESTART, 0);
        if (!has_failed) {
            if (status != 0) {
                lua_getglobal(L, "tostring");
                lua_insert(L, -2);
                lua_call(L, 1, 1);
                printf("# %s: %s\n", name, lua_tostring(L, -1));
            }
            lua_settop(L, 3);
            return status == 0;
        }
        lua_settop(L, 4);
        if (count_live(L) != before) {
            printf("# %s: allocation %d (%d in all): %.0f were alive, and now %.0f\n", name, n, fail_count,
                   before, count_live(L));
            return false;
        }
    }
    printf("# %s: no end after %d allocations\n", name, ALLOCATIONS_MAX);
    return false;
}

static bool run_all_ways(lua_State *L, const char *name)
{
    for (int kind = 0; kind < 3; kind++) {
        memory.lua_is_short = kind != 1;
        memory.core_is_short = kind != 0;
        for (int fail_count = WITH_RETRY;; fail_count = FOR_GOOD) {
            lua_getfield(L, 3, "run");
            if (!run_case(L, name, fail_count)) {
                return false;
            }
            if (fail_count == FOR_GOOD || memory.lua_is_short) {
                break;
            }
        }
    }
    return true;
}

static lua_State *open_lua(void)
{
#if LUA_VERSION_NUM >= 505
    lua_State *L = lua_newstate(lua_memory, NULL, 0);
#else
    lua_State *L = lua_newstate(lua_memory, NULL);
#endif

    if (L != NULL) {
        luaL_openlibs(L);
        lua_getglobal(L, "package");
        lua_getfield(L, -1, "preload");
        lua_pushcfunction(L, luaopen_ropewalk_core);
        lua_setfield(L, -2, "ropewalk.core");
        lua_settop(L, 0);
    }
    return L;
}

int main(int argc, char **argv)
{
    const char *only = argc > 2 ? argv[2] : "";
    int passed = 0, failed = 0;
    lua_State *L;

    rw_set_allocator(&core_memory);
    L = open_lua();
    if (L == NULL) {
        printf("0 passed, 0 failed, 1 skipped (this Lua takes no allocator)\n");
        return 0;
    }
    if (argc < 2 || luaL_dofile(L, argv[1]) != 0) {
        printf("# %s\n0 passed, 1 failed, 0 skipped\n", argc < 2 ? "no cases" : lua_tostring(L, -1));
        return 1;
    }
    for (int i = 1;; i++) {
        lua_settop(L, 2);
        lua_rawgeti(L, 1, i);
        if (lua_isnil(L, -1)) {
            break;
        }
        lua_getfield(L, 3, "name");
        const char *name = lua_tostring(L, -1);

        lua_settop(L, 3); /* the case keeps its name */
        if (strstr(name, only) != NULL) {
            bool good = run_all_ways(L, name);

            printf("%s %s\n", good ? "ok" : "not ok", name);
            fflush(stdout);
            passed += good;
            failed += !good;
        }
    }
    lua_close(L);
    if (memory.core_blocks != 0) {
        printf("not ok: %ld blocks of the core's memory are left\n", memory.core_blocks);
        failed++;
    }
    printf("%d passed, %d failed, 0 skipped\n", passed, failed);
    return failed > 0;
}
