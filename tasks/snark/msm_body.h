/* The sum of scalar multiples, compiled once for G1 and once for G2. The including file defines G,
 * F, POINT, AFFINE, FIELD, F_ONE, F_ZERO as in field/curve_body.h, INPUT, POINT_BYTES and
 * decode_point.
 */

#define CHUNK_POINTS ((size_t)1 << 17)
#define PAIRS_PER_INVERSION 1024
#define SCALAR_BITS 255
#define WINDOW_BITS_MAX 15

/* in[left] + in[right] -> out[to]. */
struct pair {
    uint32_t left, right, to;
};

/* A run of `count` points of one bucket from `start` on. */
struct run {
    uint32_t start, count;
};

struct worker_state {
    unsigned window_bits, windows;
    AFFINE *buckets;       /* windows x bucket_count, infinity = empty */
    AFFINE *points;        /* of the chunk */
    AFFINE *sorted, *next; /* the points of one window by bucket, and half of them */
    struct pair *pairs;
    struct run *runs;
    int32_t *digits; /* of one window */
    uint32_t *carry; /* per point: does the digit above get one more */
    uint64_t (*scalars)[SY_FR_LIMBS];
    uint32_t *order;
    FIELD *denominators, *products;
    AFFINE ones; /* sum of the points with scalar one */
};

struct msm {
    const INPUT *input;
    struct worker_state *workers;
};

/* ------------------------------------------------------------------------- batched additions */

enum pair_kind { PAIR_ADD, PAIR_DOUBLE, PAIR_LEFT, PAIR_RIGHT, PAIR_NONE };

static enum pair_kind classify(const AFFINE *a, const AFFINE *b, FIELD *ret_denominator)
{
    *ret_denominator = F_ONE;
    if (G(affine_is_infinity)(a))
        return PAIR_RIGHT;
    if (G(affine_is_infinity)(b))
        return PAIR_LEFT;
    F(sub)(ret_denominator, &b->x, &a->x);
    if (!F(is_zero)(ret_denominator))
        return PAIR_ADD;
    if (F(equal)(&a->y, &b->y) && !F(is_zero)(&a->y)) {
        F(double)(ret_denominator, &a->y);
        return PAIR_DOUBLE;
    }
    *ret_denominator = F_ONE;
    return PAIR_NONE;
}

/* The chord or tangent with the slope's denominator inverted. */
static void finish_pair(AFFINE *ret, const AFFINE *a, const AFFINE *b, enum pair_kind kind,
                        const FIELD *inverse)
{
    FIELD slope, x, y;
    if (kind == PAIR_LEFT || kind == PAIR_RIGHT) {
        *ret = kind == PAIR_LEFT ? *a : *b;
        return;
    }
    if (kind == PAIR_NONE) {
        memset(ret, 0, sizeof *ret);
        return;
    }
    if (kind == PAIR_ADD) {
        F(sub)(&slope, &b->y, &a->y);
    } else {
        F(sqr)(&x, &a->x);
        F(double)(&slope, &x);
        F(add)(&slope, &slope, &x);
    }
    F(mul)(&slope, &slope, inverse);
    F(sqr)(&x, &slope);
    F(sub)(&x, &x, &a->x);
    F(sub)(&x, &x, &b->x);
    F(sub)(&y, &a->x, &x);
    F(mul)(&y, &y, &slope);
    F(sub)(&ret->y, &y, &a->y);
    ret->x = x;
}

static void add_pairs(struct worker_state *w, AFFINE *out, const AFFINE *in,
                      const struct pair *pairs, size_t count)
{
    uint8_t kinds[PAIRS_PER_INVERSION];
    for (size_t start = 0; start < count; start += PAIRS_PER_INVERSION) {
        size_t part = SY_MIN(count - start, (size_t)PAIRS_PER_INVERSION);
        FIELD running = F_ONE, inverse;
        for (size_t i = 0; i < part; i++) {
            const struct pair *p = &pairs[start + i];
            kinds[i] = (uint8_t)classify(&in[p->left], &in[p->right], &w->denominators[i]);
            w->products[i] = running;
            F(mul)(&running, &running, &w->denominators[i]);
        }
        F(inv)(&running, &running);
        for (size_t i = part; i-- > 0;) {
            const struct pair *p = &pairs[start + i];
            F(mul)(&inverse, &running, &w->products[i]);
            F(mul)(&running, &running, &w->denominators[i]);
            finish_pair(&out[p->to], &in[p->left], &in[p->right], kinds[i], &inverse);
        }
    }
}

/* Halves every run until each has one point; the result of run i ends at w->sorted[runs[i].start].
 */
