/* The aggregating prover: facts groth16.md 8.3. */
#include "tasks/snark/aggregate_form.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/snark/msm.h"
#include "tasks/tree/parallel.h"

#define CHUNK 64u

/* Vectors of `size` elements; folding halves them. */
struct prover {
    const struct sy_srs *srs;
    enum sy_aggregate_version version;
    unsigned threads;
    uint32_t total, size;
    struct sy_g1_affine *a, *c, *w[2];
    struct sy_g2_affine *b, *v[2];
    struct sy_fr *rv; /* 1, r, r^2, ... folded */
    struct sy_fr r, c_inv[SY_AGGREGATE_LOG_MAX], x[SY_AGGREGATE_LOG_MAX];
    struct sy_aggregate proof;
};

/* --------------------------------------------------------------------------- products of pairings
 */

/* prod e(p[i], q[i]) over up to two lists. */
struct product_list {
    const struct sy_g1_affine *p;
    const struct sy_g2_affine *q;
};
struct product {
    struct product_list lists[2];
    uint32_t size;
    struct sy_fp12 *parts; /* per chunk */
};

static int multiply_chunk(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct product *product = ctx;
    uint32_t begin = (uint32_t)index * CHUNK;
    uint32_t count = SY_MIN(CHUNK, product->size - begin);
    struct sy_fp12 part = sy_fp12_one, value;
    (void)worker;
    (void)err;
    for (unsigned k = 0; k < 2; k++) {
        const struct product_list *list = &product->lists[k];
        if (!list->p)
            continue;
        sy_pairing_miller(&value, list->p + begin, list->q + begin, count);
        sy_fp12_mul(&part, &part, &value);
    }
    product->parts[index] = part;
    return 0;
}

static int pair_lists(const struct prover *s, struct product_list first, struct product_list second,
                      uint32_t size, struct sy_fp12 *ret, struct sy_error *err)
{
    uint32_t chunks = (size + CHUNK - 1) / CHUNK;
    struct product product = {.lists = {first, second}, .size = size};
    struct sy_fp12 value = sy_fp12_one;
    product.parts = calloc(chunks, sizeof *product.parts);
    if (!product.parts)
        return sy_fail(err, SY_E_NOMEM, "no memory to multiply %u pairings", size);
    int rc = sy_parallel_for(s->threads, 0, chunks, multiply_chunk, &product, err);
    for (uint32_t i = 0; rc == 0 && i < chunks; i++)
        sy_fp12_mul(&value, &value, &product.parts[i]);
    if (rc == 0)
        sy_pairing_final(ret, &value);
    free(product.parts);
    return rc;
}

/* prod e(p[i], q[i]). */
static int pair_one(const struct prover *s, const struct sy_g1_affine *p,
                    const struct sy_g2_affine *q, uint32_t size, struct sy_fp12 *ret,
                    struct sy_error *err)
{
    return pair_lists(s, (struct product_list){p, q}, (struct product_list){NULL, NULL}, size, ret,
                      err);
}

/* prod e(a[i], v[i]) e(w[i], b[i]). */
static int pair_two(const struct prover *s, const struct sy_g1_affine *a,
                    const struct sy_g2_affine *v, const struct sy_g1_affine *w,
                    const struct sy_g2_affine *b, uint32_t size, struct sy_fp12 *ret,
                    struct sy_error *err)
{
    return pair_lists(s, (struct product_list){a, v}, (struct product_list){w, b}, size, ret, err);
}

/* ---------------------------------------------------------------------------------- whole vectors
 */

/* ret[i] = base[i] + scalar_i * other[i]; base NULL = without; the scalar is one for all or one
 * each. ret may be base or other. */
struct combine {
    struct sy_g1_affine *ret1;
    const struct sy_g1_affine *base1, *other1;
    struct sy_g2_affine *ret2; /* or these three */
    const struct sy_g2_affine *base2, *other2;
    const struct sy_fr *scalar;
    bool each;
    uint32_t size;
};

