/* Booleans and 32-bit words of a circuit.
 *
 * A bit is a constant, a variable, or the negation of a variable; "not" costs nothing. The logic
 * gates simplify constants in a fixed order, which decides how many constraints there are. Words
 * are 32 bits, least significant first; sums of words are compared with their result bits in
 * batches of up to 254 bits (MultiEq).
 */
#ifndef SEALYARD_TASKS_SNARK_BITS_H
#define SEALYARD_TASKS_SNARK_BITS_H

#include "tasks/snark/cs.h"

enum sy_bit_kind { SY_BIT_CONST, SY_BIT_IS, SY_BIT_NOT };
struct sy_bit {
    uint32_t var; /* unless constant */
    uint8_t kind; /* enum sy_bit_kind */
    bool value;   /* of the bit itself, negation included */
};

struct sy_bit sy_bit_const(bool value);
struct sy_bit sy_bit_not(struct sy_bit bit);
/* A new variable with (ONE - b) * b = 0. */
struct sy_bit sy_bit_alloc(struct sy_cs *cs, bool value);
struct sy_bit sy_bit_xor(struct sy_cs *cs, struct sy_bit a, struct sy_bit b);
struct sy_bit sy_bit_and(struct sy_cs *cs, struct sy_bit a, struct sy_bit b);
/* a ? b : c, and the majority, as SHA-256 uses them. */
struct sy_bit sy_bit_choose(struct sy_cs *cs, struct sy_bit a, struct sy_bit b, struct sy_bit c);
struct sy_bit sy_bit_majority(struct sy_cs *cs, struct sy_bit a, struct sy_bit b, struct sy_bit c);
/* lc += 2^power * bit, or minus that. */
void sy_lc_add_bit(struct sy_lc *lc, struct sy_bit bit, unsigned power);
void sy_lc_sub_bit(struct sy_lc *lc, struct sy_bit bit, unsigned power);

struct sy_word {
    struct sy_bit bit[32]; /* least significant first */
};
struct sy_word sy_word_const(uint32_t value);
uint32_t sy_word_value(const struct sy_word *word);
struct sy_word sy_word_rotr(const struct sy_word *word, unsigned by);
struct sy_word sy_word_shr(const struct sy_word *word, unsigned by);
struct sy_word sy_word_xor(struct sy_cs *cs, const struct sy_word *a, const struct sy_word *b);

/* Open sums of one compression. The two LCs live in the constraint system: one at a time. */
struct sy_multi_eq {
    struct sy_cs *cs;
    unsigned bits_used;
};
void sy_multi_eq_begin(struct sy_multi_eq *eq, struct sy_cs *cs);
void sy_multi_eq_end(struct sy_multi_eq *eq);

#define SY_WORD_SUM_MAX 10
/* The sum of 2 to SY_WORD_SUM_MAX words modulo 2^32. */
struct sy_word sy_word_sum(struct sy_multi_eq *eq, const struct sy_word *const *words,
                           unsigned count);

#endif
