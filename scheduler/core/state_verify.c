/* Invariants, by the numbers of the reliability notes:
 *   I2  at most one current attempt per task, and its row exists
 *   I3  at most one accepted good result per task
 *   I4  slot counters equal what the tasks say
 *   I6  the counters in the meta row are ahead of every id
 *   I12 a sector at rest has no open task; a working one has exactly the task of its state
 */
#include "scheduler/core/state_internal.h"

#include <string.h>

#include <utlist.h>

typedef unsigned long long ull;

static bool is_open(uint32_t task_state)
{
    return task_state == SY_TASK_QUEUED || task_state == SY_TASK_LEASED ||
           task_state == SY_TASK_RUNNING;
}

static int verify_order(const struct sy_state *state, struct sy_error *err)
{
    for (int kind = 0; kind < SY_ROW_KIND_COUNT; kind++) {
        const struct vector *vector = &state->rows[kind];
        for (size_t i = 0; i < vector->count; i++) {
            struct node *node = vector->items[i];
            uint8_t key[SY_STATE_KEY_BYTES_MAX];
            uint32_t bytes = sy_state_key((enum sy_row_kind)kind, node_row(node), key);
            if (key_compare(key, bytes, node->key, node->key_bytes) != 0)
                return sy_fail(err, SY_E_BUG, "row %zu of kind %d changed its key", i, kind);
            if (i > 0 && key_compare(vector->items[i - 1]->key, vector->items[i - 1]->key_bytes,
                                     key, bytes) >= 0)
                return sy_fail(err, SY_E_BUG, "rows of kind %d are out of order at %zu", kind, i);
        }
    }
    return 0;
}

static int verify_attempts(const struct sy_state *state, const struct task_node *task,
                           struct sy_error *err)
{
    const struct sy_task *row = &task->row;
    unsigned good = 0, live = 0;
    size_t position = sy_state_attempt_position(state, row->id, 0);
    const struct sy_attempt *attempt = sy_state_at(state, SY_ROW_ATTEMPT, position);
    for (; attempt != NULL && attempt->task == row->id;
         attempt = sy_state_at(state, SY_ROW_ATTEMPT, ++position)) {
        good += attempt->ok;
        live += attempt->ended_ms == 0;
        if (attempt->attempt > row->attempt)
            return sy_fail(err, SY_E_BUG, "I2: task %llu has attempt %u, its fence is %u",
                           (ull)row->id, attempt->attempt, row->attempt);
        if (attempt->ended_ms == 0 && attempt->attempt != row->attempt)
            return sy_fail(err, SY_E_BUG, "I2: attempt %u of task %llu lives beside attempt %u",
                           attempt->attempt, (ull)row->id, row->attempt);
    }
    bool active = row->state == SY_TASK_LEASED || row->state == SY_TASK_RUNNING;
    if (live != (active ? 1u : 0u))
        return sy_fail(err, SY_E_BUG, "I2: task %llu is %s with %u live attempts", (ull)row->id,
                       sy_task_state_name(row->state), live);
    if (good != (row->state == SY_TASK_DONE ? 1u : 0u))
        return sy_fail(err, SY_E_BUG, "I3: task %llu is %s with %u good results", (ull)row->id,
                       sy_task_state_name(row->state), good);
    return 0;
}

static int verify_tasks(const struct sy_state *state, struct sy_error *err)
{
    size_t counts[SY_STAGE_COUNT][SY_TASK_CANCELLED + 1] = {{0}};
    size_t open = 0;
    const struct vector *tasks = &state->rows[SY_ROW_TASK];
    for (size_t i = 0; i < tasks->count; i++) {
        const struct task_node *task = (const struct task_node *)tasks->items[i];
        const struct sy_task *row = &task->row;
        if (row->id >= state->meta.row.next_task)
            return sy_fail(err, SY_E_BUG, "I6: task %llu is beyond the next id", (ull)row->id);
        if (task->sector == NULL || task->sector->row.number != row->number)
            return sy_fail(err, SY_E_BUG, "task %llu has lost its sector", (ull)row->id);
        counts[row->stage][row->state]++;
        open += is_open(row->state);
        int rc = verify_attempts(state, task, err);
        if (rc != 0)
            return rc;
    }
    if (memcmp(counts, state->task_count, sizeof(counts)) != 0 || open != state->open_tasks)
        return sy_fail(err, SY_E_BUG, "task counters differ from the %zu tasks", tasks->count);
    for (uint32_t stage = 0; stage < SY_STAGE_COUNT; stage++) {
        const struct task_node *task = NULL;
        size_t queued = 0;
        uint64_t last = 0;
        DL_FOREACH(state->queue[stage], task)
        {
            if (task->row.state != SY_TASK_QUEUED || task->row.stage != stage ||
                task->row.id <= last)
                return sy_fail(err, SY_E_BUG, "queue of stage %u is wrong at task %llu", stage,
                               (ull)task->row.id);
            last = task->row.id;
            queued++;
        }
        if (queued != counts[stage][SY_TASK_QUEUED])
            return sy_fail(err, SY_E_BUG, "queue of stage %u has %zu tasks, not %zu", stage, queued,
                           counts[stage][SY_TASK_QUEUED]);
    }
    return 0;
}

