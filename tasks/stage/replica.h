/* A replica between pc1 and finalize: whose it is and whether its files can be trusted. Used by pc2
 * and c1. Threads: one stage, one thread. */
#ifndef SEALYARD_TASKS_STAGE_REPLICA_H
#define SEALYARD_TASKS_STAGE_REPLICA_H

#include "tasks/stage/task.h"
#include "tasks/vanilla/proof.h"

/* Root of the cache's tree-d file; -SY_E_CORRUPT when the file is missing or has another size. */
int sy_replica_read_comm_d(const struct sy_spec *spec, uint8_t ret_comm_d[32],
                           struct sy_error *err);

/* -SY_E_MISMATCH when `found` is not what the spec's comm_d or pieces say. */
int sy_replica_check_comm_d(const struct sy_spec *spec, const uint8_t found[32],
                            struct sy_error *err);

/* Checks the files that `stage` left: those of its marker (whose replica_id must be ours) up to the
 * digest limit of the spec, or, without a marker, the sizes of `fallback`. */
int sy_replica_check_stage(const struct sy_spec *spec, enum sy_stage_id stage,
                           const uint8_t replica_id[32], const struct sy_stage_files *fallback,
                           struct sy_error *err);

/* The unsealed file against the ap marker of the cache, when there is one about this path. */
int sy_replica_check_unsealed(const struct sy_spec *spec, struct sy_error *err);

/* Proves and verifies `count` nodes drawn from comm_r: trees, layers, sealed file and roots agree
 * there. -SY_E_MISMATCH. */
int sy_replica_check_samples(const struct sy_task *task, const struct sy_vanilla_public *public,
                             uint32_t count, struct sy_error *err);

#endif
