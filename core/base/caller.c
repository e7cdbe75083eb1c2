/* SPDX-License-Identifier: MIT
 *
 * caller.c - walks the stack outwards to the first object that is not this library.
 *
 * Invariant: no name is looked for before a frame outside was found, since that takes a walk over an object's symbols;
 * frames are told apart by the linker's bounds of this object. The table's thunks in a module (ropewalk/module.c) are
 * hidden and so have no name: the function that called one is taken. Nothing is asserted here, since that is where a failed
 * assertion leads.
 */
#define _GNU_SOURCE
#include "base/caller.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unwind.h>

enum { FRAMES_MAX = 24 };

extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

struct search {
    bool (*is_door)(const void *function);
    const void *inside;  /* the function of the last frame inside */
    const void *object;  /* where the object outside begins; NULL: not there yet */
    const void *outside; /* the nearest frame in it */
    const void *named;   /* the nearest function with a name */
    int frames_left;
};

static bool is_inside(uintptr_t address)
{
    return address >= (uintptr_t)__ehdr_start && address < (uintptr_t)_end;
}

bool rwi_caller_can_tell(void)
{
    return !is_inside((uintptr_t)getauxval(AT_ENTRY));
}

static _Unwind_Reason_Code look(struct _Unwind_Context *frame, void *arg)
{
    struct search *search = arg;
    uintptr_t address = (uintptr_t)_Unwind_GetIP(frame) - 1; /* of the call, not of what follows */
    Dl_info info = {0};

    if (search->frames_left-- == 0) {
        return _URC_END_OF_STACK;
    }
    if (search->object == NULL && is_inside(address)) {
        search->inside = (const void *)(uintptr_t)_Unwind_GetRegionStart(frame);
        return _URC_NO_REASON;
    }
    if (search->object == NULL && search->is_door != NULL && !search->is_door(search->inside)) {
        return _URC_END_OF_STACK;
    }
    if (dladdr((const void *)address, &info) == 0) {
        return _URC_END_OF_STACK;
    }
    if (search->object == NULL) {
        search->object = info.dli_fbase;
        search->outside = (const void *)address;
    }
    if (info.dli_fbase != search->object) {
        return _URC_END_OF_STACK;
    }
    if (info.dli_sname == NULL) {
        return _URC_NO_REASON;
    }
    search->named = info.dli_saddr;
    return _URC_END_OF_STACK;
}

const void *rwi_caller_find(bool (*is_door)(const void *function))
{
    struct search search = {.is_door = is_door, .frames_left = FRAMES_MAX};

    if (!rwi_caller_can_tell()) {
        return NULL;
    }
    _Unwind_Backtrace(look, &search);
    return search.named != NULL ? search.named : search.outside;
}

void rwi_caller_describe(const void *address, char out[static RWI_CALLER_MAX])
{
    Dl_info info = {0};

    if (dladdr(address, &info) == 0 || info.dli_fname == NULL) {
        snprintf(out, RWI_CALLER_MAX, "a module that is no longer loaded");
        return;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    const char *object = slash != NULL ? slash + 1 : info.dli_fname;

    if (info.dli_sname != NULL) {
        snprintf(out, RWI_CALLER_MAX, "%s (%s)", info.dli_sname, object);
    } else {
        snprintf(out, RWI_CALLER_MAX, "%s+0x%zx", object,
                 (size_t)((const char *)address - (char *)info.dli_fbase));
    }
}
