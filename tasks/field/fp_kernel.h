/* The product of Fp, compiled into each kernel file with the multiplier of that file's CPU:
 * SY_FP_KERNEL_ADX is 1 (mulx with the two carry chains of adcx/adox) or 0 (any CPU).
 *
 * CIOS over six limbs: 36 products for a * b and 36 + 6 for the reduction. p has 381 bits, so the
 * running sum stays below 2p and six limbs and one carry word hold it. Expected 78 mulx at
 * about 1.4 cycles with their additions = 110 to 140 cycles; without mulx about 200.
 */
#ifndef SEALYARD_TASKS_FIELD_FP_KERNEL_H
#define SEALYARD_TASKS_FIELD_FP_KERNEL_H

#include "tasks/field/fp.h"

#include <immintrin.h>

#define SY_FP_INV 0x89f3fffcfffcfffdULL /* -1/p mod 2^64 */

/* p, then -1/p mod 2^64. */
static const uint64_t fp_kernel_p[SY_FP_LIMBS + 1] = {0xb9feffffffffaaabULL,
                                                      0x1eabfffeb153ffffULL,
                                                      0x6730d2a0f6b0f624ULL,
                                                      0x64774b84f38512bfULL,
                                                      0x4b1ba7b6434bacd7ULL,
                                                      0x1a0111ea397fe69aULL,
                                                      SY_FP_INV};

typedef unsigned __int128 fp_kernel_u128;

/* v - p when v >= p, else v. */
static inline void fp_kernel_reduce_once(uint64_t ret[SY_FP_LIMBS], const uint64_t v[SY_FP_LIMBS])
{
    unsigned long long d[SY_FP_LIMBS];
    unsigned char borrow = 0;
    for (int i = 0; i < SY_FP_LIMBS; i++)
        borrow = _subborrow_u64(borrow, v[i], fp_kernel_p[i], &d[i]);
    uint64_t keep = (uint64_t)0 - borrow;
    for (int i = 0; i < SY_FP_LIMBS; i++)
        ret[i] = (v[i] & keep) | (d[i] & ~keep);
}

#if SY_FP_KERNEL_ADX

/* t += src[0..5] * rdx over the two carry chains; t6 takes the carries and cannot overflow. */
#define FP_ROW(src, t0, t1, t2, t3, t4, t5, t6)                                                    \
    "xorl %%eax, %%eax\n\t"                                                                        \
    "mulxq 0(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t0 "\n\t adoxq %%rcx, " t1 "\n\t"           \
    "mulxq 8(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t1 "\n\t adoxq %%rcx, " t2 "\n\t"           \
    "mulxq 16(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t2 "\n\t adoxq %%rcx, " t3 "\n\t"          \
    "mulxq 24(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t3 "\n\t adoxq %%rcx, " t4 "\n\t"          \
    "mulxq 32(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t4 "\n\t adoxq %%rcx, " t5 "\n\t"          \
    "mulxq 40(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t5 "\n\t adoxq %%rcx, " t6 "\n\t"          \
    "movl $0, %%eax\n\t adcxq %%rax, " t6 "\n\t"

/* One step of CIOS: t += a * b[i], then t += m * p with m such that t0 becomes 0. */
#define FP_STEP(offset, t0, t1, t2, t3, t4, t5, t6)                                                \
    "movq " offset "(%[b]), %%rdx\n\t" FP_ROW("%[a]", t0, t1, t2, t3, t4, t5,                      \
                                              t6) "movq " t0                                       \
                                                  ", %%rdx\n\t imulq 48(%[p]), %%rdx\n\t" FP_ROW(  \
                                                      "%[p]", t0, t1, t2, t3, t4, t5, t6)

static inline void fp_kernel_mul(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b)
{
    register uint64_t v0 __asm__("r8") = 0;
    register uint64_t v1 __asm__("r9") = 0;
    register uint64_t v2 __asm__("r10") = 0;
    register uint64_t v3 __asm__("r11") = 0;
    register uint64_t v4 __asm__("r12") = 0;
    register uint64_t v5 __asm__("r13") = 0;
    register uint64_t v6 __asm__("r14") = 0;
    __asm__(FP_STEP("0", "%%r8", "%%r9", "%%r10", "%%r11", "%%r12", "%%r13", "%%r14") FP_STEP(
                "8", "%%r9", "%%r10", "%%r11", "%%r12", "%%r13", "%%r14",
                "%%r8") FP_STEP("16", "%%r10", "%%r11", "%%r12", "%%r13", "%%r14", "%%r8", "%%r9")
                FP_STEP("24", "%%r11", "%%r12", "%%r13", "%%r14", "%%r8", "%%r9", "%%r10")
                    FP_STEP("32", "%%r12", "%%r13", "%%r14", "%%r8", "%%r9", "%%r10", "%%r11")
                        FP_STEP("40", "%%r13", "%%r14", "%%r8", "%%r9", "%%r10", "%%r11", "%%r12")
            : "+r"(v0), "+r"(v1), "+r"(v2), "+r"(v3), "+r"(v4), "+r"(v5), "+r"(v6)
            : [a] "r"(a->limb), [b] "r"(b->limb), [p] "r"(fp_kernel_p), "m"(*a), "m"(*b)
            : "rax", "rcx", "rdx", "cc");
    /* Seven registers, a window of six that moved by one in each step. */
    const uint64_t t[SY_FP_LIMBS] = {v6, v0, v1, v2, v3, v4};
    fp_kernel_reduce_once(ret->limb, t);
}

#else

static inline void fp_kernel_mul(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b)
{
    uint64_t t[SY_FP_LIMBS + 1] = {0};
#pragma GCC unroll 6
    for (int i = 0; i < SY_FP_LIMBS; i++) {
        fp_kernel_u128 sum = 0;
        uint64_t carry = 0;
#pragma GCC unroll 6
        for (int j = 0; j < SY_FP_LIMBS; j++) {
            sum = (fp_kernel_u128)a->limb[j] * b->limb[i] + t[j] + carry;
            t[j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        t[SY_FP_LIMBS] = carry;
        uint64_t m = t[0] * SY_FP_INV;
        sum = (fp_kernel_u128)m * fp_kernel_p[0] + t[0];
        carry = (uint64_t)(sum >> 64);
#pragma GCC unroll 6
        for (int j = 1; j < SY_FP_LIMBS; j++) {
            sum = (fp_kernel_u128)m * fp_kernel_p[j] + t[j] + carry;
            t[j - 1] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        t[SY_FP_LIMBS - 1] = t[SY_FP_LIMBS] + carry;
    }
    fp_kernel_reduce_once(ret->limb, t);
}

#endif

#endif
