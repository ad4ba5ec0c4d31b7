/* The typed policy: every number that an operator tunes, with one file format (TOML) and one set of
 * checks. policies/default.toml documents each key. Unknown keys and values out of range are
 * refused with file:line; nothing is half applied. Threads: plain data.
 */
#ifndef SEALYARD_POLICIES_POLICY_H
#define SEALYARD_POLICIES_POLICY_H

#include "common/conf.h"
#include "common/job.h"

#define SY_POLICY_BYTES_MAX 60000 /* of a file: it travels in an event */

struct sy_policy {
    /* [agents] */
    uint64_t heartbeat_ms;     /* agent <-> scheduler */
    uint64_t suspect_after_ms; /* silence: no new work */
    uint64_t dead_after_ms;    /* silence: alarm, slots gone */
    uint64_t
        takeover_ms[SY_STAGE_COUNT]; /* after dead: how long a stage's attempt is still awaited */
    /* [retry] */
    uint32_t attempts_max;
    uint64_t backoff_first_ms, backoff_max_ms;
    /* [delivery] */
    uint64_t resend_first_ms, resend_max_ms; /* START, STOP */
    uint64_t client_call_ms;                 /* a client's wait for one answer */
    uint64_t output_keep_ms;                 /* unseal outputs on the agent */
    /* [sealing] */
    uint32_t max_sealing;         /* per miner; 0 = no limit */
    uint64_t scratch_spare_bytes; /* kept free on each scratch store */
    uint32_t placements_max;      /* per plan */
    uint64_t plan_pause_ms;       /* at least this long between two plans */
    uint64_t lifetime_days;       /* expiration of a new sector */
    /* [precommit] [commit]: names of the field in snake_case */
    uint32_t precommit_batch_threshold; /* PreCommitBatchThreshold */
    uint64_t precommit_batch_max_wait_ms;
    uint64_t precommit_slack_ms; /* before the ticket's cutoff */
    uint32_t commit_batch_threshold;
    uint64_t commit_batch_max_wait_ms;
    uint64_t commit_slack_ms;
    uint64_t commit_check_interval_ms;
    /* [messages] */
    uint32_t msg_confidence;  /* MsgConfidence: epochs on top before a receipt counts */
    uint32_t seed_confidence; /* epochs on top of precommit + challenge delay */
    /* [store] */
    uint32_t store_reserve_percent; /* new work is refused when the map is fuller than this */
    /* [limits] */
    uint32_t peers_max;
    uint32_t peer_messages_max;
    uint64_t peer_bytes_max;
    uint32_t identity_rate; /* requests per second of one identity */
    uint32_t identity_burst;
    uint32_t live_jobs_max;
};

/* The shipped defaults (equal to policies/default.toml: tests/unit/test_policy.c compares them). */
void sy_policy_init(struct sy_policy *ret);
/* Reads a file over the defaults. *ret is touched only on success. */
int sy_policy_load(struct sy_policy *ret, const char *path, struct sy_error *err);
/* The same from memory; name stands for the file in errors. */
int sy_policy_parse(struct sy_policy *ret, const char *text, size_t bytes, const char *name,
                    struct sy_error *err);
/* Relations between keys (suspect < dead, first <= max, ...). Called by load and parse. */
int sy_policy_check(const struct sy_policy *policy, struct sy_error *err);
/* Calls visit for each key whose value differs ("retry.attempts_max", "3", "5"); returns their
 * number. visit may be NULL. */
size_t sy_policy_compare(const struct sy_policy *a, const struct sy_policy *b,
                         void (*visit)(void *ctx, const char *key, const char *value_a,
                                       const char *value_b),
                         void *ctx);
/* Every key with its value, in file order. */
void sy_policy_walk(const struct sy_policy *policy,
                    void (*visit)(void *ctx, const char *key, const char *value), void *ctx);
/* {"agents":{"heartbeat":"2s",..},..}; NULL = out of memory. */
json_t *sy_policy_to_json(const struct sy_policy *policy);

#endif
