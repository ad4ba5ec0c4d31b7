/* bench_snark [--json] [--full] [--part sums|transforms|proofs|peer] [--parameters DIR] [--peer
 * FILE]
 *
 * One core's rates of sums of points and of transforms, each with the limit of the same core
 * measured in the same run; parameters, verification and C2 of 2 KiB; with --peer the shared
 * library of blst on the same points. Rates are thread CPU time of whole calls with one thread, the
 * best of two calls (one from 2^22 on).
 *
 * Limits. A sum takes at least one addition per point and window, and no fewer than 16 windows: 254
 * bits in windows of at most 16. A batched affine addition is five products and one square. In the
 * wide kernel they are counted in products at the rate that its field code reaches alone: in 52-bit
 * multiplications a product takes 264, a square 208, so in G1 an addition is 5 + 208/264 = 5.8
 * products; in G2 a product takes 656 (Karatsuba before the reductions), a square 528, so that an
 * addition is 14.4. In the scalar kernel G1 takes 6 products, G2 5 * 3 + 2 = 17. Sums of bits take
 * half an addition a point; sums of a witness (45 of 100 zero, 45 one, 10 full) 0.45 + 0.1 * 16
 * additions. A butterfly is one product of Fr. About three minutes; --full makes PoRep parameters
 * too.
 */
#include "tasks/snark/fft.h"
#include "tests/bench/bench_snark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RATES_MAX 64
#define NUMBERS_MAX 48
#define LOOP 100000
#define WINDOWS 16.0
#define LOG2_MIN 16
#define LOG2_MAX 22
#define ONE_RUN_LOG2 22
#define SCALAR_LOG2 16 /* the slow kernel gets no more than this */
#define STEP 4096      /* points that are made with one inversion */

struct rate {
    char name[40];
    const char *kernel;
    double ns, limit_ns; /* per point, per butterfly */
    const char *limit;
};

struct number {
    char name[48];
    double value, ratio;
    const char *unit, *against;
};

static struct rate rates[RATES_MAX];
static struct number numbers[NUMBERS_MAX];
static size_t rate_count, number_count;
static double word_ns, wide_fp_ns, wide_fr_ns, fp_ns, fr_ns;
static bool wide;

static double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_cpu_s(void)
{
    return clock_s(CLOCK_THREAD_CPUTIME_ID);
}

double bench_wall_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

static void name_rate(char *text, size_t bytes, const char *name, unsigned log2_size)
{
    snprintf(text, bytes, "%s 2^%u", name, log2_size);
}

void bench_rate(const char *name, unsigned log2_size, const char *kernel, double ns,
                double limit_ns, const char *limit)
{
    if (rate_count == RATES_MAX)
        return;
    struct rate *r = &rates[rate_count++];
    name_rate(r->name, sizeof r->name, name, log2_size);
    r->kernel = kernel;
    r->ns = ns;
    r->limit_ns = limit_ns;
    r->limit = limit;
}

double bench_rate_of(const char *name, unsigned log2_size, const char *kernel)
{
    char text[40];
    name_rate(text, sizeof text, name, log2_size);
    for (size_t i = 0; i < rate_count; i++)
        if (strcmp(rates[i].name, text) == 0 && strcmp(rates[i].kernel, kernel) == 0)
            return rates[i].ns;
    return 0;
}

void bench_number(const char *name, double value, const char *unit, double ratio,
                  const char *against)
{
    if (number_count == NUMBERS_MAX)
        return;
    struct number *n = &numbers[number_count++];
    snprintf(n->name, sizeof n->name, "%s", name);
    n->value = value;
    n->unit = unit;
    n->ratio = ratio;
    n->against = against ? against : "";
}

void bench_skip(const char *what, const char *why)
{
    fprintf(stderr, "%s: skipped: %s\n", what, why);
}

/* --------------------------------------------------------------------------------------- limits */

static double time_fp(void)
{
    struct sy_fp a[16];
    for (int i = 0; i < 16; i++)
        a[i] = sy_g1_generator.x;
    double start = bench_cpu_s();
    for (int i = 0; i < 5 * LOOP; i++)
        sy_fp_mul(&a[i & 15], &a[i & 15], &sy_g1_generator.y);
    return (bench_cpu_s() - start) / (5.0 * LOOP) * 1e9;
}

static double time_fr(void)
{
    struct sy_fr a[16];
    for (int i = 0; i < 16; i++)
        sy_fr_from_u64(&a[i], (uint64_t)i + 3);
    double start = bench_cpu_s();
    for (int i = 0; i < 5 * LOOP; i++)
        sy_fr_mul(&a[i & 15], &a[i & 15], &a[7]);
    return (bench_cpu_s() - start) / (5.0 * LOOP) * 1e9;
}

