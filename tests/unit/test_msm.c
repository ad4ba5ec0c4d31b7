/* Sums of scalar multiples against one-by-one sums, and transforms against their definition. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "tasks/field/fp_gcd.h"
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

/* ---- edges, with every kernel. Points are small multiples a of the generator, so that the sum is
 * (sum of a * scalar) times the generator. */

static const char *const kernels[] = {"ifma", "scalar"};

enum points { POINTS_COUNTING, POINTS_SAME, POINTS_OPPOSITE, POINTS_INFINITE };
enum scalars { SCALARS_MIXED, SCALARS_ZERO, SCALARS_ONE, SCALARS_MINUS_ONE, SCALARS_SAME };

/* The multiple that stands at place i, as a field element. */
static void factor_of(struct sy_fr *ret, enum points kind, size_t i)
{
    sy_fr_from_u64(ret, kind == POINTS_COUNTING ? i % 300 + 1 : 5);
    if (kind == POINTS_OPPOSITE && i % 2 == 1)
        sy_fr_neg(ret, ret);
    if (kind == POINTS_INFINITE && i % 3 != 0)
        *ret = sy_fr_zero;
}

static void make_points(struct sy_g1_affine *points, size_t count, enum points kind)
{
    static struct sy_g1_affine table[301];
    struct sy_g1 p = sy_g1_infinity;
    for (size_t i = 0; i < SY_ARRAY_SIZE(table); i++) {
        sy_g1_to_affine(&table[i], &p);
        sy_g1_add_affine(&p, &p, &sy_g1_generator);
    }
    for (size_t i = 0; i < count; i++) {
        points[i] = table[kind == POINTS_COUNTING ? i % 300 + 1 : 5];
        if (kind == POINTS_OPPOSITE && i % 2 == 1)
            sy_g1_affine_neg(&points[i], &points[i]);
        if (kind == POINTS_INFINITE && i % 3 != 0)
            points[i] = table[0];
    }
}

static void make_scalar(struct sy_fr *ret, enum scalars kind, size_t i)
{
    switch (kind) {
    case SCALARS_ZERO:
        *ret = sy_fr_zero;
        break;
    case SCALARS_ONE:
        *ret = sy_fr_one;
        break;
    case SCALARS_MINUS_ONE:
        sy_fr_neg(ret, &sy_fr_one);
        break;
    case SCALARS_SAME:
        sy_fr_from_u64(ret, 0x123456789abcdefULL);
        break;
    default:
        draw_scalar(ret, i);
    }
}

static void check_closed_form(enum points kind, enum scalars scalar_kind, size_t count,
                              unsigned threads)
{
    struct sy_g1_affine *points = calloc(count + 1, sizeof *points);
    struct sy_fr *scalars = calloc(count + 1, sizeof *scalars);
    struct sy_fr sum = sy_fr_zero, factor;
    struct sy_g1 expected, result;
    make_points(points, count, kind);
    for (size_t i = 0; i < count; i++) {
        make_scalar(&scalars[i], scalar_kind, i);
        factor_of(&factor, kind, i);
        sy_fr_mul(&factor, &factor, &scalars[i]);
        sy_fr_add(&sum, &sum, &factor);
    }
    sy_g1_from_affine(&expected, &sy_g1_generator);
    sy_g1_mul_fr(&expected, &expected, &sum);
    struct sy_msm_g1_input input = {.points = points, .scalars = scalars, .count = count};
    assert_int_equal(sy_msm_g1(&result, &input, threads, NULL), 0);
    assert_true(sy_g1_equal(&result, &expected));
    free(points);
    free(scalars);
}

static void edges_are_right_with_every_kernel(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 7, 8, 9, 17, 2047, 2048, 2049, 6200};
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        if (sy_msm_force(kernels[k], NULL) != 0)
            continue;
        assert_string_equal(sy_msm_impl_name(), kernels[k]);
        for (size_t c = 0; c < SY_ARRAY_SIZE(counts); c++)
            for (int p = POINTS_COUNTING; p <= POINTS_INFINITE; p++)
                for (int s = SCALARS_MIXED; s <= SCALARS_SAME; s++)
                    check_closed_form((enum points)p, (enum scalars)s, counts[c],
                                      1 + (unsigned)(c + (size_t)s) % 3);
    }
    assert_int_equal(sy_msm_force("mmx", NULL), -SY_E_ARG);
    assert_int_equal(sy_msm_force(NULL, NULL), 0);
}

