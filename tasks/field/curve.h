/* The groups of BLS12-381: G1 on y^2 = x^3 + 4 over Fp, G2 on y^2 = x^3 + 4(1 + u) over Fp2.
 *
 * Bytes are the zcash form: big-endian field elements (of Fp2 first c1, then c0); first byte 0x80 =
 * compressed, 0x40 = infinity, 0x20 = y is the larger one of y and -y. Both groups have the same
 * functions. Formulas: Jacobian coordinates of the Explicit-Formulas Database (dbl-2009-l,
 * add-2007-bl, madd-2007-bl). Threads: pure functions; outputs may alias inputs.
 */
#ifndef SEALYARD_TASKS_FIELD_CURVE_H
#define SEALYARD_TASKS_FIELD_CURVE_H

#include "tasks/field/fp12.h"
#include "tasks/field/fr.h"

/* ---- G1 */
struct sy_g1_affine {
    struct sy_fp x, y; /* both zero = the point at infinity */
};
/* Jacobian: (x/z^2, y/z^3); z = 0 is the point at infinity. */
struct sy_g1 {
    struct sy_fp x, y, z;
};
#define SY_G1_COMPRESSED_BYTES 48
#define SY_G1_BYTES 96
extern const struct sy_g1_affine sy_g1_generator;
extern const struct sy_g1 sy_g1_infinity;

bool sy_g1_affine_is_infinity(const struct sy_g1_affine *a);
bool sy_g1_is_infinity(const struct sy_g1 *a);
bool sy_g1_affine_equal(const struct sy_g1_affine *a, const struct sy_g1_affine *b);
bool sy_g1_equal(const struct sy_g1 *a, const struct sy_g1 *b);
void sy_g1_from_affine(struct sy_g1 *ret, const struct sy_g1_affine *a);
void sy_g1_to_affine(struct sy_g1_affine *ret, const struct sy_g1 *a);
/* count points with one inversion; scratch holds count field elements. */
void sy_g1_to_affine_many(struct sy_g1_affine *ret, const struct sy_g1 *a, size_t count,
                          struct sy_fp *scratch);
void sy_g1_affine_neg(struct sy_g1_affine *ret, const struct sy_g1_affine *a);
void sy_g1_neg(struct sy_g1 *ret, const struct sy_g1 *a);
/* Complete: any operands, equal and opposite ones included. */
void sy_g1_add(struct sy_g1 *ret, const struct sy_g1 *a, const struct sy_g1 *b);
void sy_g1_add_affine(struct sy_g1 *ret, const struct sy_g1 *a, const struct sy_g1_affine *b);
void sy_g1_double(struct sy_g1 *ret, const struct sy_g1 *a);
/* acc[i] += other[i] for count affine points with one inversion; complete, infinity included.
 * scratch holds 2 * count field elements. About 6 products an addition. */
void sy_g1_affine_add_many(struct sy_g1_affine *acc, const struct sy_g1_affine *other, size_t count,
                           struct sy_fp *scratch);
/* [scalar] a; the scalar as `limbs` 64-bit limbs, least significant first. */
void sy_g1_mul(struct sy_g1 *ret, const struct sy_g1 *a, const uint64_t *scalar, size_t limbs);
void sy_g1_mul_fr(struct sy_g1 *ret, const struct sy_g1 *a, const struct sy_fr *scalar);
bool sy_g1_on_curve(const struct sy_g1_affine *a);
/* On the curve and of order r (or infinity). */
bool sy_g1_in_subgroup(const struct sy_g1_affine *a);

/* Encoding; decoding checks flags, field bounds and the curve equation, and the subgroup when
 * asked. -SY_E_CORRUPT says which check failed. */
