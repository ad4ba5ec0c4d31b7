/* CIDs of commitments: text form, base32 lower case with the multibase letter 'b'.
 *
 * CommP and CommD: codec fil-commitment-unsealed 0xf101, multihash sha2-256-trunc254-padded 0x1012.
 * CommR: codec fil-commitment-sealed 0xf102, multihash poseidon-bls12_381-a2-fc1 0xb401.
 * PieceCID v2 (FRC-0069): codec raw 0x55, multihash fr32-sha256-trunc254-padbintree 0x1011, digest
 * = uvarint(padding bytes) || u8 height || root. Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_SECTOR_CID_H
#define SEALYARD_TASKS_SECTOR_CID_H

#include "common/err.h"

#define SY_CID_TEXT_BYTES 96

/* Write the NUL-terminated text into text[SY_CID_TEXT_BYTES] and return it. */
char *sy_cid_unsealed_format(const uint8_t comm[32], char *text); /* CommP, CommD */
char *sy_cid_sealed_format(const uint8_t comm[32], char *text);   /* CommR */

/* Exactly one canonical CID of that kind; -SY_E_PARSE says what was found. */
int sy_cid_unsealed_parse(const char *text, uint8_t ret_comm[32], struct sy_error *err);
int sy_cid_sealed_parse(const char *text, uint8_t ret_comm[32], struct sy_error *err);

/* PieceCID v2 of a payload of raw_bytes in a piece of padded_bytes (power of two >= 128, room for
 * raw_bytes); -SY_E_RANGE. */
int sy_cid_piece_v2_format(const uint8_t comm[32], uint64_t raw_bytes, uint64_t padded_bytes,
                           char *text, struct sy_error *err);
int sy_cid_piece_v2_parse(const char *text, uint8_t ret_comm[32], uint64_t *ret_raw_bytes,
                          uint64_t *ret_padded_bytes, struct sy_error *err);

#endif
