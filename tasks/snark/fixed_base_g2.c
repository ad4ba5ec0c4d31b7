/* Multiples of one point of G2. */
#include "tasks/snark/fixed_base.h"

#include <stdlib.h>
#include <string.h>

#define G(name) sy_g2_##name
#define F(name) sy_fp2_##name
#define T(name) sy_fixed_g2_##name
#define POINT struct sy_g2
#define AFFINE struct sy_g2_affine
#define FIELD struct sy_fp2
#define TABLE struct sy_fixed_g2
#define POINT_BYTES SY_G2_BYTES
#define WINDOW_BITS 12

#include "tasks/snark/fixed_base_body.h"
