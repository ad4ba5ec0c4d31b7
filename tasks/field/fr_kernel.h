/* The inner loops of Fr, compiled into each kernel file with the multiplier that file's CPU has.
 *
 * A file defines SY_FR_KERNEL_ADX as 1 (mulx with the two carry chains of adcx/adox) or 0 (any CPU)
 * before including this. Two operations are the whole field arithmetic of a Poseidon round:
 *   fr_kernel_mul   one product
 *   fr_kernel_dot   sum of n products plus an addend, with one reduction for all of them
 * Both are Montgomery with R = 2^256: they give (a * b) / R mod r.
 *
 * Ranges. "lazy" results lie below 2r (which fits in 256 bits) and save the last subtraction.
 *   mul:  the first operand is below r, the second may be lazy: then the running sum stays below 2r
 *         and five limbs hold it. The result is below a*b/R + r, where r/R = 0.4529: for reduced
 *         operands below 1.46 r, for a lazy second one of 1.46 r below 1.66 r.
 *   dot:  six limbs hold the running sum whatever the operands. The result before its last step is
 *         below 0.4529 sum(a_k b_k) / r^2 + 2 (times r): SY_FR_DOT_MAX terms with a_k < 2r, b_k < r
 *         stay below 18 r, inside the table of multiples.
 */
#ifndef SEALYARD_TASKS_FIELD_FR_KERNEL_H
#define SEALYARD_TASKS_FIELD_FR_KERNEL_H

#include "tasks/field/fr.h"

#include <immintrin.h>

#define SY_FR_DOT_MAX 17
#define SY_FR_MULTIPLES 19

/* r, then -1/r mod 2^64. */
#define SY_FR_R0 0xffffffff00000001ULL
#define SY_FR_R1 0x53bda402fffe5bfeULL
#define SY_FR_R2 0x3339d80809a1d805ULL
#define SY_FR_R3 0x73eda753299d7d48ULL
#define SY_FR_INV 0xfffffffeffffffffULL

static const uint64_t fr_kernel_r[5] = {SY_FR_R0, SY_FR_R1, SY_FR_R2, SY_FR_R3, SY_FR_INV};

/* k * r mod 2^256 for k = 0..18: the last step of a dot product takes the right one off. */
static const uint64_t fr_kernel_multiples[SY_FR_MULTIPLES][4] = {
    {0x0000000000000000ULL, 0x0000000000000000ULL, 0x0000000000000000ULL, 0x0000000000000000ULL},
    {0xffffffff00000001ULL, 0x53bda402fffe5bfeULL, 0x3339d80809a1d805ULL, 0x73eda753299d7d48ULL},
    {0xfffffffe00000002ULL, 0xa77b4805fffcb7fdULL, 0x6673b0101343b00aULL, 0xe7db4ea6533afa90ULL},
    {0xfffffffd00000003ULL, 0xfb38ec08fffb13fcULL, 0x99ad88181ce5880fULL, 0x5bc8f5f97cd877d8ULL},
    {0xfffffffc00000004ULL, 0x4ef6900bfff96ffbULL, 0xcce7602026876015ULL, 0xcfb69d4ca675f520ULL},
    {0xfffffffb00000005ULL, 0xa2b4340efff7cbfaULL, 0x002138283029381aULL, 0x43a4449fd0137269ULL},
    {0xfffffffa00000006ULL, 0xf671d811fff627f9ULL, 0x335b103039cb101fULL, 0xb791ebf2f9b0efb1ULL},
    {0xfffffff900000007ULL, 0x4a2f7c14fff483f8ULL, 0x6694e838436ce825ULL, 0x2b7f9346234e6cf9ULL},
    {0xfffffff800000008ULL, 0x9ded2017fff2dff7ULL, 0x99cec0404d0ec02aULL, 0x9f6d3a994cebea41ULL},
    {0xfffffff700000009ULL, 0xf1aac41afff13bf6ULL, 0xcd08984856b0982fULL, 0x135ae1ec76896789ULL},
    {0xfffffff60000000aULL, 0x4568681dffef97f5ULL, 0x0042705060527035ULL, 0x8748893fa026e4d2ULL},
    {0xfffffff50000000bULL, 0x99260c20ffedf3f4ULL, 0x337c485869f4483aULL, 0xfb363092c9c4621aULL},
    {0xfffffff40000000cULL, 0xece3b023ffec4ff3ULL, 0x66b620607396203fULL, 0x6f23d7e5f361df62ULL},
    {0xfffffff30000000dULL, 0x40a15426ffeaabf2ULL, 0x99eff8687d37f845ULL, 0xe3117f391cff5caaULL},
    {0xfffffff20000000eULL, 0x945ef829ffe907f1ULL, 0xcd29d07086d9d04aULL, 0x56ff268c469cd9f2ULL},
    {0xfffffff10000000fULL, 0xe81c9c2cffe763f0ULL, 0x0063a878907ba84fULL, 0xcaeccddf703a573bULL},
    {0xfffffff000000010ULL, 0x3bda402fffe5bfefULL, 0x339d80809a1d8055ULL, 0x3eda753299d7d483ULL},
    {0xffffffef00000011ULL, 0x8f97e432ffe41beeULL, 0x66d75888a3bf585aULL, 0xb2c81c85c37551cbULL},
    {0xffffffee00000012ULL, 0xe3558835ffe277edULL, 0x9a113090ad61305fULL, 0x26b5c3d8ed12cf13ULL},
};

