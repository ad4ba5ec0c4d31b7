/* The optimal ate pairing of BLS12-381.
 *
 * Lines in homogeneous projective coordinates of the twist (Costello, Lange, Naehrig 2010; Aranha
 * et al. 2013/722); the final exponentiation follows Hayashida, Hayasaka, Teruya 2020/875 and gives
 * the cube of the textbook pairing, as the field's libraries do. Threads: pure functions.
 */
#ifndef SEALYARD_TASKS_FIELD_PAIRING_H
#define SEALYARD_TASKS_FIELD_PAIRING_H

#include "tasks/field/curve.h"

/* Product of the Miller loops of `count` pairs; a pair with an infinity contributes one. No final
 * exponentiation. */
void sy_pairing_miller(struct sy_fp12 *ret, const struct sy_g1_affine *p,
                       const struct sy_g2_affine *q, size_t count);
void sy_pairing_final(struct sy_fp12 *ret, const struct sy_fp12 *f);
/* e(p, q). */
void sy_pairing(struct sy_fp12 *ret, const struct sy_g1_affine *p, const struct sy_g2_affine *q);

#endif
