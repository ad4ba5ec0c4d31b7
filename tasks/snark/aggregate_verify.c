/* The aggregate's verifier: facts groth16.md 8.5. Each equation is checked on its own, so that a
 * refusal says which one failed. */
#include "tasks/snark/aggregate_form.h"

#include <stdlib.h>
#include <string.h>

struct verifier {
    const struct sy_srs *srs;
    const struct sy_groth16_vk *vk;
    struct sy_aggregate proof;
    struct sy_fr r, z;
    struct sy_fr c_inv[SY_AGGREGATE_LOG_MAX], x[SY_AGGREGATE_LOG_MAX];
};

/* prod e(p, q) == expected (NULL = one). */
static int expect_product(const struct sy_g1_affine *p, const struct sy_g2_affine *q, size_t count,
                          const struct sy_fp12 *expected, const char *what, struct sy_error *err)
{
    struct sy_fp12 value;
    sy_pairing_miller(&value, p, q, count);
    sy_pairing_final(&value, &value);
    if (sy_fp12_equal(&value, expected ? expected : &sy_fp12_one))
        return 0;
    return sy_fail(err, SY_E_MISMATCH, "the aggregate does not hold: %s", what);
}

static void gt_pow_mul(struct sy_fp12 *acc, const struct sy_fp12 *base, const struct sy_fr *e)
{
    uint64_t limbs[SY_FR_LIMBS];
    struct sy_fp12 power;
    sy_fr_to_limbs(limbs, e);
    sy_fp12_pow(&power, base, limbs, SY_FR_LIMBS);
    sy_fp12_mul(acc, acc, &power);
}

static void g1_mul_add(struct sy_g1 *acc, const struct sy_g1_affine *base, const struct sy_fr *e)
{
    struct sy_g1 part;
    sy_g1_from_affine(&part, base);
    sy_g1_mul_fr(&part, &part, e);
    sy_g1_add(acc, acc, &part);
}

static void draw_challenges(struct verifier *v, enum sy_aggregate_version version,
                            const uint8_t *include)
{
    struct sy_fr hcom;
    sy_aggregate_begin(&v->proof, include, &hcom, &v->r);
    sy_aggregate_first(&v->proof, &hcom, &v->r, &v->c_inv[0]);
    for (unsigned i = 0; i < v->proof.log; i++) {
        if (i > 0)
            v->c_inv[i] = v->c_inv[i - 1];
        sy_aggregate_next(&v->proof, version, i, &v->c_inv[i]);
        sy_fr_inv(&v->x[i], &v->c_inv[i]);
    }
    sy_aggregate_opening_point(&v->proof, version, &v->x[v->proof.log - 1], &v->z);
}

/* ------------------------------------------------------------------- the inner product arguments
 */

static int check_products(const struct verifier *v, struct sy_error *err)
{
    const struct sy_aggregate *proof = &v->proof;
    struct sy_fp12 zab = proof->ip_ab;
    for (unsigned i = 0; i < proof->log; i++) {
        gt_pow_mul(&zab, &proof->rounds[i].zab[0], &v->x[i]);
        gt_pow_mul(&zab, &proof->rounds[i].zab[1], &v->c_inv[i]);
    }
    return expect_product(&proof->a, &proof->b, 1, &zab, "product of A and B", err);
}

/* Commitments under the alpha key (k = 0) or the beta key. */
static int check_commitments(const struct verifier *v, unsigned k, struct sy_error *err)
{
    const struct sy_aggregate *proof = &v->proof;
    struct sy_fp12 t = proof->com_ab[k], u = proof->com_c[k];
    for (unsigned i = 0; i < proof->log; i++) {
        gt_pow_mul(&t, &proof->rounds[i].tab[k], &v->x[i]);
        gt_pow_mul(&t, &proof->rounds[i].tab[2 + k], &v->c_inv[i]);
        gt_pow_mul(&u, &proof->rounds[i].tuc[k], &v->x[i]);
        gt_pow_mul(&u, &proof->rounds[i].tuc[2 + k], &v->c_inv[i]);
    }
    struct sy_g1_affine p[2] = {proof->a, proof->wkey[k]};
    struct sy_g2_affine q[2] = {proof->vkey[k], proof->b};
    int rc = expect_product(p, q, 2, &t, "commitment to A and B", err);
    if (rc == 0)
        rc = expect_product(&proof->c, &proof->vkey[k], 1, &u, "commitment to C", err);
    return rc;
}

/* prod_j (1 + y_(last - j) * (scale * point)^(2^j)). */
static void key_value(const struct sy_fr *y, unsigned log, const struct sy_fr *point,
                      struct sy_fr *ret)
{
    struct sy_fr power = *point, factor;
    *ret = sy_fr_one;
    for (unsigned j = 0; j < log; j++) {
        sy_fr_mul(&factor, &y[log - 1 - j], &power);
        sy_fr_add(&factor, &factor, &sy_fr_one);
        sy_fr_mul(ret, ret, &factor);
        sy_fr_sqr(&power, &power);
    }
}

