/* The development chain over HTTP: shapes, refusals, executions. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/devchain_rig.h"
#include "tests/unit/sealing_rig.h"

#include "common/file.h"
#include "ops/devchain/money.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static const char *text_of(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    assert_non_null(text);
    return text;
}

/* ---------------------------------------------------------------- protocol ------------------ */

static void protocol_errors_have_their_codes_and_statuses(void **state)
{
    json_t *json;
    int status;
    (void)state;
    assert_int_equal(rig_refused(&rig, "Nothing", "[]", "not found"), -32601);
    assert_int_equal(rig_refused(&rig, "ChainHead", "[1]", "wrong param count"), -32602);
    assert_int_equal(rig_refused(&rig, "StateNetworkVersion", "[]", "wrong param count"), -32602);
    assert_int_equal(rig_refused(&rig, "StateGetActor", "[5,[]]", "address"), -32602);
    assert_int_equal(rig_refused(&rig, "StateGetActor", "[\"t09999\",[]]", "actor not found"), 11);
    assert_int_equal(rig_refused(&rig, "StateMinerInfo", "[\"t0100\",[]]", "not a miner"), 1);
    assert_int_equal(rig_refused(&rig, "StateNetworkVersion", "{}", "Invalid request"), -32600);
    json = rig_http(&rig, "/rpc/v1", NULL, "{", &status);
    assert_int_equal(status, 500);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "error"), "code")),
                     -32700);
    json_decref(json);
    assert_null(rig_http(&rig, "/rpc/v0", NULL, "{}", &status));
    assert_int_equal(status, 404);
    assert_null(rig_http(&rig, "/rpc/v1", NULL,
                         "{\"jsonrpc\":\"2.0\",\"method\":\"Filecoin.ChainHead\"}", &status));
    assert_int_equal(status, 200);
}

static void want_token(struct sy_dc_config *config)
{
    config->require_token = true;
}

static void pushing_needs_the_token_when_asked_for(void **state)
{
    static const char read[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Filecoin.ChainHead\"}";
    static const char push[] =
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Filecoin.MpoolPush\",\"params\":[{}]}";
    char path[1024], *token;
    struct rig guarded;
    size_t bytes;
    json_t *json;
    int status;
    (void)state;
    rig_open(&guarded, want_token);
    snprintf(path, sizeof(path), "%s/token", guarded.dir);
    assert_int_equal(sy_file_read(path, 1000, &token, &bytes, NULL), 0);
    token[strcspn(token, "\n")] = 0;
    json = rig_http(&guarded, "/rpc/v1", NULL, read, &status);
    assert_int_equal(status, 200);
    json_decref(json);
    json = rig_http(&guarded, "/rpc/v1", NULL, push, &status);
    assert_string_equal(text_of(json_object_get(json, "error"), "message"),
                        "missing permission to invoke 'MpoolPush' (need 'write')");
    json_decref(json);
    assert_null(rig_http(&guarded, "/rpc/v1", "wrong", read, &status));
    assert_int_equal(status, 401);
    json = rig_http(&guarded, "/rpc/v1", token, push, &status);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "error"), "code")),
                     -32602);
    json_decref(json);
    free(token);
    rig_close(&guarded);
}

static void network_tells_who_it_is(void **state)
{
    json_t *json = rig_call(&rig, "StateNetworkName", "[]");
    (void)state;
    assert_string_equal(json_string_value(json), "sealyard-devnet");
    json_decref(json);
    json = rig_call(&rig, "StateGetNetworkParams", "[]");
    assert_int_equal(json_integer_value(json_object_get(json, "PreCommitChallengeDelay")), 10);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "Sealyard"), "Finality")), 20);
    json_decref(json);
    json = rig_call(&rig, "StateMinerInfo", "[\"f01000\",null]");
    assert_int_equal(json_integer_value(json_object_get(json, "SectorSize")), 2048);
    assert_int_equal(json_integer_value(json_object_get(json, "WindowPoStProofType")), 10);
    assert_string_equal(text_of(json, "Worker"), "t0100");
    json_decref(json);
    json = rig_call(&rig, "StateMinerAllocated", "[\"t01000\",[]]");
    assert_int_equal(json_integer_value(json_array_get(json, 0)), 0);
    json_decref(json);
}

