#include "common/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;
static enum sy_log_level log_level = SY_LOG_INFO;
static int log_fd = STDERR_FILENO;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void sy_log_set_level(enum sy_log_level level)
{
    log_level = level;
}

void sy_log_set_fd(int fd)
{
    log_fd = fd;
}

int sy_log_level_parse(const char *name, enum sy_log_level *ret_level)
{
    for (size_t i = 0; i < SY_ARRAY_SIZE(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum sy_log_level)i;
            return 0;
        }
    }
    return -SY_E_PARSE;
}

/* True when this line may be written; the caller holds log_mutex. */
static bool take_token(struct sy_log_site *site, uint64_t now_s, uint32_t *ret_suppressed)
{
    if (site->window_s != now_s) {
        *ret_suppressed = site->suppressed;
        site->window_s = now_s;
        site->written = 0;
        site->suppressed = 0;
    }
    if (site->written >= SY_LOG_LINES_PER_SECOND) {
        site->suppressed++;
        return false;
    }
    site->written++;
    return true;
}

static size_t clamp_length(int printed, size_t capacity)
{
    return printed < 0 ? 0 : SY_MIN((size_t)printed, capacity - 1);
}

void sy_log_line(struct sy_log_site *site, enum sy_log_level level, const char *fields, ...)
{
    if (level > log_level)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct tm utc;
    gmtime_r(&now.tv_sec, &utc);
    char line[2048];
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
    used += clamp_length(snprintf(line + used, sizeof line - used, ".%03ldZ %s %s ev=%s ",
                                  now.tv_nsec / 1000000, level_names[level], site->unit,
                                  site->event),
                         sizeof line - used);
    va_list args;
    va_start(args, fields);
    used += clamp_length(vsnprintf(line + used, sizeof line - used, fields, args),
                         sizeof line - used);
    va_end(args);
    pthread_mutex_lock(&log_mutex);
    uint32_t suppressed = 0;
    if (take_token(site, (uint64_t)now.tv_sec, &suppressed)) {
        if (suppressed > 0)
            used += clamp_length(
                snprintf(line + used, sizeof line - used, " suppressed=%u", suppressed),
                sizeof line - used);
        used = SY_MIN(used, sizeof line - 2);
        line[used++] = '\n';
        ssize_t written = write(log_fd, line, used);
        (void)written; /* a log that cannot be written must not stop the program */
    }
    pthread_mutex_unlock(&log_mutex);
}

const char *sy_log_value(const char *text, char *out, size_t out_bytes)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;
    if (out_bytes < 8)
        return "";
    bool quoted = text[0] == 0 || strpbrk(text, " =\"\\") != NULL;
    if (quoted)
        out[used++] = '"';
    for (const char *p = text; *p && used + 6 < out_bytes; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 32 || c == 127) {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[c >> 4];
            out[used++] = hex[c & 15];
        } else {
            if (quoted && (c == '"' || c == '\\'))
                out[used++] = '\\';
            out[used++] = (char)c;
        }
    }
    if (quoted)
        out[used++] = '"';
    out[used] = 0;
    return out;
}
