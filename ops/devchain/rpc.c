#include "ops/devchain/rpc.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX "Filecoin."
#define JSONRPC_PARSE (-32700)
#define JSONRPC_INVALID (-32600)
#define JSONRPC_UNKNOWN (-32601)

int sy_dc_rpc_bad_param(struct sy_dc_rpc_call *call, size_t index, const char *expected,
                        struct sy_error *err)
{
    call->code = SY_DC_RPC_BAD_PARAMS;
    return sy_fail(err, SY_E_ARG, "unmarshaling params for parameter %zu: expected %s", index,
                   expected);
}

int sy_dc_rpc_integer(struct sy_dc_rpc_call *call, size_t index, int64_t *ret, struct sy_error *err)
{
    const json_t *value = json_array_get(call->params, index);
    if (!json_is_integer(value))
        return sy_dc_rpc_bad_param(call, index, "an integer", err);
    *ret = json_integer_value(value);
    return 0;
}

int sy_dc_rpc_tipset(struct sy_dc_rpc_call *call, size_t index, uint32_t *ret_index,
                     struct sy_error *err)
{
    const json_t *key = json_array_get(call->params, index);
    struct sy_fil_cid cid;
    if (json_is_null(key) || (json_is_array(key) && json_array_size(key) == 0)) {
        *ret_index = call->chain->tipset_count - 1;
        return 0;
    }
    if (!json_is_array(key) || sy_fil_cid_from_json(json_array_get(key, 0), &cid, NULL) < 0)
        return sy_dc_rpc_bad_param(call, index, "a tipset key: an array of CIDs", err);
    if (json_array_size(key) != 1 || !sy_dc_chain_find(call->chain, &cid, ret_index))
        return sy_fail(err, SY_E_REMOTE, "loading tipset: block not found on this chain");
    return 0;
}

int sy_dc_rpc_state(struct sy_dc_rpc_call *call, size_t index, struct sy_dc_state **ret,
                    struct sy_error *err)
{
    uint32_t tipset;
    int rc = sy_dc_rpc_tipset(call, index, &tipset, err);
    if (rc < 0)
        return rc;
    if (tipset + 1 != call->chain->tipset_count)
        return sy_fail(err, SY_E_REMOTE,
                       "state of height %lld is not kept: this chain answers for its head",
                       (long long)call->chain->tipsets[tipset].height);
    *ret = &call->chain->pre;
    return 0;
}

int sy_dc_rpc_actor(struct sy_dc_rpc_call *call, size_t index, struct sy_dc_state *state,
                    struct sy_dc_actor **ret, struct sy_error *err)
{
    struct sy_fil_address address;
    if (sy_fil_address_from_json(json_array_get(call->params, index), &address, NULL) < 0)
        return sy_dc_rpc_bad_param(call, index, "an address", err);
    *ret = sy_dc_actor_find(state, &address);
    if (!*ret) {
        call->code = SY_DC_RPC_ACTOR_NOT_FOUND;
        return sy_fail(err, SY_E_NOT_FOUND, "actor not found");
    }
    return 0;
}

int sy_dc_rpc_miner(struct sy_dc_rpc_call *call, size_t key_index, struct sy_dc_state **ret_state,
                    struct sy_dc_miner **ret, struct sy_error *err)
{
    struct sy_dc_actor *actor;
    int rc = sy_dc_rpc_state(call, key_index, ret_state, err);
    if (rc == 0)
        rc = sy_dc_rpc_actor(call, 0, *ret_state, &actor, err);
    if (rc < 0)
        return rc;
    *ret = sy_dc_miner_get(*ret_state, actor->id);
    if (!*ret)
        return sy_fail(err, SY_E_REMOTE, "failed to load miner actor: t0%llu is not a miner",
                       (unsigned long long)actor->id);
    return 0;
}

json_t *sy_dc_rpc_id(uint64_t id)
{
    struct sy_fil_address address;
    sy_fil_address_id(id, &address);
    return sy_fil_address_to_json(&address, 't');
}

