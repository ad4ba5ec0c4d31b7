#include "ops/devchain/chain.h"

#include "common/mem.h"
#include "ops/devchain/money.h"

#include <inttypes.h>
#include <string.h>

void sy_dc_message_destroy(struct sy_dc_message *message)
{
    if (!message)
        return;
    sy_mem_free(message->bytes);
    sy_mem_free(message->returned);
    sy_mem_free(message);
}

int sy_dc_message_create(struct sy_dc_message **ret, const void *data, size_t bytes,
                         struct sy_error *err)
{
    struct sy_dc_message *message = sy_mem_alloc(sizeof(*message));
    struct sy_fil_cid cid;
    int rc;
    if (message)
        message->bytes = sy_mem_dup(data, bytes);
    if (!message || !message->bytes) {
        sy_dc_message_destroy(message);
        return sy_fail(err, SY_E_NOMEM, "no memory for a message");
    }
    message->size = (uint32_t)bytes;
    rc = sy_fil_signed_decode(message->bytes, bytes, &message->message, err);
    if (rc == 0)
        rc = sy_fil_signed_cid(&message->message, &cid, err);
    if (rc < 0) {
        sy_dc_message_destroy(message);
        return rc;
    }
    memcpy(message->cid, cid.data + cid.bytes - 32, 32);
    *ret = message;
    return 0;
}

struct sy_dc_message *sy_dc_pool_find(const struct sy_dc_chain *chain, const uint8_t cid[32])
{
    for (uint32_t i = 0; i < chain->pool_count; i++) {
        if (memcmp(chain->pool[i]->cid, cid, 32) == 0)
            return chain->pool[i];
    }
    return NULL;
}

static uint32_t find_nonce(const struct sy_dc_chain *chain, uint64_t from, uint64_t nonce)
{
    for (uint32_t i = 0; i < chain->pool_count; i++) {
        if (chain->pool[i]->from == from && chain->pool[i]->message.message.nonce == nonce)
            return i;
    }
    return UINT32_MAX;
}

uint64_t sy_dc_pool_nonce(struct sy_dc_chain *chain, const struct sy_dc_actor *actor)
{
    uint64_t nonce = sy_dc_actor_get(sy_dc_chain_post(chain), actor->id)->nonce;
    while (find_nonce(chain, actor->id, nonce) != UINT32_MAX)
        nonce++;
    return nonce;
}

/* Rules that do not look at the state. */
static int check_form(const struct sy_fil_message *message, size_t bytes, struct sy_error *err)
{
    struct sy_bigint most;
    int rc = sy_bigint_parse("2000000000000000000000000000", &most, err);
    if (rc < 0)
        return rc;
    if (message->version != 0)
        return sy_fail(err, SY_E_REMOTE, "'Version' unsupported");
    if (message->value.negative || sy_bigint_compare(&message->value, &most) > 0)
        return sy_fail(err, SY_E_REMOTE, "'Value' field out of range");
    if (message->gas_fee_cap.negative || message->gas_premium.negative)
        return sy_fail(err, SY_E_REMOTE, "'GasFeeCap' and 'GasPremium' fields cannot be negative");
    if (sy_bigint_compare(&message->gas_premium, &message->gas_fee_cap) > 0)
        return sy_fail(err, SY_E_REMOTE, "'GasFeeCap' less than 'GasPremium'");
    if (message->gas_limit > SY_DC_BLOCK_GAS_LIMIT)
        return sy_fail(err, SY_E_REMOTE,
                       "'GasLimit' field cannot be greater than a block's gas "
                       "limit");
    if (message->gas_limit < sy_dc_gas_intrinsic(bytes))
        return sy_fail(err, SY_E_REMOTE,
                       "message will not be included in a block: 'GasLimit' field cannot be less "
                       "than the cost of storing a message on chain %" PRId64 " < %" PRId64,
                       message->gas_limit, sy_dc_gas_intrinsic(bytes));
    return 0;
}

