/* Makes vanilla proofs of single nodes from the files of a sealed sector.
 *
 * Reads tree-d, tree-c, tree-r-last and the layer files of the cache and the sealed file; all are
 * opened and their sizes checked at creation. The proofs are not verified here: vanilla/verify.h.
 *
 * Threads: sy_vanilla_prove may run in several threads with one prover.
 */
#ifndef SEALYARD_TASKS_VANILLA_PROVE_H
#define SEALYARD_TASKS_VANILLA_PROVE_H

#include "tasks/vanilla/proof.h"

struct sy_vanilla_prover;

/* `params` is copied. -SY_E_NOT_FOUND, -SY_E_CORRUPT for a file that is missing or has another
 * size. */
int sy_vanilla_prover_create(struct sy_vanilla_prover **ret, const struct sy_porep_params *params,
                             const char *cache, const char *sealed_path, struct sy_error *err);
void sy_vanilla_prover_destroy(struct sy_vanilla_prover *prover);

/* Roots of tree-d, tree-c and tree-r-last; 32 bytes, borrowed until destroy. */
const uint8_t *sy_vanilla_prover_root_d(const struct sy_vanilla_prover *prover);
const uint8_t *sy_vanilla_prover_root_c(const struct sy_vanilla_prover *prover);
const uint8_t *sy_vanilla_prover_root_r_last(const struct sy_vanilla_prover *prover);

/* The proof of node `challenge`, 1 .. nodes - 1. */
int sy_vanilla_prove(const struct sy_vanilla_prover *prover, uint64_t challenge,
                     struct sy_vanilla_proof *ret_proof, struct sy_error *err);

#endif
