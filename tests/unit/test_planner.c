/* Placement by hand-made views, and the view of a real state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_world.h"
#include "scheduler/core/planner.h"

#include <stdio.h>
#include <string.h>

#define AGENTS 3
#define GIB (1ull << 30)

struct bench {
    struct sy_view_agent agents[AGENTS];
    struct sy_view_store stores[2 * AGENTS]; /* scratch, long of each */
    struct sy_view_miner miners[1];
    struct sy_view_task tasks[16];
    struct sy_view view;
    struct sy_plan_policy policy;
    struct sy_arena *arena;
    struct sy_plan *plan;
};

static void bench_init(struct bench *bench)
{
    memset(bench, 0, sizeof(*bench));
    for (uint32_t i = 0; i < AGENTS; i++) {
        struct sy_view_agent *agent = &bench->agents[i];
        (void)snprintf(agent->name, sizeof(agent->name), "a%u", i);
        agent->liveness = SY_AGENT_ONLINE;
        for (uint32_t stage = 1; stage < SY_STAGE_COUNT; stage++)
            agent->slots[stage] = 1;
        agent->first_store = 2 * i;
        agent->store_count = 2;
        for (uint32_t j = 0; j < 2; j++)
            bench->stores[2 * i + j] =
                (struct sy_view_store){.agent = i,
                                       .kind = j == 0 ? SY_STORE_SCRATCH : SY_STORE_LONG,
                                       .online = true,
                                       .bytes_total = 1000 * GIB,
                                       .bytes_free = 1000 * GIB};
    }
    bench->miners[0].id = 1000;
    bench->view = (struct sy_view){.agents = bench->agents,
                                   .stores = bench->stores,
                                   .miners = bench->miners,
                                   .tasks = bench->tasks,
                                   .agent_count = AGENTS,
                                   .store_count = 2 * AGENTS,
                                   .miner_count = 1};
    bench->arena = sy_arena_create(64 << 20);
    assert_non_null(bench->arena);
}

static struct sy_view_task *add(struct bench *bench, uint32_t stage, uint32_t agent)
{
    struct sy_view_task *task = &bench->tasks[bench->view.task_count++];
    *task = (struct sy_view_task){.id = bench->view.task_count,
                                  .number = bench->view.task_count + 100,
                                  .stage = stage,
                                  .agent = agent,
                                  .prefer_agent = SY_VIEW_NONE,
                                  .avoid_agent = SY_VIEW_NONE,
                                  .scratch_bytes = stage == SY_STAGE_AP ? 100 * GIB : 0,
                                  .long_bytes = stage == SY_STAGE_FIN ? 10 * GIB : 0};
    return task;
}

