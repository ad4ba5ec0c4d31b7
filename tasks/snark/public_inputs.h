/* The public inputs of the network's circuits, without the constant one, in the circuit's order.
 *
 * A proof says nothing by itself: it holds for one vector of inputs, and this file makes that
 * vector from what the chain knows. Source: facts groth16.md 5.3, sealing.md 10 and 11. Threads:
 * pure functions.
 */
#ifndef SEALYARD_TASKS_SNARK_PUBLIC_INPUTS_H
#define SEALYARD_TASKS_SNARK_PUBLIC_INPUTS_H

#include "tasks/snark/circuit.h"
#include "tasks/vanilla/c1.h"

/* replica_id, comm_d, comm_r; then of each challenge: the node, its 14 parents, the node thrice. */
#define SY_POREP_INPUTS_PER_CHALLENGE (1 + SY_PARENTS + 3)
#define SY_POREP_INPUTS_MAX (3 + SY_VANILLA_CHALLENGES_MAX * SY_POREP_INPUTS_PER_CHALLENGE)
#define SY_UPDATE_INPUTS 4

/* Inputs of one partition: 39 below 32 GiB, 327 from there. */
uint32_t sy_porep_input_count(const struct sy_porep_params *params);

/* All partitions from public values alone: challenges are drawn, parents computed. `public` holds
 * replica_id, comm_d, comm_r and, for interactive and synthetic types, seed. *ret_inputs is
 * malloc'ed (the caller frees it): params->partitions rows of sy_porep_input_count. -SY_E_CORRUPT
 * when a commitment is no field element, -SY_E_NOMEM. */
int sy_porep_inputs(const struct sy_porep_params *params, const struct sy_vanilla_public *public,
                    struct sy_fr **ret_inputs, struct sy_error *err);

/* One partition of a C1 file, with the nodes that its proofs name: what the circuit's witness gives
 * as inputs. Nothing is verified here. ret_inputs has sy_porep_input_count elements. -SY_E_RANGE
 * for a partition that the file lacks or that has another number of proofs than params says. */
int sy_porep_inputs_from_c1(const struct sy_porep_params *params, const struct sy_c1 *c1,
                            uint32_t partition, struct sy_fr *ret_inputs, struct sy_error *err);

/* One partition of a PoSt: shape->sector_count sectors, each comm_r and then its challenged leaves;
 * comm_r[i] and challenges[i * shape->challenge_count + m]. ret_inputs has sy_post_input_count
 * elements. -SY_E_CORRUPT for a comm_r >= r. */
uint32_t sy_post_input_count(const struct sy_post_shape *shape);
int sy_post_inputs(const struct sy_post_shape *shape, const uint8_t (*comm_r)[SY_NODE_BYTES],
                   const uint64_t *challenges, struct sy_fr *ret_inputs, struct sy_error *err);

/* One partition of an update. h_select is the one-hot choice of the circuit (vanilla/update.h). */
int sy_update_inputs(const struct sy_update_shape *shape, unsigned partition, unsigned h_select,
                     const uint8_t comm_r_old[SY_NODE_BYTES],
                     const uint8_t comm_d_new[SY_NODE_BYTES],
                     const uint8_t comm_r_new[SY_NODE_BYTES],
                     struct sy_fr ret_inputs[SY_UPDATE_INPUTS], struct sy_error *err);

#endif
