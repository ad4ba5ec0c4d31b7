/* Public inputs of every known sector and the verification of a seal from public values alone. */
#include "tests/unit/kat.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/hash/sha256.h"
#include "tasks/snark/params_store.h"
#include "tasks/snark/porep_verify.h"

#define VK_DIRECTORY SY_KAT_DIR "/reference/files/vk"

static void expect_ok(int rc, const struct sy_error *err)
{
    if (rc != 0)
        fail_msg("%s", err->text);
}

static enum sy_proof_variant variant_of(const char *text)
{
    if (strcmp(text, "synth") == 0)
        return SY_PROOF_SYNTHETIC;
    if (strcmp(text, "ni") == 0)
        return SY_PROOF_NI;
    return strcmp(text, "v1_0") == 0 ? SY_PROOF_V1 : SY_PROOF_V1_1;
}

static void read_case(const json_t *root, struct sy_porep_params *params,
                      struct sy_vanilla_public *public)
{
    const json_t *sector = kat_get(root, "sector"), *porep = kat_get(sector, "porep");
    uint8_t porep_id[32];
    enum sy_api_version api;
    struct sy_error err = {0};
    kat_hash(porep, "porep_id", porep_id);
    assert_int_equal(sy_api_version_parse(kat_text(porep, "api_version"), &api, NULL), 0);
    expect_ok(sy_porep_params_init_test(params, kat_u64(porep, "sector_size"),
                                        variant_of(kat_text(porep, "variant")), api, porep_id,
                                        &err),
              &err);
    kat_hash(root, "replica_id", public->replica_id);
    kat_hash(root, "comm_d", public->comm_d);
    kat_hash(root, "comm_r", public->comm_r);
    kat_hash(sector, "challenge_seed", public->seed);
    kat_hash(sector, "ticket", public->ticket);
}

static void check_rows(const json_t *expected, const struct sy_porep_params *params,
                       const struct sy_fr *inputs)
{
    uint32_t count = sy_porep_input_count(params);
    struct sy_sha256 state;
    uint8_t bytes[32], digest[32];
    char text[SY_HEX_TEXT_BYTES(32)];
    assert_int_equal(kat_u64(expected, "per_partition"), count);
    assert_int_equal(kat_u64(expected, "partitions"), params->partitions);
    json_t *first = kat_get(expected, "partition_0");
    sy_sha256_init(&state);
    for (uint32_t i = 0; i < params->partitions * count; i++) {
        sy_fr_to_bytes(bytes, &inputs[i]);
        sy_sha256_update(&state, bytes, sizeof bytes);
        if (i < count)
            assert_string_equal(sy_hex_encode(bytes, 32, text),
                                json_string_value(json_array_get(first, i)));
    }
    sy_sha256_final(&state, digest);
    assert_string_equal(sy_hex_encode(digest, 32, text), kat_text(expected, "sha256"));
}

/* What the C1 file names is what the public values say. */
static void check_c1(const char *name, const struct sy_porep_params *params,
                     const struct sy_fr *inputs)
{
    char path[512];
    struct sy_c1 *c1;
    struct sy_error err = {0};
    struct sy_fr row[SY_POREP_INPUTS_MAX];
    uint32_t count = sy_porep_input_count(params);
    snprintf(path, sizeof path, "%s/reference/files/%.*s/c1.api.json", SY_KAT_DIR,
             (int)(strlen(name) - strlen(".json")), name);
    if (access(path, R_OK) != 0)
        return;
    expect_ok(sy_c1_read_file(&c1, path, &err), &err);
    for (uint32_t k = 0; k < params->partitions; k++) {
        expect_ok(sy_porep_inputs_from_c1(params, c1, k, row, &err), &err);
        assert_memory_equal(row, inputs + (size_t)k * count, count * sizeof *row);
    }
    assert_int_equal(sy_porep_inputs_from_c1(params, c1, params->partitions, row, &err),
                     -SY_E_RANGE);
    c1->challenge_count[0]--;
    assert_int_equal(sy_porep_inputs_from_c1(params, c1, 0, row, &err), -SY_E_RANGE);
    c1->challenge_count[0]++;
    sy_c1_destroy(c1);
}

static void inputs_are_the_references(void **state)
{
    (void)state;
    DIR *directory = opendir(SY_KAT_DIR "/reference");
    struct dirent *entry;
    unsigned cases = 0;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        char name[300];
        struct sy_porep_params params;
        struct sy_vanilla_public public;
        struct sy_fr *inputs;
        struct sy_error err = {0};
        if (strncmp(entry->d_name, "seal-", 5) != 0)
            continue;
        snprintf(name, sizeof name, "reference/%.280s", entry->d_name);
        json_t *root = kat_load(name);
        read_case(root, &params, &public);
        expect_ok(sy_porep_inputs(&params, &public, &inputs, &err), &err);
        check_rows(kat_get(root, "public_inputs"), &params, inputs);
        check_c1(entry->d_name, &params, inputs);
        free(inputs);
        json_decref(root);
        cases++;
    }
    closedir(directory);
    assert_true(cases >= 40);
}

