/* Sums of scalar multiples against one-by-one sums, and transforms against their definition. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "tasks/snark/fft.h"
#include "tasks/snark/msm.h"

static uint64_t next_word(void)
{
    static uint64_t state = 0x2545f4914f6cdd1dULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void draw_fr(struct sy_fr *ret)
{
    uint64_t limbs[4];
    for (int i = 0; i < 4; i++)
        limbs[i] = next_word();
    limbs[3] %= 0x73eda753299d7d48ULL;
    sy_fr_from_limbs(ret, limbs);
}

/* Scalars as witnesses have them: zeros, ones, minus one, small and full numbers. */
static void draw_scalar(struct sy_fr *ret, size_t i)
{
    switch (i % 5) {
    case 0:
        *ret = sy_fr_zero;
        break;
    case 1:
        *ret = sy_fr_one;
        break;
    case 2:
        sy_fr_neg(ret, &sy_fr_one);
        break;
    case 3:
        sy_fr_from_u64(ret, next_word() % 1000);
        break;
    default:
        draw_fr(ret);
    }
}

/* Few distinct points, so that buckets meet equal and opposite ones. */
static void fill_g1(struct sy_g1_affine *points, size_t count)
{
    struct sy_g1 p;
    sy_g1_from_affine(&p, &sy_g1_generator);
    for (size_t i = 0; i < count; i++) {
        sy_g1_to_affine(&points[i], &p);
        if (i % 7 == 3)
            sy_g1_neg(&p, &p);
        else if (i % 7 != 5)
            sy_g1_double(&p, &p);
    }
    if (count > 20)
        memset(&points[11], 0, sizeof points[11]);
}

static void check_g1(size_t count, unsigned threads)
{
    struct sy_g1_affine *points = calloc(count + 1, sizeof *points);
    struct sy_fr *scalars = calloc(count + 1, sizeof *scalars);
    uint8_t *bytes = calloc(count + 1, SY_G1_BYTES);
    struct sy_g1 expected = sy_g1_infinity, part, sum;
    fill_g1(points, count);
    for (size_t i = 0; i < count; i++) {
        draw_scalar(&scalars[i], i);
        sy_g1_from_affine(&part, &points[i]);
        sy_g1_mul_fr(&part, &part, &scalars[i]);
        sy_g1_add(&expected, &expected, &part);
    }
    struct sy_msm_g1_input input = {.points = points, .scalars = scalars, .count = count};
    assert_int_equal(sy_msm_g1(&sum, &input, threads, NULL), 0);
    assert_true(sy_g1_equal(&sum, &expected));
    if (count > 0 && count < 12) {
        for (size_t i = 0; i < count; i++)
            sy_g1_serialize(bytes + i * SY_G1_BYTES, &points[i]);
        struct sy_msm_g1_input encoded = {.encoded = bytes, .scalars = scalars, .count = count};
        assert_int_equal(sy_msm_g1(&sum, &encoded, threads, NULL), 0);
        assert_true(sy_g1_equal(&sum, &expected));
        memset(bytes + SY_G1_BYTES * (count - 1), 0xff, SY_G1_BYTES);
        scalars[count - 1] = sy_fr_one;
        assert_int_equal(sy_msm_g1(&sum, &encoded, threads, NULL), -SY_E_CORRUPT);
    }
    free(points);
    free(scalars);
    free(bytes);
}

static void g1_sums_are_right(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 11, 64, 500, 3000};
    for (size_t i = 0; i < SY_ARRAY_SIZE(counts); i++)
        check_g1(counts[i], 1 + (unsigned)i % 3);
}

static void several_chunks_are_right(void **state)
{
    (void)state;
    /* sum of k * (i + 1) * G over all i, by the closed form */
    size_t count = 300000;
    struct sy_g1_affine *points = calloc(count, sizeof *points);
    struct sy_fr *scalars = calloc(count, sizeof *scalars);
    struct sy_fr sum = sy_fr_zero, value;
    for (size_t i = 0; i < count; i++) {
        points[i] = sy_g1_generator;
        draw_fr(&scalars[i]);
        sy_fr_add(&sum, &sum, &scalars[i]);
    }
    struct sy_msm_g1_input input = {.points = points, .scalars = scalars, .count = count};
    struct sy_g1 result, expected;
    assert_int_equal(sy_msm_g1(&result, &input, 2, NULL), 0);
    sy_g1_from_affine(&expected, &sy_g1_generator);
    value = sum;
    sy_g1_mul_fr(&expected, &expected, &value);
    assert_true(sy_g1_equal(&result, &expected));
    free(points);
    free(scalars);
}

