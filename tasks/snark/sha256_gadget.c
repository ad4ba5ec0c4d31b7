#include "tasks/snark/sha256_gadget.h"

#include "tasks/hash/sha256.h"

#include <string.h>

#define BLOCK_BITS 512
#define LENGTH_BITS 64

/* A word, or the words whose sum it will be once somebody needs it. */
struct lazy_word {
    struct sy_word parts[SY_WORD_SUM_MAX];
    unsigned count; /* 1 = parts[0] is the word */
};

static struct sy_word sum_parts(struct sy_multi_eq *eq, const struct lazy_word *lazy)
{
    const struct sy_word *parts[SY_WORD_SUM_MAX];
    for (unsigned i = 0; i < lazy->count; i++)
        parts[i] = &lazy->parts[i];
    return lazy->count == 1 ? lazy->parts[0] : sy_word_sum(eq, parts, lazy->count);
}

static struct sy_word xor3(struct sy_cs *cs, const struct sy_word *a, const struct sy_word *b,
                           const struct sy_word *c)
{
    struct sy_word ab = sy_word_xor(cs, a, b);
    return sy_word_xor(cs, &ab, c);
}

static struct sy_word sigma(struct sy_cs *cs, const struct sy_word *x, unsigned r0, unsigned r1,
                            unsigned last, bool shift)
{
    struct sy_word a = sy_word_rotr(x, r0), b = sy_word_rotr(x, r1);
    struct sy_word c = shift ? sy_word_shr(x, last) : sy_word_rotr(x, last);
    return xor3(cs, &a, &b, &c);
}

static void expand_message(struct sy_cs *cs, struct sy_multi_eq *eq, const struct sy_bit *block,
                           struct sy_word w[64])
{
    for (unsigned i = 0; i < 16; i++)
        for (unsigned j = 0; j < 32; j++)
            w[i].bit[31 - j] = block[32 * i + j];
    for (unsigned i = 16; i < 64; i++) {
        struct sy_word s0 = sigma(cs, &w[i - 15], 7, 18, 3, true);
        struct sy_word s1 = sigma(cs, &w[i - 2], 17, 19, 10, true);
        const struct sy_word *terms[] = {&w[i - 16], &s0, &w[i - 7], &s1};
        w[i] = sy_word_sum(eq, terms, 4);
    }
}

static struct sy_word choose(struct sy_cs *cs, const struct sy_word *a, const struct sy_word *b,
                             const struct sy_word *c)
{
    struct sy_word out;
    for (unsigned i = 0; i < 32; i++)
        out.bit[i] = sy_bit_choose(cs, a->bit[i], b->bit[i], c->bit[i]);
    return out;
}

static struct sy_word majority(struct sy_cs *cs, const struct sy_word *a, const struct sy_word *b,
                               const struct sy_word *c)
{
    struct sy_word out;
    for (unsigned i = 0; i < 32; i++)
        out.bit[i] = sy_bit_majority(cs, a->bit[i], b->bit[i], c->bit[i]);
    return out;
}

/* The eight working words; a and e stay unsummed until they are read. */
struct working {
    struct lazy_word a, e;
    struct sy_word b, c, d, f, g, h;
};

static void round_step(struct sy_cs *cs, struct sy_multi_eq *eq, struct working *v, uint32_t k,
                       const struct sy_word *w)
{
    struct sy_word new_e = sum_parts(eq, &v->e);
    struct sy_word s1 = sigma(cs, &new_e, 6, 11, 25, false);
    struct sy_word ch = choose(cs, &new_e, &v->f, &v->g);
    struct sy_word temp[5] = {v->h, s1, ch, sy_word_const(k), *w};
    struct sy_word new_a = sum_parts(eq, &v->a);
    struct sy_word s0 = sigma(cs, &new_a, 2, 13, 22, false);
    struct sy_word maj = majority(cs, &new_a, &v->b, &v->c);
    v->h = v->g;
    v->g = v->f;
    v->f = new_e;
    memcpy(v->e.parts, temp, sizeof temp);
    v->e.parts[5] = v->d;
    v->e.count = 6;
    v->d = v->c;
    v->c = v->b;
    v->b = new_a;
    memcpy(v->a.parts, temp, sizeof temp);
    v->a.parts[5] = s0;
    v->a.parts[6] = maj;
    v->a.count = 7;
}

void sy_sha256_gadget_compress(struct sy_cs *cs, const struct sy_bit *block,
                               struct sy_word state[8])
{
    struct sy_multi_eq eq;
    struct sy_word w[64];
    sy_multi_eq_begin(&eq, cs);
    expand_message(cs, &eq, block, w);
    struct working v = {
        .b = state[1], .c = state[2], .d = state[3], .f = state[5], .g = state[6], .h = state[7]};
    v.a.parts[0] = state[0];
    v.a.count = 1;
    v.e.parts[0] = state[4];
    v.e.count = 1;
    for (unsigned i = 0; i < 64; i++)
        round_step(cs, &eq, &v, sy_sha256_k[i], &w[i]);
    v.a.parts[v.a.count++] = state[0];
    v.e.parts[v.e.count++] = state[4];
    const struct sy_word *added[8] = {NULL, &v.b, &v.c, &v.d, NULL, &v.f, &v.g, &v.h};
    for (unsigned i = 0; i < 8; i++) {
        const struct sy_word *terms[] = {&state[i], added[i]};
        struct sy_word out = i == 0   ? sum_parts(&eq, &v.a)
                             : i == 4 ? sum_parts(&eq, &v.e)
                                      : sy_word_sum(&eq, terms, 2);
        state[i] = out;
    }
    sy_multi_eq_end(&eq);
}

/* Bit `at` of the padded message: data, one, zeros, length. */
static struct sy_bit padded_bit(const struct sy_bit *bits, size_t bit_count, size_t total,
                                size_t at)
{
    if (at < bit_count)
        return bits[at];
    if (at == bit_count)
        return sy_bit_const(true);
    if (at < total - LENGTH_BITS)
        return sy_bit_const(false);
    return sy_bit_const((bit_count >> (total - 1 - at) & 1) != 0);
}

void sy_sha256_gadget(struct sy_cs *cs, const struct sy_bit *bits, size_t bit_count,
                      struct sy_bit *ret_digest)
{
    SY_ASSERT(bit_count % 8 == 0);
    size_t total = (bit_count + 1 + LENGTH_BITS + BLOCK_BITS - 1) / BLOCK_BITS * BLOCK_BITS;
    struct sy_word state[8];
    for (unsigned i = 0; i < 8; i++)
        state[i] = sy_word_const(sy_sha256_h0[i]);
    for (size_t start = 0; start < total; start += BLOCK_BITS) {
        struct sy_bit block[BLOCK_BITS];
        for (size_t i = 0; i < BLOCK_BITS; i++)
            block[i] = padded_bit(bits, bit_count, total, start + i);
        sy_sha256_gadget_compress(cs, block, state);
    }
    for (unsigned i = 0; i < 8; i++)
        for (unsigned j = 0; j < 32; j++)
            ret_digest[32 * i + j] = state[i].bit[31 - j];
}

void sy_bits_reverse_bytes(const struct sy_bit *in, size_t bit_count, struct sy_bit *out)
{
    size_t padded = (bit_count + 7) / 8 * 8;
    for (size_t i = 0; i < padded; i++) {
        size_t from = i / 8 * 8 + 7 - i % 8;
        out[i] = from < bit_count ? in[from] : sy_bit_const(false);
    }
}
