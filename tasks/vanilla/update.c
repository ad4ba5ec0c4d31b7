/* Encoding and decoding of updates; the proofs are in update_prove.c. */
#include "tasks/vanilla/update.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tasks/hash/poseidon.h"
#include "tasks/sector/aux.h"
#include "tasks/tree/parallel.h"
#include "tasks/vanilla/shapes.h"

#define STEP_NODES 4096u
#define H_CHOICE 3 /* the network's index into the six choices */

unsigned sy_update_h(const struct sy_update_shape *shape)
{
    return shape->h_choice[H_CHOICE];
}

unsigned sy_update_h_select(const struct sy_update_shape *shape)
{
    for (unsigned i = 0; i < H_CHOICE; i++)
        if (shape->h_choice[i] == shape->h_choice[H_CHOICE])
            return 1u << i;
    return 1u << H_CHOICE;
}

static void random_hash(const struct sy_fr *a, const struct sy_fr *b, struct sy_fr *ret)
{
    struct sy_fr tag, in[2] = {*a, *b};
    sy_fr_from_u64(&tag, sy_poseidon_tag_custom(1));
    sy_poseidon_hash_tag(2, &tag, in, ret);
}

int sy_update_phi(const uint8_t comm_d_new[SY_NODE_BYTES], const uint8_t comm_r_old[SY_NODE_BYTES],
                  struct sy_fr *ret, struct sy_error *err)
{
    struct sy_fr d, r;
    if (sy_fr_from_bytes(&d, comm_d_new, err) != 0)
        return sy_error_wrap(err, "comm_d_new");
    if (sy_fr_from_bytes(&r, comm_r_old, err) != 0)
        return sy_error_wrap(err, "comm_r_old");
    random_hash(&d, &r, ret);
    return 0;
}

void sy_update_rho(const struct sy_fr *phi, uint64_t high, struct sy_fr *ret)
{
    struct sy_fr value;
    sy_fr_from_u64(&value, high);
    random_hash(phi, &value, ret);
}

int sy_update_challenges(const struct sy_update_shape *shape,
                         const uint8_t comm_r_new[SY_NODE_BYTES], unsigned partition, uint64_t *ret,
                         struct sy_error *err)
{
    unsigned bits = shape->node_bits - shape->partition_bits;
    unsigned per = 254 / bits, digests = (shape->challenges + per - 1) / per;
    struct sy_fr comm_r, index, digest;
    uint64_t limbs[SY_FR_LIMBS];
    if (partition >= shape->partitions)
        return sy_fail(err, SY_E_RANGE, "partition %u of an update with %u", partition,
                       shape->partitions);
    int rc = sy_fr_from_bytes(&comm_r, comm_r_new, err);
    for (unsigned c = 0; rc == 0 && c < shape->challenges; c++) {
        unsigned at = c % per * bits;
        uint64_t value = 0;
        if (at == 0) {
            sy_fr_from_u64(&index, (uint64_t)partition * digests + c / per);
            random_hash(&comm_r, &index, &digest);
            sy_fr_to_limbs(limbs, &digest);
        }
        for (unsigned b = 0; b < bits; b++)
            value |= (limbs[(at + b) / 64] >> (at + b) % 64 & 1) << b;
        ret[c] = value | (uint64_t)partition << bits;
    }
    return rc;
}

/* ------------------------------------------------------------------------------------ whole files
 */

/* out = a + b * factor (encode, b = data) or (a - b) * factor (decode, a = new, b = old). */
struct mix {
    bool decode;
    int a_fd, b_fd, out_fd;
    unsigned shift; /* node >> shift = high bits */
    uint64_t nodes;
    struct sy_fr *factors;
};

