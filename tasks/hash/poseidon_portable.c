/* Poseidon with 128-bit integers, for any CPU. */
#define SY_FR_KERNEL_ADX 0
#define SY_POSEIDON_OPS sy_poseidon_ops_portable
#define SY_POSEIDON_NAME "portable"
#include "tasks/hash/poseidon_kernel.h"

static bool usable(void)
{
    return true;
}
