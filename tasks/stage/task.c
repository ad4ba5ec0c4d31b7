#include "tasks/stage/task.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "tasks/sector/files.h"
#include "tasks/sector/pieces.h"
#include "tasks/sector/replica.h"

/* Copies and other things that need no exact count. */
#define SPACE_SLACK_BYTES (1024 * 1024)

static sy_stage_fn *const stage_fns[SY_STAGE_COUNT] = {
    [SY_STAGE_AP] = sy_stage_ap,
    [SY_STAGE_PC1] = sy_stage_pc1,
    [SY_STAGE_PC2] = sy_stage_pc2,
    [SY_STAGE_C1] = sy_stage_c1,
    [SY_STAGE_C2] = sy_stage_c2,
    [SY_STAGE_FINALIZE] = sy_stage_finalize,
    [SY_STAGE_UNSEAL] = sy_stage_unseal,
    [SY_STAGE_VERIFY] = sy_stage_verify,
    [SY_STAGE_REMOVE] = sy_stage_remove,
};

int sy_task_set_hash(json_t *object, const char *key, const uint8_t hash[32])
{
    char hex[SY_HEX_TEXT_BYTES(32)];
    return json_object_set_new(object, key, json_string(sy_hex_encode(hash, 32, hex)));
}

int sy_task_json_ok(int failed, struct sy_error *err)
{
    return failed ? sy_fail(err, SY_E_NOMEM, "no memory for the JSON of the stage") : 0;
}

int sy_task_identity(const struct sy_spec *spec, const uint8_t comm_d[32],
                     uint8_t ret_replica_id[32], json_t **ret_inputs, struct sy_error *err)
{
    const struct sy_porep_params *params = &spec->params;
    uint8_t prover_id[32];
    sy_prover_id(spec->miner, prover_id);
    sy_replica_id(prover_id, spec->number, spec->ticket, comm_d, params->porep_id, ret_replica_id);
    json_t *inputs = json_pack("{s:i,s:I,s:I,s:I}", "proof_type", (int)spec->proof_type,
                               "sector_bytes", (json_int_t)params->sector_bytes, "miner",
                               (json_int_t)spec->miner, "number", (json_int_t)spec->number);
    int bad = !inputs || sy_task_set_hash(inputs, "porep_id", params->porep_id) ||
              sy_task_set_hash(inputs, "ticket", spec->ticket) ||
              sy_task_set_hash(inputs, "comm_d", comm_d) ||
              sy_task_set_hash(inputs, "replica_id", ret_replica_id);
    if (bad) {
        json_decref(inputs);
        return sy_task_json_ok(bad, err);
    }
    *ret_inputs = inputs;
    return 0;
}

int sy_task_pieces_comm_d(const struct sy_spec *spec, uint8_t ret_comm_d[32], struct sy_error *err)
{
    struct sy_piece_list list;
    uint64_t offset = 0;
    int rc = 0;
    sy_piece_list_init(&list);
    for (size_t i = 0; rc == 0 && i < spec->piece_count; i++) {
        const struct sy_spec_piece *piece = &spec->pieces[i];
        if (!piece->has_comm)
            rc = sy_fail(err, SY_E_ARG, "spec: pieces[%zu] needs \"cid\", as ap gives it", i);
        else if (piece->has_offset && piece->offset_bytes != offset)
            rc = sy_fail(err, SY_E_ARG,
                         "spec: pieces[%zu].offset is %llu, %llu expected from the pieces before",
                         i, (unsigned long long)piece->offset_bytes, (unsigned long long)offset);
        else
            rc = sy_piece_list_add(&list, piece->comm, piece->padded_bytes, offset, (uint32_t)i,
                                   err);
        if (rc == 0 && !sy_add_ok(offset, piece->padded_bytes, &offset))
            rc = sy_fail(err, SY_E_RANGE, "spec: the sizes of the pieces overflow");
    }
    if (rc == 0 && list.count > 0)
        rc = sy_pieces_check_full(spec->params.sector_bytes, list.piece, list.count, err);
    if (rc == 0)
        rc = sy_pieces_comm_d(spec->params.sector_bytes, list.piece, list.count, ret_comm_d, err);
    sy_piece_list_fini(&list);
    return rc;
}

uint64_t sy_task_digest_limit(const struct sy_spec *spec)
{
    switch (spec->verify) {
    case SY_VERIFY_NONE:
        return 0;
    case SY_VERIFY_FULL:
        return UINT64_MAX;
    default:
        return SY_TASK_SAMPLE_DIGEST_BYTES;
    }
}

int sy_task_list_pc1(const struct sy_spec *spec, struct sy_stage_files *files, struct sy_error *err)
{
    const struct sy_porep_params *params = &spec->params;
    char path[SY_PATH_BYTES];
    int rc = sy_files_tree_d(path, spec->cache, err);
    if (rc == 0)
        rc = sy_stage_files_add(files, path, params->tree_d_nodes * SY_NODE_BYTES, NULL, err);
    for (uint32_t layer = 1; rc == 0 && layer <= params->layers; layer++) {
        rc = sy_files_layer(path, spec->cache, layer, err);
        if (rc == 0)
            rc = sy_stage_files_add(files, path, params->sector_bytes, NULL, err);
    }
    return rc;
}