static void reduce_runs(struct worker_state *w, size_t run_count)
{
    for (;;) {
        size_t pair_count = 0;
        uint32_t used = 0;
        for (size_t r = 0; r < run_count; r++) {
            struct run *run = &w->runs[r];
            uint32_t start = run->start, kept = run->count / 2;
            run->start = used;
            for (uint32_t k = 0; k < kept; k++)
                w->pairs[pair_count++] = (struct pair){start + 2 * k, start + 2 * k + 1, used + k};
            if (run->count % 2 == 1)
                w->next[used + kept++] = w->sorted[start + run->count - 1];
            run->count = kept;
            used += kept;
        }
        if (pair_count > 0)
            add_pairs(w, w->next, w->sorted, w->pairs, pair_count);
        AFFINE *held = w->sorted;
        w->sorted = w->next;
        w->next = held;
        if (pair_count == 0)
            return;
    }
}

/* ------------------------------------------------------------------------------------ windows */

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

/* Signed digits of the window: value + carry in (-2^(c-1), 2^(c-1)]. */
static void make_digits(struct worker_state *w, unsigned window, size_t count)
{
    int32_t base = (int32_t)1 << w->window_bits;
    for (size_t i = 0; i < count; i++) {
        int32_t digit =
            (int32_t)(window_value(w->scalars[i], window, w->window_bits) + w->carry[i]);
        w->carry[i] = digit > base / 2;
        w->digits[i] = digit > base / 2 ? digit - base : digit;
    }
}

/* Sorts the chunk's points by bucket behind the bucket's present value, sign applied; returns the
 * number of runs. */
static size_t sort_points(struct worker_state *w, unsigned window, size_t count)
{
    uint32_t bucket_count = (uint32_t)1 << (w->window_bits - 1);
    AFFINE *buckets = w->buckets + (size_t)window * bucket_count;
    memset(w->order, 0, (bucket_count + 1) * sizeof *w->order);
    for (size_t i = 0; i < count; i++)
        w->order[w->digits[i] < 0 ? -w->digits[i] : w->digits[i]]++;
    uint32_t at = 0;
    size_t runs = 0;
    for (uint32_t b = 0; b < bucket_count; b++) {
        uint32_t points = w->order[b + 1];
        w->runs[runs++] = (struct run){at, points + 1};
        w->sorted[at] = buckets[b];
        w->order[b + 1] = at + 1;
        at += points + 1;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t digit = w->digits[i];
        if (digit == 0)
            continue;
        AFFINE *to = &w->sorted[w->order[digit < 0 ? -digit : digit]++];
        if (digit < 0)
            G(affine_neg)(to, &w->points[i]);
        else
            *to = w->points[i];
    }
    return runs;
}

static void add_window(struct worker_state *w, unsigned window, size_t count)
{
    uint32_t bucket_count = (uint32_t)1 << (w->window_bits - 1);
    make_digits(w, window, count);
    size_t runs = sort_points(w, window, count);
    reduce_runs(w, runs);
    for (size_t r = 0; r < runs; r++)
        w->buckets[(size_t)window * bucket_count + r] = w->sorted[w->runs[r].start];
}

/* --------------------------------------------------------------------------------------- chunks */

/* ones += the points [0, count) of w->sorted. */
static void add_ones(struct worker_state *w, size_t count)
{
    w->sorted[count] = w->ones;
    w->runs[0] = (struct run){0, (uint32_t)count + 1};
    reduce_runs(w, 1);
    w->ones = w->sorted[w->runs[0].start];
}

static int load_point(const INPUT *input, size_t index, AFFINE *ret, struct sy_error *err)
{
    if (input->points) {
        *ret = input->points[index];
        return 0;
    }
    int rc = decode_point(ret, input->encoded + index * POINT_BYTES, err);
    return rc == 0 ? 0 : sy_error_wrap(err, "point %zu of the parameters", index);
}

static int add_chunk(void *ctx, uint64_t index, unsigned worker, struct sy_error *err)
{
    struct msm *msm = ctx;
    struct worker_state *w = &msm->workers[worker];
    size_t start = (size_t)index * CHUNK_POINTS;
    size_t end = SY_MIN(start + CHUNK_POINTS, msm->input->count);
    size_t full = 0, ones = 0;
    int rc = 0;
    for (size_t i = start; rc == 0 && i < end; i++) {
        const struct sy_fr *scalar = &msm->input->scalars[i];
        if (sy_fr_is_zero(scalar))
            continue;
        if (sy_fr_equal(scalar, &sy_fr_one)) {
            rc = load_point(msm->input, i, &w->sorted[ones++], err);
            continue;
        }
        sy_fr_to_limbs(w->scalars[full], scalar);
        rc = load_point(msm->input, i, &w->points[full++], err);
    }
    if (rc != 0)
        return rc;
    if (ones > 0)
        add_ones(w, ones);
    if (full > 0) {
        memset(w->carry, 0, full * sizeof *w->carry);
        for (unsigned window = 0; window < w->windows; window++)
            add_window(w, window, full);
    }
    return 0;
}

