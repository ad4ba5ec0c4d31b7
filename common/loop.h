/* One-thread reactor over zmq_poll: file descriptors, ZeroMQ sockets, timers, signals and a bounded
 * queue through which other threads speak to the loop thread.
 *
 * Order of one turn: ready sockets and fds (each callback reads at most its own budget) -> posted
 * functions -> due timers -> the before-sleep hook -> poll. All callbacks run on the loop thread;
 * all functions except sy_loop_post and sy_loop_stop belong to it. Timers use CLOCK_BOOTTIME.
 */
#ifndef SEALYARD_COMMON_LOOP_H
#define SEALYARD_COMMON_LOOP_H

#include "common/env.h"

#define SY_LOOP_WATCHES_MAX 4096
#define SY_LOOP_POSTS_MAX 65536
#define SY_LOOP_TIMERS_MAX 4096

struct sy_loop;
struct sy_watch;
struct sy_timer;

int sy_loop_create(struct sy_loop **ret, const struct sy_env *env, struct sy_error *err);
/* NULL is fine. Watches and timers still alive are freed. */
void sy_loop_destroy(struct sy_loop *loop);
const struct sy_env *sy_loop_env(const struct sy_loop *loop);
/* Runs until sy_loop_stop; returns 0, or the first error of poll itself. */
int sy_loop_run(struct sy_loop *loop, struct sy_error *err);
/* One turn that waits at most max_wait_ms: for tests and short clients. */
int sy_loop_turn(struct sy_loop *loop, uint64_t max_wait_ms, struct sy_error *err);
/* Ends sy_loop_run after the present turn. Any thread. */
void sy_loop_stop(struct sy_loop *loop);
uint64_t sy_loop_now_ms(const struct sy_loop *loop); /* boot time of this turn */

/* Readable (for_write false) or writable fd. The fd is borrowed. */
int sy_loop_watch_fd(struct sy_loop *loop, int fd, bool for_write, void (*on_ready)(void *ctx),
                     void *ctx, struct sy_watch **ret, struct sy_error *err);
/* A ZeroMQ socket (void *, borrowed) with input. */
int sy_loop_watch_socket(struct sy_loop *loop, void *zmq_socket, void (*on_ready)(void *ctx),
                         void *ctx, struct sy_watch **ret, struct sy_error *err);
void sy_watch_destroy(struct sy_watch *watch); /* NULL is fine; allowed inside callbacks */

/* First fires after first_ms, then every repeat_ms (0 = once; the timer stays allocated). */
int sy_timer_create(struct sy_loop *loop, uint64_t first_ms, uint64_t repeat_ms,
                    void (*on_due)(void *ctx), void *ctx, struct sy_timer **ret,
                    struct sy_error *err);
void sy_timer_restart(struct sy_timer *timer, uint64_t first_ms); /* also arms a one-shot again */
void sy_timer_disarm(struct sy_timer *timer);
void sy_timer_destroy(struct sy_timer *timer); /* NULL is fine; allowed inside callbacks */

/* Delivers these signals (blocked for all threads from now on) through a signalfd. Once per loop.
 */
int sy_loop_on_signals(struct sy_loop *loop, const int *signals, size_t count,
                       void (*on_signal)(void *ctx, int signal), void *ctx, struct sy_error *err);
/* Runs before each poll. */
void sy_loop_before_sleep(struct sy_loop *loop, void (*hook)(void *ctx), void *ctx);

/* From any thread: run fn(ctx) on the loop thread soon, in order of posting. -SY_E_LIMIT when
 * SY_LOOP_POSTS_MAX wait: the caller must keep ctx and try later. */
int sy_loop_post(struct sy_loop *loop, void (*fn)(void *ctx), void *ctx, struct sy_error *err);

#endif
