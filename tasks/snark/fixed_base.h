/* Many multiples of one point, encoded: the bulk of parameter generation.
 *
 * Cost of a product in G1: 19 affine additions of about 6 field products, 15 k cycles.
 * Threads: a table is read-only; the multiply functions may run in parallel.
 */
#ifndef SEALYARD_TASKS_SNARK_FIXED_BASE_H
#define SEALYARD_TASKS_SNARK_FIXED_BASE_H

#include "tasks/field/curve.h"

/* Scalars of one call at most. */
#define SY_FIXED_BASE_BLOCK 1024

struct sy_fixed_g1;
struct sy_fixed_g2;
/* 30 MB and about a second. NULL = out of memory. */
struct sy_fixed_g1 *sy_fixed_g1_create(const struct sy_g1_affine *base);
void sy_fixed_g1_destroy(struct sy_fixed_g1 *table);
struct sy_fixed_g2 *sy_fixed_g2_create(const struct sy_g2_affine *base);
void sy_fixed_g2_destroy(struct sy_fixed_g2 *table);

/* Writes count <= SY_FIXED_BASE_BLOCK uncompressed points; -SY_E_NOMEM. */
int sy_fixed_g1_encode(const struct sy_fixed_g1 *table, const struct sy_fr *scalars, size_t count,
                       uint8_t *ret_bytes, struct sy_error *err);
int sy_fixed_g2_encode(const struct sy_fixed_g2 *table, const struct sy_fr *scalars, size_t count,
                       uint8_t *ret_bytes, struct sy_error *err);

#endif
