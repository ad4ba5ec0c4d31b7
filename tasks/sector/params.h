/* Parameters of one proof of replication: everything that follows from the proof type.
 *
 * Registered sizes are 2 KiB, 8 MiB, 512 MiB, 32 GiB and 64 GiB. The sizes 4, 16, 32 KiB, 16 MiB
 * and 1 GiB exist only for tests: they exercise the tree shapes of the big sizes on small sectors.
 * Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_SECTOR_PARAMS_H
#define SEALYARD_TASKS_SECTOR_PARAMS_H

#include "common/proof.h"

#define SY_NODE_BYTES 32
#define SY_LAYERS_MAX 11
#define SY_BASE_TREES_MAX 16
#define SY_BASE_ARITY 8
#define SY_DRG_PARENTS 6
#define SY_EXP_PARENTS 8
#define SY_PARENTS 14       /* DRG first, then expander */
#define SY_LABEL_PARENTS 37 /* parent labels hashed into one label */
#define SY_SYNTHETIC_CHALLENGES_MAX (UINT64_C(1) << 18)

struct sy_porep_params {
    const struct sy_proof *proof; /* registered proof, NULL for sizes and ids of tests */
    uint64_t sector_bytes;        /* padded: nodes * 32 */
    uint64_t unpadded_bytes;      /* sector_bytes / 128 * 127 */
    uint64_t nodes;               /* leaves of every tree; a power of two */
    uint32_t node_bits;           /* log2(nodes) */
    uint32_t layers;              /* 2 or 11 */
    enum sy_api_version api;
    enum sy_proof_variant variant;
    uint8_t porep_id[SY_POREP_ID_BYTES];

    /* Shape of tree-c and tree-r-last: base_trees 8-ary trees under sub and top nodes. */
    uint32_t sub_arity;         /* 0 = no sub level, else 2 or 8 */
    uint32_t top_arity;         /* 0 = no top level, else 2 */
    uint32_t base_trees;        /* 1, 2, 8 or 16 */
    uint64_t base_leaves;       /* leaves of one base tree, 8^base_levels */
    uint32_t base_levels;       /* path length of a base tree */
    uint64_t base_nodes;        /* all nodes of one base tree, leaves and root included */
    uint32_t rows_to_discard;   /* of tree-r-last: rows above the leaves that are not stored */
    uint64_t tree_d_nodes;      /* 2 * nodes - 1 */
    uint64_t tree_r_last_nodes; /* stored nodes of one tree-r-last file */

    uint32_t partitions;
    uint32_t challenges_per_partition;
    uint64_t synthetic_challenges; /* size of the synthetic set; 0 unless SY_PROOF_SYNTHETIC */
};

/* Parameters of a registered proof; -SY_E_RANGE for an unknown id. */
int sy_porep_params_init(struct sy_porep_params *ret_params, uint64_t proof_id,
                         struct sy_error *err);

/* Parameters of any known size, tests' sizes included, with an explicit porep_id. `proof` of the
 * result is NULL. -SY_E_RANGE for a size that has no parameters. */
int sy_porep_params_init_test(struct sy_porep_params *ret_params, uint64_t sector_bytes,
                              enum sy_proof_variant variant, enum sy_api_version api,
                              const uint8_t porep_id[SY_POREP_ID_BYTES], struct sy_error *err);

/* true when the expander and the parent order are those of API 1.0.0. */
bool sy_porep_params_legacy(const struct sy_porep_params *params);

#endif
