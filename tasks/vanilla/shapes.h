/* Shared by the prover, the synthetic file and the verifier: the three trees of a sector and how
 * the parents of a label follow from the columns of a proof. Threads: pure functions. */
#ifndef SEALYARD_TASKS_VANILLA_SHAPES_H
#define SEALYARD_TASKS_VANILLA_SHAPES_H

#include "tasks/vanilla/proof.h"

struct sy_vanilla_shapes {
    struct sy_tree_shape d;
    struct sy_tree_shape c;
    struct sy_tree_shape r_last;
};

int sy_vanilla_shapes_init(struct sy_vanilla_shapes *ret, const struct sy_porep_params *params,
                           struct sy_error *err);

/* The 37 parents of the challenge's label in `layer` (from 1) as they are hashed: labels of the
 * same layer from the DRG columns, of the layer before from the expander columns. ret_parents has
 * SY_LABEL_PARENTS entries. */
void sy_vanilla_label_parents(const struct sy_vanilla_proof *proof, uint32_t layer,
                              uint8_t (*ret_parents)[SY_NODE_BYTES]);

/* Fills labels[] and encoding of a proof whose columns are complete. */
void sy_vanilla_fill_labels(struct sy_vanilla_proof *proof, uint32_t layers, uint64_t challenge);

#endif
