/* Internal: the scalar field eight elements at a time, with the 52-bit multipliers of AVX-512 IFMA.
 * Only for files named *_ifma.c.
 *
 * Five limbs of 52 bits; the product divides by 2^260 = 35.3 r. An element in the form of struct
 * sy_fr (times 2^256) keeps that form when it is multiplied by a factor times 2^260. Values here
 * are tight (limbs of 52 bits) and below 1.2 r; "loose" limbs are signed. Products of values below
 * 4 r are below 1.12 r when one factor is below r.
 */
#ifndef SEALYARD_TASKS_FIELD_FR_IFMA_H
#define SEALYARD_TASKS_FIELD_FR_IFMA_H

#include "tasks/field/fr.h"

#include <immintrin.h>

#define SY_FR8_LANES 8
#define SY_FR8_LIMBS 5
#define SY_FR8_BITS 52
#define SY_FR8_MASK ((UINT64_C(1) << SY_FR8_BITS) - 1)
#define SY_FR8_INLINE static inline __attribute__((always_inline, unused))

struct sy_fr8 {
    __m512i limb[SY_FR8_LIMBS];
};
/* One element times 2^260, below r. */
struct sy_fr52 {
    uint64_t limb[SY_FR8_LIMBS];
};

#define SY_FR52_R                                                                                  \
    {                                                                                              \
        0xfffff00000001ULL, 0x2fffe5bfefffULL, 0x9a1d80553bda4ULL, 0x7d483339d8080ULL,             \
            0x73eda753299dULL                                                                      \
    }
#define SY_FR52_INVERSE 0xffffeffffffffULL /* -1/r mod 2^52 */

SY_FR8_INLINE __m512i sy_fr8_word(uint64_t value)
{
    return _mm512_set1_epi64((long long)value);
}

SY_FR8_INLINE void sy_fr8_broadcast(struct sy_fr8 *ret, const struct sy_fr52 *a)
{
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++)
        ret->limb[j] = sy_fr8_word(a->limb[j]);
}

SY_FR8_INLINE void sy_fr8_tighten(struct sy_fr8 *a)
{
    const __m512i mask = sy_fr8_word(SY_FR8_MASK);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        const __m512i carry = _mm512_srai_epi64(a->limb[j], SY_FR8_BITS);
        a->limb[j] = _mm512_and_si512(a->limb[j], mask);
        a->limb[j + 1] = _mm512_add_epi64(a->limb[j + 1], carry);
    }
}

/* a * b / 2^260. 105 multiplications. */
SY_FR8_INLINE void sy_fr8_mul(struct sy_fr8 *ret, const struct sy_fr8 *a, const struct sy_fr8 *b)
{
    static const uint64_t r[5] = SY_FR52_R;
    const __m512i zero = _mm512_setzero_si512(), inverse = sy_fr8_word(SY_FR52_INVERSE);
    __m512i t[10];
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++)
        t[i] = zero;
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->limb[j], b->limb[i]);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->limb[j], b->limb[i]);
    }
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const __m512i m = _mm512_madd52lo_epu64(zero, t[i], inverse);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, sy_fr8_word(r[j]));
        t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64(t[i], SY_FR8_BITS));
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, sy_fr8_word(r[j]));
    }
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++)
        ret->limb[j] = t[5 + j];
    sy_fr8_tighten(ret);
}

/* a + b + k r and a - b + k r, loose. */
SY_FR8_INLINE void sy_fr8_add(struct sy_fr8 *ret, const struct sy_fr8 *a, const struct sy_fr8 *b,
                              uint64_t k)
{
    static const uint64_t r[5] = SY_FR52_R;
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++)
        ret->limb[j] =
            _mm512_add_epi64(_mm512_add_epi64(a->limb[j], b->limb[j]), sy_fr8_word(k * r[j]));
}

SY_FR8_INLINE void sy_fr8_sub(struct sy_fr8 *ret, const struct sy_fr8 *a, const struct sy_fr8 *b,
                              uint64_t k)
{
    static const uint64_t r[5] = SY_FR52_R;
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++)
        ret->limb[j] =
            _mm512_add_epi64(_mm512_sub_epi64(a->limb[j], b->limb[j]), sy_fr8_word(k * r[j]));
}

/* k r for k in 0..7, limb by limb. */
#define SY_FR52_ROW(l)                                                                             \
    {                                                                                              \
        0, (l), 2 * (l), 3 * (l), 4 * (l), 5 * (l), 6 * (l), 7 * (l)                               \
    }
static const uint64_t sy_fr52_multiples[5][8] __attribute__((unused, aligned(64))) = {
    SY_FR52_ROW(0xfffff00000001ULL), SY_FR52_ROW(0x2fffe5bfefffULL),
    SY_FR52_ROW(0x9a1d80553bda4ULL), SY_FR52_ROW(0x7d483339d8080ULL),
    SY_FR52_ROW(0x73eda753299dULL)};

/* Loose, in [r, 6 r], to tight and below 1.06 r: one subtraction of the quotient by the upper
 * limb, which the carries still to come change by less than 8. */
SY_FR8_INLINE void sy_fr8_shrink(struct sy_fr8 *a)
{
    /* 2^52 / (r / 2^208) = 35.3: at most 1 % too small */
    const __m512i upper = _mm512_sub_epi64(a->limb[4], sy_fr8_word(8));
    const __m512i q = _mm512_madd52hi_epu64(_mm512_setzero_si512(), upper, sy_fr8_word(35));
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++)
        a->limb[j] = _mm512_sub_epi64(
            a->limb[j], _mm512_permutexvar_epi64(q, _mm512_load_si512(sy_fr52_multiples[j])));
    sy_fr8_tighten(a);
}

