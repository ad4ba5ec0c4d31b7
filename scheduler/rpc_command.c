/* COMMAND: verbs that change something besides jobs. Each answers with JSON.
 *
 * A repeated command (same key, same sender) is answered with the remembered answer of the first,
 * so that `agent-enroll` does not invalidate the token that is already on its way. The memory holds
 * the last SY_COMMAND_MEMORY answers; older repeats run again, which is harmless for all other
 * verbs.
 */
#include "scheduler/query.h"
#include "scheduler/rpc_command.h"
#include "scheduler/scheduler.h"

#include <sodium.h>
#include <string.h>

struct remembered {
    uint8_t key[SY_IDEMPOTENCY_BYTES];
    char name[SY_NAME_BYTES];
    json_t *answer; /* NULL = free */
};

struct sy_command_memory {
    struct remembered items[SY_COMMAND_MEMORY];
    uint32_t next;
};

int sy_command_memory_create(struct sy_command_memory **ret, struct sy_error *err)
{
    struct sy_command_memory *memory = sy_mem_alloc(sizeof *memory);
    if (!memory)
        return sy_fail(err, SY_E_NOMEM, "commands: out of memory");
    *ret = memory;
    return 0;
}

void sy_command_memory_destroy(struct sy_command_memory *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < SY_COMMAND_MEMORY; i++)
        json_decref(memory->items[i].answer);
    sy_mem_free(memory);
}

static json_t *recall_answer(const struct sy_command_memory *memory, const uint8_t *key,
                             const char *name)
{
    for (size_t i = 0; i < SY_COMMAND_MEMORY; i++) {
        const struct remembered *item = &memory->items[i];
        if (item->answer && memcmp(item->key, key, sizeof item->key) == 0 &&
            strcmp(item->name, name) == 0)
            return json_incref(item->answer);
    }
    return NULL;
}

static void remember_answer(struct sy_command_memory *memory, const uint8_t *key, const char *name,
                            json_t *answer)
{
    struct remembered *item = &memory->items[memory->next];
    memory->next = (memory->next + 1) % SY_COMMAND_MEMORY;
    json_decref(item->answer);
    memcpy(item->key, key, sizeof item->key);
    snprintf(item->name, sizeof item->name, "%s", name);
    item->answer = json_incref(answer);
}

/* ---------------------------------------------------------------- verbs --------------------- */

/* Old news is success: the command had its effect before. */
static int commit_event(struct sy_scheduler *scheduler, uint32_t kind, const void *body,
                        struct sy_error *err)
{
    int rc = sy_journal_event(scheduler->journal, kind, body, err);
    return rc == -SY_E_STALE ? 0 : rc;
}

static int answer_or_fail(json_t *json, json_t **ret, struct sy_error *err)
{
    if (!json)
        return sy_fail(err, SY_E_NOMEM, "answer: out of memory");
    *ret = json;
    return 0;
}

static int run_job_cancel(const struct sy_rpc_request *request,
                          const struct sy_msg_command *command, json_t **ret, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    struct sy_ev_job event = {.job = command->id};
    memcpy(event.by, request->identity->name, sizeof event.by);
    int rc = commit_event(scheduler, SY_EVENT_JOB_CANCELLED, &event, err);
    if (rc)
        return rc;
    const struct sy_job *job = sy_state_job(scheduler->state, command->id);
    if (!job)
        return sy_fail(err, SY_E_NOT_FOUND, "job %llu is not known",
                       (unsigned long long)command->id);
    return answer_or_fail(sy_query_job_json(scheduler, job), ret, err);
}

static int run_sector_retry(const struct sy_rpc_request *request,
                            const struct sy_msg_command *command, json_t **ret,
                            struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_sector *sector = NULL;
    int rc = sy_query_sector(scheduler, command->miner, command->id, &sector, err);
    if (rc)
        return rc;
    struct sy_ev_sector event = {.miner = sector->miner, .number = sector->number};
    memcpy(event.by, request->identity->name, sizeof event.by);
    rc = commit_event(scheduler, SY_EVENT_SECTOR_RETRY, &event, err);
    if (rc)
        return rc;
    sector = sy_state_sector(scheduler->state, event.miner, event.number);
    return answer_or_fail(sy_query_sector_json(scheduler, sector), ret, err);
}