static void third_null(struct sy_dc_config *config)
{
    config->genesis.null_every = 3;
}

static int64_t height_at(struct rig *nulls, const char *method, int64_t height)
{
    char params[64];
    json_t *json;
    int64_t found;
    snprintf(params, sizeof(params), "[%lld,[]]", (long long)height);
    json = rig_call(nulls, method, params);
    found = json_integer_value(json_object_get(json, "Height"));
    json_decref(json);
    return found;
}

static void null_rounds_have_neighbours_and_two_beacon_entries(void **state)
{
    struct rig nulls;
    json_t *json, *block;
    (void)state;
    rig_open(&nulls, third_null);
    rig_step(&nulls, 7);
    assert_int_equal(rig_height(&nulls), 7);
    assert_int_equal(height_at(&nulls, "ChainGetTipSetByHeight", 6), 5);
    assert_int_equal(height_at(&nulls, "ChainGetTipSetAfterHeight", 6), 7);
    assert_int_equal(height_at(&nulls, "ChainGetTipSetByHeight", 4), 4);
    json = rig_call(&nulls, "ChainHead", "[]");
    block = json_array_get(json_object_get(json, "Blocks"), 0);
    assert_int_equal(json_array_size(json_object_get(block, "BeaconEntries")), 2);
    json_decref(json);
    rig_refused(&nulls, "StateGetRandomnessFromTickets", "[5,8,null,[]]",
                "cannot draw randomness from the future");
    json_decref(rig_call(&nulls, "StateGetRandomnessFromBeacon", "[6,6,null,[]]"));
    rig_close(&nulls);
}

static void old_state_is_refused_instead_of_answered_wrongly(void **state)
{
    json_t *json = rig_call(&rig, "ChainHead", "[]"), *params;
    char *text;
    (void)state;
    params = json_pack("[s, O]", "t01000", json_object_get(json, "Cids"));
    text = json_dumps(params, 0);
    rig_step(&rig, 1);
    rig_refused(&rig, "StateMinerAllocated", text, "is not kept");
    free(text);
    json_decref(params);
    json_decref(json);
}

/* ---------------------------------------------------------------- mempool ------------------- */

static void bad_messages_are_not_taken(void **state)
{
    static uint8_t big[SY_FIL_MESSAGE_BYTES_MAX];
    struct sy_fil_signed_message message;
    (void)state;
    rig_message(&rig, 0, NULL, 0, "5", &message);
    message.signature.data[3] ^= 1;
    rig_push_refused(&rig, &message, "invalid signature");
    rig_message(&rig, 0, NULL, 0, "5", &message);
    message.message.value = sy_bigint_from(6); /* signed another value */
    rig_push_refused(&rig, &message, "invalid signature");
    rig_message(&rig, 0, NULL, 0, "5", &message);
    message.message.nonce = 6;
    rig_sign(&rig, &message);
    rig_push_refused(&rig, &message, "unfulfilled nonce gap");
    rig_message(&rig, 0, NULL, 0, "20000001000000000000000000", &message);
    rig_push_refused(&rig, &message, "not enough funds to execute transaction");
    rig_message(&rig, 0, NULL, 0, "5", &message);
    message.message.gas_limit = 1000;
    rig_sign(&rig, &message);
    rig_push_refused(&rig, &message, "'GasLimit' field cannot be less than the cost");
    message.message.gas_limit = SY_DC_BLOCK_GAS_LIMIT + 1;
    rig_sign(&rig, &message);
    rig_push_refused(&rig, &message, "'GasLimit'");
    rig_message(&rig, 0, NULL, 0, "5", &message);
    message.message.gas_premium = sy_bigint_from(1000001);
    rig_sign(&rig, &message);
    rig_push_refused(&rig, &message, "'GasFeeCap' less than 'GasPremium'");
    rig_message(&rig, 0, NULL, 0, "5", &message);
    message.message.params = big;
    message.message.params_bytes = sizeof(big) - 100;
    rig_push_refused(&rig, &message, "message too big");
    assert_int_equal(rig.chain->pool_count, 0);
}

