/* Everything the scheduler knows, in memory. Changed only by events.
 *
 * Protocol of one change: sy_state_check says whether the event applies now; sy_state_apply applies
 * it wholly or not at all (only -SY_E_NOMEM is left to fail, and it fails before the first change),
 * deep copies what it keeps, numbers it last_event + 1 and marks the rows it touched.
 * scheduler/record.c takes the marked rows (sy_state_dirty_*) into the batch that also holds the
 * event. Recovery puts rows back with sy_state_put; fsck replays events through the same check and
 * apply.
 *
 * Determinism: the rows are a function of the events (bodies and wall_ms) and of nothing else.
 * Volatile values (liveness, free bytes, online, last_seen) are kept beside the rows, shown in
 * them, and never stored: a stored row has them zero (last_seen_ms: time of the last AGENT_HELLO).
 *
 * Order: every kind is kept in a vector sorted by stored key, so that walking it is key order and a
 * reservation makes insertion unfailing. New jobs, tasks and sectors of a miner always go to the
 * end.
 *
 * Errors of check: -SY_E_STALE = old news, drop it silently (a repeat, an older fence); -SY_E_STATE
 * = refused in this state; -SY_E_NOT_FOUND, -SY_E_EXISTS, -SY_E_RANGE, -SY_E_LIMIT, -SY_E_ARG as
 * named. Row pointers are borrowed and valid until the next apply. Threads: one (the loop thread).
 * Pure.
 */
#ifndef SEALYARD_SCHEDULER_CORE_STATE_H
#define SEALYARD_SCHEDULER_CORE_STATE_H

#include "common/job.h"

#define SY_STATE_SECTORS_MAX (1u << 20)              /* rows; JOB_SUBMITTED beyond is -SY_E_LIMIT */
#define SY_STATE_OPEN_TASKS_MAX (1u << 17)           /* queued + leased + running; the same */
#define SY_STATE_NAMES_MAX 4096                      /* agents, identities, stores, miners, each */
#define SY_STATE_IDEMPOTENCY_MS (24 * 3600 * 1000ll) /* how long a submit key is remembered */
#define SY_STATE_EXPIRE_PER_EVENT 64                 /* keys forgotten per event at most */
#define SY_STATE_POLICY_BYTES_MAX 60000              /* text in POLICY_ACCEPTED */
/* So that a row always fits a stored value (64 KiB): */
#define SY_STATE_RESULT_BYTES_MAX 60000   /* result JSON of a task */
#define SY_STATE_TOPOLOGY_BYTES_MAX 48000 /* of an agent */
#define SY_STATE_PIECES_BYTES_MAX 32000   /* submitted pieces of a sector, each 180 + path */
#define SY_STATE_FILLERS_MAX 40           /* fillers that AP may add to them */
#define SY_STATE_PROOF_BYTES_MAX 24192    /* 126 proofs of 192 bytes */
#define SY_STATE_PARAMS_BYTES_MAX 28000   /* parameters of a chain message: split larger batches */
#define SY_STATE_RETURN_BYTES_MAX 4000    /* return value of a chain message */
#define SY_STATE_KEY_BYTES_MAX 63

/* Numbers are stored by fsck output only; order is the order of recovery. */
enum sy_row_kind {
    SY_ROW_META = 0,
    SY_ROW_MINER,
    SY_ROW_IDENTITY,
    SY_ROW_AGENT,
    SY_ROW_STORE,
    SY_ROW_JOB,
    SY_ROW_SECTOR,
    SY_ROW_TASK,
    SY_ROW_ATTEMPT,
    SY_ROW_MESSAGE,
    SY_ROW_IDEMPOTENCY,
    SY_ROW_KIND_COUNT,
};

/* One row of its own: counters and what belongs to the store as a whole. */
struct sy_meta {
    uint64_t last_event;
    uint64_t next_job, next_task; /* the ids to be given next, from 1 */
    uint64_t generation;
    uint8_t instance[16];
    char machine_id[40];
    uint64_t expired_job; /* submit keys of jobs up to this one are forgotten */
    uint8_t policy_digest[32];
    int64_t policy_ms;
};

struct sy_idempotency {
    uint8_t key[SY_IDEMPOTENCY_BYTES];
    uint64_t job;
    int64_t created_ms;
};

struct sy_state;

/* NULL when memory is out. Starts empty: last_event 0, next ids 1. */
struct sy_state *sy_state_create(void);
void sy_state_destroy(struct sy_state *state); /* NULL is fine */

/* ---- change ---- */
int sy_state_check(const struct sy_state *state, const struct sy_event *event,
                   struct sy_error *err);
/* Checks (event->number must be last_event + 1, else -SY_E_BUG), then applies. */
int sy_state_apply(struct sy_state *state, const struct sy_event *event, struct sy_error *err);

/* Recovery only: deep-copies a decoded row in. The key must be new (-SY_E_EXISTS) and the row sane
 * (-SY_E_CORRUPT). Order of kinds: as enumerated; rows in any order. */
int sy_state_put(struct sy_state *state, enum sy_row_kind kind, const void *row,
                 struct sy_error *err);
/* After the last put: builds what is derived (queues, counters). A reference to a row that is
 * missing is -SY_E_CORRUPT and names both; ret_kind and ret_row (NULL is fine) tell the offender.
 */
int sy_state_finish_load(struct sy_state *state, struct sy_error *err);

/* Invariants I2, I3, I4, I6, I12 and the agreement of every index with the rows. O(everything). */
int sy_state_verify(const struct sy_state *state, struct sy_error *err);

