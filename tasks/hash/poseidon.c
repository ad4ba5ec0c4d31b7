#include "tasks/hash/poseidon.h"
#include "tasks/hash/poseidon_ops.h"

#include <stdatomic.h>
#include <string.h>

/* States handed to a kernel at once; a multiple of the lanes of a wide kernel. */
#define BATCH 16

bool sy_poseidon_arity_ok(unsigned arity)
{
    return arity == 2 || arity == 4 || arity == 8 || arity == 11;
}

uint64_t sy_poseidon_tag_merkle(unsigned arity)
{
    return (UINT64_C(1) << arity) - 1;
}

uint64_t sy_poseidon_tag_custom(unsigned id)
{
    SY_ASSERT(id >= 1 && id <= 256);
    return (uint64_t)id << 40;
}

/* Best first. */
static const struct sy_poseidon_ops *const kernels[] = {&sy_poseidon_ops_ifma, &sy_poseidon_ops_adx,
                                                        &sy_poseidon_ops_portable};
static _Atomic(const struct sy_poseidon_ops *) chosen;
static _Atomic(const struct sy_poseidon_ops *) chosen_single; /* for one hash: without lanes */

static const struct sy_poseidon_ops *find_kernel(const char *name, size_t lanes_max)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(kernels); i++)
        if ((name == NULL || strcmp(kernels[i]->name, name) == 0) && kernels[i]->usable() &&
            kernels[i]->lanes <= lanes_max)
            return kernels[i];
    return NULL;
}

static const struct sy_poseidon_ops *get_ops(size_t count)
{
    _Atomic(const struct sy_poseidon_ops *) *slot = count > 1 ? &chosen : &chosen_single;
    const struct sy_poseidon_ops *ops = atomic_load_explicit(slot, memory_order_relaxed);
    if (ops != NULL)
        return ops;
    ops = find_kernel(NULL, count > 1 ? SIZE_MAX : 1); /* the portable one is always usable */
    atomic_store_explicit(slot, ops, memory_order_relaxed);
    return ops;
}

const char *sy_poseidon_impl_name(void)
{
    return get_ops(SIZE_MAX)->name;
}

int sy_poseidon_force(const char *name, struct sy_error *err)
{
    const struct sy_poseidon_ops *ops = find_kernel(name, SIZE_MAX);
    if (ops != NULL) {
        atomic_store(&chosen, ops);
        atomic_store(&chosen_single, name == NULL ? find_kernel(NULL, 1) : ops);
        return 0;
    }
    for (size_t i = 0; i < SY_ARRAY_SIZE(kernels); i++)
        if (strcmp(kernels[i]->name, name) == 0)
            return sy_fail(err, SY_E_UNSUPPORTED, "this CPU lacks the instructions of \"%s\"",
                           name);
    return sy_fail(err, SY_E_ARG, "no Poseidon kernel \"%s\": known are ifma, adx and portable",
                   name);
}

void sy_poseidon_hash_tag(unsigned arity, const struct sy_fr *tag, const struct sy_fr *in,
                          struct sy_fr *ret)
{
    struct sy_fr state[1][SY_POSEIDON_WIDTH_MAX];
    const struct sy_poseidon_constants *c = sy_poseidon_get_constants(arity);
    state[0][0] = *tag;
    memcpy(&state[0][1], in, arity * sizeof *in);
    get_ops(1)->permute(c, state, 1, SY_POSEIDON_MONTGOMERY);
    *ret = state[0][1];
}

void sy_poseidon_hash(unsigned arity, const struct sy_fr *in, struct sy_fr *ret)
{
    struct sy_fr tag;
    sy_fr_from_u64(&tag, sy_poseidon_tag_merkle(arity));
    sy_poseidon_hash_tag(arity, &tag, in, ret);
}

/* Where element `i` of hash `h` comes from: a run of nodes (rows == NULL) or one row per element.
 */
struct source {
    unsigned arity;
    const uint8_t *nodes;
    const uint8_t *const *rows;
};

static const uint8_t *get_element(const struct source *source, size_t hash, unsigned i)
{
    if (source->rows != NULL)
        return source->rows[i] + hash * SY_FR_BYTES;
    return source->nodes + (hash * source->arity + i) * SY_FR_BYTES;
}

