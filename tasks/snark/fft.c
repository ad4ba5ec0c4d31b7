#include "tasks/snark/fft_ops.h"

#include "tasks/tree/parallel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Elements that one parallel step takes: 1 MiB of data stays in the second-level cache. */
#define BLOCK_LOG2 15
#define GENERATOR 7

/* Places that a step of reordering takes. */
#define REORDER_LOG2 12

/* The root of order 2^32, canonical limbs. */
static const uint64_t root_limbs[SY_FR_LIMBS] = {0x3829971f439f0d2bULL, 0xb63683508c2280b9ULL,
                                                 0xd09b681922c813b4ULL, 0x16a2a19edfe81f20ULL};

struct powers {
    struct sy_fr *out;
    const struct sy_fr *in; /* NULL: plain powers */
    struct sy_fr base, first;
    size_t count, block;
};

/* out_i = in_i * first * base^i for one block. */
static int fill_powers(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    const struct powers *p = ctx;
    size_t start = (size_t)index * p->block, end = SY_MIN(start + p->block, p->count);
    uint64_t exponent = start;
    struct sy_fr power;
    sy_fr_pow(&power, &p->base, &exponent, 1);
    sy_fr_mul(&power, &power, &p->first);
    for (size_t i = start; i < end; i++) {
        if (p->in)
            sy_fr_mul(&p->out[i], &p->in[i], &power);
        else
            p->out[i] = power;
        sy_fr_mul(&power, &power, &p->base);
    }
    return 0;
}

static int run_powers(const struct sy_fft *fft, struct powers *p, struct sy_error *err)
{
    p->block = (size_t)1 << BLOCK_LOG2;
    return sy_parallel_for(fft->threads, 0, (p->count + p->block - 1) / p->block, fill_powers, p,
                           err);
}

/* ----------------------------------------------------------------------------- choice of kernel */

enum kind { KIND_IFMA, KIND_SCALAR, KINDS };
static const char *const kind_names[KINDS] = {"ifma", "scalar"};
static atomic_int chosen = KINDS;

static int get_kind(void)
{
    int kind = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (kind == KINDS) {
        kind = sy_fft_ifma_usable() ? KIND_IFMA : KIND_SCALAR;
        atomic_store_explicit(&chosen, kind, memory_order_relaxed);
    }
    return kind;
}

const char *sy_fft_impl_name(void)
{
    return kind_names[get_kind()];
}

int sy_fft_force(const char *name, struct sy_error *err)
{
    if (!name) {
        atomic_store(&chosen, KINDS);
        return 0;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        if (strcmp(kind_names[kind], name) != 0)
            continue;
        if (kind == KIND_IFMA && !sy_fft_ifma_usable())
            return sy_fail(err, SY_E_UNSUPPORTED, "this CPU lacks the instructions of \"%s\"",
                           name);
        atomic_store(&chosen, kind);
        return 0;
    }
    return sy_fail(err, SY_E_ARG, "no transform kernel \"%s\": known are ifma and scalar", name);
}

/* --------------------------------------------------------------------------------------- domain */

/* As few passes as possible, of equal size; at least two, so that each has eight columns. */
static void plan_passes(struct sy_fft *fft)
{
    unsigned log2_size = fft->log2_size;
    fft->passes = SY_MAX((log2_size + SY_FFT_PASS_BITS_MAX - 1) / SY_FFT_PASS_BITS_MAX, 2U);
    for (unsigned i = 0; i < fft->passes; i++)
        fft->bits[i] = (log2_size + fft->passes - 1 - i) / fft->passes;
}

static int make_twiddles(struct sy_fft *fft, struct sy_error *err)
{
    size_t half = SY_MAX(fft->size / 2, (size_t)1);
    fft->twiddle = malloc(half * sizeof *fft->twiddle);
    if (!fft->twiddle)
        return sy_fail(err, SY_E_NOMEM, "no memory for the %zu twiddles of a domain", half);
    struct powers p = {.out = fft->twiddle, .base = fft->omega, .first = sy_fr_one, .count = half};
    return run_powers(fft, &p, err);
}

