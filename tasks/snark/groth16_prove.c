/* The prover: facts groth16.md 3.
 *
 * Phases: synthesis with evaluation of A and B per constraint (C is their product for a satisfied
 * witness), six transforms for h, five sums of points, assembly, verification. Each phase is done
 * for all circuits before the next one: synthesis side by side, the others one circuit after
 * another on all threads. The dropped coefficient of h cannot serve as a check when C is the
 * product; the finished proof is verified instead.
 */
#include "tasks/snark/groth16.h"

#include "tasks/snark/fft.h"
#include "tasks/snark/msm.h"
#include "tasks/tree/parallel.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define STEP ((size_t)1 << 14)
#define HUGE_PAGE ((size_t)1 << 21)

struct sums {
    struct sy_g1 h, l, a, b_g1;
    struct sy_g2 b_g2;
};

/* One circuit. */
struct prover {
    const struct sy_groth16_params *params;
    unsigned threads;
    struct sy_cs_values values;
    uint32_t inputs, aux;
    size_t size;
    struct sy_fr *a, *b, *c;    /* per constraint, then polynomials; of h only a is left */
    uint8_t *a_dense, *b_dense; /* bitmaps over aux */
    bool b_input_other, overflow;
    uint64_t constraints;
    struct sy_fr scale; /* of the pointwise step */
    struct sums sums;
    uint8_t proof[SY_PROOF_BYTES];
};

struct batch {
    const struct sy_groth16_params *params;
    sy_circuit_fn *circuit;
    struct sy_groth16_job *jobs;
    struct prover *provers;
    size_t count;
    unsigned threads;
    const struct sy_snark_progress *progress;
    struct sy_groth16_times times;
};

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void report(const struct batch *batch, const char *phase, uint64_t done)
{
    if (batch->progress && batch->progress->on_progress)
        batch->progress->on_progress(batch->progress->ctx, phase, done, 8);
}