static void values_outside_the_field_are_refused(void **state)
{
    (void)state;
    json_t *root = kat_load("reference/seal-2KiB-v1_1-cc.json");
    struct sy_porep_params params;
    struct sy_vanilla_public public;
    struct sy_fr *inputs = NULL;
    struct sy_error err = {0};
    read_case(root, &params, &public);
    uint8_t *const values[] = {public.replica_id, public.comm_d, public.comm_r};
    for (size_t i = 0; i < SY_ARRAY_SIZE(values); i++) {
        uint8_t held = values[i][31];
        values[i][31] = 0xff;
        assert_int_equal(sy_porep_inputs(&params, &public, &inputs, &err), -SY_E_CORRUPT);
        assert_null(inputs);
        values[i][31] = held;
    }
    json_decref(root);
}

/* ------------------------------------------------------------------------------------- verifying
 */

struct sealed {
    struct sy_porep_claim claim;
    uint8_t proof[SY_PROOF_BYTES];
};

static void read_sealed(const char *file, struct sealed *ret)
{
    json_t *root = kat_load(file);
    const json_t *sector = kat_get(root, "sector");
    ret->claim.proof_type = kat_u64(kat_get(sector, "porep"), "registered_seal_proof");
    ret->claim.miner = kat_u64(sector, "actor_id");
    ret->claim.number = kat_u64(sector, "sector_number");
    kat_hash(sector, "ticket", ret->claim.ticket);
    kat_hash(sector, "challenge_seed", ret->claim.seed);
    kat_hash(root, "comm_d", ret->claim.comm_d);
    kat_hash(root, "comm_r", ret->claim.comm_r);
    assert_int_equal(sy_hex_decode(kat_text(kat_get(root, "c2_fixed"), "proof"), ret->proof,
                                   sizeof ret->proof, NULL),
                     0);
    json_decref(root);
}

static void seals_of_the_reference_verify(void **state)
{
    (void)state;
    static const char *const files[] = {"reference/seal-2KiB-v1_1-multi-proved.json",
                                        "reference/seal-2KiB-synth-multi-proved.json"};
    struct sy_vk_store *store;
    struct sy_error err = {0};
    expect_ok(sy_vk_store_create(&store, VK_DIRECTORY, &err), &err);
    for (size_t i = 0; i < SY_ARRAY_SIZE(files); i++) {
        struct sealed s;
        read_sealed(files[i], &s);
        expect_ok(sy_porep_verify_seal(store, &s.claim, s.proof, sizeof s.proof, &err), &err);
    }
    sy_vk_store_destroy(store);
}

static void any_other_claim_is_refused(void **state)
{
    (void)state;
    struct sy_vk_store *store;
    struct sy_error err = {0};
    struct sealed good, s;
    read_sealed("reference/seal-2KiB-v1_1-multi-proved.json", &good);
    expect_ok(sy_vk_store_create(&store, VK_DIRECTORY, &err), &err);
    for (int change = 0; change < 8; change++) {
        s = good;
        switch (change) {
        case 0:
            s.claim.miner++;
            break;
        case 1:
            s.claim.number++;
            break;
        case 2:
            s.claim.ticket[7] ^= 1;
            break;
        case 3:
            s.claim.seed[0] ^= 1;
            break;
        case 4:
            s.claim.comm_d[0] ^= 1;
            break;
        case 5:
            s.claim.comm_r[0] ^= 1;
            break;
        case 6:
            s.claim.proof_type = 0;
            break;
        default:
            s.claim.proof_type = 10;
        }
        assert_int_equal(sy_porep_verify_seal(store, &s.claim, s.proof, sizeof s.proof, &err),
                         -SY_E_MISMATCH);
    }
    s = good;
    assert_int_equal(sy_porep_verify_seal(store, &s.claim, s.proof, sizeof s.proof - 1, &err),
                     -SY_E_ARG);
    s.proof[0] ^= 0x80;
    assert_int_equal(sy_porep_verify_seal(store, &s.claim, s.proof, sizeof s.proof, &err),
                     -SY_E_CORRUPT);
    s.claim.proof_type = 20;
    assert_int_equal(sy_porep_verify_seal(store, &s.claim, s.proof, sizeof s.proof, &err),
                     -SY_E_RANGE);
    sy_vk_store_destroy(store);
}

static void a_missing_key_is_named(void **state)
{
    (void)state;
    struct sy_vk_store *store;
    struct sy_error err = {0};
    struct sealed s;
    read_sealed("reference/seal-2KiB-v1_1-multi-proved.json", &s);
    expect_ok(sy_vk_store_create(&store, "/nonexistent", &err), &err);
    assert_int_equal(sy_porep_verify_seal(store, &s.claim, s.proof, sizeof s.proof, &err),
                     -SY_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "--dir /nonexistent; missing: v28-stacked"));
    assert_non_null(strstr(err.text, "(or fetch) --sector-size 2KiB"));
    sy_vk_store_destroy(store);
    assert_int_equal(setenv(SY_PARAMS_DIRECTORY_ENV, VK_DIRECTORY, 1), 0);
    expect_ok(sy_vk_store_create(&store, NULL, &err), &err);
    expect_ok(sy_porep_verify_seal(store, &s.claim, s.proof, sizeof s.proof, &err), &err);
    sy_vk_store_destroy(store);
    assert_int_equal(unsetenv(SY_PARAMS_DIRECTORY_ENV), 0);
    assert_string_equal(sy_params_directory(), SY_PARAMS_DIRECTORY_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_are_the_references),
        cmocka_unit_test(values_outside_the_field_are_refused),
        cmocka_unit_test(seals_of_the_reference_verify),
        cmocka_unit_test(any_other_claim_is_refused),
        cmocka_unit_test(a_missing_key_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
