/* The chain and messaging plugins between a real development chain and a host of the test's own:
 * whole lives of real sectors, refusals, crashes at the points that matter. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/devchain_rig.h"
#include "tests/unit/plugin_rig.h"
#include "tests/unit/sealing_rig.h"

#include "common/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURN_MS 200
#define TURNS_MAX 200

static struct rig rig;
static struct sy_plugin_host host;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    host_init(&host);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    host_fini(&host);
    rig_close(&rig);
    return 0;
}

static int start_chain(const char *more, struct sy_error *err)
{
    char conf[2048];
    snprintf(conf, sizeof(conf),
             "node = \"%s\"\npoll = \"100ms\"\nseed_confidence = 1\nretry_first = \"1s\"\n%s\n",
             rig.url, more);
    return host_start(&host, 0, "chain", conf, err);
}

static int start_messaging(const char *more, struct sy_error *err)
{
    char conf[2048];
    snprintf(
        conf, sizeof(conf),
        "node = \"%s\"\npoll = \"100ms\"\nconfidence = 1\nkey_file = \"%s/keys/worker.key\"\n%s\n",
        rig.url, rig.dir, more);
    return host_start(&host, 1, "messaging", conf, err);
}

static const char LAB[] = "precommit_batch_threshold = 1\ncommit_batch_threshold = 1";

static void start_both(const char *more)
{
    struct sy_error err = {0};
    if (start_chain(more, &err) < 0 || start_messaging("", &err) < 0)
        fail_msg("%s", err.text);
}

/* One turn of the plugins and one epoch. */
static void turn(void)
{
    struct sy_error err = {0};
    if (host_turn(&host, TURN_MS, &err) < 0)
        fail_msg("%s", err.text);
    rig_step(&rig, 1);
}

static void turn_until(const struct sy_sector *sector, uint32_t state)
{
    for (int i = 0; sector->state != state; i++) {
        if (i == TURNS_MAX)
            fail_msg("sector %llu is %s (%s), expected %s", (unsigned long long)sector->number,
                     sy_sector_state_name(sector->state), sector->error,
                     sy_sector_state_name(state));
        turn();
    }
}

/* ---------------------------------------------------------------- sealing ------------------- */

static struct sealing sealings[HOST_SECTORS_MAX + 1]; /* by number */

static void seal_precommit(struct sy_sector *sector)
{
    struct sealing *sealing = &sealings[sector->number];
    struct sy_piece *piece = sector->pieces.items;
    bool has_data = sector->pieces.count != 0;
    sealing->number = sector->number;
    memcpy(sealing->ticket, sector->ticket, 32);
    sealing_precommit(rig.dir, sealing, has_data ? "client data" : NULL,
                      has_data ? piece->padded_bytes : 0);
    if (has_data)
        snprintf(piece->cid, sizeof(piece->cid), "%s",
                 json_string_value(json_object_get(json_array_get(sealing->pieces, 0), "cid")));
    memcpy(sector->comm_d, sealing->comm_d, 32);
    memcpy(sector->comm_r, sealing->comm_r, 32);
}

static void seal_commit(struct sy_sector *sector)
{
    struct sealing *sealing = &sealings[sector->number];
    memcpy(sealing->seed, sector->seed, 32);
    sealing_commit(rig.dir, sealing);
    sector->proof = (struct sy_slice){sealing->proof, sizeof(sealing->proof)};
}

static void seal_really(struct sy_plugin_host *of, struct sy_sector *sector, bool commit)
{
    (void)of;
    if (!commit) {
        seal_precommit(sector);
        sector->state = SY_SECTOR_SubmitPreCommitBatch;
        return;
    }
    seal_commit(sector);
    sector->state = SY_SECTOR_SubmitCommitAggregate;
}

static uint8_t foreign_proof[SY_PROOF_BYTES];

/* commR that nobody could prove, and a proof of something else. */
static void seal_falsely(struct sy_plugin_host *of, struct sy_sector *sector, bool commit)
{
    (void)of;
    memset(sector->comm_r, 0, 32);
    sector->comm_r[0] = (uint8_t)sector->number;
    sealing_foreign_proof(foreign_proof);
    sector->proof = (struct sy_slice){foreign_proof, sizeof(foreign_proof)};
    sector->state = commit ? SY_SECTOR_SubmitCommitAggregate : SY_SECTOR_SubmitPreCommitBatch;
}

/* ---------------------------------------------------------------- whole lives --------------- */

