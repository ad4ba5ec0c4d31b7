/* Fr32 padding: 127 bytes of data become 128 bytes, four 32-byte nodes whose two top bits are zero.
 *
 * The input is a bit stream, least significant bit of each byte first; after every 254 bits two
 * zero bits are put in. So every node is less than the field's modulus. Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_SECTOR_FR32_H
#define SEALYARD_TASKS_SECTOR_FR32_H

#include "common/err.h"

#define SY_FR32_RAW_QUAD 127
#define SY_FR32_PADDED_QUAD 128
/* A chunk as Lotus writes it: 4 MiB padded. */
#define SY_FR32_PADDED_CHUNK (UINT64_C(4) << 20)
#define SY_FR32_RAW_CHUNK (SY_FR32_PADDED_CHUNK / SY_FR32_PADDED_QUAD * SY_FR32_RAW_QUAD)

/* raw[0..127*quads) to padded[0..128*quads). The buffers must not overlap. */
void sy_fr32_pad(const uint8_t *raw, uint8_t *ret_padded, size_t quads);

/* The inverse: drops bits 254 and 255 of every node, whatever they are. */
void sy_fr32_unpad(const uint8_t *padded, uint8_t *ret_raw, size_t quads);

/* Any length: raw_bytes bytes become sy_fr32_node_count(raw_bytes) nodes, the tail zero-filled. */
void sy_fr32_pad_any(const uint8_t *raw, size_t raw_bytes, uint8_t *ret_padded);
/* ceil(8 * raw_bytes / 254). */
uint64_t sy_fr32_node_count(uint64_t raw_bytes);

/* 127-multiples to 128-multiples and back; -SY_E_RANGE for another value or an overflow. */
int sy_fr32_padded_bytes(uint64_t raw_bytes, uint64_t *ret_padded_bytes, struct sy_error *err);
int sy_fr32_raw_bytes(uint64_t padded_bytes, uint64_t *ret_raw_bytes, struct sy_error *err);

/* Unpads an arbitrary unpadded byte range: `padded` holds the quads that cover it, beginning with
 * quad offset / 127; writes ret_raw[0..size). */
void sy_fr32_unpad_range(const uint8_t *padded, uint64_t raw_offset, size_t raw_size,
                         uint8_t *ret_raw);

#endif
