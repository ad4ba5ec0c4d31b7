/* SnarkPack against the reference: both versions byte for byte, and every equation of its verifier
 * but that of Groth16, for which the key of that file is not known (tests/kat/reference/README.md).
 * The whole verifier is tested on aggregates of other proofs of the reference, whose key is known.
 */
#include "tests/unit/kat.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/snark/aggregate_form.h"

#define SECTORS 3
#define INPUTS 39
#define SRS_PROOFS 16

static char directory[64];
static json_t *root;
static struct sy_srs srs;
static struct sy_vk_store *store;
static struct sy_porep_claim claims[SECTORS];
static uint8_t proofs[SECTORS][SY_PROOF_BYTES];

static void expect_ok(int rc, const struct sy_error *err)
{
    if (rc != 0)
        fail_msg("%s", err->text);
}

static void fr_of(const char *text, struct sy_fr *ret)
{
    uint8_t bytes[32];
    assert_int_equal(sy_hex_decode(text, bytes, 32, NULL), 0);
    assert_int_equal(sy_fr_from_bytes(ret, bytes, NULL), 0);
}

/* First values below r of the stream "srs/16". */
static void srs_path(char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/test.srs", directory);
}

static void make_srs(void)
{
    struct sy_error err = {0};
    struct sy_fr alpha, beta;
    char path[128];
    srs_path(path, sizeof path);
    fr_of("a4a7b2489da8c9c9cdfc6c73d55d77eb5e487ea0f7f89433787d9e63aa624138", &alpha);
    fr_of("74ce99fd6659f9ac318ad9cc0e415b0d232fb6b9ec4690f56ca6b49bd5d5a570", &beta);
    expect_ok(sy_srs_generate(path, SRS_PROOFS, &alpha, &beta, &err), &err);
    expect_ok(sy_srs_open(&srs, path, SRS_PROOFS, 0, &err), &err);
}

static void read_sectors(void)
{
    json_t *sectors = kat_get(root, "sectors"), *entry;
    size_t i;
    assert_int_equal(json_array_size(sectors), SECTORS);
    json_array_foreach(sectors, i, entry)
    {
        const json_t *sector = kat_get(entry, "sector");
        claims[i].proof_type = kat_u64(kat_get(sector, "porep"), "registered_seal_proof");
        claims[i].miner = kat_u64(sector, "actor_id");
        claims[i].number = kat_u64(sector, "sector_number");
        kat_hash(sector, "ticket", claims[i].ticket);
        kat_hash(sector, "challenge_seed", claims[i].seed);
        kat_hash(entry, "comm_d", claims[i].comm_d);
        kat_hash(entry, "comm_r", claims[i].comm_r);
        assert_int_equal(sy_hex_decode(kat_text(kat_get(entry, "proofs"), "proof"), proofs[i],
                                       SY_PROOF_BYTES, NULL),
                         0);
    }
}

static int setup(void **state)
{
    struct sy_error err = {0};
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sealyard-aggregate-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    root = kat_load("reference/aggregate-2KiB.json");
    make_srs();
    read_sectors();
    return sy_vk_store_create(&store, SY_KAT_DIR "/reference/files/vk", &err);
}

static int teardown(void **state)
{
    (void)state;
    json_decref(root);
    sy_srs_fini(&srs);
    sy_vk_store_destroy(store);
    return sy_file_remove_tree(directory, NULL);
}

static uint8_t *expected_bytes(enum sy_aggregate_version version, size_t *ret_count)
{
    const json_t *entry = kat_get(root, version == SY_SNARKPACK_V1 ? "v1" : "v2");
    *ret_count = kat_u64(entry, "len");
    uint8_t *bytes = malloc(*ret_count);
    assert_non_null(bytes);
    assert_int_equal(sy_hex_decode(kat_text(entry, "proof"), bytes, *ret_count, NULL), 0);
    return bytes;
}