static void nonces_are_used_in_order_and_once(void **state)
{
    struct sy_fil_signed_message first, second;
    json_t *json;
    char params[256], text[SY_FIL_ADDRESS_TEXT_BYTES];
    (void)state;
    rig_message(&rig, 0, NULL, 0, "1", &first);
    second = first;
    second.message.nonce = 1;
    rig_sign(&rig, &second);
    rig_push(&rig, &second); /* a gap of one may wait */
    rig_step(&rig, 2);
    assert_int_equal(rig.chain->message_count, 0);
    rig_push(&rig, &first);
    rig_push_refused(&rig, &first, "already exists");
    snprintf(params, sizeof(params), "[\"%s\"]",
             sy_fil_address_print(&rig.chain->worker.address, 't', text));
    json = rig_call(&rig, "MpoolGetNonce", params);
    assert_int_equal(json_integer_value(json), 2);
    json_decref(json);
    rig_step(&rig, 1);
    assert_int_equal(rig.chain->message_count, 2);
    assert_int_equal(rig.chain->messages[0]->message.message.nonce, 0);
    rig_push_refused(&rig, &first, "message nonce too low");
}

static void replacing_costs_a_tenth_more(void **state)
{
    struct sy_fil_signed_message old, fresh;
    struct sy_fil_cid cid;
    char params[512], text[SY_FIL_CID_TEXT_BYTES];
    json_t *json;
    (void)state;
    rig_message(&rig, 0, NULL, 0, "1", &old);
    rig_push(&rig, &old);
    fresh = old;
    fresh.message.gas_premium = sy_bigint_from(1100);
    rig_sign(&rig, &fresh);
    rig_push_refused(&rig, &fresh, "replace by fee has too low GasPremium");
    fresh.message.gas_premium = sy_bigint_from(1101);
    rig_sign(&rig, &fresh);
    rig_push(&rig, &fresh);
    rig_step(&rig, 2);
    assert_int_equal(rig.chain->message_count, 1);
    assert_int_equal(sy_fil_signed_cid(&old, &cid, NULL), 0);
    snprintf(params, sizeof(params), "[[],{\"/\":\"%s\"},900,true]", sy_fil_cid_print(&cid, text));
    json = rig_call(&rig, "StateSearchMsg", params);
    assert_string_not_equal(text_of(json_object_get(json, "Message"), "/"), text);
    json_decref(json);
    snprintf(params, sizeof(params), "[[],{\"/\":\"%s\"},900,false]", text);
    json = rig_call(&rig, "StateSearchMsg", params);
    assert_true(json_is_null(json));
    json_decref(json);
}

static json_t *search(const struct sy_fil_signed_message *message)
{
    char params[512], text[SY_FIL_CID_TEXT_BYTES];
    struct sy_fil_cid cid;
    assert_int_equal(sy_fil_signed_cid(message, &cid, NULL), 0);
    snprintf(params, sizeof(params), "[[],{\"/\":\"%s\"},900,true]", sy_fil_cid_print(&cid, text));
    return rig_call(&rig, "StateSearchMsg", params);
}

