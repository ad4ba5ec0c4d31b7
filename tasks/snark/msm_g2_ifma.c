/* Sums of points of G2 in eight lanes. */
#include "tasks/field/curve.h"
#include "tasks/field/fp_ifma.h"
#include "tasks/snark/msm_ops.h"

#include <string.h>

#define PARTS 2
#define PART_OF(part) ((part) ^ 1) /* encoded, the imaginary part of a coordinate stands first */
#define AFFINE struct sy_g2_affine
#define NAME sy_msm_g2_ifma
_Static_assert(sizeof(AFFINE) == 2 * PARTS * sizeof(struct sy_fp), "the parts lie in a row");

#include "tasks/snark/msm_ifma_body.h"
