/* Role check, dispatch table, parked answers; see rpc.h. */
#include "scheduler/rpc.h"

#include "scheduler/scheduler.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- answers ------------------- */

struct answer {
    struct sy_scheduler *scheduler;
    struct sy_peer peer;
    uint64_t sequence;
    uint16_t type;
    void *owned;
    uint8_t body[]; /* flat copy of the message struct */
};

int sy_rpc_send(struct sy_scheduler *scheduler, const struct sy_peer *peer, uint64_t sequence,
                uint16_t type, const void *body, struct sy_error *err)
{
    return scheduler->send(scheduler->send_ctx, peer, type, scheduler->generation, sequence, body,
                           err);
}

int sy_rpc_push(struct sy_scheduler *scheduler, struct sy_link *link, uint16_t type,
                const void *body, struct sy_error *err)
{
    if (!link->hello)
        return sy_fail(err, SY_E_UNREACHABLE, "agent %s is not connected", link->name);
    return sy_rpc_send(scheduler, &link->peer, ++scheduler->sequence, type, body, err);
}

static void free_answer(struct answer *answer)
{
    sy_mem_free(answer->owned);
    sy_mem_free(answer);
}

static void log_dropped(const char *peer, uint16_t type, const struct sy_error *err)
{
    char text[SY_ERROR_TEXT_BYTES + 8];
    SY_INFO("rpc", "answer_dropped", "peer=%s type=%s err=%s", peer, sy_msg_name(type),
            sy_log_value(err->text, text, sizeof text));
}

static void release_answer(void *ctx, bool durable)
{
    struct answer *answer = ctx;
    struct sy_error err = {0};
    if (durable && sy_rpc_send(answer->scheduler, &answer->peer, answer->sequence, answer->type,
                               answer->body, &err))
        log_dropped(answer->peer.name, answer->type, &err);
    free_answer(answer);
}

void sy_rpc_reply(struct sy_scheduler *scheduler, const struct sy_peer *peer, uint64_t sequence,
                  uint16_t type, const void *body, void *owned)
{
    size_t body_bytes = sy_msg_table(type)->struct_bytes;
    struct answer *answer = sy_mem_alloc(sizeof *answer + body_bytes);
    struct sy_error err = {0};
    if (!answer) {
        sy_fail(&err, SY_E_NOMEM, "answer: out of memory");
        log_dropped(peer->name, type, &err);
        sy_mem_free(owned);
        return;
    }
    answer->scheduler = scheduler;
    answer->peer = *peer;
    answer->sequence = sequence;
    answer->type = type;
    answer->owned = owned;
    memcpy(answer->body, body, body_bytes);
    if (sy_journal_park(scheduler->journal, release_answer, answer, &err)) {
        log_dropped(peer->name, type, &err);
        free_answer(answer);
    }
}

void sy_rpc_reply_failure(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                          uint64_t sequence, const struct sy_error *err)
{
    struct sy_msg_failure failure = {
        .code = (uint32_t)err->code,
        .error_class = (uint32_t)err->class,
    };
    size_t bytes = strlen(err->text);
    char *text = sy_mem_dup(err->text, bytes + 1);
    if (text)
        failure.text = (struct sy_slice){.data = text, .bytes = (uint32_t)bytes};
    sy_rpc_reply(scheduler, peer, sequence, SY_MSG_FAILURE, &failure, text);
}

void sy_rpc_reply_json(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                       uint64_t sequence, json_t *json)
{
    struct sy_error err = {0};
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    size_t bytes = text ? strlen(text) : 0;
    char *copy = text ? sy_mem_dup(text, bytes + 1) : NULL;
    free(text);
    if (!copy) {
        sy_fail(&err, SY_E_NOMEM, "answer: out of memory");
        sy_rpc_reply_failure(scheduler, peer, sequence, &err);
        return;
    }
    struct sy_msg_json reply = {.json = {.data = copy, .bytes = (uint32_t)bytes}};
    sy_rpc_reply(scheduler, peer, sequence, SY_MSG_JSON, &reply, copy);
}

/* ---------------------------------------------------------------- dispatch ------------------ */

typedef int handler(const struct sy_rpc_request *request, struct sy_error *err);

