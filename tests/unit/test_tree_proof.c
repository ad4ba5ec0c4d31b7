/* Shapes and inclusion proofs in memory: proofs of real and reference sectors, and every way to be
 * wrong. */
#include "tests/unit/kernels_kat.h"
#include "tasks/tree/tree.h"

#include <stdio.h>
#include <stdlib.h>

#define GIB (UINT64_C(1) << 30)

static void file_sizes_are_those_of_the_network(void **unused SY_UNUSED)
{
    static const struct {
        uint64_t sector;
        unsigned sub, top;
        uint64_t c_bytes, r_bytes;
        unsigned discard;
    } known[] = {
        {2048, 0, 0, 2336, 32, 1},
        {4096, 2, 0, 2336, 32, 1},
        {16384, 8, 0, 2336, 32, 1},
        {32768, 8, 2, 2336, 32, 1},
        {8 << 20, 0, 0, 9586976, 18720, 2},
        {16 << 20, 2, 0, 9586976, 18720, 2},
        {512 << 20, 0, 0, 613566752, 1198368, 2},
        {1 << 30, 2, 0, 613566752, 1198368, 2},
        {32 * GIB, 8, 0, 4908534048, 9586976, 2},
        {64 * GIB, 8, 2, 4908534048, 9586976, 2},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(known); i++) {
        struct sy_tree_shape c, r, d;
        uint64_t nodes = known[i].sector / 32;
        assert_int_equal(sy_tree_shape_c(&c, nodes, known[i].sub, known[i].top, NULL), 0);
        assert_int_equal(sy_tree_shape_r_last(&r, nodes, known[i].sub, known[i].top, NULL), 0);
        assert_int_equal(sy_tree_shape_d(&d, nodes, NULL), 0);
        assert_int_equal(sy_tree_file_bytes(&c), known[i].c_bytes);
        assert_int_equal(sy_tree_file_bytes(&r), known[i].r_bytes);
        assert_int_equal(sy_tree_file_bytes(&d), (2 * nodes - 1) * 32);
        assert_int_equal(r.rows_to_discard, known[i].discard);
        assert_int_equal(sy_tree_leaves(&c), nodes);
        assert_int_equal(sy_tree_base_nodes(&r) * 32, known[i].c_bytes);
    }
}

static void one_level_tree_discards_nothing(void **unused SY_UNUSED)
{
    struct sy_tree_shape shape;
    assert_int_equal(sy_tree_shape_r_last(&shape, 8, 0, 0, NULL), 0);
    assert_int_equal(shape.rows_to_discard, 0);
    assert_int_equal(sy_tree_file_bytes(&shape), 32);
}

static void file_names_number_only_several_trees(void **unused SY_UNUSED)
{
    struct sy_tree_shape shape;
    struct sy_error err;
    char path[SY_PATH_BYTES];
    assert_int_equal(sy_tree_shape_c(&shape, 64, 0, 0, NULL), 0);
    assert_int_equal(sy_tree_file_path(path, &shape, "cache", "tree-c", 0, NULL), 0);
    assert_string_equal(path, "cache/sc-02-data-tree-c.dat");
    assert_int_equal(sy_tree_file_path(path, &shape, "cache", "tree-c", 1, &err), -SY_E_RANGE);
    assert_int_equal(sy_tree_shape_c(&shape, 1024, 8, 2, NULL), 0);
    assert_int_equal(sy_tree_file_path(path, &shape, "cache", "tree-c", 15, NULL), 0);
    assert_string_equal(path, "cache/sc-02-data-tree-c-15.dat");
}

