/* Sums of scalar multiples in G2. */
#include "tasks/snark/msm.h"

#include "tasks/field/fp_gcd.h"
#include "tasks/snark/msm_ops.h"
#include "tasks/tree/parallel.h"

#include <stdlib.h>
#include <string.h>

#define G(name) sy_g2_##name
#define F(name) sy_fp2_##name
#define POINT struct sy_g2
#define AFFINE struct sy_g2_affine
#define FIELD struct sy_fp2
#define F_ONE sy_fp2_one
#define F_ZERO sy_fp2_zero
#define INPUT struct sy_msm_g2_input
#define POINT_BYTES SY_G2_BYTES

/* Of each Fp2 the imaginary part stands first. */
static int decode_point(struct sy_g2_affine *ret, const uint8_t *bytes, struct sy_error *err)
{
    struct sy_fp *const parts[4] = {&ret->x.c1, &ret->x.c0, &ret->y.c1, &ret->y.c0};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(parts); i++)
        rc = sy_fp_from_bytes(parts[i], bytes + i * SY_FP_BYTES, err);
    return rc;
}

static void invert(struct sy_fp2 *ret, const struct sy_fp2 *a)
{
    struct sy_fp norm, square;
    sy_fp_sqr(&norm, &a->c0);
    sy_fp_sqr(&square, &a->c1);
    sy_fp_add(&norm, &norm, &square);
    sy_fp_inv(&norm, &norm);
    sy_fp_mul(&ret->c0, &a->c0, &norm);
    sy_fp_neg(&norm, &norm);
    sy_fp_mul(&ret->c1, &a->c1, &norm);
}

#include "tasks/snark/msm_body.h"

int sy_msm_g2(struct sy_g2 *ret, const struct sy_msm_g2_input *input, unsigned threads,
              struct sy_error *err)
{
    return run_msm(ret, input, &sy_msm_g2_ifma, threads, err);
}
