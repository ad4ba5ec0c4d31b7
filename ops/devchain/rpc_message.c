/* Messages: pushing, searching, estimating. */
#include "ops/devchain/rpc.h"

#include "common/mem.h"
#include "ops/devchain/money.h"

#include <string.h>

#define PREMIUM_MIN 100000 /* attoFIL per gas when the chain is empty */
#define GAS_OVER_NUM 125
#define GAS_OVER_DENOM 100

static int run_nonce(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_actor *actor;
    int rc = sy_dc_rpc_actor(call, 0, sy_dc_chain_post(call->chain), &actor, err);
    if (rc == 0)
        *ret = json_integer((json_int_t)sy_dc_pool_nonce(call->chain, actor));
    return rc;
}

static int run_push(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_fil_signed_message message;
    struct sy_fil_cid cid;
    struct sy_error why;
    uint8_t *params = sy_mem_alloc(2 * SY_FIL_MESSAGE_BYTES_MAX);
    int rc;
    if (!params)
        return sy_fail(err, SY_E_NOMEM, "no memory for a message");
    rc = sy_fil_signed_from_json(json_array_get(call->params, 0), params,
                                 2 * SY_FIL_MESSAGE_BYTES_MAX, &message, &why);
    if (rc < 0)
        rc = sy_dc_rpc_bad_param(call, 0, why.text, err);
    else
        rc = sy_dc_pool_push(call->chain, &message, &cid, err);
    if (rc == 0)
        *ret = sy_fil_cid_to_json(&cid);
    sy_mem_free(params);
    return rc;
}

static int run_pending(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    uint32_t index;
    int rc = sy_dc_rpc_tipset(call, 0, &index, err);
    if (rc < 0)
        return rc;
    *ret = json_array();
    for (uint32_t i = 0; i < call->chain->pool_count; i++)
        json_array_append_new(*ret, sy_fil_signed_to_json(&call->chain->pool[i]->message, 't'));
    return 0;
}

/* The lookup of an executed message, null while its tipset has no child within the look-back. */
static json_t *lookup_json(const struct sy_dc_chain *chain, const struct sy_dc_message *message,
                           uint32_t from, int64_t lookback)
{
    const struct sy_dc_tipset *executed;
    struct sy_fil_cid cid, tipset;
    if (message->tipset + 1 > from)
        return json_null();
    executed = &chain->tipsets[message->tipset + 1];
    if (lookback >= 0 && chain->tipsets[from].height - executed->height > lookback)
        return json_null();
    sy_dc_chain_cid(message->cid, &cid);
    sy_dc_chain_cid(executed->cid, &tipset);
    return json_pack("{s:o, s:{s:i, s:o, s:I, s:n}, s:n, s:[o], s:I}", "Message",
                     sy_fil_cid_to_json(&cid), "Receipt", "ExitCode", (int)message->exit_code,
                     "Return", sy_fil_bytes_to_json(message->returned, message->return_bytes),
                     "GasUsed", (json_int_t)message->gas_used, "EventsRoot", "ReturnDec", "TipSet",
                     sy_fil_cid_to_json(&tipset), "Height", (json_int_t)executed->height);
}

/* Chain message with the same sender and nonce as a replaced one. */
static const struct sy_dc_message *find_replacement(const struct sy_dc_chain *chain,
                                                    const uint8_t cid[32], bool *ret_known)
{
    uint32_t kept = SY_MIN(chain->replaced_count, (uint32_t)SY_DC_REPLACED_MAX);
    *ret_known = false;
    for (uint32_t i = 0; i < kept; i++) {
        const struct sy_dc_replaced *old = &chain->replaced[i];
        if (memcmp(old->cid, cid, 32) != 0)
            continue;
        *ret_known = true;
        for (uint32_t k = chain->message_count; k-- > 0;) {
            const struct sy_dc_message *message = chain->messages[k];
            if (message->from == old->from && message->message.message.nonce == old->nonce)
                return message;
        }
    }
    return NULL;
}

static int run_search(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    const json_t *allow = json_array_get(call->params, 3);
    const struct sy_dc_message *message = NULL;
    struct sy_dc_message *found = NULL;
    struct sy_fil_cid cid;
    char text[SY_FIL_CID_TEXT_BYTES];
    const uint8_t *digest;
    uint32_t from;
    int64_t lookback;
    bool known = false;
    int rc = sy_dc_rpc_tipset(call, 0, &from, err);
    if (rc == 0 && sy_fil_cid_from_json(json_array_get(call->params, 1), &cid, NULL) < 0)
        rc = sy_dc_rpc_bad_param(call, 1, "a CID", err);
    if (rc == 0)
        rc = sy_dc_rpc_integer(call, 2, &lookback, err);
    if (rc == 0 && !json_is_boolean(allow))
        rc = sy_dc_rpc_bad_param(call, 3, "a boolean", err);
    if (rc < 0)
        return rc;
    digest = cid.data + (cid.bytes >= 32 ? cid.bytes - 32 : 0);
    HASH_FIND(hh, call->chain->by_cid, digest, 32, found);
    if (found) {
        *ret = lookup_json(call->chain, found, from, lookback);
        return 0;
    }
    message = find_replacement(call->chain, digest, &known);
    if (!known && !sy_dc_pool_find(call->chain, digest))
        return sy_fail(err, SY_E_REMOTE, "failed to load message: %s: not found",
                       sy_fil_cid_print(&cid, text));
    *ret = message && json_is_true(allow) ? lookup_json(call->chain, message, from, lookback)
                                          : json_null();
    return 0;
}