/* Everything but the Groth16 equation. */
static int check(enum sy_aggregate_version version, const uint8_t *bytes, size_t count)
{
    struct sy_error err = {0};
    uint8_t include[SY_AGGREGATE_INCLUDE_BYTES];
    sy_aggregate_include(claims, SECTORS, include);
    return sy_aggregate_check_commitments(&srs, version, include, bytes, count, &err);
}

static void aggregates_have_the_references_bytes(void **state)
{
    (void)state;
    for (int version = 0; version < 2; version++) {
        struct sy_error err = {0};
        uint8_t include[SY_AGGREGATE_INCLUDE_BYTES], *made;
        size_t count, expected_count;
        uint8_t *expected = expected_bytes((enum sy_aggregate_version)version, &expected_count);
        sy_aggregate_include(claims, SECTORS, include);
        for (unsigned threads = 1; threads <= 2; threads++) {
            expect_ok(sy_aggregate_prove(&srs, (enum sy_aggregate_version)version, include,
                                         proofs[0], SECTORS, threads, &made, &count, &err),
                      &err);
            assert_int_equal(count, expected_count);
            assert_memory_equal(made, expected, count);
            free(made);
        }
        free(expected);
    }
}

static void aggregates_of_the_reference_hold(void **state)
{
    (void)state;
    for (int version = 0; version < 2; version++) {
        size_t count;
        uint8_t *bytes = expected_bytes((enum sy_aggregate_version)version, &count);
        assert_int_equal(check((enum sy_aggregate_version)version, bytes, count), 0);
        /* The other version reads the same bytes with other challenges. */
        assert_int_equal(check((enum sy_aggregate_version)(1 - version), bytes, count),
                         -SY_E_MISMATCH);
        claims[2].seed[3] ^= 1;
        assert_int_equal(check((enum sy_aggregate_version)version, bytes, count), -SY_E_MISMATCH);
        claims[2].seed[3] ^= 1;
        free(bytes);
    }
}

/* One bit in every point, and a sample of the rest. */
static void changed_bytes_are_refused(void **state)
{
    (void)state;
    size_t count;
    uint8_t *bytes = expected_bytes(SY_SNARKPACK_V2, &count);
    for (size_t i = 0; i < count; i += 149) {
        bytes[i] ^= 1;
        assert_true(check(SY_SNARKPACK_V2, bytes, count) < 0);
        bytes[i] ^= 1;
    }
    for (size_t i = count - 768; i < count; i += 48) {
        bytes[i] ^= 0x20; /* the sign of a point: still in its group */
        assert_true(check(SY_SNARKPACK_V2, bytes, count) < 0);
        bytes[i] ^= 0x20;
    }
    assert_int_equal(check(SY_SNARKPACK_V2, bytes, count), 0);
    assert_int_equal(check(SY_SNARKPACK_V2, bytes, count - 1), -SY_E_CORRUPT);
    assert_int_equal(check(SY_SNARKPACK_V2, bytes, 0), -SY_E_CORRUPT);
    free(bytes);
}

/* A form that every decoder accepts, but another number of proofs. */
static void another_number_of_proofs_is_refused(void **state)
{
    (void)state;
    size_t count;
    uint8_t *bytes = expected_bytes(SY_SNARKPACK_V2, &count);
    static const uint32_t wrong[] = {0, 1, 2, 3, 8, 16, 1u << 20, 0xffffffff};
    for (size_t i = 0; i < SY_ARRAY_SIZE(wrong); i++) {
        for (unsigned k = 0; k < 4; k++)
            bytes[1488 + k] = (uint8_t)(wrong[i] >> 8 * k);
        assert_int_equal(check(SY_SNARKPACK_V2, bytes, count), -SY_E_CORRUPT);
    }
    free(bytes);
}

/* ------------------------------------------------------------------- aggregates with a known key
 */

