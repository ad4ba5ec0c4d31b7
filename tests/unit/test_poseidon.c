/* Poseidon against the reference's vectors, its constants, and its own plain definition. */
#include "tests/unit/kernels_kat.h"
#include "tasks/hash/poseidon.h"
#include "tasks/hash/poseidon_ops.h"
#include "tasks/hash/sha256.h"

#include <stdlib.h>

static const unsigned arities[] = {2, 4, 8, 11};
static const char *const kernels[] = {"portable", "adx", "ifma"};

static void parse_decimal(const char *text, struct sy_fr *ret)
{
    struct sy_fr ten, digit;
    sy_fr_from_u64(&ten, 10);
    *ret = sy_fr_zero;
    for (; *text != '\0'; text++) {
        assert_in_range(*text, '0', '9');
        sy_fr_from_u64(&digit, (uint64_t)(*text - '0'));
        sy_fr_mul(ret, ret, &ten);
        sy_fr_add(ret, ret, &digit);
    }
}

/* A tag is a JSON integer or, beyond 64 bits, a decimal text. */
static void get_tag(json_t *value, struct sy_fr *ret)
{
    if (json_is_integer(value))
        sy_fr_from_u64(ret, (uint64_t)json_integer_value(value));
    else
        parse_decimal(json_string_value(value), ret);
}

static void check_hash(unsigned arity, const struct sy_fr *tag, const struct sy_fr *in,
                       json_t *expected)
{
    uint8_t got[32], want[32];
    struct sy_fr out;
    get_hex(expected, want, 32);
    sy_poseidon_hash_tag(arity, tag, in, &out);
    sy_fr_to_bytes(got, &out);
    assert_memory_equal(got, want, 32);
    sy_poseidon_hash_plain(arity, tag, in, &out);
    sy_fr_to_bytes(got, &out);
    assert_memory_equal(got, want, 32);
}

/* Cases {arity, inputs: [integers], tag, out_le}; returns how many had an arity of ours. */
static size_t check_integer_cases(json_t *cases)
{
    size_t checked = 0, i;
    json_t *item, *number;
    json_array_foreach(cases, i, item)
    {
        struct sy_fr in[SY_POSEIDON_ARITY_MAX], tag;
        unsigned arity = (unsigned)json_integer_value(get_key(item, "arity"));
        size_t j, count = json_array_size(get_key(item, "inputs"));
        if (!sy_poseidon_arity_ok(arity) || count > arity)
            continue; /* more inputs than the arity are a sponge, which sealing does not use */
        for (j = 0; j < SY_ARRAY_SIZE(in); j++)
            in[j] = sy_fr_zero;
        json_array_foreach(get_key(item, "inputs"), j, number)
            sy_fr_from_u64(&in[j], (uint64_t)json_integer_value(number));
        get_tag(get_key(item, "tag"), &tag);
        check_hash(arity, &tag, in, get_key(item, "out_le"));
        checked++;
    }
    return checked;
}

static void published_hashes_hold(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("sealing_poseidon_kat.json");
    struct sy_fr in[SY_POSEIDON_ARITY_MAX], tag;
    assert_true(check_integer_cases(get_key(kat, "merkle_tree")) >= 4);
    assert_true(check_integer_cases(get_key(kat, "constant_length_4")) >= 3);
    json_t *curio = get_key(kat, "arity8_curio");
    for (size_t i = 0; i < 8; i++) {
        uint8_t bytes[32];
        get_hex(json_array_get(get_key(curio, "inputs_le"), i), bytes, 32);
        assert_int_equal(sy_fr_from_bytes(&in[i], bytes, NULL), 0);
    }
    sy_fr_from_u64(&tag, sy_poseidon_tag_merkle(8));
    check_hash(8, &tag, in, get_key(curio, "out_le"));
    json_t *custom = get_key(kat, "custom1_arity2");
    for (size_t i = 0; i < 2; i++)
        sy_fr_from_u64(&in[i],
                       (uint64_t)json_integer_value(json_array_get(get_key(custom, "inputs"), i)));
    struct sy_fr named;
    get_tag(get_key(custom, "tag"), &named);
    sy_fr_from_u64(&tag, sy_poseidon_tag_custom(1));
    assert_true(sy_fr_equal(&tag, &named));
    check_hash(2, &tag, in, get_key(custom, "out_le"));
    json_decref(kat);
}

