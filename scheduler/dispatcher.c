/* Plans into leases, leases into START, stale attempts into STOP; see dispatcher.h. */
#include "scheduler/dispatcher.h"

#include "scheduler/core/lease.h"
#include "scheduler/scheduler.h"
#include "scheduler/spec.h"
#include "scheduler/tuning.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Out of memory in the table is an error, not the end of the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct push_key {
    uint64_t task;
    uint32_t attempt;
    uint32_t stop; /* 0 START, 1 STOP */
};

struct push {
    struct push_key key;
    char agent[SY_NAME_BYTES];
    uint64_t after_event; /* leaves once this is durable */
    uint64_t due_ms;      /* boot time */
    uint32_t tries;
    UT_hash_handle hh;
};

struct sy_dispatcher {
    struct sy_scheduler *scheduler; /* borrowed */
    struct push *pushes;
    struct sy_arena *arena;
    struct sy_timer *pause; /* ends the sleep when a plan has to wait for plan_pause */
    bool touched;
    uint64_t planned_ms; /* boot time of the last plan */
    int64_t wake_ms;     /* wall clock: end of the earliest backoff, 0 = none */
    struct sy_dispatcher_counts counts;
};

/* The end of the turn plans; the timer only ends the sleep. */
static void on_pause_over(void *ctx)
{
    (void)ctx;
}

int sy_dispatcher_create(struct sy_dispatcher **ret, struct sy_scheduler *scheduler,
                         struct sy_error *err)
{
    struct sy_dispatcher *dispatcher = sy_mem_alloc(sizeof *dispatcher);
    if (dispatcher)
        dispatcher->arena = sy_arena_create(SY_DISPATCHER_ARENA_BYTES);
    if (!dispatcher || !dispatcher->arena) {
        sy_mem_free(dispatcher);
        return sy_fail(err, SY_E_NOMEM, "dispatcher: out of memory");
    }
    dispatcher->scheduler = scheduler;
    dispatcher->touched = true;
    int rc =
        sy_timer_create(scheduler->loop, 0, 0, on_pause_over, dispatcher, &dispatcher->pause, err);
    if (rc) {
        sy_dispatcher_destroy(dispatcher);
        return rc;
    }
    *ret = dispatcher;
    return 0;
}

static void remove_push(struct sy_dispatcher *dispatcher, struct push *push)
{
    HASH_DEL(dispatcher->pushes, push);
    sy_mem_free(push);
}

void sy_dispatcher_destroy(struct sy_dispatcher *dispatcher)
{
    if (!dispatcher)
        return;
    struct push *push, *next;
    HASH_ITER(hh, dispatcher->pushes, push, next)
    {
        remove_push(dispatcher, push);
    }
    sy_timer_destroy(dispatcher->pause);
    sy_arena_destroy(dispatcher->arena);
    sy_mem_free(dispatcher);
}

static struct push *find_push(struct sy_dispatcher *dispatcher, const struct push_key *key)
{
    struct push *push = NULL;
    HASH_FIND(hh, dispatcher->pushes, key, sizeof *key, push);
    return push;
}

/* Finds or makes; due at once after everything applied so far is durable. */
static int add_push(struct sy_dispatcher *dispatcher, const struct push_key *key, const char *agent,
                    struct sy_error *err)
{
    if (find_push(dispatcher, key))
        return 0;
    if (HASH_COUNT(dispatcher->pushes) >= SY_DISPATCHER_PUSHES_MAX)
        return sy_fail(err, SY_E_LIMIT, "%d pushes wait already", SY_DISPATCHER_PUSHES_MAX);
    struct push *push = sy_mem_alloc(sizeof *push);
    if (!push)
        return sy_fail(err, SY_E_NOMEM, "push: out of memory");
    push->key = *key;
    snprintf(push->agent, sizeof push->agent, "%s", agent);
    push->after_event = sy_journal_last(dispatcher->scheduler->journal);
    HASH_ADD(hh, dispatcher->pushes, key, sizeof push->key, push);
    if (!push->hh.tbl) {
        sy_mem_free(push);
        return sy_fail(err, SY_E_NOMEM, "push: out of memory");
    }
    return 0;
}

/* ---------------------------------------------------------------- plan ---------------------- */

void sy_dispatcher_touch(struct sy_dispatcher *dispatcher)
{
    dispatcher->touched = true;
}

