#include "agent/scratch.h"

#include "common/log.h"
#include "common/proof.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define STORES_FILE_BYTES_MAX 262144
#define MARKER_BYTES_MAX 65536
#define WEIGHT_DEFAULT 10

struct marker {
    char id[SY_UUID_BYTES];
    bool can_seal, can_store;
};

static int read_marker(const char *store, struct marker *ret, struct sy_error *err)
{
    char path[SY_PATH_BYTES], *data;
    size_t bytes;
    int rc = sy_path_format(path, err, "%s/" SY_STORE_MARKER, store);
    if (rc == 0)
        rc = sy_file_read(path, MARKER_BYTES_MAX, &data, &bytes, err);
    if (rc != 0)
        return rc;
    json_t *root = json_loadb(data, bytes, 0, NULL);
    free(data);
    const char *id = json_string_value(json_object_get(root, "ID"));
    if (!id || !id[0] || strlen(id) >= sizeof ret->id) {
        json_decref(root);
        return sy_fail(err, SY_E_PARSE, "%s is no store marker: expected JSON with an \"ID\"",
                       path);
    }
    snprintf(ret->id, sizeof ret->id, "%s", id);
    ret->can_seal = json_is_true(json_object_get(root, "CanSeal"));
    ret->can_store = json_is_true(json_object_get(root, "CanStore"));
    json_decref(root);
    return 0;
}

static int write_marker(const char *store, const struct sy_env *env, uint32_t kind,
                        struct marker *ret, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s/" SY_STORE_MARKER, store);
    if (rc != 0)
        return rc;
    sy_env_uuid(env, ret->id);
    ret->can_seal = kind == SY_STORE_SCRATCH;
    ret->can_store = kind == SY_STORE_LONG;
    json_t *root = json_pack("{s:s,s:i,s:b,s:b}", "ID", ret->id, "Weight", WEIGHT_DEFAULT,
                             "CanSeal", ret->can_seal, "CanStore", ret->can_store);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "no memory for %s", path);
    rc = sy_file_write(path, text, strlen(text), 0644, err);
    free(text);
    return rc;
}

/* Looks at one store; *ret_why says why it is offline. */
static void look(struct sy_store_row *row, struct sy_error *ret_why)
{
    struct marker marker;
    struct statvfs status;
    row->online = false;
    row->bytes_free = 0;
    if (read_marker(row->path, &marker, ret_why) != 0)
        return;
    if (strcmp(marker.id, row->uuid) != 0) {
        sy_fail(ret_why, SY_E_MISMATCH, "the marker in %s has the id %s", row->path, marker.id);
        return;
    }
    if (statvfs(row->path, &status) != 0) {
        sy_fail_errno(ret_why, errno, "free space of %s", row->path);
        return;
    }
    row->bytes_total = (uint64_t)status.f_blocks * status.f_frsize;
    row->bytes_free = (uint64_t)status.f_bavail * status.f_frsize;
    row->online = true;
}

uint32_t sy_stores_refresh(struct sy_stores *stores)
{
    uint32_t changed = 0;
    for (uint32_t i = 0; i < stores->count; i++) {
        struct sy_store_row *row = &stores->rows[i];
        struct sy_error why = {0};
        bool was_online = row->online;
        look(row, &why);
        if (was_online == row->online)
            continue;
        changed++;
        if (row->online)
            SY_INFO("stores", "online", "store=%s path=%s", row->uuid, row->path);
        else
            SY_ERROR("stores", "offline",
                     "store=%s path=%s err=\"%s: mount it again, or run `sealyard stores attach`\"",
                     row->uuid, row->path, why.text);
    }
    return changed;
}

static int take_row(struct sy_stores *stores, json_t *item, const char *agent, struct sy_error *err)
{
    const char *uuid = NULL, *path = NULL, *kind = NULL;
    enum sy_store_kind parsed;
    struct sy_store_row row = {0};
    if (json_unpack(item, "{s:s,s:s,s:s}", "uuid", &uuid, "path", &path, "kind", &kind) != 0 ||
        sy_store_kind_parse(kind, &parsed) != 0 || strlen(uuid) >= sizeof row.uuid ||
        strlen(path) >= sizeof row.path)
        return sy_fail(err, SY_E_PARSE, "%s: an entry is no {uuid, path, kind}", stores->file);
    if (stores->count == SY_STORES_MAX)
        return sy_fail(err, SY_E_LIMIT, "%s: more than %d stores", stores->file, SY_STORES_MAX);
    row.kind = parsed;
    snprintf(row.uuid, sizeof row.uuid, "%s", uuid);
    snprintf(row.path, sizeof row.path, "%s", path);
    snprintf(row.agent, sizeof row.agent, "%s", agent);
    row.online = true; /* so that the first look reports a missing store */
    stores->rows[stores->count++] = row;
    return 0;
}

