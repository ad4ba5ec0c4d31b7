/* Text forms of bytes: hex, base32 (RFC 4648, lower case, no padding), base64 (RFC 4648, padded).
 *
 * Encoders write a NUL-terminated text and need the buffer sizes of the macros. Decoders are strict:
 * wrong alphabet, wrong length or non-canonical trailing bits give -SY_E_PARSE.
 * Threads: pure functions.
 */
#ifndef SEALYARD_COMMON_HEX_H
#define SEALYARD_COMMON_HEX_H

#include "common/err.h"

#define SY_HEX_TEXT_BYTES(n) (2 * (n) + 1)
#define SY_BASE32_TEXT_BYTES(n) (((n) * 8 + 4) / 5 + 1)
#define SY_BASE64_TEXT_BYTES(n) (((n) + 2) / 3 * 4 + 1)

/* Lower-case hex of data[0..bytes) into text; returns text. */
char *sy_hex_encode(const void *data, size_t bytes, char *text);
/* Exactly `bytes` bytes from 2*bytes hex digits (either case) that must end there. */
int sy_hex_decode(const char *text, void *ret_data, size_t bytes, struct sy_error *err);

char *sy_base32_encode(const void *data, size_t bytes, char *text);
/* Decodes text_bytes characters; *ret_bytes gets the length, at most capacity. */
int sy_base32_decode(const char *text, size_t text_bytes, void *ret_data, size_t capacity,
                     size_t *ret_bytes, struct sy_error *err);

char *sy_base64_encode(const void *data, size_t bytes, char *text);
int sy_base64_decode(const char *text, size_t text_bytes, void *ret_data, size_t capacity,
                     size_t *ret_bytes, struct sy_error *err);

#endif
