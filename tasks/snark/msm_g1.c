/* Sums of scalar multiples in G1. */
#include "tasks/snark/msm.h"

#include "tasks/field/fp_gcd.h"
#include "tasks/snark/msm_ops.h"
#include "tasks/tree/parallel.h"

#include <stdlib.h>
#include <string.h>

#define G(name) sy_g1_##name
#define F(name) sy_fp_##name
#define POINT struct sy_g1
#define AFFINE struct sy_g1_affine
#define FIELD struct sy_fp
#define F_ONE sy_fp_one
#define F_ZERO sy_fp_zero
#define INPUT struct sy_msm_g1_input
#define POINT_BYTES SY_G1_BYTES

static int decode_point(struct sy_g1_affine *ret, const uint8_t *bytes, struct sy_error *err)
{
    int rc = sy_fp_from_bytes(&ret->x, bytes, err);
    return rc == 0 ? sy_fp_from_bytes(&ret->y, bytes + SY_FP_BYTES, err) : rc;
}

static void invert(struct sy_fp *ret, const struct sy_fp *a)
{
    sy_fp_inv(ret, a);
}

#include "tasks/snark/msm_body.h"

int sy_msm_g1(struct sy_g1 *ret, const struct sy_msm_g1_input *input, unsigned threads,
              struct sy_error *err)
{
    return run_msm(ret, input, &sy_msm_g1_ifma, threads, err);
}