/* A sector whose proof holds under the key in files/vk. */
static void read_proved(const char *file, struct sy_porep_claim *claim, uint8_t *proof)
{
    json_t *proved = kat_load(file);
    const json_t *sector = kat_get(proved, "sector");
    claim->proof_type = kat_u64(kat_get(sector, "porep"), "registered_seal_proof");
    claim->miner = kat_u64(sector, "actor_id");
    claim->number = kat_u64(sector, "sector_number");
    kat_hash(sector, "ticket", claim->ticket);
    kat_hash(sector, "challenge_seed", claim->seed);
    kat_hash(proved, "comm_d", claim->comm_d);
    kat_hash(proved, "comm_r", claim->comm_r);
    assert_int_equal(
        sy_hex_decode(kat_text(kat_get(proved, "c2_fixed"), "proof"), proof, SY_PROOF_BYTES, NULL),
        0);
    json_decref(proved);
}

#define MANY 5
static struct sy_porep_claim many[MANY];
static uint8_t many_proofs[MANY][SY_PROOF_BYTES];

/* `sectors` times the same sector: enough for everything but the order. */
static uint8_t *aggregate_many(enum sy_aggregate_version version, size_t sectors, size_t *ret_count)
{
    uint8_t include[SY_AGGREGATE_INCLUDE_BYTES], *made = NULL;
    struct sy_error err = {0};
    for (size_t i = 0; i < MANY; i++)
        read_proved("reference/seal-2KiB-v1_1-multi-proved.json", &many[i], many_proofs[i]);
    sy_aggregate_include(many, sectors, include);
    expect_ok(sy_aggregate_prove(&srs, version, include, many_proofs[0], sectors, 0, &made,
                                 ret_count, &err),
              &err);
    return made;
}

static int verify_many(enum sy_aggregate_version version, size_t sectors, const uint8_t *bytes,
                       size_t count, struct sy_error *err)
{
    return sy_porep_verify_aggregate(store, &srs, version, many, sectors, bytes, count, err);
}

/* One proof is padded to two; five to eight. */
static void any_number_of_sectors_verifies(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 5};
    for (size_t i = 0; i < SY_ARRAY_SIZE(counts); i++) {
        for (int version = 0; version < 2; version++) {
            size_t count;
            struct sy_error err = {0};
            enum sy_aggregate_version v = (enum sy_aggregate_version)version;
            uint8_t *bytes = aggregate_many(v, counts[i], &count);
            expect_ok(verify_many(v, counts[i], bytes, count, &err), &err);
            assert_int_equal(verify_many((enum sy_aggregate_version)(1 - version), counts[i], bytes,
                                         count, &err),
                             -SY_E_MISMATCH);
            free(bytes);
        }
    }
}

static void other_claims_are_refused(void **state)
{
    (void)state;
    size_t count;
    struct sy_error err = {0};
    uint8_t *bytes = aggregate_many(SY_SNARKPACK_V2, 3, &count);
    expect_ok(verify_many(SY_SNARKPACK_V2, 3, bytes, count, &err), &err);
    many[1].ticket[3] ^= 1;
    assert_int_equal(verify_many(SY_SNARKPACK_V2, 3, bytes, count, &err), -SY_E_MISMATCH);
    assert_non_null(strstr(err.text, "Groth16"));
    many[1].ticket[3] ^= 1;
    many[2].number++;
    assert_int_equal(verify_many(SY_SNARKPACK_V2, 3, bytes, count, &err), -SY_E_MISMATCH);
    many[2].number--;
    many[0].comm_r[0] ^= 1;
    assert_int_equal(verify_many(SY_SNARKPACK_V2, 3, bytes, count, &err), -SY_E_MISMATCH);
    many[0].comm_r[0] ^= 1;
    assert_int_equal(verify_many(SY_SNARKPACK_V2, 2, bytes, count, &err), -SY_E_MISMATCH);
    assert_int_equal(verify_many(SY_SNARKPACK_V2, 5, bytes, count, &err), -SY_E_MISMATCH);
    assert_int_equal(verify_many(SY_SNARKPACK_V2, 0, bytes, count, &err), -SY_E_RANGE);
    many[1].proof_type = 10;
    assert_int_equal(verify_many(SY_SNARKPACK_V2, 3, bytes, count, &err), -SY_E_ARG);
    free(bytes);
}