static void combine_g1(const struct combine *c, uint32_t begin, uint32_t count)
{
    struct sy_g1 sums[CHUNK];
    struct sy_fp scratch[CHUNK];
    for (uint32_t i = 0; i < count; i++) {
        sy_g1_from_affine(&sums[i], &c->other1[begin + i]);
        sy_g1_mul_fr(&sums[i], &sums[i], &c->scalar[c->each ? begin + i : 0]);
        if (c->base1)
            sy_g1_add_affine(&sums[i], &sums[i], &c->base1[begin + i]);
    }
    sy_g1_to_affine_many(c->ret1 + begin, sums, count, scratch);
}

static void combine_g2(const struct combine *c, uint32_t begin, uint32_t count)
{
    struct sy_g2 sums[CHUNK];
    struct sy_fp2 scratch[CHUNK];
    for (uint32_t i = 0; i < count; i++) {
        sy_g2_from_affine(&sums[i], &c->other2[begin + i]);
        sy_g2_mul_fr(&sums[i], &sums[i], &c->scalar[c->each ? begin + i : 0]);
        if (c->base2)
            sy_g2_add_affine(&sums[i], &sums[i], &c->base2[begin + i]);
    }
    sy_g2_to_affine_many(c->ret2 + begin, sums, count, scratch);
}

static int combine_chunk(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    const struct combine *c = ctx;
    uint32_t begin = (uint32_t)index * CHUNK;
    uint32_t count = SY_MIN(CHUNK, c->size - begin);
    (void)worker;
    (void)err;
    if (c->ret1)
        combine_g1(c, begin, count);
    else
        combine_g2(c, begin, count);
    return 0;
}

static int combine_all(const struct prover *s, struct combine *c, struct sy_error *err)
{
    return sy_parallel_for(s->threads, 0, (c->size + CHUNK - 1) / CHUNK, combine_chunk, c, err);
}

/* vector = left half + scalar * right half. */
static int fold_g1(const struct prover *s, struct sy_g1_affine *vector, const struct sy_fr *scalar,
                   struct sy_error *err)
{
    uint32_t half = s->size / 2;
    struct combine c = {
        .ret1 = vector, .base1 = vector, .other1 = vector + half, .scalar = scalar, .size = half};
    return combine_all(s, &c, err);
}

static int fold_g2(const struct prover *s, struct sy_g2_affine *vector, const struct sy_fr *scalar,
                   struct sy_error *err)
{
    uint32_t half = s->size / 2;
    struct combine c = {
        .ret2 = vector, .base2 = vector, .other2 = vector + half, .scalar = scalar, .size = half};
    return combine_all(s, &c, err);
}

static int sum_g1(const struct prover *s, const struct sy_g1_affine *points,
                  const struct sy_fr *scalars, uint32_t size, struct sy_g1_affine *ret,
                  struct sy_error *err)
{
    struct sy_msm_g1_input input = {.points = points, .scalars = scalars, .count = size};
    struct sy_g1 sum;
    int rc = sy_msm_g1(&sum, &input, s->threads, err);
    if (rc == 0)
        sy_g1_to_affine(ret, &sum);
    return rc;
}

static int sum_g2(const struct prover *s, const struct sy_g2_affine *points,
                  const struct sy_fr *scalars, uint32_t size, struct sy_g2_affine *ret,
                  struct sy_error *err)
{
    struct sy_msm_g2_input input = {.points = points, .scalars = scalars, .count = size};
    struct sy_g2 sum;
    int rc = sy_msm_g2(&sum, &input, s->threads, err);
    if (rc == 0)
        sy_g2_to_affine(ret, &sum);
    return rc;
}

/* ------------------------------------------------------------------------------------------ begin
 */

