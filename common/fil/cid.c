#include "common/fil/cid.h"

#include "common/hex.h"

#include <sodium.h>
#include <string.h>

static const uint8_t CHAIN_PREFIX[] = {0x01, 0x71, 0xa0, 0xe4, 0x02, 0x20};
static const uint8_t UNSEALED_PREFIX[] = {0x01, 0x81, 0xe2, 0x03, 0x92, 0x20, 0x20};
static const uint8_t SEALED_PREFIX[] = {0x01, 0x82, 0xe2, 0x03, 0x81, 0xe8, 0x02, 0x20};

size_t sy_fil_varint_put(uint64_t value, uint8_t *out)
{
    size_t at = 0;
    while (value >= 0x80) {
        out[at++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[at++] = (uint8_t)value;
    return at;
}

int sy_fil_varint_get(const uint8_t *data, size_t bytes, size_t *at, uint64_t *ret,
                      struct sy_error *err)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;
        if (*at >= bytes)
            return sy_fail(err, SY_E_PARSE, "varint ends too early");
        byte = data[(*at)++];
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            if (byte == 0 && shift)
                return sy_fail(err, SY_E_PARSE, "varint is longer than needed");
            *ret = value;
            return 0;
        }
    }
    return sy_fail(err, SY_E_PARSE, "varint has more than 64 bits");
}

/* libsodium documents 16 bytes as its minimum and computes every length from 1: the address vectors
 * (checksums of 4 bytes) hold that promise in our tests. */
void sy_fil_blake2b(const void *data, size_t bytes, void *ret, size_t ret_bytes)
{
    int rc = crypto_generichash(ret, ret_bytes, data, bytes, NULL, 0);
    SY_ASSERT(rc == 0);
}

void sy_fil_hash(const void *data, size_t bytes, uint8_t ret[SY_HASH_BYTES])
{
    sy_fil_blake2b(data, bytes, ret, SY_HASH_BYTES);
}

static void set_cid(struct sy_fil_cid *ret, const uint8_t *prefix, size_t prefix_bytes,
                    const uint8_t digest[32])
{
    *ret = (struct sy_fil_cid){.bytes = (uint8_t)(prefix_bytes + 32)};
    memcpy(ret->data, prefix, prefix_bytes);
    memcpy(ret->data + prefix_bytes, digest, 32);
}

void sy_fil_cid_of(const void *cbor, size_t bytes, struct sy_fil_cid *ret)
{
    uint8_t digest[SY_HASH_BYTES];
    sy_fil_hash(cbor, bytes, digest);
    set_cid(ret, CHAIN_PREFIX, sizeof(CHAIN_PREFIX), digest);
}

void sy_fil_cid_unsealed(const uint8_t comm[32], struct sy_fil_cid *ret)
{
    set_cid(ret, UNSEALED_PREFIX, sizeof(UNSEALED_PREFIX), comm);
}

void sy_fil_cid_sealed(const uint8_t comm[32], struct sy_fil_cid *ret)
{
    set_cid(ret, SEALED_PREFIX, sizeof(SEALED_PREFIX), comm);
}

static int get_comm(const struct sy_fil_cid *cid, const uint8_t *prefix, size_t prefix_bytes,
                    const char *kind, uint8_t ret[32], struct sy_error *err)
{
    char text[SY_FIL_CID_TEXT_BYTES];
    if (cid->bytes != prefix_bytes + 32 || memcmp(cid->data, prefix, prefix_bytes) != 0)
        return sy_fail(err, SY_E_PARSE, "CID %s is not a %s commitment",
                       sy_fil_cid_print(cid, text), kind);
    memcpy(ret, cid->data + prefix_bytes, 32);
    return 0;
}

int sy_fil_cid_unsealed_get(const struct sy_fil_cid *cid, uint8_t ret[32], struct sy_error *err)
{
    return get_comm(cid, UNSEALED_PREFIX, sizeof(UNSEALED_PREFIX), "piece or unsealed", ret, err);
}

int sy_fil_cid_sealed_get(const struct sy_fil_cid *cid, uint8_t ret[32], struct sy_error *err)
{
    return get_comm(cid, SEALED_PREFIX, sizeof(SEALED_PREFIX), "sealed", ret, err);
}

int sy_fil_cid_from(const void *data, size_t bytes, struct sy_fil_cid *ret, struct sy_error *err)
{
    uint64_t version, codec, hash, length;
    size_t at = 0;
    int rc;
    if (bytes > SY_FIL_CID_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "CID of %zu bytes, at most %d are supported", bytes,
                       SY_FIL_CID_BYTES_MAX);
    rc = sy_fil_varint_get(data, bytes, &at, &version, err);
    if (rc == 0)
        rc = sy_fil_varint_get(data, bytes, &at, &codec, err);
    if (rc == 0)
        rc = sy_fil_varint_get(data, bytes, &at, &hash, err);
    if (rc == 0)
        rc = sy_fil_varint_get(data, bytes, &at, &length, err);
    if (rc < 0) {
        sy_error_wrap(err, "CID");
        return rc;
    }
    if (version != 1)
        return sy_fail(err, SY_E_PARSE, "CID version %llu, only 1 is used by the chain",
                       (unsigned long long)version);
    if (length != bytes - at)
        return sy_fail(err, SY_E_PARSE, "CID says %llu bytes of digest and has %zu",
                       (unsigned long long)length, bytes - at);
    *ret = (struct sy_fil_cid){.bytes = (uint8_t)bytes};
    memcpy(ret->data, data, bytes);
    return 0;
}

int sy_fil_cid_parse(const char *text, struct sy_fil_cid *ret, struct sy_error *err)
{
    uint8_t data[SY_FIL_CID_BYTES_MAX];
    size_t bytes, length = strnlen(text, SY_FIL_CID_TEXT_BYTES);
    int rc;
    if (text[0] != 'b' || length >= SY_FIL_CID_TEXT_BYTES)
        return sy_fail(err, SY_E_PARSE, "CID \"%.100s\": expected base32 text that begins with b",
                       text);
    rc = sy_base32_decode(text + 1, length - 1, data, sizeof(data), &bytes, err);
    if (rc == 0)
        rc = sy_fil_cid_from(data, bytes, ret, err);
    if (rc < 0) {
        sy_error_wrap(err, "\"%.100s\"", text);
        return rc;
    }
    return 0;
}

char *sy_fil_cid_print(const struct sy_fil_cid *cid, char *text)
{
    text[0] = 0;
    if (cid->bytes) {
        text[0] = 'b';
        sy_base32_encode(cid->data, cid->bytes, text + 1);
    }
    return text;
}

bool sy_fil_cid_equal(const struct sy_fil_cid *a, const struct sy_fil_cid *b)
{
    return a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0;
}

void sy_fil_cid_put(struct sy_cbor_writer *writer, const struct sy_fil_cid *cid)
{
    sy_cbor_put_cid(writer, cid->data, cid->bytes);
}

int sy_fil_cid_get(struct sy_cbor_reader *reader, struct sy_fil_cid *ret, struct sy_error *err)
{
    const uint8_t *data;
    size_t bytes;
    int rc = sy_cbor_get_cid(reader, &data, &bytes, err);
    if (rc == 0)
        rc = sy_fil_cid_from(data, bytes, ret, err);
    return rc;
}
