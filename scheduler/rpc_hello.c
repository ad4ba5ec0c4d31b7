/* Agents come and go: ENROLL, HELLO, HEARTBEAT, and the clock that calls them suspect or dead.
 *
 * HELLO lists every attempt that the agent's ledger knows. Current ones are confirmed, others get
 * STOP; a RUNNING task that the list lacks has failed; leases that it lacks get START again after
 * WELCOME. WELCOME leaves when all of that is durable, and only then do pushes follow.
 * A HEARTBEAT of an agent that has not said HELLO to this scheduler is answered with WELCOME, whose
 * new instance makes it say HELLO.
 */
#include "scheduler/core/lease.h"
#include "scheduler/rpc_agent.h"
#include "scheduler/scheduler.h"

#include <string.h>

#define TASKS_PER_AGENT_MAX 4096
#define LIVE_JOBS_RECOUNT_MS 5000

/* ---------------------------------------------------------------- ENROLL -------------------- */

static int check_enroll(const struct sy_rpc_request *request, const struct sy_msg_enroll *enroll,
                        struct sy_error *err)
{
    const char *own = request->identity->name;
    size_t prefix = strlen(SY_RPC_ENROLL_PREFIX);
    if (strncmp(own, SY_RPC_ENROLL_PREFIX, prefix) != 0 || strcmp(own + prefix, enroll->name) != 0)
        return sy_fail(err, SY_E_DENIED, "the token of %s cannot enrol \"%s\"", own, enroll->name);
    if (strlen(enroll->public_key) != SY_PUBLIC_KEY_BYTES - 1)
        return sy_fail(err, SY_E_ARG, "enrol %s: the public key needs 40 characters of Z85",
                       enroll->name);
    return sy_name_check(enroll->name, err);
}

/* The new identity and the end of the token, in one batch. */
static int commit_enroll(struct sy_scheduler *scheduler, const struct sy_msg_enroll *enroll,
                         const char *token_name, struct sy_error *err)
{
    struct sy_identity agent = {
        .role = SY_ROLE_AGENT,
        .created_ms = sy_env_wall_ms(scheduler->env),
    };
    struct sy_ev_name used;
    memcpy(agent.name, enroll->name, sizeof agent.name);
    memcpy(agent.public_key, enroll->public_key, sizeof agent.public_key);
    snprintf(used.name, sizeof used.name, "%s", token_name);
    int rc = sy_journal_event(scheduler->journal, SY_EVENT_IDENTITY_SET, &agent, err);
    if (rc)
        return rc;
    return sy_journal_event(scheduler->journal, SY_EVENT_IDENTITY_REVOKED, &used, err);
}

int sy_rpc_on_enroll(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_enroll *enroll = request->frame->body;
    int rc = check_enroll(request, enroll, err);
    if (rc)
        return rc;
    if (request->identity->revoked) {
        /* a repeat: the first one did it, if it was with this key */
        const struct sy_identity *agent = sy_state_identity(scheduler->state, enroll->name);
        if (!agent || agent->revoked || strcmp(agent->public_key, enroll->public_key) != 0)
            return sy_fail(err, SY_E_DENIED, "this token was used already: get a new one");
    } else {
        char token_name[SY_NAME_BYTES];
        memcpy(token_name, request->identity->name, sizeof token_name);
        rc = commit_enroll(scheduler, enroll, token_name, err);
        if (rc)
            return rc;
        SY_INFO("agents", "enrolled", "agent=%s", enroll->name);
    }
    struct sy_msg_enrolled reply;
    memcpy(reply.name, enroll->name, sizeof reply.name);
    sy_rpc_reply(scheduler, request->peer, request->frame->sequence, SY_MSG_ENROLLED, &reply, NULL);
    return 0;
}

/* ---------------------------------------------------------------- HELLO --------------------- */

