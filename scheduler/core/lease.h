/* The fence: which words of an agent count. A task has one current attempt (row field `attempt`);
 * it is raised durably before START leaves, and only a message with that number, the same agent and
 * the same token changes anything. Everything else is answered STALE (an older attempt, or one that
 * ended) or UNKNOWN (no such task or a number never given). Pure; tokens are compared in constant
 * time.
 */
#ifndef SEALYARD_SCHEDULER_CORE_LEASE_H
#define SEALYARD_SCHEDULER_CORE_LEASE_H

#include "common/job.h"

struct sy_state;

enum sy_lease_verdict {
    SY_LEASE_CURRENT = 1, /* act on it */
    SY_LEASE_REPEAT,      /* this very attempt ended by an accepted result: acknowledge again */
    SY_LEASE_STALE,       /* older fence, other agent, wrong token, cancelled: agent drops it */
    SY_LEASE_UNKNOWN,     /* never given */
};
const char *sy_lease_verdict_name(enum sy_lease_verdict verdict);

/* A word about an attempt (START_ACK, PROGRESS, STOP_ACK, a line of HELLO). */
enum sy_lease_verdict sy_lease_of(const struct sy_state *state, const char *agent, uint64_t task,
                                  uint32_t attempt);
/* The same for RESULT, which must carry the token of the lease. */
enum sy_lease_verdict sy_lease_of_result(const struct sy_state *state, const char *agent,
                                         uint64_t task, uint32_t attempt,
                                         const uint8_t token[SY_TOKEN_BYTES]);

/* Resend times of START, STOP and the like: first_ms x 2^n, at most max_ms, less up to a quarter of
 * itself taken from `chance` (any number), so that many do not fall together. n counts from 0. */
uint64_t sy_lease_resend_ms(uint64_t first_ms, uint64_t max_ms, uint32_t n, uint64_t chance);

/* What an agent's silence means. ms values are CLOCK_BOOTTIME differences. */
enum sy_liveness sy_lease_liveness(uint64_t silent_ms, uint64_t suspect_ms, uint64_t dead_ms);

/* True when a dead agent's attempt may be taken over: silent for dead_ms + takeover_ms of the
 * stage. */
bool sy_lease_may_take_over(uint64_t silent_ms, uint64_t dead_ms, uint64_t takeover_ms);

#endif
