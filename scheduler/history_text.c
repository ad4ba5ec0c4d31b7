/* Events in words; see history_text.h and history.h. */
#include "scheduler/history_text.h"

#include "scheduler/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void set_sector(struct sy_history_ids *ret, uint64_t miner, uint64_t number)
{
    ret->has_sector = true;
    ret->miner = miner;
    ret->number = number;
}

static void set_job_submitted(struct sy_history_ids *ret, const struct sy_ev_job_submitted *body)
{
    ret->job = body->job;
    if (body->kind == SY_JOB_UNSEAL || body->kind == SY_JOB_REMOVE)
        set_sector(ret, body->miner, body->number);
}

void sy_history_ids_of(const struct sy_event *event, struct sy_history_ids *ret)
{
    *ret = (struct sy_history_ids){0};
    const void *body = event->body;
    switch ((enum sy_event_kind)event->kind) {
    case SY_EVENT_JOB_SUBMITTED:
        set_job_submitted(ret, body);
        return;
    case SY_EVENT_JOB_CANCELLED:
        ret->job = ((const struct sy_ev_job *)body)->job;
        return;
    case SY_EVENT_TASK_LEASED:
        ret->task = ((const struct sy_ev_task_leased *)body)->task;
        return;
    case SY_EVENT_TASK_STARTED:
    case SY_EVENT_TASK_RETURNED:
        ret->task = ((const struct sy_ev_attempt *)body)->task;
        return;
    case SY_EVENT_TASK_RESULT:
        ret->task = ((const struct sy_ev_task_result *)body)->task;
        return;
    case SY_EVENT_TICKET:
    case SY_EVENT_SEED:
        set_sector(ret, ((const struct sy_ev_randomness *)body)->miner,
                   ((const struct sy_ev_randomness *)body)->number);
        return;
    case SY_EVENT_MESSAGE_QUEUED:
    case SY_EVENT_MESSAGE_SIGNED:
    case SY_EVENT_MESSAGE_ONCHAIN:
    case SY_EVENT_MESSAGE_FAILED:
        ret->message = body;
        return;
    case SY_EVENT_PRECOMMIT_LANDED:
    case SY_EVENT_COMMIT_LANDED:
        set_sector(ret, ((const struct sy_ev_sector_epoch *)body)->miner,
                   ((const struct sy_ev_sector_epoch *)body)->number);
        return;
    case SY_EVENT_CHAIN_REFUSED:
        set_sector(ret, ((const struct sy_ev_chain_refused *)body)->miner,
                   ((const struct sy_ev_chain_refused *)body)->number);
        return;
    case SY_EVENT_SECTOR_RETRY:
    case SY_EVENT_SECTOR_REMOVE:
        set_sector(ret, ((const struct sy_ev_sector *)body)->miner,
                   ((const struct sy_ev_sector *)body)->number);
        return;
    default:
        return;
    }
}

static const char *or_unknown(const char *name)
{
    return name ? name : "unknown";
}

static void print_submitted(const struct sy_ev_job_submitted *body, char *text, size_t bytes)
{
    const char *kind = or_unknown(sy_job_kind_name(body->kind));
    if (body->kind == SY_JOB_UNSEAL || body->kind == SY_JOB_REMOVE)
        snprintf(text, bytes, "job %" PRIu64 ": %s sector %" PRIu64 ", by %s", body->job, kind,
                 body->number, body->submitter);
    else
        snprintf(text, bytes, "job %" PRIu64 ": %s %u sectors, %u pieces, by %s", body->job, kind,
                 body->count, body->pieces.count, body->submitter);
}

static void print_result(const struct sy_ev_task_result *body, char *text, size_t bytes)
{
    double seconds = (double)body->wall_ms / 1000.0;
    if (body->ok) {
        snprintf(text, bytes, "task %" PRIu64 " attempt %u on %s done in %.1f s", body->task,
                 body->attempt, body->agent, seconds);
        return;
    }
    snprintf(text, bytes, "task %" PRIu64 " attempt %u on %s failed (%s): %s; %s", body->task,
             body->attempt, body->agent, sy_err_class_name((enum sy_err_class)body->error_class),
             body->error, body->retry_after_ms ? "will be tried again" : "given up");
}

static void print_message(uint32_t kind, const struct sy_message *body, char *text, size_t bytes)
{
    const char *what = or_unknown(sy_message_kind_name(body->kind));
    switch (kind) {
    case SY_EVENT_MESSAGE_QUEUED:
        snprintf(text, bytes, "%s message %.12s for %u sectors is wanted", what, body->uid,
                 body->sectors.count);
        return;
    case SY_EVENT_MESSAGE_SIGNED:
        snprintf(text, bytes, "message %.12s signed: nonce %" PRIu64 ", %s", body->uid, body->nonce,
                 body->signed_cid[0] ? body->signed_cid : body->cid);
        return;
    case SY_EVENT_MESSAGE_ONCHAIN:
        snprintf(text, bytes, "message %.12s executed at height %" PRId64 ", exit code %" PRId64,
                 body->uid, body->height, body->exit_code);
        return;
    default:
        snprintf(text, bytes, "message %.12s given up: %s", body->uid, body->error);
    }
}