typedef unsigned __int128 fr_kernel_u128;

/* v - r when v >= r, else v. */
static inline void fr_kernel_reduce_once(uint64_t ret[4], const uint64_t v[4])
{
    unsigned long long d[4];
    unsigned char borrow = _subborrow_u64(0, v[0], SY_FR_R0, &d[0]);
    borrow = _subborrow_u64(borrow, v[1], SY_FR_R1, &d[1]);
    borrow = _subborrow_u64(borrow, v[2], SY_FR_R2, &d[2]);
    borrow = _subborrow_u64(borrow, v[3], SY_FR_R3, &d[3]);
    uint64_t keep = (uint64_t)0 - borrow; /* all ones when v < r */
    for (int i = 0; i < 4; i++)
        ret[i] = (v[i] & keep) | (d[i] & ~keep);
}

/* A value of five limbs below 18 r to one below r. The two bits around limb 4 give the quotient or
 * one less: the remainder is then below r + 2^254 < 2r. */
static inline void fr_kernel_reduce_wide(uint64_t ret[4], const uint64_t v[5])
{
    uint64_t top = v[4] << 2 | v[3] >> 62; /* v / 2^254, at most 32 */
    uint64_t quotient = top * 565 >> 10;   /* 2^254 / r = 0.5521, 565 / 1024 = 0.5518 */
    const uint64_t *multiple = fr_kernel_multiples[quotient];
    unsigned long long d[4];
    unsigned char borrow = _subborrow_u64(0, v[0], multiple[0], &d[0]);
    borrow = _subborrow_u64(borrow, v[1], multiple[1], &d[1]);
    borrow = _subborrow_u64(borrow, v[2], multiple[2], &d[2]);
    _subborrow_u64(borrow, v[3], multiple[3], &d[3]);
    uint64_t low[4] = {d[0], d[1], d[2], d[3]};
    fr_kernel_reduce_once(ret, low);
}

#if SY_FR_KERNEL_ADX