static int mix_nodes(const struct mix *m, uint64_t first, size_t count, uint8_t *a,
                     const uint8_t *b, struct sy_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct sy_fr *factor = &m->factors[(first + i) >> m->shift];
        struct sy_fr x, y;
        if (sy_fr_from_bytes(&x, a + i * SY_NODE_BYTES, err) != 0 ||
            sy_fr_from_bytes(&y, b + i * SY_NODE_BYTES, err) != 0)
            return sy_error_wrap(err, "node %llu of the update", (unsigned long long)(first + i));
        if (m->decode) {
            sy_fr_sub(&x, &x, &y);
            sy_fr_mul(&x, &x, factor);
        } else {
            sy_fr_mul(&y, &y, factor);
            sy_fr_add(&x, &x, &y);
        }
        sy_fr_to_bytes(a + i * SY_NODE_BYTES, &x);
    }
    return 0;
}

static int mix_step(void *ctx, uint64_t step, unsigned worker, struct sy_error *err)
{
    const struct mix *m = ctx;
    uint64_t first = step * STEP_NODES;
    size_t count = (size_t)SY_MIN((uint64_t)STEP_NODES, m->nodes - first);
    size_t bytes = count * SY_NODE_BYTES;
    uint8_t *a = malloc(2 * bytes);
    (void)worker;
    if (!a)
        return sy_fail(err, SY_E_NOMEM, "no memory for %zu nodes", count);
    int rc = sy_file_pread(m->a_fd, a, bytes, first * SY_NODE_BYTES, "replica", err);
    if (rc == 0)
        rc = sy_file_pread(m->b_fd, a + bytes, bytes, first * SY_NODE_BYTES, "second file", err);
    if (rc == 0)
        rc = mix_nodes(m, first, count, a, a + bytes, err);
    if (rc == 0)
        rc = sy_file_pwrite(m->out_fd, a, bytes, first * SY_NODE_BYTES, "output", err);
    free(a);
    return rc;
}

/* Opens the inputs, runs all steps into a temporary file, publishes it. */
static int mix_files(struct mix *m, const char *a, const char *b, const char *output,
                     unsigned threads, struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s" SY_FILE_TEMP_SUFFIX, output);
    if (rc != 0)
        return rc;
    m->a_fd = open(a, O_RDONLY | O_CLOEXEC);
    m->b_fd = open(b, O_RDONLY | O_CLOEXEC);
    m->out_fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (m->a_fd < 0 || m->b_fd < 0 || m->out_fd < 0)
        rc = sy_fail_errno(err, errno, "open %.80s, %.80s or %.80s", a, b, temp);
    if (rc == 0)
        rc =
            sy_parallel_for(threads, 0, (m->nodes + STEP_NODES - 1) / STEP_NODES, mix_step, m, err);
    if (m->a_fd >= 0)
        close(m->a_fd);
    if (m->b_fd >= 0)
        close(m->b_fd);
    if (rc == 0)
        return sy_file_publish(m->out_fd, temp, output, err);
    if (m->out_fd >= 0) {
        close(m->out_fd);
        unlink(temp);
    }
    return rc;
}

/* The factors of all values of the high bits, inverted for decoding. */
static int make_factors(struct mix *m, const struct sy_porep_params *params,
                        const uint8_t *comm_d_new, const uint8_t *comm_r_old, struct sy_error *err)
{
    struct sy_update_shape shape;
    struct sy_fr phi;
    int rc = sy_update_shape_init(&shape, params->sector_bytes, err);
    if (rc == 0)
        rc = sy_update_phi(comm_d_new, comm_r_old, &phi, err);
    if (rc != 0)
        return rc;
    unsigned h = sy_update_h(&shape);
    m->shift = shape.node_bits - h;
    m->nodes = params->nodes;
    m->factors = calloc((size_t)1 << h, sizeof *m->factors);
    if (!m->factors)
        return sy_fail(err, SY_E_NOMEM, "no memory for %zu factors", (size_t)1 << h);
    for (uint64_t high = 0; high < UINT64_C(1) << h; high++) {
        sy_update_rho(&phi, high, &m->factors[high]);
        if (m->decode)
            sy_fr_inv(&m->factors[high], &m->factors[high]);
    }
    return 0;
}

