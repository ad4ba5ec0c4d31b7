/* The scalar kernel of sums of points, and the last sums, compiled once for G1 and once for G2. The
 * including file defines G, F, POINT, AFFINE, FIELD, F_ONE, F_ZERO as in field/curve_body.h, INPUT,
 * POINT_BYTES, decode_point and invert.
 */

/* ------------------------------------------------------------------------- batched additions */

struct work {
    FIELD denominators[SY_MSM_PAIRS_MAX], products[SY_MSM_PAIRS_MAX];
    uint8_t kinds[SY_MSM_PAIRS_MAX];
};

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

static void get_operand(AFFINE *ret, uintptr_t operand)
{
    const AFFINE *point = (const AFFINE *)(operand & ~(uintptr_t)1);
    if (operand & 1)
        G(affine_neg)(ret, point);
    else
        *ret = *point;
}

static void add_points(void *memory, struct sy_msm_pairs *pairs)
{
    struct work *w = memory;
    FIELD running = F_ONE, inverse;
    AFFINE left, right;
    for (size_t i = 0; i < pairs->count; i++) {
        get_operand(&left, pairs->left[i]);
        get_operand(&right, pairs->right[i]);
        w->kinds[i] = (uint8_t)classify(&left, &right, &w->denominators[i]);
        w->products[i] = running;
        F(mul)(&running, &running, &w->denominators[i]);
    }
    invert(&running, &running);
    for (size_t i = pairs->count; i-- > 0;) {
        get_operand(&left, pairs->left[i]);
        get_operand(&right, pairs->right[i]);
        F(mul)(&inverse, &running, &w->products[i]);
        F(mul)(&running, &running, &w->denominators[i]);
        finish_pair((AFFINE *)pairs->to[i], &left, &right, w->kinds[i], &inverse);
    }
}

static int load_points(void *to, const struct sy_msm_source *source, const size_t *indices,
                       size_t count, struct sy_error *err)
{
    AFFINE *points = to;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (source->affine) {
            points[i] = ((const AFFINE *)source->affine)[indices[i]];
            continue;
        }
        rc = decode_point(&points[i], source->encoded + indices[i] * POINT_BYTES, err);
        if (rc != 0)
            return sy_error_wrap(err, "point %zu of the parameters", indices[i]);
    }
    return rc;
}

static void store_point(void *ret_affine, const void *from)
{
    memcpy(ret_affine, from, sizeof(AFFINE));
}

static bool usable(void)
{
    return true;
}

static const struct sy_msm_kernel scalar_kernel = {
    .name = "scalar",
    .usable = usable,
    .point_bytes = sizeof(AFFINE),
    .work_bytes = sizeof(struct work),
    .affine_bytes = sizeof(AFFINE),
    .load = load_points,
    .add = add_points,
    .store = store_point,
};

/* -------------------------------------------------------------------------------- the last sums */

struct last_sums {
    const struct sy_msm_sums *in;
    POINT *windows; /* sum of digit * point of each window */
};

/* sum_s (weighted_s + s * length * plain_s). */
static int sum_chains(void *ctx, uint64_t window, unsigned worker, struct sy_error *err)
{
    (void)worker;
    (void)err;
    const struct last_sums *last = ctx;
    const struct sy_msm_sums *in = last->in;
    const AFFINE *sums = (const AFFINE *)in->sums + window * in->chains * 2;
    POINT running = G(infinity), total = G(infinity);
    for (unsigned s = in->chains; s-- > 1;) {
        G(add_affine)(&running, &running, &sums[2 * s + 1]);
        G(add)(&total, &total, &running);
    }
    for (unsigned length = in->length; length > 1; length /= 2)
        G(double)(&total, &total);
    for (unsigned s = 0; s < in->chains; s++)
        G(add_affine)(&total, &total, &sums[2 * s]);
    last->windows[window] = total;
    return 0;
}

static int sum_windows(POINT *ret, const struct sy_msm_sums *in, unsigned threads,
                       struct sy_error *err)
{
    POINT windows[SY_MSM_WINDOWS_MAX], total = G(infinity);
    struct last_sums last = {in, windows};
    int rc = sy_parallel_for(threads, 0, in->windows, sum_chains, &last, err);
    if (rc != 0)
        return rc;
    for (unsigned window = in->windows; window-- > 0;) {
        for (unsigned i = 0; i < in->window_bits && !G(is_infinity)(&total); i++)
            G(double)(&total, &total);
        G(add)(&total, &total, &windows[window]);
    }
    for (unsigned i = 0; i < in->ones_count; i++)
        G(add_affine)(&total, &total, (const AFFINE *)in->ones + i);
    *ret = total;
    return 0;
}

static int run_msm(POINT *ret, const INPUT *input, const struct sy_msm_kernel *ifma,
                   unsigned threads, struct sy_error *err)
{
    struct sy_msm_sums sums;
    const struct sy_msm_job job = {
        .kernel = sy_msm_kind() == SY_MSM_IFMA ? ifma : &scalar_kernel,
        .source = {input->encoded, input->points},
        .scalars = input->scalars,
        .count = input->count,
        .threads = threads,
    };
    int rc = sy_msm_run(&sums, &job, err);
    if (rc != 0)
        return rc;
    rc = sum_windows(ret, &sums, threads, err);
    free(sums.sums);
    free(sums.ones);
    return rc;
}
