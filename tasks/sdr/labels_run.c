/* All layers of a sector: two layers in memory, the finished one going to disk beside the next. */
#include "common/file.h"
#include "tasks/sdr/label_kernel.h"
#include "tasks/sdr/layer_store.h"
#include "tasks/tree/parallel.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define REPORT_NODES (UINT64_C(1) << 18)
#define PHASE_BYTES 32

/* Writes one layer on its own thread. `running` says that join is due. */
struct writer {
    pthread_t thread;
    bool running;
    struct sy_layer_id id;
    const uint8_t *data;
    uint8_t *sha256; /* where the digest goes */
    int rc;
    struct sy_error err;
};

struct run {
    const struct sy_labels_opts *opts;
    struct sy_labels_result *result;
    struct sy_layer_mem mem[2];
    unsigned current; /* mem[] that takes the next layer; the other holds the layer before */
    unsigned threads;
    struct writer writer;
    uint32_t layer;
};

static void *run_writer(void *ctx)
{
    struct writer *w = ctx;
    w->rc = sy_layer_store_write(&w->id, w->data, w->sha256, &w->err);
    return NULL;
}

static int join_writer(struct writer *w, struct sy_error *err)
{
    if (!w->running)
        return 0;
    pthread_join(w->thread, NULL);
    w->running = false;
    if (w->rc < 0 && err)
        *err = w->err;
    return w->rc;
}

static struct sy_layer_id layer_id(const struct run *r, uint32_t layer)
{
    struct sy_layer_id id = {
        .cache = r->opts->cache,
        .replica_id = r->opts->replica_id,
        .layer = layer,
        .nodes = r->opts->params->nodes,
    };
    return id;
}

/* Hands the finished layer to the writer after the one before is safe; alone, writes it here. */
static int store_layer(struct run *r, struct sy_error *err)
{
    struct writer *w = &r->writer;
    if (!r->opts->cache)
        return 0;
    int rc = join_writer(w, err);
    if (rc < 0)
        return rc;
    w->id = layer_id(r, r->layer);
    w->data = r->mem[r->current].data;
    w->sha256 = r->result->layer_sha256[r->layer - 1];
    if (r->threads > 1 && pthread_create(&w->thread, NULL, run_writer, w) == 0) {
        w->running = true;
        return 0;
    }
    return sy_layer_store_write(&w->id, w->data, w->sha256, err);
}

static void on_done(void *ctx, uint64_t done)
{
    const struct run *r = ctx;
    char phase[PHASE_BYTES];
    snprintf(phase, sizeof(phase), "layer %u/%u", r->layer, r->opts->params->layers);
    sy_progress_report(r->opts->progress, phase, done, r->opts->params->nodes);
}

static int label_layer(struct run *r, struct sy_error *err)
{
    uint64_t nodes = r->opts->params->nodes;
    struct sy_label_job job = {
        .replica_id = r->opts->replica_id,
        .layer = r->layer,
        .nodes = nodes,
        .parents = r->opts->parents->entry,
        .layer_data = r->mem[r->current].data,
        .previous = r->layer == 1 ? NULL : r->mem[r->current ^ 1].data,
    };
    if (r->threads > 1)
        return sy_label_range_gathered(&job, 0, nodes, on_done, r, err);
    for (uint64_t begin = 0; begin < nodes; begin += REPORT_NODES) {
        uint64_t end = SY_MIN(begin + REPORT_NODES, nodes);
        sy_label_range_get()(&job, begin, end);
        on_done(r, end);
    }
    return 0;
}

/* Finds the layers that are complete on disk and loads the last of them as the previous layer. */
static int resume(struct run *r, struct sy_error *err)
{
    uint32_t complete = 0;
    bool good = r->opts->cache != NULL;
    while (good && complete < r->opts->params->layers) {
        struct sy_layer_id id = layer_id(r, complete + 1);
        int rc = sy_layer_store_check(&id, NULL, &good, r->result->layer_sha256[complete], err);
        if (rc < 0)
            return rc;
        if (good)
            complete++;
    }
    if (complete > 0) {
        struct sy_layer_id id = layer_id(r, complete);
        int rc = sy_layer_store_check(&id, r->mem[r->current ^ 1].data, &good,
                                      r->result->layer_sha256[complete - 1], err);
        if (rc < 0)
            return rc;
        if (!good)
            return sy_fail(err, SY_E_CORRUPT, "layer %u in %s changed while it was read", complete,
                           r->opts->cache);
    }
    r->result->resumed_from_layer = complete;
    return 0;
}

static int make_layers(struct run *r, struct sy_error *err)
{
    int rc = resume(r, err);
    uint32_t first = r->result->resumed_from_layer + 1;
    for (r->layer = first; rc == 0 && r->layer <= r->opts->params->layers; r->layer++) {
        rc = label_layer(r, err);
        if (rc == 0)
            rc = store_layer(r, err);
        r->current ^= 1;
    }
    int joined = join_writer(&r->writer, rc == 0 ? err : NULL);
    return rc < 0 ? rc : joined;
}

static int check_opts(const struct sy_labels_opts *opts, struct sy_error *err)
{
    if (opts->parents->nodes != opts->params->nodes)
        return sy_fail(
            err, SY_E_ARG, "parents of %llu nodes do not belong to a sector of %llu nodes",
            (unsigned long long)opts->parents->nodes, (unsigned long long)opts->params->nodes);
    return 0;
}

int sy_labels_run(const struct sy_labels_opts *opts, struct sy_labels_result *ret_result,
                  struct sy_layer_mem *ret_last, struct sy_error *err)
{
    struct sy_labels_result result = {0};
    struct run r = {.opts = opts, .result = &result};
    int rc = check_opts(opts, err);

    r.threads = sy_parallel_threads(opts->threads);
    for (int i = 0; rc == 0 && i < 2; i++)
        rc = sy_layer_mem_init(&r.mem[i], opts->params->sector_bytes, opts->hugepage_mount,
                               opts->hugepage_bytes, err);
    if (rc == 0) {
        result.page_bytes = r.mem[0].page_bytes;
        result.hugetlb = r.mem[0].hugetlb;
        rc = make_layers(&r, err);
    }
    if (rc == 0 && ret_last) {
        /* `current` was flipped behind the last layer. */
        *ret_last = r.mem[r.current ^ 1];
        memset(&r.mem[r.current ^ 1], 0, sizeof(r.mem[0]));
    }
    sy_layer_mem_fini(&r.mem[0]);
    sy_layer_mem_fini(&r.mem[1]);
    if (rc == 0)
        *ret_result = result;
    return rc;
}
