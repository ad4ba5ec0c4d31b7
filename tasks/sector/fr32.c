#include "tasks/sector/fr32.h"

#include <inttypes.h>
#include <string.h>

/* The words of a quad as four 64-bit words per node, so that padding is shifts of whole words. */
static uint64_t load_le64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, 8);
    return value;
}

static void store_le64(uint8_t *to, uint64_t value)
{
    memcpy(to, &value, 8);
}

#define TOP_MASK UINT64_C(0x3fffffffffffffff)

/* Node k of a quad is bits [254k, 254k + 254) of the input: with w the 64-bit input words, output
 * word j of node k is the input shifted right by 64 - 2k bits at word 4k - 1 + j. */
static void pad_quad(const uint8_t *raw, uint8_t *padded)
{
    uint64_t w[16];
    for (int i = 0; i < 15; i++)
        w[i] = load_le64(raw + 8 * i);
    /* The last word has 7 bytes of its own. */
    w[15] = load_le64(raw + 119) >> 8;

    for (int j = 0; j < 4; j++)
        store_le64(padded + 8 * j, w[j]);
    padded[31] &= 0x3f;
    for (int node = 1; node < 4; node++) {
        int up = 2 * node;
        for (int j = 0; j < 4; j++) {
            int at = 4 * node + j;
            uint64_t value = (w[at] << up) | (w[at - 1] >> (64 - up));
            if (j == 3)
                value &= TOP_MASK;
            store_le64(padded + 32 * node + 8 * j, value);
        }
    }
}

static void unpad_quad(const uint8_t *padded, uint8_t *raw)
{
    uint64_t v[17];
    for (int i = 0; i < 16; i++)
        v[i] = load_le64(padded + 8 * i);
    for (int node = 0; node < 4; node++)
        v[4 * node + 3] &= TOP_MASK;
    v[16] = 0;

    uint64_t w[16];
    for (int i = 0; i < 16; i++) {
        int node = i / 4;
        int down = 2 * node;
        w[i] = v[i] >> down;
        /* The word above belongs to the same node, or to the next one which lies two bits lower. */
        int up = 64 - down;
        if (i % 4 == 3)
            w[i] |= v[i + 1] << (62 - down);
        else if (down)
            w[i] |= v[i + 1] << up;
    }
    for (int i = 0; i < 15; i++)
        store_le64(raw + 8 * i, w[i]);
    memcpy(raw + 120, &w[15], 7);
}

void sy_fr32_pad(const uint8_t *raw, uint8_t *ret_padded, size_t quads)
{
    for (size_t i = 0; i < quads; i++)
        pad_quad(raw + i * SY_FR32_RAW_QUAD, ret_padded + i * SY_FR32_PADDED_QUAD);
}

void sy_fr32_unpad(const uint8_t *padded, uint8_t *ret_raw, size_t quads)
{
    for (size_t i = 0; i < quads; i++)
        unpad_quad(padded + i * SY_FR32_PADDED_QUAD, ret_raw + i * SY_FR32_RAW_QUAD);
}

uint64_t sy_fr32_node_count(uint64_t raw_bytes)
{
    uint64_t quads = raw_bytes / SY_FR32_RAW_QUAD;
    uint64_t rest_bits = raw_bytes % SY_FR32_RAW_QUAD * 8;
    return quads * 4 + (rest_bits + 253) / 254;
}

void sy_fr32_pad_any(const uint8_t *raw, size_t raw_bytes, uint8_t *ret_padded)
{
    size_t quads = raw_bytes / SY_FR32_RAW_QUAD;
    size_t rest = raw_bytes % SY_FR32_RAW_QUAD;

    sy_fr32_pad(raw, ret_padded, quads);
    if (rest) {
        uint8_t tail[SY_FR32_RAW_QUAD] = {0};
        uint8_t out[SY_FR32_PADDED_QUAD];
        memcpy(tail, raw + quads * SY_FR32_RAW_QUAD, rest);
        pad_quad(tail, out);
        memcpy(ret_padded + quads * SY_FR32_PADDED_QUAD, out, 32 * sy_fr32_node_count(rest));
    }
}

int sy_fr32_padded_bytes(uint64_t raw_bytes, uint64_t *ret_padded_bytes, struct sy_error *err)
{
    uint64_t padded;
    if (raw_bytes % SY_FR32_RAW_QUAD != 0 ||
        !sy_mul_ok(raw_bytes / SY_FR32_RAW_QUAD, UINT64_C(128), &padded))
        return sy_fail(err, SY_E_RANGE, "%" PRIu64 " bytes are not a multiple of 127", raw_bytes);
    *ret_padded_bytes = padded;
    return 0;
}

int sy_fr32_raw_bytes(uint64_t padded_bytes, uint64_t *ret_raw_bytes, struct sy_error *err)
{
    if (padded_bytes % SY_FR32_PADDED_QUAD != 0)
        return sy_fail(err, SY_E_RANGE, "%" PRIu64 " padded bytes are not a multiple of 128",
                       padded_bytes);
    *ret_raw_bytes = padded_bytes / SY_FR32_PADDED_QUAD * SY_FR32_RAW_QUAD;
    return 0;
}

void sy_fr32_unpad_range(const uint8_t *padded, uint64_t raw_offset, size_t raw_size,
                         uint8_t *ret_raw)
{
    size_t skip = (size_t)(raw_offset % SY_FR32_RAW_QUAD);
    while (raw_size) {
        size_t take = SY_MIN(raw_size, SY_FR32_RAW_QUAD - skip);
        uint8_t quad[SY_FR32_RAW_QUAD];
        unpad_quad(padded, quad);
        memcpy(ret_raw, quad + skip, take);
        padded += SY_FR32_PADDED_QUAD;
        ret_raw += take;
        raw_size -= take;
        skip = 0;
    }
}
