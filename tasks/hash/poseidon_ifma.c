/* Poseidon with the 52-bit multipliers of AVX-512 IFMA: eight hashes side by side, one per lane.
 *
 * An element is five limbs of 52 bits, Montgomery with 2^260. 2^260 is 35.3 r, so nothing is ever
 * subtracted: with k the bound of a value in units of r and f = r / 2^260 = 0.0284,
 *   product of a and b     below f k_a k_b + 1
 *   sum of n products      below f (sum of k_a k_b) + 1, plus 1 for a constant addend
 *   sum of small products  (integers below 2^44, n <= 12) below 2^-4.4 k_a + 1, plus 1 for the
 * addend Full rounds begin with elements below 2.1 and give elements below 2.4. Elements 1.. of the
 * partial rounds gain less than 1.35 per block and stay below 2.4 + 15 * 1.35 = 22.7 < 35.3;
 * element 0 stays below f (11 * 22.7 + 4 * 3) + 1 = 8.5, its S-box plus constant below 3. The last
 * four full rounds begin with these: their S-boxes give below 6.2, their sums below f 12 * 6.2 + 2
 * = 4.2. The tests drive the kernel with extreme elements.
 *
 * A column of an accumulator takes ten 52-bit halves per product; 17 products and a reduction stay
 * below 2^60. Limbs are brought back to 52 bits after every reduction, since the multiplier reads
 * 52 bits.
 */
#include "tasks/hash/poseidon_ops.h"

#include <immintrin.h>
#include <string.h>

#define LANES 8
#define LIMB_BITS 52
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)
#define INLINE static inline __attribute__((always_inline))

/* r in limbs of 52 bits, and -1/r mod 2^52. */
#define R52_0 0xfffff00000001ULL
#define R52_1 0x02fffe5bfefffULL
#define R52_2 0x9a1d80553bda4ULL
#define R52_3 0x7d483339d8080ULL
#define R52_4 0x073eda753299dULL
#define R52_INV 0xffffeffffffffULL

struct element {
    __m512i limb[5];
};

INLINE __m512i broadcast(uint64_t value)
{
    return _mm512_set1_epi64((long long)value);
}

/* t += a * b for one constant b of all lanes. */
INLINE void accumulate(__m512i t[10], const struct element *a, const struct sy_poseidon_fr52 *b)
{
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const __m512i limb = broadcast(b->limb[i]);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->limb[j], limb);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->limb[j], limb);
    }
}

/* ret = t / 2^260 mod r, limbs of 52 bits. Five steps of eleven multiplications. */
INLINE void reduce(struct element *ret, __m512i t[10])
{
    const __m512i r[5] = {broadcast(R52_0), broadcast(R52_1), broadcast(R52_2), broadcast(R52_3),
                          broadcast(R52_4)};
    const __m512i inverse = broadcast(R52_INV), mask = broadcast(LIMB_MASK);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        const __m512i m = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[i], inverse);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, r[j]);
        t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64(t[i], LIMB_BITS));
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, r[j]);
    }
    __m512i carry = t[5];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        ret->limb[i] = _mm512_and_si512(carry, mask);
        carry = _mm512_add_epi64(t[6 + i], _mm512_srli_epi64(carry, LIMB_BITS));
    }
    ret->limb[4] = carry;
}

INLINE void clear(__m512i t[10])
{
#pragma GCC unroll 10
    for (int i = 0; i < 10; i++)
        t[i] = _mm512_setzero_si512();
}

/* Expected 105 multiplications for eight products, 13.5 cycles per lane. */
INLINE void multiply_add(struct element *ret, const struct element *a, const struct element *b,
                         const struct sy_poseidon_fr52 *addend)
{
    __m512i t[10];
    clear(t);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j] = _mm512_madd52lo_epu64(t[i + j], a->limb[j], b->limb[i]);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++)
            t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a->limb[j], b->limb[i]);
    }
    if (addend != NULL)
#pragma GCC unroll 5
        for (int i = 0; i < 5; i++)
            t[5 + i] = _mm512_add_epi64(t[5 + i], broadcast(addend->limb[i]));
    reduce(ret, t);
}

/* ret = a^5 + addend. */
INLINE void power5(struct element *ret, const struct element *a,
                   const struct sy_poseidon_fr52 *addend)
{
    struct element square, fourth;
    multiply_add(&square, a, a, NULL);
    multiply_add(&fourth, &square, &square, NULL);
    multiply_add(ret, a, &fourth, addend);
}

/* ret = sum of a[k] * b[k], one reduction, plus a constant or an element. Expected 50
 * multiplications per term and 55 for the reduction, for eight hashes. */
