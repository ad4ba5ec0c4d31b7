/* Parameters, proofs and verification against the reference: files generated from known secrets
 * have the reference's SHA-256, proofs with given r and s have its bytes, altered proofs are
 * refused.
 *
 *   test_groth16 window   Window 2 KiB parameters only (seconds)
 *   test_groth16 porep    PoRep 2 KiB: parameters (1.1 GB), proofs, verification
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/hash/sha256.h"
#include "tasks/snark/params_store.h"
#include "tasks/vanilla/c1.h"
#include "tests/unit/stage_harness.h"

static char directory[SY_PATH_BYTES];

static json_t *load(const char *name)
{
    char path[SY_PATH_BYTES];
    json_error_t problem;
    snprintf(path, sizeof path, SY_KAT_DIR "/reference/%s", name);
    json_t *root = json_load_file(path, 0, &problem);
    if (!root)
        fail_msg("%s: %s", path, problem.text);
    return root;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void fr_of(const json_t *object, const char *key, struct sy_fr *ret)
{
    uint8_t bytes[32];
    assert_int_equal(sy_hex_decode(text_of(object, key), bytes, 32, NULL), 0);
    assert_int_equal(sy_fr_from_bytes(ret, bytes, NULL), 0);
}

static void secrets_of(const json_t *set, struct sy_groth16_secrets *ret)
{
    json_t *toxic = json_object_get(set, "toxic");
    uint8_t bytes[SY_G2_COMPRESSED_BYTES];
    fr_of(toxic, "alpha", &ret->alpha);
    fr_of(toxic, "beta", &ret->beta);
    fr_of(toxic, "gamma", &ret->gamma);
    fr_of(toxic, "delta", &ret->delta);
    fr_of(toxic, "tau", &ret->tau);
    assert_int_equal(sy_hex_decode(text_of(toxic, "g1"), bytes, SY_G1_COMPRESSED_BYTES, NULL), 0);
    assert_int_equal(sy_g1_decompress(&ret->g1, bytes, true, NULL), 0);
    assert_int_equal(sy_hex_decode(text_of(toxic, "g2"), bytes, SY_G2_COMPRESSED_BYTES, NULL), 0);
    assert_int_equal(sy_g2_decompress(&ret->g2, bytes, true, NULL), 0);
}

static void check_file(const json_t *entry, const char *suffix, const char *name)
{
    char path[SY_PATH_BYTES], text[SY_HEX_TEXT_BYTES(32)], digest[33];
    uint8_t sha[32];
    snprintf(path, sizeof path, "%s%s", name, suffix);
    assert_string_equal(path, text_of(entry, "name"));
    snprintf(path, sizeof path, "%s/%s%s", directory, name, suffix);
    json_t *file = json_object_get(entry, "file");
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    static uint8_t chunk[1 << 20];
    struct sy_sha256 state;
    uint64_t total = 0;
    sy_sha256_init(&state);
    for (size_t got; (got = fread(chunk, 1, sizeof chunk, in)) > 0; total += got)
        sy_sha256_update(&state, chunk, got);
    fclose(in);
    sy_sha256_final(&state, sha);
    assert_int_equal(total, json_integer_value(json_object_get(file, "len")));
    assert_string_equal(sy_hex_encode(sha, 32, text), text_of(file, "sha256"));
    assert_int_equal(sy_params_digest(path, digest, NULL, NULL), 0);
    assert_string_equal(digest, text_of(entry, "digest"));
}

static void generate_and_check(const char *json_name, const char *set_name,
                               enum sy_circuit_kind kind)
{
    json_t *root = load(json_name);
    json_t *set = json_object_get(json_object_get(root, "sets"), set_name);
    struct sy_groth16_secrets secrets;
    struct sy_error err = {0};
    char name[SY_PARAMS_NAME_BYTES];
    assert_non_null(set);
    secrets_of(set, &secrets);
    if (sy_groth16_generate(kind, 2048, &secrets, directory, 0, NULL, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(sy_params_name(kind, 2048, name, NULL), 0);
    check_file(json_object_get(set, "params"), ".params", name);
    check_file(json_object_get(set, "vk"), ".vk", name);
    check_file(json_object_get(set, "meta"), ".meta", name);
    json_decref(root);
}

static void window_parameters_are_the_references(void **state)
{
    (void)state;
    generate_and_check("params-2KiB-post.json", "window", SY_CIRCUIT_WINDOW);
}

static void winning_parameters_are_the_references(void **state)
{
    (void)state;
    generate_and_check("params-2KiB-post.json", "winning", SY_CIRCUIT_WINNING);
}

static void damaged_parameters_are_refused(void **state)
{
    (void)state;
    char name[SY_PARAMS_NAME_BYTES], path[SY_PATH_BYTES], copy[SY_PATH_BYTES];
    struct sy_groth16_params params;
    struct sy_groth16_vk vk;
    struct sy_error err = {0};
    assert_int_equal(sy_params_name(SY_CIRCUIT_WINDOW, 2048, name, NULL), 0);
    snprintf(path, sizeof path, "%s/%s.params", directory, name);
    snprintf(copy, sizeof copy, "%s/copy", directory);
    assert_int_equal(sy_groth16_params_open(&params, path, &err), 0);
    assert_int_equal(params.h_count, 32767);
    assert_int_equal(params.vk.ic_count, 23);
    sy_groth16_params_close(&params);
    assert_int_equal(sy_file_copy(path, copy, 0600, NULL), 0);
    uint64_t bytes;
    assert_int_equal(sy_file_size(copy, &bytes, NULL), 0);
    assert_int_equal(truncate(copy, (off_t)bytes - 1), 0);
    assert_int_equal(sy_groth16_params_open(&params, copy, &err), -SY_E_CORRUPT);
    assert_int_equal(truncate(copy, (off_t)bytes + 7), 0);
    assert_int_equal(sy_groth16_params_open(&params, copy, &err), -SY_E_CORRUPT);
    assert_int_equal(truncate(copy, 100), 0);
    assert_int_equal(sy_groth16_params_open(&params, copy, &err), -SY_E_CORRUPT);
    snprintf(path, sizeof path, "%s/%s.vk", directory, name);
    char *data;
    size_t count;
    assert_int_equal(sy_file_read(path, 1 << 20, &data, &count, NULL), 0);
    static const size_t flips[] = {0, 5, 100, 200, 600, 866, 900};
    for (size_t i = 0; i < SY_ARRAY_SIZE(flips); i++) {
        data[flips[i]] ^= 4;
        assert_int_equal(sy_groth16_vk_parse(&vk, (uint8_t *)data, count, &err), -SY_E_CORRUPT);
        data[flips[i]] ^= 4;
    }
    assert_int_equal(sy_groth16_vk_parse(&vk, (uint8_t *)data, count, &err), 0);
    sy_groth16_vk_fini(&vk);
    free(data);
}

static void porep_parameters_are_the_references(void **state)
{
    (void)state;
    generate_and_check("params-2KiB-porep.json", "porep", SY_CIRCUIT_POREP);
}

struct porep_case {
    struct sy_porep_params params;
    struct sy_porep_witness witness;
};

static void synthesise_porep(struct sy_cs *cs, const void *witness)
{
    const struct porep_case *c = witness;
    sy_circuit_porep(cs, &c->params, &c->witness);
}

static void open_params(struct sy_groth16_params *params)
{
    char name[SY_PARAMS_NAME_BYTES], path[SY_PATH_BYTES];
    struct sy_error err = {0};
    assert_int_equal(sy_params_name(SY_CIRCUIT_POREP, 2048, name, NULL), 0);
    snprintf(path, sizeof path, "%s/%s.params", directory, name);
    if (sy_groth16_params_open(params, path, &err) != 0)
        fail_msg("%s", err.text);
}

static void refuse_changes(const struct sy_groth16_vk *vk, const uint8_t *proof,
                           struct sy_fr *inputs)
{
    uint8_t changed[SY_PROOF_BYTES];
    struct sy_error err = {0};
    uint32_t count = vk->ic_count - 1;
    assert_int_equal(sy_groth16_verify(vk, proof, inputs, count, &err), 0);
    for (size_t i = 0; i < SY_PROOF_BYTES; i += 13) {
        memcpy(changed, proof, sizeof changed);
        changed[i] ^= 1;
        assert_true(sy_groth16_verify(vk, changed, inputs, count, &err) < 0);
    }
    assert_int_equal(sy_groth16_verify(vk, proof, inputs, count - 1, &err), -SY_E_ARG);
    struct sy_fr held = inputs[3];
    sy_fr_add(&inputs[3], &inputs[3], &sy_fr_one);
    assert_int_equal(sy_groth16_verify(vk, proof, inputs, count, &err), -SY_E_MISMATCH);
    inputs[3] = held;
}

static void proofs_have_the_references_bytes(void **state)
{
    (void)state;
    json_t *root = load("seal-2KiB-v1_1-multi-proved.json");
    json_t *partition =
        json_array_get(json_object_get(json_object_get(root, "c2_fixed"), "partitions"), 0);
    struct sy_groth16_params params;
    struct sy_groth16_times times;
    struct sy_error err = {0};
    struct porep_case c;
    struct sy_c1 *c1;
    struct sy_fr r, s, inputs[39];
    uint8_t proof[SY_PROOF_BYTES];
    char text[SY_HEX_TEXT_BYTES(SY_PROOF_BYTES)];
    open_params(&params);
    assert_int_equal(
        sy_c1_read_file(&c1, SY_KAT_DIR "/reference/files/seal-2KiB-v1_1-multi/c1.api.json", &err),
        0);
    assert_int_equal(sy_porep_params_init(&c.params, 5, NULL), 0);
    c.witness = (struct sy_porep_witness){&c1->public, c1->partitions[0]};
    fr_of(partition, "r", &r);
    fr_of(partition, "s", &s);
    struct sy_groth16_job jobs[2] = {{.witness = &c, .r = &r, .s = &s, .ret_inputs = inputs},
                                     {.witness = &c}};
    if (sy_groth16_prove_many(&params, synthesise_porep, jobs, 2, 0, NULL, &times, &err) != 0)
        fail_msg("%s", err.text);
    memcpy(proof, jobs[0].ret_proof, sizeof proof);
    print_message(
        "prove two, %llu ms: witness %llu, transforms %llu, h %llu, l %llu, a %llu, b %llu + "
        "%llu\n",
        (unsigned long long)times.total_ms, (unsigned long long)times.witness_ms,
        (unsigned long long)times.fft_ms, (unsigned long long)times.h_ms,
        (unsigned long long)times.l_ms, (unsigned long long)times.a_ms,
        (unsigned long long)times.b_g1_ms, (unsigned long long)times.b_g2_ms);
    assert_string_equal(sy_hex_encode(proof, sizeof proof, text), text_of(partition, "proof"));
    refuse_changes(&params.vk, proof, inputs);
    uint8_t twice[2 * SY_PROOF_BYTES];
    struct sy_fr both[2 * 39];
    memcpy(twice, proof, sizeof proof);
    memcpy(both, inputs, sizeof inputs);
    memcpy(both + 39, inputs, sizeof inputs);
    memcpy(twice + SY_PROOF_BYTES, jobs[1].ret_proof, SY_PROOF_BYTES);
    assert_memory_not_equal(twice, twice + SY_PROOF_BYTES, SY_PROOF_BYTES);
    assert_int_equal(sy_groth16_verify_batch(&params.vk, twice, both, 39, 2, &err), 0);
    sy_fr_add(&both[40], &both[40], &sy_fr_one);
    assert_int_equal(sy_groth16_verify_batch(&params.vk, twice, both, 39, 2, &err), -SY_E_MISMATCH);
    c1->partitions[0][0].comm_d.leaf[0] ^= 1;
    assert_int_equal(sy_groth16_prove(&params, synthesise_porep, &c, NULL, NULL, 0, NULL, proof,
                                      NULL, NULL, &err),
                     -SY_E_MISMATCH);
    sy_c1_destroy(c1);
    sy_groth16_params_close(&params);
    json_decref(root);
}

/* The C1 file that the reference wrote, through the program, and what a chain would say of it. */
static void stage_c2_proves_the_references_c1(void **state)
{
    (void)state;
    json_t *root = load("seal-2KiB-v1_1-multi-proved.json");
    const json_t *sector = json_object_get(root, "sector");
    json_t *spec = json_pack(
        "{s:i,s:O,s:O,s:O,s:O,s:O,s:O,s:s}", "proof_type", 5, "miner",
        json_object_get(sector, "actor_id"), "number", json_object_get(sector, "sector_number"),
        "ticket", json_object_get(sector, "ticket"), "seed",
        json_object_get(sector, "challenge_seed"), "comm_d", json_object_get(root, "comm_d"),
        "comm_r", json_object_get(root, "comm_r"), "parameters", directory);
    json_t *input =
        json_pack("{s:s}", "input", SY_KAT_DIR "/reference/files/seal-2KiB-v1_1-multi/c1.api.json");
    json_t *c2 = stage_run("c2", stage_with(spec, json_incref(input)), 0);
    char proof[SY_HEX_TEXT_BYTES(SY_PROOF_BYTES)];
    assert_int_equal(strlen(text_of(c2, "proof")), sizeof proof - 1);
    memcpy(proof, text_of(c2, "proof"), sizeof proof);
    assert_true(json_is_true(json_object_get(c2, "verified")));
    json_decref(c2);

    const char *fixed =
        text_of(json_array_get(json_object_get(json_object_get(root, "c2_fixed"), "partitions"), 0),
                "proof");
    const char *valid[] = {proof, fixed};
    for (size_t i = 0; i < SY_ARRAY_SIZE(valid); i++) {
        json_t *said =
            stage_run("verify", stage_with(spec, json_pack("{s:s}", "proof", valid[i])), 0);
        assert_true(json_is_true(json_object_get(said, "valid")));
        json_decref(said);
    }
    json_t *wrong[] = {json_pack("{s:s,s:i}", "proof", proof, "number", 7),
                       json_pack("{s:s,s:s}", "proof", proof, "seed", text_of(root, "comm_d")),
                       json_pack("{s:s+}", "proof", proof, "00")};
    for (size_t i = 0; i < SY_ARRAY_SIZE(wrong); i++) {
        json_t *said = stage_run("verify", stage_with(spec, wrong[i]), 0);
        assert_true(json_is_false(json_object_get(said, "valid")));
        json_decref(said);
    }
    proof[20] = proof[20] == '0' ? '1' : '0';
    json_t *said = stage_run("verify", stage_with(spec, json_pack("{s:s}", "proof", proof)), 0);
    assert_true(json_is_false(json_object_get(said, "valid")));
    json_decref(said);
    stage_refused("verify", stage_with(spec, json_pack("{s:s}", "proof", "zz")), 10, "SY_E_PARSE",
                  "proof");
    stage_refused("verify", json_incref(spec), 10, "SY_E_ARG", "input");
    stage_refused(
        "c2",
        stage_with(spec, json_pack("{s:i,s:s}", "number", 7, "input", text_of(input, "input"))), 13,
        "SY_E_MISMATCH", "replica_id");
    json_object_set_new(spec, "parameters", json_string(stage_path("none")));
    stage_refused("c2", stage_with(spec, input), 12, "SY_E_RESOURCE", "params fetch");
    json_decref(spec);
    json_decref(root);
}

