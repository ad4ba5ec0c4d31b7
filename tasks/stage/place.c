#include "tasks/stage/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/hash/sha256.h"

#define COPY_BYTES (1024 * 1024)

/* Does `path` hold what is expected? *ret_sha256 is its digest then. */
static int holds(const char *path, const struct sy_stage_file *expected, bool *ret_holds,
                 uint8_t ret_sha256[32], struct sy_error *err)
{
    uint64_t bytes;
    *ret_holds = false;
    int rc = sy_file_size(path, &bytes, err);
    if (rc == -SY_E_NOT_FOUND || (rc == 0 && bytes != expected->bytes))
        return 0;
    if (rc == 0)
        rc = sy_stage_file_sha256(path, ret_sha256, &bytes, err);
    if (rc == 0)
        *ret_holds = !expected->has_sha256 || memcmp(ret_sha256, expected->sha256, 32) == 0;
    return rc;
}

static int copy_bytes(int from, int to, const char *what, uint8_t ret_sha256[32],
                      struct sy_error *err)
{
    struct sy_sha256 sha;
    uint64_t offset = 0;
    int rc = 0;
    uint8_t *buffer = malloc(COPY_BYTES);
    if (!buffer)
        return sy_fail(err, SY_E_NOMEM, "copy buffer of %d bytes", COPY_BYTES);
    sy_sha256_init(&sha);
    while (rc == 0) {
        ssize_t got = read(from, buffer, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = sy_fail_errno(err, errno, "read %.200s", what);
        if (got <= 0)
            break;
        sy_sha256_update(&sha, buffer, (size_t)got);
        rc = sy_file_pwrite(to, buffer, (size_t)got, offset, what, err);
        offset += (uint64_t)got;
    }
    free(buffer);
    if (rc == 0)
        sy_sha256_final(&sha, ret_sha256);
    return rc;
}

/* Copies, syncs, drops the pages and reads the copy back. */
static int copy_checked(int from, int to, const char *temp, uint8_t ret_sha256[32],
                        struct sy_error *err)
{
    uint8_t written[32];
    uint64_t bytes;
    int rc = copy_bytes(from, to, temp, ret_sha256, err);
    if (rc == 0 && fsync(to) != 0)
        rc = sy_fail_errno(err, errno, "sync %.200s", temp);
    if (rc)
        return rc;
    posix_fadvise(to, 0, 0, POSIX_FADV_DONTNEED);
    rc = sy_stage_file_sha256(temp, written, &bytes, err);
    if (rc == 0 && memcmp(written, ret_sha256, 32) != 0)
        rc = sy_fail(err, SY_E_CORRUPT,
                     "%.200s reads back other bytes than were written: the "
                     "store is damaged",
                     temp);
    return rc;
}

static int copy_file(const char *from, const char *to, const struct sy_stage_file *expected,
                     uint8_t ret_sha256[32], struct sy_error *err)
{
    char temp[SY_PATH_BYTES];
    int rc = sy_path_format(temp, err, "%s%s", to, SY_FILE_TEMP_SUFFIX);
    if (rc)
        return rc;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return sy_fail_errno(err, errno, "open %.200s", from);
    int out = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (out < 0) {
        rc = sy_fail_errno(err, errno, "create %.200s", temp);
        close(in);
        return rc;
    }
    rc = copy_checked(in, out, temp, ret_sha256, err);
    close(in);
    if (rc == 0 && expected->has_sha256 && memcmp(ret_sha256, expected->sha256, 32) != 0)
        rc = sy_fail(err, SY_E_CORRUPT, "%.160s has not the SHA-256 of its marker: run pc2 again",
                     from);
    if (rc == 0)
        return sy_file_publish(out, temp, to, err);
    close(out);
    unlink(temp);
    return rc;
}

/* Same file system: nothing is copied. */
static int move_file(const char *from, const char *to, const struct sy_stage_file *expected,
                     uint8_t ret_sha256[32], struct sy_error *err)
{
    bool good;
    int rc = holds(from, expected, &good, ret_sha256, err);
    if (rc == 0 && !good)
        rc = sy_fail(err, SY_E_CORRUPT, "%.160s has not the SHA-256 of its marker: run pc2 again",
                     from);
    if (rc)
        return rc;
    if (rename(from, to) != 0) {
        if (errno == EXDEV)
            return copy_file(from, to, expected, ret_sha256, err);
        return sy_fail_errno(err, errno, "rename %.120s to %.120s", from, to);
    }
    rc = sy_file_sync_parent(to, err);
    return rc ? rc : sy_file_sync_parent(from, err);
}

static bool one_device(const char *from, const char *to)
{
    char directory[SY_PATH_BYTES];
    struct stat a;
    struct stat b;
    if (sy_path_format(directory, NULL, "%s", to))
        return false;
    char *slash = strrchr(directory, '/');
    if (slash)
        slash[slash == directory] = 0;
    return stat(from, &a) == 0 && stat(slash ? directory : ".", &b) == 0 && a.st_dev == b.st_dev;
}

static bool one_file(const char *from, const char *to)
{
    struct stat a;
    struct stat b;
    return stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int sy_place_file(const char *from, const char *to, const struct sy_stage_file *expected,
                  uint8_t ret_sha256[32], struct sy_error *err)
{
    uint64_t bytes;
    bool good;
    /* Without a digest only the source can say what is right, so it is taken as long as it is
     * there. */
    if (expected->has_sha256 || access(from, F_OK) != 0 || one_file(from, to)) {
        int rc = holds(to, expected, &good, ret_sha256, err);
        if (rc || good)
            return rc;
    }
    int rc = sy_file_size(from, &bytes, err);
    if (rc == -SY_E_NOT_FOUND)
        return sy_fail(err, SY_E_CORRUPT,
                       "%.160s is missing, and %.100s does not hold it: run pc2 "
                       "again",
                       from, to);
    if (rc)
        return rc;
    if (bytes != expected->bytes)
        return sy_fail(err, SY_E_CORRUPT, "%.160s has %llu bytes, %llu expected: run pc2 again",
                       from, (unsigned long long)bytes, (unsigned long long)expected->bytes);
    if (one_device(from, to) && !one_file(from, to))
        return move_file(from, to, expected, ret_sha256, err);
    if (one_file(from, to))
        return sy_fail(err, SY_E_CORRUPT, "%.160s has not the SHA-256 of its marker: run pc2 again",
                       from);
    return copy_file(from, to, expected, ret_sha256, err);
}
