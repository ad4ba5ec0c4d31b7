#include "tasks/sector/replica.h"

#include "tasks/hash/sha256.h"

#include <string.h>

void sy_prover_id(uint64_t actor_id, uint8_t ret_prover_id[32])
{
    size_t n = 0;
    memset(ret_prover_id, 0, 32);
    while (actor_id >= 0x80) {
        ret_prover_id[n++] = (uint8_t)(actor_id | 0x80);
        actor_id >>= 7;
    }
    ret_prover_id[n] = (uint8_t)actor_id;
}

void sy_replica_id(const uint8_t prover_id[32], uint64_t sector_number, const uint8_t ticket[32],
                   const uint8_t comm_d[32], const uint8_t porep_id[32], uint8_t ret_replica_id[32])
{
    struct sy_sha256 sha;
    uint8_t number[8];
    for (int i = 0; i < 8; i++)
        number[i] = (uint8_t)(sector_number >> (56 - 8 * i));
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, prover_id, 32);
    sy_sha256_update(&sha, number, sizeof(number));
    sy_sha256_update(&sha, ticket, 32);
    sy_sha256_update(&sha, comm_d, 32);
    sy_sha256_update(&sha, porep_id, 32);
    sy_sha256_final(&sha, ret_replica_id);
    ret_replica_id[31] &= 0x3f;
}
