/* What the kernels need of the CPU, asked with CPUID (leaf 7 has no names in older compilers). */
#ifndef SEALYARD_TASKS_FIELD_CPU_H
#define SEALYARD_TASKS_FIELD_CPU_H

#include <cpuid.h>
#include <stdbool.h>

/* EBX bits of CPUID leaf 7, subleaf 0. */
enum {
    SY_CPU_LEAF7_BMI2 = 1 << 8,
    SY_CPU_LEAF7_ADX = 1 << 19,
    SY_CPU_LEAF7_SHA = 1 << 29,
};

/* True when all the given bits are set. */
static inline bool sy_cpu_leaf7_has(unsigned bits)
{
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0)
        return false;
    return (ebx & bits) == bits;
}

#endif
