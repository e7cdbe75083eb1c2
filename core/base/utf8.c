/* SPDX-License-Identifier: MIT
 *
 * utf8.c - validation of UTF-8.
 *
 * Most text that crosses a border is ASCII, so eight bytes are looked at in one step until one of them is not. The
 * rest follows table 3-7 of the Unicode standard: only the second byte has bounds that depend on the first one.
 *
 * Rejected: a table-driven automaton. It costs a dependent load per byte, ASCII included.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "base/check.h"

static size_t skip_ascii(const unsigned char *data, size_t at, size_t size)
{
    RW_ASSERT(at <= size);
    while (size - at >= sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, data + at, sizeof word);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        at += sizeof word;
    }
    while (at < size && data[at] < 0x80) {
        at++;
    }
    return at;
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xc0) == 0x80;
}

/* The bytes of the sequence that begins with `first`; 0 when none does. */
static size_t sequence_size(unsigned char first)
{
    RW_ASSERT(first >= 0x80);
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        return 3;
    }
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

static bool second_is_valid(unsigned char first, unsigned char second)
{
    RW_ASSERT(sequence_size(first) > 0);
    if (!is_continuation(second)) {
        return false;
    }
    switch (first) {
    case 0xe0: /* overlong below */
        return second >= 0xa0;
    case 0xed: /* surrogates above */
        return second <= 0x9f;
    case 0xf0:
        return second >= 0x90;
    case 0xf4: /* the end of the code space */
        return second <= 0x8f;
    default:
        return true;
    }
}

bool rwi_utf8_is_valid(const char *data, size_t size)
{
    RW_ASSERT(data != NULL || size == 0);
    const unsigned char *bytes = (const unsigned char *)data;

    for (size_t at = skip_ascii(bytes, 0, size); at < size; at = skip_ascii(bytes, at, size)) {
        size_t length = sequence_size(bytes[at]);

        if (length == 0 || length > size - at || !second_is_valid(bytes[at], bytes[at + 1])) {
            return false;
        }
        for (size_t i = 2; i < length; i++) {
            if (!is_continuation(bytes[at + i])) {
                return false;
            }
        }
        at += length;
    }
    return true;
}
