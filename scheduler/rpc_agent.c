/* Frames of agents about attempts: START_ACK, PROGRESS, RESULT, STOP_ACK, and what relays bring
 * back.
 *
 * RESULT is repeated by the agent until RESULT_ACK; the ack leaves after the event is durable. What
 * the fence does not let through is answered STALE or UNKNOWN, and the agent drops it. HELLO and
 * HEARTBEAT are in rpc_hello.c.
 */
#include "scheduler/core/lease.h"
#include "scheduler/core/retry.h"
#include "scheduler/query.h"
#include "scheduler/rpc_agent.h"
#include "scheduler/scheduler.h"
#include "scheduler/spec.h"
#include "scheduler/tuning.h"

#include <string.h>

#define RESULT_ARENA_BYTES (2u << 20)

void sy_rpc_heard(struct sy_scheduler *scheduler, const char *agent)
{
    struct sy_link *link = sy_links_find(scheduler->links, agent);
    if (!link)
        return;
    link->heard_ms = sy_env_boot_ms(scheduler->env);
    if (link->welcomed && link->liveness != SY_AGENT_ONLINE)
        sy_rpc_set_liveness(scheduler, link, SY_AGENT_ONLINE);
}

void sy_rpc_set_liveness(struct sy_scheduler *scheduler, struct sy_link *link,
                         enum sy_liveness liveness)
{
    if (link->liveness != liveness)
        SY_INFO("agents", "liveness", "agent=%s now=%s before=%s", link->name,
                sy_liveness_name(liveness), sy_liveness_name(link->liveness));
    link->liveness = liveness;
    sy_state_set_liveness(scheduler->state, link->name, liveness, sy_env_wall_ms(scheduler->env));
    sy_dispatcher_touch(scheduler->dispatcher);
}

int sy_rpc_fail_attempt(struct sy_scheduler *scheduler, const struct sy_task *task,
                        enum sy_err_class class, const char *text, struct sy_error *err)
{
    struct sy_retry_policy policy = sy_tuning_retry(&scheduler->policy);
    struct sy_ev_task_result event = {
        .task = task->id,
        .attempt = task->attempt,
        .error_class = class,
        .retry_after_ms = sy_retry_after_ms(&policy, task, class, sy_env_wall_ms(scheduler->env)),
    };
    memcpy(event.agent, task->agent, sizeof event.agent);
    snprintf(event.error, sizeof event.error, "%s", text);
    sy_links_clear_progress(scheduler->links, task->id);
    return sy_journal_event(scheduler->journal, SY_EVENT_TASK_RESULT, &event, err);
}

/* ---------------------------------------------------------------- START_ACK, PROGRESS ------- */

/* A slice as row text: cut, NUL-terminated. */
static void copy_text(const struct sy_slice *slice, char *ret, size_t ret_bytes)
{
    size_t bytes = SY_MIN((size_t)slice->bytes, ret_bytes - 1);
    if (bytes)
        memcpy(ret, slice->data, bytes);
    ret[bytes] = '\0';
}

static uint32_t known_class(uint32_t class)
{
    return class > SY_CLASS_NONE && class <= SY_CLASS_BUG ? class : SY_CLASS_BUG;
}

int sy_rpc_on_start_ack(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_start_ack *ack = request->frame->body;
    char agent[SY_NAME_BYTES];
    memcpy(agent, request->identity->name, sizeof agent);
    sy_rpc_heard(scheduler, agent);
    enum sy_lease_verdict verdict = sy_lease_of(scheduler->state, agent, ack->task, ack->attempt);
    bool accepted = ack->verdict == SY_START_ACCEPTED;
    if (verdict != SY_LEASE_CURRENT) {
        /* it may have started what nobody wants any more */
        return accepted && verdict != SY_LEASE_REPEAT
                   ? sy_dispatcher_stop(scheduler->dispatcher, agent, ack->task, ack->attempt, err)
                   : 0;
    }
    const struct sy_task *task = sy_state_task(scheduler->state, ack->task);
    if (task->state != SY_TASK_LEASED)
        return 0;
    struct sy_ev_attempt event = {.task = ack->task, .attempt = ack->attempt};
    memcpy(event.agent, agent, sizeof event.agent);
    if (!accepted) {
        event.error_class = known_class(ack->error_class);
        copy_text(&ack->text, event.error, sizeof event.error);
    }
    int rc = sy_journal_event(
        scheduler->journal, accepted ? SY_EVENT_TASK_STARTED : SY_EVENT_TASK_RETURNED, &event, err);
    return rc == -SY_E_STALE ? 0 : rc;
}

