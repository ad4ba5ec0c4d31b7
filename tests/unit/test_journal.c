/* Order of parked calls, group commit, limits, and the end after a storage error. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/scheduler_rig.h"

#include <stdio.h>
#include <string.h>

static struct rig rig;
static char order[64];

static int setup(void **state)
{
    (void)state;
    order[0] = '\0';
    rig_init(&rig);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_fini(&rig);
    return 0;
}

static void note(void *ctx, bool durable)
{
    size_t at = strlen(order);
    snprintf(order + at, sizeof order - at, "%c%c", *(const char *)ctx, durable ? '+' : '-');
}

static void change(const char *name)
{
    struct sy_identity identity = {.role = SY_ROLE_VIEWER};
    snprintf(identity.name, sizeof identity.name, "%s", name);
    memset(identity.public_key, name[0], SY_PUBLIC_KEY_BYTES - 1);
    rig_event(&rig, SY_EVENT_IDENTITY_SET, &identity);
}

static void calls_wait_for_their_own_event_in_order(void **state)
{
    struct sy_journal *journal = rig.scheduler.journal;
    struct sy_error err = {0};
    (void)state;
    assert_int_equal(sy_journal_park(journal, note, "0", &err), 0); /* nothing to wait for */
    assert_string_equal(order, "0+");
    change("x");
    uint64_t first = sy_journal_last(journal);
    sy_journal_park(journal, note, "1", &err);
    sy_journal_flush(journal);
    change("y");
    sy_journal_park(journal, note, "2", &err);
    sy_journal_flush(journal); /* one batch is being written: this one grows */
    assert_int_equal(rig.submitted, first);
    change("z");
    sy_journal_park(journal, note, "3", &err);
    rig.on_durable(rig.store_ctx, first);
    assert_string_equal(order, "0+1+");
    size_t submits = rig.submits;
    sy_journal_flush(journal);
    assert_int_equal(rig.submits, submits + 1); /* both events in one commit */
    assert_int_equal(rig.submitted, first + 2);
    assert_false(sy_journal_is_idle(journal));
    rig.on_durable(rig.store_ctx, first + 2);
    assert_string_equal(order, "0+1+2+3+");
    assert_true(sy_journal_is_idle(journal));
}

static void refused_event_changes_nothing(void **state)
{
    struct sy_error err = {0};
    struct sy_ev_name name = {.name = "stranger"};
    uint64_t before = sy_journal_last(rig.scheduler.journal);
    (void)state;
    assert_int_equal(
        sy_journal_event(rig.scheduler.journal, SY_EVENT_IDENTITY_REVOKED, &name, &err),
        -SY_E_NOT_FOUND);
    assert_int_equal(sy_journal_last(rig.scheduler.journal), before);
    assert_true(sy_journal_is_idle(rig.scheduler.journal));
}

static void store_that_hangs_is_refused_at_the_limit(void **state)
{
    struct sy_error err = {0};
    int rc = 0;
    (void)state;
    for (uint32_t i = 0; rc == 0 && i < 120000; i++) {
        struct sy_ev_job_submitted event = {
            .job = sy_state_meta(rig.scheduler.state)->next_job,
            .kind = SY_JOB_PLEDGE,
            .miner = RIG_MINER,
            .count = 1,
        };
        memcpy(event.idempotency_key, &i, sizeof i);
        event.idempotency_key[15] = 1;
        rc = sy_journal_event(rig.scheduler.journal, SY_EVENT_JOB_SUBMITTED, &event, &err);
    }
    if (rc != -SY_E_AGAIN)
        fail_msg("%s", err.text);
    assert_non_null(strstr(err.text, "behind"));
    rig.on_durable(rig.store_ctx, rig.submitted); /* the store is back */
    change("x");
}

static void parked_calls_are_limited(void **state)
{
    struct sy_error err = {0};
    int rc = 0;
    size_t parked = 0;
    static char name = 'p';
    (void)state;
    change("x");
    for (; rc == 0 && parked <= SY_JOURNAL_PARKED_MAX; parked += rc == 0)
        rc = sy_journal_park(rig.scheduler.journal, note, &name, &err);
    assert_int_equal(rc, -SY_E_LIMIT);
    assert_int_equal(parked, SY_JOURNAL_PARKED_MAX);
}

static void storage_error_is_final(void **state)
{
    struct sy_error err = {0};
    (void)state;
    change("x");
    sy_journal_park(rig.scheduler.journal, note, "1", &err);
    rig.fail_submit = true;
    sy_journal_flush(rig.scheduler.journal);
    assert_true(sy_journal_is_failed(rig.scheduler.journal));
    assert_int_equal(rig.scheduler.failure, SY_E_IO);
    rig.fail_submit = false;
    struct sy_ev_name name = {.name = "x"};
    assert_int_equal(
        sy_journal_event(rig.scheduler.journal, SY_EVENT_IDENTITY_REVOKED, &name, &err), -SY_E_IO);
    assert_int_equal(sy_journal_park(rig.scheduler.journal, note, "2", &err), -SY_E_IO);
    assert_string_equal(order, "");
    assert_int_equal(sy_scheduler_wait_durable(&rig.scheduler, &err), -SY_E_IO);
}

static void end_drops_what_waits(void **state)
{
    (void)state;
    rig_init(&rig);
    order[0] = '\0';
    change("x");
    sy_journal_park(rig.scheduler.journal, note, "1", NULL);
    rig_fini(&rig);
    assert_string_equal(order, "1-");
}

static void lack_of_memory_is_survived(void **state)
{
    struct sy_error err = {0};
    (void)state;
    change("x");
    sy_mem_fail_after(1);
    assert_int_equal(sy_journal_park(rig.scheduler.journal, note, "1", &err), -SY_E_NOMEM);
    sy_mem_fail_after(1);
    sy_journal_flush(rig.scheduler.journal); /* later */
    sy_mem_fail_after(0);
    assert_false(sy_journal_is_failed(rig.scheduler.journal));
    rig_settle(&rig);
    assert_true(sy_journal_is_idle(rig.scheduler.journal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(calls_wait_for_their_own_event_in_order),
        T(refused_event_changes_nothing),
        T(store_that_hangs_is_refused_at_the_limit),
        T(parked_calls_are_limited),
        T(storage_error_is_final),
        T(lack_of_memory_is_survived),
        cmocka_unit_test(end_drops_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
