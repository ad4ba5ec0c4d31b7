/* G1: the group law over Fp. */
#include "tasks/field/curve.h"

#include <string.h>

#define G(name) sy_g1_##name
#define F(name) sy_fp_##name
#define POINT struct sy_g1
#define AFFINE struct sy_g1_affine
#define FIELD struct sy_fp
#define FIELD_BYTES SY_G1_COMPRESSED_BYTES
#define F_ONE sy_fp_one
#define F_ZERO sy_fp_zero
#define CURVE_B g1_b

static const struct sy_fp g1_b = {{0xaa270000000cfff3ULL, 0x53cc0032fc34000aULL,
                                   0x478fe97a6b0a807fULL, 0xb1d37ebee6ba24d7ULL,
                                   0x8ec9733bbf78ab2fULL, 0x09d645513d83de7eULL}};
const struct sy_g1_affine sy_g1_generator = {
    {{0x5cb38790fd530c16ULL, 0x7817fc679976fff5ULL, 0x154f95c7143ba1c1ULL, 0xf0ae6acdf3d0e747ULL,
      0xedce6ecc21dbf440ULL, 0x120177419e0bfb75ULL}},
    {{0xbaac93d50ce72271ULL, 0x8c22631a7918fd8eULL, 0xdd595f13570725ceULL, 0x51ac582950405194ULL,
      0x0e1c8c3fad0059c0ULL, 0x0bbc3efc5008a26aULL}}};
const struct sy_g1 sy_g1_infinity = {{{0}}, {{0}}, {{0}}};

static void put_field(uint8_t *bytes, const struct sy_fp *a)
{
    sy_fp_to_bytes(bytes, a);
}

static int get_field(struct sy_fp *ret, const uint8_t *bytes, struct sy_error *err)
{
    return sy_fp_from_bytes(ret, bytes, err);
}

#include "tasks/field/curve_body.h"
