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
    const struct sy_fp52 *left[LANES], *right[LANES];
    struct sy_fp52 *to[LANES];
    struct fe x1, x2, denominator;
    __mmask8 minus_left, minus_right, only_left, only_right, nothing, doubled;
    unsigned lanes;
};

SY_FP8_INLINE void load_x(struct octet *o, const struct sy_msm_pair *pairs, size_t count)
{
    o->lanes = (unsigned)SY_MIN(count, (size_t)LANES);
    o->minus_left = o->minus_right = 0;
    for (unsigned i = 0; i < LANES; i++) {
        const struct sy_msm_pair *p = &pairs[i < o->lanes ? i : 0];
        o->left[i] = (const struct sy_fp52 *)(p->left & ~(uintptr_t)1);
        o->right[i] = (const struct sy_fp52 *)(p->right & ~(uintptr_t)1);
        o->to[i] = p->to;
        o->minus_left |= (__mmask8)((p->left & 1) << i);
        o->minus_right |= (__mmask8)((p->right & 1) << i);
    }
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
    struct fe y1, y2, one;
    __mmask8 left_zero = fe_is_zero(&o->x1), right_zero = fe_is_zero(&o->x2), y_zero;
    EACH_PART
    {
        sy_fp8_gather(&y1.part[i], o->left, (size_t)(PARTS + i));
        sy_fp8_gather(&y2.part[i], o->right, (size_t)(PARTS + i));
    }
    y_zero = fe_is_zero(&y1);
    left_zero &= y_zero;
    right_zero &= fe_is_zero(&y2);
    EACH_PART
    {
        /* zero stays zero under the sign, so that canonical forms can be compared */
        sy_fp8_negate(&y1.part[i], o->minus_left & (__mmask8)~sy_fp8_is_zero(&y1.part[i]));
        sy_fp8_negate(&y2.part[i], o->minus_right & (__mmask8)~sy_fp8_is_zero(&y2.part[i]));
    }
    fe_tighten(&y1);
    fe_tighten(&y2);
    const __mmask8 same_x = fe_equal(&o->x1, &o->x2) & (__mmask8) ~(left_zero | right_zero);
    o->only_right = left_zero;
    o->only_left = right_zero & (__mmask8)~left_zero;
    o->doubled = same_x & fe_equal(&y1, &y2) & (__mmask8)~y_zero;
    o->nothing = same_x & (__mmask8)~o->doubled;
    fe_add(&y1, &y1, &y1);
    fe_tighten(&y1);
    fe_one(&one);
    fe_blend(&o->denominator, o->doubled, &y1);
    fe_blend(&o->denominator, o->nothing | o->only_left | o->only_right, &one);
}