static json_t *porep_spec(void)
{
    json_t *root = load("seal-2KiB-v1_1-multi-proved.json");
    const json_t *sector = json_object_get(root, "sector");
    json_t *spec = json_pack(
        "{s:i,s:O,s:O,s:s,s:s}", "proof_type", 5, "miner", json_object_get(sector, "actor_id"),
        "number", json_object_get(sector, "sector_number"), "parameters", directory, "input",
        SY_KAT_DIR "/reference/files/seal-2KiB-v1_1-multi/c1.api.json");
    json_decref(root);
    return spec;
}

/* Writes 96 bytes, encoded point 5 of h; the old ones to `ret_old`. */
static void replace_point(const uint8_t *bytes, uint8_t *ret_old)
{
    char path[SY_PATH_BYTES];
    struct sy_groth16_params params;
    open_params(&params);
    const off_t at = params.h + 5 * SY_G1_BYTES - (const uint8_t *)params.map;
    memcpy(ret_old, params.h + 5 * SY_G1_BYTES, SY_G1_BYTES);
    sy_groth16_params_close(&params);
    assert_int_equal(
        sy_params_store_path(path, directory, SY_CIRCUIT_POREP, 2048, SY_PARAMS_KEYS, NULL), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, SY_G1_BYTES, at), SY_G1_BYTES);
    close(fd);
}

