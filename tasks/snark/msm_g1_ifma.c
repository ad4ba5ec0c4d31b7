/* Sums of points of G1 in eight lanes. */
#include "tasks/field/curve.h"
#include "tasks/field/fp_ifma.h"
#include "tasks/snark/msm_ops.h"

#include <string.h>

#define PARTS 1
#define PART_OF(part) (part)
#define AFFINE struct sy_g1_affine
#define NAME sy_msm_g1_ifma
_Static_assert(sizeof(AFFINE) == 2 * PARTS * sizeof(struct sy_fp), "the parts lie in a row");

#include "tasks/snark/msm_ifma_body.h"
