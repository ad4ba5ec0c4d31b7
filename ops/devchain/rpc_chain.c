/* Version, Chain* and the generic State* methods. */
#include "ops/devchain/rpc.h"

#include "common/fil/randomness.h"

#include <string.h>

#define ENTROPY_BYTES_MAX 256
#define API_VERSION 131840 /* v1 API 2.3.0 */

static json_t *tipset_json(const struct sy_dc_chain *chain, uint32_t index)
{
    struct sy_dc_header_scratch scratch;
    struct sy_dc_header header;
    struct sy_fil_cid cid;
    sy_dc_chain_header(chain, index, &scratch, &header);
    sy_dc_chain_cid(chain->tipsets[index].cid, &cid);
    return json_pack("{s:[o], s:[o], s:I}", "Cids", sy_fil_cid_to_json(&cid), "Blocks",
                     sy_dc_header_to_json(&header, 't'), "Height", (json_int_t)header.height);
}

static int run_version(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    (void)err;
    *ret = json_pack("{s:s, s:i, s:I, s:s}", "Version", "sealyard-devchain " SY_VERSION,
                     "APIVersion", API_VERSION, "BlockDelay",
                     (json_int_t)SY_MAX(call->chain->config.block_ms / 1000, UINT64_C(1)), "Agent",
                     "sealyard-devchain");
    return 0;
}

static int run_head(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    (void)err;
    *ret = tipset_json(call->chain, call->chain->tipset_count - 1);
    return 0;
}

static int run_get_tipset(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    uint32_t index;
    int rc = sy_dc_rpc_tipset(call, 0, &index, err);
    if (rc == 0)
        *ret = tipset_json(call->chain, index);
    return rc;
}

static int by_height(struct sy_dc_rpc_call *call, bool next, json_t **ret, struct sy_error *err)
{
    int64_t height;
    uint32_t from, index;
    int rc = sy_dc_rpc_integer(call, 0, &height, err);
    if (rc == 0)
        rc = sy_dc_rpc_tipset(call, 1, &from, err);
    if (rc < 0)
        return rc;
    if (height > call->chain->tipsets[from].height)
        return sy_fail(err, SY_E_REMOTE, "looking for tipset with height greater than start point");
    if (!sy_dc_chain_at(call->chain, height, next, &index))
        return sy_fail(err, SY_E_REMOTE, "no tipset at height %lld", (long long)height);
    *ret = tipset_json(call->chain, index);
    return 0;
}

static int run_by_height(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    return by_height(call, false, ret, err);
}

static int run_after_height(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    return by_height(call, true, ret, err);
}

/* Messages or receipts of the parent of a block. */
static int parent_list(struct sy_dc_rpc_call *call, bool receipts, json_t **ret,
                       struct sy_error *err)
{
    const struct sy_dc_tipset *parent;
    struct sy_fil_cid cid;
    uint32_t index;
    if (sy_fil_cid_from_json(json_array_get(call->params, 0), &cid, NULL) < 0)
        return sy_dc_rpc_bad_param(call, 0, "a CID", err);
    if (!sy_dc_chain_find(call->chain, &cid, &index))
        return sy_fail(err, SY_E_REMOTE, "block not found");
    *ret = json_array();
    if (index == 0)
        return 0;
    parent = &call->chain->tipsets[index - 1];
    for (uint32_t i = 0; i < parent->message_count; i++) {
        const struct sy_dc_message *message = call->chain->messages[parent->message_first + i];
        struct sy_fil_cid message_cid;
        sy_dc_chain_cid(message->cid, &message_cid);
        if (receipts)
            json_array_append_new(
                *ret,
                json_pack("{s:i, s:o, s:I, s:n}", "ExitCode", (int)message->exit_code, "Return",
                          sy_fil_bytes_to_json(message->returned, message->return_bytes), "GasUsed",
                          (json_int_t)message->gas_used, "EventsRoot"));
        else
            json_array_append_new(
                *ret, json_pack("{s:o, s:o}", "Cid", sy_fil_cid_to_json(&message_cid), "Message",
                                sy_fil_message_to_json(&message->message.message, 't')));
    }
    return 0;
}

