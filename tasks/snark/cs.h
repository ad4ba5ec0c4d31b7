/* The constraint system: one circuit source, three users.
 *
 * A circuit allocates variables and enforces A * B = C over linear combinations (LC). Which work is
 * really done depends on what the user attached:
 *   values      the witness: every allocation stores its value (struct sy_cs_values)
 *   sink        gets every constraint: digest and densities (digest.h), key generation, or the
 *               evaluation of A, B, C for the prover (with values)
 * Without a sink no LC is ever built, so generating a witness costs field arithmetic only.
 *
 * Inputs and auxiliary variables have separate counters; input 0 is the constant one. Gadgets
 * return nothing: the first failure (memory, a value that must not be) sticks to the system and is
 * reported by sy_cs_end. Shapes never depend on values. Threads: one system belongs to one thread.
 *
 * Source: facts of bellperson 0.27 and filecoin-proofs 19.1 (order of allocations and constraints).
 */
#ifndef SEALYARD_TASKS_SNARK_CS_H
#define SEALYARD_TASKS_SNARK_CS_H

#include "common/err.h"
#include "tasks/field/fr.h"

/* A variable: bit 31 set = input, the rest is its index. */
#define SY_VAR_INPUT UINT32_C(0x80000000)
#define SY_VAR_ONE SY_VAR_INPUT
#define SY_CS_VARIABLES_MAX UINT32_C(0x7fffffff)

struct sy_term {
    uint32_t var;
    struct sy_fr coeff;
};

/* Terms in the order in which they were added; a variable may stand more than once until
 * sy_lc_merge. */
struct sy_lc {
    struct sy_term *terms;
    uint32_t count, capacity;
    bool failed; /* out of memory; reported by the constraint system */
};

void sy_lc_fini(struct sy_lc *lc);
static inline void sy_lc_clear(struct sy_lc *lc)
{
    lc->count = 0;
}
/* lc += coeff * var, and the common coefficients. */
void sy_lc_add(struct sy_lc *lc, uint32_t var, const struct sy_fr *coeff);
void sy_lc_add_one(struct sy_lc *lc, uint32_t var);
void sy_lc_sub_one(struct sy_lc *lc, uint32_t var);
/* lc += 2^power * var, or minus that; power < 255. */
void sy_lc_add_pow2(struct sy_lc *lc, uint32_t var, unsigned power);
void sy_lc_sub_pow2(struct sy_lc *lc, uint32_t var, unsigned power);
/* Sorts inputs first, then by index, adds up equal variables, drops zero coefficients. */
void sy_lc_merge(struct sy_lc *lc);
/* 2^power mod r, power < 255. Static table, made once. */
const struct sy_fr *sy_fr_pow2(unsigned power);
extern const struct sy_fr sy_fr_minus_one;

struct sy_cs_sink {
    bool wants_merged; /* LCs are merged before they are handed over */
    void (*constraint)(void *ctx, const struct sy_lc *a, const struct sy_lc *b,
                       const struct sy_lc *c);
    void *ctx;
};

/* Values of all variables, Montgomery form. Owned by the caller of sy_cs_values_fini. */
struct sy_cs_values {
    struct sy_fr *inputs, *aux;
    uint32_t input_capacity, aux_capacity;
};
void sy_cs_values_fini(struct sy_cs_values *values);

struct sy_cs {
    const struct sy_cs_sink *sink; /* borrowed; NULL = no constraints wanted */
    struct sy_cs_values *values;   /* borrowed; NULL = blank */
    uint32_t inputs, aux;
    uint64_t constraints;
    struct sy_lc a, b, c;             /* the constraint being built */
    struct sy_lc sum_left, sum_right; /* of the open MultiEq (bits.h) */
    struct sy_error error;
};

/* Starts with input 0 = one. `expected_aux` sizes the value table, 0 = unknown. */
void sy_cs_begin(struct sy_cs *cs, const struct sy_cs_sink *sink, struct sy_cs_values *values,
                 uint32_t expected_aux);
/* Appends input * 0 = 0 for every input, as prover and key generator want (the digests "before"
 * leave it out), frees the scratch and gives the first failure. */
void sy_cs_constrain_inputs(struct sy_cs *cs);
int sy_cs_end(struct sy_cs *cs, struct sy_error *err);
/* Makes the system fail; the first failure is kept. */
void sy_cs_fail(struct sy_cs *cs, int code, const char *text);

/* New variables. The value is ignored in a blank system. */
uint32_t sy_cs_alloc(struct sy_cs *cs, const struct sy_fr *value);
uint32_t sy_cs_input(struct sy_cs *cs, const struct sy_fr *value);

/* True when constraints are wanted; clears a, b, c for the next one. Always counts it:
 *     if (sy_cs_open(cs)) { sy_lc_add_one(&cs->a, x); ...; sy_cs_close(cs); } */
bool sy_cs_open(struct sy_cs *cs);
void sy_cs_close(struct sy_cs *cs);

#endif
