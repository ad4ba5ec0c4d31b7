#include "tasks/field/fp12.h"

#include <pthread.h>
#include <string.h>

const struct sy_fp12 sy_fp12_one = {
    {{{{0x760900000002fffdULL, 0xebf4000bc40c0002ULL, 0x5f48985753c758baULL, 0x77ce585370525745ULL,
        0x5c071a97a256ec6dULL, 0x15f65ec3fa80e493ULL}},
      {{0}}},
     {{{0}}, {{0}}},
     {{{0}}, {{0}}}},
    {{{{0}}, {{0}}}, {{{0}}, {{0}}}, {{{0}}, {{0}}}}};

/* -------------------------------------------------------------------------------------- Fp6 */

void sy_fp6_add(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp6 *b)
{
    sy_fp2_add(&ret->c0, &a->c0, &b->c0);
    sy_fp2_add(&ret->c1, &a->c1, &b->c1);
    sy_fp2_add(&ret->c2, &a->c2, &b->c2);
}

void sy_fp6_sub(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp6 *b)
{
    sy_fp2_sub(&ret->c0, &a->c0, &b->c0);
    sy_fp2_sub(&ret->c1, &a->c1, &b->c1);
    sy_fp2_sub(&ret->c2, &a->c2, &b->c2);
}

void sy_fp6_neg(struct sy_fp6 *ret, const struct sy_fp6 *a)
{
    sy_fp2_neg(&ret->c0, &a->c0);
    sy_fp2_neg(&ret->c1, &a->c1);
    sy_fp2_neg(&ret->c2, &a->c2);
}

/* (x + y)(z + t) - low - high: a cross term of Karatsuba. */
static void cross(struct sy_fp2 *ret, const struct sy_fp2 *x, const struct sy_fp2 *y,
                  const struct sy_fp2 *z, const struct sy_fp2 *t, const struct sy_fp2 *low,
                  const struct sy_fp2 *high)
{
    struct sy_fp2 left, right;
    sy_fp2_add(&left, x, y);
    sy_fp2_add(&right, z, t);
    sy_fp2_mul(ret, &left, &right);
    sy_fp2_sub(ret, ret, low);
    sy_fp2_sub(ret, ret, high);
}

void sy_fp6_mul(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp6 *b)
{
    struct sy_fp2 v0, v1, v2, c0, c1, c2;
    sy_fp2_mul(&v0, &a->c0, &b->c0);
    sy_fp2_mul(&v1, &a->c1, &b->c1);
    sy_fp2_mul(&v2, &a->c2, &b->c2);
    cross(&c0, &a->c1, &a->c2, &b->c1, &b->c2, &v1, &v2);
    sy_fp2_mul_xi(&c0, &c0);
    cross(&c1, &a->c0, &a->c1, &b->c0, &b->c1, &v0, &v1);
    cross(&c2, &a->c0, &a->c2, &b->c0, &b->c2, &v0, &v2);
    sy_fp2_add(&ret->c0, &c0, &v0);
    sy_fp2_mul_xi(&v2, &v2);
    sy_fp2_add(&ret->c1, &c1, &v2);
    sy_fp2_add(&ret->c2, &c2, &v1);
}

void sy_fp6_mul_v(struct sy_fp6 *ret, const struct sy_fp6 *a)
{
    struct sy_fp2 c0;
    sy_fp2_mul_xi(&c0, &a->c2);
    ret->c2 = a->c1;
    ret->c1 = a->c0;
    ret->c0 = c0;
}

