/* Who runs what next. Pure: the same view, policy, time and seed give the same plan.
 *
 * Order: what finishes begun work comes first (FIN, C2, C1, PC2, PC1, UNSEAL, REMOVE, AP), inside a
 * stage the older task. Hard slots per agent and stage. PC1, PC2, C1, FIN and REMOVE run where the
 * scratch of the sector is, UNSEAL where its long-term store is; AP goes to the agent and scratch
 * store with most bytes to spare, FIN to the long-term store of its agent with most. Every
 * placement lowers slots and bytes for the ones after it. Cost: queued tasks x agents for AP,
 * queued tasks for the rest.
 */
#ifndef SEALYARD_SCHEDULER_CORE_PLANNER_H
#define SEALYARD_SCHEDULER_CORE_PLANNER_H

#include "scheduler/core/snapshot.h"

struct sy_plan_policy {
    uint32_t max_sealing; /* sectors of one miner between AP and the end of FIN; 0 = no limit */
    uint64_t scratch_spare_bytes; /* left free on every scratch store */
    uint32_t placements_max;      /* of one plan; 0 = no limit. The rest waits for the next plan */
};

/* Why a task does, or does not, run on an agent. X(id, text) */
#define SY_WHY_MAP(X)                                                                              \
    X(PLACED, "placed")                                                                            \
    X(OWNER, "placed: the agent holds the sector's scratch")                                       \
    X(LONG_OWNER, "placed: the agent holds the sector's long-term files")                          \
    X(MOST_SPACE, "placed: most scratch space to spare")                                           \
    X(SAME_AGENT, "placed: an earlier attempt ran here")                                           \
    X(NO_SLOT, "the agent offers no slot for this stage")                                          \
    X(SLOTS_BUSY, "all slots of this stage are in use")                                            \
    X(NOT_OWNER, "the sector's files are on another agent")                                        \
    X(OWNER_UNKNOWN, "the agent or store that holds the sector's files is not known")              \
    X(PAUSED, "the agent is paused")                                                               \
    X(DRAINING, "the agent is draining and begins no new sector")                                  \
    X(OFFLINE, "the agent is not connected")                                                       \
    X(SUSPECT, "the agent has not answered for some seconds")                                      \
    X(DEAD, "the agent is considered dead")                                                        \
    X(NO_SCRATCH, "the agent has no scratch store online")                                         \
    X(SCRATCH_FULL, "no scratch store has the space")                                              \
    X(NO_LONG, "the agent has no long-term store online")                                          \
    X(LONG_FULL, "no long-term store has the space")                                               \
    X(BACKOFF, "waits after a failure")                                                            \
    X(STOPPING, "waits until a cancelled attempt of the sector has stopped")                       \
    X(MAX_SEALING, "max_sealing sectors of this miner are being sealed")                           \
    X(AVOIDED, "failed here for lack of resources; another agent is preferred")                    \
    X(PLAN_LIMIT, "one plan places only so many tasks; next plan")
enum sy_why {
#define SY_WHY_ENUM(id, text) SY_WHY_##id,
    SY_WHY_MAP(SY_WHY_ENUM)
#undef SY_WHY_ENUM
        SY_WHY_COUNT,
};
const char *sy_why_name(uint32_t why); /* "SCRATCH_FULL" */
const char *sy_why_text(uint32_t why);

struct sy_placement {
    uint64_t task;
    uint32_t agent; /* index into the view */
    uint32_t store; /* index: scratch store for AP, long-term for FIN; else SY_VIEW_NONE */
    uint32_t why;
};

/* A task that stays queued. `why` holds for all agents when reasons is NULL (BACKOFF, STOPPING,
 * MAX_SEALING, OWNER_UNKNOWN, PLAN_LIMIT); for a bound task `agent` is the one that decides;
 * otherwise reasons has one enum sy_why per agent of the view and `why` is the most hopeful of
 * them. */
struct sy_unplaced {
    uint64_t task;
    uint32_t agent; /* SY_VIEW_NONE = not bound */
    uint32_t why;
    const uint8_t *reasons;
};

struct sy_plan {
    struct sy_placement *placements; /* in order of importance */
    struct sy_unplaced *unplaced;
    uint32_t placement_count, unplaced_count;
    int64_t next_ms; /* earliest end of a backoff (wall clock); 0 = none: plan again then */
};

/* now_ms is wall clock (backoffs are stored so). The view is not changed: booking goes into copies
 * in the arena. -SY_E_NOMEM when the arena is full. */
int sy_plan(const struct sy_view *view, const struct sy_plan_policy *policy, int64_t now_ms,
            uint64_t seed, struct sy_arena *arena, struct sy_plan **ret, struct sy_error *err);

/* `tasks why`: plain text, one line per agent, with numbers (slots used/offered, bytes needed/free,
 * seconds to wait). Plans first, so it tells what the next plan would do. Returns text, which is
 * cut at text_bytes - 1. Unknown or not queued: one line says so. */
const char *sy_plan_why(const struct sy_view *view, const struct sy_plan_policy *policy,
                        int64_t now_ms, uint64_t task, struct sy_arena *arena, char *text,
                        size_t text_bytes);

#endif
