#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/devchain_rig.h"
#include "tests/unit/sealing_rig.h"

#include "common/file.h"
#include "common/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OK(call_)                                                                                  \
    do {                                                                                           \
        struct sy_error err = {0};                                                                 \
        if ((call_) < 0)                                                                           \
            fail_msg("%s: %s", #call_, err.text);                                                  \
    } while (0)

static void start(struct rig *rig)
{
    OK(sy_dc_chain_open(&rig->chain, &rig->config, &err));
    OK(sy_dc_server_create(&rig->server, rig->chain, &err));
    snprintf(rig->url, sizeof(rig->url), "http://127.0.0.1:%u/rpc/v1",
             sy_dc_server_port(rig->server));
}

void rig_open(struct rig *rig, void (*change)(struct sy_dc_config *config))
{
    memset(rig, 0, sizeof(*rig));
    snprintf(rig->dir, sizeof(rig->dir), "/tmp/sy-devchain-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    sy_dc_config_init(&rig->config);
    rig->config.port = 0;
    snprintf(rig->config.dir, sizeof(rig->config.dir), "%s", rig->dir);
    snprintf(rig->config.parameters, sizeof(rig->config.parameters), "%s", sealing_parameters());
    OK(sy_dc_config_add_miner(&rig->config, "2KiB", &err));
    if (change)
        change(&rig->config);
    OK(sy_dc_config_check(&rig->config, &err));
    start(rig);
}

void rig_open_copy(struct rig *rig, const struct rig *from,
                   void (*change)(struct sy_dc_config *config))
{
    char command[3 * RIG_PATH_BYTES];
    *rig = (struct rig){.config = from->config};
    snprintf(rig->dir, sizeof(rig->dir), "/tmp/sy-devchain-XXXXXX");
    assert_non_null(mkdtemp(rig->dir));
    snprintf(command, sizeof(command), "cp -a %s/. %s", from->dir, rig->dir);
    assert_int_equal(system(command), 0);
    snprintf(rig->config.dir, sizeof(rig->config.dir), "%s", rig->dir);
    if (change)
        change(&rig->config);
    start(rig);
}

void rig_shut(struct rig *rig)
{
    sy_dc_server_destroy(rig->server);
    sy_dc_chain_close(rig->chain);
    rig->server = NULL;
    rig->chain = NULL;
}

void rig_reopen(struct rig *rig)
{
    rig_shut(rig);
    start(rig);
}

void rig_close(struct rig *rig)
{
    rig_shut(rig);
    OK(sy_file_remove_tree(rig->dir, &err));
}

void rig_step(struct rig *rig, unsigned epochs)
{
    for (unsigned i = 0; i < epochs; i++)
        OK(sy_dc_server_step(rig->server, (int64_t)time(NULL), &err));
}

int64_t rig_height(const struct rig *rig)
{
    return sy_dc_chain_head(rig->chain)->height;
}

json_t *rig_http(struct rig *rig, const char *path, const char *token, const char *body,
                 int *ret_status)
{
    char url[RIG_PATH_BYTES];
    struct sy_http *http;
    struct sy_buffer out;
    json_t *json;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", sy_dc_server_port(rig->server), path);
    OK(sy_http_create(&http, url, token, 10000, &err));
    sy_buffer_init(&out, 1u << 24);
    OK(sy_http_post_json(http, body, strlen(body), ret_status, &out, &err));
    json = out.bytes ? json_loadb((const char *)out.data, out.bytes, 0, NULL) : NULL;
    sy_buffer_fini(&out);
    sy_http_destroy(http);
    return json;
}

static json_t *exchange(struct rig *rig, const char *method, const char *params, int *ret_status)
{
    size_t bytes = strlen(params) + 256;
    char *body = malloc(bytes);
    json_t *json;
    assert_non_null(body);
    snprintf(body, bytes, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Filecoin.%s\",\"params\":%s}",
             method, params);
    json = rig_http(rig, "/rpc/v1", NULL, body, ret_status);
    free(body);
    assert_non_null(json);
    return json;
}

json_t *rig_call(struct rig *rig, const char *method, const char *params)
{
    int status;
    json_t *json = exchange(rig, method, params, &status), *result;
    result = json_object_get(json, "result");
    if (status != 200 || !result)
        fail_msg("%s %s: HTTP %d %s", method, params, status, json_dumps(json, JSON_COMPACT));
    json_incref(result);
    json_decref(json);
    return result;
}

int rig_refused(struct rig *rig, const char *method, const char *params, const char *part)
{
    int status, code;
    json_t *json = exchange(rig, method, params, &status);
    json_t *error = json_object_get(json, "error");
    const char *text = json_string_value(json_object_get(error, "message"));
    code = (int)json_integer_value(json_object_get(error, "code"));
    if (!text || !strstr(text, part))
        fail_msg("%s %s: expected \"%s\", got %s", method, params, part,
                 json_dumps(json, JSON_COMPACT));
    assert_int_equal(status, code > 0 ? 200 : code == -32600 ? 400 : 500);
    json_decref(json);
    return code;
}

void rig_sign(struct rig *rig, struct sy_fil_signed_message *message)
{
    OK(sy_fil_key_sign_message(&rig->chain->worker, message, &err));
}

void rig_message(struct rig *rig, uint64_t method, const void *params, size_t bytes,
                 const char *value, struct sy_fil_signed_message *ret)
{
    struct sy_fil_message *message = &ret->message;
    memset(ret, 0, sizeof(*ret));
    sy_fil_address_id(RIG_MINER, &message->to);
    message->from = rig->chain->worker.address;
    message->nonce = sy_dc_pool_nonce(
        rig->chain, sy_dc_actor_get(sy_dc_chain_post(rig->chain), SY_DC_FIRST_ACCOUNT));
    OK(sy_bigint_parse(value, &message->value, &err));
    message->gas_limit = 5000000000;
    message->gas_fee_cap = sy_bigint_from(1000000);
    message->gas_premium = sy_bigint_from(1000);
    message->method = method;
    message->params = params;
    message->params_bytes = bytes;
    rig_sign(rig, ret);
}

static char *push_params(const struct sy_fil_signed_message *message)
{
    json_t *json = json_pack("[o]", sy_fil_signed_to_json(message, 't'));
    char *text = json_dumps(json, JSON_COMPACT);
    assert_non_null(text);
    json_decref(json);
    return text;
}

void rig_push(struct rig *rig, const struct sy_fil_signed_message *message)
{
    char *params = push_params(message), text[SY_FIL_CID_TEXT_BYTES];
    json_t *answer = rig_call(rig, "MpoolPush", params);
    struct sy_fil_cid cid;
    OK(sy_fil_signed_cid(message, &cid, &err));
    assert_string_equal(json_string_value(json_object_get(answer, "/")),
                        sy_fil_cid_print(&cid, text));
    json_decref(answer);
    free(params);
}

void rig_push_refused(struct rig *rig, const struct sy_fil_signed_message *message,
                      const char *part)
{
    char *params = push_params(message);
    assert_int_equal(rig_refused(rig, "MpoolPush", params, part), 1);
    free(params);
}

const struct sy_dc_message *rig_send(struct rig *rig, uint64_t method, const void *params,
                                     size_t bytes, const char *value)
{
    struct sy_fil_signed_message message;
    uint32_t before = rig->chain->message_count;
    rig_message(rig, method, params, bytes, value, &message);
    rig_push(rig, &message);
    rig_step(rig, 2);
    assert_int_equal(rig->chain->message_count, before + 1);
    return rig->chain->messages[before];
}

void rig_precommit_info(struct rig *rig, uint64_t number, struct sy_fil_precommit *ret)
{
    uint8_t comm_r[32] = {1};
    comm_r[1] = (uint8_t)number;
    while (rig_height(rig) < 3)
        rig_step(rig, 1);
    *ret = (struct sy_fil_precommit){.seal_proof = 5,
                                     .sector = number,
                                     .seal_rand_epoch = rig_height(rig) - 2,
                                     .expiration = rig_height(rig) + 86550 + 518400 + 2880};
    sy_fil_cid_sealed(comm_r, &ret->sealed);
}

const struct sy_dc_message *rig_precommit(struct rig *rig, const struct sy_fil_precommit *infos,
                                          size_t count)
{
    static uint8_t params[SY_FIL_MESSAGE_BYTES_MAX];
    size_t bytes;
    OK(sy_fil_precommit_encode(infos, count, params, sizeof(params), &bytes, &err));
    return rig_send(rig, SY_FIL_METHOD_PRECOMMIT, params, bytes, "1000000000000000000");
}

const struct sy_dc_message *rig_prove(struct rig *rig, const uint64_t *numbers,
                                      const uint8_t (*proofs)[SY_PROOF_BYTES], size_t count)
{
    static uint8_t params[SY_FIL_MESSAGE_BYTES_MAX];
    struct sy_fil_prove prove;
    size_t bytes;
    sy_fil_prove_init(&prove);
    for (size_t i = 0; i < count; i++) {
        OK(sy_fil_prove_add_sector(&prove, numbers[i], &err));
        OK(sy_fil_prove_add_proof(&prove, proofs[i], SY_PROOF_BYTES, &err));
    }
    OK(sy_fil_prove_encode(&prove, params, sizeof(params), &bytes, &err));
    sy_fil_prove_fini(&prove);
    return rig_send(rig, SY_FIL_METHOD_PROVE, params, bytes, "1000000000000000000");
}
