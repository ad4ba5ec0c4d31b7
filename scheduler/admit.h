/* Who may ask for more: token buckets per identity, the cap on live jobs, the reserve of the store.
 *
 * A refusal costs nothing and names the limit, its present value and what helps. Buckets fill by
 * boot time. An identity that was quiet until its bucket is full again is forgotten, so the table
 * follows the number of active peers, at most SY_ADMIT_PEERS_MAX. Threads: the loop thread.
 */
#ifndef SEALYARD_SCHEDULER_ADMIT_H
#define SEALYARD_SCHEDULER_ADMIT_H

#include "scheduler/store.h"

#define SY_ADMIT_PEERS_MAX 4096

struct sy_admit_limits {
    uint32_t frames_per_s; /* sustained, per identity */
    uint32_t frames_burst; /* at once, per identity */
    uint64_t jobs_live_max;
    uint32_t store_percent_max; /* of the map: above it new jobs are refused, old ones finish */
};

struct sy_admit;
int sy_admit_create(struct sy_admit **ret, const struct sy_admit_limits *limits,
                    struct sy_error *err);
void sy_admit_destroy(struct sy_admit *admit); /* NULL is fine */
/* New limits from a reloaded policy; buckets keep what they hold, cut to the new burst. */
void sy_admit_set_limits(struct sy_admit *admit, const struct sy_admit_limits *limits);

/* Takes one token of `name`. -SY_E_LIMIT when its bucket is empty or the table is full. */
int sy_admit_frame(struct sy_admit *admit, const char *name, uint64_t now_ms, struct sy_error *err);

/* May a new job be accepted? -SY_E_FULL above the store reserve, -SY_E_LIMIT at the job cap. */
int sy_admit_job(const struct sy_admit *admit, uint64_t jobs_live,
                 const struct sy_store_usage *usage, struct sy_error *err);

/* Refusals since the start, for `status`. */
uint64_t sy_admit_refused(const struct sy_admit *admit);

#endif
