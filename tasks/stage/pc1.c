/* pc1: tree-d over the unsealed data and the label layers.
 *
 * Layers that are complete on disk with their own marker and digest are kept (tasks/sdr/labels.h),
 * so a run that was killed goes on at the first missing layer.
 */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/sdr/labels.h"
#include "tasks/sector/aux.h"
#include "tasks/stage/task.h"
#include "tasks/tree/tree.h"

#define CHECK_SAMPLES 16
#define CHECK_SAMPLES_FULL 4096
#define ZERO_DEVICE "/dev/zero"

struct pc1 {
    struct sy_task *task;
    uint8_t comm_d[32];
    uint8_t replica_id[32];
    struct sy_labels_result labels;
};

static int zero_leaves(void *ctx, uint64_t first_leaf, size_t count, uint8_t *ret_nodes,
                       struct sy_error *err)
{
    (void)ctx;
    (void)first_leaf;
    (void)err;
    memset(ret_nodes, 0, count * SY_NODE_BYTES);
    return 0;
}

/* The file may be longer: Lotus appends what it knows about allocated ranges. */
static int check_unsealed(const struct sy_spec *spec, struct sy_error *err)
{
    uint64_t bytes;
    if (strcmp(spec->unsealed, ZERO_DEVICE) == 0)
        return 0;
    int rc = sy_file_size(spec->unsealed, &bytes, err);
    if (rc == 0 && bytes < spec->params.sector_bytes)
        rc = sy_fail(err, SY_E_CORRUPT, "%.160s has %llu bytes, %llu expected: run ap again",
                     spec->unsealed, (unsigned long long)bytes,
                     (unsigned long long)spec->params.sector_bytes);
    return rc;
}

static int build_tree_d(const struct pc1 *pc1, struct sy_error *err)
{
    const struct sy_spec *spec = &pc1->task->spec;
    struct sy_tree_build build = {
        .directory = spec->cache,
        .id = "tree-d",
        .leaf_path = spec->unsealed,
        .threads = spec->threads,
        .on_progress = sy_stage_progress_on_done,
        .progress_ctx = pc1->task->progress,
    };
    uint8_t root[32];
    char found[SY_HEX_TEXT_BYTES(32)];
    char expected[SY_HEX_TEXT_BYTES(32)];
    if (strcmp(spec->unsealed, ZERO_DEVICE) == 0) {
        build.leaves = zero_leaves;
        build.leaf_path = NULL;
    }
    int rc = sy_tree_shape_d(&build.shape, spec->params.nodes, err);
    if (rc)
        return rc;
    sy_stage_progress_phase(pc1->task->progress, "tree-d", spec->params.nodes, "nodes");
    rc = sy_tree_build(&build, root, NULL, err);
    if (rc == 0 && memcmp(root, pc1->comm_d, 32) != 0)
        rc = sy_fail(err, SY_E_MISMATCH,
                     "comm_d of the unsealed data is %s, the pieces give %s: run ap again",
                     sy_hex_encode(root, 32, found), sy_hex_encode(pc1->comm_d, 32, expected));
    return rc;
}

static int check_labels(const struct pc1 *pc1, const struct sy_graph *graph, struct sy_error *err)
{
    const struct sy_spec *spec = &pc1->task->spec;
    uint32_t samples = spec->verify == SY_VERIFY_FULL ? CHECK_SAMPLES_FULL : CHECK_SAMPLES;
    if (spec->verify == SY_VERIFY_NONE)
        return 0;
    return sy_labels_check(&spec->params, pc1->replica_id, graph, spec->cache, samples,
                           pc1->replica_id, err);
}

