#include "common/hex.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit_value(const char *alphabet, size_t size, char c)
{
    const char *found = c ? memchr(alphabet, c, size) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

char *sy_hex_encode(const void *data, size_t bytes, char *text)
{
    const uint8_t *in = data;
    for (size_t i = 0; i < bytes; i++) {
        text[2 * i] = hex_digits[in[i] >> 4];
        text[2 * i + 1] = hex_digits[in[i] & 15];
    }
    text[2 * bytes] = 0;
    return text;
}

static int hex_value(char c)
{
    if (c >= 'A' && c <= 'F')
        c = (char)(c - 'A' + 'a');
    return digit_value(hex_digits, 16, c);
}

int sy_hex_decode(const char *text, void *ret_data, size_t bytes, struct sy_error *err)
{
    if (!text || strlen(text) != 2 * bytes)
        return sy_fail(err, SY_E_PARSE, "hex text has %zu digits, expected %zu",
                       text ? strlen(text) : (size_t)0, 2 * bytes);
    for (size_t i = 0; i < 2 * bytes; i++)
        if (hex_value(text[i]) < 0)
            return sy_fail(err, SY_E_PARSE, "'%c' at position %zu is no hex digit", text[i], i);
    uint8_t *out = ret_data;
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    return 0;
}

/* Both bases push whole bytes through a bit accumulator: `bits_per_digit` is 5 or 6. */
static size_t encode_bits(const uint8_t *in, size_t bytes, const char *alphabet,
                          unsigned bits_per_digit, char *text)
{
    uint32_t held = 0;
    unsigned held_bits = 0;
    size_t used = 0;
    uint32_t mask = (1u << bits_per_digit) - 1;
    for (size_t i = 0; i < bytes; i++) {
        held = held << 8 | in[i];
        held_bits += 8;
        while (held_bits >= bits_per_digit) {
            held_bits -= bits_per_digit;
            text[used++] = alphabet[held >> held_bits & mask];
        }
    }
    if (held_bits > 0)
        text[used++] = alphabet[held << (bits_per_digit - held_bits) & mask];
    text[used] = 0;
    return used;
}

static int decode_bits(const char *text, size_t text_bytes, const char *alphabet,
                       unsigned bits_per_digit, uint8_t *out, size_t capacity, size_t *ret_bytes,
                       struct sy_error *err)
{
    size_t bytes = text_bytes * bits_per_digit / 8;
    if (bytes > capacity)
        return sy_fail(err, SY_E_PARSE, "text holds %zu bytes, at most %zu expected", bytes,
                       capacity);
    uint32_t held = 0;
    unsigned held_bits = 0;
    size_t used = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        int value = digit_value(alphabet, (size_t)1 << bits_per_digit, text[i]);
        if (value < 0)
            return sy_fail(err, SY_E_PARSE, "character %zu is outside the alphabet", i);
        held = held << bits_per_digit | (uint32_t)value;
        held_bits += bits_per_digit;
        if (held_bits >= 8) {
            held_bits -= 8;
            out[used++] = (uint8_t)(held >> held_bits);
        }
    }
    if (held_bits >= bits_per_digit || (held & ((1u << held_bits) - 1)) != 0)
        return sy_fail(err, SY_E_PARSE, "text ends with bits that no encoder writes");
    *ret_bytes = used;
    return 0;
}

char *sy_base32_encode(const void *data, size_t bytes, char *text)
{
    encode_bits(data, bytes, base32_digits, 5, text);
    return text;
}

int sy_base32_decode(const char *text, size_t text_bytes, void *ret_data, size_t capacity,
                     size_t *ret_bytes, struct sy_error *err)
{
    return decode_bits(text, text_bytes, base32_digits, 5, ret_data, capacity, ret_bytes, err);
}

char *sy_base64_encode(const void *data, size_t bytes, char *text)
{
    size_t used = encode_bits(data, bytes, base64_digits, 6, text);
    while (used % 4 != 0)
        text[used++] = '=';
    text[used] = 0;
    return text;
}

int sy_base64_decode(const char *text, size_t text_bytes, void *ret_data, size_t capacity,
                     size_t *ret_bytes, struct sy_error *err)
{
    if (text_bytes % 4 != 0)
        return sy_fail(err, SY_E_PARSE, "base64 text has %zu characters, no multiple of 4",
                       text_bytes);
    size_t digits = text_bytes;
    while (digits > 0 && text_bytes - digits < 2 && text[digits - 1] == '=')
        digits--;
    return decode_bits(text, digits, base64_digits, 6, ret_data, capacity, ret_bytes, err);
}
