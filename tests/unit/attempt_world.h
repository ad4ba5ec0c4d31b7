/* An agent without a scheduler: real shims, real control groups where the host allows, and a list
 * of what would have been sent. */
#ifndef SEALYARD_TESTS_UNIT_ATTEMPT_WORLD_H
#define SEALYARD_TESTS_UNIT_ATTEMPT_WORLD_H

#include "agent/agent_conf.h"
#include "agent/attempt.h"
#include "agent/ledger.h"
#include "agent/spawn.h"

#include <jansson.h>

#define WORLD_SENT_MAX 64
#define WORLD_WAIT_MS 20000

struct world_sent {
    uint16_t type;
    uint64_t sequence;
    uint64_t task;
    uint32_t attempt;     /* not in FETCH */
    uint32_t verdict;     /* START_ACK */
    bool ok, unstarted;   /* RESULT */
    uint32_t error_class; /* RESULT, START_ACK */
    uint64_t peak_bytes;
    uint64_t done, total; /* PROGRESS; FETCH: offset and bytes */
    char text[1024];      /* error text */
    json_t *result;       /* RESULT */
};

struct world {
    char dir[64]; /* everything is below; removed at the end */
    char scratch[128], store[128], group[64];
    struct sy_agent_conf *conf;
    struct sy_loop *loop;
    struct sy_topo *topo;
    struct sy_slots slots;
    struct sy_stores stores;
    char scratch_id[SY_UUID_BYTES], store_id[SY_UUID_BYTES];
    struct sy_cgroup_host *cgroups;
    struct sy_attempts *attempts;
    struct world_sent sent[WORLD_SENT_MAX];
    size_t sent_count;
    int refuse_results; /* the next RESULT that is ok cannot be encoded: this error */
};

/* stage_toml: TOML text of [stage.*] and [slots*] tables; "%s" of it is not touched. use_cgroups
 * false or a host without: tasks run unpinned. */
void world_open(struct world *world, const char *stage_toml, bool use_cgroups);
void world_close(struct world *world);
/* The agent dies (nothing is told to shims) and, with adopt, a new one takes over. */
void world_kill_agent(struct world *world);
void world_start_agent(struct world *world);

/* START of task `task`, attempt `attempt`, for sector t01000-<number>, proof type 0. */
void world_start(struct world *world, enum sy_stage stage, uint64_t task, uint32_t attempt,
                 uint64_t number);
void world_start_spec(struct world *world, enum sy_stage stage, uint64_t task, uint32_t attempt,
                      uint64_t number, const char *spec);
void world_stop(struct world *world, uint64_t task, uint32_t attempt);
void world_ack(struct world *world, uint64_t task, uint32_t attempt, uint32_t verdict);

/* Turns the loop until a frame of this type for the attempt has been sent; fails the test after
 * WORLD_WAIT_MS. The frame is taken out of the list. */
struct world_sent *world_wait(struct world *world, uint16_t type, uint64_t task, uint32_t attempt);
/* Whether one is in the list now. */
bool world_has(const struct world *world, uint16_t type, uint64_t task, uint32_t attempt);
void world_turn(struct world *world, int turns);
/* Turns until the file exists. */
void world_wait_file(struct world *world, const char *path);
/* Processes whose environment belongs to the attempt. */
size_t world_processes(const struct world *world, uint64_t task, uint32_t attempt);
uint32_t world_attempts(const struct world *world);
size_t world_entries(const struct world *world, const char *sub_directory);

#endif
