/* The towers over Fp: Fp2 = Fp[u]/(u^2+1), Fp6 = Fp2[v]/(v^3-(1+u)), Fp12 = Fp6[w]/(w^2-v).
 *
 * Plain values; outputs may alias inputs. Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_FIELD_FP12_H
#define SEALYARD_TASKS_FIELD_FP12_H

#include "tasks/field/fp.h"

struct sy_fp2 {
    struct sy_fp c0, c1;
};
struct sy_fp6 {
    struct sy_fp2 c0, c1, c2;
};
struct sy_fp12 {
    struct sy_fp6 c0, c1;
};

extern const struct sy_fp2 sy_fp2_zero, sy_fp2_one;
extern const struct sy_fp12 sy_fp12_one;

bool sy_fp2_equal(const struct sy_fp2 *a, const struct sy_fp2 *b);
bool sy_fp2_is_zero(const struct sy_fp2 *a);
void sy_fp2_add(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp2 *b);
void sy_fp2_sub(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp2 *b);
void sy_fp2_double(struct sy_fp2 *ret, const struct sy_fp2 *a);
void sy_fp2_neg(struct sy_fp2 *ret, const struct sy_fp2 *a);
void sy_fp2_conj(struct sy_fp2 *ret, const struct sy_fp2 *a);
void sy_fp2_mul(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp2 *b);
void sy_fp2_mul_fp(struct sy_fp2 *ret, const struct sy_fp2 *a, const struct sy_fp *b);
void sy_fp2_sqr(struct sy_fp2 *ret, const struct sy_fp2 *a);
/* a * (1 + u). */
void sy_fp2_mul_xi(struct sy_fp2 *ret, const struct sy_fp2 *a);
/* 1/a; 1/0 = 0. */
void sy_fp2_inv(struct sy_fp2 *ret, const struct sy_fp2 *a);
void sy_fp2_pow(struct sy_fp2 *ret, const struct sy_fp2 *a, const uint64_t *exponent, size_t limbs);
/* A square root when there is one; false otherwise, *ret untouched. */
bool sy_fp2_sqrt(struct sy_fp2 *ret, const struct sy_fp2 *a);
/* -1, 0, 1: c1 decides first, then c0 (the order of the point encodings). */
int sy_fp2_compare(const struct sy_fp2 *a, const struct sy_fp2 *b);

void sy_fp6_add(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp6 *b);
void sy_fp6_sub(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp6 *b);
void sy_fp6_neg(struct sy_fp6 *ret, const struct sy_fp6 *a);
void sy_fp6_mul(struct sy_fp6 *ret, const struct sy_fp6 *a, const struct sy_fp6 *b);
/* a * v. */
void sy_fp6_mul_v(struct sy_fp6 *ret, const struct sy_fp6 *a);
void sy_fp6_inv(struct sy_fp6 *ret, const struct sy_fp6 *a);

bool sy_fp12_equal(const struct sy_fp12 *a, const struct sy_fp12 *b);
void sy_fp12_mul(struct sy_fp12 *ret, const struct sy_fp12 *a, const struct sy_fp12 *b);
void sy_fp12_sqr(struct sy_fp12 *ret, const struct sy_fp12 *a);
/* c0 - c1 w: the inverse of an element of the cyclotomic subgroup. */
void sy_fp12_conj(struct sy_fp12 *ret, const struct sy_fp12 *a);
void sy_fp12_inv(struct sy_fp12 *ret, const struct sy_fp12 *a);
/* a^p. */
void sy_fp12_frobenius(struct sy_fp12 *ret, const struct sy_fp12 *a);
void sy_fp12_pow(struct sy_fp12 *ret, const struct sy_fp12 *a, const uint64_t *exponent,
                 size_t limbs);
/* a * (l0 + l1 v + l4 v w): a line of the Miller loop. */
void sy_fp12_mul_line(struct sy_fp12 *ret, const struct sy_fp12 *a, const struct sy_fp2 *l0,
                      const struct sy_fp2 *l1, const struct sy_fp2 *l4);

#endif
