/* Connection and requests. The scheduler's address and our key come from the client configuration:
 *
 *     scheduler = "ipc:///var/lib/sealyard/scheduler.ipc"
 *     scheduler_key = "/var/lib/sealyard/keys/server.pub"
 *     key = "/var/lib/sealyard/keys/admin.key"
 */
#include "ops/cli/cli.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_TIMEOUT_MS 5000

struct client_conf {
    char scheduler[256];
    char scheduler_key[SY_PATH_BYTES];
    char key[SY_PATH_BYTES];
};

static int find_config(struct sy_cli *cli, struct sy_error *err)
{
    if (cli->config_path[0])
        return 0;
    const char *named = getenv("SEALYARD_CONFIG");
    if (named && named[0])
        return sy_path_format(cli->config_path, err, "%s", named);
    const char *home = getenv("HOME");
    if (home &&
        sy_path_format(cli->config_path, err, "%s/.config/sealyard/sealyard.toml", home) == 0 &&
        access(cli->config_path, R_OK) == 0)
        return 0;
    if (access("/etc/sealyard/sealyard.toml", R_OK) == 0)
        return sy_path_format(cli->config_path, err, "/etc/sealyard/sealyard.toml");
    cli->config_path[0] = 0;
    return sy_fail(err, SY_E_NOT_FOUND,
                   "no client configuration: pass --config FILE or set SEALYARD_CONFIG "
                   "(ops/quickstart writes one to lab/sealyard.toml)");
}

static int load_config(struct sy_cli *cli, struct client_conf *ret, struct sy_error *err)
{
    int rc = find_config(cli, err);
    if (rc != 0)
        return rc;
    struct sy_conf *conf = NULL;
    rc = sy_conf_load(&conf, cli->config_path, err);
    if (rc != 0)
        return rc;
    struct sy_conf_table *root = sy_conf_root(conf);
    rc = sy_conf_string(root, "scheduler", true, NULL, ret->scheduler, sizeof ret->scheduler, err);
    if (rc == 0)
        rc = sy_conf_string(root, "scheduler_key", true, NULL, ret->scheduler_key,
                            sizeof ret->scheduler_key, err);
    if (rc == 0)
        rc = sy_conf_string(root, "key", true, NULL, ret->key, sizeof ret->key, err);
    if (rc == 0)
        rc = sy_conf_finish(conf, err);
    sy_conf_destroy(conf);
    return rc;
}

static int connect_client(struct sy_cli *cli, struct sy_error *err)
{
    struct client_conf conf;
    int rc = load_config(cli, &conf, err);
    if (rc != 0)
        return rc;
    char server_key[SY_KEY_TEXT_BYTES];
    rc = sy_public_key_load(conf.scheduler_key, server_key, err);
    if (rc == 0)
        rc = sy_keypair_load(conf.key, &cli->key, err);
    if (rc != 0)
        return rc;
    const char *endpoint = cli->endpoint[0] ? cli->endpoint : conf.scheduler;
    return sy_client_create(&cli->client, endpoint, server_key, &cli->key, err);
}

int sy_cli_call(struct sy_cli *cli, uint16_t type, const void *body, const struct sy_frame **ret,
                struct sy_error *err)
{
    if (!cli->client) {
        int rc = connect_client(cli, err);
        if (rc != 0)
            return rc;
    }
    uint64_t timeout_ms = cli->timeout_ms ? cli->timeout_ms : CALL_TIMEOUT_MS;
    return sy_client_call(cli->client, type, body, timeout_ms, ret, err);
}

static int call_json(struct sy_cli *cli, uint16_t type, const void *body, json_t **ret,
                     struct sy_error *err)
{
    const struct sy_frame *frame;
    int rc = sy_cli_call(cli, type, body, &frame, err);
    if (rc != 0)
        return rc;
    if (frame->type != SY_MSG_JSON)
        return sy_fail(err, SY_E_REMOTE, "the scheduler answered with a %s frame, expected JSON",
                       sy_msg_name(frame->type));
    const struct sy_msg_json *reply = frame->body;
    json_error_t problem;
    json_t *value = json_loadb(reply->json.data, reply->json.bytes, JSON_DECODE_ANY, &problem);
    if (!value)
        return sy_fail(err, SY_E_REMOTE, "the scheduler's JSON does not parse: %s", problem.text);
    *ret = value;
    return 0;
}

