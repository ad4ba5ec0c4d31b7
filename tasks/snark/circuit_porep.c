/* StackedDRG proof of replication, one partition: facts groth16.md 6.8, 6.9. */
#include "tasks/snark/circuit.h"

#include "tasks/snark/por.h"
#include "tasks/snark/poseidon_gadget.h"
#include "tasks/snark/sha256_gadget.h"

#include <stdlib.h>
#include <string.h>

#define ID_BITS 256
#define LAYER_BITS 32
#define CHALLENGE_BITS 64
#define PREFIX_BITS 512
#define LABEL_BITS (PREFIX_BITS + SY_LABEL_PARENTS * 256)

struct porep {
    struct sy_cs *cs;
    const struct sy_porep_params *params;
    struct sy_path_shape path_d, path_r;
    struct sy_num comm_d, comm_r_last, comm_c;
    struct sy_bit replica_id[ID_BITS];
    struct sy_bit parents[SY_PARENTS][256]; /* of the label being built, in SHA's order */
    struct sy_bit message[LABEL_BITS];
};

static void load_public(struct porep *p, const struct sy_porep_witness *witness)
{
    struct sy_cs *cs = p->cs;
    const struct sy_vanilla_public *public = witness ? witness->public : NULL;
    struct sy_bit bits[SY_NUM_BITS];
    struct sy_num replica_id = sy_num_alloc_bytes(cs, public ? public->replica_id : NULL);
    sy_num_inputize(cs, &replica_id);
    sy_num_to_bits(cs, &replica_id, bits);
    sy_bits_reverse_bytes(bits, SY_NUM_BITS, p->replica_id);
    p->comm_d = sy_num_alloc_bytes(cs, public ? public->comm_d : NULL);
    sy_num_inputize(cs, &p->comm_d);
    struct sy_num comm_r = sy_num_alloc_bytes(cs, public ? public->comm_r : NULL);
    sy_num_inputize(cs, &comm_r);
    const struct sy_vanilla_proof *first = witness ? &witness->proofs[0] : NULL;
    p->comm_r_last = sy_num_alloc_bytes(cs, first ? first->comm_r_last.root : NULL);
    p->comm_c = sy_num_alloc_bytes(cs, first ? first->c_x.inclusion.root : NULL);
    struct sy_num roots[2] = {p->comm_c, p->comm_r_last};
    struct sy_num hash = sy_poseidon_gadget_node(cs, 2, roots);
    sy_num_equal(cs, &comm_r, &hash);
}

/* One parent's labels, its column hash and the path of that to comm_c. */
static void prove_column(struct porep *p, const struct sy_vanilla_column *column,
                         struct sy_num labels[SY_LAYERS_MAX])
{
    for (unsigned l = 0; l < p->params->layers; l++)
        labels[l] = sy_num_alloc_bytes(p->cs, column ? column->rows[l] : NULL);
    struct sy_num hash = sy_poseidon_gadget_node(p->cs, p->params->layers, labels);
    sy_por_gadget(p->cs, &p->path_r, column ? &column->inclusion : NULL, &hash, &p->comm_c);
}

static void put_number(struct sy_bit *out, unsigned bits, uint64_t value)
{
    for (unsigned i = 0; i < bits; i++)
        out[i] = sy_bit_const((value >> (bits - 1 - i) & 1) != 0);
}

/* label = trunc(SHA-256(replica_id | layer | node | zeros | 37 parents)). */
static struct sy_num create_label(struct porep *p, unsigned layer,
                                  const struct sy_bit challenge[CHALLENGE_BITS])
{
    struct sy_bit *at = p->message;
    memcpy(at, p->replica_id, sizeof p->replica_id);
    at += ID_BITS;
    put_number(at, LAYER_BITS, layer);
    at += LAYER_BITS;
    for (unsigned i = 0; i < CHALLENGE_BITS; i++)
        *at++ = challenge[CHALLENGE_BITS - 1 - i];
    while (at < p->message + PREFIX_BITS)
        *at++ = sy_bit_const(false);
    unsigned distinct = layer == 1 ? SY_DRG_PARENTS : SY_PARENTS;
    for (unsigned i = 0; i < SY_LABEL_PARENTS; i++, at += 256)
        memcpy(at, p->parents[i % distinct], sizeof p->parents[0]);
    struct sy_bit digest[256], value[256];
    sy_sha256_gadget(p->cs, p->message, LABEL_BITS, digest);
    sy_bits_reverse_bytes(digest, 256, value);
    return sy_num_pack(p->cs, value, SY_NUM_CAPACITY);
}

static void load_parent(struct porep *p, unsigned parent, const struct sy_num *label)
{
    struct sy_bit bits[SY_NUM_BITS];
    sy_num_to_bits(p->cs, label, bits);
    sy_bits_reverse_bytes(bits, SY_NUM_BITS, p->parents[parent]);
}

static void prove_challenge(struct porep *p, const struct sy_vanilla_proof *proof)
{
    struct sy_cs *cs = p->cs;
    unsigned layers = p->params->layers;
    struct sy_num columns[SY_PARENTS][SY_LAYERS_MAX], labels[SY_LAYERS_MAX];
    struct sy_num data_leaf = sy_num_alloc_bytes(cs, proof ? proof->comm_d.leaf : NULL);
    sy_por_gadget(cs, &p->path_d, proof ? &proof->comm_d : NULL, &data_leaf, &p->comm_d);
    for (unsigned i = 0; i < SY_PARENTS; i++)
        prove_column(p, proof ? &proof->parents[i] : NULL, columns[i]);
    struct sy_bit challenge[CHALLENGE_BITS];
    uint64_t node = proof ? proof->c_x.index : 0;
    for (unsigned i = 0; i < CHALLENGE_BITS; i++)
        challenge[i] = sy_bit_alloc(cs, (node >> i & 1) != 0);
    sy_num_pack_into_inputs(cs, challenge, CHALLENGE_BITS);
    for (unsigned layer = 1; layer <= layers; layer++) {
        for (unsigned i = 0; i < SY_DRG_PARENTS; i++)
            load_parent(p, i, &columns[i][layer - 1]);
        for (unsigned i = SY_DRG_PARENTS; layer > 1 && i < SY_PARENTS; i++)
            load_parent(p, i, &columns[i][layer - 2]);
        labels[layer - 1] = create_label(p, layer, challenge);
    }
    struct sy_num encoded = sy_num_add(cs, &labels[layers - 1], &data_leaf);
    sy_por_gadget(cs, &p->path_r, proof ? &proof->comm_r_last : NULL, &encoded, &p->comm_r_last);
    struct sy_num hash = sy_poseidon_gadget_node(cs, layers, labels);
    sy_por_gadget(cs, &p->path_r, proof ? &proof->c_x.inclusion : NULL, &hash, &p->comm_c);
}

void sy_circuit_porep(struct sy_cs *cs, const struct sy_porep_params *params,
                      const struct sy_porep_witness *witness)
{
    struct porep *p = calloc(1, sizeof *p);
    if (!p) {
        sy_cs_fail(cs, SY_E_NOMEM, "no memory for the PoRep circuit");
        return;
    }
    p->cs = cs;
    p->params = params;
    p->path_d = sy_path_shape_sha(params->node_bits);
    p->path_r = sy_path_shape_poseidon(params->base_levels, params->sub_arity, params->top_arity);
    load_public(p, witness);
    for (uint32_t i = 0; i < params->challenges_per_partition; i++)
        prove_challenge(p, witness ? &witness->proofs[i] : NULL);
    free(p);
}