static int get_message(struct sy_dc_rpc_call *call, uint8_t *params, struct sy_fil_message *ret,
                       struct sy_error *err)
{
    struct sy_error why;
    int rc = sy_fil_message_from_json(json_array_get(call->params, 0), params,
                                      SY_FIL_MESSAGE_BYTES_MAX, ret, &why);
    return rc < 0 ? sy_dc_rpc_bad_param(call, 0, why.text, err) : 0;
}

static int run_call(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_fil_message message;
    struct sy_dc_receipt *receipt = sy_mem_alloc(sizeof(*receipt));
    uint8_t *params = sy_mem_alloc(SY_FIL_MESSAGE_BYTES_MAX);
    struct sy_dc_state *state;
    struct sy_fil_cid cid;
    int rc = receipt && params ? sy_dc_rpc_state(call, 1, &state, err)
                               : sy_fail(err, SY_E_NOMEM, "no memory for a call");
    if (rc == 0)
        rc = get_message(call, params, &message, err);
    if (rc == 0)
        rc = sy_fil_message_cid(&message, &cid, err);
    if (rc == 0)
        rc = sy_dc_chain_call(call->chain, &message, false, receipt, err);
    if (rc == 0)
        *ret = json_pack("{s:o, s:o, s:{s:i, s:o, s:I}, s:s}", "MsgCid", sy_fil_cid_to_json(&cid),
                         "Msg", sy_fil_message_to_json(&message, 't'), "MsgRct", "ExitCode",
                         (int)receipt->exit_code, "Return",
                         sy_fil_bytes_to_json(receipt->returned, receipt->return_bytes), "GasUsed",
                         (json_int_t)receipt->gas_used, "Error", receipt->error);
    sy_mem_free(receipt);
    sy_mem_free(params);
    return rc;
}

/* fee cap = base fee in 20 blocks of highest growth + premium; at most MaxFee / limit. */
static int set_fees(struct sy_dc_rpc_call *call, struct sy_fil_message *message,
                    struct sy_error *err)
{
    const json_t *spec = json_array_get(call->params, 1);
    const json_t *max = json_object_get(spec, "MaxFee");
    uint64_t base_fee = sy_dc_chain_head(call->chain)->base_fee;
    struct sy_bigint max_fee = sy_bigint_from(UINT64_C(70000000000000000)), limit;
    int rc = max ? sy_fil_bigint_from_json(max, &max_fee, err) : 0;
    if (rc < 0)
        return rc;
    if (sy_bigint_is_zero(&max_fee))
        max_fee = sy_bigint_from(UINT64_C(70000000000000000));
    for (int i = 0; i < 20; i++)
        base_fee += (base_fee + 7) / 8;
    if (sy_bigint_is_zero(&message->gas_premium))
        message->gas_premium = sy_bigint_from(PREMIUM_MIN);
    if (sy_bigint_is_zero(&message->gas_fee_cap)) {
        struct sy_bigint base = sy_bigint_from(base_fee);
        SY_ASSERT(sy_bigint_add(&message->gas_fee_cap, &base, &message->gas_premium));
    }
    limit = sy_bigint_from((uint64_t)message->gas_limit);
    SY_ASSERT(sy_bigint_div(&max_fee, &max_fee, &limit));
    if (sy_bigint_compare(&message->gas_fee_cap, &max_fee) > 0)
        message->gas_fee_cap = max_fee;
    if (sy_bigint_compare(&message->gas_premium, &message->gas_fee_cap) > 0)
        message->gas_premium = message->gas_fee_cap;
    return 0;
}

static int run_estimate(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_fil_message message;
    struct sy_dc_receipt *receipt = sy_mem_alloc(sizeof(*receipt));
    uint8_t *params = sy_mem_alloc(SY_FIL_MESSAGE_BYTES_MAX);
    uint32_t index;
    int rc = receipt && params ? sy_dc_rpc_tipset(call, 2, &index, err)
                               : sy_fail(err, SY_E_NOMEM, "no memory for an estimate");
    if (rc == 0)
        rc = get_message(call, params, &message, err);
    if (rc == 0)
        rc = sy_dc_chain_call(call->chain, &message, true, receipt, err);
    if (rc == 0 && receipt->exit_code)
        rc = sy_fail(err, SY_E_REMOTE,
                     "estimating gas used: message execution failed: exit code %u, reason: %.200s",
                     receipt->exit_code, receipt->error);
    if (rc == 0 && message.gas_limit == 0)
        message.gas_limit = receipt->gas_used * GAS_OVER_NUM / GAS_OVER_DENOM;
    if (rc == 0 && message.gas_limit > SY_DC_BLOCK_GAS_LIMIT)
        rc = sy_fail(err, SY_E_REMOTE, "estimating gas used: call ran out of gas");
    if (rc == 0)
        rc = set_fees(call, &message, err);
    if (rc == 0)
        *ret = sy_fil_message_to_json(&message, 't');
    sy_mem_free(receipt);
    sy_mem_free(params);
    return rc;
}

const struct sy_dc_rpc_method sy_dc_rpc_message_methods[] = {
    {"MpoolGetNonce", 1, false, run_nonce},
    {"MpoolPush", 1, true, run_push},
    {"MpoolPending", 1, false, run_pending},
    {"StateSearchMsg", 4, false, run_search},
    {"StateCall", 2, false, run_call},
    {"GasEstimateMessageGas", 3, false, run_estimate},
    {NULL, 0, false, NULL},
};
