#include "tasks/sdr/labels.h"

#include "common/file.h"
#include "tasks/hash/sha256.h"
#include "tasks/sdr/label_kernel.h"
#include "tasks/sector/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* NULL until chosen; every chooser without a force finds the same. */
static _Atomic(sy_label_range_fn *) chosen;

sy_label_range_fn *sy_label_range_get(void)
{
    sy_label_range_fn *fn = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!fn) {
        fn = sy_sha256_has_ni() ? sy_label_range_ni : sy_label_range_portable;
        atomic_store_explicit(&chosen, fn, memory_order_relaxed);
    }
    return fn;
}

const char *sy_labels_kernel(void)
{
    return sy_label_range_get() == sy_label_range_ni ? "sha-ni" : "portable";
}

int sy_labels_force(const char *kernel, struct sy_error *err)
{
    sy_label_range_fn *fn;
    if (!kernel)
        fn = NULL;
    else if (strcmp(kernel, "portable") == 0)
        fn = sy_label_range_portable;
    else if (strcmp(kernel, "sha-ni") != 0)
        return sy_fail(err, SY_E_ARG, "labelling kernel \"%.32s\" is not portable or sha-ni",
                       kernel);
    else if (!sy_sha256_has_ni())
        return sy_fail(err, SY_E_UNSUPPORTED, "this processor has no SHA extensions");
    else
        fn = sy_label_range_ni;
    atomic_store_explicit(&chosen, fn, memory_order_relaxed);
    return 0;
}

uint32_t sy_label_slot_parent(uint32_t layer, uint32_t slot)
{
    SY_ASSERT(slot < SY_LABEL_PARENTS);
    return slot % (layer == 1 ? SY_DRG_PARENTS : SY_PARENTS);
}

void sy_labels_range(const uint8_t replica_id[32], uint32_t layer, const uint32_t *parents,
                     uint64_t nodes, uint64_t begin, uint64_t end, uint8_t *layer_data,
                     const uint8_t *previous)
{
    struct sy_label_job job = {
        .replica_id = replica_id,
        .layer = layer,
        .nodes = nodes,
        .parents = parents,
        .layer_data = layer_data,
        .previous = previous,
    };
    SY_ASSERT(begin <= end && end <= nodes && (layer == 1 || previous));
    sy_label_range_get()(&job, begin, end);
}

/* ------------------------------------------------------------------------------- sampled check */

struct check {
    const struct sy_porep_params *params;
    const uint8_t *replica_id;
    const struct sy_graph *graph;
    uint32_t layer;
    int fd;          /* this layer */
    int previous_fd; /* the one before, -1 in layer 1 */
    const char *cache;
};

static int read_label(int fd, uint64_t node, uint8_t *to, const char *cache, struct sy_error *err)
{
    return sy_file_pread(fd, to, SY_NODE_BYTES, node * SY_NODE_BYTES, cache, err);
}

static int check_node(const struct check *c, uint64_t node, struct sy_error *err)
{
    uint32_t parent[SY_PARENTS];
    uint8_t label[SY_PARENTS][SY_NODE_BYTES];
    uint8_t hashed[SY_LABEL_PARENTS][SY_NODE_BYTES];
    uint8_t want[SY_NODE_BYTES], have[SY_NODE_BYTES];
    int rc = 0;

    sy_graph_parents(c->graph, node, parent);
    for (int i = 0; rc == 0 && i < (c->layer == 1 ? SY_DRG_PARENTS : SY_PARENTS); i++)
        rc = read_label(i < SY_DRG_PARENTS ? c->fd : c->previous_fd, parent[i], label[i], c->cache,
                        err);
    if (rc == 0)
        rc = read_label(c->fd, node, have, c->cache, err);
    if (rc < 0)
        return rc;
    for (uint32_t slot = 0; slot < SY_LABEL_PARENTS; slot++)
        memcpy(hashed[slot], label[sy_label_slot_parent(c->layer, slot)], SY_NODE_BYTES);
    sy_label_compute(c->replica_id, c->layer, node, hashed[0], want);
    if (memcmp(want, have, SY_NODE_BYTES) != 0)
        return sy_fail(err, SY_E_MISMATCH,
                       "label of node %" PRIu64 " in layer %u of %s is not what its parents give: "
                       "run PC1 again",
                       node, c->layer, c->cache);
    return 0;
}

/* The i-th sampled node of a layer. */
static uint64_t sample_node(const uint8_t seed[32], uint32_t layer, uint64_t i, uint64_t nodes)
{
    uint8_t message[32 + 4 + 8], digest[32];
    uint64_t value = 0;
    memcpy(message, seed, 32);
    for (int k = 0; k < 4; k++)
        message[32 + k] = (uint8_t)(layer >> (8 * k));
    for (int k = 0; k < 8; k++)
        message[36 + k] = (uint8_t)(i >> (8 * k));
    sy_sha256(message, sizeof(message), digest);
    for (int k = 0; k < 8; k++)
        value |= (uint64_t)digest[k] << (8 * k);
    return value % nodes;
}

static int open_layer(const struct sy_porep_params *params, const char *cache, uint32_t layer,
                      int *ret_fd, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    uint64_t bytes;
    int rc = sy_files_layer(path, cache, layer, err);
    if (rc == 0)
        rc = sy_file_size(path, &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes != params->sector_bytes)
        return sy_fail(err, SY_E_CORRUPT, "%s has %" PRIu64 " bytes, expected %" PRIu64, path,
                       bytes, params->sector_bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sy_fail_errno(err, errno, "opening %s", path);
    *ret_fd = fd;
    return 0;
}

int sy_labels_check(const struct sy_porep_params *params, const uint8_t replica_id[32],
                    const struct sy_graph *graph, const char *cache, uint32_t samples,
                    const uint8_t seed[32], struct sy_error *err)
{
    struct check c = {.params = params,
                      .replica_id = replica_id,
                      .graph = graph,
                      .fd = -1,
                      .previous_fd = -1,
                      .cache = cache};
    int rc = 0;

    for (c.layer = 1; rc == 0 && c.layer <= params->layers; c.layer++) {
        if (c.previous_fd >= 0)
            close(c.previous_fd);
        c.previous_fd = c.fd;
        c.fd = -1;
        rc = open_layer(params, cache, c.layer, &c.fd, err);
        if (rc == 0)
            rc = check_node(&c, 0, err);
        if (rc == 0)
            rc = check_node(&c, params->nodes - 1, err);
        for (uint32_t i = 0; rc == 0 && i < samples; i++)
            rc = check_node(&c, sample_node(seed, c.layer, i, params->nodes), err);
    }
    if (c.fd >= 0)
        close(c.fd);
    if (c.previous_fd >= 0)
        close(c.previous_fd);
    return rc;
}
