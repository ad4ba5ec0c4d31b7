#include "tasks/sdr/graph.h"

#include "common/hex.h"
#include "tasks/hash/blake2b.h"
#include "tasks/hash/chacha.h"
#include "tasks/hash/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRG_SAMPLES 5 /* sampled parents; the sixth is the preceding node */
#define FEISTEL_ROUNDS 3
#define NODES_MIN 16
#define NODES_MAX (UINT64_C(1) << 31)

static void derive_seed(const char *domain, const uint8_t porep_id[32], uint8_t ret_seed[32])
{
    struct sy_sha256 sha;
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, domain, strlen(domain));
    sy_sha256_update(&sha, porep_id, 32);
    sy_sha256_final(&sha, ret_seed);
}

static uint64_t read_le64(const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)from[i] << (8 * i);
    return value;
}

static void write_le64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void write_be64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* F(x, key): the first 8 bytes, big-endian, of BLAKE2b-512(u64be(x) || u64be(key)), masked. */
static uint64_t feistel_round(const struct sy_graph *g, uint64_t x, uint64_t key)
{
    uint8_t message[16], digest[64];
    uint64_t value = 0;
    write_be64(message, x);
    write_be64(message + 8, key);
    int rc = sy_blake2b(digest, sizeof(digest), NULL, 0, message, sizeof(message), NULL);
    SY_ASSERT(rc == 0);
    for (int i = 0; i < 8; i++)
        value = value << 8 | digest[i];
    return value & g->right_mask;
}

static int fill_table(struct sy_graph *g, struct sy_error *err)
{
    uint64_t half = UINT64_C(1) << g->half_bits;
    g->table = malloc(FEISTEL_ROUNDS * half * sizeof(*g->table));
    if (!g->table)
        return sy_fail(err, SY_E_NOMEM, "memory for the round table of %" PRIu64 " nodes",
                       g->nodes);
    for (uint64_t key = 0; key < FEISTEL_ROUNDS; key++) {
        for (uint64_t x = 0; x < half; x++)
            g->table[key << g->half_bits | x] = (uint32_t)feistel_round(g, x, g->feistel_key[key]);
    }
    return 0;
}

int sy_graph_init(struct sy_graph *ret_graph, uint64_t nodes, const uint8_t porep_id[32],
                  bool legacy, bool with_table, struct sy_error *err)
{
    struct sy_graph g = {.nodes = nodes, .legacy = legacy, .domain = 8 * nodes};
    uint8_t seed[32];

    if (nodes < NODES_MIN || nodes > NODES_MAX || (nodes & (nodes - 1)))
        return sy_fail(err, SY_E_RANGE,
                       "a graph of %" PRIu64 " nodes: a power of two from %d to 2^31 is needed",
                       nodes, NODES_MIN);
    derive_seed("Filecoin_DRSample", porep_id, seed);
    memcpy(g.drg_seed, seed, SY_DRG_SEED_BYTES);
    derive_seed("Filecoin_Feistel", porep_id, seed);
    for (int i = 0; i < 4; i++)
        g.feistel_key[i] = read_le64(seed + 8 * i);

    g.half_bits = 1;
    while (UINT64_C(1) << (2 * g.half_bits) < g.domain)
        g.half_bits++;
    g.right_mask = (UINT64_C(1) << g.half_bits) - 1;
    int rc = with_table ? fill_table(&g, err) : 0;
    if (rc == 0)
        *ret_graph = g;
    return rc;
}

int sy_graph_init_params(struct sy_graph *ret_graph, const struct sy_porep_params *params,
                         bool with_table, struct sy_error *err)
{
    return sy_graph_init(ret_graph, params->nodes, params->porep_id, sy_porep_params_legacy(params),
                         with_table, err);
}

void sy_graph_fini(struct sy_graph *graph)
{
    free(graph->table);
    graph->table = NULL;
}

