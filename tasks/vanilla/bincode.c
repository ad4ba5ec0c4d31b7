#include "tasks/vanilla/bincode.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 4096

void sy_bincode_fini(struct sy_bincode *out)
{
    free(out->data);
    memset(out, 0, sizeof *out);
}

void sy_bincode_put(struct sy_bincode *out, const void *data, size_t bytes)
{
    if (out->failed)
        return;
    if (out->capacity - out->bytes < bytes) {
        size_t capacity = SY_MAX(out->capacity * 2, (size_t)FIRST_BYTES);
        capacity = SY_MAX(capacity, out->bytes + bytes);
        uint8_t *grown = realloc(out->data, capacity);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->data = grown;
        out->capacity = capacity;
    }
    memcpy(out->data + out->bytes, data, bytes);
    out->bytes += bytes;
}

static void put_le(struct sy_bincode *out, uint64_t value, unsigned width)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    sy_bincode_put(out, bytes, width);
}

void sy_bincode_put_u64(struct sy_bincode *out, uint64_t value)
{
    put_le(out, value, 8);
}

/* Levels [first, end) as one InclusionPath. */
static void put_path(struct sy_bincode *out, const struct sy_tree_proof *proof, unsigned first,
                     unsigned end)
{
    sy_bincode_put_u64(out, end - first);
    for (unsigned level = first; level < end; level++) {
        unsigned siblings = sy_tree_proof_arity(proof, level) - 1;
        sy_bincode_put_u64(out, siblings);
        sy_bincode_put(out, proof->siblings[sy_tree_proof_first_sibling(proof, level)],
                       (size_t)siblings * SY_NODE_BYTES);
        sy_bincode_put_u64(out, proof->index[level]);
    }
}

void sy_bincode_put_tree_proof(struct sy_bincode *out, const struct sy_tree_proof *proof)
{
    unsigned kind = proof->sub_arity == 0 ? 0 : proof->top_arity == 0 ? 1 : 2;
    put_le(out, kind, 4);
    if (kind == 0) {
        sy_bincode_put(out, proof->root, SY_NODE_BYTES);
        sy_bincode_put(out, proof->leaf, SY_NODE_BYTES);
    }
    put_path(out, proof, 0, proof->base_levels);
    for (unsigned i = 0; i < kind; i++)
        put_path(out, proof, proof->base_levels + i, proof->base_levels + i + 1);
    if (kind != 0) {
        sy_bincode_put(out, proof->root, SY_NODE_BYTES);
        sy_bincode_put(out, proof->leaf, SY_NODE_BYTES);
    }
}
