/* Replica encoding: replica[v] = data[v] + label_L[v] mod r on canonical 32-byte little-endian
 * nodes, and its inverse.
 */
#ifndef SEALYARD_TASKS_SDR_ENCODE_H
#define SEALYARD_TASKS_SDR_ENCODE_H

#include "tasks/sdr/labels.h"

/* Encodes the first sector_bytes of `unsealed_path` with the last layer's file into `sealed_path`
 * (durable, replaced as a whole, exactly sector_bytes). A data node >= r is -SY_E_CORRUPT with its
 * index. unsealed_path "/dev/zero" stands for a sector of zeros. threads 0 = the CPUs of this
 * process. */
int sy_encode_file(const struct sy_porep_params *params, const char *unsealed_path,
                   const char *layer_path, const char *sealed_path, unsigned threads,
                   const struct sy_progress *progress, struct sy_error *err);

/* Encodes / decodes nodes in memory: sealed = data + key, data = sealed - key. Both inputs are
 * checked to be canonical: -SY_E_CORRUPT with first_node + index. In place is fine. */
int sy_encode_nodes(uint8_t *ret_sealed, const uint8_t *data, const uint8_t *key, size_t count,
                    uint64_t first_node, struct sy_error *err);
int sy_decode_nodes(uint8_t *ret_data, const uint8_t *sealed, const uint8_t *key, size_t count,
                    uint64_t first_node, struct sy_error *err);

/* Unsealing: writes unpadded bytes [offset, offset + size) of the sector to `output_path`
 * (durable). `key` is the last label layer, sector_bytes long (sy_labels_run with ret_last).
 * -SY_E_RANGE when the range leaves the sector. When ret_comm_d is not NULL the whole sector is
 * decoded and CommD of the result returned, so that the caller can compare. */
int sy_unseal_range(const struct sy_porep_params *params, const char *sealed_path,
                    const uint8_t *key, const char *output_path, uint64_t raw_offset,
                    uint64_t raw_size, unsigned threads, const struct sy_progress *progress,
                    uint8_t *ret_comm_d, struct sy_error *err);

#endif
