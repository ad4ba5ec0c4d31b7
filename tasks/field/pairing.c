#include "tasks/field/pairing.h"

/* |x| of the curve; x itself is negative. */
static const uint64_t bls_x = 0xd201000000010000ULL;

/* A point of the twist in homogeneous coordinates (x/z, y/z), and a line l0 + l1 v + l4 v w. */
struct twist_point {
    struct sy_fp2 x, y, z;
};
struct line {
    struct sy_fp2 l0, l1, l4;
};

static void halve(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    static const uint64_t half_limbs[SY_FP_LIMBS] = {
        0xdcff7fffffffd556ULL, 0x0f55ffff58a9ffffULL, 0xb39869507b587b12ULL,
        0xb23ba5c279c2895fULL, 0x258dd3db21a5d66bULL, 0x0d0088f51cbff34dULL}; /* (p + 1) / 2 */
    struct sy_fp half;
    sy_fp_from_limbs(&half, half_limbs);
    sy_fp2_mul_fp(ret, a, &half);
}

/* T = 2T and the tangent at T. */
static void double_step(struct twist_point *t, struct line *line)
{
    struct sy_fp2 a, b, c, e, f, g, h, i, j, k;
    sy_fp2_mul(&a, &t->x, &t->y);
    halve(&a, &a);
    sy_fp2_sqr(&b, &t->y);
    sy_fp2_sqr(&c, &t->z);
    sy_fp2_double(&e, &c); /* e = 3 b' z^2 with b' = 4 xi: 12 xi z^2 */
    sy_fp2_add(&e, &e, &c);
    sy_fp2_double(&e, &e);
    sy_fp2_double(&e, &e);
    sy_fp2_mul_xi(&e, &e);
    sy_fp2_double(&f, &e);
    sy_fp2_add(&f, &f, &e);
    sy_fp2_add(&g, &b, &f);
    halve(&g, &g);
    sy_fp2_add(&h, &t->y, &t->z);
    sy_fp2_sqr(&h, &h);
    sy_fp2_sub(&h, &h, &b);
    sy_fp2_sub(&h, &h, &c);
    sy_fp2_sub(&i, &e, &b);
    sy_fp2_sqr(&j, &t->x);
    sy_fp2_sqr(&k, &e);
    sy_fp2_sub(&t->x, &b, &f);
    sy_fp2_mul(&t->x, &t->x, &a);
    sy_fp2_sqr(&t->y, &g);
    sy_fp2_double(&a, &k);
    sy_fp2_add(&a, &a, &k);
    sy_fp2_sub(&t->y, &t->y, &a);
    sy_fp2_mul(&t->z, &b, &h);
    line->l0 = i;
    sy_fp2_double(&line->l1, &j);
    sy_fp2_add(&line->l1, &line->l1, &j);
    sy_fp2_neg(&line->l4, &h);
}

/* T = T + q and the line through both. */
static void add_step(struct twist_point *t, const struct sy_g2_affine *q, struct line *line)
{
    struct sy_fp2 theta, lambda, c, d, e, f, g, h, j;
    sy_fp2_mul(&theta, &q->y, &t->z);
    sy_fp2_sub(&theta, &t->y, &theta);
    sy_fp2_mul(&lambda, &q->x, &t->z);
    sy_fp2_sub(&lambda, &t->x, &lambda);
    sy_fp2_sqr(&c, &theta);
    sy_fp2_sqr(&d, &lambda);
    sy_fp2_mul(&e, &lambda, &d);
    sy_fp2_mul(&f, &t->z, &c);
    sy_fp2_mul(&g, &t->x, &d);
    sy_fp2_add(&h, &e, &f);
    sy_fp2_sub(&h, &h, &g);
    sy_fp2_sub(&h, &h, &g);
    sy_fp2_mul(&t->x, &lambda, &h);
    sy_fp2_sub(&g, &g, &h);
    sy_fp2_mul(&g, &g, &theta);
    sy_fp2_mul(&h, &e, &t->y);
    sy_fp2_sub(&t->y, &g, &h);
    sy_fp2_mul(&t->z, &t->z, &e);
    sy_fp2_mul(&j, &theta, &q->x);
    sy_fp2_mul(&h, &lambda, &q->y);
    sy_fp2_sub(&line->l0, &j, &h);
    sy_fp2_neg(&line->l1, &theta);
    line->l4 = lambda;
}

