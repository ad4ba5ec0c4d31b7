/* Poseidon inside a circuit, in the form of neptune's original circuit: 311, 377, 505 and 598
 * constraints (and as many variables) for arities 2, 4, 8 and 11.
 *
 * The linear layers cost nothing: between S-boxes the state elements are combinations of earlier
 * variables. Their coefficients depend on the arity alone and are computed once per process.
 * Source: facts groth16.md 6.6.
 */
#ifndef SEALYARD_TASKS_SNARK_POSEIDON_GADGET_H
#define SEALYARD_TASKS_SNARK_POSEIDON_GADGET_H

#include "tasks/snark/num.h"

/* Hash of arity inputs under a domain tag (tasks/hash/poseidon.h). */
struct sy_num sy_poseidon_gadget(struct sy_cs *cs, unsigned arity, const struct sy_fr *tag,
                                 const struct sy_num *inputs);
/* The same with the Merkle tag of the arity: tree nodes, columns, comm_r. */
struct sy_num sy_poseidon_gadget_node(struct sy_cs *cs, unsigned arity,
                                      const struct sy_num *inputs);

#endif
