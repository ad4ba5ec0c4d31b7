/* bench_snark [--json] [--large]: one core's rates of sums of points and of transforms, each with
 * the limit of the same core measured in the same run.
 *
 * Thread CPU time of whole calls with one thread, the best of RUNS. Limits: a sum in `w` windows is
 * at least one addition of 5 products and a square per point and window; in the wide kernel these
 * are counted in 52-bit multiplications at the rate of a bare loop of them (1528 for eight
 * additions in G1, 3808 in G2), in the scalar kernel in products at the rate of independent ones
 * (6, in G2 17). A butterfly is one product: 105 multiplications for eight. --large adds 2^22
 * points (2 GiB of memory). About 20 seconds without.
 */
#include "tasks/snark/fft.h"
#include "tasks/snark/msm.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 2
#define RESULTS_MAX 48
#define LOOP 100000
#define WINDOW_BITS 16.0 /* what the engine takes for large sums */
#define G1_LOG2 20
#define G1_LARGE_LOG2 22
#define G2_LOG2 17
#define SCALAR_LOG2 16 /* the slow kernel gets no more than this */
#define FFT_LOG2 20

struct result {
    char name[40];
    const char *kernel;
    double ns, limit_ns; /* per point, per butterfly */
    const char *limit;
};

static struct result results[RESULTS_MAX];
static size_t result_count;
static double ifma_ns, product_ns, fr_ns;
static struct sy_g1_affine *g1_points;
static struct sy_g2_affine *g2_points;
static struct sy_fr *full, *bits;

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void note(const char *name, unsigned log2_size, const char *kernel, double ns,
                 double limit_ns, const char *limit)
{
    if (result_count == RESULTS_MAX)
        return;
    struct result *r = &results[result_count++];
    snprintf(r->name, sizeof r->name, "%s 2^%u", name, log2_size);
    r->kernel = kernel;
    r->ns = ns;
    r->limit_ns = limit_ns;
    r->limit = limit;
}

/* --------------------------------------------------------------------------------------- limits */

/* 52-bit multiplications of eight lanes in twelve independent chains. */
__attribute__((target("avx512f,avx512ifma"))) static double time_ifma(void)
{
    __m512i t[12];
    const __m512i x = _mm512_set1_epi64(12345);
    for (int j = 0; j < 12; j++)
        t[j] = _mm512_set1_epi64(j);
    double start = cpu_s();
    for (int i = 0; i < 10 * LOOP; i++)
#pragma GCC unroll 12
        for (int j = 0; j < 12; j++)
            t[j] = _mm512_madd52lo_epu64(t[j], x, x);
    for (int j = 0; j < 12; j++)
        __asm__ volatile("" ::"v"(t[j]));
    return (cpu_s() - start) / (120.0 * LOOP) * 1e9;
}

static double time_products(void)
{
    struct sy_fp a[16];
    for (int i = 0; i < 16; i++)
        a[i] = sy_g1_generator.x;
    double start = cpu_s();
    for (int i = 0; i < 5 * LOOP; i++)
        sy_fp_mul(&a[i & 15], &a[i & 15], &sy_g1_generator.y);
    return (cpu_s() - start) / (5.0 * LOOP) * 1e9;
}

static double time_fr(void)
{
    struct sy_fr a[16];
    for (int i = 0; i < 16; i++)
        sy_fr_from_u64(&a[i], (uint64_t)i + 3);
    double start = cpu_s();
    for (int i = 0; i < 5 * LOOP; i++)
        sy_fr_mul(&a[i & 15], &a[i & 15], &a[7]);
    return (cpu_s() - start) / (5.0 * LOOP) * 1e9;
}

/* ------------------------------------------------------------------------------------- subjects */