/* Different proofs of one circuit: their order counts. */
static void the_order_of_proofs_counts(void **state)
{
    (void)state;
    uint8_t include[SY_AGGREGATE_INCLUDE_BYTES] = {7}, *bytes = NULL, both[2][SY_PROOF_BYTES];
    struct sy_porep_claim claim[2];
    struct sy_porep_params params;
    struct sy_fr rows[2 * INPUTS], *own = NULL;
    const struct sy_groth16_vk *vk;
    struct sy_error err = {0};
    size_t count;
    read_proved("reference/seal-2KiB-v1_1-multi-proved.json", &claim[0], both[0]);
    read_proved("reference/seal-2KiB-synth-multi-proved.json", &claim[1], both[1]);
    expect_ok(sy_vk_store_get(store, SY_CIRCUIT_POREP, 2048, &vk, &err), &err);
    for (unsigned i = 0; i < 2; i++) {
        expect_ok(sy_porep_claim_inputs(&claim[i], &params, &own, &err), &err);
        memcpy(rows + i * INPUTS, own, INPUTS * sizeof *own);
        free(own);
    }
    expect_ok(
        sy_aggregate_prove(&srs, SY_SNARKPACK_V2, include, both[0], 2, 0, &bytes, &count, &err),
        &err);
    expect_ok(sy_aggregate_verify(&srs, vk, SY_SNARKPACK_V2, include, rows, INPUTS, 2, bytes, count,
                                  &err),
              &err);
    assert_int_equal(sy_aggregate_verify(&srs, vk, SY_SNARKPACK_V2, include, rows, INPUTS - 1, 2,
                                         bytes, count, &err),
                     -SY_E_ARG);
    struct sy_fr swapped[2 * INPUTS];
    memcpy(swapped, rows + INPUTS, sizeof rows / 2);
    memcpy(swapped + INPUTS, rows, sizeof rows / 2);
    assert_int_equal(sy_aggregate_verify(&srs, vk, SY_SNARKPACK_V2, include, swapped, INPUTS, 2,
                                         bytes, count, &err),
                     -SY_E_MISMATCH);
    include[0] ^= 1;
    assert_int_equal(sy_aggregate_verify(&srs, vk, SY_SNARKPACK_V2, include, rows, INPUTS, 2, bytes,
                                         count, &err),
                     -SY_E_MISMATCH);
    free(bytes);
}

static void impossible_aggregations_are_refused(void **state)
{
    (void)state;
    uint8_t include[SY_AGGREGATE_INCLUDE_BYTES] = {0}, *made = NULL, bad[2][SY_PROOF_BYTES];
    size_t count;
    struct sy_error err = {0};
    struct sy_srs small;
    char path[128];
    srs_path(path, sizeof path);
    assert_int_equal(
        sy_aggregate_prove(&srs, SY_SNARKPACK_V2, include, proofs[0], 0, 0, &made, &count, &err),
        -SY_E_RANGE);
    memcpy(bad, proofs, sizeof bad);
    bad[1][50] ^= 1;
    assert_int_equal(
        sy_aggregate_prove(&srs, SY_SNARKPACK_V2, include, bad[0], 2, 0, &made, &count, &err),
        -SY_E_CORRUPT);
    assert_non_null(strstr(err.text, "proof 1 of 2"));
    expect_ok(sy_srs_open(&small, path, 2, 0, &err), &err);
    assert_int_equal(
        sy_aggregate_prove(&small, SY_SNARKPACK_V2, include, proofs[0], 3, 0, &made, &count, &err),
        -SY_E_LIMIT);
    /* The short one is enough for a verifier. */
    uint8_t *bytes = aggregate_many(SY_SNARKPACK_V2, 5, &count);
    expect_ok(
        sy_porep_verify_aggregate(store, &small, SY_SNARKPACK_V2, many, 5, bytes, count, &err),
        &err);
    free(bytes);
    sy_srs_fini(&small);
    assert_null(made);
}