static int verify_agents(const struct sy_state *state, struct sy_error *err)
{
    size_t active = 0;
    const struct vector *agents = &state->rows[SY_ROW_AGENT];
    for (size_t i = 0; i < agents->count; i++) {
        const struct agent_node *agent = (const struct agent_node *)agents->items[i];
        const struct task_node *task = NULL;
        uint32_t used[SY_STAGE_COUNT] = {0}, stopping[SY_STAGE_COUNT] = {0};
        DL_FOREACH(agent->active, task)
        {
            used[task->row.stage]++;
            active++;
            if (strcmp(task->row.agent, agent->row.name) != 0)
                return sy_fail(err, SY_E_BUG, "task %llu is on the list of a wrong agent",
                               (ull)task->row.id);
        }
        DL_FOREACH(state->stopping, task)
        {
            if (task->agent == agent)
                stopping[task->row.stage]++;
        }
        if (memcmp(used, agent->used, sizeof(used)) != 0 ||
            memcmp(stopping, agent->stopping, sizeof(stopping)) != 0)
            return sy_fail(err, SY_E_BUG, "I4: slot counters of agent %s are wrong",
                           agent->row.name);
    }
    size_t expected = 0;
    for (uint32_t stage = 0; stage < SY_STAGE_COUNT; stage++)
        expected +=
            state->task_count[stage][SY_TASK_LEASED] + state->task_count[stage][SY_TASK_RUNNING];
    if (active != expected)
        return sy_fail(err, SY_E_BUG, "I4: %zu tasks are with agents, %zu are leased or running",
                       active, expected);
    return 0;
}

static int verify_sectors(const struct sy_state *state, struct sy_error *err)
{
    size_t counts[SY_SECTOR_STATE_COUNT] = {0};
    const struct vector *sectors = &state->rows[SY_ROW_SECTOR];
    for (size_t i = 0; i < sectors->count; i++) {
        const struct sector_node *sector = (const struct sector_node *)sectors->items[i];
        const struct sy_sector *row = &sector->row;
        unsigned expected = sy_fsm_stage_of(row->state) == 0 ? 0 : 1;
        unsigned right = 0, wrong = 0;
        for (const struct task_node *task = sector->tasks; task != NULL; task = task->sector_next) {
            if (!is_open(task->row.state) || task->row.stage == SY_STAGE_UNSEAL)
                continue;
            bool fits = sy_fsm_runs(row->state, task->row.stage);
            right += fits;
            wrong += !fits;
        }
        counts[row->state]++;
        if (wrong != 0 || right != expected)
            return sy_fail(err, SY_E_BUG,
                           "I12: sector %llu in %s has %u open tasks of its stage and %u others",
                           (ull)row->number, sy_sector_state_name(row->state), right, wrong);
        if (sy_state_miner(state, row->miner) == NULL ||
            row->number >= sy_state_miner(state, row->miner)->next_number)
            return sy_fail(err, SY_E_BUG, "I6: sector %llu is beyond the numbers of its miner",
                           (ull)row->number);
    }
    if (memcmp(counts, state->in_count, sizeof(counts)) != 0)
        return sy_fail(err, SY_E_BUG, "counters of sectors by state are wrong");
    return 0;
}

int sy_state_verify(const struct sy_state *state, struct sy_error *err)
{
    int rc = verify_order(state, err);
    if (rc == 0)
        rc = verify_tasks(state, err);
    if (rc == 0)
        rc = verify_agents(state, err);
    if (rc == 0)
        rc = verify_sectors(state, err);
    return rc;
}