static uint64_t next_word(void)
{
    static uint64_t state = 0x2545f4914f6cdd1dULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Multiples of the generator; full scalars and bits. */
static bool make_inputs(size_t g1_count, size_t g2_count)
{
    struct sy_g1 *p1 = malloc(g1_count * sizeof *p1);
    struct sy_g2 *p2 = malloc(g2_count * sizeof *p2);
    struct sy_fp2 *scratch = malloc(g1_count * sizeof *scratch);
    g1_points = malloc(g1_count * sizeof *g1_points);
    g2_points = malloc(g2_count * sizeof *g2_points);
    full = malloc(g1_count * sizeof *full);
    bits = malloc(g1_count * sizeof *bits);
    bool ok = p1 && p2 && scratch && g1_points && g2_points && full && bits;
    if (ok) {
        sy_g1_from_affine(&p1[0], &sy_g1_generator);
        sy_g1_double(&p1[0], &p1[0]);
        for (size_t i = 1; i < g1_count; i++)
            sy_g1_add_affine(&p1[i], &p1[i - 1], &sy_g1_generator);
        sy_g1_to_affine_many(g1_points, p1, g1_count, (struct sy_fp *)scratch);
        sy_g2_from_affine(&p2[0], &sy_g2_generator);
        sy_g2_double(&p2[0], &p2[0]);
        for (size_t i = 1; i < g2_count; i++)
            sy_g2_add_affine(&p2[i], &p2[i - 1], &sy_g2_generator);
        sy_g2_to_affine_many(g2_points, p2, g2_count, scratch);
    }
    for (size_t i = 0; ok && i < g1_count; i++) {
        uint64_t limbs[SY_FR_LIMBS];
        for (int j = 0; j < SY_FR_LIMBS; j++)
            limbs[j] = next_word();
        limbs[3] %= 0x73eda753299d7d48ULL;
        sy_fr_from_limbs(&full[i], limbs);
        bits[i] = next_word() >> 63 ? sy_fr_one : sy_fr_zero;
    }
    free(p1);
    free(p2);
    free(scratch);
    return ok;
}

static double time_g1(const struct sy_fr *scalars, unsigned log2_size)
{
    struct sy_msm_g1_input in = {
        .points = g1_points, .scalars = scalars, .count = (size_t)1 << log2_size};
    struct sy_g1 sum;
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        double start = cpu_s();
        if (sy_msm_g1(&sum, &in, 1, NULL) != 0)
            exit(71);
        double spent = cpu_s() - start;
        best = run == 0 || spent < best ? spent : best;
    }
    return best / (double)in.count * 1e9;
}

static double time_g2(const struct sy_fr *scalars, unsigned log2_size)
{
    struct sy_msm_g2_input in = {
        .points = g2_points, .scalars = scalars, .count = (size_t)1 << log2_size};
    struct sy_g2 sum;
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        double start = cpu_s();
        if (sy_msm_g2(&sum, &in, 1, NULL) != 0)
            exit(71);
        double spent = cpu_s() - start;
        best = run == 0 || spent < best ? spent : best;
    }
    return best / (double)in.count * 1e9;
}

static void bench_sums(const char *kernel, unsigned g1_log2, unsigned g2_log2)
{
    if (sy_msm_force(kernel, NULL) != 0)
        return;
    const bool wide = strcmp(kernel, "ifma") == 0;
    const char *limit = wide ? "52-bit multiplications counted" : "products counted";
    const double add_1 = wide ? 1528 * ifma_ns / 8 : 6 * product_ns;
    const double add_2 = wide ? 3808 * ifma_ns / 8 : 17 * product_ns;
    for (unsigned n = 16; n <= g1_log2; n += 2)
        note("G1 sum", n, kernel, time_g1(full, n), WINDOW_BITS * add_1, limit);
    note("G1 sum of bits", g1_log2, kernel, time_g1(bits, g1_log2), add_1 / 2, limit);
    for (unsigned n = 16; n <= g2_log2; n++)
        note("G2 sum", n, kernel, time_g2(full, n), WINDOW_BITS * add_2, limit);
    if (g2_log2 > 0)
        note("G2 sum of bits", g2_log2, kernel, time_g2(bits, g2_log2), add_2 / 2, limit);
    sy_msm_force(NULL, NULL);
}

typedef int transform(const struct sy_fft *, struct sy_fr *, struct sy_error *);