static int check_sum(const struct verifier *v, struct sy_error *err)
{
    const struct sy_aggregate *proof = &v->proof;
    struct sy_g1 zc, expected = sy_g1_infinity;
    struct sy_fr rr;
    sy_g1_from_affine(&zc, &proof->agg_c);
    for (unsigned i = 0; i < proof->log; i++) {
        g1_mul_add(&zc, &proof->rounds[i].zc[0], &v->x[i]);
        g1_mul_add(&zc, &proof->rounds[i].zc[1], &v->c_inv[i]);
    }
    key_value(v->c_inv, proof->log, &v->r, &rr);
    g1_mul_add(&expected, &proof->c, &rr);
    if (!sy_g1_equal(&zc, &expected))
        return sy_fail(err, SY_E_MISMATCH, "the aggregate does not hold: sum of C");
    return 0;
}

/* ------------------------------------------------------------------------------- the final keys */

/* ret = point - e * base. */
static void g1_sub_multiple(struct sy_g1_affine *ret, const struct sy_g1_affine *point,
                            const struct sy_g1_affine *base, const struct sy_fr *e)
{
    struct sy_g1 sum;
    struct sy_fr minus;
    sy_fr_neg(&minus, e);
    sy_g1_from_affine(&sum, point);
    g1_mul_add(&sum, base, &minus);
    sy_g1_to_affine(ret, &sum);
}

static void g2_sub_multiple(struct sy_g2_affine *ret, const struct sy_g2_affine *point,
                            const struct sy_g2_affine *base, const struct sy_fr *e)
{
    struct sy_g2 sum, part;
    struct sy_fr minus;
    sy_fr_neg(&minus, e);
    sy_g2_from_affine(&sum, point);
    sy_g2_from_affine(&part, base);
    sy_g2_mul_fr(&part, &part, &minus);
    sy_g2_add(&sum, &sum, &part);
    sy_g2_to_affine(ret, &sum);
}

static int check_vkey(const struct verifier *v, unsigned k, struct sy_error *err)
{
    const struct sy_srs *srs = v->srs;
    struct sy_fr value;
    struct sy_g1_affine p[2];
    struct sy_g2_affine q[2];
    key_value(v->c_inv, v->proof.log, &v->z, &value);
    p[0] = srs->g_alpha[0];
    g2_sub_multiple(&q[0], &v->proof.vkey[k], &srs->h_alpha[0], &value);
    g1_sub_multiple(&p[1], k == 0 ? &srs->g_alpha[1] : &srs->g_beta[1], &srs->g_alpha[0], &v->z);
    sy_g1_affine_neg(&p[1], &p[1]);
    q[1] = v->proof.vkey_opening[k];
    return expect_product(p, q, 2, NULL, "opening of the key in G2", err);
}

static int check_wkey(const struct verifier *v, unsigned k, struct sy_error *err)
{
    const struct sy_srs *srs = v->srs;
    uint64_t n = UINT64_C(1) << v->proof.log;
    struct sy_fr value, shift, inverse, point;
    struct sy_g1_affine p[2];
    struct sy_g2_affine q[2];
    sy_fr_inv(&inverse, &v->r);
    sy_fr_mul(&point, &v->z, &inverse);
    key_value(v->x, v->proof.log, &point, &value);
    sy_fr_pow(&shift, &v->z, &n, 1);
    sy_fr_mul(&value, &value, &shift);
    g1_sub_multiple(&p[0], &v->proof.wkey[k], &srs->g_alpha[0], &value);
    q[0] = srs->h_alpha[0];
    sy_g1_affine_neg(&p[1], &v->proof.wkey_opening[k]);
    g2_sub_multiple(&q[1], k == 0 ? &srs->h_alpha[1] : &srs->h_beta[1], &srs->h_alpha[0], &v->z);
    return expect_product(p, q, 2, NULL, "opening of the key in G1", err);
}

/* ---------------------------------------------------------------------------------------- Groth16
 */

/* weights[0] = sum of r^j, weights[i + 1] = sum of r^j * input i of proof j; the last row repeats.
 */
static void weigh_inputs(const struct verifier *v, const struct sy_fr *inputs, uint32_t input_count,
                         size_t count, struct sy_fr *weights)
{
    size_t n = (size_t)1 << v->proof.log;
    struct sy_fr power = sy_fr_one, product;
    for (size_t j = 0; j < n; j++) {
        const struct sy_fr *row = inputs + SY_MIN(j, count - 1) * input_count;
        sy_fr_add(&weights[0], &weights[0], &power);
        for (uint32_t i = 0; i < input_count; i++) {
            sy_fr_mul(&product, &power, &row[i]);
            sy_fr_add(&weights[i + 1], &weights[i + 1], &product);
        }
        sy_fr_mul(&power, &power, &v->r);
    }
}