static void check_reference_arity(json_t *kat, const char *key, unsigned arity, uint64_t tag_value)
{
    json_t *cases = get_key(get_key(kat, key), "cases"), *item;
    struct sy_fr in[SY_POSEIDON_ARITY_MAX], tag;
    size_t i;
    sy_fr_from_u64(&tag, tag_value);
    assert_true(json_array_size(cases) >= 30);
    json_array_foreach(cases, i, item)
    {
        uint8_t nodes[SY_POSEIDON_ARITY_MAX * 32], want[32], got[32];
        for (unsigned j = 0; j < arity; j++) {
            get_hex(json_array_get(get_key(item, "in"), j), nodes + 32 * j, 32);
            assert_int_equal(sy_fr_from_bytes(&in[j], nodes + 32 * j, NULL), 0);
        }
        check_hash(arity, &tag, in, get_key(item, "out"));
        if (tag_value != sy_poseidon_tag_merkle(arity))
            continue;
        get_hex(get_key(item, "out"), want, 32);
        assert_int_equal(sy_poseidon_node(arity, nodes, got, NULL), 0);
        assert_memory_equal(got, want, 32);
    }
}

static void reference_hashes_hold_in_every_kernel(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("reference/poseidon.json");
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        if (sy_poseidon_force(kernels[k], NULL) != 0)
            continue;
        check_reference_arity(kat, "arity_2", 2, 3);
        check_reference_arity(kat, "arity_4", 4, 15);
        check_reference_arity(kat, "arity_8", 8, 255);
        check_reference_arity(kat, "arity_11", 11, 2047);
        check_reference_arity(kat, "gen_randomness_arity_2", 2, UINT64_C(1) << 40);
    }
    assert_int_equal(sy_poseidon_force(NULL, NULL), 0);
    json_decref(kat);
}

static void check_columns(json_t *cases, unsigned rows)
{
    size_t count = json_array_size(cases);
    uint8_t *layers = malloc(rows * count * 32), *out = malloc(count * 32);
    const uint8_t *pointers[SY_POSEIDON_ARITY_MAX];
    assert_non_null(layers);
    assert_non_null(out);
    for (unsigned j = 0; j < rows; j++) {
        pointers[j] = layers + j * count * 32;
        for (size_t i = 0; i < count; i++)
            get_hex(json_array_get(get_key(json_array_get(cases, i), "rows"), j),
                    layers + (j * count + i) * 32, 32);
    }
    assert_int_equal(sy_poseidon_columns(rows, pointers, out, count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        uint8_t want[32];
        get_hex(get_key(json_array_get(cases, i), "hash"), want, 32);
        assert_memory_equal(out + 32 * i, want, 32);
    }
    struct sy_error err;
    memset(layers + ((rows - 1) * count + 20) * 32, 0xff, 32);
    assert_int_equal(sy_poseidon_columns(rows, pointers, out, count, &err), -SY_E_CORRUPT);
    char place[64];
    snprintf(place, sizeof place, "column 20, layer %u", rows);
    assert_non_null(strstr(err.text, place));
    free(layers);
    free(out);
}

static void reference_columns_hold(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("reference/poseidon.json");
    struct sy_error err;
    check_columns(get_key(kat, "column_2"), 2);
    check_columns(get_key(kat, "column_11"), 11);
    assert_int_equal(sy_poseidon_columns(3, NULL, NULL, 0, &err), -SY_E_UNSUPPORTED);
    json_decref(kat);
}

/* Big-endian hex in the constants files. */
static void check_element(const struct sy_fr *got, json_t *expected)
{
    uint8_t want[32], bytes[32];
    get_hex(expected, want, 32);
    sy_fr_to_bytes(bytes, got);
    for (int i = 0; i < 32; i++)
        assert_int_equal(bytes[i], want[31 - i]);
}

static void check_elements(const struct sy_fr *got, json_t *expected)
{
    for (size_t i = 0; i < json_array_size(expected); i++)
        check_element(&got[i], json_array_get(expected, i));
}

static void constants_equal_the_published_ones(void **unused SY_UNUSED)
{
    for (size_t a = 0; a < SY_ARRAY_SIZE(arities); a++) {
        char name[64];
        snprintf(name, sizeof name, "sealing_poseidon_constants_%u.json", arities[a]);
        json_t *kat = load_kat(name);
        const struct sy_poseidon_constants *c = sy_poseidon_get_constants(arities[a]);
        unsigned rounds = SY_POSEIDON_FULL_ROUNDS + c->partial;
        assert_int_equal(json_integer_value(get_key(kat, "partial_rounds")), c->partial);
        assert_int_equal(json_array_size(get_key(kat, "round_constants")), rounds * c->t);
        check_elements(c->round, get_key(kat, "round_constants"));
        check_elements(c->mds[0], get_key(kat, "mds_row0"));
        json_t *fast = get_key(kat, "optimised");
        check_elements(c->compressed, get_key(fast, "compressed_first_16"));
        check_element(&c->compressed[SY_POSEIDON_FULL_ROUNDS * c->t + c->partial - 1],
                      get_key(fast, "compressed_last"));
        for (unsigned i = 0; i < c->t; i++)
            check_element(&c->pre[i][0], json_array_get(get_key(fast, "pre_sparse_row0"), i));
        check_elements(c->sparse_w[0], get_key(fast, "sparse0_w_hat"));
        check_elements(c->sparse_v[0], get_key(fast, "sparse0_v_rest"));
        json_decref(kat);
    }
}

static void hash_element(struct sy_sha256 *sha, const struct sy_fr *element)
{
    uint8_t bytes[32];
    sy_fr_to_bytes(bytes, element);
    sy_sha256_update(sha, bytes, 32);
}

static void check_digest(struct sy_sha256 *sha, json_t *expected)
{
    uint8_t got[32], want[32];
    sy_sha256_final(sha, got);
    get_hex(expected, want, 32);
    assert_memory_equal(got, want, 32);
}

static void whole_constant_tables_equal_the_reference(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("reference/poseidon.json");
    for (size_t a = 0; a < SY_ARRAY_SIZE(arities); a++) {
        char key[32];
        snprintf(key, sizeof key, "arity_%u", arities[a]);
        json_t *expected = get_key(get_key(kat, "constants"), key);
        const struct sy_poseidon_constants *c = sy_poseidon_get_constants(arities[a]);
        struct sy_sha256 list, mds, pre;
        sy_sha256_init(&list);
        sy_sha256_init(&mds);
        sy_sha256_init(&pre);
        for (unsigned i = 0; i < SY_POSEIDON_FULL_ROUNDS * c->t + c->partial; i++)
            hash_element(&list, &c->compressed[i]);
        for (unsigned i = 0; i < c->t; i++)
            for (unsigned j = 0; j < c->t; j++) {
                hash_element(&mds, &c->mds[i][j]);
                hash_element(&pre, &c->pre[j][i]);
            }
        check_digest(&list, get_key(expected, "compressed_round_constants_sha256"));
        check_digest(&mds, get_key(expected, "mds_sha256"));
        check_digest(&pre, get_key(expected, "pre_sparse_matrix_sha256"));
    }
    json_decref(kat);
}

/* Elements whose Montgomery limbs are extreme drive the carries of the kernels. */
static void fast_form_equals_the_definition_on_extreme_states(void **unused SY_UNUSED)
{
    struct sy_fr largest = {
        {sy_fr_modulus[0] - 1, sy_fr_modulus[1], sy_fr_modulus[2], sy_fr_modulus[3]}};
    struct sy_fr wide = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, sy_fr_modulus[3] - 1}};
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        uint64_t state = 5;
        if (sy_poseidon_force(kernels[k], NULL) != 0)
            continue;
        for (size_t a = 0; a < SY_ARRAY_SIZE(arities); a++)
            for (int round = 0; round < 60; round++) {
                struct sy_fr in[SY_POSEIDON_ARITY_MAX], fast, plain;
                for (unsigned i = 0; i < arities[a]; i++) {
                    uint64_t choice = next_random(&state) >> 62;
                    in[i] = choice == 0 ? largest : choice == 1 ? wide : sy_fr_zero;
                    if (choice == 3)
                        sy_fr_from_u64(&in[i], next_random(&state));
                }
                sy_poseidon_hash_tag(arities[a], &in[0], in, &fast);
                sy_poseidon_hash_plain(arities[a], &in[0], in, &plain);
                assert_true(sy_fr_equal(&fast, &plain));
            }
    }
    assert_int_equal(sy_poseidon_force(NULL, NULL), 0);
}

