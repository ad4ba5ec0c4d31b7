/* ChaCha streams (Bernstein 2008; RFC 8439 for the IETF form).
 *
 * sy_chacha8: 8 rounds, 64-bit block counter in words 12 and 13 from 0, words 14 and 15 zero: the
 * generator behind the base graph. sy_chacha20_ietf: 20 rounds, 32-bit counter, 96-bit nonce.
 * Threads: a struct sy_chacha8 belongs to one thread; the rest is pure.
 */
#ifndef SEALYARD_TASKS_HASH_CHACHA_H
#define SEALYARD_TASKS_HASH_CHACHA_H

#include "common/err.h"

#define SY_CHACHA_KEY_BYTES 32
#define SY_CHACHA_NONCE_BYTES 12

struct sy_chacha8 {
    uint32_t state[16];
    uint64_t words[8]; /* the current block as eight u64le */
    unsigned next;     /* first word not yet handed out; 8 = block used up */
};

void sy_chacha8_init(struct sy_chacha8 *chacha, const uint8_t key[SY_CHACHA_KEY_BYTES]);
/* The next 8 bytes of the key stream as u64 little-endian. */
uint64_t sy_chacha8_next_u64(struct sy_chacha8 *chacha);

/* `bytes` bytes of key stream from block 0 on. -SY_E_RANGE beyond 2^32 blocks. */
int sy_chacha20_ietf_stream(void *ret_stream, size_t bytes, const uint8_t key[SY_CHACHA_KEY_BYTES],
                            const uint8_t nonce[SY_CHACHA_NONCE_BYTES], struct sy_error *err);

#endif
