/* Constants of Poseidon: round constants from the Grain LFSR, the MDS matrix 1/(i+j+t), and what
 * the fast form needs: compressed constants, the pre-sparse matrix and the sparse factors.
 *
 * Source: ePrint 2019/458 appendix B and F (LFSR and its 80-bit start), the neptune documents for
 * the order of the compressed list and the factoring. Cost: about 10 ms per arity, once.
 */
#include "tasks/hash/poseidon_ops.h"

#include <pthread.h>
#include <string.h>

#define GRAIN_BITS 80
#define GRAIN_WARM_UP 160
#define FIELD_BITS 255

/* ------------------------------------------------------------------------------------ Grain LFSR
 */

struct grain {
    uint8_t bit[GRAIN_BITS]; /* ring: bit[(start + i) % 80] is bit i */
    unsigned start;
};

static unsigned next_raw_bit(struct grain *grain)
{
    static const unsigned taps[] = {62, 51, 38, 23, 13, 0};
    unsigned bit = 0;
    for (size_t i = 0; i < SY_ARRAY_SIZE(taps); i++)
        bit ^= grain->bit[(grain->start + taps[i]) % GRAIN_BITS];
    grain->bit[grain->start] = (uint8_t)bit;
    grain->start = (grain->start + 1) % GRAIN_BITS;
    return bit;
}

/* Pairs of bits: the second counts when the first is 1. */
static unsigned next_bit(struct grain *grain)
{
    for (;;) {
        unsigned take = next_raw_bit(grain);
        unsigned bit = next_raw_bit(grain);
        if (take != 0)
            return bit;
    }
}

static void append_bits(struct grain *grain, unsigned *used, unsigned value, unsigned bits)
{
    for (unsigned i = bits; i-- > 0;)
        grain->bit[(*used)++] = (uint8_t)(value >> i & 1);
}

static void start_grain(struct grain *grain, unsigned t, unsigned partial)
{
    unsigned used = 0;
    append_bits(grain, &used, 1, 2); /* prime field */
    append_bits(grain, &used, 1, 4); /* S-box x^alpha with alpha = 5 */
    append_bits(grain, &used, FIELD_BITS, 12);
    append_bits(grain, &used, t, 12);
    append_bits(grain, &used, SY_POSEIDON_FULL_ROUNDS, 10);
    append_bits(grain, &used, partial, 10);
    append_bits(grain, &used, (1U << 30) - 1, 30);
    SY_ASSERT(used == GRAIN_BITS);
    grain->start = 0;
    for (int i = 0; i < GRAIN_WARM_UP; i++)
        next_raw_bit(grain);
}

/* 255 bits, most significant first, drawn again until below r. */
static void next_element(struct grain *grain, struct sy_fr *ret)
{
    for (;;) {
        uint64_t limbs[4] = {0};
        for (unsigned i = FIELD_BITS; i-- > 0;)
            limbs[i / 64] |= (uint64_t)next_bit(grain) << (i % 64);
        uint8_t bytes[SY_FR_BYTES];
        memcpy(bytes, limbs, sizeof bytes);
        if (sy_fr_bytes_canonical(bytes)) {
            sy_fr_from_limbs(ret, limbs);
            return;
        }
    }
}

/* ---------------------------------------------------------------------------------- small matrices
 */

/* ret_j = sum_i m[j][i] v[i]; ret is not v. */
static void multiply_vector(struct sy_fr *ret, const sy_poseidon_matrix m, const struct sy_fr *v,
                            unsigned n)
{
    for (unsigned j = 0; j < n; j++) {
        struct sy_fr sum = sy_fr_zero, product;
        for (unsigned i = 0; i < n; i++) {
            sy_fr_mul(&product, &m[j][i], &v[i]);
            sy_fr_add(&sum, &sum, &product);
        }
        ret[j] = sum;
    }
}

static void multiply_matrix(sy_poseidon_matrix ret, const sy_poseidon_matrix a,
                            const sy_poseidon_matrix b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++) {
            struct sy_fr sum = sy_fr_zero, product;
            for (unsigned k = 0; k < n; k++) {
                sy_fr_mul(&product, &a[i][k], &b[k][j]);
                sy_fr_add(&sum, &sum, &product);
            }
            ret[i][j] = sum;
        }
}