static void damaged_reference_strings_are_refused(void **state)
{
    (void)state;
    struct sy_srs other;
    struct sy_error err = {0};
    char path[128], *data;
    size_t count;
    srs_path(path, sizeof path);
    assert_int_equal(sy_file_read(path, 1 << 20, &data, &count, NULL), 0);
    uint8_t *bytes = (uint8_t *)data;
    assert_int_equal(count, 4 * 4 + 64 * 48 + 64 * 96);
    assert_int_equal(sy_srs_parse(&other, bytes, count, 17, 0, &err), -SY_E_LIMIT);
    assert_int_equal(sy_srs_parse(&other, bytes, count, 1, 0, &err), -SY_E_RANGE);
    assert_int_equal(sy_srs_parse(&other, bytes, count, SY_AGGREGATE_PROOFS_MAX + 1, 0, &err),
                     -SY_E_RANGE);
    assert_int_equal(sy_srs_parse(&other, bytes, count - 1, 2, 0, &err), -SY_E_CORRUPT);
    assert_int_equal(sy_srs_parse(&other, bytes, 3, 2, 0, &err), -SY_E_CORRUPT);
    bytes[0] = 0xff;
    assert_int_equal(sy_srs_parse(&other, bytes, count, 2, 0, &err), -SY_E_CORRUPT);
    bytes[0] = 0;
    bytes[4 + 48 + 20] ^= 1;
    assert_int_equal(sy_srs_parse(&other, bytes, count, 2, 0, &err), -SY_E_CORRUPT);
    bytes[4 + 48 + 20] ^= 1;
    memset(bytes + 4 + 48, 0, 48);
    bytes[4 + 48] = 0xc0;
    assert_int_equal(sy_srs_parse(&other, bytes, count, 2, 0, &err), -SY_E_CORRUPT);
    free(data);
    assert_int_equal(sy_srs_open(&other, "/nonexistent.srs", 2, 0, &err), -SY_E_NOT_FOUND);
    assert_int_equal(sy_srs_generate(path, 2, &sy_fr_zero, &sy_fr_one, &err), -SY_E_ARG);
    assert_int_equal(sy_srs_generate(path, 1, &sy_fr_one, &sy_fr_one, &err), -SY_E_RANGE);
}

static void compressed_products_survive(void **state)
{
    (void)state;
    struct sy_fp12 value, back;
    uint8_t bytes[SY_GT_COMPRESSED_BYTES];
    struct sy_error err = {0};
    sy_pairing(&value, &sy_g1_generator, &sy_g2_generator);
    assert_int_equal(sy_gt_compress(bytes, &value, &err), 0);
    assert_int_equal(sy_gt_decompress(&back, bytes, &err), 0);
    assert_true(sy_fp12_equal(&value, &back));
    bytes[0] ^= 1; /* of norm one still, but not of order r */
    assert_int_equal(sy_gt_decompress(&back, bytes, &err), -SY_E_CORRUPT);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(sy_gt_decompress(&back, bytes, &err), -SY_E_CORRUPT);
    assert_int_equal(sy_gt_compress(bytes, &sy_fp12_one, &err), -SY_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aggregates_have_the_references_bytes),
        cmocka_unit_test(aggregates_of_the_reference_hold),
        cmocka_unit_test(changed_bytes_are_refused),
        cmocka_unit_test(another_number_of_proofs_is_refused),
        cmocka_unit_test(any_number_of_sectors_verifies),
        cmocka_unit_test(other_claims_are_refused),
        cmocka_unit_test(the_order_of_proofs_counts),
        cmocka_unit_test(impossible_aggregations_are_refused),
        cmocka_unit_test(damaged_reference_strings_are_refused),
        cmocka_unit_test(compressed_products_survive),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