static void receipts_come_with_the_child_tipset(void **state)
{
    struct sy_fil_signed_message message;
    json_t *json;
    int64_t included;
    (void)state;
    rig_message(&rig, 0, NULL, 0, "7", &message);
    rig_refused(&rig, "StateSearchMsg",
                "[[],{\"/\":\"bafy2bzacea456askyutsf7uk4ta2q5aojrlcji4mhaqokbfalgvoq4ueeh4l2\"},-1,"
                "true]",
                "failed to load message");
    rig_push(&rig, &message);
    json = search(&message);
    assert_true(json_is_null(json));
    json_decref(json);
    rig_step(&rig, 1);
    included = rig_height(&rig);
    json = search(&message);
    assert_true(json_is_null(json)); /* the head's messages have no receipts yet */
    json_decref(json);
    json = rig_call(&rig, "WalletBalance", "[\"t01000\"]");
    assert_string_equal(json_string_value(json), "0"); /* nor effects */
    json_decref(json);
    rig_step(&rig, 1);
    json = search(&message);
    assert_int_equal(json_integer_value(json_object_get(json, "Height")), included + 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "Receipt"), "ExitCode")), 0);
    json_decref(json);
    json = rig_call(&rig, "WalletBalance", "[\"t01000\"]");
    assert_string_equal(json_string_value(json), "7");
    json_decref(json);
}

static void no_money_appears_or_vanishes(void **state)
{
    struct sy_bigint before = sy_bigint_from(0), after = sy_bigint_from(0);
    struct sy_fil_precommit info;
    (void)state;
    for (uint32_t i = 0; i < rig.chain->pre.actor_count; i++)
        sy_bigint_add(&before, &before, &rig.chain->pre.actors[i].balance);
    rig_precommit_info(&rig, 1, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, SY_FIL_EXIT_ILLEGAL_ARGUMENT);
    for (uint32_t i = 0; i < rig.chain->pre.actor_count; i++)
        sy_bigint_add(&after, &after, &rig.chain->pre.actors[i].balance);
    assert_int_equal(sy_bigint_compare(&before, &after), 0);
}

/* ---------------------------------------------------------------- pre-commit ---------------- */

static void precommit_lands_and_locks_its_deposit(void **state)
{
    struct sy_bigint deposit = sy_dc_deposit(2048);
    struct sy_fil_precommit infos[2];
    const struct sy_dc_message *message;
    char text[SY_BIGINT_TEXT_BYTES];
    json_t *json;
    (void)state;
    rig_precommit_info(&rig, 3, &infos[0]);
    rig_precommit_info(&rig, 4, &infos[1]);
    message = rig_precommit(&rig, infos, 2);
    assert_int_equal(message->exit_code, 0);
    json = rig_call(&rig, "StateSectorPreCommitInfo", "[\"t01000\",4,[]]");
    assert_int_equal(json_integer_value(json_object_get(json, "PreCommitEpoch")),
                     rig.chain->tipsets[message->tipset].height);
    assert_string_equal(text_of(json, "PreCommitDeposit"), sy_bigint_print(&deposit, text));
    json_decref(json);
    json = rig_call(&rig, "StateMinerAllocated", "[\"t01000\",[]]");
    assert_int_equal(json_array_size(json), 2);
    assert_int_equal(json_integer_value(json_array_get(json, 0)), 3);
    assert_int_equal(json_integer_value(json_array_get(json, 1)), 2);
    json_decref(json);
    json = rig_call(&rig, "StateMinerSectorAllocated", "[\"t01000\",5,[]]");
    assert_true(json_is_false(json));
    json_decref(json);
    json = rig_call(&rig, "StateSectorGetInfo", "[\"t01000\",3,[]]");
    assert_true(json_is_null(json));
    json_decref(json);
}

static void expect_precommit(struct sy_fil_precommit *info, uint32_t exit_code, const char *part)
{
    const struct sy_dc_message *message = rig_precommit(&rig, info, 1);
    if (message->exit_code != exit_code || !strstr(message->error, part))
        fail_msg("exit %u \"%s\", expected %u \"%s\"", message->exit_code, message->error,
                 exit_code, part);
}

