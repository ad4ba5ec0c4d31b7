#include "tasks/stage/marker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/hex.h"
#include "tasks/hash/sha256.h"
#include "tasks/tree/parallel.h"

#define MARKER_VERSION 1
#define READ_BYTES (1024 * 1024)

int sy_stage_files_init(struct sy_stage_files *files, struct sy_error *err)
{
    files->count = 0;
    files->file = calloc(SY_MARKER_FILES_MAX, sizeof files->file[0]);
    if (!files->file)
        return sy_fail(err, SY_E_NOMEM, "list of %d files", SY_MARKER_FILES_MAX);
    return 0;
}

void sy_stage_files_fini(struct sy_stage_files *files)
{
    free(files->file);
    *files = (struct sy_stage_files){0};
}

int sy_stage_files_add(struct sy_stage_files *files, const char *path, uint64_t bytes,
                       const uint8_t *sha256, struct sy_error *err)
{
    if (files->count == SY_MARKER_FILES_MAX)
        return sy_fail(err, SY_E_LIMIT, "more than %d files in a stage", SY_MARKER_FILES_MAX);
    struct sy_stage_file *file = &files->file[files->count];
    int rc = sy_path_format(file->path, err, "%s", path);
    if (rc)
        return rc;
    file->bytes = bytes;
    file->has_sha256 = sha256 != NULL;
    if (sha256)
        memcpy(file->sha256, sha256, 32);
    files->count++;
    return 0;
}

