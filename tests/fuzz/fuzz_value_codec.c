/* SPDX-License-Identifier: MIT
 *
 * fuzz_value_codec.c - any bytes at all into the value decoder.
 *
 * Either they are refused as malformed, or they are the one encoding of a value: encoding gives the same bytes again,
 * a clone is equal, and nothing is leaked.
 */
#include <ropewalk.h>

#include "fuzz.h"

static const struct fuzz_seed seeds[] = {
    FUZZ_SEED("\x00"),
    FUZZ_SEED("\x02"),
    FUZZ_SEED("\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    FUZZ_SEED("\x04\x00\x00\x00\x00\x00\x00\xf8\x7f"),
    FUZZ_SEED("\x05\x03\xff\x00\x01"),
    FUZZ_SEED("\x06\x06gr\xc3\xbc\xc3\x9f"),
    FUZZ_SEED("\x07\x03\x00\x03\x02\x07\x01\x02"),
    FUZZ_SEED("\x08\x02\x06\x01k\x03\x02\x06\x01l\x07\x00"),
    FUZZ_SEED("\x07\x02\x09\x17\x02\x1f\x01m\x01t\x02tb\x04\x01\x05\x00\x00\x09\x05\x00\x00"),
};

static void decode(const uint8_t *data, size_t size)
{
    struct rw_value value = rw_value_decode(data, size);

    if (rw_is_failure(&value)) {
        FUZZ_CHECK(value.code == RW_ERR_INVALID);
        rw_value_drop(&value);
        return;
    }
    struct rw_value again = rw_value_encode(&value);

    FUZZ_CHECK(again.kind == RW_KIND_BYTES);
    size_t again_size;
    const char *again_data = rw_value_data(&again, &again_size);

    FUZZ_CHECK(again_size == size);
    FUZZ_CHECK(memcmp(again_data, data, size) == 0);
    struct rw_value twin = rw_value_decode(again_data, again_size);

    FUZZ_CHECK(rw_value_equal(&value, &twin));
    rw_value_drop(&value);
    rw_value_drop(&again);
    rw_value_drop(&twin);
}

FUZZ_MAIN(decode, seeds)