static void precommit_is_refused_for_each_reason(void **state)
{
    struct sy_fil_precommit info, pair[2];
    uint8_t comm[32] = {0};
    (void)state;
    rig_precommit_info(&rig, 1, &info);
    expect_precommit(&info, 0, "");
    expect_precommit(&info, 16, "already allocated");
    rig_precommit_info(&rig, UINT64_C(1) << 63, &info);
    expect_precommit(&info, 16, "already allocated");
    rig_precommit_info(&rig, 2, &info);
    info.seal_proof = 6;
    expect_precommit(&info, 16, "seal proof type");
    rig_precommit_info(&rig, 2, &info);
    info.seal_proof = 15; /* non-interactive */
    expect_precommit(&info, 16, "seal proof type");
    rig_precommit_info(&rig, 2, &info);
    sy_fil_cid_unsealed(comm, &info.sealed);
    expect_precommit(&info, 16, "no commR");
    rig_precommit_info(&rig, 2, &info);
    info.has_unsealed = true;
    sy_fil_cid_sealed(comm, &info.unsealed);
    expect_precommit(&info, 16, "no commD");
    rig_precommit_info(&rig, 2, &info);
    info.deal_count = 1;
    expect_precommit(&info, 16, "deal ids");
    rig_precommit_info(&rig, 2, &info);
    info.seal_rand_epoch += 3; /* the epoch of execution */
    expect_precommit(&info, 16, "must be before now");
    rig_precommit_info(&rig, 2, &info);
    info.expiration = rig_height(&rig) + 1 + 86550 + 518400 - 1;
    expect_precommit(&info, 16, "expiration");
    rig_precommit_info(&rig, 2, &info);
    info.expiration = rig_height(&rig) + 1 + 3680640 + 1;
    expect_precommit(&info, 16, "expiration");
    rig_precommit_info(&rig, 2, &pair[0]);
    pair[1] = pair[0];
    assert_int_equal(rig_precommit(&rig, pair, 2)->exit_code, 16);
    assert_int_equal(rig_precommit(&rig, pair, 0)->exit_code, 16);
    assert_int_equal(rig_send(&rig, 28, "\x81\x80\x00", 3, "0")->exit_code, 21);
    assert_int_equal(rig_send(&rig, 25, NULL, 0, "0")->exit_code, 22);
    rig_precommit_info(&rig, 2, &info);
    expect_precommit(&info, 0, "");
}

static void short_tickets(struct sy_dc_config *config)
{
    config->genesis.precommit_lookback = 30;
}

static void old_ticket_is_refused(void **state)
{
    struct rig old;
    struct sy_fil_precommit info;
    const struct sy_dc_message *message;
    (void)state;
    rig_open(&old, short_tickets);
    rig_precommit_info(&old, 1, &info);
    rig_step(&old, 30);
    message = rig_precommit(&old, &info, 1);
    assert_int_equal(message->exit_code, 16);
    assert_non_null(strstr(message->error, "too old"));
    info.seal_rand_epoch = rig_height(&old) + 1 - 30; /* the last that is good */
    assert_int_equal(rig_precommit(&old, &info, 1)->exit_code, 0);
    rig_close(&old);
}

static void gas_and_funds_have_their_own_codes(void **state)
{
    struct sy_fil_signed_message message;
    struct sy_fil_precommit info;
    uint8_t params[256];
    size_t bytes;
    (void)state;
    rig_precommit_info(&rig, 9, &info);
    assert_int_equal(sy_fil_precommit_encode(&info, 1, params, sizeof(params), &bytes, NULL), 0);
    assert_int_equal(rig_send(&rig, 28, params, bytes, "0")->exit_code, SY_FIL_EXIT_ACTOR_FUNDS);
    rig_message(&rig, 28, params, bytes, "1000000000000000000", &message);
    message.message.gas_limit = 20000000;
    rig_sign(&rig, &message);
    rig_push(&rig, &message);
    rig_step(&rig, 2);
    assert_int_equal(rig.chain->messages[1]->exit_code, SY_FIL_EXIT_OUT_OF_GAS);
    assert_int_equal(rig.chain->messages[1]->gas_used, 20000000);
    assert_int_equal(rig_send(&rig, 28, params, bytes, "1000000000000000000")->exit_code, 0);
}

