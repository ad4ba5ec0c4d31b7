#include "scheduler/core/snapshot.h"
#include "scheduler/core/job_fsm.h"
#include "scheduler/core/state_internal.h"

#include <string.h>

#include <utlist.h>

#define SMALL_FILES_BYTES (1u << 20) /* p_aux, t_aux, markers, one C1 file, block rounding */

/* Order in which finished work frees resources: what was begun comes first. */
static const uint32_t stage_order[] = {SY_STAGE_FIN, SY_STAGE_C2,     SY_STAGE_C1,     SY_STAGE_PC2,
                                       SY_STAGE_PC1, SY_STAGE_UNSEAL, SY_STAGE_REMOVE, SY_STAGE_AP};

uint32_t sy_snapshot_layers(uint64_t sector_bytes)
{
    return sector_bytes >= (32ull << 30) ? 11 : 2;
}

/* Parts in quarters of a sector: AP writes the unsealed file (4/4); PC1 tree-d (8/4) and the
 * layers; PC2 the sealed file (4/4) and tree-c plus tree-r-last (8/7 each at most: counted 5/4 +
 * 5/4 below 32 GiB, where tree-r-last is whole; above, its rows are dropped and 5/4 covers both).
 */
#define QUARTERS_AP 4u
#define QUARTERS_TREE_D 8u

static uint64_t quarters(uint64_t sector_bytes, uint64_t count)
{
    uint64_t bytes = 0;
    if (!sy_mul_ok(sector_bytes / 4, count, &bytes) || !sy_add_ok(bytes, SMALL_FILES_BYTES, &bytes))
        return UINT64_MAX / 4;
    return bytes;
}

static uint64_t quarters_pc1(uint64_t sector_bytes)
{
    return QUARTERS_TREE_D + 4ull * sy_snapshot_layers(sector_bytes);
}

static uint64_t quarters_pc2(uint64_t sector_bytes)
{
    return sector_bytes >= (32ull << 30) ? 9 : 14;
}

uint64_t sy_snapshot_scratch_bytes(uint64_t sector_bytes)
{
    return quarters(sector_bytes,
                    QUARTERS_AP + quarters_pc1(sector_bytes) + quarters_pc2(sector_bytes));
}

uint64_t sy_snapshot_coming_bytes(uint64_t sector_bytes, uint32_t state, bool stage_runs)
{
    uint64_t pc2 = quarters_pc2(sector_bytes), pc1 = quarters_pc1(sector_bytes);
    switch (state) {
    case SY_SECTOR_AddPiece:
    case SY_SECTOR_AddPieceFailed:
        return quarters(sector_bytes, (stage_runs ? 0 : QUARTERS_AP) + pc1 + pc2);
    case SY_SECTOR_GetTicket:
        return quarters(sector_bytes, pc1 + pc2);
    case SY_SECTOR_PreCommit1:
        return quarters(sector_bytes, (stage_runs ? 0 : pc1) + pc2);
    case SY_SECTOR_SealPreCommit1Failed:
        return quarters(sector_bytes, pc2);
    case SY_SECTOR_PreCommit2:
    case SY_SECTOR_SealPreCommit2Failed:
        return stage_runs ? 0 : quarters(sector_bytes, pc2);
    default:
        return 0;
    }
}

uint64_t sy_snapshot_long_bytes(uint64_t sector_bytes, bool keep_unsealed)
{
    /* sealed, and tree-r-last: whole (8/7 of a sector's hashes) below 32 GiB, its top above */
    uint64_t count = sector_bytes >= (32ull << 30) ? 5 : 9;
    return quarters(sector_bytes, count + (keep_unsealed ? 4 : 0));
}

/* ---- the picture ---- */

