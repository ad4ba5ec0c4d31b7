/* EmptySectorUpdate: facts groth16.md 6.11. */
#include "tasks/snark/circuit.h"

#include "tasks/hash/poseidon.h"
#include "tasks/snark/por.h"
#include "tasks/snark/poseidon_gadget.h"

#include <stdlib.h>
#include <string.h>

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)

int sy_update_shape_init(struct sy_update_shape *ret, uint64_t sector_bytes, struct sy_error *err)
{
    static const uint8_t porep_id[SY_POREP_ID_BYTES];
    static const unsigned small_h[] = {1, 1, 1, 1, 1, 1}, large_h[] = {7, 8, 9, 10, 11, 12};
    struct sy_porep_params params;
    int rc = sy_porep_params_init_test(&params, sector_bytes, SY_PROOF_V1_1, SY_API_1_1_0, porep_id,
                                       err);
    if (rc != 0)
        return rc;
    struct sy_update_shape shape = {
        .sector_bytes = sector_bytes,
        .node_bits = params.node_bits,
        .base_levels = params.base_levels,
        .sub_arity = params.sub_arity,
        .top_arity = params.top_arity,
    };
    shape.partitions = sector_bytes <= 8 * KIB    ? 1
                       : sector_bytes <= 32 * KIB ? 2
                       : sector_bytes <= 16 * MIB ? 4
                                                  : 16;
    shape.challenges = sector_bytes <= 16 * MIB ? 10 : 86;
    shape.apex_leaves = sector_bytes <= 8 * KIB ? 8 : 128;
    shape.partition_bits = (unsigned)__builtin_ctz(shape.partitions);
    shape.apex_bits = (unsigned)__builtin_ctz(shape.apex_leaves);
    memcpy(shape.h_choice, sector_bytes <= 32 * KIB ? small_h : large_h, sizeof shape.h_choice);
    *ret = shape;
    return 0;
}

struct update {
    struct sy_cs *cs;
    const struct sy_update_shape *shape;
    const struct sy_update_witness *witness; /* NULL = blank */
    struct sy_fr gen_tag;
    struct sy_bit partition_bits[8], h_bits[SY_UPDATE_H_CHOICES];
    struct sy_num partition, comm_r_old, comm_d_new, comm_r_new, phi;
    struct sy_num comm_c, root_r_old, root_r_new;
    struct sy_num apex[SY_UPDATE_APEX_MAX];
    struct sy_num partition_path[8];
    struct sy_num siblings[2][SY_TREE_SIBLINGS_MAX];
};

static struct sy_num gen_hash(struct update *u, const struct sy_num *a, const struct sy_num *b)
{
    struct sy_num inputs[2] = {*a, *b};
    return sy_poseidon_gadget(u->cs, 2, &u->gen_tag, inputs);
}

/* Steps 1 to 4: public inputs, partition and h bits, phi. */
static void load_public(struct update *u)
{
    struct sy_cs *cs = u->cs;
    const struct sy_update_witness *w = u->witness;
    unsigned pb = u->shape->partition_bits;
    uint64_t packed = w ? (uint64_t)w->h_select << pb | w->partition : 0;
    struct sy_fr value;
    sy_fr_from_u64(&value, packed);
    struct sy_num k_and_h = sy_num_alloc(cs, &value);
    sy_num_inputize(cs, &k_and_h);
    struct sy_bit bits[8 + SY_UPDATE_H_CHOICES];
    for (unsigned i = 0; i < pb + SY_UPDATE_H_CHOICES; i++)
        bits[i] = sy_bit_alloc(cs, (packed >> i & 1) != 0);
    if (sy_cs_open(cs)) {
        for (unsigned i = 0; i < pb + SY_UPDATE_H_CHOICES; i++)
            sy_lc_add_bit(&cs->a, bits[i], i);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, k_and_h.var);
        sy_cs_close(cs);
    }
    memcpy(u->partition_bits, bits, pb * sizeof *bits);
    memcpy(u->h_bits, bits + pb, sizeof u->h_bits);
    u->partition = sy_num_pack(cs, u->partition_bits, pb);
    u->comm_r_old = sy_num_alloc_bytes(cs, w ? w->comm_r_old : NULL);
    sy_num_inputize(cs, &u->comm_r_old);
    u->comm_d_new = sy_num_alloc_bytes(cs, w ? w->comm_d_new : NULL);
    sy_num_inputize(cs, &u->comm_d_new);
    u->comm_r_new = sy_num_alloc_bytes(cs, w ? w->comm_r_new : NULL);
    sy_num_inputize(cs, &u->comm_r_new);
    u->phi = gen_hash(u, &u->comm_d_new, &u->comm_r_old);
}

