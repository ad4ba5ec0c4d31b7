#include "tasks/field/fp.h"
#include "tasks/field/fp_ops.h"

#include <immintrin.h>
#include <stdatomic.h>
#include <string.h>

const uint64_t sy_fp_modulus[SY_FP_LIMBS] = {0xb9feffffffffaaabULL, 0x1eabfffeb153ffffULL,
                                             0x6730d2a0f6b0f624ULL, 0x64774b84f38512bfULL,
                                             0x4b1ba7b6434bacd7ULL, 0x1a0111ea397fe69aULL};
const struct sy_fp sy_fp_zero = {{0}};
const struct sy_fp sy_fp_one = {{0x760900000002fffdULL, 0xebf4000bc40c0002ULL,
                                 0x5f48985753c758baULL, 0x77ce585370525745ULL,
                                 0x5c071a97a256ec6dULL, 0x15f65ec3fa80e493ULL}};
/* 2^768 mod p. */
static const struct sy_fp r_squared = {{0xf4df1f341c341746ULL, 0x0a76e6a609d104f1ULL,
                                        0x8de5476c4c95b6d5ULL, 0x67eb88a9939d83c0ULL,
                                        0x9a793e85b519952dULL, 0x11988fe592cae3aaULL}};
static const struct sy_fp plain_one = {{1, 0, 0, 0, 0, 0}};

static const struct sy_fp_ops *const kernels[] = {&sy_fp_ops_adx, &sy_fp_ops_portable};
static _Atomic(const struct sy_fp_ops *) chosen;

static const struct sy_fp_ops *get_ops(void)
{
    const struct sy_fp_ops *ops = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (ops)
        return ops;
    ops = sy_fp_ops_adx.usable() ? &sy_fp_ops_adx : &sy_fp_ops_portable;
    atomic_store_explicit(&chosen, ops, memory_order_relaxed);
    return ops;
}

const char *sy_fp_impl_name(void)
{
    return get_ops()->name;
}

int sy_fp_force(const char *name, struct sy_error *err)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(kernels); i++) {
        if (name && strcmp(kernels[i]->name, name) != 0)
            continue;
        if (kernels[i]->usable()) {
            atomic_store(&chosen, kernels[i]);
            return 0;
        }
        if (name)
            return sy_fail(err, SY_E_UNSUPPORTED, "this CPU lacks the instructions of \"%s\"",
                           name);
    }
    return sy_fail(err, SY_E_ARG, "no field kernel \"%s\": known are adx and portable", name);
}

static unsigned char sub_limbs(uint64_t ret[SY_FP_LIMBS], const uint64_t a[SY_FP_LIMBS],
                               const uint64_t b[SY_FP_LIMBS])
{
    unsigned long long d[SY_FP_LIMBS];
    unsigned char borrow = 0;
    for (int i = 0; i < SY_FP_LIMBS; i++)
        borrow = _subborrow_u64(borrow, a[i], b[i], &d[i]);
    for (int i = 0; i < SY_FP_LIMBS; i++)
        ret[i] = d[i];
    return borrow;
}

static void add_limbs(uint64_t ret[SY_FP_LIMBS], const uint64_t a[SY_FP_LIMBS],
                      const uint64_t b[SY_FP_LIMBS])
{
    unsigned long long s[SY_FP_LIMBS];
    unsigned char carry = 0;
    for (int i = 0; i < SY_FP_LIMBS; i++)
        carry = _addcarry_u64(carry, a[i], b[i], &s[i]);
    for (int i = 0; i < SY_FP_LIMBS; i++)
        ret[i] = s[i];
}

void sy_fp_add(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b)
{
    uint64_t sum[SY_FP_LIMBS], reduced[SY_FP_LIMBS];
    add_limbs(sum, a->limb, b->limb);
    uint64_t keep = (uint64_t)0 - sub_limbs(reduced, sum, sy_fp_modulus);
    for (int i = 0; i < SY_FP_LIMBS; i++)
        ret->limb[i] = (sum[i] & keep) | (reduced[i] & ~keep);
}

void sy_fp_sub(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b)
{
    uint64_t difference[SY_FP_LIMBS], fix[SY_FP_LIMBS];
    uint64_t borrowed = (uint64_t)0 - sub_limbs(difference, a->limb, b->limb);
    for (int i = 0; i < SY_FP_LIMBS; i++)
        fix[i] = sy_fp_modulus[i] & borrowed;
    add_limbs(ret->limb, difference, fix);
}

