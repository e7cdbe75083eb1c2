/* SPDX-License-Identifier: MIT
 *
 * test_utf8.c - what is text, at every alignment of the fast path.
 */
#include "base/utf8.h"

#include "test.h"

struct sample {
    const char *data;
    size_t size;
    bool valid;
};

#define SAMPLE(text, valid)                                                                                  \
    {                                                                                                        \
        text, sizeof(text) - 1, valid                                                                        \
    }

static const struct sample samples[] = {
    SAMPLE("", true),
    SAMPLE("plain", true),
    SAMPLE("a\0b", true),
    SAMPLE("\xc2\x80", true),
    SAMPLE("\xdf\xbf", true),
    SAMPLE("\xe0\xa0\x80", true),
    SAMPLE("\xed\x9f\xbf", true),
    SAMPLE("\xee\x80\x80", true),
    SAMPLE("\xf0\x90\x80\x80", true),
    SAMPLE("\xf4\x8f\xbf\xbf", true),
    SAMPLE("\x80", false),         /* a continuation alone */
    SAMPLE("\xbf", false),         /* the same */
    SAMPLE("\xc0\x80", false),     /* overlong NUL */
    SAMPLE("\xc1\xbf", false),     /* overlong */
    SAMPLE("\xe0\x9f\xbf", false), /* overlong */
    SAMPLE("\xed\xa0\x80", false), /* a surrogate */
    SAMPLE("\xf0\x8f\xbf\xbf", false),
    SAMPLE("\xf4\x90\x80\x80", false), /* above U+10FFFF */
    SAMPLE("\xf5\x80\x80\x80", false),
    SAMPLE("\xff", false),
    SAMPLE("\xc3", false), /* cut off */
    SAMPLE("\xe2\x82", false),
    SAMPLE("\xf0\x9f\x92", false),
    SAMPLE("\xe2\x82\x41", false), /* broken off by another character */
    SAMPLE("\xf0\x9f\x92\xc3", false),
    SAMPLE("\xc3\xc3", false),
};

static void samples_are_told_apart(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        CHECK_INT(rwi_utf8_is_valid(samples[i].data, samples[i].size), samples[i].valid);
    }
}

static void samples_are_told_apart_behind_and_before_ascii(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[64];

            memset(text, 'x', sizeof text);
            memcpy(text + before, samples[i].data, samples[i].size);
            CHECK_INT(rwi_utf8_is_valid(text, before + samples[i].size), samples[i].valid);
            CHECK_INT(rwi_utf8_is_valid(text, sizeof text), samples[i].valid);
        }
    }
}

/* Decodes by the definition: the code point, its length, and the bounds for that length. */
static bool is_valid_by_definition(const unsigned char *text, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    for (size_t at = 0; at < size;) {
        unsigned char first = text[at];
        size_t length = first < 0x80             ? 1
                        : (first & 0xe0) == 0xc0 ? 2
                        : (first & 0xf0) == 0xe0 ? 3
                        : (first & 0xf8) == 0xf0 ? 4
                                                 : 0;
        uint32_t point = length == 1 ? first : first & (0xffu >> (length + 1));

        if (length == 0 || at + length > size) {
            return false;
        }
        for (size_t i = 1; i < length; i++) {
            if ((text[at + i] & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (text[at + i] & 0x3f);
        }
        if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
            return false;
        }
        at += length;
    }
    return true;
}

static void every_two_and_many_longer_sequences_agree_with_the_definition(void)
{
    uint32_t random = 1;

    for (uint32_t i = 0; i < 400000; i++) {
        unsigned char text[6] = {(unsigned char)(i >> 8), (unsigned char)i};
        size_t size = 2;

        if (i > 0xffff) {
            size = 3 + i % 4;
            for (size_t j = 0; j < size; j++) {
                random = random * 1664525 + 1013904223;
                text[j] = (unsigned char)((random >> 24) | (j == 0 ? 0xc0 : 0x80));
            }
        }
        CHECK_INT(rwi_utf8_is_valid((const char *)text, size), is_valid_by_definition(text, size));
    }
}

static const struct test tests[] = {
    TEST(samples_are_told_apart),
    TEST(samples_are_told_apart_behind_and_before_ascii),
    TEST(every_two_and_many_longer_sequences_agree_with_the_definition),
};

TEST_MAIN(tests)