void sy_fp6_inv(struct sy_fp6 *ret, const struct sy_fp6 *a)
{
    struct sy_fp2 t0, t1, t2, norm, product;
    sy_fp2_sqr(&t0, &a->c0); /* c0^2 - xi c1 c2 */
    sy_fp2_mul(&product, &a->c1, &a->c2);
    sy_fp2_mul_xi(&product, &product);
    sy_fp2_sub(&t0, &t0, &product);
    sy_fp2_sqr(&t1, &a->c2); /* xi c2^2 - c0 c1 */
    sy_fp2_mul_xi(&t1, &t1);
    sy_fp2_mul(&product, &a->c0, &a->c1);
    sy_fp2_sub(&t1, &t1, &product);
    sy_fp2_sqr(&t2, &a->c1); /* c1^2 - c0 c2 */
    sy_fp2_mul(&product, &a->c0, &a->c2);
    sy_fp2_sub(&t2, &t2, &product);
    sy_fp2_mul(&norm, &a->c2, &t1); /* c0 t0 + xi (c2 t1 + c1 t2) */
    sy_fp2_mul(&product, &a->c1, &t2);
    sy_fp2_add(&norm, &norm, &product);
    sy_fp2_mul_xi(&norm, &norm);
    sy_fp2_mul(&product, &a->c0, &t0);
    sy_fp2_add(&norm, &norm, &product);
    sy_fp2_inv(&norm, &norm);
    sy_fp2_mul(&ret->c0, &t0, &norm);
    sy_fp2_mul(&ret->c1, &t1, &norm);
    sy_fp2_mul(&ret->c2, &t2, &norm);
}

/* ------------------------------------------------------------------------------------- Fp12 */

