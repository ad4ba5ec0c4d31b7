/* The prover: facts groth16.md 3.
 *
 * Phases: synthesis with evaluation of A and B per constraint (C is their product for a satisfied
 * witness), six transforms for h, five sums of points, assembly, verification. The dropped
 * coefficient of h cannot serve as a check when C is the product; the finished proof is verified
 * instead.
 */
#include "tasks/snark/groth16.h"

#include "tasks/snark/fft.h"
#include "tasks/snark/msm.h"
#include "tasks/tree/parallel.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP ((size_t)1 << 14)

struct prover {
    const struct sy_groth16_params *params;
    const struct sy_snark_progress *progress;
    unsigned threads;
    struct sy_cs_values values;
    uint32_t inputs, aux;
    size_t size;
    struct sy_fr *a, *b, *c;    /* per constraint, then polynomials */
    uint8_t *a_dense, *b_dense; /* bitmaps over aux */
    bool b_input_other, overflow;
    uint64_t constraints;
    struct sy_fr scale; /* of the pointwise step */
};

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void report(const struct prover *p, const char *phase, uint64_t done)
{
    if (p->progress && p->progress->on_progress)
        p->progress->on_progress(p->progress->ctx, phase, done, 8);
}

/* ------------------------------------------------------------------------------------ synthesis */

static const struct sy_fr *value_of(const struct prover *p, uint32_t var)
{
    return var & SY_VAR_INPUT ? &p->values.inputs[var & ~SY_VAR_INPUT] : &p->values.aux[var];
}

/* Most values are zero or one, most coefficients are one. */
static void evaluate(const struct prover *p, const struct sy_lc *lc, struct sy_fr *ret)
{
    struct sy_fr sum = sy_fr_zero, product;
    for (uint32_t i = 0; i < lc->count; i++) {
        const struct sy_fr *value = value_of(p, lc->terms[i].var);
        const struct sy_fr *coeff = &lc->terms[i].coeff;
        if (sy_fr_is_zero(value))
            continue;
        if (sy_fr_equal(value, &sy_fr_one)) {
            sy_fr_add(&sum, &sum, coeff);
        } else if (sy_fr_equal(coeff, &sy_fr_one)) {
            sy_fr_add(&sum, &sum, value);
        } else {
            sy_fr_mul(&product, coeff, value);
            sy_fr_add(&sum, &sum, &product);
        }
    }
    *ret = sum;
}

static void mark(uint8_t *bitmap, uint32_t var)
{
    bitmap[var / 8] = (uint8_t)(bitmap[var / 8] | 1u << var % 8);
}

static void on_constraint(void *ctx, const struct sy_lc *a, const struct sy_lc *b,
                          const struct sy_lc *c)
{
    (void)c;
    struct prover *p = ctx;
    if (p->constraints >= p->size) {
        p->overflow = true;
        return;
    }
    evaluate(p, a, &p->a[p->constraints]);
    evaluate(p, b, &p->b[p->constraints]);
    p->constraints++;
    for (uint32_t i = 0; i < a->count; i++)
        if (!(a->terms[i].var & SY_VAR_INPUT) && a->terms[i].var < p->params->l_count)
            mark(p->a_dense, a->terms[i].var);
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->terms[i].var & SY_VAR_INPUT)
            p->b_input_other |= b->terms[i].var != SY_VAR_ONE;
        else if (b->terms[i].var < p->params->l_count)
            mark(p->b_dense, b->terms[i].var);
    }
}

static uint64_t count_bits(const uint8_t *bitmap, uint32_t bits)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < (bits + 7) / 8; i++)
        count += (uint64_t)__builtin_popcount(bitmap[i]);
    return count;
}

static int check_fit(const struct prover *p, struct sy_error *err)
{
    const struct sy_groth16_params *params = p->params;
    uint64_t a_count = p->inputs + count_bits(p->a_dense, params->l_count);
    uint64_t b_count = 1 + count_bits(p->b_dense, params->l_count);
    if (p->overflow || p->b_input_other || p->inputs != params->vk.ic_count ||
        p->aux != params->l_count || a_count != params->a_count || b_count != params->b_count ||
        p->constraints * 2 <= p->size)
        return sy_fail(err, SY_E_CORRUPT,
                       "the parameters are of another circuit: inputs %u/%u, aux %u/%u, a %llu/%u, "
                       "b %llu/%u (circuit/file)",
                       p->inputs, params->vk.ic_count, p->aux, params->l_count,
                       (unsigned long long)a_count, params->a_count, (unsigned long long)b_count,
                       params->b_count);
    return 0;
}

