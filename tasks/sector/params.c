#include "tasks/sector/params.h"

#include <inttypes.h>
#include <string.h>

/* Sealing parameters per size (the reference's constants; sealing specification, sections "tree
 * shapes" and "challenges"). */
struct size_row {
    uint64_t sector_bytes;
    uint8_t sub_arity;
    uint8_t top_arity;
    uint8_t base_trees;
    uint8_t base_levels;
    uint8_t layers;
};

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const struct size_row sizes[] = {
    {2 * KIB, 0, 0, 1, 2, 2},    {4 * KIB, 2, 0, 2, 2, 2}, {16 * KIB, 8, 0, 8, 2, 2},
    {32 * KIB, 8, 2, 16, 2, 2},  {8 * MIB, 0, 0, 1, 6, 2}, {16 * MIB, 2, 0, 2, 6, 2},
    {512 * MIB, 0, 0, 1, 8, 2},  {1 * GIB, 2, 0, 2, 8, 2}, {32 * GIB, 8, 0, 8, 9, 11},
    {64 * GIB, 8, 2, 16, 9, 11},
};

/* From this size on the network asks for its full number of challenges. */
#define FULL_CHALLENGES_BYTES (32 * GIB)

static const struct size_row *find_size(uint64_t sector_bytes)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(sizes); i++) {
        if (sizes[i].sector_bytes == sector_bytes)
            return &sizes[i];
    }
    return NULL;
}

static void set_challenges(struct sy_porep_params *p)
{
    bool full = p->sector_bytes >= FULL_CHALLENGES_BYTES;

    if (p->variant == SY_PROOF_NI)
        p->partitions = full ? 126 : 13;
    else
        p->partitions = full ? 10 : 1;
    p->challenges_per_partition = full ? 18 : 2;
    p->synthetic_challenges =
        p->variant == SY_PROOF_SYNTHETIC ? SY_MIN(p->nodes, SY_SYNTHETIC_CHALLENGES_MAX) : 0;
}

static void set_trees(struct sy_porep_params *p, const struct size_row *row)
{
    p->sub_arity = row->sub_arity;
    p->top_arity = row->top_arity;
    p->base_trees = row->base_trees;
    p->base_levels = row->base_levels;
    p->base_leaves = UINT64_C(1) << (3 * row->base_levels);
    p->base_nodes = ((p->base_leaves << 3) - 1) / 7;
    /* R rows = levels + 1: R = 3 gives 1, more give min(R - 2, 2). */
    p->rows_to_discard = row->base_levels <= 2 ? 1 : 2;
    p->tree_d_nodes = 2 * p->nodes - 1;
    /* Without the leaves and the discarded rows: the rows from base_levels - 1 - discard down to 0.
     */
    uint64_t first_row = p->base_leaves >> (3 * (1 + p->rows_to_discard));
    p->tree_r_last_nodes = (first_row == 0) ? 1 : ((first_row << 3) - 1) / 7;
}

static int fill_params(struct sy_porep_params *p, uint64_t sector_bytes, struct sy_error *err)
{
    const struct size_row *row = find_size(sector_bytes);
    if (!row) {
        char text[SY_SECTOR_SIZE_TEXT_BYTES];
        return sy_fail(
            err, SY_E_RANGE,
            "no sealing parameters for sectors of %s: use 2KiB, 8MiB, 512MiB, 32GiB, 64GiB",
            sy_sector_size_format(sector_bytes, text));
    }
    p->sector_bytes = sector_bytes;
    p->unpadded_bytes = sector_bytes / 128 * 127;
    p->nodes = sector_bytes / SY_NODE_BYTES;
    p->node_bits = (uint32_t)__builtin_ctzll(p->nodes);
    p->layers = row->layers;
    set_trees(p, row);
    SY_ASSERT(p->base_leaves * p->base_trees == p->nodes);
    set_challenges(p);
    return 0;
}

int sy_porep_params_init(struct sy_porep_params *ret_params, uint64_t proof_id,
                         struct sy_error *err)
{
    struct sy_porep_params p = {0};
    int rc = sy_proof_find(&p.proof, proof_id, err);
    if (rc < 0)
        return rc;
    p.api = p.proof->api;
    p.variant = p.proof->variant;
    sy_proof_porep_id(p.proof, p.porep_id);
    rc = fill_params(&p, p.proof->sector_bytes, err);
    if (rc == 0)
        *ret_params = p;
    return rc;
}

int sy_porep_params_init_test(struct sy_porep_params *ret_params, uint64_t sector_bytes,
                              enum sy_proof_variant variant, enum sy_api_version api,
                              const uint8_t porep_id[SY_POREP_ID_BYTES], struct sy_error *err)
{
    struct sy_porep_params p = {.variant = variant, .api = api};
    memcpy(p.porep_id, porep_id, sizeof(p.porep_id));
    int rc = fill_params(&p, sector_bytes, err);
    if (rc == 0)
        *ret_params = p;
    return rc;
}

bool sy_porep_params_legacy(const struct sy_porep_params *params)
{
    return params->api == SY_API_1_0_0;
}
