#include "scheduler/core/lease.h"
#include "scheduler/core/state.h"

#include <string.h>

const char *sy_lease_verdict_name(enum sy_lease_verdict verdict)
{
    switch (verdict) {
    case SY_LEASE_CURRENT:
        return "current";
    case SY_LEASE_REPEAT:
        return "repeat";
    case SY_LEASE_STALE:
        return "stale";
    case SY_LEASE_UNKNOWN:
        return "unknown";
    }
    return "unknown";
}

static bool token_equal(const uint8_t *a, const uint8_t *b)
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < SY_TOKEN_BYTES; i++)
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

static enum sy_lease_verdict verdict_of(const struct sy_state *state, const char *agent,
                                        uint64_t task_id, uint32_t attempt,
                                        const struct sy_task **ret_task)
{
    const struct sy_task *task = sy_state_task(state, task_id);
    *ret_task = task;
    if (task == NULL || attempt == 0 || attempt > task->attempt)
        return SY_LEASE_UNKNOWN;
    if (attempt != task->attempt || strcmp(agent, task->agent) != 0)
        return SY_LEASE_STALE;
    if (task->state == SY_TASK_LEASED || task->state == SY_TASK_RUNNING)
        return SY_LEASE_CURRENT;
    if (task->state == SY_TASK_DONE || task->state == SY_TASK_FAILED)
        return SY_LEASE_REPEAT;
    if (task->state == SY_TASK_QUEUED) {
        /* The current attempt ended by a failure that is retried: its result was accepted. */
        const struct sy_attempt *row = sy_state_attempt(state, task_id, attempt);
        if (row != NULL && row->ended_ms != 0 && task->failures > 0)
            return SY_LEASE_REPEAT;
    }
    return SY_LEASE_STALE;
}

enum sy_lease_verdict sy_lease_of(const struct sy_state *state, const char *agent, uint64_t task,
                                  uint32_t attempt)
{
    const struct sy_task *row = NULL;
    return verdict_of(state, agent, task, attempt, &row);
}

enum sy_lease_verdict sy_lease_of_result(const struct sy_state *state, const char *agent,
                                         uint64_t task, uint32_t attempt,
                                         const uint8_t token[SY_TOKEN_BYTES])
{
    const struct sy_task *row = NULL;
    enum sy_lease_verdict verdict = verdict_of(state, agent, task, attempt, &row);
    if (verdict == SY_LEASE_CURRENT || verdict == SY_LEASE_REPEAT) {
        if (!token_equal(row->token, token))
            return SY_LEASE_STALE;
    }
    return verdict;
}

uint64_t sy_lease_resend_ms(uint64_t first_ms, uint64_t max_ms, uint32_t n, uint64_t chance)
{
    uint64_t value = first_ms;
    for (uint32_t i = 0; i < n && value < max_ms; i++) {
        if (value > UINT64_MAX / 2) {
            value = max_ms;
            break;
        }
        value *= 2;
    }
    value = SY_MIN(value, max_ms);
    uint64_t span = value / 4;
    return value - (span == 0 ? 0 : chance % (span + 1));
}

enum sy_liveness sy_lease_liveness(uint64_t silent_ms, uint64_t suspect_ms, uint64_t dead_ms)
{
    if (silent_ms >= dead_ms)
        return SY_AGENT_DEAD;
    return silent_ms >= suspect_ms ? SY_AGENT_SUSPECT : SY_AGENT_ONLINE;
}

bool sy_lease_may_take_over(uint64_t silent_ms, uint64_t dead_ms, uint64_t takeover_ms)
{
    uint64_t limit_ms = 0;
    return sy_add_ok(dead_ms, takeover_ms, &limit_ms) && silent_ms >= limit_ms;
}
