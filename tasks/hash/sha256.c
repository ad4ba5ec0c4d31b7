#include "tasks/hash/sha256.h"
#include "tasks/field/cpu.h"

#include <stdatomic.h>
#include <string.h>

const uint32_t sy_sha256_h0[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

_Alignas(64) const uint32_t sy_sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

struct sha256_kernel {
    const char *name;
    void (*compress)(uint32_t state[8], const uint8_t *blocks, size_t count);
    void (*node_pairs)(uint8_t *ret_nodes, const uint8_t *in, size_t pair_count);
};

static const struct sha256_kernel kernel_portable = {"portable", sy_sha256_compress_portable,
                                                     sy_sha256_node_pairs_portable};
static const struct sha256_kernel kernel_ni = {"sha-ni", sy_sha256_compress_ni,
                                               sy_sha256_node_pairs_ni};
static _Atomic(const struct sha256_kernel *) chosen;

bool sy_sha256_has_ni(void)
{
    return sy_cpu_leaf7_has(SY_CPU_LEAF7_SHA) && __builtin_cpu_supports("sse4.1");
}

static const struct sha256_kernel *get_kernel(void)
{
    const struct sha256_kernel *kernel = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (kernel != NULL)
        return kernel;
    kernel = sy_sha256_has_ni() ? &kernel_ni : &kernel_portable;
    atomic_store_explicit(&chosen, kernel, memory_order_relaxed);
    return kernel;
}

const char *sy_sha256_impl_name(void)
{
    return get_kernel()->name;
}

int sy_sha256_force(const char *name, struct sy_error *err)
{
    if (name == NULL)
        name = sy_sha256_has_ni() ? kernel_ni.name : kernel_portable.name;
    if (strcmp(name, kernel_portable.name) == 0) {
        atomic_store(&chosen, &kernel_portable);
        return 0;
    }
    if (strcmp(name, kernel_ni.name) != 0)
        return sy_fail(err, SY_E_ARG, "no SHA-256 kernel \"%s\": known are sha-ni and portable",
                       name);
    if (!sy_sha256_has_ni())
        return sy_fail(err, SY_E_UNSUPPORTED, "this CPU lacks the instructions of \"sha-ni\"");
    atomic_store(&chosen, &kernel_ni);
    return 0;
}

void sy_sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    get_kernel()->compress(state, blocks, count);
}

void sy_sha256_node_pairs(uint8_t *ret_nodes, const uint8_t *in, size_t pair_count)
{
    get_kernel()->node_pairs(ret_nodes, in, pair_count);
}

void sy_sha256_node_pair(uint8_t ret_node[32], const uint8_t left[32], const uint8_t right[32])
{
    uint8_t pair[64];
    memcpy(pair, left, 32);
    memcpy(pair + 32, right, 32);
    sy_sha256_node_pairs(ret_node, pair, 1);
}

void sy_sha256_init(struct sy_sha256 *sha)
{
    memcpy(sha->state, sy_sha256_h0, sizeof sha->state);
    sha->bytes = 0;
}

void sy_sha256_update(struct sy_sha256 *sha, const void *data, size_t bytes)
{
    const uint8_t *from = data;
    size_t held = (size_t)(sha->bytes % SY_SHA256_BLOCK_BYTES);
    sha->bytes += bytes;
    if (held > 0) {
        size_t take = SY_MIN(bytes, SY_SHA256_BLOCK_BYTES - held);
        if (take > 0)
            memcpy(sha->block + held, from, take);
        from += take;
        bytes -= take;
        if (held + take < SY_SHA256_BLOCK_BYTES)
            return;
        sy_sha256_compress(sha->state, sha->block, 1);
    }
    size_t blocks = bytes / SY_SHA256_BLOCK_BYTES;
    if (blocks > 0)
        sy_sha256_compress(sha->state, from, blocks);
    size_t rest = bytes % SY_SHA256_BLOCK_BYTES;
    if (rest > 0)
        memcpy(sha->block, from + blocks * SY_SHA256_BLOCK_BYTES, rest);
}

void sy_sha256_final(struct sy_sha256 *sha, uint8_t ret_digest[SY_SHA256_BYTES])
{
    uint8_t tail[2 * SY_SHA256_BLOCK_BYTES] = {0};
    size_t held = (size_t)(sha->bytes % SY_SHA256_BLOCK_BYTES);
    size_t blocks = held < SY_SHA256_BLOCK_BYTES - 8 ? 1 : 2;
    memcpy(tail, sha->block, held);
    tail[held] = 0x80;
    uint64_t bits = __builtin_bswap64(sha->bytes * 8);
    memcpy(tail + blocks * SY_SHA256_BLOCK_BYTES - 8, &bits, 8);
    sy_sha256_compress(sha->state, tail, blocks);
    for (int i = 0; i < 8; i++) {
        uint32_t word = __builtin_bswap32(sha->state[i]);
        memcpy(ret_digest + 4 * i, &word, 4);
    }
}

void sy_sha256(const void *data, size_t bytes, uint8_t ret_digest[SY_SHA256_BYTES])
{
    struct sy_sha256 sha;
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, data, bytes);
    sy_sha256_final(&sha, ret_digest);
}
