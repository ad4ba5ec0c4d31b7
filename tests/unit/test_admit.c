/* Token buckets and caps at their limits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/mem.h"
#include "scheduler/admit.h"

#include <stdio.h>
#include <string.h>

static const struct sy_admit_limits limits = {
    .frames_per_s = 100, .frames_burst = 3, .jobs_live_max = 10, .store_percent_max = 80};

static struct sy_admit *make(void)
{
    struct sy_admit *admit = NULL;
    assert_int_equal(sy_admit_create(&admit, &limits, NULL), 0);
    return admit;
}

static void bucket_allows_its_burst_then_its_rate(void **state)
{
    struct sy_error err = {0};
    struct sy_admit *admit = make();
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sy_admit_frame(admit, "x", 1000, &err), 0);
    assert_int_equal(sy_admit_frame(admit, "x", 1000, &err), -SY_E_LIMIT);
    assert_non_null(strstr(err.text, "100"));
    assert_int_equal(sy_admit_frame(admit, "y", 1000, &err), 0); /* its own bucket */
    assert_int_equal(sy_admit_frame(admit, "x", 1009, &err), -SY_E_LIMIT);
    assert_int_equal(sy_admit_frame(admit, "x", 1010, &err), 0);
    for (int i = 0; i < 3; i++) /* a long pause fills to the burst, not beyond */
        assert_int_equal(sy_admit_frame(admit, "x", 999999, &err), 0);
    assert_int_equal(sy_admit_frame(admit, "x", 999999, &err), -SY_E_LIMIT);
    assert_int_equal(sy_admit_refused(admit), 3);
    sy_admit_destroy(admit);
}

static void clock_that_stands_or_overflows_gives_nothing_away(void **state)
{
    struct sy_admit *admit = make();
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sy_admit_frame(admit, "x", 5000, NULL), 0);
    assert_int_equal(sy_admit_frame(admit, "x", 4000, NULL), -SY_E_LIMIT);
    assert_int_equal(sy_admit_frame(admit, "x", UINT64_MAX, NULL), 0);
    sy_admit_destroy(admit);
}

static void table_is_bounded_and_forgets_the_quiet(void **state)
{
    struct sy_error err = {0};
    struct sy_admit *admit = make();
    char name[32];
    (void)state;
    for (int i = 0; i < SY_ADMIT_PEERS_MAX; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_int_equal(sy_admit_frame(admit, name, 1000, &err), 0);
    }
    assert_int_equal(sy_admit_frame(admit, "late", 1000, &err), -SY_E_LIMIT);
    assert_int_equal(sy_admit_frame(admit, "late", 3000, &err), 0);
    sy_admit_destroy(admit);
}

static void new_limits_cut_what_buckets_hold(void **state)
{
    struct sy_admit_limits less = limits;
    struct sy_admit *admit = make();
    (void)state;
    assert_int_equal(sy_admit_frame(admit, "x", 1000, NULL), 0);
    less.frames_burst = 1;
    sy_admit_set_limits(admit, &less);
    assert_int_equal(sy_admit_frame(admit, "x", 1000, NULL), 0);
    assert_int_equal(sy_admit_frame(admit, "x", 1000, NULL), -SY_E_LIMIT);
    sy_admit_destroy(admit);
}

static void jobs_stop_at_the_cap_and_at_the_reserve(void **state)
{
    struct sy_error err = {0};
    struct sy_store_usage usage = {.map_bytes = 1000, .used_bytes = 800};
    struct sy_admit *admit = make();
    (void)state;
    assert_int_equal(sy_admit_job(admit, 9, &usage, &err), 0);
    assert_int_equal(sy_admit_job(admit, 10, &usage, &err), -SY_E_LIMIT);
    usage.used_bytes = 801;
    assert_int_equal(sy_admit_job(admit, 0, &usage, &err), -SY_E_FULL);
    assert_non_null(strstr(err.text, "80 %"));
    sy_admit_destroy(admit);
}

static void lack_of_memory_is_a_refusal(void **state)
{
    struct sy_admit *admit = NULL;
    struct sy_error err = {0};
    (void)state;
    sy_mem_fail_after(1);
    assert_int_equal(sy_admit_create(&admit, &limits, &err), -SY_E_NOMEM);
    admit = make();
    sy_mem_fail_after(1);
    assert_int_equal(sy_admit_frame(admit, "x", 1000, &err), -SY_E_LIMIT);
    sy_mem_fail_after(0);
    assert_int_equal(sy_admit_frame(admit, "x", 1000, &err), 0);
    sy_admit_destroy(admit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_allows_its_burst_then_its_rate),
        cmocka_unit_test(clock_that_stands_or_overflows_gives_nothing_away),
        cmocka_unit_test(table_is_bounded_and_forgets_the_quiet),
        cmocka_unit_test(new_limits_cut_what_buckets_hold),
        cmocka_unit_test(jobs_stop_at_the_cap_and_at_the_reserve),
        cmocka_unit_test(lack_of_memory_is_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
