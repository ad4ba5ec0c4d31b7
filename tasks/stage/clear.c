#include "tasks/stage/clear.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/stage/task.h"

#define FINALIZE_MARKER "sealyard-finalize.json"

static bool starts_with(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t a = strlen(name);
    size_t b = strlen(suffix);
    return a >= b && strcmp(name + a - b, suffix) == 0;
}

static bool is_ours(const char *name)
{
    return starts_with(name, "sc-02-data-") || starts_with(name, "sealyard-") ||
           strcmp(name, "p_aux") == 0 || strcmp(name, "t_aux") == 0 ||
           strcmp(name, "syn-porep-vanilla-proofs.dat") == 0 ||
           ends_with(name, SY_FILE_TEMP_SUFFIX);
}

static bool is_work(const char *name)
{
    return starts_with(name, "sc-02-data-tree-d") || starts_with(name, "sc-02-data-tree-c") ||
           starts_with(name, "sc-02-data-layer-") ||
           (starts_with(name, "sealyard-") && strcmp(name, FINALIZE_MARKER) != 0) ||
           strcmp(name, "syn-porep-vanilla-proofs.dat") == 0 ||
           ends_with(name, SY_FILE_TEMP_SUFFIX);
}

static int note(json_t *removed, const char *path, struct sy_error *err)
{
    if (!removed)
        return 0;
    return sy_task_json_ok(json_array_append_new(removed, json_string(path)), err);
}

int sy_clear_file(const char *path, json_t *removed, struct sy_error *err)
{
    bool gone;
    int rc = sy_task_unlink(path, &gone, err);
    if (rc == 0 && gone)
        rc = note(removed, path, err);
    return rc;
}

typedef int visit_fn(const char *cache, const char *name, enum sy_clear what, json_t *removed,
                     struct sy_error *err);

static int refuse_foreign(const char *cache, const char *name, enum sy_clear what, json_t *removed,
                          struct sy_error *err)
{
    (void)what;
    (void)removed;
    if (is_ours(name))
        return 0;
    return sy_fail(err, SY_E_STATE,
                   "%.180s holds \"%.60s\", which is no file of a sector: nothing was removed",
                   cache, name);
}

static int remove_one(const char *cache, const char *name, enum sy_clear what, json_t *removed,
                      struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    if (what == SY_CLEAR_WORK && !is_work(name))
        return 0;
    int rc = sy_path_format(path, err, "%s/%s", cache, name);
    if (rc)
        return rc;
    if (unlink(path) == 0)
        return note(removed, path, err);
    return errno == ENOENT ? 0 : sy_fail_errno(err, errno, "remove %.200s", path);
}

static int visit(const char *cache, visit_fn *fn, enum sy_clear what, json_t *removed,
                 struct sy_error *err)
{
    int rc = 0;
    DIR *dir = opendir(cache);
    if (!dir)
        return errno == ENOENT ? 0 : sy_fail_errno(err, errno, "list %.200s", cache);
    while (rc == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno)
                rc = sy_fail_errno(err, errno, "list %.200s", cache);
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            rc = fn(cache, entry->d_name, what, removed, err);
    }
    closedir(dir);
    return rc;
}

/* Without the slashes that may stand behind the name: "x/" would be its own parent. */
static int remove_directory(const char *cache, json_t *removed, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_path_format(path, err, "%s", cache);
    if (rc)
        return rc;
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = 0;
    if (rmdir(path) != 0 && errno != ENOENT)
        return sy_fail_errno(err, errno, "remove directory %.200s", path);
    rc = note(removed, path, err);
    return rc ? rc : sy_file_sync_parent(path, err);
}

int sy_clear_cache(const char *cache, enum sy_clear what, json_t *removed, struct sy_error *err)
{
    int rc = 0;
    if (access(cache, F_OK) != 0)
        return 0;
    if (what == SY_CLEAR_ALL)
        rc = visit(cache, refuse_foreign, what, removed, err);
    if (rc == 0)
        rc = visit(cache, remove_one, what, removed, err);
    if (rc)
        return rc;
    if (what == SY_CLEAR_WORK)
        return sy_file_sync_directory(cache, err);
    return remove_directory(cache, removed, err);
}