static const struct sy_msg_attempt_state *find_listed(const struct sy_msg_hello *hello,
                                                      uint64_t task, uint32_t attempt)
{
    const struct sy_msg_attempt_state *list = hello->attempts.items;
    for (uint32_t i = 0; i < hello->attempts.count; i++)
        if (list[i].task == task && list[i].attempt == attempt)
            return &list[i];
    return NULL;
}

static bool is_same_agent(const struct sy_agent *row, const struct sy_msg_hello *hello)
{
    return row && strcmp(row->version, hello->version) == 0 &&
           strcmp(row->boot_id, hello->boot_id) == 0 && row->slots.count == hello->slots.count &&
           (hello->slots.count == 0 ||
            memcmp(row->slots.items, hello->slots.items,
                   hello->slots.count * sizeof(struct sy_slot_offer)) == 0) &&
           row->topology.bytes == hello->topology.bytes &&
           (hello->topology.bytes == 0 ||
            memcmp(row->topology.data, hello->topology.data, hello->topology.bytes) == 0);
}

static int take_agent(struct sy_scheduler *scheduler, const char *name,
                      const struct sy_msg_hello *hello, struct sy_error *err)
{
    if (is_same_agent(sy_state_agent(scheduler->state, name), hello))
        return 0;
    struct sy_agent event = {.slots = hello->slots, .topology = hello->topology};
    snprintf(event.name, sizeof event.name, "%s", name);
    memcpy(event.version, hello->version, sizeof event.version);
    memcpy(event.boot_id, hello->boot_id, sizeof event.boot_id);
    event.first_seen_ms = event.last_seen_ms = sy_env_wall_ms(scheduler->env);
    int rc = sy_journal_event(scheduler->journal, SY_EVENT_AGENT_HELLO, &event, err);
    return rc == -SY_E_STALE ? 0 : rc;
}

static bool is_listed_store(const struct sy_msg_hello *hello, const char *uuid)
{
    const struct sy_store_row *stores = hello->stores.items;
    for (uint32_t i = 0; i < hello->stores.count; i++)
        if (strcmp(stores[i].uuid, uuid) == 0)
            return true;
    return false;
}

static int take_stores(struct sy_scheduler *scheduler, const char *name,
                       const struct sy_msg_hello *hello, struct sy_error *err)
{
    const struct sy_store_row *stores = hello->stores.items;
    for (uint32_t i = 0; i < hello->stores.count; i++) {
        struct sy_error why = {0};
        int rc = sy_rpc_take_store(scheduler, name, &stores[i], &why);
        if (rc && why.class == SY_CLASS_INPUT) {
            /* one store that cannot be this agent's does not keep the agent away */
            char text[SY_ERROR_TEXT_BYTES + 8];
            SY_WARN("agents", "store_refused", "agent=%s store=%s err=%s", name, stores[i].uuid,
                    sy_log_value(why.text, text, sizeof text));
        } else if (rc) {
            if (err)
                *err = why;
            return rc;
        }
    }
    size_t count = sy_state_count(scheduler->state, SY_ROW_STORE);
    for (size_t i = 0; i < count; i++) {
        const struct sy_store_row *row = sy_state_at(scheduler->state, SY_ROW_STORE, i);
        if (strcmp(row->agent, name) == 0 && !is_listed_store(hello, row->uuid))
            sy_state_set_store_space(scheduler->state, row->uuid, false, row->bytes_total, 0);
    }
    return 0;
}

/* One attempt that the agent knows. */
static int take_attempt(struct sy_scheduler *scheduler, const char *name,
                        const struct sy_msg_attempt_state *listed, struct sy_error *err)
{
    if (listed->state == SY_TASK_DONE)
        return 0; /* its RESULT comes and gets its verdict */
    if (sy_lease_of(scheduler->state, name, listed->task, listed->attempt) != SY_LEASE_CURRENT)
        return sy_dispatcher_stop(scheduler->dispatcher, name, listed->task, listed->attempt, err);
    const struct sy_task *task = sy_state_task(scheduler->state, listed->task);
    if (task->state != SY_TASK_LEASED)
        return 0;
    struct sy_ev_attempt event = {.task = listed->task, .attempt = listed->attempt};
    snprintf(event.agent, sizeof event.agent, "%s", name);
    int rc = sy_journal_event(scheduler->journal, SY_EVENT_TASK_STARTED, &event, err);
    return rc == -SY_E_STALE ? 0 : rc;
}

