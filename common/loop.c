/* Watches and timers that are destroyed inside a callback are only marked; the end of the turn
 * frees them, so the lists never change under the walk. New ones join at the end and wait for the
 * next turn. Posts are a ring that grows up to its limit; an eventfd wakes the poll.
 */
#include "common/loop.h"

#include "common/mem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

#define POLL_WAIT_MS_MAX 60000u
#define POSTS_FIRST 64u

struct sy_watch {
    struct sy_loop *loop; /* borrowed */
    void *socket;         /* ZeroMQ socket, or NULL for fd; borrowed */
    int fd;
    short events;
    bool dead;
    void (*on_ready)(void *ctx);
    void *ctx;
};

struct sy_timer {
    struct sy_loop *loop; /* borrowed */
    bool armed;
    bool dead;
    uint64_t due_ms;
    uint64_t repeat_ms;
    void (*on_due)(void *ctx);
    void *ctx;
};

struct post {
    void (*fn)(void *ctx);
    void *ctx;
};

struct sy_loop {
    const struct sy_env *env; /* borrowed */
    uint64_t now_ms;
    atomic_bool stop;
    struct sy_watch **watches; /* owned; dead ones until the end of the turn */
    size_t watch_count, watch_capacity;
    zmq_pollitem_t *items; /* one per watch, in the same order */
    size_t item_capacity;
    struct sy_timer **timers; /* owned */
    size_t timer_count, timer_capacity;
    bool has_dead;
    void (*before_sleep)(void *ctx);
    void *before_sleep_ctx;
    int wake_fd;
    int signal_fd;
    struct sy_watch *wake_watch, *signal_watch; /* owned by the list */
    void (*on_signal)(void *ctx, int signal);
    void *signal_ctx;
    pthread_mutex_t post_mutex; /* guards the ring below */
    struct post *posts;
    size_t post_first, post_count, post_capacity;
};

static void drain_wake_fd(void *ctx)
{
    struct sy_loop *loop = ctx;
    uint64_t count;
    ssize_t got = read(loop->wake_fd, &count, sizeof count);
    (void)got; /* empty already: nothing to drain */
}

int sy_loop_create(struct sy_loop **ret, const struct sy_env *env, struct sy_error *err)
{
    struct sy_loop *loop = sy_mem_alloc(sizeof *loop);
    if (!loop)
        return sy_fail(err, SY_E_NOMEM, "loop: no memory");
    loop->env = env;
    loop->signal_fd = -1;
    loop->now_ms = sy_env_boot_ms(env);
    pthread_mutex_init(&loop->post_mutex, NULL);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = loop->wake_fd < 0 ? sy_fail_errno(err, errno, "loop: eventfd")
                               : sy_loop_watch_fd(loop, loop->wake_fd, false, drain_wake_fd, loop,
                                                  &loop->wake_watch, err);
    if (rc < 0) {
        sy_loop_destroy(loop);
        return rc;
    }
    *ret = loop;
    return 0;
}

void sy_loop_destroy(struct sy_loop *loop)
{
    if (!loop)
        return;
    for (size_t i = 0; i < loop->watch_count; i++)
        sy_mem_free(loop->watches[i]);
    for (size_t i = 0; i < loop->timer_count; i++)
        sy_mem_free(loop->timers[i]);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    pthread_mutex_destroy(&loop->post_mutex);
    sy_mem_free(loop->watches);
    sy_mem_free(loop->items);
    sy_mem_free(loop->timers);
    sy_mem_free(loop->posts);
    sy_mem_free(loop);
}

const struct sy_env *sy_loop_env(const struct sy_loop *loop)
{
    return loop->env;
}

uint64_t sy_loop_now_ms(const struct sy_loop *loop)
{
    return loop->now_ms;
}

