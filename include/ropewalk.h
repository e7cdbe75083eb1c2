/* SPDX-License-Identifier: MIT
 *
 * ropewalk.h - the one public door of the C library.
 *
 * Include this file only; the parts below it are split by concept so that each can be read on one screen.
 *
 * Rules that hold for the whole library, unless a function says otherwise:
 * - A loop, and everything made from it, belongs to one thread. Functions marked "any thread" are the exception.
 * - Functions that can fail return 0 or a negative `enum rw_err`; constructors return NULL when memory ran out.
 * - A `struct rw_future *` that a function takes is consumed, on success and on failure alike.
 * - Times are nanoseconds of the loop's monotonic clock, as absolute deadlines; RW_NEVER and RW_NOW are the ends.
 * - Nothing runs in place: waking, cancelling and closing queue work for a later step of the loop's turn.
 */
#ifndef ROPEWALK_H
#define ROPEWALK_H

#define RW_VERSION_MAJOR 0
#define RW_VERSION_MINOR 1
#define RW_VERSION_PATCH 0
#define RW_VERSION_STRING "0.1.0"

#include "ropewalk/base.h"
#include "ropewalk/err.h"
#include "ropewalk/value.h"
#include "ropewalk/future.h"
#include "ropewalk/loop.h"
#include "ropewalk/task.h"
#include "ropewalk/scope.h"
#include "ropewalk/time.h"
#include "ropewalk/combine.h"
#include "ropewalk/channel.h"
#include "ropewalk/select.h"
#include "ropewalk/stream.h"
#include "ropewalk/sync.h"
#include "ropewalk/io.h"
#include "ropewalk/blocking.h"
#include "ropewalk/procedure.h"
#include "ropewalk/callback.h"
#include "ropewalk/completer.h"
#include "ropewalk/sim.h"

#endif
