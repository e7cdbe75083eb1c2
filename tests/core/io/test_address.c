/* SPDX-License-Identifier: MIT
 *
 * test_address.c - addresses from text and back.
 */
#include "io/address.h"

#include "test.h"

struct row {
    const char *host;
    const char *text; /* with port 80; NULL: refused */
};

static void numbers_are_parsed_and_names_are_not(void)
{
    static const struct row rows[] = {
        {"127.0.0.1", "127.0.0.1:80"},
        {"::1", "[::1]:80"},
        {"[::1]", "[::1]:80"},
        {"0.0.0.0", "0.0.0.0:80"},
        {"fe80::1%2", "[fe80::1]:80"},
        {"1.2.3", NULL},
        {"1.2.3.256", NULL},
        {"localhost", NULL},
        {"[127.0.0.1]", NULL},
        {"[]", NULL},
        {"", NULL},
        {":::", NULL},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rwi_address address;
        char text[64];
        int err = rwi_address_parse(rows[i].host, 80, &address);

        CHECK_INT(err, rows[i].text != NULL ? 0 : RW_ERR_INVALID);
        if (err == 0) {
            rwi_address_format(&address.storage, address.size, text, sizeof text);
            CHECK_TEXT(text, rows[i].text);
        }
    }
}

static void ports_can_be_changed(void)
{
    struct rwi_address address;

    CHECK_INT(rwi_address_parse("127.0.0.1", 80, &address), 0);
    rwi_address_set_port(&address.storage, 8080);
    CHECK_INT(rwi_address_port(&address.storage), 8080);
    CHECK_INT(rwi_address_parse("::1", 1, &address), 0);
    rwi_address_set_port(&address.storage, 65535);
    CHECK_INT(rwi_address_port(&address.storage), 65535);
}

static void paths_have_a_length_limit(void)
{
    struct rwi_address address;
    char path[200];
    char text[200];

    memset(path, 'a', sizeof path);
    path[107] = '\0';
    CHECK_INT(rwi_address_of_path(path, &address), 0);
    rwi_address_format(&address.storage, address.size, text, sizeof text);
    CHECK_TEXT(text, path);
    path[107] = 'a';
    path[108] = '\0';
    CHECK_INT(rwi_address_of_path(path, &address), RW_ERR_INVALID);
    CHECK_INT(rwi_address_of_path("", &address), RW_ERR_INVALID);
}

static void texts_are_cut_at_the_size_given(void)
{
    struct rwi_address address;
    char text[6];

    CHECK_INT(rwi_address_parse("127.0.0.1", 80, &address), 0);
    rwi_address_format(&address.storage, address.size, text, sizeof text);
    CHECK_TEXT(text, "127.0");
}

static const struct test tests[] = {
    TEST(numbers_are_parsed_and_names_are_not),
    TEST(ports_can_be_changed),
    TEST(paths_have_a_length_limit),
    TEST(texts_are_cut_at_the_size_given),
};

TEST_MAIN(tests)