static void impossible_shapes_are_refused(void **unused SY_UNUSED)
{
    static const struct sy_tree_shape bad[] = {
        {.hash = (enum sy_tree_hash)7, .base_arity = 8, .base_leaves = 64},
        {.hash = SY_TREE_POSEIDON, .base_arity = 0, .base_leaves = 64},
        {.hash = SY_TREE_POSEIDON, .base_arity = 3, .base_leaves = 81},
        {.hash = SY_TREE_POSEIDON, .base_arity = 11, .base_leaves = 121},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = 0},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = 1},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = 32},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = 65},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = UINT64_C(1) << 39},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .sub_arity = 3, .base_leaves = 64},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .top_arity = 2, .base_leaves = 64},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_leaves = 64, .rows_to_discard = 1},
        {.hash = SY_TREE_POSEIDON,
         .base_arity = 8,
         .base_leaves = 64,
         .trimmed = true,
         .rows_to_discard = 2},
        {.hash = SY_TREE_POSEIDON,
         .base_arity = 8,
         .base_leaves = UINT64_C(1) << 36,
         .trimmed = true,
         .rows_to_discard = 6},
        {.hash = SY_TREE_SHA256, .base_arity = 8, .base_leaves = 64},
        {.hash = SY_TREE_SHA256, .base_arity = 2, .sub_arity = 2, .base_leaves = 64},
    };
    struct sy_tree_shape shape;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        struct sy_error err = {0};
        assert_int_equal(sy_tree_shape_check(&bad[i], &err), -SY_E_ARG);
        assert_true(strlen(err.text) > 0);
    }
    assert_int_equal(sy_tree_shape_c(&shape, 1023, 8, 2, NULL), -SY_E_ARG);
    assert_int_equal(sy_tree_shape_c(&shape, 1024, 5, 2, NULL), -SY_E_ARG);
    assert_int_equal(sy_tree_shape_r_last(&shape, 128, 0, 0, NULL), -SY_E_ARG);
    assert_int_equal(sy_tree_shape_d(&shape, 3, NULL), -SY_E_ARG);
    assert_int_equal(sy_tree_shape_d(&shape, 1, NULL), -SY_E_ARG);
}

static void real_base_roots_join_to_the_real_comm_r_last(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("sealing_aux_files.json");
    json_t *real = get_key(kat, "comm_r_last_32GiB");
    uint8_t roots[8][32], p_aux[64], root[32];
    struct sy_tree_shape shape;
    struct sy_error err;
    for (size_t i = 0; i < 8; i++)
        get_hex(json_array_get(get_key(real, "base_tree_roots"), i), roots[i], 32);
    get_hex(get_key(real, "p_aux"), p_aux, 64);
    assert_int_equal(sy_tree_shape_r_last(&shape, GIB, 8, 0, NULL), 0);
    assert_int_equal(sy_tree_join_roots(&shape, (const uint8_t(*)[32])roots, root, NULL), 0);
    assert_memory_equal(root, p_aux + 32, 32);
    memset(roots[5], 0xff, 32);
    assert_int_equal(sy_tree_join_roots(&shape, (const uint8_t(*)[32])roots, root, &err),
                     -SY_E_CORRUPT);
    json_decref(kat);
}

/* ---- a window PoSt vanilla proof of a real 32 GiB sector, in the reference's binary form */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static void take(struct cursor *c, void *ret, size_t bytes)
{
    assert_true((size_t)(c->end - c->at) >= bytes);
    memcpy(ret, c->at, bytes);
    c->at += bytes;
}

static uint64_t take_u64(struct cursor *c)
{
    uint64_t value;
    take(c, &value, 8);
    return value;
}

static void take_path(struct cursor *c, struct sy_tree_proof *proof, unsigned first_level,
                      unsigned levels)
{
    assert_int_equal(take_u64(c), levels);
    for (unsigned level = first_level; level < first_level + levels; level++) {
        unsigned siblings = sy_tree_proof_arity(proof, level) - 1;
        assert_int_equal(take_u64(c), siblings);
        take(c, proof->siblings[sy_tree_proof_first_sibling(proof, level)], siblings * 32);
        proof->index[level] = (uint32_t)take_u64(c);
    }
}

static void take_sub_proof(struct cursor *c, struct sy_tree_proof *proof)
{
    uint32_t variant;
    memset(proof, 0, sizeof *proof);
    proof->hash = SY_TREE_POSEIDON;
    proof->base_arity = 8;
    proof->base_levels = 9;
    proof->sub_arity = 8;
    take(c, &variant, 4);
    assert_int_equal(variant, 1);
    take_path(c, proof, 0, 9);
    take_path(c, proof, 9, 1);
    take(c, proof->root, 32);
    take(c, proof->leaf, 32);
}

