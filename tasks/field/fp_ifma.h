/* Internal: the base field eight elements at a time, with the 52-bit multipliers of AVX-512 IFMA.
 * Only for files named *_ifma.c, which are compiled for these instructions and run after the CPU
 * was asked.
 *
 * A vector holds a * 2^416 mod p of eight elements, lane by lane, in eight limbs of 52 bits. 2^416
 * is 2^35 p, so with k_a, k_b the bounds of the operands in units of p
 *   a product           is below 2^-35 k_a k_b p + p,
 *   a product of differences of products (Karatsuba) lies above -2^-35 k p,
 * and sums need no reduction before they are multiplied. "Loose" limbs are signed and of any size
 * below 2^62; "tight" ones have 52 bits, the uppermost takes the rest. Multiplication wants tight
 * non-negative operands and gives tight ones. "Canonical" is tight and below p. A column of a
 * product takes 16 halves of 52 bits, thrice that and the reduction stay below 2^58.
 */
#ifndef SEALYARD_TASKS_FIELD_FP_IFMA_H
#define SEALYARD_TASKS_FIELD_FP_IFMA_H

#include "tasks/field/fp_gcd.h"

#include <immintrin.h>

#define SY_FP8_LANES 8
#define SY_FP8_LIMBS 8
#define SY_FP8_BITS 52
#define SY_FP8_MASK ((UINT64_C(1) << SY_FP8_BITS) - 1)
#define SY_FP8_INLINE static inline __attribute__((always_inline, unused))
#define SY_FP8_CALL static __attribute__((noinline, unused))

struct sy_fp8 {
    __m512i limb[SY_FP8_LIMBS];
};

/* One element as it stands in memory: one lane of a vector, limbs together in a cache line. */
struct sy_fp52 {
    _Alignas(64) uint64_t limb[SY_FP8_LIMBS];
};

/* p, and multiples of it as loose limbs. */
#define SY_FP52_P                                                                                  \
    {                                                                                              \
        0xeffffffffaaabULL, 0xfeb153ffffb9fULL, 0x6b0f6241eabffULL, 0x12bf6730d2a0fULL,            \
            0x764774b84f385ULL, 0x1ba7b6434bacdULL, 0x1ea397fe69a4bULL, 0x1a011ULL                 \
    }
#define SY_FP52_INVERSE 0x3fffcfffcfffdULL /* -1/p mod 2^52 */

static const struct sy_fp52 sy_fp52_p __attribute__((unused)) = {SY_FP52_P};
/* 2^416: one. */
static const struct sy_fp52 sy_fp52_one __attribute__((unused)) = {
    {0x6480ea8e9b9afULL, 0x65766c8fe444fULL, 0x8b540fea96f7dULL, 0x3b2ee82efd422ULL,
     0xa6723e5f0ade5ULL, 0xff6eb6fdd4230ULL, 0xe06ef23c24a25ULL, 0x14c8eULL}};
/* Factors: a plain integer to this form (2^832), struct sy_fp to this form (2^448) and back
 * (2^384), and the inverse of a value of this form, taken as a plain integer, to this form
 * (2^1248). */
static const struct sy_fp52 sy_fp52_from_plain __attribute__((unused)) = {
    {0xa5bf4cb89af51ULL, 0x3afbba7ca31a2ULL, 0x2646160ec71f1ULL, 0xa84d710465903ULL,
     0x3480a4a188311ULL, 0x98e5907ad91f5ULL, 0x2075d74507266ULL, 0x8746ULL}};
static const struct sy_fp52 sy_fp52_from_fp __attribute__((unused)) = {
    {0x7fde37dba9366ULL, 0x4e27525bc342bULL, 0x1f5b1e9778489ULL, 0xb872b2b91b9dcULL,
     0xb206f497dfcafULL, 0x4137cc89a9b0bULL, 0xd9d20d7e39959ULL, 0x411cULL}};
