#include "tasks/sector/cid.h"

#include "common/hex.h"

#include <inttypes.h>
#include <string.h>

/* CID version, codec and multihash as uvarints, then the digest length 32. */
static const uint8_t unsealed_prefix[] = {0x01, 0x81, 0xe2, 0x03, 0x92, 0x20, 0x20};
static const uint8_t sealed_prefix[] = {0x01, 0x82, 0xe2, 0x03, 0x81, 0xe8, 0x02, 0x20};
static const uint8_t piece_v2_prefix[] = {0x01, 0x55, 0x91, 0x20};

#define CID_BYTES_MAX 56
#define UVARINT_BYTES_MAX 10

static char *format_bytes(const uint8_t *data, size_t bytes, char *text)
{
    _Static_assert(SY_BASE32_TEXT_BYTES(CID_BYTES_MAX) + 1 <= SY_CID_TEXT_BYTES, "text too short");
    text[0] = 'b';
    sy_base32_encode(data, bytes, text + 1);
    return text;
}

static char *format_comm(const uint8_t *prefix, size_t prefix_bytes, const uint8_t comm[32],
                         char *text)
{
    uint8_t cid[CID_BYTES_MAX];
    memcpy(cid, prefix, prefix_bytes);
    memcpy(cid + prefix_bytes, comm, 32);
    return format_bytes(cid, prefix_bytes + 32, text);
}

char *sy_cid_unsealed_format(const uint8_t comm[32], char *text)
{
    return format_comm(unsealed_prefix, sizeof(unsealed_prefix), comm, text);
}

char *sy_cid_sealed_format(const uint8_t comm[32], char *text)
{
    return format_comm(sealed_prefix, sizeof(sealed_prefix), comm, text);
}

static int decode_text(const char *text, const char *what, uint8_t cid[CID_BYTES_MAX],
                       size_t *ret_bytes, struct sy_error *err)
{
    size_t length = strnlen(text, SY_CID_TEXT_BYTES);
    if (length >= SY_CID_TEXT_BYTES || text[0] != 'b')
        return sy_fail(err, SY_E_PARSE,
                       "\"%.80s\" is no %s: base32 text that begins with 'b' is needed", text,
                       what);
    int rc = sy_base32_decode(text + 1, length - 1, cid, CID_BYTES_MAX, ret_bytes, err);
    if (rc < 0)
        return sy_error_wrap(err, "%s \"%.80s\"", what, text);
    return 0;
}

static int parse_comm(const char *text, const char *what, const uint8_t *prefix,
                      size_t prefix_bytes, uint8_t ret_comm[32], struct sy_error *err)
{
    uint8_t cid[CID_BYTES_MAX];
    size_t bytes;
    int rc = decode_text(text, what, cid, &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes != prefix_bytes + 32 || memcmp(cid, prefix, prefix_bytes) != 0)
        return sy_fail(err, SY_E_PARSE, "\"%.80s\" is a CID of another kind, not a %s", text, what);
    memcpy(ret_comm, cid + prefix_bytes, 32);
    return 0;
}

int sy_cid_unsealed_parse(const char *text, uint8_t ret_comm[32], struct sy_error *err)
{
    return parse_comm(text, "piece or CommD CID (baga6ea4seaq...)", unsealed_prefix,
                      sizeof(unsealed_prefix), ret_comm, err);
}

int sy_cid_sealed_parse(const char *text, uint8_t ret_comm[32], struct sy_error *err)
{
    return parse_comm(text, "CommR CID (bagboea4b5abc...)", sealed_prefix, sizeof(sealed_prefix),
                      ret_comm, err);
}

static size_t put_uvarint(uint8_t *to, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        to[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[n++] = (uint8_t)value;
    return n;
}

/* Minimal form only. Returns the bytes used, 0 when it does not parse. */
static size_t get_uvarint(const uint8_t *from, size_t bytes, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes && i < UVARINT_BYTES_MAX; i++) {
        uint64_t group = from[i] & 0x7f;
        if (i == UVARINT_BYTES_MAX - 1 && group > 1)
            return 0;
        value |= group << (7 * i);
        if (!(from[i] & 0x80)) {
            if (i > 0 && group == 0)
                return 0;
            *ret_value = value;
            return i + 1;
        }
    }
    return 0;
}

int sy_cid_piece_v2_format(const uint8_t comm[32], uint64_t raw_bytes, uint64_t padded_bytes,
                           char *text, struct sy_error *err)
{
    uint8_t cid[CID_BYTES_MAX];
    uint8_t digest[UVARINT_BYTES_MAX + 1 + 32];
    uint64_t room = padded_bytes / 128 * 127;

    if (padded_bytes < 128 || (padded_bytes & (padded_bytes - 1)) || raw_bytes > room)
        return sy_fail(err, SY_E_RANGE,
                       "%" PRIu64 " bytes in a piece of %" PRIu64
                       " padded bytes: a power of two with room for them is needed",
                       raw_bytes, padded_bytes);
    size_t n = put_uvarint(digest, room - raw_bytes);
    digest[n++] = (uint8_t)(__builtin_ctzll(padded_bytes) - 5);
    memcpy(digest + n, comm, 32);
    n += 32;
    size_t at = sizeof(piece_v2_prefix);
    memcpy(cid, piece_v2_prefix, at);
    cid[at++] = (uint8_t)n;
    memcpy(cid + at, digest, n);
    format_bytes(cid, at + n, text);
    return 0;
}

int sy_cid_piece_v2_parse(const char *text, uint8_t ret_comm[32], uint64_t *ret_raw_bytes,
                          uint64_t *ret_padded_bytes, struct sy_error *err)
{
    static const char what[] = "PieceCID v2 (bafkzcib...)";
    uint8_t cid[CID_BYTES_MAX];
    size_t bytes;
    uint64_t padding;
    size_t at = sizeof(piece_v2_prefix);

    int rc = decode_text(text, what, cid, &bytes, err);
    if (rc < 0)
        return rc;
    if (bytes < at + 1 + 1 + 1 + 32 || memcmp(cid, piece_v2_prefix, at) != 0 ||
        cid[at] != bytes - at - 1)
        return sy_fail(err, SY_E_PARSE, "\"%.80s\" is a CID of another kind, not a %s", text, what);
    at++;
    size_t used = get_uvarint(cid + at, bytes - at, &padding);
    if (used == 0 || bytes - at - used != 1 + 32)
        return sy_fail(err, SY_E_PARSE, "\"%.80s\": the padding of a %s does not parse", text,
                       what);
    uint8_t height = cid[at + used];
    if (height < 2 || height > 58)
        return sy_fail(err, SY_E_PARSE, "\"%.80s\": height %u is out of the range 2 to 58", text,
                       height);
    uint64_t padded = UINT64_C(32) << height;
    if (padding > padded / 128 * 127)
        return sy_fail(err, SY_E_PARSE,
                       "\"%.80s\": %" PRIu64 " padding bytes exceed a piece of %" PRIu64, text,
                       padding, padded);
    memcpy(ret_comm, cid + at + used + 1, 32);
    *ret_raw_bytes = padded / 128 * 127 - padding;
    *ret_padded_bytes = padded;
    return 0;
}
