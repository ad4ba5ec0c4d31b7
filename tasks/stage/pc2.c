/* pc2: column hashes and tree-c, the sealed file, tree-r-last, p_aux, t_aux; for synthetic types
 * the proofs of the synthetic set.
 *
 * The sealed file is written while tree-r-last is built: each run of leaves is encoded once. Before
 * anything is reported a few nodes are proved and verified from the finished files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/hash/poseidon.h"
#include "tasks/sdr/encode.h"
#include "tasks/sdr/labels.h"
#include "tasks/sector/aux.h"
#include "tasks/sector/cid.h"
#include "tasks/stage/replica.h"
#include "tasks/vanilla/synth.h"

#define LABEL_SAMPLES 16
#define PROOF_SAMPLES 4
#define PROOF_SAMPLES_FULL 64
/* Every so many proofs of the synthetic set are verified as they are made. */
#define SYNTHETIC_VERIFY_EVERY 4096
#define ZERO_DEVICE "/dev/zero"

struct pc2 {
    struct sy_task *task;
    struct sy_vanilla_public public; /* replica_id, comm_d, ticket; comm_r when known */
    uint8_t comm_c[32];
    uint8_t comm_r_last[32];
    char sealed_temp[SY_PATH_BYTES];
    int layer_fd[SY_LAYERS_MAX];
    int unsealed_fd; /* -1: zeros */
    int sealed_fd;
};

static int open_read(const char *path, int *ret_fd, struct sy_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %.200s", path);
    *ret_fd = fd;
    return 0;
}

static int open_inputs(struct pc2 *pc2, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    char path[SY_PATH_BYTES];
    uint64_t bytes;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < spec->params.layers; i++) {
        rc = sy_files_layer(path, spec->cache, i + 1, err);
        if (rc == 0)
            rc = open_read(path, &pc2->layer_fd[i], err);
    }
    if (rc || strcmp(spec->unsealed, ZERO_DEVICE) == 0)
        return rc;
    rc = sy_file_size(spec->unsealed, &bytes, err);
    if (rc == 0 && bytes < spec->params.sector_bytes)
        rc = sy_fail(err, SY_E_CORRUPT, "%.160s has %llu bytes, %llu expected: run ap again",
                     spec->unsealed, (unsigned long long)bytes,
                     (unsigned long long)spec->params.sector_bytes);
    if (rc == 0)
        rc = open_read(spec->unsealed, &pc2->unsealed_fd, err);
    return rc;
}

static void close_inputs(struct pc2 *pc2)
{
    for (unsigned i = 0; i < SY_LAYERS_MAX; i++)
        if (pc2->layer_fd[i] >= 0)
            close(pc2->layer_fd[i]);
    if (pc2->unsealed_fd >= 0)
        close(pc2->unsealed_fd);
}

/* Leaves of tree-c: the column hashes. */
static int column_leaves(void *ctx, uint64_t first_leaf, size_t count, uint8_t *ret_nodes,
                         struct sy_error *err)
{
    struct pc2 *pc2 = ctx;
    const uint32_t layers = pc2->task->spec.params.layers;
    const uint8_t *rows[SY_LAYERS_MAX];
    size_t bytes = count * SY_NODE_BYTES;
    uint8_t *labels = malloc(layers * bytes);
    int rc = 0;
    if (!labels)
        return sy_fail(err, SY_E_NOMEM, "labels of %zu columns: %zu bytes", count, layers * bytes);
    for (uint32_t i = 0; rc == 0 && i < layers; i++) {
        rows[i] = labels + i * bytes;
        rc = sy_file_pread(pc2->layer_fd[i], labels + i * bytes, bytes, first_leaf * SY_NODE_BYTES,
                           "layer file", err);
    }
    if (rc == 0)
        rc = sy_poseidon_columns(layers, rows, ret_nodes, count, err);
    free(labels);
    return rc;
}