static int load_proofs(struct prover *s, const uint8_t *proofs, size_t count, struct sy_error *err)
{
    for (uint32_t i = 0; i < s->total; i++) {
        const uint8_t *at = proofs + SY_MIN((size_t)i, count - 1) * SY_PROOF_BYTES;
        if (i >= count) {
            s->a[i] = s->a[count - 1];
            s->b[i] = s->b[count - 1];
            s->c[i] = s->c[count - 1];
            continue;
        }
        int rc = sy_g1_decompress(&s->a[i], at, true, err);
        if (rc == 0)
            rc = sy_g2_decompress(&s->b[i], at + SY_G1_COMPRESSED_BYTES, true, err);
        if (rc == 0)
            rc = sy_g1_decompress(&s->c[i], at + SY_G1_COMPRESSED_BYTES + SY_G2_COMPRESSED_BYTES,
                                  true, err);
        if (rc == 0 && (sy_g1_affine_is_infinity(&s->a[i]) || sy_g2_affine_is_infinity(&s->b[i]) ||
                        sy_g1_affine_is_infinity(&s->c[i])))
            rc = sy_fail(err, SY_E_CORRUPT, "a point is infinity");
        if (rc != 0)
            return sy_error_wrap(err, "proof %u of %zu", i, count);
    }
    return 0;
}

static int allocate(struct prover *s, struct sy_error *err)
{
    size_t n = s->total;
    s->a = calloc(n, sizeof *s->a);
    s->b = calloc(n, sizeof *s->b);
    s->c = calloc(n, sizeof *s->c);
    s->rv = calloc(n, sizeof *s->rv);
    bool ok = s->a && s->b && s->c && s->rv;
    for (unsigned k = 0; k < 2; k++) {
        s->v[k] = calloc(n, sizeof *s->v[k]);
        s->w[k] = calloc(n, sizeof *s->w[k]);
        ok = ok && s->v[k] && s->w[k];
    }
    if (!ok)
        return sy_fail(err, SY_E_NOMEM, "no memory to aggregate %zu proofs", n);
    memcpy(s->v[0], s->srs->h_alpha, n * sizeof *s->v[0]);
    memcpy(s->v[1], s->srs->h_beta, n * sizeof *s->v[1]);
    memcpy(s->w[0], s->srs->g_alpha + n, n * sizeof *s->w[0]);
    memcpy(s->w[1], s->srs->g_beta + n, n * sizeof *s->w[1]);
    return 0;
}

static void fini_prover(struct prover *s)
{
    free(s->a);
    free(s->b);
    free(s->c);
    free(s->rv);
    for (unsigned k = 0; k < 2; k++) {
        free(s->v[k]);
        free(s->w[k]);
    }
    free(s);
}

/* b[i] *= r^i, w[i] *= r^-i; rv = powers of r. */
static int rescale(struct prover *s, struct sy_error *err)
{
    struct sy_fr inverse, *powers = calloc(s->total, sizeof *powers);
    if (!powers)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u powers", s->total);
    sy_fr_inv(&inverse, &s->r);
    s->rv[0] = powers[0] = sy_fr_one;
    for (uint32_t i = 1; i < s->total; i++) {
        sy_fr_mul(&s->rv[i], &s->rv[i - 1], &s->r);
        sy_fr_mul(&powers[i], &powers[i - 1], &inverse);
    }
    struct combine c = {
        .ret2 = s->b, .other2 = s->b, .scalar = s->rv, .each = true, .size = s->total};
    int rc = combine_all(s, &c, err);
    for (unsigned k = 0; rc == 0 && k < 2; k++) {
        struct combine keys = {
            .ret1 = s->w[k], .other1 = s->w[k], .scalar = powers, .each = true, .size = s->total};
        rc = combine_all(s, &keys, err);
    }
    free(powers);
    return rc;
}

/* The commitments and the first challenges. */
static int commit(struct prover *s, const uint8_t *include, struct sy_error *err)
{
    struct sy_fr hcom;
    int rc = 0;
    for (unsigned k = 0; rc == 0 && k < 2; k++) {
        rc = pair_two(s, s->a, s->v[k], s->w[k], s->b, s->total, &s->proof.com_ab[k], err);
        if (rc == 0)
            rc = pair_one(s, s->c, s->v[k], s->total, &s->proof.com_c[k], err);
    }
    if (rc != 0)
        return rc;
    sy_aggregate_begin(&s->proof, include, &hcom, &s->r);
    rc = rescale(s, err);
    if (rc == 0)
        rc = pair_one(s, s->a, s->b, s->total, &s->proof.ip_ab, err);
    if (rc == 0)
        rc = sum_g1(s, s->c, s->rv, s->total, &s->proof.agg_c, err);
    if (rc == 0)
        sy_aggregate_first(&s->proof, &hcom, &s->r, &s->c_inv[0]);
    return rc;
}

