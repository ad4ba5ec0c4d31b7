/* The IFMA kernel of sums of points, compiled once for G1 and once for G2. The including file
 * defines PARTS (field elements of a coordinate: 1 or 2), PART_OF (the place of part i among the
 * encoded parts of a coordinate), AFFINE, NAME (of the kernel structure) and includes
 * msm_ops.h and fp_ifma.h.
 *
 * A point is 2 * PARTS lines of 64 bytes (struct sy_fp52, canonical): x, then y. Eight additions go
 * side by side; each lane keeps the running product of its own denominators. A vector in which some
 * lane meets infinity, an equal or an opposite point takes the slow way of classify(); a canonical
 * coordinate's lowest limb tells that almost for free.
 */
#define LANES SY_FP8_LANES
#define AHEAD (2 * LANES) /* pairs between a fetch and the use */
#define LOAD_AHEAD (4 * LANES)
#define VECTORS_MAX (SY_MSM_PAIRS_MAX / LANES)

/* A coordinate of eight points. */
struct fe {
    struct sy_fp8 part[PARTS];
};

struct point {
    struct sy_fp52 x[PARTS], y[PARTS];
};

struct work {
    struct fe products[VECTORS_MAX];
};

#define EACH_PART _Pragma("GCC unroll 2") for (int i = 0; i < PARTS; i++)

/* Sums are loose, see fp_ifma.h. */
SY_FP8_INLINE void fe_add(struct fe *ret, const struct fe *a, const struct fe *b)
{
    EACH_PART sy_fp8_add(&ret->part[i], &a->part[i], &b->part[i]);
}

/* a - b + k p. */
SY_FP8_INLINE void fe_sub(struct fe *ret, const struct fe *a, const struct fe *b, uint64_t k)
{
    EACH_PART
    {
        sy_fp8_sub(&ret->part[i], &a->part[i], &b->part[i]);
        sy_fp8_add_p(&ret->part[i], k);
    }
}

SY_FP8_INLINE void fe_tighten(struct fe *a)
{
    EACH_PART sy_fp8_tighten(&a->part[i]);
}

SY_FP8_INLINE void fe_canonical(struct fe *a)
{
    EACH_PART sy_fp8_canonical(&a->part[i]);
}

SY_FP8_INLINE void fe_shrink(struct fe *a)
{
    EACH_PART
    sy_fp8_shrink(&a->part[i]);
}

SY_FP8_INLINE void fe_negate(struct fe *a, __mmask8 lanes)
{
    EACH_PART sy_fp8_negate(&a->part[i], lanes);
}

SY_FP8_INLINE void fe_blend(struct fe *a, __mmask8 lanes, const struct fe *b)
{
    EACH_PART sy_fp8_blend(&a->part[i], lanes, &b->part[i]);
}

SY_FP8_INLINE __mmask8 fe_equal(const struct fe *a, const struct fe *b)
{
    __mmask8 equal = 0xff;
    EACH_PART equal &= sy_fp8_equal(&a->part[i], &b->part[i]);
    return equal;
}

SY_FP8_INLINE __mmask8 fe_is_zero(const struct fe *a)
{
    __mmask8 zero = 0xff;
    EACH_PART zero &= sy_fp8_is_zero(&a->part[i]);
    return zero;
}

SY_FP8_INLINE void fe_one(struct fe *ret)
{
    memset(ret, 0, sizeof *ret);
    sy_fp8_broadcast(&ret->part[0], &sy_fp52_one);
}

#if PARTS == 1

#define fe_mul(ret, a, b) sy_fp8_mul(&(ret)->part[0], &(a)->part[0], &(b)->part[0])
#define fe_sqr(ret, a) sy_fp8_sqr(&(ret)->part[0], &(a)->part[0])
#define fe_inv(ret, a) sy_fp8_inv(&(ret)->part[0], &(a)->part[0])

#else

