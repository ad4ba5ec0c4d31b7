#include "tasks/field/fr.h"
#include "tasks/field/fr_ops.h"

#include <immintrin.h>
#include <stdatomic.h>
#include <string.h>

const uint64_t sy_fr_modulus[SY_FR_LIMBS] = {0xffffffff00000001ULL, 0x53bda402fffe5bfeULL,
                                             0x3339d80809a1d805ULL, 0x73eda753299d7d48ULL};
const struct sy_fr sy_fr_zero = {{0, 0, 0, 0}};
const struct sy_fr sy_fr_one = {
    {0x00000001fffffffeULL, 0x5884b7fa00034802ULL, 0x998c4fefecbc4ff5ULL, 0x1824b159acc5056fULL}};
/* 2^512 mod r: one multiplication by it turns a plain integer into Montgomery form. */
static const struct sy_fr r_squared = {
    {0xc999e990f3f29c6dULL, 0x2b6cedcb87925c23ULL, 0x05d314967254398fULL, 0x0748d9d99f59ff11ULL}};
static const struct sy_fr plain_one = {{1, 0, 0, 0}};

/* ------------------------------------------------------------------------------- choice of kernel
 */

static const struct sy_fr_ops *const kernels[] = {&sy_fr_ops_adx, &sy_fr_ops_portable};
static _Atomic(const struct sy_fr_ops *) chosen;

const struct sy_fr_ops *sy_fr_get_ops(void)
{
    const struct sy_fr_ops *ops = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (ops != NULL)
        return ops;
    ops = sy_fr_ops_adx.usable() ? &sy_fr_ops_adx : &sy_fr_ops_portable;
    atomic_store_explicit(&chosen, ops, memory_order_relaxed);
    return ops;
}

const char *sy_fr_impl_name(void)
{
    return sy_fr_get_ops()->name;
}

int sy_fr_force(const char *name, struct sy_error *err)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(kernels); i++) {
        if (name != NULL && strcmp(kernels[i]->name, name) != 0)
            continue;
        if (kernels[i]->usable()) {
            atomic_store(&chosen, kernels[i]);
            return 0;
        }
        if (name != NULL)
            return sy_fail(err, SY_E_UNSUPPORTED, "this CPU lacks the instructions of \"%s\"",
                           name);
    }
    return sy_fail(err, SY_E_ARG, "no field kernel \"%s\": known are adx and portable", name);
}

/* ------------------------------------------------------------------------------------- plain limbs
 */

static inline void load_limbs(uint64_t ret[4], const uint8_t *bytes)
{
    memcpy(ret, bytes, SY_FR_BYTES); /* x86-64 is little-endian, as the format is */
}

/* ret = a - b, returns the borrow. */
static inline unsigned char sub_limbs(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4])
{
    unsigned long long d[4];
    unsigned char borrow = 0;
    for (int i = 0; i < 4; i++)
        borrow = _subborrow_u64(borrow, a[i], b[i], &d[i]);
    for (int i = 0; i < 4; i++)
        ret[i] = d[i];
    return borrow;
}

/* ret = a + b, both below r: the sum fits in 256 bits. */
static inline void add_limbs(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4])
{
    unsigned long long s[4];
    unsigned char carry = 0;
    for (int i = 0; i < 4; i++)
        carry = _addcarry_u64(carry, a[i], b[i], &s[i]);
    for (int i = 0; i < 4; i++)
        ret[i] = s[i];
}

static inline bool below_modulus(const uint64_t a[4])
{
    uint64_t ignored[4];
    return sub_limbs(ignored, a, sy_fr_modulus) != 0;
}

static inline void add_mod(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4])
{
    uint64_t sum[4], reduced[4];
    add_limbs(sum, a, b);
    uint64_t keep = (uint64_t)0 - sub_limbs(reduced, sum, sy_fr_modulus);
    for (int i = 0; i < 4; i++)
        ret[i] = (sum[i] & keep) | (reduced[i] & ~keep);
}

static inline void sub_mod(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4])
{
    uint64_t difference[4], fix[4];
    uint64_t borrowed = (uint64_t)0 - sub_limbs(difference, a, b);
    for (int i = 0; i < 4; i++)
        fix[i] = sy_fr_modulus[i] & borrowed;
    add_limbs(ret, difference, fix); /* the carry out cancels the borrow */
}

/* --------------------------------------------------------------------------------------
 * conversions */

bool sy_fr_bytes_canonical(const uint8_t bytes[SY_FR_BYTES])
{
    uint64_t limbs[4];
    load_limbs(limbs, bytes);
    return below_modulus(limbs);
}

void sy_fr_from_limbs(struct sy_fr *ret, const uint64_t limbs[SY_FR_LIMBS])
{
    struct sy_fr plain;
    memcpy(plain.limb, limbs, sizeof plain.limb);
    sy_fr_mul(ret, &plain, &r_squared);
}

void sy_fr_to_limbs(uint64_t ret_limbs[SY_FR_LIMBS], const struct sy_fr *a)
{
    struct sy_fr plain;
    sy_fr_mul(&plain, a, &plain_one);
    memcpy(ret_limbs, plain.limb, sizeof plain.limb);
}

int sy_fr_from_bytes(struct sy_fr *ret, const uint8_t bytes[SY_FR_BYTES], struct sy_error *err)
{
    uint64_t limbs[4];
    load_limbs(limbs, bytes);
    if (!below_modulus(limbs))
        return sy_fail(
            err, SY_E_CORRUPT,
            "32 bytes are the integer 0x%016llx%016llx%016llx%016llx, expected one below "
            "the field modulus 0x73eda753...00000001",
            (unsigned long long)limbs[3], (unsigned long long)limbs[2],
            (unsigned long long)limbs[1], (unsigned long long)limbs[0]);
    sy_fr_from_limbs(ret, limbs);
    return 0;
}