static void chunk_boundaries_are_right(void **state)
{
    (void)state;
    check_closed_form(POINTS_COUNTING, SCALARS_MIXED, 131071, 1);
    check_closed_form(POINTS_COUNTING, SCALARS_SAME, 131072, 2);
    check_closed_form(POINTS_COUNTING, SCALARS_MINUS_ONE, 131073, 3);
    check_closed_form(POINTS_COUNTING, SCALARS_ONE, 131073, 2);
}

/* Coordinates at the ends of the field, with many equal and opposite ones, whether on a curve or
 * not: both kernels add in the same order and must agree to the bit. The small numbers are such
 * that no two points lie on a line through the origin whose third point is the origin itself: that
 * is not on any curve here but would read as infinity. */
static void draw_edge_fp(struct sy_fp *ret, uint64_t small, uint64_t below_p)
{
    uint64_t limbs[SY_FP_LIMBS] = {0};
    uint64_t kind = next_word() % 8;
    if (kind < 2) {
        limbs[0] = kind * small;
    } else if (kind < 4) {
        memcpy(limbs, sy_fp_modulus, sizeof limbs);
        limbs[0] -= kind == 2 ? 1 : below_p;
    } else if (kind == 4) {
        limbs[next_word() % 5] = UINT64_MAX;
    } else {
        for (int i = 0; i < SY_FP_LIMBS; i++)
            limbs[i] = next_word();
        limbs[5] >>= 4;
    }
    sy_fp_from_limbs(ret, limbs);
}

static void kernels_agree_on_extreme_points(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static struct sy_g1_affine points[COUNT], sums[2];
    static struct sy_g2_affine points2[COUNT], sums2[2];
    static struct sy_fr scalars[COUNT];
    if (sy_msm_force("ifma", NULL) != 0)
        skip();
    for (size_t i = 0; i < COUNT; i++) {
        draw_edge_fp(&points[i].x, 2, 5);
        draw_edge_fp(&points[i].y, 3, 1);
        draw_edge_fp(&points2[i].x.c0, 2, 5);
        draw_edge_fp(&points2[i].x.c1, 2, 5);
        draw_edge_fp(&points2[i].y.c0, 3, 1);
        draw_edge_fp(&points2[i].y.c1, 3, 1);
        if (i > 8 && next_word() % 4 == 0) {
            points[i] = points[i - 1 - next_word() % 8];
            points2[i] = points2[i - 1 - next_word() % 8];
        }
        draw_scalar(&scalars[i], i);
    }
    for (size_t count = COUNT - 40; count <= COUNT; count += 13) {
        for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
            struct sy_msm_g1_input in = {.points = points, .scalars = scalars, .count = count};
            struct sy_msm_g2_input in2 = {.points = points2, .scalars = scalars, .count = count};
            struct sy_g1 sum;
            struct sy_g2 sum2;
            assert_int_equal(sy_msm_force(kernels[k], NULL), 0);
            assert_int_equal(sy_msm_g1(&sum, &in, 1, NULL), 0);
            assert_int_equal(sy_msm_g2(&sum2, &in2, 1, NULL), 0);
            sy_g1_to_affine(&sums[k], &sum);
            sy_g2_to_affine(&sums2[k], &sum2);
        }
        assert_true(sy_g1_affine_equal(&sums[0], &sums[1]));
        assert_true(sy_g2_affine_equal(&sums2[0], &sums2[1]));
    }
    sy_msm_force(NULL, NULL);
}

/* The same points as bytes; a coordinate of p and above is refused at every place of a lane. */
static void encoded_points_are_checked(void **state)
{
    (void)state;
    enum { COUNT = 37 };
    struct sy_g1_affine points[COUNT];
    struct sy_fr scalars[COUNT];
    uint8_t bytes[COUNT * SY_G1_BYTES], p_bytes[SY_FP_BYTES];
    struct sy_g1 plain, encoded;
    for (int i = 0; i < SY_FP_BYTES; i++)
        p_bytes[i] = (uint8_t)(sy_fp_modulus[(SY_FP_BYTES - 1 - i) / 8] >> (47 - i) % 8 * 8);
    make_points(points, COUNT, POINTS_COUNTING);
    for (size_t i = 0; i < COUNT; i++) {
        sy_g1_serialize(bytes + i * SY_G1_BYTES, &points[i]);
        draw_fr(&scalars[i]);
    }
    for (size_t k = 0; k < SY_ARRAY_SIZE(kernels); k++) {
        if (sy_msm_force(kernels[k], NULL) != 0)
            continue;
        struct sy_msm_g1_input a = {.points = points, .scalars = scalars, .count = COUNT};
        struct sy_msm_g1_input b = {.encoded = bytes, .scalars = scalars, .count = COUNT};
        assert_int_equal(sy_msm_g1(&plain, &a, 1, NULL), 0);
        assert_int_equal(sy_msm_g1(&encoded, &b, 1, NULL), 0);
        assert_true(sy_g1_equal(&plain, &encoded));
        for (size_t i = 0; i < COUNT; i++) {
            uint8_t held[SY_FP_BYTES], *at = bytes + i * SY_G1_BYTES + (i % 2) * SY_FP_BYTES;
            struct sy_error err = {0};
            char place[32];
            memcpy(held, at, sizeof held);
            memcpy(at, p_bytes, sizeof held);
            assert_int_equal(sy_msm_g1(&encoded, &b, 2, &err), -SY_E_CORRUPT);
            snprintf(place, sizeof place, "point %zu ", i);
            assert_non_null(strstr(err.text, place));
            at[SY_FP_BYTES - 1]--; /* p - 1 is a coordinate, though of no point */
            assert_int_equal(sy_msm_g1(&encoded, &b, 1, NULL), 0);
            memcpy(at, held, sizeof held);
        }
    }
    sy_msm_force(NULL, NULL);
}