/* Karatsuba before the reductions: 3 * 128 + 2 * 136 multiplications. Results below 2 p. */
SY_FP8_CALL void fe_mul(struct fe *ret, const struct fe *a, const struct fe *b)
{
    __m512i low[16], high[16], cross[16];
    struct sy_fp8 sum_a, sum_b;
    sy_fp8_add(&sum_a, &a->part[0], &a->part[1]);
    sy_fp8_add(&sum_b, &b->part[0], &b->part[1]);
    sy_fp8_tighten(&sum_a);
    sy_fp8_tighten(&sum_b);
    sy_fp8_clear(low);
    sy_fp8_accumulate(low, &a->part[0], &b->part[0]);
    sy_fp8_clear(high);
    sy_fp8_accumulate(high, &a->part[1], &b->part[1]);
    sy_fp8_clear(cross);
    sy_fp8_accumulate(cross, &sum_a, &sum_b);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) {
        cross[i] = _mm512_sub_epi64(cross[i], _mm512_add_epi64(low[i], high[i]));
        low[i] = _mm512_sub_epi64(low[i], high[i]);
    }
    sy_fp8_reduce(&ret->part[1], cross);
    sy_fp8_reduce_columns(low);
#pragma GCC unroll 8
    for (int j = 0; j < 8; j++)
        ret->part[0].limb[j] = low[8 + j];
    sy_fp8_add_p(&ret->part[0], 1);
    sy_fp8_tighten(&ret->part[0]);
}

/* (a0 + a1)(a0 - a1 + 8 p), 2 a0 a1, for a below 8 p. */
SY_FP8_CALL void fe_sqr(struct fe *ret, const struct fe *a)
{
    struct sy_fp8 sum, difference, twice;
    sy_fp8_add(&sum, &a->part[0], &a->part[1]);
    sy_fp8_sub(&difference, &a->part[0], &a->part[1]);
    sy_fp8_add_p(&difference, 8);
    sy_fp8_add(&twice, &a->part[0], &a->part[0]);
    sy_fp8_tighten(&sum);
    sy_fp8_tighten(&difference);
    sy_fp8_tighten(&twice);
    sy_fp8_mul(&ret->part[1], &twice, &a->part[1]);
    sy_fp8_mul(&ret->part[0], &sum, &difference);
}

/* By the norm, for a below 8 p. */
SY_FP8_CALL void fe_inv(struct fe *ret, const struct fe *a)
{
    struct sy_fp8 norm, square, minus;
    sy_fp8_sqr(&norm, &a->part[0]);
    sy_fp8_sqr(&square, &a->part[1]);
    sy_fp8_add(&norm, &norm, &square);
    sy_fp8_tighten(&norm);
    sy_fp8_inv(&norm, &norm);
    memset(&minus, 0, sizeof minus);
    sy_fp8_sub(&minus, &minus, &a->part[1]);
    sy_fp8_add_p(&minus, 8);
    sy_fp8_tighten(&minus);
    sy_fp8_mul(&ret->part[0], &a->part[0], &norm);
    sy_fp8_mul(&ret->part[1], &minus, &norm);
}

#endif

/* ------------------------------------------------------------------------------------- additions
 */

/* Eight pairs. Lanes: minus = the sign of the operand; special lanes as classify() finds them. */
struct octet {
    uintptr_t left[LANES], right[LANES];
    struct fe x1, x2, denominator;
    __mmask8 minus_left, minus_right, only_left, only_right, nothing, doubled;
};

/* The signs of eight operands, and their addresses without. */
SY_FP8_INLINE __mmask8 split_operands(uintptr_t addresses[LANES], const uintptr_t *operands)
{
    const __m512i sign = sy_fp8_word(1), all = _mm512_load_si512(operands);
    _mm512_storeu_si512(addresses, _mm512_andnot_si512(sign, all));
    return _mm512_test_epi64_mask(all, sign);
}

SY_FP8_INLINE void load_x(struct octet *o, const struct sy_msm_pairs *pairs, size_t at)
{
    o->minus_left = split_operands(o->left, pairs->left + at);
    o->minus_right = split_operands(o->right, pairs->right + at);
    EACH_PART
    {
        sy_fp8_gather(&o->x1.part[i], o->left, (size_t)i);
        sy_fp8_gather(&o->x2.part[i], o->right, (size_t)i);
    }
}

