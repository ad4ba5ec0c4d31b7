/* SHA-256 (FIPS 180-4) with the CPU's SHA extensions, or portable C where they are missing.
 *
 * "trunc" below means: the two top bits of byte 31 are cleared, so the digest is a field element.
 * Threads: pure functions; a struct sy_sha256 belongs to one thread at a time.
 */
#ifndef SEALYARD_TASKS_HASH_SHA256_H
#define SEALYARD_TASKS_HASH_SHA256_H

#include "common/err.h"

#define SY_SHA256_BYTES 32
#define SY_SHA256_BLOCK_BYTES 64

struct sy_sha256 {
    uint32_t state[8];
    uint64_t bytes;                       /* bytes fed so far */
    uint8_t block[SY_SHA256_BLOCK_BYTES]; /* bytes not yet compressed: bytes % 64 of them */
};

/* The round constants K and the initial state H(0). */
extern const uint32_t sy_sha256_k[64];
extern const uint32_t sy_sha256_h0[8];

void sy_sha256_init(struct sy_sha256 *sha);
void sy_sha256_update(struct sy_sha256 *sha, const void *data, size_t bytes);
/* Ends the message; the context must be initialised again before the next one. */
void sy_sha256_final(struct sy_sha256 *sha, uint8_t ret_digest[SY_SHA256_BYTES]);
/* One message in one call. ret_digest may lie inside data. */
void sy_sha256(const void *data, size_t bytes, uint8_t ret_digest[SY_SHA256_BYTES]);

/* state = compress(state, block) for count 64-byte blocks in order (big-endian words as in the
 * standard). */
void sy_sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count);

/* trunc(SHA256(left || right)) of two 32-byte nodes. ret_node may be left or right. */
void sy_sha256_node_pair(uint8_t ret_node[32], const uint8_t left[32], const uint8_t right[32]);
/* The same for pair_count pairs: in holds 64 bytes per pair, ret_nodes gets 32 bytes per pair. The
 * streams are independent and run interleaved, so this is the call for trees. ret_nodes may be
 * equal to in (a row halved in place) but not otherwise overlap it. */
void sy_sha256_node_pairs(uint8_t *ret_nodes, const uint8_t *in, size_t pair_count);

/* Kernels for callers that schedule their own streams (labels). The _ni ones may only be called
 * when sy_sha256_has_ni(); `words` are 16 native-endian words per block (already byte-swapped). */
bool sy_sha256_has_ni(void);
void sy_sha256_compress_ni(uint32_t state[8], const uint8_t *blocks, size_t count);
void sy_sha256_compress_words_ni(uint32_t state[8], const uint32_t *words, size_t count);
void sy_sha256_compress_portable(uint32_t state[8], const uint8_t *blocks, size_t count);
void sy_sha256_compress_words_portable(uint32_t state[8], const uint32_t *words, size_t count);
void sy_sha256_node_pairs_ni(uint8_t *ret_nodes, const uint8_t *in, size_t pair_count);
void sy_sha256_node_pairs_portable(uint8_t *ret_nodes, const uint8_t *in, size_t pair_count);

/* The implementation in use, "portable" or "sha-ni"; chosen at first use. */
const char *sy_sha256_impl_name(void);
/* Chooses it by name, NULL = the best the CPU has; -SY_E_UNSUPPORTED when the CPU lacks it,
 * -SY_E_ARG for an unknown name. For tests and benches; not while other threads hash. */
int sy_sha256_force(const char *name, struct sy_error *err);

#endif