static void proofs_of_a_real_sector_verify(void **unused SY_UNUSED)
{
    static uint8_t bytes[24960];
    json_t *kat = load_kat("sealing_post_vectors.json");
    const char *text =
        json_string_value(get_key(get_key(kat, "curio_32GiB_window_vproof"), "base64"));
    size_t length = 0;
    struct sy_tree_shape shape;
    struct sy_tree_proof proof, first;
    assert_int_equal(sy_base64_decode(text, strlen(text), bytes, sizeof bytes, &length, NULL), 0);
    assert_int_equal(length, sizeof bytes);
    assert_int_equal(sy_tree_shape_r_last(&shape, GIB, 8, 0, NULL), 0);
    struct cursor c = {bytes + 8 + 32, bytes + length};
    assert_int_equal(take_u64(&c), 1);
    assert_int_equal(take_u64(&c), 10);
    for (int i = 0; i < 10; i++) {
        struct sy_error err = {0};
        take_sub_proof(&c, &proof);
        if (i == 0)
            first = proof;
        uint64_t leaf = sy_tree_proof_leaf_index(&proof);
        assert_true(leaf < GIB);
        if (sy_tree_proof_verify(&proof, &shape, leaf, first.root, &err) != 0)
            fail_msg("proof %d: %s", i, err.text);
    }
    uint8_t comm_r_last[32];
    c.at += 32;
    take(&c, comm_r_last, 32);
    assert_memory_equal(comm_r_last, first.root, 32);
    assert_ptr_equal(c.at, c.end);
    json_decref(kat);
}

/* ---- a 32 KiB sector of shape (8, 8, 2), in the JSON form */

static void get_node(json_t *numbers, uint8_t node[32])
{
    assert_int_equal(json_array_size(numbers), 32);
    for (size_t i = 0; i < 32; i++)
        node[i] = (uint8_t)json_integer_value(json_array_get(numbers, i));
}

static void get_path(json_t *part, struct sy_tree_proof *proof, unsigned first_level)
{
    json_t *path = get_key(part, "path"), *element;
    size_t i, j;
    json_array_foreach(path, i, element)
    {
        unsigned level = first_level + (unsigned)i;
        size_t at = sy_tree_proof_first_sibling(proof, level);
        json_t *hashes = get_key(element, "hashes");
        assert_int_equal(json_array_size(hashes), sy_tree_proof_arity(proof, level) - 1);
        for (j = 0; j < json_array_size(hashes); j++)
            get_node(json_array_get(hashes, j), proof->siblings[at + j]);
        proof->index[level] = (uint32_t)json_integer_value(get_key(element, "index"));
    }
}

static void get_top_proof(json_t *value, struct sy_tree_proof *proof)
{
    json_t *top = get_key(get_key(value, "data"), "Top");
    memset(proof, 0, sizeof *proof);
    proof->hash = SY_TREE_POSEIDON;
    proof->base_arity = 8;
    proof->base_levels = 2;
    proof->sub_arity = 8;
    proof->top_arity = 2;
    get_path(get_key(top, "base_proof"), proof, 0);
    get_path(get_key(top, "sub_proof"), proof, 2);
    get_path(get_key(top, "top_proof"), proof, 3);
    get_node(get_key(top, "root"), proof->root);
    get_node(get_key(top, "leaf"), proof->leaf);
}

static void get_single_sha_proof(json_t *value, struct sy_tree_proof *proof)
{
    json_t *single = get_key(get_key(value, "data"), "Single");
    memset(proof, 0, sizeof *proof);
    proof->hash = SY_TREE_SHA256;
    proof->base_arity = 2;
    proof->base_levels = 10;
    get_path(get_key(single, "path"), proof, 0);
    get_node(get_key(single, "root"), proof->root);
    get_node(get_key(single, "leaf"), proof->leaf);
}

static void proofs_with_a_top_level_verify(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("sealing_c1_32k_top_first_challenge.json");
    json_t *column = get_key(get_key(kat, "replica_column_proofs"), "c_x");
    uint64_t leaf = (uint64_t)json_integer_value(get_key(get_key(column, "column"), "index"));
    struct sy_tree_shape poseidon, sha;
    struct sy_tree_proof proof;
    assert_int_equal(sy_tree_shape_c(&poseidon, 1024, 8, 2, NULL), 0);
    assert_int_equal(sy_tree_shape_d(&sha, 1024, NULL), 0);
    get_top_proof(get_key(kat, "comm_r_last_proof"), &proof);
    assert_int_equal(sy_tree_proof_verify(&proof, &poseidon, leaf, proof.root, NULL), 0);
    get_top_proof(get_key(column, "inclusion_proof"), &proof);
    assert_int_equal(sy_tree_proof_verify(&proof, &poseidon, leaf, proof.root, NULL), 0);
    get_single_sha_proof(get_key(kat, "comm_d_proofs"), &proof);
    assert_int_equal(sy_tree_proof_verify(&proof, &sha, leaf, proof.root, NULL), 0);
    json_decref(kat);
}