/* Time per butterfly; `transforms` of them in one call. */
static double time_transform(transform *fn, unsigned log2_size, double transforms)
{
    struct sy_fft *fft;
    double best = 0;
    if (sy_fft_create(&fft, log2_size, 1, NULL) != 0)
        exit(71);
    for (int run = 0; run < RUNS; run++) {
        double start = cpu_s();
        if (fn(fft, full, NULL) != 0)
            exit(71);
        double spent = cpu_s() - start;
        best = run == 0 || spent < best ? spent : best;
    }
    double butterflies = transforms * log2_size * (double)(sy_fft_size(fft) / 2);
    sy_fft_destroy(fft);
    return best / butterflies * 1e9;
}

/* Butterflies spoil the scalars: last. */
static void bench_transforms(const char *kernel, unsigned log2_size)
{
    if (sy_fft_force(kernel, NULL) != 0)
        return;
    const bool wide = strcmp(kernel, "ifma") == 0;
    const double product = wide ? 105 * ifma_ns / 8 : fr_ns;
    const char *limit = "one product";
    note("transform", log2_size, kernel, time_transform(sy_fft_forward, log2_size, 1), product,
         limit);
    note("inverse", log2_size, kernel, time_transform(sy_fft_inverse, log2_size, 1), product,
         limit);
    note("domain to coset", log2_size, kernel, time_transform(sy_fft_to_coset, log2_size, 2),
         product, limit);
    sy_fft_force(NULL, NULL);
}

/* --------------------------------------------------------------------------------------- output */

static void print_table(void)
{
    printf("one core, thread CPU time, best of %d; 52-bit multiplication %.3f ns, fp product %.1f "
           "ns, fr product %.1f ns\n",
           RUNS, ifma_ns, product_ns, fr_ns);
    printf("%-22s %-7s %14s %10s %13s  %s\n", "operation", "kernel", "per second", "ns",
           "of the limit", "limit");
    for (size_t i = 0; i < result_count; i++) {
        const struct result *r = &results[i];
        printf("%-22s %-7s %14.0f %10.2f %12.0f%%  %s\n", r->name, r->kernel, 1e9 / r->ns, r->ns,
               100 * r->limit_ns / r->ns, r->limit);
    }
}

static void print_json(void)
{
    printf("{\"ifma_ns\":%.4f,\"fp_product_ns\":%.3f,\"fr_product_ns\":%.3f,\"results\":[", ifma_ns,
           product_ns, fr_ns);
    for (size_t i = 0; i < result_count; i++) {
        const struct result *r = &results[i];
        printf("%s\n{\"operation\":\"%s\",\"kernel\":\"%s\",\"per_second\":%.0f,\"ns\":%.3f,"
               "\"limit_ns\":%.3f,\"of_limit\":%.3f,\"limit\":\"%s\"}",
               i == 0 ? "" : ",", r->name, r->kernel, 1e9 / r->ns, r->ns, r->limit_ns,
               r->limit_ns / r->ns, r->limit);
    }
    printf("\n]}\n");
}

int main(int argc, char **argv)
{
    bool json = false, large = false;
    for (int i = 1; i < argc; i++) {
        json |= strcmp(argv[i], "--json") == 0;
        large |= strcmp(argv[i], "--large") == 0;
        if (strcmp(argv[i], "--json") != 0 && strcmp(argv[i], "--large") != 0) {
            fprintf(stderr, "usage: bench_snark [--json] [--large]\n");
            return 64;
        }
    }
    unsigned g1_log2 = large ? G1_LARGE_LOG2 : G1_LOG2;
    if (!make_inputs((size_t)1 << g1_log2, (size_t)1 << G2_LOG2)) {
        fprintf(stderr, "bench_snark: no memory for 2^%u points\n", g1_log2);
        return 71;
    }
    if (sy_msm_force("ifma", NULL) == 0)
        ifma_ns = time_ifma();
    product_ns = time_products();
    fr_ns = time_fr();
    bench_sums("ifma", g1_log2, G2_LOG2);
    bench_sums("scalar", SCALAR_LOG2, 0) /* G2 would take a minute */;
    bench_transforms("ifma", large ? G1_LARGE_LOG2 : FFT_LOG2);
    bench_transforms("scalar", FFT_LOG2);
    if (json)
        print_json();
    else
        print_table();
    free(g1_points);
    free(g2_points);
    free(full);
    free(bits);
    return 0;
}
