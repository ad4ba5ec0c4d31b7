/* noble_values KERNEL: prints results of the curves for noble/compare.mjs to compute again:
 * multiples of the generators with their encodings, sums of multiples by the named kernel,
 * pairings, and which byte strings decode. The inputs come from a fixed sequence. Exit 77: the CPU
 * lacks the kernel. */
#include "common/hex.h"
#include "tasks/field/pairing.h"
#include "tasks/snark/msm.h"

#include <stdio.h>
#include <string.h>

#define MULTIPLES 12
#define SUM_POINTS 41
#define PAIRINGS 4
#define DECODINGS 24

static uint64_t next_word(void)
{
    static uint64_t state = 0xda3e39cb94b95bdbULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Zero, one, minus one, two, and any. */
static void draw_fr(struct sy_fr *ret, unsigned kind)
{
    uint64_t limbs[SY_FR_LIMBS] = {kind == 3 ? 2 : kind & 1};
    if (kind > 3) {
        for (int i = 0; i < SY_FR_LIMBS; i++)
            limbs[i] = next_word();
        limbs[3] %= 0x73eda753299d7d48ULL;
    }
    sy_fr_from_limbs(ret, limbs);
    if (kind == 2)
        sy_fr_neg(ret, &sy_fr_one);
}

static void print_bytes(const void *data, size_t bytes)
{
    char text[2 * 600 + 1];
    SY_ASSERT(2 * bytes < sizeof text);
    fputs(sy_hex_encode(data, bytes, text), stdout);
}

/* Big-endian, as numbers are written. */
static void print_fr(const struct sy_fr *a)
{
    uint8_t bytes[SY_FR_BYTES], turned[SY_FR_BYTES];
    sy_fr_to_bytes(bytes, a);
    for (int i = 0; i < SY_FR_BYTES; i++)
        turned[i] = bytes[SY_FR_BYTES - 1 - i];
    print_bytes(turned, sizeof turned);
}

static void print_multiples(void)
{
    for (unsigned i = 0; i < MULTIPLES; i++) {
        struct sy_fr k;
        struct sy_g1 a;
        struct sy_g2 b;
        struct sy_g1_affine p;
        struct sy_g2_affine q;
        uint8_t bytes[SY_G2_BYTES];
        draw_fr(&k, i);
        sy_g1_from_affine(&a, &sy_g1_generator);
        sy_g1_mul_fr(&a, &a, &k);
        sy_g1_to_affine(&p, &a);
        sy_g2_from_affine(&b, &sy_g2_generator);
        sy_g2_mul_fr(&b, &b, &k);
        sy_g2_to_affine(&q, &b);
        fputs("multiple 1 ", stdout);
        print_fr(&k);
        putchar(' ');
        sy_g1_compress(bytes, &p);
        print_bytes(bytes, SY_G1_COMPRESSED_BYTES);
        putchar(' ');
        sy_g1_serialize(bytes, &p);
        print_bytes(bytes, SY_G1_BYTES);
        fputs("\nmultiple 2 ", stdout);
        print_fr(&k);
        putchar(' ');
        sy_g2_compress(bytes, &q);
        print_bytes(bytes, SY_G2_COMPRESSED_BYTES);
        putchar(' ');
        sy_g2_serialize(bytes, &q);
        print_bytes(bytes, SY_G2_BYTES);
        putchar('\n');
    }
}

static void print_list(const struct sy_fr *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            putchar(',');
        print_fr(&values[i]);
    }
    putchar(' ');
}

