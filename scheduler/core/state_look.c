/* Reading the state: rows, positions, indexes, changed rows, volatile values. */
#include "scheduler/core/state_internal.h"

#include <string.h>

#include <utlist.h>

#define NODE_OF(type, row_) ((struct type *)((uintptr_t)(row_)-offsetof(struct type, row)))

/* ---- changed rows ---- */

size_t sy_state_dirty_count(const struct sy_state *state)
{
    return state->dirty_count;
}

/* A stored row has no volatile values. */
static const void *stored_row(struct sy_state *state, struct node *node)
{
    if (node->kind == SY_ROW_AGENT) {
        const struct agent_node *agent = (const struct agent_node *)node;
        state->shown_agent = agent->row;
        state->shown_agent.liveness = SY_AGENT_OFFLINE;
        state->shown_agent.last_seen_ms = agent->hello_ms;
        return &state->shown_agent;
    }
    if (node->kind == SY_ROW_STORE) {
        state->shown_store = *(const struct sy_store_row *)node_row(node);
        state->shown_store.online = false;
        state->shown_store.bytes_total = 0;
        state->shown_store.bytes_free = 0;
        return &state->shown_store;
    }
    return node_row(node);
}

static void fill_ref(struct sy_state *state, struct node *node, struct sy_row_ref *ret)
{
    ret->kind = (enum sy_row_kind)node->kind;
    ret->removed = node->removed;
    ret->key_bytes = node->key_bytes;
    memcpy(ret->key, node->key, sizeof(ret->key));
    ret->row = node->removed ? NULL : stored_row(state, node);
}

bool sy_state_dirty_peek(struct sy_state *state, struct sy_row_ref *ret)
{
    if (state->dirty == NULL)
        return false;
    fill_ref(state, state->dirty, ret);
    return true;
}

void sy_state_dirty_pop(struct sy_state *state)
{
    struct node *node = state->dirty;
    if (node == NULL)
        return;
    DL_DELETE(state->dirty, node);
    state->dirty_count--;
    node->dirty = false;
    if (node->removed)
        node_destroy(node);
}

void sy_state_ref(struct sy_state *state, enum sy_row_kind kind, size_t index,
                  struct sy_row_ref *ret)
{
    SY_ASSERT(kind < SY_ROW_KIND_COUNT && index < state->rows[kind].count);
    fill_ref(state, state->rows[kind].items[index], ret);
}

/* ---- rows ---- */

static const void *row_or_null(struct node *node)
{
    return node == NULL ? NULL : node_row(node);
}

const struct sy_meta *sy_state_meta(const struct sy_state *state)
{
    return &state->meta.row;
}

const struct sy_miner *sy_state_miner(const struct sy_state *state, uint64_t id)
{
    return row_or_null(find_miner(state, id));
}

const struct sy_identity *sy_state_identity(const struct sy_state *state, const char *name)
{
    return row_or_null(find_name(state, SY_ROW_IDENTITY, name));
}

const struct sy_identity *sy_state_identity_of_key(const struct sy_state *state,
                                                   const char *public_key)
{
    const struct vector *vector = &state->rows[SY_ROW_IDENTITY];
    for (size_t i = 0; i < vector->count; i++) {
        const struct sy_identity *row = node_row(vector->items[i]);
        if (strcmp(row->public_key, public_key) == 0)
            return row;
    }
    return NULL;
}

const struct sy_agent *sy_state_agent(const struct sy_state *state, const char *name)
{
    struct agent_node *agent = find_agent(state, name);
    return agent == NULL ? NULL : &agent->row;
}

const struct sy_store_row *sy_state_store(const struct sy_state *state, const char *uuid)
{
    return row_or_null(find_name(state, SY_ROW_STORE, uuid));
}

const struct sy_job *sy_state_job(const struct sy_state *state, uint64_t id)
{
    return row_or_null(find_job(state, id));
}

const struct sy_sector *sy_state_sector(const struct sy_state *state, uint64_t miner,
                                        uint64_t number)
{
    struct sector_node *sector = find_sector(state, miner, number);
    return sector == NULL ? NULL : &sector->row;
}

const struct sy_task *sy_state_task(const struct sy_state *state, uint64_t id)
{
    struct task_node *task = find_task(state, id);
    return task == NULL ? NULL : &task->row;
}

const struct sy_attempt *sy_state_attempt(const struct sy_state *state, uint64_t task,
                                          uint32_t attempt)
{
    return row_or_null(find_attempt(state, task, attempt));
}

const struct sy_message *sy_state_message(const struct sy_state *state, const char *uid)
{
    return row_or_null(find_message(state, uid));
}

const struct sy_job *sy_state_job_of_key(const struct sy_state *state,
                                         const uint8_t key[SY_IDEMPOTENCY_BYTES])
{
    struct node *node = find_key(state, key);
    if (node == NULL)
        return NULL;
    return sy_state_job(state, ((const struct sy_idempotency *)node_row(node))->job);
}

size_t sy_state_count(const struct sy_state *state, enum sy_row_kind kind)
{
    return kind < SY_ROW_KIND_COUNT ? state->rows[kind].count : 0;
}

const void *sy_state_at(const struct sy_state *state, enum sy_row_kind kind, size_t index)
{
    if (index >= sy_state_count(state, kind))
        return NULL;
    return node_row(state->rows[kind].items[index]);
}

