/* A second thread that fetches parents ahead of the labelling thread.
 *
 * The gatherer copies the parents' labels of the coming nodes into a ring that fits a level-2
 * cache; the labelling thread then reads memory in order. A DRG parent that is not labelled yet
 * when its node is gathered is marked in `missing`; it is at most RING_NODES + one batch back then,
 * so the labelling thread still has it in its own cache.
 *
 * Protocol: `labelled` is written by the labelling thread, `gathered` by the gatherer, both with
 * release after the data they announce, as node numbers from `begin` on. gathered - labelled <=
 * RING_NODES, so a slot is overwritten only after its node was labelled. Both threads end by
 * counting to job->nodes; neither can fail between.
 */
#include "tasks/sdr/label_kernel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_NODES 64
#define RING_NODES 1024
/* Gathered nodes that are in flight from memory at a time: 14 lines each. */
#define AHEAD_NODES 4
#define SPINS_BEFORE_YIELD 128
/* The gatherer's nap when the ring is full: a full ring lasts the labelling thread RING_NODES * 0.7
 * us, ten times longer, and a napping thread leaves the core to its sibling. */
#define NAP_NS 50000
#define REPORT_NODES (UINT64_C(1) << 18)

struct ring {
    const struct sy_label_job *job;
    uint64_t begin;
    uint64_t end;
    uint8_t *slot;
    uint8_t missing[RING_NODES];
    _Alignas(64) _Atomic uint64_t labelled;
    _Alignas(64) _Atomic uint64_t gathered;
};

/* Waits until *counter >= want. The other thread always comes that far. */
static uint64_t wait_for(_Atomic uint64_t *counter, uint64_t want, bool nap)
{
    const struct timespec pause = {.tv_nsec = NAP_NS};
    unsigned spins = 0;
    for (;;) {
        uint64_t value = atomic_load_explicit(counter, memory_order_acquire);
        if (value >= want)
            return value;
        if (nap)
            nanosleep(&pause, NULL);
        else if (++spins % SPINS_BEFORE_YIELD == 0)
            sched_yield();
        else
            __builtin_ia32_pause();
    }
}

static void gather_node(struct ring *r, uint64_t node, uint64_t labelled)
{
    const struct sy_label_job *job = r->job;
    const uint32_t *parent = job->parents + node * SY_PARENTS;
    uint64_t at = (node - r->begin) % RING_NODES;
    uint8_t *to = r->slot + at * SY_LABEL_GATHER_BYTES;
    unsigned missing = 0;

    for (int i = 0; i < SY_DRG_PARENTS; i++) {
        if (parent[i] >= labelled)
            missing |= 1u << i;
        else
            memcpy(to + i * SY_NODE_BYTES, job->layer_data + (uint64_t)parent[i] * SY_NODE_BYTES,
                   SY_NODE_BYTES);
    }
    r->missing[at] = (uint8_t)missing;
    if (job->layer == 1)
        return;
    for (int i = SY_DRG_PARENTS; i < SY_PARENTS; i++)
        memcpy(to + i * SY_NODE_BYTES, job->previous + (uint64_t)parent[i] * SY_NODE_BYTES,
               SY_NODE_BYTES);
}

static void *run_gatherer(void *ctx)
{
    struct ring *r = ctx;

    for (uint64_t first = r->begin; first < r->end; first += BATCH_NODES) {
        uint64_t end = SY_MIN(first + BATCH_NODES, r->end);
        uint64_t need = end - r->begin > RING_NODES ? end - RING_NODES : r->begin;
        uint64_t labelled = wait_for(&r->labelled, need, true);
        for (uint64_t node = first; node < end; node++) {
            if (node + AHEAD_NODES < r->end)
                sy_label_prefetch(r->job, node + AHEAD_NODES);
            gather_node(r, node, labelled);
        }
        atomic_store_explicit(&r->gathered, end, memory_order_release);
    }
    return NULL;
}

static void label_all(struct ring *r, void (*on_done)(void *ctx, uint64_t done), void *ctx)
{
    sy_label_range_fn *range = sy_label_range_get();
    struct sy_label_job job = *r->job;

    for (uint64_t first = r->begin; first < r->end; first += BATCH_NODES) {
        uint64_t end = SY_MIN(first + BATCH_NODES, r->end);
        uint64_t at = (first - r->begin) % RING_NODES;
        wait_for(&r->gathered, end, false);
        job.gathered = r->slot + at * SY_LABEL_GATHER_BYTES;
        job.missing = r->missing + at;
        range(&job, first, end);
        atomic_store_explicit(&r->labelled, end, memory_order_release);
        if (on_done && (end % REPORT_NODES == 0 || end == r->end))
            on_done(ctx, end);
    }
}

int sy_label_range_gathered(const struct sy_label_job *job, uint64_t begin, uint64_t end,
                            void (*on_done)(void *ctx, uint64_t done), void *ctx,
                            struct sy_error *err)
{
    _Static_assert(RING_NODES % BATCH_NODES == 0, "a batch must not wrap");
    pthread_t gatherer;
    struct ring *r = NULL;
    void *slot = NULL;

    if (posix_memalign((void **)&r, 64, sizeof(*r)) != 0 ||
        posix_memalign(&slot, 64, (size_t)RING_NODES * SY_LABEL_GATHER_BYTES) != 0) {
        free(r);
        return sy_fail(err, SY_E_NOMEM, "memory for gathering parents");
    }
    r->job = job;
    r->begin = begin;
    r->end = end;
    r->slot = slot;
    atomic_init(&r->labelled, begin);
    atomic_init(&r->gathered, begin);
    int failed = pthread_create(&gatherer, NULL, run_gatherer, r);
    if (!failed) {
        label_all(r, on_done, ctx);
        pthread_join(gatherer, NULL);
    }
    free(slot);
    free(r);
    return failed ? sy_fail(err, SY_E_RESOURCE, "no thread for gathering parents: %s",
                            strerror(failed))
                  : 0;
}
