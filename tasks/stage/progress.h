/* Progress lines of a stage on the descriptor in SEALYARD_PROGRESS_FD: one JSON object per line,
 * {"done":1,"total":2,"unit":"nodes","phase":"layer 3/11","eta_s":4}, at most one a second and the
 * last of each phase.
 *
 * Threads: any; a mutex guards the writing. A reader that went away is not an error.
 */
#ifndef SEALYARD_TASKS_STAGE_PROGRESS_H
#define SEALYARD_TASKS_STAGE_PROGRESS_H

#include <pthread.h>

#include "common/err.h"
#include "tasks/sector/progress.h"

#define SY_STAGE_PHASE_BYTES 64
#define SY_STAGE_PROGRESS_INTERVAL_MS 1000

struct sy_stage_progress {
    pthread_mutex_t mutex;
    int fd;           /* -1: nobody listens */
    const char *unit; /* borrowed */
    char phase[SY_STAGE_PHASE_BYTES];
    uint64_t total; /* for on_done below */
    uint64_t phase_start_ms;
    uint64_t phase_start_done;
    uint64_t done; /* last reported */
    uint64_t written_ms;
    bool written;
    bool pending; /* the last report is not written */
};

/* Reads the environment. -SY_E_ARG when the variable is no open descriptor number. */
int sy_stage_progress_init(struct sy_stage_progress *progress, struct sy_error *err);
void sy_stage_progress_fini(struct sy_stage_progress *progress);

/* A new phase; `total` and `unit` hold until the next. */
void sy_stage_progress_phase(struct sy_stage_progress *progress, const char *phase, uint64_t total,
                             const char *unit);
/* `done` of the phase's total. */
void sy_stage_progress_done(struct sy_stage_progress *progress, uint64_t done);

/* Writes the last report if the interval held it back. */
void sy_stage_progress_finish(struct sy_stage_progress *progress);

/* Callbacks for the library: ctx is the struct sy_stage_progress. on_report starts a phase when the
 * name changes; on_done keeps the phase that sy_stage_progress_phase began. */
void sy_stage_progress_on_report(void *ctx, const char *phase, uint64_t done, uint64_t total);
void sy_stage_progress_on_done(void *ctx, uint64_t done);

#endif
