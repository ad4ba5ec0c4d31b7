/* The agent's memory of its attempts: one durable file per attempt in <dir>/ledger.
 *
 * A record is written before the scheduler is told anything (START_ACK) and removed only after
 * RESULT_ACK or a finished STOP. Life: PREPARED (nothing started) -> RUNNING (a shim with this pid,
 * start time and boot id may run the task; written before the shim gets its word to go). That the
 * task has ended is told by exit.json in the attempt's directory, not by the ledger.
 *
 * File "<task>-<attempt>": "SYLR" | u32 version | u32 body bytes | u32 crc32c of the body | body
 * (table-encoded record), little-endian. A damaged file is renamed to "<name>.damaged" and
 * reported. Threads: the loop thread.
 */
#ifndef SEALYARD_AGENT_LEDGER_H
#define SEALYARD_AGENT_LEDGER_H

#include "common/file.h"
#include "common/job.h"

#define SY_LEDGER_VERSION 1
#define SY_LEDGER_SPEC_BYTES_MAX (768u * 1024)
#define SY_LEDGER_FILE_BYTES_MAX (1u << 20)
#define SY_LEDGER_NAME_BYTES 48 /* "<task>-<attempt>" */

enum sy_ledger_state { SY_LEDGER_PREPARED = 1, SY_LEDGER_RUNNING };

struct sy_ledger_record {
    uint64_t task;
    uint32_t attempt;
    uint32_t state;
    uint8_t token[SY_TOKEN_BYTES];
    uint32_t stage;
    uint64_t miner, number;
    uint32_t proof_type;
    char scratch_store[SY_UUID_BYTES], long_store[SY_UUID_BYTES];
    struct sy_slice spec; /* JSON of START */
    bool stopping;        /* STOP arrived: the attempt must not report */
    uint32_t slot;        /* index inside the stage's slots */
    uint32_t shim_pid;
    uint64_t shim_start_ticks; /* field 22 of /proc/PID/stat */
    char boot_id[SY_UUID_BYTES];
    int64_t accepted_ms; /* wall clock */
};

/* "<task>-<attempt>" into ret[SY_LEDGER_NAME_BYTES]; returns ret. */
char *sy_ledger_name(uint64_t task, uint32_t attempt, char *ret);

/* Durable create or replacement. */
int sy_ledger_put(const char *directory, const struct sy_ledger_record *record,
                  struct sy_error *err);
/* Durable removal; missing is success. */
int sy_ledger_remove(const char *directory, uint64_t task, uint32_t attempt, struct sy_error *err);
/* Calls on_record for each good record (slices live until it returns) and on_damaged for each bad
 * file after it was renamed. Stops at the first failure of on_record. Temporary files are swept. */
int sy_ledger_load(const char *directory,
                   int (*on_record)(void *ctx, const struct sy_ledger_record *record,
                                    struct sy_error *err),
                   void (*on_damaged)(void *ctx, const char *name, const struct sy_error *reason),
                   void *ctx, struct sy_error *err);

extern const struct sy_table sy_table_ledger_record;

#endif