int sy_task_list_tree_c(const struct sy_spec *spec, struct sy_stage_files *files,
                        struct sy_error *err)
{
    const struct sy_porep_params *params = &spec->params;
    char path[SY_PATH_BYTES];
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < params->base_trees; i++) {
        rc = sy_files_tree_c(path, spec->cache, params->base_trees, i, err);
        if (rc == 0)
            rc = sy_stage_files_add(files, path, params->base_nodes * SY_NODE_BYTES, NULL, err);
    }
    return rc;
}

int sy_task_list_kept(const struct sy_spec *spec, const char *cache, struct sy_stage_files *files,
                      struct sy_error *err)
{
    const struct sy_porep_params *params = &spec->params;
    char path[SY_PATH_BYTES];
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < params->base_trees; i++) {
        rc = sy_files_tree_r_last(path, cache, params->base_trees, i, err);
        if (rc == 0)
            rc = sy_stage_files_add(files, path, params->tree_r_last_nodes * SY_NODE_BYTES, NULL,
                                    err);
    }
    if (rc == 0)
        rc = sy_files_p_aux(path, cache, err);
    if (rc == 0)
        rc = sy_stage_files_add(files, path, 2 * SY_NODE_BYTES, NULL, err);
    if (rc == 0)
        rc = sy_files_t_aux(path, cache, err);
    if (rc == 0)
        rc = sy_stage_files_add(files, path, 0, NULL, err);
    return rc;
}

/* The longest existing directory on the way to path. */
static int existing_parent(const char *path, char *ret_directory, struct sy_error *err)
{
    int rc = sy_path_format(ret_directory, err, "%s", path);
    while (rc == 0 && access(ret_directory, F_OK) != 0) {
        char *slash = strrchr(ret_directory, '/');
        if (!slash) {
            strncpy(ret_directory, ".", 2);
        } else if (slash == ret_directory) {
            ret_directory[1] = 0;
            break;
        } else {
            *slash = 0;
        }
    }
    return rc;
}

static int free_bytes(const char *path, uint64_t *ret_bytes, struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    struct statvfs fs;
    int rc = existing_parent(path, directory, err);
    if (rc)
        return rc;
    if (statvfs(directory, &fs) != 0)
        return sy_fail_errno(err, errno, "free space of %.200s", directory);
    *ret_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

int sy_task_check_space(const struct sy_stage_files *files, const char *path, struct sy_error *err)
{
    uint64_t needed = SPACE_SLACK_BYTES;
    uint64_t available;
    for (size_t i = 0; i < files->count; i++) {
        uint64_t there = 0;
        if (sy_file_size(files->file[i].path, &there, NULL) != 0)
            there = 0;
        if (files->file[i].bytes > there)
            needed += files->file[i].bytes - there;
    }
    int rc = free_bytes(path, &available, err);
    if (rc == 0 && available < needed)
        rc = sy_fail(err, SY_E_FULL, "%.160s: the stage needs %llu bytes, %llu are free", path,
                     (unsigned long long)needed, (unsigned long long)available);
    return rc;
}

static const char *place_of_outputs(const struct sy_spec *spec)
{
    switch (spec->stage) {
    case SY_STAGE_AP:
        return spec->unsealed;
    case SY_STAGE_FINALIZE:
        return spec->store_cache;
    case SY_STAGE_C1:
    case SY_STAGE_UNSEAL:
        return spec->output;
    default:
        return spec->cache;
    }
}

/* The library met a full disk: say how full. */
static void add_free_bytes(const struct sy_spec *spec, struct sy_error *err)
{
    const char *path = place_of_outputs(spec);
    uint64_t available;
    char text[SY_ERROR_TEXT_BYTES];
    if (!path || free_bytes(path, &available, NULL))
        return;
    memcpy(text, err->text, sizeof text);
    sy_fail(err, err->code, "%.200s (%llu bytes free at %.60s)", text,
            (unsigned long long)available, path);
}

int sy_task_recall(const struct sy_spec *spec, const char *cache, json_t *inputs,
                   json_t **ret_result, struct sy_error *err)
{
    struct sy_marker marker;
    struct sy_error why = {0};
    json_t *result = NULL;
    uint64_t limit = spec->verify == SY_VERIFY_NONE ? 0 : UINT64_MAX;
    char text[SY_ERROR_TEXT_BYTES];
    int rc = sy_marker_read(&marker, cache, spec->stage, inputs, err);
    if (rc)
        return rc;
    if (marker.state == SY_MARKER_MATCH &&
        sy_stage_files_check(&marker.files, limit, spec->threads, "it is made again", &why) == 0) {
        result = json_deep_copy(marker.result);
        rc = sy_task_json_ok(!result, err);
        if (rc == 0 && spec->digests)
            rc = sy_task_json_ok(
                json_object_set_new(result, "files", sy_stage_files_json(&marker.files, true)),
                err);
    } else if (marker.state != SY_MARKER_ABSENT) {
        SY_WARN("stage", "marker-dropped", "stage=%s why=%s", sy_stage_name(spec->stage),
                sy_log_value(why.code ? why.text : "other inputs", text, sizeof text));
        rc = sy_marker_remove(cache, spec->stage, err);
    }
    sy_marker_fini(&marker);
    if (rc == 0)
        *ret_result = result;
    else
        json_decref(result);
    return rc;
}

int sy_task_remember(const struct sy_spec *spec, const char *cache, json_t *inputs, json_t *result,
                     struct sy_stage_files *files, struct sy_error *err)
{
    int rc = sy_stage_files_digest(files, spec->threads, err);
    if (rc == 0 && cache)
        rc = sy_marker_write(cache, spec->stage, inputs, result, files, err);
    if (rc == 0 && spec->digests)
        rc = sy_task_json_ok(json_object_set_new(result, "files", sy_stage_files_json(files, true)),
                             err);
    return rc;
}

int sy_task_unlink(const char *path, bool *ret_removed, struct sy_error *err)
{
    bool removed = unlink(path) == 0;
    if (!removed && errno != ENOENT && errno != ENOTDIR)
        return sy_fail_errno(err, errno, "remove %.200s", path);
    int rc = removed ? sy_file_sync_parent(path, err) : 0;
    if (rc == 0 && ret_removed)
        *ret_removed = removed;
    return rc;
}

static bool ends_in_temp_suffix(const char *name)
{
    size_t suffix = strlen(SY_FILE_TEMP_SUFFIX);
    size_t length = strlen(name);
    return length > suffix && strcmp(name + length - suffix, SY_FILE_TEMP_SUFFIX) == 0;
}

int sy_task_sweep(const char *directory, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = 0;
    DIR *dir = opendir(directory);
    if (!dir)
        return errno == ENOENT ? 0 : sy_fail_errno(err, errno, "list %.200s", directory);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno)
                rc = sy_fail_errno(err, errno, "list %.200s", directory);
            break;
        }
        if (!ends_in_temp_suffix(entry->d_name))
            continue;
        rc = sy_path_format(path, err, "%s/%s", directory, entry->d_name);
        if (rc)
            break;
        if (unlink(path) != 0 && errno != ENOENT) {
            rc = sy_fail_errno(err, errno, "remove %.200s", path);
            break;
        }
    }
    closedir(dir);
    return rc;
}

