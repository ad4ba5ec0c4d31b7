/* PoSt and update against what others published or computed: hard-coded challenges, a real 32 GiB
 * window proof, an 8 MiB update (where factors span many nodes, h = 10).
 *
 *   test_post_update          all but the 8 MiB sector
 *   test_post_update 8MiB     that sector, sealed by the real stages
 */
#include "tests/unit/stage_harness.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "tasks/hash/sha256.h"
#include "tasks/vanilla/post.h"
#include "tasks/vanilla/update.h"

#define HARD_CODED 5
#define LONG_PATH (2 * STAGE_PATH_BYTES)

static void expect_ok(int rc, const struct sy_error *err)
{
    if (rc != 0)
        fail_msg("%s", err->text);
}

static void check_bytes(const uint8_t *value, const json_t *object, const char *key)
{
    char text[SY_HEX_TEXT_BYTES(32)];
    assert_string_equal(sy_hex_encode(value, 32, text), kat_text(object, key));
}

static void update_challenges_are_the_libraries(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_snapdeals.json"), *entry;
    const json_t *hard = kat_get(root, "challenges_hardcoded");
    uint8_t comm_r_new[32];
    unsigned checked = 0;
    size_t i;
    kat_hash(hard, "comm_r_new_le", comm_r_new);
    json_array_foreach(kat_get(hard, "cases"), i, entry)
    {
        struct sy_update_shape shape;
        struct sy_error err = {0};
        uint64_t nodes[SY_UPDATE_CHALLENGES_MAX];
        /* 1 and 8 KiB exist only in the library's tests. */
        if (sy_update_shape_init(&shape, kat_u64(entry, "nodes") * 32, NULL) != 0)
            continue;
        expect_ok(
            sy_update_challenges(&shape, comm_r_new, (unsigned)kat_u64(entry, "k"), nodes, &err),
            &err);
        for (size_t c = 0; c < HARD_CODED; c++)
            assert_int_equal(nodes[c],
                             json_integer_value(json_array_get(kat_get(entry, "first5"), c)));
        checked++;
    }
    assert_true(checked >= 20);
    json_decref(root);
}

static void the_random_function_is_right(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_snapdeals.json");
    uint8_t one[32] = {1}, two[32] = {2}, bytes[32];
    struct sy_fr phi;
    struct sy_error err = {0};
    expect_ok(sy_update_phi(one, two, &phi, &err), &err);
    sy_fr_to_bytes(bytes, &phi);
    check_bytes(bytes, kat_get(root, "prf"), "phi_of_(1,2)_le");
    one[31] = 0xff;
    assert_int_equal(sy_update_phi(one, two, &phi, &err), -SY_E_CORRUPT);
    assert_int_equal(sy_update_phi(two, one, &phi, &err), -SY_E_CORRUPT);
    json_decref(root);
}

static void check_leaves(const struct sy_post_query *query, const json_t *expected)
{
    for (uint32_t m = 0; m < query->count; m++)
        assert_int_equal(query->leaves[m], json_integer_value(json_array_get(expected, m)));
}

static void post_challenges_are_right(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_post_vectors.json");
    const json_t *leaf = kat_get(root, "leaf_32GiB");
    const json_t *second = kat_get(root, "v1_0_window_second_sector");
    const json_t *winning = kat_get(root, "winning_sector_challenge");
    struct sy_post_query query;
    uint8_t randomness[32], prover_id[32];
    kat_hash(root, "randomness", randomness);
    assert_int_equal(sy_post_challenges(SY_POST_WINDOW, SY_API_1_2_0, randomness,
                                        kat_u64(leaf, "sector_id"), 0, kat_u64(leaf, "nodes"),
                                        &query, NULL),
                     0);
    check_leaves(&query, kat_get(leaf, "challenges_index_0_9"));
    assert_int_equal(sy_post_challenges(SY_POST_WINDOW, SY_API_1_0_0, randomness,
                                        kat_u64(second, "sector_id"), 1, kat_u64(second, "nodes"),
                                        &query, NULL),
                     0);
    check_leaves(&query, kat_get(second, "challenges"));
    kat_hash(winning, "prover_id", prover_id);
    kat_hash(winning, "randomness", randomness);
    for (uint64_t n = 0; n < 5; n++)
        assert_int_equal(
            sy_post_winning_sector(prover_id, randomness, n, kat_u64(winning, "sector_set_len")),
            json_integer_value(json_array_get(kat_get(winning, "indexes_n0_4"), n)));
    json_decref(root);
}

/* ------------------------------------------------------------------------- a real 32 GiB proof */

struct reader {
    const uint8_t *at, *end;
};

static const uint8_t *take(struct reader *r, size_t bytes)
{
    const uint8_t *at = r->at;
    assert_true((size_t)(r->end - r->at) >= bytes);
    r->at += bytes;
    return at;
}

