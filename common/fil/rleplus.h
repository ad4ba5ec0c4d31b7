/* RLE+ bitfields: sets of 64-bit numbers as runs.
 *
 * In memory a set is an ascending list of separate ranges. On the wire: 2 bits version 0, 1 bit
 * value of the first run, then runs (1 bit, 4 bits or a varint), least significant bit first; no
 * zero run at the end, each length in its shortest block, no trailing zero byte; empty set = no
 * bytes. JSON: run lengths beginning with the zeros. Threads: pure functions.
 */
#ifndef SEALYARD_COMMON_FIL_RLEPLUS_H
#define SEALYARD_COMMON_FIL_RLEPLUS_H

#include "common/err.h"

#include <jansson.h>

#define SY_RLE_BYTES_MAX 32768

struct sy_rle_range {
    uint64_t start;
    uint64_t count; /* > 0; start + count <= 2^64 - 1 */
};

/* -SY_E_PARSE for anything not canonical, -SY_E_LIMIT for more than `capacity` ranges. */
int sy_rle_decode(const void *data, size_t bytes, struct sy_rle_range *ret, size_t capacity,
                  size_t *ret_count, struct sy_error *err);
/* Ranges must be ascending and separated (asserted). -SY_E_LIMIT when they do not fit. */
int sy_rle_encode(const struct sy_rle_range *ranges, size_t count, void *data, size_t capacity,
                  size_t *ret_bytes, struct sy_error *err);
/* Run lengths; the empty set is [0]. NULL = out of memory. */
json_t *sy_rle_to_json(const struct sy_rle_range *ranges, size_t count);
/* null and [] are the empty set too. */
int sy_rle_from_json(const json_t *json, struct sy_rle_range *ret, size_t capacity,
                     size_t *ret_count, struct sy_error *err);
bool sy_rle_contains(const struct sy_rle_range *ranges, size_t count, uint64_t value);

#endif