static const struct sy_fp52 sy_fp52_to_fp __attribute__((unused)) = {
    {0x900000002fffdULL, 0xbc40c0002760ULL, 0x3c758baebf400ULL, 0x57455f4898575ULL,
     0xd77ce58537052ULL, 0x71a97a256ec6ULL, 0xec3fa80e4935cULL, 0x15f65ULL}};
static const struct sy_fp52 sy_fp52_from_inverse __attribute__((unused)) = {
    {0x471516ca7ac0cULL, 0x236b77db88f62ULL, 0x722468923960bULL, 0x8aaa788fc935ULL,
     0xb944540e9ecf5ULL, 0x8657dbb7d51deULL, 0xa3a3979d68aedULL, 0x937cULL}};

SY_FP8_INLINE __m512i sy_fp8_word(uint64_t value)
{
    return _mm512_set1_epi64((long long)value);
}

SY_FP8_INLINE void sy_fp8_broadcast(struct sy_fp8 *ret, const struct sy_fp52 *a)
{
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        ret->limb[j] = sy_fp8_word(a->limb[j]);
}

/* ------------------------------------------------------------------------------------ products */

/* t += a * b in sixteen columns. 128 multiplications. */
SY_FP8_INLINE void sy_fp8_accumulate(__m512i t[16], const struct sy_fp8 *a, const struct sy_fp8 *b)
{
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        const __m512i limb = b->limb[i];
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->limb[j], limb);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->limb[j], limb);
    }
}

SY_FP8_INLINE void sy_fp8_clear(__m512i t[16])
{
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        t[i] = _mm512_setzero_si512();
}

/* t = a * a. 72 multiplications. */
SY_FP8_INLINE void sy_fp8_square_columns(__m512i t[16], const struct sy_fp8 *a)
{
    sy_fp8_clear(t);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
#pragma GCC unroll 8
        for (int j = i + 1; j < 8; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->limb[j], a->limb[i]);
#pragma GCC unroll 8
        for (int j = i + 1; j < 8; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->limb[j], a->limb[i]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        t[i] = _mm512_add_epi64(t[i], t[i]);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], a->limb[i], a->limb[i]);
        t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], a->limb[i], a->limb[i]);
    }
}

/* Loose limbs to tight ones. The value must not be negative. */
SY_FP8_INLINE void sy_fp8_tighten(struct sy_fp8 *a)
{
    const __m512i mask = sy_fp8_word(SY_FP8_MASK);
#pragma GCC unroll 7
    for (int j = 0; j < 7; j++) {
        const __m512i carry = _mm512_srai_epi64(a->limb[j], SY_FP8_BITS);
        a->limb[j] = _mm512_and_si512(a->limb[j], mask);
        a->limb[j + 1] = _mm512_add_epi64(a->limb[j + 1], carry);
    }
}

/* t / 2^416 mod p, loose, in the upper eight columns; columns may be negative. 136
 * multiplications. */
SY_FP8_INLINE void sy_fp8_reduce_columns(__m512i t[16])
{
    static const uint64_t p[8] = SY_FP52_P;
    const __m512i inverse = sy_fp8_word(SY_FP52_INVERSE);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        const __m512i m = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[i], inverse);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, sy_fp8_word(p[j]));
        t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srai_epi64(t[i], SY_FP8_BITS));
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, sy_fp8_word(p[j]));
    }
}

SY_FP8_INLINE void sy_fp8_reduce(struct sy_fp8 *ret, __m512i t[16])
{
    sy_fp8_reduce_columns(t);
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        ret->limb[j] = t[8 + j];
    sy_fp8_tighten(ret);
}

/* 264 multiplications of eight lanes: 33 cycles per product. Below 1.001 p for operands below
 * 1000 p. */
SY_FP8_INLINE void sy_fp8_mul(struct sy_fp8 *ret, const struct sy_fp8 *a, const struct sy_fp8 *b)
{
    __m512i t[16];
    sy_fp8_clear(t);
    sy_fp8_accumulate(t, a, b);
    sy_fp8_reduce(ret, t);
}

