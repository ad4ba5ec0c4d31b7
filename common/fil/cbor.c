#include "common/fil/cbor.h"

#include <cbor.h>
#include <string.h>

#define HEAD_BYTES_MAX 9
#define TAG_CID 42

void sy_cbor_writer_init(struct sy_cbor_writer *writer, void *data, size_t capacity)
{
    *writer = (struct sy_cbor_writer){.data = data, .capacity = capacity};
}

void sy_cbor_put_raw(struct sy_cbor_writer *writer, const void *data, size_t bytes)
{
    if (writer->overflow || bytes > writer->capacity - writer->bytes) {
        writer->overflow = true;
        return;
    }
    if (bytes)
        memcpy(writer->data + writer->bytes, data, bytes);
    writer->bytes += bytes;
}

void sy_cbor_put_array(struct sy_cbor_writer *writer, uint64_t count)
{
    uint8_t head[HEAD_BYTES_MAX];
    sy_cbor_put_raw(writer, head, cbor_encode_array_start(count, head, sizeof(head)));
}

void sy_cbor_put_u64(struct sy_cbor_writer *writer, uint64_t value)
{
    uint8_t head[HEAD_BYTES_MAX];
    sy_cbor_put_raw(writer, head, cbor_encode_uint(value, head, sizeof(head)));
}

void sy_cbor_put_i64(struct sy_cbor_writer *writer, int64_t value)
{
    uint8_t head[HEAD_BYTES_MAX];
    if (value >= 0) {
        sy_cbor_put_u64(writer, (uint64_t)value);
        return;
    }
    sy_cbor_put_raw(writer, head, cbor_encode_negint((uint64_t)(-1 - value), head, sizeof(head)));
}

void sy_cbor_put_bytes(struct sy_cbor_writer *writer, const void *data, size_t bytes)
{
    uint8_t head[HEAD_BYTES_MAX];
    sy_cbor_put_raw(writer, head, cbor_encode_bytestring_start(bytes, head, sizeof(head)));
    sy_cbor_put_raw(writer, data, bytes);
}

void sy_cbor_put_bool(struct sy_cbor_writer *writer, bool value)
{
    uint8_t head[HEAD_BYTES_MAX];
    sy_cbor_put_raw(writer, head, cbor_encode_bool(value, head, sizeof(head)));
}

void sy_cbor_put_null(struct sy_cbor_writer *writer)
{
    uint8_t head[HEAD_BYTES_MAX];
    sy_cbor_put_raw(writer, head, cbor_encode_null(head, sizeof(head)));
}

void sy_cbor_put_cid(struct sy_cbor_writer *writer, const void *cid, size_t bytes)
{
    static const uint8_t zero = 0;
    uint8_t head[HEAD_BYTES_MAX];
    sy_cbor_put_raw(writer, head, cbor_encode_tag(TAG_CID, head, sizeof(head)));
    sy_cbor_put_raw(writer, head, cbor_encode_bytestring_start(bytes + 1, head, sizeof(head)));
    sy_cbor_put_raw(writer, &zero, 1);
    sy_cbor_put_raw(writer, cid, bytes);
}

int sy_cbor_writer_finish(const struct sy_cbor_writer *writer, const char *what, size_t *ret_bytes,
                          struct sy_error *err)
{
    if (writer->overflow)
        return sy_fail(err, SY_E_LIMIT, "%s does not fit %zu bytes of CBOR", what,
                       writer->capacity);
    *ret_bytes = writer->bytes;
    return 0;
}

/* ---------------------------------------------------------------- reading ------------------- */

/* One item as the streaming decoder reports it. */
struct item {
    enum sy_cbor_kind kind;
    bool is_tag;
    bool refused; /* float, indefinite length, break, undefined */
    uint64_t number;
    const uint8_t *data;
};

static void set_number(struct item *item, enum sy_cbor_kind kind, uint64_t number)
{
    item->kind = kind;
    item->number = number;
}

