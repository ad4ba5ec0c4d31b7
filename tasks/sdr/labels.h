/* Labels: layers 1..L of the stacked graph (PC1).
 *
 * label(layer, node) = trunc(SHA-256(replica_id || u32be(layer) || u64be(node) || 20 zero bytes ||
 * 37 parent labels)); node 0 has no parents. Layer 1 repeats the six DRG parents; later layers
 * repeat six DRG parents of the same layer and eight expander parents of the layer before.
 *
 * Two layers are held in memory (labels as the file's bytes). A finished layer is written to a
 * temporary name, fsynced, renamed; then its marker ("<file>.sy-done": replica_id, layer, nodes,
 * SHA-256) is written the same way. Resuming believes a layer only when the marker's replica_id is
 * ours and the file's digest is the marker's.
 */
#ifndef SEALYARD_TASKS_SDR_LABELS_H
#define SEALYARD_TASKS_SDR_LABELS_H

#include "tasks/sdr/parents.h"

/* Memory of one layer. */
struct sy_layer_mem {
    uint8_t *data; /* NULL when released */
    size_t bytes;  /* of labels */
    size_t map_bytes;
    uint64_t page_bytes; /* page size asked for: hugetlb page, 2 MiB advice, or the base page */
    bool hugetlb;
};

/* Zeroed memory for `bytes`. With `mount` (a hugetlbfs directory; page_bytes its page size) it
 * comes from there or fails with -SY_E_RESOURCE; with NULL it is anonymous memory with huge page
 * advice. */
int sy_layer_mem_init(struct sy_layer_mem *ret_mem, uint64_t bytes, const char *mount,
                      uint64_t page_bytes, struct sy_error *err);
void sy_layer_mem_fini(struct sy_layer_mem *mem);

/* One label from its parents' labels: `parents` holds SY_LABEL_PARENTS * 32 bytes as they are
 * hashed, or is NULL for node 0. For checks and proofs. */
void sy_label_compute(const uint8_t replica_id[32], uint32_t layer, uint64_t node,
                      const uint8_t *parents, uint8_t ret_label[32]);

/* Which parent stands at hash position slot 0..36 of a layer: an index into the 14 (6 in layer 1).
 */
uint32_t sy_label_slot_parent(uint32_t layer, uint32_t slot);

/* Kernel of this machine: "sha-ni" or "portable". sy_labels_force(NULL) = choose; for tests.
 * -SY_E_UNSUPPORTED when the processor lacks it. */
const char *sy_labels_kernel(void);
int sy_labels_force(const char *kernel, struct sy_error *err);

/* Labels nodes [begin, end) of a layer of `nodes` into `layer_data` (whole layer); `previous` is
 * NULL in layer 1. One thread. */
void sy_labels_range(const uint8_t replica_id[32], uint32_t layer, const uint32_t *parents,
                     uint64_t nodes, uint64_t begin, uint64_t end, uint8_t *layer_data,
                     const uint8_t *previous);

struct sy_labels_opts {
    const struct sy_porep_params *params;
    const uint8_t *replica_id; /* 32 bytes */
    const struct sy_parents *parents;
    const char *cache; /* directory for the layer files; NULL: keep nothing on disk */
    unsigned threads;  /* 1: all on the calling thread; more: a gatherer and a writer beside it (a
                        * third gains nothing); 0 = by the CPUs this process may run on */
    const char *hugepage_mount; /* NULL = none */
    uint64_t hugepage_bytes;
    const struct sy_progress *progress; /* "layer 3/11", nodes of the layer */
};

struct sy_labels_result {
    uint32_t resumed_from_layer; /* layers found complete on disk; 0 = started from nothing */
    uint8_t layer_sha256[SY_LAYERS_MAX][32]; /* of the layer files, [0] = layer 1 */
    uint64_t page_bytes;
    bool hugetlb;
};

/* Makes all layers. With `cache` (an existing directory) the layer files and markers are complete
 * on success; after a failure or a crash the complete ones stay, and the next run resumes behind
 * them. When ret_last is not NULL it receives the last layer in memory (release it with
 * sy_layer_mem_fini). Memory: two layers. -SY_E_RESOURCE and -SY_E_NOMEM without memory or pages,
 * -SY_E_ARG for parents of another size, those of common/file.h for the files. */
int sy_labels_run(const struct sy_labels_opts *opts, struct sy_labels_result *ret_result,
                  struct sy_layer_mem *ret_last, struct sy_error *err);

/* Recomputes `samples` labels of every layer from the layer files: nodes drawn from `seed` with
 * SHA-256(seed || u32le(layer) || u64le(i)) mod nodes, and the first and the last node.
 * -SY_E_MISMATCH names layer and node. */
int sy_labels_check(const struct sy_porep_params *params, const uint8_t replica_id[32],
                    const struct sy_graph *graph, const char *cache, uint32_t samples,
                    const uint8_t seed[32], struct sy_error *err);

/* Removes the layer files, their markers and left-over temporary files of layers 1..SY_LAYERS_MAX.
 */
int sy_labels_remove(const char *cache, struct sy_error *err);

#endif