static void two_real_sectors_live_through(void **state)
{
    struct sy_piece piece = {.raw_bytes = 11, .padded_bytes = 1024};
    struct sy_sector *cc = host_add_sector(&host, 1, SY_SECTOR_GetTicket);
    struct sy_sector *data = host_add_sector(&host, 2, SY_SECTOR_GetTicket);
    const struct sy_dc_miner *miner;
    (void)state;
    data->pieces = (struct sy_list){&piece, 1};
    host.seal = seal_really;
    start_both("precommit_batch_threshold = 2\ncommit_batch_threshold = 2");
    turn_until(cc, SY_SECTOR_FinalizeSector);
    turn_until(data, SY_SECTOR_FinalizeSector);
    miner = sy_dc_miner_get(sy_dc_chain_post(rig.chain), 1000);
    assert_int_equal(miner->sector_count, 2);
    assert_int_equal(miner->precommit_count, 0);
    assert_memory_equal(sy_dc_sector_get(miner, 1)->sealed, cc->comm_r, 32);
    assert_memory_equal(sy_dc_sector_get(miner, 2)->sealed, data->comm_r, 32);
    assert_int_equal(cc->activation_epoch, sy_dc_sector_get(miner, 1)->activation);
    assert_true(sy_dc_sector_get(miner, 1)->activation > cc->precommit_epoch + 10);
    assert_false(sy_bigint_is_zero(&sy_dc_sector_get(miner, 2)->deal_weight));
    assert_int_equal(rig.chain->message_count, 2); /* both in one message each time */
    assert_string_equal(host.head.network, "sealyard-devnet");
    rig_reopen(&rig); /* and the chain replays them without judging a proof again */
    assert_int_equal(sy_dc_miner_get(sy_dc_chain_post(rig.chain), 1000)->sector_count, 2);
    for (size_t i = 0; i < SY_ARRAY_SIZE(sealings); i++)
        sealing_fini(&sealings[i]);
}

static void numbers_begin_behind_the_used_ones(void **state)
{
    struct sy_fil_precommit info;
    struct sy_error err = {0};
    (void)state;
    rig_precommit_info(&rig, 6, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0);
    start_both(LAB);
    turn();
    assert_true(host.miner.floor_known);
    assert_int_equal(host.miner.next_number, 7);
    host.miner.floor_known = false;
    host.miner.sector_bytes = 8388608;
    assert_true(host_turn(&host, TURN_MS, &err) < 0);
    assert_non_null(strstr(err.text, "2048 bytes on the chain"));
}

static void ticket_is_the_chains_at_finality(void **state)
{
    struct sy_sector *sector = host_add_sector(&host, 1, SY_SECTOR_GetTicket);
    uint8_t ticket[32];
    (void)state;
    start_both(LAB);
    for (int i = 0; i < 20; i++)
        turn();
    assert_int_equal(sector->state,
                     SY_SECTOR_GetTicket); /* the chain is younger than its finality */
    turn_until(sector, SY_SECTOR_PreCommit1);
    assert_int_equal(sector->ticket_epoch, host.head.height - 20);
    assert_int_equal(sy_dc_chain_draw(rig.chain, false, 5, sector->ticket_epoch, "\x43\x00\xe8\x07",
                                      4, ticket, NULL),
                     0);
    assert_memory_equal(ticket, sector->ticket, 32);
}

/* ---------------------------------------------------------------- pre-commit ---------------- */

static struct sy_sector *waiting_sector(uint64_t number)
{
    struct sy_sector *sector = host_add_sector(&host, number, SY_SECTOR_GetTicket);
    host.seal = seal_falsely;
    return sector;
}

static void batches_wait_for_their_threshold(void **state)
{
    struct sy_sector *first = waiting_sector(1), *second;
    (void)state;
    start_both("precommit_batch_threshold = 2\nprecommit_slack = \"1s\"");
    turn_until(first, SY_SECTOR_SubmitPreCommitBatch);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(first->state, SY_SECTOR_SubmitPreCommitBatch);
    second = waiting_sector(2);
    turn_until(second, SY_SECTOR_WaitSeed);
    assert_int_equal(first->state, SY_SECTOR_WaitSeed);
    assert_string_equal(first->precommit_uid, second->precommit_uid);
    assert_int_equal(rig.chain->message_count, 1);
}

static void own_precommit_on_chain_is_adopted(void **state)
{
    struct sy_sector *sector;
    struct sy_fil_precommit info;
    uint8_t comm_r[32] = {1};
    (void)state;
    rig_precommit_info(&rig, 1, &info);
    sy_fil_cid_sealed(comm_r, &info.sealed);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0);
    sector = waiting_sector(1);
    start_both(LAB);
    turn_until(sector, SY_SECTOR_WaitSeed);
    assert_string_equal(sector->precommit_cid, "");
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_QUEUED), 0);
}

