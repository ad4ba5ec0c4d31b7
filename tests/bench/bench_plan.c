/* Cost of a snapshot and a plan: 10,000 queued tasks, 64 agents. Prints key=value. */
#include "scheduler/core/planner.h"
#include "scheduler/core/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGENTS 64
#define TASKS 10000
#define ROUNDS 20

static double now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void apply(struct sy_state *state, uint32_t kind, const void *body)
{
    struct sy_error err = {0};
    struct sy_event event = {.number = sy_state_meta(state)->last_event + 1,
                             .wall_ms = 1700000000000,
                             .kind = kind,
                             .body = body};
    if (sy_state_apply(state, &event, &err) != 0) {
        (void)fprintf(stderr, "bench_plan: %s\n", err.text);
        abort();
    }
    while (sy_state_dirty_count(state) > 0)
        sy_state_dirty_pop(state);
}

static void make(struct sy_state *state, uint32_t ap_slots, bool full)
{
    struct sy_miner miner = {.id = 1000, .proof_type = 5, .sector_bytes = 32ull << 30};
    struct sy_ev_number_floor number = {.miner = 1000, .next_number = 1};
    apply(state, SY_EVENT_MINER_SET, &miner);
    apply(state, SY_EVENT_NUMBER_FLOOR, &number);
    for (uint32_t i = 0; i < AGENTS; i++) {
        struct sy_slot_offer offers[2] = {{SY_STAGE_AP, ap_slots}, {SY_STAGE_PC1, 8}};
        struct sy_agent agent = {.slots = {offers, 2}};
        struct sy_store_row store = {.kind = SY_STORE_SCRATCH,
                                     .online = true,
                                     .bytes_total = 1ull << 60,
                                     .bytes_free = full ? 1000 : 1ull << 59};
        (void)snprintf(agent.name, sizeof(agent.name), "agent-%02u", i);
        (void)snprintf(store.agent, sizeof(store.agent), "agent-%02u", i);
        (void)snprintf(store.uuid, sizeof(store.uuid), "store-%02u", i);
        apply(state, SY_EVENT_AGENT_HELLO, &agent);
        apply(state, SY_EVENT_STORE_SET, &store);
        sy_state_set_liveness(state, agent.name, SY_AGENT_ONLINE, 1);
    }
    for (uint32_t left = TASKS, n = 1; left > 0; n++) {
        uint32_t count = left < SY_JOB_SECTORS_MAX ? left : SY_JOB_SECTORS_MAX;
        struct sy_ev_job_submitted job = {
            .job = n, .kind = SY_JOB_PLEDGE, .miner = 1000, .count = count};
        memcpy(job.idempotency_key, &n, sizeof(n));
        apply(state, SY_EVENT_JOB_SUBMITTED, &job);
        left -= count;
    }
}

static void measure(const char *name, uint32_t ap_slots, bool full)
{
    struct sy_state *state = sy_state_create();
    struct sy_arena *arena = sy_arena_create(256u << 20);
    double view_ms = 1e9, plan_ms = 1e9;
    uint32_t placed = 0;
    if (state == NULL || arena == NULL)
        abort();
    make(state, ap_slots, full);
    for (int i = 0; i < ROUNDS; i++) {
        struct sy_plan_policy policy = {0};
        struct sy_view *view = NULL;
        struct sy_plan *plan = NULL;
        sy_arena_reset(arena);
        double begin = now_ms();
        if (sy_snapshot_build(state, arena, &view, NULL) != 0)
            abort();
        double middle = now_ms();
        if (sy_plan(view, &policy, 1700000000000, (uint64_t)i, arena, &plan, NULL) != 0)
            abort();
        double end = now_ms();
        view_ms = middle - begin < view_ms ? middle - begin : view_ms;
        plan_ms = end - middle < plan_ms ? end - middle : plan_ms;
        placed = plan->placement_count;
    }
    printf("bench=plan case=%s tasks=%d agents=%d placed=%u snapshot_ms=%.3f plan_ms=%.3f\n", name,
           TASKS, AGENTS, placed, view_ms, plan_ms);
    sy_arena_destroy(arena);
    sy_state_destroy(state);
}

int main(void)
{
    measure("all_wait", 1, true);
    measure("some_placed", 4, false);
    measure("all_placed", 1000, false);
    return 0;
}
