/* The field against arithmetic that works bit by bit, on random and on extreme operands, in every
 * kernel this CPU has. */
#include "tests/unit/kernels_kat.h"
#include "tasks/field/fr.h"

#include <stdlib.h>

#define RANDOM_ROUNDS 400
#define EDGE_COUNT 14

static const char *const kernels[] = {"portable", "adx"};
static struct sy_fr edges[EDGE_COUNT];

/* ---- reference: plain 256-bit integers, doubling and adding, sharing nothing with the product */

static int compare_limbs(const uint64_t a[4], const uint64_t b[4])
{
    for (int i = 3; i >= 0; i--)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static void slow_add(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4])
{
    unsigned __int128 carry = 0;
    uint64_t sum[4];
    for (int i = 0; i < 4; i++) {
        carry += (unsigned __int128)a[i] + b[i];
        sum[i] = (uint64_t)carry;
        carry >>= 64;
    }
    if (compare_limbs(sum, sy_fr_modulus) >= 0) {
        __int128 borrow = 0;
        for (int i = 0; i < 4; i++) {
            borrow += (__int128)sum[i] - sy_fr_modulus[i];
            sum[i] = (uint64_t)borrow;
            borrow >>= 64;
        }
    }
    memcpy(ret, sum, sizeof sum);
}

static void slow_mul(uint64_t ret[4], const uint64_t a[4], const uint64_t b[4])
{
    uint64_t sum[4] = {0};
    for (int bit = 255; bit >= 0; bit--) {
        slow_add(sum, sum, sum);
        if ((b[bit / 64] >> (bit % 64) & 1) != 0)
            slow_add(sum, sum, a);
    }
    memcpy(ret, sum, sizeof sum);
}

/* The Montgomery factor 2^256 mod r by doubling. */
static void slow_montgomery(uint64_t ret[4], const uint64_t plain[4])
{
    memcpy(ret, plain, 32);
    for (int i = 0; i < 256; i++)
        slow_add(ret, ret, ret);
}

/* ---- operands */

static void random_element(uint64_t *state, struct sy_fr *ret)
{
    do {
        fill_random(state, ret->limb, sizeof ret->limb);
        ret->limb[3] &= 0x7fffffffffffffffULL;
    } while (compare_limbs(ret->limb, sy_fr_modulus) >= 0);
}

static int make_edges(void **unused SY_UNUSED)
{
    static const uint64_t raw[EDGE_COUNT][4] = {
        {0},
        {1},
        {2},
        {0xffffffff00000000ULL, 0x53bda402fffe5bfeULL, 0x3339d80809a1d805ULL,
         0x73eda753299d7d48ULL},
        {0xfffffffeffffffffULL, 0x53bda402fffe5bfeULL, 0x3339d80809a1d805ULL,
         0x73eda753299d7d48ULL},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0x73eda753299d7d47ULL},
        {0, 0, 0, 0x73eda753299d7d48ULL},
        {UINT64_MAX, 0, UINT64_MAX, 0x3fffffffffffffffULL},
        {0, UINT64_MAX, 0, UINT64_MAX >> 2},
        {0x00000001fffffffeULL, 0x5884b7fa00034802ULL, 0x998c4fefecbc4ff5ULL,
         0x1824b159acc5056fULL},
        {0xffffffff00000001ULL, 0, 0, 0},
        {0x8000000000000000ULL, 0x8000000000000000ULL, 0x8000000000000000ULL, 0},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, 0},
        {0, 0, 0, 1},
    };
    for (size_t i = 0; i < EDGE_COUNT; i++)
        memcpy(edges[i].limb, raw[i], sizeof raw[i]);
    return 0;
}

static void check_pair(const struct sy_fr *a, const struct sy_fr *b)
{
    uint64_t pa[4], pb[4], expected[4], got[4];
    struct sy_fr result, back;
    sy_fr_to_limbs(pa, a);
    sy_fr_to_limbs(pb, b);
    slow_montgomery(expected, pa);
    assert_memory_equal(expected, a->limb, 32);
    sy_fr_mul(&result, a, b);
    slow_mul(expected, pa, pb);
    sy_fr_to_limbs(got, &result);
    assert_memory_equal(got, expected, 32);
    assert_true(compare_limbs(result.limb, sy_fr_modulus) < 0);
    sy_fr_add(&result, a, b);
    slow_add(expected, a->limb, b->limb);
    assert_memory_equal(result.limb, expected, 32);
    sy_fr_sub(&back, &result, b);
    assert_true(sy_fr_equal(&back, a));
    sy_fr_neg(&back, b);
    sy_fr_sub(&result, &result, b);
    sy_fr_add(&result, &result, &back);
    sy_fr_sub(&back, a, b);
    assert_true(sy_fr_equal(&result, &back));
}

static void check_one(const struct sy_fr *a)
{
    struct sy_fr fifth, step, inverse;
    sy_fr_pow5(&fifth, a);
    sy_fr_sqr(&step, a);
    sy_fr_sqr(&step, &step);
    sy_fr_mul(&step, &step, a);
    assert_true(sy_fr_equal(&fifth, &step));
    assert_true(compare_limbs(fifth.limb, sy_fr_modulus) < 0);
    sy_fr_pow(&step, a, (const uint64_t[]){5}, 1);
    assert_true(sy_fr_equal(&fifth, &step));
    sy_fr_inv(&inverse, a);
    sy_fr_mul(&step, &inverse, a);
    assert_true(sy_fr_equal(&step, sy_fr_is_zero(a) ? &sy_fr_zero : &sy_fr_one));
}

