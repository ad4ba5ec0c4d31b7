/* The C1 vanilla proof of one challenged node, in memory.
 *
 * Every part has a fixed size for the largest shape of the network (64 GiB, 11 layers), so one
 * proof is one flat struct of about 76 KB without inner pointers. All nodes are 32 bytes as they
 * stand in the files. What is proved of a challenge c: (1) its tree_d path, (2) its tree_r_last
 * path, (3) the columns (labels of all layers) of c and of its 6 + 8 parents with their tree_c
 * paths, (4) the 37 parents of its label in each layer as hashed, (5) the same for the encoding
 * key, which is the label of the last layer.
 *
 * Threads: plain data.
 */
#ifndef SEALYARD_TASKS_VANILLA_PROOF_H
#define SEALYARD_TASKS_VANILLA_PROOF_H

#include "common/err.h"
#include "tasks/sector/params.h"
#include "tasks/tree/tree.h"

/* 18 challenges in a partition and 126 partitions (non-interactive) are the most any type has. */
#define SY_VANILLA_CHALLENGES_MAX 18
#define SY_VANILLA_PARTITIONS_MAX 126

/* The labels of one node, layer 1 first, and where their hash stands in tree_c. */
struct sy_vanilla_column {
    uint32_t index;
    uint32_t row_count;
    uint8_t rows[SY_LAYERS_MAX][SY_NODE_BYTES];
    struct sy_tree_proof inclusion;
};

/* The parents of one label exactly as they are hashed. */
struct sy_vanilla_label {
    uint32_t parent_count;
    uint32_t layer_index; /* from 1 */
    uint64_t node;
    uint8_t parents[SY_LABEL_PARENTS][SY_NODE_BYTES];
};

struct sy_vanilla_proof {
    struct sy_tree_proof comm_d;
    struct sy_tree_proof comm_r_last;
    struct sy_vanilla_column c_x;
    struct sy_vanilla_column parents[SY_PARENTS]; /* 6 DRG, then 8 expander */
    uint32_t label_count;
    struct sy_vanilla_label labels[SY_LAYERS_MAX];
    struct sy_vanilla_label encoding;
};

/* The public values that stand behind the proofs in a C1 file. */
struct sy_vanilla_public {
    uint8_t comm_r[SY_NODE_BYTES];
    uint8_t comm_d[SY_NODE_BYTES];
    uint8_t replica_id[SY_NODE_BYTES];
    uint8_t seed[SY_NODE_BYTES];
    uint8_t ticket[SY_NODE_BYTES];
};

#endif
