/* The inner loop of labelling, in two forms that give the same bytes. Private to tasks/sdr.
 *
 * A job labels consecutive nodes of one layer. Node v's hash is a chain: its first parent is label
 * v - 1, so one sector can use one stream only, and the floor is 19 compressions per node (the
 * first of the 20 holds only replica_id, layer and node and is worked out beside the previous
 * node).
 */
#ifndef SEALYARD_TASKS_SDR_LABEL_KERNEL_H
#define SEALYARD_TASKS_SDR_LABEL_KERNEL_H

#include "tasks/sdr/labels.h"

/* Nodes ahead of the running one whose parents are prefetched when one thread does all. */
#define SY_LABEL_PREFETCH_NODES 8
#define SY_LABEL_GATHER_BYTES (SY_PARENTS * SY_NODE_BYTES)

struct sy_label_job {
    const uint8_t *replica_id;
    uint32_t layer;
    uint64_t nodes;          /* of the whole layer: how far prefetching may look */
    const uint32_t *parents; /* SY_PARENTS words per node, from node 0 */
    uint8_t *layer_data;     /* of the whole layer */
    const uint8_t *previous; /* NULL in layer 1 */

    /* Copies made by the gatherer, SY_LABEL_GATHER_BYTES per node from the first node of the call
     * on, and per node a mask of the DRG parents (bit i) that were not ready and must be read from
     * layer_data. NULL: everything is read from the layers. */
    const uint8_t *gathered;
    const uint8_t *missing;
};

/* Labels nodes [begin, end). */
typedef void sy_label_range_fn(const struct sy_label_job *job, uint64_t begin, uint64_t end);

void sy_label_range_portable(const struct sy_label_job *job, uint64_t begin, uint64_t end);
/* Only when sy_sha256_has_ni(). */
void sy_label_range_ni(const struct sy_label_job *job, uint64_t begin, uint64_t end);
/* The one in use. */
sy_label_range_fn *sy_label_range_get(void);

/* Pointers to the labels of the 14 (layer 1: 6, the rest not set) parents of `node`; `position` =
 * node - begin. */
static inline void sy_label_parent_pointers(const struct sy_label_job *job, uint64_t node,
                                            uint64_t position, const uint8_t *ret[SY_PARENTS])
{
    const uint32_t *parent = job->parents + node * SY_PARENTS;
    const uint8_t *copy = job->gathered ? job->gathered + position * SY_LABEL_GATHER_BYTES : NULL;
    unsigned missing = copy ? job->missing[position] : 0x3f;

    for (int i = 0; i < SY_DRG_PARENTS; i++)
        ret[i] = (missing >> i & 1) ? job->layer_data + (uint64_t)parent[i] * SY_NODE_BYTES
                                    : copy + i * SY_NODE_BYTES;
    if (job->layer == 1)
        return;
    for (int i = SY_DRG_PARENTS; i < SY_PARENTS; i++)
        ret[i] =
            copy ? copy + i * SY_NODE_BYTES : job->previous + (uint64_t)parent[i] * SY_NODE_BYTES;
}

/* Asks for the copies at `position`, which must have been announced. */
static inline __attribute__((always_inline)) void
sy_label_prefetch_copy(const struct sy_label_job *job, uint64_t position)
{
    const uint8_t *copy = job->gathered + position * SY_LABEL_GATHER_BYTES;
    for (int i = 0; i < SY_LABEL_GATHER_BYTES; i += 64)
        __builtin_prefetch(copy + i, 0, 3);
}

/* Asks for the labels of the parents of `node`. always_inline is not for speed: the compiler takes
 * a function that only prefetches for one without effect and drops the calls. */
static inline __attribute__((always_inline)) void sy_label_prefetch(const struct sy_label_job *job,
                                                                    uint64_t node)
{
    const uint32_t *parent = job->parents + node * SY_PARENTS;
    for (int i = 0; i < SY_DRG_PARENTS; i++)
        __builtin_prefetch(job->layer_data + (uint64_t)parent[i] * SY_NODE_BYTES, 0, 3);
    if (job->layer == 1)
        return;
    for (int i = SY_DRG_PARENTS; i < SY_PARENTS; i++)
        __builtin_prefetch(job->previous + (uint64_t)parent[i] * SY_NODE_BYTES, 0, 3);
}

/* Labels nodes [begin, end) with a second thread that gathers parents ahead; job->gathered and
 * job->missing are ignored. on_done (may be NULL) is called from the calling thread with the nodes
 * of the layer done so far. -SY_E_NOMEM, -SY_E_RESOURCE when no thread can be made. */
int sy_label_range_gathered(const struct sy_label_job *job, uint64_t begin, uint64_t end,
                            void (*on_done)(void *ctx, uint64_t done), void *ctx,
                            struct sy_error *err);

#endif
