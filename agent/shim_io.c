#include "agent/shim_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void sy_shim_result_add(struct sy_shim_result *result, const char *data, size_t bytes)
{
    size_t room = sizeof result->data - result->bytes;
    if (bytes > room)
        result->too_large = true;
    size_t taken = SY_MIN(bytes, room);
    memcpy(result->data + result->bytes, data, taken);
    result->bytes += taken;
}

static int open_log(const char *directory, uint64_t *ret_bytes)
{
    char path[SY_PATH_BYTES];
    struct stat status;
    if (sy_path_format(path, NULL, "%s/%s", directory, SY_LOG_FILE) != 0)
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    *ret_bytes = fd >= 0 && fstat(fd, &status) == 0 ? (uint64_t)status.st_size : 0;
    return fd;
}

void sy_shim_log_open(struct sy_shim_log *log, const char *directory, uint64_t limit_bytes)
{
    *log = (struct sy_shim_log){.directory = directory, .limit_bytes = limit_bytes};
    log->fd = open_log(directory, &log->bytes);
}

static void rotate(struct sy_shim_log *log)
{
    char path[SY_PATH_BYTES], old[SY_PATH_BYTES];
    if (sy_path_format(path, NULL, "%s/%s", log->directory, SY_LOG_FILE) != 0 ||
        sy_path_format(old, NULL, "%s/%s", log->directory, SY_LOG_OLD_FILE) != 0)
        return;
    if (log->fd >= 0)
        close(log->fd);
    if (rename(path, old) != 0)
        unlink(path);
    log->fd = open_log(log->directory, &log->bytes);
}

void sy_shim_log_add(struct sy_shim_log *log, const char *data, size_t bytes)
{
    while (bytes > 0) {
        if (log->bytes >= log->limit_bytes)
            rotate(log);
        size_t part = (size_t)SY_MIN((uint64_t)bytes, log->limit_bytes - log->bytes);
        ssize_t put = log->fd >= 0 ? write(log->fd, data, part) : -1;
        if (put < 0 && log->fd >= 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            log->dropped_bytes += bytes;
            return;
        }
        log->bytes += (uint64_t)put;
        data += put;
        bytes -= (size_t)put;
    }
}

void sy_shim_log_close(struct sy_shim_log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

void sy_shim_progress_add(struct sy_shim_progress *progress, const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] == '\n') {
            if (!progress->overlong && progress->bytes > 0) {
                memcpy(progress->last, progress->line, progress->bytes);
                progress->last_bytes = progress->bytes;
                progress->dirty = true;
            }
            progress->bytes = 0;
            progress->overlong = false;
        } else if (progress->bytes == sizeof progress->line) {
            progress->overlong = true;
        } else {
            progress->line[progress->bytes++] = data[i];
        }
    }
}

void sy_shim_progress_flush(struct sy_shim_progress *progress, const char *directory)
{
    char path[SY_PATH_BYTES], temp[SY_PATH_BYTES];
    if (!progress->dirty || sy_path_format(path, NULL, "%s/%s", directory, SY_PROGRESS_FILE) != 0 ||
        sy_path_format(temp, NULL, "%s%s", path, SY_FILE_TEMP_SUFFIX) != 0)
        return;
    progress->dirty = false;
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    int rc = sy_file_pwrite(fd, progress->last, progress->last_bytes, 0, temp, NULL);
    close(fd);
    if (rc != 0 || rename(temp, path) != 0)
        unlink(temp);
}
