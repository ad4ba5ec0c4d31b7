/* Poseidon as the network uses it: field of field/fr.h, S-box x^5, 8 full rounds, 55 to 57 partial
 * rounds, MDS matrix 1/(i+j+t), constants from the Grain LFSR, output is element 1 of the state.
 * Arities 2, 4, 8 and 11 (t = arity + 1).
 *
 * Source: Grassi et al. 2019/458 for the permutation and the LFSR, the neptune documents for the
 * domain tags, round numbers and the factoring of partial rounds into sparse matrices. The
 * constants of an arity are computed at its first use (about 10 ms), once, in any thread. Threads:
 * pure functions. All functions may abort only on SY_ASSERT for an arity outside the four.
 */
#ifndef SEALYARD_TASKS_HASH_POSEIDON_H
#define SEALYARD_TASKS_HASH_POSEIDON_H

#include "common/err.h"
#include "tasks/field/fr.h"

#define SY_POSEIDON_ARITY_MAX 11
#define SY_POSEIDON_WIDTH_MAX (SY_POSEIDON_ARITY_MAX + 1)

/* True for 2, 4, 8, 11. */
bool sy_poseidon_arity_ok(unsigned arity);

/* Domain tag of a Merkle tree node or column: 2^arity - 1. */
uint64_t sy_poseidon_tag_merkle(unsigned arity);
/* Tag Custom(id) = id * 2^40, id in 1..256; id 1 is the SnapDeals randomness. */
uint64_t sy_poseidon_tag_custom(unsigned id);

/* ret = Poseidon_arity(in[0..arity)) with the Merkle tag. ret may be one of in. */
void sy_poseidon_hash(unsigned arity, const struct sy_fr *in, struct sy_fr *ret);
/* The same with any domain tag. */
void sy_poseidon_hash_tag(unsigned arity, const struct sy_fr *tag, const struct sy_fr *in,
                          struct sy_fr *ret);

/* One hash over canonical bytes: arity nodes of 32 bytes, Merkle tag. ret_node may be inside nodes.
 * -SY_E_CORRUPT with the index of the first node >= r. */
int sy_poseidon_node(unsigned arity, const uint8_t *nodes, uint8_t ret_node[32],
                     struct sy_error *err);
/* count hashes: nodes holds count * arity * 32 bytes, ret_nodes gets count * 32. ret_nodes may be
 * equal to nodes but not otherwise overlap it. -SY_E_CORRUPT with the index (in nodes) of the first
 * node >= r. */
int sy_poseidon_nodes(unsigned arity, const uint8_t *nodes, uint8_t *ret_nodes, size_t count,
                      struct sy_error *err);
/* Column hashes: rows[j] points to the labels of layer j+1, count nodes of 32 bytes each; the hash
 * i is over rows[0..row_count)[i]. row_count is 2 or 11 (-SY_E_UNSUPPORTED otherwise). ret_nodes
 * gets count * 32 bytes and may be one of the rows. -SY_E_CORRUPT with layer and node of a value >=
 * r. */
int sy_poseidon_columns(unsigned row_count, const uint8_t *const *rows, uint8_t *ret_nodes,
                        size_t count, struct sy_error *err);

/* The kernel in use for batches: "portable", "adx" (BMI2 and ADX) or "ifma" (AVX-512 with 52-bit
 * multipliers, eight hashes at a time). Chosen at first use. */
const char *sy_poseidon_impl_name(void);
/* Chooses it by name, NULL = the best the CPU has; -SY_E_UNSUPPORTED when the CPU lacks it,
 * -SY_E_ARG for an unknown name. For tests and benches; not while other threads hash. */
int sy_poseidon_force(const char *name, struct sy_error *err);

/* The plain permutation of the definition, slow; the reference that tests hold the fast form
 * against. */
void sy_poseidon_hash_plain(unsigned arity, const struct sy_fr *tag, const struct sy_fr *in,
                            struct sy_fr *ret);

#endif
