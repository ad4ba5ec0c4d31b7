/* The engine of sums of scalar multiples: digits, buckets, order of work.
 *
 *  1. Count: how many scalars are one and how many are neither zero nor one, per block.
 *  2. Load (parallel over blocks): points with scalar one go to the worker's heap of ones, which is
 *     halved whenever it is full, so that every inversion serves a thousand additions; the others
 *     are brought to the kernel's form and their digits are written down. Scalars above r/2 are
 *     negated first: one bit less.
 *  3. Add (parallel over windows and ranges of buckets): the points of a window are sorted by
 *     bucket; each bucket with its points is a run, summed as a tree; a few thousand points of
 *     consecutive buckets go through all levels of their trees together and stay in the cache.
 *     Steps 2 and 3 repeat until all points are used; buckets live on.
 *  4. Sum the buckets of a window in many chains at once by running sums.
 *
 * Workers share the loaded points and the buckets; no two work on the same bucket.
 */
#include "tasks/snark/msm_ops.h"

#include "tasks/snark/msm.h"
#include "tasks/tree/parallel.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK 2048                       /* points that one step of loading takes */
#define ONES_MAX (2 * SY_MSM_PAIRS_MAX)  /* points with scalar one that wait for their addition */
#define ITEMS_MAX (2 * SY_MSM_PAIRS_MAX) /* points and buckets that are summed together */
#define CHUNK_POINTS ((size_t)1 << 17)
#define CHUNK_POINTS_MAX ((size_t)1 << 20)
#define SCALAR_BITS 254 /* after negation */
#define WINDOW_BITS_MIN 3
#define WINDOW_BITS_MAX 16
#define CHAINS_MAX 256
#define CHAIN_MIN 8
#define HUGE_PAGE ((size_t)1 << 21)
#define MINUS ((uint32_t)1 << 31)
_Static_assert(SCALAR_BITS / WINDOW_BITS_MIN + 1 <= SY_MSM_WINDOWS_MAX, "windows fit");
_Static_assert(ONES_MAX >= 2 * BLOCK, "a block of ones fits behind the halved heap");

/* Points of one bucket: `count` operands from items[start] on. */
struct run {
    uint32_t start, count;
    void *bucket;
};

struct worker {
    struct sy_msm_pairs *pairs;
    struct run *runs;
    uintptr_t *items;
    char *slots; /* ITEMS_MAX points: sums that are not yet in their bucket */
    char *ones;  /* ONES_MAX points */
    void *work;
    uint32_t *order, *entries; /* of one window: offsets by bucket, points sorted */
    size_t indices[BLOCK], one_indices[BLOCK];
    size_t ones_used, items_used, runs_used, slots_used;
};

struct engine {
    const struct sy_msm_job *job;
    const struct sy_msm_kernel *kernel;
    unsigned window_bits, windows, chains, parts, worker_count;
    uint32_t bucket_count;
    size_t block_count, chunk, full_total, one_total;
    size_t first_block, end_block, loaded; /* of the present chunk */
    uint16_t *full_counts;                 /* per block */
    uint32_t *offsets;                     /* per block: its place in the chunk */
    char *points;                          /* the chunk */
    uint32_t *digits;                      /* windows x chunk: size of the digit, MINUS */
    char *buckets;                         /* windows x bucket_count */
    uint8_t *used;                         /* per bucket: it holds something */
    struct worker *workers;
    struct sy_msm_sums *ret;
};

/* --------------------------------------------------------------------------------------- sums */

static void *take_slot(struct worker *w, const struct sy_msm_kernel *k, uintptr_t left,
                       uintptr_t right)
{
    uintptr_t begin = (uintptr_t)w->slots, end = begin + ITEMS_MAX * k->point_bytes;
    if (left >= begin && left < end)
        return w->slots + (left - begin);
    if (right >= begin && right < end)
        return w->slots + (right - begin);
    return w->slots + k->point_bytes * w->slots_used++;
}

static void put_pair(struct sy_msm_pairs *pairs, uintptr_t left, uintptr_t right, void *to)
{
    pairs->left[pairs->count] = left;
    pairs->right[pairs->count] = right;
    pairs->to[pairs->count++] = (uintptr_t)to;
}

