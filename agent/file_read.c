#include "agent/file_read.h"

#include "agent/shim_io.h"
#include "agent/task_spec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTS_MAX 2

struct part {
    int fd;
    uint64_t bytes;
};

/* Adds the file to parts when it is there. */
static int open_part(const char *path, struct part *parts, size_t *count, struct sy_error *err)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? 0 : sy_fail_errno(err, errno, "open %s", path);
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return sy_fail(err, SY_E_ARG, "%s is no regular file", path);
    }
    parts[(*count)++] = (struct part){fd, (uint64_t)status.st_size};
    return 0;
}

/* The newest attempt of a task that has a directory here; 0 = none. */
static uint32_t newest_attempt(const char *dir, uint64_t task)
{
    char path[SY_PATH_BYTES];
    DIR *entries = sy_path_format(path, NULL, "%s/attempts", dir) == 0 ? opendir(path) : NULL;
    uint32_t newest = 0;
    for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;) {
        char *end;
        unsigned long long found = strtoull(entry->d_name, &end, 10);
        if (end == entry->d_name || *end != '-' || found != task)
            continue;
        unsigned long attempt = strtoul(end + 1, &end, 10);
        if (*end == 0 && attempt <= UINT32_MAX && attempt > newest)
            newest = (uint32_t)attempt;
    }
    if (entries)
        closedir(entries);
    return newest;
}

static int open_log(const char *dir, const struct sy_msg_file_read *request, struct part *parts,
                    size_t *count, struct sy_error *err)
{
    static const char *const names[] = {SY_LOG_OLD_FILE, SY_LOG_FILE};
    uint32_t attempt = request->attempt ? request->attempt : newest_attempt(dir, request->task);
    char name[SY_LEDGER_NAME_BYTES], path[SY_PATH_BYTES];
    sy_ledger_name(request->task, attempt, name);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(names); i++) {
        rc = sy_path_format(path, err, "%s/attempts/%s/%s", dir, name, names[i]);
        if (rc == 0)
            rc = open_part(path, parts, count, err);
    }
    if (rc == 0 && *count == 0)
        rc = sy_fail(
            err, SY_E_NOT_FOUND,
            "this agent has no log of task %llu: it has not run here, or more than 24 hours "
            "ago",
            (unsigned long long)request->task);
    return rc;
}

static int open_output(const char *dir, uint64_t task, struct part *parts, size_t *count,
                       struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_task_output_path(path, dir, task, err);
    if (rc == 0)
        rc = open_part(path, parts, count, err);
    if (rc == 0 && *count == 0)
        rc = sy_fail(err, SY_E_NOT_FOUND,
                     "this agent has no output of task %llu: outputs are kept for 24 hours; unseal "
                     "again",
                     (unsigned long long)task);
    return rc;
}

/* Named by numbers below a store of this agent. */
static int open_c1_output(struct sy_stores *stores, const struct sy_msg_file_read *request,
                          struct part *parts, size_t *count, struct sy_error *err)
{
    const struct sy_store_row *store;
    struct sy_sector_paths *paths = calloc(1, sizeof *paths);
    int rc = paths ? sy_stores_find(stores, request->store, &store, err)
                   : sy_fail(err, SY_E_NOMEM, "no memory to name a C1 file");
    if (rc == 0)
        rc = sy_sector_paths(paths, store->path, request->miner, request->number, err);
    if (rc == 0)
        rc = open_part(paths->c1, parts, count, err);
    if (rc == 0 && *count == 0)
        rc = sy_fail(err, SY_E_NOT_FOUND,
                     "%s is gone: `sealyard sectors retry` makes C1 of sector %llu again",
                     paths->c1, (unsigned long long)request->number);
    free(paths);
    return rc;
}

static int read_parts(const struct part *parts, size_t count, uint64_t offset, uint32_t wanted,
                      uint8_t *buffer, uint32_t *ret_bytes, struct sy_error *err)
{
    uint32_t done = 0;
    for (size_t i = 0; i < count && done < wanted; i++) {
        if (offset >= parts[i].bytes) {
            offset -= parts[i].bytes;
            continue;
        }
        uint32_t bytes = (uint32_t)SY_MIN((uint64_t)(wanted - done), parts[i].bytes - offset);
        int rc =
            sy_file_pread(parts[i].fd, buffer + done, bytes, offset, "a file for a client", err);
        if (rc != 0)
            return rc;
        done += bytes;
        offset = 0;
    }
    *ret_bytes = done;
    return 0;
}

int sy_agent_file_read(struct sy_msg_chunk *ret, const char *dir, struct sy_stores *stores,
                       const struct sy_msg_file_read *request, uint8_t *buffer,
                       struct sy_error *err)
{
    struct part parts[PARTS_MAX];
    size_t count = 0;
    uint32_t bytes = 0;
    int rc;
    if (request->bytes > SY_CHUNK_BYTES_MAX)
        rc = sy_fail(err, SY_E_LIMIT, "%u bytes asked, at most %u in one piece", request->bytes,
                     SY_CHUNK_BYTES_MAX);
    else if (strcmp(request->what, "task-log") == 0)
        rc = open_log(dir, request, parts, &count, err);
    else if (strcmp(request->what, "unseal-output") == 0)
        rc = open_output(dir, request->task, parts, &count, err);
    else if (strcmp(request->what, "c1-output") == 0)
        rc = open_c1_output(stores, request, parts, &count, err);
    else
        rc = sy_fail(err, SY_E_ARG, "\"%s\": expected task-log, unseal-output or c1-output",
                     request->what);
    if (rc == 0)
        rc = read_parts(parts, count, request->offset_bytes, request->bytes, buffer, &bytes, err);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += parts[i].bytes;
        close(parts[i].fd);
    }
    if (rc == 0)
        *ret = (struct sy_msg_chunk){.offset_bytes = request->offset_bytes,
                                     .total_bytes = total,
                                     .crc32c = sy_crc32c(0, buffer, bytes),
                                     .data = {buffer, bytes}};
    return rc;
}
