/* The policy numbers in the shape that core takes them (core knows no policy file). */
#ifndef SEALYARD_SCHEDULER_TUNING_H
#define SEALYARD_SCHEDULER_TUNING_H

#include "policies/policy.h"
#include "scheduler/core/planner.h"
#include "scheduler/core/retry.h"

static inline struct sy_retry_policy sy_tuning_retry(const struct sy_policy *policy)
{
    return (struct sy_retry_policy){
        .attempts_max = policy->attempts_max,
        .backoff_first_ms = policy->backoff_first_ms,
        .backoff_max_ms = policy->backoff_max_ms,
    };
}

static inline struct sy_plan_policy sy_tuning_plan(const struct sy_policy *policy)
{
    return (struct sy_plan_policy){
        .max_sealing = policy->max_sealing,
        .scratch_spare_bytes = policy->scratch_spare_bytes,
        .placements_max = policy->placements_max,
    };
}

#endif
