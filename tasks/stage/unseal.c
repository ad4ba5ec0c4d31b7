/* unseal: the client's bytes, or a range of them, from the sealed file.
 *
 * The labels of all layers are computed again; there is no shorter way. Unless verify is none,
 * CommD of the whole decoded sector is compared before the output gets its name.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/sdr/encode.h"
#include "tasks/sdr/labels.h"
#include "tasks/stage/task.h"

#define UNCHECKED_SUFFIX ".unchecked" SY_FILE_TEMP_SUFFIX

static int check_range(const struct sy_spec *spec, uint64_t *ret_size, struct sy_error *err)
{
    uint64_t whole = spec->params.unpadded_bytes;
    uint64_t bytes;
    if (spec->offset_bytes >= whole)
        return sy_fail(err, SY_E_RANGE, "spec: offset_bytes is %llu, the sector has %llu bytes",
                       (unsigned long long)spec->offset_bytes, (unsigned long long)whole);
    uint64_t size = spec->has_size ? spec->size_bytes : whole - spec->offset_bytes;
    if (size == 0 || size > whole - spec->offset_bytes)
        return sy_fail(err, SY_E_RANGE, "spec: size_bytes is %llu, 1 to %llu expected",
                       (unsigned long long)size, (unsigned long long)(whole - spec->offset_bytes));
    int rc = sy_file_size(spec->sealed, &bytes, err);
    if (rc == 0 && bytes != spec->params.sector_bytes)
        rc = sy_fail(err, SY_E_CORRUPT, "%.160s has %llu bytes, %llu expected: fetch it again",
                     spec->sealed, (unsigned long long)bytes,
                     (unsigned long long)spec->params.sector_bytes);
    if (rc == 0)
        *ret_size = size;
    return rc;
}

static int make_key(struct sy_task *task, const uint8_t replica_id[32],
                    struct sy_layer_mem *ret_key, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct sy_graph graph;
    struct sy_parents parents = {0};
    struct sy_labels_result result;
    struct sy_parents_opts parents_opts = {
        .directory = spec->parent_cache ? spec->parent_cache : SY_PARENTS_DIRECTORY_DEFAULT,
        .threads = spec->threads,
        .progress = &task->report,
    };
    struct sy_labels_opts opts = {
        .params = &spec->params,
        .replica_id = replica_id,
        .parents = &parents,
        .threads = spec->threads,
        .hugepage_mount = spec->hugepage_mount,
        .hugepage_bytes = spec->hugepage_bytes,
        .progress = &task->report,
    };
    int rc = sy_graph_init_params(&graph, &spec->params, true, err);
    if (rc)
        return rc;
    task->progress->unit = "nodes";
    rc = sy_parents_open(&parents, &graph, &parents_opts, err);
    if (rc == 0) {
        rc = sy_labels_run(&opts, &result, ret_key, err);
        sy_parents_close(&parents);
    }
    sy_graph_fini(&graph);
    return rc;
}

static int decode(struct sy_task *task, const uint8_t *key, uint64_t size, const char *temp,
                  struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    bool check = spec->verify != SY_VERIFY_NONE;
    uint8_t comm_d[32];
    char found[SY_HEX_TEXT_BYTES(32)];
    char expected[SY_HEX_TEXT_BYTES(32)];
    int rc = sy_unseal_range(&spec->params, spec->sealed, key, temp, spec->offset_bytes, size,
                             spec->threads, &task->report, check ? comm_d : NULL, err);
    if (rc == 0 && check && memcmp(comm_d, spec->comm_d, 32) != 0)
        rc = sy_fail(err, SY_E_MISMATCH,
                     "comm_d of the decoded sector is %s, %s expected: the sealed file is damaged, "
                     "or miner, number or ticket are not its own",
                     sy_hex_encode(comm_d, 32, found), sy_hex_encode(spec->comm_d, 32, expected));
    return rc;
}

static int publish(const char *temp, const char *output, struct sy_error *err)
{
    if (rename(temp, output) != 0)
        return sy_fail_errno(err, errno, "rename to %.200s", output);
    return sy_file_sync_parent(output, err);
}

/* The cache of a long-term store may be read-only: then there is no marker, and a next run works
 * again. */
static int unseal_result(const struct sy_spec *spec, json_t *inputs, uint64_t size, json_t **ret,
                         struct sy_error *err)
{
    struct sy_stage_files files;
    const char *cache = spec->cache && access(spec->cache, W_OK) == 0 ? spec->cache : NULL;
    json_t *result = json_pack("{s:I,s:b,s:s}", "bytes", (json_int_t)size, "comm_d_checked",
                               spec->verify != SY_VERIFY_NONE, "output", spec->output);
    int rc = sy_task_json_ok(!result, err);
    if (rc == 0)
        rc = sy_stage_files_init(&files, err);
    if (rc)
        return rc;
    rc = sy_stage_files_add(&files, spec->output, size, NULL, err);
    if (rc == 0)
        rc = sy_task_remember(spec, cache, inputs, result, &files, err);
    sy_stage_files_fini(&files);
    if (rc == 0)
        *ret = result;
    else
        json_decref(result);
    return rc;
}

static int make(struct sy_task *task, const uint8_t replica_id[32], json_t *inputs, uint64_t size,
                json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct sy_layer_mem key = {0};
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s%s", spec->output, UNCHECKED_SUFFIX);
    if (rc == 0)
        rc = sy_task_unlink(temp, NULL, err);
    if (rc == 0)
        rc = make_key(task, replica_id, &key, err);
    if (rc)
        return rc;
    rc = decode(task, key.data, size, temp, err);
    sy_layer_mem_fini(&key);
    if (rc == 0)
        rc = publish(temp, spec->output, err);
    if (rc) {
        unlink(temp);
        return rc;
    }
    return unseal_result(spec, inputs, size, ret_result, err);
}

static int check_space(const struct sy_spec *spec, uint64_t size, struct sy_error *err)
{
    struct sy_stage_files files;
    int rc = sy_stage_files_init(&files, err);
    if (rc)
        return rc;
    rc = sy_stage_files_add(&files, spec->output, size, NULL, err);
    if (rc == 0)
        rc = sy_task_check_space(&files, spec->output, err);
    sy_stage_files_fini(&files);
    return rc;
}

int sy_stage_unseal(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    uint8_t replica_id[32];
    json_t *inputs = NULL;
    json_t *result = NULL;
    uint64_t size = 0;
    int rc = check_range(spec, &size, err);
    if (rc == 0)
        rc = sy_task_identity(spec, spec->comm_d, replica_id, &inputs, err);
    if (rc == 0)
        rc = sy_task_json_ok(
            json_object_set_new(inputs, "sealed", json_string(spec->sealed)) ||
                json_object_set_new(inputs, "output", json_string(spec->output)) ||
                json_object_set_new(inputs, "offset_bytes",
                                    json_integer((json_int_t)spec->offset_bytes)) ||
                json_object_set_new(inputs, "size_bytes", json_integer((json_int_t)size)),
            err);
    if (rc == 0 && spec->cache && access(spec->cache, F_OK) == 0)
        rc = sy_task_recall(spec, spec->cache, inputs, &result, err);
    if (rc == 0 && !result)
        rc = check_space(spec, size, err);
    if (rc == 0 && !result)
        rc = make(task, replica_id, inputs, size, &result, err);
    if (rc == 0)
        *ret_result = result;
    json_decref(inputs);
    return rc;
}