/* Signed, loose. */
SY_FP8_INLINE void load_y(struct fe *y1, struct fe *y2, const struct octet *o)
{
    EACH_PART
    {
        sy_fp8_gather(&y1->part[i], o->left, (size_t)(PARTS + i));
        sy_fp8_gather(&y2->part[i], o->right, (size_t)(PARTS + i));
    }
    fe_negate(y1, o->minus_left);
    fe_negate(y2, o->minus_right);
}

/* The full test of every case, and its denominators: 2 y of doublings, one where there is nothing
 * to add. A y of zero (order two) counts as its own opposite. */
SY_FP8_CALL void classify(struct octet *o)
{
    struct fe x1 = o->x1, x2 = o->x2, y1, y2, one;
    __mmask8 left_zero = fe_is_zero(&x1), right_zero = fe_is_zero(&x2);
    EACH_PART
    {
        sy_fp8_gather(&y1.part[i], o->left, (size_t)(PARTS + i));
        sy_fp8_gather(&y2.part[i], o->right, (size_t)(PARTS + i));
    }
    left_zero &= fe_is_zero(&y1);
    right_zero &= fe_is_zero(&y2);
    fe_negate(&y1, o->minus_left);
    fe_negate(&y2, o->minus_right);
    fe_canonical(&x1);
    fe_canonical(&x2);
    fe_canonical(&y1);
    fe_canonical(&y2);
    const __mmask8 same_x = fe_equal(&x1, &x2) & (__mmask8) ~(left_zero | right_zero);
    o->only_right = left_zero;
    o->only_left = right_zero & (__mmask8)~left_zero;
    o->doubled = same_x & fe_equal(&y1, &y2) & (__mmask8)~fe_is_zero(&y1);
    o->nothing = same_x & (__mmask8)~o->doubled;
    fe_add(&y1, &y1, &y1);
    fe_tighten(&y1);
    fe_one(&one);
    fe_blend(&o->denominator, o->doubled, &y1);
    fe_blend(&o->denominator, o->nothing | o->only_left | o->only_right, &one);
}

/* Lanes where classify() may find something: a coordinate x of zero, or a difference that is a
 * multiple of p. It lies in (0.9 p, 3.1 p), so its lowest limb is that of p, 2 p or 3 p. */
SY_FP8_INLINE __mmask8 find_suspects(const struct octet *o)
{
    const __m512i zero = _mm512_setzero_si512(), difference = o->denominator.part[0].limb[0];
    __mmask8 suspects = _mm512_cmpeq_epi64_mask(o->x1.part[0].limb[0], zero) |
                        _mm512_cmpeq_epi64_mask(o->x2.part[0].limb[0], zero);
    for (uint64_t k = 1; k <= 3; k++)
        suspects |=
            _mm512_cmpeq_epi64_mask(difference, sy_fp8_word(k * sy_fp52_p.limb[0] & SY_FP8_MASK));
    return suspects;
}

SY_FP8_INLINE void load_octet(struct octet *o, const struct sy_msm_pairs *pairs, size_t at)
{
    load_x(o, pairs, at);
    fe_sub(&o->denominator, &o->x2, &o->x1, 2);
    fe_tighten(&o->denominator);
    o->only_left = o->only_right = o->nothing = o->doubled = 0;
    if (__builtin_expect(find_suspects(o) != 0, 0))
        classify(o);
}

/* Results of special lanes: slope of a tangent, or an operand taken over. */
SY_FP8_CALL void tangent_numerator(struct fe *ret, const struct octet *o)
{
    struct fe square, triple;
    fe_sqr(&square, &o->x1);
    fe_add(&triple, &square, &square);
    fe_add(&triple, &triple, &square);
    fe_tighten(&triple);
    fe_blend(ret, o->doubled, &triple);
}

SY_FP8_CALL void take_operands(struct fe *x, struct fe *y, const struct octet *o,
                               const struct fe *y1, const struct fe *y2)
{
    struct fe zero, left = *y1, right = *y2;
    memset(&zero, 0, sizeof zero);
    fe_canonical(&left);
    fe_canonical(&right);
    fe_blend(x, o->only_left, &o->x1);
    fe_blend(y, o->only_left, &left);
    fe_blend(x, o->only_right, &o->x2);
    fe_blend(y, o->only_right, &right);
    fe_blend(x, o->nothing, &zero);
    fe_blend(y, o->nothing, &zero);
}