static void record_digests(void)
{
    struct sy_error err = {0};
    if (sy_params_store_record(directory, SY_CIRCUIT_POREP, 2048, NULL, &err) != 0)
        fail_msg("%s", err.text);
}

/* No proof, whatever is damaged, and the error says what it was as far as that can be known. */
static void stage_c2_names_damaged_parameters(void **state)
{
    (void)state;
    uint8_t good[SY_G1_BYTES], bytes[SY_G1_BYTES], old[SY_G1_BYTES];
    char other[SY_HEX_TEXT_BYTES(32)];
    json_t *spec = porep_spec();
    memset(bytes, 0xff, sizeof bytes); /* no coordinate: found out at once */
    replace_point(bytes, good);
    stage_refused("c2", json_incref(spec), 13, "SY_E_CORRUPT", "cannot be told");
    record_digests();
    stage_refused("c2", json_incref(spec), 14, "SY_E_BUG", "right digests and the C1 file is good");
    memset(other, '1', sizeof other - 1);
    other[sizeof other - 1] = 0;
    stage_refused("c2", stage_with(spec, json_pack("{s:s,s:s}", "seed", other, "verify", "none")),
                  13, "SY_E_MISMATCH", "a wrong proof, of input");
    replace_point(good, old);
    record_digests();
    sy_g1_serialize(bytes, &sy_g1_generator); /* a good point in the wrong place: the proof tells */
    replace_point(bytes, old);
    stage_refused("c2", json_incref(spec), 13, "SY_E_CORRUPT",
                  "poseidon_hasher-8-0-0-sha256_hasher-"
                  "032d3138d22506ec0082ed72b2dcba18df18477904e35bafee82b3793b06832f.params");
    replace_point(good, old);
    json_decref(spec);
}

static int make_directory(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/sealyard-groth16-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    stage_cleanup();
    return sy_file_remove_tree(directory, NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest small[] = {
        cmocka_unit_test(window_parameters_are_the_references),
        cmocka_unit_test(winning_parameters_are_the_references),
        cmocka_unit_test(damaged_parameters_are_refused),
    };
    const struct CMUnitTest porep[] = {
        cmocka_unit_test(porep_parameters_are_the_references),
        cmocka_unit_test(proofs_have_the_references_bytes),
        cmocka_unit_test(stage_c2_proves_the_references_c1),
        cmocka_unit_test(stage_c2_names_damaged_parameters),
    };
    if (argc > 1 && strcmp(argv[1], "porep") == 0)
        return cmocka_run_group_tests(porep, make_directory, remove_directory);
    return cmocka_run_group_tests(small, make_directory, remove_directory);
}
