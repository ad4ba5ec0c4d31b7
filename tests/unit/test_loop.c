#include "tests/unit/common_test.h"

#include "common/loop.h"
#include "common/mem.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* Time that only moves when the test says so. */
static uint64_t fake_ms;

static uint64_t fake_boot_ms(void *self)
{
    (void)self;
    return fake_ms;
}

static const struct sy_env *fake_env(void)
{
    static const struct sy_env_ops ops = {.abi = SY_ENV_ABI, .boot_ms = fake_boot_ms};
    static const struct sy_env env = {&ops, NULL};
    return &env;
}

static struct sy_loop *loop;

static int start(void **state)
{
    (void)state;
    fake_ms = 1000;
    return sy_loop_create(&loop, fake_env(), NULL);
}

static int stop(void **state)
{
    (void)state;
    sy_loop_destroy(loop);
    loop = NULL;
    return sy_mem_live_count() == 0 ? 0 : -1;
}

static char trail[256];

static void leave(void *ctx)
{
    snprintf(trail + strlen(trail), sizeof trail - strlen(trail), "%s ", (const char *)ctx);
}

static const char *turn(void)
{
    trail[0] = 0;
    assert_works(sy_loop_turn(loop, 0, &err));
    return trail;
}

static void timers_fire_when_due(void **state)
{
    (void)state;
    struct sy_timer *once = NULL, *often = NULL;
    assert_works(sy_timer_create(loop, 100, 0, leave, "once", &once, &err));
    assert_works(sy_timer_create(loop, 50, 30, leave, "often", &often, &err));
    assert_string_equal(turn(), "");
    fake_ms += 50;
    assert_string_equal(turn(), "often ");
    assert_int_equal(sy_loop_now_ms(loop), 1050);
    assert_string_equal(turn(), "");
    fake_ms += 50;
    assert_string_equal(turn(), "once often ");
    fake_ms += 1000; /* late: once, not 33 times */
    assert_string_equal(turn(), "often ");
    sy_timer_disarm(often);
    sy_timer_restart(once, 10);
    fake_ms += 1000;
    assert_string_equal(turn(), "once ");
    sy_timer_destroy(once);
    sy_timer_restart(often, UINT64_MAX); /* never, and no overflow */
    fake_ms += UINT64_C(1) << 60;
    assert_string_equal(turn(), "");
    sy_timer_destroy(often);
    sy_timer_destroy(NULL);
}

static struct sy_timer *victim;

static void destroy_victim(void *ctx)
{
    leave(ctx);
    sy_timer_destroy(victim);
    victim = NULL;
}

static void timers_may_be_destroyed_in_callbacks(void **state)
{
    (void)state;
    struct sy_timer *killer = NULL;
    assert_works(sy_timer_create(loop, 1, 0, destroy_victim, "killer", &killer, &err));
    assert_works(sy_timer_create(loop, 1, 0, leave, "victim", &victim, &err));
    fake_ms += 5;
    assert_string_equal(turn(), "killer ");
    assert_works(sy_timer_create(loop, 1, 0, destroy_victim, "self", &victim, &err));
    fake_ms += 5;
    assert_string_equal(turn(), "self ");
    assert_string_equal(turn(), "");
}

static int pipe_fds[2];

static void drain_pipe(void *ctx)
{
    char byte;
    leave(ctx);
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
}

