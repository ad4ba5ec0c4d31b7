#include "tasks/snark/num.h"

struct sy_num sy_num_alloc(struct sy_cs *cs, const struct sy_fr *value)
{
    return (struct sy_num){sy_cs_alloc(cs, value), *value};
}

struct sy_num sy_num_alloc_bytes(struct sy_cs *cs, const uint8_t bytes[32])
{
    struct sy_fr value = sy_fr_zero;
    if (bytes && sy_fr_from_bytes(&value, bytes, NULL) != 0)
        sy_cs_fail(cs, SY_E_CORRUPT, "a node of the proof is no field element");
    return sy_num_alloc(cs, &value);
}

void sy_num_inputize(struct sy_cs *cs, const struct sy_num *x)
{
    uint32_t input = sy_cs_input(cs, &x->value);
    if (sy_cs_open(cs)) {
        sy_lc_add_one(&cs->a, input);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, x->var);
        sy_cs_close(cs);
    }
}

void sy_num_equal(struct sy_cs *cs, const struct sy_num *a, const struct sy_num *b)
{
    if (sy_cs_open(cs)) {
        sy_lc_add_one(&cs->a, a->var);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, b->var);
        sy_cs_close(cs);
    }
}

struct sy_num sy_num_add(struct sy_cs *cs, const struct sy_num *a, const struct sy_num *b)
{
    struct sy_fr sum;
    sy_fr_add(&sum, &a->value, &b->value);
    struct sy_num s = sy_num_alloc(cs, &sum);
    if (sy_cs_open(cs)) {
        sy_lc_add_one(&cs->a, a->var);
        sy_lc_add_one(&cs->a, b->var);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, s.var);
        sy_cs_close(cs);
    }
    return s;
}

struct sy_num sy_num_mul(struct sy_cs *cs, const struct sy_num *a, const struct sy_num *b)
{
    struct sy_fr product;
    sy_fr_mul(&product, &a->value, &b->value);
    struct sy_num p = sy_num_alloc(cs, &product);
    if (sy_cs_open(cs)) {
        sy_lc_add_one(&cs->a, a->var);
        sy_lc_add_one(&cs->b, b->var);
        sy_lc_add_one(&cs->c, p.var);
        sy_cs_close(cs);
    }
    return p;
}

struct sy_num sy_num_pick(struct sy_cs *cs, struct sy_bit c, const struct sy_num *x,
                          const struct sy_num *y)
{
    struct sy_num r = sy_num_alloc(cs, c.value ? &x->value : &y->value);
    if (sy_cs_open(cs)) {
        sy_lc_add_one(&cs->a, y->var);
        sy_lc_sub_one(&cs->a, x->var);
        sy_lc_add_bit(&cs->b, c, 0);
        sy_lc_add_one(&cs->c, y->var);
        sy_lc_sub_one(&cs->c, r.var);
        sy_cs_close(cs);
    }
    return r;
}

/* ---------------------------------------------------------------------------------------- bits */

static void alloc_bits(struct sy_cs *cs, const struct sy_fr *value,
                       struct sy_bit ret_bits[SY_NUM_BITS])
{
    uint64_t limbs[SY_FR_LIMBS];
    sy_fr_to_limbs(limbs, value);
    for (unsigned i = 0; i < SY_NUM_BITS; i++)
        ret_bits[i] = sy_bit_alloc(cs, (limbs[i / 64] >> i % 64 & 1) != 0);
}

static void add_bits(struct sy_lc *lc, const struct sy_bit *bits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sy_lc_add_bit(lc, bits[i], (unsigned)i);
}

void sy_num_to_bits(struct sy_cs *cs, const struct sy_num *x, struct sy_bit ret_bits[SY_NUM_BITS])
{
    alloc_bits(cs, &x->value, ret_bits);
    if (sy_cs_open(cs)) {
        add_bits(&cs->c, ret_bits, SY_NUM_BITS);
        sy_lc_sub_one(&cs->c, x->var);
        sy_cs_close(cs);
    }
}

void sy_num_to_bits_update(struct sy_cs *cs, const struct sy_num *x,
                           struct sy_bit ret_bits[SY_NUM_BITS])
{
    alloc_bits(cs, &x->value, ret_bits);
    if (sy_cs_open(cs)) {
        add_bits(&cs->a, ret_bits, SY_NUM_BITS);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, x->var);
        sy_cs_close(cs);
    }
}

void sy_bits_value(const struct sy_bit *bits, size_t count, struct sy_fr *ret)
{
    SY_ASSERT(count <= SY_NUM_CAPACITY);
    uint64_t limbs[SY_FR_LIMBS] = {0};
    for (size_t i = 0; i < count; i++)
        limbs[i / 64] |= (uint64_t)bits[i].value << i % 64;
    sy_fr_from_limbs(ret, limbs);
}