/* ---------------------------------------------------------------- prove --------------------- */

static void expect_prove(uint64_t number, const uint8_t proof[SY_PROOF_BYTES], uint32_t code,
                         const char *part)
{
    static struct sy_fil_batch_return batch;
    const struct sy_dc_message *message =
        rig_prove(&rig, &number, (const uint8_t(*)[SY_PROOF_BYTES])proof, 1);
    assert_int_equal(message->exit_code, 0);
    assert_int_equal(
        sy_fil_batch_return_decode(message->returned, message->return_bytes, &batch, NULL), 0);
    assert_int_equal(batch.success_count, 0);
    if (sy_fil_batch_return_code(&batch, 0) != code || !strstr(message->error, part))
        fail_msg("code %u \"%s\", expected %u \"%s\"", sy_fil_batch_return_code(&batch, 0),
                 message->error, code, part);
}

static void wrong_proofs_are_refused_one_by_one(void **state)
{
    uint8_t proof[SY_PROOF_BYTES] = {7}, points[SY_PROOF_BYTES];
    struct sy_fil_precommit info;
    (void)state;
    rig_precommit_info(&rig, 1, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0);
    sealing_foreign_proof(points);
    expect_prove(1, points, SY_FIL_EXIT_FORBIDDEN, "too early");
    rig_step(&rig, 10);
    expect_prove(1, points, 16, "the proof does not hold");
    expect_prove(1, proof, 16, "compressed");
    memset(proof, 0, sizeof(proof));
    expect_prove(1, proof, 16, "compressed");
    memset(proof, 0xff, sizeof(proof));
    expect_prove(1, proof, 16, "");
    points[SY_PROOF_BYTES - 1] ^= 1;
    expect_prove(1, points, 16, "");
}

static void no_keys(struct sy_dc_config *config)
{
    snprintf(config->parameters, sizeof(config->parameters), "%.500s/none", config->dir);
}

static void missing_keys_refuse_everything(void **state)
{
    struct rig bare;
    struct sy_fil_precommit info;
    const struct sy_dc_message *message;
    uint8_t proof[1][SY_PROOF_BYTES];
    uint64_t number = 1;
    (void)state;
    rig_open(&bare, no_keys);
    rig_precommit_info(&bare, number, &info);
    assert_int_equal(rig_precommit(&bare, &info, 1)->exit_code, 0);
    rig_step(&bare, 10);
    sealing_foreign_proof(proof[0]);
    message = rig_prove(&bare, &number, (const uint8_t(*)[SY_PROOF_BYTES])proof, 1);
    assert_int_equal(message->exit_code, 0);
    assert_non_null(strstr(message->error, "no verifying key: run sealyard params generate"));
    assert_non_null(strstr(message->error, "/none"));
    assert_int_equal(sy_dc_miner_get(sy_dc_chain_post(bare.chain), RIG_MINER)->sector_count, 0);
    rig_close(&bare);
}

