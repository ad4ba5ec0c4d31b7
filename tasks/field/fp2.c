#include "tasks/field/fp12.h"

#include <string.h>

const struct sy_fp2 sy_fp2_zero = {{{0}}, {{0}}};
const struct sy_fp2 sy_fp2_one = {
    {{0x760900000002fffdULL, 0xebf4000bc40c0002ULL, 0x5f48985753c758baULL, 0x77ce585370525745ULL,
      0x5c071a97a256ec6dULL, 0x15f65ec3fa80e493ULL}},
    {{0}}};

bool sy_fp2_equal(const struct sy_fp2 *a, const struct sy_fp2 *b)
{
    return sy_fp_equal(&a->c0, &b->c0) && sy_fp_equal(&a->c1, &b->c1);
}

bool sy_fp2_is_zero(const struct sy_fp2 *a)
{
    return sy_fp_is_zero(&a->c0) && sy_fp_is_zero(&a->c1);
}

void sy_fp2_add(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp2 *b)
{
    sy_fp_add(&ret->c0, &a->c0, &b->c0);
    sy_fp_add(&ret->c1, &a->c1, &b->c1);
}

void sy_fp2_sub(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp2 *b)
{
    sy_fp_sub(&ret->c0, &a->c0, &b->c0);
    sy_fp_sub(&ret->c1, &a->c1, &b->c1);
}

void sy_fp2_double(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    sy_fp2_add(ret, a, a);
}

void sy_fp2_neg(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    sy_fp_neg(&ret->c0, &a->c0);
    sy_fp_neg(&ret->c1, &a->c1);
}

void sy_fp2_conj(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    ret->c0 = a->c0;
    sy_fp_neg(&ret->c1, &a->c1);
}

/* Karatsuba: three products. */
void sy_fp2_mul(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp2 *b)
{
    struct sy_fp low, high, sum_a, sum_b, cross;
    sy_fp_mul(&low, &a->c0, &b->c0);
    sy_fp_mul(&high, &a->c1, &b->c1);
    sy_fp_add(&sum_a, &a->c0, &a->c1);
    sy_fp_add(&sum_b, &b->c0, &b->c1);
    sy_fp_mul(&cross, &sum_a, &sum_b);
    sy_fp_sub(&cross, &cross, &low);
    sy_fp_sub(&ret->c1, &cross, &high);
    sy_fp_sub(&ret->c0, &low, &high);
}

void sy_fp2_mul_fp(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp *b)
{
    sy_fp_mul(&ret->c0, &a->c0, b);
    sy_fp_mul(&ret->c1, &a->c1, b);
}

/* (c0 + c1)(c0 - c1) + 2 c0 c1 u: two products. */
void sy_fp2_sqr(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    struct sy_fp sum, difference, cross;
    sy_fp_add(&sum, &a->c0, &a->c1);
    sy_fp_sub(&difference, &a->c0, &a->c1);
    sy_fp_mul(&cross, &a->c0, &a->c1);
    sy_fp_mul(&ret->c0, &sum, &difference);
    sy_fp_double(&ret->c1, &cross);
}

void sy_fp2_mul_xi(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    struct sy_fp c0, c1;
    sy_fp_sub(&c0, &a->c0, &a->c1);
    sy_fp_add(&c1, &a->c0, &a->c1);
    ret->c0 = c0;
    ret->c1 = c1;
}

void sy_fp2_inv(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    struct sy_fp norm, square;
    sy_fp_sqr(&norm, &a->c0);
    sy_fp_sqr(&square, &a->c1);
    sy_fp_add(&norm, &norm, &square);
    sy_fp_inv(&norm, &norm);
    sy_fp_mul(&ret->c0, &a->c0, &norm);
    sy_fp_neg(&norm, &norm);
    sy_fp_mul(&ret->c1, &a->c1, &norm);
}

void sy_fp2_pow(struct sy_fp2 *ret, const struct sy_fp2 *a, const uint64_t *exponent, size_t limbs)
{
    struct sy_fp2 base = *a, result = sy_fp2_one;
    for (size_t i = limbs * 64; i-- > 0;) {
        sy_fp2_sqr(&result, &result);
        if (exponent[i / 64] >> i % 64 & 1)
            sy_fp2_mul(&result, &result, &base);
    }
    *ret = result;
}

/* x^2 = a by the norm: with n = sqrt(c0^2 + c1^2), x0^2 = (c0 +- n) / 2 and x1 = c1 / (2 x0). */
bool sy_fp2_sqrt(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    static const uint64_t half_limbs[SY_FP_LIMBS] = {
        0xdcff7fffffffd556ULL, 0x0f55ffff58a9ffffULL, 0xb39869507b587b12ULL,
        0xb23ba5c279c2895fULL, 0x258dd3db21a5d66bULL, 0x0d0088f51cbff34dULL}; /* (p + 1) / 2 */
    struct sy_fp half, norm, square, x0_squared;
    struct sy_fp2 root, check;
    sy_fp_from_limbs(&half, half_limbs);
    sy_fp_sqr(&norm, &a->c0);
    sy_fp_sqr(&square, &a->c1);
    sy_fp_add(&norm, &norm, &square);
    if (!sy_fp_sqrt(&norm, &norm))
        return false;
    for (int sign = 0; sign < 2; sign++) {
        if (sign == 1)
            sy_fp_neg(&norm, &norm);
        sy_fp_add(&x0_squared, &a->c0, &norm);
        sy_fp_mul(&x0_squared, &x0_squared, &half);
        if (!sy_fp_sqrt(&root.c0, &x0_squared))
            continue;
        if (sy_fp_is_zero(&root.c0)) {
            /* a is minus a square of Fp: the root is purely imaginary */
            sy_fp_neg(&x0_squared, &a->c0);
            if (!sy_fp_sqrt(&root.c1, &x0_squared))
                continue;
        } else {
            sy_fp_double(&square, &root.c0);
            sy_fp_inv(&square, &square);
            sy_fp_mul(&root.c1, &a->c1, &square);
        }
        sy_fp2_sqr(&check, &root);
        if (sy_fp2_equal(&check, a)) {
            *ret = root;
            return true;
        }
    }
    return false;
}

int sy_fp2_compare(const struct sy_fp2 *a, const struct sy_fp2 *b)
{
    int order = sy_fp_compare(&a->c1, &b->c1);
    return order != 0 ? order : sy_fp_compare(&a->c0, &b->c0);
}
