#include "common/fil/rleplus.h"

#include <string.h>

#define SHORT_MAX 15 /* longest run of the 4-bit block */
#define VARINT_BYTES_MAX 10

struct bits {
    const uint8_t *data;
    size_t count;
    size_t at;
};

static unsigned get_bits(struct bits *bits, unsigned count)
{
    unsigned value = 0;
    for (unsigned i = 0; i < count; i++, bits->at++) {
        if (bits->at < bits->count)
            value |= (unsigned)(bits->data[bits->at / 8] >> (bits->at % 8) & 1) << i;
    }
    return value;
}

/* The last byte is not zero, so only the rest of one byte can be padding. */
static bool only_zeros_left(const struct bits *bits)
{
    if (bits->at >= bits->count)
        return true;
    return bits->count - bits->at < 8 && bits->data[bits->at / 8] >> (bits->at % 8) == 0;
}

static int get_varint(struct bits *bits, uint64_t *ret, struct sy_error *err)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        unsigned byte;
        if (bits->at + 8 > bits->count)
            return sy_fail(err, SY_E_PARSE, "bitfield ends inside a run");
        byte = get_bits(bits, 8);
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            if (byte == 0 && i)
                return sy_fail(err, SY_E_PARSE, "bitfield run length is longer than needed");
            *ret = value;
            return 0;
        }
    }
    return sy_fail(err, SY_E_PARSE, "bitfield run of more than 64 bits");
}

static int get_run(struct bits *bits, uint64_t *ret, struct sy_error *err)
{
    int rc;
    if (get_bits(bits, 1)) {
        *ret = 1;
        return 0;
    }
    if (get_bits(bits, 1)) {
        *ret = get_bits(bits, 4);
        if (*ret < 2)
            return sy_fail(err, SY_E_PARSE, "bitfield run of %llu in a 4-bit block",
                           (unsigned long long)*ret);
        return 0;
    }
    rc = get_varint(bits, ret, err);
    if (rc == 0 && *ret <= SHORT_MAX)
        return sy_fail(err, SY_E_PARSE, "bitfield run of %llu in a long block",
                       (unsigned long long)*ret);
    return rc;
}

int sy_rle_decode(const void *data, size_t bytes, struct sy_rle_range *ret, size_t capacity,
                  size_t *ret_count, struct sy_error *err)
{
    struct bits bits = {.data = data, .count = bytes * 8};
    uint64_t position = 0, run = 0;
    size_t count = 0;
    bool set;

    if (bytes == 0) {
        *ret_count = 0;
        return 0;
    }
    if (bytes > SY_RLE_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "bitfield of %zu bytes, at most %d", bytes,
                       SY_RLE_BYTES_MAX);
    if (bits.data[bytes - 1] == 0)
        return sy_fail(err, SY_E_PARSE, "bitfield ends in a zero byte");
    if (get_bits(&bits, 2) != 0)
        return sy_fail(err, SY_E_PARSE, "bitfield version is not 0");
    set = get_bits(&bits, 1);
    if (only_zeros_left(&bits))
        return sy_fail(err, SY_E_PARSE, "bitfield without runs: the empty set has no bytes");
    for (; !only_zeros_left(&bits); set = !set) {
        int rc = get_run(&bits, &run, err);
        if (rc < 0)
            return rc;
        if (run > UINT64_MAX - position)
            return sy_fail(err, SY_E_PARSE, "bitfield goes beyond 2^64-1");
        if (set && count == capacity)
            return sy_fail(err, SY_E_LIMIT, "bitfield has more than %zu ranges", capacity);
        if (set)
            ret[count++] = (struct sy_rle_range){.start = position, .count = run};
        position += run;
    }
    if (set) /* the next run would be of ones: the last one was of zeros */
        return sy_fail(err, SY_E_PARSE, "bitfield ends in a run of zeros");
    *ret_count = count;
    return 0;
}

struct writer {
    uint8_t *data;
    size_t capacity;
    size_t at; /* bits */
};