/* Task ids of an agent that a filter picks; *ret_count at most TASKS_PER_AGENT_MAX. */
struct picked {
    uint64_t ids[TASKS_PER_AGENT_MAX];
    size_t count;
};

static void pick_lost(const struct sy_scheduler *scheduler, const char *name,
                      const struct sy_msg_hello *hello, struct picked *picked)
{
    for (const struct sy_task *task = sy_state_active_first(scheduler->state, name);
         task && picked->count < TASKS_PER_AGENT_MAX; task = sy_state_active_next(task))
        if (task->state == SY_TASK_RUNNING && !find_listed(hello, task->id, task->attempt))
            picked->ids[picked->count++] = task->id;
}

static int fail_picked(struct sy_scheduler *scheduler, const struct picked *picked,
                       const char *text, struct sy_error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < picked->count; i++) {
        const struct sy_task *task = sy_state_task(scheduler->state, picked->ids[i]);
        if (task)
            rc = sy_rpc_fail_attempt(scheduler, task, SY_CLASS_TRANSIENT, text, err);
        rc = rc == -SY_E_STALE ? 0 : rc;
    }
    return rc;
}

/* STOPs that wait for attempts which the agent does not have any more. */
static void forget_stops(struct sy_scheduler *scheduler, const char *name,
                         const struct sy_msg_hello *hello, struct picked *picked)
{
    picked->count = 0;
    for (const struct sy_task *task = sy_state_stop_first(scheduler->state);
         task && picked->count < TASKS_PER_AGENT_MAX; task = sy_state_stop_next(task))
        if (strcmp(task->agent, name) == 0 && !find_listed(hello, task->id, task->attempt))
            picked->ids[picked->count++] = task->id;
    for (size_t i = 0; i < picked->count; i++) {
        const struct sy_task *task = sy_state_task(scheduler->state, picked->ids[i]);
        if (task)
            sy_dispatcher_stopped(scheduler->dispatcher, name, task->id, task->attempt);
    }
    sy_dispatcher_keep_stops(scheduler->dispatcher, name, hello);
}

static int take_attempts(struct sy_scheduler *scheduler, const char *name,
                         const struct sy_msg_hello *hello, struct sy_error *err)
{
    const struct sy_msg_attempt_state *list = hello->attempts.items;
    struct picked *picked = sy_mem_alloc(sizeof *picked);
    if (!picked)
        return sy_fail(err, SY_E_NOMEM, "hello: out of memory");
    forget_stops(scheduler, name, hello, picked);
    picked->count = 0;
    pick_lost(scheduler, name, hello, picked);
    int rc = fail_picked(scheduler, picked, "the agent does not know this attempt any more", err);
    for (uint32_t i = 0; rc == 0 && i < hello->attempts.count; i++)
        rc = take_attempt(scheduler, name, &list[i], err);
    sy_mem_free(picked);
    return rc;
}

struct welcome {
    struct sy_scheduler *scheduler;
    struct sy_peer peer;
    uint64_t sequence;
    uint8_t instance[16];
};

static int send_welcome(struct sy_scheduler *scheduler, const struct sy_peer *peer,
                        uint64_t sequence, struct sy_error *err)
{
    struct sy_msg_welcome welcome = {
        .generation = scheduler->generation,
        .heartbeat_ms = scheduler->policy.heartbeat_ms,
    };
    memcpy(welcome.instance, scheduler->instance, sizeof welcome.instance);
    memcpy(welcome.name, peer->name, sizeof welcome.name);
    return sy_rpc_send(scheduler, peer, sequence, SY_MSG_WELCOME, &welcome, err);
}