/* Makes room for one more pointer in a list of `limit` at most. */
static int grow_list(void **list, size_t count, size_t *capacity, size_t limit, size_t item_bytes,
                     const char *what, struct sy_error *err)
{
    if (count < *capacity)
        return 0;
    if (count >= limit)
        return sy_fail(err, SY_E_LIMIT, "loop: %zu %s already, the limit is %zu", count, what,
                       limit);
    size_t wanted = *capacity > 0 ? SY_MIN(*capacity * 2, limit) : SY_MIN((size_t)16, limit);
    void *moved = sy_mem_resize(*list, wanted * item_bytes);
    if (!moved)
        return sy_fail(err, SY_E_NOMEM, "loop: no memory for %zu %s", wanted, what);
    *list = moved;
    *capacity = wanted;
    return 0;
}

static int add_watch(struct sy_loop *loop, const struct sy_watch *model, struct sy_watch **ret,
                     struct sy_error *err)
{
    int rc = grow_list((void **)&loop->watches, loop->watch_count, &loop->watch_capacity,
                       SY_LOOP_WATCHES_MAX, sizeof *loop->watches, "watches", err);
    if (rc == 0)
        rc = grow_list((void **)&loop->items, loop->watch_count, &loop->item_capacity,
                       SY_LOOP_WATCHES_MAX, sizeof *loop->items, "watches", err);
    if (rc < 0)
        return rc;
    struct sy_watch *watch = sy_mem_dup(model, sizeof *model);
    if (!watch)
        return sy_fail(err, SY_E_NOMEM, "loop: no memory for a watch");
    loop->watches[loop->watch_count++] = watch;
    *ret = watch;
    return 0;
}

int sy_loop_watch_fd(struct sy_loop *loop, int fd, bool for_write, void (*on_ready)(void *ctx),
                     void *ctx, struct sy_watch **ret, struct sy_error *err)
{
    const struct sy_watch model = {
        .loop = loop,
        .fd = fd,
        .events = for_write ? ZMQ_POLLOUT : ZMQ_POLLIN,
        .on_ready = on_ready,
        .ctx = ctx,
    };
    return add_watch(loop, &model, ret, err);
}

int sy_loop_watch_socket(struct sy_loop *loop, void *zmq_socket, void (*on_ready)(void *ctx),
                         void *ctx, struct sy_watch **ret, struct sy_error *err)
{
    const struct sy_watch model = {
        .loop = loop,
        .socket = zmq_socket,
        .events = ZMQ_POLLIN,
        .on_ready = on_ready,
        .ctx = ctx,
    };
    return add_watch(loop, &model, ret, err);
}

void sy_watch_destroy(struct sy_watch *watch)
{
    if (!watch)
        return;
    watch->dead = true;
    watch->loop->has_dead = true;
}

int sy_timer_create(struct sy_loop *loop, uint64_t first_ms, uint64_t repeat_ms,
                    void (*on_due)(void *ctx), void *ctx, struct sy_timer **ret,
                    struct sy_error *err)
{
    int rc = grow_list((void **)&loop->timers, loop->timer_count, &loop->timer_capacity,
                       SY_LOOP_TIMERS_MAX, sizeof *loop->timers, "timers", err);
    if (rc < 0)
        return rc;
    struct sy_timer *timer = sy_mem_alloc(sizeof *timer);
    if (!timer)
        return sy_fail(err, SY_E_NOMEM, "loop: no memory for a timer");
    *timer = (struct sy_timer){
        .loop = loop,
        .repeat_ms = repeat_ms,
        .on_due = on_due,
        .ctx = ctx,
    };
    sy_timer_restart(timer, first_ms);
    loop->timers[loop->timer_count++] = timer;
    *ret = timer;
    return 0;
}

void sy_timer_restart(struct sy_timer *timer, uint64_t first_ms)
{
    uint64_t now_ms = sy_env_boot_ms(timer->loop->env);
    if (!sy_add_ok(now_ms, first_ms, &timer->due_ms))
        timer->due_ms = UINT64_MAX;
    timer->armed = true;
}

