/* Poseidon with mulx and adcx/adox. */
#define SY_FR_KERNEL_ADX 1
#define SY_POSEIDON_OPS sy_poseidon_ops_adx
#define SY_POSEIDON_NAME "adx"
#include "tasks/hash/poseidon_kernel.h"
#include "tasks/field/cpu.h"

static bool usable(void)
{
    return sy_cpu_leaf7_has(SY_CPU_LEAF7_BMI2 | SY_CPU_LEAF7_ADX);
}
