/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"

static const struct {
    const char *plain, *text;
} rows[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
    { "\xff\xfe\xfd\xfb\xf0", "//79+/A=" },
    { "user:p\xc3\xa4ss:word", "dXNlcjpww6Rzczp3b3Jk" },
};

Test(base64, there_and_back)
{
    for (size_t i = 0; i < array_size(rows); i++) {
        auto_done(str) out = {};
        auto_free char *data = NULL;
        size_t len = 0;
        base64_add(&out, rows[i].plain, strlen(rows[i].plain));
        cr_expect_str_eq(str_text(&out), rows[i].text);
        cr_assert(base64_decode(rows[i].text, strlen(rows[i].text), &data, &len));
        cr_expect_eq(len, strlen(rows[i].plain));
        cr_expect_str_eq(data, rows[i].plain);
    }
}

Test(base64, every_byte)
{
    unsigned char all[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    for (size_t n = 0; n <= sizeof(all); n++) {
        auto_done(str) out = {};
        auto_free char *data = NULL;
        size_t len = 0;
        base64_add(&out, all, n);
        cr_assert(base64_decode(str_text(&out), out.len, &data, &len));
        cr_assert_eq(len, n);
        cr_assert_eq(memcmp(data, all, n), 0);
    }
}

Test(base64, what_passes)
{
    auto_free char *data = NULL;
    size_t len = 0;
    cr_assert(base64_decode(" Zm9v\r\nYg", 9, &data, &len));
    cr_expect_str_eq(data, "foob");
}

Test(base64, what_is_none)
{
    static const char *const bad[] = { "Z",    "Zg=",  "Zg===",   "=",     "====", "Zm9v=",
                                       "Z=g=", "Zg-_", "Zm9\x80", "Zm9v!", "Zm=9v" };
    for (size_t i = 0; i < array_size(bad); i++) {
        char *data = NULL;
        size_t len = 0;
        cr_expect_not(base64_decode(bad[i], strlen(bad[i]), &data, &len), "\"%s\" passes", bad[i]);
        cr_expect_null(data);
    }
    char *data = NULL;
    size_t len = 0;
    cr_expect_not(base64_decode("Zm9v\0Zm9v", 9, &data, &len), "a zero byte passes");
}