/* The chord or tangent: 2M + 1S. */
SY_FP8_INLINE void finish_octet(const struct octet *o, const struct fe *inverse,
                                const uintptr_t *to, unsigned lanes)
{
    struct fe y1, y2, slope, x, y;
    const __mmask8 taken = o->only_left | o->only_right | o->nothing;
    load_y(&y1, &y2, o);
    fe_sub(&slope, &y2, &y1, 3);
    fe_tighten(&slope);
    if (__builtin_expect(o->doubled != 0, 0))
        tangent_numerator(&slope, o);
    fe_mul(&slope, &slope, inverse);
    fe_sqr(&x, &slope);
    fe_sub(&x, &x, &o->x1, 4);
    EACH_PART sy_fp8_sub(&x.part[i], &x.part[i], &o->x2.part[i]);
    fe_shrink(&x);
    fe_sub(&y, &o->x1, &x, 2);
    fe_tighten(&y);
    fe_mul(&y, &y, &slope);
    fe_sub(&y, &y, &y1, 3);
    fe_shrink(&y);
    if (__builtin_expect(taken != 0, 0))
        take_operands(&x, &y, o, &y1, &y2);
    EACH_PART
    {
        sy_fp8_scatter(to, (size_t)i, lanes, &x.part[i]);
        sy_fp8_scatter(to, (size_t)(PARTS + i), lanes, &y.part[i]);
    }
}

/* The lines of eight pairs that come up soon. */
SY_FP8_INLINE void fetch_octet(const struct sy_msm_pairs *pairs, size_t at)
{
    for (size_t i = at; i < at + LANES; i++)
        for (size_t line = 0; line < sizeof(struct point); line += 64) {
            _mm_prefetch((const char *)pairs->left[i] + line, _MM_HINT_T0);
            _mm_prefetch((const char *)pairs->right[i] + line, _MM_HINT_T0);
        }
}

/* The places behind the last pair repeat it: its sum is computed again and not stored. */
static void fill_last_octet(struct sy_msm_pairs *pairs)
{
    for (size_t i = pairs->count; i % LANES != 0; i++) {
        pairs->left[i] = pairs->left[pairs->count - 1];
        pairs->right[i] = pairs->right[pairs->count - 1];
    }
}

static void add_points(void *memory, struct sy_msm_pairs *pairs)
{
    struct work *w = memory;
    struct octet o;
    struct fe running, inverse;
    const size_t count = pairs->count, last = (count - 1) / LANES * LANES;
    if (count == 0)
        return;
    fill_last_octet(pairs);
    fe_one(&running);
    for (size_t at = 0; at <= last; at += LANES) {
        if (at + AHEAD <= last)
            fetch_octet(pairs, at + AHEAD);
        load_octet(&o, pairs, at);
        w->products[at / LANES] = running;
        fe_mul(&running, &running, &o.denominator);
    }
    fe_inv(&running, &running);
    for (size_t at = last;; at -= LANES) {
        if (at >= AHEAD)
            fetch_octet(pairs, at - AHEAD);
        load_octet(&o, pairs, at);
        fe_mul(&inverse, &running, &w->products[at / LANES]);
        fe_mul(&running, &running, &o.denominator);
        finish_octet(&o, &inverse, pairs->to + at, (unsigned)SY_MIN(count - at, (size_t)LANES));
        if (at == 0)
            return;
    }
}

/* ----------------------------------------------------------------------------------- conversions
 */

/* Big-endian bytes below p; returns the lanes that are not. */
SY_FP8_INLINE __mmask8 load_encoded(struct sy_fp8 *ret, const uint8_t *const from[LANES])
{
    struct sy_fp8 less, factor;
    sy_fp8_from_bytes(ret, from);
    sy_fp8_broadcast(&factor, &sy_fp52_p);
    sy_fp8_sub(&less, ret, &factor);
    sy_fp8_tighten(&less);
    sy_fp8_broadcast(&factor, &sy_fp52_from_plain);
    sy_fp8_mul(ret, ret, &factor);
    sy_fp8_canonical(ret);
    return _mm512_cmp_epi64_mask(less.limb[7], _mm512_setzero_si512(), _MM_CMPINT_NLT);
}