/* Which one it was, where there are several. */
static int at_place(const struct batch *batch, size_t place, int rc, struct sy_error *err)
{
    return rc != 0 && batch->count > 1
               ? sy_error_wrap(err, "circuit %zu of %zu", place + 1, batch->count)
               : rc;
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

/* Not cleared. Transforms stride over gigabytes: large pages where the system gives them. */
static struct sy_fr *allocate_domain(size_t size)
{
    size_t bytes = (size * sizeof(struct sy_fr) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = aligned_alloc(HUGE_PAGE, bytes);
    if (memory)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

static int synthesise(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    const struct batch *batch = ctx;
    struct prover *p = &batch->provers[index];
    struct sy_cs cs;
    struct sy_cs_sink sink = {true, on_constraint, p};
    p->size = (size_t)p->params->h_count + 1;
    size_t bitmap = (size_t)p->params->l_count / 8 + 1;
    p->a = allocate_domain(p->size);
    p->b = allocate_domain(p->size);
    p->a_dense = calloc(bitmap, 1);
    p->b_dense = calloc(bitmap, 1);
    if (!p->a || !p->b || !p->a_dense || !p->b_dense) {
        sy_fail(err, SY_E_NOMEM, "no memory for a domain of %zu elements", p->size);
        return at_place(batch, index, -SY_E_NOMEM, err);
    }
    sy_cs_begin(&cs, &sink, &p->values, p->params->l_count);
    batch->circuit(&cs, batch->jobs[index].witness);
    sy_cs_constrain_inputs(&cs);
    p->inputs = cs.inputs;
    p->aux = cs.aux;
    int rc = sy_cs_end(&cs, err);
    if (rc == 0)
        rc = check_fit(p, err);
    return at_place(batch, index, rc, err);
}

/* -------------------------------------------------------------------------------------------- h */

/* c := a * b, all zero behind the last constraint. */
static int multiply_step(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    struct prover *p = ctx;
    const size_t end = SY_MIN((size_t)(index + 1) * STEP, p->size);
    size_t i = (size_t)index * STEP;
    for (; i < SY_MIN(end, (size_t)p->constraints); i++)
        sy_fr_mul(&p->c[i], &p->a[i], &p->b[i]);
    if (i < end) {
        memset(p->a + i, 0, (end - i) * sizeof *p->a);
        memset(p->b + i, 0, (end - i) * sizeof *p->b);
        memset(p->c + i, 0, (end - i) * sizeof *p->c);
    }
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
static int compute_h(struct prover *p, const struct sy_fft *fft, struct sy_error *err)
{
    size_t steps = (p->size + STEP - 1) / STEP;
    p->c = allocate_domain(p->size);
    if (!p->c)
        return sy_fail(err, SY_E_NOMEM, "no memory for a domain of %zu elements", p->size);
    int rc = sy_parallel_for(p->threads, 0, steps, multiply_step, p, err);
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
    free(p->b);
    free(p->c);
    p->b = p->c = NULL;
    return rc;
}

static int compute_all_h(struct batch *batch, struct sy_error *err)
{
    struct sy_fft *fft = NULL;
    unsigned log2_size = (unsigned)__builtin_ctzll((uint64_t)batch->params->h_count + 1);
    int rc = sy_fft_create(&fft, log2_size, batch->threads, err);
    for (size_t i = 0; rc == 0 && i < batch->count; i++)
        rc = at_place(batch, i, compute_h(&batch->provers[i], fft, err), err);
    sy_fft_destroy(fft);
    return rc;
}

/* ----------------------------------------------------------------------------------------- sums */

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
                  const struct sy_fr *scalars, size_t count, struct sy_error *err)
{
    struct sy_msm_g1_input input = {.encoded = encoded, .scalars = scalars, .count = count};
    return sy_msm_g1(ret, &input, p->threads, err);
}

typedef int query_fn(struct prover *p, struct sy_error *err);

static int sum_h(struct prover *p, struct sy_error *err)
{
    return sum_g1(p, &p->sums.h, p->params->h, p->a, p->params->h_count, err);
}

static int sum_l(struct prover *p, struct sy_error *err)
{
    return sum_g1(p, &p->sums.l, p->params->l, p->values.aux, p->params->l_count, err);
}

static int no_scalars(struct sy_error *err)
{
    return sy_fail(err, SY_E_NOMEM, "no memory for the scalars of a query");
}

static int sum_a(struct prover *p, struct sy_error *err)
{
    struct sy_fr *scalars = gather(p, p->inputs, p->a_dense, p->params->a_count);
    if (!scalars)
        return no_scalars(err);
    int rc = sum_g1(p, &p->sums.a, p->params->a, scalars, p->params->a_count, err);
    free(scalars);
    return rc;
}

static int sum_b_g1(struct prover *p, struct sy_error *err)
{
    struct sy_fr *scalars = gather(p, 1, p->b_dense, p->params->b_count);
    if (!scalars)
        return no_scalars(err);
    int rc = sum_g1(p, &p->sums.b_g1, p->params->b_g1, scalars, p->params->b_count, err);
    free(scalars);
    return rc;
}

static int sum_b_g2(struct prover *p, struct sy_error *err)
{
    struct sy_fr *scalars = gather(p, 1, p->b_dense, p->params->b_count);
    struct sy_msm_g2_input input = {
        .encoded = p->params->b_g2, .scalars = scalars, .count = p->params->b_count};
    if (!scalars)
        return no_scalars(err);
    int rc = sy_msm_g2(&p->sums.b_g2, &input, p->threads, err);
    free(scalars);
    return rc;
}

/* Query by query, so that the pages of one are read for all circuits. */
static int sum_all(struct batch *batch, struct sy_error *err)
{
    struct sy_groth16_times *t = &batch->times;
    const struct {
        const char *phase;
        query_fn *sum;
        uint64_t *ms;
    } queries[] = {{"sum h", sum_h, &t->h_ms},
                   {"sum l", sum_l, &t->l_ms},
                   {"sum a", sum_a, &t->a_ms},
                   {"sum b in G1", sum_b_g1, &t->b_g1_ms},
                   {"sum b in G2", sum_b_g2, &t->b_g2_ms}};
    int rc = 0;
    for (size_t q = 0; rc == 0 && q < SY_ARRAY_SIZE(queries); q++) {
        uint64_t start = now_ms();
        report(batch, queries[q].phase, 2 + q);
        for (size_t i = 0; rc == 0 && i < batch->count; i++)
            rc = at_place(batch, i, queries[q].sum(&batch->provers[i], err), err);
        *queries[q].ms = now_ms() - start;
    }
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

/* Assembles and verifies one proof. */
static int finish(struct prover *p, const struct sy_groth16_job *job, struct sy_error *err)
{
    struct sy_fr r, s;
    draw_fr(&r);
    draw_fr(&s);
    assemble(&p->params->vk, &p->sums, job->r ? job->r : &r, job->s ? job->s : &s, p->proof);
    sodium_memzero(&r, sizeof r);
    sodium_memzero(&s, sizeof s);
    int rc = sy_groth16_verify(&p->params->vk, p->proof, p->values.inputs + 1, p->inputs - 1, err);
    return rc ? sy_error_wrap(err, "the finished proof: wrong witness or damaged parameters") : 0;
}

static int run_phases(struct batch *batch, struct sy_error *err)
{
    uint64_t start = now_ms();
    report(batch, "witness", 0);
    int rc = sy_parallel_for(batch->threads, 0, batch->count, synthesise, batch, err);
    batch->times.witness_ms = now_ms() - start;
    if (rc != 0)
        return rc;
    start = now_ms();
    report(batch, "transforms", 1);
    rc = compute_all_h(batch, err);
    batch->times.fft_ms = now_ms() - start;
    if (rc == 0)
        rc = sum_all(batch, err);
    if (rc == 0)
        report(batch, "verify", 7);
    for (size_t i = 0; rc == 0 && i < batch->count; i++)
        rc = at_place(batch, i, finish(&batch->provers[i], &batch->jobs[i], err), err);
    return rc;
}

int sy_groth16_prove_many(const struct sy_groth16_params *params, sy_circuit_fn *circuit,
                          struct sy_groth16_job *jobs, size_t count, unsigned threads,
                          const struct sy_snark_progress *progress,
                          struct sy_groth16_times *ret_times, struct sy_error *err)
{
    struct batch batch = {.params = params,
                          .circuit = circuit,
                          .jobs = jobs,
                          .count = count,
                          .threads = threads,
                          .progress = progress};
    uint64_t start = now_ms();
    batch.provers = calloc(SY_MAX(count, (size_t)1), sizeof *batch.provers);
    if (!batch.provers)
        return sy_fail(err, SY_E_NOMEM, "no memory for %zu circuits", count);
    for (size_t i = 0; i < count; i++)
        batch.provers[i] = (struct prover){.params = params, .threads = threads};
    int rc = run_phases(&batch, err);
    for (size_t i = 0; i < count; i++) {
        const struct prover *p = &batch.provers[i];
        if (rc == 0)
            memcpy(jobs[i].ret_proof, p->proof, sizeof p->proof);
        if (rc == 0 && jobs[i].ret_inputs)
            memcpy(jobs[i].ret_inputs, p->values.inputs + 1,
                   (p->inputs - 1) * sizeof *jobs[i].ret_inputs);
        fini_prover(&batch.provers[i]);
    }
    free(batch.provers);
    batch.times.total_ms = now_ms() - start;
    if (rc == 0 && ret_times)
        *ret_times = batch.times;
    report(&batch, "done", 8);
    return rc;
}

int sy_groth16_prove(const struct sy_groth16_params *params, sy_circuit_fn *circuit,
                     const void *witness, const struct sy_fr *r, const struct sy_fr *s,
                     unsigned threads, const struct sy_snark_progress *progress,
                     uint8_t ret_proof[SY_PROOF_BYTES], struct sy_fr *ret_inputs,
                     struct sy_groth16_times *ret_times, struct sy_error *err)
{
    struct sy_groth16_job job = {.witness = witness, .r = r, .s = s, .ret_inputs = ret_inputs};
    int rc = sy_groth16_prove_many(params, circuit, &job, 1, threads, progress, ret_times, err);
    if (rc == 0)
        memcpy(ret_proof, job.ret_proof, sizeof job.ret_proof);
    return rc;
}

/* The larger one of: all circuits' A and B with C and the twiddles of one; and all circuits' h with
 * the scalars of one query and a sum. Values and bitmaps stay throughout. */
uint64_t sy_groth16_memory_bytes(const struct sy_groth16_params *params, unsigned threads,
                                 size_t count)
{
    const uint64_t domain = ((uint64_t)params->h_count + 1) * sizeof(struct sy_fr);
    const uint64_t values =
        ((uint64_t)params->l_count + params->vk.ic_count) * sizeof(struct sy_fr) +
        2 * ((uint64_t)params->l_count / 8 + 1);
    const uint64_t query =
        (uint64_t)SY_MAX(params->a_count, params->b_count) * sizeof(struct sy_fr);
    const uint64_t transforms = 2 * count * domain + domain + domain / 2;
    const uint64_t sums = count * domain + query + sy_msm_memory_bytes(threads);
    return count * values + SY_MAX(transforms, sums);
}