static void release_welcome(void *ctx, bool durable)
{
    struct welcome *welcome = ctx;
    struct sy_scheduler *scheduler = welcome->scheduler;
    struct sy_link *link = sy_links_find(scheduler->links, welcome->peer.name);
    /* a newer HELLO of another process gets its own */
    bool current = link && link->hello &&
                   memcmp(link->instance, welcome->instance, sizeof link->instance) == 0;
    if (durable && current &&
        send_welcome(scheduler, &welcome->peer, welcome->sequence, NULL) == 0) {
        link->welcomed = true;
        link->heard_ms = sy_env_boot_ms(scheduler->env);
        sy_rpc_set_liveness(scheduler, link, SY_AGENT_ONLINE);
        sy_dispatcher_welcome(scheduler->dispatcher, link->name);
    }
    sy_mem_free(welcome);
}

static int park_welcome(const struct sy_rpc_request *request, const struct sy_msg_hello *hello,
                        struct sy_error *err)
{
    struct welcome *welcome = sy_mem_alloc(sizeof *welcome);
    if (!welcome)
        return sy_fail(err, SY_E_NOMEM, "welcome: out of memory");
    welcome->scheduler = request->scheduler;
    welcome->peer = *request->peer;
    welcome->sequence = request->frame->sequence;
    memcpy(welcome->instance, hello->instance, sizeof welcome->instance);
    int rc = sy_journal_park(request->scheduler->journal, release_welcome, welcome, err);
    if (rc)
        sy_mem_free(welcome);
    return rc;
}

int sy_rpc_on_hello(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_hello *hello = request->frame->body;
    struct sy_link *link = NULL;
    uint64_t now_ms = sy_env_boot_ms(scheduler->env);
    const char *name = request->peer->name;
    int rc = sy_links_obtain(scheduler->links, name, now_ms, &link, err);
    if (rc)
        return rc;
    link->welcomed = false; /* no push overtakes the new WELCOME */
    link->hello = false;
    rc = take_agent(scheduler, name, hello, err);
    if (rc == 0)
        rc = take_stores(scheduler, name, hello, err);
    if (rc == 0)
        rc = take_attempts(scheduler, name, hello, err);
    if (rc)
        return rc;
    link->peer = *request->peer;
    memcpy(link->instance, hello->instance, sizeof link->instance);
    link->hello = true;
    link->heard_ms = now_ms;
    SY_INFO("agents", "hello", "agent=%s attempts=%u stores=%u", name, hello->attempts.count,
            hello->stores.count);
    return park_welcome(request, hello, err);
}

/* ---------------------------------------------------------------- HEARTBEAT ----------------- */

int sy_rpc_on_heartbeat(const struct sy_rpc_request *request, struct sy_error *err)
{
    struct sy_scheduler *scheduler = request->scheduler;
    const struct sy_msg_heartbeat *heartbeat = request->frame->body;
    const char *name = request->identity->name;
    struct sy_link *link = sy_links_find(scheduler->links, name);
    if (!link || !link->hello)
        return send_welcome(scheduler, request->peer, request->frame->sequence, err);
    sy_rpc_heard(scheduler, name);
    const struct sy_store_row *stores = heartbeat->stores.items;
    for (uint32_t i = 0; i < heartbeat->stores.count; i++) {
        const struct sy_store_row *row = sy_state_store(scheduler->state, stores[i].uuid);
        if (!row || strcmp(row->agent, name) != 0)
            continue;
        bool touched = row->online != stores[i].online || row->bytes_free < stores[i].bytes_free;
        uint64_t total = stores[i].bytes_total ? stores[i].bytes_total : row->bytes_total;
        sy_state_set_store_space(scheduler->state, stores[i].uuid, stores[i].online, total,
                                 stores[i].bytes_free);
        if (touched)
            sy_dispatcher_touch(scheduler->dispatcher);
    }
    struct sy_msg_heartbeat ack = {.count = heartbeat->count};
    return sy_rpc_send(scheduler, request->peer, request->frame->sequence, SY_MSG_HEARTBEAT_ACK,
                       &ack, err);
}

