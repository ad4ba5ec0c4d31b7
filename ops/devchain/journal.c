#include "ops/devchain/journal.h"

#include "common/codec.h"
#include "common/file.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 12

struct sy_dc_journal {
    int fd;
    uint64_t end;
    char path[SY_PATH_BYTES];
};

static const uint8_t MAGIC[4] = {'S', 'Y', 'D', 'C'};

static uint32_t get_u32(const uint8_t *raw)
{
    return (uint32_t)raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 |
           (uint32_t)raw[3] << 24;
}

static void put_u32(uint8_t *raw, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        raw[i] = (uint8_t)(value >> (8 * i));
}

/* *ret_bytes = 0 at the end or at a torn record. */
static int read_record(struct sy_dc_journal *journal, uint64_t size, uint8_t **ret_data,
                       uint32_t *ret_bytes, struct sy_error *err)
{
    uint8_t head[HEAD_BYTES];
    uint64_t left = size - journal->end;
    uint32_t bytes;
    uint8_t *data;
    int rc;
    *ret_bytes = 0;
    *ret_data = NULL;
    if (left < HEAD_BYTES)
        return 0;
    rc = sy_file_pread(journal->fd, head, HEAD_BYTES, journal->end, journal->path, err);
    if (rc < 0)
        return rc;
    bytes = get_u32(head + 4);
    if (memcmp(head, MAGIC, sizeof(MAGIC)) != 0 || bytes == 0 || bytes > SY_DC_RECORD_BYTES_MAX)
        return sy_fail(err, SY_E_CORRUPT, "%s: no record at byte %llu", journal->path,
                       (unsigned long long)journal->end);
    if (bytes > left - HEAD_BYTES)
        return 0;
    data = sy_mem_alloc(bytes);
    if (!data)
        return sy_fail(err, SY_E_NOMEM, "no memory for a record of %u bytes", bytes);
    rc = sy_file_pread(journal->fd, data, bytes, journal->end + HEAD_BYTES, journal->path, err);
    if (rc == 0 && sy_crc32c(0, data, bytes) != get_u32(head + 8)) {
        sy_mem_free(data);
        if (bytes == left - HEAD_BYTES)
            return 0;
        return sy_fail(err, SY_E_CORRUPT, "%s: damaged record at byte %llu", journal->path,
                       (unsigned long long)journal->end);
    }
    if (rc < 0) {
        sy_mem_free(data);
        return rc;
    }
    *ret_data = data;
    *ret_bytes = bytes;
    return 0;
}

static int replay(struct sy_dc_journal *journal,
                  int (*on_record)(void *ctx, const uint8_t *data, size_t bytes,
                                   struct sy_error *err),
                  void *ctx, struct sy_error *err)
{
    struct stat info;
    if (fstat(journal->fd, &info) < 0)
        return sy_fail_errno(err, errno, "%s", journal->path);
    for (;;) {
        uint8_t *data;
        uint32_t bytes;
        int rc = read_record(journal, (uint64_t)info.st_size, &data, &bytes, err);
        if (rc < 0)
            return rc;
        if (bytes == 0)
            break;
        rc = on_record(ctx, data, bytes, err);
        sy_mem_free(data);
        if (rc < 0)
            return rc;
        journal->end += HEAD_BYTES + bytes;
    }
    if (journal->end < (uint64_t)info.st_size) {
        SY_WARN("devchain", "torn_record", "at=%llu cut=%llu", (unsigned long long)journal->end,
                (unsigned long long)info.st_size - (unsigned long long)journal->end);
        if (ftruncate(journal->fd, (off_t)journal->end) < 0 || fsync(journal->fd) < 0)
            return sy_fail_errno(err, errno, "%s: cutting a torn record", journal->path);
    }
    return 0;
}

int sy_dc_journal_open(struct sy_dc_journal **ret, const char *path,
                       int (*on_record)(void *ctx, const uint8_t *data, size_t bytes,
                                        struct sy_error *err),
                       void *ctx, struct sy_error *err)
{
    struct sy_dc_journal *journal = sy_mem_alloc(sizeof(*journal));
    int rc;
    if (!journal)
        return sy_fail(err, SY_E_NOMEM, "no memory for the journal");
    rc = sy_path_format(journal->path, err, "%s", path);
    journal->fd = -1;
    if (rc == 0) {
        journal->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (journal->fd < 0)
            rc = sy_fail_errno(err, errno, "%s", path);
        else if (flock(journal->fd, LOCK_EX | LOCK_NB) < 0)
            rc = sy_fail(err, SY_E_BUSY, "%s is in use by another process", path);
    }
    if (rc == 0)
        rc = sy_file_sync_parent(path, err);
    if (rc == 0)
        rc = replay(journal, on_record, ctx, err);
    if (rc < 0) {
        sy_dc_journal_close(journal);
        return rc;
    }
    *ret = journal;
    return 0;
}

void sy_dc_journal_close(struct sy_dc_journal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    sy_mem_free(journal);
}

int sy_dc_journal_append(struct sy_dc_journal *journal, const void *data, size_t bytes,
                         struct sy_error *err)
{
    uint8_t head[HEAD_BYTES];
    int rc;
    if (bytes == 0 || bytes > SY_DC_RECORD_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "record of %zu bytes, at most %u", bytes,
                       SY_DC_RECORD_BYTES_MAX);
    memcpy(head, MAGIC, sizeof(MAGIC));
    put_u32(head + 4, (uint32_t)bytes);
    put_u32(head + 8, sy_crc32c(0, data, bytes));
    rc = sy_file_pwrite(journal->fd, head, HEAD_BYTES, journal->end, journal->path, err);
    if (rc == 0)
        rc =
            sy_file_pwrite(journal->fd, data, bytes, journal->end + HEAD_BYTES, journal->path, err);
    if (rc < 0)
        return rc;
    if (fdatasync(journal->fd) < 0)
        return sy_fail_errno(err, errno, "%s: fdatasync", journal->path);
    journal->end += HEAD_BYTES + bytes;
    return 0;
}
