#include "tests/unit/kernels_kat.h"
#include "tasks/tree/parallel.h"

#include <stdatomic.h>

#define INDEXES 5000

struct tally {
    _Atomic unsigned seen[INDEXES];
    _Atomic unsigned calls;
    _Atomic unsigned worker_max;
    uint64_t fail_from; /* indexes from here on fail */
};

static int count_index(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct tally *tally = ctx;
    atomic_fetch_add(&tally->calls, 1);
    atomic_fetch_add(&tally->seen[index], 1);
    unsigned before = atomic_load(&tally->worker_max);
    while (worker > before && !atomic_compare_exchange_weak(&tally->worker_max, &before, worker))
        ;
    if (index >= tally->fail_from)
        return sy_fail(err, SY_E_FULL, "index %llu", (unsigned long long)index);
    return 0;
}

static void every_index_runs_once(void **unused SY_UNUSED)
{
    static const unsigned counts[] = {0, 1, 2, 7, 64};
    for (size_t i = 0; i < SY_ARRAY_SIZE(counts); i++) {
        static struct tally tally;
        memset(&tally, 0, sizeof tally);
        tally.fail_from = INDEXES;
        assert_int_equal(sy_parallel_for(counts[i], 10, INDEXES, count_index, &tally, NULL), 0);
        assert_int_equal(tally.calls, INDEXES - 10);
        for (size_t index = 0; index < INDEXES; index++)
            assert_int_equal(tally.seen[index], index >= 10);
        assert_true(tally.worker_max < sy_parallel_threads(counts[i]));
    }
}

static void empty_and_reversed_ranges_do_nothing(void **unused SY_UNUSED)
{
    static struct tally tally;
    assert_int_equal(sy_parallel_for(4, 7, 7, count_index, &tally, NULL), 0);
    assert_int_equal(sy_parallel_for(4, 8, 7, count_index, &tally, NULL), 0);
    assert_int_equal(tally.calls, 0);
}

static void first_error_is_returned_and_stops_the_rest(void **unused SY_UNUSED)
{
    static struct tally tally;
    struct sy_error err = {0};
    memset(&tally, 0, sizeof tally);
    tally.fail_from = 100;
    assert_int_equal(sy_parallel_for(4, 0, INDEXES, count_index, &tally, &err), -SY_E_FULL);
    assert_int_equal(err.code, SY_E_FULL);
    assert_string_equal(err.text, "index 100");
    assert_true(tally.calls <= 104); /* each worker fails at most once */
    assert_int_equal(sy_parallel_for(1, 200, INDEXES, count_index, &tally, NULL), -SY_E_FULL);
}

static void thread_count_has_limits(void **unused SY_UNUSED)
{
    assert_true(sy_parallel_threads(0) >= 1);
    assert_int_equal(sy_parallel_threads(3), 3);
    assert_int_equal(sy_parallel_threads(100000), SY_PARALLEL_THREADS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_runs_once),
        cmocka_unit_test(empty_and_reversed_ranges_do_nothing),
        cmocka_unit_test(first_error_is_returned_and_stops_the_rest),
        cmocka_unit_test(thread_count_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