static void on_uint8(void *ctx, uint8_t value)
{
    set_number(ctx, SY_CBOR_UINT, value);
}
static void on_uint16(void *ctx, uint16_t value)
{
    set_number(ctx, SY_CBOR_UINT, value);
}
static void on_uint32(void *ctx, uint32_t value)
{
    set_number(ctx, SY_CBOR_UINT, value);
}
static void on_uint64(void *ctx, uint64_t value)
{
    set_number(ctx, SY_CBOR_UINT, value);
}
static void on_negint8(void *ctx, uint8_t value)
{
    set_number(ctx, SY_CBOR_NEGATIVE, value);
}
static void on_negint16(void *ctx, uint16_t value)
{
    set_number(ctx, SY_CBOR_NEGATIVE, value);
}
static void on_negint32(void *ctx, uint32_t value)
{
    set_number(ctx, SY_CBOR_NEGATIVE, value);
}
static void on_negint64(void *ctx, uint64_t value)
{
    set_number(ctx, SY_CBOR_NEGATIVE, value);
}
static void on_bytes(void *ctx, cbor_data data, size_t bytes)
{
    ((struct item *)ctx)->data = data;
    set_number(ctx, SY_CBOR_BYTES, bytes);
}
static void on_text(void *ctx, cbor_data data, size_t bytes)
{
    ((struct item *)ctx)->data = data;
    set_number(ctx, SY_CBOR_TEXT, bytes);
}
static void on_array(void *ctx, size_t count)
{
    set_number(ctx, SY_CBOR_ARRAY, count);
}
static void on_map(void *ctx, size_t count)
{
    set_number(ctx, SY_CBOR_MAP, count);
}
static void on_tag(void *ctx, uint64_t tag)
{
    ((struct item *)ctx)->is_tag = true;
    set_number(ctx, SY_CBOR_CID, tag);
}
static void on_bool(void *ctx, bool value)
{
    set_number(ctx, SY_CBOR_BOOL, value);
}
static void on_null(void *ctx)
{
    set_number(ctx, SY_CBOR_NULL, 0);
}
static void on_refused(void *ctx)
{
    ((struct item *)ctx)->refused = true;
}
static void on_float(void *ctx, float value)
{
    (void)value;
    on_refused(ctx);
}
static void on_double(void *ctx, double value)
{
    (void)value;
    on_refused(ctx);
}

static const struct cbor_callbacks CALLBACKS = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string_start = on_refused,
    .byte_string = on_bytes,
    .string = on_text,
    .string_start = on_refused,
    .indef_array_start = on_refused,
    .array_start = on_array,
    .indef_map_start = on_refused,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_refused,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_refused,
};

/* The only head that DAG-CBOR allows for the item. */
static size_t shortest_head(const struct item *item, uint8_t head[HEAD_BYTES_MAX])
{
    switch (item->kind) {
    case SY_CBOR_UINT:
        return cbor_encode_uint(item->number, head, HEAD_BYTES_MAX);
    case SY_CBOR_NEGATIVE:
        return cbor_encode_negint(item->number, head, HEAD_BYTES_MAX);
    case SY_CBOR_BYTES:
        return cbor_encode_bytestring_start(item->number, head, HEAD_BYTES_MAX);
    case SY_CBOR_TEXT:
        return cbor_encode_string_start(item->number, head, HEAD_BYTES_MAX);
    case SY_CBOR_ARRAY:
        return cbor_encode_array_start(item->number, head, HEAD_BYTES_MAX);
    case SY_CBOR_MAP:
        return cbor_encode_map_start(item->number, head, HEAD_BYTES_MAX);
    case SY_CBOR_CID:
        return cbor_encode_tag(item->number, head, HEAD_BYTES_MAX);
    case SY_CBOR_BOOL:
        return cbor_encode_bool(item->number != 0, head, HEAD_BYTES_MAX);
    case SY_CBOR_NULL:
        return cbor_encode_null(head, HEAD_BYTES_MAX);
    case SY_CBOR_END:
        break;
    }
    return 0;
}