static void print_chain(const struct sy_event *event, char *text, size_t bytes)
{
    const struct sy_ev_randomness *randomness = event->body;
    const struct sy_ev_sector_epoch *landed = event->body;
    const struct sy_ev_chain_refused *refused = event->body;
    switch (event->kind) {
    case SY_EVENT_TICKET:
        snprintf(text, bytes, "ticket of epoch %" PRId64, randomness->epoch);
        return;
    case SY_EVENT_SEED:
        snprintf(text, bytes, "seed of epoch %" PRId64, randomness->epoch);
        return;
    case SY_EVENT_PRECOMMIT_LANDED:
    case SY_EVENT_COMMIT_LANDED:
        snprintf(text, bytes, "%s on chain at epoch %" PRId64 "%s%s",
                 event->kind == SY_EVENT_COMMIT_LANDED ? "commit" : "pre-commit", landed->epoch,
                 landed->cid[0] ? ", message " : ", adopted from the chain", landed->cid);
        return;
    default:
        snprintf(text, bytes, "the chain refused, on to %s: %s",
                 or_unknown(sy_sector_state_name(refused->to_state)), refused->error);
    }
}

static void print_attempt(const struct sy_event *event, char *text, size_t bytes)
{
    const struct sy_ev_attempt *body = event->body;
    if (event->kind == SY_EVENT_TASK_STARTED)
        snprintf(text, bytes, "task %" PRIu64 " attempt %u runs on %s", body->task, body->attempt,
                 body->agent);
    else
        snprintf(text, bytes, "task %" PRIu64 " attempt %u given back by %s: %s", body->task,
                 body->attempt, body->agent, body->error);
}

static void print_task(const struct sy_event *event, char *text, size_t bytes)
{
    const struct sy_ev_task_leased *leased = event->body;
    if (event->kind == SY_EVENT_TASK_RESULT)
        print_result(event->body, text, bytes);
    else if (event->kind == SY_EVENT_TASK_LEASED)
        snprintf(text, bytes, "task %" PRIu64 " attempt %u leased to %s", leased->task,
                 leased->attempt, leased->agent);
    else
        print_attempt(event, text, bytes);
}

static void print_admin(const struct sy_event *event, char *text, size_t bytes)
{
    const struct sy_ev_generation *generation = event->body;
    const struct sy_miner *miner = event->body;
    const struct sy_ev_number_floor *floor = event->body;
    const struct sy_identity *identity = event->body;
    const struct sy_ev_name *name = event->body;
    const struct sy_agent *agent = event->body;
    const struct sy_store_row *store = event->body;
    switch (event->kind) {
    case SY_EVENT_GENERATION:
        snprintf(text, bytes, "scheduler started, generation %" PRIu64, generation->generation);
        return;
    case SY_EVENT_MINER_SET:
        snprintf(text, bytes, "miner t0%" PRIu64 ", proof type %u", miner->id, miner->proof_type);
        return;
    case SY_EVENT_NUMBER_FLOOR:
        snprintf(text, bytes, "miner t0%" PRIu64 ": numbers from %" PRIu64 " on are free",
                 floor->miner, floor->next_number);
        return;
    case SY_EVENT_IDENTITY_SET:
        snprintf(text, bytes, "identity %s, role %s", identity->name,
                 or_unknown(sy_role_name(identity->role)));
        return;
    case SY_EVENT_AGENT_HELLO:
        snprintf(text, bytes, "agent %s, version %s", agent->name, agent->version);
        return;
    case SY_EVENT_STORE_SET:
        snprintf(text, bytes, "%s store %s of %s: %.200s",
                 or_unknown(sy_store_kind_name(store->kind)), store->uuid, store->agent,
                 store->path);
        return;
    case SY_EVENT_POLICY_ACCEPTED:
        snprintf(text, bytes, "policy accepted");
        return;
    default:
        snprintf(text, bytes, "%s", name->name);
    }
}

const char *sy_history_summary(const struct sy_event *event, char text[SY_HISTORY_SUMMARY_BYTES])
{
    const size_t bytes = SY_HISTORY_SUMMARY_BYTES;
    text[0] = '\0';
    if (!sy_event_name(event->kind))
        return text;
    switch ((enum sy_event_kind)event->kind) {
    case SY_EVENT_JOB_SUBMITTED:
        print_submitted(event->body, text, bytes);
        break;
    case SY_EVENT_JOB_CANCELLED:
        snprintf(text, bytes, "job %" PRIu64 " cancelled by %s",
                 ((const struct sy_ev_job *)event->body)->job,
                 ((const struct sy_ev_job *)event->body)->by);
        break;
    case SY_EVENT_TASK_LEASED:
    case SY_EVENT_TASK_STARTED:
    case SY_EVENT_TASK_RETURNED:
    case SY_EVENT_TASK_RESULT:
        print_task(event, text, bytes);
        break;
    case SY_EVENT_MESSAGE_QUEUED:
    case SY_EVENT_MESSAGE_SIGNED:
    case SY_EVENT_MESSAGE_ONCHAIN:
    case SY_EVENT_MESSAGE_FAILED:
        print_message(event->kind, event->body, text, bytes);
        break;
    case SY_EVENT_TICKET:
    case SY_EVENT_SEED:
    case SY_EVENT_PRECOMMIT_LANDED:
    case SY_EVENT_COMMIT_LANDED:
    case SY_EVENT_CHAIN_REFUSED:
        print_chain(event, text, bytes);
        break;
    case SY_EVENT_SECTOR_RETRY:
    case SY_EVENT_SECTOR_REMOVE:
        snprintf(text, bytes, "%s by %s",
                 event->kind == SY_EVENT_SECTOR_RETRY ? "tried again" : "to be removed",
                 ((const struct sy_ev_sector *)event->body)->by);
        break;
    default:
        print_admin(event, text, bytes);
    }
    return text;
}
