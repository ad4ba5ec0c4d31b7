#include "tasks/snark/params_store.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/http.h"

#define DIGEST_CHARACTERS 32
#define PARTIAL_SUFFIX ".part"

const uint64_t sy_params_sizes[SY_PARAMS_SIZES] = {
    UINT64_C(2) << 10,  UINT64_C(4) << 10,  UINT64_C(16) << 10,  UINT64_C(32) << 10,
    UINT64_C(8) << 20,  UINT64_C(16) << 20, UINT64_C(512) << 20, UINT64_C(1) << 30,
    UINT64_C(32) << 30, UINT64_C(64) << 30,
};

const char *sy_params_directory(void)
{
    const char *directory = getenv(SY_PARAMS_DIRECTORY_ENV);
    return directory && directory[0] ? directory : SY_PARAMS_DIRECTORY_DEFAULT;
}

const char *sy_params_part_suffix(enum sy_params_part part)
{
    static const char *const suffixes[SY_PARAMS_PARTS] = {".params", ".vk", ".meta"};
    SY_ASSERT(part < SY_PARAMS_PARTS);
    return suffixes[part];
}

/* ------------------------------------------------------------------------------- parameters.json
 */

static bool digest_ok(const char *text)
{
    return text && strlen(text) == DIGEST_CHARACTERS &&
           strspn(text, "0123456789abcdef") == DIGEST_CHARACTERS;
}

static int check_manifest(const json_t *root, const char *path, struct sy_error *err)
{
    const char *name;
    json_t *entry;
    if (!json_is_object(root))
        return sy_fail(err, SY_E_PARSE, "%s: expected an object of file names", path);
    json_object_foreach((json_t *)root, name, entry)
    {
        if (!digest_ok(json_string_value(json_object_get(entry, "digest"))))
            return sy_fail(err, SY_E_PARSE,
                           "%s: entry '%.120s' has no digest of %d lower-case hex digits", path,
                           name, DIGEST_CHARACTERS);
    }
    return 0;
}

static int parse_manifest(json_t **ret, const char *path, const char *data, size_t bytes,
                          struct sy_error *err)
{
    json_error_t problem;
    json_t *root = json_loadb(data, bytes, JSON_REJECT_DUPLICATES, &problem);
    if (!root)
        return sy_fail(err, SY_E_PARSE, "%s: line %d: %s", path, problem.line, problem.text);
    int rc = check_manifest(root, path, err);
    if (rc != 0)
        json_decref(root);
    else
        *ret = root;
    return rc;
}

/* A manifest that is not there is an empty one when `optional`. */
static int read_manifest(json_t **ret, const char *path, bool optional, struct sy_error *err)
{
    char *data = NULL;
    size_t bytes = 0;
    int rc = sy_file_read(path, SY_PARAMS_MANIFEST_BYTES_MAX, &data, &bytes, err);
    if (rc == -SY_E_NOT_FOUND && optional) {
        json_t *empty = json_object();
        if (!empty)
            return sy_fail(err, SY_E_NOMEM, "no memory for a manifest");
        *ret = empty;
        return 0;
    }
    if (rc == 0)
        rc = parse_manifest(ret, path, data, bytes, err);
    free(data);
    return rc;
}

static int own_manifest_path(char *ret_path, const char *directory, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/" SY_PARAMS_MANIFEST_NAME, directory);
}

static const char *digest_of(const json_t *manifest, const char *file_name)
{
    return json_string_value(json_object_get(json_object_get(manifest, file_name), "digest"));
}

/* ------------------------------------------------------------------------------------------ sets
 */

struct part_path {
    char file_name[SY_PARAMS_NAME_BYTES + 16];
    char path[SY_PATH_BYTES];
};

static int locate_part(struct part_path *ret, const char *directory, const char *name,
                       enum sy_params_part part, struct sy_error *err)
{
    snprintf(ret->file_name, sizeof ret->file_name, "%s%s", name, sy_params_part_suffix(part));
    return sy_path_format(ret->path, err, "%s/%s", directory, ret->file_name);
}

int sy_params_store_path(char ret_path[SY_PATH_BYTES], const char *directory,
                         enum sy_circuit_kind kind, uint64_t sector_bytes, enum sy_params_part part,
                         struct sy_error *err)
{
    char name[SY_PARAMS_NAME_BYTES];
    struct part_path at;
    int rc = sy_params_name(kind, sector_bytes, name, err);
    if (rc == 0)
        rc = locate_part(&at, directory, name, part, err);
    if (rc == 0)
        memcpy(ret_path, at.path, sizeof at.path);
    return rc;
}

