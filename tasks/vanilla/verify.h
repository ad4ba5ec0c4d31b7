/* Does a C1 file prove what it says?
 *
 * Everything is recomputed from the public values: which nodes are challenged, which are their
 * parents in the graph, each path up to its root, each column hash, each label from its parents,
 * the encoding of the replica node, and comm_r from the roots. Nothing but the JSON and the public
 * values is needed: no cache, no parameters, no network.
 *
 * Threads: a verifier is read-only after creation and may be shared.
 */
#ifndef SEALYARD_TASKS_VANILLA_VERIFY_H
#define SEALYARD_TASKS_VANILLA_VERIFY_H

#include "tasks/vanilla/c1.h"

/* The nodes that partition `partition` opens: ret[params->challenges_per_partition]. Of `public`
 * the replica_id is used, and the seed (interactive), comm_r (non-interactive) or both (synthetic).
 */
int sy_vanilla_challenges(const struct sy_porep_params *params,
                          const struct sy_vanilla_public *public, uint32_t partition, uint64_t *ret,
                          struct sy_error *err);

struct sy_vanilla_verifier;
/* `public` is copied; `params` is copied. */
int sy_vanilla_verifier_create(struct sy_vanilla_verifier **ret,
                               const struct sy_porep_params *params,
                               const struct sy_vanilla_public *public, struct sy_error *err);
void sy_vanilla_verifier_destroy(struct sy_vanilla_verifier *verifier);

/* One proof of one challenged node. Any difference is -SY_E_MISMATCH and says which part. */
int sy_vanilla_verify(const struct sy_vanilla_verifier *verifier, uint64_t challenge,
                      const struct sy_vanilla_proof *proof, struct sy_error *err);

/* What a C1 file is held against. NULL members are not compared, but their value in the file is
 * still what the proofs are checked with. */
struct sy_c1_check {
    const struct sy_porep_params *params;
    const uint8_t *comm_r;
    const uint8_t *comm_d;
    const uint8_t *replica_id; /* sector/replica.h */
    const uint8_t *seed;       /* leave NULL for non-interactive types: they have no seed */
    const uint8_t *ticket;
    unsigned threads; /* as in tree/parallel.h */
};

/* Parameters of the registered proof that the file names. -SY_E_ARG for the raw form, which names
 * none, and when the size key belongs to another size. */
int sy_c1_params(const struct sy_c1 *c1, struct sy_porep_params *ret_params, struct sy_error *err);

/* The registered proof, the partitions and the proofs in each are those of params. Part of
 * sy_c1_verify; alone it opens no proof. -SY_E_MISMATCH names the value. */
int sy_c1_check_shape(const struct sy_c1 *c1, const struct sy_porep_params *params,
                      struct sy_error *err);

/* 0 when every partition and every proof holds; -SY_E_MISMATCH with partition, position and reason.
 */
int sy_c1_verify(const struct sy_c1 *c1, const struct sy_c1_check *check, struct sy_error *err);

#endif