/* row -= factor * pivot_row over n columns. */
static void eliminate(struct sy_fr *row, const struct sy_fr *pivot_row, const struct sy_fr *factor,
                      unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        struct sy_fr product;
        sy_fr_mul(&product, factor, &pivot_row[k]);
        sy_fr_sub(&row[k], &row[k], &product);
    }
}

static void swap_rows(struct sy_fr *a, struct sy_fr *b, unsigned n)
{
    for (unsigned k = 0; k < n; k++) {
        struct sy_fr keep = a[k];
        a[k] = b[k];
        b[k] = keep;
    }
}

/* Gauss-Jordan. The matrices here are minors of products of MDS matrices: always invertible. */
static void invert_matrix(sy_poseidon_matrix ret, const sy_poseidon_matrix matrix, unsigned n)
{
    sy_poseidon_matrix left;
    memcpy(left, matrix, sizeof left);
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < n; j++)
            ret[i][j] = i == j ? sy_fr_one : sy_fr_zero;
    for (unsigned column = 0; column < n; column++) {
        unsigned pivot = column;
        while (pivot < n && sy_fr_is_zero(&left[pivot][column]))
            pivot++;
        SY_ASSERT(pivot < n);
        swap_rows(left[pivot], left[column], n);
        swap_rows(ret[pivot], ret[column], n);
        struct sy_fr inverse;
        sy_fr_inv(&inverse, &left[column][column]);
        for (unsigned k = 0; k < n; k++) {
            sy_fr_mul(&left[column][k], &left[column][k], &inverse);
            sy_fr_mul(&ret[column][k], &ret[column][k], &inverse);
        }
        for (unsigned row = 0; row < n; row++) {
            struct sy_fr factor = left[row][column];
            if (row == column || sy_fr_is_zero(&factor))
                continue;
            eliminate(left[row], left[column], &factor, n);
            eliminate(ret[row], ret[column], &factor, n);
        }
    }
}

/* ------------------------------------------------------------------------------------- derivations
 */

static void make_round_constants(struct sy_poseidon_constants *c)
{
    struct grain grain;
    start_grain(&grain, c->t, c->partial);
    unsigned count = (SY_POSEIDON_FULL_ROUNDS + c->partial) * c->t;
    for (unsigned i = 0; i < count; i++)
        next_element(&grain, &c->round[i]);
}

static void make_mds(struct sy_poseidon_constants *c)
{
    for (unsigned i = 0; i < c->t; i++)
        for (unsigned j = 0; j < c->t; j++) {
            struct sy_fr sum;
            sy_fr_from_u64(&sum, i + j + c->t);
            sy_fr_inv(&c->mds[i][j], &sum);
        }
}

/* The compressed list: constants moved backwards through the inverse of the linear layer, so that a
 * partial round keeps a single one. */
static void make_compressed(struct sy_poseidon_constants *c)
{
    const unsigned t = c->t, half = SY_POSEIDON_FULL_ROUNDS / 2;
    sy_poseidon_matrix inverse;
    struct sy_fr acc[SY_POSEIDON_WIDTH_MAX], w[SY_POSEIDON_WIDTH_MAX];
    struct sy_fr *out = c->compressed;
    invert_matrix(inverse, c->mds, t);
    memcpy(out, c->round, t * sizeof *out);
    for (unsigned round = 1; round < half; round++)
        multiply_vector(out + round * t, inverse, c->round + round * t, t);
    memcpy(acc, c->round + (half + c->partial) * t, t * sizeof *acc);
    for (unsigned i = 0; i < c->partial; i++) {
        multiply_vector(w, inverse, acc, t);
        out[(half + 1) * t + c->partial - 1 - i] = w[0];
        w[0] = sy_fr_zero;
        const struct sy_fr *key = c->round + (half + c->partial - 1 - i) * t;
        for (unsigned j = 0; j < t; j++)
            sy_fr_add(&acc[j], &key[j], &w[j]);
    }
    multiply_vector(out + half * t, inverse, acc, t);
    for (unsigned round = 1; round < half; round++)
        multiply_vector(out + (half + round) * t + c->partial, inverse,
                        c->round + (half + c->partial + round) * t, t);
}

/* Splits the linear layers of the partial rounds into sparse factors, last round first; what is
 * left over becomes the pre-sparse matrix of the round before them. */