static int look_at_set(struct sy_params_set *set, const char *directory, const json_t *manifest,
                       bool *ret_any, struct sy_error *err)
{
    struct part_path at;
    int rc = sy_params_name(set->kind, set->sector_bytes, set->name, err);
    *ret_any = false;
    for (int part = 0; rc == 0 && part < SY_PARAMS_PARTS; part++) {
        struct sy_params_file *file = &set->files[part];
        struct stat status;
        rc = locate_part(&at, directory, set->name, (enum sy_params_part)part, err);
        if (rc != 0 || stat(at.path, &status) != 0 || !S_ISREG(status.st_mode))
            continue;
        file->present = true;
        file->bytes = (uint64_t)status.st_size;
        const char *digest = digest_of(manifest, at.file_name);
        if (digest)
            memcpy(file->digest, digest, sizeof file->digest);
        *ret_any = true;
    }
    return rc;
}

int sy_params_store_list(const char *directory, struct sy_params_set *ret_sets, size_t *ret_count,
                         struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    json_t *manifest = NULL;
    size_t count = 0;
    int rc = own_manifest_path(path, directory, err);
    if (rc == 0)
        rc = read_manifest(&manifest, path, true, err);
    for (int kind = 0; rc == 0 && kind < SY_CIRCUIT_KINDS; kind++) {
        for (size_t i = 0; rc == 0 && i < SY_PARAMS_SIZES; i++) {
            struct sy_params_set set = {.kind = (enum sy_circuit_kind)kind,
                                        .sector_bytes = sy_params_sizes[i]};
            bool any = false;
            rc = look_at_set(&set, directory, manifest, &any, err);
            if (rc == 0 && any)
                ret_sets[count++] = set;
        }
    }
    json_decref(manifest);
    if (rc == 0)
        *ret_count = count;
    return rc;
}

static int compare_digest(const struct part_path *at, const char *expected,
                          const struct sy_snark_progress *progress, struct sy_error *err)
{
    char digest[DIGEST_CHARACTERS + 1];
    int rc = sy_params_digest(at->path, digest, progress, err);
    if (rc == 0 && strcmp(digest, expected) != 0)
        rc = sy_fail(err, SY_E_MISMATCH,
                     "digest %s, expected %s: delete the file and fetch or generate it again: %s",
                     digest, expected, at->file_name);
    return rc;
}

static int load_manifest_for(json_t **ret, const char *directory, const char *manifest_path,
                             struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    if (manifest_path)
        return read_manifest(ret, manifest_path, false, err);
    int rc = own_manifest_path(path, directory, err);
    return rc == 0 ? read_manifest(ret, path, false, err) : rc;
}

static int verify_part(const char *directory, const char *name, enum sy_params_part part,
                       const json_t *manifest, const struct sy_snark_progress *progress,
                       struct sy_error *err)
{
    struct part_path at;
    int rc = locate_part(&at, directory, name, part, err);
    if (rc != 0)
        return rc;
    const char *expected = digest_of(manifest, at.file_name);
    if (!expected)
        return sy_fail(err, SY_E_NOT_FOUND, "no digest in the manifest for %s", at.file_name);
    return compare_digest(&at, expected, progress, err);
}

int sy_params_store_verify(const char *directory, enum sy_circuit_kind kind, uint64_t sector_bytes,
                           const char *manifest_path, const struct sy_snark_progress *progress,
                           struct sy_error *err)
{
    char name[SY_PARAMS_NAME_BYTES];
    json_t *manifest = NULL;
    int rc = sy_params_name(kind, sector_bytes, name, err);
    if (rc == 0)
        rc = load_manifest_for(&manifest, directory, manifest_path, err);
    if (rc == 0)
        rc = verify_part(directory, name, SY_PARAMS_KEYS, manifest, progress, err);
    if (rc == 0)
        rc = verify_part(directory, name, SY_PARAMS_VK, manifest, progress, err);
    json_decref(manifest);
    return rc;
}

/* ------------------------------------------------------------------------------------- recording
 */

