#include "tasks/tree/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

struct fork_join {
    sy_parallel_fn *fn;
    void *ctx;
    uint64_t end;
    _Atomic uint64_t next;
    atomic_bool stop;
};

struct worker {
    struct fork_join *work;
    unsigned number;
    pthread_t thread;
    int status;            /* of the call that failed, else 0 */
    uint64_t failed_index; /* valid when status != 0 */
    struct sy_error err;
};

unsigned sy_parallel_threads(unsigned requested)
{
    if (requested == 0) {
        cpu_set_t set;
        int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
        requested = cpus > 0 ? (unsigned)cpus : 1;
    }
    return SY_MIN(requested, SY_PARALLEL_THREADS_MAX);
}

static void *run_worker(void *argument)
{
    struct worker *worker = argument;
    struct fork_join *work = worker->work;
    while (!atomic_load_explicit(&work->stop, memory_order_relaxed)) {
        uint64_t index = atomic_load_explicit(&work->next, memory_order_relaxed);
        do {
            if (index >= work->end)
                return NULL;
        } while (!atomic_compare_exchange_weak(&work->next, &index, index + 1));
        worker->status = work->fn(work->ctx, index, worker->number, &worker->err);
        if (worker->status != 0) {
            worker->failed_index = index;
            atomic_store(&work->stop, true);
            return NULL;
        }
    }
    return NULL;
}

int sy_parallel_for(unsigned threads, uint64_t begin, uint64_t end, sy_parallel_fn *fn, void *ctx,
                    struct sy_error *err)
{
    if (begin >= end)
        return 0;
    struct fork_join work = {.fn = fn, .ctx = ctx, .end = end};
    atomic_init(&work.next, begin);
    atomic_init(&work.stop, false);
    unsigned count = sy_parallel_threads(threads);
    if (count > end - begin)
        count = (unsigned)(end - begin);
    struct worker *workers = calloc(count, sizeof *workers);
    if (workers == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u workers", count);
    unsigned started = 1; /* worker 0 is the caller */
    for (unsigned i = 0; i < count; i++) {
        workers[i].work = &work;
        workers[i].number = i;
    }
    while (started < count &&
           pthread_create(&workers[started].thread, NULL, run_worker, &workers[started]) == 0)
        started++;
    run_worker(&workers[0]);
    const struct worker *failed = NULL;
    for (unsigned i = 0; i < started; i++) {
        if (i > 0)
            pthread_join(workers[i].thread, NULL);
        if (workers[i].status != 0 &&
            (failed == NULL || workers[i].failed_index < failed->failed_index))
            failed = &workers[i];
    }
    int status = 0;
    if (failed != NULL) {
        status = failed->status;
        if (err != NULL)
            *err = failed->err;
    }
    free(workers);
    return status;
}