int sy_stores_init(struct sy_stores *stores, const char *dir, const char *agent,
                   struct sy_error *err)
{
    *stores = (struct sy_stores){0};
    char *data;
    size_t bytes, index;
    int rc = sy_path_format(stores->file, err, "%s/stores.json", dir);
    if (rc != 0)
        return rc;
    struct sy_error reason = {0};
    rc = sy_file_read(stores->file, STORES_FILE_BYTES_MAX, &data, &bytes, &reason);
    if (rc == -SY_E_NOT_FOUND)
        return 0;
    if (rc != 0) {
        if (err)
            *err = reason;
        return rc;
    }
    json_t *root = json_loadb(data, bytes, JSON_REJECT_DUPLICATES, NULL), *item;
    free(data);
    if (!json_is_array(root))
        rc = sy_fail(err, SY_E_PARSE,
                     "%s is damaged: remove it and attach the stores again (`sealyard stores "
                     "attach`)",
                     stores->file);
    json_array_foreach(root, index, item)
    {
        if (rc == 0)
            rc = take_row(stores, item, agent, err);
    }
    json_decref(root);
    if (rc == 0)
        sy_stores_refresh(stores);
    return rc;
}

static int save(const struct sy_stores *stores, struct sy_error *err)
{
    json_t *root = json_array();
    for (uint32_t i = 0; i < stores->count; i++)
        json_array_append_new(root, json_pack("{s:s,s:s,s:s}", "uuid", stores->rows[i].uuid, "path",
                                              stores->rows[i].path, "kind",
                                              sy_store_kind_name(stores->rows[i].kind)));
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    if (!text)
        return sy_fail(err, SY_E_NOMEM, "no memory for %s", stores->file);
    int rc = sy_file_write(stores->file, text, strlen(text), 0600, err);
    free(text);
    return rc;
}

static int check_path(const char *path, struct sy_error *err)
{
    struct stat status;
    if (path[0] != '/' || strlen(path) >= SY_ROW_PATH_BYTES || strstr(path, "/../"))
        return sy_fail(err, SY_E_ARG, "store path \"%.200s\": expected an absolute path", path);
    if (stat(path, &status) != 0)
        return sy_fail_errno(err, errno, "store %s: make the directory or mount the disk", path);
    if (!S_ISDIR(status.st_mode))
        return sy_fail(err, SY_E_ARG, "store %s is no directory", path);
    return 0;
}

static int find_or_make_marker(const char *path, const struct sy_env *env, uint32_t kind,
                               bool initialise, struct marker *ret, struct sy_error *err)
{
    struct sy_error reason = {0};
    int rc = read_marker(path, ret, &reason);
    if (rc == -SY_E_NOT_FOUND && initialise)
        return write_marker(path, env, kind, ret, err);
    if (rc == -SY_E_NOT_FOUND)
        return sy_fail(err, SY_E_NOT_FOUND,
                       "%s has no " SY_STORE_MARKER
                       ": is the disk mounted? A new store is made with `sealyard stores attach "
                       "--init`",
                       path);
    if (rc != 0) {
        if (err)
            *err = reason;
        return rc;
    }
    if (kind == SY_STORE_SCRATCH ? !ret->can_seal : !ret->can_store)
        return sy_fail(err, SY_E_STATE, "the marker in %s does not allow %s (%s is false)", path,
                       sy_store_kind_name(kind), kind == SY_STORE_SCRATCH ? "CanSeal" : "CanStore");
    return 0;
}

static struct sy_store_row *find_row(struct sy_stores *stores, const char *uuid)
{
    for (uint32_t i = 0; i < stores->count; i++)
        if (strcmp(stores->rows[i].uuid, uuid) == 0)
            return &stores->rows[i];
    return NULL;
}

int sy_stores_attach(struct sy_stores *stores, const struct sy_env *env, const char *path,
                     uint32_t kind, bool initialise, const struct sy_store_row **ret_row,
                     struct sy_error *err)
{
    struct marker marker = {0};
    if (kind != SY_STORE_SCRATCH && kind != SY_STORE_LONG)
        return sy_fail(err, SY_E_ARG, "store kind %u: expected scratch or long", kind);
    int rc = check_path(path, err);
    if (rc == 0)
        rc = find_or_make_marker(path, env, kind, initialise, &marker, err);
    if (rc != 0)
        return rc;
    struct sy_store_row *known = find_row(stores, marker.id);
    struct sy_store_row before = known ? *known : (struct sy_store_row){0};
    if (!known && stores->count == SY_STORES_MAX)
        return sy_fail(err, SY_E_LIMIT, "store %s: this agent has %d stores already", path,
                       SY_STORES_MAX);
    struct sy_store_row *row = known ? known : &stores->rows[stores->count++];
    *row = (struct sy_store_row){.kind = kind};
    snprintf(row->uuid, sizeof row->uuid, "%s", marker.id);
    snprintf(row->path, sizeof row->path, "%s", path);
    look(row, NULL);
    rc = save(stores, err);
    if (rc != 0) { /* what is not durable is not attached */
        if (known)
            *known = before;
        else
            stores->count--;
        return rc;
    }
    *ret_row = row;
    return 0;
}