int sy_rpc_on_progress(const struct sy_rpc_request *request, struct sy_error *err)
{
    (void)err;
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_progress *progress = request->frame->body;
    const char *agent = request->identity->name;
    sy_rpc_heard(scheduler, agent);
    if (sy_lease_of(scheduler->state, agent, progress->task, progress->attempt) == SY_LEASE_CURRENT)
        sy_links_set_progress(scheduler->links, progress, sy_env_wall_ms(scheduler->env));
    return 0;
}

int sy_rpc_on_stop_ack(const struct sy_rpc_request *request, struct sy_error *err)
{
    (void)err;
    const struct sy_msg_attempt_ref *ref = request->frame->body;
    sy_rpc_heard(request->scheduler, request->identity->name);
    sy_dispatcher_stopped(request->scheduler->dispatcher, request->identity->name, ref->task,
                          ref->attempt);
    return 0;
}

/* ---------------------------------------------------------------- RESULT -------------------- */

static void ack_result(const struct sy_rpc_request *request, const struct sy_msg_result *result,
                       enum sy_result_verdict verdict)
{
    struct sy_msg_result_ack ack = {
        .task = result->task, .attempt = result->attempt, .verdict = verdict};
    sy_rpc_reply(request->scheduler, request->peer, request->frame->sequence, SY_MSG_RESULT_ACK,
                 &ack, NULL);
}

/* The failed form of a result, also of one that the agent called good but that does not hold up. */
static void fill_failure(struct sy_ev_task_result *event, const struct sy_scheduler *scheduler,
                         const struct sy_task *task, uint32_t class, const char *text)
{
    struct sy_retry_policy policy = sy_tuning_retry(&scheduler->policy);
    event->ok = false;
    event->result = (struct sy_slice){0};
    event->error_class = class;
    snprintf(event->error, sizeof event->error, "%s", text);
    event->retry_after_ms = sy_retry_after_ms(&policy, task, class, sy_env_wall_ms(scheduler->env));
}

/* What the event will say about a RESULT that the fence let through. */
static void fill_result(struct sy_ev_task_result *event, const struct sy_scheduler *scheduler,
                        const struct sy_task *task, const struct sy_msg_result *result,
                        struct sy_arena *arena)
{
    struct sy_error why = {0};
    char text[SY_ROW_TEXT_BYTES];
    *event = (struct sy_ev_task_result){
        .task = task->id,
        .attempt = task->attempt,
        .ok = result->ok,
        .wall_ms = result->wall_ms,
        .cpu_ms = result->cpu_ms,
        .peak_bytes = result->peak_bytes,
    };
    memcpy(event->agent, task->agent, sizeof event->agent);
    if (!result->ok) {
        copy_text(&result->error, text, sizeof text);
        fill_failure(event, scheduler, task, known_class(result->error_class), text);
        return;
    }
    const struct sy_sector *sector = sy_state_sector(scheduler->state, task->miner, task->number);
    event->result = result->result;
    int rc = sector ? sy_spec_parse_result((enum sy_stage)task->stage, sector, result->result.data,
                                           result->result.bytes, arena, event, &why)
                    : sy_fail(&why, SY_E_BUG, "the task's sector is not known");
    if (rc)
        fill_failure(event, scheduler, task, why.class, why.text);
}