/* ---------------------------------------------------------------- clock --------------------- */

/* Only what is not bound to the agent's disk may go elsewhere; the rest waits for its agent. */
static bool is_unbound(uint32_t stage)
{
    return stage == SY_STAGE_AP || stage == SY_STAGE_C2;
}

static void take_over(struct sy_scheduler *scheduler, const struct sy_link *link,
                      uint64_t silent_ms)
{
    if (!sy_state_active_first(scheduler->state, link->name))
        return;
    struct picked *picked = sy_mem_alloc(sizeof *picked);
    if (!picked)
        return; /* next tick */
    for (const struct sy_task *task = sy_state_active_first(scheduler->state, link->name);
         task && picked->count < TASKS_PER_AGENT_MAX; task = sy_state_active_next(task))
        if (is_unbound(task->stage) &&
            sy_lease_may_take_over(silent_ms, scheduler->policy.dead_after_ms,
                                   scheduler->policy.takeover_ms[task->stage]))
            picked->ids[picked->count++] = task->id;
    char text[SY_ROW_TEXT_BYTES];
    snprintf(text, sizeof text, "agent %s has been silent for %llu s: taken over", link->name,
             (unsigned long long)(silent_ms / 1000));
    fail_picked(scheduler, picked, text, NULL);
    sy_mem_free(picked);
}

static void watch_link(struct sy_scheduler *scheduler, struct sy_link *link, uint64_t now_ms)
{
    uint64_t silent_ms = now_ms > link->heard_ms ? now_ms - link->heard_ms : 0;
    enum sy_liveness liveness = sy_lease_liveness(silent_ms, scheduler->policy.suspect_after_ms,
                                                  scheduler->policy.dead_after_ms);
    if (!link->welcomed && liveness != SY_AGENT_DEAD)
        liveness = SY_AGENT_OFFLINE;
    if (liveness != link->liveness)
        sy_rpc_set_liveness(scheduler, link, liveness);
    if (liveness == SY_AGENT_DEAD)
        take_over(scheduler, link, silent_ms);
}

static void expire_relays(struct sy_scheduler *scheduler, uint64_t now_ms)
{
    struct sy_relayed relayed;
    while (sy_relay_expire(scheduler->relay, now_ms, &relayed)) {
        struct sy_error err = {0};
        sy_fail(&err, SY_E_TIMEOUT, "agent %s did not answer within %d s: try again", relayed.agent,
                SY_RPC_RELAY_MS / 1000);
        sy_rpc_reply_failure(scheduler, &relayed.client, relayed.client_sequence, &err);
    }
}

static void count_live_jobs(struct sy_scheduler *scheduler, uint64_t now_ms)
{
    uint64_t last = sy_journal_last(scheduler->journal);
    if (last == scheduler->counted_event || now_ms < scheduler->counted_ms + LIVE_JOBS_RECOUNT_MS)
        return;
    uint64_t live = 0;
    size_t count = sy_state_count(scheduler->state, SY_ROW_JOB);
    for (size_t i = 0; i < count; i++) {
        const struct sy_job *job = sy_state_at(scheduler->state, SY_ROW_JOB, i);
        if (job->state == SY_JOB_ACTIVE)
            live++;
    }
    scheduler->live_jobs = live;
    scheduler->counted_event = last;
    scheduler->counted_ms = now_ms;
}

void sy_rpc_tick(struct sy_scheduler *scheduler)
{
    uint64_t now_ms = sy_env_boot_ms(scheduler->env);
    for (struct sy_link *link = sy_links_first(scheduler->links); link; link = sy_links_next(link))
        watch_link(scheduler, link, now_ms);
    expire_relays(scheduler, now_ms);
    count_live_jobs(scheduler, now_ms);
    sy_dispatcher_send(scheduler->dispatcher);
}