static int make_labels(struct pc1 *pc1, struct sy_error *err)
{
    const struct sy_spec *spec = &pc1->task->spec;
    struct sy_graph graph;
    struct sy_parents parents = {0};
    struct sy_parents_opts parents_opts = {
        .directory = spec->parent_cache ? spec->parent_cache : SY_PARENTS_DIRECTORY_DEFAULT,
        .threads = spec->threads,
        .progress = &pc1->task->report,
    };
    struct sy_labels_opts opts = {
        .params = &spec->params,
        .replica_id = pc1->replica_id,
        .parents = &parents,
        .cache = spec->cache,
        .threads = spec->threads,
        .hugepage_mount = spec->hugepage_mount,
        .hugepage_bytes = spec->hugepage_bytes,
        .progress = &pc1->task->report,
    };
    int rc = sy_graph_init_params(&graph, &spec->params, true, err);
    if (rc)
        return rc;
    pc1->task->progress->unit = "nodes";
    rc = sy_parents_open(&parents, &graph, &parents_opts, err);
    if (rc == 0) {
        rc = sy_labels_run(&opts, &pc1->labels, NULL, err);
        sy_parents_close(&parents);
    }
    if (rc == 0)
        rc = check_labels(pc1, &graph, err);
    sy_graph_fini(&graph);
    return rc;
}

/* Files in the order of sy_task_list_pc1; the digests of the layers are known from their writing.
 */
static int pc1_result(const struct pc1 *pc1, struct sy_stage_files *files, json_t **ret,
                      struct sy_error *err)
{
    const struct sy_spec *spec = &pc1->task->spec;
    const char *path = spec->cache_path_in_aux ? spec->cache_path_in_aux : spec->cache;
    char *text = NULL;
    int rc = 0;
    for (uint32_t i = 0; i < spec->params.layers; i++) {
        files->file[1 + i].has_sha256 = true;
        memcpy(files->file[1 + i].sha256, pc1->labels.layer_sha256[i], 32);
    }
    if (spec->params.proof)
        rc = sy_pc1_output_encode(&spec->params, path, pc1->comm_d, &text, err);
    if (rc)
        return rc;
    json_t *result =
        json_pack("{s:i,s:i,s:s*}", "layers", (int)spec->params.layers, "resumed_from_layer",
                  (int)pc1->labels.resumed_from_layer, "pc1_output", text);
    free(text);
    int bad = !result || sy_task_set_hash(result, "comm_d", pc1->comm_d) ||
              sy_task_set_hash(result, "replica_id", pc1->replica_id);
    if (bad)
        json_decref(result);
    else
        *ret = result;
    return sy_task_json_ok(bad, err);
}

static int make(struct pc1 *pc1, json_t *inputs, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &pc1->task->spec;
    struct sy_stage_files files;
    json_t *result = NULL;
    int rc = sy_stage_files_init(&files, err);
    if (rc)
        return rc;
    rc = sy_task_list_pc1(spec, &files, err);
    if (rc == 0)
        rc = check_unsealed(spec, err);
    if (rc == 0)
        rc = sy_task_sweep(spec->cache, err);
    if (rc == 0)
        rc = sy_task_check_space(&files, spec->cache, err);
    if (rc == 0)
        rc = build_tree_d(pc1, err);
    if (rc == 0)
        rc = make_labels(pc1, err);
    if (rc == 0)
        rc = pc1_result(pc1, &files, &result, err);
    if (rc == 0)
        rc = sy_task_remember(spec, spec->cache, inputs, result, &files, err);
    if (rc == 0)
        *ret_result = result;
    else
        json_decref(result);
    sy_stage_files_fini(&files);
    return rc;
}

int sy_stage_pc1(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct pc1 pc1 = {.task = task};
    json_t *inputs = NULL;
    json_t *result = NULL;
    int rc = sy_task_pieces_comm_d(spec, pc1.comm_d, err);
    if (rc == 0)
        rc = sy_task_identity(spec, pc1.comm_d, pc1.replica_id, &inputs, err);
    if (rc == 0)
        rc = sy_file_make_directory(spec->cache, 0755, err);
    if (rc == 0)
        rc = sy_task_recall(spec, spec->cache, inputs, &result, err);
    if (rc == 0 && !result)
        rc = make(&pc1, inputs, &result, err);
    if (rc == 0)
        *ret_result = result;
    json_decref(inputs);
    return rc;
}
