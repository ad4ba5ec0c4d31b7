/* Labels of chosen nodes of 32 and 64 GiB sectors, without whole layers.
 *
 * Layer 1: the nodes before any node are closed under its DRG parents, so a prefix of the layer is
 * the real one. Other layers: chosen nodes over the whole index range with given parent labels.
 * Both are compared with the message of facts sealing.md 5.1 built byte by byte here and hashed by
 * OpenSSL.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "tasks/sdr/graph.h"
#include "tasks/sdr/labels.h"

#define PREFIX_NODES 3000
#define MESSAGE_BYTES (64 + SY_LABEL_PARENTS * SY_NODE_BYTES)

static void put_be(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* The definition: replica_id | u32be layer | u64be node | 20 zeros | 37 parent labels. */
static void hash_by_definition(const uint8_t replica_id[32], uint32_t layer, uint64_t node,
                               const uint8_t *parents, uint8_t ret[32])
{
    uint8_t message[MESSAGE_BYTES] = {0};
    memcpy(message, replica_id, 32);
    put_be(message + 32, layer, 4);
    put_be(message + 36, node, 8);
    if (parents)
        memcpy(message + 64, parents, SY_LABEL_PARENTS * SY_NODE_BYTES);
    SHA256(message, parents ? MESSAGE_BYTES : 64, ret);
    ret[31] &= 0x3f;
}

static void check_prefix(uint64_t proof_id)
{
    struct sy_porep_params params;
    struct sy_graph graph;
    uint8_t replica_id[32], expected[32], gathered[SY_LABEL_PARENTS][SY_NODE_BYTES];
    static uint8_t labels[PREFIX_NODES][SY_NODE_BYTES];
    assert_int_equal(sy_porep_params_init(&params, proof_id, NULL), 0);
    assert_int_equal(params.layers, 11);
    assert_int_equal(sy_graph_init_params(&graph, &params, false, NULL), 0);
    memset(replica_id, (int)(0x30 + proof_id), sizeof replica_id);
    for (uint64_t node = 0; node < PREFIX_NODES; node++) {
        uint32_t parents[SY_DRG_PARENTS];
        sy_graph_drg_parents(&graph, node, parents);
        for (unsigned slot = 0; node > 0 && slot < SY_LABEL_PARENTS; slot++) {
            assert_int_equal(sy_label_slot_parent(1, slot), slot % SY_DRG_PARENTS);
            assert_in_range(parents[slot % SY_DRG_PARENTS], 0, node - 1);
            memcpy(gathered[slot], labels[parents[slot % SY_DRG_PARENTS]], SY_NODE_BYTES);
        }
        const uint8_t *given = node > 0 ? gathered[0] : NULL;
        sy_label_compute(replica_id, 1, node, given, labels[node]);
        hash_by_definition(replica_id, 1, node, given, expected);
        assert_memory_equal(labels[node], expected, 32);
    }
    sy_graph_fini(&graph);
}

static void check_chosen(uint64_t proof_id)
{
    struct sy_porep_params params;
    struct sy_graph graph;
    uint8_t replica_id[32], label[32], expected[32];
    uint8_t gathered[SY_LABEL_PARENTS][SY_NODE_BYTES];
    assert_int_equal(sy_porep_params_init(&params, proof_id, NULL), 0);
    assert_int_equal(sy_graph_init_params(&graph, &params, false, NULL), 0);
    memset(replica_id, 0x5a, sizeof replica_id);
    const uint64_t nodes[] = {1, 2, 12345, params.nodes / 3, params.nodes / 2, params.nodes - 1};
    for (size_t n = 0; n < SY_ARRAY_SIZE(nodes); n++) {
        uint32_t parents[SY_PARENTS];
        sy_graph_parents(&graph, nodes[n], parents);
        for (uint32_t layer = 2; layer <= params.layers; layer += 3) {
            for (unsigned slot = 0; slot < SY_LABEL_PARENTS; slot++) {
                uint32_t parent = sy_label_slot_parent(layer, slot);
                assert_int_equal(parent, slot % SY_PARENTS);
                assert_in_range(parents[parent], 0, params.nodes - 1);
                memset(gathered[slot], (int)(parents[parent] % 251), SY_NODE_BYTES);
            }
            sy_label_compute(replica_id, layer, nodes[n], gathered[0], label);
            hash_by_definition(replica_id, layer, nodes[n], gathered[0], expected);
            assert_memory_equal(label, expected, 32);
        }
    }
    sy_graph_fini(&graph);
}

static void first_nodes_of_layer_one(void **state)
{
    (void)state;
    static const uint64_t ids[] = {3, 4, 8, 9, 13, 14, 18, 19};
    for (size_t i = 0; i < SY_ARRAY_SIZE(ids); i++)
        check_prefix(ids[i]);
}

static void chosen_nodes_of_later_layers(void **state)
{
    (void)state;
    static const uint64_t ids[] = {3, 4, 8, 9, 13, 14, 18, 19};
    for (size_t i = 0; i < SY_ARRAY_SIZE(ids); i++)
        check_chosen(ids[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_nodes_of_layer_one),
        cmocka_unit_test(chosen_nodes_of_later_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