/* Steps 5 and 6: private roots, apex leaves, the path of the partition's apex root. */
static void load_private(struct update *u)
{
    struct sy_cs *cs = u->cs;
    const struct sy_update_witness *w = u->witness;
    const struct sy_update_challenge *first = w ? &w->challenges[0] : NULL;
    unsigned pb = u->shape->partition_bits, d_levels = u->shape->node_bits;
    u->comm_c = sy_num_alloc_bytes(cs, w ? w->comm_c : NULL);
    u->root_r_old = sy_num_alloc_bytes(cs, first ? first->r_old.root : NULL);
    u->root_r_new = sy_num_alloc_bytes(cs, first ? first->r_new.root : NULL);
    for (unsigned i = 0; i < u->shape->apex_leaves; i++)
        u->apex[i] = sy_num_alloc_bytes(cs, w ? w->apex[i] : NULL);
    for (unsigned i = 0; i < pb; i++)
        u->partition_path[i] =
            sy_num_alloc_bytes(cs, first ? first->d_new.siblings[d_levels - pb + i] : NULL);
    struct sy_num old_roots[2] = {u->comm_c, u->root_r_old};
    struct sy_num hash = sy_poseidon_gadget_node(cs, 2, old_roots);
    sy_num_equal(cs, &hash, &u->comm_r_old);
    struct sy_num new_roots[2] = {u->comm_c, u->root_r_new};
    hash = sy_poseidon_gadget_node(cs, 2, new_roots);
    sy_num_equal(cs, &hash, &u->comm_r_new);
}

/* Step 7. */
static void prove_apex(struct update *u)
{
    struct sy_num row[SY_UPDATE_APEX_MAX];
    memcpy(row, u->apex, sizeof row);
    for (unsigned count = u->shape->apex_leaves; count > 1; count /= 2)
        for (unsigned i = 0; i < count / 2; i++)
            row[i] = sy_sha_node_gadget(u->cs, &row[2 * i], &row[2 * i + 1]);
    struct sy_path_shape path = sy_path_shape_sha(u->shape->partition_bits);
    sy_por_gadget_known(u->cs, &path, &row[0], u->partition_bits, u->partition_path,
                        &u->comm_d_new);
}

/* One digest of step 8: 255 bits of the hash of (comm_r_new, digests * partition + j). */
static void challenge_digest(struct update *u, unsigned digests, unsigned j,
                             struct sy_bit ret_bits[SY_NUM_BITS])
{
    struct sy_fr factor, offset, value;
    sy_fr_from_u64(&factor, digests);
    sy_fr_from_u64(&offset, j);
    sy_fr_mul(&value, &factor, &u->partition.value);
    sy_fr_add(&value, &value, &offset);
    struct sy_num index = sy_num_alloc(u->cs, &value);
    if (sy_cs_open(u->cs)) {
        sy_lc_add(&u->cs->a, u->partition.var, &factor);
        sy_lc_add(&u->cs->a, SY_VAR_ONE, &offset);
        sy_lc_add_one(&u->cs->b, SY_VAR_ONE);
        sy_lc_add_one(&u->cs->c, index.var);
        sy_cs_close(u->cs);
    }
    struct sy_num digest = gen_hash(u, &u->comm_r_new, &index);
    sy_num_to_bits_update(u->cs, &digest, ret_bits);
}

/* Steps 9 a and b: rho of the high bits that h selects. */
static struct sy_num compute_rho(struct update *u, const struct sy_bit *challenge)
{
    struct sy_cs *cs = u->cs;
    struct sy_num z[SY_UPDATE_H_CHOICES];
    struct sy_fr sum = sy_fr_zero;
    for (unsigned k = 0; k < SY_UPDATE_H_CHOICES; k++) {
        unsigned h = u->shape->h_choice[k];
        struct sy_num high = sy_num_pack(cs, challenge + u->shape->node_bits - h, h);
        z[k] = sy_num_alloc(cs, u->h_bits[k].value ? &high.value : &sy_fr_zero);
        sy_fr_add(&sum, &sum, &z[k].value);
        if (sy_cs_open(cs)) {
            sy_lc_add_one(&cs->a, high.var);
            sy_lc_add_bit(&cs->b, u->h_bits[k], 0);
            sy_lc_add_one(&cs->c, z[k].var);
            sy_cs_close(cs);
        }
    }
    struct sy_num selected = sy_num_alloc(cs, &sum);
    if (sy_cs_open(cs)) {
        for (unsigned k = 0; k < SY_UPDATE_H_CHOICES; k++)
            sy_lc_add_one(&cs->a, z[k].var);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, selected.var);
        sy_cs_close(cs);
    }
    return gen_hash(u, &u->phi, &selected);
}

