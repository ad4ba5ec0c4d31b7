/* Inverses in the base field by the Euclidean way, about ten times faster than a power.
 *
 * Method: division steps on the low bits of the two numbers, 62 at a time, whose effect is then
 * applied to the whole numbers (Bernstein and Yang, "Fast constant-time gcd computation and modular
 * inversion", 2019, in the variable-time form). The time depends on the value. Threads: pure.
 */
#ifndef SEALYARD_TASKS_FIELD_FP_GCD_H
#define SEALYARD_TASKS_FIELD_FP_GCD_H

#include "tasks/field/fp.h"

/* 1/a mod p of a plain integer a below p, no Montgomery form; 1/0 = 0. ret may be a. The Montgomery
 * form is sy_fp_inv (field/fp.h). */
void sy_fp_inv_plain(uint64_t ret[SY_FP_LIMBS], const uint64_t a[SY_FP_LIMBS]);

#endif