static void whole_prove_messages_are_refused(void **state)
{
    static uint8_t params[4096];
    uint8_t proof[1][SY_PROOF_BYTES] = {{7}};
    struct sy_fil_precommit info;
    struct sy_fil_prove prove;
    uint64_t number = 5;
    size_t bytes;
    (void)state;
    assert_int_equal(
        rig_prove(&rig, &number, (const uint8_t(*)[SY_PROOF_BYTES])proof, 1)->exit_code,
        SY_FIL_EXIT_NOT_FOUND);
    rig_precommit_info(&rig, number, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0);
    sy_fil_prove_init(&prove);
    assert_int_equal(sy_fil_prove_add_sector(&prove, number, NULL), 0);
    assert_int_equal(sy_fil_prove_encode(&prove, params, sizeof(params), &bytes, NULL), 0);
    assert_int_equal(rig_send(&rig, 34, params, bytes, "0")->exit_code, 16); /* no proof */
    prove.aggregate.data = proof[0];
    prove.aggregate.bytes = 10;
    prove.has_aggregate_type = true;
    prove.aggregate_type = 1;
    assert_int_equal(sy_fil_prove_encode(&prove, params, sizeof(params), &bytes, NULL), 0);
    assert_int_equal(rig_send(&rig, 34, params, bytes, "0")->exit_code, 16);
    prove.aggregate.bytes = 0;
    prove.has_aggregate_type = false;
    prove.require_activation = true;
    assert_int_equal(sy_fil_prove_add_proof(&prove, proof[0], SY_PROOF_BYTES, NULL), 0);
    assert_int_equal(sy_fil_prove_encode(&prove, params, sizeof(params), &bytes, NULL), 0);
    assert_int_equal(rig_send(&rig, 34, params, bytes, "0")->exit_code, SY_FIL_EXIT_FORBIDDEN);
    assert_int_equal(rig_send(&rig, 34, "\x80", 1, "0")->exit_code, 21);
    sy_fil_prove_fini(&prove);
}

static void short_proving(struct sy_dc_config *config)
{
    config->genesis.prove_duration = 20;
}

static void expired_precommit_loses_its_deposit(void **state)
{
    uint8_t proof[1][SY_PROOF_BYTES] = {{7}};
    static struct sy_fil_batch_return batch;
    struct sy_fil_precommit info;
    const struct sy_dc_message *message;
    struct rig late;
    uint64_t number = 1;
    json_t *json;
    (void)state;
    rig_open(&late, short_proving);
    rig_precommit_info(&late, number, &info);
    assert_int_equal(rig_precommit(&late, &info, 1)->exit_code, 0);
    rig_step(&late, 25);
    message = rig_prove(&late, &number, (const uint8_t(*)[SY_PROOF_BYTES])proof, 1);
    assert_int_equal(
        sy_fil_batch_return_decode(message->returned, message->return_bytes, &batch, NULL), 0);
    assert_int_equal(sy_fil_batch_return_code(&batch, 0), 16);
    assert_non_null(strstr(message->error, "expired"));
    rig_step(&late, 960);
    json = rig_call(&late, "StateSectorPreCommitInfo", "[\"t01000\",1,[]]");
    assert_true(json_is_null(json));
    json_decref(json);
    assert_true(sy_bigint_is_zero(&late.chain->pre.miners[0].deposits));
    info.seal_rand_epoch = rig_height(&late) - 1;
    info.expiration = rig_height(&late) + 600000;
    assert_int_equal(rig_precommit(&late, &info, 1)->exit_code, 16); /* never reused */
    rig_close(&late);
}

static void pieces_must_make_the_committed_data(void **state)
{
    static uint8_t params[4096];
    uint8_t comm[32] = {9}, proof[SY_PROOF_BYTES] = {7};
    struct sy_fil_prove_piece piece = {.padded_bytes = 1024};
    struct sy_fil_precommit info;
    struct sy_fil_prove prove;
    const struct sy_dc_message *message;
    size_t bytes;
    (void)state;
    rig_precommit_info(&rig, 1, &info);
    assert_int_equal(rig_precommit(&rig, &info, 1)->exit_code, 0); /* CC */
    rig_step(&rig, 10);
    sy_fil_cid_unsealed(comm, &piece.cid);
    sy_fil_prove_init(&prove);
    assert_int_equal(sy_fil_prove_add_sector(&prove, 1, NULL), 0);
    assert_int_equal(sy_fil_prove_add_piece(&prove, &piece, NULL), 0);
    assert_int_equal(sy_fil_prove_add_proof(&prove, proof, SY_PROOF_BYTES, NULL), 0);
    assert_int_equal(sy_fil_prove_encode(&prove, params, sizeof(params), &bytes, NULL), 0);
    message = rig_send(&rig, 34, params, bytes, "0");
    assert_int_equal(message->exit_code, 0);
    assert_non_null(strstr(message->error, "commD of the pieces"));
    prove.pieces[0].padded_bytes = 1000;
    assert_int_equal(sy_fil_prove_encode(&prove, params, sizeof(params), &bytes, NULL), 0);
    message = rig_send(&rig, 34, params, bytes, "0");
    assert_non_null(strstr(message->error, "power of two"));
    prove.pieces[0].padded_bytes = 2048;
    prove.pieces[0].has_allocation = true;
    assert_int_equal(sy_fil_prove_encode(&prove, params, sizeof(params), &bytes, NULL), 0);
    message = rig_send(&rig, 34, params, bytes, "0");
    assert_non_null(strstr(message->error, "allocation"));
    sy_fil_prove_fini(&prove);
}