static void plan(struct bench *bench, uint64_t seed)
{
    struct sy_error err = {0};
    if (sy_plan(&bench->view, &bench->policy, 1000, seed, bench->arena, &bench->plan, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(bench->plan->placement_count + bench->plan->unplaced_count,
                     bench->view.task_count);
}

static const struct sy_placement *placed(const struct bench *bench, uint64_t task)
{
    for (uint32_t i = 0; i < bench->plan->placement_count; i++) {
        if (bench->plan->placements[i].task == task)
            return &bench->plan->placements[i];
    }
    return NULL;
}

static uint32_t why_not(const struct bench *bench, uint64_t task)
{
    for (uint32_t i = 0; i < bench->plan->unplaced_count; i++) {
        if (bench->plan->unplaced[i].task == task)
            return bench->plan->unplaced[i].why;
    }
    fail_msg("task %llu was placed", (unsigned long long)task);
    return 0;
}

static void finish_what_was_begun_first(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    static const uint32_t stages[] = {SY_STAGE_AP,  SY_STAGE_REMOVE, SY_STAGE_UNSEAL, SY_STAGE_PC1,
                                      SY_STAGE_PC2, SY_STAGE_C1,     SY_STAGE_C2,     SY_STAGE_FIN};
    for (size_t i = 0; i < 8; i++)
        (void)add(&bench, stages[i],
                  stages[i] == SY_STAGE_AP || stages[i] == SY_STAGE_C2 ? SY_VIEW_NONE : 0);
    plan(&bench, 0);
    assert_int_equal(bench.plan->placement_count, 8);
    static const uint64_t order[] = {8, 7, 6, 5, 4, 3, 2, 1};
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(bench.plan->placements[i].task, order[i]);
    assert_int_equal(placed(&bench, 8)->store, 1);
    assert_int_equal(placed(&bench, 8)->why, SY_WHY_OWNER);
    assert_int_equal(placed(&bench, 3)->why, SY_WHY_LONG_OWNER);
    sy_arena_destroy(bench.arena);
}

static void slots_are_hard(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    bench.agents[0].slots[SY_STAGE_PC1] = 2;
    bench.agents[0].used[SY_STAGE_PC1] = 1;
    bench.agents[1].slots[SY_STAGE_PC1] = 0;
    (void)add(&bench, SY_STAGE_PC1, 0);
    (void)add(&bench, SY_STAGE_PC1, 0);
    (void)add(&bench, SY_STAGE_PC1, 1);
    plan(&bench, 0);
    assert_non_null(placed(&bench, 1));
    assert_int_equal(why_not(&bench, 2), SY_WHY_SLOTS_BUSY);
    assert_int_equal(why_not(&bench, 3), SY_WHY_NO_SLOT);
    sy_arena_destroy(bench.arena);
}

static void ap_goes_where_most_space_is_and_spreads(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    bench.stores[0].bytes_free = 300 * GIB;
    bench.stores[2].bytes_booked = 750 * GIB; /* 250 to spare */
    bench.stores[4].bytes_coming = 800 * GIB; /* 200 to spare */
    for (int i = 0; i < AGENTS; i++)
        bench.agents[i].slots[SY_STAGE_AP] = 10;
    for (int i = 0; i < 7; i++)
        (void)add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
    plan(&bench, 0);
    unsigned on[AGENTS] = {0};
    for (uint32_t i = 0; i < bench.plan->placement_count; i++) {
        assert_int_equal(bench.plan->placements[i].store, 2 * bench.plan->placements[i].agent);
        on[bench.plan->placements[i].agent]++;
    }
    assert_int_equal(bench.plan->placements[0].agent, 0);
    assert_int_equal(bench.plan->placements[1].agent, 1);
    assert_int_equal(on[0], 3);
    assert_int_equal(on[1], 2);
    assert_int_equal(on[2], 2);
    bench.policy.scratch_spare_bytes = 1;
    plan(&bench, 0); /* one byte kept free: a sector fewer on each exactly filled store */
    assert_int_equal(bench.plan->placement_count, 2 + 2 + 1);
    assert_int_equal(why_not(&bench, 7), SY_WHY_SCRATCH_FULL);
    sy_arena_destroy(bench.arena);
}

static void agents_that_cannot_are_named(void **context)
{
    (void)context;
    static const struct {
        uint32_t liveness;
        bool paused, draining, online;
        uint32_t why;
    } cases[] = {
        {SY_AGENT_OFFLINE, false, false, true, SY_WHY_OFFLINE},
        {SY_AGENT_SUSPECT, false, false, true, SY_WHY_SUSPECT},
        {SY_AGENT_DEAD, false, false, true, SY_WHY_DEAD},
        {SY_AGENT_ONLINE, true, false, true, SY_WHY_PAUSED},
        {SY_AGENT_ONLINE, false, true, true, SY_WHY_DRAINING},
        {SY_AGENT_ONLINE, false, false, false, SY_WHY_NO_SCRATCH},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bench bench;
        bench_init(&bench);
        bench.view.agent_count = 1;
        bench.agents[0].liveness = cases[i].liveness;
        bench.agents[0].paused = cases[i].paused;
        bench.agents[0].draining = cases[i].draining;
        bench.stores[0].online = cases[i].online;
        (void)add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
        plan(&bench, 0);
        assert_int_equal(why_not(&bench, 1), cases[i].why);
        assert_int_equal(bench.plan->unplaced[0].reasons[0], cases[i].why);
        sy_arena_destroy(bench.arena);
    }
}

static void draining_agent_finishes_its_sectors(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    bench.agents[0].draining = true;
    (void)add(&bench, SY_STAGE_PC2, 0);
    plan(&bench, 0);
    assert_non_null(placed(&bench, 1));
    sy_arena_destroy(bench.arena);
}

static void long_stores_are_checked_for_finalize(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    bench.stores[1].bytes_free = 9 * GIB;
    bench.stores[3].online = false;
    (void)add(&bench, SY_STAGE_FIN, 0);
    (void)add(&bench, SY_STAGE_FIN, 1);
    (void)add(&bench, SY_STAGE_FIN, 2);
    plan(&bench, 0);
    assert_int_equal(why_not(&bench, 1), SY_WHY_LONG_FULL);
    assert_int_equal(why_not(&bench, 2), SY_WHY_NO_LONG);
    assert_int_equal(placed(&bench, 3)->store, 5);
    sy_arena_destroy(bench.arena);
}

static void backoff_lost_owners_and_stopping_attempts_wait(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    add(&bench, SY_STAGE_PC1, 0)->not_before_ms = 5000;
    add(&bench, SY_STAGE_PC1, 1)->not_before_ms = 3000;
    add(&bench, SY_STAGE_PC1, 2)->not_before_ms = 1000; /* now */
    add(&bench, SY_STAGE_PC2, SY_VIEW_NONE)->agent_lost = true;
    add(&bench, SY_STAGE_REMOVE, 0)->stopping = true;
    plan(&bench, 0);
    assert_int_equal(why_not(&bench, 1), SY_WHY_BACKOFF);
    assert_int_equal(why_not(&bench, 2), SY_WHY_BACKOFF);
    assert_non_null(placed(&bench, 3));
    assert_int_equal(why_not(&bench, 4), SY_WHY_OWNER_UNKNOWN);
    assert_int_equal(why_not(&bench, 5), SY_WHY_STOPPING);
    assert_int_equal(bench.plan->next_ms, 3000);
    sy_arena_destroy(bench.arena);
}

static void max_sealing_holds_new_sectors_only(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    bench.policy.max_sealing = 3;
    bench.miners[0].sealing = 2;
    (void)add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
    (void)add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
    (void)add(&bench, SY_STAGE_PC1, 0);
    plan(&bench, 0);
    assert_non_null(placed(&bench, 1));
    assert_int_equal(why_not(&bench, 2), SY_WHY_MAX_SEALING);
    assert_non_null(placed(&bench, 3));
    sy_arena_destroy(bench.arena);
}

static void avoided_agent_is_the_last_choice(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    bench.stores[0].bytes_total = 2000 * GIB;
    bench.stores[0].bytes_free = 2000 * GIB;
    struct sy_view_task *task = add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
    task->avoid_agent = 0;
    task->prefer_agent = 0;
    plan(&bench, 0);
    assert_int_not_equal(placed(&bench, 1)->agent, 0);
    bench.agents[1].paused = bench.agents[2].paused = true;
    plan(&bench, 0);
    assert_int_equal(placed(&bench, 1)->agent, 0);
    task->avoid_agent = SY_VIEW_NONE;
    task->prefer_agent = 2;
    bench.agents[2].paused = false;
    plan(&bench, 0);
    assert_int_equal(placed(&bench, 1)->agent, 2);
    assert_int_equal(placed(&bench, 1)->why, SY_WHY_SAME_AGENT);
    sy_arena_destroy(bench.arena);
}

static void seed_breaks_ties_and_nothing_else(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    (void)add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
    for (uint64_t seed = 0; seed < 6; seed++) {
        plan(&bench, seed);
        assert_int_equal(placed(&bench, 1)->agent, seed % AGENTS);
    }
    bench.stores[2].bytes_free++;
    bench.stores[2].bytes_total++;
    for (uint64_t seed = 0; seed < 6; seed++) {
        plan(&bench, seed);
        assert_int_equal(placed(&bench, 1)->agent, 1);
    }
    sy_arena_destroy(bench.arena);
}

static void plan_has_a_limit_and_leaves_the_view_alone(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    bench.policy.placements_max = 2;
    for (uint32_t i = 0; i < AGENTS; i++)
        (void)add(&bench, SY_STAGE_PC1, i);
    struct bench before = bench;
    plan(&bench, 0);
    assert_int_equal(bench.plan->placement_count, 2);
    assert_int_equal(why_not(&bench, 3), SY_WHY_PLAN_LIMIT);
    assert_memory_equal(before.agents, bench.agents, sizeof(bench.agents));
    assert_memory_equal(before.stores, bench.stores, sizeof(bench.stores));
    sy_arena_destroy(bench.arena);
}

static void small_arena_is_an_error(void **context)
{
    (void)context;
    struct bench bench;
    bench_init(&bench);
    struct sy_error err = {0};
    (void)add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
    struct sy_arena *small = sy_arena_create(64);
    assert_non_null(small);
    assert_int_equal(sy_plan(&bench.view, &bench.policy, 0, 0, small, &bench.plan, &err),
                     -SY_E_NOMEM);
    sy_arena_destroy(small);
    sy_arena_destroy(bench.arena);
}

static void why_tells_numbers(void **context)
{
    (void)context;
    struct bench bench;
    char text[2048];
    bench_init(&bench);
    bench.agents[0].used[SY_STAGE_AP] = 1;
    bench.stores[2].bytes_free = 5 * GIB;
    bench.agents[2].paused = true;
    (void)add(&bench, SY_STAGE_AP, SY_VIEW_NONE);
    add(&bench, SY_STAGE_PC1, 0)->not_before_ms = 61000;
    (void)add(&bench, SY_STAGE_PC2, 1);
    (void)add(&bench, SY_STAGE_PC2, 1);
    (void)sy_plan_why(&bench.view, &bench.policy, 1000, 1, bench.arena, text, sizeof(text));
    assert_string_equal(text,
                        "task 1 (AP of sector 101) waits:\n"
                        "  a0: all slots of this stage are in use (1 of 1)\n"
                        "  a1: no scratch store has the space (needs 107374182400 bytes, at most "
                        "5368709120 to spare)\n"
                        "  a2: the agent is paused");
    (void)sy_plan_why(&bench.view, &bench.policy, 1000, 2, bench.arena, text, sizeof(text));
    assert_string_equal(text,
                        "task 2 (PC1 of sector 102) waits: waits after a failure (61 s more)");
    (void)sy_plan_why(&bench.view, &bench.policy, 1000, 3, bench.arena, text, sizeof(text));
    assert_string_equal(text,
                        "task 3 (PC2 of sector 103) goes to a1 with the next plan; placed: the "
                        "agent holds the sector's scratch");
    (void)sy_plan_why(&bench.view, &bench.policy, 1000, 4, bench.arena, text, sizeof(text));
    assert_non_null(
        strstr(text, "a1: all slots of this stage are in use (0 of 1, the rest goes to"));
    assert_non_null(strstr(text, "a0: the sector's files are on another agent"));
    (void)sy_plan_why(&bench.view, &bench.policy, 1000, 99, bench.arena, text, sizeof(text));
    assert_string_equal(text, "task 99 is not queued");
    (void)sy_plan_why(&bench.view, &bench.policy, 1000, 1, bench.arena, text, 20);
    assert_string_equal(text, "task 1 (AP of secto");
    for (uint32_t why = 0; why < SY_WHY_COUNT; why++) {
        assert_string_not_equal(sy_why_name(why), "UNKNOWN");
        assert_string_not_equal(sy_why_text(why), "unknown reason");
    }
    assert_string_equal(sy_why_name(SY_WHY_COUNT), "UNKNOWN");
    sy_arena_destroy(bench.arena);
}

static void sizes_follow_the_file_lists(void **context)
{
    (void)context;
    assert_int_equal(sy_snapshot_layers(2048), 2);
    assert_int_equal(sy_snapshot_layers(512ull << 20), 2);
    assert_int_equal(sy_snapshot_layers(32 * GIB), 11);
    assert_int_equal(sy_snapshot_layers(64 * GIB), 11);
    /* unsealed 1 + sealed 1 + tree-d 2 + 11 layers + tree-c 8/7 and the rest */
    assert_in_range(sy_snapshot_scratch_bytes(32 * GIB), 32 * GIB / 100 * 1615,
                    32 * GIB / 10 * 165);
    assert_true(sy_snapshot_coming_bytes(32 * GIB, SY_SECTOR_AddPiece, false) ==
                sy_snapshot_scratch_bytes(32 * GIB));
    uint64_t last = UINT64_MAX;
    static const struct {
        uint32_t state;
        bool runs;
    } life[] = {{SY_SECTOR_AddPiece, false},
                {SY_SECTOR_AddPiece, true},
                {SY_SECTOR_PreCommit1, true},
                {SY_SECTOR_PreCommit2, true},
                {SY_SECTOR_WaitSeed, false}};
    for (size_t i = 0; i < 5; i++) {
        uint64_t coming = sy_snapshot_coming_bytes(32 * GIB, life[i].state, life[i].runs);
        assert_true(coming <= last);
        last = coming;
    }
    assert_int_equal(last, 0);
    assert_true(sy_snapshot_long_bytes(32 * GIB, true) ==
                sy_snapshot_long_bytes(32 * GIB, false) + 32 * GIB);
    assert_true(sy_snapshot_scratch_bytes(UINT64_MAX) > 1ull << 60);
}

static void view_of_a_state_shows_its_needs(void **context)
{
    (void)context;
    struct world world;
    struct sy_view *view = NULL;
    struct sy_error err = {0};
    struct sy_arena *arena = sy_arena_create(16 << 20);
    world_init(&world, true);
    world_pledge(&world, 3);
    world_advance_to(&world, 5, SY_SECTOR_PreCommit1);
    assert_int_equal(world_lease(&world, world_task_of(&world, 6), "a2"), 0);
    assert_int_equal(sy_snapshot_build(world.state, arena, &view, &err), 0);
    assert_int_equal(view->agent_count, 2);
    assert_string_equal(view->agents[0].name, "a1");
    assert_int_equal(view->agents[1].used[SY_STAGE_AP], 1);
    assert_int_equal(view->task_count, 2);
    assert_int_equal(view->miners[0].sealing, 2);
    assert_int_equal(view->tasks[0].stage, SY_STAGE_PC1);
    assert_int_equal(view->tasks[0].agent, 0);
    assert_int_equal(view->tasks[1].stage, SY_STAGE_AP);
    assert_int_equal(view->tasks[1].agent, SY_VIEW_NONE);
    uint64_t need = sy_snapshot_scratch_bytes(2048);
    for (uint32_t i = 0; i < view->store_count; i++) {
        bool scratch = view->stores[i].kind == SY_STORE_SCRATCH;
        assert_int_equal(view->stores[i].bytes_booked, scratch ? need : 0);
    }
    struct sy_plan *result = NULL;
    struct sy_plan_policy policy = {0};
    assert_int_equal(sy_plan(view, &policy, world.now_ms, 0, arena, &result, &err), 0);
    assert_int_equal(result->placement_count, 2);
    assert_int_equal(result->placements[0].agent, 0);
    struct sy_arena *small = sy_arena_create(16);
    assert_int_equal(sy_snapshot_build(world.state, small, &view, &err), -SY_E_NOMEM);
    sy_arena_destroy(small);
    sy_arena_destroy(arena);
    world_fini(&world);
}

static void removal_waits_for_the_cancelled_attempt(void **context)
{
    (void)context;
    struct world world;
    struct sy_view *view = NULL;
    struct sy_arena *arena = sy_arena_create(16 << 20);
    world_init(&world, true);
    uint64_t job = world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_job cancel = {.job = job, .by = "alice"};
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), 0);
    assert_int_equal(sy_snapshot_build(world.state, arena, &view, NULL), 0);
    assert_int_equal(view->task_count, 1);
    assert_true(view->tasks[0].stopping);
    sy_state_stop_done(world.state, task, 1);
    assert_int_equal(sy_snapshot_build(world.state, arena, &view, NULL), 0);
    assert_false(view->tasks[0].stopping);
    assert_int_equal(view->tasks[0].agent, 0);
    sy_arena_destroy(arena);
    world_fini(&world);
}

