/* Which nodes are challenged, against the published crates' answers for every size and variant. */
#include "tests/unit/kat.h"

#include <stdlib.h>

#include "tasks/hash/sha256.h"
#include "tasks/vanilla/challenges.h"
#include "tasks/vanilla/verify.h"

#define COUNT_MAX 32

static void check_list(const json_t *expected, const uint64_t *found, size_t count)
{
    assert_int_equal(json_array_size(expected), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(found[i], json_integer_value(json_array_get(expected, i)));
}

static void reduce_is_modulo_nodes_minus_one_plus_one(void **state)
{
    uint8_t bytes[32] = {0};
    (void)state;
    assert_int_equal(sy_challenge_reduce(bytes, 64), 1);
    bytes[0] = 62;
    assert_int_equal(sy_challenge_reduce(bytes, 64), 63);
    bytes[0] = 63;
    assert_int_equal(sy_challenge_reduce(bytes, 64), 1);
    bytes[0] = 0;
    bytes[1] = 1; /* 256 = 4 * 63 + 4 */
    assert_int_equal(sy_challenge_reduce(bytes, 64), 5);
    memset(bytes, 0xff, sizeof bytes); /* 2^256 - 1; 2^6 = 1 and 2^256 = 2^4 mod 63 */
    assert_int_equal(sy_challenge_reduce(bytes, 64), 16);
    assert_int_equal(sy_challenge_reduce(bytes, 2), 1);
}

static void synthetic_set_and_choice_of_the_source_test(void **state)
{
    json_t *all = kat_load("sealing_challenges.json");
    const json_t *kat = kat_get(all, "synthetic_hardcoded");
    uint8_t replica_id[32] = {(uint8_t)kat_u64(kat, "replica_id_int")};
    uint8_t comm_r[32] = {(uint8_t)kat_u64(kat, "comm_r_int")};
    uint64_t nodes = kat_u64(kat, "nodes");
    uint32_t set_count = (uint32_t)kat_u64(kat, "num_synth");
    uint32_t count = (uint32_t)kat_u64(kat, "num_porep");
    uint8_t seed[32];
    uint64_t set[COUNT_MAX];
    uint64_t porep[COUNT_MAX];
    uint32_t picks[COUNT_MAX];
    (void)state;
    kat_hash(kat, "rand", seed);
    assert_int_equal(sy_challenges_synthetic(replica_id, comm_r, nodes, 0, set_count, set, NULL),
                     0);
    check_list(kat_get(kat, "synth"), set, set_count);
    sy_challenges_synthetic_pick(replica_id, seed, set_count, 0, count, picks);
    for (uint32_t i = 0; i < count; i++)
        porep[i] = set[picks[i]];
    check_list(kat_get(kat, "porep"), porep, count);
    json_decref(all);
}

static void ranges_agree_with_the_whole(void **state)
{
    uint8_t id[32] = {1};
    uint8_t seed[32] = {2};
    uint64_t whole[COUNT_MAX];
    uint64_t part[COUNT_MAX];
    uint32_t picks[COUNT_MAX];
    uint32_t pick;
    (void)state;
    assert_int_equal(sy_challenges_synthetic(id, seed, 1 << 20, 0, COUNT_MAX, whole, NULL), 0);
    sy_challenges_synthetic_pick(id, seed, 1 << 18, 0, COUNT_MAX, picks);
    for (uint32_t i = 0; i < COUNT_MAX; i++) {
        assert_int_equal(sy_challenges_synthetic(id, seed, 1 << 20, i, 1, part, NULL), 0);
        assert_int_equal(part[0], whole[i]);
        sy_challenges_synthetic_pick(id, seed, 1 << 18, i, 1, &pick);
        assert_int_equal(pick, picks[i]);
    }
}

static void beyond_the_synthetic_set_is_refused(void **state)
{
    uint8_t id[32] = {0};
    uint64_t one;
    struct sy_error err;
    (void)state;
    assert_int_equal(sy_challenges_synthetic_count(64), 64);
    assert_int_equal(sy_challenges_synthetic_count(UINT64_C(1) << 31), 1 << 18);
    assert_int_equal(sy_challenges_synthetic(id, id, 64, 64, 1, &one, &err), -SY_E_RANGE);
    assert_int_equal(sy_challenges_synthetic(id, id, 64, 0, 65, &one, &err), -SY_E_RANGE);
}

static void production_sizes_give_the_known_lists(void **state)
{
    json_t *all = kat_load("sealing_challenges.json");
    const json_t *kat = kat_get(all, "generated");
    const uint64_t nodes = UINT64_C(1) << 30;
    uint8_t replica_id[32];
    uint8_t comm_r[32];
    uint8_t seed[32];
    uint64_t found[COUNT_MAX];
    (void)state;
    kat_hash(kat, "replica_id", replica_id);
    kat_hash(kat, "comm_r", comm_r);
    kat_hash(kat, "seed", seed);
    sy_challenges_interactive(replica_id, seed, nodes, 0, 18, found);
    check_list(kat_get(kat, "interactive_32GiB_k0"), found, 18);
    sy_challenges_interactive(replica_id, seed, nodes, 9 * 18, 18, found);
    check_list(kat_get(kat, "interactive_32GiB_k9"), found, 18);
    sy_challenges_interactive(replica_id, seed, 2 * nodes, 0, 18, found);
    check_list(kat_get(kat, "interactive_64GiB_k0"), found, 18);
    sy_challenges_noninteractive(replica_id, comm_r, nodes, 0, 18, found);
    check_list(kat_get(kat, "ni_32GiB_k0"), found, 18);
    sy_challenges_noninteractive(replica_id, comm_r, nodes, 125 * 18, 18, found);
    check_list(kat_get(kat, "ni_32GiB_k125"), found, 18);
    json_decref(all);
}

static enum sy_proof_variant variant_of(const char *name)
{
    if (strcmp(name, "synth") == 0)
        return SY_PROOF_SYNTHETIC;
    if (strcmp(name, "ni") == 0)
        return SY_PROOF_NI;
    return strcmp(name, "v1_0") == 0 ? SY_PROOF_V1 : SY_PROOF_V1_1;
}

static void check_synthetic_digest(const json_t *kat, const struct sy_vanilla_public *public,
                                   uint64_t nodes)
{
    const json_t *synthetic = kat_get(kat, "synthetic");
    uint32_t count = sy_challenges_synthetic_count(nodes);
    uint64_t *set = calloc(count, sizeof *set);
    uint8_t digest[32];
    uint8_t expected[32];
    assert_non_null(set);
    assert_int_equal(count, kat_u64(synthetic, "count"));
    assert_int_equal(
        sy_challenges_synthetic(public->replica_id, public->comm_r, nodes, 0, count, set, NULL), 0);
    sy_sha256(set, count * sizeof *set, digest);
    kat_hash(synthetic, "sha256_le64", expected);
    assert_memory_equal(digest, expected, 32);
    free(set);
}

static void check_case(const json_t *kat)
{
    const json_t *porep = kat_get(kat, "porep");
    const char *variant = kat_text(porep, "variant");
    enum sy_api_version api;
    struct sy_porep_params params;
    struct sy_vanilla_public public = {0};
    uint64_t found[SY_VANILLA_CHALLENGES_MAX];
    uint8_t porep_id[32];
    size_t i;
    json_t *one;
    kat_hash(porep, "porep_id", porep_id);
    kat_hash(kat, "replica_id", public.replica_id);
    kat_hash(kat, "comm_r", public.comm_r);
    kat_hash(kat, "challenge_seed", public.seed);
    assert_int_equal(sy_api_version_parse(kat_text(porep, "api_version"), &api, NULL), 0);
    assert_int_equal(sy_porep_params_init_test(&params, kat_u64(porep, "sector_size"),
                                               variant_of(variant), api, porep_id, NULL),
                     0);
    assert_int_equal(params.partitions, kat_u64(porep, "partitions"));
    assert_int_equal(params.challenges_per_partition, kat_u64(kat, "challenges_per_partition"));
    json_array_foreach(kat_get(kat, "partitions"), i, one)
    {
        assert_int_equal(sy_vanilla_challenges(&params, &public,
                                               (uint32_t)kat_u64(one, "partition"), found, NULL),
                         0);
        check_list(kat_get(one, "challenges"), found, params.challenges_per_partition);
    }
    if (params.variant == SY_PROOF_SYNTHETIC)
        check_synthetic_digest(kat, &public, params.nodes);
}

static void every_size_and_variant_matches_the_reference(void **state)
{
    json_t *all = kat_load("reference/challenges.json");
    const char *size;
    json_t *value;
    json_t *one;
    size_t i;
    unsigned cases = 0;
    (void)state;
    json_object_foreach(kat_get(all, "sizes"), size, value)
    {
        json_array_foreach(kat_get(value, "porep"), i, one)
        {
            check_case(one);
            cases++;
        }
    }
    assert_int_equal(cases, 50);
    json_decref(all);
}

static void partition_outside_is_refused(void **state)
{
    struct sy_porep_params params;
    struct sy_vanilla_public public = {0};
    uint64_t found[SY_VANILLA_CHALLENGES_MAX];
    struct sy_error err;
    (void)state;
    assert_int_equal(sy_porep_params_init(&params, 5, NULL), 0);
    assert_int_equal(sy_vanilla_challenges(&params, &public, 1, found, &err), -SY_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reduce_is_modulo_nodes_minus_one_plus_one),
        cmocka_unit_test(synthetic_set_and_choice_of_the_source_test),
        cmocka_unit_test(ranges_agree_with_the_whole),
        cmocka_unit_test(beyond_the_synthetic_set_is_refused),
        cmocka_unit_test(production_sizes_give_the_known_lists),
        cmocka_unit_test(every_size_and_variant_matches_the_reference),
        cmocka_unit_test(partition_outside_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
