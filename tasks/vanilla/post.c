#include "tasks/vanilla/post.h"

#include <stdlib.h>
#include <string.h>

#include "tasks/hash/poseidon.h"
#include "tasks/hash/sha256.h"
#include "tasks/sector/aux.h"
#include "tasks/vanilla/shapes.h"

void sy_post_mask_randomness(uint8_t randomness[SY_NODE_BYTES])
{
    randomness[SY_NODE_BYTES - 1] &= 0x3f;
}

static void hash_u64(struct sy_sha256 *sha, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    sy_sha256_update(sha, bytes, sizeof bytes);
}

static uint64_t first_u64(struct sy_sha256 *sha)
{
    uint8_t digest[SY_SHA256_BYTES];
    uint64_t value = 0;
    sy_sha256_final(sha, digest);
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)digest[i] << 8 * i;
    return value;
}

int sy_post_challenges(enum sy_post_kind kind, enum sy_api_version api,
                       const uint8_t randomness[SY_NODE_BYTES], uint64_t sector_number,
                       uint32_t position, uint64_t nodes, struct sy_post_query *ret,
                       struct sy_error *err)
{
    if (!sy_fr_bytes_canonical(randomness) || nodes == 0)
        return sy_fail(err, SY_E_ARG,
                       "PoSt randomness is not below the field's modulus: clear the two top bits "
                       "of its last byte");
    uint64_t first = 0;
    ret->sector_number = sector_number;
    ret->count = kind == SY_POST_WINNING ? SY_POST_WINNING_CHALLENGES : SY_POST_WINDOW_CHALLENGES;
    if (kind == SY_POST_WINDOW && api != SY_API_1_2_0)
        first = (uint64_t)position * ret->count;
    for (uint32_t m = 0; m < ret->count; m++) {
        struct sy_sha256 sha;
        sy_sha256_init(&sha);
        sy_sha256_update(&sha, randomness, SY_NODE_BYTES);
        hash_u64(&sha, sector_number);
        hash_u64(&sha, first + m);
        ret->leaves[m] = first_u64(&sha) % nodes;
    }
    return 0;
}

uint64_t sy_post_winning_sector(const uint8_t prover_id[SY_NODE_BYTES],
                                const uint8_t randomness[SY_NODE_BYTES], uint64_t n,
                                uint64_t set_count)
{
    struct sy_sha256 sha;
    SY_ASSERT(set_count > 0);
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, prover_id, SY_NODE_BYTES);
    sy_sha256_update(&sha, randomness, SY_NODE_BYTES);
    hash_u64(&sha, n);
    return first_u64(&sha) % set_count;
}

static int comm_r_of(const uint8_t comm_c[SY_NODE_BYTES], const uint8_t comm_r_last[SY_NODE_BYTES],
                     uint8_t ret[SY_NODE_BYTES], struct sy_error *err)
{
    uint8_t pair[2 * SY_NODE_BYTES];
    memcpy(pair, comm_c, SY_NODE_BYTES);
    memcpy(pair + SY_NODE_BYTES, comm_r_last, SY_NODE_BYTES);
    return sy_poseidon_node(2, pair, ret, err);
}

static int prove_leaves(const struct sy_tree *tree, const struct sy_post_query *query,
                        struct sy_post_sector *ret, struct sy_error *err)
{
    struct sy_tree_proof *paths = calloc(query->count, sizeof *paths);
    if (!paths)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u paths", query->count);
    int rc = 0;
    for (uint32_t m = 0; rc == 0 && m < query->count; m++)
        rc = sy_tree_prove(tree, query->leaves[m], &paths[m], err);
    if (rc != 0)
        free(paths);
    else
        ret->paths = paths;
    return rc;
}

int sy_post_prove_sector(const struct sy_porep_params *params, const char *cache,
                         const char *sealed_path, const struct sy_post_query *query,
                         struct sy_post_sector *ret, struct sy_error *err)
{
    struct sy_vanilla_shapes shapes;
    struct sy_post_sector sector = {.paths = NULL};
    struct sy_tree *tree = NULL;
    int rc = sy_vanilla_shapes_init(&shapes, params, err);
    if (rc == 0)
        rc = sy_p_aux_read(cache, sector.comm_c, sector.comm_r_last, err);
    if (rc == 0)
        rc = comm_r_of(sector.comm_c, sector.comm_r_last, sector.comm_r, err);
    if (rc == 0)
        rc = sy_tree_open(&tree, &shapes.r_last, cache, "tree-r-last", sealed_path, err);
    if (rc == 0 && memcmp(sy_tree_root(tree), sector.comm_r_last, SY_NODE_BYTES) != 0)
        rc =
            sy_fail(err, SY_E_CORRUPT, "%.200s: tree-r-last and p_aux have different roots", cache);
    if (rc == 0)
        rc = prove_leaves(tree, query, &sector, err);
    if (tree)
        sy_tree_close(tree);
    if (rc == 0)
        *ret = sector;
    return rc == 0 ? 0
                   : sy_error_wrap(err, "sector %llu", (unsigned long long)query->sector_number);
}

void sy_post_sector_fini(struct sy_post_sector *sector)
{
    free((void *)(uintptr_t)sector->paths);
    sector->paths = NULL;
}

int sy_post_verify_sector(const struct sy_porep_params *params, const struct sy_post_query *query,
                          const uint8_t comm_r[SY_NODE_BYTES], const struct sy_post_sector *sector,
                          struct sy_error *err)
{
    struct sy_vanilla_shapes shapes;
    uint8_t computed[SY_NODE_BYTES];
    int rc = sy_vanilla_shapes_init(&shapes, params, err);
    if (rc == 0)
        rc = comm_r_of(sector->comm_c, sector->comm_r_last, computed, err);
    if (rc == 0 && (memcmp(computed, comm_r, SY_NODE_BYTES) != 0 ||
                    memcmp(sector->comm_r, comm_r, SY_NODE_BYTES) != 0))
        rc = sy_fail(err, SY_E_MISMATCH, "comm_c and comm_r_last do not give comm_r");
    for (uint32_t m = 0; rc == 0 && m < query->count; m++) {
        rc = sy_tree_proof_verify(&sector->paths[m], &shapes.r_last, query->leaves[m],
                                  sector->comm_r_last, err);
        if (rc != 0)
            sy_error_wrap(err, "challenge %u", m);
    }
    return rc == 0 ? 0
                   : sy_error_wrap(err, "sector %llu", (unsigned long long)query->sector_number);
}

void sy_post_encode_sector(struct sy_bincode *out, const struct sy_post_query *query,
                           const struct sy_post_sector *sector)
{
    sy_bincode_put_u64(out, query->sector_number);
    sy_bincode_put(out, sector->comm_r, SY_NODE_BYTES);
    sy_bincode_put_u64(out, 1);
    sy_bincode_put_u64(out, query->count);
    for (uint32_t m = 0; m < query->count; m++)
        sy_bincode_put_tree_proof(out, &sector->paths[m]);
    sy_bincode_put(out, sector->comm_c, SY_NODE_BYTES);
    sy_bincode_put(out, sector->comm_r_last, SY_NODE_BYTES);
}