void sy_graph_drg_parents(const struct sy_graph *graph, uint64_t node,
                          uint32_t ret_parents[SY_DRG_PARENTS])
{
    SY_ASSERT(node < graph->nodes);
    if (node < 2) {
        memset(ret_parents, 0, SY_DRG_PARENTS * sizeof(*ret_parents));
        return;
    }
    uint8_t key[SY_CHACHA_KEY_BYTES];
    struct sy_chacha8 stream;
    memcpy(key, graph->drg_seed, SY_DRG_SEED_BYTES);
    for (int i = 0; i < 4; i++)
        key[SY_DRG_SEED_BYTES + i] = (uint8_t)(node >> (8 * i));
    sy_chacha8_init(&stream, key);

    uint32_t *sampled = graph->legacy ? ret_parents : ret_parents + 1;
    uint64_t expanded = DRG_SAMPLES * node;
    /* ceil(log2(5 * node)): 5 * node is never a power of two. */
    uint64_t buckets = 64 - (uint64_t)__builtin_clzll(expanded);
    for (int i = 0; i < DRG_SAMPLES; i++) {
        uint64_t bucket = sy_chacha8_next_u64(&stream) % buckets + 1;
        uint64_t largest = SY_MIN(expanded, UINT64_C(1) << bucket);
        uint64_t smallest = SY_MAX(UINT64_C(2), largest >> 1);
        uint64_t distance = sy_chacha8_next_u64(&stream) % (largest - smallest + 1) + smallest;
        uint64_t parent = (expanded - distance) / DRG_SAMPLES;
        sampled[i] = (uint32_t)(parent == node ? node - 1 : parent);
    }
    ret_parents[graph->legacy ? SY_DRG_PARENTS - 1 : 0] = (uint32_t)(node - 1);
}

static uint64_t permute_once(const struct sy_graph *g, uint64_t index)
{
    uint64_t left = index >> g->half_bits;
    uint64_t right = index & g->right_mask;
    for (uint64_t round = 0; round < FEISTEL_ROUNDS; round++) {
        uint64_t f = g->table ? g->table[round << g->half_bits | right]
                              : feistel_round(g, right, g->feistel_key[round]);
        uint64_t next = left ^ f;
        left = right;
        right = next;
    }
    return left << g->half_bits | right;
}

void sy_graph_exp_parents(const struct sy_graph *graph, uint64_t node,
                          uint32_t ret_parents[SY_EXP_PARENTS])
{
    SY_ASSERT(node < graph->nodes);
    for (uint64_t i = 0; i < SY_EXP_PARENTS; i++) {
        uint64_t index = node * SY_EXP_PARENTS + i;
        /* A permutation of 4^half_bits values walked until it falls into the domain: it ends
         * because the cycle of a domain member returns to it. */
        do {
            index = permute_once(graph, index);
        } while (index >= graph->domain);
        if (graph->legacy)
            index = (uint32_t)index;
        ret_parents[i] = (uint32_t)(index / SY_EXP_PARENTS);
    }
}

void sy_graph_parents(const struct sy_graph *graph, uint64_t node, uint32_t ret_parents[SY_PARENTS])
{
    sy_graph_drg_parents(graph, node, ret_parents);
    sy_graph_exp_parents(graph, node, ret_parents + SY_DRG_PARENTS);
}

void sy_graph_cache_name(const struct sy_graph *graph, char ret_name[SY_GRAPH_CACHE_NAME_BYTES])
{
    static const char hasher[] = "poseidon_hasher";
    char identifier[256];
    uint8_t keys[32], entries[4], digest[32];
    char hex[SY_HEX_TEXT_BYTES(32)];
    struct sy_sha256 sha;

    int length = snprintf(identifier, sizeof(identifier),
                          "stacked_graph::StackedGraph{expansion_degree: 8 base_graph: "
                          "drgraph::BucketGraph{size: %" PRIu64 "; degree: 6; hasher: %s} }",
                          graph->nodes, hasher);
    for (int i = 0; i < 4; i++) {
        write_le64(keys + 8 * i, graph->feistel_key[i]);
        entries[i] = (uint8_t)(graph->nodes >> (8 * i));
    }
    sy_sha256_init(&sha);
    sy_sha256_update(&sha, hasher, sizeof(hasher) - 1);
    sy_sha256_update(&sha, identifier, (size_t)length);
    sy_sha256_update(&sha, keys, sizeof(keys));
    sy_sha256_update(&sha, entries, sizeof(entries));
    sy_sha256_final(&sha, digest);
    snprintf(ret_name, SY_GRAPH_CACHE_NAME_BYTES, "v28-sdr-parent-%s.cache",
             sy_hex_encode(digest, 32, hex));
}