/* Tight and below 2 r to canonical. */
SY_FR8_INLINE void sy_fr8_canonical(struct sy_fr8 *a)
{
    static const uint64_t r[5] = SY_FR52_R;
    struct sy_fr8 less;
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++)
        less.limb[j] = _mm512_sub_epi64(a->limb[j], sy_fr8_word(r[j]));
    sy_fr8_tighten(&less);
    const __mmask8 keep =
        _mm512_cmp_epi64_mask(less.limb[4], _mm512_setzero_si512(), _MM_CMPINT_LT);
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++)
        a->limb[j] = _mm512_mask_mov_epi64(less.limb[j], keep, a->limb[j]);
}

/* Four vectors of 64-bit words (word i of eight elements) to 52-bit limbs and back. */
SY_FR8_INLINE void sy_fr8_from_words(struct sy_fr8 *ret, const __m512i w[4])
{
    const __m512i mask = sy_fr8_word(SY_FR8_MASK);
    ret->limb[0] = _mm512_and_si512(w[0], mask);
    ret->limb[4] = _mm512_srli_epi64(w[3], 16);
#pragma GCC unroll 3
    for (unsigned i = 1; i < 4; i++) {
        const __m512i low = _mm512_srli_epi64(w[i - 1], 64 - 12 * i);
        const __m512i high = _mm512_slli_epi64(w[i], 12 * i);
        ret->limb[i] = _mm512_and_si512(_mm512_or_si512(low, high), mask);
    }
}

SY_FR8_INLINE void sy_fr8_to_words(__m512i w[4], const struct sy_fr8 *a)
{
#pragma GCC unroll 4
    for (unsigned i = 0; i < 4; i++)
        w[i] = _mm512_or_si512(_mm512_srli_epi64(a->limb[i], 12 * i),
                               _mm512_slli_epi64(a->limb[i + 1], 52 - 12 * i));
}

/* Where in eight consecutive elements lane l of the next two functions lies. */
#define SY_FR8_ORDER                                                                               \
    {                                                                                              \
        0, 2, 1, 3, 4, 6, 5, 7                                                                     \
    }

/* Eight consecutive elements, in the lane order above; stored canonical. */
SY_FR8_INLINE void sy_fr8_load(struct sy_fr8 *ret, const struct sy_fr *from)
{
    __m512i z[4], t[4], w[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        z[i] = _mm512_loadu_si512(from + 2 * i);
    t[0] = _mm512_unpacklo_epi64(z[0], z[1]);
    t[1] = _mm512_unpackhi_epi64(z[0], z[1]);
    t[2] = _mm512_unpacklo_epi64(z[2], z[3]);
    t[3] = _mm512_unpackhi_epi64(z[2], z[3]);
    w[0] = _mm512_shuffle_i64x2(t[0], t[2], 0x88);
    w[1] = _mm512_shuffle_i64x2(t[1], t[3], 0x88);
    w[2] = _mm512_shuffle_i64x2(t[0], t[2], 0xdd);
    w[3] = _mm512_shuffle_i64x2(t[1], t[3], 0xdd);
    sy_fr8_from_words(ret, w);
}

SY_FR8_INLINE void sy_fr8_store(struct sy_fr *to, const struct sy_fr8 *from)
{
    struct sy_fr8 a = *from;
    __m512i t[4], w[4];
    sy_fr8_canonical(&a);
    sy_fr8_to_words(w, &a);
#pragma GCC unroll 2
    for (int i = 0; i < 2; i++) {
        const __m512i low = _mm512_shuffle_i64x2(w[i], w[2 + i], 0x44);
        const __m512i high = _mm512_shuffle_i64x2(w[i], w[2 + i], 0xee);
        t[i] = _mm512_shuffle_i64x2(low, low, 0xd8);
        t[2 + i] = _mm512_shuffle_i64x2(high, high, 0xd8);
    }
    _mm512_storeu_si512(to, _mm512_unpacklo_epi64(t[0], t[1]));
    _mm512_storeu_si512(to + 2, _mm512_unpackhi_epi64(t[0], t[1]));
    _mm512_storeu_si512(to + 4, _mm512_unpacklo_epi64(t[2], t[3]));
    _mm512_storeu_si512(to + 6, _mm512_unpackhi_epi64(t[2], t[3]));
}

/* A factor for data in the form of struct sy_fr: times 2^4, so that 2^256 becomes 2^260. */
SY_FR8_INLINE void sy_fr52_from_fr(struct sy_fr52 *ret, const struct sy_fr *a)
{
    struct sy_fr b = *a;
    for (int i = 0; i < 4; i++)
        sy_fr_add(&b, &b, &b);
    const uint64_t *x = b.limb;
    ret->limb[0] = x[0] & SY_FR8_MASK;
    ret->limb[1] = (x[0] >> 52 | x[1] << 12) & SY_FR8_MASK;
    ret->limb[2] = (x[1] >> 40 | x[2] << 24) & SY_FR8_MASK;
    ret->limb[3] = (x[2] >> 28 | x[3] << 36) & SY_FR8_MASK;
    ret->limb[4] = x[3] >> 16;
}

#endif