/* ----------------------------------------------------------------------------------------- rounds
 */

static int commit_round(struct prover *s, struct sy_aggregate_round *round, struct sy_error *err)
{
    uint32_t h = s->size / 2;
    int rc = 0;
    for (unsigned k = 0; rc == 0 && k < 2; k++) {
        rc = pair_two(s, s->a + h, s->v[k], s->w[k] + h, s->b, h, &round->tab[k], err);
        if (rc == 0)
            rc = pair_two(s, s->a, s->v[k] + h, s->w[k], s->b + h, h, &round->tab[2 + k], err);
        if (rc == 0)
            rc = pair_one(s, s->c + h, s->v[k], h, &round->tuc[k], err);
        if (rc == 0)
            rc = pair_one(s, s->c, s->v[k] + h, h, &round->tuc[2 + k], err);
    }
    if (rc == 0)
        rc = pair_one(s, s->a + h, s->b, h, &round->zab[0], err);
    if (rc == 0)
        rc = pair_one(s, s->a, s->b + h, h, &round->zab[1], err);
    if (rc == 0)
        rc = sum_g1(s, s->c + h, s->rv, h, &round->zc[0], err);
    if (rc == 0)
        rc = sum_g1(s, s->c, s->rv + h, h, &round->zc[1], err);
    return rc;
}

static int fold(struct prover *s, const struct sy_fr *x, const struct sy_fr *c_inv,
                struct sy_error *err)
{
    uint32_t half = s->size / 2;
    int rc = fold_g1(s, s->a, x, err);
    if (rc == 0)
        rc = fold_g2(s, s->b, c_inv, err);
    if (rc == 0)
        rc = fold_g1(s, s->c, x, err);
    for (unsigned k = 0; rc == 0 && k < 2; k++) {
        rc = fold_g2(s, s->v[k], c_inv, err);
        if (rc == 0)
            rc = fold_g1(s, s->w[k], x, err);
    }
    for (uint32_t i = 0; i < half; i++) {
        struct sy_fr product;
        sy_fr_mul(&product, &s->rv[half + i], c_inv);
        sy_fr_add(&s->rv[i], &s->rv[i], &product);
    }
    s->size = half;
    return rc;
}

static int run_rounds(struct prover *s, struct sy_error *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < s->proof.log; i++) {
        rc = commit_round(s, &s->proof.rounds[i], err);
        if (rc != 0)
            break;
        if (i > 0)
            s->c_inv[i] = s->c_inv[i - 1];
        sy_aggregate_next(&s->proof, s->version, i, &s->c_inv[i]);
        sy_fr_inv(&s->x[i], &s->c_inv[i]);
        rc = fold(s, &s->x[i], &s->c_inv[i], err);
    }
    s->proof.a = s->a[0];
    s->proof.b = s->b[0];
    s->proof.c = s->c[0];
    for (unsigned k = 0; k < 2; k++) {
        s->proof.vkey[k] = s->v[k][0];
        s->proof.wkey[k] = s->w[k][0];
    }
    return rc;
}

/* --------------------------------------------------------------------------------------- openings
 */

/* prod_j (1 + y_j X^(2^j)), y_j from the last round to the first: n coefficients. */
static void key_polynomial(struct sy_fr *ret, const struct sy_fr *y, unsigned log)
{
    ret[0] = sy_fr_one;
    for (unsigned j = 0; j < log; j++)
        for (uint32_t i = 0; i < UINT32_C(1) << j; i++)
            sy_fr_mul(&ret[(UINT32_C(1) << j) + i], &ret[i], &y[j]);
}

/* f(X) becomes (f(X) - f(z)) / (X - z), in place; the top coefficient is zero then. */
static void divide_by_root(struct sy_fr *f, uint32_t count, const struct sy_fr *z)
{
    struct sy_fr carry = sy_fr_zero, product;
    for (uint32_t i = count; i-- > 0;) {
        struct sy_fr held = f[i];
        f[i] = carry;
        sy_fr_mul(&product, &carry, z);
        sy_fr_add(&carry, &held, &product);
    }
}

