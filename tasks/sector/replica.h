/* Who made a replica: prover id and replica id.
 * Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_SECTOR_REPLICA_H
#define SEALYARD_TASKS_SECTOR_REPLICA_H

#include "tasks/sector/params.h"

/* uvarint(actor id), zero padded to 32 bytes. */
void sy_prover_id(uint64_t actor_id, uint8_t ret_prover_id[32]);

/* trunc(SHA-256(prover_id || u64be(sector number) || ticket || comm_d || porep_id)); the ticket is
 * used as its raw 32 bytes. */
void sy_replica_id(const uint8_t prover_id[32], uint64_t sector_number, const uint8_t ticket[32],
                   const uint8_t comm_d[32], const uint8_t porep_id[32],
                   uint8_t ret_replica_id[32]);

#endif
