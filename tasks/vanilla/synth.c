#include "tasks/vanilla/synth.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tasks/sdr/graph.h"
#include "tasks/tree/parallel.h"
#include "tasks/vanilla/challenges.h"
#include "tasks/vanilla/shapes.h"
#include "tasks/vanilla/verify.h"

#define ROOTS_BYTES (3 * SY_NODE_BYTES)
/* Members of the set that one thread proves before it writes them together. */
#define BATCH 64

struct sy_synth {
    struct sy_porep_params params;
    struct sy_vanilla_public public;
    struct sy_vanilla_shapes shapes;
    struct sy_graph graph;
    uint64_t record_bytes;
    uint8_t roots[3][SY_NODE_BYTES];
    int fd;
};

/* Nodes of one tree path in the file: the leaf and all siblings. */
static uint64_t path_nodes(const struct sy_porep_params *params)
{
    uint64_t nodes = 1 + (uint64_t)(SY_BASE_ARITY - 1) * params->base_levels;
    if (params->sub_arity)
        nodes += params->sub_arity - 1;
    if (params->top_arity)
        nodes += params->top_arity - 1;
    return nodes;
}

uint64_t sy_synth_record_bytes(const struct sy_porep_params *params)
{
    uint64_t path = path_nodes(params);
    uint64_t nodes = 1 + params->node_bits + (1 + SY_PARENTS) * (params->layers + path) + path;
    return (1 + SY_PARENTS) * 8 + SY_NODE_BYTES * nodes;
}

uint64_t sy_synth_file_bytes(const struct sy_porep_params *params)
{
    return ROOTS_BYTES +
           sy_challenges_synthetic_count(params->nodes) * sy_synth_record_bytes(params);
}

static uint8_t *put_u64(uint8_t *to, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        *to++ = (uint8_t)(value >> (8 * i));
    return to;
}

static uint64_t take_u64(const uint8_t **from)
{
    uint64_t value = 0;
    for (unsigned i = 8; i-- > 0;)
        value = value << 8 | (*from)[i];
    *from += 8;
    return value;
}

static size_t sibling_count(const struct sy_tree_proof *path)
{
    unsigned levels = sy_tree_proof_levels(path);
    size_t last = sy_tree_proof_first_sibling(path, levels - 1);
    return last + sy_tree_proof_arity(path, levels - 1) - 1;
}

static uint8_t *put_path(uint8_t *to, const struct sy_tree_proof *path)
{
    size_t bytes = sibling_count(path) * SY_NODE_BYTES;
    memcpy(to, path->leaf, SY_NODE_BYTES);
    memcpy(to + SY_NODE_BYTES, path->siblings, bytes);
    return to + SY_NODE_BYTES + bytes;
}

static uint8_t *put_column(uint8_t *to, const struct sy_vanilla_column *column)
{
    size_t bytes = (size_t)column->row_count * SY_NODE_BYTES;
    memcpy(to, column->rows, bytes);
    return put_path(to + bytes, &column->inclusion);
}

static void put_record(uint8_t *to, uint64_t record_bytes, const struct sy_vanilla_proof *proof)
{
    uint8_t *at = put_u64(to, proof->c_x.index);
    for (unsigned i = 0; i < SY_PARENTS; i++)
        at = put_u64(at, proof->parents[i].index);
    at = put_path(at, &proof->comm_d);
    at = put_column(at, &proof->c_x);
    for (unsigned i = 0; i < SY_PARENTS; i++)
        at = put_column(at, &proof->parents[i]);
    at = put_path(at, &proof->comm_r_last);
    SY_ASSERT((uint64_t)(at - to) == record_bytes);
}

/* Form of a path of leaf `node` with everything but leaf and siblings. */
static void shape_path(struct sy_tree_proof *path, const struct sy_tree_shape *shape,
                       const uint8_t root[32], uint64_t node)
{
    path->hash = shape->hash;
    path->base_arity = shape->base_arity;
    path->base_levels = sy_tree_base_levels(shape);
    path->sub_arity = shape->sub_arity;
    path->top_arity = shape->top_arity;
    memcpy(path->root, root, SY_NODE_BYTES);
    unsigned levels = sy_tree_proof_levels(path);
    for (unsigned level = 0; level < levels; level++) {
        unsigned arity = sy_tree_proof_arity(path, level);
        path->index[level] = (uint32_t)(node % arity);
        node /= arity;
    }
}

static const uint8_t *take_path(const uint8_t *from, struct sy_tree_proof *path,
                                const struct sy_tree_shape *shape, const uint8_t root[32],
                                uint64_t node)
{
    shape_path(path, shape, root, node);
    size_t bytes = sibling_count(path) * SY_NODE_BYTES;
    memcpy(path->leaf, from, SY_NODE_BYTES);
    memcpy(path->siblings, from + SY_NODE_BYTES, bytes);
    return from + SY_NODE_BYTES + bytes;
}

