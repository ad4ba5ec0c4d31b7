/* p_aux, t_aux and the PC1 output: the small files that go between stages and implementations.
 *
 * p_aux: comm_c || comm_r_last, 64 bytes.
 * t_aux: bincode 1.3 (little-endian, fixed width): u64 count of layers, that many StoreConfig, then
 * those of tree-d, tree-r-last, tree-c. StoreConfig = u64 length, path, u64 length, id, u8 1, u64
 * nodes, u64 rows_to_discard. tree-r-last and tree-c describe one base tree. PC1 output: JSON as
 * serde writes it, keys in its order; read with any order and spacing.
 */
#ifndef SEALYARD_TASKS_SECTOR_AUX_H
#define SEALYARD_TASKS_SECTOR_AUX_H

#include "tasks/sector/files.h"

#define SY_P_AUX_BYTES 64
#define SY_T_AUX_BYTES_MAX (128 * 1024)
#define SY_PC1_OUTPUT_BYTES_MAX (256 * 1024)

/* Reads and writes cache/p_aux. -SY_E_CORRUPT for another length. Writing is durable. */
int sy_p_aux_read(const char *cache, uint8_t ret_comm_c[32], uint8_t ret_comm_r_last[32],
                  struct sy_error *err);
int sy_p_aux_write(const char *cache, const uint8_t comm_c[32], const uint8_t comm_r_last[32],
                   struct sy_error *err);

struct sy_store_config {
    char id[SY_STORE_ID_BYTES];
    bool has_size;
    uint64_t size; /* nodes */
    uint64_t rows_to_discard;
};

struct sy_t_aux {
    char path[SY_PATH_BYTES]; /* of the first layer: the directory at sealing time, informative only
                               */
    uint32_t layers;
    struct sy_store_config layer[SY_LAYERS_MAX];
    struct sy_store_config tree_d;
    struct sy_store_config tree_r_last;
    struct sy_store_config tree_c;
};

/* t_aux of a sector sealed in `path`; *ret_data is malloc'ed, the caller frees it. */
int sy_t_aux_encode(const struct sy_porep_params *params, const char *path, uint8_t **ret_data,
                    size_t *ret_bytes, struct sy_error *err);
/* Strict: every byte used, ids in their order; -SY_E_CORRUPT. */
int sy_t_aux_decode(const uint8_t *data, size_t bytes, struct sy_t_aux *ret_aux,
                    struct sy_error *err);
/* Encode for directory `cache` and write cache/t_aux durably. */
int sy_t_aux_write(const struct sy_porep_params *params, const char *cache, struct sy_error *err);
int sy_t_aux_read(const char *cache, struct sy_t_aux *ret_aux, struct sy_error *err);

/* The JSON of SealPreCommitPhase1Output; params->proof must not be NULL (asserted). *ret_text is
 * malloc'ed and NUL-terminated. */
int sy_pc1_output_encode(const struct sy_porep_params *params, const char *cache,
                         const uint8_t comm_d[32], char **ret_text, struct sy_error *err);
/* Any key order, unknown top-level keys ignored (Lotus adds one); -SY_E_PARSE. */
int sy_pc1_output_decode(const char *text, size_t bytes, const struct sy_proof **ret_proof,
                         uint8_t ret_comm_d[32], struct sy_error *err);

#endif