/* The endpoint that a token names: the first that is not local, as it was really bound. */
static const char *public_endpoint(const struct sy_scheduler *scheduler)
{
    for (size_t i = 0; i < scheduler->options->endpoint_count; i++) {
        const char *bound = scheduler->router ? sy_router_endpoint(scheduler->router, i) : NULL;
        const char *endpoint = bound ? bound : scheduler->options->endpoints[i];
        if (strncmp(endpoint, "tcp://", 6) == 0)
            return endpoint;
    }
    return scheduler->options->endpoints[0];
}

static int make_token(const struct sy_scheduler *scheduler, const char *name,
                      struct sy_enroll_token *token, struct sy_error *err)
{
    memset(token, 0, sizeof *token);
    snprintf(token->name, sizeof token->name, "%s", name);
    snprintf(token->endpoint, sizeof token->endpoint, "%s", public_endpoint(scheduler));
    memcpy(token->server_key, scheduler->key.public_key, sizeof token->server_key);
    return sy_keypair_generate(&token->once, err);
}

/* Agents get their name by enrolment; the names of other identities stay theirs. */
static int check_agent_name(const struct sy_scheduler *scheduler, const char *name,
                            struct sy_error *err)
{
    size_t prefix = strlen(SY_RPC_ENROLL_PREFIX);
    int rc = sy_name_check(name, err);
    if (rc)
        return rc;
    if (strncmp(name, SY_RPC_ENROLL_PREFIX, prefix) == 0)
        return sy_fail(err, SY_E_ARG, "agent names may not start with \"%s\"",
                       SY_RPC_ENROLL_PREFIX);
    if (strlen(name) + prefix >= SY_NAME_BYTES)
        return sy_fail(err, SY_E_LIMIT, "agent name \"%s\": at most %zu characters", name,
                       SY_NAME_BYTES - 1 - prefix);
    const struct sy_identity *identity = sy_state_identity(scheduler->state, name);
    if (identity && identity->role != SY_ROLE_AGENT)
        return sy_fail(err, SY_E_EXISTS, "\"%s\" is the name of an identity with the role %s", name,
                       sy_role_name(identity->role));
    return 0;
}

static int run_agent_enroll(const struct sy_rpc_request *request,
                            const struct sy_msg_command *command, json_t **ret,
                            struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    char text[SY_TOKEN_TEXT_BYTES] = "";
    struct sy_enroll_token token;
    int64_t now_ms = sy_env_wall_ms(scheduler->env);
    int rc = check_agent_name(scheduler, command->name, err);
    if (rc)
        return rc;
    rc = make_token(scheduler, command->name, &token, err);
    if (rc)
        return rc;
    struct sy_identity event = {
        .role = SY_ROLE_ENROLL,
        .created_ms = now_ms,
        .expires_ms = now_ms + SY_RPC_ENROLL_MS,
    };
    snprintf(event.name, sizeof event.name, "%s%s", SY_RPC_ENROLL_PREFIX, command->name);
    memcpy(event.public_key, token.once.public_key, sizeof event.public_key);
    rc = sy_enroll_token_print(&token, text, err);
    if (rc == 0)
        rc = commit_event(scheduler, SY_EVENT_IDENTITY_SET, &event, err);
    if (rc == 0)
        rc = answer_or_fail(json_pack("{s:s, s:s, s:I}", "name", command->name, "token", text,
                                      "expires_ms", (json_int_t)event.expires_ms),
                            ret, err);
    sy_keypair_wipe(&token.once);
    sodium_memzero(text, sizeof text);
    return rc;
}