static void put_bits(struct writer *writer, unsigned value, unsigned count)
{
    for (unsigned i = 0; i < count; i++, writer->at++) {
        if (writer->at / 8 >= writer->capacity)
            continue;
        if (writer->at % 8 == 0)
            writer->data[writer->at / 8] = 0;
        writer->data[writer->at / 8] |= (uint8_t)((value >> i & 1) << (writer->at % 8));
    }
}

static void put_run(struct writer *writer, uint64_t run)
{
    if (run == 1) {
        put_bits(writer, 1, 1);
        return;
    }
    if (run <= SHORT_MAX) {
        put_bits(writer, 2, 2);
        put_bits(writer, (unsigned)run, 4);
        return;
    }
    put_bits(writer, 0, 2);
    for (; run >= 0x80; run >>= 7)
        put_bits(writer, (unsigned)(run & 0x7f) | 0x80, 8);
    put_bits(writer, (unsigned)run, 8);
}

int sy_rle_encode(const struct sy_rle_range *ranges, size_t count, void *data, size_t capacity,
                  size_t *ret_bytes, struct sy_error *err)
{
    struct writer writer = {.data = data, .capacity = capacity};
    uint64_t position = 0;
    size_t bytes;
    if (count == 0) {
        *ret_bytes = 0;
        return 0;
    }
    put_bits(&writer, 0, 2);
    put_bits(&writer, ranges[0].start == 0, 1);
    for (size_t i = 0; i < count; i++) {
        SY_ASSERT(ranges[i].count && (i == 0 || ranges[i].start > position));
        if (ranges[i].start > position)
            put_run(&writer, ranges[i].start - position);
        put_run(&writer, ranges[i].count);
        position = ranges[i].start + ranges[i].count;
    }
    bytes = (writer.at + 7) / 8;
    if (bytes > capacity)
        return sy_fail(err, SY_E_LIMIT, "bitfield of %zu bytes does not fit %zu", bytes, capacity);
    while (bytes && writer.data[bytes - 1] == 0)
        bytes--;
    *ret_bytes = bytes;
    return 0;
}

json_t *sy_rle_to_json(const struct sy_rle_range *ranges, size_t count)
{
    json_t *json = json_array();
    uint64_t position = 0;
    int rc = json ? 0 : -1;
    if (count == 0)
        rc |= json_array_append_new(json, json_integer(0));
    for (size_t i = 0; i < count; i++) {
        rc |= json_array_append_new(json, json_integer((json_int_t)(ranges[i].start - position)));
        rc |= json_array_append_new(json, json_integer((json_int_t)ranges[i].count));
        position = ranges[i].start + ranges[i].count;
    }
    if (rc != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

int sy_rle_from_json(const json_t *json, struct sy_rle_range *ret, size_t capacity,
                     size_t *ret_count, struct sy_error *err)
{
    uint64_t position = 0;
    size_t count = 0, index;
    json_t *item;
    if (!json_is_array(json) && !json_is_null(json))
        return sy_fail(err, SY_E_PARSE, "bitfield: expected an array of run lengths");
    json_array_foreach(json, index, item)
    {
        json_int_t run = json_integer_value(item);
        if (!json_is_integer(item) || run < 0 || (run == 0 && index))
            return sy_fail(err, SY_E_PARSE, "bitfield: run %zu is not a positive integer", index);
        if ((uint64_t)run > UINT64_MAX - position)
            return sy_fail(err, SY_E_PARSE, "bitfield goes beyond 2^64-1");
        if (index % 2 && count == capacity)
            return sy_fail(err, SY_E_LIMIT, "bitfield has more than %zu ranges", capacity);
        if (index % 2)
            ret[count++] = (struct sy_rle_range){.start = position, .count = (uint64_t)run};
        position += (uint64_t)run;
    }
    *ret_count = count;
    return 0;
}

bool sy_rle_contains(const struct sy_rle_range *ranges, size_t count, uint64_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (value >= ranges[i].start && value - ranges[i].start < ranges[i].count)
            return true;
    }
    return false;
}
