/* Randomness as the chain draws it:
 * blake2b-256(be64(tag) || blake2b-256(base) || be64(epoch) || entropy).
 *
 * base is the VRF proof of the ticket, or the data of the beacon entry. Threads: pure functions.
 */
#ifndef SEALYARD_COMMON_FIL_RANDOMNESS_H
#define SEALYARD_COMMON_FIL_RANDOMNESS_H

#include "common/err.h"

enum sy_fil_tag {
    SY_FIL_TAG_TICKET = 1,
    SY_FIL_TAG_ELECTION = 2,
    SY_FIL_TAG_WINNING_POST = 3,
    SY_FIL_TAG_WINDOW_POST = 4,
    SY_FIL_TAG_SEAL = 5,
    SY_FIL_TAG_INTERACTIVE_SEAL = 6,
    SY_FIL_TAG_DEADLINE_ASSIGNMENT = 7,
    SY_FIL_TAG_MARKET_CRON = 8,
    SY_FIL_TAG_POST_COMMIT = 9,
    SY_FIL_TAG_EVM = 10,
};

/* Room for the entropy: an address in CBOR. */
#define SY_FIL_ENTROPY_BYTES 68

void sy_fil_draw(const void *base, size_t base_bytes, int64_t tag, int64_t epoch,
                 const void *entropy, size_t entropy_bytes, uint8_t ret[32]);
void sy_fil_draw_digest(const uint8_t digest[32], int64_t tag, int64_t epoch, const void *entropy,
                        size_t entropy_bytes, uint8_t ret[32]);
/* CBOR of the miner's id address into out[SY_FIL_ENTROPY_BYTES]; returns its length. */
size_t sy_fil_miner_entropy(uint64_t miner, uint8_t *out);

#endif
