/* Many multiples of one point, compiled once for G1 and once for G2. The including file defines G,
 * F, POINT, AFFINE, FIELD as in field/curve_body.h, TABLE (struct tag) and WINDOW_BITS.
 *
 * Table: for each window of WINDOW_BITS bits all digits of base * 2^(window start). A product is
 * then one affine addition per window, done for a whole block at once with shared inversions.
 */

#define WINDOWS ((255 + WINDOW_BITS - 1) / WINDOW_BITS)
#define DIGITS ((size_t)1 << WINDOW_BITS)

static int build_row(AFFINE *row, POINT *base, POINT *work, FIELD *scratch)
{
    work[0] = G(infinity);
    for (size_t i = 1; i < DIGITS; i++)
        G(add)(&work[i], &work[i - 1], base);
    G(to_affine_many)(row, work, DIGITS, scratch);
    for (int i = 0; i < WINDOW_BITS; i++)
        G(double)(base, base);
    return 0;
}

static AFFINE *build_table(const AFFINE *generator)
{
    AFFINE *table = malloc(WINDOWS * DIGITS * sizeof *table);
    POINT *work = malloc(DIGITS * sizeof *work), base;
    FIELD *scratch = malloc(DIGITS * sizeof *scratch);
    G(from_affine)(&base, generator);
    for (size_t w = 0; table && work && scratch && w < WINDOWS; w++)
        build_row(table + w * DIGITS, &base, work, scratch);
    if (!work || !scratch) {
        free(table);
        table = NULL;
    }
    free(work);
    free(scratch);
    return table;
}

/* ret[i] = scalars[i] * base for a block; others and scratch are as large as the block (scratch
 * twice). */
static void multiply_block(const AFFINE *table, AFFINE *ret, const struct sy_fr *scalars,
                           size_t count, AFFINE *others, FIELD *scratch)
{
    memset(ret, 0, count * sizeof *ret);
    for (unsigned w = 0; w < WINDOWS; w++) {
        for (size_t i = 0; i < count; i++) {
            uint64_t limbs[SY_FR_LIMBS];
            sy_fr_to_limbs(limbs, &scalars[i]);
            unsigned at = w * WINDOW_BITS, limb = at / 64, shift = at % 64;
            uint64_t digit = limbs[limb] >> shift;
            if (shift + WINDOW_BITS > 64 && limb + 1 < SY_FR_LIMBS)
                digit |= limbs[limb + 1] << (64 - shift);
            others[i] = table[w * DIGITS + (digit & (DIGITS - 1))];
        }
        G(affine_add_many)(ret, others, count, scratch);
    }
}

TABLE
{
    AFFINE *table;
};

TABLE *T(create)(const AFFINE *base)
{
    TABLE *fixed = calloc(1, sizeof *fixed);
    if (fixed)
        fixed->table = build_table(base);
    if (fixed && !fixed->table) {
        free(fixed);
        fixed = NULL;
    }
    return fixed;
}

void T(destroy)(TABLE *table)
{
    if (!table)
        return;
    free(table->table);
    free(table);
}

int T(encode)(const TABLE *table, const struct sy_fr *scalars, size_t count, uint8_t *ret_bytes,
              struct sy_error *err)
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
        G(serialize)(ret_bytes + i * POINT_BYTES, &points[i]);
    free(points);
    free(others);
    free(scratch);
    return rc;
}