SY_FP8_INLINE void load_fp(struct sy_fp8 *ret, const struct sy_fp *const from[LANES])
{
    struct sy_fp52 rows[LANES];
    uintptr_t places[LANES];
    struct sy_fp8 factor;
    for (int lane = 0; lane < LANES; lane++) {
        sy_fp52_from_words(&rows[lane], from[lane]->limb);
        places[lane] = (uintptr_t)&rows[lane];
    }
    sy_fp8_gather(ret, places, 0);
    sy_fp8_broadcast(&factor, &sy_fp52_from_fp);
    sy_fp8_mul(ret, ret, &factor);
    sy_fp8_canonical(ret);
}

/* Reading is slower than decoding: the lines of the points that come up after the next ones. */
static void fetch_points(const struct sy_msm_source *source, const size_t *indices, size_t at,
                         size_t count)
{
    const size_t bytes = 2 * PARTS * SY_FP_BYTES;
    const uint8_t *base = source->encoded ? source->encoded : source->affine;
    for (size_t i = at + LOAD_AHEAD; i < SY_MIN(at + LOAD_AHEAD + LANES, count); i++)
        for (size_t line = 0; line < bytes; line += 64)
            _mm_prefetch((const char *)base + indices[i] * bytes + line, _MM_HINT_T0);
}

/* The parts of a point in its encoded and affine forms are 2 * PARTS elements in a row. */
static int load_points(void *to, const struct sy_msm_source *source, const size_t *indices,
                       size_t count, struct sy_error *err)
{
    struct point *points = to;
    for (size_t at = 0; at < count; at += LANES) {
        const unsigned lanes = (unsigned)SY_MIN(count - at, (size_t)LANES);
        uintptr_t places[LANES];
        fetch_points(source, indices, at, count);
        for (size_t part = 0; part < 2 * PARTS; part++) {
            const uint8_t *bytes[LANES];
            const struct sy_fp *elements[LANES];
            struct sy_fp8 value;
            __mmask8 bad = 0;
            for (unsigned i = 0; i < LANES; i++) {
                size_t index = indices[at + (i < lanes ? i : 0)];
                size_t element = 2 * PARTS * index + part;
                places[i] = (uintptr_t)&points[at + (i < lanes ? i : 0)];
                if (source->encoded)
                    bytes[i] = source->encoded + SY_FP_BYTES * (element - part + PART_OF(part));
                else
                    elements[i] = (const struct sy_fp *)source->affine + element;
            }
            if (source->encoded)
                bad = load_encoded(&value, bytes);
            else
                load_fp(&value, elements);
            if (bad != 0)
                return sy_fail(err, SY_E_CORRUPT,
                               "point %zu of the parameters: a coordinate is not below the field's "
                               "modulus: the point is damaged",
                               indices[at + (unsigned)__builtin_ctz(bad)]);
            sy_fp8_scatter(places, part, lanes, &value);
        }
    }
    return 0;
}

static void store_point(void *ret_affine, const void *from)
{
    struct sy_fp *elements = ret_affine;
    for (size_t part = 0; part < 2 * PARTS; part++) {
        struct sy_fp8 value, factor;
        const uintptr_t place = (uintptr_t)from;
        const uintptr_t places[LANES] = {place, place, place, place, place, place, place, place};
        struct sy_fp52 row;
        const uintptr_t rows[LANES] = {(uintptr_t)&row};
        sy_fp8_gather(&value, places, part);
        sy_fp8_broadcast(&factor, &sy_fp52_to_fp);
        sy_fp8_mul(&value, &value, &factor);
        sy_fp8_canonical(&value);
        sy_fp8_scatter(rows, 0, 1, &value);
        sy_fp52_to_words(elements[part].limb, &row);
    }
}

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512ifma") &&
           __builtin_cpu_supports("bmi2");
}

const struct sy_msm_kernel NAME = {
    .name = "ifma",
    .usable = usable,
    .point_bytes = sizeof(struct point),
    .work_bytes = sizeof(struct work),
    .affine_bytes = sizeof(AFFINE),
    .load = load_points,
    .add = add_points,
    .store = store_point,
};
