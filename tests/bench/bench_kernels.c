/* bench_kernels [--json]: one core's rates of the sealing kernels, each with the limit of the same
 * core measured in the same run where there is one.
 *
 * Arithmetic is timed in thread CPU time, median of RUNS runs; the core clock comes from a chain of
 * three-cycle multiplications, so that cycles mean cycles of this run. Limits: the SHA-256 chain is
 * held against a chain of sha256rnds2 alone, multi-stream hashing against four such chains, the
 * field against its count of mulx at the rate measured with carries. About 12 seconds.
 */
#include "tasks/field/fr.h"
#include "tasks/hash/poseidon.h"
#include "tasks/hash/sha256.h"

#include <immintrin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 5
#define RUN_S 0.05     /* length of one run */
#define WARM_UP_S 0.3  /* until the core runs at its clock */
#define RESULTS_MAX 48 /* lines of the table */
#define PAIRS 4096
#define HASHES 256

struct result {
    const char *name;
    const char *kernel;
    double ns;       /* per operation */
    double limit_ns; /* 0 = no limit measured */
    const char *limit;
};

static struct result results[RESULTS_MAX];
static size_t result_count;
static double clock_ghz;
static uint8_t *input, *output;

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double time_calls(void (*fn)(void), size_t calls)
{
    double start = cpu_s();
    for (size_t i = 0; i < calls; i++)
        fn();
    return cpu_s() - start;
}

/* Median time of one operation; fn does `batch` of them. The clock is read once per run: reading it
 * costs as much as a thousand cycles. */
static double time_ns(void (*fn)(void), double batch)
{
    double runs[RUNS];
    size_t calls = 1;
    while (time_calls(fn, calls) < RUN_S / 4)
        calls *= 2;
    for (int run = 0; run < RUNS; run++)
        runs[run] = time_calls(fn, calls * 2) / (double)(calls * 2) / batch * 1e9;
    qsort(runs, RUNS, sizeof runs[0], compare_double);
    return runs[RUNS / 2];
}

static void note(const char *name, const char *kernel, double ns, double limit_ns,
                 const char *limit)
{
    if (result_count < RESULTS_MAX)
        results[result_count++] = (struct result){name, kernel, ns, limit_ns, limit};
}

/* ------------------------------------------------------------------------------- limits of this
 * core */

#define CHAIN 20000

/* imul takes three cycles: `CHAIN` cycles in a chain that the loop around it cannot lengthen. */
static void clock_chain(void)
{
    uint64_t x = 1, n = CHAIN / 30;
    __asm__ volatile("1:\n\t"
                     ".rept 10\n\timul %0,%0\n\t.endr\n\t"
                     "dec %1\n\tjnz 1b\n\t"
                     : "+r"(x), "+r"(n));
}

/* 32 dependent sha256rnds2: what one block costs a single stream at the least. */
__attribute__((target("sha,sse4.1"))) static void rounds_chain(void)
{
    __m128i a = _mm_setzero_si128(), b = a;
    const __m128i k = _mm_set1_epi32(7);
    for (int block = 0; block < CHAIN / 32; block++)
        for (int i = 0; i < 16; i++) {
            b = _mm_sha256rnds2_epu32(b, a, k);
            a = _mm_sha256rnds2_epu32(a, b, k);
        }
    __asm__ volatile("" ::"x"(a), "x"(b));
}

/* Four independent chains: what a block costs at the least in bulk. */
__attribute__((target("sha,sse4.1"))) static void rounds_four_chains(void)
{
    __m128i a[4], b[4];
    const __m128i k = _mm_set1_epi32(7);
    for (int j = 0; j < 4; j++)
        a[j] = b[j] = _mm_set1_epi32(j);
    for (int block = 0; block < CHAIN / 32; block++)
        for (int i = 0; i < 16; i++)
#pragma GCC unroll 4
            for (int j = 0; j < 4; j++) {
                b[j] = _mm_sha256rnds2_epu32(b[j], a[j], k);
                a[j] = _mm_sha256rnds2_epu32(a[j], b[j], k);
            }
    __asm__ volatile("" ::"x"(a[0]), "x"(a[1]), "x"(a[2]), "x"(a[3]), "x"(b[0]));
}

