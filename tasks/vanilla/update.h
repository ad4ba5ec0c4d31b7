/* Replica updates (SnapDeals, FIP-0019): new data into a committed sector, and the vanilla proofs.
 *
 * new[v] = old[v] + data[v] * rho(high bits of v), rho = PR(phi, high), phi = PR(comm_d_new,
 * comm_r_old), PR = Poseidon arity 2 with domain tag 2^40. The new replica gets its own tree-d and
 * tree-r-last; comm_c stays. Source: facts sealing.md 11. Threads: functions may run at the same
 * time on different sectors.
 */
#ifndef SEALYARD_TASKS_VANILLA_UPDATE_H
#define SEALYARD_TASKS_VANILLA_UPDATE_H

#include "tasks/snark/circuit.h"
#include "tasks/vanilla/bincode.h"

/* All nodes that share their top h bits share a factor: at most 2^12. */
#define SY_UPDATE_H_MAX 12

/* The network's choice of h: 1 for sizes up to 32 KiB, else 10. */
unsigned sy_update_h(const struct sy_update_shape *shape);
/* Its one-hot form in the circuit: 1, or 8. */
unsigned sy_update_h_select(const struct sy_update_shape *shape);

/* -SY_E_CORRUPT when a commitment is no field element. */
int sy_update_phi(const uint8_t comm_d_new[SY_NODE_BYTES], const uint8_t comm_r_old[SY_NODE_BYTES],
                  struct sy_fr *ret, struct sy_error *err);
void sy_update_rho(const struct sy_fr *phi, uint64_t high, struct sy_fr *ret);
/* Nodes that partition `partition` opens: ret[shape->challenges]. -SY_E_RANGE, -SY_E_CORRUPT for a
 * comm_r_new >= r. */
int sy_update_challenges(const struct sy_update_shape *shape,
                         const uint8_t comm_r_new[SY_NODE_BYTES], unsigned partition, uint64_t *ret,
                         struct sy_error *err);

/* Where everything lies. */
struct sy_update_paths {
    const char *old_cache, *old_sealed; /* the committed sector (sector key) */
    const char *staged;                 /* new data, Fr32 padded, sector_bytes */
    const char *new_cache;              /* exists; gets tree-d, tree-r-last, p_aux, t_aux */
    const char *update;                 /* the new replica */
};
struct sy_update_commitments {
    uint8_t comm_r_old[SY_NODE_BYTES], comm_d_new[SY_NODE_BYTES];
    uint8_t comm_r_last_new[SY_NODE_BYTES], comm_r_new[SY_NODE_BYTES];
};
/* Writes the update file and the new cache; every file durable and as a whole. */
int sy_update_encode(const struct sy_porep_params *params, const struct sy_update_paths *paths,
                     unsigned threads, struct sy_update_commitments *ret, struct sy_error *err);
/* The data back, Fr32 padded, into `output`: (new - old) / rho. */
int sy_update_decode(const struct sy_porep_params *params, const char *old_sealed,
                     const char *update, const uint8_t comm_d_new[SY_NODE_BYTES],
                     const uint8_t comm_r_old[SY_NODE_BYTES], const char *output, unsigned threads,
                     struct sy_error *err);

/* The vanilla proof of one partition. ret->challenges is malloc'ed; sy_update_witness_fini. */
int sy_update_prove(const struct sy_porep_params *params, const struct sy_update_paths *paths,
                    const struct sy_update_commitments *commitments, unsigned partition,
                    struct sy_update_witness *ret, struct sy_error *err);
void sy_update_witness_fini(struct sy_update_witness *witness);
/* 0 when the proof holds for its own public values (comm_*, partition), which the caller compares
 * with the trusted ones. -SY_E_MISMATCH with the reason. */
int sy_update_verify(const struct sy_porep_params *params, const struct sy_update_witness *witness,
                     struct sy_error *err);
/* PartitionProof of the field's interfaces. */
void sy_update_encode_partition(struct sy_bincode *out, const struct sy_update_shape *shape,
                                const struct sy_update_witness *witness);

#endif
