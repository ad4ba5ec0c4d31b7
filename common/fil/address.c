#include "common/fil/address.h"

#include "common/fil/cid.h"
#include "common/hex.h"

#include <stdio.h>
#include <string.h>

#define HASH_BYTES 20
#define BLS_BYTES 48
#define SUBADDRESS_BYTES_MAX 54
#define CHECKSUM_BYTES 4
#define ID_DIGITS_MAX 19

void sy_fil_address_id(uint64_t id, struct sy_fil_address *ret)
{
    SY_ASSERT(id <= INT64_MAX);
    *ret = (struct sy_fil_address){0};
    ret->data[0] = SY_FIL_ID;
    ret->bytes = (uint8_t)(1 + sy_fil_varint_put(id, ret->data + 1));
}

void sy_fil_address_secp(const uint8_t public_key[SY_FIL_PUBLIC_KEY_BYTES],
                         struct sy_fil_address *ret)
{
    *ret = (struct sy_fil_address){.bytes = 1 + HASH_BYTES};
    ret->data[0] = SY_FIL_SECP256K1;
    sy_fil_blake2b(public_key, SY_FIL_PUBLIC_KEY_BYTES, ret->data + 1, HASH_BYTES);
}

bool sy_fil_address_get_id(const struct sy_fil_address *address, uint64_t *ret_id)
{
    size_t at = 1;
    return address->bytes > 1 && address->data[0] == SY_FIL_ID &&
           sy_fil_varint_get(address->data, address->bytes, &at, ret_id, NULL) == 0;
}

bool sy_fil_address_equal(const struct sy_fil_address *a, const struct sy_fil_address *b)
{
    return a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0;
}

/* Protocols 0 and 4 begin with a varint of at most 63 bits. */
static int check_number(const uint8_t *data, size_t bytes, size_t *at, struct sy_error *err)
{
    uint64_t number;
    int rc = sy_fil_varint_get(data, bytes, at, &number, err);
    if (rc < 0) {
        sy_error_wrap(err, "address");
        return rc;
    }
    if (number > INT64_MAX)
        return sy_fail(err, SY_E_PARSE, "address: number beyond 63 bits");
    return 0;
}

int sy_fil_address_from(const void *data, size_t bytes, struct sy_fil_address *ret,
                        struct sy_error *err)
{
    const uint8_t *raw = data;
    size_t at = 1;
    bool length_ok = false;
    int rc = 0;

    if (bytes < 2 || bytes > SY_FIL_ADDRESS_BYTES_MAX)
        return sy_fail(err, SY_E_PARSE, "address of %zu bytes, expected 2 to %d", bytes,
                       SY_FIL_ADDRESS_BYTES_MAX);
    switch (raw[0]) {
    case SY_FIL_ID:
        rc = check_number(raw, bytes, &at, err);
        length_ok = at == bytes;
        break;
    case SY_FIL_SECP256K1:
    case SY_FIL_ACTOR:
        length_ok = bytes == 1 + HASH_BYTES;
        break;
    case SY_FIL_BLS:
        length_ok = bytes == 1 + BLS_BYTES;
        break;
    case SY_FIL_DELEGATED:
        rc = check_number(raw, bytes, &at, err);
        length_ok = bytes - at <= SUBADDRESS_BYTES_MAX;
        break;
    default:
        return sy_fail(err, SY_E_PARSE, "address protocol %u is unknown", raw[0]);
    }
    if (rc < 0)
        return rc;
    if (!length_ok)
        return sy_fail(err, SY_E_PARSE, "address of protocol %u with %zu bytes has a wrong length",
                       raw[0], bytes);
    *ret = (struct sy_fil_address){.bytes = (uint8_t)bytes};
    memcpy(ret->data, raw, bytes);
    return 0;
}

/* Digits without leading zeros up to 2^63-1; *end = first character behind them. */
static int parse_number(const char *text, const char **end, uint64_t *ret, struct sy_error *err)
{
    uint64_t value = 0;
    size_t digits = 0;
    while (text[digits] >= '0' && text[digits] <= '9' && digits <= ID_DIGITS_MAX) {
        value = value * 10 + (uint64_t)(text[digits] - '0');
        digits++;
    }
    if (digits == 0 || digits > ID_DIGITS_MAX || value > INT64_MAX ||
        (digits > 1 && text[0] == '0'))
        return sy_fail(err, SY_E_PARSE, "expected a decimal number of at most 63 bits");
    *end = text + digits;
    *ret = value;
    return 0;
}

