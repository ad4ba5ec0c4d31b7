/* Vanilla proofs of spacetime: which leaves of a replica are asked for, and their paths in
 * tree-r-last.
 *
 * A challenge is u64le(SHA-256(randomness | u64le sector number | u64le n)[0..8]) mod leaves, where
 * n counts over the whole list of sectors up to API 1.1.0 and within its sector from 1.2.0 on;
 * Winning always counts from 0 in its only sector. Source: facts sealing.md 10.
 * Threads: functions over different sectors may run at the same time.
 */
#ifndef SEALYARD_TASKS_VANILLA_POST_H
#define SEALYARD_TASKS_VANILLA_POST_H

#include "tasks/snark/circuit.h"
#include "tasks/vanilla/bincode.h"

#define SY_POST_WINDOW_CHALLENGES 10
#define SY_POST_WINNING_CHALLENGES 66

/* What one sector must show. */
struct sy_post_query {
    uint64_t sector_number;
    uint32_t count;
    uint64_t leaves[SY_POST_WINNING_CHALLENGES];
};
/* Clears the two top bits of the last byte, as every caller of the network does. */
void sy_post_mask_randomness(uint8_t randomness[SY_NODE_BYTES]);
/* `position` is the sector's place in the whole list (window; ignored for winning). `nodes` leaves.
 * -SY_E_ARG when randomness is no field element. */
int sy_post_challenges(enum sy_post_kind kind, enum sy_api_version api,
                       const uint8_t randomness[SY_NODE_BYTES], uint64_t sector_number,
                       uint32_t position, uint64_t nodes, struct sy_post_query *ret,
                       struct sy_error *err);
/* Which member of a set of `set_count` sectors has to show itself in an election, for draw n. */
uint64_t sy_post_winning_sector(const uint8_t prover_id[SY_NODE_BYTES],
                                const uint8_t randomness[SY_NODE_BYTES], uint64_t n,
                                uint64_t set_count);

/* Reads a sector's proof from its cache and sealed (or update) file. ret->paths is malloc'ed:
 * query->count of them; sy_post_sector_fini frees it. comm_r is computed from p_aux. -SY_E_CORRUPT
 * when the tree's root is not that of p_aux, errors of sy_tree_prove. */
int sy_post_prove_sector(const struct sy_porep_params *params, const char *cache,
                         const char *sealed_path, const struct sy_post_query *query,
                         struct sy_post_sector *ret, struct sy_error *err);
void sy_post_sector_fini(struct sy_post_sector *sector);
/* 0 when every path leads from the asked leaf to comm_r_last, and comm_r is the trusted one.
 * -SY_E_MISMATCH with the reason. */
int sy_post_verify_sector(const struct sy_porep_params *params, const struct sy_post_query *query,
                          const uint8_t comm_r[SY_NODE_BYTES], const struct sy_post_sector *sector,
                          struct sy_error *err);
/* FallbackPoStSectorProof of the field's interfaces. */
void sy_post_encode_sector(struct sy_bincode *out, const struct sy_post_query *query,
                           const struct sy_post_sector *sector);

#endif
