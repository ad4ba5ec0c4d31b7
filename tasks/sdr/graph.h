/* The stacked graph: six DRG parents in the same layer and eight expander parents in the layer
 * before.
 *
 * DRG: bucket sampling drawn from a ChaCha8 stream keyed by drg_seed || u32le(node). Expander: a
 * 3-round Feistel permutation of 8 * nodes indices with BLAKE2b as round function and cycle
 * walking. drg_seed = SHA-256("Filecoin_DRSample" || porep_id)[0..28]; keys =
 * SHA-256("Filecoin_Feistel" || porep_id) as four u64le. With API 1.0.0 the preceding node is the
 * last DRG parent instead of the first, and an expander index is cut to 32 bits before it is
 * divided by 8. Threads: a graph is read-only after init.
 */
#ifndef SEALYARD_TASKS_SDR_GRAPH_H
#define SEALYARD_TASKS_SDR_GRAPH_H

#include "tasks/sector/params.h"

#define SY_DRG_SEED_BYTES 28
/* 64 hex digits in "v28-sdr-parent-<hex>.cache" and the end. */
#define SY_GRAPH_CACHE_NAME_BYTES 96

struct sy_graph {
    uint64_t nodes;
    bool legacy;
    uint8_t drg_seed[SY_DRG_SEED_BYTES];
    uint64_t feistel_key[4];
    uint32_t half_bits;
    uint64_t right_mask;
    uint64_t domain; /* 8 * nodes */
    uint32_t *table; /* F(x, key i) at [i << half_bits | x], or NULL: computed each time */
};

/* `nodes` is a power of two from 16 to 2^31 (-SY_E_RANGE). with_table: precompute the round
 * function (3 * 2^half_bits words, at most 1.5 MiB) for making all parents; without it single nodes
 * are cheaper. */
int sy_graph_init(struct sy_graph *ret_graph, uint64_t nodes, const uint8_t porep_id[32],
                  bool legacy, bool with_table, struct sy_error *err);
int sy_graph_init_params(struct sy_graph *ret_graph, const struct sy_porep_params *params,
                         bool with_table, struct sy_error *err);
void sy_graph_fini(struct sy_graph *graph);

/* Parents of node < graph->nodes (asserted), in the order in which they are hashed. */
void sy_graph_drg_parents(const struct sy_graph *graph, uint64_t node,
                          uint32_t ret_parents[SY_DRG_PARENTS]);
void sy_graph_exp_parents(const struct sy_graph *graph, uint64_t node,
                          uint32_t ret_parents[SY_EXP_PARENTS]);
/* The DRG parents, then the expander parents. */
void sy_graph_parents(const struct sy_graph *graph, uint64_t node,
                      uint32_t ret_parents[SY_PARENTS]);

/* "v28-sdr-parent-<64 hex>.cache": the parent cache's file name, the same for every implementation.
 */
void sy_graph_cache_name(const struct sy_graph *graph, char ret_name[SY_GRAPH_CACHE_NAME_BYTES]);

#endif
