/* The base field of BLS12-381.
 *
 * p =
 * 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab
 * (381 bits). A struct sy_fp holds a * 2^384 mod p (Montgomery form) in six 64-bit limbs, least
 * significant first, always fully reduced. Files carry the canonical integer in 48 bytes
 * big-endian. Multiplication is Montgomery's with interleaved reduction (Koc, Acar, Kaliski 1996,
 * CIOS); the kernel is chosen at run time. Nothing here is constant-time by promise: proofs hold no
 * secret numbers that live longer than one process. Threads: pure functions; outputs may alias
 * inputs.
 */
#ifndef SEALYARD_TASKS_FIELD_FP_H
#define SEALYARD_TASKS_FIELD_FP_H

#include "common/err.h"

#define SY_FP_BYTES 48
#define SY_FP_LIMBS 6

struct sy_fp {
    uint64_t limb[SY_FP_LIMBS];
};

extern const struct sy_fp sy_fp_zero;
extern const struct sy_fp sy_fp_one;
extern const uint64_t sy_fp_modulus[SY_FP_LIMBS];

/* 48 bytes big-endian, below p; -SY_E_CORRUPT otherwise. */
int sy_fp_from_bytes(struct sy_fp *ret, const uint8_t bytes[SY_FP_BYTES], struct sy_error *err);
void sy_fp_to_bytes(uint8_t ret_bytes[SY_FP_BYTES], const struct sy_fp *a);
/* Canonical integer limbs (below p) and back. */
void sy_fp_from_limbs(struct sy_fp *ret, const uint64_t limbs[SY_FP_LIMBS]);
void sy_fp_to_limbs(uint64_t ret_limbs[SY_FP_LIMBS], const struct sy_fp *a);

bool sy_fp_equal(const struct sy_fp *a, const struct sy_fp *b);
bool sy_fp_is_zero(const struct sy_fp *a);
/* -1, 0, 1 by the canonical integers. */
int sy_fp_compare(const struct sy_fp *a, const struct sy_fp *b);
void sy_fp_add(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b);
void sy_fp_sub(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b);
void sy_fp_double(struct sy_fp *ret, const struct sy_fp *a);
void sy_fp_neg(struct sy_fp *ret, const struct sy_fp *a);
void sy_fp_mul(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b);
void sy_fp_sqr(struct sy_fp *ret, const struct sy_fp *a);
/* a^e, e as 64-bit limbs, least significant first. */
void sy_fp_pow(struct sy_fp *ret, const struct sy_fp *a, const uint64_t *exponent, size_t limbs);
/* 1/a; 1/0 = 0. */
void sy_fp_inv(struct sy_fp *ret, const struct sy_fp *a);
/* A square root when there is one (p = 3 mod 4: a^((p+1)/4)); false otherwise, *ret untouched. */
bool sy_fp_sqrt(struct sy_fp *ret, const struct sy_fp *a);

/* "adx" (BMI2 and ADX) or "portable"; chosen at first use. Force by name for tests, NULL = best. */
const char *sy_fp_impl_name(void);
int sy_fp_force(const char *name, struct sy_error *err);

#endif
