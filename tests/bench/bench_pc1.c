/* Labelling on one core against its limit, in one run.
 *
 *   bench_pc1 [nodes]     nodes of the layers: a power of two, default 2^19 (16 MiB of labels);
 *                         2^27 keeps two layers of 4 GiB in memory
 *
 * The last WINDOW_NODES nodes of the layers are labelled; their parents lie anywhere.
 *
 * The limit is a bare chain of 19 compressions with the SHA extensions: one sector cannot be
 * labelled faster, since each label begins with the one before. Printed per layer: ns and TSC
 * cycles per node in thread CPU time, median of the passes, and the ratio to the chain of the same
 * run. Compare ratios, not times: the machine may be shared.
 */
#include "common/hex.h"
#include "tasks/hash/sha256.h"
#include "tasks/sdr/label_kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define PASSES 5
#define CHAIN_BLOCKS 19
#define CHAIN_NODES 200000
#define NODES_DEFAULT (UINT64_C(1) << 19)
#define NODES_MAX (UINT64_C(1) << 31)
#define WINDOW_NODES (UINT64_C(1) << 18)

struct sample {
    double ns;
    double cycles;
};

static double thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double wall_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare_samples(const void *a, const void *b)
{
    double x = ((const struct sample *)a)->ns, y = ((const struct sample *)b)->ns;
    return x < y ? -1 : x > y;
}

/* Core cycles per ns from a chain of dependent additions, one cycle each: the clock of the TSC is
 * another one. */
static double cycles_per_ns(void)
{
    double best = 0;
    for (int pass = 0; pass < 5; pass++) {
        uint64_t rounds = 2000000, left = rounds, x = 0;
        double start = thread_ns();
        while (left--)
            __asm__ volatile("add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\t"
                             "add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0"
                             : "+r"(x));
        best = SY_MAX(best, 8.0 * (double)rounds / (thread_ns() - start));
    }
    return best;
}

static struct sample median(struct sample *s, double rate)
{
    qsort(s, PASSES, sizeof(*s), compare_samples);
    s[PASSES / 2].cycles = s[PASSES / 2].ns * rate;
    return s[PASSES / 2];
}

static struct sample run_chain(double rate)
{
    struct sample s[PASSES];
    uint8_t blocks[CHAIN_BLOCKS * SY_SHA256_BLOCK_BYTES];
    uint32_t state[8];
    memset(blocks, 0x5a, sizeof(blocks));
    memcpy(state, sy_sha256_h0, sizeof(state));
    for (int pass = 0; pass < PASSES; pass++) {
        double start = thread_ns();
        for (int i = 0; i < CHAIN_NODES; i++)
            sy_sha256_compress(state, blocks, CHAIN_BLOCKS);
        s[pass].ns = (thread_ns() - start) / CHAIN_NODES;
    }
    /* The state is used, so the loop is not removed. */
    fprintf(stderr, "%08x\n", state[0]);
    return median(s, rate);
}

static void print_row(const char *name, struct sample s, struct sample chain)
{
    printf("%-28s %9.1f ns/node %9.0f cycles/node %6.3f x chain\n", name, s.ns, s.cycles,
           s.ns / chain.ns);
}

static void fill_parents(const struct sy_graph *graph, uint64_t begin, uint32_t *parents)
{
    for (uint64_t node = begin; node < graph->nodes; node++)
        sy_graph_parents(graph, node, parents + node * SY_PARENTS);
}

enum way { ALONE, GATHERED, GATHERED_WALL };

/* With a gatherer the wall tells what a sector takes, when both threads have a core of their own;
 * the labelling thread's CPU time tells it on a shared machine too, less its waiting for the other.
 */
static struct sample run_layer(struct sy_label_job *job, uint64_t begin, double rate, enum way way)
{
    struct sample s[PASSES];
    for (int pass = 0; pass < PASSES; pass++) {
        double start = way == GATHERED_WALL ? wall_ns() : thread_ns();
        if (way == ALONE)
            sy_label_range_get()(job, begin, job->nodes);
        else
            (void)sy_label_range_gathered(job, begin, job->nodes, NULL, NULL, NULL);
        double end = way == GATHERED_WALL ? wall_ns() : thread_ns();
        s[pass].ns = (end - start) / (double)(job->nodes - begin);
    }
    return median(s, rate);
}

static void run_layer_rows(struct sy_label_job *job, uint64_t begin, double rate,
                           struct sample chain)
{
    static const char *const names[] = {"one thread", "with gatherer", "with gatherer, wall"};
    for (int way = ALONE; way <= GATHERED_WALL; way++) {
        char name[64];
        snprintf(name, sizeof(name), "layer %u, %s", job->layer, names[way]);
        print_row(name, run_layer(job, begin, rate, (enum way)way), chain);
    }
}

static void run_rows(struct sy_label_job *job, uint64_t begin, const struct sy_layer_mem mem[2])
{
    double rate = cycles_per_ns();
    struct sample chain = run_chain(rate);
    print_row("chain of 19 compressions", chain, chain);
    job->layer = 1;
    job->layer_data = mem[0].data;
    run_layer_rows(job, begin, rate, chain);
    job->layer = 2;
    job->layer_data = mem[1].data;
    job->previous = mem[0].data;
    run_layer_rows(job, begin, rate, chain);
}

static int run_bench(uint64_t nodes)
{
    static const uint8_t porep_id[32] = {8};
    uint8_t replica_id[32] = {1, 2, 3};
    struct sy_graph graph;
    struct sy_layer_mem mem[2];
    struct sy_error err = {0};
    uint64_t begin = nodes > WINDOW_NODES ? nodes - WINDOW_NODES : 0;
    size_t parent_bytes = (size_t)nodes * SY_PARENTS_NODE_BYTES;
    /* Only the window's part is touched. */
    uint32_t *parents = mmap(NULL, parent_bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (parents == MAP_FAILED || sy_graph_init(&graph, nodes, porep_id, false, true, &err) < 0 ||
        sy_layer_mem_init(&mem[0], nodes * SY_NODE_BYTES, NULL, 0, &err) < 0 ||
        sy_layer_mem_init(&mem[1], nodes * SY_NODE_BYTES, NULL, 0, &err) < 0) {
        fprintf(stderr, "bench_pc1: memory for %" PRIu64 " nodes: %s\n", nodes, err.text);
        return 1;
    }
    double start = wall_ns();
    fill_parents(&graph, begin, parents);
    printf("kernel %s, %" PRIu64 " nodes, parents %.1f ns/node, pages of %" PRIu64 " KiB\n",
           sy_labels_kernel(), nodes, (wall_ns() - start) / (double)(nodes - begin),
           mem[0].page_bytes >> 10);
    memset(mem[0].data, 1, mem[0].bytes);
    memset(mem[1].data, 1, mem[1].bytes);
    struct sy_label_job job = {.replica_id = replica_id, .nodes = nodes, .parents = parents};
    run_rows(&job, begin, mem);

    sy_layer_mem_fini(&mem[0]);
    sy_layer_mem_fini(&mem[1]);
    sy_graph_fini(&graph);
    munmap(parents, parent_bytes);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t nodes = NODES_DEFAULT;
    if (argc > 1) {
        char *end;
        errno = 0;
        nodes = strtoull(argv[1], &end, 10);
        if (errno || *end || nodes < 1024 || nodes > NODES_MAX || (nodes & (nodes - 1))) {
            fprintf(stderr, "usage: bench_pc1 [nodes, a power of two from 1024 to 2^31]\n");
            return 2;
        }
    }
    return run_bench(nodes);
}