int sy_cli_query(struct sy_cli *cli, const struct sy_msg_query *query, json_t **ret,
                 struct sy_error *err)
{
    return call_json(cli, SY_MSG_QUERY, query, ret, err);
}

int sy_cli_query_rows(struct sy_cli *cli, struct sy_msg_query query, json_t **ret,
                      struct sy_error *err)
{
    json_t *all = json_array();
    int rc = all ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for the reply");
    bool more = true;
    while (rc == 0 && more) {
        json_t *page = NULL;
        rc = sy_cli_query(cli, &query, &page, err);
        if (rc != 0)
            break;
        json_t *rows = json_object_get(page, "rows");
        json_t *next = json_object_get(page, "next");
        if (!json_is_array(rows) || json_array_extend(all, rows) != 0)
            rc = sy_fail(err, SY_E_REMOTE, "the reply to '%s' holds no rows", query.what);
        more = json_is_integer(next);
        if (more)
            query.after = (uint64_t)json_integer_value(next);
        json_decref(page);
    }
    if (rc != 0)
        json_decref(all);
    else
        *ret = all;
    return rc;
}

int sy_cli_command(struct sy_cli *cli, const char *verb, uint64_t id, uint64_t miner,
                   const char *name, json_t *arguments, json_t **ret, struct sy_error *err)
{
    struct sy_msg_command command = {.id = id, .miner = miner};
    if (strlen(verb) >= sizeof command.verb || (name && strlen(name) >= sizeof command.name))
        return sy_fail(err, SY_E_LIMIT, "name '%.80s' is longer than %zu characters", name,
                       sizeof command.name - 1);
    memcpy(command.verb, verb, strlen(verb) + 1);
    if (name)
        memcpy(command.name, name, strlen(name) + 1);
    randombytes_buf(command.idempotency_key, sizeof command.idempotency_key);
    char *text = arguments ? json_dumps(arguments, JSON_COMPACT) : NULL;
    if (arguments && !text)
        return sy_fail(err, SY_E_NOMEM, "no memory for the arguments");
    if (text)
        command.arguments = (struct sy_slice){text, (uint32_t)strlen(text)};
    int rc = call_json(cli, SY_MSG_COMMAND, &command, ret, err);
    free(text);
    return rc;
}

int sy_cli_submit(struct sy_cli *cli, struct sy_msg_submit *submit, uint64_t *ret_job,
                  json_t **ret_sectors, struct sy_error *err)
{
    randombytes_buf(submit->idempotency_key, sizeof submit->idempotency_key);
    const struct sy_frame *frame;
    int rc = sy_cli_call(cli, SY_MSG_SUBMIT, submit, &frame, err);
    if (rc != 0)
        return rc;
    if (frame->type != SY_MSG_SUBMITTED)
        return sy_fail(err, SY_E_REMOTE, "the scheduler answered with a %s frame",
                       sy_msg_name(frame->type));
    const struct sy_msg_submitted *reply = frame->body;
    json_t *sectors = json_array();
    if (!sectors)
        return sy_fail(err, SY_E_NOMEM, "no memory for the reply");
    const struct sy_number *numbers = reply->sectors.items;
    for (uint32_t i = 0; i < reply->sectors.count; i++)
        json_array_append_new(sectors, json_integer((json_int_t)numbers[i].value));
    *ret_job = reply->job;
    *ret_sectors = sectors;
    return 0;
}

int sy_cli_parse_number(const char *text, const char *what, uint64_t *ret, struct sy_error *err)
{
    char *end = NULL;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != 0 || value > INT64_MAX)
        return sy_fail(err, SY_E_PARSE, "%s is '%s', expected a number", what, text);
    *ret = value;
    return 0;
}

int sy_cli_parse_miner(const char *text, uint64_t *ret, struct sy_error *err)
{
    if ((text[0] == 't' || text[0] == 'f') && text[1] == '0')
        text += 2;
    return sy_cli_parse_number(text, "miner", ret, err);
}
