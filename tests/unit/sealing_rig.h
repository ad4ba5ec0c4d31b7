/* Seals 2 KiB sectors of miner t01000 with the real sealyard-task, up to a Groth16 proof. All
 * functions fail the test instead of returning an error. Threads: one. */
#ifndef SEALYARD_TESTS_UNIT_SEALING_RIG_H
#define SEALYARD_TESTS_UNIT_SEALING_RIG_H

#include <jansson.h>

#include "tasks/snark/groth16.h"

/* A sector; who calls sets number, then ticket, then seed. sealing_fini frees it. */
struct sealing {
    uint64_t number;
    uint8_t ticket[32], seed[32];
    uint8_t comm_d[32], comm_r[32];
    json_t *pieces; /* as stage ap gave them */
    uint8_t proof[SY_PROOF_BYTES];
};

/* The directory of SEALYARD_TEST_PARAMETERS, which ctest sets (tests/parameters.sh fills it). */
const char *sealing_parameters(void);
/* ap, pc1, pc2: comm_d, comm_r, pieces. Files go to `directory`, named after the number. data NULL
 * = committed capacity, else the text is one piece of padded_bytes. */
void sealing_precommit(const char *directory, struct sealing *sector, const char *data,
                       uint64_t padded_bytes);
/* c1, c2: the proof. About 6 s on two cores. */
void sealing_commit(const char *directory, struct sealing *sector);
void sealing_fini(struct sealing *sector);

/* A real proof (known answers), made with the keys of another network: its points are valid. */
void sealing_foreign_proof(uint8_t ret_proof[SY_PROOF_BYTES]);

#endif