int sy_fft_create(struct sy_fft **ret, unsigned log2_size, unsigned threads, struct sy_error *err)
{
    if (log2_size > SY_FFT_LOG2_MAX)
        return sy_fail(err, SY_E_RANGE, "a domain of 2^%u elements, at most 2^%d", log2_size,
                       SY_FFT_LOG2_MAX);
    struct sy_fft *fft = calloc(1, sizeof *fft);
    if (!fft)
        return sy_fail(err, SY_E_NOMEM, "no memory for a domain");
    fft->log2_size = log2_size;
    fft->threads = threads;
    fft->size = (size_t)1 << log2_size;
    sy_fr_from_limbs(&fft->omega, root_limbs);
    for (unsigned i = log2_size; i < SY_FFT_LOG2_MAX; i++)
        sy_fr_sqr(&fft->omega, &fft->omega);
    sy_fr_inv(&fft->omega_inverse, &fft->omega);
    sy_fr_from_u64(&fft->size_inverse, fft->size);
    sy_fr_inv(&fft->size_inverse, &fft->size_inverse);
    fft->wide = log2_size >= SY_FFT_WIDE_LOG2_MIN && get_kind() == KIND_IFMA;
    plan_passes(fft);
    int rc = fft->wide ? 0 : make_twiddles(fft, err);
    if (rc != 0) {
        sy_fft_destroy(fft);
        return rc;
    }
    *ret = fft;
    return 0;
}

void sy_fft_destroy(struct sy_fft *fft)
{
    if (!fft)
        return;
    free(fft->twiddle);
    free(fft);
}

size_t sy_fft_size(const struct sy_fft *fft)
{
    return fft->size;
}

const struct sy_fr *sy_fft_omega(const struct sy_fft *fft)
{
    return &fft->omega;
}

/* ---------------------------------------------------------------------------------- transform
 *
 * Decimation in frequency without recursion: the first levels run over the whole array, one level
 * at a time, until a block fits the cache; each block then goes through all its levels at once. The
 * result is bit-reversed and put in order at the end. */

struct pass {
    const struct sy_fft *fft;
    struct sy_fr *data;
    size_t half; /* distance of the butterfly's legs at this level */
    unsigned block_log2;
};

/* (a, b) -> (a + b, (a - b) * w). */
static inline void butterfly(struct sy_fr *a, struct sy_fr *b, const struct sy_fr *w)
{
    struct sy_fr difference;
    sy_fr_sub(&difference, a, b);
    sy_fr_add(a, a, b);
    sy_fr_mul(b, &difference, w);
}

static int level_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    const struct pass *p = ctx;
    size_t block = (size_t)1 << p->block_log2; /* butterflies of this step */
    size_t stride = p->fft->size / (2 * p->half);
    for (size_t k = (size_t)index * block; k < (size_t)(index + 1) * block; k++) {
        size_t group = k / p->half, j = k % p->half;
        struct sy_fr *a = p->data + group * 2 * p->half + j;
        butterfly(a, a + p->half, &p->fft->twiddle[j * stride]);
    }
    return 0;
}

static int block_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    const struct pass *p = ctx;
    size_t block = (size_t)1 << p->block_log2;
    struct sy_fr *data = p->data + (size_t)index * block;
    for (size_t half = block / 2; half > 0; half /= 2) {
        size_t stride = p->fft->size / (2 * half);
        for (size_t start = 0; start < block; start += 2 * half)
            for (size_t j = 0; j < half; j++)
                butterfly(&data[start + j], &data[start + j + half], &p->fft->twiddle[j * stride]);
    }
    return 0;
}

size_t sy_fft_reverse_bits(size_t value, unsigned bits)
{
    uint64_t v = value;
    v = (v >> 1 & 0x5555555555555555ULL) | (v & 0x5555555555555555ULL) << 1;
    v = (v >> 2 & 0x3333333333333333ULL) | (v & 0x3333333333333333ULL) << 2;
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0fULL) | (v & 0x0f0f0f0f0f0f0f0fULL) << 4;
    v = __builtin_bswap64(v);
    return bits == 0 ? 0 : (size_t)(v >> (64 - bits));
}

static int reorder_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    const struct pass *p = ctx;
    size_t block = (size_t)1 << p->block_log2;
    for (size_t i = (size_t)index * block; i < (size_t)(index + 1) * block; i++) {
        size_t other = sy_fft_reverse_bits(i, p->fft->log2_size);
        if (i < other) {
            struct sy_fr held = p->data[i];
            p->data[i] = p->data[other];
            p->data[other] = held;
        }
    }
    return 0;
}