static void foreign_precommit_makes_the_sector_unrecoverable(void **state)
{
    struct sy_sector *sector;
    struct sy_fil_precommit info;
    (void)state;
    rig_precommit_info(&rig, 1, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0);
    sector = waiting_sector(1);
    start_both(LAB);
    turn_until(sector, SY_SECTOR_FailedUnrecoverable);
    assert_non_null(strstr(sector->error, "another commR"));
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_QUEUED), 0);
}

static void expired_ticket_begins_again(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    (void)state;
    host.seal = NULL; /* stays in PreCommit1 */
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommit1);
    rig_step(&rig, 3790);
    memset(sector->comm_r, 1, 32);
    sector->comm_r[31] = 0;
    sector->state = SY_SECTOR_SubmitPreCommitBatch;
    turn();
    assert_non_null(strstr(sector->error, "expired"));
    assert_true(sector->state == SY_SECTOR_GetTicket || sector->state == SY_SECTOR_PreCommit1);
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_QUEUED), 0);
}

static void changed_ticket_begins_again(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    (void)state;
    host.seal = NULL;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommit1);
    sector->ticket[5] ^= 1; /* as if the chain had another history now */
    sector->state = SY_SECTOR_SubmitPreCommitBatch;
    turn();
    assert_non_null(strstr(sector->error, "changed"));
}

static void missing_collateral_waits_without_a_message(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    (void)state;
    start_both("precommit_batch_threshold = 1\ncollateral_from_miner_balance = true");
    turn_until(sector, SY_SECTOR_SubmitPreCommitBatch);
    for (int i = 0; i < 10; i++)
        turn();
    assert_int_equal(sector->state, SY_SECTOR_SubmitPreCommitBatch);
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_QUEUED), 0);
    rig_send(&rig, 0, NULL, 0, "1000000000000000000"); /* topped up */
    turn_until(sector, SY_SECTOR_WaitSeed);
}

static void exit_code_of_money_sends_again_and_others_fail(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    char first[SY_UID_BYTES];
    (void)state;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommitBatchWait);
    host_stop(&host, 1); /* the test plays messaging */
    snprintf(first, sizeof(first), "%s", sector->precommit_uid);
    host.messages[0].state = SY_MESSAGE_ONCHAIN;
    host.messages[0].exit_code = SY_FIL_EXIT_OUT_OF_GAS;
    host.messages[0].height = rig_height(&rig);
    turn();
    assert_int_equal(sector->state, SY_SECTOR_SubmitPreCommitBatch);
    turn();
    assert_int_equal(host.message_count, 1); /* backs off */
    turn_until(sector, SY_SECTOR_PreCommitBatchWait);
    assert_string_not_equal(first, sector->precommit_uid);
    host.messages[1].state = SY_MESSAGE_ONCHAIN;
    host.messages[1].exit_code = SY_FIL_EXIT_ILLEGAL_ARGUMENT;
    turn();
    assert_int_equal(sector->state, SY_SECTOR_PreCommitFailed);
}

/* ---------------------------------------------------------------- commit -------------------- */

static void false_proof_is_found_before_it_is_sent(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    (void)state;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_ComputeProofFailed);
    assert_non_null(strstr(sector->error, "exit 16"));
    assert_non_null(strstr(sector->error, "the proof does not hold"));
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_QUEUED), 1); /* the pre-commit only */
    assert_true(sector->seed_epoch == sector->precommit_epoch + 10);
}

static void batch_return_decides_sector_by_sector(void **state)
{
    static const uint8_t returned[] = {0x82, 0x00, 0x81, 0x82, 0x00, 0x10}; /* [0,[[0,16]]] */
    struct sy_sector *sector = waiting_sector(1);
    struct sy_message *row = &host.messages[0];
    (void)state;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_WaitSeed);
    host_stop(&host, 1);
    sector->state = SY_SECTOR_CommitAggregateWait;
    snprintf(sector->commit_uid, sizeof(sector->commit_uid), "%s", row->uid);
    row->exit_code = 0;
    row->return_bytes = (struct sy_slice){returned, sizeof(returned)};
    turn();
    assert_int_equal(sector->state, SY_SECTOR_ComputeProofFailed);
    sector->state = SY_SECTOR_CommitAggregateWait;
    row->return_bytes =
        (struct sy_slice){"\x82\x01\x80", 3}; /* success, and no such sector: a reorg */
    row->height = rig_height(&rig) - 2;
    turn();
    turn();
    assert_non_null(strstr(sector->error, "reorg"));
}