static int fail_element(const struct source *source, size_t hash, unsigned i, struct sy_error *err)
{
    struct sy_fr ignored;
    struct sy_error local;
    sy_fr_from_bytes(&ignored, get_element(source, hash, i), &local); /* for its text */
    if (source->rows != NULL)
        sy_error_wrap(&local, "column %zu, layer %u", hash, i + 1);
    else
        sy_error_wrap(&local, "node %zu", hash * source->arity + i);
    if (err != NULL)
        *err = local;
    return -SY_E_CORRUPT;
}

/* The states of the batch hold plain integers: bytes go in and come out as they are. */
static int hash_batch(const struct source *source, size_t first, size_t count, uint8_t *ret_nodes,
                      struct sy_error *err)
{
    struct sy_fr states[BATCH][SY_POSEIDON_WIDTH_MAX];
    const struct sy_fr tag = {{sy_poseidon_tag_merkle(source->arity), 0, 0, 0}};
    for (size_t h = 0; h < count; h++) {
        states[h][0] = tag;
        for (unsigned i = 0; i < source->arity; i++) {
            const uint8_t *bytes = get_element(source, first + h, i);
            if (!sy_fr_bytes_canonical(bytes))
                return fail_element(source, first + h, i, err);
            memcpy(states[h][i + 1].limb, bytes, SY_FR_BYTES);
        }
    }
    get_ops(count)->permute(sy_poseidon_get_constants(source->arity), states, count,
                            SY_POSEIDON_PLAIN);
    for (size_t h = 0; h < count; h++)
        memcpy(ret_nodes + (first + h) * SY_FR_BYTES, states[h][1].limb, SY_FR_BYTES);
    return 0;
}

static int hash_all(const struct source *source, size_t count, uint8_t *ret_nodes,
                    struct sy_error *err)
{
    for (size_t first = 0; first < count; first += BATCH) {
        int status = hash_batch(source, first, SY_MIN(BATCH, count - first), ret_nodes, err);
        if (status != 0)
            return status;
    }
    return 0;
}

int sy_poseidon_nodes(unsigned arity, const uint8_t *nodes, uint8_t *ret_nodes, size_t count,
                      struct sy_error *err)
{
    const struct source source = {.arity = arity, .nodes = nodes};
    SY_ASSERT(sy_poseidon_arity_ok(arity));
    return hash_all(&source, count, ret_nodes, err);
}

int sy_poseidon_node(unsigned arity, const uint8_t *nodes, uint8_t ret_node[32],
                     struct sy_error *err)
{
    return sy_poseidon_nodes(arity, nodes, ret_node, 1, err);
}

int sy_poseidon_columns(unsigned row_count, const uint8_t *const *rows, uint8_t *ret_nodes,
                        size_t count, struct sy_error *err)
{
    const struct source source = {.arity = row_count, .rows = rows};
    if (row_count != 2 && row_count != 11)
        return sy_fail(err, SY_E_UNSUPPORTED,
                       "columns of %u layers have no hash: the network defines 2 and 11",
                       row_count);
    return hash_all(&source, count, ret_nodes, err);
}

void sy_poseidon_hash_plain(unsigned arity, const struct sy_fr *tag, const struct sy_fr *in,
                            struct sy_fr *ret)
{
    const struct sy_poseidon_constants *c = sy_poseidon_get_constants(arity);
    const unsigned half = SY_POSEIDON_FULL_ROUNDS / 2;
    const unsigned rounds = SY_POSEIDON_FULL_ROUNDS + c->partial;
    struct sy_fr s[SY_POSEIDON_WIDTH_MAX], next[SY_POSEIDON_WIDTH_MAX];
    s[0] = *tag;
    memcpy(s + 1, in, arity * sizeof *in);
    for (unsigned round = 0; round < rounds; round++) {
        bool full = round < half || round >= half + c->partial;
        for (unsigned i = 0; i < c->t; i++) {
            sy_fr_add(&s[i], &s[i], &c->round[round * c->t + i]);
            if (full || i == 0)
                sy_fr_pow5(&s[i], &s[i]);
        }
        for (unsigned i = 0; i < c->t; i++) {
            next[i] = sy_fr_zero;
            for (unsigned j = 0; j < c->t; j++) {
                struct sy_fr product;
                sy_fr_mul(&product, &c->mds[i][j], &s[j]);
                sy_fr_add(&next[i], &next[i], &product);
            }
        }
        memcpy(s, next, sizeof s);
    }
    *ret = s[1];
}
