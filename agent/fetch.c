#include "agent/fetch.h"

#include "common/file.h"
#include "common/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct sy_fetch {
    struct sy_fetch_opts opts;
    char part[SY_PATH_BYTES], whole[SY_PATH_BYTES];
    int fd;
    crypto_hash_sha256_state hash; /* of the first done_bytes */
    uint64_t done_bytes, total_bytes;
    uint64_t sequence; /* of the piece that is waited for; 0 = none */
    uint64_t ask_ms;   /* next request, also when one is waited for */
    uint64_t news_ms;  /* the last byte came */
    char refusal[SY_ERROR_TEXT_BYTES];
};

int sy_fetch_path(char *ret_path, const char *directory, uint64_t task, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/task-%llu.json", directory, (unsigned long long)task);
}

/* What is there counts, but only as far as it can be read and hashed. */
static int take_present(struct sy_fetch *fetch, struct sy_error *err)
{
    struct stat status;
    if (fstat(fetch->fd, &status) != 0)
        return sy_fail_errno(err, errno, "look at %s", fetch->part);
    uint8_t *piece = malloc(SY_CHUNK_BYTES_MAX);
    if (!piece)
        return sy_fail(err, SY_E_NOMEM, "no memory to read %s", fetch->part);
    int rc = 0;
    while (rc == 0 && fetch->done_bytes < (uint64_t)status.st_size) {
        uint64_t left = (uint64_t)status.st_size - fetch->done_bytes;
        size_t bytes = (size_t)SY_MIN(left, (uint64_t)SY_CHUNK_BYTES_MAX);
        rc = sy_file_pread(fetch->fd, piece, bytes, fetch->done_bytes, fetch->part, err);
        if (rc == 0) {
            crypto_hash_sha256_update(&fetch->hash, piece, bytes);
            fetch->done_bytes += bytes;
        }
    }
    free(piece);
    return rc;
}

int sy_fetch_create(struct sy_fetch **ret, const struct sy_fetch_opts *opts, struct sy_error *err)
{
    struct sy_fetch *fetch = calloc(1, sizeof *fetch);
    if (!fetch)
        return sy_fail(err, SY_E_NOMEM, "no memory to fetch the input of task %llu",
                       (unsigned long long)opts->task);
    fetch->opts = *opts;
    fetch->opts.directory = NULL;
    fetch->fd = -1;
    fetch->news_ms = opts->now_ms;
    crypto_hash_sha256_init(&fetch->hash);
    int rc = sy_fetch_path(fetch->whole, opts->directory, opts->task, err);
    if (rc == 0)
        rc = sy_path_format(fetch->part, err, "%s/task-%llu.part", opts->directory,
                            (unsigned long long)opts->task);
    if (rc == 0) {
        fetch->fd = open(fetch->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fetch->fd < 0)
            rc = sy_fail_errno(err, errno, "create %s", fetch->part);
    }
    if (rc == 0)
        rc = take_present(fetch, err);
    if (rc != 0)
        sy_fetch_destroy(fetch);
    else
        *ret = fetch;
    return rc;
}

void sy_fetch_destroy(struct sy_fetch *fetch)
{
    if (!fetch)
        return;
    if (fetch->fd >= 0)
        close(fetch->fd);
    free(fetch);
}

int sy_fetch_tick(struct sy_fetch *fetch, uint64_t now_ms, struct sy_error *err)
{
    if (now_ms > fetch->news_ms + SY_FETCH_GIVE_UP_MS)
        return sy_fail(err, SY_E_TIMEOUT,
                       "the C1 output for task %llu: nothing new for %u s at byte %llu; %.160s",
                       (unsigned long long)fetch->opts.task, SY_FETCH_GIVE_UP_MS / 1000,
                       (unsigned long long)fetch->done_bytes,
                       fetch->refusal[0] ? fetch->refusal : "no answer");
    if (now_ms < fetch->ask_ms)
        return 0;
    const struct sy_msg_fetch request = {.what = "c1-output",
                                         .id = fetch->opts.task,
                                         .offset_bytes = fetch->done_bytes,
                                         .bytes = SY_CHUNK_BYTES_MAX};
    struct sy_error why = {0};
    fetch->sequence = fetch->opts.sequence++;
    int rc = fetch->opts.send(fetch->opts.ctx, SY_MSG_FETCH, fetch->sequence, &request, &why);
    if (rc != 0) {
        fetch->sequence = 0;
        memcpy(fetch->refusal, why.text, sizeof fetch->refusal);
    }
    fetch->ask_ms = now_ms + (rc == 0 ? SY_FETCH_ANSWER_MS : SY_FETCH_PAUSE_MS);
    return 0;
}

