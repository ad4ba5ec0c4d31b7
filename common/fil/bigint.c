#include "common/fil/bigint.h"

#include <string.h>

#define WIRE_BYTES_MAX 128
#define MAGNITUDE_BYTES (SY_BIGINT_LIMBS * 8)

struct sy_bigint sy_bigint_from(uint64_t value)
{
    return (struct sy_bigint){.limb = {value}};
}

bool sy_bigint_is_zero(const struct sy_bigint *value)
{
    return (value->limb[0] | value->limb[1] | value->limb[2] | value->limb[3]) == 0;
}

bool sy_bigint_to_u64(const struct sy_bigint *value, uint64_t *ret)
{
    if (value->negative || value->limb[1] || value->limb[2] || value->limb[3])
        return false;
    *ret = value->limb[0];
    return true;
}

static int compare_magnitude(const struct sy_bigint *a, const struct sy_bigint *b)
{
    for (int i = SY_BIGINT_LIMBS - 1; i >= 0; i--) {
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    }
    return 0;
}

int sy_bigint_compare(const struct sy_bigint *a, const struct sy_bigint *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

static bool add_magnitude(struct sy_bigint *ret, const struct sy_bigint *a,
                          const struct sy_bigint *b)
{
    unsigned __int128 carry = 0;
    for (int i = 0; i < SY_BIGINT_LIMBS; i++) {
        carry += (unsigned __int128)a->limb[i] + b->limb[i];
        ret->limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
    return carry == 0;
}

/* |a| >= |b| */
static void sub_magnitude(struct sy_bigint *ret, const struct sy_bigint *a,
                          const struct sy_bigint *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < SY_BIGINT_LIMBS; i++) {
        uint64_t first, second;
        bool under = __builtin_sub_overflow(a->limb[i], b->limb[i], &first);
        under |= __builtin_sub_overflow(first, borrow, &second);
        ret->limb[i] = second;
        borrow = under;
    }
}

static bool add_signed(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b,
                       bool b_negative)
{
    struct sy_bigint sum = {0};
    if (a->negative == b_negative) {
        if (!add_magnitude(&sum, a, b))
            return false;
        sum.negative = a->negative;
    } else if (compare_magnitude(a, b) >= 0) {
        sub_magnitude(&sum, a, b);
        sum.negative = a->negative;
    } else {
        sub_magnitude(&sum, b, a);
        sum.negative = b_negative;
    }
    sum.negative = sum.negative && !sy_bigint_is_zero(&sum);
    *ret = sum;
    return true;
}

bool sy_bigint_add(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b)
{
    return add_signed(ret, a, b, b->negative);
}

bool sy_bigint_sub(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b)
{
    return add_signed(ret, a, b, !b->negative);
}

bool sy_bigint_mul(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b)
{
    uint64_t wide[2 * SY_BIGINT_LIMBS] = {0};
    struct sy_bigint product = {0};
    for (int i = 0; i < SY_BIGINT_LIMBS; i++) {
        unsigned __int128 carry = 0;
        for (int j = 0; j < SY_BIGINT_LIMBS; j++) {
            carry += (unsigned __int128)a->limb[i] * b->limb[j] + wide[i + j];
            wide[i + j] = (uint64_t)carry;
            carry >>= 64;
        }
        wide[i + SY_BIGINT_LIMBS] = (uint64_t)carry;
    }
    for (int i = SY_BIGINT_LIMBS; i < 2 * SY_BIGINT_LIMBS; i++) {
        if (wide[i])
            return false;
    }
    memcpy(product.limb, wide, sizeof(product.limb));
    product.negative = a->negative != b->negative && !sy_bigint_is_zero(&product);
    *ret = product;
    return true;
}

bool sy_bigint_div(struct sy_bigint *ret, const struct sy_bigint *a, const struct sy_bigint *b)
{
    struct sy_bigint quotient = {0}, rest = {0};
    if (sy_bigint_is_zero(b))
        return false;
    for (int bit = SY_BIGINT_LIMBS * 64 - 1; bit >= 0; bit--) {
        bool top = rest.limb[SY_BIGINT_LIMBS - 1] >> 63;
        for (int i = SY_BIGINT_LIMBS - 1; i > 0; i--)
            rest.limb[i] = rest.limb[i] << 1 | rest.limb[i - 1] >> 63;
        rest.limb[0] = rest.limb[0] << 1 | (a->limb[bit / 64] >> (bit % 64) & 1);
        if (top || compare_magnitude(&rest, b) >= 0) {
            sub_magnitude(&rest, &rest, b);
            quotient.limb[bit / 64] |= UINT64_C(1) << (bit % 64);
        }
    }
    quotient.negative = a->negative != b->negative && !sy_bigint_is_zero(&quotient);
    *ret = quotient;
    return true;
}

int sy_bigint_parse(const char *text, struct sy_bigint *ret, struct sy_error *err)
{
    const char *digit = text[0] == '-' ? text + 1 : text;
    struct sy_bigint value = {0};
    const struct sy_bigint ten = sy_bigint_from(10);

    if (!digit[0] || (digit[0] == '0' && (digit[1] || text[0] == '-')))
        return sy_fail(err, SY_E_PARSE, "amount \"%.40s\": expected a decimal integer", text);
    for (; *digit; digit++) {
        struct sy_bigint add = sy_bigint_from((uint64_t)(*digit - '0'));
        if (*digit < '0' || *digit > '9')
            return sy_fail(err, SY_E_PARSE, "amount \"%.40s\": expected a decimal integer", text);
        if (!sy_bigint_mul(&value, &value, &ten) || !sy_bigint_add(&value, &value, &add))
            return sy_fail(err, SY_E_RANGE, "amount \"%.40s...\" has more than 256 bits", text);
    }
    value.negative = text[0] == '-';
    *ret = value;
    return 0;
}

char *sy_bigint_print(const struct sy_bigint *value, char *text)
{
    char digits[SY_BIGINT_TEXT_BYTES];
    size_t count = 0, at = 0;
    struct sy_bigint rest = *value;
    do {
        uint64_t remainder = 0;
        for (int i = SY_BIGINT_LIMBS - 1; i >= 0; i--) {
            unsigned __int128 part = (unsigned __int128)remainder << 64 | rest.limb[i];
            rest.limb[i] = (uint64_t)(part / 10);
            remainder = (uint64_t)(part % 10);
        }
        digits[count++] = (char)('0' + remainder);
    } while (!sy_bigint_is_zero(&rest));
    if (value->negative)
        text[at++] = '-';
    while (count)
        text[at++] = digits[--count];
    text[at] = 0;
    return text;
}

void sy_bigint_put(struct sy_cbor_writer *writer, const struct sy_bigint *value)
{
    uint8_t wire[1 + MAGNITUDE_BYTES];
    size_t skip = 0;
    for (size_t i = 0; i < MAGNITUDE_BYTES; i++) {
        size_t low = MAGNITUDE_BYTES - 1 - i;
        wire[1 + i] = (uint8_t)(value->limb[low / 8] >> (low % 8 * 8));
    }
    if (sy_bigint_is_zero(value)) {
        sy_cbor_put_bytes(writer, NULL, 0);
        return;
    }
    while (wire[1 + skip] == 0)
        skip++;
    wire[skip] = value->negative;
    sy_cbor_put_bytes(writer, wire + skip, sizeof(wire) - skip);
}

int sy_bigint_get(struct sy_cbor_reader *reader, struct sy_bigint *ret, struct sy_error *err)
{
    struct sy_bigint value = {0};
    const uint8_t *wire;
    size_t at = reader->at, bytes;
    int rc = sy_cbor_get_bytes(reader, WIRE_BYTES_MAX, &wire, &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes == 0) {
        *ret = value;
        return 0;
    }
    if (wire[0] > 1 || bytes == 1 || wire[1] == 0)
        return sy_fail(err, SY_E_PARSE, "%s: amount at byte %zu has a bad sign or leading zeros",
                       reader->what, at);
    if (bytes > sizeof(value.limb) + 1)
        return sy_fail(err, SY_E_RANGE, "%s: amount at byte %zu has %zu bytes, at most 32 fit",
                       reader->what, at, bytes - 1);
    for (size_t i = 1; i < bytes; i++) {
        size_t low = bytes - 1 - i;
        value.limb[low / 8] |= (uint64_t)wire[i] << (low % 8 * 8);
    }
    value.negative = wire[0];
    *ret = value;
    return 0;
}
