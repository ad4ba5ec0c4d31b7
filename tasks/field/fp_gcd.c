#include "tasks/field/fp_gcd.h"

#include <string.h>

/* Numbers are seven limbs of 62 bits, the uppermost signed. */
#define LIMBS 7
#define BITS 62
#define MASK (((uint64_t)1 << BITS) - 1)
/* 62 * 20 division steps are enough for 381 bits (the bound is 1101 steps). */
#define ROUNDS_MAX 20

struct number {
    int64_t limb[LIMBS];
};

/* What 62 steps do to (f, g), times 2^62. */
struct matrix {
    int64_t u, v, q, r;
};

static const struct number modulus = {{0x39feffffffffaaabLL, 0x3aaffffac54ffffeLL,
                                       0x330d2a0f6b0f6241LL, 0x1dd2e13ce144afd9LL,
                                       0x1ba7b6434bacd764LL, 0x447a8e5ff9a692cLL, 0x1a0LL}};
#define MODULUS_INVERSE 0x360c000300030003ULL /* 1/p mod 2^62 */
/* 2^1152 mod p: the plain inverse of a Montgomery form back to Montgomery form. */
static const struct sy_fp r_cubed = {{0xed48ac6bd94ca1e0ULL, 0x315f831e03a7adf8ULL,
                                      0x9a53352a615e29ddULL, 0x34c04e5e921e1761ULL,
                                      0x2512d43565724728ULL, 0x0aa6346091755d4dULL}};

/* 62 division steps on the lowest words. eta is minus the delta of the paper. */
static int64_t divide_steps(struct matrix *ret, int64_t eta, uint64_t f, uint64_t g)
{
    uint64_t u = 1, v = 0, q = 0, r = 1;
    int left = BITS;
    for (;;) {
        int zeros = __builtin_ctzll(g | UINT64_MAX << left);
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros;
        left -= zeros;
        if (left == 0)
            break;
        if (eta < 0) {
            uint64_t held = f;
            eta = -eta;
            f = g;
            g = 0 - held;
            held = u;
            u = q;
            q = 0 - held;
            held = v;
            v = r;
            r = 0 - held;
        }
        /* as many low bits of g as the steps before the next exchange may clear, at most six */
        int steps = eta + 1 > left ? left : (int)eta + 1;
        uint64_t clear = (UINT64_MAX >> (64 - steps)) & 63;
        uint64_t w = f * g * (f * f - 2) & clear;
        g += f * w;
        q += u * w;
        r += v * w;
    }
    *ret = (struct matrix){(int64_t)u, (int64_t)v, (int64_t)q, (int64_t)r};
    return eta;
}

/* (f, g) = matrix (f, g) / 2^62, exact. */
static void update_fg(struct number *f, struct number *g, const struct matrix *m)
{
    __int128 cf = (__int128)m->u * f->limb[0] + (__int128)m->v * g->limb[0];
    __int128 cg = (__int128)m->q * f->limb[0] + (__int128)m->r * g->limb[0];
    cf >>= BITS;
    cg >>= BITS;
    for (int i = 1; i < LIMBS; i++) {
        cf += (__int128)m->u * f->limb[i] + (__int128)m->v * g->limb[i];
        cg += (__int128)m->q * f->limb[i] + (__int128)m->r * g->limb[i];
        f->limb[i - 1] = (int64_t)((uint64_t)cf & MASK);
        g->limb[i - 1] = (int64_t)((uint64_t)cg & MASK);
        cf >>= BITS;
        cg >>= BITS;
    }
    f->limb[LIMBS - 1] = (int64_t)cf;
    g->limb[LIMBS - 1] = (int64_t)cg;
}