/* 208 multiplications. */
SY_FP8_INLINE void sy_fp8_sqr(struct sy_fp8 *ret, const struct sy_fp8 *a)
{
    __m512i t[16];
    sy_fp8_square_columns(t, a);
    sy_fp8_reduce(ret, t);
}

/* ------------------------------------------------------------------------------ sums, loose */

SY_FP8_INLINE void sy_fp8_add(struct sy_fp8 *ret, const struct sy_fp8 *a, const struct sy_fp8 *b)
{
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        ret->limb[j] = _mm512_add_epi64(a->limb[j], b->limb[j]);
}

SY_FP8_INLINE void sy_fp8_sub(struct sy_fp8 *ret, const struct sy_fp8 *a, const struct sy_fp8 *b)
{
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        ret->limb[j] = _mm512_sub_epi64(a->limb[j], b->limb[j]);
}

/* a += k p. */
SY_FP8_INLINE void sy_fp8_add_p(struct sy_fp8 *a, uint64_t k)
{
    static const uint64_t p[8] = SY_FP52_P;
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        a->limb[j] = _mm512_add_epi64(a->limb[j], sy_fp8_word(k * p[j]));
}

/* Lanes of the mask become 2 p - a, loose. */
SY_FP8_INLINE void sy_fp8_negate(struct sy_fp8 *a, __mmask8 lanes)
{
    static const uint64_t p[8] = SY_FP52_P;
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        a->limb[j] = _mm512_mask_sub_epi64(a->limb[j], lanes, sy_fp8_word(2 * p[j]), a->limb[j]);
}

/* Lanes of the mask become those of b. */
SY_FP8_INLINE void sy_fp8_blend(struct sy_fp8 *a, __mmask8 lanes, const struct sy_fp8 *b)
{
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        a->limb[j] = _mm512_mask_mov_epi64(a->limb[j], lanes, b->limb[j]);
}

/* k p for k in 0..7, limb by limb. */
#define SY_FP52_ROW(l)                                                                             \
    {                                                                                              \
        0, (l), 2 * (l), 3 * (l), 4 * (l), 5 * (l), 6 * (l), 7 * (l)                               \
    }
static const uint64_t sy_fp52_multiples[8][8] __attribute__((unused, aligned(64))) = {
    SY_FP52_ROW(0xeffffffffaaabULL), SY_FP52_ROW(0xfeb153ffffb9fULL),
    SY_FP52_ROW(0x6b0f6241eabffULL), SY_FP52_ROW(0x12bf6730d2a0fULL),
    SY_FP52_ROW(0x764774b84f385ULL), SY_FP52_ROW(0x1ba7b6434bacdULL),
    SY_FP52_ROW(0x1ea397fe69a4bULL), SY_FP52_ROW(0x1a011ULL)};

/* Loose, in [p, 6 p], to tight and below 1.0002 p: one subtraction of the quotient by the upper
 * limb. The carries still to come change that limb by less than 8 (columns below 2^55), which the
 * quotient allows for. */
SY_FP8_INLINE void sy_fp8_shrink(struct sy_fp8 *a)
{
    const __m512i zero = _mm512_setzero_si512();
    /* 2^52 / 106514, and p / 2^364 = 106513.1 */
    const __m512i q = _mm512_madd52hi_epu64(zero, _mm512_sub_epi64(a->limb[7], sy_fp8_word(8)),
                                            sy_fp8_word(0x9d8307de6ULL));
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++) {
        const __m512i table = _mm512_load_si512(sy_fp52_multiples[j]);
        a->limb[j] = _mm512_sub_epi64(a->limb[j], _mm512_permutexvar_epi64(q, table));
    }
    sy_fp8_tighten(a);
}

/* Tight and below 6 p to canonical. */
SY_FP8_INLINE void sy_fp8_canonical(struct sy_fp8 *a)
{
    static const uint64_t p[8] = SY_FP52_P;
    sy_fp8_add_p(a, 1);
    sy_fp8_tighten(a);
    sy_fp8_shrink(a);
    struct sy_fp8 less;
#pragma GCC unroll 8
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        less.limb[j] = _mm512_sub_epi64(a->limb[j], sy_fp8_word(p[j]));
    sy_fp8_tighten(&less);
    sy_fp8_blend(a, _mm512_cmp_epi64_mask(less.limb[7], _mm512_setzero_si512(), _MM_CMPINT_NLT),
                 &less);
}

