/* The network's circuits: StackedDRG PoRep, Winning and Window PoSt, EmptySectorUpdate.
 *
 * Each takes the constraint system after sy_cs_begin and leaves the closing
 * (sy_cs_constrain_inputs, sy_cs_end) to the caller. A witness of NULL gives the blank circuit of
 * the same shape. The witness is not checked here: a wrong one gives an unsatisfied system; a
 * malformed one makes it fail. Source: facts groth16.md 6.8 to 6.11; counts in section 10 there.
 */
#ifndef SEALYARD_TASKS_SNARK_CIRCUIT_H
#define SEALYARD_TASKS_SNARK_CIRCUIT_H

#include "tasks/snark/cs.h"
#include "tasks/vanilla/proof.h"

/* One partition of a PoRep: challenges_per_partition proofs. */
struct sy_porep_witness {
    const struct sy_vanilla_public *public;
    const struct sy_vanilla_proof *proofs;
};
void sy_circuit_porep(struct sy_cs *cs, const struct sy_porep_params *params,
                      const struct sy_porep_witness *witness);

/* One sector of a PoSt partition. */
struct sy_post_sector {
    uint8_t comm_r[SY_NODE_BYTES], comm_c[SY_NODE_BYTES], comm_r_last[SY_NODE_BYTES];
    const struct sy_tree_proof *paths; /* challenge_count paths of tree_r_last */
};
struct sy_post_shape {
    uint64_t sector_bytes;
    unsigned base_levels, sub_arity, top_arity;
    uint32_t sector_count;    /* of the circuit: Winning 66, Window 2, 2349 or 2300 */
    uint32_t challenge_count; /* per sector: Winning 1, Window 10 */
};
enum sy_post_kind { SY_POST_WINNING, SY_POST_WINDOW };
/* -SY_E_RANGE for a size without parameters. */
int sy_post_shape_init(struct sy_post_shape *ret, uint64_t sector_bytes, enum sy_post_kind kind,
                       struct sy_error *err);
/* sectors: sector_count of them (the last one repeated by the caller), or NULL. */
void sy_circuit_post(struct sy_cs *cs, const struct sy_post_shape *shape,
                     const struct sy_post_sector *sectors);

/* EmptySectorUpdate (SnapDeals). */
#define SY_UPDATE_APEX_MAX 128
#define SY_UPDATE_CHALLENGES_MAX 86
#define SY_UPDATE_H_CHOICES 6
struct sy_update_shape {
    uint64_t sector_bytes;
    unsigned node_bits, partitions, partition_bits;
    unsigned challenges; /* per partition */
    unsigned apex_leaves, apex_bits;
    unsigned h_choice[SY_UPDATE_H_CHOICES];
    unsigned base_levels, sub_arity, top_arity;
};
int sy_update_shape_init(struct sy_update_shape *ret, uint64_t sector_bytes, struct sy_error *err);
struct sy_update_challenge {
    struct sy_tree_proof r_old, d_new, r_new;
};
struct sy_update_witness {
    unsigned partition;
    unsigned h_select; /* one bit per choice */
    uint8_t comm_r_old[SY_NODE_BYTES], comm_d_new[SY_NODE_BYTES], comm_r_new[SY_NODE_BYTES];
    uint8_t comm_c[SY_NODE_BYTES];
    uint8_t apex[SY_UPDATE_APEX_MAX][SY_NODE_BYTES];
    const struct sy_update_challenge *challenges; /* shape.challenges of them */
};
void sy_circuit_update(struct sy_cs *cs, const struct sy_update_shape *shape,
                       const struct sy_update_witness *witness);

#endif