static size_t position_of(const struct sy_state *state, enum sy_row_kind kind, const void *row)
{
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
    uint32_t key_bytes = sy_state_key(kind, row, key);
    return vector_position(&state->rows[kind], key, key_bytes);
}

size_t sy_state_job_position(const struct sy_state *state, uint64_t id)
{
    struct sy_job row = {.id = id};
    return position_of(state, SY_ROW_JOB, &row);
}

size_t sy_state_task_position(const struct sy_state *state, uint64_t id)
{
    struct sy_task row = {.id = id};
    return position_of(state, SY_ROW_TASK, &row);
}

size_t sy_state_sector_position(const struct sy_state *state, uint64_t miner, uint64_t number)
{
    struct sy_sector row = {.miner = miner, .number = number};
    return position_of(state, SY_ROW_SECTOR, &row);
}

size_t sy_state_attempt_position(const struct sy_state *state, uint64_t task, uint32_t attempt)
{
    struct sy_attempt row = {.task = task, .attempt = attempt};
    return position_of(state, SY_ROW_ATTEMPT, &row);
}

/* ---- indexes ---- */

static const struct sy_task *task_or_null(const struct task_node *task)
{
    return task == NULL ? NULL : &task->row;
}

static const struct sy_sector *sector_or_null(const struct sector_node *sector)
{
    return sector == NULL ? NULL : &sector->row;
}

const struct sy_task *sy_state_queue_first(const struct sy_state *state, uint32_t stage)
{
    return stage < SY_STAGE_COUNT ? task_or_null(state->queue[stage]) : NULL;
}

const struct sy_task *sy_state_queue_next(const struct sy_task *task)
{
    return task_or_null(NODE_OF(task_node, task)->next);
}

const struct sy_task *sy_state_active_first(const struct sy_state *state, const char *agent)
{
    struct agent_node *node = find_agent(state, agent);
    return node == NULL ? NULL : task_or_null(node->active);
}

const struct sy_task *sy_state_active_next(const struct sy_task *task)
{
    return task_or_null(NODE_OF(task_node, task)->next);
}

const struct sy_task *sy_state_stop_first(const struct sy_state *state)
{
    return task_or_null(state->stopping);
}

const struct sy_task *sy_state_stop_next(const struct sy_task *task)
{
    return task_or_null(NODE_OF(task_node, task)->next);
}

void sy_state_stop_done(struct sy_state *state, uint64_t task_id, uint32_t attempt)
{
    struct task_node *task = find_task(state, task_id);
    if (task != NULL && task->stopping && task->row.attempt == attempt)
        index_task_stopped(state, task);
}

const struct sy_task *sy_state_sector_task_first(const struct sy_sector *sector)
{
    return task_or_null(NODE_OF(sector_node, sector)->tasks);
}

const struct sy_task *sy_state_sector_task_next(const struct sy_task *task)
{
    return task_or_null(NODE_OF(task_node, task)->sector_next);
}

const struct sy_sector *sy_state_in_first(const struct sy_state *state, uint32_t sector_state)
{
    return sector_state < SY_SECTOR_STATE_COUNT ? sector_or_null(state->in[sector_state]) : NULL;
}

const struct sy_sector *sy_state_in_next(const struct sy_sector *sector)
{
    return sector_or_null(NODE_OF(sector_node, sector)->next);
}

size_t sy_state_in_count(const struct sy_state *state, uint32_t sector_state)
{
    return sector_state < SY_SECTOR_STATE_COUNT ? state->in_count[sector_state] : 0;
}

size_t sy_state_task_count(const struct sy_state *state, uint32_t stage, uint32_t task_state)
{
    if (stage >= SY_STAGE_COUNT || task_state > SY_TASK_CANCELLED)
        return 0;
    return state->task_count[stage][task_state];
}

uint32_t sy_state_slots_used(const struct sy_state *state, const char *agent, uint32_t stage)
{
    const struct agent_node *node = find_agent(state, agent);
    if (node == NULL || stage >= SY_STAGE_COUNT)
        return 0;
    return node->used[stage] + node->stopping[stage];
}

uint32_t sy_state_slots_offered(const struct sy_agent *agent, uint32_t stage)
{
    const struct sy_slot_offer *offers = agent->slots.items;
    uint32_t count = 0;
    for (uint32_t i = 0; i < agent->slots.count; i++) {
        if (offers[i].stage == stage && !__builtin_add_overflow(count, offers[i].count, &count))
            continue;
        if (offers[i].stage == stage)
            return UINT32_MAX;
    }
    return count;
}

/* ---- volatile values ---- */

void sy_state_set_liveness(struct sy_state *state, const char *agent, enum sy_liveness liveness,
                           int64_t seen_ms)
{
    struct agent_node *node = find_agent(state, agent);
    if (node == NULL)
        return;
    node->row.liveness = liveness;
    node->row.last_seen_ms = SY_MAX(node->row.last_seen_ms, seen_ms);
}

void sy_state_set_store_space(struct sy_state *state, const char *uuid, bool online,
                              uint64_t bytes_total, uint64_t bytes_free)
{
    struct node *node = find_name(state, SY_ROW_STORE, uuid);
    if (node == NULL)
        return;
    struct sy_store_row *row = node_row(node);
    row->online = online;
    row->bytes_total = bytes_total;
    row->bytes_free = bytes_free;
}
