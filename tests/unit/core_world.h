/* A small world for tests of the core: one state, a store in memory that takes every batch, and
 * helpers that make the events of a sector's life.
 */
#ifndef SEALYARD_TESTS_UNIT_CORE_WORLD_H
#define SEALYARD_TESTS_UNIT_CORE_WORLD_H

#include "scheduler/recover.h"

#define WORLD_MINER 1000
#define WORLD_SCRATCH "11111111-1111-4111-8111-111111111111"
#define WORLD_LONG "22222222-2222-4222-8222-222222222222"
#define WORLD_SCRATCH_2 "33333333-3333-4333-8333-333333333333"
#define WORLD_LONG_2 "44444444-4444-4444-8444-444444444444"
#define WORLD_RECORDS_MAX 200000

struct world_record {
    enum sy_store_table table;
    uint8_t key[SY_STORE_KEY_BYTES_MAX];
    uint32_t key_bytes;
    uint8_t *value;
    uint32_t value_bytes;
};

struct world {
    struct sy_state *state;
    struct sy_batch batch;
    int64_t now_ms;
    uint64_t chance;
    struct world_record *records; /* in order of table and key */
    size_t record_count;
    struct sy_store store; /* load works on records */
    struct sy_error error; /* of the last refused event */
};

/* An empty state; with agents: miner 1000 (2 KiB, numbers from 5), agents a1 and a2 with scratch
 * and long stores, online, two slots per stage. */
void world_init(struct world *world, bool with_agents);
void world_fini(struct world *world);
uint64_t world_random(struct world *world);

/* One event through sy_record_apply, flushed into the memory store. Returns its code. */
int world_event(struct world *world, uint32_t kind, const void *body);
/* The same without flush. */
int world_event_only(struct world *world, uint32_t kind, const void *body);
void world_flush(struct world *world);
/* Takes a batch's changes into the memory store and empties it. */
void world_take(struct world *world, struct sy_batch *batch);

uint64_t world_pledge(struct world *world, uint32_t count);
int world_lease(struct world *world, uint64_t task, const char *agent);
int world_start(struct world *world, uint64_t task);
int world_result(struct world *world, uint64_t task, bool ok, enum sy_err_class error_class,
                 int64_t retry_after_ms);
/* Lease, start and a good result. */
void world_run(struct world *world, uint64_t task);
/* The open task of a sector, 0 = none. */
uint64_t world_task_of(const struct world *world, uint64_t number);
const struct sy_sector *world_sector(const struct world *world, uint64_t number);
/* The next step of a sector's good life; false when it is at rest. */
bool world_advance(struct world *world, uint64_t number);
/* Advances until the sector is in the state; fails the test when it never gets there. */
void world_advance_to(struct world *world, uint64_t number, enum sy_sector_state state);

/* One random event, sensible or not. Returns its code. */
int world_step(struct world *world);

/* crc of all rows as they would be stored. */
uint32_t world_digest(struct sy_state *state);

#endif