INLINE void dot(struct element *ret, const struct element *a, const struct sy_poseidon_fr52 *b,
                unsigned n, const struct sy_poseidon_fr52 *constant, const struct element *own)
{
    __m512i t[10];
    clear(t);
    for (unsigned k = 0; k < n; k++)
        accumulate(t, &a[k], &b[k]);
#pragma GCC unroll 5
    for (int i = 0; i < 5; i++) {
        if (constant != NULL)
            t[5 + i] = _mm512_add_epi64(t[5 + i], broadcast(constant->limb[i]));
        if (own != NULL)
            t[5 + i] = _mm512_add_epi64(t[5 + i], own->limb[i]);
    }
    reduce(ret, t);
}

/* ------------------------------------------------------------------------------------ permutation
 */

/* ret = sum of a[k] * row[k] over k < n, divided by 2^52, plus a constant: row[k] are integers
 * below 2^52, so six columns and one step of reduction do. Expected 10 multiplications per term
 * and 11. */
INLINE void dot_small(struct element *ret, const struct element *a, const uint64_t *row, unsigned n,
                      const struct sy_poseidon_fr52 *constant)
{
    const __m512i r[5] = {broadcast(R52_0), broadcast(R52_1), broadcast(R52_2), broadcast(R52_3),
                          broadcast(R52_4)};
    __m512i low[5], high[5];
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) {
        low[j] = _mm512_setzero_si512();
        high[j] = broadcast(constant->limb[j]); /* high[j] weighs 2^(52 (j + 1)) */
    }
    for (unsigned k = 0; k < n; k++) {
        const __m512i factor = broadcast(row[k]);
#pragma GCC unroll 5
        for (int j = 0; j < 5; j++) {
            low[j] = _mm512_madd52lo_epu64(low[j], a[k].limb[j], factor);
            high[j] = _mm512_madd52hi_epu64(high[j], a[k].limb[j], factor);
        }
    }
    const __m512i zero = _mm512_setzero_si512(), mask = broadcast(LIMB_MASK);
    const __m512i m = _mm512_madd52lo_epu64(zero, low[0], broadcast(R52_INV));
#pragma GCC unroll 5
    for (int j = 0; j < 5; j++) {
        low[j] = _mm512_madd52lo_epu64(low[j], m, r[j]);
        high[j] = _mm512_madd52hi_epu64(high[j], m, r[j]);
    }
    __m512i carry = _mm512_srli_epi64(low[0], LIMB_BITS);
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        carry = _mm512_add_epi64(_mm512_add_epi64(carry, low[j + 1]), high[j]);
        ret->limb[j] = _mm512_and_si512(carry, mask);
        carry = _mm512_srli_epi64(carry, LIMB_BITS);
    }
    ret->limb[4] = _mm512_add_epi64(carry, high[4]);
}

static void power_all(struct element *powers, const struct element *s, unsigned t)
{
    for (unsigned i = 0; i < t; i++)
        power5(&powers[i], &s[i], NULL);
}

static void full_round(struct element *s, const struct sy_poseidon_constants *c, unsigned round)
{
    struct element powers[SY_POSEIDON_WIDTH_MAX];
    const struct sy_poseidon_tables52 *tables = &c->tables52;
    power_all(powers, s, c->t);
    for (unsigned i = 0; i < c->t; i++)
        dot_small(&s[i], powers, tables->hankel + i, c->t, &tables->full_add[round][i]);
}

/* The full round before the partial ones. */
static void pre_sparse_round(struct element *s, const struct sy_poseidon_constants *c,
                             unsigned round)
{
    struct element powers[SY_POSEIDON_WIDTH_MAX];
    const struct sy_poseidon_tables52 *tables = &c->tables52;
    power_all(powers, s, c->t);
    for (unsigned i = 0; i < c->t; i++)
        dot(&s[i], powers, tables->pre[i], c->t, &tables->full_add[round][i], NULL);
}

static void partial_block(struct element *s, const struct sy_poseidon_constants *c, unsigned number)
{
    const unsigned t = c->t, rounds = sy_poseidon_block_rounds(c, number);
    struct element operands[SY_POSEIDON_ARITY_MAX + SY_POSEIDON_BLOCK];
    struct element *a = operands + (t - 1);
    memcpy(operands, s + 1, (t - 1) * sizeof *s);
    for (unsigned m = 0; m < rounds; m++) {
        power5(&a[m], &s[0], &c->tables52.block[number].add[m]);
        dot(&s[0], operands, c->tables52.block[number].first[m], t + m, NULL, NULL);
    }
    for (unsigned j = 1; j < t; j++)
        dot(&s[j], a, c->tables52.block[number].update[j - 1], rounds, NULL, &s[j]);
}