#define BATCH 37

static void batches_work_in_place_and_name_the_bad_node(void **unused SY_UNUSED)
{
    uint8_t nodes[BATCH * 8 * 32], out[BATCH * 32], one[32];
    struct sy_error err;
    uint64_t state = 6;
    fill_nodes(&state, nodes, BATCH * 8);
    assert_int_equal(sy_poseidon_nodes(8, nodes, out, BATCH, &err), 0);
    for (size_t i = 0; i < BATCH; i++) {
        assert_int_equal(sy_poseidon_node(8, nodes + 256 * i, one, &err), 0);
        assert_memory_equal(one, out + 32 * i, 32);
    }
    memset(nodes + 32 * 203, 0xff, 32);
    assert_int_equal(sy_poseidon_nodes(8, nodes, out, BATCH, &err), -SY_E_CORRUPT);
    assert_non_null(strstr(err.text, "node 203:"));
    assert_int_equal(sy_poseidon_nodes(8, nodes, out, BATCH, NULL), -SY_E_CORRUPT);
    memset(nodes + 32 * 203, 0, 32);
    assert_int_equal(sy_poseidon_nodes(8, nodes, out, BATCH, &err), 0);
    assert_int_equal(sy_poseidon_nodes(8, nodes, nodes, BATCH, &err), 0);
    assert_memory_equal(nodes, out, sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_hashes_hold),
        cmocka_unit_test(reference_hashes_hold_in_every_kernel),
        cmocka_unit_test(reference_columns_hold),
        cmocka_unit_test(constants_equal_the_published_ones),
        cmocka_unit_test(whole_constant_tables_equal_the_reference),
        cmocka_unit_test(fast_form_equals_the_definition_on_extreme_states),
        cmocka_unit_test(batches_work_in_place_and_name_the_bad_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