/* One level of the trees: neighbours are paired. Finished runs leave. */
static void pair_runs(struct worker *w, const struct sy_msm_kernel *k)
{
    size_t kept = 0;
    w->pairs->count = 0;
    for (size_t r = 0; r < w->runs_used; r++) {
        struct run run = w->runs[r];
        uintptr_t *items = w->items + run.start;
        uint32_t half = run.count / 2;
        if (run.count == 2) {
            put_pair(w->pairs, items[0], items[1], run.bucket);
            continue;
        }
        for (uint32_t i = 0; i < half; i++) {
            void *to = take_slot(w, k, items[2 * i], items[2 * i + 1]);
            put_pair(w->pairs, items[2 * i], items[2 * i + 1], to);
            items[i] = (uintptr_t)to;
        }
        if (run.count % 2 == 1)
            items[half] = items[run.count - 1];
        run.count -= half;
        w->runs[kept++] = run;
    }
    w->runs_used = kept;
}

/* Sums every run into its bucket and empties the lists. A run has at least two items. */
static void sum_runs(struct worker *w, const struct sy_msm_kernel *k)
{
    while (w->runs_used > 0) {
        pair_runs(w, k);
        k->add(w->work, w->pairs);
    }
    w->items_used = 0;
    w->slots_used = 0;
}

/* The heap of ones to half its size. */
static void halve_ones(struct worker *w, const struct sy_msm_kernel *k)
{
    size_t half = w->ones_used / 2, kept = w->ones_used - half;
    w->pairs->count = 0;
    for (size_t i = 0; i < half; i++) {
        char *to = w->ones + i * k->point_bytes;
        put_pair(w->pairs, (uintptr_t)to, (uintptr_t)(to + kept * k->point_bytes), to);
    }
    k->add(w->work, w->pairs);
    w->ones_used = kept;
}

/* --------------------------------------------------------------------------------------- loading
 */

static int count_block(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    struct engine *e = ctx;
    size_t start = (size_t)index * BLOCK, end = SY_MIN(start + BLOCK, e->job->count);
    size_t full = 0;
    for (size_t i = start; i < end; i++) {
        const struct sy_fr *s = &e->job->scalars[i];
        full += !sy_fr_is_zero(s) && !sy_fr_equal(s, &sy_fr_one);
    }
    e->full_counts[index] = (uint16_t)full;
    return 0;
}

static uint32_t window_value(const uint64_t scalar[SY_FR_LIMBS], unsigned window, unsigned bits)
{
    unsigned at = window * bits, limb = at / 64, shift = at % 64;
    if (limb >= SY_FR_LIMBS)
        return 0;
    uint64_t value = scalar[limb] >> shift;
    if (shift + bits > 64 && limb + 1 < SY_FR_LIMBS)
        value |= scalar[limb + 1] << (64 - shift);
    return (uint32_t)(value & (((uint64_t)1 << bits) - 1));
}

/* Signed digits in (-2^(c-1), 2^(c-1)] of the smaller one of s and -s. */
static void write_digits(struct engine *e, const struct sy_fr *s, size_t place)
{
    static const uint64_t half_r[SY_FR_LIMBS] = {0x7fffffff80000000ULL, 0xa9ded2017fff2dffULL,
                                                 0x199cec0404d0ec02ULL, 0x39f6d3a994cebea4ULL};
    uint64_t limbs[SY_FR_LIMBS];
    struct sy_fr minus;
    uint32_t sign = 0, carry = 0, half = (uint32_t)1 << (e->window_bits - 1);
    sy_fr_to_limbs(limbs, s);
    int i = SY_FR_LIMBS - 1;
    while (i > 0 && limbs[i] == half_r[i])
        i--;
    if (limbs[i] > half_r[i]) {
        sign = MINUS;
        sy_fr_neg(&minus, s);
        sy_fr_to_limbs(limbs, &minus);
    }
    for (unsigned window = 0; window < e->windows; window++) {
        uint32_t digit = window_value(limbs, window, e->window_bits) + carry;
        carry = digit > half;
        e->digits[window * e->chunk + place] =
            carry ? (2 * half - digit) | (sign ^ MINUS) : digit | sign;
    }
}

