/* Multiples of one point of G1. */
#include "tasks/snark/fixed_base.h"

#include <stdlib.h>
#include <string.h>

#define G(name) sy_g1_##name
#define F(name) sy_fp_##name
#define POINT struct sy_g1
#define AFFINE struct sy_g1_affine
#define FIELD struct sy_fp
#define WINDOW_BITS 14

#include "tasks/snark/fixed_base_body.h"

struct sy_fixed_g1 {
    AFFINE *table;
};

struct sy_fixed_g1 *sy_fixed_g1_create(const AFFINE *base)
{
    struct sy_fixed_g1 *fixed = calloc(1, sizeof *fixed);
    if (fixed)
        fixed->table = build_table(base);
    if (fixed && !fixed->table) {
        free(fixed);
        fixed = NULL;
    }
    return fixed;
}

void sy_fixed_g1_destroy(struct sy_fixed_g1 *table)
{
    if (!table)
        return;
    free(table->table);
    free(table);
}

int sy_fixed_g1_encode(const struct sy_fixed_g1 *table, const struct sy_fr *scalars, size_t count,
                       uint8_t *ret_bytes, struct sy_error *err)
{
    SY_ASSERT(count <= SY_FIXED_BASE_BLOCK);
    AFFINE *points = malloc(count * sizeof *points), *others = malloc(count * sizeof *others);
    FIELD *scratch = malloc(2 * count * sizeof *scratch);
    int rc = points && others && scratch
                 ? 0
                 : sy_fail(err, SY_E_NOMEM, "no memory for %zu points", count);
    if (rc == 0)
        multiply_block(table->table, points, scalars, count, others, scratch);
    for (size_t i = 0; rc == 0 && i < count; i++)
        G(serialize)(ret_bytes + i * SY_G1_BYTES, &points[i]);
    free(points);
    free(others);
    free(scratch);
    return rc;
}