static int run_parent_messages(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    return parent_list(call, false, ret, err);
}

static int run_parent_receipts(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    return parent_list(call, true, ret, err);
}

static int run_network_name(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    (void)call;
    (void)err;
    *ret = json_string(SY_DC_NETWORK);
    return 0;
}

static int run_network_version(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    uint32_t index;
    int rc = sy_dc_rpc_tipset(call, 0, &index, err);
    if (rc == 0)
        *ret = json_integer(SY_DC_NETWORK_VERSION);
    return rc;
}

/* Lotus' fields; "Sealyard" reports what a lab scales, so that no client has to guess. */
static int run_network_params(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    const struct sy_dc_genesis *genesis = &call->chain->config.genesis;
    json_t *scaled = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "BlockDelayMs",
                               (json_int_t)call->chain->config.block_ms, "Finality",
                               (json_int_t)genesis->finality, "MaxPreCommitRandomnessLookback",
                               (json_int_t)genesis->precommit_lookback, "MaxProveCommitDuration",
                               (json_int_t)genesis->prove_duration, "MinSectorExpiration",
                               (json_int_t)genesis->expiration_min, "MaxSectorExpirationExtension",
                               (json_int_t)genesis->expiration_max, "MaxSectorLifetime",
                               (json_int_t)genesis->lifetime_max);
    (void)err;
    *ret = json_pack(
        "{s:s, s:I, s:s, s:I, s:{}, s:i, s:I, s:o}", "NetworkName", SY_DC_NETWORK, "BlockDelaySecs",
        (json_int_t)SY_MAX(call->chain->config.block_ms / 1000, UINT64_C(1)),
        "ConsensusMinerMinPower", "2048", "PreCommitChallengeDelay",
        (json_int_t)genesis->challenge_delay, "ForkUpgradeParams", "Eip155ChainID", 31415926,
        "GenesisTimestamp", (json_int_t)call->chain->tipsets[0].timestamp_s, "Sealyard", scaled);
    return 0;
}

static json_t *actor_code(enum sy_dc_kind kind)
{
    static const char *const names[] = {"sealyard/system", "sealyard/account", "sealyard/miner"};
    struct sy_fil_cid cid;
    uint8_t raw[4 + 32] = {0x01, SY_FIL_CODEC_RAW, 0x00, 0};
    size_t length = strlen(names[kind]);
    raw[3] = (uint8_t)length;
    memcpy(raw + 4, names[kind], length);
    SY_ASSERT(sy_fil_cid_from(raw, 4 + length, &cid, NULL) == 0);
    return sy_fil_cid_to_json(&cid);
}

static int run_get_actor(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_actor *actor;
    struct sy_fil_cid root;
    int rc = sy_dc_rpc_state(call, 1, &state, err);
    if (rc == 0)
        rc = sy_dc_rpc_actor(call, 0, state, &actor, err);
    if (rc < 0)
        return rc;
    sy_dc_chain_cid(sy_dc_chain_head(call->chain)->state_root, &root);
    *ret = json_pack("{s:o, s:o, s:I, s:o, s:n}", "Code", actor_code(actor->kind), "Head",
                     sy_fil_cid_to_json(&root), "Nonce", (json_int_t)actor->nonce, "Balance",
                     sy_fil_bigint_to_json(&actor->balance), "DelegatedAddress");
    return 0;
}

static int run_account_key(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_actor *actor;
    int rc = sy_dc_rpc_state(call, 1, &state, err);
    if (rc == 0)
        rc = sy_dc_rpc_actor(call, 0, state, &actor, err);
    if (rc < 0)
        return rc;
    if (actor->kind != SY_DC_ACCOUNT)
        return sy_fail(err, SY_E_REMOTE, "cannot get account actor from non-account t0%llu",
                       (unsigned long long)actor->id);
    *ret = sy_fil_address_to_json(&actor->key, 't');
    return 0;
}