static int synthesise(struct prover *p, sy_circuit_fn *circuit, const void *witness,
                      struct sy_error *err)
{
    struct sy_cs cs;
    struct sy_cs_sink sink = {true, on_constraint, p};
    p->size = (size_t)p->params->h_count + 1;
    size_t bitmap = (size_t)p->params->l_count / 8 + 1;
    p->a = calloc(p->size, sizeof *p->a);
    p->b = calloc(p->size, sizeof *p->b);
    p->c = malloc(p->size * sizeof *p->c);
    p->a_dense = calloc(bitmap, 1);
    p->b_dense = calloc(bitmap, 1);
    if (!p->a || !p->b || !p->c || !p->a_dense || !p->b_dense)
        return sy_fail(err, SY_E_NOMEM, "no memory for a domain of %zu elements", p->size);
    sy_cs_begin(&cs, &sink, &p->values, p->params->l_count);
    circuit(&cs, witness);
    sy_cs_constrain_inputs(&cs);
    p->inputs = cs.inputs;
    p->aux = cs.aux;
    int rc = sy_cs_end(&cs, err);
    return rc == 0 ? check_fit(p, err) : rc;
}

/* -------------------------------------------------------------------------------------------- h */

static int multiply_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    struct prover *p = ctx;
    for (size_t i = (size_t)index * STEP; i < SY_MIN((size_t)(index + 1) * STEP, p->size); i++)
        sy_fr_mul(&p->c[i], &p->a[i], &p->b[i]);
    return 0;
}

/* On the coset: a := a * b. */
static int product_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    struct prover *p = ctx;
    for (size_t i = (size_t)index * STEP; i < SY_MIN((size_t)(index + 1) * STEP, p->size); i++)
        sy_fr_mul(&p->a[i], &p->a[i], &p->b[i]);
    return 0;
}

/* a := (a - c) / (7^m - 1). */
static int divide_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    struct prover *p = ctx;
    struct sy_fr value;
    for (size_t i = (size_t)index * STEP; i < SY_MIN((size_t)(index + 1) * STEP, p->size); i++) {
        sy_fr_sub(&value, &p->a[i], &p->c[i]);
        sy_fr_mul(&p->a[i], &value, &p->scale);
    }
    return 0;
}

/* h = (icoset(coset(A) coset(B)) - iFFT(a b)) / (7^m - 1): six transforms. */
static int compute_h(struct prover *p, struct sy_error *err)
{
    struct sy_fft *fft = NULL;
    unsigned log2_size = (unsigned)__builtin_ctzll(p->size);
    size_t steps = (p->size + STEP - 1) / STEP;
    int rc = sy_fft_create(&fft, log2_size, p->threads, err);
    if (rc == 0)
        rc = sy_parallel_for(p->threads, 0, steps, multiply_step, p, err);
    if (rc == 0)
        rc = sy_fft_inverse(fft, p->c, err);
    if (rc == 0)
        rc = sy_fft_to_coset(fft, p->a, err);
    if (rc == 0)
        rc = sy_fft_to_coset(fft, p->b, err);
    if (rc == 0)
        rc = sy_parallel_for(p->threads, 0, steps, product_step, p, err);
    if (rc == 0)
        rc = sy_fft_coset_inverse(fft, p->a, err);
    if (rc == 0) {
        sy_fft_coset_vanishing_inverse(fft, &p->scale);
        rc = sy_parallel_for(p->threads, 0, steps, divide_step, p, err);
    }
    sy_fft_destroy(fft);
    return rc;
}

/* ----------------------------------------------------------------------------------------- sums */

struct sums {
    struct sy_g1 h, l, a, b_g1;
    struct sy_g2 b_g2;
};