static bool has_queued_tasks(const struct sy_state *state)
{
    for (uint32_t stage = 1; stage < SY_STAGE_COUNT; stage++)
        if (sy_state_queue_first(state, stage))
            return true;
    return false;
}

/* One line of the plan, checked against live state: the world may have moved since the snapshot. */
static int lease_task(struct sy_dispatcher *dispatcher, const struct sy_view *view,
                      const struct sy_placement *placement, struct sy_error *err)
{
    struct sy_scheduler *scheduler = dispatcher->scheduler;
    const struct sy_task *task = sy_state_task(scheduler->state, placement->task);
    const char *agent = view->agents[placement->agent].name;
    if (!task || task->state != SY_TASK_QUEUED ||
        !sy_link_is_ready(sy_links_find(scheduler->links, agent)))
        return sy_fail(err, SY_E_STALE, "the plan's task or agent changed");
    struct sy_ev_task_leased event = {.task = task->id, .attempt = task->attempt + 1};
    memcpy(event.agent, agent, sizeof event.agent);
    if (placement->store != SY_VIEW_NONE)
        memcpy(event.store, view->stores[placement->store].uuid, sizeof event.store);
    sy_env_random(scheduler->env, event.token, sizeof event.token);
    int rc = sy_journal_event(scheduler->journal, SY_EVENT_TASK_LEASED, &event, err);
    if (rc)
        return rc;
    dispatcher->counts.leases++;
    struct push_key key = {.task = event.task, .attempt = event.attempt};
    return add_push(dispatcher, &key, agent, err);
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Leases what the plan places; false when the rest has to wait for the store. */
static bool lease_all(struct sy_dispatcher *dispatcher, const struct sy_view *view,
                      const struct sy_plan *plan)
{
    for (uint32_t i = 0; i < plan->placement_count; i++) {
        struct sy_error err = {0};
        int rc = lease_task(dispatcher, view, &plan->placements[i], &err);
        if (rc == 0 || rc == -SY_E_STALE)
            continue;
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_WARN("dispatcher", "lease_refused", "task=%llu err=%s",
                (unsigned long long)plan->placements[i].task,
                sy_log_value(err.text, text, sizeof text));
        if (rc == -SY_E_AGAIN || rc == -SY_E_NOMEM || rc == -SY_E_LIMIT)
            return false;
    }
    return true;
}

/* True when another plan should follow soon. */
static bool make_plan(struct sy_dispatcher *dispatcher)
{
    struct sy_scheduler *scheduler = dispatcher->scheduler;
    struct sy_plan_policy policy = sy_tuning_plan(&scheduler->policy);
    struct sy_view *view = NULL;
    struct sy_plan *plan = NULL;
    struct sy_error err = {0};
    uint64_t seed = 0, started_us = now_us();
    sy_arena_reset(dispatcher->arena);
    sy_env_random(scheduler->env, &seed, sizeof seed);
    int rc = sy_snapshot_build(scheduler->state, dispatcher->arena, &view, &err);
    if (rc == 0)
        rc = sy_plan(view, &policy, sy_env_wall_ms(scheduler->env), seed, dispatcher->arena, &plan,
                     &err);
    if (rc) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_ERROR("dispatcher", "plan_failed", "err=%s", sy_log_value(err.text, text, sizeof text));
        return true;
    }
    dispatcher->wake_ms = plan->next_ms;
    dispatcher->counts.plans++;
    dispatcher->counts.last_plan_us = now_us() - started_us;
    dispatcher->counts.max_plan_us =
        SY_MAX(dispatcher->counts.max_plan_us, dispatcher->counts.last_plan_us);
    bool limited = policy.placements_max && plan->placement_count >= policy.placements_max;
    return !lease_all(dispatcher, view, plan) || limited;
}

void sy_dispatcher_plan(struct sy_dispatcher *dispatcher)
{
    struct sy_scheduler *scheduler = dispatcher->scheduler;
    uint64_t now_ms = sy_env_boot_ms(scheduler->env);
    if (dispatcher->wake_ms && sy_env_wall_ms(scheduler->env) >= dispatcher->wake_ms)
        dispatcher->touched = true;
    if (!dispatcher->touched)
        return;
    uint64_t due_ms = dispatcher->planned_ms + scheduler->policy.plan_pause_ms;
    if (now_ms < due_ms) {
        sy_timer_restart(dispatcher->pause, due_ms - now_ms);
        return;
    }
    dispatcher->touched = false;
    dispatcher->wake_ms = 0;
    if (!has_queued_tasks(scheduler->state))
        return;
    dispatcher->planned_ms = now_ms;
    dispatcher->touched = make_plan(dispatcher); /* our own leases touched us: they free nothing */
}

