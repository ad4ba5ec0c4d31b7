/* A C1 file as the input of a stage: read, and held against what the spec says of it. */
#ifndef SEALYARD_TASKS_STAGE_C1_INPUT_H
#define SEALYARD_TASKS_STAGE_C1_INPUT_H

#include "tasks/stage/spec.h"
#include "tasks/vanilla/c1.h"

/* The registered proof is the spec's proof_type when it has one, else the file's; the file must
 * have its shape. No proof is opened. */
int sy_c1_input_params(const struct sy_spec *spec, const struct sy_c1 *c1,
                       struct sy_porep_params *ret_params, struct sy_error *err);

/* The same, and every proof is verified; values that the spec gives (comm_d, comm_r, ticket, seed,
 * and with miner, number, ticket and comm_d the replica id) must be the file's. -SY_E_MISMATCH says
 * what differs. */
int sy_c1_input_check(const struct sy_spec *spec, const struct sy_c1 *c1,
                      struct sy_porep_params *ret_params, struct sy_error *err);

#endif
