#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sector/fr32.h"
#include "tests/unit/sdr_kat.h"

/* The definition, bit by bit: two zero bits after every 254. */
static void pad_by_bits(const uint8_t *raw, size_t raw_bytes, uint8_t *padded)
{
    memset(padded, 0, 32 * sy_fr32_node_count(raw_bytes));
    for (size_t bit = 0; bit < raw_bytes * 8; bit++) {
        size_t to = bit / 254 * 256 + bit % 254;
        padded[to / 8] |= (uint8_t)((raw[bit / 8] >> (bit % 8) & 1) << (to % 8));
    }
}

static void known_vectors(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_fr32.json");
    size_t i;
    json_t *v;
    json_array_foreach(kat_get(root, "vectors"), i, v)
    {
        size_t in_bytes = strlen(kat_text(v, "in")) / 2;
        size_t out_bytes = strlen(kat_text(v, "out")) / 2;
        uint8_t in[256], out[512] = {0};
        assert_true(in_bytes <= sizeof(in) && out_bytes <= sizeof(out));
        kat_hex(v, "in", in, in_bytes);
        sy_fr32_pad_any(in, in_bytes, out);
        assert_true(out_bytes <= 32 * sy_fr32_node_count(in_bytes));
        assert_hex(out, out_bytes, kat_text(v, "out"));
    }
    json_decref(root);
}

static void reference_payloads(void **state)
{
    (void)state;
    json_t *root = kat_load("reference/fr32.json");
    const char *seed = kat_text(root, "seed");
    size_t i;
    json_t *p;
    json_array_foreach(kat_get(root, "payloads"), i, p)
    {
        size_t bytes = (size_t)kat_int(p, "payload_len");
        size_t nodes = (size_t)sy_fr32_node_count(bytes);
        uint8_t *raw = malloc(bytes), *padded = malloc(nodes * 32), digest[32];
        assert_true(raw && padded);
        kat_stream(seed, kat_text(p, "label"), raw, bytes);
        sy_sha256(raw, bytes, digest);
        assert_hex(digest, 32, kat_text(p, "payload_sha256"));
        assert_int_equal(nodes * 32, kat_int(p, "fr32_len"));
        sy_fr32_pad_any(raw, bytes, padded);
        sy_sha256(padded, nodes * 32, digest);
        assert_hex(digest, 32, kat_text(p, "fr32_sha256"));
        free(raw);
        free(padded);
    }
    assert_true(i > 40);
    json_decref(root);
}

static void every_length_agrees_with_the_definition(void **state)
{
    (void)state;
    uint8_t raw[400], padded[512], want[512];
    kat_stream("lengths", "raw", raw, sizeof(raw));
    for (size_t bytes = 0; bytes <= sizeof(raw); bytes++) {
        size_t out = 32 * (size_t)sy_fr32_node_count(bytes);
        assert_true(out <= sizeof(padded));
        sy_fr32_pad_any(raw, bytes, padded);
        pad_by_bits(raw, bytes, want);
        assert_memory_equal(padded, want, out);
    }
}

static void unpadding_is_the_inverse(void **state)
{
    (void)state;
    uint8_t raw[127 * 9], padded[128 * 9], back[127 * 9];
    kat_stream("inverse", "raw", raw, sizeof(raw));
    sy_fr32_pad(raw, padded, 9);
    sy_fr32_unpad(padded, back, 9);
    assert_memory_equal(back, raw, sizeof(raw));

    /* The two top bits of a node carry nothing. */
    for (size_t node = 0; node < sizeof(padded) / 32; node++)
        padded[32 * node + 31] |= 0xc0;
    sy_fr32_unpad(padded, back, 9);
    assert_memory_equal(back, raw, sizeof(raw));
}

static void every_range_is_cut_out(void **state)
{
    (void)state;
    uint8_t raw[127 * 4], padded[128 * 4], part[127 * 4];
    kat_stream("ranges", "raw", raw, sizeof(raw));
    sy_fr32_pad(raw, padded, 4);
    for (size_t from = 0; from < sizeof(raw); from += 13) {
        for (size_t size = 0; from + size <= sizeof(raw); size += 17) {
            sy_fr32_unpad_range(padded + from / 127 * 128, from, size, part);
            assert_memory_equal(part, raw + from, size);
        }
    }
}

static void sizes_are_checked(void **state)
{
    (void)state;
    uint64_t bytes = 1;
    assert_ok(sy_fr32_padded_bytes(2032, &bytes, err));
    assert_int_equal(bytes, 2048);
    assert_ok(sy_fr32_raw_bytes(2048, &bytes, err));
    assert_int_equal(bytes, 2032);
    assert_error(sy_fr32_padded_bytes(128, &bytes, err), SY_E_RANGE);
    assert_error(sy_fr32_padded_bytes(UINT64_MAX / 127 * 127, &bytes, err), SY_E_RANGE);
    assert_error(sy_fr32_raw_bytes(127, &bytes, err), SY_E_RANGE);
    assert_int_equal(bytes, 2032);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(reference_payloads),
        cmocka_unit_test(every_length_agrees_with_the_definition),
        cmocka_unit_test(unpadding_is_the_inverse),
        cmocka_unit_test(every_range_is_cut_out),
        cmocka_unit_test(sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
