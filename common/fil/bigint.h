/* Signed integers of 256 bits for amounts: attoFIL, power, and the products that fees need.
 *
 * On the wire they are byte strings: empty for zero, else a sign byte (0 positive, 1 negative) and
 * the magnitude big endian without leading zeros. The chain allows 128 bytes; amounts of the whole
 * network fit 96 bits, so more than 256 bits is refused with -SY_E_RANGE. JSON: decimal text.
 * Threads: pure functions.
 */
#ifndef SEALYARD_COMMON_FIL_BIGINT_H
#define SEALYARD_COMMON_FIL_BIGINT_H

#include "common/fil/cbor.h"

#define SY_BIGINT_LIMBS 4
#define SY_BIGINT_TEXT_BYTES 80 /* sign, 78 digits, NUL */
#define SY_BIGINT_WIRE_BYTES 33

/* Zero is never negative. limb[0] is the least significant. */
struct sy_bigint {
    bool negative;
    uint64_t limb[SY_BIGINT_LIMBS];
};

struct sy_bigint sy_bigint_from(uint64_t value);
/* true and *ret when it is 0 .. 2^64-1. */
bool sy_bigint_to_u64(const struct sy_bigint *value, uint64_t *ret);
bool sy_bigint_is_zero(const struct sy_bigint *value);
/* -1, 0, 1. */
int sy_bigint_compare(const struct sy_bigint *a, const struct sy_bigint *b);
/* false (and *ret unchanged) when the result has more than 256 bits; ret may be a or b. */
bool sy_bigint_add(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b);
bool sy_bigint_sub(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b);
bool sy_bigint_mul(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b);
/* Quotient towards zero; false when b is zero. */
bool sy_bigint_div(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b);

/* "-?(0|[1-9][0-9]*)"; -SY_E_PARSE, -SY_E_RANGE. */
int sy_bigint_parse(const char *text, struct sy_bigint *ret, struct sy_error *err);
/* Into text[SY_BIGINT_TEXT_BYTES]; returns text. */
char *sy_bigint_print(const struct sy_bigint *value, char *text);

void sy_bigint_put(struct sy_cbor_writer *writer, const struct sy_bigint *value);
int sy_bigint_get(struct sy_cbor_reader *reader, struct sy_bigint *ret, struct sy_error *err);

#endif
