/* The JSON seam of a stage: the part of its spec that the scheduler knows, and what its result
 * means.
 *
 * START.spec has the keys of the task contract that are not paths and not resources; the agent adds
 * those. A result is checked strictly: a missing key, a wrong type or a hash of the wrong length is
 * the stage's own mistake, so the attempt counts as failed with class BUG, and a commitment that
 * contradicts what the sector knows already as CORRUPT.
 * Threads: pure functions.
 */
#ifndef SEALYARD_SCHEDULER_SPEC_H
#define SEALYARD_SCHEDULER_SPEC_H

#include "common/job.h"

/* Bytes that a sector's START.spec may have: it travels in one frame with 64 KiB to spare. */
#define SY_SPEC_BYTES_MAX (960u * 1024)
/* A new malloc'ed JSON text (NUL-terminated, *ret_bytes without the NUL; free it with free()).
 * `job` is needed for UNSEAL (range) and may be NULL otherwise. -SY_E_STATE when the sector lacks
 * what the stage needs (a ticket for PC1 ...), naming it. For C2 the spec also names
 * the digest of the C1 file ("c1_sha256"), which the agent needs when the file is not on its disk.
 */
int sy_spec_build(enum sy_stage stage, const struct sy_sector *sector, const struct sy_job *job,
                  char **ret_text, size_t *ret_bytes, struct sy_error *err);

/* Fills pieces, hashes, CIDs and proof of *event from the stage's result JSON. Lists and slices go
 * to the arena. On failure *event is untouched; err->class is BUG, INPUT or CORRUPT. */
int sy_spec_parse_result(enum sy_stage stage, const struct sy_sector *sector, const char *json,
                         size_t json_bytes, struct sy_arena *arena, struct sy_ev_task_result *event,
                         struct sy_error *err);

#endif
