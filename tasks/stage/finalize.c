/* finalize: the files that a sector keeps go to the long-term store, the rest is deleted.
 *
 * Kept: sealed file, tree-r-last, p_aux, t_aux, and the unsealed file when asked. The marker is
 * written into the store when all of them are there; only then does scratch lose anything that the
 * store does not hold. A store path equal to the scratch path means: clear in place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/hash/poseidon.h"
#include "tasks/sector/aux.h"
#include "tasks/sector/files.h"
#include "tasks/stage/clear.h"
#include "tasks/stage/place.h"
#include "tasks/stage/task.h"

static bool same_place(const char *a, const char *b)
{
    struct stat x;
    struct stat y;
    return strcmp(a, b) == 0 ||
           (stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

static int make_parent(const char *path, struct sy_error *err)
{
    char directory[SY_PATH_BYTES];
    int rc = sy_path_format(directory, err, "%s", path);
    char *slash = rc ? NULL : strrchr(directory, '/');
    if (rc || !slash || slash == directory)
        return rc;
    *slash = 0;
    return sy_file_make_directory(directory, 0755, err);
}

/* Digests of pc2's marker go to the files of the same path. */
static int take_digests(const struct sy_spec *spec, struct sy_stage_files *files,
                        struct sy_error *err)
{
    struct sy_marker marker;
    int rc = sy_marker_read(&marker, spec->cache, SY_STAGE_PC2, NULL, err);
    for (size_t i = 0; rc == 0 && i < files->count; i++) {
        for (size_t k = 0; k < marker.files.count; k++) {
            const struct sy_stage_file *known = &marker.files.file[k];
            if (strcmp(known->path, files->file[i].path) == 0)
                files->file[i] = *known;
        }
    }
    if (rc == 0)
        sy_marker_fini(&marker);
    return rc;
}

/* t_aux has no fixed size; what is there is checked for its form. */
static int size_t_aux(const struct sy_spec *spec, struct sy_stage_files *files,
                      struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    struct sy_t_aux *aux;
    int rc = sy_files_t_aux(path, spec->cache, err);
    if (rc || access(path, F_OK) != 0)
        return rc;
    aux = malloc(sizeof *aux);
    if (!aux)
        return sy_fail(err, SY_E_NOMEM, "t_aux: %zu bytes", sizeof *aux);
    rc = sy_t_aux_read(spec->cache, aux, err);
    free(aux);
    for (size_t i = 0; rc == 0 && i < files->count; i++)
        if (strcmp(files->file[i].path, path) == 0 && !files->file[i].has_sha256)
            rc = sy_file_size(path, &files->file[i].bytes, err);
    return rc;
}

static int check_comm_r(const struct sy_spec *spec, const char *cache, struct sy_error *err)
{
    uint8_t pair[64];
    uint8_t comm_r[32];
    char found[SY_HEX_TEXT_BYTES(32)];
    char expected[SY_HEX_TEXT_BYTES(32)];
    if (!spec->has_comm_r)
        return 0;
    int rc = sy_p_aux_read(cache, pair, pair + 32, err);
    if (rc == 0)
        rc = sy_poseidon_node(2, pair, comm_r, err);
    if (rc == 0 && memcmp(comm_r, spec->comm_r, 32) != 0)
        rc = sy_fail(err, SY_E_MISMATCH, "p_aux gives comm_r %s, %s expected: another sector",
                     sy_hex_encode(comm_r, 32, found), sy_hex_encode(spec->comm_r, 32, expected));
    return rc;
}

/* Scratch files, in the order in which destination() maps them. */
static int list_sources(const struct sy_spec *spec, struct sy_stage_files *files,
                        struct sy_error *err)
{
    int rc = sy_task_list_kept(spec, spec->cache, files, err);
    if (rc == 0)
        rc = sy_stage_files_add(files, spec->sealed, spec->params.sector_bytes, NULL, err);
    if (rc == 0)
        rc = take_digests(spec, files, err);
    if (rc == 0)
        rc = size_t_aux(spec, files, err);
    if (rc == 0 && spec->keep_unsealed && spec->store_unsealed) {
        uint64_t bytes = spec->params.sector_bytes;
        /* Lotus' files carry a trailer: whatever is there is kept. */
        if (sy_file_size(spec->unsealed, &bytes, NULL) != 0)
            sy_file_size(spec->store_unsealed, &bytes, NULL);
        rc = sy_stage_files_add(files, spec->unsealed, bytes, NULL, err);
    }
    return rc;
}

static int destination(const struct sy_spec *spec, const char *source, char *ret_path,
                       struct sy_error *err)
{
    if (strcmp(source, spec->sealed) == 0)
        return sy_path_format(ret_path, err, "%s", spec->store_sealed);
    if (spec->unsealed && strcmp(source, spec->unsealed) == 0)
        return sy_path_format(ret_path, err, "%s", spec->store_unsealed);
    return sy_path_format(ret_path, err, "%s/%s", spec->store_cache, strrchr(source, '/') + 1);
}