/* Lanes whose canonical elements are equal; zero. */
SY_FP8_INLINE __mmask8 sy_fp8_equal(const struct sy_fp8 *a, const struct sy_fp8 *b)
{
    __mmask8 equal = 0xff;
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        equal = _mm512_mask_cmpeq_epi64_mask(equal, a->limb[j], b->limb[j]);
    return equal;
}

SY_FP8_INLINE __mmask8 sy_fp8_is_zero(const struct sy_fp8 *a)
{
    __mmask8 equal = 0xff;
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        equal = _mm512_mask_cmpeq_epi64_mask(equal, a->limb[j], _mm512_setzero_si512());
    return equal;
}

/* -------------------------------------------------------------------------------------- memory */

/* Rows to columns: limb j of lane i from word j of row i, and back. */
SY_FP8_INLINE void sy_fp8_transpose(__m512i r[8])
{
    __m512i t[8], u[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_unpacklo_epi64(r[2 * i], r[2 * i + 1]);
        t[4 + i] = _mm512_unpackhi_epi64(r[2 * i], r[2 * i + 1]);
    }
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
        const __m512i *s = t + 4 * h;
        u[0] = _mm512_shuffle_i64x2(s[0], s[1], 0x44);
        u[1] = _mm512_shuffle_i64x2(s[2], s[3], 0x44);
        u[2] = _mm512_shuffle_i64x2(s[0], s[1], 0xee);
        u[3] = _mm512_shuffle_i64x2(s[2], s[3], 0xee);
        r[h] = _mm512_shuffle_i64x2(u[0], u[1], 0x88);
        r[2 + h] = _mm512_shuffle_i64x2(u[0], u[1], 0xdd);
        r[4 + h] = _mm512_shuffle_i64x2(u[2], u[3], 0x88);
        r[6 + h] = _mm512_shuffle_i64x2(u[2], u[3], 0xdd);
    }
}

/* from[i] and to[i] are the address of element i, `offset` elements further on. */
SY_FP8_INLINE void sy_fp8_gather(struct sy_fp8 *ret, const uintptr_t from[8], size_t offset)
{
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        ret->limb[i] = _mm512_load_si512((const struct sy_fp52 *)from[i] + offset);
    sy_fp8_transpose(ret->limb);
}