static const struct sy_dc_rpc_method *find_method(const char *name)
{
    const struct sy_dc_rpc_method *const tables[] = {
        sy_dc_rpc_chain_methods, sy_dc_rpc_miner_methods, sy_dc_rpc_message_methods};
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return NULL;
    for (size_t i = 0; i < SY_ARRAY_SIZE(tables); i++) {
        for (const struct sy_dc_rpc_method *method = tables[i]; method->name; method++) {
            if (strcmp(method->name, name + strlen(PREFIX)) == 0)
                return method;
        }
    }
    return NULL;
}

/* *ret = result; else call->code and err. */
static int run_method(struct sy_dc_rpc_call *call, const char *name, json_t **ret,
                      struct sy_error *err)
{
    const struct sy_dc_rpc_method *method = find_method(name);
    int rc;
    if (!method) {
        call->code = JSONRPC_UNKNOWN;
        return sy_fail(err, SY_E_UNSUPPORTED, "method '%.60s' not found", name);
    }
    if (json_array_size(call->params) != method->params) {
        call->code = SY_DC_RPC_BAD_PARAMS;
        return sy_fail(err, SY_E_ARG, "wrong param count (method '%s'): %zu != %u", name,
                       json_array_size(call->params), method->params);
    }
    if (method->write && !call->may_write)
        return sy_fail(err, SY_E_DENIED, "missing permission to invoke '%s' (need 'write')",
                       method->name);
    *ret = NULL;
    rc = method->run(call, ret, err);
    if (rc == 0 && !*ret)
        rc = sy_fail(err, SY_E_NOMEM, "no memory for the answer");
    return rc;
}

static int http_status(int code)
{
    switch (code) {
    case JSONRPC_INVALID:
        return 400;
    case JSONRPC_PARSE:
    case JSONRPC_UNKNOWN:
    case SY_DC_RPC_BAD_PARAMS:
        return 500;
    default:
        return 200;
    }
}

static json_t *error_json(int code, const char *text)
{
    return json_pack("{s:{s:i, s:s}}", "error", "code", code, "message", text);
}

/* The answer object without version and id. */
static json_t *answer(struct sy_dc_rpc_call *call, const json_t *request, int *ret_status)
{
    const char *name = json_string_value(json_object_get(request, "method"));
    const json_t *params = json_object_get(request, "params");
    json_t *none = json_array(), *result = NULL, *out;
    struct sy_error why = {0};
    int rc;
    call->code = 1;
    call->params = params && !json_is_null(params) ? params : none;
    if (!json_is_object(request) || !name || !json_is_array(call->params)) {
        call->code = JSONRPC_INVALID;
        rc = sy_fail(&why, SY_E_PARSE, "Invalid request");
    } else {
        rc = run_method(call, name, &result, &why);
    }
    out = rc < 0 ? error_json(call->code, why.text) : json_pack("{s:o}", "result", result);
    *ret_status = rc < 0 ? http_status(call->code) : 200;
    json_decref(none);
    return out;
}

int sy_dc_rpc_answer(struct sy_dc_chain *chain, const char *body, size_t bytes, bool may_write,
                     char **ret_body, int *ret_status, struct sy_error *err)
{
    struct sy_dc_rpc_call call = {.chain = chain, .may_write = may_write};
    json_t *request = json_loadb(body, bytes, JSON_REJECT_DUPLICATES, NULL);
    json_t *id = json_object_get(request, "id"), *out;
    char *text;
    if (!request) {
        out = error_json(JSONRPC_PARSE, "Parse error");
        *ret_status = 500;
    } else {
        out = answer(&call, request, ret_status);
    }
    json_object_set_new(out, "jsonrpc", json_string("2.0"));
    json_object_set(out, "id", id ? id : json_null());
    text = json_dumps(out, JSON_COMPACT);
    json_decref(out);
    if (request && (!id || json_is_null(id)) && *ret_status == 200) { /* a notification */
        free(text);
        text = NULL;
        *ret_body = NULL;
        json_decref(request);
        return 0;
    }
    json_decref(request);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "no memory for the answer");
    *ret_body = text;
    return 0;
}