/* sum_b (b + 1) * bucket_b by running sums. */
static void sum_buckets(const AFFINE *buckets, uint32_t count, POINT *ret)
{
    POINT running = G(infinity), sum = G(infinity);
    for (uint32_t b = count; b-- > 0;) {
        G(add_affine)(&running, &running, &buckets[b]);
        G(add)(&sum, &sum, &running);
    }
    *ret = sum;
}

static void finish_worker(const struct worker_state *w, POINT *ret)
{
    uint32_t bucket_count = (uint32_t)1 << (w->window_bits - 1);
    POINT total = G(infinity), part;
    for (unsigned window = w->windows; window-- > 0;) {
        for (unsigned i = 0; i < w->window_bits && !G(is_infinity)(&total); i++)
            G(double)(&total, &total);
        sum_buckets(w->buckets + (size_t)window * bucket_count, bucket_count, &part);
        G(add)(&total, &total, &part);
    }
    G(add_affine)(ret, &total, &w->ones);
}

/* ------------------------------------------------------------------------------------- set-up */

static void fini_worker(struct worker_state *w)
{
    free(w->buckets);
    free(w->points);
    free(w->sorted);
    free(w->next);
    free(w->pairs);
    free(w->runs);
    free(w->digits);
    free(w->carry);
    free(w->scalars);
    free(w->order);
    free(w->denominators);
    free(w->products);
}

/* About log2(n) - 4 bits: a bucket addition costs as much as a few points. */
static unsigned choose_window(size_t points_per_worker)
{
    unsigned log2_points = 0;
    while (((size_t)1 << (log2_points + 1)) <= points_per_worker)
        log2_points++;
    unsigned bits = log2_points > 6 ? log2_points - 4 : 3;
    return SY_MIN(bits, (unsigned)WINDOW_BITS_MAX);
}

static int init_worker(struct worker_state *w, unsigned window_bits, size_t chunk,
                       struct sy_error *err)
{
    size_t bucket_count = (size_t)1 << (window_bits - 1);
    size_t slots = chunk + bucket_count + 1;
    w->window_bits = window_bits;
    w->windows = SCALAR_BITS / window_bits + 1;
    w->buckets = calloc(w->windows * bucket_count, sizeof *w->buckets);
    w->points = malloc(chunk * sizeof *w->points);
    w->sorted = malloc(slots * sizeof *w->sorted);
    w->next = malloc(slots * sizeof *w->next);
    w->pairs = malloc(slots * sizeof *w->pairs);
    w->runs = malloc((bucket_count + 1) * sizeof *w->runs);
    w->digits = malloc(chunk * sizeof *w->digits);
    w->carry = malloc(chunk * sizeof *w->carry);
    w->scalars = malloc(chunk * sizeof *w->scalars);
    w->order = malloc((bucket_count + 1) * sizeof *w->order);
    w->denominators = malloc(PAIRS_PER_INVERSION * sizeof *w->denominators);
    w->products = malloc(PAIRS_PER_INVERSION * sizeof *w->products);
    if (!w->buckets || !w->points || !w->sorted || !w->next || !w->pairs || !w->runs ||
        !w->digits || !w->carry || !w->scalars || !w->order || !w->denominators || !w->products)
        return sy_fail(err, SY_E_NOMEM, "no memory for the buckets of %zu points", chunk);
    return 0;
}

static int run_msm(POINT *ret, const INPUT *input, unsigned threads, struct sy_error *err)
{
    unsigned worker_count = sy_parallel_threads(threads);
    size_t chunks = (input->count + CHUNK_POINTS - 1) / CHUNK_POINTS;
    worker_count = (unsigned)SY_MIN((size_t)worker_count, SY_MAX(chunks, (size_t)1));
    size_t chunk = SY_MIN(SY_MAX(input->count, (size_t)1), CHUNK_POINTS);
    struct msm msm = {input, calloc(worker_count, sizeof *msm.workers)};
    int rc = msm.workers ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for a sum of points");
    unsigned bits = choose_window(input->count / worker_count);
    for (unsigned i = 0; rc == 0 && i < worker_count; i++)
        rc = init_worker(&msm.workers[i], bits, chunk, err);
    if (rc == 0)
        rc = sy_parallel_for(worker_count, 0, chunks, add_chunk, &msm, err);
    POINT total = G(infinity), part;
    for (unsigned i = 0; rc == 0 && i < worker_count; i++) {
        finish_worker(&msm.workers[i], &part);
        G(add)(&total, &total, &part);
    }
    for (unsigned i = 0; msm.workers && i < worker_count; i++)
        fini_worker(&msm.workers[i]);
    free(msm.workers);
    if (rc == 0)
        *ret = total;
    return rc;
}