static int print_sums(size_t count)
{
    struct sy_fr factors[SUM_POINTS], scalars[SUM_POINTS];
    struct sy_g1_affine points[SUM_POINTS], sum1;
    struct sy_g2_affine points2[SUM_POINTS], sum2;
    uint8_t bytes[SY_G2_COMPRESSED_BYTES];
    struct sy_g1 a;
    struct sy_g2 b;
    for (size_t i = 0; i < count; i++) {
        draw_fr(&factors[i], i % 6 == 5 ? 1 : 9);
        draw_fr(&scalars[i], (unsigned)(next_word() % 8));
        sy_g1_from_affine(&a, &sy_g1_generator);
        sy_g1_mul_fr(&a, &a, &factors[i]);
        sy_g1_to_affine(&points[i], &a);
        sy_g2_from_affine(&b, &sy_g2_generator);
        sy_g2_mul_fr(&b, &b, &factors[i]);
        sy_g2_to_affine(&points2[i], &b);
    }
    struct sy_msm_g1_input in1 = {.points = points, .scalars = scalars, .count = count};
    struct sy_msm_g2_input in2 = {.points = points2, .scalars = scalars, .count = count};
    if (sy_msm_g1(&a, &in1, 1, NULL) != 0 || sy_msm_g2(&b, &in2, 2, NULL) != 0)
        return 1;
    sy_g1_to_affine(&sum1, &a);
    sy_g2_to_affine(&sum2, &b);
    fputs("sum 1 ", stdout);
    print_list(factors, count);
    print_list(scalars, count);
    sy_g1_compress(bytes, &sum1);
    print_bytes(bytes, SY_G1_COMPRESSED_BYTES);
    fputs("\nsum 2 ", stdout);
    print_list(factors, count);
    print_list(scalars, count);
    sy_g2_compress(bytes, &sum2);
    print_bytes(bytes, SY_G2_COMPRESSED_BYTES);
    putchar('\n');
    return 0;
}

static void print_pairings(void)
{
    for (unsigned i = 0; i < PAIRINGS; i++) {
        struct sy_fr a, b;
        struct sy_g1 p;
        struct sy_g2 q;
        struct sy_g1_affine pa;
        struct sy_g2_affine qa;
        struct sy_fp12 value;
        uint8_t bytes[12 * SY_FP_BYTES];
        draw_fr(&a, i == 0 ? 1 : 9);
        draw_fr(&b, i == 0 ? 1 : 9);
        sy_g1_from_affine(&p, &sy_g1_generator);
        sy_g1_mul_fr(&p, &p, &a);
        sy_g1_to_affine(&pa, &p);
        sy_g2_from_affine(&q, &sy_g2_generator);
        sy_g2_mul_fr(&q, &q, &b);
        sy_g2_to_affine(&qa, &q);
        sy_pairing(&value, &pa, &qa);
        for (size_t j = 0; j < 12; j++)
            sy_fp_to_bytes(bytes + j * SY_FP_BYTES, (const struct sy_fp *)&value + j);
        fputs("pairing ", stdout);
        print_fr(&a);
        putchar(' ');
        print_fr(&b);
        putchar(' ');
        print_bytes(bytes, sizeof bytes);
        putchar('\n');
    }
}

/* Small x: some on the curve, hardly any in the group; generators with a changed sign or byte. */
static void print_decodings(void)
{
    for (unsigned i = 0; i < DECODINGS; i++) {
        uint8_t bytes[SY_G2_COMPRESSED_BYTES] = {0x80};
        struct sy_g1_affine p;
        struct sy_g2_affine q;
        if (i < 4) {
            sy_g1_compress(bytes, &sy_g1_generator);
            bytes[i == 0 ? 0 : 10 * i] ^= i == 0 ? 0x20 : (uint8_t)i;
        } else {
            bytes[47] = (uint8_t)i;
        }
        fputs("decode 1 ", stdout);
        print_bytes(bytes, SY_G1_COMPRESSED_BYTES);
        puts(sy_g1_decompress(&p, bytes, true, NULL) == 0 ? " yes" : " no");
        if (i < 4) {
            sy_g2_compress(bytes, &sy_g2_generator);
            bytes[i == 0 ? 0 : 20 * i] ^= i == 0 ? 0x20 : (uint8_t)i;
        } else {
            bytes[95] = (uint8_t)(2 * i);
        }
        fputs("decode 2 ", stdout);
        print_bytes(bytes, SY_G2_COMPRESSED_BYTES);
        puts(sy_g2_decompress(&q, bytes, true, NULL) == 0 ? " yes" : " no");
    }
}

int main(int argc, char **argv)
{
    struct sy_error err = {0};
    if (argc != 2) {
        fputs("usage: noble_values KERNEL\n", stderr);
        return 64;
    }
    int rc = sy_msm_force(argv[1], &err);
    if (rc != 0) {
        fprintf(stderr, "%s\n", err.text);
        return rc == -SY_E_UNSUPPORTED ? 77 : 64;
    }
    print_multiples();
    print_pairings();
    print_decodings();
    for (size_t count = 1; count <= SUM_POINTS; count += 8)
        if (print_sums(count) != 0)
            return 1;
    return 0;
}