static void measure_limits(void)
{
    wide = sy_msm_force("ifma", NULL) == 0;
    sy_msm_force(NULL, NULL);
    if (wide) {
        word_ns = bench_wide_word_ns();
        wide_fp_ns = bench_wide_fp_ns();
        wide_fr_ns = bench_wide_fr_ns();
    }
    fp_ns = time_fp();
    fr_ns = time_fr();
}

/* --------------------------------------------------------------------------------------- inputs */

static uint64_t next_word(void)
{
    static uint64_t state = 0x2545f4914f6cdd1dULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Multiples of the generators. */
static bool make_points(struct bench_inputs *in, size_t count)
{
    struct sy_g1 *p1 = malloc(STEP * sizeof *p1), at1;
    struct sy_g2 *p2 = malloc(STEP * sizeof *p2), at2;
    struct sy_fp2 *scratch = malloc(STEP * sizeof *scratch);
    bool ok = p1 && p2 && scratch;
    sy_g1_from_affine(&at1, &sy_g1_generator);
    sy_g1_double(&at1, &at1);
    sy_g2_from_affine(&at2, &sy_g2_generator);
    sy_g2_double(&at2, &at2);
    for (size_t done = 0; ok && done < count; done += STEP) {
        for (size_t i = 0; i < STEP; i++) {
            p1[i] = at1;
            p2[i] = at2;
            sy_g1_add_affine(&at1, &at1, &sy_g1_generator);
            sy_g2_add_affine(&at2, &at2, &sy_g2_generator);
        }
        sy_g1_to_affine_many(in->g1 + done, p1, STEP, (struct sy_fp *)scratch);
        sy_g2_to_affine_many(in->g2 + done, p2, STEP, scratch);
    }
    free(p1);
    free(p2);
    free(scratch);
    return ok;
}

static void make_scalars(struct bench_inputs *in, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t limbs[SY_FR_LIMBS], choice = (next_word() >> 32) % 100;
        for (int j = 0; j < SY_FR_LIMBS; j++)
            limbs[j] = next_word();
        limbs[3] %= 0x73eda753299d7d48ULL;
        sy_fr_from_limbs(&in->full[i], limbs);
        in->bits[i] = next_word() >> 63 ? sy_fr_one : sy_fr_zero;
        in->witness[i] = choice < 10 ? in->full[i] : choice < 55 ? sy_fr_one : sy_fr_zero;
    }
}

static bool make_inputs(struct bench_inputs *in, size_t count)
{
    in->g1 = malloc(count * sizeof *in->g1);
    in->g2 = malloc(count * sizeof *in->g2);
    in->full = malloc(count * sizeof *in->full);
    in->bits = malloc(count * sizeof *in->bits);
    in->witness = malloc(count * sizeof *in->witness);
    if (!in->g1 || !in->g2 || !in->full || !in->bits || !in->witness)
        return false;
    make_scalars(in, count);
    return make_points(in, count);
}

static void free_inputs(struct bench_inputs *in)
{
    free(in->g1);
    free(in->g2);
    free(in->full);
    free(in->bits);
    free(in->witness);
}

/* ----------------------------------------------------------------------------------------- sums */

double bench_time_g1(const struct bench_inputs *in, const struct sy_fr *scalars, unsigned log2_size,
                     int runs, uint8_t ret_sum[SY_G1_COMPRESSED_BYTES])
{
    struct sy_msm_g1_input input = {
        .points = in->g1, .scalars = scalars, .count = (size_t)1 << log2_size};
    struct sy_g1 sum;
    struct sy_g1_affine affine;
    double best = 0;
    for (int run = 0; run < runs; run++) {
        double start = bench_cpu_s();
        if (sy_msm_g1(&sum, &input, 1, NULL) != 0)
            exit(71);
        double spent = bench_cpu_s() - start;
        best = run == 0 || spent < best ? spent : best;
    }
    sy_g1_to_affine(&affine, &sum);
    sy_g1_compress(ret_sum, &affine);
    return best / (double)input.count * 1e9;
}

double bench_time_g2(const struct bench_inputs *in, const struct sy_fr *scalars, unsigned log2_size,
                     int runs, uint8_t ret_sum[SY_G2_COMPRESSED_BYTES])
{
    struct sy_msm_g2_input input = {
        .points = in->g2, .scalars = scalars, .count = (size_t)1 << log2_size};
    struct sy_g2 sum;
    struct sy_g2_affine affine;
    double best = 0;
    for (int run = 0; run < runs; run++) {
        double start = bench_cpu_s();
        if (sy_msm_g2(&sum, &input, 1, NULL) != 0)
            exit(71);
        double spent = bench_cpu_s() - start;
        best = run == 0 || spent < best ? spent : best;
    }
    sy_g2_to_affine(&affine, &sum);
    sy_g2_compress(ret_sum, &affine);
    return best / (double)input.count * 1e9;
}