/* Commits it. A good result that the state cannot take counts as the attempt's failure. */
static int commit_result(struct sy_scheduler *scheduler, struct sy_ev_task_result *event,
                         struct sy_error *err)
{
    int rc = sy_journal_event(scheduler->journal, SY_EVENT_TASK_RESULT, event, err);
    if (rc == 0 || !event->ok || rc == -SY_E_STALE || rc == -SY_E_AGAIN || rc == -SY_E_NOMEM ||
        rc == -SY_E_IO)
        return rc;
    const struct sy_task *task = sy_state_task(scheduler->state, event->task);
    char text[SY_ERROR_TEXT_BYTES] = "";
    if (err)
        memcpy(text, err->text, sizeof text);
    fill_failure(event, scheduler, task, SY_CLASS_BUG, text);
    return sy_journal_event(scheduler->journal, SY_EVENT_TASK_RESULT, event, err);
}

/* The agent went down between the lease and the start, or could not start the program: nothing was
 * tried, so nothing counts against the task. A shim that outlived its agent may have made the
 * attempt look started meanwhile. */
static int give_back(const struct sy_rpc_request *request, const struct sy_msg_result *result,
                     struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    struct sy_ev_attempt event = {.task = result->task,
                                  .attempt = result->attempt,
                                  .error_class = known_class(result->error_class)};
    char text[SY_ROW_TEXT_BYTES + 8];
    memcpy(event.agent, request->identity->name, sizeof event.agent);
    copy_text(&result->error, event.error, sizeof event.error);
    int rc = sy_journal_event(scheduler->journal, SY_EVENT_TASK_RETURNED, &event, err);
    if (rc && rc != -SY_E_STALE)
        return rc;
    SY_INFO("agents", "unstarted", "task=%llu attempt=%u agent=%s err=%s",
            (unsigned long long)event.task, event.attempt, event.agent,
            sy_log_value(event.error, text, sizeof text));
    ack_result(request, result, rc ? SY_RESULT_STALE : SY_RESULT_ACCEPTED);
    return 0;
}

static int accept_result(const struct sy_rpc_request *request, const struct sy_msg_result *result,
                         struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_task *task = sy_state_task(scheduler->state, result->task);
    if (!result->ok && result->unstarted)
        return give_back(request, result, err);
    struct sy_arena *arena = sy_arena_create(RESULT_ARENA_BYTES);
    if (!arena)
        return sy_fail(err, SY_E_NOMEM, "result: out of memory");
    struct sy_ev_task_result event;
    fill_result(&event, scheduler, task, result, arena);
    int rc = commit_result(scheduler, &event, err);
    if (rc == 0) {
        char text[SY_ROW_TEXT_BYTES + 8];
        SY_INFO("agents", "result", "task=%llu attempt=%u agent=%s ok=%d class=%s err=%s",
                (unsigned long long)event.task, event.attempt, event.agent, event.ok,
                sy_err_class_name((enum sy_err_class)event.error_class),
                sy_log_value(event.error, text, sizeof text));
        sy_links_clear_progress(scheduler->links, result->task);
        ack_result(request, result, SY_RESULT_ACCEPTED);
    } else if (rc == -SY_E_STALE) {
        ack_result(request, result, SY_RESULT_STALE);
        rc = 0;
    }
    sy_arena_destroy(arena);
    return rc;
}

int sy_rpc_on_result(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_result *result = request->frame->body;
    const char *agent = request->identity->name;
    sy_rpc_heard(scheduler, agent);
    switch (
        sy_lease_of_result(scheduler->state, agent, result->task, result->attempt, result->token)) {
    case SY_LEASE_CURRENT:
        return accept_result(request, result, err);
    case SY_LEASE_REPEAT:
        ack_result(request, result, SY_RESULT_ACCEPTED);
        return 0;
    case SY_LEASE_STALE:
        sy_dispatcher_stopped(scheduler->dispatcher, agent, result->task, result->attempt);
        ack_result(request, result, SY_RESULT_STALE);
        return 0;
    case SY_LEASE_UNKNOWN:
        ack_result(request, result, SY_RESULT_UNKNOWN);
        return 0;
    }
    return sy_fail(err, SY_E_BUG, "no verdict on task %llu", (unsigned long long)result->task);
}