/* s holds the inputs already in this kernel's form; element 1 is the hash. */
static void permute_lanes(const struct sy_poseidon_constants *c, struct element *s)
{
    const unsigned half = SY_POSEIDON_FULL_ROUNDS / 2;
    struct element powers[SY_POSEIDON_WIDTH_MAX];
    for (unsigned round = 0; round < half - 1; round++)
        full_round(s, c, round);
    pre_sparse_round(s, c, half - 1);
    for (unsigned i = 0; i < c->blocks; i++)
        partial_block(s, c, i);
    for (unsigned round = half; round < SY_POSEIDON_FULL_ROUNDS - 1; round++)
        full_round(s, c, round);
    power_all(powers, s, c->t);
    dot(&s[1], powers, c->tables52.last, c->t, NULL, NULL);
}

/* ------------------------------------------------------------------------------------ conversions
 */

/* Factors that bring a state into this form, and the hash out of it, by one product: 2^520 and 1
 * for plain integers, 2^264 and 2^256 for Montgomery with 2^256 (each mod r). */
static const struct sy_poseidon_fr52 factor_in[] = {
    [SY_POSEIDON_MONTGOMERY] = {{0x00234fffffdcbULL, 0x61039ef635000ULL, 0xdce3c3e2e7505ULL,
                                 0x7fa6f1563642bULL, 0x0247db575276aULL}},
    [SY_POSEIDON_PLAIN] = {{0x99103f29c6cf0ULL, 0x57927663d999eULL, 0xa1c0ed631138bULL,
                            0x3c829f7715f1bULL, 0x009ff646cc027ULL}},
};
static const struct sy_poseidon_fr52 factor_out[] = {
    [SY_POSEIDON_MONTGOMERY] = {{0x00001fffffffeULL, 0xfa00034802000ULL, 0xcbc4ff55884b7ULL,
                                 0x056f998c4fefeULL, 0x01824b159acc5ULL}},
    [SY_POSEIDON_PLAIN] = {{1, 0, 0, 0, 0}},
};

/* Element `i` of eight states, limbs regrouped from 64 to 52 bits. */
static void load_element(struct element *ret, struct sy_fr (*states)[SY_POSEIDON_WIDTH_MAX],
                         unsigned i, size_t count)
{
    _Alignas(64) uint64_t limbs[5][LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        const uint64_t *x = states[SY_MIN(lane, count - 1)][i].limb; /* spare lanes repeat */
        limbs[0][lane] = x[0] & LIMB_MASK;
        limbs[1][lane] = (x[0] >> 52 | x[1] << 12) & LIMB_MASK;
        limbs[2][lane] = (x[1] >> 40 | x[2] << 24) & LIMB_MASK;
        limbs[3][lane] = (x[2] >> 28 | x[3] << 36) & LIMB_MASK;
        limbs[4][lane] = x[3] >> 16;
    }
    for (int j = 0; j < 5; j++)
        ret->limb[j] = _mm512_load_si512(limbs[j]);
}

/* A value below 2r, back to 64-bit limbs below r. */
static void store_element(struct sy_fr (*states)[SY_POSEIDON_WIDTH_MAX], unsigned i, size_t count,
                          const struct element *a)
{
    _Alignas(64) uint64_t limbs[5][LANES];
    for (int j = 0; j < 5; j++)
        _mm512_store_si512(limbs[j], a->limb[j]);
    for (size_t lane = 0; lane < count; lane++) {
        const uint64_t x[4] = {limbs[0][lane] | limbs[1][lane] << 52,
                               limbs[1][lane] >> 12 | limbs[2][lane] << 40,
                               limbs[2][lane] >> 24 | limbs[3][lane] << 28,
                               limbs[3][lane] >> 36 | limbs[4][lane] << 16};
        unsigned long long d[4];
        unsigned char borrow = 0;
        for (int j = 0; j < 4; j++)
            borrow = _subborrow_u64(borrow, x[j], sy_fr_modulus[j], &d[j]);
        for (int j = 0; j < 4; j++)
            states[lane][i].limb[j] = borrow != 0 ? x[j] : d[j];
    }
}

static void permute(const struct sy_poseidon_constants *c,
                    struct sy_fr (*states)[SY_POSEIDON_WIDTH_MAX], size_t count,
                    enum sy_poseidon_form form)
{
    struct element s[SY_POSEIDON_WIDTH_MAX], raw;
    for (size_t first = 0; first < count; first += LANES) {
        const size_t lanes = SY_MIN(LANES, count - first);
        for (unsigned i = 0; i < c->t; i++) {
            load_element(&raw, states + first, i, lanes);
            dot(&s[i], &raw, &factor_in[form], 1, &c->tables52.start[i], NULL);
        }
        permute_lanes(c, s);
        dot(&raw, &s[1], &factor_out[form], 1, NULL, NULL);
        store_element(states + first, 1, lanes, &raw);
    }
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma");
}

const struct sy_poseidon_ops sy_poseidon_ops_ifma = {"ifma", usable, LANES, permute};
