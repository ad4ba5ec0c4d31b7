/* Content identifiers of chain objects and of commitments: binary, text, CBOR.
 *
 * CIDv1 only: varint 1, varint codec, varint multihash code, varint length, digest. Text is 'b' and
 * lower-case base32 without padding. Varints are minimal. Threads: pure functions.
 */
#ifndef SEALYARD_COMMON_FIL_CID_H
#define SEALYARD_COMMON_FIL_CID_H

#include "common/fil/cbor.h"

#define SY_FIL_CID_BYTES_MAX 128 /* binary; identity CIDs of the market are the longest */
#define SY_FIL_CID_TEXT_BYTES 208
#define SY_FIL_CHAIN_CID_BYTES 38

#define SY_FIL_CODEC_RAW 0x55
#define SY_FIL_CODEC_DAG_CBOR 0x71
#define SY_FIL_CODEC_UNSEALED 0xf101
#define SY_FIL_CODEC_SEALED 0xf102
#define SY_FIL_HASH_BLAKE2B_256 0xb220
#define SY_FIL_HASH_TRUNC254 0x1012
#define SY_FIL_HASH_POSEIDON 0xb401

struct sy_fil_cid {
    uint8_t bytes; /* 0 = undefined */
    uint8_t data[SY_FIL_CID_BYTES_MAX];
};

/* blake2b with a digest of 1 to 64 bytes. */
void sy_fil_blake2b(const void *data, size_t bytes, void *ret, size_t ret_bytes);
/* blake2b-256 of data[0..bytes). */
void sy_fil_hash(const void *data, size_t bytes, uint8_t ret[SY_HASH_BYTES]);
/* dag-cbor, blake2b-256: the CID of a chain object. */
void sy_fil_cid_of(const void *cbor, size_t bytes, struct sy_fil_cid *ret);
/* CommP or CommD / CommR. */
void sy_fil_cid_unsealed(const uint8_t comm[32], struct sy_fil_cid *ret);
void sy_fil_cid_sealed(const uint8_t comm[32], struct sy_fil_cid *ret);
/* The 32 bytes back; -SY_E_PARSE when the CID is of another kind. */
int sy_fil_cid_unsealed_get(const struct sy_fil_cid *cid, uint8_t ret[32], struct sy_error *err);
int sy_fil_cid_sealed_get(const struct sy_fil_cid *cid, uint8_t ret[32], struct sy_error *err);

/* Checks the binary form (version, minimal varints, length). */
int sy_fil_cid_from(const void *data, size_t bytes, struct sy_fil_cid *ret, struct sy_error *err);
int sy_fil_cid_parse(const char *text, struct sy_fil_cid *ret, struct sy_error *err);
/* Into text[SY_FIL_CID_TEXT_BYTES]; returns text. Undefined prints as "". */
char *sy_fil_cid_print(const struct sy_fil_cid *cid, char *text);
bool sy_fil_cid_equal(const struct sy_fil_cid *a, const struct sy_fil_cid *b);

void sy_fil_cid_put(struct sy_cbor_writer *writer, const struct sy_fil_cid *cid);
int sy_fil_cid_get(struct sy_cbor_reader *reader, struct sy_fil_cid *ret, struct sy_error *err);

/* Unsigned LEB128, minimal. Put returns the length (at most 10); get 0 or -SY_E_PARSE. */
size_t sy_fil_varint_put(uint64_t value, uint8_t *out);
int sy_fil_varint_get(const uint8_t *data, size_t bytes, size_t *at, uint64_t *ret,
                      struct sy_error *err);

#endif
