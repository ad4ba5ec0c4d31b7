#include "tests/unit/common_test.h"

#include "common/hex.h"

/* RFC 4648 section 10, base32 in lower case without padding. */
static const struct {
    const char *plain, *base64, *base32;
} rows[] = {
    {"", "", ""},
    {"f", "Zg==", "my"},
    {"fo", "Zm8=", "mzxq"},
    {"foo", "Zm9v", "mzxw6"},
    {"foob", "Zm9vYg==", "mzxw6yq"},
    {"fooba", "Zm9vYmE=", "mzxw6ytb"},
    {"foobar", "Zm9vYmFy", "mzxw6ytboi"},
};

static void rfc4648_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(rows); i++) {
        size_t length = strlen(rows[i].plain), bytes = 99;
        char text[32], back[32];
        assert_string_equal(sy_base64_encode(rows[i].plain, length, text), rows[i].base64);
        assert_true(strlen(text) < SY_BASE64_TEXT_BYTES(length));
        assert_works(sy_base64_decode(text, strlen(text), back, sizeof back, &bytes, &err));
        assert_int_equal(bytes, length);
        assert_memory_equal(back, rows[i].plain, length);
        assert_string_equal(sy_base32_encode(rows[i].plain, length, text), rows[i].base32);
        assert_true(strlen(text) < SY_BASE32_TEXT_BYTES(length));
        assert_works(sy_base32_decode(text, strlen(text), back, sizeof back, &bytes, &err));
        assert_int_equal(bytes, length);
        assert_memory_equal(back, rows[i].plain, length);
    }
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    char text[SY_HEX_TEXT_BYTES(256)];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    sy_hex_encode(all, sizeof all, text);
    assert_memory_equal(text, "000102", 6);
    assert_works(sy_hex_decode(text, back, sizeof back, &err));
    assert_memory_equal(all, back, sizeof all);
    assert_works(sy_hex_decode("aBCd", back, 2, &err));
    assert_int_equal(back[0], 0xab);
    assert_int_equal(back[1], 0xcd);
}

static void bad_hex_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "a", "abc", "abcde", "ab d", "abg0", "0xab"};
    uint8_t out[2] = {1, 2};
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_fails(SY_E_PARSE, sy_hex_decode(bad[i], out, 2, &err));
    assert_fails(SY_E_PARSE, sy_hex_decode(NULL, out, 2, &err));
    assert_int_equal(out[0], 1); /* untouched */
}

static void bad_base64_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"Zg=", "Zg", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm-v", "=Zm9"};
    char out[16];
    size_t bytes;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_fails(SY_E_PARSE,
                     sy_base64_decode(bad[i], strlen(bad[i]), out, sizeof out, &bytes, &err));
    assert_fails(SY_E_PARSE, sy_base64_decode("Zm9v", 4, out, 2, &bytes, &err));
}

static void bad_base32_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"m", "mz1q", "mzx", "MZXQ", "mzxr", "my======"};
    char out[16];
    size_t bytes;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_fails(SY_E_PARSE,
                     sy_base32_decode(bad[i], strlen(bad[i]), out, sizeof out, &bytes, &err));
    assert_fails(SY_E_PARSE, sy_base32_decode("mzxw6", 5, out, 2, &bytes, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc4648_vectors),       cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(bad_hex_is_refused),    cmocka_unit_test(bad_base64_is_refused),
        cmocka_unit_test(bad_base32_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