int sy_update_decode(const struct sy_porep_params *params, const char *old_sealed,
                     const char *update, const uint8_t comm_d_new[SY_NODE_BYTES],
                     const uint8_t comm_r_old[SY_NODE_BYTES], const char *output, unsigned threads,
                     struct sy_error *err)
{
    struct mix m = {.decode = true};
    int rc = make_factors(&m, params, comm_d_new, comm_r_old, err);
    if (rc == 0)
        rc = mix_files(&m, update, old_sealed, output, threads, err);
    free(m.factors);
    return rc;
}

/* ---------------------------------------------------------------------------------------- encoding
 */

static int hash_pair(const uint8_t *left, const uint8_t *right, uint8_t *ret, struct sy_error *err)
{
    uint8_t pair[2 * SY_NODE_BYTES];
    memcpy(pair, left, SY_NODE_BYTES);
    memcpy(pair + SY_NODE_BYTES, right, SY_NODE_BYTES);
    return sy_poseidon_node(2, pair, ret, err);
}

static int build_tree(const struct sy_tree_shape *shape, const char *cache, const char *id,
                      const char *leaves, unsigned threads, uint8_t *ret_root, struct sy_error *err)
{
    struct sy_tree_build build = {
        .shape = *shape, .directory = cache, .id = id, .leaf_path = leaves, .threads = threads};
    return sy_tree_build(&build, ret_root, NULL, err);
}

/* The field's form names the directory of the old sector in the new t_aux. */
static int write_aux(const struct sy_porep_params *params, const struct sy_update_paths *paths,
                     const uint8_t *comm_c, const uint8_t *comm_r_last_new, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    uint8_t *data = NULL;
    size_t bytes = 0;
    int rc = sy_t_aux_encode(params, paths->old_cache, &data, &bytes, err);
    if (rc == 0)
        rc = sy_files_t_aux(path, paths->new_cache, err);
    if (rc == 0)
        rc = sy_file_write(path, data, bytes, 0644, err);
    free(data);
    if (rc == 0)
        rc = sy_p_aux_write(paths->new_cache, comm_c, comm_r_last_new, err);
    return rc;
}

int sy_update_encode(const struct sy_porep_params *params, const struct sy_update_paths *paths,
                     unsigned threads, struct sy_update_commitments *ret, struct sy_error *err)
{
    struct sy_vanilla_shapes shapes;
    struct sy_update_commitments made;
    struct mix m = {.decode = false};
    uint8_t comm_c[SY_NODE_BYTES], comm_r_last[SY_NODE_BYTES];
    int rc = sy_vanilla_shapes_init(&shapes, params, err);
    if (rc == 0)
        rc = sy_p_aux_read(paths->old_cache, comm_c, comm_r_last, err);
    if (rc == 0)
        rc = hash_pair(comm_c, comm_r_last, made.comm_r_old, err);
    if (rc == 0)
        rc = build_tree(&shapes.d, paths->new_cache, "tree-d", paths->staged, threads,
                        made.comm_d_new, err);
    if (rc == 0)
        rc = make_factors(&m, params, made.comm_d_new, made.comm_r_old, err);
    if (rc == 0)
        rc = mix_files(&m, paths->old_sealed, paths->staged, paths->update, threads, err);
    if (rc == 0)
        rc = build_tree(&shapes.r_last, paths->new_cache, "tree-r-last", paths->update, threads,
                        made.comm_r_last_new, err);
    if (rc == 0)
        rc = hash_pair(comm_c, made.comm_r_last_new, made.comm_r_new, err);
    if (rc == 0)
        rc = write_aux(params, paths, comm_c, made.comm_r_last_new, err);
    free(m.factors);
    if (rc == 0)
        *ret = made;
    return rc;
}
