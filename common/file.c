#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int sy_path_format(char *ret_path, struct sy_error *err, const char *format, ...)
{
    char path[SY_PATH_BYTES];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(path, sizeof path, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof path)
        return sy_fail(err, SY_E_LIMIT, "path of %d bytes is longer than %d: %.80s...", length,
                       SY_PATH_BYTES - 1, path);
    memcpy(ret_path, path, (size_t)length + 1);
    return 0;
}

int sy_file_size(const char *path, uint64_t *ret_bytes, struct sy_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return sy_fail_errno(err, errno, "stat %s", path);
    if (!S_ISREG(status.st_mode))
        return sy_fail(err, SY_E_ARG, "%s is no regular file", path);
    *ret_bytes = (uint64_t)status.st_size;
    return 0;
}

int sy_file_pread(int fd, void *data, size_t bytes, uint64_t offset, const char *what,
                  struct sy_error *err)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(fd, (char *)data + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sy_fail_errno(err, errno, "read %s at offset %llu", what,
                                 (unsigned long long)(offset + done));
        if (got == 0)
            return sy_fail(err, SY_E_CORRUPT,
                           "%s ends at byte %llu, expected at least %llu: the file is truncated",
                           what, (unsigned long long)(offset + done),
                           (unsigned long long)(offset + bytes));
        done += (size_t)got;
    }
    return 0;
}

int sy_file_pwrite(int fd, const void *data, size_t bytes, uint64_t offset, const char *what,
                   struct sy_error *err)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = pwrite(fd, (const char *)data + done, bytes - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return sy_fail_errno(err, errno, "write %s at offset %llu", what,
                                 (unsigned long long)(offset + done));
        done += (size_t)put;
    }
    return 0;
}

/* Reads until end of file into a growing buffer; `capacity` never exceeds max_bytes + 1. */
static int read_all(int fd, const char *path, size_t max_bytes, char **ret_data, size_t *ret_bytes,
                    struct sy_error *err)
{
    size_t used = 0, capacity = SY_MIN(max_bytes, (size_t)16384) + 1;
    char *data = malloc(capacity);
    int rc = data ? 0 : sy_fail(err, SY_E_NOMEM, "no memory to read %s", path);
    while (rc == 0) {
        if (used == capacity - 1 && capacity - 1 < max_bytes) {
            capacity = SY_MIN(2 * capacity, max_bytes + 1);
            char *grown = realloc(data, capacity);
            if (!grown) {
                rc = sy_fail(err, SY_E_NOMEM, "no memory for %zu bytes of %s", capacity, path);
                break;
            }
            data = grown;
        }
        char extra;
        bool at_limit = used == capacity - 1;
        ssize_t got = at_limit ? read(fd, &extra, 1) : read(fd, data + used, capacity - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = sy_fail_errno(err, errno, "read %s", path);
        else if (got > 0 && at_limit)
            rc = sy_fail(err, SY_E_LIMIT, "%s is larger than the limit of %zu bytes", path,
                         max_bytes);
        else if (got == 0)
            break;
        else
            used += (size_t)got;
    }
    if (rc != 0) {
        free(data);
        return rc;
    }
    data[used] = 0;
    *ret_data = data;
    *ret_bytes = used;
    return 0;
}

int sy_file_read(const char *path, size_t max_bytes, char **ret_data, size_t *ret_bytes,
                 struct sy_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    int rc = read_all(fd, path, max_bytes, ret_data, ret_bytes, err);
    close(fd);
    return rc;
}

int sy_file_sync_directory(const char *directory, struct sy_error *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "open directory %s", directory);
    int rc = 0;
    if (fsync(fd) != 0)
        rc = sy_fail_errno(err, errno, "fsync directory %s", directory);
    close(fd);
    return rc;
}

int sy_file_sync_parent(const char *path, struct sy_error *err)
{
    char parent[SY_PATH_BYTES];
    int rc = sy_path_format(parent, err, "%s", path);
    if (rc != 0)
        return rc;
    char *slash = strrchr(parent, '/');
    if (!slash)
        return sy_file_sync_directory(".", err);
    slash[slash == parent ? 1 : 0] = 0;
    return sy_file_sync_directory(parent, err);
}

