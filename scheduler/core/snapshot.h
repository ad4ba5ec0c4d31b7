/* A frozen picture of what the planner looks at: plain arrays in an arena, made from the state or
 * by a test or a simulation by hand. Nothing in it points into the state.
 */
#ifndef SEALYARD_SCHEDULER_CORE_SNAPSHOT_H
#define SEALYARD_SCHEDULER_CORE_SNAPSHOT_H

#include "common/job.h"

struct sy_state;

#define SY_VIEW_NONE UINT32_MAX /* no index */

struct sy_view_agent {
    char name[SY_NAME_BYTES];
    uint32_t liveness; /* enum sy_liveness */
    bool paused;       /* starts nothing */
    bool draining;     /* begins no new sector, finishes what it has */
    uint32_t slots[SY_STAGE_COUNT];
    uint32_t used[SY_STAGE_COUNT];     /* leased, running, or still to be stopped */
    uint32_t first_store, store_count; /* its stores lie side by side */
};

/* avail = min(bytes_total - bytes_booked, bytes_free - bytes_coming): the first bound is right on a
 * store that holds only sectors, the second when other files share the disk. */
struct sy_view_store {
    char uuid[SY_UUID_BYTES];
    uint32_t agent;
    uint32_t kind; /* enum sy_store_kind */
    bool online;
    uint64_t bytes_total, bytes_free;
    uint64_t bytes_booked; /* whole need of the sectors that live here */
    uint64_t bytes_coming; /* of it, what is surely not written yet */
};

struct sy_view_miner {
    uint64_t id;
    uint32_t sealing; /* sectors begun and not finished, leased AP tasks included */
};

/* One queued task. */
struct sy_view_task {
    uint64_t id, number;
    uint32_t miner; /* index */
    uint32_t stage;
    int64_t created_ms, not_before_ms;
    uint32_t agent;  /* the only agent that can run it; SY_VIEW_NONE = any (AP, C2) */
    bool agent_lost; /* bound to an agent or store that the state does not know: never placed */
    bool stopping;   /* a cancelled attempt of the sector still runs */
    uint32_t prefer_agent; /* AP: where an earlier attempt ran */
    uint32_t avoid_agent;
    uint64_t scratch_bytes; /* AP: whole need of the sector on scratch */
    uint64_t long_bytes;    /* FIN: need on a long-term store */
};

/* tasks: oldest first inside a stage, stages in any order. */
struct sy_view {
    struct sy_view_agent *agents;
    struct sy_view_store *stores;
    struct sy_view_miner *miners;
    struct sy_view_task *tasks;
    uint32_t agent_count, store_count, miner_count, task_count;
};

/* Builds the picture; -SY_E_NOMEM when the arena is full. */
int sy_snapshot_build(const struct sy_state *state, struct sy_arena *arena, struct sy_view **ret,
                      struct sy_error *err);

/* Bytes that a sector needs on scratch from AP to FIN: unsealed and sealed file, tree-d (2x),
 * layers, tree-c and tree-r-last with margin, small files (source: file list and sizes of the
 * sealing facts). */
uint64_t sy_snapshot_scratch_bytes(uint64_t sector_bytes);
/* Of these, what a sector in `state` has surely not written yet; `stage_runs`: its task was leased.
 */
uint64_t sy_snapshot_coming_bytes(uint64_t sector_bytes, uint32_t state, bool stage_runs);
/* Bytes of the finished sector on a long-term store. */
uint64_t sy_snapshot_long_bytes(uint64_t sector_bytes, bool keep_unsealed);
/* Layers of the graph: 11 from 32 GiB on, 2 below. */
uint32_t sy_snapshot_layers(uint64_t sector_bytes);

#endif