/* (d, e) = matrix (d, e) / 2^62 mod p; both stay in (-2p, p). */
static void update_de(struct number *d, struct number *e, const struct matrix *m)
{
    int64_t d_sign = d->limb[LIMBS - 1] >> 63, e_sign = e->limb[LIMBS - 1] >> 63;
    int64_t md = (m->u & d_sign) + (m->v & e_sign), me = (m->q & d_sign) + (m->r & e_sign);
    __int128 cd = (__int128)m->u * d->limb[0] + (__int128)m->v * e->limb[0];
    __int128 ce = (__int128)m->q * d->limb[0] + (__int128)m->r * e->limb[0];
    md -= (int64_t)((MODULUS_INVERSE * (uint64_t)cd + (uint64_t)md) & MASK);
    me -= (int64_t)((MODULUS_INVERSE * (uint64_t)ce + (uint64_t)me) & MASK);
    cd += (__int128)modulus.limb[0] * md;
    ce += (__int128)modulus.limb[0] * me;
    cd >>= BITS;
    ce >>= BITS;
    for (int i = 1; i < LIMBS; i++) {
        cd += (__int128)m->u * d->limb[i] + (__int128)m->v * e->limb[i];
        ce += (__int128)m->q * d->limb[i] + (__int128)m->r * e->limb[i];
        cd += (__int128)modulus.limb[i] * md;
        ce += (__int128)modulus.limb[i] * me;
        d->limb[i - 1] = (int64_t)((uint64_t)cd & MASK);
        e->limb[i - 1] = (int64_t)((uint64_t)ce & MASK);
        cd >>= BITS;
        ce >>= BITS;
    }
    d->limb[LIMBS - 1] = (int64_t)cd;
    e->limb[LIMBS - 1] = (int64_t)ce;
}

static void carry_up(struct number *a)
{
    for (int i = 0; i < LIMBS - 1; i++) {
        a->limb[i + 1] += a->limb[i] >> BITS;
        a->limb[i] &= (int64_t)MASK;
    }
}

static void add_modulus_if(struct number *a, int64_t condition)
{
    for (int i = 0; i < LIMBS; i++)
        a->limb[i] += modulus.limb[i] & condition;
    carry_up(a);
}

/* d, negated when f ended at -1, in [0, p). */
static void normalise(struct number *d, int64_t f_sign)
{
    add_modulus_if(d, d->limb[LIMBS - 1] >> 63);
    for (int i = 0; i < LIMBS; i++)
        d->limb[i] = (d->limb[i] ^ f_sign) - f_sign;
    carry_up(d);
    add_modulus_if(d, d->limb[LIMBS - 1] >> 63);
}

static bool number_is_zero(const struct number *a)
{
    int64_t any = 0;
    for (int i = 0; i < LIMBS; i++)
        any |= a->limb[i];
    return any == 0;
}

void sy_fp_inv_plain(uint64_t ret[SY_FP_LIMBS], const uint64_t a[SY_FP_LIMBS])
{
    struct number d = {{0}}, e = {{1}}, f = modulus, g;
    struct matrix m;
    int64_t eta = -1;
    for (int i = 0; i < LIMBS; i++) {
        unsigned at = (unsigned)i * BITS, word = at / 64, shift = at % 64;
        uint64_t value = word < SY_FP_LIMBS ? a[word] >> shift : 0;
        if (shift > 2 && word + 1 < SY_FP_LIMBS)
            value |= a[word + 1] << (64 - shift);
        g.limb[i] = (int64_t)(value & MASK);
    }
    for (int round = 0; round < ROUNDS_MAX && !number_is_zero(&g); round++) {
        eta = divide_steps(&m, eta, (uint64_t)f.limb[0], (uint64_t)g.limb[0]);
        update_de(&d, &e, &m);
        update_fg(&f, &g, &m);
    }
    normalise(&d, f.limb[LIMBS - 1] >> 63);
    for (unsigned i = 0; i < SY_FP_LIMBS; i++) {
        unsigned at = i * 64, limb = at / BITS, shift = at % BITS;
        uint64_t value = (uint64_t)d.limb[limb] >> shift;
        if (limb + 1 < LIMBS)
            value |= (uint64_t)d.limb[limb + 1] << (BITS - shift);
        ret[i] = value;
    }
}

void sy_fp_inv(struct sy_fp *ret, const struct sy_fp *a)
{
    struct sy_fp plain;
    sy_fp_inv_plain(plain.limb, a->limb);
    sy_fp_mul(ret, &plain, &r_cubed);
}
