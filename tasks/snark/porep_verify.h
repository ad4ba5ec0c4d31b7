/* Is this PoRep proof valid? The question that a chain asks of ProveCommit.
 *
 * Everything is made from public values: replica id, challenges, parents, public inputs. The
 * verifying key is read from the parameters directory once per size and kept (32 KB at most); a
 * proof of all partitions is one batch of pairings. Threads: any; a store may be shared.
 */
#ifndef SEALYARD_TASKS_SNARK_POREP_VERIFY_H
#define SEALYARD_TASKS_SNARK_POREP_VERIFY_H

#include "tasks/snark/groth16.h"
#include "tasks/snark/public_inputs.h"

/* Verifying keys of one parameters directory. */
struct sy_vk_store;
/* `directory` is copied; NULL or "" = sy_params_directory (params_store.h). Nothing is read yet. */
int sy_vk_store_create(struct sy_vk_store **ret, const char *directory, struct sy_error *err);
void sy_vk_store_destroy(struct sy_vk_store *store);
/* Borrowed until destroy. -SY_E_NOT_FOUND names the file and how to get it; -SY_E_CORRUPT. */
int sy_vk_store_get(struct sy_vk_store *store, enum sy_circuit_kind kind, uint64_t sector_bytes,
                    const struct sy_groth16_vk **ret, struct sy_error *err);

/* What a PoRep proof is about. */
struct sy_porep_claim {
    uint64_t proof_type; /* registered seal proof, 0..19 */
    uint64_t miner;      /* actor id */
    uint64_t number;     /* sector number */
    uint8_t ticket[SY_NODE_BYTES];
    uint8_t seed[SY_NODE_BYTES]; /* interactive randomness; ignored by non-interactive types */
    uint8_t comm_d[SY_NODE_BYTES];
    uint8_t comm_r[SY_NODE_BYTES];
};

/* The public inputs of a claim: as sy_porep_inputs, and the parameters that it used. */
int sy_porep_claim_inputs(const struct sy_porep_claim *claim, struct sy_porep_params *ret_params,
                          struct sy_fr **ret_inputs, struct sy_error *err);

/* 0 = the proof holds. -SY_E_MISMATCH: well formed, but not for this claim; -SY_E_CORRUPT: a point
 * is malformed; -SY_E_ARG: proof_bytes is not 192 per partition; -SY_E_RANGE: no such proof type;
 * errors of sy_vk_store_get. */
int sy_porep_verify_seal(struct sy_vk_store *store, const struct sy_porep_claim *claim,
                         const uint8_t *proof, size_t proof_bytes, struct sy_error *err);

#endif
