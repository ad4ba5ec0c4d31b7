/* Addresses, CIDs, bitfields, randomness, big integers against the known answers, bad forms
 * included. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/fil/address.h"
#include "common/fil/bigint.h"
#include "common/fil/cid.h"
#include "common/fil/randomness.h"
#include "common/fil/rleplus.h"
#include "common/hex.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define RANGES_MAX 64

static json_t *load(const char *name)
{
    char path[1024];
    json_error_t error;
    json_t *json;
    snprintf(path, sizeof(path), "%s/%s", SY_KAT_DIR, name);
    json = json_load_file(path, 0, &error);
    if (!json)
        fail_msg("%s: %s", path, error.text);
    return json;
}

static const char *get_text(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    assert_non_null(text);
    return text;
}

static size_t get_hex(const char *hex, uint8_t *ret, size_t capacity)
{
    size_t bytes = strlen(hex) / 2;
    assert_true(bytes <= capacity);
    assert_int_equal(sy_hex_decode(hex, ret, bytes, NULL), 0);
    return bytes;
}

static void addresses_have_their_known_forms(void **state)
{
    json_t *root = load("chain_address.json"), *item;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(root, "valid"), index, item)
    {
        const char *mainnet = get_text(item, "mainnet"), *testnet = get_text(item, "testnet");
        struct sy_fil_address address, again;
        uint8_t raw[128], key[65];
        char text[SY_FIL_ADDRESS_TEXT_BYTES];
        uint64_t id;
        size_t bytes = get_hex(get_text(item, "bytes"), raw, sizeof(raw));
        assert_int_equal(sy_fil_address_from(raw, bytes, &address, NULL), 0);
        assert_string_equal(sy_fil_address_print(&address, 'f', text), mainnet);
        assert_string_equal(sy_fil_address_print(&address, 't', text), testnet);
        assert_int_equal(sy_fil_address_parse(mainnet, &again, NULL), 0);
        assert_true(sy_fil_address_equal(&address, &again));
        assert_int_equal(sy_fil_address_parse(testnet, &again, NULL), 0);
        assert_true(sy_fil_address_equal(&address, &again));
        if (json_object_get(item, "actor_id")) {
            id = strtoull(get_text(item, "actor_id"), NULL, 10);
            sy_fil_address_id(id, &again);
            assert_true(sy_fil_address_equal(&address, &again));
        }
        if (json_object_get(item, "pubkey_uncompressed")) {
            get_hex(get_text(item, "pubkey_uncompressed"), key, sizeof(key));
            sy_fil_address_secp(key, &again);
            assert_true(sy_fil_address_equal(&address, &again));
        }
    }
    assert_true(index >= 30);
    json_decref(root);
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const more[] = {
        "", "f", "f0", "f00x", "f001", "f09223372036854775808", "f4", "f410", "f3", "<empty>"};
    json_t *root = load("chain_address.json"), *item;
    struct sy_fil_address address;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(root, "invalid_string"), index, item)
    {
        const char *text = json_string_value(json_array_get(item, 0));
        if (sy_fil_address_parse(text, &address, NULL) != -SY_E_PARSE)
            fail_msg("%s was taken: %s", text, json_string_value(json_array_get(item, 1)));
    }
    assert_true(index >= 12);
    json_array_foreach(json_object_get(root, "invalid_bytes"), index, item)
    {
        uint8_t raw[128];
        const char *hex = json_string_value(json_array_get(item, 0));
        size_t bytes = get_hex(hex, raw, sizeof(raw));
        if (sy_fil_address_from(raw, bytes, &address, NULL) != -SY_E_PARSE)
            fail_msg("%s was taken: %s", hex, json_string_value(json_array_get(item, 1)));
    }
    assert_true(index >= 10);
    for (size_t i = 0; i < SY_ARRAY_SIZE(more); i++)
        assert_int_equal(sy_fil_address_parse(more[i], &address, NULL), -SY_E_PARSE);
    json_decref(root);
}

static void undefined_address_prints_as_empty(void **state)
{
    struct sy_fil_address none = {0};
    char text[SY_FIL_ADDRESS_TEXT_BYTES];
    (void)state;
    assert_string_equal(sy_fil_address_print(&none, 'f', text), "<empty>");
}

static void commitments_have_their_known_cids(void **state)
{
    json_t *root = load("chain_commitments.json"), *item;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(root, "zero"), index, item)
    {
        uint8_t comm[32], back[32];
        struct sy_fil_cid cid, parsed;
        char text[SY_FIL_CID_TEXT_BYTES];
        get_hex(get_text(item, "commitment"), comm, 32);
        sy_fil_cid_unsealed(comm, &cid);
        assert_string_equal(sy_fil_cid_print(&cid, text), get_text(item, "cid"));
        assert_int_equal(sy_fil_cid_parse(text, &parsed, NULL), 0);
        assert_true(sy_fil_cid_equal(&cid, &parsed));
        assert_int_equal(sy_fil_cid_unsealed_get(&parsed, back, NULL), 0);
        assert_memory_equal(comm, back, 32);
        assert_int_equal(sy_fil_cid_sealed_get(&parsed, back, NULL), -SY_E_PARSE);
    }
    assert_true(index >= 30);
    json_decref(root);
}

static void bad_cids_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "b",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG",
        "bafy2bzace",
        "baga6ea4seaqdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmz",
        "Baga6ea4seaqdomn3tgwgrh3g532zopskstnbrd2n3sxfqbze7rxt7vqn7veigmy"};
    static const uint8_t long_varint[] = {0x81, 0x00, 0x71, 0x00, 0x00};
    static const uint8_t version0[] = {0x00, 0x71, 0x00, 0x00};
    struct sy_fil_cid cid;
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        if (sy_fil_cid_parse(bad[i], &cid, NULL) >= 0)
            fail_msg("%s was taken", bad[i]);
    }
    assert_int_equal(sy_fil_cid_from(long_varint, sizeof(long_varint), &cid, NULL), -SY_E_PARSE);
    assert_int_equal(sy_fil_cid_from(version0, sizeof(version0), &cid, NULL), -SY_E_PARSE);
}

static void check_ranges(const json_t *item, const struct sy_rle_range *ranges, size_t count)
{
    const json_t *expected = json_object_get(item, "ranges");
    assert_int_equal(json_array_size(expected), count);
    for (size_t i = 0; i < count; i++) {
        const json_t *range = json_array_get(expected, i);
        uint64_t from = (uint64_t)json_integer_value(json_array_get(range, 0));
        uint64_t to = (uint64_t)json_integer_value(json_array_get(range, 1));
        assert_int_equal(ranges[i].start, from);
        assert_int_equal(ranges[i].start + ranges[i].count, to);
        assert_true(sy_rle_contains(ranges, count, from));
        assert_true(sy_rle_contains(ranges, count, to - 1));
        assert_false(sy_rle_contains(ranges, count, to));
    }
}

static void bitfields_have_their_known_encodings(void **state)
{
    json_t *root = load("chain_rleplus.json"), *item;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(root, "valid"), index, item)
    {
        struct sy_rle_range ranges[RANGES_MAX], again[RANGES_MAX];
        uint8_t raw[256], back[256];
        size_t count, again_count, back_bytes;
        size_t bytes = get_hex(get_text(item, "encoded"), raw, sizeof(raw));
        json_t *json;
        assert_int_equal(sy_rle_decode(raw, bytes, ranges, RANGES_MAX, &count, NULL), 0);
        check_ranges(item, ranges, count);
        assert_int_equal(sy_rle_encode(ranges, count, back, sizeof(back), &back_bytes, NULL), 0);
        assert_int_equal(bytes, back_bytes);
        assert_memory_equal(raw, back, bytes);
        json = sy_rle_to_json(ranges, count);
        assert_true(json_equal(json, json_object_get(item, "json")));
        assert_int_equal(sy_rle_from_json(json, again, RANGES_MAX, &again_count, NULL), 0);
        assert_int_equal(count, again_count);
        assert_memory_equal(ranges, again, count * sizeof(*ranges));
        json_decref(json);
    }
    assert_true(index >= 21);
    json_array_foreach(json_object_get(root, "from_chain"), index, item)
    {
        struct sy_rle_range ranges[RANGES_MAX];
        uint8_t raw[256];
        size_t count, total = 0, bytes = get_hex(get_text(item, "encoded"), raw, sizeof(raw));
        assert_int_equal(sy_rle_decode(raw, bytes, ranges, RANGES_MAX, &count, NULL), 0);
        for (size_t i = 0; i < count; i++)
            total += ranges[i].count;
        assert_int_equal(total, json_integer_value(json_object_get(item, "count")));
    }
    json_decref(root);
}

static void bad_bitfields_are_refused(void **state)
{
    json_t *root = load("chain_rleplus.json"), *item;
    struct sy_rle_range ranges[RANGES_MAX];
    size_t index, count;
    uint8_t raw[256], small[1];
    static const struct sy_rle_range wide[] = {{100, 3}, {5000, 2}};
    (void)state;
    json_array_foreach(json_object_get(root, "invalid"), index, item)
    {
        const char *hex = json_string_value(json_array_get(item, 0));
        size_t bytes = get_hex(hex, raw, sizeof(raw));
        if (sy_rle_decode(raw, bytes, ranges, RANGES_MAX, &count, NULL) != -SY_E_PARSE)
            fail_msg("%s was taken: %s", hex, json_string_value(json_array_get(item, 1)));
    }
    assert_true(index >= 10);
    assert_int_equal(sy_rle_decode("\x7c\x47\x22\x02", 4, ranges, 2, &count, NULL), -SY_E_LIMIT);
    assert_int_equal(sy_rle_encode(wide, 2, small, sizeof(small), &count, NULL), -SY_E_LIMIT);
    json_decref(root);
}

static void every_short_bitfield_has_one_form(void **state)
{
    size_t taken = 0;
    (void)state;
    for (uint32_t value = 0; value < 1u << 16; value++) {
        uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)}, back[64];
        struct sy_rle_range ranges[RANGES_MAX];
        size_t count, back_bytes;
        if (sy_rle_decode(bytes, 2, ranges, RANGES_MAX, &count, NULL) < 0)
            continue;
        taken++;
        assert_int_equal(sy_rle_encode(ranges, count, back, sizeof(back), &back_bytes, NULL), 0);
        assert_int_equal(back_bytes, 2);
        assert_memory_equal(bytes, back, 2);
    }
    assert_true(taken > 100);
}

static void randomness_is_drawn_as_known(void **state)
{
    json_t *root = load("chain_randomness.json"), *item;
    size_t index;
    (void)state;
    json_array_foreach(json_object_get(root, "vectors"), index, item)
    {
        uint8_t base[64], digest[32], entropy[64], expected[32], drawn[32];
        int64_t tag = json_integer_value(json_object_get(item, "tag"));
        int64_t epoch = json_integer_value(json_object_get(item, "epoch"));
        size_t entropy_bytes = get_hex(get_text(item, "entropy"), entropy, sizeof(entropy));
        get_hex(get_text(item, "digest"), digest, 32);
        get_hex(get_text(item, "randomness"), expected, 32);
        sy_fil_draw_digest(digest, tag, epoch, entropy, entropy_bytes, drawn);
        assert_memory_equal(drawn, expected, 32);
        if (json_object_get(item, "base")) {
            size_t bytes = get_hex(get_text(item, "base"), base, sizeof(base));
            sy_fil_draw(base, bytes, tag, epoch, entropy, entropy_bytes, drawn);
            assert_memory_equal(drawn, expected, 32);
        }
    }
    assert_true(index >= 11);
    json_decref(root);
}

static void entropy_of_a_miner_is_its_address_in_cbor(void **state)
{
    uint8_t out[SY_FIL_ENTROPY_BYTES];
    (void)state;
    assert_int_equal(sy_fil_miner_entropy(1000, out), 4);
    assert_memory_equal(out, "\x43\x00\xe8\x07", 4);
}

static void big_integers_calculate(void **state)
{
    struct sy_bigint a, b, c;
    char text[SY_BIGINT_TEXT_BYTES];
    (void)state;
    assert_int_equal(sy_bigint_parse("340282366920938463463374607431768211455", &a, NULL), 0);
    b = sy_bigint_from(1);
    assert_true(sy_bigint_add(&c, &a, &b));
    assert_string_equal(sy_bigint_print(&c, text), "340282366920938463463374607431768211456");
    assert_true(sy_bigint_sub(&c, &b, &a));
    assert_string_equal(sy_bigint_print(&c, text), "-340282366920938463463374607431768211454");
    assert_true(sy_bigint_mul(&c, &a, &a));
    assert_string_equal(
        sy_bigint_print(&c, text),
        "115792089237316195423570985008687907852589419931798687112530834793049593217025");
    assert_true(sy_bigint_div(&c, &c, &a));
    assert_int_equal(sy_bigint_compare(&c, &a), 0);
    assert_true(sy_bigint_mul(&c, &a, &a));
    assert_false(sy_bigint_mul(&c, &c, &a));
    b = sy_bigint_from(0);
    assert_false(sy_bigint_div(&c, &a, &b));
    assert_int_equal(sy_bigint_parse("-7", &a, NULL), 0);
    b = sy_bigint_from(2);
    assert_true(sy_bigint_div(&c, &a, &b));
    assert_string_equal(sy_bigint_print(&c, text), "-3");
    assert_int_equal(sy_bigint_compare(&a, &b), -1);
}

static void bad_big_integers_are_refused(void **state)
{
    static const char *const bad[] = {"", "-", "-0", "01", "1e3", " 1", "1 ", "+1", "0x10"};
    struct sy_bigint value;
    struct sy_cbor_reader reader;
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_int_equal(sy_bigint_parse(bad[i], &value, NULL), -SY_E_PARSE);
    assert_int_equal(sy_bigint_parse("1157920892373161954235709850086879078532699846656405640394575"
                                     "84007913129639936",
                                     &value, NULL),
                     -SY_E_RANGE);
    sy_cbor_reader_init(&reader, "\x42\x00\x00", 3, "t"); /* leading zero */
    assert_int_equal(sy_bigint_get(&reader, &value, NULL), -SY_E_PARSE);
    sy_cbor_reader_init(&reader, "\x42\x02\x01", 3, "t"); /* sign 2 */
    assert_int_equal(sy_bigint_get(&reader, &value, NULL), -SY_E_PARSE);
    sy_cbor_reader_init(&reader, "\x41\x00", 2, "t"); /* sign without magnitude */
    assert_int_equal(sy_bigint_get(&reader, &value, NULL), -SY_E_PARSE);
}