/* Base32 of payload and checksum behind `prefix` (protocol byte and namespace) already in raw. */
static int parse_body(const char *body, uint8_t *raw, size_t prefix, size_t *ret_bytes,
                      struct sy_error *err)
{
    uint8_t decoded[SY_FIL_ADDRESS_BYTES_MAX + CHECKSUM_BYTES], sum[CHECKSUM_BYTES];
    size_t bytes, payload;
    int rc = sy_base32_decode(body, strnlen(body, SY_FIL_ADDRESS_TEXT_BYTES), decoded,
                              sizeof(decoded), &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes < CHECKSUM_BYTES || prefix + bytes - CHECKSUM_BYTES > SY_FIL_ADDRESS_BYTES_MAX)
        return sy_fail(err, SY_E_PARSE, "wrong length");
    payload = bytes - CHECKSUM_BYTES;
    memcpy(raw + prefix, decoded, payload);
    sy_fil_blake2b(raw, prefix + payload, sum, CHECKSUM_BYTES);
    if (memcmp(sum, decoded + payload, CHECKSUM_BYTES) != 0)
        return sy_fail(err, SY_E_PARSE, "checksum does not match, the address was mistyped");
    *ret_bytes = prefix + payload;
    return 0;
}

static int parse_text(const char *text, struct sy_fil_address *ret, struct sy_error *err)
{
    uint8_t raw[SY_FIL_ADDRESS_BYTES_MAX];
    const char *end;
    uint64_t number;
    size_t bytes = 1;
    int rc;

    if (text[0] != 'f' && text[0] != 't')
        return sy_fail(err, SY_E_PARSE, "an address begins with f or t");
    if (text[1] < '0' || text[1] > '4')
        return sy_fail(err, SY_E_PARSE, "unknown protocol");
    raw[0] = (uint8_t)(text[1] - '0');
    if (raw[0] == SY_FIL_ID) {
        rc = parse_number(text + 2, &end, &number, err);
        if (rc < 0)
            return rc;
        if (*end)
            return sy_fail(err, SY_E_PARSE, "characters behind the actor id");
        sy_fil_address_id(number, ret);
        return 0;
    }
    end = text + 2;
    if (raw[0] == SY_FIL_DELEGATED) {
        rc = parse_number(text + 2, &end, &number, err);
        if (rc < 0)
            return rc;
        if (*end != 'f')
            return sy_fail(err, SY_E_PARSE, "no 'f' behind the namespace");
        end++;
        bytes += sy_fil_varint_put(number, raw + 1);
    }
    rc = parse_body(end, raw, bytes, &bytes, err);
    if (rc < 0)
        return rc;
    return sy_fil_address_from(raw, bytes, ret, err);
}

int sy_fil_address_parse(const char *text, struct sy_fil_address *ret, struct sy_error *err)
{
    int rc = parse_text(text, ret, err);
    if (rc < 0) {
        sy_error_wrap(err, "address \"%.130s\"", text);
        return rc;
    }
    return 0;
}

char *sy_fil_address_print(const struct sy_fil_address *address, char network, char *text)
{
    uint8_t body[SY_FIL_ADDRESS_BYTES_MAX + CHECKSUM_BYTES];
    size_t skip = 1, payload;
    uint64_t number = 0;
    int used;

    if (address->bytes == 0) {
        memcpy(text, "<empty>", sizeof("<empty>"));
        return text;
    }
    if (address->data[0] == SY_FIL_ID || address->data[0] == SY_FIL_DELEGATED)
        sy_fil_varint_get(address->data, address->bytes, &skip, &number, NULL);
    used = snprintf(text, SY_FIL_ADDRESS_TEXT_BYTES, "%c%u", network, address->data[0]);
    if (address->data[0] == SY_FIL_ID || address->data[0] == SY_FIL_DELEGATED)
        used += snprintf(text + used, SY_FIL_ADDRESS_TEXT_BYTES - (size_t)used, "%llu%s",
                         (unsigned long long)number, address->data[0] == SY_FIL_ID ? "" : "f");
    if (address->data[0] == SY_FIL_ID)
        return text;
    payload = address->bytes - skip;
    memcpy(body, address->data + skip, payload);
    sy_fil_blake2b(address->data, address->bytes, body + payload, CHECKSUM_BYTES);
    sy_base32_encode(body, payload + CHECKSUM_BYTES, text + used);
    return text;
}

void sy_fil_address_put(struct sy_cbor_writer *writer, const struct sy_fil_address *address)
{
    sy_cbor_put_bytes(writer, address->data, address->bytes);
}

int sy_fil_address_get(struct sy_cbor_reader *reader, struct sy_fil_address *ret,
                       struct sy_error *err)
{
    const uint8_t *data;
    size_t bytes;
    int rc = sy_cbor_get_bytes(reader, SY_FIL_ADDRESS_BYTES_MAX, &data, &bytes, err);
    if (rc == 0)
        rc = sy_fil_address_from(data, bytes, ret, err);
    return rc;
}
