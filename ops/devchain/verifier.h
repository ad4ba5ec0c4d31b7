/* Judges seal proofs as the network does: Groth16 over the public inputs that follow from the
 * pre-commit and the chain's randomness, one proof of 192 bytes per partition, or one SnarkPack
 * aggregate (version 2) for several sectors.
 *
 * Keys come from a parameters directory (tasks/snark/params_store.h), are read when they are first
 * needed and kept; aggregates need the reference string SY_SRS_FILE_NAME there. A file that is
 * missing or damaged refuses every proof that needs it, until it is there; nothing else is ever
 * taken for a proof. The only file of the chain, with commd.c, that uses the sealing library.
 * Threads: none inside; the caller holds the chain's lock.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_VERIFIER_H
#define SEALYARD_OPS_DEVCHAIN_VERIFIER_H

#include "ops/devchain/vm.h"

struct sy_dc_verifier;
/* `directory` is copied; NULL or "" = sy_params_directory(). Nothing is read yet. -SY_E_NOMEM,
 * -SY_E_LIMIT for a path that is too long. */
int sy_dc_verifier_create(struct sy_dc_verifier **ret, const char *directory, struct sy_error *err);
void sy_dc_verifier_destroy(struct sy_dc_verifier *verifier);

/* 0 = proofs of sectors of `seal_proof` (0..19) can be judged. Else *err says what is missing and
 * how to get it: errors of sy_vk_store_get, -SY_E_RANGE. */
int sy_dc_verifier_ready(struct sy_dc_verifier *verifier, uint64_t seal_proof,
                         struct sy_error *err);

/* true when the proof holds for the job's claims; else err (never NULL) says why: wrong length,
 * malformed, not for these claims, a missing file, no memory. */
bool sy_dc_verifier_check(struct sy_dc_verifier *verifier, const struct sy_dc_proof_job *job,
                          struct sy_error *err);

#endif
