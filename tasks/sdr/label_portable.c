/* Labels in portable C: the plain reading of the definition, 20 compressions per node. */
#include "tasks/hash/sha256.h"
#include "tasks/sdr/label_kernel.h"

#include <string.h>

#define HEAD_BYTES 64
#define MESSAGE_BYTES (HEAD_BYTES + SY_LABEL_PARENTS * SY_NODE_BYTES)
/* 1248 bytes, 0x80, zeros, the length in bits: twenty blocks. */
#define PADDED_BYTES (20 * SY_SHA256_BLOCK_BYTES)

_Static_assert(MESSAGE_BYTES == 1248, "37 parents behind a block of 64 bytes");

static void put_be32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_head(uint8_t *to, const uint8_t replica_id[32], uint32_t layer, uint64_t node)
{
    memset(to, 0, HEAD_BYTES);
    memcpy(to, replica_id, 32);
    put_be32(to + 32, layer);
    put_be32(to + 36, (uint32_t)(node >> 32));
    put_be32(to + 40, (uint32_t)node);
}

static void label_one(const struct sy_label_job *job, uint64_t node, uint64_t position)
{
    const uint8_t *parent[SY_PARENTS];
    uint8_t message[PADDED_BYTES] = {0};
    uint32_t state[8];
    size_t blocks = 2;
    uint8_t *label = job->layer_data + node * SY_NODE_BYTES;

    put_head(message, job->replica_id, job->layer, node);
    if (node == 0) {
        message[HEAD_BYTES] = 0x80;
        put_be32(message + blocks * SY_SHA256_BLOCK_BYTES - 4, 8 * HEAD_BYTES);
    } else {
        sy_label_parent_pointers(job, node, position, parent);
        for (uint32_t slot = 0; slot < SY_LABEL_PARENTS; slot++)
            memcpy(message + HEAD_BYTES + slot * SY_NODE_BYTES,
                   parent[sy_label_slot_parent(job->layer, slot)], SY_NODE_BYTES);
        blocks = PADDED_BYTES / SY_SHA256_BLOCK_BYTES;
        message[MESSAGE_BYTES] = 0x80;
        put_be32(message + PADDED_BYTES - 4, 8 * MESSAGE_BYTES);
    }
    memcpy(state, sy_sha256_h0, sizeof(state));
    sy_sha256_compress_portable(state, message, blocks);
    for (int i = 0; i < 8; i++)
        put_be32(label + 4 * i, state[i]);
    label[31] &= 0x3f;
}

void sy_label_range_portable(const struct sy_label_job *job, uint64_t begin, uint64_t end)
{
    for (uint64_t node = begin; node < end; node++)
        label_one(job, node, node - begin);
}

void sy_label_compute(const uint8_t replica_id[32], uint32_t layer, uint64_t node,
                      const uint8_t *parents, uint8_t ret_label[32])
{
    struct sy_sha256 sha;
    uint8_t head[HEAD_BYTES];
    put_head(head, replica_id, layer, node);
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, head, sizeof(head));
    if (node > 0)
        sy_sha256_update(&sha, parents, (size_t)SY_LABEL_PARENTS * SY_NODE_BYTES);
    sy_sha256_final(&sha, ret_label);
    ret_label[31] &= 0x3f;
}