static void make_sparse(struct sy_poseidon_constants *c)
{
    const unsigned t = c->t, n = t - 1;
    sy_poseidon_matrix current, minor, inverse, extended;
    struct sy_fr column[SY_POSEIDON_WIDTH_MAX], hat[SY_POSEIDON_WIDTH_MAX];
    memcpy(current, c->mds, sizeof current);
    for (unsigned k = c->partial; k-- > 0;) {
        memset(minor, 0, sizeof minor);
        memset(extended, 0, sizeof extended);
        extended[0][0] = sy_fr_one;
        for (unsigned i = 0; i < n; i++) {
            column[i] = current[i + 1][0];
            for (unsigned j = 0; j < n; j++)
                extended[i + 1][j + 1] = minor[i][j] = current[i + 1][j + 1];
        }
        invert_matrix(inverse, minor, n);
        multiply_vector(hat, inverse, column, n);
        c->sparse_w[k][0] = current[0][0];
        for (unsigned i = 0; i < n; i++) {
            c->sparse_w[k][i + 1] = hat[i];
            c->sparse_v[k][i] = current[0][i + 1];
        }
        multiply_matrix(current, c->mds, extended, t);
    }
    for (unsigned i = 0; i < t; i++)
        for (unsigned j = 0; j < t; j++)
            c->pre[j][i] = current[i][j];
}

static void make_full_rounds(struct sy_poseidon_constants *c)
{
    const unsigned t = c->t, half = SY_POSEIDON_FULL_ROUNDS / 2;
    memcpy(c->start, c->compressed, t * sizeof c->start[0]);
    for (unsigned round = 0; round < SY_POSEIDON_FULL_ROUNDS - 1; round++) {
        size_t at = (round + 1) * t + (round >= half ? c->partial : 0);
        multiply_vector(c->full_add[round], round == half - 1 ? c->pre : c->mds, c->compressed + at,
                        t);
    }
}

/* e_m[l]: what a_l of round l, through the first column v, adds to the first row w of round m. */
static void make_cross_term(const struct sy_poseidon_constants *c, unsigned m, unsigned l,
                            struct sy_fr *ret)
{
    struct sy_fr sum = sy_fr_zero, product;
    for (unsigned j = 0; j < c->t - 1; j++) {
        sy_fr_mul(&product, &c->sparse_w[m][j + 1], &c->sparse_v[l][j]);
        sy_fr_add(&sum, &sum, &product);
    }
    *ret = sum;
}

static void make_blocks(struct sy_poseidon_constants *c)
{
    const unsigned t = c->t, half = SY_POSEIDON_FULL_ROUNDS / 2;
    const struct sy_fr *add = c->compressed + (half + 1) * t;
    c->blocks = (c->partial + SY_POSEIDON_BLOCK - 1) / SY_POSEIDON_BLOCK;
    for (unsigned i = 0; i < c->blocks; i++) {
        const unsigned k = i * SY_POSEIDON_BLOCK;
        for (unsigned m = 0; m < sy_poseidon_block_rounds(c, i); m++) {
            const struct sy_fr *w = c->sparse_w[k + m];
            struct sy_fr *row = c->block[i].first[m];
            c->block[i].add[m] = add[k + m];
            memcpy(row, w + 1, (t - 1) * sizeof *row);
            for (unsigned l = 0; l < m; l++)
                make_cross_term(c, k + m, k + l, &row[t - 1 + l]);
            row[t - 1 + m] = w[0];
            for (unsigned j = 0; j < t - 1; j++)
                c->block[i].update[j][m] = c->sparse_v[k + m][j];
        }
    }
}

/* factor * a, from a * 2^256 to a * 2^260 (four doublings) in limbs of 52 bits; count elements. */
static void widen(struct sy_poseidon_fr52 *ret, const struct sy_fr *a, size_t count,
                  const struct sy_fr *factor)
{
    const uint64_t mask = (UINT64_C(1) << 52) - 1;
    for (size_t k = 0; k < count; k++) {
        struct sy_fr x;
        sy_fr_mul(&x, &a[k], factor);
        for (int i = 0; i < 4; i++)
            sy_fr_add(&x, &x, &x);
        ret[k].limb[0] = x.limb[0] & mask;
        ret[k].limb[1] = (x.limb[0] >> 52 | x.limb[1] << 12) & mask;
        ret[k].limb[2] = (x.limb[1] >> 40 | x.limb[2] << 24) & mask;
        ret[k].limb[3] = (x.limb[2] >> 28 | x.limb[3] << 36) & mask;
        ret[k].limb[4] = x.limb[3] >> 16;
    }
}

