#include "tasks/snark/bits.h"

#include <string.h>

/* Bits that one equation of a MultiEq may hold: the field's capacity. */
#define EQUATION_BITS 254

static uint32_t alloc_bool(struct sy_cs *cs, bool value)
{
    return sy_cs_alloc(cs, value ? &sy_fr_one : &sy_fr_zero);
}

struct sy_bit sy_bit_const(bool value)
{
    return (struct sy_bit){0, SY_BIT_CONST, value};
}

struct sy_bit sy_bit_not(struct sy_bit bit)
{
    static const uint8_t negated[] = {
        [SY_BIT_CONST] = SY_BIT_CONST, [SY_BIT_IS] = SY_BIT_NOT, [SY_BIT_NOT] = SY_BIT_IS};
    return (struct sy_bit){bit.var, negated[bit.kind], !bit.value};
}

static bool is_const(struct sy_bit bit, bool value)
{
    return bit.kind == SY_BIT_CONST && bit.value == value;
}

struct sy_bit sy_bit_alloc(struct sy_cs *cs, bool value)
{
    struct sy_bit bit = {alloc_bool(cs, value), SY_BIT_IS, value};
    if (sy_cs_open(cs)) {
        sy_lc_add_one(&cs->a, SY_VAR_ONE);
        sy_lc_sub_one(&cs->a, bit.var);
        sy_lc_add_one(&cs->b, bit.var);
        sy_cs_close(cs);
    }
    return bit;
}

void sy_lc_add_bit(struct sy_lc *lc, struct sy_bit bit, unsigned power)
{
    if (bit.kind == SY_BIT_NOT) {
        sy_lc_add_pow2(lc, SY_VAR_ONE, power);
        sy_lc_sub_pow2(lc, bit.var, power);
    } else if (bit.kind == SY_BIT_IS) {
        sy_lc_add_pow2(lc, bit.var, power);
    } else if (bit.value) {
        sy_lc_add_pow2(lc, SY_VAR_ONE, power);
    }
}

void sy_lc_sub_bit(struct sy_lc *lc, struct sy_bit bit, unsigned power)
{
    if (bit.kind == SY_BIT_NOT) {
        sy_lc_sub_pow2(lc, SY_VAR_ONE, power);
        sy_lc_add_pow2(lc, bit.var, power);
    } else if (bit.kind == SY_BIT_IS) {
        sy_lc_sub_pow2(lc, bit.var, power);
    } else if (bit.value) {
        sy_lc_sub_pow2(lc, SY_VAR_ONE, power);
    }
}

/* r = x ^ y over variables with values x, y: 2x * y = x + y - r. */
static uint32_t xor_vars(struct sy_cs *cs, uint32_t x, uint32_t y, bool value)
{
    uint32_t r = alloc_bool(cs, value);
    if (sy_cs_open(cs)) {
        sy_lc_add_pow2(&cs->a, x, 1);
        sy_lc_add_one(&cs->b, y);
        sy_lc_add_one(&cs->c, x);
        sy_lc_add_one(&cs->c, y);
        sy_lc_sub_one(&cs->c, r);
        sy_cs_close(cs);
    }
    return r;
}

/* The value of the variable under a bit. */
static bool var_value(struct sy_bit bit)
{
    return bit.kind == SY_BIT_NOT ? !bit.value : bit.value;
}

struct sy_bit sy_bit_xor(struct sy_cs *cs, struct sy_bit a, struct sy_bit b)
{
    if (is_const(a, false))
        return b;
    if (is_const(b, false))
        return a;
    if (is_const(a, true))
        return sy_bit_not(b);
    if (is_const(b, true))
        return sy_bit_not(a);
    bool value = var_value(a) != var_value(b);
    if (a.kind == b.kind)
        return (struct sy_bit){xor_vars(cs, a.var, b.var, value), SY_BIT_IS, value};
    struct sy_bit is = a.kind == SY_BIT_IS ? a : b;
    struct sy_bit not = a.kind == SY_BIT_IS ? b : a;
    return (struct sy_bit){xor_vars(cs, is.var, not .var, value), SY_BIT_NOT, !value};
}