static int check_groth16(const struct verifier *v, const struct sy_fr *inputs, uint32_t input_count,
                         size_t count, struct sy_error *err)
{
    const struct sy_groth16_vk *vk = v->vk;
    struct sy_fr *weights = calloc(vk->ic_count, sizeof *weights);
    if (!weights)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u inputs", input_count);
    weigh_inputs(v, inputs, input_count, count, weights);
    struct sy_g1 alpha = sy_g1_infinity, ic = sy_g1_infinity;
    g1_mul_add(&alpha, &vk->alpha_g1, &weights[0]);
    for (uint32_t i = 0; i < vk->ic_count; i++)
        g1_mul_add(&ic, &vk->ic[i], &weights[i]);
    free(weights);
    struct sy_g1_affine p[3];
    struct sy_g2_affine q[3] = {vk->beta_g2, vk->gamma_g2, vk->delta_g2};
    sy_g1_to_affine(&p[0], &alpha);
    sy_g1_to_affine(&p[1], &ic);
    p[2] = v->proof.agg_c;
    return expect_product(p, q, 3, &v->proof.ip_ab, "Groth16 equation for these public inputs",
                          err);
}

static int check_commitment_equations(const struct verifier *v, struct sy_error *err)
{
    int rc = check_products(v, err);
    if (rc == 0)
        rc = check_sum(v, err);
    for (unsigned k = 0; rc == 0 && k < 2; k++) {
        rc = check_commitments(v, k, err);
        if (rc == 0)
            rc = check_vkey(v, k, err);
        if (rc == 0)
            rc = check_wkey(v, k, err);
    }
    return rc;
}

static int check_srs(const struct sy_srs *srs, struct sy_error *err)
{
    if (srs->g_count < 2 || srs->h_count < 2)
        return sy_fail(err, SY_E_ARG, "the SRS holds fewer than two elements of each vector");
    return 0;
}

static int check_form(const struct verifier *v, uint32_t input_count, size_t count,
                      struct sy_error *err)
{
    size_t n = (size_t)1 << v->proof.log;
    if (input_count + 1 != v->vk->ic_count)
        return sy_fail(err, SY_E_ARG, "%u public inputs given, the verifying key wants %u",
                       input_count, v->vk->ic_count - 1);
    if (count > n || (count <= n / 2 && n > 2))
        return sy_fail(err, SY_E_MISMATCH,
                       "the aggregate is of %zu proofs, inputs of %zu are given", n, count);
    return 0;
}

int sy_aggregate_verify(const struct sy_srs *srs, const struct sy_groth16_vk *vk,
                        enum sy_aggregate_version version,
                        const uint8_t include[SY_AGGREGATE_INCLUDE_BYTES],
                        const struct sy_fr *inputs, uint32_t input_count, size_t count,
                        const uint8_t *bytes, size_t byte_count, struct sy_error *err)
{
    if (count == 0 || count > SY_AGGREGATE_PROOFS_MAX)
        return sy_fail(err, SY_E_RANGE, "inputs of %zu proofs, expected 1 to %u", count,
                       SY_AGGREGATE_PROOFS_MAX);
    struct verifier *v = calloc(1, sizeof *v);
    if (!v)
        return sy_fail(err, SY_E_NOMEM, "no memory to verify an aggregate");
    v->srs = srs;
    v->vk = vk;
    int rc = sy_aggregate_decode(&v->proof, bytes, byte_count, err);
    if (rc == 0)
        rc = check_form(v, input_count, count, err);
    if (rc == 0)
        rc = check_srs(srs, err);
    if (rc == 0) {
        draw_challenges(v, version, include);
        rc = check_groth16(v, inputs, input_count, count, err);
    }
    if (rc == 0)
        rc = check_commitment_equations(v, err);
    free(v);
    return rc;
}

int sy_aggregate_check_commitments(const struct sy_srs *srs, enum sy_aggregate_version version,
                                   const uint8_t include[SY_AGGREGATE_INCLUDE_BYTES],
                                   const uint8_t *bytes, size_t byte_count, struct sy_error *err)
{
    struct verifier *v = calloc(1, sizeof *v);
    if (!v)
        return sy_fail(err, SY_E_NOMEM, "no memory to verify an aggregate");
    v->srs = srs;
    int rc = sy_aggregate_decode(&v->proof, bytes, byte_count, err);
    if (rc == 0)
        rc = check_srs(srs, err);
    if (rc == 0) {
        draw_challenges(v, version, include);
        rc = check_commitment_equations(v, err);
    }
    free(v);
    return rc;
}