/* Leaves of tree-r-last: data + last label, written to the sealed file on the way. */
static int sealed_leaves(void *ctx, uint64_t first_leaf, size_t count, uint8_t *ret_nodes,
                         struct sy_error *err)
{
    struct pc2 *pc2 = ctx;
    uint64_t offset = first_leaf * SY_NODE_BYTES;
    size_t bytes = count * SY_NODE_BYTES;
    uint8_t *key = malloc(bytes);
    int rc = 0;
    if (!key)
        return sy_fail(err, SY_E_NOMEM, "keys of %zu nodes: %zu bytes", count, bytes);
    if (pc2->unsealed_fd < 0)
        memset(ret_nodes, 0, bytes);
    else
        rc = sy_file_pread(pc2->unsealed_fd, ret_nodes, bytes, offset, "unsealed file", err);
    if (rc == 0)
        rc = sy_file_pread(pc2->layer_fd[pc2->task->spec.params.layers - 1], key, bytes, offset,
                           "layer file", err);
    if (rc == 0)
        rc = sy_encode_nodes(ret_nodes, ret_nodes, key, count, first_leaf, err);
    if (rc == 0)
        rc = sy_file_pwrite(pc2->sealed_fd, ret_nodes, bytes, offset, pc2->sealed_temp, err);
    free(key);
    return rc;
}

static int build_tree_c(struct pc2 *pc2, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    const struct sy_porep_params *params = &spec->params;
    struct sy_tree_build build = {
        .directory = spec->cache,
        .id = "tree-c",
        .leaves = column_leaves,
        .leaves_ctx = pc2,
        .threads = spec->threads,
        .on_progress = sy_stage_progress_on_done,
        .progress_ctx = pc2->task->progress,
    };
    int rc =
        sy_tree_shape_c(&build.shape, params->nodes, params->sub_arity, params->top_arity, err);
    if (rc)
        return rc;
    sy_stage_progress_phase(pc2->task->progress, "tree-c", params->nodes, "nodes");
    return sy_tree_build(&build, pc2->comm_c, NULL, err);
}

static int build_tree_r_last(struct pc2 *pc2, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    const struct sy_porep_params *params = &spec->params;
    struct sy_tree_build build = {
        .directory = spec->cache,
        .id = "tree-r-last",
        .leaves = sealed_leaves,
        .leaves_ctx = pc2,
        .threads = spec->threads,
        .on_progress = sy_stage_progress_on_done,
        .progress_ctx = pc2->task->progress,
    };
    int rc = sy_tree_shape_r_last(&build.shape, params->nodes, params->sub_arity, params->top_arity,
                                  err);
    if (rc)
        return rc;
    sy_stage_progress_phase(pc2->task->progress, "tree-r-last", params->nodes, "nodes");
    return sy_tree_build(&build, pc2->comm_r_last, NULL, err);
}

