/* Finished layers on disk and the markers that say so. Private to tasks/sdr; see labels.h for the
 * promise.
 *
 * Marker: JSON {"format":1,"replica_id":hex,"layer":n,"nodes":n,"sha256":hex}, written after its
 * layer.
 */
#ifndef SEALYARD_TASKS_SDR_LAYER_STORE_H
#define SEALYARD_TASKS_SDR_LAYER_STORE_H

#include "common/err.h"

#include <stdint.h>

struct sy_layer_id {
    const char *cache;
    const uint8_t *replica_id; /* 32 bytes */
    uint32_t layer;
    uint64_t nodes;
};

/* Writes the layer's file and its marker durably; the old marker goes first. */
int sy_layer_store_write(const struct sy_layer_id *id, const uint8_t *data, uint8_t ret_sha256[32],
                         struct sy_error *err);

/* *ret_good: the marker is ours and the file has its digest. With `load` (nodes * 32 bytes) the
 * file is also read there. Damaged or missing files are not errors, failures of reading are. */
int sy_layer_store_check(const struct sy_layer_id *id, uint8_t *load, bool *ret_good,
                         uint8_t ret_sha256[32], struct sy_error *err);

#endif
