#include "scheduler/plugins/chain/chain.h"

#include "common/hex.h"
#include "common/log.h"
#include "common/mem.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

bool sy_chain_is_transient_exit(int64_t exit_code)
{
    return exit_code == SY_FIL_EXIT_SENDER_STATE || exit_code == SY_FIL_EXIT_INSUFFICIENT_FUNDS ||
           exit_code == SY_FIL_EXIT_OUT_OF_GAS || exit_code == SY_FIL_EXIT_ACTOR_FUNDS;
}

int sy_chain_try(struct sy_chain *chain, const struct sy_chain_draft *draft,
                 struct sy_node_receipt *ret, struct sy_error *err)
{
    struct sy_fil_message message = {.from = draft->worker,
                                     .value = draft->value,
                                     .method = draft->method,
                                     .params = draft->params,
                                     .params_bytes = draft->params_bytes};
    sy_fil_address_id(draft->miner, &message.to);
    return sy_node_call(chain->node, &message, ret, err);
}

static void hash_u64(crypto_hash_sha256_state *state, uint64_t value)
{
    uint8_t raw[8];
    for (int i = 0; i < 8; i++)
        raw[i] = (uint8_t)(value >> (56 - 8 * i));
    crypto_hash_sha256_update(state, raw, sizeof(raw));
}

/* The former message of each sector is part of it: a resubmission is another message, a repetition
 * of the same proposal is not. */
static void make_uid(const struct sy_chain_draft *draft, const char *value, char *ret)
{
    crypto_hash_sha256_state state;
    uint8_t digest[32];
    bool precommit = draft->kind == SY_MESSAGE_PRECOMMIT;
    crypto_hash_sha256_init(&state);
    hash_u64(&state, draft->miner);
    hash_u64(&state, draft->method);
    hash_u64(&state, draft->count);
    for (size_t i = 0; i < draft->count; i++) {
        const struct sy_sector *sector = &draft->steps[i].sector;
        const char *former = precommit ? sector->precommit_uid : sector->commit_uid;
        hash_u64(&state, sector->number);
        hash_u64(&state, strlen(former));
        crypto_hash_sha256_update(&state, (const uint8_t *)former, strlen(former));
    }
    hash_u64(&state, strlen(value));
    crypto_hash_sha256_update(&state, (const uint8_t *)value, strlen(value));
    crypto_hash_sha256_update(&state, draft->params, draft->params_bytes);
    crypto_hash_sha256_final(&state, digest);
    memcpy(ret, precommit ? "pc-" : "cm-", 3);
    sy_hex_encode(digest, sizeof(digest), ret + 3);
}

int sy_chain_queue(struct sy_chain *chain, const struct sy_chain_draft *draft, struct sy_error *err)
{
    struct sy_number numbers[SY_BATCH_SECTORS_MAX];
    struct sy_fil_address to;
    char text[SY_FIL_ADDRESS_TEXT_BYTES], value[SY_BIGINT_TEXT_BYTES];
    struct sy_message body = {.kind = draft->kind,
                              .state = SY_MESSAGE_QUEUED,
                              .miner = draft->miner,
                              .sectors = {numbers, (uint32_t)draft->count},
                              .method = draft->method,
                              .params = {draft->params, (uint32_t)draft->params_bytes}};
    int rc;
    if (sy_bigint_print(&draft->value, value), strlen(value) >= sizeof(body.value))
        return sy_fail(err, SY_E_RANGE, "value %s of a message is too long", value);
    if (sy_fil_address_print(&draft->worker, 't', text), strlen(text) < sizeof(body.from))
        memcpy(body.from, text, strlen(text) + 1); /* the messaging plugin sets the sender */
    sy_fil_address_id(draft->miner, &to);
    sy_fil_address_print(&to, 't', text);
    snprintf(body.to, sizeof(body.to), "%.63s", text);
    snprintf(body.value, sizeof(body.value), "%.63s", value);
    make_uid(draft, value, body.uid);
    for (size_t i = 0; i < draft->count; i++)
        numbers[i].value = draft->steps[i].sector.number;
    rc = chain->ops->propose(chain->host, SY_EVENT_MESSAGE_QUEUED, &body, err);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < draft->count; i++)
        draft->steps[i].item->look_ms = chain->now_ms + SY_CHAIN_REPROPOSE_MS;
    SY_INFO("chain", "message_queued", "uid=%s miner=%llu sectors=%zu value=%s", body.uid,
            (unsigned long long)draft->miner, draft->count, value);
    return 0;
}