/* tree-r-last and the sealed file together; the sealed file gets its name last. */
static int seal(struct pc2 *pc2, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    int rc = sy_path_format(pc2->sealed_temp, err, "%s%s", spec->sealed, SY_FILE_TEMP_SUFFIX);
    if (rc)
        return rc;
    pc2->sealed_fd = open(pc2->sealed_temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (pc2->sealed_fd < 0)
        return sy_fail_errno(err, errno, "create %.200s", pc2->sealed_temp);
    rc = build_tree_r_last(pc2, err);
    if (rc == 0)
        return sy_file_publish(pc2->sealed_fd, pc2->sealed_temp, spec->sealed, err);
    close(pc2->sealed_fd);
    unlink(pc2->sealed_temp);
    return rc;
}

static int write_aux(struct pc2 *pc2, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    char path[SY_PATH_BYTES];
    uint8_t *data = NULL;
    size_t bytes;
    int rc = sy_p_aux_write(spec->cache, pc2->comm_c, pc2->comm_r_last, err);
    if (rc == 0)
        rc = sy_t_aux_encode(&spec->params,
                             spec->cache_path_in_aux ? spec->cache_path_in_aux : spec->cache, &data,
                             &bytes, err);
    if (rc == 0)
        rc = sy_files_t_aux(path, spec->cache, err);
    if (rc == 0)
        rc = sy_file_write(path, data, bytes, 0644, err);
    free(data);
    return rc;
}

static int compute_comm_r(struct pc2 *pc2, struct sy_error *err)
{
    uint8_t pair[64];
    memcpy(pair, pc2->comm_c, 32);
    memcpy(pair + 32, pc2->comm_r_last, 32);
    return sy_poseidon_node(2, pair, pc2->public.comm_r, err);
}

static int write_synthetic(struct pc2 *pc2, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    struct sy_vanilla_prover *prover;
    char path[SY_PATH_BYTES];
    uint32_t every = spec->verify == SY_VERIFY_NONE   ? 0
                     : spec->verify == SY_VERIFY_FULL ? 1
                                                      : SYNTHETIC_VERIFY_EVERY;
    if (spec->params.variant != SY_PROOF_SYNTHETIC)
        return 0;
    int rc = sy_files_synthetic(path, spec->cache, err);
    if (rc == 0)
        rc = sy_vanilla_prover_create(&prover, &spec->params, spec->cache, spec->sealed, err);
    if (rc)
        return rc;
    pc2->task->progress->unit = "proofs";
    rc = sy_synth_write(prover, &spec->params, &pc2->public, path, spec->threads, every,
                        &pc2->task->report, err);
    sy_vanilla_prover_destroy(prover);
    return rc;
}

static int check_own_work(struct pc2 *pc2, struct sy_error *err)
{
    switch (pc2->task->spec.verify) {
    case SY_VERIFY_NONE:
        return 0;
    case SY_VERIFY_FULL:
        return sy_replica_check_samples(pc2->task, &pc2->public, PROOF_SAMPLES_FULL, err);
    default:
        return sy_replica_check_samples(pc2->task, &pc2->public, PROOF_SAMPLES, err);
    }
}

static int list_outputs(const struct sy_spec *spec, struct sy_stage_files *files,
                        struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_task_list_tree_c(spec, files, err);
    if (rc == 0)
        rc = sy_task_list_kept(spec, spec->cache, files, err);
    if (rc == 0)
        rc = sy_stage_files_add(files, spec->sealed, spec->params.sector_bytes, NULL, err);
    if (rc == 0 && spec->params.variant == SY_PROOF_SYNTHETIC) {
        rc = sy_files_synthetic(path, spec->cache, err);
        if (rc == 0)
            rc = sy_stage_files_add(files, path, sy_synth_file_bytes(&spec->params), NULL, err);
    }
    return rc;
}

/* Layers that came from elsewhere have no marker: their labels are sampled all the same. */
static int check_inputs(const struct pc2 *pc2, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    struct sy_stage_files files;
    struct sy_graph graph;
    int rc = sy_stage_files_init(&files, err);
    if (rc)
        return rc;
    rc = sy_replica_check_unsealed(spec, err);
    if (rc == 0)
        rc = sy_task_list_pc1(spec, &files, err);
    if (rc == 0)
        rc = sy_replica_check_stage(spec, SY_STAGE_PC1, pc2->public.replica_id, &files, err);
    sy_stage_files_fini(&files);
    if (rc || spec->verify == SY_VERIFY_NONE)
        return rc;
    rc = sy_graph_init_params(&graph, &spec->params, false, err);
    if (rc)
        return rc;
    rc = sy_labels_check(&spec->params, pc2->public.replica_id, &graph, spec->cache, LABEL_SAMPLES,
                         pc2->public.comm_d, err);
    sy_graph_fini(&graph);
    if (rc)
        sy_error_wrap(err, "the layers are not those of this replica, run pc1 again");
    return rc;
}

static int pc2_result(const struct pc2 *pc2, json_t **ret, struct sy_error *err)
{
    char comm_r[SY_CID_TEXT_BYTES];
    char comm_d[SY_CID_TEXT_BYTES];
    const struct sy_vanilla_public *public = &pc2->public;
    json_t *result =
        json_pack("{s:s,s:s}", "comm_r_cid", sy_cid_sealed_format(public->comm_r, comm_r),
                  "comm_d_cid", sy_cid_unsealed_format(public->comm_d, comm_d));
    int bad = !result || sy_task_set_hash(result, "comm_c", pc2->comm_c) ||
              sy_task_set_hash(result, "comm_r_last", pc2->comm_r_last) ||
              sy_task_set_hash(result, "comm_r", public->comm_r) ||
              sy_task_set_hash(result, "comm_d", public->comm_d) ||
              sy_task_set_hash(result, "replica_id", public->replica_id);
    if (bad)
        json_decref(result);
    else
        *ret = result;
    return sy_task_json_ok(bad, err);
}

static int work(struct pc2 *pc2, struct sy_error *err)
{
    int rc = open_inputs(pc2, err);
    if (rc == 0)
        rc = build_tree_c(pc2, err);
    if (rc == 0)
        rc = seal(pc2, err);
    if (rc == 0)
        rc = compute_comm_r(pc2, err);
    if (rc == 0)
        rc = write_aux(pc2, err);
    if (rc == 0)
        rc = check_own_work(pc2, err);
    if (rc == 0)
        rc = write_synthetic(pc2, err);
    return rc;
}

static int make(struct pc2 *pc2, json_t *inputs, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &pc2->task->spec;
    struct sy_stage_files files;
    json_t *result = NULL;
    int rc = check_inputs(pc2, err);
    if (rc == 0)
        rc = sy_stage_files_init(&files, err);
    if (rc)
        return rc;
    rc = list_outputs(spec, &files, err);
    if (rc == 0)
        rc = sy_task_sweep(spec->cache, err);
    if (rc == 0)
        rc = sy_task_check_space(&files, spec->sealed, err);
    if (rc == 0)
        rc = work(pc2, err);
    if (rc == 0)
        rc = pc2_result(pc2, &result, err);
    if (rc == 0)
        rc = sy_task_remember(spec, spec->cache, inputs, result, &files, err);
    if (rc == 0)
        *ret_result = result;
    else
        json_decref(result);
    sy_stage_files_fini(&files);
    return rc;
}

static int add_own_inputs(const struct sy_spec *spec, json_t *inputs, struct sy_error *err)
{
    const char *path = spec->cache_path_in_aux ? spec->cache_path_in_aux : spec->cache;
    return sy_task_json_ok(json_object_set_new(inputs, "sealed", json_string(spec->sealed)) ||
                               json_object_set_new(inputs, "aux_path", json_string(path)),
                           err);
}

int sy_stage_pc2(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct pc2 pc2 = {.task = task, .unsealed_fd = -1, .sealed_fd = -1};
    json_t *inputs = NULL;
    json_t *result = NULL;
    for (unsigned i = 0; i < SY_LAYERS_MAX; i++)
        pc2.layer_fd[i] = -1;
    memcpy(pc2.public.ticket, spec->ticket, 32);
    int rc = sy_replica_read_comm_d(spec, pc2.public.comm_d, err);
    if (rc == 0)
        rc = sy_replica_check_comm_d(spec, pc2.public.comm_d, err);
    if (rc == 0)
        rc = sy_task_identity(spec, pc2.public.comm_d, pc2.public.replica_id, &inputs, err);
    if (rc == 0)
        rc = add_own_inputs(spec, inputs, err);
    if (rc == 0)
        rc = sy_task_recall(spec, spec->cache, inputs, &result, err);
    if (rc == 0 && !result)
        rc = make(&pc2, inputs, &result, err);
    if (rc == 0)
        *ret_result = result;
    close_inputs(&pc2);
    json_decref(inputs);
    return rc;
}
