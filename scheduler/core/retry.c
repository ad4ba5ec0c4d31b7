#include "scheduler/core/retry.h"

static uint64_t doubled(uint64_t first, uint64_t max, uint32_t times)
{
    uint64_t value = first;
    for (uint32_t i = 0; i < times && value < max; i++) {
        if (value > UINT64_MAX / 2)
            return max;
        value *= 2;
    }
    return SY_MIN(value, max);
}

uint64_t sy_retry_backoff_ms(const struct sy_retry_policy *policy, uint32_t failures)
{
    return doubled(policy->backoff_first_ms, policy->backoff_max_ms, failures);
}

int64_t sy_retry_after_ms(const struct sy_retry_policy *policy, const struct sy_task *task,
                          uint32_t error_class, int64_t wall_ms)
{
    if (error_class != SY_CLASS_TRANSIENT && error_class != SY_CLASS_RESOURCE)
        return 0;
    if (task->failures >= UINT32_MAX - 1 || task->failures + 1 >= policy->attempts_max)
        return 0;
    uint64_t pause_ms = sy_retry_backoff_ms(policy, task->failures);
    int64_t base_ms = SY_MAX(wall_ms, 1);
    if (pause_ms > (uint64_t)(INT64_MAX - base_ms))
        return INT64_MAX;
    return base_ms + (int64_t)pause_ms;
}

uint64_t sy_retry_return_ms(uint32_t attempt, uint32_t failures)
{
    uint32_t returns = attempt > failures ? attempt - failures : 1;
    return doubled(SY_RETRY_RETURN_FIRST_MS, SY_RETRY_RETURN_MAX_MS, returns - 1);
}
