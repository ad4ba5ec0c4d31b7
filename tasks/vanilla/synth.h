/* syn-porep-vanilla-proofs.dat: the proofs of the whole synthetic set (FIP-0059), made when all
 * layers and trees are at hand, so that they can be deleted before the seed is known.
 *
 *   root of tree-d, tree-c, tree-r-last (32 bytes each), then one record per member of the set, in
 *   the order of the set:
 *   u64le challenge; 14 u64le parents (6 DRG, 8 expander);
 *   tree-d leaf and siblings; the L labels of the challenge; tree-c leaf and siblings;
 *   for each of the 14 parents: its L labels, tree-c leaf and siblings;
 *   tree-r-last leaf and siblings.
 *
 * All records have the same length. Bytes are those of the field's implementations.
 * Threads: an opened file may be read by several threads.
 */
#ifndef SEALYARD_TASKS_VANILLA_SYNTH_H
#define SEALYARD_TASKS_VANILLA_SYNTH_H

#include "tasks/sector/progress.h"
#include "tasks/vanilla/prove.h"

/* Length of one record and of the whole file. */
uint64_t sy_synth_record_bytes(const struct sy_porep_params *params);
uint64_t sy_synth_file_bytes(const struct sy_porep_params *params);

/* Proves the whole set and writes `path` durably (temporary name, fsync, rename). Every
 * verify_every-th proof, and the first and the last, are verified before they are written (0 =
 * none); of `public` replica_id, comm_r and comm_d are used. threads as in tree/parallel.h. */
int sy_synth_write(const struct sy_vanilla_prover *prover, const struct sy_porep_params *params,
                   const struct sy_vanilla_public *public, const char *path, unsigned threads,
                   uint32_t verify_every, const struct sy_progress *progress, struct sy_error *err);

struct sy_synth;
/* Checks the length of the file (-SY_E_CORRUPT). */
int sy_synth_open(struct sy_synth **ret, const struct sy_porep_params *params,
                  const struct sy_vanilla_public *public, const char *path, struct sy_error *err);
void sy_synth_close(struct sy_synth *synth);

/* The proof of PoRep challenge number `position` (over all partitions) for the seed of `public`.
 * -SY_E_CORRUPT when the record is not about the nodes that it must be about. */
int sy_synth_read(const struct sy_synth *synth, uint32_t position,
                  struct sy_vanilla_proof *ret_proof, struct sy_error *err);

#endif