static int load_block(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct engine *e = ctx;
    const struct sy_msm_kernel *k = e->kernel;
    struct worker *w = &e->workers[worker];
    size_t start = (size_t)index * BLOCK, end = SY_MIN(start + BLOCK, e->job->count);
    size_t full = 0, ones = 0, place = e->offsets[index];
    for (size_t i = start; i < end; i++) {
        const struct sy_fr *s = &e->job->scalars[i];
        if (sy_fr_is_zero(s))
            continue;
        if (sy_fr_equal(s, &sy_fr_one)) {
            w->one_indices[ones++] = i;
            continue;
        }
        write_digits(e, s, place + full);
        w->indices[full++] = i;
    }
    int rc = k->load(e->points + place * k->point_bytes, &e->job->source, w->indices, full, err);
    if (rc != 0 || ones == 0)
        return rc;
    if (w->ones_used + ones > ONES_MAX)
        halve_ones(w, k);
    rc = k->load(w->ones + w->ones_used * k->point_bytes, &e->job->source, w->one_indices, ones,
                 err);
    w->ones_used += ones;
    return rc;
}

/* Blocks whose full scalars fit into the chunk, and where each block's points go. */
static void plan_chunk(struct engine *e)
{
    e->first_block = e->end_block;
    e->loaded = 0;
    while (e->end_block < e->block_count && e->loaded + e->full_counts[e->end_block] <= e->chunk) {
        e->offsets[e->end_block] = (uint32_t)e->loaded;
        e->loaded += e->full_counts[e->end_block++];
    }
}

/* ----------------------------------------------------------------------------------------- adding
 */

/* Puts the numbers of the points whose digits lie in (low, high] into w->entries by digit, and the
 * end of each digit's entries into w->order. */
static void sort_window(struct engine *e, struct worker *w, unsigned window, uint32_t low,
                        uint32_t high)
{
    const uint32_t *digits = e->digits + window * e->chunk;
    uint32_t width = high - low, at = 0;
    memset(w->order, 0, width * sizeof *w->order);
    for (size_t i = 0; i < e->loaded; i++) {
        uint32_t b = (digits[i] & ~MINUS) - low - 1;
        if (b < width)
            w->order[b]++;
    }
    for (uint32_t b = 0; b < width; b++) {
        uint32_t points = w->order[b];
        w->order[b] = at;
        at += points;
    }
    for (size_t i = 0; i < e->loaded; i++) {
        uint32_t b = (digits[i] & ~MINUS) - low - 1;
        if (b < width)
            w->entries[w->order[b]++] = (uint32_t)i | (digits[i] & MINUS);
    }
}

/* Adds the entries [at, end) to one bucket: now, or with the next ones. */
static void add_to_bucket(struct engine *e, struct worker *w, size_t bucket, uint32_t at,
                          uint32_t end)
{
    const struct sy_msm_kernel *k = e->kernel;
    char *target = e->buckets + bucket * k->point_bytes;
    while (at < end) {
        if (w->items_used + 2 > ITEMS_MAX)
            sum_runs(w, k);
        struct run run = {(uint32_t)w->items_used, 1, target};
        /* an empty bucket is infinity: the kernel knows how to add it, and needs a second item */
        bool alone = end - at == 1;
        if (e->used[bucket] || alone)
            w->items[w->items_used++] = (uintptr_t)target;
        else
            run.count = 0;
        while (at < end && w->items_used < ITEMS_MAX) {
            uint32_t entry = w->entries[at++];
            const char *point = e->points + (entry & ~MINUS) * k->point_bytes;
            w->items[w->items_used++] = (uintptr_t)point | entry >> 31;
            run.count++;
        }
        e->used[bucket] = 1;
        w->runs[w->runs_used++] = run;
        if (at < end)
            sum_runs(w, k);
    }
}

