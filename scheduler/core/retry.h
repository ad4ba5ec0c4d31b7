/* What to do after a failed attempt: the class of the error decides.
 *
 *   INPUT      never again: the sector goes to its Failed state
 *   TRANSIENT  again after backoff_first x 2^failures, at most backoff_max, on any agent
 *   RESOURCE   the same, another agent preferred
 *   CORRUPT    never again by itself, except PC2: damaged layers send the sector back to PC1 once
 *   BUG        never again: needs a person
 * After attempts_max failures of one task it is given up whatever the class. A lease given back
 * unstarted (TASK_RETURNED) is not a failure; it waits sy_retry_return_ms. Pure.
 */
#ifndef SEALYARD_SCHEDULER_CORE_RETRY_H
#define SEALYARD_SCHEDULER_CORE_RETRY_H

#include "common/job.h"

struct sy_retry_policy {
    uint32_t attempts_max;     /* failures after which a task is given up; >= 1 */
    uint64_t backoff_first_ms; /* > 0 */
    uint64_t backoff_max_ms;
};

/* Pause after the n-th failure (n from 0), a power of two times the first. */
uint64_t sy_retry_backoff_ms(const struct sy_retry_policy *policy, uint32_t failures);

/* The value for sy_ev_task_result.retry_after_ms: wall clock time from which the task may be leased
 * again, or 0 = give up. `task` is the row before the event. */
int64_t sy_retry_after_ms(const struct sy_retry_policy *policy, const struct sy_task *task,
                          uint32_t error_class, int64_t wall_ms);

/* Pause of a task whose lease came back unstarted: 5 s x 2^(times in a row), at most 10 min. Fixed
 * numbers, because replay must come to the same rows. */
#define SY_RETRY_RETURN_FIRST_MS 5000u
#define SY_RETRY_RETURN_MAX_MS 600000u
uint64_t sy_retry_return_ms(uint32_t attempt, uint32_t failures);

#endif
