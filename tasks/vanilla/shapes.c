#include "tasks/vanilla/shapes.h"

#include <string.h>

#include "tasks/sdr/labels.h"

int sy_vanilla_shapes_init(struct sy_vanilla_shapes *ret, const struct sy_porep_params *params,
                           struct sy_error *err)
{
    struct sy_vanilla_shapes shapes;
    int rc = sy_tree_shape_d(&shapes.d, params->nodes, err);
    if (rc == 0)
        rc = sy_tree_shape_c(&shapes.c, params->nodes, params->sub_arity, params->top_arity, err);
    if (rc == 0)
        rc = sy_tree_shape_r_last(&shapes.r_last, params->nodes, params->sub_arity,
                                  params->top_arity, err);
    if (rc == 0)
        *ret = shapes;
    return rc;
}

void sy_vanilla_label_parents(const struct sy_vanilla_proof *proof, uint32_t layer,
                              uint8_t (*ret_parents)[SY_NODE_BYTES])
{
    for (uint32_t slot = 0; slot < SY_LABEL_PARENTS; slot++) {
        uint32_t parent = sy_label_slot_parent(layer, slot);
        SY_ASSERT(parent < SY_DRG_PARENTS || layer > 1);
        uint32_t row = parent < SY_DRG_PARENTS ? layer - 1 : layer - 2;
        memcpy(ret_parents[slot], proof->parents[parent].rows[row], SY_NODE_BYTES);
    }
}

void sy_vanilla_fill_labels(struct sy_vanilla_proof *proof, uint32_t layers, uint64_t challenge)
{
    proof->label_count = layers;
    for (uint32_t layer = 1; layer <= layers; layer++) {
        struct sy_vanilla_label *label = &proof->labels[layer - 1];
        label->parent_count = SY_LABEL_PARENTS;
        label->layer_index = layer;
        label->node = challenge;
        sy_vanilla_label_parents(proof, layer, label->parents);
    }
    proof->encoding = proof->labels[layers - 1];
}
