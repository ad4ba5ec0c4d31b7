/* Merkle paths inside a circuit, and the SHA-256 node.
 *
 * A path goes through the base levels, then the sub level, then the top level. Costs per level: SHA
 * 45 382 constraints, Poseidon arity 2: 314, 4: 387, 8: 530. Source: facts groth16.md 6.7.
 */
#ifndef SEALYARD_TASKS_SNARK_POR_H
#define SEALYARD_TASKS_SNARK_POR_H

#include "tasks/snark/num.h"
#include "tasks/tree/tree.h"

struct sy_path_shape {
    bool sha; /* binary SHA-256 tree, else Poseidon */
    unsigned levels;
    uint8_t arity[SY_TREE_LEVELS_MAX];
};
/* Binary SHA-256 path of `levels` levels. */
struct sy_path_shape sy_path_shape_sha(unsigned levels);
/* Poseidon path: base_levels of arity 8, then sub, then top arity where not 0. */
struct sy_path_shape sy_path_shape_poseidon(unsigned base_levels, unsigned sub_arity,
                                            unsigned top_arity);
unsigned sy_path_shape_bits(const struct sy_path_shape *shape);
unsigned sy_path_shape_siblings(const struct sy_path_shape *shape);

/* trunc(SHA-256(left || right)) of two numbers; 45 379 constraints. */
struct sy_num sy_sha_node_gadget(struct sy_cs *cs, const struct sy_num *left,
                                 const struct sy_num *right);

/* Private inclusion proof: index bits and siblings are allocated level by level, the index becomes
 * one public input, the computed root must be `root`. `proof` gives the values (NULL when blank); a
 * form that differs from the shape makes the system fail. */
void sy_por_gadget(struct sy_cs *cs, const struct sy_path_shape *shape,
                   const struct sy_tree_proof *proof, const struct sy_num *leaf,
                   const struct sy_num *root);

/* The same over index bits and siblings that exist already; no input. */
void sy_por_gadget_known(struct sy_cs *cs, const struct sy_path_shape *shape,
                         const struct sy_num *leaf, const struct sy_bit *bits,
                         const struct sy_num *siblings, const struct sy_num *root);
/* All siblings of a path, in order; ret holds sy_path_shape_siblings numbers. */
void sy_por_alloc_siblings(struct sy_cs *cs, const struct sy_path_shape *shape,
                           const struct sy_tree_proof *proof, struct sy_num *ret);

#endif
