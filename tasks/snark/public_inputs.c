#include "tasks/snark/public_inputs.h"

#include "tasks/sdr/graph.h"
#include "tasks/vanilla/verify.h"

#include <stdlib.h>
#include <string.h>

uint32_t sy_porep_input_count(const struct sy_porep_params *params)
{
    return 3 + params->challenges_per_partition * SY_POREP_INPUTS_PER_CHALLENGE;
}

static int put_bytes(struct sy_fr *ret, const uint8_t *bytes, const char *what,
                     struct sy_error *err)
{
    if (sy_fr_from_bytes(ret, bytes, err) != 0)
        return sy_error_wrap(err, "public input %s", what);
    return 0;
}

static int put_commitments(struct sy_fr ret[3], const struct sy_vanilla_public *public,
                           struct sy_error *err)
{
    int rc = put_bytes(&ret[0], public->replica_id, "replica_id", err);
    if (rc == 0)
        rc = put_bytes(&ret[1], public->comm_d, "comm_d", err);
    if (rc == 0)
        rc = put_bytes(&ret[2], public->comm_r, "comm_r", err);
    return rc;
}

/* Path in comm_d; 14 columns in comm_c; the number; paths in comm_r_last and comm_c. */
static void put_challenge(struct sy_fr *ret, uint64_t node, const uint32_t parents[SY_PARENTS])
{
    struct sy_fr value;
    sy_fr_from_u64(&value, node);
    *ret++ = value;
    for (unsigned i = 0; i < SY_PARENTS; i++)
        sy_fr_from_u64(ret++, parents[i]);
    for (unsigned i = 0; i < 3; i++)
        *ret++ = value;
}

static int put_partitions(const struct sy_porep_params *params,
                          const struct sy_vanilla_public *public, const struct sy_graph *graph,
                          struct sy_fr *ret, struct sy_error *err)
{
    uint64_t challenges[SY_VANILLA_CHALLENGES_MAX];
    uint32_t parents[SY_PARENTS];
    struct sy_fr head[3];
    int rc = put_commitments(head, public, err);
    for (uint32_t k = 0; rc == 0 && k < params->partitions; k++) {
        struct sy_fr *row = ret + (size_t)k * sy_porep_input_count(params);
        memcpy(row, head, sizeof head);
        rc = sy_vanilla_challenges(params, public, k, challenges, err);
        for (uint32_t i = 0; rc == 0 && i < params->challenges_per_partition; i++) {
            sy_graph_parents(graph, challenges[i], parents);
            put_challenge(row + 3 + i * SY_POREP_INPUTS_PER_CHALLENGE, challenges[i], parents);
        }
    }
    return rc;
}

int sy_porep_inputs(const struct sy_porep_params *params, const struct sy_vanilla_public *public,
                    struct sy_fr **ret_inputs, struct sy_error *err)
{
    size_t count = (size_t)params->partitions * sy_porep_input_count(params);
    struct sy_graph graph;
    int rc = sy_graph_init_params(&graph, params, false, err);
    if (rc != 0)
        return rc;
    struct sy_fr *inputs = calloc(count, sizeof *inputs);
    rc = inputs ? put_partitions(params, public, &graph, inputs, err)
                : sy_fail(err, SY_E_NOMEM, "no memory for %zu public inputs", count);
    sy_graph_fini(&graph);
    if (rc != 0) {
        free(inputs);
        return rc;
    }
    *ret_inputs = inputs;
    return 0;
}

int sy_porep_inputs_from_c1(const struct sy_porep_params *params, const struct sy_c1 *c1,
                            uint32_t partition, struct sy_fr *ret_inputs, struct sy_error *err)
{
    if (partition >= c1->partition_count ||
        c1->challenge_count[partition] != params->challenges_per_partition)
        return sy_fail(err, SY_E_RANGE,
                       "partition %u of a C1 file with %u partitions, expected %u proofs in it",
                       partition, c1->partition_count, params->challenges_per_partition);
    struct sy_fr head[3];
    uint32_t parents[SY_PARENTS];
    int rc = put_commitments(head, &c1->public, err);
    if (rc != 0)
        return rc;
    memcpy(ret_inputs, head, sizeof head);
    for (uint32_t i = 0; i < params->challenges_per_partition; i++) {
        const struct sy_vanilla_proof *proof = &c1->partitions[partition][i];
        for (unsigned j = 0; j < SY_PARENTS; j++)
            parents[j] = proof->parents[j].index;
        put_challenge(ret_inputs + 3 + i * SY_POREP_INPUTS_PER_CHALLENGE, proof->c_x.index,
                      parents);
    }
    return 0;
}

uint32_t sy_post_input_count(const struct sy_post_shape *shape)
{
    return shape->sector_count * (1 + shape->challenge_count);
}

int sy_post_inputs(const struct sy_post_shape *shape, const uint8_t (*comm_r)[SY_NODE_BYTES],
                   const uint64_t *challenges, struct sy_fr *ret_inputs, struct sy_error *err)
{
    struct sy_fr *at = ret_inputs;
    for (uint32_t s = 0; s < shape->sector_count; s++) {
        int rc = put_bytes(at++, comm_r[s], "comm_r", err);
        if (rc != 0)
            return sy_error_wrap(err, "sector %u of the partition", s);
        for (uint32_t m = 0; m < shape->challenge_count; m++)
            sy_fr_from_u64(at++, challenges[(size_t)s * shape->challenge_count + m]);
    }
    return 0;
}

int sy_update_inputs(const struct sy_update_shape *shape, unsigned partition, unsigned h_select,
                     const uint8_t comm_r_old[SY_NODE_BYTES],
                     const uint8_t comm_d_new[SY_NODE_BYTES],
                     const uint8_t comm_r_new[SY_NODE_BYTES],
                     struct sy_fr ret_inputs[SY_UPDATE_INPUTS], struct sy_error *err)
{
    struct sy_fr inputs[SY_UPDATE_INPUTS];
    if (partition >= shape->partitions)
        return sy_fail(err, SY_E_RANGE, "partition %u of an update with %u", partition,
                       shape->partitions);
    sy_fr_from_u64(&inputs[0], partition | (uint64_t)h_select << shape->partition_bits);
    int rc = put_bytes(&inputs[1], comm_r_old, "comm_r_old", err);
    if (rc == 0)
        rc = put_bytes(&inputs[2], comm_d_new, "comm_d_new", err);
    if (rc == 0)
        rc = put_bytes(&inputs[3], comm_r_new, "comm_r_new", err);
    if (rc == 0)
        memcpy(ret_inputs, inputs, sizeof inputs);
    return rc;
}
