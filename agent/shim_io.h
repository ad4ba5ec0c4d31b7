/* The three channels of a task as the shim keeps them: result, log, progress.
 *
 * result: bounded memory; one byte more than the limit and the result counts as too large.
 * log:    <dir>/log; when it reaches SY_SHIM_LOG_BYTES it becomes <dir>/log.1 (the older log.1 is
 *         dropped), so at least the last SY_SHIM_LOG_BYTES survive. A log that cannot be written is
 *         dropped, the task goes on.
 * progress: the last whole line goes to <dir>/progress.json, at most once a second, by rename.
 * Threads: one.
 */
#ifndef SEALYARD_AGENT_SHIM_IO_H
#define SEALYARD_AGENT_SHIM_IO_H

#include "common/file.h"

#define SY_SHIM_RESULT_BYTES_MAX 65536 /* SY_RESULT_BYTES_MAX of the wire */
#define SY_SHIM_LOG_BYTES (1u << 20)
#define SY_SHIM_PROGRESS_BYTES 1024
#define SY_LOG_FILE "log"
#define SY_LOG_OLD_FILE "log.1"
#define SY_PROGRESS_FILE "progress.json"

struct sy_shim_result {
    char data[SY_SHIM_RESULT_BYTES_MAX];
    size_t bytes;
    bool too_large;
};
void sy_shim_result_add(struct sy_shim_result *result, const char *data, size_t bytes);

struct sy_shim_log {
    const char *directory; /* borrowed */
    uint64_t limit_bytes;  /* SY_SHIM_LOG_BYTES, smaller in tests */
    int fd;
    uint64_t bytes; /* in the present file */
    uint64_t dropped_bytes;
};
void sy_shim_log_open(struct sy_shim_log *log, const char *directory, uint64_t limit_bytes);
void sy_shim_log_add(struct sy_shim_log *log, const char *data, size_t bytes);
void sy_shim_log_close(struct sy_shim_log *log);

struct sy_shim_progress {
    char line[SY_SHIM_PROGRESS_BYTES]; /* being read */
    size_t bytes;
    bool overlong; /* the present line is dropped up to its end */
    char last[SY_SHIM_PROGRESS_BYTES];
    size_t last_bytes;
    bool dirty;
};
void sy_shim_progress_add(struct sy_shim_progress *progress, const char *data, size_t bytes);
/* Writes progress.json when there is a new line. Not durable: it is only shown. */
void sy_shim_progress_flush(struct sy_shim_progress *progress, const char *directory);

#endif
