/* Requests of clients: SUBMIT, QUERY, FETCH. COMMAND is in rpc_command.c. */
#include "scheduler/core/job_fsm.h"
#include "scheduler/core/lease.h"
#include "scheduler/history.h"
#include "scheduler/query.h"
#include "scheduler/scheduler.h"

#include <string.h>

/* ---------------------------------------------------------------- SUBMIT -------------------- */

static bool is_zero(const uint8_t *bytes, size_t count)
{
    uint8_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

static int reply_submitted(const struct sy_rpc_request *request, const struct sy_job *job,
                           struct sy_error *err)
{
    struct sy_msg_submitted reply = {.job = job->id};
    size_t bytes = job->sectors.count * sizeof(struct sy_number);
    void *numbers = NULL;
    if (bytes) {
        numbers = sy_mem_dup(job->sectors.items, bytes);
        if (!numbers)
            return sy_fail(err, SY_E_NOMEM, "answer: out of memory");
    }
    reply.sectors = (struct sy_list){.items = numbers, .count = job->sectors.count};
    sy_rpc_reply(request->scheduler, request->peer, request->frame->sequence, SY_MSG_SUBMITTED,
                 &reply, numbers);
    return 0;
}

/* The agent opens the path on its own machine: only an absolute one means the same there. Sizes are
 * checked with the event. */
static int check_pieces(const struct sy_msg_submit *submit, struct sy_error *err)
{
    const struct sy_piece *pieces = submit->pieces.items;
    for (uint32_t i = 0; i < submit->pieces.count; i++) {
        const struct sy_piece *piece = &pieces[i];
        if (piece->path[0] != '/')
            return sy_fail(err, SY_E_ARG, "piece %u: path \"%.100s\" is not absolute", i,
                           piece->path);
    }
    return 0;
}

/* Removing a sector whose precommit may stand on the chain loses its deposit. */
static int check_removal(const struct sy_scheduler *scheduler, const struct sy_msg_submit *submit,
                         uint64_t miner, struct sy_error *err)
{
    const struct sy_sector *sector = NULL;
    int rc = sy_query_sector(scheduler, miner, submit->number, &sector, err);
    if (rc)
        return rc;
    /* what cannot be removed at all is refused by the event, without a hint at --force */
    struct sy_fsm_step step =
        sy_fsm_step(sector->state, SY_FSM_REMOVE, SY_STAGE_REMOVE, sector->failed_from);
    if (submit->force || step.verdict != SY_FSM_APPLY ||
        !sy_fsm_removal_loses_deposit(sector->state, sector->failed_from))
        return 0;
    return sy_fail(
        err, SY_E_STATE,
        "sector %llu is %s: removing it now loses its deposit; use --force if you mean it",
        (unsigned long long)sector->number, sy_sector_state_name(sector->state));
}

static int check_submit(const struct sy_scheduler *scheduler, const struct sy_msg_submit *submit,
                        uint64_t miner, struct sy_error *err)
{
    switch (submit->kind) {
    case SY_JOB_PLEDGE:
        if (submit->count < 1 || submit->count > SY_JOB_SECTORS_MAX)
            return sy_fail(err, SY_E_RANGE, "pledge of %u sectors: expected 1 to %d", submit->count,
                           SY_JOB_SECTORS_MAX);
        return 0;
    case SY_JOB_SEAL:
        if (submit->pieces.count == 0)
            return sy_fail(err, SY_E_ARG, "seal: no pieces; use pledge for an empty sector");
        return check_pieces(submit, err);
    case SY_JOB_UNSEAL:
        return 0;
    case SY_JOB_REMOVE:
        return check_removal(scheduler, submit, miner, err);
    default:
        return sy_fail(err, SY_E_ARG, "job kind %u is not known", submit->kind);
    }
}

static void fill_submitted(struct sy_ev_job_submitted *event, const struct sy_msg_submit *submit,
                           uint64_t job, uint64_t miner, const char *submitter)
{
    *event = (struct sy_ev_job_submitted){
        .job = job,
        .kind = submit->kind,
        .miner = miner,
        .count = submit->kind == SY_JOB_PLEDGE ? submit->count : 1,
        .number = submit->number,
        .offset_bytes = submit->offset_bytes,
        .size_bytes = submit->size_bytes,
        .keep_unsealed = submit->kind == SY_JOB_SEAL && submit->keep_unsealed,
    };
    if (submit->kind == SY_JOB_SEAL)
        event->pieces = submit->pieces;
    memcpy(event->idempotency_key, submit->idempotency_key, sizeof event->idempotency_key);
    snprintf(event->submitter, sizeof event->submitter, "%s", submitter);
}

int sy_rpc_on_submit(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_submit *submit = request->frame->body;
    if (is_zero(submit->idempotency_key, sizeof submit->idempotency_key))
        return sy_fail(err, SY_E_ARG, "submit without an idempotency key: send 16 random bytes");
    const struct sy_job *job = sy_state_job_of_key(scheduler->state, submit->idempotency_key);
    if (job)
        return reply_submitted(request, job, err);
    struct sy_store_usage usage = {0};
    scheduler->store.ops->usage(scheduler->store.self, &usage);
    int rc = sy_admit_job(scheduler->admit, scheduler->live_jobs, &usage, err);
    if (rc)
        return rc;
    uint64_t miner = 0;
    rc = sy_query_miner(scheduler, submit->miner, &miner, err);
    if (rc)
        return rc;
    rc = check_submit(scheduler, submit, miner, err);
    if (rc)
        return rc;
    struct sy_ev_job_submitted event;
    uint64_t id = sy_state_meta(scheduler->state)->next_job;
    fill_submitted(&event, submit, id, miner, request->identity->name);
    rc = sy_journal_event(scheduler->journal, SY_EVENT_JOB_SUBMITTED, &event, err);
    if (rc)
        return rc;
    scheduler->live_jobs++;
    job = sy_state_job(scheduler->state, id);
    return job ? reply_submitted(request, job, err)
               : sy_fail(err, SY_E_BUG, "job %llu vanished", (unsigned long long)id);
}

/* ---------------------------------------------------------------- QUERY --------------------- */

int sy_rpc_on_query(const struct sy_rpc_request *request, struct sy_error *err)
{
    const struct sy_msg_query *query = request->frame->body;
    uint64_t sequence = request->frame->sequence;
    if (strcmp(query->what, "sector-log") == 0 || strcmp(query->what, "events") == 0)
        return sy_history_query(request->scheduler, request->peer, sequence, query, err);
    json_t *answer = NULL;
    int rc = sy_query_answer(request->scheduler, query, &answer, err);
    if (rc)
        return rc;
    sy_rpc_reply_json(request->scheduler, request->peer, sequence, answer);
    return 0;
}

/* ---------------------------------------------------------------- FETCH --------------------- */

static const struct sy_task *find_unseal_task(const struct sy_state *state,
                                              const struct sy_job *job)
{
    const struct sy_number *numbers = job->sectors.items;
    if (job->kind != SY_JOB_UNSEAL || job->sectors.count != 1)
        return NULL;
    const struct sy_sector *sector = sy_state_sector(state, job->miner, numbers[0].value);
    const struct sy_task *task = sector ? sy_state_sector_task_first(sector) : NULL;
    while (task && (task->job != job->id || task->stage != SY_STAGE_UNSEAL))
        task = sy_state_sector_task_next(task);
    return task;
}

/* What a client may read: the agent that ran the task holds it. */
static int find_task_file(const struct sy_rpc_request *request, struct sy_msg_file_read *read,
                          const char **ret_holder, struct sy_error *err)
{
    const struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_fetch *fetch = request->frame->body;
    unsigned long long id = fetch->id;
    const struct sy_task *task = NULL;
    if (strcmp(fetch->what, "unseal-output") == 0) {
        const struct sy_job *job = sy_state_job(scheduler->state, fetch->id);
        if (!job)
            return sy_fail(err, SY_E_NOT_FOUND, "job %llu is not known", id);
        task = find_unseal_task(scheduler->state, job);
        if (!task)
            return sy_fail(err, SY_E_ARG, "job %llu is no unseal job", id);
        if (task->state != SY_TASK_DONE)
            return sy_fail(err, SY_E_STATE, "job %llu is not done: its task %llu is %s", id,
                           (unsigned long long)task->id, sy_task_state_name(task->state));
    } else if (strcmp(fetch->what, "task-log") == 0) {
        task = sy_state_task(scheduler->state, fetch->id);
        if (!task)
            return sy_fail(err, SY_E_NOT_FOUND, "task %llu is not known", id);
        if (task->attempt == 0)
            return sy_fail(err, SY_E_STATE, "task %llu has never run", id);
    } else {
        return sy_fail(err, SY_E_ARG, "fetch of \"%s\": expected unseal-output or task-log",
                       fetch->what);
    }
    read->task = task->id;
    read->attempt = task->attempt;
    *ret_holder = task->agent;
    return 0;
}

/* The C1 file of the sector whose C2 the asking agent has; it is where the sector's scratch is. */
static int find_c1_output(const struct sy_rpc_request *request, struct sy_msg_file_read *read,
                          const char **ret_holder, struct sy_error *err)
{
    const struct sy_state *state = request->scheduler->state;
    const struct sy_msg_fetch *fetch = request->frame->body;
    const struct sy_task *task = sy_state_task(state, fetch->id);
    if (!task || task->stage != SY_STAGE_C2 ||
        sy_lease_of(state, request->identity->name, task->id, task->attempt) != SY_LEASE_CURRENT)
        return sy_fail(err, SY_E_STALE,
                       "agent %s has no lease of a C2 task %llu: it was given away",
                       request->identity->name, (unsigned long long)fetch->id);
    const struct sy_sector *sector = sy_state_sector(state, task->miner, task->number);
    if (!sector)
        return sy_fail(err, SY_E_BUG, "the sector of task %llu is not known",
                       (unsigned long long)task->id);
    read->task = task->id;
    read->attempt = task->attempt;
    read->miner = sector->miner;
    read->number = sector->number;
    memcpy(read->store, sector->scratch_store, sizeof read->store);
    *ret_holder = sector->scratch_agent;
    return 0;
}

int sy_rpc_on_fetch(const struct sy_rpc_request *request, struct sy_error *err)
{
    const struct sy_msg_fetch *fetch = request->frame->body;
    const char *holder = NULL;
    if (fetch->bytes == 0 || fetch->bytes > SY_CHUNK_BYTES_MAX)
        return sy_fail(err, SY_E_RANGE, "fetch of %u bytes: expected 1 to %u", fetch->bytes,
                       SY_CHUNK_BYTES_MAX);
    struct sy_msg_file_read read = {.offset_bytes = fetch->offset_bytes, .bytes = fetch->bytes};
    memcpy(read.what, fetch->what, sizeof read.what);
    bool by_agent = request->identity->role == SY_ROLE_AGENT;
    if (by_agent != (strcmp(fetch->what, "c1-output") == 0))
        return sy_fail(
            err, SY_E_ARG,
            "fetch of \"%s\": clients may ask for unseal-output and task-log, agents for "
            "c1-output",
            fetch->what);
    int rc = by_agent ? find_c1_output(request, &read, &holder, err)
                      : find_task_file(request, &read, &holder, err);
    return rc ? rc : sy_rpc_relay(request, holder, SY_MSG_FILE_READ, &read, err);
}

int sy_rpc_relay(const struct sy_rpc_request *request, const char *agent, uint16_t type,
                 const void *body, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    struct sy_link *link = sy_links_find(scheduler->links, agent);
    if (!link || !link->welcomed || link->liveness == SY_AGENT_DEAD)
        return sy_fail(err, SY_E_UNREACHABLE,
                       "agent %s is not connected: start it, or wait until it is back", agent);
    struct sy_relayed relayed = {
        .type = type,
        .client = *request->peer,
        .client_sequence = request->frame->sequence,
        .due_ms = sy_env_boot_ms(scheduler->env) + SY_RPC_RELAY_MS,
    };
    memcpy(relayed.agent, link->name, sizeof relayed.agent);
    int rc = sy_relay_add(scheduler->relay, scheduler->sequence + 1, &relayed, err);
    if (rc)
        return rc;
    rc = sy_rpc_push(scheduler, link, type, body, err);
    if (rc)
        sy_relay_take(scheduler->relay, scheduler->sequence, agent, type, &relayed);
    return rc;
}
