/* Multiples of one point of G1. */
#include "tasks/snark/fixed_base.h"

#include <stdlib.h>
#include <string.h>

#define G(name) sy_g1_##name
#define F(name) sy_fp_##name
#define T(name) sy_fixed_g1_##name
#define POINT struct sy_g1
#define AFFINE struct sy_g1_affine
#define FIELD struct sy_fp
#define TABLE struct sy_fixed_g1
#define POINT_BYTES SY_G1_BYTES
#define WINDOW_BITS 14

#include "tasks/snark/fixed_base_body.h"