/* ---------------------------------------------------------------- START --------------------- */

static int send_start(struct sy_scheduler *scheduler, struct sy_link *link,
                      const struct sy_task *task, struct sy_error *err)
{
    const struct sy_sector *sector = sy_state_sector(scheduler->state, task->miner, task->number);
    if (!sector)
        return sy_fail(err, SY_E_BUG, "task %llu has no sector", (unsigned long long)task->id);
    char *spec = NULL;
    size_t spec_bytes = 0;
    const struct sy_job *job = sy_state_job(scheduler->state, task->job);
    int rc = sy_spec_build((enum sy_stage)task->stage, sector, job, &spec, &spec_bytes, err);
    if (rc)
        return rc;
    struct sy_msg_start start = {
        .task = task->id,
        .attempt = task->attempt,
        .stage = task->stage,
        .miner = task->miner,
        .number = task->number,
        .proof_type = sector->proof_type,
        .spec = {.data = spec, .bytes = (uint32_t)spec_bytes},
    };
    memcpy(start.token, task->token, sizeof start.token);
    const char *scratch = task->stage == SY_STAGE_AP ? task->store : sector->scratch_store;
    const char *store = task->stage == SY_STAGE_FIN ? task->store : sector->long_store;
    snprintf(start.scratch_store, sizeof start.scratch_store, "%s", scratch);
    snprintf(start.long_store, sizeof start.long_store, "%s", store);
    SY_FAULT("dispatcher.before_start");
    rc = sy_rpc_push(scheduler, link, SY_MSG_START, &start, err);
    SY_FAULT("dispatcher.after_start");
    free(spec);
    return rc;
}

/* A lease whose START cannot even be built: the attempt failed by our own fault, visibly. */
static void fail_start(struct sy_scheduler *scheduler, const struct sy_task *task,
                       const struct sy_error *why)
{
    struct sy_ev_task_result event = {
        .task = task->id, .attempt = task->attempt, .error_class = SY_CLASS_BUG};
    memcpy(event.agent, task->agent, sizeof event.agent);
    snprintf(event.error, sizeof event.error, "%.*s", (int)sizeof event.error - 1, why->text);
    struct sy_error err = {0};
    if (sy_journal_event(scheduler->journal, SY_EVENT_TASK_RESULT, &event, &err)) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_ERROR("dispatcher", "start_failed", "task=%llu err=%s", (unsigned long long)event.task,
                 sy_log_value(err.text, text, sizeof text));
    }
}

