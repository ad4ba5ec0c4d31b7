/* The spec of one stage: what the scheduler said plus what only the agent knows (paths, threads,
 * huge pages). Keys are those of the task contract; the scheduler may not set the agent's.
 *
 * REMOVE works on the long-term store when the sector has one, else on scratch. Threads: pure.
 */
#ifndef SEALYARD_AGENT_TASK_SPEC_H
#define SEALYARD_AGENT_TASK_SPEC_H

#include "agent/agent_conf.h"
#include "agent/ledger.h"
#include "agent/scratch.h"
#include "agent/slot.h"

#define SY_TASK_SPEC_FILE "spec.json"
/* Key of START's spec of C2, for the agent: SHA-256 of the C1 file in hex. */
#define SY_TASK_C1_DIGEST "c1_sha256"

struct sy_task_spec {
    char *text; /* malloc'ed JSON */
    size_t bytes;
    bool has_scratch;
    struct sy_sector_paths scratch; /* valid with has_scratch */
    char output[SY_PATH_BYTES];     /* c1, unseal; "" = none */
    uint64_t size_bytes;            /* unseal range, 0 = all */
};

/* scratch and long_store may be NULL when START named none; a stage that needs one is refused
 * (-SY_E_ARG). C2 without scratch reads the file that was fetched. A spec that is no object or sets
 * one of the agent's keys: -SY_E_PARSE / -SY_E_ARG.
 */
int sy_task_spec_build(struct sy_task_spec *ret, const struct sy_agent_conf *conf,
                       const struct sy_ledger_record *record, const struct sy_slot *slot,
                       const struct sy_store_row *scratch, const struct sy_store_row *long_store,
                       struct sy_error *err);
void sy_task_spec_fini(struct sy_task_spec *spec);

/* <dir>/outputs/task-<id>: where the result of an unseal task waits for the client. */
int sy_task_output_path(char *ret_path, const char *dir, uint64_t task, struct sy_error *err);

#endif