/* lcm(t .. 3t-2): 48 bits for t = 12. */
static uint64_t make_hankel(uint64_t *hankel, unsigned t)
{
    uint64_t lcm = 1;
    for (uint64_t n = t; n <= 3 * t - 2; n++) {
        uint64_t a = lcm, b = n;
        while (b != 0) {
            uint64_t rest = a % b;
            a = b;
            b = rest;
        }
        lcm = lcm / a * n;
    }
    for (unsigned k = 0; k <= 2 * t - 2; k++) {
        hankel[k] = lcm / (k + t);
        SY_ASSERT(hankel[k] < UINT64_C(1) << 52);
    }
    return lcm;
}

static void make_tables52(struct sy_poseidon_constants *c)
{
    enum { HALF = SY_POSEIDON_FULL_ROUNDS / 2 };
    const unsigned t = c->t;
    struct sy_poseidon_tables52 *wide = &c->tables52;
    struct sy_fr step, limb, factor[HALF - 1], undo;
    sy_fr_from_u64(&step, make_hankel(wide->hankel, t));
    sy_fr_from_u64(&limb, UINT64_C(1) << 52);
    sy_fr_inv(&limb, &limb);
    sy_fr_mul(&step, &step, &limb);
    factor[0] = step;
    for (unsigned i = 1; i < HALF - 1; i++) {
        sy_fr_pow5(&factor[i], &factor[i - 1]);
        sy_fr_mul(&factor[i], &factor[i], &step);
    }
    sy_fr_pow5(&undo, &factor[HALF - 2]);
    sy_fr_inv(&undo, &undo);
    widen(wide->start, c->start, t, &sy_fr_one);
    for (unsigned round = 0; round < SY_POSEIDON_FULL_ROUNDS - 1; round++)
        widen(wide->full_add[round], c->full_add[round], t,
              round == HALF - 1 ? &sy_fr_one : &factor[round % HALF]);
    for (unsigned i = 0; i < t; i++)
        widen(wide->pre[i], c->pre[i], t, &undo);
    widen(wide->last, c->mds[1], t, &undo);
    for (unsigned i = 0; i < c->blocks; i++) {
        /* Blocks consist of elements only, in the same order in both forms. */
        enum { COUNT = sizeof c->block[0] / sizeof(struct sy_fr) };
        _Static_assert(sizeof wide->block[0] == COUNT * sizeof(struct sy_poseidon_fr52),
                       "the two forms of a block have the same shape");
        widen((struct sy_poseidon_fr52 *)(void *)&wide->block[i],
              (const struct sy_fr *)(const void *)&c->block[i], COUNT, &sy_fr_one);
    }
}

static void make_constants(struct sy_poseidon_constants *c, unsigned t, unsigned partial)
{
    c->t = t;
    c->partial = partial;
    make_round_constants(c);
    make_mds(c);
    make_compressed(c);
    make_sparse(c);
    make_full_rounds(c);
    make_blocks(c);
    make_tables52(c);
}

/* ----------------------------------------------------------------------------------------
 * instances */

static struct sy_poseidon_constants constants2, constants4, constants8, constants11;
static pthread_once_t once2 = PTHREAD_ONCE_INIT, once4 = PTHREAD_ONCE_INIT;
static pthread_once_t once8 = PTHREAD_ONCE_INIT, once11 = PTHREAD_ONCE_INIT;

/* Partial rounds for 128-bit security with the authors' margin: 55, 56, 57, 57. */
static void make_constants2(void)
{
    make_constants(&constants2, 3, 55);
}

static void make_constants4(void)
{
    make_constants(&constants4, 5, 56);
}

static void make_constants8(void)
{
    make_constants(&constants8, 9, 57);
}

static void make_constants11(void)
{
    make_constants(&constants11, 12, 57);
}

const struct sy_poseidon_constants *sy_poseidon_get_constants(unsigned arity)
{
    static const struct {
        unsigned arity;
        struct sy_poseidon_constants *constants;
        pthread_once_t *once;
        void (*make)(void);
    } instances[] = {
        {2, &constants2, &once2, make_constants2},
        {4, &constants4, &once4, make_constants4},
        {8, &constants8, &once8, make_constants8},
        {11, &constants11, &once11, make_constants11},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(instances); i++) {
        if (instances[i].arity != arity)
            continue;
        pthread_once(instances[i].once, instances[i].make);
        return instances[i].constants;
    }
    SY_ASSERT(sy_poseidon_arity_ok(arity)); /* never true here */
    return NULL;
}
