/* Fp with mulx and the carry chains of adcx and adox. */
#define SY_FP_KERNEL_ADX 1
#include "tasks/field/fp_kernel.h"
#include "tasks/field/cpu.h"
#include "tasks/field/fp_ops.h"

static bool usable(void)
{
    return sy_cpu_leaf7_has(SY_CPU_LEAF7_BMI2 | SY_CPU_LEAF7_ADX);
}

static void mul(struct sy_fp *ret, const struct sy_fp *a, const struct sy_fp *b)
{
    fp_kernel_mul(ret, a, b);
}

const struct sy_fp_ops sy_fp_ops_adx = {"adx", usable, mul};