static uint64_t take_u64(struct reader *r)
{
    const uint8_t *bytes = take(r, 8);
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

static void take_path(struct reader *r, struct sy_tree_proof *proof, unsigned first, unsigned count)
{
    assert_int_equal(take_u64(r), count);
    for (unsigned level = first; level < first + count; level++) {
        unsigned siblings = sy_tree_proof_arity(proof, level) - 1;
        assert_int_equal(take_u64(r), siblings);
        memcpy(proof->siblings[sy_tree_proof_first_sibling(proof, level)],
               take(r, (size_t)siblings * 32), (size_t)siblings * 32);
        proof->index[level] = (uint32_t)take_u64(r);
    }
}

/* The Sub form of a 32 GiB sector: nine levels of arity 8 and a sub level. */
static void take_tree_proof(struct reader *r, struct sy_tree_proof *proof)
{
    *proof = (struct sy_tree_proof){
        .hash = SY_TREE_POSEIDON, .base_arity = 8, .base_levels = 9, .sub_arity = 8};
    static const uint8_t sub[4] = {1};
    assert_memory_equal(take(r, 4), sub, 4);
    take_path(r, proof, 0, 9);
    take_path(r, proof, 9, 1);
    memcpy(proof->root, take(r, 32), 32);
    memcpy(proof->leaf, take(r, 32), 32);
}

static void a_real_window_proof_verifies(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_post_vectors.json");
    const json_t *entry = kat_get(root, "curio_32GiB_window_vproof");
    const char *text = kat_text(entry, "base64");
    size_t bytes = kat_u64(entry, "len"), got;
    uint8_t *data = malloc(bytes), randomness[32];
    static struct sy_tree_proof paths[SY_POST_WINDOW_CHALLENGES];
    struct sy_post_sector sector = {.paths = paths};
    struct sy_post_query query;
    struct sy_porep_params params;
    struct sy_bincode again = {0};
    struct sy_error err = {0};
    assert_non_null(data);
    assert_int_equal(sy_base64_decode(text, strlen(text), data, bytes, &got, NULL), 0);
    struct reader r = {data, data + got};
    kat_hash(entry, "randomness", randomness);
    expect_ok(sy_porep_params_init(&params, 8, &err), &err);
    expect_ok(sy_post_challenges(SY_POST_WINDOW, SY_API_1_1_0, randomness, take_u64(&r), 0,
                                 params.nodes, &query, &err),
              &err);
    memcpy(sector.comm_r, take(&r, 32), 32);
    assert_int_equal(take_u64(&r), 1);
    assert_int_equal(take_u64(&r), SY_POST_WINDOW_CHALLENGES);
    for (unsigned m = 0; m < SY_POST_WINDOW_CHALLENGES; m++)
        take_tree_proof(&r, &paths[m]);
    memcpy(sector.comm_c, take(&r, 32), 32);
    memcpy(sector.comm_r_last, take(&r, 32), 32);
    assert_ptr_equal(r.at, r.end);
    expect_ok(sy_post_verify_sector(&params, &query, sector.comm_r, &sector, &err), &err);
    sy_post_encode_sector(&again, &query, &sector);
    assert_int_equal(again.bytes, got);
    assert_memory_equal(again.data, data, got);
    paths[9].siblings[60][3] ^= 1;
    assert_int_equal(sy_post_verify_sector(&params, &query, sector.comm_r, &sector, &err),
                     -SY_E_MISMATCH);
    assert_non_null(strstr(err.text, "challenge 9"));
    sy_bincode_fini(&again);
    free(data);
    json_decref(root);
}

/* ------------------------------------------------------------------------------------------ 8 MiB
 */

/* Concatenated SHA-256 of the u64le 0, 1, 2, .. */
static void write_pattern(const char *path, uint64_t bytes)
{
    uint8_t *data = malloc(bytes + 32), counter[8];
    assert_non_null(data);
    for (uint64_t i = 0; i * 32 < bytes; i++) {
        for (unsigned k = 0; k < 8; k++)
            counter[k] = (uint8_t)(i >> (8 * k));
        sy_sha256(counter, sizeof counter, data + i * 32);
    }
    stage_write(path, data, bytes);
    free(data);
}

static char cache[LONG_PATH], sealed[LONG_PATH], unsealed[LONG_PATH], staged[LONG_PATH];
static char new_cache[LONG_PATH], update[LONG_PATH], back[LONG_PATH], piece[LONG_PATH];

static void seal_zeros(json_t *spec, const json_t *expected)
{
    json_t *ap = stage_run("ap", stage_with(spec, json_pack("{s:[]}", "pieces")), 0);
    json_t *pieces = json_pack("{s:O}", "pieces", kat_get(ap, "pieces"));
    json_decref(stage_run("pc1", stage_with(spec, json_deep_copy(pieces)), 0));
    json_t *pc2 = stage_run("pc2", stage_with(spec, json_deep_copy(pieces)), 0);
    assert_string_equal(kat_text(pc2, "comm_r"), kat_text(expected, "comm_r_old"));
    json_decref(pc2);
    json_decref(pieces);
    json_decref(ap);
}

static void check_update(const struct sy_porep_params *params, const struct sy_update_paths *paths,
                         const json_t *expected)
{
    struct sy_update_commitments made;
    struct sy_update_shape shape;
    struct sy_error err = {0};
    struct sy_fr phi, rho;
    uint8_t bytes[32];
    uint64_t length, nodes[SY_UPDATE_CHALLENGES_MAX];
    expect_ok(sy_update_encode(params, paths, 0, &made, &err), &err);
    check_bytes(made.comm_d_new, expected, "comm_d_new");
    check_bytes(made.comm_r_last_new, expected, "comm_r_last_new");
    check_bytes(made.comm_r_new, expected, "comm_r_new");
    assert_string_equal(stage_sha256(update, &length), kat_text(expected, "new_replica_sha256"));
    expect_ok(sy_update_phi(made.comm_d_new, made.comm_r_old, &phi, &err), &err);
    sy_update_rho(&phi, 1023, &rho);
    sy_fr_to_bytes(bytes, &rho);
    check_bytes(bytes, expected, "rho_1023_le");
    expect_ok(sy_update_shape_init(&shape, params->sector_bytes, &err), &err);
    assert_int_equal(sy_update_h(&shape), kat_u64(expected, "h"));
    assert_int_equal(sy_update_h_select(&shape), 8);
    for (unsigned k = 0; k < shape.partitions; k++) {
        struct sy_update_witness witness;
        const json_t *list = json_array_get(kat_get(expected, "challenges"), k);
        expect_ok(sy_update_challenges(&shape, made.comm_r_new, k, nodes, &err), &err);
        for (unsigned c = 0; c < shape.challenges; c++)
            assert_int_equal(nodes[c], json_integer_value(json_array_get(list, c)));
        expect_ok(sy_update_prove(params, paths, &made, k, &witness, &err), &err);
        expect_ok(sy_update_verify(params, &witness, &err), &err);
        sy_update_witness_fini(&witness);
    }
    expect_ok(
        sy_update_decode(params, sealed, update, made.comm_d_new, made.comm_r_old, back, 0, &err),
        &err);
    const char *again = stage_sha256(back, &length);
    char held[SY_HEX_TEXT_BYTES(32)];
    snprintf(held, sizeof held, "%s", again);
    assert_string_equal(stage_sha256(staged, &length), held);
}

static void an_update_of_8_mib_is_right(void **state)
{
    (void)state;
    json_t *root = kat_load("sealing_snapdeals.json");
    const json_t *expected = kat_get(root, "encode_8MiB");
    struct sy_porep_params params;
    struct sy_error err = {0};
    const struct sy_update_paths paths = {cache, sealed, staged, new_cache, update};
    expect_ok(sy_porep_params_init(&params, 6, &err), &err);
    snprintf(cache, sizeof cache, "%s/cache", stage_directory());
    snprintf(sealed, sizeof sealed, "%s/sealed", stage_directory());
    snprintf(unsealed, sizeof unsealed, "%s/unsealed", stage_directory());
    snprintf(staged, sizeof staged, "%s/staged", stage_directory());
    snprintf(new_cache, sizeof new_cache, "%s/new-cache", stage_directory());
    snprintf(update, sizeof update, "%s/update", stage_directory());
    snprintf(back, sizeof back, "%s/back", stage_directory());
    snprintf(piece, sizeof piece, "%s/piece", stage_directory());
    assert_int_equal(mkdir(new_cache, 0700), 0);
    json_t *spec = json_pack(
        "{s:i,s:i,s:i,s:s,s:s,s:s,s:s,s:s}", "proof_type", 6, "miner", 1000, "number", 1, "ticket",
        "0000000000000000000000000000000000000000000000000000000000000000", "cache", cache,
        "sealed", sealed, "unsealed", unsealed, "parent_cache", stage_path("parents"));
    seal_zeros(spec, expected);
    write_pattern(piece, params.unpadded_bytes);
    json_decref(stage_run(
        "ap",
        stage_with(spec, json_pack("{s:s,s:[{s:s,s:I,s:I}]}", "unsealed", staged, "pieces", "path",
                                   piece, "raw_bytes", (json_int_t)params.unpadded_bytes,
                                   "padded_bytes", (json_int_t)params.sector_bytes)),
        0));
    check_update(&params, &paths, expected);
    json_decref(spec);
    json_decref(root);
}

static int cleanup(void **state)
{
    (void)state;
    stage_cleanup();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_challenges_are_the_libraries),
        cmocka_unit_test(the_random_function_is_right),
        cmocka_unit_test(post_challenges_are_right),
        cmocka_unit_test(a_real_window_proof_verifies),
    };
    const struct CMUnitTest large[] = {cmocka_unit_test(an_update_of_8_mib_is_right)};
    if (argc > 1 && strcmp(argv[1], "8MiB") == 0)
        return cmocka_run_group_tests(large, NULL, cleanup);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