static void changed_seed_waits_for_the_seed_again(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    (void)state;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_WaitSeed);
    host.seal = NULL; /* stays in Committing */
    turn_until(sector, SY_SECTOR_Committing);
    sector->seed[0] ^= 1;
    sector->proof = (struct sy_slice){foreign_proof, sizeof(foreign_proof)};
    sector->state = SY_SECTOR_SubmitCommitAggregate;
    turn();
    assert_non_null(strstr(sector->error, "seed"));
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_QUEUED), 1);
}

/* ---------------------------------------------------------------- messaging ----------------- */

static void lost_proposal_is_made_again_with_the_same_nonce(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    (void)state;
    host.hold_signed = true;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommitBatchWait);
    for (int i = 0; i < 5; i++)
        turn();
    assert_int_equal(rig.chain->message_count, 0); /* nothing leaves before it is durable */
    assert_int_equal(rig.chain->pool_count, 0);
    host_stop(&host, 1); /* crash */
    host.hold_signed = false;
    assert_int_equal(start_messaging("", NULL), 0);
    turn_until(sector, SY_SECTOR_WaitSeed);
    assert_int_equal(rig.chain->message_count, 1);
    assert_int_equal(rig.chain->messages[0]->message.message.nonce, 0);
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_SIGNED), 1);
}

static void proposal_that_is_not_taken_is_repeated_byte_for_byte(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    uint64_t before;
    (void)state;
    host.hold_signed = true;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommitBatchWait);
    turn();
    turn();
    before = host.held_count;
    assert_true(before >= 1);
    for (int i = 0; i < 60; i++) /* twelve seconds */
        turn();
    assert_int_equal(host.held_count, before + 2);
    assert_int_equal(host.held_changes, 0);
    host.hold_signed = false;
    turn_until(sector, SY_SECTOR_WaitSeed);
    assert_int_equal(rig.chain->message_count, 1);
}

static void signed_row_is_pushed_after_a_restart_and_never_signed_anew(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    struct sy_message *row = &host.messages[0];
    (void)state;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommitBatchWait);
    for (int i = 0; row->state != SY_MESSAGE_SIGNED; i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(host_turn(&host, TURN_MS, NULL), 0);
    }
    host_stop(&host, 1); /* killed after the commit, before or after the push */
    while (rig.chain->pool_count)
        sy_dc_message_destroy(rig.chain->pool[--rig.chain->pool_count]); /* the node lost it too */
    assert_int_equal(start_messaging("", NULL), 0);
    turn_until(sector, SY_SECTOR_WaitSeed);
    assert_int_equal(rig.chain->message_count, 1);
    assert_int_equal(rig.chain->messages[0]->size, row->signed_bytes.bytes);
    assert_memory_equal(rig.chain->messages[0]->bytes, row->signed_bytes.data,
                        row->signed_bytes.bytes);
    assert_int_equal(host_count(&host, SY_EVENT_MESSAGE_SIGNED), 1);
    assert_string_equal(row->signed_cid, sector->precommit_cid);
}

static void message_that_landed_while_nobody_looked_is_found(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    struct sy_message *row = &host.messages[0];
    (void)state;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommitBatchWait);
    while (rig.chain->pool_count == 0)
        assert_int_equal(host_turn(&host, TURN_MS, NULL), 0);
    host_stop(&host, 1);
    rig_step(&rig, 5); /* it lands */
    assert_int_equal(row->state, SY_MESSAGE_SIGNED);
    assert_int_equal(start_messaging("", NULL), 0);
    turn_until(sector, SY_SECTOR_WaitSeed);
    assert_int_equal(rig.chain->message_count, 1);
    assert_int_equal(row->state, SY_MESSAGE_ONCHAIN);
}

static void nonces_follow_each_other_without_gaps(void **state)
{
    struct sy_sector *sectors[4];
    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        sectors[i] = waiting_sector(i + 1);
    start_both(LAB);
    for (int i = 0; i < 4; i++)
        turn_until(sectors[i], SY_SECTOR_WaitSeed);
    for (uint32_t i = 0; i < host.message_count; i++)
        assert_true(host.messages[i].nonce < host.message_count);
    assert_true(rig.chain->message_count >= 4 || host.message_count == 1);
    for (uint32_t i = 0; i < rig.chain->message_count; i++)
        assert_int_equal(rig.chain->messages[i]->message.message.nonce, i);
}