struct sy_num sy_num_pack(struct sy_cs *cs, const struct sy_bit *bits, size_t count)
{
    size_t packed = SY_MIN(count, (size_t)SY_NUM_CAPACITY);
    struct sy_fr value;
    sy_bits_value(bits, packed, &value);
    struct sy_num num = sy_num_alloc(cs, &value);
    if (sy_cs_open(cs)) {
        add_bits(&cs->a, bits, packed);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        sy_lc_add_one(&cs->c, num.var);
        sy_cs_close(cs);
    }
    return num;
}

void sy_num_pack_into_inputs(struct sy_cs *cs, const struct sy_bit *bits, size_t count)
{
    for (size_t start = 0; start < count; start += SY_NUM_CAPACITY) {
        size_t packed = SY_MIN(count - start, (size_t)SY_NUM_CAPACITY);
        struct sy_fr value;
        sy_bits_value(bits + start, packed, &value);
        uint32_t input = sy_cs_input(cs, &value);
        if (sy_cs_open(cs)) {
            add_bits(&cs->a, bits + start, packed);
            sy_lc_add_one(&cs->b, SY_VAR_ONE);
            sy_lc_add_one(&cs->c, input);
            sy_cs_close(cs);
        }
    }
}

/* ------------------------------------------------------------------------------ insert, select */

static void insert2(struct sy_cs *cs, const struct sy_num *x, const struct sy_bit *b,
                    const struct sy_num *s, struct sy_num *o)
{
    o[0] = sy_num_pick(cs, b[0], &s[0], x);
    o[1] = sy_num_pick(cs, b[0], x, &s[0]);
}

static void insert4(struct sy_cs *cs, const struct sy_num *x, const struct sy_bit *bit,
                    const struct sy_num *s, struct sy_num *o)
{
    const struct sy_num *a = x, *b = &s[0], *c = &s[1], *d = &s[2];
    struct sy_num t = sy_num_pick(cs, bit[0], b, a);
    o[0] = sy_num_pick(cs, bit[1], b, &t);
    t = sy_num_pick(cs, bit[0], a, b);
    o[1] = sy_num_pick(cs, bit[1], c, &t);
    t = sy_num_pick(cs, bit[0], d, a);
    o[2] = sy_num_pick(cs, bit[1], &t, c);
    t = sy_num_pick(cs, bit[0], a, d);
    o[3] = sy_num_pick(cs, bit[1], &t, d);
}

static void insert8(struct sy_cs *cs, const struct sy_num *a, const struct sy_bit *bit,
                    const struct sy_num *s, struct sy_num *o)
{
    const struct sy_num *b = &s[0], *c = &s[1], *d = &s[2], *e = &s[3];
    const struct sy_num *f = &s[4], *g = &s[5], *h = &s[6];
    struct sy_bit neither = sy_bit_and(cs, sy_bit_not(bit[0]), sy_bit_not(bit[1]));
    struct sy_bit both = sy_bit_and(cs, bit[0], bit[1]);
    struct sy_num t = sy_num_pick(cs, neither, a, b);
    o[0] = sy_num_pick(cs, bit[2], b, &t);
    t = sy_num_pick(cs, bit[0], a, b);
    t = sy_num_pick(cs, bit[1], c, &t);
    o[1] = sy_num_pick(cs, bit[2], c, &t);
    t = sy_num_pick(cs, bit[0], d, a);
    t = sy_num_pick(cs, bit[1], &t, c);
    o[2] = sy_num_pick(cs, bit[2], d, &t);
    t = sy_num_pick(cs, both, a, d);
    o[3] = sy_num_pick(cs, bit[2], e, &t);
    t = sy_num_pick(cs, neither, a, f);
    o[4] = sy_num_pick(cs, bit[2], &t, e);
    t = sy_num_pick(cs, bit[0], a, f);
    t = sy_num_pick(cs, bit[1], g, &t);
    o[5] = sy_num_pick(cs, bit[2], &t, f);
    t = sy_num_pick(cs, bit[0], h, a);
    t = sy_num_pick(cs, bit[1], &t, g);
    o[6] = sy_num_pick(cs, bit[2], &t, g);
    t = sy_num_pick(cs, both, a, h);
    o[7] = sy_num_pick(cs, bit[2], &t, h);
}

void sy_num_insert(struct sy_cs *cs, unsigned arity, const struct sy_num *x,
                   const struct sy_bit *position, const struct sy_num *siblings,
                   struct sy_num *ret_group)
{
    SY_ASSERT(arity == 2 || arity == 4 || arity == 8);
    if (arity == 2)
        insert2(cs, x, position, siblings, ret_group);
    else if (arity == 4)
        insert4(cs, x, position, siblings, ret_group);
    else
        insert8(cs, x, position, siblings, ret_group);
}

struct sy_num sy_num_select(struct sy_cs *cs, struct sy_num *list, unsigned bits,
                            const struct sy_bit *position)
{
    for (unsigned i = bits; i-- > 0;) {
        size_t half = (size_t)1 << i;
        for (size_t j = 0; j < half; j++)
            list[j] = sy_num_pick(cs, position[i], &list[half + j], &list[j]);
    }
    return list[0];
}