/* X(type, handler, its refusals are answered with FAILURE) */
#define HANDLER_MAP(X)                                                                             \
    X(SUBMIT, sy_rpc_on_submit, true)                                                              \
    X(QUERY, sy_rpc_on_query, true)                                                                \
    X(COMMAND, sy_rpc_on_command, true)                                                            \
    X(FETCH, sy_rpc_on_fetch, true)                                                                \
    X(ENROLL, sy_rpc_on_enroll, true)                                                              \
    X(HELLO, sy_rpc_on_hello, true)                                                                \
    X(HEARTBEAT, sy_rpc_on_heartbeat, true)                                                        \
    X(START_ACK, sy_rpc_on_start_ack, false)                                                       \
    X(PROGRESS, sy_rpc_on_progress, false)                                                         \
    X(RESULT, sy_rpc_on_result, false)                                                             \
    X(STOP_ACK, sy_rpc_on_stop_ack, false)                                                         \
    X(STORE_STATE, sy_rpc_on_store_state, false)                                                   \
    X(CHUNK, sy_rpc_on_chunk, false)                                                               \
    X(FAILURE, sy_rpc_on_failure, false)

static handler *find_handler(uint16_t type, bool *ret_answered)
{
    switch (type) {
#define HANDLER_CASE(id, fn, answered)                                                             \
    case SY_MSG_##id:                                                                              \
        *ret_answered = answered;                                                                  \
        return fn;
        HANDLER_MAP(HANDLER_CASE)
#undef HANDLER_CASE
    default:
        return NULL;
    }
}

static int check_identity(const struct sy_scheduler *scheduler, const struct sy_identity *identity,
                          const char *name, struct sy_error *err)
{
    if (!identity)
        return sy_fail(err, SY_E_DENIED, "identity %s is not known here: enrol again", name);
    if (identity->revoked)
        return sy_fail(err, SY_E_DENIED, "identity %s is revoked: ask an administrator", name);
    if (identity->expires_ms && identity->expires_ms <= sy_env_wall_ms(scheduler->env))
        return sy_fail(err, SY_E_DENIED, "identity %s has expired: get a new token", name);
    return 0;
}

static int check_role(const struct sy_identity *identity, uint16_t type, struct sy_error *err)
{
    if (sy_msg_roles(type) & SY_ROLE_BIT(identity->role))
        return 0;
    const char *role = sy_role_name(identity->role);
    return sy_fail(err, SY_E_DENIED, "%s has the role %s, which may not send %s", identity->name,
                   role ? role : "unknown", sy_msg_name(type));
}

/* An ENROLL that is repeated after it succeeded comes from an identity that it used up itself. */
static bool is_repeated_enroll(const struct sy_identity *identity, uint16_t type)
{
    return type == SY_MSG_ENROLL && identity && identity->role == SY_ROLE_ENROLL &&
           identity->revoked;
}

static int handle_frame(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                        const struct sy_frame *frame, handler *fn, struct sy_error *err)
{
    struct sy_rpc_request request = {
        .scheduler = scheduler,
        .peer = peer,
        .identity = sy_state_identity(scheduler->state, peer->name),
        .frame = frame,
    };
    int rc = 0;
    if (!is_repeated_enroll(request.identity, frame->type))
        rc = check_identity(scheduler, request.identity, peer->name, err);
    if (rc == 0)
        rc = check_role(request.identity, frame->type, err);
    if (rc == 0)
        rc = sy_admit_frame(scheduler->admit, peer->name, sy_env_boot_ms(scheduler->env), err);
    return rc ? rc : fn(&request, err);
}

void sy_rpc_handle(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                   const struct sy_frame *frame)
{
    struct sy_error err = {0};
    bool answered = true;
    if (scheduler->stopping)
        return; /* the sender repeats it to the next start */
    scheduler->frames++;
    handler *fn = find_handler(frame->type, &answered);
    int rc =
        fn ? handle_frame(scheduler, peer, frame, fn, &err)
           : sy_fail(&err, SY_E_DENIED, "%s is not for the scheduler", sy_msg_name(frame->type));
    if (rc == 0)
        return;
    scheduler->frames_refused++;
    char text[SY_ERROR_TEXT_BYTES + 8];
    SY_INFO("rpc", "refused", "peer=%s type=%s err=%s", peer->name, sy_msg_name(frame->type),
            sy_log_value(err.text, text, sizeof text));
    if (answered || rc == -SY_E_DENIED)
        sy_rpc_reply_failure(scheduler, peer, frame->sequence, &err);
}