SY_FP8_INLINE void load_octet(struct octet *o, const struct sy_msm_pair *pairs, size_t count)
{
    const __m512i zero = _mm512_setzero_si512();
    load_x(o, pairs, count);
    fe_sub(&o->denominator, &o->x2, &o->x1, 1);
    fe_tighten(&o->denominator);
    o->only_left = o->only_right = o->nothing = o->doubled = 0;
    const __m512i a = o->x1.part[0].limb[0], b = o->x2.part[0].limb[0];
    const __mmask8 suspect = _mm512_cmpeq_epi64_mask(a, b) | _mm512_cmpeq_epi64_mask(a, zero) |
                             _mm512_cmpeq_epi64_mask(b, zero);
    if (__builtin_expect(suspect != 0, 0))
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
    fe_tighten(&left);
    fe_tighten(&right);
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
SY_FP8_INLINE void finish_octet(const struct octet *o, const struct fe *inverse)
{
    struct fe y1, y2, slope, x, y;
    const __mmask8 taken = o->only_left | o->only_right | o->nothing;
    load_y(&y1, &y2, o);
    fe_sub(&slope, &y2, &y1, 1);
    fe_tighten(&slope);
    if (__builtin_expect(o->doubled != 0, 0))
        tangent_numerator(&slope, o);
    fe_mul(&slope, &slope, inverse);
    fe_sqr(&x, &slope);
    fe_sub(&x, &x, &o->x1, 2);
    EACH_PART sy_fp8_sub(&x.part[i], &x.part[i], &o->x2.part[i]);
    fe_tighten(&x);
    fe_canonical(&x);
    fe_sub(&y, &o->x1, &x, 1);
    fe_tighten(&y);
    fe_mul(&y, &y, &slope);
    fe_sub(&y, &y, &y1, 1);
    fe_tighten(&y);
    fe_canonical(&y);
    if (__builtin_expect(taken != 0, 0))
        take_operands(&x, &y, o, &y1, &y2);
    EACH_PART
    {
        sy_fp8_scatter(o->to, (size_t)i, o->lanes, &x.part[i]);
        sy_fp8_scatter(o->to, (size_t)(PARTS + i), o->lanes, &y.part[i]);
    }
}

/* The lines of the pairs that come up soon. */
SY_FP8_INLINE void fetch_ahead(const struct sy_msm_pair *pairs, size_t count)
{
    const size_t ahead = 3 * LANES;
    for (size_t i = ahead; i < ahead + LANES && i < count; i++) {
        const char *left = (const char *)(pairs[i].left & ~(uintptr_t)1);
        const char *right = (const char *)(pairs[i].right & ~(uintptr_t)1);
        for (size_t line = 0; line < sizeof(struct point); line += 64) {
            _mm_prefetch(left + line, _MM_HINT_T0);
            _mm_prefetch(right + line, _MM_HINT_T0);
        }
    }
}

static void add_points(void *memory, const struct sy_msm_pair *pairs, size_t count)
{
    struct work *w = memory;
    struct octet o;
    struct fe running, inverse;
    if (count == 0)
        return;
    fe_one(&running);
    for (size_t at = 0; at < count; at += LANES) {
        fetch_ahead(pairs + at, count - at);
        load_octet(&o, pairs + at, count - at);
        w->products[at / LANES] = running;
        fe_mul(&running, &running, &o.denominator);
    }
    fe_inv(&running, &running);
    for (size_t at = (count - 1) / LANES * LANES;; at -= LANES) {
        load_octet(&o, pairs + at, count - at);
        fe_mul(&inverse, &running, &w->products[at / LANES]);
        fe_mul(&running, &running, &o.denominator);
        finish_octet(&o, &inverse);
        if (at == 0)
            return;
    }
}

/* ----------------------------------------------------------------------------------- conversions
 */

/* Big-endian bytes below p; returns the lanes that are not. */
SY_FP8_INLINE __mmask8 load_encoded(struct sy_fp8 *ret, const uint8_t *const from[LANES])
{
    struct sy_fp52 rows[LANES];
    const struct sy_fp52 *places[LANES];
    struct sy_fp8 less, factor;
    for (int lane = 0; lane < LANES; lane++) {
        uint64_t words[SY_FP_LIMBS];
        for (int i = 0; i < SY_FP_LIMBS; i++) {
            uint64_t word;
            memcpy(&word, from[lane] + SY_FP_BYTES - 8 * (i + 1), 8);
            words[i] = __builtin_bswap64(word);
        }
        sy_fp52_from_words(&rows[lane], words);
        places[lane] = &rows[lane];
    }
    sy_fp8_gather(ret, places, 0);
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
    const struct sy_fp52 *places[LANES];
    struct sy_fp8 factor;
    for (int lane = 0; lane < LANES; lane++) {
        sy_fp52_from_words(&rows[lane], from[lane]->limb);
        places[lane] = &rows[lane];
    }
    sy_fp8_gather(ret, places, 0);
    sy_fp8_broadcast(&factor, &sy_fp52_from_fp);
    sy_fp8_mul(ret, ret, &factor);
    sy_fp8_canonical(ret);
}

/* The parts of a point in its encoded and affine forms are 2 * PARTS elements in a row. */
static int load_points(void *to, const struct sy_msm_source *source, const size_t *indices,
                       size_t count, struct sy_error *err)
{
    struct point *points = to;
    for (size_t at = 0; at < count; at += LANES) {
        const unsigned lanes = (unsigned)SY_MIN(count - at, (size_t)LANES);
        struct sy_fp52 *places[LANES];
        for (size_t part = 0; part < 2 * PARTS; part++) {
            const uint8_t *bytes[LANES];
            const struct sy_fp *elements[LANES];
            struct sy_fp8 value;
            __mmask8 bad = 0;
            for (unsigned i = 0; i < LANES; i++) {
                size_t index = indices[at + (i < lanes ? i : 0)];
                size_t element = 2 * PARTS * index + part;
                places[i] = (struct sy_fp52 *)&points[at + (i < lanes ? i : 0)];
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
    const struct sy_fp52 *lines = from;
    struct sy_fp *elements = ret_affine;
    for (size_t part = 0; part < 2 * PARTS; part++) {
        struct sy_fp8 value, factor;
        const struct sy_fp52 *const places[LANES] = {lines, lines, lines, lines,
                                                     lines, lines, lines, lines};
        struct sy_fp52 row;
        struct sy_fp52 *const rows[LANES] = {&row};
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
