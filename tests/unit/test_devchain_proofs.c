/* The development chain and real Groth16 proofs: it takes true ones and nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/devchain_rig.h"
#include "tests/unit/sealing_rig.h"

#include "common/fil/randomness.h"
#include "common/file.h"
#include "tasks/field/curve.h"
#include "tasks/snark/aggregate.h"
#include "tasks/snark/params_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTORS 4
#define DELAY 10

static struct rig
    origin; /* SECTORS pre-committed sectors that may be proven; never open in a test */
static struct sealing sealings[SECTORS]; /* numbers 1 .. SECTORS */
static struct rig rig;                   /* the test's own copy */
static struct sy_fil_batch_return batch; /* of the last message */

static void draw(bool beacon, int64_t tag, int64_t epoch, uint8_t ret[32])
{
    uint8_t entropy[SY_FIL_ENTROPY_BYTES];
    size_t bytes = sy_fil_miner_entropy(RIG_MINER, entropy);
    assert_int_equal(sy_dc_chain_draw(origin.chain, beacon, tag, epoch, entropy, bytes, ret, NULL),
                     0);
}

static int seal_all(void **state)
{
    struct sy_fil_precommit infos[SECTORS];
    const struct sy_dc_message *message;
    (void)state;
    rig_open(&origin, NULL);
    for (uint64_t i = 0; i < SECTORS; i++) {
        sealings[i].number = i + 1;
        rig_precommit_info(&origin, i + 1, &infos[i]);
        draw(false, 5, infos[i].seal_rand_epoch, sealings[i].ticket);
        sealing_precommit(origin.dir, &sealings[i], NULL, 0);
        sy_fil_cid_sealed(sealings[i].comm_r, &infos[i].sealed);
    }
    message = rig_precommit(&origin, infos, SECTORS);
    assert_int_equal(message->exit_code, 0);
    rig_step(&origin, DELAY);
    for (uint64_t i = 0; i < SECTORS; i++) {
        draw(true, 6, origin.chain->tipsets[message->tipset].height + DELAY, sealings[i].seed);
        sealing_commit(origin.dir, &sealings[i]);
    }
    rig_shut(&origin);
    return 0;
}

