/* SPDX-License-Identifier: MIT
 *
 * run_oom.c - the Lua binding when memory runs out: each case of cases.lua again and again, with the first allocation
 * failing, then the second ..., until it gets to its end.
 *
 * Three kinds of memory are short in turn: Lua's, the core's, and all; for one allocation (twice: Lua tries again after a
 * collection), or for all that follow. A case may fail, and raise; it may not crash, hang, or leave anything behind: the same
 * state serves all runs, what is alive is counted after each, and when the state has gone, so has all of the core's memory.
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

/* A finalizer for whose call Lua has no memory is never called: what it would have let go of stays until the loop ends. So the
 * collector stands still while things are counted afterwards. */
static const struct way {
    const char *name;
    bool lua_is_short, core_is_short;
    int fail_count;
    bool collects; /* meanwhile; then nothing is counted, before the end */
} ways[] = {
    {"Lua's memory", true, false, WITH_RETRY, false},
    {"Lua's memory, for good,", true, false, FOR_GOOD, false},
    {"the core's memory", false, true, WITH_RETRY, false},
    {"the core's memory, for good,", false, true, FOR_GOOD, false},
    {"all memory, for good,", true, true, FOR_GOOD, false},
    {"all memory, collected,", true, true, FOR_GOOD, true},
};

/* What is alive, by the function at index 2. */
static lua_Number count_live(lua_State *L)
{
    lua_pushvalue(L, 2);
    lua_call(L, 0, 1);
    lua_Number live = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return live;
}

/* One run of the function on top with allocation `n` failing. False when that is beyond its end. */
static bool run_once(lua_State *L, const struct way *way, int n, int *status)
{
    memory.lua_is_short = way->lua_is_short;
    memory.core_is_short = way->core_is_short;
    memory.fail_at = n;
    memory.fail_count = way->fail_count;
    memory.failing = 0;
    memory.has_failed = false;
    lua_pushvalue(L, -1);
    if (!way->collects) {
        lua_gc(L, LUA_GCSTOP, 0);
    }
    *status = lua_pcall(L, 0, 0, 0);
    bool has_failed = memory.has_failed;

    memory.fail_at = memory.failing = 0;
    if (!way->collects) {
        lua_gc(L, LUA_GCRESTART, 0);
    }
    return has_failed;
}

static void print_error(lua_State *L, const char *name)
{
    lua_getglobal(L, "tostring");
    lua_insert(L, -2);
    lua_call(L, 1, 1);
    printf("# %s: %s\n", name, lua_tostring(L, -1));
}

/* The function on top, until it succeeds with no allocation failing. True when nothing was ever left behind. */
static bool run_case(lua_State *L, const char *name, const struct way *way)
{
    for (int n = 1; n < ALLOCATIONS_MAX; n++) {
        lua_Number before = way->collects ? 0 : count_live(L);
        int status;

        if (!run_once(L, way, n, &status)) {
            if (status != 0) {
                print_error(L, name);
            }
            lua_settop(L, 3);
            return status == 0;
        }
        lua_settop(L, 4);
        lua_getfield(L, 1, "settle");
        lua_call(L, 0, 0);
        lua_Number after = way->collects ? 0 : count_live(L);
        if (after != before) {
            printf("# %s: %s short from allocation %d: %.0f were alive, and now %.0f\n", name, way->name, n,
                   before, after);
            return false;
        }
    }
    printf("# %s: no end after %d allocations\n", name, ALLOCATIONS_MAX);
    return false;
}

static bool run_all_ways(lua_State *L, const char *name, bool collects)
{
    bool good = true;

    for (size_t i = 0; good && i < sizeof ways / sizeof *ways; i++) {
        if (ways[i].collects == collects) {
            lua_getfield(L, 3, "run");
            good = run_case(L, name, &ways[i]);
        }
    }
    return good;
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

/* Those whose name contains `only`. */
static void run_cases(lua_State *L, const char *only, bool collects, int counts[static 2])
{
    for (int i = 1;; i++) {
        lua_settop(L, 2);
        lua_rawgeti(L, 1, i);
        if (lua_isnil(L, -1)) {
            break;
        }
        lua_getfield(L, 3, "name");
        const char *name = lua_tostring(L, -1);

        lua_getfield(L, 3, "collects");
        bool is_skipped = lua_toboolean(L, -1) && !collects;

        lua_settop(L, 3); /* the case keeps its name */
        if (strstr(name, only) != NULL && !is_skipped) {
            bool good = run_all_ways(L, name, collects);

            printf("%s %s%s\n", good ? "ok" : "not ok", name, collects ? ", and the collector runs" : "");
            fflush(stdout);
            counts[good]++;
        }
    }
}

int main(int argc, char **argv)
{
    int counts[2] = {0, 0}; /* failed, passed */
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
    for (int collects = 0; collects < 2; collects++) {
        run_cases(L, argc > 2 ? argv[2] : "", collects != 0, counts);
    }
    lua_close(L);
    if (memory.core_blocks != 0) {
        printf("not ok: %ld blocks of the core's memory are left\n", memory.core_blocks);
        counts[0]++;
    }
    printf("%d passed, %d failed, 0 skipped\n", counts[1], counts[0]);
    return counts[0] > 0;
}
