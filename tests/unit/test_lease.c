#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/core_world.h"
#include "scheduler/core/lease.h"

#include <string.h>

static void only_the_current_fence_counts(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 1), SY_LEASE_UNKNOWN);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 1), SY_LEASE_CURRENT);
    assert_int_equal(sy_lease_of(world.state, "a2", task, 1), SY_LEASE_STALE);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 2), SY_LEASE_UNKNOWN);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 0), SY_LEASE_UNKNOWN);
    assert_int_equal(sy_lease_of(world.state, "a1", task + 1, 1), SY_LEASE_UNKNOWN);
    assert_int_equal(world_start(&world, task), 0);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 1), SY_LEASE_CURRENT);
    world_fini(&world);
}

static void result_needs_the_token(void **context)
{
    (void)context;
    struct world world;
    uint8_t token[SY_TOKEN_BYTES];
    world_init(&world, true);
    world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    memcpy(token, sy_state_task(world.state, task)->token, sizeof(token));
    assert_int_equal(sy_lease_of_result(world.state, "a1", task, 1, token), SY_LEASE_CURRENT);
    for (size_t i = 0; i < sizeof(token); i++) {
        token[i] ^= 0x80;
        assert_int_equal(sy_lease_of_result(world.state, "a1", task, 1, token), SY_LEASE_STALE);
        token[i] ^= 0x80;
    }
    assert_int_equal(world_result(&world, task, true, SY_CLASS_NONE, 0), 0);
    assert_int_equal(sy_lease_of_result(world.state, "a1", task, 1, token), SY_LEASE_REPEAT);
    token[3] ^= 1;
    assert_int_equal(sy_lease_of_result(world.state, "a1", task, 1, token), SY_LEASE_STALE);
    world_fini(&world);
}

static void late_result_of_an_older_attempt_is_stale(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    assert_int_equal(world_result(&world, task, false, SY_CLASS_TRANSIENT, world.now_ms + 500), 0);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 1), SY_LEASE_REPEAT);
    assert_int_equal(world_lease(&world, task, "a2"), 0);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 1), SY_LEASE_STALE);
    assert_int_equal(sy_lease_of(world.state, "a2", task, 2), SY_LEASE_CURRENT);
    world_fini(&world);
}

static void returned_and_cancelled_attempts_are_stale(void **context)
{
    (void)context;
    struct world world;
    world_init(&world, true);
    world_pledge(&world, 1);
    uint64_t task = world_task_of(&world, 5);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_attempt body = {
        .task = task, .attempt = 1, .agent = "a1", .error_class = SY_CLASS_RESOURCE};
    assert_int_equal(world_event(&world, SY_EVENT_TASK_RETURNED, &body), 0);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 1), SY_LEASE_STALE);
    assert_int_equal(world_lease(&world, task, "a1"), 0);
    struct sy_ev_job cancel = {.job = 1, .by = "alice"};
    assert_int_equal(world_event(&world, SY_EVENT_JOB_CANCELLED, &cancel), 0);
    assert_int_equal(sy_lease_of(world.state, "a1", task, 2), SY_LEASE_STALE);
    world_fini(&world);
}

static void resend_times_grow_and_spread(void **context)
{
    (void)context;
    assert_int_equal(sy_lease_resend_ms(1000, 30000, 0, 0), 1000);
    assert_int_equal(sy_lease_resend_ms(1000, 30000, 3, 0), 8000);
    assert_int_equal(sy_lease_resend_ms(1000, 30000, 40, 0), 30000);
    for (uint64_t chance = 0; chance < 5000; chance += 7) {
        uint64_t ms = sy_lease_resend_ms(1000, 30000, 2, chance);
        assert_in_range(ms, 3000, 4000);
    }
    assert_int_equal(sy_lease_resend_ms(1, 30000, 0, 12345), 1);
    assert_int_equal(sy_lease_resend_ms(UINT64_MAX / 2 + 1, UINT64_MAX, 3, 0), UINT64_MAX);
}

static void silence_means_suspect_then_dead(void **context)
{
    (void)context;
    assert_int_equal(sy_lease_liveness(9999, 10000, 30000), SY_AGENT_ONLINE);
    assert_int_equal(sy_lease_liveness(10000, 10000, 30000), SY_AGENT_SUSPECT);
    assert_int_equal(sy_lease_liveness(29999, 10000, 30000), SY_AGENT_SUSPECT);
    assert_int_equal(sy_lease_liveness(30000, 10000, 30000), SY_AGENT_DEAD);
    assert_false(sy_lease_may_take_over(30000 + 119999, 30000, 120000));
    assert_true(sy_lease_may_take_over(30000 + 120000, 30000, 120000));
    assert_false(sy_lease_may_take_over(UINT64_MAX, UINT64_MAX, 1));
}

static void verdicts_have_names(void **context)
{
    (void)context;
    assert_string_equal(sy_lease_verdict_name(SY_LEASE_CURRENT), "current");
    assert_string_equal(sy_lease_verdict_name(SY_LEASE_REPEAT), "repeat");
    assert_string_equal(sy_lease_verdict_name(SY_LEASE_STALE), "stale");
    assert_string_equal(sy_lease_verdict_name(SY_LEASE_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_current_fence_counts),
        cmocka_unit_test(result_needs_the_token),
        cmocka_unit_test(late_result_of_an_older_attempt_is_stale),
        cmocka_unit_test(returned_and_cancelled_attempts_are_stale),
        cmocka_unit_test(resend_times_grow_and_spread),
        cmocka_unit_test(silence_means_suspect_then_dead),
        cmocka_unit_test(verdicts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