static void fds_wake_the_loop(void **state)
{
    (void)state;
    struct sy_watch *reader = NULL, *writer = NULL;
    assert_int_equal(pipe(pipe_fds), 0);
    assert_works(sy_loop_watch_fd(loop, pipe_fds[0], false, drain_pipe, "in", &reader, &err));
    assert_string_equal(turn(), "");
    assert_int_equal(write(pipe_fds[1], "ab", 2), 2);
    assert_string_equal(turn(), "in ");
    assert_string_equal(turn(), "in ");
    assert_string_equal(turn(), "");
    assert_works(sy_loop_watch_fd(loop, pipe_fds[1], true, leave, "out", &writer, &err));
    assert_string_equal(turn(), "out ");
    sy_watch_destroy(writer);
    assert_string_equal(turn(), "");
    sy_watch_destroy(reader);
    sy_watch_destroy(NULL);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static struct sy_watch *watches[2];

static void destroy_both(void *ctx)
{
    leave(ctx);
    sy_watch_destroy(watches[0]);
    sy_watch_destroy(watches[1]);
}

static void watches_may_be_destroyed_in_callbacks(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_works(sy_loop_watch_fd(loop, fds[1], true, destroy_both, "a", &watches[0], &err));
    assert_works(sy_loop_watch_fd(loop, fds[1], true, destroy_both, "b", &watches[1], &err));
    assert_string_equal(turn(), "a ");
    assert_string_equal(turn(), "");
    close(fds[0]);
    close(fds[1]);
}

static void order_of_a_turn(void **state)
{
    (void)state;
    struct sy_timer *timer = NULL;
    struct sy_watch *watch = NULL;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_works(sy_loop_watch_fd(loop, fds[1], true, leave, "fd", &watch, &err));
    assert_works(sy_timer_create(loop, 0, 1, leave, "timer", &timer, &err));
    assert_works(sy_loop_post(loop, leave, "post1", &err));
    assert_works(sy_loop_post(loop, leave, "post2", &err));
    sy_loop_before_sleep(loop, leave, "hook");
    assert_string_equal(turn(), "hook fd post1 post2 timer ");
    close(fds[0]);
    close(fds[1]);
    /* What is still alive is freed with the loop. */
}

static void repost(void *ctx)
{
    leave(ctx);
    assert_works(sy_loop_post(loop, repost, ctx, &err));
}

static void posted_functions_that_post_wait_for_the_next_turn(void **state)
{
    (void)state;
    assert_works(sy_loop_post(loop, repost, "again", &err));
    assert_string_equal(turn(), "again ");
    assert_string_equal(turn(), "again ");
}

static void count_up(void *ctx)
{
    (*(uint32_t *)ctx)++;
}

static void posts_stop_at_their_limit(void **state)
{
    (void)state;
    uint32_t count = 0;
    for (uint32_t i = 0; i < SY_LOOP_POSTS_MAX; i++)
        assert_int_equal(sy_loop_post(loop, count_up, &count, NULL), 0);
    assert_fails(SY_E_LIMIT, sy_loop_post(loop, count_up, &count, &err));
    turn();
    assert_int_equal(count, SY_LOOP_POSTS_MAX);
    assert_works(sy_loop_post(loop, count_up, &count, &err));
}

static void watches_and_timers_stop_at_their_limit(void **state)
{
    (void)state;
    struct sy_watch *watch = NULL;
    struct sy_timer *timer = NULL;
    for (int i = 1; i < SY_LOOP_WATCHES_MAX; i++) /* the loop has one of its own */
        assert_int_equal(sy_loop_watch_fd(loop, 0, false, leave, "", &watch, NULL), 0);
    assert_fails(SY_E_LIMIT, sy_loop_watch_fd(loop, 0, false, leave, "", &watch, &err));
    for (int i = 0; i < SY_LOOP_TIMERS_MAX; i++)
        assert_int_equal(sy_timer_create(loop, 1, 0, leave, "", &timer, NULL), 0);
    assert_fails(SY_E_LIMIT, sy_timer_create(loop, 1, 0, leave, "", &timer, &err));
}

static void *post_many(void *ctx)
{
    for (int i = 0; i < 10000; i++) {
        while (sy_loop_post(loop, count_up, ctx, NULL) < 0)
            sched_yield();
    }
    return NULL;
}

static void other_threads_post(void **state)
{
    (void)state;
    uint32_t count = 0;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &count), 0);
    while (count < 30000)
        assert_works(sy_loop_turn(loop, 1000, &err));
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(count, 30000);
}

static void *stop_later(void *ctx)
{
    (void)ctx;
    sy_loop_stop(loop);
    return NULL;
}

static void stop_ends_run_from_any_thread(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_later, NULL), 0);
    assert_works(sy_loop_run(loop, &err)); /* sleeps without a timer until it is woken */
    pthread_join(thread, NULL);
    sy_loop_stop(loop);
    assert_works(sy_loop_run(loop, &err));
}

static int got_signal;

static void on_signal(void *ctx, int number)
{
    (void)ctx;
    got_signal = number;
}

static void signals_arrive_as_events(void **state)
{
    (void)state;
    static const int wanted[] = {SIGUSR1, SIGUSR2}, bad[] = {12345};
    sigset_t set;
    assert_fails(SY_E_ARG, sy_loop_on_signals(loop, bad, 1, on_signal, NULL, &err));
    assert_works(sy_loop_on_signals(loop, wanted, 2, on_signal, NULL, &err));
    assert_fails(SY_E_STATE, sy_loop_on_signals(loop, wanted, 2, on_signal, NULL, &err));
    kill(getpid(), SIGUSR2);
    assert_works(sy_loop_turn(loop, 1000, &err));
    assert_int_equal(got_signal, SIGUSR2);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    struct sy_loop *other = NULL;
    struct sy_timer *timer = NULL;
    struct sy_watch *watch = NULL;
    for (uint64_t n = 1; !other; n++) {
        sy_mem_fail_after(n);
        int rc = sy_loop_create(&other, fake_env(), NULL);
        sy_mem_fail_after(0);
        assert_true(rc == 0 || rc == -SY_E_NOMEM);
    }
    sy_loop_destroy(other);
    sy_mem_fail_after(1);
    assert_fails(SY_E_NOMEM, sy_timer_create(loop, 1, 0, leave, "", &timer, &err));
    sy_mem_fail_after(2);
    assert_fails(SY_E_NOMEM, sy_timer_create(loop, 1, 0, leave, "", &timer, &err));
    sy_mem_fail_after(1);
    assert_fails(SY_E_NOMEM, sy_loop_watch_fd(loop, 0, false, leave, "", &watch, &err));
    sy_mem_fail_after(1);
    assert_fails(SY_E_NOMEM, sy_loop_post(loop, leave, "", &err));
    assert_works(sy_loop_post(loop, leave, "late", &err));
    assert_string_equal(turn(), "late ");
    sy_loop_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(timers_fire_when_due),      TEST(timers_may_be_destroyed_in_callbacks),
        TEST(fds_wake_the_loop),         TEST(watches_may_be_destroyed_in_callbacks),
        TEST(order_of_a_turn),           TEST(posted_functions_that_post_wait_for_the_next_turn),
        TEST(posts_stop_at_their_limit), TEST(watches_and_timers_stop_at_their_limit),
        TEST(other_threads_post),        TEST(stop_ends_run_from_any_thread),
        TEST(signals_arrive_as_events),  TEST(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