static int scalar_to_reversed(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err)
{
    unsigned block_log2 = SY_MIN(fft->log2_size, (unsigned)BLOCK_LOG2);
    size_t blocks = fft->size >> block_log2;
    struct pass p = {.fft = fft, .data = data};
    int rc = 0;
    for (size_t half = fft->size / 2; rc == 0 && 2 * half > (size_t)1 << block_log2; half /= 2) {
        p.half = half;
        p.block_log2 = block_log2 - 1;
        rc = sy_parallel_for(fft->threads, 0, blocks, level_step, &p, err);
    }
    p.block_log2 = block_log2;
    if (rc == 0)
        rc = sy_parallel_for(fft->threads, 0, blocks, block_step, &p, err);
    return rc;
}

static int reorder(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err)
{
    unsigned block_log2 = SY_MIN(fft->log2_size, (unsigned)REORDER_LOG2);
    struct pass p = {.fft = fft, .data = data, .block_log2 = block_log2};
    return sy_parallel_for(fft->threads, 0, fft->size >> block_log2, reorder_step, &p, err);
}

int sy_fft_forward(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err)
{
    int rc = fft->wide ? sy_fft_ifma_to_reversed(fft, &fft->omega, data, err)
                       : scalar_to_reversed(fft, data, err);
    return rc == 0 ? reorder(fft, data, err) : rc;
}

/* The inverse is the forward transform read backwards: x_i = X'_(-i) / size. */
static void turn_around(struct sy_fr *data, size_t size)
{
    for (size_t i = 1, j = size - 1; i < j; i++, j--) {
        struct sy_fr held = data[i];
        data[i] = data[j];
        data[j] = held;
    }
}

static int scalar_inverse(const struct sy_fft *fft, struct sy_fr *data, const struct sy_fr *base,
                          struct sy_error *err)
{
    int rc = sy_fft_forward(fft, data, err);
    if (rc != 0)
        return rc;
    turn_around(data, fft->size);
    struct powers p = {
        .out = data, .in = data, .base = *base, .first = fft->size_inverse, .count = fft->size};
    return run_powers(fft, &p, err);
}

/* Inverse transform, then data_i *= base^i / size; the wide kernel scales before it reorders. */
static int scaled_inverse(const struct sy_fft *fft, struct sy_fr *data, const struct sy_fr *base,
                          struct sy_error *err)
{
    if (!fft->wide)
        return scalar_inverse(fft, data, base, err);
    int rc = sy_fft_ifma_to_reversed(fft, &fft->omega_inverse, data, err);
    if (rc == 0)
        rc = sy_fft_ifma_scale(fft, data, &fft->size_inverse, base, true, err);
    return rc == 0 ? reorder(fft, data, err) : rc;
}

static void generator(struct sy_fr *ret, struct sy_fr *ret_inverse)
{
    sy_fr_from_u64(ret, GENERATOR);
    sy_fr_inv(ret_inverse, ret);
}

int sy_fft_inverse(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err)
{
    return scaled_inverse(fft, data, &sy_fr_one, err);
}

int sy_fft_coset_forward(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err)
{
    struct powers p = {.out = data, .in = data, .first = sy_fr_one, .count = fft->size};
    struct sy_fr inverse;
    generator(&p.base, &inverse);
    int rc = fft->wide ? sy_fft_ifma_scale(fft, data, &sy_fr_one, &p.base, false, err)
                       : run_powers(fft, &p, err);
    return rc == 0 ? sy_fft_forward(fft, data, err) : rc;
}

int sy_fft_coset_inverse(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err)
{
    struct sy_fr base, inverse;
    generator(&base, &inverse);
    return scaled_inverse(fft, data, &inverse, err);
}

int sy_fft_to_coset(const struct sy_fft *fft, struct sy_fr *data, struct sy_error *err)
{
    struct sy_fr base, inverse;
    if (!fft->wide) {
        int rc = sy_fft_inverse(fft, data, err);
        return rc == 0 ? sy_fft_coset_forward(fft, data, err) : rc;
    }
    generator(&base, &inverse);
    int rc = sy_fft_ifma_to_reversed(fft, &fft->omega_inverse, data, err);
    if (rc == 0)
        rc = sy_fft_ifma_scale(fft, data, &fft->size_inverse, &base, true, err);
    return rc == 0 ? sy_fft_ifma_to_natural(fft, &fft->omega, data, err) : rc;
}

void sy_fft_coset_vanishing_inverse(const struct sy_fft *fft, struct sy_fr *ret)
{
    struct sy_fr power;
    sy_fr_from_u64(&power, GENERATOR);
    for (unsigned i = 0; i < fft->log2_size; i++)
        sy_fr_sqr(&power, &power);
    sy_fr_sub(&power, &power, &sy_fr_one);
    sy_fr_inv(ret, &power);
}