static bool utf8_ok(const uint8_t *text, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes;) {
        uint8_t lead = text[i];
        unsigned more = lead < 0x80 ? 0 : (lead & 0xe0) == 0xc0 ? 1 : (lead & 0xf0) == 0xe0 ? 2 : 3;
        static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
        uint32_t point = more == 0 ? lead : (uint32_t)lead & (0x3fu >> more);
        if ((more == 3 && (lead & 0xf8) != 0xf0) || more > bytes - i - 1)
            return false;
        for (unsigned k = 1; k <= more; k++) {
            if ((text[i + k] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (text[i + k] & 0x3f);
        }
        if (point < least[more] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
        i += 1 + more;
    }
    return true;
}

static int refuse(const struct sy_cbor_reader *reader, const char *why, struct sy_error *err)
{
    return sy_fail(err, SY_E_PARSE, "%s: CBOR at byte %zu: %s", reader->what, reader->at, why);
}

static int check_item(const struct sy_cbor_reader *reader, const struct item *item,
                      struct sy_error *err)
{
    const uint8_t *source = reader->data + reader->at;
    uint8_t head[HEAD_BYTES_MAX];
    size_t head_bytes = shortest_head(item, head);
    if (head_bytes > reader->bytes - reader->at || memcmp(head, source, head_bytes) != 0)
        return refuse(reader, "head is not the shortest", err);
    if ((item->kind == SY_CBOR_BYTES || item->kind == SY_CBOR_TEXT) &&
        item->number > SY_CBOR_BYTES_MAX)
        return refuse(reader, "string longer than 2 MiB", err);
    if (item->kind == SY_CBOR_TEXT && !utf8_ok(item->data, item->number))
        return refuse(reader, "text is not UTF-8", err);
    return 0;
}

/* Decodes the item at the reader without moving it; *ret_bytes = its length, content included. */
static int next_item(const struct sy_cbor_reader *reader, struct item *ret, size_t *ret_bytes,
                     struct sy_error *err)
{
    struct item item = {.kind = SY_CBOR_END};
    struct sy_cbor_reader inner = *reader;
    struct cbor_decoder_result result;
    int rc;

    if (reader->at >= reader->bytes)
        return refuse(reader, "ends too early", err);
    result = cbor_stream_decode(reader->data + reader->at, reader->bytes - reader->at, &CALLBACKS,
                                &item);
    if (result.status == CBOR_DECODER_NEDATA)
        return refuse(reader, "ends too early", err);
    if (result.status != CBOR_DECODER_FINISHED)
        return refuse(reader, "not well formed", err);
    if (item.refused || item.kind == SY_CBOR_END)
        return refuse(reader, "float, undefined, break or indefinite length", err);
    rc = check_item(reader, &item, err);
    if (rc < 0)
        return rc;
    *ret_bytes = result.read;
    if (item.is_tag) {
        struct item content = {.kind = SY_CBOR_END};
        if (item.number != TAG_CID)
            return refuse(reader, "tag is not 42 (CID)", err);
        inner.at += result.read;
        if (inner.at >= inner.bytes)
            return refuse(&inner, "ends too early", err);
        result =
            cbor_stream_decode(inner.data + inner.at, inner.bytes - inner.at, &CALLBACKS, &content);
        if (result.status != CBOR_DECODER_FINISHED || content.kind != SY_CBOR_BYTES ||
            content.refused)
            return refuse(&inner, "tag 42 without a byte string", err);
        rc = check_item(&inner, &content, err);
        if (rc < 0)
            return rc;
        if (content.number < 2 || content.data[0] != 0)
            return refuse(&inner, "a CID begins with a zero byte", err);
        item.data = content.data + 1;
        item.number = content.number - 1;
        *ret_bytes += result.read;
    }
    *ret = item;
    return 0;
}

void sy_cbor_reader_init(struct sy_cbor_reader *reader, const void *data, size_t bytes,
                         const char *what)
{
    *reader = (struct sy_cbor_reader){.data = data, .bytes = bytes, .what = what};
}

int sy_cbor_peek(const struct sy_cbor_reader *reader, enum sy_cbor_kind *ret_kind,
                 struct sy_error *err)
{
    struct item item;
    size_t bytes;
    int rc;
    if (reader->at == reader->bytes) {
        *ret_kind = SY_CBOR_END;
        return 0;
    }
    rc = next_item(reader, &item, &bytes, err);
    if (rc == 0)
        *ret_kind = item.kind;
    return rc;
}

static const char *kind_name(enum sy_cbor_kind kind)
{
    static const char *const names[] = {"unsigned integer",
                                        "negative integer",
                                        "byte string",
                                        "text",
                                        "array",
                                        "map",
                                        "CID",
                                        "boolean",
                                        "null",
                                        "end"};
    return names[kind];
}

static int take(struct sy_cbor_reader *reader, enum sy_cbor_kind kind, struct item *ret,
                struct sy_error *err)
{
    size_t bytes;
    int rc = next_item(reader, ret, &bytes, err);
    if (rc < 0)
        return rc;
    if (ret->kind != kind)
        return sy_fail(err, SY_E_PARSE, "%s: CBOR at byte %zu: %s where %s was expected",
                       reader->what, reader->at, kind_name(ret->kind), kind_name(kind));
    reader->at += bytes;
    return 0;
}

int sy_cbor_get_array(struct sy_cbor_reader *reader, uint64_t max, uint64_t *ret_count,
                      struct sy_error *err)
{
    struct item item;
    struct sy_cbor_reader before = *reader;
    int rc = take(reader, SY_CBOR_ARRAY, &item, err);
    if (rc < 0)
        return rc;
    if (item.number > max || item.number > SY_CBOR_ARRAY_MAX ||
        item.number > reader->bytes - reader->at)
        return refuse(&before, "array has more items than allowed", err);
    *ret_count = item.number;
    return 0;
}

int sy_cbor_get_tuple(struct sy_cbor_reader *reader, uint64_t count, struct sy_error *err)
{
    struct sy_cbor_reader before = *reader;
    uint64_t found;
    int rc = sy_cbor_get_array(reader, SY_CBOR_ARRAY_MAX, &found, err);
    if (rc == 0 && found != count)
        return sy_fail(err, SY_E_PARSE,
                       "%s: CBOR at byte %zu: %llu fields where %llu were expected", before.what,
                       before.at, (unsigned long long)found, (unsigned long long)count);
    return rc;
}

int sy_cbor_get_u64(struct sy_cbor_reader *reader, uint64_t *ret, struct sy_error *err)
{
    struct item item;
    int rc = take(reader, SY_CBOR_UINT, &item, err);
    if (rc == 0)
        *ret = item.number;
    return rc;
}

int sy_cbor_get_i64(struct sy_cbor_reader *reader, int64_t *ret, struct sy_error *err)
{
    struct item item;
    size_t bytes;
    int rc = next_item(reader, &item, &bytes, err);
    if (rc < 0)
        return rc;
    if (item.kind != SY_CBOR_UINT && item.kind != SY_CBOR_NEGATIVE)
        return refuse(reader, "an integer was expected", err);
    if (item.number > INT64_MAX)
        return refuse(reader, "integer beyond 63 bits", err);
    *ret = item.kind == SY_CBOR_UINT ? (int64_t)item.number : -1 - (int64_t)item.number;
    reader->at += bytes;
    return 0;
}

int sy_cbor_get_bytes(struct sy_cbor_reader *reader, size_t max, const uint8_t **ret_data,
                      size_t *ret_bytes, struct sy_error *err)
{
    struct sy_cbor_reader before = *reader;
    struct item item;
    int rc = take(reader, SY_CBOR_BYTES, &item, err);
    if (rc < 0)
        return rc;
    if (item.number > max)
        return refuse(&before, "byte string longer than allowed", err);
    *ret_data = item.data;
    *ret_bytes = item.number;
    return 0;
}

int sy_cbor_get_bool(struct sy_cbor_reader *reader, bool *ret, struct sy_error *err)
{
    struct item item;
    int rc = take(reader, SY_CBOR_BOOL, &item, err);
    if (rc == 0)
        *ret = item.number != 0;
    return rc;
}

int sy_cbor_get_null(struct sy_cbor_reader *reader, bool *ret_null, struct sy_error *err)
{
    struct item item;
    size_t bytes;
    int rc = next_item(reader, &item, &bytes, err);
    if (rc < 0)
        return rc;
    *ret_null = item.kind == SY_CBOR_NULL;
    if (*ret_null)
        reader->at += bytes;
    return 0;
}

int sy_cbor_get_cid(struct sy_cbor_reader *reader, const uint8_t **ret_cid, size_t *ret_bytes,
                    struct sy_error *err)
{
    struct item item;
    int rc = take(reader, SY_CBOR_CID, &item, err);
    if (rc < 0)
        return rc;
    *ret_cid = item.data;
    *ret_bytes = item.number;
    return 0;
}

int sy_cbor_get_end(const struct sy_cbor_reader *reader, struct sy_error *err)
{
    if (reader->at != reader->bytes)
        return refuse(reader, "bytes behind the end of the object", err);
    return 0;
}

int sy_cbor_check(const void *data, size_t bytes, const char *what, struct sy_error *err)
{
    struct sy_cbor_reader reader;
    uint64_t left[SY_CBOR_DEPTH_MAX]; /* items still to come at each depth */
    unsigned depth = 1;

    left[0] = 1;
    sy_cbor_reader_init(&reader, data, bytes, what);
    while (depth) {
        struct item item;
        size_t item_bytes;
        int rc;
        if (left[depth - 1] == 0) {
            depth--;
            continue;
        }
        rc = next_item(&reader, &item, &item_bytes, err);
        if (rc < 0)
            return rc;
        left[depth - 1]--;
        if (item.kind == SY_CBOR_ARRAY || item.kind == SY_CBOR_MAP) {
            if (item.number > SY_CBOR_ARRAY_MAX || item.number > reader.bytes - reader.at)
                return refuse(&reader, "array has more items than allowed", err);
            if (depth == SY_CBOR_DEPTH_MAX)
                return refuse(&reader, "nested too deep", err);
            left[depth++] = item.kind == SY_CBOR_MAP ? 2 * item.number : item.number;
        }
        reader.at += item_bytes;
    }
    return sy_cbor_get_end(&reader, err);
}