/* What all pending messages of the sender and this one may cost at most. */
static int check_funds(struct sy_dc_chain *chain, const struct sy_dc_actor *actor,
                       const struct sy_fil_message *message, struct sy_error *err)
{
    struct sy_bigint total = sy_bigint_from(0);
    for (uint32_t i = 0; i <= chain->pool_count; i++) {
        const struct sy_fil_message *each =
            i < chain->pool_count ? &chain->pool[i]->message.message : message;
        struct sy_bigint cost = sy_bigint_from((uint64_t)each->gas_limit);
        if (i < chain->pool_count &&
            (chain->pool[i]->from != actor->id || each->nonce >= message->nonce))
            continue;
        if (!sy_bigint_mul(&cost, &cost, &each->gas_fee_cap) ||
            !sy_bigint_add(&total, &total, &cost) || !sy_bigint_add(&total, &total, &each->value))
            return sy_fail(err, SY_E_REMOTE, "not enough funds to execute transaction: overflow");
    }
    if (sy_bigint_compare(&actor->balance, &total) < 0) {
        char have[SY_BIGINT_TEXT_BYTES], want[SY_BIGINT_TEXT_BYTES];
        return sy_fail(err, SY_E_REMOTE,
                       "not enough funds to execute transaction: have %s, need %s",
                       sy_bigint_print(&actor->balance, have), sy_bigint_print(&total, want));
    }
    return 0;
}

/* Replace by fee: 110 % + 1 of the old premium. */
static int check_replace(const struct sy_dc_message *old, const struct sy_dc_message *fresh,
                         struct sy_error *err)
{
    struct sy_bigint least = old->message.message.gas_premium, number = sy_bigint_from(110);
    if (memcmp(old->cid, fresh->cid, 32) == 0)
        return sy_fail(err, SY_E_REMOTE, "message with nonce already exists");
    SY_ASSERT(sy_bigint_mul(&least, &least, &number));
    number = sy_bigint_from(100);
    SY_ASSERT(sy_bigint_div(&least, &least, &number));
    number = sy_bigint_from(1);
    SY_ASSERT(sy_bigint_add(&least, &least, &number));
    if (sy_bigint_compare(&fresh->message.message.gas_premium, &least) < 0) {
        char text[SY_BIGINT_TEXT_BYTES];
        return sy_fail(err, SY_E_REMOTE,
                       "replace by fee has too low GasPremium: at least %s is needed",
                       sy_bigint_print(&least, text));
    }
    return 0;
}

static int check_place(struct sy_dc_chain *chain, const struct sy_dc_actor *actor,
                       const struct sy_dc_message *message, struct sy_error *err)
{
    uint64_t nonce = message->message.message.nonce, next = sy_dc_pool_nonce(chain, actor);
    uint32_t pending = 0;
    if (nonce < actor->nonce)
        return sy_fail(err, SY_E_REMOTE,
                       "minimum expected nonce is %" PRIu64 ": message nonce too low",
                       actor->nonce);
    if (nonce > next + SY_DC_NONCE_GAP_MAX)
        return sy_fail(err, SY_E_REMOTE,
                       "unfulfilled nonce gap (nonce: %" PRIu64 ", next nonce: %" PRIu64 ")", nonce,
                       next);
    for (uint32_t i = 0; i < chain->pool_count; i++)
        pending += chain->pool[i]->from == actor->id;
    if (pending >= SY_DC_SENDER_PENDING_MAX || chain->pool_count == SY_DC_POOL_MAX)
        return sy_fail(err, SY_E_REMOTE, "too many pending messages for actor");
    return check_funds(chain, actor, &message->message.message, err);
}

static int add(struct sy_dc_chain *chain, struct sy_dc_message *message, struct sy_error *err)
{
    const struct sy_fil_message *inner = &message->message.message;
    struct sy_dc_actor *actor = sy_dc_actor_find(sy_dc_chain_post(chain), &inner->from);
    struct sy_error why;
    uint32_t same;
    int rc;

    if (!actor || actor->kind != SY_DC_ACCOUNT)
        return sy_fail(err, SY_E_REMOTE, "failed to resolve the sender: actor not found");
    message->from = actor->id;
    rc = check_form(inner, message->size, err);
    if (rc < 0)
        return rc;
    if (sy_fil_signed_check(&message->message, &actor->key, &why) < 0)
        return sy_fail(err, SY_E_REMOTE, "invalid signature for message: %s", why.text);
    rc = check_place(chain, actor, message, err);
    if (rc < 0)
        return rc;
    same = find_nonce(chain, actor->id, inner->nonce);
    if (same == UINT32_MAX) {
        chain->pool[chain->pool_count++] = message;
        return 0;
    }
    rc = check_replace(chain->pool[same], message, err);
    if (rc == 0) {
        struct sy_dc_replaced *slot =
            &chain->replaced[chain->replaced_count++ % SY_DC_REPLACED_MAX];
        *slot = (struct sy_dc_replaced){.from = actor->id, .nonce = inner->nonce};
        memcpy(slot->cid, chain->pool[same]->cid, 32);
        sy_dc_message_destroy(chain->pool[same]);
        chain->pool[same] = message;
    }
    return rc;
}