/* What the planner places, the state takes: random lives, each plan leased as it stands. */
static void every_placement_is_accepted_by_the_state(void **context)
{
    (void)context;
    struct world world;
    unsigned leased = 0;
    struct sy_arena *arena = sy_arena_create(64 << 20);
    world_init(&world, true);
    for (int i = 0; i < 1500; i++) {
        (void)world_step(&world);
        if (i % 5 != 0)
            continue;
        struct sy_view *view = NULL;
        struct sy_plan *result = NULL;
        struct sy_plan_policy policy = {.max_sealing = 30};
        sy_arena_reset(arena);
        assert_int_equal(sy_snapshot_build(world.state, arena, &view, NULL), 0);
        assert_int_equal(sy_plan(view, &policy, world.now_ms, (uint64_t)i, arena, &result, NULL),
                         0);
        for (uint32_t j = 0; j < result->placement_count; j++) {
            const struct sy_placement *placement = &result->placements[j];
            const struct sy_task *task = sy_state_task(world.state, placement->task);
            struct sy_ev_task_leased body = {
                .task = placement->task, .attempt = task->attempt + 1, .token = {1}};
            memcpy(body.agent, view->agents[placement->agent].name, SY_NAME_BYTES);
            if (placement->store != SY_VIEW_NONE)
                memcpy(body.store, view->stores[placement->store].uuid, SY_UUID_BYTES);
            if (world_event(&world, SY_EVENT_TASK_LEASED, &body) != 0)
                fail_msg("%s", world.error.text);
            leased++;
        }
    }
    assert_true(leased > 50);
    sy_arena_destroy(arena);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finish_what_was_begun_first),
        cmocka_unit_test(slots_are_hard),
        cmocka_unit_test(ap_goes_where_most_space_is_and_spreads),
        cmocka_unit_test(agents_that_cannot_are_named),
        cmocka_unit_test(draining_agent_finishes_its_sectors),
        cmocka_unit_test(long_stores_are_checked_for_finalize),
        cmocka_unit_test(backoff_lost_owners_and_stopping_attempts_wait),
        cmocka_unit_test(max_sealing_holds_new_sectors_only),
        cmocka_unit_test(avoided_agent_is_the_last_choice),
        cmocka_unit_test(seed_breaks_ties_and_nothing_else),
        cmocka_unit_test(plan_has_a_limit_and_leaves_the_view_alone),
        cmocka_unit_test(small_arena_is_an_error),
        cmocka_unit_test(why_tells_numbers),
        cmocka_unit_test(sizes_follow_the_file_lists),
        cmocka_unit_test(view_of_a_state_shows_its_needs),
        cmocka_unit_test(removal_waits_for_the_cancelled_attempt),
        cmocka_unit_test(every_placement_is_accepted_by_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