/* Scalars of a query: `inputs` first ones, then the aux values with their density bit set. */
static struct sy_fr *gather(const struct prover *p, uint32_t inputs, const uint8_t *dense,
                            uint32_t count)
{
    struct sy_fr *scalars = malloc((size_t)count * sizeof *scalars);
    if (!scalars)
        return NULL;
    memcpy(scalars, p->values.inputs, inputs * sizeof *scalars);
    uint32_t used = inputs;
    for (uint32_t i = 0; i < p->aux; i++)
        if (dense[i / 8] >> i % 8 & 1)
            scalars[used++] = p->values.aux[i];
    SY_ASSERT(used == count);
    return scalars;
}

static int sum_g1(const struct prover *p, struct sy_g1 *ret, const uint8_t *encoded,
                  const struct sy_fr *scalars, size_t count, uint64_t *ret_ms, struct sy_error *err)
{
    uint64_t start = now_ms();
    struct sy_msm_g1_input input = {.encoded = encoded, .scalars = scalars, .count = count};
    int rc = sy_msm_g1(ret, &input, p->threads, err);
    *ret_ms = now_ms() - start;
    return rc;
}

static int sum_all(struct prover *p, struct sums *sums, struct sy_groth16_times *times,
                   struct sy_error *err)
{
    const struct sy_groth16_params *params = p->params;
    int rc = sum_g1(p, &sums->h, params->h, p->a, params->h_count, &times->h_ms, err);
    report(p, "sum l", 3);
    if (rc == 0)
        rc = sum_g1(p, &sums->l, params->l, p->values.aux, params->l_count, &times->l_ms, err);
    report(p, "sum a", 4);
    struct sy_fr *a = gather(p, p->inputs, p->a_dense, params->a_count);
    struct sy_fr *b = gather(p, 1, p->b_dense, params->b_count);
    if (rc == 0 && (!a || !b))
        rc = sy_fail(err, SY_E_NOMEM, "no memory for the scalars of a query");
    if (rc == 0)
        rc = sum_g1(p, &sums->a, params->a, a, params->a_count, &times->a_ms, err);
    report(p, "sum b in G1", 5);
    if (rc == 0)
        rc = sum_g1(p, &sums->b_g1, params->b_g1, b, params->b_count, &times->b_g1_ms, err);
    report(p, "sum b in G2", 6);
    if (rc == 0) {
        uint64_t start = now_ms();
        struct sy_msm_g2_input input = {
            .encoded = params->b_g2, .scalars = b, .count = params->b_count};
        rc = sy_msm_g2(&sums->b_g2, &input, p->threads, err);
        times->b_g2_ms = now_ms() - start;
    }
    free(a);
    free(b);
    return rc;
}

/* ------------------------------------------------------------------------------------- assembly */

static void add_multiple(struct sy_g1 *sum, const struct sy_g1_affine *point,
                         const struct sy_fr *scalar)
{
    struct sy_g1 part;
    sy_g1_from_affine(&part, point);
    sy_g1_mul_fr(&part, &part, scalar);
    sy_g1_add(sum, sum, &part);
}

/* A = alpha + a + r delta;  B = beta + b + s delta;  C = s A + r (beta + b1 + s delta) - r s delta
 * + h + l. */
static void assemble(const struct sy_groth16_vk *vk, const struct sums *sums, const struct sy_fr *r,
                     const struct sy_fr *s, uint8_t ret_proof[SY_PROOF_BYTES])
{
    struct sy_g1 a = sums->a, b1 = sums->b_g1, c, part;
    struct sy_g2 b = sums->b_g2, delta;
    struct sy_g1_affine affine1;
    struct sy_g2_affine affine2;
    struct sy_fr minus_rs;
    sy_g1_add_affine(&a, &a, &vk->alpha_g1);
    add_multiple(&a, &vk->delta_g1, r);
    sy_g2_add_affine(&b, &b, &vk->beta_g2);
    sy_g2_from_affine(&delta, &vk->delta_g2);
    sy_g2_mul_fr(&delta, &delta, s);
    sy_g2_add(&b, &b, &delta);
    sy_g1_add_affine(&b1, &b1, &vk->beta_g1);
    add_multiple(&b1, &vk->delta_g1, s);
    sy_g1_mul_fr(&c, &a, s);
    sy_g1_mul_fr(&part, &b1, r);
    sy_g1_add(&c, &c, &part);
    sy_fr_mul(&minus_rs, r, s);
    sy_fr_neg(&minus_rs, &minus_rs);
    add_multiple(&c, &vk->delta_g1, &minus_rs);
    sy_g1_add(&c, &c, &sums->h);
    sy_g1_add(&c, &c, &sums->l);
    sy_g1_to_affine(&affine1, &a);
    sy_g1_compress(ret_proof, &affine1);
    sy_g2_to_affine(&affine2, &b);
    sy_g2_compress(ret_proof + SY_G1_COMPRESSED_BYTES, &affine2);
    sy_g1_to_affine(&affine1, &c);
    sy_g1_compress(ret_proof + SY_G1_COMPRESSED_BYTES + SY_G2_COMPRESSED_BYTES, &affine1);
}

