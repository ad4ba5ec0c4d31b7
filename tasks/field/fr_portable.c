/* Fr with 128-bit integers, for any CPU. */
#define SY_FR_KERNEL_ADX 0
#include "tasks/field/fr_kernel.h"
#include "tasks/field/fr_ops.h"

static bool usable(void)
{
    return true;
}

static void mul(struct sy_fr *ret, const struct sy_fr *a, const struct sy_fr *b)
{
    fr_kernel_mul(ret, a, b);
}

static void pow5(struct sy_fr *ret, const struct sy_fr *a)
{
    struct sy_fr lazy;
    fr_kernel_pow5_lazy(&lazy, a);
    fr_kernel_reduce_once(ret->limb, lazy.limb);
}

const struct sy_fr_ops sy_fr_ops_portable = {"portable", usable, mul, pow5};
