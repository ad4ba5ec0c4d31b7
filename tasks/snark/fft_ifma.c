/* Transforms in eight lanes. A lane is one column of a pass; a tile of 2^bits legs by eight columns
 * (80 KiB at eight bits) goes through all its levels in the second-level cache. Butterflies leave
 * values below 1.2 r: sums are shrunk, differences multiplied. Inside a tile the factors are the
 * same in all lanes; the twiddles after (before) it are a running product per column. */
#include "tasks/field/fr_ifma.h"
#include "tasks/snark/fft_ops.h"
#include "tasks/tree/parallel.h"

#include <stdlib.h>
#include <string.h>

#define LANES SY_FR8_LANES
#define LEGS_MAX (1U << SY_FFT_PASS_BITS_MAX)
#define TILES 8             /* tiles of one parallel step */
#define SCALE_BLOCK_LOG2 12 /* elements of one parallel step of a scaling */

struct tile {
    struct sy_fr8 leg[LEGS_MAX];
};

struct pass {
    const struct sy_fft *fft;
    struct sy_fr *data;
    struct sy_fr root; /* of the pass' block size */
    unsigned bits;
    size_t block, stride; /* elements of a block, of a leg; stride 1 = the last pass */
    size_t tiles;
    bool mirrored;
    struct sy_fr52 inner[LEGS_MAX / 2]; /* powers of the root of order 2^bits */
    uint8_t reversed[LEGS_MAX];
    struct sy_fr8 lanes; /* powers 0 to 7 of root, by lane */
};

/* (a, b) -> (a + b, (a - b) w) level by level, legs far apart first. */
static void transform_tile(struct tile *tile, const struct pass *p)
{
    const unsigned legs = 1U << p->bits;
    for (unsigned half = legs / 2; half > 0; half /= 2) {
        const unsigned step = legs / (2 * half);
        for (unsigned j = 0; j < half; j++) {
            struct sy_fr8 factor;
            sy_fr8_broadcast(&factor, &p->inner[j * step]);
            for (unsigned at = j; at < legs; at += 2 * half) {
                struct sy_fr8 *a = &tile->leg[at], *b = &tile->leg[at + half], sum, difference;
                sy_fr8_add(&sum, a, b, 1);
                sy_fr8_sub(&difference, a, b, 2);
                sy_fr8_shrink(&sum);
                *a = sum;
                if (j == 0) {
                    sy_fr8_shrink(&difference);
                    *b = difference;
                    continue;
                }
                sy_fr8_tighten(&difference);
                sy_fr8_mul(b, &difference, &factor);
            }
        }
    }
}

/* (a, b) -> (a + w b, a - w b), neighbours first. */
static void transform_tile_mirrored(struct tile *tile, const struct pass *p)
{
    const unsigned legs = 1U << p->bits;
    for (unsigned half = 1; half < legs; half *= 2) {
        const unsigned step = legs / (2 * half);
        for (unsigned j = 0; j < half; j++) {
            struct sy_fr8 factor;
            sy_fr8_broadcast(&factor, &p->inner[j * step]);
            for (unsigned at = j; at < legs; at += 2 * half) {
                struct sy_fr8 *a = &tile->leg[at], *b = &tile->leg[at + half], product, difference;
                if (j == 0)
                    product = *b;
                else
                    sy_fr8_mul(&product, b, &factor);
                sy_fr8_sub(&difference, a, &product, 2);
                sy_fr8_add(a, a, &product, 1);
                sy_fr8_shrink(a);
                sy_fr8_shrink(&difference);
                *b = difference;
            }
        }
    }
}

/* root^exponent by its significant bits only. */
static void raise_root(struct sy_fr *ret, const struct sy_fr *root, size_t exponent)
{
    struct sy_fr power = sy_fr_one, square = *root;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            sy_fr_mul(&power, &power, &square);
        sy_fr_sqr(&square, &square);
    }
    *ret = power;
}

/* leg with frequency f *= (base lane by lane)^f. */
static void twist_tile(struct tile *tile, const struct pass *p, size_t column)
{
    struct sy_fr power;
    struct sy_fr52 power52;
    struct sy_fr8 base, factor;
    raise_root(&power, &p->root, column);
    sy_fr52_from_fr(&power52, &power);
    sy_fr8_broadcast(&base, &power52);
    sy_fr8_mul(&base, &base, &p->lanes);
    factor = base;
    for (unsigned f = 1; f < 1U << p->bits; f++) {
        struct sy_fr8 *leg = &tile->leg[p->reversed[f]];
        sy_fr8_mul(leg, leg, &factor);
        sy_fr8_mul(&factor, &factor, &base);
    }
}

