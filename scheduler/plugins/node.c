#include "scheduler/plugins/node.h"

#include "common/fil/randomness.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/mem.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TOKEN_BYTES_MAX 4096
#define URL_BYTES 512
#define METHOD_BYTES 64
#define RANGES_MAX 65536
#define MAINNET_FINALITY 900
#define MAINNET_CHALLENGE_DELAY 150
#define MAINNET_LOOKBACK 3780
#define MAINNET_PROVE_DURATION 86550
#define MAINNET_EXPIRATION_MIN 518400
#define MAINNET_EXPIRATION_MAX 3680640
#define NETWORK 't' /* letter of addresses we send; nodes take both */

struct sy_node {
    struct sy_http *http;
};

static int load_token(const char *path, char *ret, struct sy_error *err)
{
    struct stat info;
    char *text;
    size_t bytes;
    int rc;
    if (stat(path, &info) < 0)
        return sy_fail_errno(err, errno, "token file %s", path);
    if (info.st_mode & 077)
        return sy_fail(err, SY_E_DENIED, "token file %s has mode %03o, expected 600: chmod 600 it",
                       path, (unsigned)info.st_mode & 0777u);
    rc = sy_file_read(path, TOKEN_BYTES_MAX - 1, &text, &bytes, err);
    if (rc < 0)
        return rc;
    while (bytes && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r'))
        bytes--;
    memcpy(ret, text, bytes);
    ret[bytes] = 0;
    sodium_memzero(text, bytes);
    free(text);
    return 0;
}

int sy_node_create(struct sy_node **ret, const char *url, const char *token_file,
                   struct sy_error *err)
{
    char token[TOKEN_BYTES_MAX];
    struct sy_node *node;
    int rc = 0;
    token[0] = 0;
    if (token_file[0])
        rc = load_token(token_file, token, err);
    if (rc < 0)
        return rc;
    node = sy_mem_alloc(sizeof(*node));
    rc = node ? sy_http_create(&node->http, url, token[0] ? token : NULL, SY_NODE_TIMEOUT_MS, err)
              : sy_fail(err, SY_E_NOMEM, "no memory for the node client");
    sodium_memzero(token, sizeof(token));
    if (rc < 0) {
        sy_mem_free(node);
        return rc;
    }
    *ret = node;
    return 0;
}

int sy_node_create_from_conf(struct sy_node **ret, struct sy_conf_table *conf, struct sy_error *err)
{
    char url[URL_BYTES], token_file[SY_PATH_BYTES];
    int rc = sy_conf_string(conf, "node", true, "", url, sizeof(url), err);
    if (rc == 0)
        rc = sy_conf_string(conf, "token_file", false, "", token_file, sizeof(token_file), err);
    if (rc == 0)
        rc = sy_node_create(ret, url, token_file, err);
    return rc;
}

void sy_node_destroy(struct sy_node *node)
{
    if (!node)
        return;
    sy_http_destroy(node->http);
    sy_mem_free(node);
}

bool sy_node_says(const struct sy_error *err, const char *what)
{
    return strstr(err->text, what) != NULL;
}

bool sy_node_is_away(int rc)
{
    return rc == -SY_E_UNREACHABLE || rc == -SY_E_TIMEOUT || rc == -SY_E_AUTH;
}

/* params is taken over (NULL = out of memory). */
static int call(struct sy_node *node, const char *name, json_t *params, json_t **ret,
                struct sy_error *err)
{
    char method[METHOD_BYTES];
    int rc;
    if (!params)
        return sy_fail(err, SY_E_NOMEM, "no memory for a call of %s", name);
    snprintf(method, sizeof(method), "Filecoin.%s", name);
    rc = sy_jsonrpc_call(node->http, method, params, ret, NULL, err);
    json_decref(params);
    return rc;
}

static int bad_answer(const char *name, struct sy_error *err)
{
    return sy_fail(err, SY_E_REMOTE, "%s: the node's answer has another shape than expected", name);
}

static json_t *miner_text(uint64_t miner)
{
    struct sy_fil_address address;
    sy_fil_address_id(miner, &address);
    return sy_fil_address_to_json(&address, NETWORK);
}

static int64_t integer_or(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* ---------------------------------------------------------------- network ------------------- */

int sy_node_get_params(struct sy_node *node, struct sy_node_params *ret, struct sy_error *err)
{
    struct sy_node_params params;
    const json_t *scaled;
    const char *network;
    json_t *answer;
    int64_t delay_s;
    int rc = call(node, "StateGetNetworkParams", json_array(), &answer, err);
    if (rc < 0)
        return rc;
    network = json_string_value(json_object_get(answer, "NetworkName"));
    delay_s = integer_or(answer, "BlockDelaySecs", 0);
    scaled = json_object_get(answer, "Sealyard");
    if (!network || delay_s <= 0) {
        json_decref(answer);
        return bad_answer("StateGetNetworkParams", err);
    }
    snprintf(params.network, sizeof(params.network), "%s", network);
    params.block_delay_ms = (uint64_t)integer_or(scaled, "BlockDelayMs", 1000 * delay_s);
    params.challenge_delay = integer_or(answer, "PreCommitChallengeDelay", MAINNET_CHALLENGE_DELAY);
    params.finality = integer_or(scaled, "Finality", MAINNET_FINALITY);
    params.precommit_lookback =
        integer_or(scaled, "MaxPreCommitRandomnessLookback", MAINNET_LOOKBACK);
    params.prove_duration = integer_or(scaled, "MaxProveCommitDuration", MAINNET_PROVE_DURATION);
    params.expiration_min = integer_or(scaled, "MinSectorExpiration", MAINNET_EXPIRATION_MIN);
    params.expiration_max =
        integer_or(scaled, "MaxSectorExpirationExtension", MAINNET_EXPIRATION_MAX);
    *ret = params;
    json_decref(answer);
    return 0;
}

/* Block CIDs, comma separated. */
static bool print_key(const json_t *cids, char *text, size_t capacity)
{
    size_t index, used = 0;
    const json_t *cid;
    json_array_foreach(cids, index, cid)
    {
        const char *each = json_string_value(json_object_get(cid, "/"));
        int written =
            each ? snprintf(text + used, capacity - used, "%s%s", index ? "," : "", each) : -1;
        if (written < 0 || (size_t)written >= capacity - used)
            return false;
        used += (size_t)written;
    }
    return index > 0;
}

int sy_node_get_head(struct sy_node *node, struct sy_chain_head *ret, struct sy_error *err)
{
    struct sy_chain_head head = *ret;
    json_t *answer;
    int rc = call(node, "ChainHead", json_array(), &answer, err);
    if (rc < 0)
        return rc;
    head.height = integer_or(answer, "Height", -1);
    head.timestamp_s =
        integer_or(json_array_get(json_object_get(answer, "Blocks"), 0), "Timestamp", -1);
    if (head.height < 0 || head.timestamp_s < 0 ||
        !print_key(json_object_get(answer, "Cids"), head.tipset, sizeof(head.tipset)))
        rc = bad_answer("ChainHead", err);
    else
        *ret = head;
    json_decref(answer);
    return rc;
}

int sy_node_get_version(struct sy_node *node, uint32_t *ret, struct sy_error *err)
{
    json_t *answer;
    int rc = call(node, "StateNetworkVersion", json_pack("[[]]"), &answer, err);
    if (rc < 0)
        return rc;
    if (!json_is_integer(answer) || json_integer_value(answer) < 0 ||
        json_integer_value(answer) > UINT32_MAX)
        rc = bad_answer("StateNetworkVersion", err);
    else
        *ret = (uint32_t)json_integer_value(answer);
    json_decref(answer);
    return rc;
}

/* ---------------------------------------------------------------- miner --------------------- */

static int get_key_address(struct sy_node *node, const json_t *id, struct sy_fil_address *ret,
                           struct sy_error *err)
{
    json_t *answer;
    int rc = call(node, "StateAccountKey", json_pack("[O, []]", id), &answer, err);
    if (rc == 0) {
        rc = sy_fil_address_from_json(answer, ret, err);
        json_decref(answer);
    }
    return rc;
}

int sy_node_get_miner(struct sy_node *node, uint64_t miner, struct sy_node_miner *ret,
                      struct sy_error *err)
{
    struct sy_node_miner out = {0};
    json_t *info = NULL, *deadline = NULL;
    int rc = call(node, "StateMinerInfo", json_pack("[o, []]", miner_text(miner)), &info, err);
    if (rc == 0 && !json_is_string(json_object_get(info, "Worker")))
        rc = bad_answer("StateMinerInfo", err);
    if (rc == 0)
        rc = get_key_address(node, json_object_get(info, "Worker"), &out.worker, err);
    if (rc == 0)
        rc = call(node, "StateMinerProvingDeadline", json_pack("[o, []]", miner_text(miner)),
                  &deadline, err);
    if (rc == 0) {
        out.sector_bytes = (uint64_t)integer_or(info, "SectorSize", 0);
        out.period_start = integer_or(deadline, "PeriodStart", INT64_MIN);
        if (out.sector_bytes == 0 || out.period_start == INT64_MIN)
            rc = bad_answer("StateMinerInfo", err);
        else
            *ret = out;
    }
    json_decref(info);
    json_decref(deadline);
    return rc;
}

int sy_node_get_number_floor(struct sy_node *node, uint64_t miner, uint64_t *ret,
                             struct sy_error *err)
{
    json_t *answer, *run;
    uint64_t position = 0, floor = 0;
    size_t index;
    int rc =
        call(node, "StateMinerAllocated", json_pack("[o, []]", miner_text(miner)), &answer, err);
    if (rc < 0)
        return rc;
    if (!json_is_null(answer) && !json_is_array(answer))
        rc = bad_answer("StateMinerAllocated", err);
    json_array_foreach(answer, index, run)
    {
        if (rc == 0 && (!json_is_integer(run) || json_integer_value(run) < 0 ||
                        !sy_add_ok(position, (uint64_t)json_integer_value(run), &position)))
            rc = bad_answer("StateMinerAllocated", err);
        if (index % 2 && json_integer_value(run) > 0)
            floor = position;
    }
    if (rc == 0)
        *ret = floor;
    json_decref(answer);
    return rc;
}

int sy_node_is_allocated(struct sy_node *node, uint64_t miner, uint64_t number, bool *ret,
                         struct sy_error *err)
{
    json_t *answer;
    int rc = call(node, "StateMinerSectorAllocated",
                  json_pack("[o, I, []]", miner_text(miner), (json_int_t)number), &answer, err);
    if (rc < 0)
        return rc;
    if (!json_is_boolean(answer))
        rc = bad_answer("StateMinerSectorAllocated", err);
    else
        *ret = json_is_true(answer);
    json_decref(answer);
    return rc;
}

static int take_sector(const json_t *info, const char *name, struct sy_node_sector *ret,
                       struct sy_error *err)
{
    struct sy_fil_cid sealed;
    int rc = sy_fil_cid_from_json(json_object_get(info, "SealedCID"), &sealed, err);
    if (rc == 0)
        rc = sy_fil_cid_sealed_get(&sealed, ret->comm_r, err);
    if (rc < 0)
        return rc;
    ret->expiration = integer_or(info, "Expiration", -1);
    ret->found = true;
    return ret->expiration < 0 ? bad_answer(name, err) : 0;
}

int sy_node_get_precommit(struct sy_node *node, uint64_t miner, uint64_t number,
                          struct sy_node_sector *ret, struct sy_error *err)
{
    struct sy_node_sector out = {0};
    struct sy_error why = {0};
    json_t *answer;
    int rc = call(node, "StateSectorPreCommitInfo",
                  json_pack("[o, I, []]", miner_text(miner), (json_int_t)number), &answer, &why);
    if (rc == -SY_E_REMOTE && sy_node_says(&why, "not found")) { /* older nodes */
        *ret = out;
        return 0;
    }
    if (rc < 0) {
        if (err)
            *err = why;
        return rc;
    }
    if (!json_is_null(answer)) {
        rc = take_sector(json_object_get(answer, "Info"), "StateSectorPreCommitInfo", &out, err);
        out.epoch = integer_or(answer, "PreCommitEpoch", -1);
        if (rc == 0)
            rc = sy_fil_bigint_from_json(json_object_get(answer, "PreCommitDeposit"), &out.deposit,
                                         err);
        if (rc == 0 && out.epoch < 0)
            rc = bad_answer("StateSectorPreCommitInfo", err);
    }
    json_decref(answer);
    if (rc == 0)
        *ret = out;
    return rc;
}

int sy_node_get_sector(struct sy_node *node, uint64_t miner, uint64_t number,
                       struct sy_node_sector *ret, struct sy_error *err)
{
    struct sy_node_sector out = {0};
    json_t *answer;
    int rc = call(node, "StateSectorGetInfo",
                  json_pack("[o, I, []]", miner_text(miner), (json_int_t)number), &answer, err);
    if (rc < 0)
        return rc;
    if (!json_is_null(answer)) {
        rc = take_sector(answer, "StateSectorGetInfo", &out, err);
        out.epoch = integer_or(answer, "Activation", -1);
        if (rc == 0 && out.epoch < 0)
            rc = bad_answer("StateSectorGetInfo", err);
    }
    json_decref(answer);
    if (rc == 0)
        *ret = out;
    return rc;
}

static int draw(struct sy_node *node, const char *name, int64_t tag, uint64_t miner, int64_t epoch,
                uint8_t ret[32], struct sy_error *err)
{
    uint8_t entropy[SY_FIL_ENTROPY_BYTES], value[32];
    size_t entropy_bytes = sy_fil_miner_entropy(miner, entropy), bytes = 0;
    json_t *answer;
    int rc = call(node, name,
                  json_pack("[I, I, o, []]", (json_int_t)tag, (json_int_t)epoch,
                            sy_fil_bytes_to_json(entropy, entropy_bytes)),
                  &answer, err);
    if (rc < 0)
        return rc;
    rc = sy_fil_bytes_from_json(answer, value, sizeof(value), &bytes, err);
    json_decref(answer);
    if (rc == 0 && bytes != sizeof(value))
        rc = bad_answer(name, err);
    if (rc == 0)
        memcpy(ret, value, sizeof(value));
    return rc;
}

int sy_node_get_ticket(struct sy_node *node, uint64_t miner, int64_t epoch, uint8_t ret[32],
                       struct sy_error *err)
{
    return draw(node, "StateGetRandomnessFromTickets", SY_FIL_TAG_SEAL, miner, epoch, ret, err);
}

int sy_node_get_seed(struct sy_node *node, uint64_t miner, int64_t epoch, uint8_t ret[32],
                     struct sy_error *err)
{
    return draw(node, "StateGetRandomnessFromBeacon", SY_FIL_TAG_INTERACTIVE_SEAL, miner, epoch,
                ret, err);
}

static int take_amount(int rc, json_t *answer, struct sy_bigint *ret, struct sy_error *err)
{
    if (rc == 0) {
        rc = sy_fil_bigint_from_json(answer, ret, err);
        json_decref(answer);
    }
    return rc;
}

int sy_node_get_deposit(struct sy_node *node, uint64_t miner, const struct sy_fil_precommit *info,
                        struct sy_bigint *ret, struct sy_error *err)
{
    json_t *answer = NULL;
    json_t *json = json_pack(
        "{s:I, s:I, s:o, s:I, s:[], s:I, s:o}", "SealProof", (json_int_t)info->seal_proof,
        "SectorNumber", (json_int_t)info->sector, "SealedCID", sy_fil_cid_to_json(&info->sealed),
        "SealRandEpoch", (json_int_t)info->seal_rand_epoch, "DealIDs", "Expiration",
        (json_int_t)info->expiration, "UnsealedCid",
        info->has_unsealed ? sy_fil_cid_to_json(&info->unsealed) : json_null());
    int rc = call(node, "StateMinerPreCommitDepositForPower",
                  json_pack("[o, o, []]", miner_text(miner), json), &answer, err);
    return take_amount(rc, answer, ret, err);
}

int sy_node_get_pledge(struct sy_node *node, int64_t duration, uint64_t sector_bytes,
                       struct sy_bigint *ret, struct sy_error *err)
{
    json_t *answer = NULL;
    int rc = call(node, "StateMinerInitialPledgeForSector",
                  json_pack("[I, I, i, []]", (json_int_t)duration, (json_int_t)sector_bytes, 0),
                  &answer, err);
    return take_amount(rc, answer, ret, err);
}

/* ---------------------------------------------------------------- messages ------------------ */

static int take_receipt(const json_t *json, struct sy_node_receipt *ret, struct sy_error *err)
{
    const json_t *code = json_object_get(json, "ExitCode");
    if (!json_is_integer(code))
        return bad_answer("receipt", err);
    ret->exit_code = json_integer_value(code);
    ret->error[0] = 0;
    return sy_fil_bytes_from_json(json_object_get(json, "Return"), ret->returned,
                                  sizeof(ret->returned), &ret->return_bytes, err);
}

int sy_node_call(struct sy_node *node, const struct sy_fil_message *message,
                 struct sy_node_receipt *ret, struct sy_error *err)
{
    const char *text;
    json_t *answer;
    int rc = call(node, "StateCall", json_pack("[o, []]", sy_fil_message_to_json(message, NETWORK)),
                  &answer, err);
    if (rc < 0)
        return rc;
    rc = take_receipt(json_object_get(answer, "MsgRct"), ret, err);
    text = json_string_value(json_object_get(answer, "Error"));
    if (rc == 0 && text)
        snprintf(ret->error, sizeof(ret->error), "%.150s", text);
    json_decref(answer);
    return rc;
}

int sy_node_get_nonce(struct sy_node *node, const struct sy_fil_address *address, uint64_t *ret,
                      struct sy_error *err)
{
    json_t *answer;
    int rc = call(node, "MpoolGetNonce", json_pack("[o]", sy_fil_address_to_json(address, NETWORK)),
                  &answer, err);
    if (rc < 0)
        return rc;
    if (!json_is_integer(answer) || json_integer_value(answer) < 0)
        rc = bad_answer("MpoolGetNonce", err);
    else
        *ret = (uint64_t)json_integer_value(answer);
    json_decref(answer);
    return rc;
}

int sy_node_get_actor_nonce(struct sy_node *node, const struct sy_fil_address *address,
                            uint64_t *ret, struct sy_error *err)
{
    json_t *answer;
    int64_t nonce;
    int rc = call(node, "StateGetActor",
                  json_pack("[o, []]", sy_fil_address_to_json(address, NETWORK)), &answer, err);
    if (rc < 0)
        return rc;
    nonce = integer_or(answer, "Nonce", -1);
    if (nonce < 0)
        rc = bad_answer("StateGetActor", err);
    else
        *ret = (uint64_t)nonce;
    json_decref(answer);
    return rc;
}

int sy_node_estimate(struct sy_node *node, struct sy_fil_message *message,
                     const struct sy_bigint *max_fee, struct sy_error *err)
{
    struct sy_fil_message filled;
    uint8_t *params = sy_mem_alloc(SY_FIL_MESSAGE_BYTES_MAX);
    char fee[SY_BIGINT_TEXT_BYTES];
    json_t *answer = NULL;
    int rc;
    if (!params)
        return sy_fail(err, SY_E_NOMEM, "no memory for an estimate");
    rc = call(node, "GasEstimateMessageGas",
              json_pack("[o, {s:s}, []]", sy_fil_message_to_json(message, NETWORK), "MaxFee",
                        sy_bigint_print(max_fee, fee)),
              &answer, err);
    if (rc == 0)
        rc = sy_fil_message_from_json(answer, params, SY_FIL_MESSAGE_BYTES_MAX, &filled, err);
    if (rc == 0 && filled.gas_limit <= 0)
        rc = bad_answer("GasEstimateMessageGas", err);
    if (rc == 0) {
        message->gas_limit = filled.gas_limit;
        message->gas_fee_cap = filled.gas_fee_cap;
        message->gas_premium = filled.gas_premium;
    }
    json_decref(answer);
    sy_mem_free(params);
    return rc;
}

int sy_node_push(struct sy_node *node, const struct sy_fil_signed_message *message,
                 struct sy_error *err)
{
    json_t *answer;
    int rc = call(node, "MpoolPush", json_pack("[o]", sy_fil_signed_to_json(message, NETWORK)),
                  &answer, err);
    if (rc == 0)
        json_decref(answer);
    return rc;
}

int sy_node_search(struct sy_node *node, const char *cid, int64_t lookback,
                   struct sy_node_lookup *ret, struct sy_error *err)
{
    struct sy_error why = {0};
    const char *found;
    json_t *answer;
    int rc = call(node, "StateSearchMsg",
                  json_pack("[[], {s:s}, I, b]", "/", cid, (json_int_t)lookback, 1), &answer, &why);
    ret->found = false;
    if (rc == -SY_E_REMOTE && sy_node_says(&why, "failed to load message"))
        return 0;
    if (rc < 0) {
        if (err)
            *err = why;
        return rc;
    }
    if (!json_is_null(answer)) {
        found = json_string_value(json_object_get(json_object_get(answer, "Message"), "/"));
        ret->height = integer_or(answer, "Height", -1);
        rc = take_receipt(json_object_get(answer, "Receipt"), &ret->receipt, err);
        if (rc == 0 && (!found || ret->height < 0))
            rc = bad_answer("StateSearchMsg", err);
        if (rc == 0) {
            ret->found = true;
            ret->same = strcmp(found, cid) == 0;
        }
    }
    json_decref(answer);
    return rc;
}
