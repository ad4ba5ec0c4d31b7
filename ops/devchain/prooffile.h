/* Judges a "sealyard-vanilla" proof: reads <exchange>/<hex>.json, compares its SHA-256 with the
 * proof, and verifies every vanilla proof in it against comm_d, comm_r, ticket, seed and the
 * replica id that follows from them. The only file of the chain, with commd.c, that uses the
 * sealing library.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_PROOFFILE_H
#define SEALYARD_OPS_DEVCHAIN_PROOFFILE_H

#include "ops/devchain/vm.h"

/* true when it holds; else err says why (file missing, digest, values, which proof). */
bool sy_dc_proof_check(const char *exchange, const struct sy_dc_proof_job *job,
                       struct sy_error *err);

#endif