/* root^0 to root^7, each in the lane of its column. */
static void set_lanes(struct pass *p)
{
    static const uint8_t order[LANES] = SY_FR8_ORDER;
    _Alignas(64) uint64_t limbs[SY_FR8_LIMBS][LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        struct sy_fr power;
        struct sy_fr52 value;
        raise_root(&power, &p->root, order[lane]);
        sy_fr52_from_fr(&value, &power);
        for (int j = 0; j < SY_FR8_LIMBS; j++)
            limbs[j][lane] = value.limb[j];
    }
    for (int j = 0; j < SY_FR8_LIMBS; j++)
        p->lanes.limb[j] = _mm512_load_si512(limbs[j]);
}

/* Eight neighbouring columns of one block. */
static void run_columns(const struct pass *p, struct tile *tile, size_t index)
{
    const size_t per_block = p->stride / LANES;
    const size_t column = index % per_block * LANES;
    struct sy_fr *data = p->data + index / per_block * p->block + column;
    for (unsigned q = 0; q < 1U << p->bits; q++)
        sy_fr8_load(&tile->leg[q], data + q * p->stride);
    if (p->mirrored) {
        twist_tile(tile, p, column);
        transform_tile_mirrored(tile, p);
    } else {
        transform_tile(tile, p);
        twist_tile(tile, p, column);
    }
    for (unsigned q = 0; q < 1U << p->bits; q++)
        sy_fr8_store(data + q * p->stride, &tile->leg[q]);
}

/* Eight words of eight rows: rows to columns and back. */
static inline void transpose(__m512i r[8])
{
    __m512i t[8], u[4];
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

/* The last pass: eight neighbouring blocks, one per lane, two elements of each at a time. */
static void run_blocks(const struct pass *p, struct tile *tile, size_t index)
{
    const unsigned legs = 1U << p->bits;
    struct sy_fr *data = p->data + index * LANES * legs;
    __m512i r[8];
    for (unsigned q = 0; q < legs; q += 2) {
#pragma GCC unroll 8
        for (size_t lane = 0; lane < LANES; lane++)
            r[lane] = _mm512_loadu_si512(data + lane * legs + q);
        transpose(r);
        sy_fr8_from_words(&tile->leg[q], r);
        sy_fr8_from_words(&tile->leg[q + 1], r + 4);
    }
    if (p->mirrored)
        transform_tile_mirrored(tile, p);
    else
        transform_tile(tile, p);
    for (unsigned q = 0; q < legs; q += 2) {
        sy_fr8_canonical(&tile->leg[q]);
        sy_fr8_canonical(&tile->leg[q + 1]);
        sy_fr8_to_words(r, &tile->leg[q]);
        sy_fr8_to_words(r + 4, &tile->leg[q + 1]);
        transpose(r);
#pragma GCC unroll 8
        for (size_t lane = 0; lane < LANES; lane++)
            _mm512_storeu_si512(data + lane * legs + q, r[lane]);
    }
}

static int pass_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    const struct pass *p = ctx;
    struct tile tile;
    size_t end = SY_MIN((size_t)(index + 1) * TILES, p->tiles);
    for (size_t i = (size_t)index * TILES; i < end; i++) {
        if (p->stride == 1)
            run_blocks(p, &tile, i);
        else
            run_columns(p, &tile, i);
    }
    return 0;
}

/* Pass `number`, forward or mirrored. */
static int run_pass(const struct sy_fft *fft, const struct sy_fr *omega, struct sy_fr *data,
                    unsigned number, bool mirrored, struct sy_error *err)
{
    struct pass p = {.fft = fft, .data = data, .root = *omega, .mirrored = mirrored};
    struct sy_fr inner, power = sy_fr_one;
    unsigned block_log2 = fft->log2_size;
    for (unsigned i = 0; i < number; i++)
        block_log2 -= fft->bits[i];
    for (unsigned i = block_log2; i < fft->log2_size; i++)
        sy_fr_sqr(&p.root, &p.root);
    p.bits = fft->bits[number];
    p.block = (size_t)1 << block_log2;
    p.stride = p.block >> p.bits;
    p.tiles = fft->size >> p.bits >> 3;
    set_lanes(&p);
    inner = p.root;
    for (size_t s = 1; s < p.stride; s *= 2)
        sy_fr_sqr(&inner, &inner);
    for (unsigned i = 0; i < 1U << (p.bits - 1); i++) {
        sy_fr52_from_fr(&p.inner[i], &power);
        sy_fr_mul(&power, &power, &inner);
    }
    for (unsigned f = 0; f < 1U << p.bits; f++)
        p.reversed[f] = (uint8_t)sy_fft_reverse_bits(f, p.bits);
    return sy_parallel_for(fft->threads, 0, (p.tiles + TILES - 1) / TILES, pass_step, &p, err);
}

