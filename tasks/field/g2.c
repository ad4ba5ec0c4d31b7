/* G2: the group law over Fp2. */
#include "tasks/field/curve.h"

#include <string.h>

#define G(name) sy_g2_##name
#define F(name) sy_fp2_##name
#define POINT struct sy_g2
#define AFFINE struct sy_g2_affine
#define FIELD struct sy_fp2
#define FIELD_BYTES SY_G2_COMPRESSED_BYTES
#define F_ONE sy_fp2_one
#define F_ZERO sy_fp2_zero
#define CURVE_B g2_b

static const struct sy_fp2 g2_b = {
    {{0xaa270000000cfff3ULL, 0x53cc0032fc34000aULL, 0x478fe97a6b0a807fULL, 0xb1d37ebee6ba24d7ULL,
      0x8ec9733bbf78ab2fULL, 0x09d645513d83de7eULL}},
    {{0xaa270000000cfff3ULL, 0x53cc0032fc34000aULL, 0x478fe97a6b0a807fULL, 0xb1d37ebee6ba24d7ULL,
      0x8ec9733bbf78ab2fULL, 0x09d645513d83de7eULL}}};
const struct sy_g2_affine sy_g2_generator = {
    {{{0xf5f28fa202940a10ULL, 0xb3f5fb2687b4961aULL, 0xa1a893b53e2ae580ULL, 0x9894999d1a3caee9ULL,
       0x6f67b7631863366bULL, 0x058191924350bcd7ULL}},
     {{0xa5a9c0759e23f606ULL, 0xaaa0c59dbccd60c3ULL, 0x3bb17e18e2867806ULL, 0x1b1ab6cc8541b367ULL,
       0xc2b6ed0ef2158547ULL, 0x11922a097360edf3ULL}}},
    {{{0x4c730af860494c4aULL, 0x597cfa1f5e369c5aULL, 0xe7e6856caa0a635aULL, 0xbbefb5e96e0d495fULL,
       0x07d3a975f0ef25a2ULL, 0x0083fd8e7e80dae5ULL}},
     {{0xadc0fc92df64b05dULL, 0x18aa270a2b1461dcULL, 0x86adac6a3be4eba0ULL, 0x79495c4ec93da33aULL,
       0xe7175850a43ccaedULL, 0x0b2bc2a163de1bf2ULL}}}};
const struct sy_g2 sy_g2_infinity = {{{{0}}, {{0}}}, {{{0}}, {{0}}}, {{{0}}, {{0}}}};

/* The imaginary part stands first. */
static void put_field(uint8_t *bytes, const struct sy_fp2 *a)
{
    sy_fp_to_bytes(bytes, &a->c1);
    sy_fp_to_bytes(bytes + SY_FP_BYTES, &a->c0);
}

static int get_field(struct sy_fp2 *ret, const uint8_t *bytes, struct sy_error *err)
{
    int rc = sy_fp_from_bytes(&ret->c1, bytes, err);
    return rc == 0 ? sy_fp_from_bytes(&ret->c0, bytes + SY_FP_BYTES, err) : rc;
}

#include "tasks/field/curve_body.h"