/* r = lc(a) * lc(b), where lc(Not x) = ONE - x. */
static struct sy_bit product(struct sy_cs *cs, struct sy_bit a, struct sy_bit b)
{
    bool value = a.value && b.value;
    struct sy_bit r = {alloc_bool(cs, value), SY_BIT_IS, value};
    if (sy_cs_open(cs)) {
        sy_lc_add_bit(&cs->a, a, 0);
        sy_lc_add_bit(&cs->b, b, 0);
        sy_lc_add_one(&cs->c, r.var);
        sy_cs_close(cs);
    }
    return r;
}

struct sy_bit sy_bit_and(struct sy_cs *cs, struct sy_bit a, struct sy_bit b)
{
    if (is_const(a, false) || is_const(b, false))
        return sy_bit_const(false);
    if (is_const(a, true))
        return b;
    if (is_const(b, true))
        return a;
    if (a.kind == SY_BIT_NOT && b.kind == SY_BIT_IS)
        return product(cs, b, a);
    return product(cs, a, b);
}

struct sy_bit sy_bit_choose(struct sy_cs *cs, struct sy_bit a, struct sy_bit b, struct sy_bit c)
{
    bool value = a.value ? b.value : c.value;
    if (a.kind == SY_BIT_CONST && b.kind == SY_BIT_CONST && c.kind == SY_BIT_CONST)
        return sy_bit_const(value);
    if (is_const(a, false))
        return c;
    if (is_const(b, false))
        return sy_bit_and(cs, sy_bit_not(a), c);
    if (is_const(c, false))
        return sy_bit_and(cs, a, b);
    if (is_const(c, true))
        return sy_bit_not(sy_bit_and(cs, a, sy_bit_not(b)));
    if (is_const(b, true))
        return sy_bit_not(sy_bit_and(cs, sy_bit_not(a), sy_bit_not(c)));
    struct sy_bit r = {alloc_bool(cs, value), SY_BIT_IS, value};
    if (sy_cs_open(cs)) {
        sy_lc_add_bit(&cs->a, b, 0);
        sy_lc_sub_bit(&cs->a, c, 0);
        sy_lc_add_bit(&cs->b, a, 0);
        sy_lc_add_one(&cs->c, r.var);
        sy_lc_sub_bit(&cs->c, c, 0);
        sy_cs_close(cs);
    }
    return r;
}

/* The general case of the majority: the result is allocated before b & c. */
static struct sy_bit majority_of_variables(struct sy_cs *cs, struct sy_bit a, struct sy_bit b,
                                           struct sy_bit c, bool value)
{
    struct sy_bit r = {alloc_bool(cs, value), SY_BIT_IS, value};
    struct sy_bit both = sy_bit_and(cs, b, c);
    if (sy_cs_open(cs)) {
        sy_lc_add_bit(&cs->a, both, 1);
        sy_lc_sub_bit(&cs->a, b, 0);
        sy_lc_sub_bit(&cs->a, c, 0);
        sy_lc_add_bit(&cs->b, a, 0);
        sy_lc_add_bit(&cs->c, both, 0);
        sy_lc_sub_one(&cs->c, r.var);
        sy_cs_close(cs);
    }
    return r;
}

struct sy_bit sy_bit_majority(struct sy_cs *cs, struct sy_bit a, struct sy_bit b, struct sy_bit c)
{
    bool value = (a.value && b.value) != ((a.value && c.value) != (b.value && c.value));
    if (a.kind == SY_BIT_CONST && b.kind == SY_BIT_CONST && c.kind == SY_BIT_CONST)
        return sy_bit_const(value);
    if (is_const(a, false))
        return sy_bit_and(cs, b, c);
    if (is_const(b, false))
        return sy_bit_and(cs, a, c);
    if (is_const(c, false))
        return sy_bit_and(cs, a, b);
    if (is_const(c, true))
        return sy_bit_not(sy_bit_and(cs, sy_bit_not(a), sy_bit_not(b)));
    if (is_const(b, true))
        return sy_bit_not(sy_bit_and(cs, sy_bit_not(a), sy_bit_not(c)));
    if (is_const(a, true))
        return sy_bit_not(sy_bit_and(cs, sy_bit_not(b), sy_bit_not(c)));
    return majority_of_variables(cs, a, b, c, value);
}

/* -------------------------------------------------------------------------------------- words */