static int run_one(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    int rc = stage_fns[task->spec.stage](task, ret_result, err);
    if (rc == 0)
        return 0;
    if (rc == -SY_E_FULL && err && !strstr(err->text, "are free"))
        add_free_bytes(&task->spec, err);
    if (task->spec.cache)
        sy_task_sweep(task->spec.cache, NULL);
    return rc;
}

static json_t *error_json(const struct sy_error *err)
{
    return json_pack("{s:{s:s,s:s,s:s}}", "error", "class", sy_err_class_name(err->class), "code",
                     sy_err_name(err->code), "text", err->text);
}

/* One member after the other; a member that fails has its error in its place. */
static int run_batch(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    json_t *results = json_array();
    size_t count = json_array_size(task->spec.batch);
    int rc = sy_task_json_ok(!results, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct sy_task member = {.progress = task->progress, .report = task->report};
        struct sy_error failure = {0};
        json_t *result = NULL;
        int failed = sy_spec_from_json(&member.spec, task->spec.stage,
                                       json_array_get(task->spec.batch, i), &failure);
        if (failed == 0) {
            failed = run_one(&member, &result, &failure);
            sy_spec_fini(&member.spec);
        }
        if (failed)
            result = error_json(&failure);
        rc = sy_task_json_ok(!result || json_array_append_new(results, result), err);
    }
    if (rc == 0) {
        *ret_result = json_pack("{s:o}", "results", results);
        return sy_task_json_ok(!*ret_result, err);
    }
    json_decref(results);
    return rc;
}

int sy_task_run(enum sy_stage_id stage, const char *text, size_t bytes,
                struct sy_stage_progress *progress, json_t **ret_result, struct sy_error *err)
{
    struct sy_task task = {
        .progress = progress,
        .report = {.fn = sy_stage_progress_on_report, .ctx = progress},
    };
    int rc = sy_spec_parse(&task.spec, stage, text, bytes, err);
    if (rc)
        return rc;
    if (task.spec.batch)
        rc = run_batch(&task, ret_result, err);
    else
        rc = run_one(&task, ret_result, err);
    sy_stage_progress_finish(progress);
    sy_spec_fini(&task.spec);
    return rc;
}

int sy_task_exit_status(const struct sy_error *err)
{
    switch (err->class) {
    case SY_CLASS_NONE:
        return 0;
    case SY_CLASS_INPUT:
        return 10;
    case SY_CLASS_TRANSIENT:
        return 11;
    case SY_CLASS_RESOURCE:
        return 12;
    case SY_CLASS_CORRUPT:
        return 13;
    default:
        return 14;
    }
}