static int record_part(const char *directory, const char *name, enum sy_params_part part,
                       uint64_t sector_bytes, json_t *manifest,
                       const struct sy_snark_progress *progress, struct sy_error *err)
{
    struct part_path at;
    char digest[DIGEST_CHARACTERS + 1];
    int rc = locate_part(&at, directory, name, part, err);
    if (rc == 0)
        rc = sy_params_digest(at.path, digest, progress, err);
    if (rc != 0)
        return rc;
    json_t *entry = json_pack("{s:s,s:s,s:I}", "cid", "", "digest", digest, "sector_size",
                              (json_int_t)sector_bytes);
    if (!entry || json_object_set_new(manifest, at.file_name, entry) != 0)
        return sy_fail(err, SY_E_NOMEM, "no memory for the entry of %s", at.file_name);
    return 0;
}

static int write_manifest(const char *path, const json_t *manifest, struct sy_error *err)
{
    char *text = json_dumps(manifest, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "no memory for %s", path);
    int rc = sy_file_write(path, text, strlen(text), 0644, err);
    free(text);
    return rc;
}

int sy_params_store_record(const char *directory, enum sy_circuit_kind kind, uint64_t sector_bytes,
                           const struct sy_snark_progress *progress, struct sy_error *err)
{
    char name[SY_PARAMS_NAME_BYTES], path[SY_PATH_BYTES];
    json_t *manifest = NULL;
    int rc = sy_params_name(kind, sector_bytes, name, err);
    if (rc == 0)
        rc = own_manifest_path(path, directory, err);
    if (rc == 0)
        rc = read_manifest(&manifest, path, true, err);
    if (rc == 0)
        rc = record_part(directory, name, SY_PARAMS_KEYS, sector_bytes, manifest, progress, err);
    if (rc == 0)
        rc = record_part(directory, name, SY_PARAMS_VK, sector_bytes, manifest, progress, err);
    if (rc == 0)
        rc = write_manifest(path, manifest, err);
    json_decref(manifest);
    return rc;
}

int sy_params_store_generate(const char *directory, enum sy_circuit_kind kind,
                             uint64_t sector_bytes, const struct sy_groth16_secrets *secrets,
                             unsigned threads, const struct sy_snark_progress *progress,
                             struct sy_error *err)
{
    struct sy_groth16_secrets fresh;
    int rc = sy_file_make_directory(directory, 0755, err);
    if (rc == 0 && !secrets)
        sy_groth16_secrets_random(&fresh);
    if (rc == 0)
        rc = sy_groth16_generate(kind, sector_bytes, secrets ? secrets : &fresh, directory, threads,
                                 progress, err);
    sodium_memzero(&fresh, sizeof fresh);
    if (rc == 0)
        rc = sy_params_store_record(directory, kind, sector_bytes, progress, err);
    return rc;
}

/* -------------------------------------------------------------------------------------- fetching
 */

struct fetch {
    const char *directory, *url;
    const json_t *manifest;
    uint64_t sector_bytes;
    const struct sy_snark_progress *progress;
    unsigned files;
};

static int format_url(char ret[SY_PATH_BYTES], const char *url, const char *file_name,
                      struct sy_error *err)
{
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    if (length >= SY_PATH_BYTES)
        return sy_fail(err, SY_E_LIMIT, "the mirror's address is longer than %d bytes",
                       SY_PATH_BYTES);
    return sy_path_format(ret, err, "%.*s/%s", (int)length, url, file_name);
}

static void on_transfer(void *ctx, uint64_t done, uint64_t total)
{
    const struct sy_snark_progress *progress = ctx;
    progress->on_progress(progress->ctx, "fetch", done, total);
}

static int transfer(const struct fetch *f, const char *url, const char *path, struct sy_error *err)
{
    struct sy_http_progress progress = {.on_progress = on_transfer,
                                        .ctx = (void *)(uintptr_t)f->progress};
    bool wanted = f->progress && f->progress->on_progress;
    return sy_http_fetch_file(url, path, true, wanted ? &progress : NULL, err);
}