void sy_fr_from_bytes_trunc(struct sy_fr *ret, const uint8_t bytes[SY_FR_BYTES])
{
    uint64_t limbs[4];
    load_limbs(limbs, bytes);
    limbs[3] &= 0x3fffffffffffffffULL;
    sy_fr_from_limbs(ret, limbs);
}

void sy_fr_to_bytes(uint8_t ret_bytes[SY_FR_BYTES], const struct sy_fr *a)
{
    uint64_t limbs[4];
    sy_fr_to_limbs(limbs, a);
    memcpy(ret_bytes, limbs, SY_FR_BYTES);
}

void sy_fr_from_u64(struct sy_fr *ret, uint64_t value)
{
    const uint64_t limbs[4] = {value, 0, 0, 0};
    sy_fr_from_limbs(ret, limbs);
}

/* ---------------------------------------------------------------------------------------
 * arithmetic */

bool sy_fr_equal(const struct sy_fr *a, const struct sy_fr *b)
{
    return memcmp(a->limb, b->limb, sizeof a->limb) == 0;
}

bool sy_fr_is_zero(const struct sy_fr *a)
{
    return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

void sy_fr_add(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b)
{
    add_mod(ret->limb, a->limb, b->limb);
}

void sy_fr_sub(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b)
{
    sub_mod(ret->limb, a->limb, b->limb);
}

void sy_fr_neg(struct sy_fr *ret, const struct sy_fr *a)
{
    sub_mod(ret->limb, sy_fr_zero.limb, a->limb);
}

void sy_fr_mul(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b)
{
    sy_fr_get_ops()->mul(ret, a, b);
}

void sy_fr_sqr(struct sy_fr *ret, const struct sy_fr *a)
{
    sy_fr_get_ops()->mul(ret, a, a);
}

void sy_fr_pow5(struct sy_fr *ret, const struct sy_fr *a)
{
    sy_fr_get_ops()->pow5(ret, a);
}

void sy_fr_pow(struct sy_fr *ret, const struct sy_fr *a, const uint64_t *exponent, size_t limbs)
{
    struct sy_fr base = *a, power = sy_fr_one;
    for (size_t bit = limbs * 64; bit-- > 0;) {
        sy_fr_sqr(&power, &power);
        if ((exponent[bit / 64] >> (bit % 64) & 1) != 0)
            sy_fr_mul(&power, &power, &base);
    }
    *ret = power;
}

void sy_fr_inv(struct sy_fr *ret, const struct sy_fr *a)
{
    /* r - 2; the low limb ends in ...00000001, so the subtraction borrows inside it only. */
    const uint64_t exponent[4] = {sy_fr_modulus[0] - 2, sy_fr_modulus[1], sy_fr_modulus[2],
                                  sy_fr_modulus[3]};
    sy_fr_pow(ret, a, exponent, 4);
}

void sy_fr_inv_many(struct sy_fr *ret, const struct sy_fr *a, size_t count)
{
    struct sy_fr product = sy_fr_one;
    for (size_t i = 0; i < count; i++) {
        ret[i] = product; /* product of the nonzero elements before i */
        if (!sy_fr_is_zero(&a[i]))
            sy_fr_mul(&product, &product, &a[i]);
    }
    sy_fr_inv(&product, &product);
    for (size_t i = count; i-- > 0;) {
        if (sy_fr_is_zero(&a[i])) {
            ret[i] = sy_fr_zero;
            continue;
        }
        sy_fr_mul(&ret[i], &ret[i], &product);
        sy_fr_mul(&product, &product, &a[i]);
    }
}

/* ------------------------------------------------------------------------------------ bytes in
 * bulk */

static int fail_node(struct sy_error *err, const char *which, size_t index)
{
    return sy_fail(
        err, SY_E_CORRUPT,
        "%s operand, node %zu, is not below the field modulus: the file it comes from is "
        "damaged or is no field data",
        which, index);
}

/* Almost every canonical value shows it in its top limb. */
static inline bool surely_below(const uint64_t a[4])
{
    return __builtin_expect(a[3] < sy_fr_modulus[3], 1) || below_modulus(a);
}

/* One loop for both directions; `combine` is a constant and inlined. Expected 25 cycles per node
 * and 96 bytes of traffic: memory-bound at sector size. */
static inline __attribute__((always_inline)) int
combine_bytes(uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t count,
              void (*combine)(uint64_t *, const uint64_t *, const uint64_t *), struct sy_error *err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t x[4], y[4];
        load_limbs(x, a + i * SY_FR_BYTES);
        load_limbs(y, b + i * SY_FR_BYTES);
        if (!surely_below(x))
            return fail_node(err, "first", i);
        if (!surely_below(y))
            return fail_node(err, "second", i);
        combine(x, x, y);
        memcpy(dst + i * SY_FR_BYTES, x, SY_FR_BYTES);
    }
    return 0;
}

int sy_fr_add_bytes(uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t count,
                    struct sy_error *err)
{
    return combine_bytes(dst, a, b, count, add_mod, err);
}

int sy_fr_sub_bytes(uint8_t *dst, const uint8_t *a, const uint8_t *b, size_t count,
                    struct sy_error *err)
{
    return combine_bytes(dst, a, b, count, sub_mod, err);
}