static void draw_fr(struct sy_fr *ret)
{
    uint8_t bytes[SY_FR_BYTES];
    do {
        randombytes_buf(bytes, sizeof bytes);
        bytes[31] &= 0x7f;
    } while (sy_fr_from_bytes(ret, bytes, NULL) != 0);
    sodium_memzero(bytes, sizeof bytes);
}

static void fini_prover(struct prover *p)
{
    sy_cs_values_fini(&p->values);
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->a_dense);
    free(p->b_dense);
}

static int run_phases(struct prover *p, sy_circuit_fn *circuit, const void *witness,
                      struct sums *sums, struct sy_groth16_times *times, struct sy_error *err)
{
    uint64_t start = now_ms();
    report(p, "witness", 0);
    int rc = synthesise(p, circuit, witness, err);
    times->witness_ms = now_ms() - start;
    if (rc != 0)
        return rc;
    start = now_ms();
    report(p, "transforms", 1);
    rc = compute_h(p, err);
    times->fft_ms = now_ms() - start;
    report(p, "sum h", 2);
    return rc == 0 ? sum_all(p, sums, times, err) : rc;
}

int sy_groth16_prove(const struct sy_groth16_params *params, sy_circuit_fn *circuit,
                     const void *witness, const struct sy_fr *r, const struct sy_fr *s,
                     unsigned threads, const struct sy_snark_progress *progress,
                     uint8_t ret_proof[SY_PROOF_BYTES], struct sy_fr *ret_inputs,
                     struct sy_groth16_times *ret_times, struct sy_error *err)
{
    struct prover p = {.params = params, .progress = progress, .threads = threads};
    struct sy_groth16_times times = {0};
    struct sums sums;
    struct sy_fr drawn_r, drawn_s;
    uint8_t proof[SY_PROOF_BYTES];
    uint64_t start = now_ms();
    int rc = run_phases(&p, circuit, witness, &sums, &times, err);
    if (rc == 0) {
        draw_fr(&drawn_r);
        draw_fr(&drawn_s);
        assemble(&params->vk, &sums, r ? r : &drawn_r, s ? s : &drawn_s, proof);
        sodium_memzero(&drawn_r, sizeof drawn_r);
        sodium_memzero(&drawn_s, sizeof drawn_s);
        report(&p, "verify", 7);
        rc = sy_groth16_verify(&params->vk, proof, p.values.inputs + 1, p.inputs - 1, err);
        if (rc != 0)
            sy_error_wrap(err, "the finished proof: wrong witness or damaged parameters");
    }
    if (rc == 0) {
        memcpy(ret_proof, proof, sizeof proof);
        if (ret_inputs)
            memcpy(ret_inputs, p.values.inputs + 1, (p.inputs - 1) * sizeof *ret_inputs);
    }
    times.total_ms = now_ms() - start;
    if (ret_times)
        *ret_times = times;
    report(&p, "done", 8);
    fini_prover(&p);
    return rc;
}

uint64_t sy_groth16_memory_bytes(const struct sy_groth16_params *params, unsigned threads)
{
    uint64_t size = (uint64_t)params->h_count + 1;
    uint64_t domain = 3 * size * sizeof(struct sy_fr) + size / 2 * sizeof(struct sy_fr);
    uint64_t values = (uint64_t)params->l_count * sizeof(struct sy_fr);
    uint64_t queries = ((uint64_t)params->a_count + params->b_count) * sizeof(struct sy_fr);
    uint64_t sums = (uint64_t)sy_parallel_threads(threads) * (200u << 20);
    return values + SY_MAX(domain, 3 * size * sizeof(struct sy_fr) + queries + sums);
}
