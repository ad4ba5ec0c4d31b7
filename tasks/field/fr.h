/* The scalar field of BLS12-381.
 *
 * r = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001 (255 bits). A struct sy_fr
 * holds a * 2^256 mod r (Montgomery form) in four 64-bit limbs, least significant first, always
 * fully reduced: two equal elements have equal limbs. Files, hashes and JSON carry the canonical
 * integer in 32 bytes little-endian, never the Montgomery form.
 *
 * Source: BLS12-381 parameters of the Zcash and IETF pairing-friendly-curves drafts; multiplication
 * is the Montgomery method with interleaved reduction (Koc, Acar, Kaliski 1996, CIOS). No function
 * here is constant-time by promise: sealing handles no secret numbers. Threads: pure functions;
 * outputs may alias inputs unless a line says otherwise.
 */
#ifndef SEALYARD_TASKS_FIELD_FR_H
#define SEALYARD_TASKS_FIELD_FR_H

#include "common/err.h"

#define SY_FR_BYTES 32
#define SY_FR_LIMBS 4

struct sy_fr {
    uint64_t limb[SY_FR_LIMBS]; /* Montgomery form, below r */
};

extern const struct sy_fr sy_fr_zero;
extern const struct sy_fr sy_fr_one;
/* The modulus r as plain limbs, for kernels and tests. */
extern const uint64_t sy_fr_modulus[SY_FR_LIMBS];

/* True when the 32 little-endian bytes are an integer below r. */
bool sy_fr_bytes_canonical(const uint8_t bytes[SY_FR_BYTES]);
/* Strict decoding; -SY_E_CORRUPT for a value >= r (the text shows it). */
int sy_fr_from_bytes(struct sy_fr *ret, const uint8_t bytes[SY_FR_BYTES], struct sy_error *err);
/* Clears the two top bits of byte 31 first, so that it cannot fail. For SHA-256 outputs. */
void sy_fr_from_bytes_trunc(struct sy_fr *ret, const uint8_t bytes[SY_FR_BYTES]);
void sy_fr_to_bytes(uint8_t ret_bytes[SY_FR_BYTES], const struct sy_fr *a);
void sy_fr_from_u64(struct sy_fr *ret, uint64_t value);
/* Plain integer limbs (below r) to Montgomery form and back. */
void sy_fr_from_limbs(struct sy_fr *ret, const uint64_t limbs[SY_FR_LIMBS]);
void sy_fr_to_limbs(uint64_t ret_limbs[SY_FR_LIMBS], const struct sy_fr *a);

bool sy_fr_equal(const struct sy_fr *a, const struct sy_fr *b);
bool sy_fr_is_zero(const struct sy_fr *a);
void sy_fr_add(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b);
void sy_fr_sub(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b);
void sy_fr_neg(struct sy_fr *ret, const struct sy_fr *a);
void sy_fr_mul(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b);
void sy_fr_sqr(struct sy_fr *ret, const struct sy_fr *a);
/* a^5, the S-box of Poseidon. */
void sy_fr_pow5(struct sy_fr *ret, const struct sy_fr *a);
/* a^e, e given as `limbs` 64-bit limbs, least significant first. 0^0 = 1. */
void sy_fr_pow(struct sy_fr *ret, const struct sy_fr *a, const uint64_t *exponent, size_t limbs);
/* 1/a by Fermat; 1/0 is 0: callers for whom zero is an error test first. */
void sy_fr_inv(struct sy_fr *ret, const struct sy_fr *a);
/* ret[i] = 1/a[i] for count elements with one inversion (Montgomery's trick); zeros stay zero.
 * ret must not overlap a. */
void sy_fr_inv_many(struct sy_fr *ret, const struct sy_fr *a, size_t count);

/* Canonical byte nodes, no Montgomery form: dst[i] = a[i] + b[i] mod r (encode) or a[i] - b[i] mod
 * r (decode) for count nodes of 32 bytes. dst may be a or b. Every input must be below r; the first
 * that is not gives -SY_E_CORRUPT with its index and which operand; dst is then unspecified. */
int sy_fr_add_bytes(uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t count,
                    struct sy_error *err);
int sy_fr_sub_bytes(uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t count,
                    struct sy_error *err);

/* The multiplication in use: "portable" (any CPU) or "adx" (BMI2 and ADX). Chosen at first use. */
const char *sy_fr_impl_name(void);
/* Chooses it by name, NULL = the best the CPU has; -SY_E_UNSUPPORTED when the CPU lacks it,
 * -SY_E_ARG for an unknown name. For tests and benches; not while other threads compute. */
int sy_fr_force(const char *name, struct sy_error *err);

#endif
