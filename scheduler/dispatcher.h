/* From plan to START: plans when something changed, makes each lease durable, then repeats START
 * until the agent speaks; repeats STOP for attempts that must end.
 *
 * A push leaves only after its event is durable, only to an agent that is welcomed and ONLINE, and
 * is repeated after resend_first x 2^n, at most resend_max, with jitter. START ends when the task
 * is no longer LEASED with that attempt; STOP ends with STOP_ACK, a RESULT of it, or a HELLO that
 * does not list the attempt. Threads: the loop thread.
 */
#ifndef SEALYARD_SCHEDULER_DISPATCHER_H
#define SEALYARD_SCHEDULER_DISPATCHER_H

#include "common/job.h"

#define SY_DISPATCHER_PUSHES_MAX 131072
#define SY_DISPATCHER_ARENA_BYTES (512u << 20)

struct sy_scheduler;
struct sy_dispatcher;

int sy_dispatcher_create(struct sy_dispatcher **ret, struct sy_scheduler *scheduler,
                         struct sy_error *err);
void sy_dispatcher_destroy(struct sy_dispatcher *dispatcher); /* NULL is fine */

/* Something changed that may let a task start. */
void sy_dispatcher_touch(struct sy_dispatcher *dispatcher);
/* Plans when touched and plan_pause is over; called at the end of each turn. */
void sy_dispatcher_plan(struct sy_dispatcher *dispatcher);
/* Sends what is due; called when batches became durable, after WELCOME, and by the tick. */
void sy_dispatcher_send(struct sy_dispatcher *dispatcher);

/* An agent was welcomed: its leases and stops are due at once. */
void sy_dispatcher_welcome(struct sy_dispatcher *dispatcher, const char *agent);
/* STOP this attempt on that agent until it says that it is gone. Repeats are fine. */
int sy_dispatcher_stop(struct sy_dispatcher *dispatcher, const char *agent, uint64_t task,
                       uint32_t attempt, struct sy_error *err);
/* The agent said that the attempt is gone. */
void sy_dispatcher_stopped(struct sy_dispatcher *dispatcher, const char *agent, uint64_t task,
                           uint32_t attempt);
struct sy_msg_hello;
/* Forgets STOPs of this agent for attempts that its HELLO does not list. */
void sy_dispatcher_keep_stops(struct sy_dispatcher *dispatcher, const char *agent,
                              const struct sy_msg_hello *hello);

struct sy_dispatcher_counts {
    uint64_t plans, leases, starts, stops; /* since the start of the scheduler */
    uint64_t pushes;                       /* waiting now */
    uint64_t last_plan_us, max_plan_us;
};
void sy_dispatcher_counts(const struct sy_dispatcher *dispatcher, struct sy_dispatcher_counts *ret);

#endif