/* ---------------------------------------------------------------- relayed answers ----------- */

int sy_rpc_take_store(struct sy_scheduler *scheduler, const char *agent,
                      const struct sy_store_row *store, struct sy_error *err)
{
    struct sy_store_row event = *store;
    memcpy(event.agent, agent, sizeof event.agent);
    event.bytes_free = 0; /* volatile values are not part of the event */
    event.online = false;
    const struct sy_store_row *row = sy_state_store(scheduler->state, store->uuid);
    bool same = row && strcmp(row->agent, agent) == 0 && strcmp(row->path, store->path) == 0 &&
                row->kind == store->kind;
    if (!same) {
        int rc = sy_journal_event(scheduler->journal, SY_EVENT_STORE_SET, &event, err);
        if (rc && rc != -SY_E_STALE)
            return rc;
    }
    sy_state_set_store_space(scheduler->state, store->uuid, store->online, store->bytes_total,
                             store->bytes_free);
    sy_dispatcher_touch(scheduler->dispatcher);
    return 0;
}

static void fill_remote_error(struct sy_error *ret, uint32_t code, uint32_t class,
                              const struct sy_slice *text)
{
    ret->code = code > 0 && code < SY_E_COUNT ? (int)code : SY_E_REMOTE;
    ret->class = (enum sy_err_class)known_class(class);
    copy_text(text, ret->text, sizeof ret->text);
}

int sy_rpc_on_store_state(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_store_state *message = request->frame->body;
    struct sy_relayed client;
    struct sy_error failure = {0};
    char agent[SY_NAME_BYTES];
    memcpy(agent, request->identity->name, sizeof agent);
    sy_rpc_heard(scheduler, agent);
    bool waits = sy_relay_take(scheduler->relay, request->frame->sequence, agent,
                               SY_MSG_STORE_ATTACH, &client);
    int rc = 0;
    if (message->code)
        fill_remote_error(&failure, message->code, message->error_class, &message->error);
    else
        rc = sy_rpc_take_store(scheduler, agent, &message->store, &failure);
    if (rc && err)
        *err = failure;
    if (!waits)
        return rc;
    if (message->code || rc) {
        sy_rpc_reply_failure(scheduler, &client.client, client.client_sequence, &failure);
        return 0;
    }
    const struct sy_store_row *row = sy_state_store(scheduler->state, message->store.uuid);
    sy_rpc_reply_json(scheduler, &client.client, client.client_sequence,
                      row ? sy_query_store_json(row) : NULL);
    return 0;
}

int sy_rpc_on_chunk(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    struct sy_relayed client;
    sy_rpc_heard(scheduler, request->identity->name);
    if (!sy_relay_take(scheduler->relay, request->frame->sequence, request->identity->name,
                       SY_MSG_FILE_READ, &client))
        return 0; /* the client was told of a time-out already */
    return sy_rpc_send(scheduler, &client.client, client.client_sequence, SY_MSG_CHUNK,
                       request->frame->body, err);
}

int sy_rpc_on_failure(const struct sy_rpc_request *request, struct sy_error *err)
{
    (void)err;
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_failure *message = request->frame->body;
    const char *agent = request->identity->name;
    uint64_t sequence = request->frame->sequence;
    struct sy_relayed client;
    sy_rpc_heard(scheduler, agent);
    if (!sy_relay_take(scheduler->relay, sequence, agent, SY_MSG_FILE_READ, &client) &&
        !sy_relay_take(scheduler->relay, sequence, agent, SY_MSG_STORE_ATTACH, &client))
        return 0;
    struct sy_error failure = {0};
    fill_remote_error(&failure, message->code, message->error_class, &message->text);
    sy_rpc_reply_failure(scheduler, &client.client, client.client_sequence, &failure);
    return 0;
}
