/* Fp towers, G1, G2 and the pairing: group laws, encodings, bilinearity, refused bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "tasks/field/pairing.h"

/* A fixed sequence of numbers for the tests. */
static uint64_t next_word(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15ULL;
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
    limbs[3] >>= 2;
    sy_fr_from_limbs(ret, limbs);
}

static void draw_fp(struct sy_fp *ret)
{
    uint64_t limbs[6];
    for (int i = 0; i < 6; i++)
        limbs[i] = next_word();
    limbs[5] >>= 4;
    sy_fp_from_limbs(ret, limbs);
}

static void draw_g1(struct sy_g1 *ret)
{
    struct sy_fr k;
    draw_fr(&k);
    sy_g1_from_affine(ret, &sy_g1_generator);
    sy_g1_mul_fr(ret, ret, &k);
}

static void draw_g2(struct sy_g2 *ret)
{
    struct sy_fr k;
    draw_fr(&k);
    sy_g2_from_affine(ret, &sy_g2_generator);
    sy_g2_mul_fr(ret, ret, &k);
}

static void fp_kernels_agree(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct sy_fp a, b, x, y, inverse;
        draw_fp(&a);
        draw_fp(&b);
        assert_int_equal(sy_fp_force("portable", NULL), 0);
        sy_fp_mul(&x, &a, &b);
        if (sy_fp_force("adx", NULL) == 0) {
            sy_fp_mul(&y, &a, &b);
            assert_true(sy_fp_equal(&x, &y));
        }
        sy_fp_inv(&inverse, &b);
        sy_fp_mul(&y, &x, &inverse);
        assert_true(sy_fp_equal(&a, &y));
    }
    assert_int_equal(sy_fp_force("sse", NULL), -SY_E_ARG);
    assert_int_equal(sy_fp_force(NULL, NULL), 0);
}

static void square_roots_exist_for_squares_only(void **state)
{
    (void)state;
    int roots = 0;
    for (int i = 0; i < 40; i++) {
        struct sy_fp2 a, square, root, check;
        draw_fp(&a.c0);
        draw_fp(&a.c1);
        sy_fp2_sqr(&square, &a);
        assert_true(sy_fp2_sqrt(&root, &square));
        sy_fp2_sqr(&check, &root);
        assert_true(sy_fp2_equal(&check, &square));
        if (sy_fp2_sqrt(&root, &a))
            roots++;
    }
    assert_in_range(roots, 5, 35);
    struct sy_fp2 minus_one = sy_fp2_one, root;
    sy_fp2_neg(&minus_one, &minus_one);
    assert_true(sy_fp2_sqrt(&root, &minus_one)); /* +-u */
    assert_true(sy_fp_is_zero(&root.c0));
}

static void group_laws_hold(void **state)
{
    (void)state;
    struct sy_g1 a, b, c, left, right, minus;
    draw_g1(&a);
    draw_g1(&b);
    draw_g1(&c);
    sy_g1_add(&left, &a, &b);
    sy_g1_add(&left, &left, &c);
    sy_g1_add(&right, &b, &c);
    sy_g1_add(&right, &right, &a);
    assert_true(sy_g1_equal(&left, &right));
    sy_g1_add(&left, &a, &a);
    sy_g1_double(&right, &a);
    assert_true(sy_g1_equal(&left, &right));
    sy_g1_neg(&minus, &a);
    sy_g1_add(&left, &a, &minus);
    assert_true(sy_g1_is_infinity(&left));
    struct sy_g1_affine affine;
    sy_g1_to_affine(&affine, &a);
    sy_g1_add_affine(&left, &a, &affine);
    assert_true(sy_g1_equal(&left, &right));
    sy_g1_add_affine(&left, &minus, &affine);
    assert_true(sy_g1_is_infinity(&left));
    sy_g1_add_affine(&left, &b, &affine);
    sy_g1_add(&right, &a, &b);
    assert_true(sy_g1_equal(&left, &right));
    assert_true(sy_g1_in_subgroup(&affine));
    assert_true(sy_g1_in_subgroup(&sy_g1_generator));
    assert_true(sy_g2_in_subgroup(&sy_g2_generator));
}

static void many_points_become_affine_at_once(void **state)
{
    (void)state;
    struct sy_g2 points[5];
    struct sy_g2_affine many[5], one;
    struct sy_fp2 scratch[5];
    for (int i = 0; i < 5; i++)
        draw_g2(&points[i]);
    points[2] = sy_g2_infinity;
    sy_g2_to_affine_many(many, points, 5, scratch);
    for (int i = 0; i < 5; i++) {
        sy_g2_to_affine(&one, &points[i]);
        assert_true(sy_g2_affine_equal(&one, &many[i]));
    }
    assert_true(sy_g2_affine_is_infinity(&many[2]));
}

