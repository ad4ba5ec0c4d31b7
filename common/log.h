/* Log lines in logfmt on standard error: `2026-01-02T03:04:05.678Z info store ev=commit batch=12`.
 *
 * One event name per call site. Values with spaces or quotes are quoted. A site writes at most
 * SY_LOG_LINES_PER_SECOND lines a second; what it swallowed is counted in its next line
 * (`suppressed=N`). Secrets never go into a log call: keys and tokens have no formatter.
 * Threads: any; a mutex guards the output.
 */
#ifndef SEALYARD_COMMON_LOG_H
#define SEALYARD_COMMON_LOG_H

#include "common/err.h"

#define SY_LOG_LINES_PER_SECOND 50

enum sy_log_level { SY_LOG_ERROR, SY_LOG_WARN, SY_LOG_INFO, SY_LOG_DEBUG };

struct sy_log_site {
    const char *unit;
    const char *event;
    uint64_t window_s;
    uint32_t written;
    uint32_t suppressed;
};

/* Lines above this level are dropped; default SY_LOG_INFO. */
void sy_log_set_level(enum sy_log_level level);
/* Parses "error", "warn", "info", "debug". */
int sy_log_level_parse(const char *name, enum sy_log_level *ret_level);
/* Where lines go; default 2 (standard error). Borrowed. */
void sy_log_set_fd(int fd);

/* `fields` is a printf format that gives "key=value key=value". */
void sy_log_line(struct sy_log_site *site, enum sy_log_level level, const char *fields, ...)
    SY_PRINTF(3, 4);

#define SY_LOG_AT(level_, unit_, event_, ...)                                                      \
    do {                                                                                           \
        static struct sy_log_site sy_log_site_ = {unit_, event_, 0, 0, 0};                         \
        sy_log_line(&sy_log_site_, level_, __VA_ARGS__);                                           \
    } while (0)

/* SY_INFO("store", "commit", "batch=%u ms=%u", n, ms); pass " " when there are no fields. */
#define SY_ERROR(unit, event, ...) SY_LOG_AT(SY_LOG_ERROR, unit, event, __VA_ARGS__)
#define SY_WARN(unit, event, ...) SY_LOG_AT(SY_LOG_WARN, unit, event, __VA_ARGS__)
#define SY_INFO(unit, event, ...) SY_LOG_AT(SY_LOG_INFO, unit, event, __VA_ARGS__)
#define SY_DEBUG(unit, event, ...) SY_LOG_AT(SY_LOG_DEBUG, unit, event, __VA_ARGS__)

/* Writes `text` as a logfmt value ("" quoted when needed, control bytes as \xNN) into out and returns
 * out; cut to out_bytes - 1. Use it for every text that came from outside. */
const char *sy_log_value(const char *text, char *out, size_t out_bytes);

#endif