/* clang-format off: assembly is laid out by hand */
/* t += multiplicand * rdx, five limbs; rax is zero afterwards. */
#define FR_ROW(src, o0, o1, o2, o3, t0, t1, t2, t3, t4)                                            \
    "xorl %%eax, %%eax\n\t"                                                                        \
    "mulxq " o0 "(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t0 "\n\t adoxq %%rcx, " t1 "\n\t"      \
    "mulxq " o1 "(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t1 "\n\t adoxq %%rcx, " t2 "\n\t"      \
    "mulxq " o2 "(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t2 "\n\t adoxq %%rcx, " t3 "\n\t"      \
    "mulxq " o3 "(" src "), %%rax, %%rcx\n\t adcxq %%rax, " t3 "\n\t adoxq %%rcx, " t4 "\n\t"      \
    "movl $0, %%eax\n\t adcxq %%rax, " t4 "\n\t"
/* Where the sum may pass five limbs, both carries go on into t5. */
#define FR_ROW_TOP(t5) "adoxq %%rax, " t5 "\n\t adcxq %%rax, " t5 "\n\t"

/* m = -t0 / r mod 2^64, then t += m * r, which makes t0 zero. */
#define FR_REDUCE_ROW(t0, t1, t2, t3, t4)                                                          \
    "movq " t0 ", %%rdx\n\t imulq 32(%[r]), %%rdx\n\t" FR_ROW("%[r]", "0", "8", "16", "24", t0,    \
                                                              t1, t2, t3, t4)

/* One step of CIOS for a single product: t += a * b[i]; t += m * r. */
#define FR_MUL_STEP(offset, t0, t1, t2, t3, t4)                                                    \
    "movq " offset "(%[b]), %%rdx\n\t" FR_ROW("%[a]", "0", "8", "16", "24", t0, t1, t2, t3, t4)    \
        FR_REDUCE_ROW(t0, t1, t2, t3, t4)

/* Expected 61 cycles each when independent (32 mulx of 1.24 cycles with their additions, 4 imul, 10
 * for the last subtraction), about 95 in a chain. */
static inline void fr_kernel_mul_limbs(uint64_t t[4], const struct sy_fr *a, const struct sy_fr *b)
{
    register uint64_t t0 __asm__("r12") = 0;
    register uint64_t t1 __asm__("r8") = 0;
    register uint64_t t2 __asm__("r9") = 0;
    register uint64_t t3 __asm__("r10") = 0;
    __asm__("xorl %%r11d, %%r11d\n\t" FR_MUL_STEP("0", "%%r8", "%%r9", "%%r10", "%%r11", "%%r12")
                FR_MUL_STEP("8", "%%r9", "%%r10", "%%r11", "%%r12", "%%r8")
                    FR_MUL_STEP("16", "%%r10", "%%r11", "%%r12", "%%r8", "%%r9")
                        FR_MUL_STEP("24", "%%r11", "%%r12", "%%r8", "%%r9", "%%r10")
            : "+r"(t0), "+r"(t1), "+r"(t2), "+r"(t3)
            : [a] "r"(a->limb), [b] "r"(b->limb), [r] "r"(fr_kernel_r), "m"(*a), "m"(*b)
            : "rax", "rcx", "rdx", "r11", "cc");
    t[0] = t0, t[1] = t1, t[2] = t2, t[3] = t3;
}

/* Adds the i-th limbs of all terms: r15 runs from -32 n to 0 behind the ends of both arrays. */
#define FR_DOT_STEP(offset, label, t0, t1, t2, t3, t4, t5)                                         \
    "movq %%r14, %%r15\n\t" label ":\n\t"                                                          \
    "movq " offset                                                                                 \
    "(%[b], %%r15), %%rdx\n\t" FR_ROW("%[a], %%r15", "0", "8", "16", "24", t0, t1, t2, t3, t4)     \
        FR_ROW_TOP(t5) "addq $32, %%r15\n\t jnz " label "b\n\t" FR_REDUCE_ROW(t0, t1, t2, t3, t4)  \
            FR_ROW_TOP(t5)

/* Expected 28 cycles per term (four rows of 7) and 60 for the four reduction steps; measured 36 and
 * 100: the carry chains of neighbouring rows overlap less than those of one row repeated. */
static __attribute__((noinline, no_sanitize("address", "undefined"))) void
fr_kernel_dot_limbs(uint64_t t[5], const struct sy_fr *a, const struct sy_fr *b, size_t n)
{
    register uint64_t t0 __asm__("r12") = 0;
    register uint64_t t1 __asm__("r13") = 0;
    register uint64_t t2 __asm__("r8") = 0;
    register uint64_t t3 __asm__("r9") = 0;
    register uint64_t t4 __asm__("r10") = 0;
    register uint64_t minus __asm__("r14") = (uint64_t)0 - 32 * n;
    __asm__ volatile(
        "xorl %%r11d, %%r11d\n\t" FR_DOT_STEP("0", "1", "%%r8", "%%r9", "%%r10", "%%r11", "%%r12",
                                              "%%r13")
            FR_DOT_STEP("8", "2", "%%r9", "%%r10", "%%r11", "%%r12", "%%r13", "%%r8")
                FR_DOT_STEP("16", "3", "%%r10", "%%r11", "%%r12", "%%r13", "%%r8", "%%r9")
                    FR_DOT_STEP("24", "4", "%%r11", "%%r12", "%%r13", "%%r8", "%%r9", "%%r10")
        : "+r"(t0), "+r"(t1), "+r"(t2), "+r"(t3), "+r"(t4)
        : "r"(minus), [a] "r"(a + n), [b] "r"(b + n), [r] "r"(fr_kernel_r)
        : "rax", "rcx", "rdx", "r11", "r15", "cc", "memory");
    t[0] = t0, t[1] = t1, t[2] = t2, t[3] = t3, t[4] = t4;
}
/* clang-format on */

#else

/* Expected 102 cycles where the compiler may use plain mul only. */
static inline void fr_kernel_mul_limbs(uint64_t t[4], const struct sy_fr *a, const struct sy_fr *b)
{
    uint64_t v[5] = {0};
    for (int i = 0; i < 4; i++) {
        fr_kernel_u128 carry = 0;
        for (int j = 0; j < 4; j++) {
            carry += (fr_kernel_u128)a->limb[j] * b->limb[i] + v[j];
            v[j] = (uint64_t)carry;
            carry >>= 64;
        }
        v[4] += (uint64_t)carry;
        uint64_t m = v[0] * SY_FR_INV;
        carry = ((fr_kernel_u128)m * fr_kernel_r[0] + v[0]) >> 64;
        for (int j = 1; j < 4; j++) {
            carry += (fr_kernel_u128)m * fr_kernel_r[j] + v[j];
            v[j - 1] = (uint64_t)carry;
            carry >>= 64;
        }
        carry += v[4];
        v[3] = (uint64_t)carry;
        v[4] = (uint64_t)(carry >> 64);
    }
    for (int i = 0; i < 4; i++)
        t[i] = v[i];
}

/* v += x * y over four limbs of x, carry into v[4] and v[5]. */
static inline void fr_kernel_row(uint64_t v[6], const uint64_t *x, uint64_t y)
{
    fr_kernel_u128 carry = 0;
    for (int j = 0; j < 4; j++) {
        carry += (fr_kernel_u128)x[j] * y + v[j];
        v[j] = (uint64_t)carry;
        carry >>= 64;
    }
    carry += v[4];
    v[4] = (uint64_t)carry;
    v[5] += (uint64_t)(carry >> 64);
}

/* Expected 45 cycles per term and 100 for the reduction. */
static inline void fr_kernel_dot_limbs(uint64_t t[5], const struct sy_fr *a, const struct sy_fr *b,
                                       size_t n)
{
    uint64_t v[6] = {0};
    for (int i = 0; i < 4; i++) {
        for (size_t k = 0; k < n; k++)
            fr_kernel_row(v, a[k].limb, b[k].limb[i]);
        fr_kernel_row(v, fr_kernel_r, v[0] * SY_FR_INV);
        for (int j = 0; j < 5; j++)
            v[j] = v[j + 1];
        v[5] = 0;
    }
    for (int i = 0; i < 5; i++)
        t[i] = v[i];
}

#endif

/* ret = a * b / R, below 2r; a < r, b < 2r. */
static inline void fr_kernel_mul_lazy(struct sy_fr *ret, const struct sy_fr *a,
                                      const struct sy_fr *b)
{
    fr_kernel_mul_limbs(ret->limb, a, b);
}

/* ret = a * b / R, fully reduced. */
static inline void fr_kernel_mul(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b)
{
    uint64_t t[4];
    fr_kernel_mul_limbs(t, a, b);
    fr_kernel_reduce_once(ret->limb, t);
}

/* ret = sum of a[k] * b[k] / R over k < n, plus addend, fully reduced; 1 <= n <= SY_FR_DOT_MAX. */
static inline void fr_kernel_dot(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b,
                                 size_t n, const struct sy_fr *addend)
{
    uint64_t t[5];
    unsigned long long s[5];
    fr_kernel_dot_limbs(t, a, b, n);
    unsigned char carry = _addcarry_u64(0, t[0], addend->limb[0], &s[0]);
    carry = _addcarry_u64(carry, t[1], addend->limb[1], &s[1]);
    carry = _addcarry_u64(carry, t[2], addend->limb[2], &s[2]);
    carry = _addcarry_u64(carry, t[3], addend->limb[3], &s[3]);
    uint64_t sum[5] = {s[0], s[1], s[2], s[3], t[4] + carry};
    fr_kernel_reduce_wide(ret->limb, sum);
}

/* ret = a^5 for a < r; the result lies below 1.66 r. */
static inline void fr_kernel_pow5_lazy(struct sy_fr *ret, const struct sy_fr *a)
{
    struct sy_fr square, fourth;
    fr_kernel_mul(&square, a, a);
    fr_kernel_mul_lazy(&fourth, &square, &square);
    fr_kernel_mul_lazy(ret, a, &fourth);
}

#endif