/* Times per point of the additions that the head of this file counts. */
static void bench_group(const struct bench_inputs *in, const char *kernel, bool second,
                        unsigned log2_max, double addition_ns)
{
    static const struct {
        const char *names[2];
        double additions;
        unsigned log2_min; /* the rarer cases only where they are large */
    } cases[] = {{{"G1 sum", "G2 sum"}, WINDOWS, LOG2_MIN},
                 {{"G1 sum of bits", "G2 sum of bits"}, 0.5, 20},
                 {{"G1 sum of a witness", "G2 sum of a witness"}, 0.45 + 0.1 * WINDOWS, 20}};
    const struct sy_fr *const scalars[] = {in->full, in->bits, in->witness};
    uint8_t sum[SY_G2_COMPRESSED_BYTES];
    for (size_t c = 0; c < SY_ARRAY_SIZE(cases); c++)
        for (unsigned n = SY_MIN(cases[c].log2_min, log2_max); n <= log2_max; n += 2) {
            int runs = n >= ONE_RUN_LOG2 ? 1 : 2;
            double ns = second ? bench_time_g2(in, scalars[c], n, runs, sum)
                               : bench_time_g1(in, scalars[c], n, runs, sum);
            bench_rate(cases[c].names[second], n, kernel, ns, cases[c].additions * addition_ns,
                       "additions counted in field products");
        }
}

static void bench_sums(const struct bench_inputs *in)
{
    if (wide) {
        sy_msm_force("ifma", NULL);
        bench_group(in, "ifma", false, LOG2_MAX, (5 + 208.0 / 264) * wide_fp_ns);
        bench_group(in, "ifma", true, LOG2_MAX, (5 * 656 + 528) / 264.0 * wide_fp_ns);
    }
    sy_msm_force("scalar", NULL);
    unsigned log2_max = wide ? SCALAR_LOG2 : LOG2_MAX;
    bench_group(in, "scalar", false, log2_max, 6 * fp_ns);
    bench_group(in, "scalar", true, log2_max, 17 * fp_ns);
    sy_msm_force(NULL, NULL);
}

/* ----------------------------------------------------------------------------------- transforms */

typedef int transform(const struct sy_fft *, struct sy_fr *, struct sy_error *);

/* Time per butterfly; `transforms` of them in one call. */
static double time_transform(transform *fn, struct sy_fr *data, unsigned log2_size,
                             double transforms)
{
    struct sy_fft *fft;
    double best = 0;
    if (sy_fft_create(&fft, log2_size, 1, NULL) != 0)
        exit(71);
    for (int run = 0; run < 2; run++) {
        double start = bench_cpu_s();
        if (fn(fft, data, NULL) != 0)
            exit(71);
        double spent = bench_cpu_s() - start;
        best = run == 0 || spent < best ? spent : best;
    }
    double butterflies = transforms * log2_size * (double)(sy_fft_size(fft) / 2);
    sy_fft_destroy(fft);
    return best / butterflies * 1e9;
}

static void bench_transforms_of(const char *kernel, struct sy_fr *data, unsigned log2_max,
                                double product_ns)
{
    const char *limit = "one field product";
    if (sy_fft_force(kernel, NULL) != 0)
        return;
    for (unsigned n = LOG2_MIN; n <= log2_max; n += 2) {
        bench_rate("transform", n, kernel, time_transform(sy_fft_forward, data, n, 1), product_ns,
                   limit);
        bench_rate("inverse", n, kernel, time_transform(sy_fft_inverse, data, n, 1), product_ns,
                   limit);
        bench_rate("domain to coset", n, kernel, time_transform(sy_fft_to_coset, data, n, 2),
                   product_ns, limit);
    }
    sy_fft_force(NULL, NULL);
}

/* They spoil the scalars: last. */
static void bench_transforms(const struct bench_inputs *in)
{
    if (wide)
        bench_transforms_of("ifma", in->full, LOG2_MAX, wide_fr_ns);
    bench_transforms_of("scalar", in->full, wide ? SCALAR_LOG2 : LOG2_MAX, fr_ns);
}

/* --------------------------------------------------------------------------------------- output */