static void kernels_equal_bitwise_arithmetic(void **unused SY_UNUSED)
{
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        uint64_t state = 1;
        if (sy_fr_force(kernels[k], NULL) != 0)
            continue;
        assert_string_equal(sy_fr_impl_name(), kernels[k]);
        for (size_t i = 0; i < EDGE_COUNT; i++) {
            check_one(&edges[i]);
            for (size_t j = 0; j < EDGE_COUNT; j++)
                check_pair(&edges[i], &edges[j]);
        }
        for (int i = 0; i < RANDOM_ROUNDS; i++) {
            struct sy_fr a, b;
            random_element(&state, &a);
            random_element(&state, &b);
            check_pair(&a, &b);
            check_one(&a);
            check_pair(&a, &edges[i % EDGE_COUNT]);
        }
    }
    assert_int_equal(sy_fr_force(NULL, NULL), 0);
}

static void unknown_kernel_is_refused(void **unused SY_UNUSED)
{
    struct sy_error err;
    assert_int_equal(sy_fr_force("abacus", &err), -SY_E_ARG);
}

static void bytes_round_trip_and_stay_canonical(void **unused SY_UNUSED)
{
    uint8_t bytes[32], back[32];
    struct sy_fr a, b;
    struct sy_error err;
    uint64_t state = 2;
    for (int i = 0; i < 100; i++) {
        fill_nodes(&state, bytes, 1);
        assert_int_equal(sy_fr_from_bytes(&a, bytes, &err), 0);
        sy_fr_to_bytes(back, &a);
        assert_memory_equal(bytes, back, 32);
    }
    memcpy(bytes, sy_fr_modulus, 32);
    assert_false(sy_fr_bytes_canonical(bytes));
    assert_int_equal(sy_fr_from_bytes(&a, bytes, &err), -SY_E_CORRUPT);
    assert_int_equal(err.class, SY_CLASS_CORRUPT);
    bytes[0]--;
    assert_true(sy_fr_bytes_canonical(bytes));
    assert_int_equal(sy_fr_from_bytes(&a, bytes, &err), 0);
    sy_fr_from_u64(&b, 1);
    assert_true(sy_fr_equal(&b, &sy_fr_one));
    sy_fr_add(&a, &a, &b);
    assert_true(sy_fr_is_zero(&a));
    memset(bytes, 0xff, 32);
    assert_int_equal(sy_fr_from_bytes(&a, bytes, &err), -SY_E_CORRUPT);
    sy_fr_from_bytes_trunc(&a, bytes);
    bytes[31] = 0x3f;
    assert_int_equal(sy_fr_from_bytes(&b, bytes, &err), 0);
    assert_true(sy_fr_equal(&a, &b));
}

static void many_inverses_equal_single_ones(void **unused SY_UNUSED)
{
    struct sy_fr in[33], out[33], one;
    uint64_t state = 3;
    for (size_t i = 0; i < SY_ARRAY_SIZE(in); i++)
        random_element(&state, &in[i]);
    in[0] = sy_fr_zero;
    in[17] = sy_fr_zero;
    sy_fr_inv_many(out, in, SY_ARRAY_SIZE(in));
    for (size_t i = 0; i < SY_ARRAY_SIZE(in); i++) {
        sy_fr_inv(&one, &in[i]);
        assert_true(sy_fr_equal(&one, &out[i]));
    }
}

#define BULK 57

static void bulk_addition_inverts_and_refuses_bad_nodes(void **unused SY_UNUSED)
{
    uint8_t a[BULK * 32], b[BULK * 32], sum[BULK * 32], bad[BULK * 32];
    struct sy_error err;
    uint64_t state = 4;
    for (size_t i = 0; i < BULK; i++) {
        struct sy_fr x;
        random_element(&state, &x);
        memcpy(a + 32 * i, x.limb, 32); /* any integer below r will do */
        random_element(&state, &x);
        memcpy(b + 32 * i, x.limb, 32);
    }
    assert_int_equal(sy_fr_add_bytes(sum, a, b, BULK, &err), 0);
    for (size_t i = 0; i < BULK; i++) {
        uint64_t x[4], y[4];
        memcpy(x, a + 32 * i, 32);
        memcpy(y, b + 32 * i, 32);
        slow_add(x, x, y);
        assert_memory_equal(sum + 32 * i, x, 32);
    }
    assert_int_equal(sy_fr_sub_bytes(sum, sum, b, BULK, &err), 0);
    assert_memory_equal(sum, a, sizeof a);
    memcpy(bad, a, sizeof a);
    memcpy(bad + 32 * 41, sy_fr_modulus, 32);
    assert_int_equal(sy_fr_add_bytes(sum, bad, b, BULK, &err), -SY_E_CORRUPT);
    assert_non_null(strstr(err.text, "first operand, node 41"));
    assert_int_equal(sy_fr_sub_bytes(sum, a, bad, BULK, &err), -SY_E_CORRUPT);
    assert_non_null(strstr(err.text, "second operand, node 41"));
    assert_int_equal(sy_fr_add_bytes(sum, a, bad, BULK, NULL), -SY_E_CORRUPT);
    assert_int_equal(sy_fr_sub_bytes(sum, bad, a, BULK, NULL), -SY_E_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(kernels_equal_bitwise_arithmetic, make_edges),
        cmocka_unit_test(unknown_kernel_is_refused),
        cmocka_unit_test(bytes_round_trip_and_stay_canonical),
        cmocka_unit_test(many_inverses_equal_single_ones),
        cmocka_unit_test(bulk_addition_inverts_and_refuses_bad_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