/* Step 9 for one challenge of node_bits bits, least significant first. */
static void prove_challenge(struct update *u, const struct sy_bit *challenge,
                            const struct sy_update_challenge *proof)
{
    struct sy_cs *cs = u->cs;
    const struct sy_update_shape *s = u->shape;
    struct sy_path_shape path_r =
        sy_path_shape_poseidon(s->base_levels, s->sub_arity, s->top_arity);
    struct sy_num rho = compute_rho(u, challenge);
    struct sy_num leaf_r_old = sy_num_alloc_bytes(cs, proof ? proof->r_old.leaf : NULL);
    struct sy_num leaf_d_new = sy_num_alloc_bytes(cs, proof ? proof->d_new.leaf : NULL);
    struct sy_num masked = sy_num_mul(cs, &leaf_d_new, &rho);
    struct sy_num leaf_r_new = sy_num_add(cs, &leaf_r_old, &masked);
    sy_por_alloc_siblings(cs, &path_r, proof ? &proof->r_old : NULL, u->siblings[0]);
    sy_por_gadget_known(cs, &path_r, &leaf_r_old, challenge, u->siblings[0], &u->root_r_old);
    sy_por_alloc_siblings(cs, &path_r, proof ? &proof->r_new : NULL, u->siblings[0]);
    sy_por_gadget_known(cs, &path_r, &leaf_r_new, challenge, u->siblings[0], &u->root_r_new);
    unsigned n = s->node_bits - s->partition_bits;
    struct sy_num apex[SY_UPDATE_APEX_MAX];
    memcpy(apex, u->apex, sizeof apex);
    struct sy_num root = sy_num_select(cs, apex, s->apex_bits, challenge + n - s->apex_bits);
    struct sy_path_shape path_d = sy_path_shape_sha(n - s->apex_bits);
    for (unsigned i = 0; i < path_d.levels; i++)
        u->siblings[1][i] = sy_num_alloc_bytes(cs, proof ? proof->d_new.siblings[i] : NULL);
    sy_por_gadget_known(cs, &path_d, &leaf_d_new, challenge, u->siblings[1], &root);
}

static void prove_all(struct update *u)
{
    const struct sy_update_shape *s = u->shape;
    unsigned n = s->node_bits - s->partition_bits;
    unsigned per_digest = SY_NUM_CAPACITY / n;
    unsigned digests = (s->challenges + per_digest - 1) / per_digest;
    struct sy_bit generated[SY_UPDATE_CHALLENGES_MAX][64];
    for (unsigned j = 0, c = 0; j < digests; j++) {
        struct sy_bit bits[SY_NUM_BITS];
        challenge_digest(u, digests, j, bits);
        for (unsigned q = 0; q < per_digest && c < s->challenges; q++, c++) {
            memcpy(generated[c], bits + (size_t)q * n, n * sizeof *bits);
            memcpy(generated[c] + n, u->partition_bits, s->partition_bits * sizeof *bits);
        }
    }
    for (unsigned c = 0; c < s->challenges; c++)
        prove_challenge(u, generated[c], u->witness ? &u->witness->challenges[c] : NULL);
}

void sy_circuit_update(struct sy_cs *cs, const struct sy_update_shape *shape,
                       const struct sy_update_witness *witness)
{
    struct update *u = calloc(1, sizeof *u);
    if (!u) {
        sy_cs_fail(cs, SY_E_NOMEM, "no memory for the update circuit");
        return;
    }
    u->cs = cs;
    u->shape = shape;
    u->witness = witness;
    sy_fr_from_u64(&u->gen_tag, sy_poseidon_tag_custom(1));
    load_public(u);
    load_private(u);
    prove_apex(u);
    prove_all(u);
    free(u);
}
