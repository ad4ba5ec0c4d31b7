/* Field elements inside a circuit: allocation, bits, packing, picking.
 *
 * Every function states its constraints; the order of allocations is the network's (facts
 * groth16.md 6.4, 6.5) and must not change.
 */
#ifndef SEALYARD_TASKS_SNARK_NUM_H
#define SEALYARD_TASKS_SNARK_NUM_H

#include "tasks/snark/bits.h"

#define SY_NUM_BITS 255
#define SY_NUM_CAPACITY 254

struct sy_num {
    uint32_t var;
    struct sy_fr value;
};

struct sy_num sy_num_alloc(struct sy_cs *cs, const struct sy_fr *value);
/* From 32 little-endian bytes; a value >= r makes the system fail with SY_E_CORRUPT. */
struct sy_num sy_num_alloc_bytes(struct sy_cs *cs, const uint8_t bytes[32]);
/* Makes a number public: new input v, v * ONE = x. */
void sy_num_inputize(struct sy_cs *cs, const struct sy_num *x);
/* a * ONE = b. */
void sy_num_equal(struct sy_cs *cs, const struct sy_num *a, const struct sy_num *b);
/* s with (a + b) * ONE = s. */
struct sy_num sy_num_add(struct sy_cs *cs, const struct sy_num *a, const struct sy_num *b);
/* p with a * b = p. */
struct sy_num sy_num_mul(struct sy_cs *cs, const struct sy_num *a, const struct sy_num *b);
/* r = c ? x : y: c * (y - x) = y - r. */
struct sy_num sy_num_pick(struct sy_cs *cs, struct sy_bit c, const struct sy_num *x,
                          const struct sy_num *y);

/* 255 bits of the canonical value, least significant first; 256 constraints. The packing constraint
 * stands on the C side with empty A and B ... */
void sy_num_to_bits(struct sy_cs *cs, const struct sy_num *x, struct sy_bit ret_bits[SY_NUM_BITS]);
/* ... or on the A side, as only the update circuit has it: the densities differ. */
void sy_num_to_bits_update(struct sy_cs *cs, const struct sy_num *x,
                           struct sy_bit ret_bits[SY_NUM_BITS]);
/* The number of the first min(count, 254) bits; count may be 0. */
struct sy_num sy_num_pack(struct sy_cs *cs, const struct sy_bit *bits, size_t count);
/* One public input per 254 bits. */
void sy_num_pack_into_inputs(struct sy_cs *cs, const struct sy_bit *bits, size_t count);

/* Puts x among the arity - 1 siblings at the position that log2(arity) bits spell; arity 2, 4 or 8
 * costs 2, 8 or 22 constraints. */
void sy_num_insert(struct sy_cs *cs, unsigned arity, const struct sy_num *x,
                   const struct sy_bit *position, const struct sy_num *siblings,
                   struct sy_num *ret_group);
/* list[position] of 2^bits numbers; 2^bits - 1 constraints. The list is overwritten. */
struct sy_num sy_num_select(struct sy_cs *cs, struct sy_num *list, unsigned bits,
                            const struct sy_bit *position);

/* Value of up to 254 bits as a field element. */
void sy_bits_value(const struct sy_bit *bits, size_t count, struct sy_fr *ret);

#endif