static uint32_t agent_index(const struct sy_view *view, const char *name)
{
    uint32_t low = 0, high = view->agent_count;
    while (low < high) { /* agents stand in order of name */
        uint32_t middle = low + (high - low) / 2;
        int order = strcmp(view->agents[middle].name, name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SY_VIEW_NONE;
}

static uint32_t store_index(const struct sy_view *view, uint32_t agent, const char *uuid)
{
    if (agent == SY_VIEW_NONE)
        return SY_VIEW_NONE;
    const struct sy_view_agent *row = &view->agents[agent];
    for (uint32_t i = row->first_store; i < row->first_store + row->store_count; i++) {
        if (strcmp(view->stores[i].uuid, uuid) == 0)
            return i;
    }
    return SY_VIEW_NONE;
}

static uint32_t miner_index(const struct sy_view *view, uint64_t id)
{
    for (uint32_t i = 0; i < view->miner_count; i++) {
        if (view->miners[i].id == id)
            return i;
    }
    return SY_VIEW_NONE;
}

static void fill_agents(const struct sy_state *state, struct sy_view *view)
{
    const struct vector *agents = &state->rows[SY_ROW_AGENT];
    for (uint32_t i = 0; i < view->agent_count; i++) {
        const struct agent_node *agent = (const struct agent_node *)agents->items[i];
        struct sy_view_agent *row = &view->agents[i];
        memcpy(row->name, agent->row.name, sizeof(row->name));
        row->liveness = agent->row.liveness;
        row->paused = agent->row.paused;
        row->draining = agent->row.draining;
        for (uint32_t stage = 0; stage < SY_STAGE_COUNT; stage++) {
            row->slots[stage] = sy_state_slots_offered(&agent->row, stage);
            row->used[stage] = agent->used[stage] + agent->stopping[stage];
        }
    }
}

static void fill_stores(const struct sy_state *state, struct sy_view *view)
{
    const struct vector *stores = &state->rows[SY_ROW_STORE];
    uint32_t next = 0;
    for (uint32_t agent = 0; agent < view->agent_count; agent++) {
        view->agents[agent].first_store = next;
        for (size_t i = 0; i < stores->count; i++) {
            const struct sy_store_row *store = node_row(stores->items[i]);
            if (strcmp(store->agent, view->agents[agent].name) != 0)
                continue;
            struct sy_view_store *row = &view->stores[next++];
            memcpy(row->uuid, store->uuid, sizeof(row->uuid));
            row->agent = agent;
            row->kind = store->kind;
            row->online = store->online;
            row->bytes_total = store->bytes_total;
            row->bytes_free = store->bytes_free;
        }
        view->agents[agent].store_count = next - view->agents[agent].first_store;
    }
    view->store_count = next;
}

static uint64_t sector_bytes_of(const struct sy_state *state, uint64_t miner)
{
    const struct sy_miner *row = sy_state_miner(state, miner);
    return row == NULL ? 0 : row->sector_bytes;
}

static bool stage_runs(const struct sector_node *sector)
{
    const struct task_node *last = sector->tasks_last;
    return last != NULL &&
           (last->row.state == SY_TASK_LEASED || last->row.state == SY_TASK_RUNNING);
}

/* A sector occupies scratch from its AP lease until FIN has moved it or REMOVE swept it. */
static void book_sector(const struct sy_state *state, struct sy_view *view,
                        const struct sector_node *sector)
{
    const struct sy_sector *row = &sector->row;
    bool runs = stage_runs(sector);
    uint32_t miner = miner_index(view, row->miner);
    bool begun = sy_fsm_is_sealing(row->state) || (row->state == SY_SECTOR_AddPiece && runs);
    if (begun && miner != SY_VIEW_NONE)
        view->miners[miner].sealing++;
    bool waits_for_ap = row->state == SY_SECTOR_AddPiece && !runs;
    uint32_t store = store_index(view, agent_index(view, row->scratch_agent), row->scratch_store);
    if (store == SY_VIEW_NONE || waits_for_ap)
        return;
    uint64_t sector_bytes = sector_bytes_of(state, row->miner);
    struct sy_view_store *place = &view->stores[store];
    place->bytes_booked += sy_snapshot_scratch_bytes(sector_bytes);
    place->bytes_coming += sy_snapshot_coming_bytes(sector_bytes, row->state, runs);
    if (row->state != SY_SECTOR_FinalizeSector || !runs)
        return;
    uint32_t to = store_index(view, place->agent, sector->tasks_last->row.store);
    if (to != SY_VIEW_NONE)
        view->stores[to].bytes_coming += sy_snapshot_long_bytes(sector_bytes, row->keep_unsealed);
}

static void book_sectors(const struct sy_state *state, struct sy_view *view)
{
    for (uint32_t is = 1; is < SY_SECTOR_STATE_COUNT; is++) {
        if (is == SY_SECTOR_Empty || is == SY_SECTOR_Proving || is == SY_SECTOR_Removed)
            continue;
        const struct sector_node *sector = NULL;
        DL_FOREACH(state->in[is], sector)
        {
            book_sector(state, view, sector);
        }
    }
}

static void fill_task(const struct sy_state *state, const struct sy_view *view,
                      const struct task_node *task, struct sy_view_task *ret)
{
    const struct sy_task *row = &task->row;
    const struct sy_sector *sector = &task->sector->row;
    uint64_t sector_bytes = sector_bytes_of(state, row->miner);
    ret->id = row->id;
    ret->number = row->number;
    ret->miner = miner_index(view, row->miner);
    ret->stage = row->stage;
    ret->created_ms = row->created_ms;
    ret->not_before_ms = row->not_before_ms;
    ret->agent = SY_VIEW_NONE;
    ret->prefer_agent = SY_VIEW_NONE;
    ret->avoid_agent =
        row->avoid_agent[0] == '\0' ? SY_VIEW_NONE : agent_index(view, row->avoid_agent);
    if (row->stage == SY_STAGE_AP) {
        ret->prefer_agent = agent_index(view, sector->scratch_agent);
        ret->scratch_bytes = sy_snapshot_scratch_bytes(sector_bytes);
    } else if (row->stage == SY_STAGE_UNSEAL) {
        const struct sy_store_row *store = sy_state_store(state, sector->long_store);
        ret->agent = store == NULL ? SY_VIEW_NONE : agent_index(view, store->agent);
        ret->agent_lost = ret->agent == SY_VIEW_NONE;
    } else if (row->stage != SY_STAGE_C2) {
        ret->agent = agent_index(view, sector->scratch_agent);
        ret->agent_lost = ret->agent == SY_VIEW_NONE;
    }
    if (row->stage == SY_STAGE_FIN)
        ret->long_bytes = sy_snapshot_long_bytes(sector_bytes, sector->keep_unsealed);
    for (const struct task_node *other = task->sector->tasks; other != NULL;
         other = other->sector_next)
        ret->stopping = ret->stopping || other->stopping;
}

static void fill_tasks(const struct sy_state *state, struct sy_view *view)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(stage_order); i++) {
        const struct task_node *task = NULL;
        DL_FOREACH(state->queue[stage_order[i]], task)
        {
            fill_task(state, view, task, &view->tasks[view->task_count++]);
        }
    }
}