static int run_agent_revoke(const struct sy_rpc_request *request,
                            const struct sy_msg_command *command, json_t **ret,
                            struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_identity *identity = sy_state_identity(scheduler->state, command->name);
    if (!identity)
        return sy_fail(err, SY_E_NOT_FOUND, "identity \"%s\" is not known", command->name);
    if (identity->role == SY_ROLE_ADMIN)
        return sy_fail(err, SY_E_DENIED, "\"%s\" is an administrator: not revoked from here",
                       command->name);
    struct sy_ev_name event;
    memcpy(event.name, identity->name, sizeof event.name);
    int rc = commit_event(scheduler, SY_EVENT_IDENTITY_REVOKED, &event, err);
    if (rc)
        return rc;
    struct sy_link *link = sy_links_find(scheduler->links, event.name);
    if (link) {
        link->hello = false;
        link->welcomed = false;
    }
    return answer_or_fail(json_pack("{s:s, s:b}", "name", event.name, "revoked", 1), ret, err);
}

static int pause_agent(const struct sy_rpc_request *request, const struct sy_msg_command *command,
                       uint32_t kind, json_t **ret, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    struct sy_ev_name event;
    memcpy(event.name, command->name, sizeof event.name);
    if (!sy_state_agent(scheduler->state, command->name))
        return sy_fail(err, SY_E_NOT_FOUND, "agent \"%s\" is not known: it never said hello",
                       command->name);
    int rc = commit_event(scheduler, kind, &event, err);
    if (rc)
        return rc;
    const struct sy_agent *agent = sy_state_agent(scheduler->state, event.name);
    return answer_or_fail(sy_query_agent_json(scheduler, agent), ret, err);
}

static int run_agent_pause(const struct sy_rpc_request *request,
                           const struct sy_msg_command *command, json_t **ret, struct sy_error *err)
{
    return pause_agent(request, command, SY_EVENT_AGENT_PAUSED, ret, err);
}

static int run_agent_resume(const struct sy_rpc_request *request,
                            const struct sy_msg_command *command, json_t **ret,
                            struct sy_error *err)
{
    return pause_agent(request, command, SY_EVENT_AGENT_RESUMED, ret, err);
}

/* The arguments as an object; NULL and *err when they are not one. */
static json_t *load_arguments(const struct sy_msg_command *command, struct sy_error *err)
{
    json_error_t where;
    json_t *object = json_loadb(command->arguments.data, command->arguments.bytes,
                                JSON_REJECT_DUPLICATES, &where);
    if (json_is_object(object))
        return object;
    sy_fail(err, SY_E_PARSE, "%s: the arguments are not a JSON object: %.120s", command->verb,
            object ? "another kind of value" : where.text);
    json_decref(object);
    return NULL;
}

/* Answered later, by the agent; *ret stays NULL. */
static int run_store_attach(const struct sy_rpc_request *request,
                            const struct sy_msg_command *command, json_t **ret,
                            struct sy_error *err)
{
    (void)ret;
    json_t *arguments = load_arguments(command, err);
    if (!arguments)
        return -SY_E_PARSE;
    struct sy_msg_store_attach attach = {0};
    enum sy_store_kind kind = 0;
    const char *path = json_string_value(json_object_get(arguments, "path"));
    const char *name = json_string_value(json_object_get(arguments, "kind"));
    int rc = 0;
    if (!path || path[0] != '/' || strlen(path) >= sizeof attach.path)
        rc = sy_fail(err, SY_E_ARG,
                     "store-attach: \"path\" must be an absolute path of at most %zu "
                     "characters",
                     sizeof attach.path - 1);
    else if (!name || sy_store_kind_parse(name, &kind))
        rc = sy_fail(err, SY_E_ARG, "store-attach: \"kind\" must be scratch or long");
    if (rc == 0) {
        memcpy(attach.path, path, strlen(path) + 1);
        attach.kind = kind;
        attach.initialise = json_is_true(json_object_get(arguments, "init"));
        rc = sy_rpc_relay(request, command->name, SY_MSG_STORE_ATTACH, &attach, err);
    }
    json_decref(arguments);
    return rc;
}

