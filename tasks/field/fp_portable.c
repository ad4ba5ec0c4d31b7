/* Fp with 128-bit integers, for any CPU. */
#define SY_FP_KERNEL_ADX 0
#include "tasks/field/fp_kernel.h"
#include "tasks/field/fp_ops.h"

static bool usable(void)
{
    return true;
}

static void mul(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b)
{
    fp_kernel_mul(ret, a, b);
}

const struct sy_fp_ops sy_fp_ops_portable = {"portable", usable, mul};