void sy_fp_double(struct sy_fp *ret, const struct sy_fp *a)
{
    sy_fp_add(ret, a, a);
}

void sy_fp_neg(struct sy_fp *ret, const struct sy_fp *a)
{
    sy_fp_sub(ret, &sy_fp_zero, a);
}

void sy_fp_mul(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b)
{
    get_ops()->mul(ret, a, b);
}

void sy_fp_sqr(struct sy_fp *ret, const struct sy_fp *a)
{
    get_ops()->mul(ret, a, a);
}

bool sy_fp_equal(const struct sy_fp *a, const struct sy_fp *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool sy_fp_is_zero(const struct sy_fp *a)
{
    return sy_fp_equal(a, &sy_fp_zero);
}

void sy_fp_from_limbs(struct sy_fp *ret, const uint64_t limbs[SY_FP_LIMBS])
{
    struct sy_fp plain;
    memcpy(plain.limb, limbs, sizeof plain.limb);
    sy_fp_mul(ret, &plain, &r_squared);
}

void sy_fp_to_limbs(uint64_t ret_limbs[SY_FP_LIMBS], const struct sy_fp *a)
{
    struct sy_fp plain;
    sy_fp_mul(&plain, a, &plain_one);
    memcpy(ret_limbs, plain.limb, sizeof plain.limb);
}

int sy_fp_compare(const struct sy_fp *a, const struct sy_fp *b)
{
    uint64_t x[SY_FP_LIMBS], y[SY_FP_LIMBS];
    sy_fp_to_limbs(x, a);
    sy_fp_to_limbs(y, b);
    for (int i = SY_FP_LIMBS - 1; i >= 0; i--)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

int sy_fp_from_bytes(struct sy_fp *ret, const uint8_t bytes[SY_FP_BYTES], struct sy_error *err)
{
    uint64_t limbs[SY_FP_LIMBS], ignored[SY_FP_LIMBS];
    for (int i = 0; i < SY_FP_LIMBS; i++) {
        uint64_t word;
        memcpy(&word, bytes + SY_FP_BYTES - 8 * (i + 1), 8);
        limbs[i] = __builtin_bswap64(word);
    }
    if (sub_limbs(ignored, limbs, sy_fp_modulus) == 0)
        return sy_fail(err, SY_E_CORRUPT,
                       "a coordinate is not below the field's modulus: the point is damaged");
    sy_fp_from_limbs(ret, limbs);
    return 0;
}

void sy_fp_to_bytes(uint8_t ret_bytes[SY_FP_BYTES], const struct sy_fp *a)
{
    uint64_t limbs[SY_FP_LIMBS];
    sy_fp_to_limbs(limbs, a);
    for (int i = 0; i < SY_FP_LIMBS; i++) {
        uint64_t word = __builtin_bswap64(limbs[i]);
        memcpy(ret_bytes + SY_FP_BYTES - 8 * (i + 1), &word, 8);
    }
}

void sy_fp_pow(struct sy_fp *ret, const struct sy_fp *a, const uint64_t *exponent, size_t limbs)
{
    struct sy_fp base = *a, result = sy_fp_one;
    for (size_t i = limbs * 64; i-- > 0;) {
        sy_fp_sqr(&result, &result);
        if (exponent[i / 64] >> i % 64 & 1)
            sy_fp_mul(&result, &result, &base);
    }
    *ret = result;
}

bool sy_fp_sqrt(struct sy_fp *ret, const struct sy_fp *a)
{
    /* (p + 1) / 4 */
    static const uint64_t exponent[SY_FP_LIMBS] = {0xee7fbfffffffeaabULL, 0x07aaffffac54ffffULL,
                                                   0xd9cc34a83dac3d89ULL, 0xd91dd2e13ce144afULL,
                                                   0x92c6e9ed90d2eb35ULL, 0x0680447a8e5ff9a6ULL};
    struct sy_fp root, check;
    sy_fp_pow(&root, a, exponent, SY_FP_LIMBS);
    sy_fp_sqr(&check, &root);
    if (!sy_fp_equal(&check, a))
        return false;
    *ret = root;
    return true;
}