static int place_all(struct sy_task *task, const struct sy_stage_files *sources,
                     struct sy_stage_files *placed, struct sy_error *err)
{
    char to[SY_PATH_BYTES];
    uint8_t sha256[32];
    int rc = 0;
    sy_stage_progress_phase(task->progress, "store", sources->count, "files");
    for (size_t i = 0; rc == 0 && i < sources->count; i++) {
        const struct sy_stage_file *source = &sources->file[i];
        rc = destination(&task->spec, source->path, to, err);
        if (rc == 0)
            rc = make_parent(to, err);
        if (rc == 0)
            rc = sy_place_file(source->path, to, source, sha256, err);
        if (rc == 0)
            rc = sy_stage_files_add(placed, to, source->bytes, sha256, err);
        sy_stage_progress_done(task->progress, i + 1);
    }
    return rc;
}

static int list_destinations(const struct sy_spec *spec, const struct sy_stage_files *sources,
                             struct sy_stage_files *ret, struct sy_error *err)
{
    char to[SY_PATH_BYTES];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sources->count; i++) {
        rc = destination(spec, sources->file[i].path, to, err);
        if (rc == 0)
            rc = sy_stage_files_add(ret, to, sources->file[i].bytes, NULL, err);
    }
    return rc;
}

/* Files that will be renamed need no room. */
static int check_space(const struct sy_spec *spec, const struct sy_stage_files *sources,
                       struct sy_error *err)
{
    struct sy_stage_files files;
    struct stat a;
    struct stat b;
    if (stat(spec->sealed, &a) == 0 && stat(spec->store_cache, &b) == 0 && a.st_dev == b.st_dev)
        return 0;
    int rc = sy_stage_files_init(&files, err);
    if (rc)
        return rc;
    rc = list_destinations(spec, sources, &files, err);
    if (rc == 0)
        rc = sy_task_check_space(&files, spec->store_cache, err);
    sy_stage_files_fini(&files);
    return rc;
}

static int clear_scratch(const struct sy_spec *spec, struct sy_error *err)
{
    bool in_place = same_place(spec->cache, spec->store_cache);
    int rc = 0;
    if (spec->unsealed && !spec->keep_unsealed)
        rc = sy_clear_file(spec->unsealed, NULL, err);
    if (rc == 0 && spec->unsealed && spec->keep_unsealed && spec->store_unsealed &&
        !same_place(spec->unsealed, spec->store_unsealed))
        rc = sy_clear_file(spec->unsealed, NULL, err);
    if (rc == 0 && !same_place(spec->sealed, spec->store_sealed))
        rc = sy_clear_file(spec->sealed, NULL, err);
    if (rc == 0)
        rc = sy_clear_cache(spec->cache, in_place ? SY_CLEAR_WORK : SY_CLEAR_ALL, NULL, err);
    return rc;
}

static int make(struct sy_task *task, json_t *inputs, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    struct sy_stage_files sources = {0};
    struct sy_stage_files placed = {0};
    json_t *result = NULL;
    int rc = sy_stage_files_init(&sources, err);
    if (rc == 0)
        rc = sy_stage_files_init(&placed, err);
    if (rc == 0)
        rc = list_sources(spec, &sources, err);
    /* Copies and markers that an earlier attempt did not finish. */
    if (rc == 0)
        rc = sy_task_sweep(spec->store_cache, err);
    if (rc == 0)
        rc = check_space(spec, &sources, err);
    if (rc == 0)
        rc = place_all(task, &sources, &placed, err);
    if (rc == 0)
        rc = check_comm_r(spec, spec->store_cache, err);
    if (rc == 0) {
        result = json_pack("{s:o*}", "files", sy_stage_files_json(&placed, true));
        rc = sy_task_json_ok(!result, err);
    }
    if (rc == 0)
        rc = sy_task_remember(spec, spec->store_cache, inputs, result, &placed, err);
    if (rc == 0)
        *ret_result = result;
    else
        json_decref(result);
    sy_stage_files_fini(&sources);
    sy_stage_files_fini(&placed);
    return rc;
}

int sy_stage_finalize(struct sy_task *task, json_t **ret_result, struct sy_error *err)
{
    const struct sy_spec *spec = &task->spec;
    json_t *result = NULL;
    if (spec->keep_unsealed && !spec->unsealed)
        return sy_fail(err, SY_E_ARG, "spec: keep_unsealed needs the key \"unsealed\"");
    json_t *inputs =
        json_pack("{s:s,s:s,s:s,s:s,s:s*,s:b}", "sealed", spec->sealed, "cache", spec->cache,
                  "store_sealed", spec->store_sealed, "store_cache", spec->store_cache,
                  "store_unsealed", spec->store_unsealed, "keep_unsealed", spec->keep_unsealed);
    int rc = sy_task_json_ok(!inputs, err);
    if (rc == 0)
        rc = sy_file_make_directory(spec->store_cache, 0755, err);
    if (rc == 0)
        rc = sy_task_recall(spec, spec->store_cache, inputs, &result, err);
    if (rc == 0 && !result)
        rc = make(task, inputs, &result, err);
    if (rc == 0)
        rc = clear_scratch(spec, err);
    if (rc == 0)
        *ret_result = result;
    else
        json_decref(result);
    json_decref(inputs);
    return rc;
}