bool sy_fetch_waits_for(const struct sy_fetch *fetch, uint64_t sequence)
{
    return fetch->sequence != 0 && fetch->sequence == sequence;
}

static int write_piece(struct sy_fetch *fetch, const struct sy_msg_chunk *chunk,
                       struct sy_error *err)
{
    int rc = sy_file_pwrite(fetch->fd, chunk->data.data, chunk->data.bytes, fetch->done_bytes,
                            fetch->part, err);
    if (rc == 0) {
        crypto_hash_sha256_update(&fetch->hash, chunk->data.data, chunk->data.bytes);
        fetch->done_bytes += chunk->data.bytes;
    }
    return rc;
}

static int finish(struct sy_fetch *fetch, struct sy_error *err)
{
    uint8_t found[32];
    char found_hex[SY_HEX_TEXT_BYTES(32)], want_hex[SY_HEX_TEXT_BYTES(32)];
    crypto_hash_sha256_final(&fetch->hash, found);
    if (memcmp(found, fetch->opts.sha256, sizeof found) != 0) {
        unlink(fetch->part);
        return sy_fail(
            err, SY_E_CORRUPT,
            "the C1 output for task %llu has SHA-256 %s, C1 reported %s: `sealyard sectors "
            "retry` makes it again",
            (unsigned long long)fetch->opts.task, sy_hex_encode(found, 32, found_hex),
            sy_hex_encode(fetch->opts.sha256, 32, want_hex));
    }
    if (fsync(fetch->fd) != 0)
        return sy_fail_errno(err, errno, "sync %s", fetch->part);
    if (rename(fetch->part, fetch->whole) != 0)
        return sy_fail_errno(err, errno, "rename %s", fetch->part);
    return sy_file_sync_parent(fetch->whole, err);
}

int sy_fetch_on_chunk(struct sy_fetch *fetch, const struct sy_msg_chunk *chunk, uint64_t now_ms,
                      bool *ret_done, struct sy_error *err)
{
    *ret_done = false;
    fetch->sequence = 0;
    fetch->ask_ms = now_ms;
    if (chunk->offset_bytes != fetch->done_bytes ||
        sy_crc32c(0, chunk->data.data, chunk->data.bytes) != chunk->crc32c) {
        snprintf(fetch->refusal, sizeof fetch->refusal, "a piece came damaged");
        fetch->ask_ms = now_ms + SY_FETCH_PAUSE_MS;
        return 0;
    }
    if (chunk->total_bytes > SY_FETCH_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "the C1 output for task %llu has %llu bytes, at most %llu",
                       (unsigned long long)fetch->opts.task, (unsigned long long)chunk->total_bytes,
                       (unsigned long long)SY_FETCH_BYTES_MAX);
    fetch->total_bytes = chunk->total_bytes;
    int rc = write_piece(fetch, chunk, err);
    if (rc != 0)
        return rc;
    if (chunk->data.bytes > 0)
        fetch->news_ms = now_ms;
    /* Also when it has shrunk below what is here: the digest tells. */
    if (fetch->done_bytes < chunk->total_bytes)
        return 0;
    rc = finish(fetch, err);
    *ret_done = rc == 0;
    return rc;
}

void sy_fetch_on_failure(struct sy_fetch *fetch, const struct sy_msg_failure *failure,
                         uint64_t now_ms)
{
    size_t bytes = SY_MIN((size_t)failure->text.bytes, sizeof fetch->refusal - 1);
    if (bytes)
        memcpy(fetch->refusal, failure->text.data, bytes);
    fetch->refusal[bytes] = '\0';
    fetch->sequence = 0;
    fetch->ask_ms = now_ms + SY_FETCH_PAUSE_MS;
}

void sy_fetch_progress(const struct sy_fetch *fetch, uint64_t *ret_done, uint64_t *ret_total)
{
    *ret_done = fetch->done_bytes;
    *ret_total = fetch->total_bytes;
}