static int run_policy_reload(const struct sy_rpc_request *request,
                             const struct sy_msg_command *command, json_t **ret,
                             struct sy_error *err)
{
    (void)command;
    struct sy_scheduler *scheduler = request->scheduler;
    bool changed = false;
    int rc = sy_scheduler_reload_policy(scheduler, &changed, err);
    if (rc)
        return rc;
    return answer_or_fail(
        json_pack("{s:s, s:b}", "file", scheduler->options->policy_path, "changed", changed), ret,
        err);
}

static void add_difference(void *ctx, const char *key, const char *value_a, const char *value_b)
{
    json_array_append_new(
        ctx, json_pack("{s:s, s:s, s:s}", "key", key, "now", value_a, "then", value_b));
}

static int run_policy_check(const struct sy_rpc_request *request,
                            const struct sy_msg_command *command, json_t **ret,
                            struct sy_error *err)
{
    json_t *arguments = load_arguments(command, err);
    if (!arguments)
        return -SY_E_PARSE;
    struct sy_policy policy;
    const json_t *text = json_object_get(arguments, "text");
    int rc = json_is_string(text)
                 ? sy_policy_parse(&policy, json_string_value(text), json_string_length(text),
                                   "policy", err)
                 : sy_fail(err, SY_E_ARG, "policy-check: \"text\" must hold the policy file");
    json_decref(arguments);
    if (rc)
        return rc;
    json_t *changes = json_array();
    if (changes)
        sy_policy_compare(&request->scheduler->policy, &policy, add_difference, changes);
    return answer_or_fail(json_pack("{s:b, s:o}", "valid", 1, "changes", changes), ret, err);
}

/* ---------------------------------------------------------------- dispatch ------------------ */

static const struct {
    const char *verb;
    bool admin; /* needs the role admin */
    int (*run)(const struct sy_rpc_request *request, const struct sy_msg_command *command,
               json_t **ret, struct sy_error *err);
} verbs[] = {
    {"job-cancel", false, run_job_cancel},     {"sector-retry", false, run_sector_retry},
    {"agent-enroll", true, run_agent_enroll},  {"agent-revoke", true, run_agent_revoke},
    {"agent-pause", false, run_agent_pause},   {"agent-resume", false, run_agent_resume},
    {"store-attach", false, run_store_attach}, {"policy-reload", true, run_policy_reload},
    {"policy-check", false, run_policy_check},
};

static int run_verb(const struct sy_rpc_request *request, const struct sy_msg_command *command,
                    json_t **ret, struct sy_error *err)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(verbs); i++) {
        if (strcmp(verbs[i].verb, command->verb) != 0)
            continue;
        if (verbs[i].admin && request->identity->role != SY_ROLE_ADMIN)
            return sy_fail(err, SY_E_DENIED, "%s needs the role admin, %s has %s", command->verb,
                           request->identity->name, sy_role_name(request->identity->role));
        return verbs[i].run(request, command, ret, err);
    }
    return sy_fail(err, SY_E_ARG, "command \"%s\" is not known to this version", command->verb);
}

int sy_rpc_on_command(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_command *command = request->frame->body;
    char name[SY_NAME_BYTES];
    memcpy(name, request->identity->name, sizeof name);
    bool keyed = !sodium_is_zero(command->idempotency_key, sizeof command->idempotency_key);
    json_t *answer =
        keyed ? recall_answer(scheduler->commands, command->idempotency_key, name) : NULL;
    if (!answer) {
        int rc = run_verb(request, command, &answer, err);
        if (rc || !answer)
            return rc;
        if (keyed)
            remember_answer(scheduler->commands, command->idempotency_key, name, answer);
        char shown[4 * SY_NAME_BYTES];
        SY_INFO("rpc", "command", "by=%s verb=%s name=%s id=%llu", name, command->verb,
                sy_log_value(command->name, shown, sizeof shown), (unsigned long long)command->id);
    }
    sy_rpc_reply_json(scheduler, request->peer, request->frame->sequence, answer);
    return 0;
}