int sy_dc_pool_push(struct sy_dc_chain *chain, const struct sy_fil_signed_message *message,
                    struct sy_fil_cid *ret_cid, struct sy_error *err)
{
    struct sy_dc_message *entry;
    uint8_t *buffer = sy_mem_alloc(SY_FIL_MESSAGE_BYTES_MAX);
    size_t bytes;
    int rc;
    if (!buffer)
        return sy_fail(err, SY_E_NOMEM, "no memory for a message");
    rc = sy_fil_signed_encode(message, buffer, SY_FIL_MESSAGE_BYTES_MAX, &bytes, err);
    if (rc == -SY_E_LIMIT)
        rc = sy_fail(err, SY_E_REMOTE, "message too big: more than %d bytes",
                     SY_FIL_MESSAGE_BYTES_MAX);
    if (rc == 0)
        rc = sy_dc_message_create(&entry, buffer, bytes, err);
    sy_mem_free(buffer);
    if (rc < 0)
        return rc;
    rc = add(chain, entry, err);
    if (rc < 0) {
        sy_dc_message_destroy(entry);
        return rc;
    }
    sy_dc_chain_cid(entry->cid, ret_cid);
    return 0;
}

static void take_out(struct sy_dc_chain *chain, uint32_t index)
{
    memmove(&chain->pool[index], &chain->pool[index + 1],
            (chain->pool_count - index - 1) * sizeof(chain->pool[0]));
    chain->pool_count--;
}

/* Next message of the actor that a block of this base fee may carry; UINT32_MAX when none. */
static uint32_t next_of(const struct sy_dc_chain *chain, const struct sy_dc_actor *actor,
                        uint64_t nonce, uint64_t base_fee, const struct sy_bigint *balance,
                        struct sy_bigint *ret_cost)
{
    struct sy_bigint least = sy_bigint_from(base_fee);
    uint32_t index = find_nonce(chain, actor->id, nonce);
    const struct sy_fil_message *message;
    if (index == UINT32_MAX)
        return UINT32_MAX;
    message = &chain->pool[index]->message.message;
    if (sy_bigint_compare(&message->gas_fee_cap, &least) < 0)
        return UINT32_MAX;
    *ret_cost = sy_bigint_from((uint64_t)message->gas_limit);
    if (!sy_bigint_mul(ret_cost, ret_cost, &message->gas_fee_cap) ||
        !sy_bigint_add(ret_cost, ret_cost, &message->value) ||
        sy_bigint_compare(balance, ret_cost) < 0)
        return UINT32_MAX;
    return index;
}

uint32_t sy_dc_pool_select(struct sy_dc_chain *chain, uint64_t base_fee,
                           struct sy_dc_message *ret[SY_DC_BLOCK_MESSAGES_MAX])
{
    struct sy_dc_state *state = sy_dc_chain_post(chain);
    int64_t gas = 0;
    size_t bytes = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < state->actor_count; i++) {
        const struct sy_dc_actor *actor = &state->actors[i];
        struct sy_bigint balance = actor->balance, cost;
        uint64_t nonce = actor->nonce;
        while (count < SY_DC_BLOCK_MESSAGES_MAX) {
            uint32_t index = next_of(chain, actor, nonce, base_fee, &balance, &cost);
            const struct sy_dc_message *message;
            if (index == UINT32_MAX)
                break;
            message = chain->pool[index];
            if (gas + message->message.message.gas_limit > SY_DC_BLOCK_GAS_LIMIT ||
                bytes + message->size > SY_DC_BLOCK_BYTES_MAX)
                break;
            gas += message->message.message.gas_limit;
            bytes += message->size;
            SY_ASSERT(sy_bigint_sub(&balance, &balance, &cost));
            ret[count++] = chain->pool[index];
            take_out(chain, index);
            nonce++;
        }
    }
    return count;
}

void sy_dc_pool_prune(struct sy_dc_chain *chain)
{
    struct sy_dc_state *state = sy_dc_chain_post(chain);
    for (uint32_t i = 0; i < chain->pool_count;) {
        struct sy_dc_message *message = chain->pool[i];
        if (message->message.message.nonce >= sy_dc_actor_get(state, message->from)->nonce) {
            i++;
            continue;
        }
        take_out(chain, i);
        sy_dc_message_destroy(message);
    }
}
