/* Digest, counts and densities of a circuit: the check that it is the network's.
 *
 * Digest: SHA-256 over the constraints in order, each as A, B, C; a combination is u32 LE term
 * count, then per term kind (0 input, 1 auxiliary), u32 LE index, 32-byte LE canonical coefficient.
 * Densities: a_aux and b_aux mark the auxiliary variables with a non-zero coefficient in some A or
 * B.
 */
#ifndef SEALYARD_TASKS_SNARK_DIGEST_H
#define SEALYARD_TASKS_SNARK_DIGEST_H

#include "tasks/hash/sha256.h"
#include "tasks/snark/cs.h"

struct sy_circuit_digest {
    struct sy_cs_sink sink;
    struct sy_sha256 sha;
    uint64_t constraints;
    uint64_t terms_a, terms_b, terms_c;
    uint64_t checkpoint_every; /* 0 = none */
    /* Called with the digest after every checkpoint_every constraints; NULL = none. */
    void (*on_checkpoint)(void *ctx, uint64_t constraints, const uint8_t digest[32]);
    void *ctx;
    uint8_t *a_aux, *b_aux; /* bitmaps: variable i is bit i % 8 of byte i / 8 */
    size_t bitmap_bytes;
    bool b_input_other; /* some input besides ONE stands in a B */
    bool failed;        /* out of memory */
};

void sy_circuit_digest_init(struct sy_circuit_digest *digest);
void sy_circuit_digest_fini(struct sy_circuit_digest *digest);
/* The digest so far; more constraints may follow. */
void sy_circuit_digest_get(const struct sy_circuit_digest *digest, uint8_t ret[32]);
/* Number of marked variables and SHA-256 of the bitmap of `aux` bits. */
uint64_t sy_circuit_density(const uint8_t *bitmap, size_t bitmap_bytes, uint32_t aux,
                            uint8_t ret_sha256[32]);

#endif
