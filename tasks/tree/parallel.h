/* Fork and join over an index range.
 *
 * Workers are the calling thread (worker 0) and up to threads-1 new ones; each takes the next index
 * when it is free, so unequal work balances. After the first failure no further index is started.
 * All new threads have ended when the call returns. A thread that cannot be created is done
 * without.
 */
#ifndef SEALYARD_TASKS_TREE_PARALLEL_H
#define SEALYARD_TASKS_TREE_PARALLEL_H

#include "common/err.h"

#define SY_PARALLEL_THREADS_MAX 256

/* Work on one index; worker < the number sy_parallel_threads gave, for per-worker buffers. Returns
 * 0 or -SY_E_* with *err filled; err is the worker's own and never NULL. */
typedef int sy_parallel_fn(void *ctx, uint64_t index, unsigned worker, struct sy_error *err);

/* The number of workers for a request: 0 = the CPUs this process may run on; at most
 * SY_PARALLEL_THREADS_MAX. */
unsigned sy_parallel_threads(unsigned requested);

/* Calls fn for every index in [begin, end). Returns 0, or the error of the failed call that has the
 * lowest index. begin >= end is no work. `threads` as in sy_parallel_threads. */
int sy_parallel_for(unsigned threads, uint64_t begin, uint64_t end, sy_parallel_fn *fn, void *ctx,
                    struct sy_error *err);

#endif
