/* SHA-256 inside a circuit.
 *
 * Bits come in the order of the standard: the first byte's most significant bit first. One
 * compression of variable bits from the initial state costs 25 840 constraints, the hash of 512
 * bits 44 874. Source: FIPS 180-4; the order of sums is that of bellperson (facts groth16.md 6.3).
 */
#ifndef SEALYARD_TASKS_SNARK_SHA256_GADGET_H
#define SEALYARD_TASKS_SNARK_SHA256_GADGET_H

#include "tasks/snark/bits.h"

/* One compression: block[512], state in and out. */
void sy_sha256_gadget_compress(struct sy_cs *cs, const struct sy_bit *block,
                               struct sy_word state[8]);

/* Hashes bit_count bits (a multiple of 8) into ret_digest[256]. */
void sy_sha256_gadget(struct sy_cs *cs, const struct sy_bit *bits, size_t bit_count,
                      struct sy_bit *ret_digest);

/* Between the bits of an integer (least significant first) and SHA's order: reverses the bits
 * inside each byte. bit_count is padded to a multiple of 8 with constant zeros; out may not be in.
 */
void sy_bits_reverse_bytes(const struct sy_bit *in, size_t bit_count, struct sy_bit *out);

#endif
