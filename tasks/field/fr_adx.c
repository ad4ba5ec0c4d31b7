/* Fr with mulx and the carry chains of adcx/adox. */
#define SY_FR_KERNEL_ADX 1
#include "tasks/field/fr_kernel.h"
#include "tasks/field/fr_ops.h"
#include "tasks/field/cpu.h"

static bool usable(void)
{
    return sy_cpu_leaf7_has(SY_CPU_LEAF7_BMI2 | SY_CPU_LEAF7_ADX);
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

const struct sy_fr_ops sy_fr_ops_adx = {"adx", usable, mul, pow5};