static const uint8_t *take_column(const struct sy_synth *synth, const uint8_t *from,
                                  struct sy_vanilla_column *column, uint64_t node)
{
    size_t bytes = (size_t)synth->params.layers * SY_NODE_BYTES;
    column->index = (uint32_t)node;
    column->row_count = synth->params.layers;
    memcpy(column->rows, from, bytes);
    return take_path(from + bytes, &column->inclusion, &synth->shapes.c, synth->roots[1], node);
}

struct write_job {
    const struct sy_vanilla_prover *prover;
    const struct sy_porep_params *params;
    const struct sy_vanilla_public *public;
    const struct sy_vanilla_verifier *verifier; /* NULL: nothing is verified */
    const struct sy_progress *progress;
    const char *path;
    int fd;
    uint32_t count;
    uint32_t verify_every;
    uint64_t record_bytes;
    _Atomic uint32_t done;
};

static int write_batch(struct write_job *job, uint32_t first, uint32_t count,
                       struct sy_vanilla_proof *proof, uint8_t *records, struct sy_error *err)
{
    uint64_t challenges[BATCH];
    int rc = sy_challenges_synthetic(job->public->replica_id, job->public->comm_r,
                                     job->params->nodes, first, count, challenges, err);
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        uint32_t at = first + i;
        rc = sy_vanilla_prove(job->prover, challenges[i], proof, err);
        if (rc == 0 && job->verifier && (at % job->verify_every == 0 || at + 1 == job->count))
            rc = sy_vanilla_verify(job->verifier, challenges[i], proof, err);
        if (rc)
            sy_error_wrap(err, "synthetic challenge %u (node %llu)", at,
                          (unsigned long long)challenges[i]);
        else
            put_record(records + i * job->record_bytes, job->record_bytes, proof);
    }
    if (rc == 0)
        rc = sy_file_pwrite(job->fd, records, count * job->record_bytes,
                            ROOTS_BYTES + first * job->record_bytes, job->path, err);
    return rc;
}

static int on_batch(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct write_job *job = ctx;
    uint32_t first = (uint32_t)index * BATCH;
    uint32_t count = SY_MIN(BATCH, job->count - first);
    struct sy_vanilla_proof *proof = malloc(sizeof *proof);
    uint8_t *records = malloc(count * job->record_bytes);
    int rc;
    if (!proof || !records)
        rc = sy_fail(err, SY_E_NOMEM, "synthetic proofs: %llu bytes",
                     (unsigned long long)(count * job->record_bytes));
    else
        rc = write_batch(job, first, count, proof, records, err);
    free(proof);
    free(records);
    if (rc == 0) {
        uint32_t done = atomic_fetch_add(&job->done, count) + count;
        if (worker == 0)
            sy_progress_report(job->progress, "synthetic proofs", done, job->count);
    }
    return rc;
}

static int write_all(struct write_job *job, unsigned threads, struct sy_error *err)
{
    uint8_t roots[ROOTS_BYTES];
    memcpy(roots, sy_vanilla_prover_root_d(job->prover), SY_NODE_BYTES);
    memcpy(roots + SY_NODE_BYTES, sy_vanilla_prover_root_c(job->prover), SY_NODE_BYTES);
    memcpy(roots + 2 * SY_NODE_BYTES, sy_vanilla_prover_root_r_last(job->prover), SY_NODE_BYTES);
    int rc = sy_file_pwrite(job->fd, roots, sizeof roots, 0, job->path, err);
    if (rc == 0)
        rc = sy_parallel_for(threads, 0, (job->count + BATCH - 1) / BATCH, on_batch, job, err);
    return rc;
}

int sy_synth_write(const struct sy_vanilla_prover *prover, const struct sy_porep_params *params,
                   const struct sy_vanilla_public *public, const char *path, unsigned threads,
                   uint32_t verify_every, const struct sy_progress *progress, struct sy_error *err)
{
    struct sy_vanilla_verifier *verifier = NULL;
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s%s", path, SY_FILE_TEMP_SUFFIX);
    if (rc == 0 && verify_every)
        rc = sy_vanilla_verifier_create(&verifier, params, public, err);
    if (rc)
        return rc;
    struct write_job job = {
        .prover = prover,
        .params = params,
        .public = public,
        .verifier = verifier,
        .progress = progress,
        .path = path,
        .count = sy_challenges_synthetic_count(params->nodes),
        .verify_every = verify_every,
        .record_bytes = sy_synth_record_bytes(params),
    };
    job.fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (job.fd < 0) {
        rc = sy_fail_errno(err, errno, "create %.200s", temp);
    } else {
        rc = write_all(&job, threads, err);
        if (rc == 0) {
            rc = sy_file_publish(job.fd, temp, path, err);
        } else {
            close(job.fd);
            unlink(temp);
        }
    }
    sy_vanilla_verifier_destroy(verifier);
    return rc;
}