void sy_g1_compress(uint8_t ret[SY_G1_COMPRESSED_BYTES], const struct sy_g1_affine *a);
void sy_g1_serialize(uint8_t ret[SY_G1_BYTES], const struct sy_g1_affine *a);
int sy_g1_decompress(struct sy_g1_affine *ret, const uint8_t bytes[SY_G1_COMPRESSED_BYTES],
                     bool check_subgroup, struct sy_error *err);
int sy_g1_deserialize(struct sy_g1_affine *ret, const uint8_t bytes[SY_G1_BYTES],
                      bool check_subgroup, struct sy_error *err);

/* ---- G2 */
struct sy_g2_affine {
    struct sy_fp2 x, y; /* both zero = the point at infinity */
};
/* Jacobian: (x/z^2, y/z^3); z = 0 is the point at infinity. */
struct sy_g2 {
    struct sy_fp2 x, y, z;
};
#define SY_G2_COMPRESSED_BYTES 96
#define SY_G2_BYTES 192
extern const struct sy_g2_affine sy_g2_generator;
extern const struct sy_g2 sy_g2_infinity;

bool sy_g2_affine_is_infinity(const struct sy_g2_affine *a);
bool sy_g2_is_infinity(const struct sy_g2 *a);
bool sy_g2_affine_equal(const struct sy_g2_affine *a, const struct sy_g2_affine *b);
bool sy_g2_equal(const struct sy_g2 *a, const struct sy_g2 *b);
void sy_g2_from_affine(struct sy_g2 *ret, const struct sy_g2_affine *a);
void sy_g2_to_affine(struct sy_g2_affine *ret, const struct sy_g2 *a);
/* count points with one inversion; scratch holds count field elements. */
void sy_g2_to_affine_many(struct sy_g2_affine *ret, const struct sy_g2 *a, size_t count,
                          struct sy_fp2 *scratch);
void sy_g2_affine_neg(struct sy_g2_affine *ret, const struct sy_g2_affine *a);
void sy_g2_neg(struct sy_g2 *ret, const struct sy_g2 *a);
/* Complete: any operands, equal and opposite ones included. */
void sy_g2_add(struct sy_g2 *ret, const struct sy_g2 *a, const struct sy_g2 *b);
void sy_g2_add_affine(struct sy_g2 *ret, const struct sy_g2 *a, const struct sy_g2_affine *b);
void sy_g2_double(struct sy_g2 *ret, const struct sy_g2 *a);
/* acc[i] += other[i] for count affine points with one inversion; complete, infinity included.
 * scratch holds 2 * count field elements. About 6 products an addition. */
void sy_g2_affine_add_many(struct sy_g2_affine *acc, const struct sy_g2_affine *other, size_t count,
                           struct sy_fp2 *scratch);
/* [scalar] a; the scalar as `limbs` 64-bit limbs, least significant first. */
void sy_g2_mul(struct sy_g2 *ret, const struct sy_g2 *a, const uint64_t *scalar, size_t limbs);
void sy_g2_mul_fr(struct sy_g2 *ret, const struct sy_g2 *a, const struct sy_fr *scalar);
bool sy_g2_on_curve(const struct sy_g2_affine *a);
/* On the curve and of order r (or infinity). */
bool sy_g2_in_subgroup(const struct sy_g2_affine *a);

/* Encoding; decoding checks flags, field bounds and the curve equation, and the subgroup when
 * asked. -SY_E_CORRUPT says which check failed. */
void sy_g2_compress(uint8_t ret[SY_G2_COMPRESSED_BYTES], const struct sy_g2_affine *a);
void sy_g2_serialize(uint8_t ret[SY_G2_BYTES], const struct sy_g2_affine *a);
int sy_g2_decompress(struct sy_g2_affine *ret, const uint8_t bytes[SY_G2_COMPRESSED_BYTES],
                     bool check_subgroup, struct sy_error *err);
int sy_g2_deserialize(struct sy_g2_affine *ret, const uint8_t bytes[SY_G2_BYTES],
                      bool check_subgroup, struct sy_error *err);

#endif