struct sy_word sy_word_const(uint32_t value)
{
    struct sy_word word;
    for (unsigned i = 0; i < 32; i++)
        word.bit[i] = sy_bit_const((value >> i & 1) != 0);
    return word;
}

uint32_t sy_word_value(const struct sy_word *word)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 32; i++)
        value |= (uint32_t)word->bit[i].value << i;
    return value;
}

struct sy_word sy_word_rotr(const struct sy_word *word, unsigned by)
{
    struct sy_word out;
    for (unsigned i = 0; i < 32; i++)
        out.bit[i] = word->bit[(i + by) % 32];
    return out;
}

struct sy_word sy_word_shr(const struct sy_word *word, unsigned by)
{
    struct sy_word out;
    for (unsigned i = 0; i < 32; i++)
        out.bit[i] = i + by < 32 ? word->bit[i + by] : sy_bit_const(false);
    return out;
}

struct sy_word sy_word_xor(struct sy_cs *cs, const struct sy_word *a, const struct sy_word *b)
{
    struct sy_word out;
    for (unsigned i = 0; i < 32; i++)
        out.bit[i] = sy_bit_xor(cs, a->bit[i], b->bit[i]);
    return out;
}

void sy_multi_eq_begin(struct sy_multi_eq *eq, struct sy_cs *cs)
{
    eq->cs = cs;
    eq->bits_used = 0;
    sy_lc_clear(&cs->sum_left);
    sy_lc_clear(&cs->sum_right);
}

static void copy_terms(struct sy_lc *to, const struct sy_lc *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        sy_lc_add(to, from->terms[i].var, &from->terms[i].coeff);
    to->failed |= from->failed;
}

static void flush(struct sy_multi_eq *eq)
{
    struct sy_cs *cs = eq->cs;
    if (sy_cs_open(cs)) {
        copy_terms(&cs->a, &cs->sum_left);
        sy_lc_add_one(&cs->b, SY_VAR_ONE);
        copy_terms(&cs->c, &cs->sum_right);
        sy_cs_close(cs);
    }
    sy_lc_clear(&cs->sum_left);
    sy_lc_clear(&cs->sum_right);
    eq->bits_used = 0;
}

void sy_multi_eq_end(struct sy_multi_eq *eq)
{
    if (eq->bits_used > 0)
        flush(eq);
}

static bool all_const(const struct sy_word *const *words, unsigned count)
{
    for (unsigned w = 0; w < count; w++)
        for (unsigned i = 0; i < 32; i++)
            if (words[w]->bit[i].kind != SY_BIT_CONST)
                return false;
    return true;
}

static void enforce_sum(struct sy_multi_eq *eq, const struct sy_word *const *words, unsigned count,
                        const struct sy_bit *result, unsigned bits)
{
    if (eq->bits_used + bits >= EQUATION_BITS)
        flush(eq);
    if (eq->cs->sink) {
        for (unsigned w = 0; w < count; w++)
            for (unsigned i = 0; i < 32; i++)
                sy_lc_add_bit(&eq->cs->sum_left, words[w]->bit[i], eq->bits_used + i);
        for (unsigned i = 0; i < bits; i++)
            sy_lc_add_bit(&eq->cs->sum_right, result[i], eq->bits_used + i);
    }
    eq->bits_used += bits;
}

struct sy_word sy_word_sum(struct sy_multi_eq *eq, const struct sy_word *const *words,
                           unsigned count)
{
    SY_ASSERT(count >= 2 && count <= SY_WORD_SUM_MAX);
    uint64_t sum = 0;
    for (unsigned w = 0; w < count; w++)
        sum += sy_word_value(words[w]);
    if (all_const(words, count))
        return sy_word_const((uint32_t)sum);
    uint64_t largest = (uint64_t)count * UINT32_MAX;
    unsigned bits = 64 - (unsigned)__builtin_clzll(largest);
    struct sy_bit result[36];
    for (unsigned i = 0; i < bits; i++)
        result[i] = sy_bit_alloc(eq->cs, (sum >> i & 1) != 0);
    enforce_sum(eq, words, count, result, bits);
    struct sy_word out;
    memcpy(out.bit, result, sizeof out.bit);
    return out;
}