int sy_stage_file_sha256(const char *path, uint8_t ret_sha256[32], uint64_t *ret_bytes,
                         struct sy_error *err)
{
    struct sy_sha256 sha;
    uint64_t bytes = 0;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %.200s", path);
    uint8_t *buffer = malloc(READ_BYTES);
    if (!buffer)
        rc = sy_fail(err, SY_E_NOMEM, "read buffer of %d bytes", READ_BYTES);
    sy_sha256_init(&sha);
    while (rc == 0) {
        ssize_t got = read(fd, buffer, READ_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = sy_fail_errno(err, errno, "read %.200s", path);
        if (got <= 0)
            break;
        sy_sha256_update(&sha, buffer, (size_t)got);
        bytes += (uint64_t)got;
    }
    free(buffer);
    close(fd);
    if (rc)
        return rc;
    sy_sha256_final(&sha, ret_sha256);
    *ret_bytes = bytes;
    return 0;
}

static int digest_one(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct sy_stage_files *files = ctx;
    struct sy_stage_file *file = &files->file[index];
    (void)worker;
    if (file->has_sha256 || file->no_digest)
        return sy_file_size(file->path, &file->bytes, err);
    int rc = sy_stage_file_sha256(file->path, file->sha256, &file->bytes, err);
    if (rc == 0)
        file->has_sha256 = true;
    return rc;
}

int sy_stage_files_digest(struct sy_stage_files *files, unsigned threads, struct sy_error *err)
{
    return sy_parallel_for(threads, 0, files->count, digest_one, files, err);
}

struct check_job {
    const struct sy_stage_files *files;
    uint64_t digest_bytes_max;
    const char *advice;
};

static int check_one(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    const struct check_job *job = ctx;
    const struct sy_stage_file *file = &job->files->file[index];
    struct sy_error inner = {0};
    uint64_t bytes;
    uint8_t sha256[32];
    (void)worker;
    int rc = sy_file_size(file->path, &bytes, &inner);
    if (rc == -SY_E_NOT_FOUND)
        return sy_fail(err, SY_E_CORRUPT, "%.180s is missing: %s", file->path, job->advice);
    if (rc) {
        *err = inner;
        return rc;
    }
    if (bytes != file->bytes)
        return sy_fail(err, SY_E_CORRUPT, "%.160s has %llu bytes, %llu expected: %s", file->path,
                       (unsigned long long)bytes, (unsigned long long)file->bytes, job->advice);
    if (!file->has_sha256 || bytes > job->digest_bytes_max)
        return 0;
    rc = sy_stage_file_sha256(file->path, sha256, &bytes, err);
    if (rc == 0 && memcmp(sha256, file->sha256, 32) != 0)
        rc = sy_fail(err, SY_E_CORRUPT, "%.160s has not the SHA-256 of its marker: %s", file->path,
                     job->advice);
    return rc;
}

int sy_stage_files_check(const struct sy_stage_files *files, uint64_t digest_bytes_max,
                         unsigned threads, const char *advice, struct sy_error *err)
{
    struct check_job job = {files, digest_bytes_max, advice};
    return sy_parallel_for(threads, 0, files->count, check_one, &job, err);
}

json_t *sy_stage_files_json(const struct sy_stage_files *files, bool digests)
{
    char hex[SY_HEX_TEXT_BYTES(32)];
    json_t *list = json_array();
    for (size_t i = 0; list && i < files->count; i++) {
        const struct sy_stage_file *file = &files->file[i];
        json_t *object =
            json_pack("{s:s,s:I}", "path", file->path, "bytes", (json_int_t)file->bytes);
        int bad = !object;
        if (!bad && digests && file->has_sha256)
            bad = json_object_set_new(object, "sha256",
                                      json_string(sy_hex_encode(file->sha256, 32, hex)));
        if (bad || json_array_append_new(list, object)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int sy_marker_path(char *ret_path, const char *cache, enum sy_stage_id stage, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/sealyard-%s.json", cache, sy_stage_name(stage));
}

/* The name of a file that lies directly in the cache; NULL for any other. */
static const char *name_in_cache(const char *path, const char *cache)
{
    size_t length = strlen(cache);
    while (length > 0 && cache[length - 1] == '/')
        length--;
    if (strncmp(path, cache, length) == 0 && path[length] == '/' && path[length + 1] &&
        !strchr(path + length + 1, '/'))
        return path + length + 1;
    return NULL;
}

static json_t *files_for_marker(const struct sy_stage_files *files, const char *cache)
{
    json_t *list = sy_stage_files_json(files, true);
    for (size_t i = 0; list && i < files->count; i++) {
        json_t *object = json_array_get(list, i);
        const char *name = name_in_cache(files->file[i].path, cache);
        if (name) {
            json_object_del(object, "path");
            json_object_set_new(object, "name", json_string(name));
        }
    }
    return list;
}

int sy_marker_write(const char *cache, enum sy_stage_id stage, json_t *inputs, json_t *result,
                    const struct sy_stage_files *files, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    char *text = NULL;
    int rc = sy_marker_path(path, cache, stage, err);
    if (rc)
        return rc;
    json_t *list = files_for_marker(files, cache);
    json_t *marker =
        list ? json_pack("{s:i,s:s,s:O,s:o,s:O}", "version", MARKER_VERSION, "stage",
                         sy_stage_name(stage), "inputs", inputs, "files", list, "result", result)
             : NULL;
    if (marker)
        text = json_dumps(marker, JSON_INDENT(1));
    if (!text)
        rc = sy_fail(err, SY_E_NOMEM, "marker of stage %s", sy_stage_name(stage));
    else
        rc = sy_file_write(path, text, strlen(text), 0644, err);
    free(text);
    json_decref(marker);
    return rc;
}

int sy_marker_remove(const char *cache, enum sy_stage_id stage, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_marker_path(path, cache, stage, err);
    if (rc)
        return rc;
    if (unlink(path) == 0)
        return sy_file_sync_parent(path, err);
    if (errno == ENOENT || errno == ENOTDIR)
        return 0;
    return sy_fail_errno(err, errno, "remove %.200s", path);
}

static bool parse_file(struct sy_stage_files *files, const json_t *object, const char *cache)
{
    char path[SY_PATH_BYTES];
    uint8_t sha256[32];
    const char *name = json_string_value(json_object_get(object, "name"));
    const char *elsewhere = json_string_value(json_object_get(object, "path"));
    const json_t *bytes = json_object_get(object, "bytes");
    const char *hex = json_string_value(json_object_get(object, "sha256"));
    if (!name == !elsewhere || !json_is_integer(bytes) || json_integer_value(bytes) < 0)
        return false;
    if (hex && sy_hex_decode(hex, sha256, 32, NULL))
        return false;
    if (name ? sy_path_format(path, NULL, "%s/%s", cache, name)
             : sy_path_format(path, NULL, "%s", elsewhere))
        return false;
    return sy_stage_files_add(files, path, (uint64_t)json_integer_value(bytes), hex ? sha256 : NULL,
                              NULL) == 0;
}

static bool parse_marker(struct sy_marker *marker, const json_t *json, const char *cache,
                         enum sy_stage_id stage)
{
    const char *name = json_string_value(json_object_get(json, "stage"));
    const json_t *version = json_object_get(json, "version");
    const json_t *list = json_object_get(json, "files");
    json_t *inputs = json_object_get(json, "inputs");
    json_t *result = json_object_get(json, "result");
    if (!name || strcmp(name, sy_stage_name(stage)) != 0 ||
        json_integer_value(version) != MARKER_VERSION || !json_is_array(list) ||
        !json_is_object(inputs) || !json_is_object(result))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!parse_file(&marker->files, json_array_get(list, i), cache))
            return false;
    marker->inputs = json_incref(inputs);
    marker->result = json_incref(result);
    return true;
}

int sy_marker_read(struct sy_marker *ret, const char *cache, enum sy_stage_id stage,
                   const json_t *inputs, struct sy_error *err)
{
    struct sy_marker marker = {.state = SY_MARKER_ABSENT};
    char path[SY_PATH_BYTES];
    char *text = NULL;
    size_t bytes;
    int rc = sy_marker_path(path, cache, stage, err);
    if (rc)
        return rc;
    rc = sy_file_read(path, SY_MARKER_BYTES_MAX, &text, &bytes, err);
    if (rc == -SY_E_NOT_FOUND) {
        *ret = marker;
        return 0;
    }
    if (rc == 0)
        rc = sy_stage_files_init(&marker.files, err);
    if (rc) {
        free(text);
        return rc;
    }
    json_t *json = json_loadb(text, bytes, 0, NULL);
    free(text);
    if (json && parse_marker(&marker, json, cache, stage))
        marker.state =
            !inputs || json_equal(inputs, marker.inputs) ? SY_MARKER_MATCH : SY_MARKER_OTHER;
    else
        sy_marker_fini(&marker);
    json_decref(json);
    *ret = marker;
    return 0;
}

void sy_marker_fini(struct sy_marker *marker)
{
    sy_stage_files_fini(&marker->files);
    json_decref(marker->inputs);
    json_decref(marker->result);
    *marker = (struct sy_marker){.state = SY_MARKER_ABSENT};
}
