#include "tasks/snark/por.h"

#include "tasks/snark/poseidon_gadget.h"
#include "tasks/snark/sha256_gadget.h"

#include <string.h>

#define ARITY_MAX 8

struct sy_path_shape sy_path_shape_sha(unsigned levels)
{
    struct sy_path_shape shape = {.sha = true, .levels = levels};
    SY_ASSERT(levels <= SY_TREE_LEVELS_MAX);
    memset(shape.arity, 2, levels);
    return shape;
}

struct sy_path_shape sy_path_shape_poseidon(unsigned base_levels, unsigned sub_arity,
                                            unsigned top_arity)
{
    struct sy_path_shape shape = {.sha = false, .levels = base_levels};
    SY_ASSERT(base_levels + 2 <= SY_TREE_LEVELS_MAX);
    memset(shape.arity, 8, base_levels);
    if (sub_arity != 0)
        shape.arity[shape.levels++] = (uint8_t)sub_arity;
    if (top_arity != 0)
        shape.arity[shape.levels++] = (uint8_t)top_arity;
    return shape;
}

static unsigned arity_bits(unsigned arity)
{
    return (unsigned)__builtin_ctz(arity);
}

unsigned sy_path_shape_bits(const struct sy_path_shape *shape)
{
    unsigned bits = 0;
    for (unsigned l = 0; l < shape->levels; l++)
        bits += arity_bits(shape->arity[l]);
    return bits;
}

unsigned sy_path_shape_siblings(const struct sy_path_shape *shape)
{
    unsigned siblings = 0;
    for (unsigned l = 0; l < shape->levels; l++)
        siblings += shape->arity[l] - 1u;
    return siblings;
}

struct sy_num sy_sha_node_gadget(struct sy_cs *cs, const struct sy_num *left,
                                 const struct sy_num *right)
{
    struct sy_bit value[SY_NUM_BITS], message[512], digest[256], reversed[256];
    sy_num_to_bits(cs, left, value);
    sy_bits_reverse_bytes(value, SY_NUM_BITS, message);
    sy_num_to_bits(cs, right, value);
    sy_bits_reverse_bytes(value, SY_NUM_BITS, message + 256);
    sy_sha256_gadget(cs, message, 512, digest);
    sy_bits_reverse_bytes(digest, 256, reversed);
    return sy_num_pack(cs, reversed, SY_NUM_CAPACITY);
}

static struct sy_num hash_group(struct sy_cs *cs, const struct sy_path_shape *shape, unsigned level,
                                const struct sy_num *group)
{
    if (shape->sha)
        return sy_sha_node_gadget(cs, &group[0], &group[1]);
    return sy_poseidon_gadget_node(cs, shape->arity[level], group);
}

/* The proof must have the shape, or its values would be read at wrong places. */
static void check_form(struct sy_cs *cs, const struct sy_path_shape *shape,
                       const struct sy_tree_proof *proof)
{
    bool same = sy_tree_proof_levels(proof) == shape->levels &&
                (proof->hash == SY_TREE_SHA256) == shape->sha;
    for (unsigned l = 0; same && l < shape->levels; l++)
        same =
            sy_tree_proof_arity(proof, l) == shape->arity[l] && proof->index[l] < shape->arity[l];
    if (!same)
        sy_cs_fail(cs, SY_E_CORRUPT, "an inclusion proof does not have the shape of its tree");
}

static const uint8_t *sibling_bytes(const struct sy_tree_proof *proof, unsigned at)
{
    return proof ? proof->siblings[at] : NULL;
}

void sy_por_gadget(struct sy_cs *cs, const struct sy_path_shape *shape,
                   const struct sy_tree_proof *proof, const struct sy_num *leaf,
                   const struct sy_num *root)
{
    if (proof)
        check_form(cs, shape, proof);
    struct sy_bit bits[3 * SY_TREE_LEVELS_MAX];
    unsigned used = 0, sibling = 0;
    struct sy_num current = *leaf;
    for (unsigned l = 0; l < shape->levels; l++) {
        unsigned arity = shape->arity[l], width = arity_bits(arity);
        struct sy_num siblings[ARITY_MAX - 1], group[ARITY_MAX];
        for (unsigned i = 0; i < width; i++)
            bits[used + i] = sy_bit_alloc(cs, proof && (proof->index[l] >> i & 1) != 0);
        for (unsigned i = 0; i + 1 < arity; i++)
            siblings[i] = sy_num_alloc_bytes(cs, sibling_bytes(proof, sibling++));
        sy_num_insert(cs, arity, &current, &bits[used], siblings, group);
        current = hash_group(cs, shape, l, group);
        used += width;
    }
    sy_num_pack_into_inputs(cs, bits, used);
    sy_num_equal(cs, &current, root);
}

void sy_por_gadget_known(struct sy_cs *cs, const struct sy_path_shape *shape,
                         const struct sy_num *leaf, const struct sy_bit *bits,
                         const struct sy_num *siblings, const struct sy_num *root)
{
    struct sy_num current = *leaf;
    for (unsigned l = 0; l < shape->levels; l++) {
        struct sy_num group[ARITY_MAX];
        sy_num_insert(cs, shape->arity[l], &current, bits, siblings, group);
        current = hash_group(cs, shape, l, group);
        bits += arity_bits(shape->arity[l]);
        siblings += shape->arity[l] - 1;
    }
    sy_num_equal(cs, &current, root);
}

void sy_por_alloc_siblings(struct sy_cs *cs, const struct sy_path_shape *shape,
                           const struct sy_tree_proof *proof, struct sy_num *ret)
{
    if (proof)
        check_form(cs, shape, proof);
    unsigned count = sy_path_shape_siblings(shape);
    for (unsigned i = 0; i < count; i++)
        ret[i] = sy_num_alloc_bytes(cs, sibling_bytes(proof, i));
}