int sy_snapshot_build(const struct sy_state *state, struct sy_arena *arena, struct sy_view **ret,
                      struct sy_error *err)
{
    size_t agents = state->rows[SY_ROW_AGENT].count, stores = state->rows[SY_ROW_STORE].count;
    size_t miners = state->rows[SY_ROW_MINER].count, tasks = 0;
    for (uint32_t stage = 0; stage < SY_STAGE_COUNT; stage++)
        tasks += state->task_count[stage][SY_TASK_QUEUED];
    struct sy_view *view = sy_arena_alloc(arena, sizeof(*view));
    if (view == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for a snapshot");
    view->agents = sy_arena_alloc(arena, (agents + 1) * sizeof(*view->agents));
    view->stores = sy_arena_alloc(arena, (stores + 1) * sizeof(*view->stores));
    view->miners = sy_arena_alloc(arena, (miners + 1) * sizeof(*view->miners));
    view->tasks = sy_arena_alloc(arena, (tasks + 1) * sizeof(*view->tasks));
    if (view->agents == NULL || view->stores == NULL || view->miners == NULL || view->tasks == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for a snapshot of %zu tasks and %zu agents",
                       tasks, agents);
    view->agent_count = (uint32_t)agents;
    view->miner_count = (uint32_t)miners;
    for (uint32_t i = 0; i < view->miner_count; i++)
        view->miners[i].id =
            ((const struct sy_miner *)node_row(state->rows[SY_ROW_MINER].items[i]))->id;
    fill_agents(state, view);
    fill_stores(state, view);
    book_sectors(state, view);
    fill_tasks(state, view);
    *ret = view;
    return 0;
}
