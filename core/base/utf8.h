/* SPDX-License-Identifier: MIT
 *
 * utf8.h - is this text?
 */
#ifndef RWI_BASE_UTF8_H
#define RWI_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True when `data` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF). NUL is a
 * character like any other. `data` may be NULL when `size` is 0. Any thread. */
bool rwi_utf8_is_valid(const char *data, size_t size);

#endif