/* ---------------------------------------------------------------- estimates ----------------- */

static void estimates_fill_fees_and_tell_failures(void **state)
{
    struct sy_fil_signed_message message;
    struct sy_fil_precommit info;
    uint8_t params[256];
    size_t bytes;
    json_t *json, *call;
    char *text;
    (void)state;
    rig_precommit_info(&rig, 1, &info);
    assert_int_equal(sy_fil_precommit_encode(&info, 1, params, sizeof(params), &bytes, NULL), 0);
    rig_message(&rig, 28, params, bytes, "1000000000000000000", &message);
    message.message.gas_limit = 0;
    message.message.gas_fee_cap = message.message.gas_premium = sy_bigint_from(0);
    call = json_pack("[o, n, []]", sy_fil_message_to_json(&message.message, 't'));
    text = json_dumps(call, 0);
    json = rig_call(&rig, "GasEstimateMessageGas", text);
    assert_true(json_integer_value(json_object_get(json, "GasLimit")) > 20000000);
    assert_string_not_equal(text_of(json, "GasFeeCap"), "0");
    json_decref(json);
    free(text);
    json_object_set_new(json_array_get(call, 0), "Value", json_string("0"));
    text = json_dumps(call, 0);
    rig_refused(&rig, "GasEstimateMessageGas", text, "message execution failed: exit code 19,");
    free(text);
    json_array_remove(call, 1);
    text = json_dumps(call, 0);
    json = rig_call(&rig, "StateCall", text);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "MsgRct"), "ExitCode")), 19);
    json_decref(json);
    free(text);
    json_decref(call);
    assert_int_equal(rig.chain->pre.miners[0].precommit_count, 0);
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIG_TEST(protocol_errors_have_their_codes_and_statuses),
        cmocka_unit_test(pushing_needs_the_token_when_asked_for),
        RIG_TEST(network_tells_who_it_is),
        cmocka_unit_test(null_rounds_have_neighbours_and_two_beacon_entries),
        RIG_TEST(old_state_is_refused_instead_of_answered_wrongly),
        RIG_TEST(bad_messages_are_not_taken),
        RIG_TEST(nonces_are_used_in_order_and_once),
        RIG_TEST(replacing_costs_a_tenth_more),
        RIG_TEST(receipts_come_with_the_child_tipset),
        RIG_TEST(no_money_appears_or_vanishes),
        RIG_TEST(precommit_lands_and_locks_its_deposit),
        RIG_TEST(precommit_is_refused_for_each_reason),
        cmocka_unit_test(old_ticket_is_refused),
        RIG_TEST(gas_and_funds_have_their_own_codes),
        RIG_TEST(wrong_proofs_are_refused_one_by_one),
        cmocka_unit_test(missing_keys_refuse_everything),
        RIG_TEST(whole_prove_messages_are_refused),
        cmocka_unit_test(expired_precommit_loses_its_deposit),
        RIG_TEST(pieces_must_make_the_committed_data),
        RIG_TEST(estimates_fill_fees_and_tell_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