void sy_timer_disarm(struct sy_timer *timer)
{
    timer->armed = false;
}

void sy_timer_destroy(struct sy_timer *timer)
{
    if (!timer)
        return;
    timer->dead = true;
    timer->armed = false;
    timer->loop->has_dead = true;
}

static void on_signal_fd(void *ctx)
{
    struct sy_loop *loop = ctx;
    struct signalfd_siginfo info;
    while (read(loop->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        loop->on_signal(loop->signal_ctx, (int)info.ssi_signo);
}

int sy_loop_on_signals(struct sy_loop *loop, const int *signals, size_t count,
                       void (*on_signal)(void *ctx, int signal), void *ctx, struct sy_error *err)
{
    sigset_t set;
    if (loop->signal_fd >= 0)
        return sy_fail(err, SY_E_STATE, "loop: signals are watched already");
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++) {
        if (sigaddset(&set, signals[i]) < 0)
            return sy_fail(err, SY_E_ARG, "loop: %d is not a signal", signals[i]);
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return sy_fail_errno(err, errno, "loop: signalfd");
    int rc = sy_loop_watch_fd(loop, fd, false, on_signal_fd, loop, &loop->signal_watch, err);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    loop->signal_fd = fd;
    loop->on_signal = on_signal;
    loop->signal_ctx = ctx;
    return 0;
}

void sy_loop_before_sleep(struct sy_loop *loop, void (*hook)(void *ctx), void *ctx)
{
    loop->before_sleep = hook;
    loop->before_sleep_ctx = ctx;
}

static void wake_loop(struct sy_loop *loop)
{
    uint64_t one = 1;
    ssize_t written = write(loop->wake_fd, &one, sizeof one);
    (void)written; /* full counter: the loop is awake anyway */
}

/* Doubles the ring; the caller holds the mutex. */
static bool grow_posts(struct sy_loop *loop)
{
    size_t capacity = SY_MAX(loop->post_capacity * 2, (size_t)POSTS_FIRST);
    struct post *posts = sy_mem_alloc_array(capacity, sizeof *posts);
    if (!posts)
        return false;
    for (size_t i = 0; i < loop->post_count; i++)
        posts[i] = loop->posts[(loop->post_first + i) % loop->post_capacity];
    sy_mem_free(loop->posts);
    loop->posts = posts;
    loop->post_first = 0;
    loop->post_capacity = capacity;
    return true;
}

int sy_loop_post(struct sy_loop *loop, void (*fn)(void *ctx), void *ctx, struct sy_error *err)
{
    int rc = 0;
    pthread_mutex_lock(&loop->post_mutex);
    if (loop->post_count == SY_LOOP_POSTS_MAX)
        rc = sy_fail(err, SY_E_LIMIT, "loop: %u posted functions wait already", SY_LOOP_POSTS_MAX);
    else if (loop->post_count == loop->post_capacity && !grow_posts(loop))
        rc = sy_fail(err, SY_E_NOMEM, "loop: no memory for a posted function");
    if (rc == 0) {
        size_t at = (loop->post_first + loop->post_count++) % loop->post_capacity;
        loop->posts[at] = (struct post){fn, ctx};
    }
    pthread_mutex_unlock(&loop->post_mutex);
    if (rc == 0)
        wake_loop(loop);
    return rc;
}

void sy_loop_stop(struct sy_loop *loop)
{
    atomic_store(&loop->stop, true);
    wake_loop(loop);
}

static size_t count_posts(struct sy_loop *loop)
{
    pthread_mutex_lock(&loop->post_mutex);
    size_t count = loop->post_count;
    pthread_mutex_unlock(&loop->post_mutex);
    return count;
}

/* Runs what was posted before this turn; what these functions post waits for the next one. */
static void run_posts(struct sy_loop *loop)
{
    for (size_t left = count_posts(loop); left > 0; left--) {
        pthread_mutex_lock(&loop->post_mutex);
        struct post post = loop->posts[loop->post_first];
        loop->post_first = (loop->post_first + 1) % loop->post_capacity;
        loop->post_count--;
        pthread_mutex_unlock(&loop->post_mutex);
        post.fn(post.ctx);
    }
}

static void run_timers(struct sy_loop *loop)
{
    size_t count = loop->timer_count;
    for (size_t i = 0; i < count; i++) {
        struct sy_timer *timer = loop->timers[i];
        if (!timer->armed || timer->due_ms > loop->now_ms)
            continue;
        /* A late timer fires once, not once per missed period. */
        timer->armed = timer->repeat_ms > 0;
        timer->due_ms = loop->now_ms + timer->repeat_ms;
        timer->on_due(timer->ctx);
    }
}

static void run_ready(struct sy_loop *loop, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sy_watch *watch = loop->watches[i];
        if (loop->items[i].revents != 0 && !watch->dead)
            watch->on_ready(watch->ctx);
    }
}

static void free_dead(struct sy_loop *loop)
{
    size_t kept = 0;
    if (!loop->has_dead)
        return;
    for (size_t i = 0; i < loop->watch_count; i++) {
        if (loop->watches[i]->dead)
            sy_mem_free(loop->watches[i]);
        else
            loop->watches[kept++] = loop->watches[i];
    }
    loop->watch_count = kept;
    kept = 0;
    for (size_t i = 0; i < loop->timer_count; i++) {
        if (loop->timers[i]->dead)
            sy_mem_free(loop->timers[i]);
        else
            loop->timers[kept++] = loop->timers[i];
    }
    loop->timer_count = kept;
    loop->has_dead = false;
}

static long poll_wait_ms(struct sy_loop *loop, uint64_t max_wait_ms)
{
    uint64_t wait_ms = SY_MIN(max_wait_ms, (uint64_t)POLL_WAIT_MS_MAX);
    uint64_t now_ms = sy_env_boot_ms(loop->env);
    if (atomic_load(&loop->stop) || count_posts(loop) > 0)
        return 0;
    for (size_t i = 0; i < loop->timer_count; i++) {
        const struct sy_timer *timer = loop->timers[i];
        if (timer->armed)
            wait_ms = SY_MIN(wait_ms, timer->due_ms > now_ms ? timer->due_ms - now_ms : 0);
    }
    return (long)wait_ms;
}

int sy_loop_turn(struct sy_loop *loop, uint64_t max_wait_ms, struct sy_error *err)
{
    free_dead(loop);
    loop->now_ms = sy_env_boot_ms(loop->env);
    if (loop->before_sleep)
        loop->before_sleep(loop->before_sleep_ctx);
    free_dead(loop);
    size_t count = loop->watch_count;
    for (size_t i = 0; i < count; i++) {
        const struct sy_watch *watch = loop->watches[i];
        loop->items[i] = (zmq_pollitem_t){watch->socket, watch->fd, watch->events, 0};
    }
    int ready = zmq_poll(loop->items, (int)count, poll_wait_ms(loop, max_wait_ms));
    if (ready < 0 && zmq_errno() != EINTR)
        return sy_fail(err, SY_E_IO, "loop: poll of %zu sockets failed: %s", count,
                       zmq_strerror(zmq_errno()));
    loop->now_ms = sy_env_boot_ms(loop->env);
    if (ready > 0)
        run_ready(loop, count);
    run_posts(loop);
    run_timers(loop);
    free_dead(loop);
    return 0;
}

int sy_loop_run(struct sy_loop *loop, struct sy_error *err)
{
    while (!atomic_load(&loop->stop)) {
        int rc = sy_loop_turn(loop, POLL_WAIT_MS_MAX, err);
        if (rc < 0)
            return rc;
    }
    atomic_store(&loop->stop, false);
    return 0;
}