/* Rows of four mulx with both carry chains: the smallest part of a 4x64 product. */
static void mulx_rows(void)
{
    static const uint64_t operand[4] = {3, 5, 7, 9};
    uint64_t n = CHAIN / 16, t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
    __asm__ volatile("1:\n\t"
                     ".rept 4\n\t"
                     "movq 8(%6), %%rdx\n\txorl %%eax, %%eax\n\t"
                     "mulxq 0(%6), %%rax, %%rcx\n\tadcxq %%rax, %1\n\tadoxq %%rcx, %2\n\t"
                     "mulxq 8(%6), %%rax, %%rcx\n\tadcxq %%rax, %2\n\tadoxq %%rcx, %3\n\t"
                     "mulxq 16(%6), %%rax, %%rcx\n\tadcxq %%rax, %3\n\tadoxq %%rcx, %4\n\t"
                     "mulxq 24(%6), %%rax, %%rcx\n\tadcxq %%rax, %4\n\tadoxq %%rcx, %5\n\t"
                     ".endr\n\t"
                     "dec %0\n\tjnz 1b\n\t"
                     : "+r"(n), "+r"(t0), "+r"(t1), "+r"(t2), "+r"(t3), "+r"(t4)
                     : "r"(operand)
                     : "rax", "rcx", "rdx", "cc");
}

/* 512-bit multiplications of 52 bits in ten independent chains: the bound of the wide kernel. */
__attribute__((target("avx512f,avx512ifma"))) static void ifma_chains(void)
{
    __m512i t[10];
    const __m512i x = _mm512_set1_epi64(12345);
    for (int j = 0; j < 10; j++)
        t[j] = _mm512_set1_epi64(j);
    for (int i = 0; i < CHAIN / 10; i++)
#pragma GCC unroll 10
        for (int j = 0; j < 10; j++)
            t[j] = _mm512_madd52lo_epu64(t[j], x, x);
    for (int j = 0; j < 10; j++)
        __asm__ volatile("" ::"v"(t[j]));
}

/* ---------------------------------------------------------------------------------------- subjects
 */

static struct sy_fr chain_value = {{1, 2, 3, 4}};

static void fr_chain(void)
{
    for (int i = 0; i < 1000; i++)
        sy_fr_mul(&chain_value, &chain_value, &chain_value);
}

static void fr_independent(void)
{
    static struct sy_fr values[64];
    for (int i = 0; i < 1024; i++)
        sy_fr_mul(&values[i & 63], &chain_value, &sy_fr_one);
}

static void fr_encode(void)
{
    sy_fr_add_bytes(output, input, input, PAIRS, NULL);
}

static void sha_chain(void)
{
    uint32_t state[8];
    memcpy(state, sy_sha256_h0, sizeof state);
    sy_sha256_compress(state, input, PAIRS);
    memcpy(output, state, sizeof state);
}

static void sha_pairs(void)
{
    sy_sha256_node_pairs(output, input, PAIRS);
}

static unsigned arity;

static void poseidon_batch(void)
{
    sy_poseidon_nodes(arity, input, output, HASHES, NULL);
}

static void poseidon_single(void)
{
    for (int i = 0; i < 16; i++)
        sy_poseidon_node(arity, input, output, NULL);
}

/* Products of the evaluation, in 52-bit multiplications per hash of eight (see poseidon_ifma.c). */
static double count_ifma(unsigned t, unsigned partial)
{
    double sboxes = 3.0 * (8 * t + partial) * 105;
    double dense = 6.0 * t * (10 * t + 11) + (t + 1) * (50.0 * t + 55);
    double first = partial * (50.0 * (t + 1.5) + 55);
    double update = (t - 1.0) * (50.0 * partial + 55.0 * ((partial + 3) / 4));
    return (sboxes + dense + first + update) / 8;
}

static void bench_field(double mulx_ns)
{
    static const char *const kernels[] = {"portable", "adx"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(kernels); i++) {
        if (sy_fr_force(kernels[i], NULL) != 0)
            continue;
        double limit = i == 1 ? 32 * mulx_ns : 0;
        note("fr mul, independent", kernels[i], time_ns(fr_independent, 1024), limit,
             "32 mulx with carries");
        note("fr mul, chain", kernels[i], time_ns(fr_chain, 1000), 0, "");
    }
    sy_fr_force(NULL, NULL);
    note("fr add of nodes (encode)", "any", time_ns(fr_encode, PAIRS), 0, "");
}

