/* Which nodes a proof of replication opens.
 *
 * Every rule turns 32 bytes into a node by the same reduction: as a 256-bit little-endian integer,
 * modulo (nodes - 1), plus 1. Node 0 is never challenged; repeated challenges stay.
 * Interactive: SHA256(replica_id || seed || u32le(j)). Non-interactive (FIP-0092): SHA256(domain ||
 * replica_id || comm_r || u32le(j)), no seed. Synthetic (FIP-0059): a fixed set drawn by ChaCha20
 * from (replica_id, comm_r), of which the seed picks members. j counts over all partitions.
 *
 * Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_VANILLA_CHALLENGES_H
#define SEALYARD_TASKS_VANILLA_CHALLENGES_H

#include "common/err.h"

/* The synthetic set holds at most this many challenges (all nodes of a smaller sector). */
#define SY_CHALLENGES_SYNTHETIC_MAX (1u << 18)

/* (integer of bytes, little-endian) mod (nodes - 1) + 1. nodes is 2 .. 2^32. */
uint64_t sy_challenge_reduce(const uint8_t bytes[32], uint64_t nodes);

/* Challenges number first .. first + count - 1 of a sector of `nodes` nodes into ret[count]. */
void sy_challenges_interactive(const uint8_t replica_id[32], const uint8_t seed[32], uint64_t nodes,
                               uint32_t first, uint32_t count, uint64_t *ret);
void sy_challenges_noninteractive(const uint8_t replica_id[32], const uint8_t comm_r[32],
                                  uint64_t nodes, uint32_t first, uint32_t count, uint64_t *ret);

/* min(nodes, 2^18): how many challenges the synthetic set has. */
uint32_t sy_challenges_synthetic_count(uint64_t nodes);
/* Members first .. first + count - 1 of the synthetic set. -SY_E_RANGE beyond the set. */
int sy_challenges_synthetic(const uint8_t replica_id[32], const uint8_t comm_r[32], uint64_t nodes,
                            uint32_t first, uint32_t count, uint64_t *ret, struct sy_error *err);
/* Positions in a set of set_count members that the seed picks for challenges first ..
 * first+count-1. */
void sy_challenges_synthetic_pick(const uint8_t replica_id[32], const uint8_t seed[32],
                                  uint32_t set_count, uint32_t first, uint32_t count,
                                  uint32_t *ret);

#endif
