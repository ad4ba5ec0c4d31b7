/* The attempts of this agent, from START to RESULT_ACK.
 *
 * Phases: FETCHING (C2 whose C1 file is elsewhere; see fetch.h) -> RUNNING (a shim lives) ->
 * CLEANING (the shim is gone, its process tree is being killed)
 * -> ENDED (the result is sent every 1 s x 2^n up to 30 s until it is acknowledged). STOP leads
 * through CLEANING to STOP_ACK without a result. Order on disk: ledger PREPARED, attempt directory,
 * ledger RUNNING, word to the shim, START_ACK; at the end: result.json, exit.json (by the shim),
 * RESULT, RESULT_ACK, ledger record removed. So a kill of the agent at any point neither loses a
 * result nor runs a stage under one fence twice. Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_ATTEMPT_H
#define SEALYARD_AGENT_ATTEMPT_H

#include "agent/agent_conf.h"
#include "agent/scratch.h"
#include "agent/slot.h"
#include "cgroup/cgroup.h"
#include "common/loop.h"
#include "common/msg.h"

#define SY_ATTEMPTS_MAX 1024
#define SY_ATTEMPT_RESEND_MS_MAX 30000u
#define SY_ATTEMPT_PROGRESS_MS 2000u
#define SY_ATTEMPT_KEEP_MS (24ull * 3600 * 1000) /* directories and outputs of ended attempts */
#define SY_ATTEMPT_DIRECTORIES_MAX 20000         /* looked at in one sweep */

struct sy_attempts;
struct sy_attempts_opts {
    const struct sy_agent_conf *conf; /* all borrowed for the life of the attempts */
    const struct sy_env *env;
    struct sy_loop *loop;
    struct sy_slots *slots;
    struct sy_stores *stores;
    struct sy_cgroup_host *cgroups; /* NULL: without control groups */
    const char *cgroup_base;        /* parent group of all attempts of this agent */
    /* Sends one frame body; sequence 0 = the next one of the connection. -SY_E_UNREACHABLE while
     * there is no scheduler. All are repeated later. */
    int (*send)(void *ctx, uint16_t type, uint64_t sequence, const void *body,
                struct sy_error *err);
    void *ctx;
};

/* Makes <dir>/{ledger,attempts,inputs,outputs} when they are missing. */
int sy_attempts_create(struct sy_attempts **ret, const struct sy_attempts_opts *opts,
                       struct sy_error *err);
/* Shims and tasks go on running. NULL is fine. */
void sy_attempts_destroy(struct sy_attempts *attempts);
/* Once after create: takes over what the ledger knows (agent/adopt.c). */
int sy_attempts_adopt(struct sy_attempts *attempts, struct sy_error *err);

/* Frames from the scheduler; answers go through opts.send. */
void sy_attempts_on_start(struct sy_attempts *attempts, const struct sy_msg_start *start);
void sy_attempts_on_stop(struct sy_attempts *attempts, const struct sy_msg_attempt_ref *ref);
void sy_attempts_on_result_ack(struct sy_attempts *attempts, const struct sy_msg_result_ack *ack);
/* Answers to FETCH. What nobody waits for (any more) is dropped. */
void sy_attempts_on_chunk(struct sy_attempts *attempts, uint64_t sequence,
                          const struct sy_msg_chunk *chunk);
void sy_attempts_on_failure(struct sy_attempts *attempts, uint64_t sequence,
                            const struct sy_msg_failure *failure);
/* The scheduler is there (again): unacknowledged results are due at once. */
void sy_attempts_on_joined(struct sy_attempts *attempts);

/* Every 100 to 500 ms: repeats results, kills on, reports progress. */
void sy_attempts_tick(struct sy_attempts *attempts);
/* Removes directories and outputs older than SY_ATTEMPT_KEEP_MS that no ledger record names. */
void sy_attempts_sweep(struct sy_attempts *attempts);

/* What the ledger knows, for HELLO. Returns how many were written, at most max. */
uint32_t sy_attempts_states(const struct sy_attempts *attempts, struct sy_msg_attempt_state *ret,
                            uint32_t max);

#endif