int sy_fft_ifma_to_reversed(const struct sy_fft *fft, const struct sy_fr *omega, struct sy_fr *data,
                            struct sy_error *err)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < fft->passes; i++)
        rc = run_pass(fft, omega, data, i, false, err);
    return rc;
}

int sy_fft_ifma_to_natural(const struct sy_fft *fft, const struct sy_fr *omega, struct sy_fr *data,
                           struct sy_error *err)
{
    int rc = 0;
    for (unsigned i = fft->passes; rc == 0 && i-- > 0;)
        rc = run_pass(fft, omega, data, i, true, err);
    return rc;
}

/* ------------------------------------------------------------------------------------- scaling */

struct scale {
    struct sy_fr *data;
    struct sy_fr first, base;
    unsigned log2_size, block_log2;
    bool reversed;
    struct sy_fr8 *factors; /* of one block, without the block's own */
};

static int scale_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    const struct scale *s = ctx;
    const size_t block = (size_t)1 << s->block_log2;
    struct sy_fr *data = s->data + index * block;
    uint64_t exponent = s->reversed
                            ? sy_fft_reverse_bits((size_t)index, s->log2_size - s->block_log2)
                            : index * block;
    struct sy_fr power;
    struct sy_fr52 factor52;
    struct sy_fr8 own, factor, value;
    sy_fr_pow(&power, &s->base, &exponent, 1);
    sy_fr_mul(&power, &power, &s->first);
    sy_fr52_from_fr(&factor52, &power);
    sy_fr8_broadcast(&own, &factor52);
    for (size_t i = 0; i < block / LANES; i++) {
        sy_fr8_mul(&factor, &s->factors[i], &own);
        sy_fr8_load(&value, data + i * LANES);
        sy_fr8_mul(&value, &value, &factor);
        sy_fr8_store(data + i * LANES, &value);
    }
    return 0;
}

/* base^i, or base^(size / block * reversed i), for the places i of a block. */
static int make_factors(struct scale *s, struct sy_error *err)
{
    static const uint8_t order[LANES] = SY_FR8_ORDER;
    const size_t block = (size_t)1 << s->block_log2;
    struct sy_fr power = sy_fr_one, step = s->base;
    s->factors = aligned_alloc(64, block / LANES * sizeof *s->factors);
    if (!s->factors)
        return sy_fail(err, SY_E_NOMEM, "no memory for the factors of a scaling");
    for (unsigned i = s->block_log2; s->reversed && i < s->log2_size; i++)
        sy_fr_sqr(&step, &step);
    for (size_t i = 0; i < block; i++) {
        size_t at = s->reversed ? sy_fft_reverse_bits(i, s->block_log2) : i, lane = 0;
        struct sy_fr52 value;
        while (order[lane] != at % LANES)
            lane++;
        sy_fr52_from_fr(&value, &power);
        for (int j = 0; j < SY_FR8_LIMBS; j++)
            ((uint64_t *)&s->factors[at / LANES].limb[j])[lane] = value.limb[j];
        sy_fr_mul(&power, &power, &step);
    }
    return 0;
}

int sy_fft_ifma_scale(const struct sy_fft *fft, struct sy_fr *data, const struct sy_fr *first,
                      const struct sy_fr *base, bool reversed, struct sy_error *err)
{
    struct scale s = {.data = data,
                      .first = *first,
                      .base = *base,
                      .log2_size = fft->log2_size,
                      .block_log2 = SY_MIN(fft->log2_size, (unsigned)SCALE_BLOCK_LOG2),
                      .reversed = reversed};
    int rc = make_factors(&s, err);
    if (rc == 0)
        rc = sy_parallel_for(fft->threads, 0, fft->size >> s.block_log2, scale_step, &s, err);
    free(s.factors);
    return rc;
}

bool sy_fft_ifma_usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma") &&
           __builtin_cpu_supports("bmi2");
}
