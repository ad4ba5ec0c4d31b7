#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "tasks/sector/params.h"
#include "tests/unit/sdr_kat.h"

/* Sizes of files and counts as the network's software has them. */
static void shapes_of_every_size(void **state)
{
    (void)state;
    static const struct {
        uint64_t kib;
        uint32_t layers, sub, top, trees, levels, discard;
        uint64_t tree_c_bytes, r_last_bytes;
    } want[] = {
        {2, 2, 0, 0, 1, 2, 1, 2336, 32},
        {4, 2, 2, 0, 2, 2, 1, 2336, 32},
        {16, 2, 8, 0, 8, 2, 1, 2336, 32},
        {32, 2, 8, 2, 16, 2, 1, 2336, 32},
        {8192, 2, 0, 0, 1, 6, 2, 9586976, 18720},
        {16384, 2, 2, 0, 2, 6, 2, 9586976, 18720},
        {524288, 2, 0, 0, 1, 8, 2, 613566752, 1198368},
        {1048576, 2, 2, 0, 2, 8, 2, 613566752, 1198368},
        {33554432, 11, 8, 0, 8, 9, 2, 4908534048, 9586976},
        {67108864, 11, 8, 2, 16, 9, 2, 4908534048, 9586976},
    };
    static const uint8_t porep_id[32] = {1};

    for (size_t i = 0; i < SY_ARRAY_SIZE(want); i++) {
        struct sy_porep_params p;
        assert_ok(sy_porep_params_init_test(&p, want[i].kib << 10, SY_PROOF_V1_1, SY_API_1_1_0,
                                            porep_id, err));
        assert_null(p.proof);
        assert_int_equal(p.nodes, want[i].kib * 32);
        assert_int_equal(UINT64_C(1) << p.node_bits, p.nodes);
        assert_int_equal(p.layers, want[i].layers);
        assert_int_equal(p.sub_arity, want[i].sub);
        assert_int_equal(p.top_arity, want[i].top);
        assert_int_equal(p.base_trees, want[i].trees);
        assert_int_equal(p.base_levels, want[i].levels);
        assert_int_equal(p.rows_to_discard, want[i].discard);
        assert_int_equal(p.base_nodes * 32, want[i].tree_c_bytes);
        assert_int_equal(p.tree_r_last_nodes * 32, want[i].r_last_bytes);
        assert_int_equal(p.tree_d_nodes, 2 * p.nodes - 1);
        assert_int_equal(p.unpadded_bytes, (want[i].kib << 10) / 128 * 127);
    }
}

static void challenges_of_every_proof(void **state)
{
    (void)state;
    for (uint64_t id = 0; id < SY_PROOF_COUNT; id++) {
        struct sy_porep_params p;
        bool full = id % 5 >= 3;
        assert_ok(sy_porep_params_init(&p, id, err));
        assert_int_equal(p.proof->id, id);
        assert_int_equal(p.partitions, id >= 15 ? (full ? 126 : 13) : (full ? 10 : 1));
        assert_int_equal(p.challenges_per_partition, full ? 18 : 2);
        assert_int_equal(sy_porep_params_legacy(&p), id < 5);
        if (id < 10 || id >= 15)
            assert_int_equal(p.synthetic_challenges, 0);
        else
            assert_int_equal(p.synthetic_challenges, id == 10 ? 64 : 262144);
        assert_int_equal(p.porep_id[0], id);
    }
}

static void unknown_sizes_and_ids_are_refused(void **state)
{
    (void)state;
    static const uint8_t porep_id[32] = {0};
    struct sy_porep_params p = {.nodes = 5};
    assert_error(sy_porep_params_init(&p, 20, err), SY_E_RANGE);
    assert_error(sy_porep_params_init_test(&p, 8192, SY_PROOF_V1_1, SY_API_1_1_0, porep_id, err),
                 SY_E_RANGE);
    assert_error(sy_porep_params_init_test(&p, 0, SY_PROOF_V1_1, SY_API_1_1_0, porep_id, err),
                 SY_E_RANGE);
    assert_int_equal(p.nodes, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_of_every_size),
        cmocka_unit_test(challenges_of_every_proof),
        cmocka_unit_test(unknown_sizes_and_ids_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