static int open_keys(struct prover *s, struct sy_error *err)
{
    unsigned log = s->proof.log;
    uint32_t n = s->total;
    struct sy_fr z, step, y_v[SY_AGGREGATE_LOG_MAX], y_w[SY_AGGREGATE_LOG_MAX];
    struct sy_fr *f = calloc(2 * (size_t)n, sizeof *f);
    if (!f)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u coefficients", 2 * n);
    sy_aggregate_opening_point(&s->proof, s->version, &s->x[log - 1], &z);
    sy_fr_inv(&step, &s->r);
    for (unsigned j = 0; j < log; j++) {
        y_v[j] = s->c_inv[log - 1 - j];
        sy_fr_mul(&y_w[j], &s->x[log - 1 - j], &step);
        sy_fr_sqr(&step, &step);
    }
    key_polynomial(f, y_v, log);
    divide_by_root(f, n, &z);
    int rc = sum_g2(s, s->srs->h_alpha, f, n, &s->proof.vkey_opening[0], err);
    if (rc == 0)
        rc = sum_g2(s, s->srs->h_beta, f, n, &s->proof.vkey_opening[1], err);
    memset(f, 0, n * sizeof *f);
    key_polynomial(f + n, y_w, log);
    divide_by_root(f, 2 * n, &z);
    if (rc == 0)
        rc = sum_g1(s, s->srs->g_alpha, f, 2 * n, &s->proof.wkey_opening[0], err);
    if (rc == 0)
        rc = sum_g1(s, s->srs->g_beta, f, 2 * n, &s->proof.wkey_opening[1], err);
    free(f);
    return rc;
}

static int finish(const struct prover *s, uint8_t **ret_bytes, size_t *ret_count,
                  struct sy_error *err)
{
    size_t count = SY_AGGREGATE_BYTES(s->proof.log);
    uint8_t *bytes = malloc(count);
    if (!bytes)
        return sy_fail(err, SY_E_NOMEM, "no memory for an aggregate of %zu bytes", count);
    int rc = sy_aggregate_encode(bytes, &s->proof, err);
    if (rc != 0) {
        free(bytes);
        return rc;
    }
    *ret_bytes = bytes;
    *ret_count = count;
    return 0;
}

int sy_aggregate_prove(const struct sy_srs *srs, enum sy_aggregate_version version,
                       const uint8_t include[SY_AGGREGATE_INCLUDE_BYTES], const uint8_t *proofs,
                       size_t count, unsigned threads, uint8_t **ret_bytes, size_t *ret_count,
                       struct sy_error *err)
{
    if (count == 0 || count > SY_AGGREGATE_PROOFS_MAX)
        return sy_fail(err, SY_E_RANGE, "%zu proofs to aggregate, expected 1 to %u", count,
                       SY_AGGREGATE_PROOFS_MAX);
    struct prover *s = calloc(1, sizeof *s);
    if (!s)
        return sy_fail(err, SY_E_NOMEM, "no memory to aggregate %zu proofs", count);
    s->srs = srs;
    s->version = version;
    s->threads = threads;
    s->proof.log = 1;
    while (UINT32_C(1) << s->proof.log < count)
        s->proof.log++;
    s->total = s->size = UINT32_C(1) << s->proof.log;
    int rc = srs->h_count >= s->total && srs->g_count >= 2 * s->total
                 ? 0
                 : sy_fail(err, SY_E_LIMIT, "the SRS is for %u proofs, %u are to be aggregated",
                           srs->h_count, s->total);
    if (rc == 0)
        rc = allocate(s, err);
    if (rc == 0)
        rc = load_proofs(s, proofs, count, err);
    if (rc == 0)
        rc = commit(s, include, err);
    if (rc == 0)
        rc = run_rounds(s, err);
    if (rc == 0)
        rc = open_keys(s, err);
    if (rc == 0)
        rc = finish(s, ret_bytes, ret_count, err);
    fini_prover(s);
    return rc;
}