/* ---- rows that changed since they were last taken ---- */
struct sy_row_ref {
    enum sy_row_kind kind;
    bool removed; /* row is NULL: delete the key */
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
    uint32_t key_bytes;
    const void *row; /* volatile values zeroed; valid until the next call */
};
size_t sy_state_dirty_count(const struct sy_state *state);
/* The oldest changed row; false when none. */
bool sy_state_dirty_peek(struct sy_state *state, struct sy_row_ref *ret);
/* Forgets the row that peek showed. */
void sy_state_dirty_pop(struct sy_state *state);
/* Any row by position as it would be stored (fsck, dump). */
void sy_state_ref(struct sy_state *state, enum sy_row_kind kind, size_t index,
                  struct sy_row_ref *ret);
/* The stored key of a row; returns its length (1..63), 0 when a message uid has the wrong form. */
uint32_t sy_state_key(enum sy_row_kind kind, const void *row, uint8_t ret[SY_STATE_KEY_BYTES_MAX]);

/* ---- look ---- (NULL = unknown) */
const struct sy_meta *sy_state_meta(const struct sy_state *state);
const struct sy_miner *sy_state_miner(const struct sy_state *state, uint64_t id);
const struct sy_identity *sy_state_identity(const struct sy_state *state, const char *name);
/* By CURVE public key (Z85 text): what ZAP asks. */
const struct sy_identity *sy_state_identity_of_key(const struct sy_state *state,
                                                   const char *public_key);
const struct sy_agent *sy_state_agent(const struct sy_state *state, const char *name);
const struct sy_store_row *sy_state_store(const struct sy_state *state, const char *uuid);
const struct sy_job *sy_state_job(const struct sy_state *state, uint64_t id);
const struct sy_sector *sy_state_sector(const struct sy_state *state, uint64_t miner,
                                        uint64_t number);
const struct sy_task *sy_state_task(const struct sy_state *state, uint64_t id);
const struct sy_attempt *sy_state_attempt(const struct sy_state *state, uint64_t task,
                                          uint32_t attempt);
const struct sy_message *sy_state_message(const struct sy_state *state, const char *uid);
/* The job that a submit key made, if it is still remembered. */
const struct sy_job *sy_state_job_of_key(const struct sy_state *state,
                                         const uint8_t key[SY_IDEMPOTENCY_BYTES]);

/* Key order by position: row 0 .. count - 1. The result is a struct of the kind; NULL beyond the
 * end. */
size_t sy_state_count(const struct sy_state *state, enum sy_row_kind kind);
const void *sy_state_at(const struct sy_state *state, enum sy_row_kind kind, size_t index);
/* Position of the first row whose key is >= the one given (paging: pass last + 1). */
size_t sy_state_job_position(const struct sy_state *state, uint64_t id);
size_t sy_state_task_position(const struct sy_state *state, uint64_t id);
size_t sy_state_sector_position(const struct sy_state *state, uint64_t miner, uint64_t number);
size_t sy_state_attempt_position(const struct sy_state *state, uint64_t task, uint32_t attempt);

/* ---- indexes: first, then next of the row in hand; NULL at the end ---- */
/* Queued tasks of a stage, oldest id first. */
const struct sy_task *sy_state_queue_first(const struct sy_state *state, uint32_t stage);
const struct sy_task *sy_state_queue_next(const struct sy_task *task);
/* LEASED and RUNNING tasks of an agent, in order of lease. */
const struct sy_task *sy_state_active_first(const struct sy_state *state, const char *agent);
const struct sy_task *sy_state_active_next(const struct sy_task *task);
/* Tasks of a sector (all stages, ended ones too), oldest first. */
const struct sy_task *sy_state_sector_task_first(const struct sy_sector *sector);
const struct sy_task *sy_state_sector_task_next(const struct sy_task *task);
/* Sectors in a state, in order of entering it. */
const struct sy_sector *sy_state_in_first(const struct sy_state *state, uint32_t sector_state);
const struct sy_sector *sy_state_in_next(const struct sy_sector *sector);
size_t sy_state_in_count(const struct sy_state *state, uint32_t sector_state);
/* Tasks per (stage, state): 0 for unknown values. */
size_t sy_state_task_count(const struct sy_state *state, uint32_t stage, uint32_t task_state);
/* LEASED + RUNNING of a stage on an agent, plus attempts that still have to stop. */
uint32_t sy_state_slots_used(const struct sy_state *state, const char *agent, uint32_t stage);
/* Slots of a stage that an agent offers. */
uint32_t sy_state_slots_offered(const struct sy_agent *agent, uint32_t stage);

/* ---- attempts to stop ---- Tasks cancelled while an attempt was leased or running stay here until
 * the shell heard that the attempt is gone (STOP_ACK, or a HELLO that does not list it). Not
 * stored: after a restart HELLO lists what still runs and the shell answers STOP for what is not
 * current. */
const struct sy_task *sy_state_stop_first(const struct sy_state *state);
const struct sy_task *sy_state_stop_next(const struct sy_task *task);
void sy_state_stop_done(struct sy_state *state, uint64_t task, uint32_t attempt);

/* ---- volatile values (no event, not stored) ---- Unknown names are ignored. */
void sy_state_set_liveness(struct sy_state *state, const char *agent, enum sy_liveness liveness,
                           int64_t seen_ms);
void sy_state_set_store_space(struct sy_state *state, const char *uuid, bool online,
                              uint64_t bytes_total, uint64_t bytes_free);

#endif