static int open_synth(struct sy_synth *synth, const char *path, struct sy_error *err)
{
    uint64_t bytes;
    uint64_t expected = sy_synth_file_bytes(&synth->params);
    int rc = sy_vanilla_shapes_init(&synth->shapes, &synth->params, err);
    if (rc == 0)
        rc = sy_graph_init_params(&synth->graph, &synth->params, false, err);
    if (rc == 0)
        rc = sy_file_size(path, &bytes, err);
    if (rc)
        return rc;
    if (bytes != expected)
        return sy_fail(err, SY_E_CORRUPT, "%.160s has %llu bytes, %llu expected: run pc2 again",
                       path, (unsigned long long)bytes, (unsigned long long)expected);
    synth->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (synth->fd < 0)
        return sy_fail_errno(err, errno, "open %.200s", path);
    return sy_file_pread(synth->fd, synth->roots, sizeof synth->roots, 0, "synthetic proofs", err);
}

int sy_synth_open(struct sy_synth **ret, const struct sy_porep_params *params,
                  const struct sy_vanilla_public *public, const char *path, struct sy_error *err)
{
    struct sy_synth *synth = calloc(1, sizeof *synth);
    if (!synth)
        return sy_fail(err, SY_E_NOMEM, "synthetic proofs: %zu bytes", sizeof *synth);
    synth->params = *params;
    synth->public = *public;
    synth->record_bytes = sy_synth_record_bytes(params);
    synth->fd = -1;
    int rc = open_synth(synth, path, err);
    if (rc) {
        sy_synth_close(synth);
        return rc;
    }
    *ret = synth;
    return 0;
}

void sy_synth_close(struct sy_synth *synth)
{
    if (!synth)
        return;
    if (synth->fd >= 0)
        close(synth->fd);
    sy_graph_fini(&synth->graph);
    free(synth);
}

static int take_record(const struct sy_synth *synth, const uint8_t *record, uint64_t challenge,
                       struct sy_vanilla_proof *proof, struct sy_error *err)
{
    uint32_t parents[SY_PARENTS];
    const uint8_t *at = record;
    uint64_t found = take_u64(&at);
    if (found != challenge)
        return sy_fail(err, SY_E_CORRUPT, "synthetic record of node %llu where %llu belongs",
                       (unsigned long long)found, (unsigned long long)challenge);
    sy_graph_parents(&synth->graph, challenge, parents);
    for (unsigned i = 0; i < SY_PARENTS; i++) {
        found = take_u64(&at);
        if (found != parents[i])
            return sy_fail(err, SY_E_CORRUPT,
                           "synthetic record of node %llu: parent %u is %llu, %u expected",
                           (unsigned long long)challenge, i, (unsigned long long)found, parents[i]);
    }
    at = take_path(at, &proof->comm_d, &synth->shapes.d, synth->roots[0], challenge);
    at = take_column(synth, at, &proof->c_x, challenge);
    for (unsigned i = 0; i < SY_PARENTS; i++)
        at = take_column(synth, at, &proof->parents[i], parents[i]);
    at = take_path(at, &proof->comm_r_last, &synth->shapes.r_last, synth->roots[2], challenge);
    SY_ASSERT((uint64_t)(at - record) == synth->record_bytes);
    sy_vanilla_fill_labels(proof, synth->params.layers, challenge);
    return 0;
}

int sy_synth_read(const struct sy_synth *synth, uint32_t position,
                  struct sy_vanilla_proof *ret_proof, struct sy_error *err)
{
    uint32_t member;
    uint64_t challenge;
    uint8_t *record = malloc(synth->record_bytes);
    if (!record)
        return sy_fail(err, SY_E_NOMEM, "synthetic record: %llu bytes",
                       (unsigned long long)synth->record_bytes);
    sy_challenges_synthetic_pick(synth->public.replica_id, synth->public.seed,
                                 sy_challenges_synthetic_count(synth->params.nodes), position, 1,
                                 &member);
    int rc = sy_challenges_synthetic(synth->public.replica_id, synth->public.comm_r,
                                     synth->params.nodes, member, 1, &challenge, err);
    if (rc == 0)
        rc = sy_file_pread(synth->fd, record, synth->record_bytes,
                           ROOTS_BYTES + member * synth->record_bytes, "synthetic proofs", err);
    if (rc == 0)
        rc = take_record(synth, record, challenge, ret_proof, err);
    free(record);
    return rc;
}