static void stolen_nonce_fails_the_message(void **state)
{
    struct sy_sector *sector = waiting_sector(1);
    struct sy_message *row = &host.messages[0];
    struct sy_fil_signed_message thief;
    (void)state;
    start_both(LAB);
    turn_until(sector, SY_SECTOR_PreCommitBatchWait);
    host_stop(&host, 0);
    for (int i = 0; row->state != SY_MESSAGE_SIGNED; i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(host_turn(&host, TURN_MS, NULL), 0);
    }
    while (rig.chain->pool_count)
        sy_dc_message_destroy(rig.chain->pool[--rig.chain->pool_count]);
    rig_message(&rig, 0, NULL, 0, "1", &thief); /* the same key in another program */
    assert_int_equal(thief.message.nonce, row->nonce);
    rig_push(&rig, &thief);
    rig_step(&rig, 1);
    for (int i = 0; row->state == SY_MESSAGE_SIGNED; i++) {
        assert_true(i < TURNS_MAX);
        turn();
    }
    assert_int_equal(row->state, SY_MESSAGE_FAILED);
    assert_non_null(strstr(row->error, "another program uses this key"));
}

static void bad_configuration_is_refused(void **state)
{
    struct sy_error err = {0};
    char path[1024];
    (void)state;
    snprintf(path, sizeof(path), "%s/keys/worker.key", rig.dir);
    assert_true(start_messaging("sender = \"t1vpbyljfcpchdhw3pulxcyq55nx6mqodfnobzfoi\"", &err) <
                0);
    assert_non_null(strstr(err.text, "is not the address of the key"));
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(start_messaging("", &err), -SY_E_DENIED);
    assert_non_null(strstr(err.text, "chmod 600"));
    assert_true(start_messaging("colour = 1", &err) < 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(host_start(&host, 0, "chain", "poll = \"1s\"", &err) < 0);
    assert_non_null(strstr(err.text, "node"));
}

static void absent_node_is_an_error_that_passes(void **state)
{
    struct sy_error err = {0};
    (void)state;
    assert_int_equal(host_start(&host, 0, "chain",
                                "node = \"http://127.0.0.1:9/rpc/v1\"\npoll = \"100ms\"", &err),
                     0);
    assert_int_equal(host_turn(&host, TURN_MS, &err), -SY_E_UNREACHABLE);
    assert_int_equal(err.class, SY_CLASS_TRANSIENT);
}

static void wrong_network_is_refused(void **state)
{
    struct sy_error err = {0};
    (void)state;
    assert_int_equal(start_chain("network = \"mainnet\"", &err), 0);
    assert_true(host_turn(&host, TURN_MS, &err) < 0);
    assert_non_null(strstr(err.text, "sealyard-devnet"));
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* `proofs`: what takes real proofs, seconds each. Else everything that does not. */
int main(int argc, char **argv)
{
    const struct CMUnitTest proofs[] = {
        RIG_TEST(two_real_sectors_live_through),
    };
    const struct CMUnitTest tests[] = {
        RIG_TEST(numbers_begin_behind_the_used_ones),
        RIG_TEST(ticket_is_the_chains_at_finality),
        RIG_TEST(batches_wait_for_their_threshold),
        RIG_TEST(own_precommit_on_chain_is_adopted),
        RIG_TEST(foreign_precommit_makes_the_sector_unrecoverable),
        RIG_TEST(expired_ticket_begins_again),
        RIG_TEST(changed_ticket_begins_again),
        RIG_TEST(missing_collateral_waits_without_a_message),
        RIG_TEST(exit_code_of_money_sends_again_and_others_fail),
        RIG_TEST(false_proof_is_found_before_it_is_sent),
        RIG_TEST(batch_return_decides_sector_by_sector),
        RIG_TEST(changed_seed_waits_for_the_seed_again),
        RIG_TEST(lost_proposal_is_made_again_with_the_same_nonce),
        RIG_TEST(proposal_that_is_not_taken_is_repeated_byte_for_byte),
        RIG_TEST(signed_row_is_pushed_after_a_restart_and_never_signed_anew),
        RIG_TEST(message_that_landed_while_nobody_looked_is_found),
        RIG_TEST(nonces_follow_each_other_without_gaps),
        RIG_TEST(stolen_nonce_fails_the_message),
        RIG_TEST(bad_configuration_is_refused),
        RIG_TEST(absent_node_is_an_error_that_passes),
        RIG_TEST(wrong_network_is_refused),
    };
    if (argc > 1 && strcmp(argv[1], "proofs") == 0)
        return cmocka_run_group_tests(proofs, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
