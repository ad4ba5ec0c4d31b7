/* Inclusion proofs in bincode, the form in which implementations hand each other vanilla proofs of
 * PoSt and of updates: fixed width, little-endian, lists with a u64 length. Source: facts
 * sealing.md 9.2 and 9.4. Threads: a buffer belongs to one thread.
 */
#ifndef SEALYARD_TASKS_VANILLA_BINCODE_H
#define SEALYARD_TASKS_VANILLA_BINCODE_H

#include "tasks/tree/tree.h"

struct sy_bincode {
    uint8_t *data; /* owned */
    size_t bytes, capacity;
    bool failed; /* out of memory: nothing more is added */
};
void sy_bincode_fini(struct sy_bincode *out);
void sy_bincode_put(struct sy_bincode *out, const void *data, size_t bytes);
void sy_bincode_put_u64(struct sy_bincode *out, uint64_t value);
/* MerkleProof: Single, Sub or Top with root, leaf and paths. */
void sy_bincode_put_tree_proof(struct sy_bincode *out, const struct sy_tree_proof *proof);

#endif
