#include "tests/unit/common_test.h"

#include "common/mem.h"

static void allocations_are_zeroed_and_counted(void **state)
{
    (void)state;
    uint64_t before = sy_mem_live_count();
    uint8_t *a = sy_mem_alloc(100);
    uint32_t *b = sy_mem_alloc_array(10, sizeof *b);
    char *c = sy_mem_dup("abc", 4);
    for (int i = 0; i < 100; i++)
        assert_int_equal(a[i], 0);
    assert_int_equal(b[9], 0);
    assert_string_equal(c, "abc");
    assert_int_equal(sy_mem_live_count(), before + 3);
    c = sy_mem_resize(c, 1000);
    assert_string_equal(c, "abc");
    void *d = sy_mem_resize(NULL, 10);
    assert_int_equal(sy_mem_live_count(), before + 4);
    sy_mem_free(a);
    sy_mem_free(b);
    sy_mem_free(c);
    sy_mem_free(d);
    sy_mem_free(NULL);
    assert_int_equal(sy_mem_live_count(), before);
}

static void zero_bytes_are_an_allocation(void **state)
{
    (void)state;
    void *a = sy_mem_alloc(0), *b = sy_mem_dup(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    sy_mem_free(a);
    sy_mem_free(b);
}

static void overflow_gives_null(void **state)
{
    (void)state;
    volatile size_t huge = SIZE_MAX / 2 + 1;
    assert_null(sy_mem_alloc_array(huge, 2));
    assert_null(sy_mem_alloc_array(huge, 3));
}

static void the_countdown_fails_once(void **state)
{
    (void)state;
    sy_mem_fail_after(2);
    void *a = sy_mem_alloc(1);
    assert_non_null(a);
    assert_null(sy_mem_alloc(1));
    void *b = sy_mem_alloc(1);
    assert_non_null(b);
    sy_mem_fail_after(1);
    assert_null(sy_mem_resize(b, 10)); /* b is still ours */
    sy_mem_fail_after(1);
    assert_null(sy_mem_dup("x", 1));
    sy_mem_fail_after(1);
    sy_mem_fail_after(0);
    void *c = sy_mem_alloc(1);
    assert_non_null(c);
    sy_mem_free(a);
    sy_mem_free(b);
    sy_mem_free(c);
}

static void arenas_align_zero_and_limit(void **state)
{
    (void)state;
    uint64_t before = sy_mem_live_count();
    struct sy_arena *arena = sy_arena_create(100000);
    for (size_t bytes = 1; bytes < 300; bytes += 7) {
        uint8_t *p = sy_arena_alloc(arena, bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xee, bytes);
    }
    assert_non_null(sy_arena_alloc(arena, 50000)); /* larger than a block */
    assert_null(sy_arena_alloc(arena, 50000));     /* over the limit */
    assert_null(sy_arena_alloc(arena, SIZE_MAX));
    assert_non_null(sy_arena_alloc(arena, 0));
    sy_arena_destroy(arena);
    assert_int_equal(sy_mem_live_count(), before);
    sy_arena_destroy(NULL);
}

static void reset_gives_everything_back(void **state)
{
    (void)state;
    struct sy_arena *arena = sy_arena_create(65536);
    sy_arena_reset(arena);
    for (int round = 0; round < 100; round++) {
        uint8_t *a = sy_arena_alloc(arena, 4000), *b = sy_arena_alloc(arena, 60000);
        assert_non_null(a);
        assert_non_null(b);
        assert_null(sy_arena_alloc(arena, 4000));
        assert_int_equal(a[3999] | b[0] | b[59999], 0);
        memset(a, 0xff, 4000);
        memset(b, 0xff, 60000);
        uint64_t live = sy_mem_live_count();
        sy_arena_reset(arena);
        assert_int_equal(sy_mem_live_count(), live - 1); /* the first block stays */
    }
    sy_arena_destroy(arena);
}

static void arenas_survive_failing_allocations(void **state)
{
    (void)state;
    sy_mem_fail_after(1);
    assert_null(sy_arena_create(1000));
    struct sy_arena *arena = sy_arena_create(1000);
    sy_mem_fail_after(1);
    assert_null(sy_arena_alloc(arena, 10));
    assert_non_null(sy_arena_alloc(arena, 10));
    sy_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_zeroed_and_counted),
        cmocka_unit_test(zero_bytes_are_an_allocation),
        cmocka_unit_test(overflow_gives_null),
        cmocka_unit_test(the_countdown_fails_once),
        cmocka_unit_test(arenas_align_zero_and_limit),
        cmocka_unit_test(reset_gives_everything_back),
        cmocka_unit_test(arenas_survive_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