static void encodings_round_trip(void **state)
{
    (void)state;
    static const uint8_t generator_head[] = {0x97, 0xf1, 0xd3, 0xa7};
    uint8_t bytes1[SY_G1_BYTES], bytes2[SY_G2_BYTES];
    struct sy_g1_affine p1;
    struct sy_g2_affine p2;
    for (int i = 0; i < 6; i++) {
        struct sy_g1 a;
        struct sy_g2 b;
        struct sy_g1_affine a1;
        struct sy_g2_affine b1;
        draw_g1(&a);
        draw_g2(&b);
        sy_g1_to_affine(&a1, &a);
        sy_g2_to_affine(&b1, &b);
        sy_g1_compress(bytes1, &a1);
        assert_int_equal(sy_g1_decompress(&p1, bytes1, true, NULL), 0);
        assert_true(sy_g1_affine_equal(&a1, &p1));
        sy_g1_serialize(bytes1, &a1);
        assert_int_equal(sy_g1_deserialize(&p1, bytes1, false, NULL), 0);
        assert_true(sy_g1_affine_equal(&a1, &p1));
        sy_g2_compress(bytes2, &b1);
        assert_int_equal(sy_g2_decompress(&p2, bytes2, true, NULL), 0);
        assert_true(sy_g2_affine_equal(&b1, &p2));
        sy_g2_serialize(bytes2, &b1);
        assert_int_equal(sy_g2_deserialize(&p2, bytes2, true, NULL), 0);
        assert_true(sy_g2_affine_equal(&b1, &p2));
    }
    sy_g1_compress(bytes1, &sy_g1_generator);
    assert_memory_equal(bytes1, generator_head, sizeof generator_head);
    memset(&p1, 0, sizeof p1);
    sy_g1_compress(bytes1, &p1);
    assert_int_equal(bytes1[0], 0xc0);
    assert_int_equal(sy_g1_decompress(&p1, bytes1, true, NULL), 0);
    assert_true(sy_g1_affine_is_infinity(&p1));
}

static void damaged_points_are_refused(void **state)
{
    (void)state;
    uint8_t bytes[SY_G1_BYTES], changed[SY_G1_BYTES];
    struct sy_g1_affine point;
    sy_g1_serialize(bytes, &sy_g1_generator);
    memcpy(changed, bytes, sizeof bytes);
    changed[95] ^= 1;
    assert_int_equal(sy_g1_deserialize(&point, changed, false, NULL), -SY_E_CORRUPT);
    memcpy(changed, bytes, sizeof bytes);
    changed[0] |= 0x80;
    assert_int_equal(sy_g1_deserialize(&point, changed, false, NULL), -SY_E_CORRUPT);
    memset(changed, 0xff, 48);
    changed[0] = 0x1f;
    assert_int_equal(sy_g1_deserialize(&point, changed, false, NULL), -SY_E_CORRUPT);
    memset(changed, 0, sizeof changed);
    changed[0] = 0x40;
    changed[50] = 1;
    assert_int_equal(sy_g1_deserialize(&point, changed, false, NULL), -SY_E_CORRUPT);
    /* some small x is on the curve but outside the subgroup */
    int outside = 0;
    for (uint8_t x = 0; x < 40; x++) {
        memset(changed, 0, 48);
        changed[0] = 0x80;
        changed[47] = x;
        if (sy_g1_decompress(&point, changed, false, NULL) == 0 &&
            sy_g1_decompress(&point, changed, true, NULL) == -SY_E_CORRUPT)
            outside++;
    }
    assert_true(outside > 5);
}

static void pairing_is_bilinear(void **state)
{
    (void)state;
    struct sy_fr a, b, product;
    struct sy_g1 p;
    struct sy_g2 q;
    struct sy_g1_affine pa;
    struct sy_g2_affine qa;
    struct sy_fp12 left, right, base;
    uint64_t limbs[4];
    draw_fr(&a);
    draw_fr(&b);
    sy_fr_mul(&product, &a, &b);
    sy_g1_from_affine(&p, &sy_g1_generator);
    sy_g1_mul_fr(&p, &p, &a);
    sy_g1_to_affine(&pa, &p);
    sy_g2_from_affine(&q, &sy_g2_generator);
    sy_g2_mul_fr(&q, &q, &b);
    sy_g2_to_affine(&qa, &q);
    sy_pairing(&left, &pa, &qa);
    sy_pairing(&base, &sy_g1_generator, &sy_g2_generator);
    assert_false(sy_fp12_equal(&base, &sy_fp12_one));
    sy_fr_to_limbs(limbs, &product);
    sy_fp12_pow(&right, &base, limbs, 4);
    assert_true(sy_fp12_equal(&left, &right));
    sy_fp12_pow(&right, &base, sy_fr_modulus, 4);
    assert_true(sy_fp12_equal(&right, &sy_fp12_one));
    /* e(P, Q) e(-P, Q) = 1 in one loop; an infinity contributes one */
    struct sy_g1_affine points[3] = {pa, pa, {{{0}}, {{0}}}};
    struct sy_g2_affine others[3] = {qa, qa, qa};
    sy_g1_affine_neg(&points[1], &pa);
    sy_pairing_miller(&left, points, others, 3);
    sy_pairing_final(&left, &left);
    assert_true(sy_fp12_equal(&left, &sy_fp12_one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp_kernels_agree),
        cmocka_unit_test(square_roots_exist_for_squares_only),
        cmocka_unit_test(group_laws_hold),
        cmocka_unit_test(many_points_become_affine_at_once),
        cmocka_unit_test(encodings_round_trip),
        cmocka_unit_test(damaged_points_are_refused),
        cmocka_unit_test(pairing_is_bilinear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