/* f *= line at p. */
static void apply_line(struct sy_fp12 *f, const struct line *line, const struct sy_g1_affine *p)
{
    struct sy_fp2 l1, l4;
    sy_fp2_mul_fp(&l4, &line->l4, &p->y);
    sy_fp2_mul_fp(&l1, &line->l1, &p->x);
    sy_fp12_mul_line(f, f, &line->l0, &l1, &l4);
}

/* Pairs are taken in groups so that the squarings of f are shared within a group. */
#define MILLER_GROUP 16

static void miller_group(struct sy_fp12 *ret, const struct sy_g1_affine *p,
                         const struct sy_g2_affine *q, size_t count)
{
    struct twist_point t[MILLER_GROUP];
    bool active[MILLER_GROUP];
    struct sy_fp12 f = sy_fp12_one;
    struct line line;
    for (size_t i = 0; i < count; i++) {
        active[i] = !sy_g1_affine_is_infinity(&p[i]) && !sy_g2_affine_is_infinity(&q[i]);
        t[i] = (struct twist_point){q[i].x, q[i].y, sy_fp2_one};
    }
    for (int bit = 62; bit >= 0; bit--) {
        sy_fp12_sqr(&f, &f);
        for (size_t i = 0; i < count; i++) {
            if (!active[i])
                continue;
            double_step(&t[i], &line);
            apply_line(&f, &line, &p[i]);
            if (bls_x >> bit & 1) {
                add_step(&t[i], &q[i], &line);
                apply_line(&f, &line, &p[i]);
            }
        }
    }
    sy_fp12_conj(ret, &f); /* x is negative */
}

void sy_pairing_miller(struct sy_fp12 *ret, const struct sy_g1_affine *p,
                       const struct sy_g2_affine *q, size_t count)
{
    struct sy_fp12 product = sy_fp12_one, part;
    for (size_t start = 0; start < count; start += MILLER_GROUP) {
        miller_group(&part, p + start, q + start, SY_MIN(count - start, (size_t)MILLER_GROUP));
        sy_fp12_mul(&product, &product, &part);
    }
    *ret = product;
}

/* a^x for a in the cyclotomic subgroup. */
static void pow_x(struct sy_fp12 *ret, const struct sy_fp12 *a)
{
    struct sy_fp12 power;
    sy_fp12_pow(&power, a, &bls_x, 1);
    sy_fp12_conj(ret, &power);
}

/* Easy part (p^6 - 1)(p^2 + 1), then 3 (p^4 - p^2 + 1) / r = (x - 1)^2 (x + p)(x^2 + p^2 - 1) + 3.
 */
void sy_pairing_final(struct sy_fp12 *ret, const struct sy_fp12 *f)
{
    struct sy_fp12 a, t, u, v;
    sy_fp12_inv(&t, f);
    sy_fp12_conj(&a, f);
    sy_fp12_mul(&a, &a, &t);
    sy_fp12_frobenius(&t, &a);
    sy_fp12_frobenius(&t, &t);
    sy_fp12_mul(&a, &a, &t);
    pow_x(&t, &a); /* t = a^(x - 1)^2 */
    sy_fp12_conj(&u, &a);
    sy_fp12_mul(&t, &t, &u);
    pow_x(&u, &t);
    sy_fp12_conj(&t, &t);
    sy_fp12_mul(&t, &u, &t);
    pow_x(&u, &t); /* t = t^(x + p) */
    sy_fp12_frobenius(&v, &t);
    sy_fp12_mul(&t, &u, &v);
    pow_x(&u, &t); /* u = t^(x^2 + p^2 - 1) */
    pow_x(&u, &u);
    sy_fp12_frobenius(&v, &t);
    sy_fp12_frobenius(&v, &v);
    sy_fp12_mul(&u, &u, &v);
    sy_fp12_conj(&t, &t);
    sy_fp12_mul(&u, &u, &t);
    sy_fp12_sqr(&v, &a); /* times a^3 */
    sy_fp12_mul(&v, &v, &a);
    sy_fp12_mul(ret, &u, &v);
}

void sy_pairing(struct sy_fp12 *ret, const struct sy_g1_affine *p, const struct sy_g2_affine *q)
{
    struct sy_fp12 f;
    sy_pairing_miller(&f, p, q, 1);
    sy_pairing_final(ret, &f);
}