static void print_table(void)
{
    printf("one core: 52-bit multiplication %.3f ns, products: wide fp %.2f ns (%.0f%% of its 264 "
           "multiplications), wide fr %.2f ns (%.0f%% of 105), fp %.1f ns, fr %.1f ns\n",
           word_ns, wide_fp_ns, wide ? 100 * 264 * word_ns / 8 / wide_fp_ns : 0, wide_fr_ns,
           wide ? 100 * 105 * word_ns / 8 / wide_fr_ns : 0, fp_ns, fr_ns);
    if (rate_count > 0)
        printf("%-26s %-7s %14s %10s %13s  %s\n", "rate of one core", "kernel", "per second", "ns",
               "of the limit", "limit");
    for (size_t i = 0; i < rate_count; i++) {
        const struct rate *r = &rates[i];
        printf("%-26s %-7s %14.0f %10.2f %12.0f%%  %s\n", r->name, r->kernel, 1e9 / r->ns, r->ns,
               100 * r->limit_ns / r->ns, r->limit);
    }
    for (size_t i = 0; i < number_count; i++) {
        const struct number *n = &numbers[i];
        printf("%-38s %12.3f %-16s", n->name, n->value, n->unit);
        if (n->ratio > 0)
            printf(" %6.2f  %s", n->ratio, n->against);
        putchar('\n');
    }
}

static void print_json(void)
{
    printf("{\"word_ns\":%.4f,\"wide_fp_ns\":%.3f,\"wide_fr_ns\":%.3f,\"fp_ns\":%.3f,"
           "\"fr_ns\":%.3f,\"rates\":[",
           word_ns, wide_fp_ns, wide_fr_ns, fp_ns, fr_ns);
    for (size_t i = 0; i < rate_count; i++) {
        const struct rate *r = &rates[i];
        printf("%s\n{\"operation\":\"%s\",\"kernel\":\"%s\",\"per_second\":%.0f,\"ns\":%.3f,"
               "\"limit_ns\":%.3f,\"of_limit\":%.3f,\"limit\":\"%s\"}",
               i == 0 ? "" : ",", r->name, r->kernel, 1e9 / r->ns, r->ns, r->limit_ns,
               r->limit_ns / r->ns, r->limit);
    }
    printf("\n],\"numbers\":[");
    for (size_t i = 0; i < number_count; i++) {
        const struct number *n = &numbers[i];
        printf("%s\n{\"name\":\"%s\",\"value\":%.4f,\"unit\":\"%s\",\"ratio\":%.4f,"
               "\"against\":\"%s\"}",
               i == 0 ? "" : ",", n->name, n->value, n->unit, n->ratio, n->against);
    }
    printf("\n]}\n");
}

struct options {
    bool json, full;
    const char *part, *parameters, *peer;
};

static bool parse(struct options *o, int argc, char **argv)
{
    static const char *const parts[] = {"sums", "transforms", "proofs", "peer"};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (strcmp(argv[i], "--full") == 0)
            o->full = true;
        else if (strcmp(argv[i], "--part") == 0 && value)
            o->part = argv[++i];
        else if (strcmp(argv[i], "--parameters") == 0 && value)
            o->parameters = argv[++i];
        else if (strcmp(argv[i], "--peer") == 0 && value)
            o->peer = argv[++i];
        else
            return false;
    }
    for (size_t i = 0; o->part && i < SY_ARRAY_SIZE(parts); i++)
        if (strcmp(o->part, parts[i]) == 0)
            return true;
    return !o->part;
}

static bool wants(const struct options *o, const char *part)
{
    return !o->part || strcmp(o->part, part) == 0;
}

/* Without a peer's name its part is left out. */
static bool run(const struct options *o, const struct bench_inputs *in)
{
    bool ok = true;
    if (wants(o, "sums"))
        bench_sums(in);
    if (wants(o, "peer") && o->peer)
        ok = bench_peer(in, o->peer);
    else if (wants(o, "peer"))
        bench_skip("peer", "no shared blst library: --peer FILE");
    if (wants(o, "transforms"))
        bench_transforms(in);
    return (!wants(o, "proofs") || bench_proofs(o->parameters, o->full)) && ok;
}

int main(int argc, char **argv)
{
    struct options options = {.parameters = "build/parameters"};
    struct bench_inputs inputs = {0};
    if (!parse(&options, argc, argv)) {
        fprintf(stderr, "usage: bench_snark [--json] [--full] [--part sums|transforms|proofs|peer] "
                        "[--parameters DIR] [--peer FILE]\n");
        return 64;
    }
    bool points = !options.part || strcmp(options.part, "proofs") != 0;
    if (points && !make_inputs(&inputs, (size_t)1 << LOG2_MAX)) {
        fprintf(stderr, "bench_snark: no memory for 2^%d points (2 GiB)\n", LOG2_MAX);
        return 71;
    }
    measure_limits();
    bool ok = run(&options, &inputs);
    if (options.json)
        print_json();
    else
        print_table();
    free_inputs(&inputs);
    return ok ? 0 : 1;
}
