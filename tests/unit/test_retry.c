#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/core/retry.h"

static const struct sy_retry_policy policy = {
    .attempts_max = 3, .backoff_first_ms = 10000, .backoff_max_ms = 600000};

static void pause_doubles_up_to_the_limit(void **context)
{
    (void)context;
    static const uint64_t expected[] = {10000, 20000, 40000, 80000, 160000, 320000, 600000, 600000};
    for (uint32_t n = 0; n < 8; n++)
        assert_int_equal(sy_retry_backoff_ms(&policy, n), expected[n]);
    assert_int_equal(sy_retry_backoff_ms(&policy, UINT32_MAX), 600000);
    struct sy_retry_policy huge = {.backoff_first_ms = UINT64_MAX / 2 + 1,
                                   .backoff_max_ms = UINT64_MAX};
    assert_int_equal(sy_retry_backoff_ms(&huge, 5), UINT64_MAX);
}

static void class_decides(void **context)
{
    (void)context;
    struct sy_task task = {.failures = 0};
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_TRANSIENT, 1000), 11000);
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_RESOURCE, 1000), 11000);
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_INPUT, 1000), 0);
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_CORRUPT, 1000), 0);
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_BUG, 1000), 0);
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_NONE, 1000), 0);
    assert_int_equal(sy_retry_after_ms(&policy, &task, 77, 1000), 0);
}

static void third_failure_gives_up(void **context)
{
    (void)context;
    struct sy_task task = {.failures = 1};
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_TRANSIENT, 1000), 21000);
    task.failures = 2;
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_TRANSIENT, 1000), 0);
    task.failures = UINT32_MAX;
    assert_int_equal(sy_retry_after_ms(&policy, &task, SY_CLASS_TRANSIENT, 1000), 0);
}

static void strange_clocks_do_not_overflow(void **context)
{
    (void)context;
    struct sy_task task = {.failures = 0};
    assert_true(sy_retry_after_ms(&policy, &task, SY_CLASS_TRANSIENT, -5) > 0);
    assert_true(sy_retry_after_ms(&policy, &task, SY_CLASS_TRANSIENT, INT64_MAX - 1) == INT64_MAX);
}

static void returned_leases_wait_longer_each_time(void **context)
{
    (void)context;
    assert_int_equal(sy_retry_return_ms(1, 0), 5000);
    assert_int_equal(sy_retry_return_ms(2, 0), 10000);
    assert_int_equal(sy_retry_return_ms(2, 1), 5000);
    assert_int_equal(sy_retry_return_ms(3, 0), 20000);
    assert_int_equal(sy_retry_return_ms(100, 0), SY_RETRY_RETURN_MAX_MS);
    assert_int_equal(sy_retry_return_ms(0, 0), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pause_doubles_up_to_the_limit),
        cmocka_unit_test(class_decides),
        cmocka_unit_test(third_failure_gives_up),
        cmocka_unit_test(strange_clocks_do_not_overflow),
        cmocka_unit_test(returned_leases_wait_longer_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