SY_FP8_INLINE void sy_fp8_scatter(const uintptr_t to[8], size_t offset, unsigned lanes,
                                  const struct sy_fp8 *a)
{
    __m512i r[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
        r[i] = a->limb[i];
    sy_fp8_transpose(r);
    if (lanes == 8) {
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            _mm512_store_si512((struct sy_fp52 *)to[i] + offset, r[i]);
        return;
    }
    for (unsigned i = 0; i < lanes; i++)
        _mm512_store_si512((struct sy_fp52 *)to[i] + offset, r[i]);
}

/* 64-bit limbs to 52-bit ones and back (the value below 2^384). */
SY_FP8_INLINE void sy_fp52_from_words(struct sy_fp52 *ret, const uint64_t x[SY_FP_LIMBS])
{
    ret->limb[0] = x[0] & SY_FP8_MASK;
    ret->limb[1] = (x[0] >> 52 | x[1] << 12) & SY_FP8_MASK;
    ret->limb[2] = (x[1] >> 40 | x[2] << 24) & SY_FP8_MASK;
    ret->limb[3] = (x[2] >> 28 | x[3] << 36) & SY_FP8_MASK;
    ret->limb[4] = (x[3] >> 16 | x[4] << 48) & SY_FP8_MASK;
    ret->limb[5] = x[4] >> 4 & SY_FP8_MASK;
    ret->limb[6] = (x[4] >> 56 | x[5] << 8) & SY_FP8_MASK;
    ret->limb[7] = x[5] >> 44;
}

/* Eight elements of 48 bytes, big-endian, to tight limbs below 2^384. Limb j starts at bit 52 j:
 * two words of 32 bits from the one with that bit on, and the low bits of the next. */
SY_FP8_INLINE void sy_fp8_from_bytes(struct sy_fp8 *ret, const uint8_t *const from[8])
{
    /* places of words in the file; 12 to 15 are zeros */
    const __m512i low = _mm512_setr_epi32(11, 10, 10, 9, 8, 7, 7, 6, 5, 4, 3, 2, 2, 1, 0, 12);
    const __m512i next = _mm512_setr_epi32(9, 12, 8, 12, 6, 12, 5, 12, 3, 12, 1, 12, 0, 12, 12, 12);
    const __m512i right = _mm512_setr_epi64(0, 20, 8, 28, 16, 4, 24, 12);
    const __m512i left = _mm512_sub_epi64(sy_fp8_word(64), right), mask = sy_fp8_word(SY_FP8_MASK);
    const __m512i even = _mm512_set1_epi32(0x00ff00ff);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        const __m512i bytes = _mm512_maskz_loadu_epi64(0x3f, from[i]);
        const __m512i words =
            _mm512_or_si512(_mm512_and_si512(_mm512_rol_epi32(bytes, 8), even),
                            _mm512_andnot_si512(even, _mm512_ror_epi32(bytes, 8)));
        const __m512i head = _mm512_srlv_epi64(_mm512_permutexvar_epi32(low, words), right);
        const __m512i tail = _mm512_sllv_epi64(_mm512_permutexvar_epi32(next, words), left);
        ret->limb[i] = _mm512_and_si512(_mm512_or_si512(head, tail), mask);
    }
    sy_fp8_transpose(ret->limb);
}

SY_FP8_INLINE void sy_fp52_to_words(uint64_t x[SY_FP_LIMBS], const struct sy_fp52 *a)
{
    const uint64_t *l = a->limb;
    x[0] = l[0] | l[1] << 52;
    x[1] = l[1] >> 12 | l[2] << 40;
    x[2] = l[2] >> 24 | l[3] << 28;
    x[3] = l[3] >> 36 | l[4] << 16;
    x[4] = l[4] >> 48 | l[5] << 4 | l[6] << 56;
    x[5] = l[6] >> 8 | l[7] << 44;
}

/* ------------------------------------------------------------------------------------- inverse */

/* The eight lanes, none of them zero, with one inversion: the product of all lanes by halves, and
 * back. */
SY_FP8_CALL void sy_fp8_inv(struct sy_fp8 *ret, const struct sy_fp8 *a)
{
    struct sy_fp8 swapped[3], product = *a, factor;
    for (int step = 0; step < 3; step++) {
        for (int j = 0; j < SY_FP8_LIMBS; j++)
            swapped[step].limb[j] =
                step == 0   ? _mm512_permutex_epi64(product.limb[j], 0xb1)
                : step == 1 ? _mm512_permutex_epi64(product.limb[j], 0x4e)
                            : _mm512_shuffle_i64x2(product.limb[j], product.limb[j], 0x4e);
        sy_fp8_mul(&product, &product, &swapped[step]);
    }
    struct sy_fp52 lane;
    uint64_t words[SY_FP_LIMBS];
    sy_fp8_canonical(&product);
    for (int j = 0; j < SY_FP8_LIMBS; j++)
        lane.limb[j] = (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(product.limb[j]));
    sy_fp52_to_words(words, &lane);
    sy_fp_inv_plain(words, words);
    sy_fp52_from_words(&lane, words);
    sy_fp8_broadcast(ret, &lane);
    sy_fp8_broadcast(&factor, &sy_fp52_from_inverse);
    sy_fp8_mul(ret, ret, &factor);
    for (int step = 0; step < 3; step++)
        sy_fp8_mul(ret, ret, &swapped[step]);
}

#endif