/* ---- the same good proof, spoiled in every part */

static void expect_refusal(const struct sy_tree_proof *proof, const struct sy_tree_shape *shape,
                           uint64_t leaf, const uint8_t *root, int code)
{
    struct sy_error err = {0};
    assert_int_equal(sy_tree_proof_verify(proof, shape, leaf, root, &err), -code);
    assert_true(strlen(err.text) > 0);
}

static void spoiled_proofs_are_refused(void **unused SY_UNUSED)
{
    json_t *kat = load_kat("sealing_c1_32k_top_first_challenge.json");
    struct sy_tree_shape shape, other;
    struct sy_tree_proof good, bad;
    get_top_proof(get_key(kat, "comm_r_last_proof"), &good);
    json_decref(kat);
    uint64_t leaf = sy_tree_proof_leaf_index(&good);
    assert_int_equal(sy_tree_shape_c(&shape, 1024, 8, 2, NULL), 0);
    assert_int_equal(sy_tree_proof_verify(&good, &shape, leaf, good.root, NULL), 0);
    expect_refusal(&good, &shape, leaf + 1, good.root, SY_E_MISMATCH);
    assert_int_equal(sy_tree_shape_c(&other, 512, 8, 0, NULL), 0);
    expect_refusal(&good, &other, leaf, good.root, SY_E_MISMATCH);
    for (unsigned i = 0; i < 7 + 7 + 7 + 1; i++) {
        bad = good;
        bad.siblings[i][3] ^= 0x10;
        expect_refusal(&bad, &shape, leaf, good.root, SY_E_MISMATCH);
    }
    bad = good;
    bad.leaf[0] ^= 1;
    expect_refusal(&bad, &shape, leaf, good.root, SY_E_MISMATCH);
    bad = good;
    bad.root[31] ^= 1;
    expect_refusal(&bad, &shape, leaf, good.root, SY_E_MISMATCH);
    expect_refusal(&bad, &shape, leaf, bad.root, SY_E_MISMATCH);
    for (unsigned level = 0; level < 4; level++) {
        bad = good;
        bad.index[level] ^= 1;
        expect_refusal(&bad, &shape, leaf, good.root, SY_E_MISMATCH);
        expect_refusal(&bad, &shape, sy_tree_proof_leaf_index(&bad), good.root, SY_E_MISMATCH);
        bad.index[level] = 8;
        expect_refusal(&bad, &shape, leaf, good.root, SY_E_ARG);
    }
    bad = good;
    memset(bad.siblings[9], 0xff, 32);
    expect_refusal(&bad, &shape, leaf, good.root, SY_E_CORRUPT);
}

static void malformed_proofs_are_refused_before_any_hash(void **unused SY_UNUSED)
{
    static const struct sy_tree_proof bad[] = {
        {.hash = (enum sy_tree_hash)9, .base_arity = 8, .base_levels = 2},
        {.hash = SY_TREE_POSEIDON, .base_arity = 0, .base_levels = 2},
        {.hash = SY_TREE_POSEIDON, .base_arity = 9, .base_levels = 2},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_levels = 0},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_levels = 14},
        {.hash = SY_TREE_POSEIDON, .base_arity = 2, .base_levels = 39},
        {.hash = SY_TREE_POSEIDON, .base_arity = 2, .base_levels = UINT32_MAX},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_levels = 2, .sub_arity = 5},
        {.hash = SY_TREE_POSEIDON, .base_arity = 8, .base_levels = 2, .top_arity = 2},
        {.hash = SY_TREE_SHA256, .base_arity = 8, .base_levels = 2},
        {.hash = SY_TREE_SHA256, .base_arity = 2, .base_levels = 2, .sub_arity = 2},
    };
    uint8_t root[32];
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        struct sy_error err;
        assert_int_equal(sy_tree_proof_root(&bad[i], root, &err), -SY_E_ARG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_sizes_are_those_of_the_network),
        cmocka_unit_test(one_level_tree_discards_nothing),
        cmocka_unit_test(file_names_number_only_several_trees),
        cmocka_unit_test(impossible_shapes_are_refused),
        cmocka_unit_test(real_base_roots_join_to_the_real_comm_r_last),
        cmocka_unit_test(proofs_of_a_real_sector_verify),
        cmocka_unit_test(proofs_with_a_top_level_verify),
        cmocka_unit_test(spoiled_proofs_are_refused),
        cmocka_unit_test(malformed_proofs_are_refused_before_any_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
