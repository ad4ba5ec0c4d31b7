#include "tasks/stage/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#define LINE_BYTES 512

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int sy_stage_progress_init(struct sy_stage_progress *progress, struct sy_error *err)
{
    const char *text = getenv("SEALYARD_PROGRESS_FD");
    *progress = (struct sy_stage_progress){.fd = -1, .unit = ""};
    pthread_mutex_init(&progress->mutex, NULL);
    if (!text || !text[0])
        return 0;
    char *end;
    errno = 0;
    long fd = strtol(text, &end, 10);
    if (errno || *end || fd < 0 || fd > 1 << 20 || fcntl((int)fd, F_GETFD) < 0)
        return sy_fail(err, SY_E_ARG,
                       "SEALYARD_PROGRESS_FD is \"%.40s\", the number of an open file expected",
                       text);
    progress->fd = (int)fd;
    return 0;
}

void sy_stage_progress_fini(struct sy_stage_progress *progress)
{
    pthread_mutex_destroy(&progress->mutex);
}

/* Seconds until the end at the speed of this phase; 0 when unknown. */
static uint64_t estimate_s(const struct sy_stage_progress *p, uint64_t done, uint64_t now)
{
    if (done <= p->phase_start_done || done >= p->total)
        return 0;
    double speed = (double)(done - p->phase_start_done) / (double)(now - p->phase_start_ms + 1);
    return (uint64_t)((double)(p->total - done) / speed / 1000.0);
}

static void write_line(struct sy_stage_progress *p, uint64_t done, uint64_t now)
{
    char line[LINE_BYTES];
    json_t *object = json_pack("{s:I,s:I,s:s,s:s,s:I}", "done", (json_int_t)done, "total",
                               (json_int_t)p->total, "unit", p->unit, "phase", p->phase, "eta_s",
                               (json_int_t)estimate_s(p, done, now));
    size_t bytes = json_dumpb(object, line, sizeof line - 1, JSON_COMPACT);
    json_decref(object);
    p->written_ms = now;
    p->written = true;
    p->pending = false;
    if (bytes == 0 || bytes >= sizeof line)
        return;
    line[bytes] = '\n';
    /* A line is shorter than PIPE_BUF, so it arrives whole or not at all. */
    if (write(p->fd, line, bytes + 1) < 0 && errno == EPIPE)
        p->fd = -1;
}

static void start_phase(struct sy_stage_progress *p, const char *phase, uint64_t done,
                        uint64_t total)
{
    snprintf(p->phase, sizeof p->phase, "%s", phase);
    p->total = total;
    p->phase_start_ms = now_ms();
    p->phase_start_done = done;
}

static void report(struct sy_stage_progress *p, uint64_t done)
{
    uint64_t now = now_ms();
    p->done = done;
    p->pending = true;
    if (!p->written || now - p->written_ms >= SY_STAGE_PROGRESS_INTERVAL_MS)
        write_line(p, done, now);
}

void sy_stage_progress_phase(struct sy_stage_progress *progress, const char *phase, uint64_t total,
                             const char *unit)
{
    if (progress->fd < 0)
        return;
    pthread_mutex_lock(&progress->mutex);
    progress->unit = unit;
    start_phase(progress, phase, 0, total);
    report(progress, 0);
    pthread_mutex_unlock(&progress->mutex);
}

void sy_stage_progress_done(struct sy_stage_progress *progress, uint64_t done)
{
    if (progress->fd < 0)
        return;
    pthread_mutex_lock(&progress->mutex);
    report(progress, done);
    pthread_mutex_unlock(&progress->mutex);
}

void sy_stage_progress_finish(struct sy_stage_progress *progress)
{
    if (progress->fd < 0)
        return;
    pthread_mutex_lock(&progress->mutex);
    if (progress->pending)
        write_line(progress, progress->done, now_ms());
    pthread_mutex_unlock(&progress->mutex);
}

void sy_stage_progress_on_report(void *ctx, const char *phase, uint64_t done, uint64_t total)
{
    struct sy_stage_progress *p = ctx;
    if (p->fd < 0)
        return;
    pthread_mutex_lock(&p->mutex);
    if (strcmp(phase, p->phase) != 0 || total != p->total)
        start_phase(p, phase, done, total);
    report(p, done);
    pthread_mutex_unlock(&p->mutex);
}

void sy_stage_progress_on_done(void *ctx, uint64_t done)
{
    sy_stage_progress_done(ctx, done);
}
