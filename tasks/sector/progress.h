/* How long work tells how far it is. */
#ifndef SEALYARD_TASKS_SECTOR_PROGRESS_H
#define SEALYARD_TASKS_SECTOR_PROGRESS_H

#include <stdint.h>

/* `fn` may be NULL. It is called from the thread that called the long function, a few times a
 * second at most by the nature of the chunks; `phase` is borrowed for the call ("layer 3/11"). */
struct sy_progress {
    void (*fn)(void *ctx, const char *phase, uint64_t done, uint64_t total);
    void *ctx;
};

static inline void sy_progress_report(const struct sy_progress *progress, const char *phase,
                                      uint64_t done, uint64_t total)
{
    if (progress && progress->fn)
        progress->fn(progress->ctx, phase, done, total);
}

#endif