static int add_part(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    (void)err;
    struct engine *e = ctx;
    struct worker *w = &e->workers[worker];
    unsigned window = (unsigned)(index / e->parts), part = (unsigned)(index % e->parts);
    uint32_t low = (uint32_t)((uint64_t)e->bucket_count * part / e->parts);
    uint32_t high = (uint32_t)((uint64_t)e->bucket_count * (part + 1) / e->parts);
    uint32_t at = 0;
    sort_window(e, w, window, low, high);
    for (uint32_t b = low; b < high; b++) {
        add_to_bucket(e, w, (size_t)window * e->bucket_count + b, at, w->order[b - low]);
        at = w->order[b - low];
    }
    sum_runs(w, e->kernel);
    return 0;
}

/* sum_t t * bucket_t and sum of buckets of every chain of a window, all chains in step. */
static int sum_window(void *ctx, uint64_t window, unsigned worker, struct sy_error *err)
{
    (void)err;
    struct engine *e = ctx;
    const struct sy_msm_kernel *k = e->kernel;
    struct worker *w = &e->workers[worker];
    const size_t bytes = k->point_bytes;
    char *running = w->slots, *weighted = w->slots + e->chains * bytes;
    char *buckets = e->buckets + window * e->bucket_count * bytes;
    uint32_t length = e->bucket_count / e->chains;
    memset(w->slots, 0, 2 * e->chains * bytes);
    for (uint32_t t = length; t-- > 0;) {
        w->pairs->count = 0;
        for (size_t s = 0; s < e->chains; s++)
            put_pair(w->pairs, (uintptr_t)(running + s * bytes),
                     (uintptr_t)(buckets + (s * length + t) * bytes), running + s * bytes);
        k->add(w->work, w->pairs);
        w->pairs->count = 0;
        for (size_t s = 0; s < e->chains; s++)
            put_pair(w->pairs, (uintptr_t)(weighted + s * bytes), (uintptr_t)(running + s * bytes),
                     weighted + s * bytes);
        k->add(w->work, w->pairs);
    }
    for (size_t s = 0; s < e->chains; s++) {
        char *to = (char *)e->ret->sums + (window * e->chains + s) * 2 * k->affine_bytes;
        k->store(to, weighted + s * bytes);
        k->store(to + k->affine_bytes, running + s * bytes);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------- set-up */

/* Cost of a window in additions: one per point, two per bucket; an inversion costs about as much as
 * 30 additions, and so do three additions of the group's own functions per chain. */
static void choose_window(struct engine *e)
{
    double best = 0;
    for (unsigned bits = WINDOW_BITS_MIN; bits <= WINDOW_BITS_MAX; bits++) {
        uint32_t buckets = (uint32_t)1 << (bits - 1);
        unsigned chains = SY_MIN(SY_MAX(buckets / CHAIN_MIN, 1U), (unsigned)CHAINS_MAX);
        unsigned windows = SCALAR_BITS / bits + 1;
        double levels = 5 + 2.0 * buckets / chains;
        double cost = windows * ((double)e->full_total + 2.0 * buckets + 30 * levels + 30 * chains);
        if (best > 0 && cost >= best)
            continue;
        best = cost;
        e->window_bits = bits;
        e->windows = windows;
        e->bucket_count = buckets;
        e->chains = chains;
    }
    /* at least four tasks per worker, of at least a thousand buckets */
    e->parts = 1;
    while (e->windows * e->parts < 4 * e->worker_count && e->bucket_count / e->parts > 2048)
        e->parts *= 2;
}

/* Random reads over many megabytes want large pages; a kernel that has none gives small ones. */
static void *allocate(size_t count, size_t bytes)
{
    size_t total, align = 64;
    if (__builtin_mul_overflow(count, bytes, &total) || total > SIZE_MAX - 2 * HUGE_PAGE)
        return NULL;
    if (total >= HUGE_PAGE)
        align = HUGE_PAGE;
    total = (total + align) / align * align;
    void *memory = aligned_alloc(align, total);
    if (memory && align == HUGE_PAGE)
        (void)madvise(memory, total, MADV_HUGEPAGE);
    return memory;
}

static int init_worker(struct worker *w, const struct engine *e, struct sy_error *err)
{
    const struct sy_msm_kernel *k = e->kernel;
    w->pairs = allocate(1, sizeof *w->pairs);
    w->runs = allocate(ITEMS_MAX, sizeof *w->runs);
    w->items = allocate(ITEMS_MAX, sizeof *w->items);
    w->slots = allocate(ITEMS_MAX, k->point_bytes);
    w->ones = allocate(ONES_MAX, k->point_bytes);
    w->work = allocate(1, k->work_bytes);
    w->order = allocate(e->bucket_count, sizeof *w->order);
    w->entries = allocate(e->chunk, sizeof *w->entries);
    if (!w->pairs || !w->runs || !w->items || !w->slots || !w->ones || !w->work || !w->order ||
        !w->entries)
        return sy_fail(err, SY_E_NOMEM, "no memory for the work of one thread on a sum of points");
    return 0;
}

static void fini_engine(struct engine *e)
{
    for (unsigned i = 0; e->workers && i < e->worker_count; i++) {
        struct worker *w = &e->workers[i];
        free(w->pairs);
        free(w->runs);
        free(w->items);
        free(w->slots);
        free(w->ones);
        free(w->work);
        free(w->order);
        free(w->entries);
    }
    free(e->workers);
    free(e->full_counts);
    free(e->offsets);
    free(e->points);
    free(e->digits);
    free(e->buckets);
    free(e->used);
}

static int count_scalars(struct engine *e, struct sy_error *err)
{
    e->block_count = (e->job->count + BLOCK - 1) / BLOCK;
    e->full_counts = allocate(e->block_count, sizeof *e->full_counts);
    e->offsets = allocate(e->block_count, sizeof *e->offsets);
    if (!e->full_counts || !e->offsets)
        return sy_fail(err, SY_E_NOMEM, "no memory for the plan of a sum of %zu points",
                       e->job->count);
    int rc = sy_parallel_for(e->worker_count, 0, e->block_count, count_block, e, err);
    for (size_t i = 0; rc == 0 && i < e->block_count; i++)
        e->full_total += e->full_counts[i];
    return rc;
}

static size_t chunk_points(unsigned workers)
{
    return SY_MIN(CHUNK_POINTS * SY_MAX(workers / 8, 1U), CHUNK_POINTS_MAX);
}

/* Large sums have the widest windows; points and additions of G2 in the wide kernel are the
 * largest.
 */
size_t sy_msm_memory_bytes(unsigned threads)
{
    const struct sy_msm_kernel *k = &sy_msm_g2_ifma;
    const size_t workers = sy_parallel_threads(threads);
    const size_t chunk = chunk_points((unsigned)workers);
    const size_t windows = SCALAR_BITS / WINDOW_BITS_MAX + 1;
    const size_t buckets = (size_t)1 << (WINDOW_BITS_MAX - 1);
    size_t worker = sizeof(struct worker) + sizeof(struct sy_msm_pairs) + k->work_bytes;
    worker += ITEMS_MAX * (sizeof(struct run) + sizeof(uintptr_t) + k->point_bytes);
    worker += ONES_MAX * k->point_bytes + (buckets + chunk) * sizeof(uint32_t);
    return chunk * (k->point_bytes + windows * sizeof(uint32_t)) +
           windows * buckets * (k->point_bytes + 1) + workers * (worker + HUGE_PAGE);
}

static int init_engine(struct engine *e, struct sy_error *err)
{
    const size_t bytes = e->kernel->point_bytes;
    e->chunk = SY_MIN(SY_MAX(e->full_total, (size_t)BLOCK), chunk_points(e->worker_count));
    choose_window(e);
    size_t buckets = (size_t)e->windows * e->bucket_count;
    e->points = allocate(e->chunk, bytes);
    e->digits = allocate(e->windows * e->chunk, sizeof *e->digits);
    e->buckets = allocate(buckets, bytes);
    e->used = calloc(buckets, 1);
    e->workers = calloc(e->worker_count, sizeof *e->workers);
    if (!e->points || !e->digits || !e->buckets || !e->used || !e->workers)
        return sy_fail(err, SY_E_NOMEM, "no memory for %zu points and %zu buckets", e->chunk,
                       buckets);
    memset(e->buckets, 0, buckets * bytes);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < e->worker_count; i++)
        rc = init_worker(&e->workers[i], e, err);
    return rc;
}

static int run_chunks(struct engine *e, struct sy_error *err)
{
    int rc = 0;
    while (rc == 0 && e->end_block < e->block_count) {
        plan_chunk(e);
        rc = sy_parallel_for(e->worker_count, e->first_block, e->end_block, load_block, e, err);
        if (rc == 0 && e->loaded > 0)
            rc = sy_parallel_for(e->worker_count, 0, (uint64_t)e->windows * e->parts, add_part, e,
                                 err);
    }
    return rc;
}

/* What the workers hold, in the group's affine form. */
static int collect(struct engine *e, struct sy_error *err)
{
    const struct sy_msm_kernel *k = e->kernel;
    struct sy_msm_sums *ret = e->ret;
    ret->window_bits = e->window_bits;
    ret->windows = e->full_total > 0 ? e->windows : 0;
    ret->chains = e->chains;
    ret->length = e->bucket_count / e->chains;
    ret->ones_count = 0;
    ret->sums = allocate((size_t)e->windows * e->chains * 2, k->affine_bytes);
    ret->ones = allocate(e->worker_count, k->affine_bytes);
    if (!ret->sums || !ret->ones)
        return sy_fail(err, SY_E_NOMEM, "no memory for the sums of %u windows", e->windows);
    for (unsigned i = 0; i < e->worker_count; i++) {
        struct worker *w = &e->workers[i];
        while (w->ones_used > 1)
            halve_ones(w, k);
        if (w->ones_used == 1)
            k->store((char *)ret->ones + k->affine_bytes * ret->ones_count++, w->ones);
    }
    return sy_parallel_for(e->worker_count, 0, ret->windows, sum_window, e, err);
}

int sy_msm_run(struct sy_msm_sums *ret, const struct sy_msm_job *job, struct sy_error *err)
{
    struct sy_msm_sums sums = {0};
    struct engine e = {.job = job, .kernel = job->kernel, .ret = &sums};
    size_t blocks = (job->count + BLOCK - 1) / BLOCK;
    unsigned tasks = (unsigned)SY_MIN(SY_MAX(blocks, (size_t)16), (size_t)SY_PARALLEL_THREADS_MAX);
    e.worker_count = SY_MIN(sy_parallel_threads(job->threads), tasks);
    int rc = count_scalars(&e, err);
    if (rc == 0)
        rc = init_engine(&e, err);
    if (rc == 0)
        rc = run_chunks(&e, err);
    if (rc == 0)
        rc = collect(&e, err);
    fini_engine(&e);
    if (rc != 0) {
        free(sums.sums);
        free(sums.ones);
        return rc;
    }
    *ret = sums;
    return 0;
}

/* ----------------------------------------------------------------------------- choice of kernel */

static const char *const kind_names[SY_MSM_KINDS] = {"ifma", "scalar"};
static atomic_int chosen = SY_MSM_KINDS;

enum sy_msm_kind sy_msm_kind(void)
{
    int kind = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (kind == SY_MSM_KINDS) {
        kind = sy_msm_g1_ifma.usable() ? SY_MSM_IFMA : SY_MSM_SCALAR;
        atomic_store_explicit(&chosen, kind, memory_order_relaxed);
    }
    return (enum sy_msm_kind)kind;
}

const char *sy_msm_impl_name(void)
{
    return kind_names[sy_msm_kind()];
}

int sy_msm_force(const char *name, struct sy_error *err)
{
    if (!name) {
        atomic_store(&chosen, SY_MSM_KINDS);
        return 0;
    }
    for (int kind = 0; kind < SY_MSM_KINDS; kind++) {
        if (strcmp(kind_names[kind], name) != 0)
            continue;
        if (kind == SY_MSM_IFMA && !sy_msm_g1_ifma.usable())
            return sy_fail(err, SY_E_UNSUPPORTED, "this CPU lacks the instructions of \"%s\"",
                           name);
        atomic_store(&chosen, kind);
        return 0;
    }
    return sy_fail(err, SY_E_ARG, "no kernel \"%s\" for sums of points: known are ifma and scalar",
                   name);
}
