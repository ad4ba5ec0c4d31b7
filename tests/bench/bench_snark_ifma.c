/* Limits of the wide kernels: what their field code does when it has nothing else to do. */
#include "tasks/field/fp_ifma.h"
#include "tasks/field/fr_ifma.h"
#include "tests/bench/bench_snark.h"

#define LOOP 100000
#define CHAINS 4 /* independent products: as many as the registers bear */

double bench_wide_word_ns(void)
{
    __m512i t[12];
    const __m512i x = _mm512_set1_epi64(12345);
    for (int j = 0; j < 12; j++)
        t[j] = _mm512_set1_epi64(j);
    double start = bench_cpu_s();
    for (int i = 0; i < 10 * LOOP; i++)
#pragma GCC unroll 12
        for (int j = 0; j < 12; j++)
            t[j] = _mm512_madd52lo_epu64(t[j], x, x);
    for (int j = 0; j < 12; j++)
        __asm__ volatile("" ::"v"(t[j]));
    return (bench_cpu_s() - start) / (120.0 * LOOP) * 1e9;
}

double bench_wide_fp_ns(void)
{
    struct sy_fp8 a[CHAINS], factor;
    sy_fp8_broadcast(&factor, &sy_fp52_from_fp);
    for (int j = 0; j < CHAINS; j++)
        a[j] = factor;
    double start = bench_cpu_s();
    for (int i = 0; i < LOOP; i++)
        for (int j = 0; j < CHAINS; j++)
            sy_fp8_mul(&a[j], &a[j], &factor);
    __asm__ volatile("" ::"m"(a));
    return (bench_cpu_s() - start) / (8.0 * CHAINS * LOOP) * 1e9;
}

double bench_wide_fr_ns(void)
{
    struct sy_fr8 a[CHAINS], factor;
    struct sy_fr52 seven;
    struct sy_fr value;
    sy_fr_from_u64(&value, 7);
    sy_fr52_from_fr(&seven, &value);
    sy_fr8_broadcast(&factor, &seven);
    for (int j = 0; j < CHAINS; j++)
        a[j] = factor;
    double start = bench_cpu_s();
    for (int i = 0; i < LOOP; i++)
        for (int j = 0; j < CHAINS; j++)
            sy_fr8_mul(&a[j], &a[j], &factor);
    __asm__ volatile("" ::"m"(a));
    return (bench_cpu_s() - start) / (8.0 * CHAINS * LOOP) * 1e9;
}