static void fast_inverses_are_inverses(void **state)
{
    (void)state;
    uint64_t p_minus_2[SY_FP_LIMBS];
    memcpy(p_minus_2, sy_fp_modulus, sizeof p_minus_2);
    p_minus_2[0] -= 2;
    for (int i = 0; i < 500; i++) {
        struct sy_fp a, slow, fast;
        draw_edge_fp(&a, 1, 2);
        sy_fp_pow(&slow, &a, p_minus_2, SY_FP_LIMBS);
        sy_fp_inv(&fast, &a);
        assert_true(sy_fp_equal(&slow, &fast));
    }
}

/* ---- transforms */

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

static int (*const transforms[])(const struct sy_fft *, struct sy_fr *, struct sy_error *) = {
    sy_fft_forward, sy_fft_inverse, sy_fft_coset_forward, sy_fft_coset_inverse, sy_fft_to_coset};

/* The largest limbs that an element can have. */
static void largest(struct sy_fr *ret)
{
    memcpy(ret->limb, sy_fr_modulus, sizeof ret->limb);
    ret->limb[0]--;
}

/* Random values and the ends of the field. */
static void draw_edge_fr(struct sy_fr *ret)
{
    uint64_t kind = next_word() % 5;
    if (kind == 0)
        *ret = sy_fr_zero;
    else if (kind == 1)
        largest(ret);
    else
        draw_fr(ret);
}

static void transform_kernels_agree(void **state)
{
    (void)state;
    if (sy_fft_force("ifma", NULL) != 0)
        skip();
    for (unsigned log2 = 5; log2 <= 18; log2++) {
        const size_t size = (size_t)1 << log2;
        struct sy_fr *a = calloc(size, sizeof *a), *b = calloc(size, sizeof *b);
        struct sy_fft *wide, *scalar;
        assert_int_equal(sy_fft_force("ifma", NULL), 0);
        assert_int_equal(sy_fft_create(&wide, log2, 1 + log2 % 3, NULL), 0);
        assert_int_equal(sy_fft_force("scalar", NULL), 0);
        assert_int_equal(sy_fft_create(&scalar, log2, 2, NULL), 0);
        for (size_t i = 0; i < size; i++)
            draw_edge_fr(&a[i]);
        if (log2 % 4 == 3) /* every leg at the largest value */
            for (size_t i = 0; i < size; i++)
                largest(&a[i]);
        memcpy(b, a, size * sizeof *a);
        for (size_t t = 0; t < SY_ARRAY_SIZE(transforms); t++) {
            assert_int_equal(transforms[t](wide, a, NULL), 0);
            assert_int_equal(transforms[t](scalar, b, NULL), 0);
            assert_memory_equal(a, b, size * sizeof *a);
        }
        sy_fft_destroy(wide);
        sy_fft_destroy(scalar);
        free(a);
        free(b);
    }
    assert_int_equal(sy_fft_force("mmx", NULL), -SY_E_ARG);
    sy_fft_force(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(g1_sums_are_right),
        cmocka_unit_test(several_chunks_are_right),
        cmocka_unit_test(g2_sums_are_right),
        cmocka_unit_test(edges_are_right_with_every_kernel),
        cmocka_unit_test(chunk_boundaries_are_right),
        cmocka_unit_test(kernels_agree_on_extreme_points),
        cmocka_unit_test(encoded_points_are_checked),
        cmocka_unit_test(fast_inverses_are_inverses),
        cmocka_unit_test(domain_roots_are_the_networks),
        cmocka_unit_test(transform_is_its_definition),
        cmocka_unit_test(inverses_undo),
        cmocka_unit_test(transform_kernels_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
