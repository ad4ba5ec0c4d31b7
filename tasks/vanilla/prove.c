#include "tasks/vanilla/prove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tasks/sdr/graph.h"
#include "tasks/sector/files.h"
#include "tasks/vanilla/shapes.h"

struct sy_vanilla_prover {
    struct sy_porep_params params;
    struct sy_graph graph;
    struct sy_tree *d;
    struct sy_tree *c;
    struct sy_tree *r_last;
    int layer_fd[SY_LAYERS_MAX]; /* -1 = not open */
};

static int open_layer(struct sy_vanilla_prover *prover, const char *cache, uint32_t layer,
                      struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    uint64_t bytes;
    int rc = sy_files_layer(path, cache, layer, err);
    if (rc == 0)
        rc = sy_file_size(path, &bytes, err);
    if (rc)
        return rc;
    if (bytes != prover->params.sector_bytes)
        return sy_fail(err, SY_E_CORRUPT, "%.200s has %llu bytes, %llu expected: run pc1 again",
                       path, (unsigned long long)bytes,
                       (unsigned long long)prover->params.sector_bytes);
    prover->layer_fd[layer - 1] = open(path, O_RDONLY | O_CLOEXEC);
    if (prover->layer_fd[layer - 1] < 0)
        return sy_fail_errno(err, errno, "open %.200s", path);
    return 0;
}

static int open_files(struct sy_vanilla_prover *prover, const char *cache, const char *sealed_path,
                      struct sy_error *err)
{
    struct sy_vanilla_shapes shapes;
    int rc = sy_vanilla_shapes_init(&shapes, &prover->params, err);
    if (rc == 0)
        rc = sy_graph_init_params(&prover->graph, &prover->params, false, err);
    if (rc == 0)
        rc = sy_tree_open(&prover->d, &shapes.d, cache, "tree-d", NULL, err);
    if (rc == 0)
        rc = sy_tree_open(&prover->c, &shapes.c, cache, "tree-c", NULL, err);
    if (rc == 0)
        rc = sy_tree_open(&prover->r_last, &shapes.r_last, cache, "tree-r-last", sealed_path, err);
    for (uint32_t layer = 1; rc == 0 && layer <= prover->params.layers; layer++)
        rc = open_layer(prover, cache, layer, err);
    return rc;
}

int sy_vanilla_prover_create(struct sy_vanilla_prover **ret, const struct sy_porep_params *params,
                             const char *cache, const char *sealed_path, struct sy_error *err)
{
    struct sy_vanilla_prover *prover = calloc(1, sizeof *prover);
    if (!prover)
        return sy_fail(err, SY_E_NOMEM, "prover: %zu bytes", sizeof *prover);
    prover->params = *params;
    for (unsigned i = 0; i < SY_LAYERS_MAX; i++)
        prover->layer_fd[i] = -1;
    int rc = open_files(prover, cache, sealed_path, err);
    if (rc) {
        sy_vanilla_prover_destroy(prover);
        return rc;
    }
    *ret = prover;
    return 0;
}

void sy_vanilla_prover_destroy(struct sy_vanilla_prover *prover)
{
    if (!prover)
        return;
    for (unsigned i = 0; i < SY_LAYERS_MAX; i++)
        if (prover->layer_fd[i] >= 0)
            close(prover->layer_fd[i]);
    if (prover->r_last)
        sy_tree_close(prover->r_last);
    if (prover->c)
        sy_tree_close(prover->c);
    if (prover->d)
        sy_tree_close(prover->d);
    sy_graph_fini(&prover->graph);
    free(prover);
}

const uint8_t *sy_vanilla_prover_root_d(const struct sy_vanilla_prover *prover)
{
    return sy_tree_root(prover->d);
}

const uint8_t *sy_vanilla_prover_root_c(const struct sy_vanilla_prover *prover)
{
    return sy_tree_root(prover->c);
}

const uint8_t *sy_vanilla_prover_root_r_last(const struct sy_vanilla_prover *prover)
{
    return sy_tree_root(prover->r_last);
}

static int prove_column(const struct sy_vanilla_prover *prover, uint64_t node,
                        struct sy_vanilla_column *ret, struct sy_error *err)
{
    ret->index = (uint32_t)node;
    ret->row_count = prover->params.layers;
    for (uint32_t i = 0; i < prover->params.layers; i++) {
        char what[24];
        snprintf(what, sizeof what, "layer file %u", i + 1);
        int rc = sy_file_pread(prover->layer_fd[i], ret->rows[i], SY_NODE_BYTES,
                               node * SY_NODE_BYTES, what, err);
        if (rc)
            return rc;
    }
    return sy_tree_prove(prover->c, node, &ret->inclusion, err);
}

int sy_vanilla_prove(const struct sy_vanilla_prover *prover, uint64_t challenge,
                     struct sy_vanilla_proof *ret_proof, struct sy_error *err)
{
    uint32_t parents[SY_PARENTS];
    if (challenge == 0 || challenge >= prover->params.nodes)
        return sy_fail(err, SY_E_RANGE, "challenge %llu outside 1..%llu",
                       (unsigned long long)challenge, (unsigned long long)prover->params.nodes - 1);
    int rc = sy_tree_prove(prover->d, challenge, &ret_proof->comm_d, err);
    if (rc == 0)
        rc = sy_tree_prove(prover->r_last, challenge, &ret_proof->comm_r_last, err);
    if (rc == 0)
        rc = prove_column(prover, challenge, &ret_proof->c_x, err);
    sy_graph_parents(&prover->graph, challenge, parents);
    for (unsigned i = 0; rc == 0 && i < SY_PARENTS; i++)
        rc = prove_column(prover, parents[i], &ret_proof->parents[i], err);
    if (rc == 0)
        sy_vanilla_fill_labels(ret_proof, prover->params.layers, challenge);
    return rc;
}