bool sy_fp12_equal(const struct sy_fp12 *a, const struct sy_fp12 *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

void sy_fp12_mul(struct sy_fp12 *ret, const struct sy_fp12 *a, const struct sy_fp12 *b)
{
    struct sy_fp6 low, high, left, right;
    sy_fp6_mul(&low, &a->c0, &b->c0);
    sy_fp6_mul(&high, &a->c1, &b->c1);
    sy_fp6_add(&left, &a->c0, &a->c1);
    sy_fp6_add(&right, &b->c0, &b->c1);
    sy_fp6_mul(&left, &left, &right);
    sy_fp6_sub(&left, &left, &low);
    sy_fp6_sub(&ret->c1, &left, &high);
    sy_fp6_mul_v(&high, &high);
    sy_fp6_add(&ret->c0, &low, &high);
}

/* (c0 + c1)(c0 + v c1) - c0 c1 - v c0 c1, and 2 c0 c1: two products. */
void sy_fp12_sqr(struct sy_fp12 *ret, const struct sy_fp12 *a)
{
    struct sy_fp6 product, left, right;
    sy_fp6_mul(&product, &a->c0, &a->c1);
    sy_fp6_add(&left, &a->c0, &a->c1);
    sy_fp6_mul_v(&right, &a->c1);
    sy_fp6_add(&right, &right, &a->c0);
    sy_fp6_mul(&left, &left, &right);
    sy_fp6_sub(&left, &left, &product);
    sy_fp6_mul_v(&right, &product);
    sy_fp6_sub(&ret->c0, &left, &right);
    sy_fp6_add(&ret->c1, &product, &product);
}

void sy_fp12_conj(struct sy_fp12 *ret, const struct sy_fp12 *a)
{
    ret->c0 = a->c0;
    sy_fp6_neg(&ret->c1, &a->c1);
}

void sy_fp12_inv(struct sy_fp12 *ret, const struct sy_fp12 *a)
{
    struct sy_fp6 norm, square;
    sy_fp6_mul(&norm, &a->c0, &a->c0);
    sy_fp6_mul(&square, &a->c1, &a->c1);
    sy_fp6_mul_v(&square, &square);
    sy_fp6_sub(&norm, &norm, &square);
    sy_fp6_inv(&norm, &norm);
    sy_fp6_mul(&ret->c0, &a->c0, &norm);
    sy_fp6_mul(&ret->c1, &a->c1, &norm);
    sy_fp6_neg(&ret->c1, &ret->c1);
}

/* gamma[i] = (1 + u)^(i (p - 1) / 6): what w^i is multiplied by under Frobenius. */
static struct sy_fp2 frobenius_gamma[6];
static pthread_once_t frobenius_once = PTHREAD_ONCE_INIT;

static void make_frobenius(void)
{
    struct sy_fp2 xi = sy_fp2_one;
    xi.c1 = sy_fp_one;
    uint64_t exponent[SY_FP_LIMBS], remainder = 0;
    uint64_t numerator[SY_FP_LIMBS];
    memcpy(numerator, sy_fp_modulus, sizeof numerator);
    numerator[0] -= 1;
    for (int i = SY_FP_LIMBS - 1; i >= 0; i--) {
        unsigned __int128 part = (unsigned __int128)remainder << 64 | numerator[i];
        exponent[i] = (uint64_t)(part / 6);
        remainder = (uint64_t)(part % 6);
    }
    frobenius_gamma[0] = sy_fp2_one;
    sy_fp2_pow(&frobenius_gamma[1], &xi, exponent, SY_FP_LIMBS);
    for (int i = 2; i < 6; i++)
        sy_fp2_mul(&frobenius_gamma[i], &frobenius_gamma[i - 1], &frobenius_gamma[1]);
}

void sy_fp12_frobenius(struct sy_fp12 *ret, const struct sy_fp12 *a)
{
    pthread_once(&frobenius_once, make_frobenius);
    const struct sy_fp2 *in[6] = {&a->c0.c0, &a->c1.c0, &a->c0.c1, &a->c1.c1, &a->c0.c2, &a->c1.c2};
    struct sy_fp2 *out[6] = {&ret->c0.c0, &ret->c1.c0, &ret->c0.c1,
                             &ret->c1.c1, &ret->c0.c2, &ret->c1.c2};
    for (int i = 0; i < 6; i++) {
        struct sy_fp2 conjugate;
        sy_fp2_conj(&conjugate, in[i]);
        sy_fp2_mul(out[i], &conjugate, &frobenius_gamma[i]);
    }
}

void sy_fp12_pow(struct sy_fp12 *ret, const struct sy_fp12 *a, const uint64_t *exponent,
                 size_t limbs)
{
    struct sy_fp12 base = *a, result = sy_fp12_one;
    bool started = false;
    for (size_t i = limbs * 64; i-- > 0;) {
        if (started)
            sy_fp12_sqr(&result, &result);
        if (exponent[i / 64] >> i % 64 & 1) {
            sy_fp12_mul(&result, &result, &base);
            started = true;
        }
    }
    *ret = result;
}

/* a * (l0 + l1 v). */
static void mul_by_01(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp2 *l0,
                      const struct sy_fp2 *l1)
{
    struct sy_fp2 v0, v1, c0, c1, c2;
    sy_fp2_mul(&v0, &a->c0, l0);
    sy_fp2_mul(&v1, &a->c1, l1);
    cross(&c1, &a->c0, &a->c1, l0, l1, &v0, &v1);
    sy_fp2_mul(&c0, &a->c2, l1);
    sy_fp2_mul_xi(&c0, &c0);
    sy_fp2_mul(&c2, &a->c2, l0);
    sy_fp2_add(&ret->c0, &c0, &v0);
    ret->c1 = c1;
    sy_fp2_add(&ret->c2, &c2, &v1);
}

/* a * (l v). */
static void mul_by_1(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp2 *l)
{
    struct sy_fp2 c0, c1;
    sy_fp2_mul(&c0, &a->c2, l);
    sy_fp2_mul_xi(&c0, &c0);
    sy_fp2_mul(&c1, &a->c0, l);
    sy_fp2_mul(&ret->c2, &a->c1, l);
    ret->c0 = c0;
    ret->c1 = c1;
}

void sy_fp12_mul_line(struct sy_fp12 *ret, const struct sy_fp12 *a, const struct sy_fp2 *l0,
                      const struct sy_fp2 *l1, const struct sy_fp2 *l4)
{
    struct sy_fp6 low, high, sum;
    struct sy_fp2 l14;
    mul_by_01(&low, &a->c0, l0, l1);
    mul_by_1(&high, &a->c1, l4);
    sy_fp2_add(&l14, l1, l4);
    sy_fp6_add(&sum, &a->c0, &a->c1);
    mul_by_01(&sum, &sum, l0, &l14);
    sy_fp6_sub(&sum, &sum, &low);
    sy_fp6_sub(&ret->c1, &sum, &high);
    sy_fp6_mul_v(&high, &high);
    sy_fp6_add(&ret->c0, &low, &high);
}