int sy_file_publish(int fd, const char *temp_path, const char *path, struct sy_error *err)
{
    int rc = 0;
    if (fsync(fd) != 0)
        rc = sy_fail_errno(err, errno, "fsync %s", temp_path);
    if (close(fd) != 0 && rc == 0)
        rc = sy_fail_errno(err, errno, "close %s", temp_path);
    if (rc == 0 && rename(temp_path, path) != 0)
        rc = sy_fail_errno(err, errno, "rename %s to %s", temp_path, path);
    if (rc != 0) {
        unlink(temp_path);
        return rc;
    }
    return sy_file_sync_parent(path, err);
}

int sy_file_write(const char *path, const void *data, size_t bytes, mode_t mode,
                  struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s.%d%s", path, (int)getpid(), SY_FILE_TEMP_SUFFIX);
    if (rc != 0)
        return rc;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return sy_fail_errno(err, errno, "create %s", temp);
    rc = sy_file_pwrite(fd, data, bytes, 0, temp, err);
    if (rc != 0) {
        close(fd);
        unlink(temp);
        return rc;
    }
    return sy_file_publish(fd, temp, path, err);
}

static int copy_content(int in, int out, const char *from, const char *to, struct sy_error *err)
{
    enum { CHUNK_BYTES = 1 << 20 };
    char *chunk = malloc(CHUNK_BYTES);
    if (!chunk)
        return sy_fail(err, SY_E_NOMEM, "no memory to copy %s", from);
    uint64_t offset = 0;
    int rc = 0;
    while (rc == 0) {
        ssize_t got = read(in, chunk, CHUNK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = sy_fail_errno(err, errno, "read %s", from);
        if (got <= 0)
            break;
        rc = sy_file_pwrite(out, chunk, (size_t)got, offset, to, err);
        offset += (uint64_t)got;
    }
    free(chunk);
    struct stat status;
    if (rc == 0 && (fstat(in, &status) != 0 || (uint64_t)status.st_size != offset))
        rc = sy_fail(err, SY_E_IO, "%s changed while it was copied", from);
    return rc;
}

int sy_file_copy(const char *from, const char *to, mode_t mode, struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s.%d%s", to, (int)getpid(), SY_FILE_TEMP_SUFFIX);
    if (rc != 0)
        return rc;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return sy_fail_errno(err, errno, "open %s", from);
    int out = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (out < 0) {
        rc = sy_fail_errno(err, errno, "create %s", temp);
        close(in);
        return rc;
    }
    rc = copy_content(in, out, from, to, err);
    close(in);
    if (rc != 0) {
        close(out);
        unlink(temp);
        return rc;
    }
    return sy_file_publish(out, temp, to, err);
}

int sy_file_make_directory(const char *path, mode_t mode, struct sy_error *err)
{
    char part[SY_PATH_BYTES];
    int rc = sy_path_format(part, err, "%s", path);
    if (rc != 0)
        return rc;
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p != 0)
            continue;
        char kept = *p;
        *p = 0;
        if (mkdir(part, mode) == 0)
            rc = sy_file_sync_parent(part, err);
        else if (errno != EEXIST)
            rc = sy_fail_errno(err, errno, "create directory %s", part);
        if (rc != 0 || kept == 0)
            break;
        *p = kept;
    }
    struct stat status;
    if (rc == 0 && (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)))
        rc = sy_fail(err, SY_E_ARG, "%s exists and is no directory", path);
    return rc;
}

int sy_file_remove_tree(const char *path, struct sy_error *err)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT ? 0 : sy_fail_errno(err, errno, "stat %s", path);
    char *const roots[] = {(char *)path, NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (!walk)
        return sy_fail_errno(err, errno, "walk %s", path);
    int rc = 0;
    for (FTSENT *entry; rc == 0 && (entry = fts_read(walk)) != NULL;) {
        if (entry->fts_info == FTS_D)
            continue;
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS)
            rc = sy_fail_errno(err, entry->fts_errno, "walk %s", entry->fts_path);
        else if ((entry->fts_info == FTS_DP ? rmdir : unlink)(entry->fts_accpath) != 0 &&
                 errno != ENOENT)
            rc = sy_fail_errno(err, errno, "remove %s", entry->fts_path);
    }
    fts_close(walk);
    return rc == 0 ? sy_file_sync_parent(path, err) : rc;
}