/* Already there and right, or transferred, checked and renamed. */
static int fetch_part(struct fetch *f, const char *name, enum sy_params_part part,
                      struct sy_error *err)
{
    struct part_path at, partial;
    struct sy_error ignored = {0};
    char url[SY_PATH_BYTES];
    int rc = locate_part(&at, f->directory, name, part, err);
    if (rc != 0)
        return rc;
    const char *expected = digest_of(f->manifest, at.file_name);
    if (!expected)
        return sy_fail(err, SY_E_NOT_FOUND, "no digest in the manifest for %s", at.file_name);
    if (compare_digest(&at, expected, f->progress, &ignored) == 0)
        return 0;
    partial = at;
    rc = sy_path_format(partial.path, err, "%s/%s" PARTIAL_SUFFIX, f->directory, at.file_name);
    if (rc == 0)
        rc = format_url(url, f->url, at.file_name, err);
    if (rc == 0)
        rc = transfer(f, url, partial.path, err);
    if (rc != 0)
        return rc;
    rc = compare_digest(&partial, expected, f->progress, err);
    if (rc == -SY_E_MISMATCH) {
        unlink(partial.path);
        return sy_fail(err, SY_E_MISMATCH,
                       "what came has another digest than %s: try again, or another mirror: %s",
                       expected, url);
    }
    if (rc == 0 && rename(partial.path, at.path) != 0)
        rc = sy_fail_errno(err, errno, "rename %s", partial.path);
    if (rc == 0)
        rc = sy_file_sync_parent(at.path, err);
    f->files += rc == 0;
    return rc;
}

/* The mirror's own parameters.json, through a file of its own in the directory. */
static int fetch_manifest(struct fetch *f, json_t **ret, struct sy_error *err)
{
    char url[SY_PATH_BYTES], path[SY_PATH_BYTES];
    int rc = format_url(url, f->url, SY_PARAMS_MANIFEST_NAME, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/" SY_PARAMS_MANIFEST_NAME PARTIAL_SUFFIX, f->directory);
    if (rc == 0) {
        unlink(path);
        rc = transfer(f, url, path, err);
    }
    if (rc == 0) {
        rc = read_manifest(ret, path, false, err);
        unlink(path);
    }
    return rc;
}

static int write_meta(const struct fetch *f, const char *name, struct sy_error *err)
{
    struct part_path at;
    char text[64];
    int rc = locate_part(&at, f->directory, name, SY_PARAMS_META, err);
    if (rc != 0 || access(at.path, F_OK) == 0)
        return rc;
    snprintf(text, sizeof text, "{\"sector_size\":%llu}", (unsigned long long)f->sector_bytes);
    return sy_file_write(at.path, text, strlen(text), 0644, err);
}

/* The fetched files' entries go into the directory's own manifest. */
static int adopt_entries(const struct fetch *f, const char *name, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    struct part_path at;
    json_t *own = NULL;
    int rc = own_manifest_path(path, f->directory, err);
    if (rc == 0)
        rc = read_manifest(&own, path, true, err);
    for (int part = SY_PARAMS_KEYS; rc == 0 && part <= SY_PARAMS_VK; part++) {
        rc = locate_part(&at, f->directory, name, (enum sy_params_part)part, err);
        if (rc == 0 &&
            json_object_set(own, at.file_name, json_object_get(f->manifest, at.file_name)) != 0)
            rc = sy_fail(err, SY_E_NOMEM, "no memory for the entry of %s", at.file_name);
    }
    if (rc == 0)
        rc = write_manifest(path, own, err);
    json_decref(own);
    return rc;
}

int sy_params_store_fetch(const char *directory, const char *url, const char *manifest_path,
                          enum sy_circuit_kind kind, uint64_t sector_bytes,
                          const struct sy_snark_progress *progress, unsigned *ret_files,
                          struct sy_error *err)
{
    struct fetch f = {directory, url, NULL, sector_bytes, progress, 0};
    char name[SY_PARAMS_NAME_BYTES];
    json_t *manifest = NULL;
    int rc = sy_params_name(kind, sector_bytes, name, err);
    if (rc == 0)
        rc = sy_file_make_directory(directory, 0755, err);
    if (rc == 0)
        rc = manifest_path ? read_manifest(&manifest, manifest_path, false, err)
                           : fetch_manifest(&f, &manifest, err);
    f.manifest = manifest;
    if (rc == 0)
        rc = fetch_part(&f, name, SY_PARAMS_VK, err);
    if (rc == 0)
        rc = fetch_part(&f, name, SY_PARAMS_KEYS, err);
    if (rc == 0)
        rc = write_meta(&f, name, err);
    if (rc == 0)
        rc = adopt_entries(&f, name, err);
    json_decref(manifest);
    if (rc == 0 && ret_files)
        *ret_files = f.files;
    return rc;
}