static void g2_sums_are_right(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static struct sy_g2_affine points[COUNT];
    static struct sy_fr scalars[COUNT];
    static uint8_t bytes[COUNT * SY_G2_BYTES];
    struct sy_g2 p, part, expected = sy_g2_infinity, sum;
    sy_g2_from_affine(&p, &sy_g2_generator);
    for (size_t i = 0; i < COUNT; i++) {
        sy_g2_to_affine(&points[i], &p);
        sy_g2_serialize(bytes + i * SY_G2_BYTES, &points[i]);
        if (i % 3 != 0)
            sy_g2_double(&p, &p);
        draw_scalar(&scalars[i], i);
        sy_g2_from_affine(&part, &points[i]);
        sy_g2_mul_fr(&part, &part, &scalars[i]);
        sy_g2_add(&expected, &expected, &part);
    }
    struct sy_msm_g2_input input = {.points = points, .scalars = scalars, .count = COUNT};
    assert_int_equal(sy_msm_g2(&sum, &input, 2, NULL), 0);
    assert_true(sy_g2_equal(&sum, &expected));
    struct sy_msm_g2_input encoded = {.encoded = bytes, .scalars = scalars, .count = COUNT};
    assert_int_equal(sy_msm_g2(&sum, &encoded, 1, NULL), 0);
    assert_true(sy_g2_equal(&sum, &expected));
}

static void domain_roots_are_the_networks(void **state)
{
    (void)state;
    static const struct {
        unsigned log2;
        const char *omega;
    } rows[] = {
        {15, "3291357ee558b50d483405417a0cbe39c8d5f51db3f32699fbd047e11279bb6e"},
        {18, "2d3056a530794f01652f717ae1c34bb0bb97a3bf30ce40fd6f421a7d8ef674fb"},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(rows); i++) {
        struct sy_fft *fft;
        uint8_t wanted[32], bytes[32];
        assert_int_equal(sy_fft_create(&fft, rows[i].log2, 1, NULL), 0);
        assert_int_equal(sy_hex_decode(rows[i].omega, wanted, 32, NULL), 0);
        sy_fr_to_bytes(bytes, sy_fft_omega(fft));
        for (int b = 0; b < 32; b++)
            assert_int_equal(bytes[b], wanted[31 - b]);
        sy_fft_destroy(fft);
    }
    struct sy_fft *fft;
    assert_int_equal(sy_fft_create(&fft, 33, 1, NULL), -SY_E_RANGE);
    uint8_t wanted[32], bytes[32];
    struct sy_fr z;
    assert_int_equal(sy_fft_create(&fft, 15, 1, NULL), 0);
    assert_int_equal(
        sy_hex_decode("64150f49166b27fa777c16e937469c1a0a0d6198b34017d325a87f5a4c21a098", wanted,
                      32, NULL),
        0);
    sy_fft_coset_vanishing_inverse(fft, &z);
    sy_fr_to_bytes(bytes, &z);
    for (int b = 0; b < 32; b++)
        assert_int_equal(bytes[b], wanted[31 - b]);
    sy_fft_destroy(fft);
}

static void transform_is_its_definition(void **state)
{
    (void)state;
    for (unsigned log2 = 0; log2 <= 6; log2++) {
        struct sy_fft *fft;
        size_t size = (size_t)1 << log2;
        struct sy_fr in[64], out[64], power, step, sum, product;
        assert_int_equal(sy_fft_create(&fft, log2, 2, NULL), 0);
        for (size_t i = 0; i < size; i++)
            draw_fr(&in[i]);
        memcpy(out, in, sizeof in);
        assert_int_equal(sy_fft_forward(fft, out, NULL), 0);
        for (size_t i = 0; i < size; i++) {
            uint64_t e = i;
            sy_fr_pow(&step, sy_fft_omega(fft), &e, 1);
            power = sy_fr_one;
            sum = sy_fr_zero;
            for (size_t j = 0; j < size; j++) {
                sy_fr_mul(&product, &in[j], &power);
                sy_fr_add(&sum, &sum, &product);
                sy_fr_mul(&power, &power, &step);
            }
            assert_true(sy_fr_equal(&sum, &out[i]));
        }
        sy_fft_destroy(fft);
    }
}

static void inverses_undo(void **state)
{
    (void)state;
    static const unsigned logs[] = {1, 10, 17};
    for (size_t l = 0; l < SY_ARRAY_SIZE(logs); l++) {
        struct sy_fft *fft;
        size_t size = (size_t)1 << logs[l];
        struct sy_fr *in = calloc(size, sizeof *in), *data = calloc(size, sizeof *data);
        assert_int_equal(sy_fft_create(&fft, logs[l], 2, NULL), 0);
        for (size_t i = 0; i < size; i++)
            draw_fr(&in[i]);
        memcpy(data, in, size * sizeof *in);
        assert_int_equal(sy_fft_forward(fft, data, NULL), 0);
        assert_memory_not_equal(data, in, size * sizeof *in);
        assert_int_equal(sy_fft_inverse(fft, data, NULL), 0);
        assert_memory_equal(data, in, size * sizeof *in);
        assert_int_equal(sy_fft_coset_forward(fft, data, NULL), 0);
        assert_int_equal(sy_fft_coset_inverse(fft, data, NULL), 0);
        assert_memory_equal(data, in, size * sizeof *in);
        sy_fft_destroy(fft);
        free(in);
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g1_sums_are_right),
        cmocka_unit_test(several_chunks_are_right),
        cmocka_unit_test(g2_sums_are_right),
        cmocka_unit_test(domain_roots_are_the_networks),
        cmocka_unit_test(transform_is_its_definition),
        cmocka_unit_test(inverses_undo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