static int run_lookup_id(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_actor *actor;
    int rc = sy_dc_rpc_state(call, 1, &state, err);
    if (rc == 0)
        rc = sy_dc_rpc_actor(call, 0, state, &actor, err);
    if (rc == 0)
        *ret = sy_dc_rpc_id(actor->id);
    return rc;
}

static int draw(struct sy_dc_rpc_call *call, bool beacon, json_t **ret, struct sy_error *err)
{
    uint8_t entropy[ENTROPY_BYTES_MAX], value[32];
    size_t bytes;
    int64_t tag, epoch;
    uint32_t index;
    int rc = sy_dc_rpc_integer(call, 0, &tag, err);
    if (rc == 0)
        rc = sy_dc_rpc_integer(call, 1, &epoch, err);
    if (rc == 0 && sy_fil_bytes_from_json(json_array_get(call->params, 2), entropy, sizeof(entropy),
                                          &bytes, NULL) < 0)
        rc = sy_dc_rpc_bad_param(call, 2, "base64 of at most 256 bytes, or null", err);
    if (rc == 0)
        rc = sy_dc_rpc_tipset(call, 3, &index, err);
    if (rc == 0 && epoch > call->chain->tipsets[index].height)
        rc = sy_fail(err, SY_E_REMOTE, "cannot draw randomness from the future");
    if (rc == 0)
        rc = sy_dc_chain_draw(call->chain, beacon, tag, epoch, entropy, bytes, value, err);
    if (rc == 0)
        *ret = sy_fil_bytes_to_json(value, sizeof(value));
    return rc;
}

static int run_draw_tickets(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    return draw(call, false, ret, err);
}

static int run_draw_beacon(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    return draw(call, true, ret, err);
}

static int run_beacon_entry(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    uint8_t data[SY_DC_BEACON_BYTES];
    int64_t epoch;
    int rc = sy_dc_rpc_integer(call, 0, &epoch, err);
    if (rc < 0)
        return rc;
    if (epoch < 0 || epoch > sy_dc_chain_head(call->chain)->height)
        return sy_fail(err, SY_E_REMOTE, "beacon entry of epoch %lld does not exist yet",
                       (long long)epoch);
    sy_dc_chain_beacon(call->chain, epoch, data);
    *ret = json_pack("{s:I, s:o}", "Round", (json_int_t)epoch + 1, "Data",
                     sy_fil_bytes_to_json(data, sizeof(data)));
    return 0;
}

static int run_balance(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_bigint zero = sy_bigint_from(0);
    struct sy_dc_actor *actor;
    int rc = sy_dc_rpc_actor(call, 0, &call->chain->pre, &actor, err);
    if (rc == -SY_E_NOT_FOUND) {
        *ret = sy_fil_bigint_to_json(&zero);
        return 0;
    }
    if (rc == 0)
        *ret = sy_fil_bigint_to_json(&actor->balance);
    return rc;
}

const struct sy_dc_rpc_method sy_dc_rpc_chain_methods[] = {
    {"Version", 0, false, run_version},
    {"ChainHead", 0, false, run_head},
    {"ChainGetTipSet", 1, false, run_get_tipset},
    {"ChainGetTipSetByHeight", 2, false, run_by_height},
    {"ChainGetTipSetAfterHeight", 2, false, run_after_height},
    {"ChainGetParentMessages", 1, false, run_parent_messages},
    {"ChainGetParentReceipts", 1, false, run_parent_receipts},
    {"StateNetworkName", 0, false, run_network_name},
    {"StateNetworkVersion", 1, false, run_network_version},
    {"StateGetNetworkParams", 0, false, run_network_params},
    {"StateGetActor", 2, false, run_get_actor},
    {"StateAccountKey", 2, false, run_account_key},
    {"StateLookupID", 2, false, run_lookup_id},
    {"StateGetRandomnessFromTickets", 4, false, run_draw_tickets},
    {"StateGetRandomnessFromBeacon", 4, false, run_draw_beacon},
    {"StateGetBeaconEntry", 1, false, run_beacon_entry},
    {"WalletBalance", 1, false, run_balance},
    {NULL, 0, false, NULL},
};