static void ten_to_eighteen_has_its_known_bytes(void **state)
{
    uint8_t buffer[64];
    struct sy_cbor_writer writer;
    struct sy_cbor_reader reader;
    struct sy_bigint value, back;
    (void)state;
    assert_int_equal(sy_bigint_parse("1000000000000000000", &value, NULL), 0);
    sy_cbor_writer_init(&writer, buffer, sizeof(buffer));
    sy_bigint_put(&writer, &value);
    assert_int_equal(writer.bytes, 10);
    assert_memory_equal(buffer, "\x49\x00\x0d\xe0\xb6\xb3\xa7\x64\x00\x00", 10);
    sy_cbor_reader_init(&reader, buffer, writer.bytes, "t");
    assert_int_equal(sy_bigint_get(&reader, &back, NULL), 0);
    assert_int_equal(sy_bigint_compare(&value, &back), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_their_known_forms),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(undefined_address_prints_as_empty),
        cmocka_unit_test(commitments_have_their_known_cids),
        cmocka_unit_test(bad_cids_are_refused),
        cmocka_unit_test(bitfields_have_their_known_encodings),
        cmocka_unit_test(bad_bitfields_are_refused),
        cmocka_unit_test(every_short_bitfield_has_one_form),
        cmocka_unit_test(randomness_is_drawn_as_known),
        cmocka_unit_test(entropy_of_a_miner_is_its_address_in_cbor),
        cmocka_unit_test(big_integers_calculate),
        cmocka_unit_test(bad_big_integers_are_refused),
        cmocka_unit_test(ten_to_eighteen_has_its_known_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