static int forget_all(void **state)
{
    (void)state;
    for (int i = 0; i < SECTORS; i++)
        sealing_fini(&sealings[i]);
    rig_close(&origin);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    rig_open_copy(&rig, &origin, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static uint32_t sectors_on_chain(void)
{
    return sy_dc_miner_get(sy_dc_chain_post(rig.chain), RIG_MINER)->sector_count;
}

/* ProveCommitSectors3 of sectors 1 .. count with these proofs; the BatchReturn goes to `batch`. */
static const struct sy_dc_message *prove(const uint8_t (*proofs)[SY_PROOF_BYTES], size_t count)
{
    static const uint64_t numbers[SECTORS] = {1, 2, 3, 4};
    const struct sy_dc_message *message = rig_prove(&rig, numbers, proofs, count);
    assert_int_equal(message->exit_code, 0);
    assert_int_equal(
        sy_fil_batch_return_decode(message->returned, message->return_bytes, &batch, NULL), 0);
    return message;
}

static void take_true_proofs(uint8_t ret[SECTORS][SY_PROOF_BYTES])
{
    for (int i = 0; i < SECTORS; i++)
        memcpy(ret[i], sealings[i].proof, SY_PROOF_BYTES);
}

/* Sector 1 with this proof of any length: refused, for a reason that contains `part`. */
static void expect_refused(const uint8_t *proof, size_t bytes, const char *part)
{
    static uint8_t params[SY_FIL_MESSAGE_BYTES_MAX];
    const struct sy_dc_message *message;
    struct sy_fil_prove prove_params;
    size_t params_bytes;
    sy_fil_prove_init(&prove_params);
    assert_int_equal(sy_fil_prove_add_sector(&prove_params, 1, NULL), 0);
    assert_int_equal(sy_fil_prove_add_proof(&prove_params, proof, bytes, NULL), 0);
    assert_int_equal(
        sy_fil_prove_encode(&prove_params, params, sizeof(params), &params_bytes, NULL), 0);
    sy_fil_prove_fini(&prove_params);
    message = rig_send(&rig, SY_FIL_METHOD_PROVE, params, params_bytes, "1000000000000000000");
    assert_int_equal(message->exit_code, 0);
    assert_int_equal(
        sy_fil_batch_return_decode(message->returned, message->return_bytes, &batch, NULL), 0);
    if (sy_fil_batch_return_code(&batch, 0) != SY_FIL_EXIT_ILLEGAL_ARGUMENT ||
        !strstr(message->error, part))
        fail_msg("code %u \"%s\", expected \"%s\"", sy_fil_batch_return_code(&batch, 0),
                 message->error, part);
    assert_int_equal(sectors_on_chain(), 0);
}

static void true_proofs_are_taken_and_stay(void **state)
{
    uint8_t proofs[SECTORS][SY_PROOF_BYTES];
    (void)state;
    take_true_proofs(proofs);
    assert_string_equal(prove((const uint8_t(*)[SY_PROOF_BYTES])proofs, SECTORS)->error, "");
    assert_int_equal(batch.success_count, SECTORS);
    assert_int_equal(batch.failure_count, 0);
    assert_int_equal(sectors_on_chain(), SECTORS);
    snprintf(rig.config.parameters, sizeof(rig.config.parameters), "%.500s/none", rig.dir);
    rig_reopen(&rig); /* what was judged once needs no keys */
    assert_int_equal(sectors_on_chain(), SECTORS);
}

static void false_proofs_fail_beside_a_true_one(void **state)
{
    uint8_t proofs[SECTORS][SY_PROOF_BYTES];
    const struct sy_dc_message *message;
    (void)state;
    take_true_proofs(proofs);
    memcpy(proofs[1], sealings[0].proof, SY_PROOF_BYTES); /* of another sector */
    sealing_foreign_proof(proofs[2]);                     /* of another network */
    proofs[3][100] ^= 1;
    message = prove((const uint8_t(*)[SY_PROOF_BYTES])proofs, SECTORS);
    assert_non_null(strstr(message->error, "sector 2: the proof does not hold"));
    assert_int_equal(batch.success_count, 1);
    assert_int_equal(batch.failure_count, 3);
    assert_int_equal(sy_fil_batch_return_code(&batch, 0), 0);
    for (uint32_t i = 1; i < SECTORS; i++)
        assert_int_equal(sy_fil_batch_return_code(&batch, i), SY_FIL_EXIT_ILLEGAL_ARGUMENT);
    assert_int_equal(sectors_on_chain(), 1);
    rig_reopen(&rig);
    assert_int_equal(sectors_on_chain(), 1);
}

static void swapped_proofs_are_refused(void **state)
{
    uint8_t proofs[SECTORS][SY_PROOF_BYTES];
    (void)state;
    take_true_proofs(proofs);
    memcpy(proofs[0], sealings[1].proof, SY_PROOF_BYTES);
    memcpy(proofs[1], sealings[0].proof, SY_PROOF_BYTES);
    prove((const uint8_t(*)[SY_PROOF_BYTES])proofs, 2);
    assert_int_equal(batch.success_count, 0);
    assert_int_equal(sectors_on_chain(), 0);
}

static void every_changed_byte_is_refused(void **state)
{
    static const size_t at[] = {0, 1, 47, 48, 49, 95, 96, 143, 144, 145, 191};
    uint8_t proof[SY_PROOF_BYTES];
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(at); i++) {
        for (int bit = 0; bit < 8; bit += 5) { /* in byte 0, bit 5 is the sign of y */
            memcpy(proof, sealings[0].proof, sizeof(proof));
            proof[at[i]] ^= (uint8_t)(1 << bit);
            expect_refused(proof, sizeof(proof), "sector 1: ");
        }
    }
}

static void points_of_the_groups_are_no_proof(void **state)
{
    uint8_t proof[SY_PROOF_BYTES];
    (void)state;
    sy_g1_compress(proof, &sy_g1_generator);
    sy_g2_compress(proof + 48, &sy_g2_generator);
    sy_g1_compress(proof + 144, &sy_g1_generator);
    expect_refused(proof, sizeof(proof), "the proof does not hold");
    memcpy(proof + 144, sealings[0].proof + 144, 48); /* and one true point */
    expect_refused(proof, sizeof(proof), "the proof does not hold");
    memset(proof, 0, sizeof(proof)); /* infinity where pairings would be one */
    proof[0] = proof[48] = proof[144] = 0xc0;
    expect_refused(proof, sizeof(proof), "infinity");
}

static void proofs_of_another_length_are_refused(void **state)
{
    uint8_t proof[2 * SY_PROOF_BYTES];
    (void)state;
    memcpy(proof, sealings[0].proof, SY_PROOF_BYTES);
    memcpy(proof + SY_PROOF_BYTES, sealings[0].proof, SY_PROOF_BYTES);
    expect_refused(proof, 0, "192 bytes");
    expect_refused(proof, SY_PROOF_BYTES - 1, "192 bytes");
    expect_refused(proof, SY_PROOF_BYTES + 1, "192 bytes");
    expect_refused(proof, 2 * SY_PROOF_BYTES, "192 bytes");
}

static void keys_in(char ret[SY_PATH_BYTES], const char *directory)
{
    assert_int_equal(
        sy_params_store_path(ret, directory, SY_CIRCUIT_POREP, 2048, SY_PARAMS_VK, NULL), 0);
}

static void own_keys(struct sy_dc_config *config)
{
    snprintf(config->parameters, sizeof(config->parameters), "%.500s/keys-of-proofs", config->dir);
    assert_int_equal(sy_file_make_directory(config->parameters, 0700, NULL), 0);
}

static void missing_and_damaged_keys_refuse_a_true_proof(void **state)
{
    uint8_t proofs[SECTORS][SY_PROOF_BYTES];
    char path[SY_PATH_BYTES], right[SY_PATH_BYTES], *key;
    size_t bytes;
    (void)state;
    take_true_proofs(proofs);
    rig_open_copy(&rig, &origin, own_keys);
    expect_refused(proofs[0], SY_PROOF_BYTES, "no verifying key: run sealyard params generate");
    keys_in(right, sealing_parameters());
    keys_in(path, rig.config.parameters);
    assert_int_equal(sy_file_read(right, 1u << 20, &key, &bytes, NULL), 0);
    assert_int_equal(sy_file_write(path, key, bytes - 1, 0600, NULL), 0);
    expect_refused(proofs[0], SY_PROOF_BYTES, "");
    key[200] ^= 1; /* in the second point */
    assert_int_equal(sy_file_write(path, key, bytes, 0600, NULL), 0);
    expect_refused(proofs[0], SY_PROOF_BYTES, "");
    key[200] ^= 1;
    assert_int_equal(sy_file_write(path, key, bytes, 0600, NULL), 0);
    prove((const uint8_t(*)[SY_PROOF_BYTES])proofs, SECTORS); /* without a restart */
    assert_int_equal(batch.success_count, SECTORS);
    free(key);
    rig_close(&rig);
}

/* ---------------------------------------------------------------- aggregates ---------------- */

static uint8_t *aggregate; /* of all proofs in the order of the sectors */
static size_t aggregate_bytes;

static void add_srs(struct sy_dc_config *config)
{
    char from[SY_PATH_BYTES], to[SY_PATH_BYTES];
    struct sy_fr alpha, beta;
    struct sy_srs srs;
    struct sy_porep_claim claims[SECTORS] = {0};
    uint8_t proofs[SECTORS][SY_PROOF_BYTES], include[SY_AGGREGATE_INCLUDE_BYTES];
    own_keys(config);
    keys_in(from, sealing_parameters());
    keys_in(to, config->parameters);
    assert_int_equal(symlink(from, to), 0);
    sy_fr_from_u64(&alpha, 12345);
    sy_fr_from_u64(&beta, 67890);
    snprintf(to, sizeof(to), "%.900s/%s", config->parameters, SY_SRS_FILE_NAME);
    assert_int_equal(sy_srs_generate(to, SECTORS, &alpha, &beta, NULL), 0);
    assert_int_equal(sy_srs_open(&srs, to, SECTORS, 0, NULL), 0);
    for (int i = 0; i < SECTORS; i++) {
        claims[i].proof_type = 5;
        memcpy(claims[i].seed, sealings[i].seed, 32);
        memcpy(claims[i].comm_r, sealings[i].comm_r, 32);
    }
    take_true_proofs(proofs);
    sy_aggregate_include(claims, SECTORS, include);
    assert_int_equal(sy_aggregate_prove(&srs, SY_SNARKPACK_V2, include, proofs[0], SECTORS, 0,
                                        &aggregate, &aggregate_bytes, NULL),
                     0);
    sy_srs_fini(&srs);
}

static int setup_aggregate(void **state)
{
    (void)state;
    rig_open_copy(&rig, &origin, add_srs);
    return 0;
}

static int teardown_aggregate(void **state)
{
    free(aggregate);
    aggregate = NULL;
    return teardown(state);
}

static void aggregate_init(struct sy_fil_prove *ret, const uint64_t *numbers, size_t count)
{
    sy_fil_prove_init(ret);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(sy_fil_prove_add_sector(ret, numbers[i], NULL), 0);
    ret->aggregate = (struct sy_fil_bytes){aggregate, aggregate_bytes};
    ret->has_aggregate_type = true;
    ret->aggregate_type = 1;
}

static const struct sy_dc_message *send_prove(const struct sy_fil_prove *prove_params)
{
    static uint8_t params[SY_FIL_MESSAGE_BYTES_MAX];
    size_t bytes;
    assert_int_equal(sy_fil_prove_encode(prove_params, params, sizeof(params), &bytes, NULL), 0);
    return rig_send(&rig, SY_FIL_METHOD_PROVE, params, bytes, "1000000000000000000");
}

static void expect_message_refused(const struct sy_fil_prove *prove_params, const char *part)
{
    const struct sy_dc_message *message = send_prove(prove_params);
    if (message->exit_code != SY_FIL_EXIT_ILLEGAL_ARGUMENT || !strstr(message->error, part))
        fail_msg("exit %u \"%s\", expected \"%s\"", message->exit_code, message->error, part);
    assert_int_equal(sectors_on_chain(), 0);
}

static const uint64_t NUMBERS[SECTORS] = {1, 2, 3, 4};

static void true_aggregate_is_taken_and_stays(void **state)
{
    struct sy_fil_prove prove_params;
    const struct sy_dc_message *message;
    (void)state;
    aggregate_init(&prove_params, NUMBERS, SECTORS);
    message = send_prove(&prove_params);
    assert_string_equal(message->error, "");
    assert_int_equal(message->exit_code, 0);
    assert_int_equal(
        sy_fil_batch_return_decode(message->returned, message->return_bytes, &batch, NULL), 0);
    assert_int_equal(batch.success_count, SECTORS);
    snprintf(rig.config.parameters, sizeof(rig.config.parameters), "%.500s/none", rig.dir);
    rig_reopen(&rig);
    assert_int_equal(sectors_on_chain(), SECTORS);
    sy_fil_prove_fini(&prove_params);
}

static void false_aggregates_fail_the_message(void **state)
{
    static const uint64_t swapped[SECTORS] = {1, 3, 2, 4};
    static const size_t at[] = {100, 1000, 1500, 2000, 5000};
    struct sy_fil_prove prove_params;
    (void)state;
    aggregate_init(&prove_params, swapped, SECTORS);
    expect_message_refused(&prove_params, "aggregate refused");
    sy_fil_prove_fini(&prove_params);
    aggregate_init(&prove_params, NUMBERS, SECTORS);
    for (size_t i = 0; i < SY_ARRAY_SIZE(at); i++) {
        aggregate[at[i]] ^= 1;
        expect_message_refused(&prove_params, "aggregate refused");
        aggregate[at[i]] ^= 1;
    }
    prove_params.aggregate.bytes--;
    expect_message_refused(&prove_params, "aggregate refused");
    prove_params.aggregate.bytes++;
    prove_params.aggregate_type = 0;
    expect_message_refused(&prove_params, "SnarkPackV2");
    prove_params.has_aggregate_type = false;
    expect_message_refused(&prove_params, "SnarkPackV2");
    sy_fil_prove_fini(&prove_params);
    aggregate_init(&prove_params, NUMBERS, SECTORS - 1);
    expect_message_refused(&prove_params, "expected 4 to 819");
    sy_fil_prove_fini(&prove_params);
}

static void proofs_and_aggregates_exclude_each_other(void **state)
{
    struct sy_fil_prove prove_params;
    (void)state;
    aggregate_init(&prove_params, NUMBERS, SECTORS);
    for (int i = 0; i < SECTORS; i++)
        assert_int_equal(
            sy_fil_prove_add_proof(&prove_params, sealings[i].proof, SY_PROOF_BYTES, NULL), 0);
    expect_message_refused(&prove_params, "expected either");
    prove_params.aggregate.bytes = 0;
    expect_message_refused(&prove_params, "expected null");
    prove_params.proof_count = 0;
    expect_message_refused(&prove_params, "expected either");
    sy_fil_prove_fini(&prove_params);
}

/* An aggregate that holds, over a sector whose declared data is not what was committed. */
static void sector_of_wrong_data_fails_beside_a_true_aggregate(void **state)
{
    struct sy_fil_prove_piece piece = {.padded_bytes = 2048};
    struct sy_fil_prove prove_params;
    const struct sy_dc_message *message;
    uint8_t comm[32] = {9};
    (void)state;
    aggregate_init(&prove_params, NUMBERS, SECTORS);
    sy_fil_cid_unsealed(comm, &piece.cid);
    assert_int_equal(sy_fil_prove_add_piece(&prove_params, &piece, NULL), 0); /* the last sector */
    message = send_prove(&prove_params);
    assert_int_equal(message->exit_code, 0);
    assert_non_null(strstr(message->error, "sector 4: commD of the pieces"));
    assert_int_equal(
        sy_fil_batch_return_decode(message->returned, message->return_bytes, &batch, NULL), 0);
    assert_int_equal(sy_fil_batch_return_code(&batch, 3), SY_FIL_EXIT_ILLEGAL_ARGUMENT);
    assert_int_equal(sectors_on_chain(), SECTORS - 1);
    sy_fil_prove_fini(&prove_params);
}

static void missing_reference_string_refuses_a_true_aggregate(void **state)
{
    struct sy_fil_prove prove_params;
    char path[SY_PATH_BYTES];
    (void)state;
    snprintf(path, sizeof(path), "%.900s/%s", rig.config.parameters, SY_SRS_FILE_NAME);
    assert_int_equal(unlink(path), 0);
    aggregate_init(&prove_params, NUMBERS, SECTORS);
    expect_message_refused(&prove_params, SY_SRS_FILE_NAME);
    assert_int_equal(sy_file_write(path, "", 0, 0600, NULL), 0);
    expect_message_refused(&prove_params, "aggregate refused");
    sy_fil_prove_fini(&prove_params);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define AGGREGATE_TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, setup_aggregate, teardown_aggregate)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(true_proofs_are_taken_and_stay),
        RIG_TEST(false_proofs_fail_beside_a_true_one),
        RIG_TEST(swapped_proofs_are_refused),
        RIG_TEST(every_changed_byte_is_refused),
        RIG_TEST(points_of_the_groups_are_no_proof),
        RIG_TEST(proofs_of_another_length_are_refused),
        cmocka_unit_test(missing_and_damaged_keys_refuse_a_true_proof),
        AGGREGATE_TEST(true_aggregate_is_taken_and_stays),
        AGGREGATE_TEST(false_aggregates_fail_the_message),
        AGGREGATE_TEST(proofs_and_aggregates_exclude_each_other),
        AGGREGATE_TEST(sector_of_wrong_data_fails_beside_a_true_aggregate),
        AGGREGATE_TEST(missing_reference_string_refuses_a_true_aggregate),
    };
    return cmocka_run_group_tests(tests, seal_all, forget_all);
}