int sy_stores_find(struct sy_stores *stores, const char *uuid, const struct sy_store_row **ret_row,
                   struct sy_error *err)
{
    struct sy_store_row *row = find_row(stores, uuid);
    if (!row)
        return sy_fail(err, SY_E_NOT_FOUND,
                       "store %s is not attached to this agent: run `sealyard stores attach`",
                       uuid);
    struct sy_error why = {0};
    look(row, &why);
    if (!row->online)
        return sy_fail(
            err, SY_E_RESOURCE,
            "store %s is offline: %.160s: mount it again, or run `sealyard stores attach`", uuid,
            why.text);
    *ret_row = row;
    return 0;
}

int sy_store_prepare(const struct sy_store_row *row, uint32_t uid, uint32_t gid,
                     struct sy_error *err)
{
    static const char *const names[] = {"unsealed", "sealed", "cache", "c1"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        char path[SY_PATH_BYTES];
        int rc = sy_path_format(path, err, "%s/%s", row->path, names[i]);
        if (rc != 0)
            return rc;
        if (mkdir(path, 0755) != 0) {
            if (errno == EEXIST)
                continue;
            return sy_fail_errno(err, errno, "create %s", path);
        }
        if (uid != geteuid() && chown(path, uid, gid) != 0)
            return sy_fail_errno(err, errno, "give %s to user %u", path, uid);
        rc = sy_file_sync_directory(row->path, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int sy_sector_paths(struct sy_sector_paths *ret, const char *store, uint64_t miner, uint64_t number,
                    struct sy_error *err)
{
    unsigned long long m = miner, n = number;
    int rc = sy_path_format(ret->unsealed, err, "%s/unsealed/s-t0%llu-%llu", store, m, n);
    if (rc == 0)
        rc = sy_path_format(ret->sealed, err, "%s/sealed/s-t0%llu-%llu", store, m, n);
    if (rc == 0)
        rc = sy_path_format(ret->cache, err, "%s/cache/s-t0%llu-%llu", store, m, n);
    if (rc == 0)
        rc = sy_path_format(ret->c1, err, "%s/c1/s-t0%llu-%llu.json", store, m, n);
    return rc;
}

uint64_t sy_scratch_need_bytes(enum sy_stage stage, uint32_t proof_type, uint64_t size_bytes)
{
    const struct sy_proof *proof = sy_proof_get(proof_type);
    if (!proof)
        return 0;
    uint64_t sector = proof->sector_bytes;
    uint64_t layers = sector >= (32ull << 30) ? 11 : 2;
    uint64_t slack = 64 * 1024; /* directories, aux files, markers */
    switch (stage) {
    case SY_STAGE_AP:
        return sector + slack;
    case SY_STAGE_PC1: /* layers and the binary tree over the data */
        return (layers + 2) * sector + slack;
    case SY_STAGE_PC2: /* sealed file, 8-ary tree-c, the kept part of tree-r-last */
        return sector + sector / 7 + sector / 64 + slack;
    case SY_STAGE_C1: /* 180 vanilla proofs of about 400 KiB as JSON, two copies while it is written
                       */
        return sector >= (32ull << 30) ? 256ull << 20 : 4ull << 20;
    case SY_STAGE_FIN:
        return sector + sector / 64 + slack;
    case SY_STAGE_UNSEAL:
        return (size_bytes && size_bytes < sector ? size_bytes : sector) + slack;
    case SY_STAGE_C2:
    case SY_STAGE_REMOVE:
    case SY_STAGE_COUNT:
        break;
    }
    return 0;
}

static uint64_t file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_blocks * 512 : 0;
}

static uint64_t directory_bytes(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return 0;
    uint64_t total = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat status;
        if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            total += (uint64_t)status.st_blocks * 512;
    }
    closedir(directory);
    return total;
}

uint64_t sy_scratch_written_bytes(enum sy_stage stage, const struct sy_sector_paths *paths)
{
    if (stage == SY_STAGE_AP)
        return file_bytes(paths->unsealed);
    if (stage == SY_STAGE_PC1)
        return directory_bytes(paths->cache);
    if (stage == SY_STAGE_PC2)
        return file_bytes(paths->sealed);
    return stage == SY_STAGE_C1 ? file_bytes(paths->c1) : 0;
}

int sy_scratch_check(const char *path, uint64_t need_bytes, uint64_t promised_bytes,
                     struct sy_error *err)
{
    struct statvfs status;
    if (statvfs(path, &status) != 0)
        return sy_fail_errno(err, errno, "free space of %s", path);
    uint64_t free_bytes = (uint64_t)status.f_bavail * status.f_frsize, wanted;
    if (sy_add_ok(need_bytes, promised_bytes, &wanted) &&
        sy_add_ok(wanted, SY_SCRATCH_RESERVE_BYTES, &wanted) && wanted <= free_bytes)
        return 0;
    return sy_fail(err, SY_E_FULL,
                   "%s has not room: %llu bytes needed, %llu promised to running tasks, %llu kept "
                   "free, %llu free",
                   path, (unsigned long long)need_bytes, (unsigned long long)promised_bytes,
                   (unsigned long long)SY_SCRATCH_RESERVE_BYTES, (unsigned long long)free_bytes);
}