static void bench_sha256(void)
{
    bool ni = sy_sha256_has_ni();
    double one = ni ? time_ns(rounds_chain, CHAIN / 32) : 0;
    double four = ni ? time_ns(rounds_four_chains, 4.0 * (CHAIN / 32)) : 0;
    static const char *const kernels[] = {"portable", "sha-ni"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(kernels); i++) {
        if (sy_sha256_force(kernels[i], NULL) != 0)
            continue;
        note("sha-256 block, chain", kernels[i], time_ns(sha_chain, PAIRS), i == 1 ? one : 0,
             "32 sha256rnds2 in a chain");
        note("sha-256 node pair", kernels[i], time_ns(sha_pairs, PAIRS), i == 1 ? 2 * four : 0,
             "64 sha256rnds2 in four chains");
    }
    sy_sha256_force(NULL, NULL);
}

static void bench_poseidon(double ifma_ns)
{
    static const char *const kernels[] = {"portable", "adx", "ifma"};
    static const struct {
        unsigned arity, partial;
        const char *batch, *single;
    } cases[] = {
        {2, 55, "poseidon-2", "poseidon-2, single"},
        {8, 57, "poseidon-8", "poseidon-8, single"},
        {11, 57, "poseidon-11", "poseidon-11, single"},
    };
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        if (sy_poseidon_force(kernels[k], NULL) != 0)
            continue;
        for (size_t i = 0; i < SY_ARRAY_SIZE(cases); i++) {
            arity = cases[i].arity;
            double limit = k == 2 ? count_ifma(arity + 1, cases[i].partial) * ifma_ns : 0;
            note(cases[i].batch, kernels[k], time_ns(poseidon_batch, HASHES), limit,
                 "multiplications counted");
        }
    }
    sy_poseidon_force(NULL, NULL);
    for (size_t i = 0; i < SY_ARRAY_SIZE(cases); i++) {
        arity = cases[i].arity;
        note(cases[i].single, "best", time_ns(poseidon_single, 16), 0, "");
    }
}

/* -------------------------------------------------------------------------------------------
 * output */

static void print_table(void)
{
    printf("core clock %.2f GHz; one core, thread CPU time, median of %d runs\n", clock_ghz, RUNS);
    printf("%-26s %-9s %12s %11s %13s  %s\n", "operation", "kernel", "per second", "cycles",
           "of the limit", "limit");
    for (size_t i = 0; i < result_count; i++) {
        const struct result *r = &results[i];
        printf("%-26s %-9s %12.0f %11.1f ", r->name, r->kernel, 1e9 / r->ns, r->ns * clock_ghz);
        if (r->limit_ns > 0)
            printf("%12.0f%%  %s\n", 100 * r->limit_ns / r->ns, r->limit);
        else
            printf("%13s\n", "-");
    }
}

static void print_json(void)
{
    printf("{\"clock_ghz\":%.3f,\"results\":[", clock_ghz);
    for (size_t i = 0; i < result_count; i++) {
        const struct result *r = &results[i];
        printf("%s\n{\"operation\":\"%s\",\"kernel\":\"%s\",\"per_second\":%.0f,\"cycles\":%.1f",
               i == 0 ? "" : ",", r->name, r->kernel, 1e9 / r->ns, r->ns * clock_ghz);
        if (r->limit_ns > 0)
            printf(",\"limit_cycles\":%.1f,\"of_limit\":%.3f,\"limit\":\"%s\"",
                   r->limit_ns * clock_ghz, r->limit_ns / r->ns, r->limit);
        printf("}");
    }
    printf("\n]}\n");
}

int main(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        fprintf(stderr, "usage: bench_kernels [--json]\n");
        return 64;
    }
    input = calloc(PAIRS, 64);
    output = calloc(PAIRS, 32);
    if (input == NULL || output == NULL)
        return 71;
    for (size_t i = 0; i < (size_t)PAIRS * 64; i++)
        input[i] = i % 32 == 31 ? 7 : (uint8_t)(i * 31 >> 2);
    for (double start = cpu_s(); cpu_s() - start < WARM_UP_S;)
        clock_chain();
    clock_ghz = 1 / time_ns(clock_chain, CHAIN / 30 * 30);
    bool adx = sy_fr_force("adx", NULL) == 0, ifma = sy_poseidon_force("ifma", NULL) == 0;
    bench_field(adx ? time_ns(mulx_rows, CHAIN) : 0);
    bench_sha256();
    bench_poseidon(ifma ? time_ns(ifma_chains, CHAIN) : 0);
    if (json)
        print_json();
    else
        print_table();
    free(input);
    free(output);
    return 0;
}