/* False when the push is over. */
static bool work_start(struct sy_dispatcher *dispatcher, const struct push *push,
                       struct sy_link *link)
{
    struct sy_scheduler *scheduler = dispatcher->scheduler;
    const struct sy_task *task = sy_state_task(scheduler->state, push->key.task);
    if (!task || task->state != SY_TASK_LEASED || task->attempt != push->key.attempt)
        return false;
    struct sy_error err = {0};
    int rc = send_start(scheduler, link, task, &err);
    if (rc == 0) {
        dispatcher->counts.starts++;
    } else if (rc == -SY_E_STATE || rc == -SY_E_UNSUPPORTED || rc == -SY_E_BUG ||
               rc == -SY_E_LIMIT) {
        fail_start(scheduler, task, &err);
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------- STOP ---------------------- */

int sy_dispatcher_stop(struct sy_dispatcher *dispatcher, const char *agent, uint64_t task,
                       uint32_t attempt, struct sy_error *err)
{
    struct push_key key = {.task = task, .attempt = attempt, .stop = 1};
    return add_push(dispatcher, &key, agent, err);
}

void sy_dispatcher_stopped(struct sy_dispatcher *dispatcher, const char *agent, uint64_t task,
                           uint32_t attempt)
{
    struct push_key key = {.task = task, .attempt = attempt, .stop = 1};
    struct push *push = find_push(dispatcher, &key);
    if (push && strcmp(push->agent, agent) == 0)
        remove_push(dispatcher, push);
    sy_state_stop_done(dispatcher->scheduler->state, task, attempt);
    sy_dispatcher_touch(dispatcher);
}

static bool is_listed(const struct sy_msg_hello *hello, const struct push_key *key)
{
    const struct sy_msg_attempt_state *list = hello->attempts.items;
    for (uint32_t i = 0; i < hello->attempts.count; i++)
        if (list[i].task == key->task && list[i].attempt == key->attempt)
            return true;
    return false;
}

void sy_dispatcher_keep_stops(struct sy_dispatcher *dispatcher, const char *agent,
                              const struct sy_msg_hello *hello)
{
    struct push *push, *next;
    HASH_ITER(hh, dispatcher->pushes, push, next)
    {
        if (push->key.stop && strcmp(push->agent, agent) == 0 && !is_listed(hello, &push->key))
            remove_push(dispatcher, push);
    }
}

/* Cancelled attempts that the state still waits for. */
static void collect_stops(struct sy_dispatcher *dispatcher)
{
    for (const struct sy_task *task = sy_state_stop_first(dispatcher->scheduler->state); task;
         task = sy_state_stop_next(task))
        if (sy_dispatcher_stop(dispatcher, task->agent, task->id, task->attempt, NULL))
            return;
}

/* ---------------------------------------------------------------- sending ------------------- */

/* False when the push is over. */
static bool work_push(struct sy_dispatcher *dispatcher, struct push *push, uint64_t now_ms)
{
    struct sy_scheduler *scheduler = dispatcher->scheduler;
    struct sy_link *link = sy_links_find(scheduler->links, push->agent);
    if (!sy_link_is_ready(link))
        return true;
    if (push->key.stop) {
        struct sy_msg_attempt_ref stop = {.task = push->key.task, .attempt = push->key.attempt};
        if (sy_rpc_push(scheduler, link, SY_MSG_STOP, &stop, NULL) == 0)
            dispatcher->counts.stops++;
    } else if (!work_start(dispatcher, push, link)) {
        return false;
    }
    uint64_t chance = 0;
    sy_env_random(scheduler->env, &chance, sizeof chance);
    push->due_ms =
        now_ms + sy_lease_resend_ms(scheduler->policy.resend_first_ms,
                                    scheduler->policy.resend_max_ms, push->tries, chance);
    push->tries++;
    return true;
}

/* A START whose task moved on needs no connection to be forgotten. */
static bool is_over(const struct sy_dispatcher *dispatcher, const struct push *push)
{
    if (push->key.stop)
        return false;
    const struct sy_task *task = sy_state_task(dispatcher->scheduler->state, push->key.task);
    return !task || task->state != SY_TASK_LEASED || task->attempt != push->key.attempt;
}

void sy_dispatcher_send(struct sy_dispatcher *dispatcher)
{
    struct sy_scheduler *scheduler = dispatcher->scheduler;
    uint64_t now_ms = sy_env_boot_ms(scheduler->env);
    uint64_t durable = sy_journal_durable(scheduler->journal);
    collect_stops(dispatcher);
    struct push *push, *next;
    HASH_ITER(hh, dispatcher->pushes, push, next)
    {
        if (is_over(dispatcher, push)) {
            remove_push(dispatcher, push);
            continue;
        }
        if (push->after_event > durable || push->due_ms > now_ms)
            continue;
        if (!work_push(dispatcher, push, now_ms))
            remove_push(dispatcher, push);
    }
}

void sy_dispatcher_welcome(struct sy_dispatcher *dispatcher, const char *agent)
{
    for (const struct sy_task *task = sy_state_active_first(dispatcher->scheduler->state, agent);
         task; task = sy_state_active_next(task)) {
        struct push_key key = {.task = task->id, .attempt = task->attempt};
        if (task->state == SY_TASK_LEASED)
            add_push(dispatcher, &key, agent, NULL);
    }
    struct push *push, *next;
    HASH_ITER(hh, dispatcher->pushes, push, next)
    {
        if (strcmp(push->agent, agent) == 0) {
            push->due_ms = 0;
            push->tries = 0;
        }
    }
    sy_dispatcher_touch(dispatcher);
    sy_dispatcher_send(dispatcher);
}

void sy_dispatcher_counts(const struct sy_dispatcher *dispatcher, struct sy_dispatcher_counts *ret)
{
    *ret = dispatcher->counts;
    ret->pushes = HASH_COUNT(dispatcher->pushes);
}
