/* The writer is msgpack-c's packer over a bounded buffer. The reader is our own: a cursor that
 * never moves past the end and refuses a declared count that the bytes left cannot hold, because
 * the stock unpacker reserves memory for the count before it has seen the items.
 *
 * Neither walk recurses: a stack of SY_CODEC_DEPTH_MAX levels holds the open objects and lists.
 */
#include "common/codec.h"

#include <msgpack.h>
#include <string.h>

#define BUFFER_FIRST_BYTES 256u
/* One level = a list and the object in it. */
#define STACK_MAX (2 * SY_CODEC_DEPTH_MAX)

void sy_buffer_init(struct sy_buffer *buffer, size_t limit_bytes)
{
    *buffer = (struct sy_buffer){.limit = limit_bytes};
}

void sy_buffer_fini(struct sy_buffer *buffer)
{
    sy_mem_free(buffer->data);
    *buffer = (struct sy_buffer){.limit = buffer->limit};
}

int sy_buffer_append(struct sy_buffer *buffer, const void *data, size_t bytes, struct sy_error *err)
{
    if (bytes > buffer->limit || buffer->bytes > buffer->limit - bytes)
        return sy_fail(err, SY_E_LIMIT, "buffer: %zu bytes and %zu more, at most %zu are allowed",
                       buffer->bytes, bytes, buffer->limit);
    size_t wanted = buffer->bytes + bytes;
    if (wanted > buffer->capacity) {
        size_t capacity = SY_MAX(buffer->capacity, (size_t)BUFFER_FIRST_BYTES);
        while (capacity < wanted)
            capacity = capacity > buffer->limit / 2 ? SY_MAX(buffer->limit, wanted) : capacity * 2;
        uint8_t *moved = sy_mem_resize(buffer->data, capacity);
        if (!moved)
            return sy_fail(err, SY_E_NOMEM, "buffer: no memory for %zu bytes", capacity);
        buffer->data = moved;
        buffer->capacity = capacity;
    }
    if (bytes > 0)
        memcpy(buffer->data + buffer->bytes, data, bytes);
    buffer->bytes = wanted;
    return 0;
}

/* Length of the UTF-8 character at p[0..bytes), 0 when there is none. */
static size_t utf8_step(const uint8_t *p, size_t bytes)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] > 0 && p[0] < 0x80)
        return 1;
    size_t length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || bytes < length)
        return 0;
    uint32_t value = p[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (p[i] & 0x3f);
    }
    if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    return length;
}

bool sy_utf8_valid(const void *text, size_t bytes)
{
    const uint8_t *p = text;
    size_t step;
    for (; bytes > 0; p += step, bytes -= step) {
        step = utf8_step(p, bytes);
        if (step == 0)
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- writing ------------------- */

struct writer {
    msgpack_packer packer;
    struct sy_buffer *out;
    struct sy_error *err;
    int rc;
};

static int write_bytes(void *data, const char *bytes, size_t count)
{
    struct writer *writer = data;
    writer->rc = sy_buffer_append(writer->out, bytes, count, writer->err);
    return writer->rc < 0 ? -1 : 0;
}

static const void *member_of(const struct sy_field *field, const void *object)
{
    return (const uint8_t *)object + field->offset;
}

static uint32_t read_u32(const void *member)
{
    uint32_t value;
    memcpy(&value, member, sizeof value);
    return value;
}

static uint64_t read_u64(const void *member)
{
    uint64_t value;
    memcpy(&value, member, sizeof value);
    return value;
}

static bool is_all_zero(const uint8_t *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] != 0)
            return false;
    }
    return true;
}

/* Whether the field is written: it is required or not zero. */
static bool is_present(const struct sy_field *field, const void *object)
{
    const void *member = member_of(field, object);
    if (field->required)
        return true;
    switch ((enum sy_field_type)field->type) {
    case SY_FIELD_U32:
    case SY_FIELD_ENUM:
        return read_u32(member) != 0;
    case SY_FIELD_U64:
    case SY_FIELD_I64:
        return read_u64(member) != 0;
    case SY_FIELD_BOOL:
        return *(const bool *)member;
    case SY_FIELD_STRING:
        return *(const char *)member != 0;
    case SY_FIELD_FIXED:
        return !is_all_zero(member, field->capacity);
    case SY_FIELD_BYTES:
    case SY_FIELD_TEXT:
    case SY_FIELD_JSON:
        return ((const struct sy_slice *)member)->bytes > 0;
    case SY_FIELD_LIST:
        return ((const struct sy_list *)member)->count > 0;
    case SY_FIELD_OBJECT:
        return true;
    }
    return false;
}

static int write_lossy(struct writer *writer, const uint8_t *text, size_t bytes)
{
    if (msgpack_pack_str(&writer->packer, bytes) < 0)
        return writer->rc;
    while (bytes > 0) {
        size_t step = utf8_step(text, bytes);
        int rc = sy_buffer_append(writer->out, step > 0 ? (const void *)text : "?",
                                  SY_MAX(step, (size_t)1), writer->err);
        if (rc < 0)
            return rc;
        text += SY_MAX(step, (size_t)1);
        bytes -= SY_MAX(step, (size_t)1);
    }
    return 0;
}

static int write_text(struct writer *writer, const struct sy_field *field, const void *text,
                      size_t bytes)
{
    if (!sy_utf8_valid(text, bytes)) {
        if (field->lossy)
            return write_lossy(writer, text, bytes);
        return sy_fail(writer->err, SY_E_ARG, "%s is not UTF-8 text; use a name that is",
                       field->name);
    }
    if (msgpack_pack_str(&writer->packer, bytes) < 0 ||
        msgpack_pack_str_body(&writer->packer, text, bytes) < 0)
        return writer->rc;
    return 0;
}

static int write_string(struct writer *writer, const struct sy_field *field, const char *text)
{
    size_t bytes = strnlen(text, field->capacity);
    if (bytes == field->capacity)
        return sy_fail(writer->err, SY_E_ARG, "%s has no end within %u bytes", field->name,
                       field->capacity);
    return write_text(writer, field, text, bytes);
}

static int write_blob(struct writer *writer, const void *data, size_t bytes)
{
    if (msgpack_pack_bin(&writer->packer, bytes) < 0 ||
        msgpack_pack_bin_body(&writer->packer, data, bytes) < 0)
        return writer->rc;
    return 0;
}

static int write_slice(struct writer *writer, const struct sy_field *field,
                       const struct sy_slice *slice)
{
    if (slice->bytes > field->capacity)
        return sy_fail(writer->err, SY_E_LIMIT, "%s has %u bytes, at most %u are allowed",
                       field->name, slice->bytes, field->capacity);
    const void *data = slice->data ? slice->data : "";
    if (field->type == SY_FIELD_BYTES)
        return write_blob(writer, data, slice->bytes);
    return write_text(writer, field, data, slice->bytes);
}

static int write_scalar(struct writer *writer, const struct sy_field *field, const void *member)
{
    uint32_t value;
    switch ((enum sy_field_type)field->type) {
    case SY_FIELD_ENUM:
        value = read_u32(member);
        if (!field->enum_name(value))
            return sy_fail(writer->err, SY_E_ARG, "%s has the unknown value %u", field->name,
                           value);
        return msgpack_pack_uint32(&writer->packer, value) < 0 ? writer->rc : 0;
    case SY_FIELD_U32:
        return msgpack_pack_uint32(&writer->packer, read_u32(member)) < 0 ? writer->rc : 0;
    case SY_FIELD_U64:
        return msgpack_pack_uint64(&writer->packer, read_u64(member)) < 0 ? writer->rc : 0;
    case SY_FIELD_I64:
        return msgpack_pack_int64(&writer->packer, (int64_t)read_u64(member)) < 0 ? writer->rc : 0;
    case SY_FIELD_BOOL:
        return (*(const bool *)member ? msgpack_pack_true(&writer->packer)
                                      : msgpack_pack_false(&writer->packer)) < 0
                   ? writer->rc
                   : 0;
    case SY_FIELD_STRING:
        return write_string(writer, field, member);
    case SY_FIELD_FIXED:
        return write_blob(writer, member, field->capacity);
    case SY_FIELD_BYTES:
    case SY_FIELD_TEXT:
    case SY_FIELD_JSON:
        return write_slice(writer, field, member);
    case SY_FIELD_LIST:
    case SY_FIELD_OBJECT:
        break;
    }
    return sy_fail(writer->err, SY_E_BUG, "%s has the field type %u", field->name, field->type);
}

/* An open object (index counts fields) or an open list (index counts items). */
struct walk {
    const struct sy_table *table;
    const uint8_t *data; /* the object, or the first item */
    uint32_t count;
    uint32_t index;
    bool is_list;
};

static int open_written_object(struct writer *writer, struct walk *stack, size_t *depth,
                               const struct sy_table *table, const void *object)
{
    if (*depth == STACK_MAX)
        return sy_fail(writer->err, SY_E_LIMIT, "%s is nested deeper than %d", table->name,
                       SY_CODEC_DEPTH_MAX);
    uint32_t present = 0;
    for (uint32_t i = 0; i < table->field_count; i++)
        present += is_present(&table->fields[i], object);
    if (msgpack_pack_map(&writer->packer, present) < 0)
        return writer->rc;
    stack[(*depth)++] = (struct walk){table, object, table->field_count, 0, false};
    return 0;
}

static int open_written_list(struct writer *writer, struct walk *stack, size_t *depth,
                             const struct sy_field *field, const struct sy_list *list)
{
    if (list->count > field->capacity)
        return sy_fail(writer->err, SY_E_LIMIT, "%s has %u items, at most %u are allowed",
                       field->name, list->count, field->capacity);
    if (*depth == STACK_MAX)
        return sy_fail(writer->err, SY_E_LIMIT, "%s is nested deeper than %d", field->name,
                       SY_CODEC_DEPTH_MAX);
    if (msgpack_pack_array(&writer->packer, list->count) < 0)
        return writer->rc;
    stack[(*depth)++] = (struct walk){field->sub, list->items, list->count, 0, true};
    return 0;
}

static int write_field(struct writer *writer, struct walk *stack, size_t *depth,
                       const struct sy_field *field, const void *object)
{
    if (!is_present(field, object))
        return 0;
    const void *member = member_of(field, object);
    if (msgpack_pack_uint16(&writer->packer, field->id) < 0)
        return writer->rc;
    if (field->type == SY_FIELD_LIST)
        return open_written_list(writer, stack, depth, field, member);
    if (field->type == SY_FIELD_OBJECT)
        return open_written_object(writer, stack, depth, field->sub, member);
    return write_scalar(writer, field, member);
}

int sy_table_encode(const struct sy_table *table, const void *object, struct sy_buffer *out,
                    struct sy_error *err)
{
    struct writer writer = {.out = out, .err = err};
    struct walk stack[STACK_MAX];
    size_t depth = 0, before = out->bytes;
    msgpack_packer_init(&writer.packer, &writer, write_bytes);
    int rc = open_written_object(&writer, stack, &depth, table, object);
    while (rc == 0 && depth > 0) {
        struct walk *top = &stack[depth - 1];
        if (top->index == top->count) {
            depth--;
        } else if (top->is_list) {
            const uint8_t *item = top->data + (size_t)top->index++ * top->table->struct_bytes;
            rc = open_written_object(&writer, stack, &depth, top->table, item);
        } else {
            rc = write_field(&writer, stack, &depth, &top->table->fields[top->index++], top->data);
        }
    }
    if (rc < 0) {
        out->bytes = before;
        return err ? sy_error_wrap(err, "encode %s", table->name) : rc;
    }
    return 0;
}

/* ---------------------------------------------------------------- reading ------------------- */

struct reader {
    const uint8_t *p;
    const uint8_t *end;
    struct sy_error *err;
};

/* One decoded head: the value of a scalar, the length of a string, the count of a container. */
enum head_kind {
    HEAD_UINT,
    HEAD_INT, /* negative */
    HEAD_BOOL,
    HEAD_STR,
    HEAD_BIN,
    HEAD_ARRAY,
    HEAD_MAP,
    HEAD_OTHER, /* nil, float, extension: `value` more bytes follow */
};
struct head {
    enum head_kind kind;
    uint64_t value;
};

static size_t bytes_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->p);
}

static int fail_short(struct reader *reader)
{
    return sy_fail(reader->err, SY_E_PARSE, "the bytes end in the middle of a value");
}

static int read_big_endian(struct reader *reader, size_t bytes, uint64_t *ret)
{
    if (bytes_left(reader) < bytes)
        return fail_short(reader);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | reader->p[i];
    reader->p += bytes;
    *ret = value;
    return 0;
}

/* Heads 0xc0..0xdf: kind, and width in bytes of the number that follows (-1: the value is `extra`).
 */
struct head_rule {
    uint8_t kind;
    int8_t width;
    uint8_t extra; /* added to the number (extensions carry a type byte) or the value itself */
};
static const struct head_rule head_rules[32] = {
    [0x00] = {HEAD_OTHER, -1, 0}, [0x02] = {HEAD_BOOL, -1, 0},  [0x03] = {HEAD_BOOL, -1, 1},
    [0x04] = {HEAD_BIN, 1, 0},    [0x05] = {HEAD_BIN, 2, 0},    [0x06] = {HEAD_BIN, 4, 0},
    [0x07] = {HEAD_OTHER, 1, 1},  [0x08] = {HEAD_OTHER, 2, 1},  [0x09] = {HEAD_OTHER, 4, 1},
    [0x0a] = {HEAD_OTHER, -1, 4}, [0x0b] = {HEAD_OTHER, -1, 8}, [0x0c] = {HEAD_UINT, 1, 0},
    [0x0d] = {HEAD_UINT, 2, 0},   [0x0e] = {HEAD_UINT, 4, 0},   [0x0f] = {HEAD_UINT, 8, 0},
    [0x10] = {HEAD_INT, 1, 0},    [0x11] = {HEAD_INT, 2, 0},    [0x12] = {HEAD_INT, 4, 0},
    [0x13] = {HEAD_INT, 8, 0},    [0x14] = {HEAD_OTHER, -1, 2}, [0x15] = {HEAD_OTHER, -1, 3},
    [0x16] = {HEAD_OTHER, -1, 5}, [0x17] = {HEAD_OTHER, -1, 9}, [0x18] = {HEAD_OTHER, -1, 17},
    [0x19] = {HEAD_STR, 1, 0},    [0x1a] = {HEAD_STR, 2, 0},    [0x1b] = {HEAD_STR, 4, 0},
    [0x1c] = {HEAD_ARRAY, 2, 0},  [0x1d] = {HEAD_ARRAY, 4, 0},  [0x1e] = {HEAD_MAP, 2, 0},
    [0x1f] = {HEAD_MAP, 4, 0},
};

static struct head head_of_signed(uint64_t raw, size_t width)
{
    unsigned shift = (unsigned)(64 - 8 * width);
    int64_t value = (int64_t)(raw << shift) >> shift;
    return (struct head){value < 0 ? HEAD_INT : HEAD_UINT, (uint64_t)value};
}

/* The smallest number of bytes that the rest of the value must have. */
static uint64_t rest_of(struct head head)
{
    switch (head.kind) {
    case HEAD_MAP:
        return head.value * 2; /* count <= 2^32: no overflow */
    case HEAD_STR:
    case HEAD_BIN:
    case HEAD_ARRAY:
    case HEAD_OTHER:
        return head.value;
    default:
        return 0;
    }
}

static int read_head(struct reader *reader, struct head *ret)
{
    uint64_t byte = 0, number = 0;
    struct head head;
    int rc = read_big_endian(reader, 1, &byte);
    if (rc < 0)
        return rc;
    if (byte < 0x80) {
        head = (struct head){HEAD_UINT, byte};
    } else if (byte < 0x90) {
        head = (struct head){HEAD_MAP, byte & 0x0f};
    } else if (byte < 0xa0) {
        head = (struct head){HEAD_ARRAY, byte & 0x0f};
    } else if (byte < 0xc0) {
        head = (struct head){HEAD_STR, byte & 0x1f};
    } else if (byte >= 0xe0) {
        head = head_of_signed(byte, 1);
    } else if (byte == 0xc1) {
        return sy_fail(reader->err, SY_E_PARSE, "the byte c1 is not used by msgpack");
    } else {
        const struct head_rule *rule = &head_rules[byte - 0xc0];
        if (rule->width > 0) {
            rc = read_big_endian(reader, (size_t)rule->width, &number);
            if (rc < 0)
                return rc;
        }
        head = (struct head){(enum head_kind)rule->kind, number + rule->extra};
        if (rule->kind == HEAD_INT)
            head = head_of_signed(number, (size_t)rule->width);
    }
    if (rest_of(head) > bytes_left(reader))
        return sy_fail(reader->err, SY_E_PARSE,
                       "a count or length of %llu is declared but %zu bytes are left",
                       (unsigned long long)head.value, bytes_left(reader));
    *ret = head;
    return 0;
}

/* Steps over one value of any kind. */
static int skip_value(struct reader *reader)
{
    uint64_t open[SY_CODEC_DEPTH_MAX] = {1};
    size_t depth = 1;
    while (depth > 0) {
        if (open[depth - 1] == 0) {
            depth--;
            continue;
        }
        open[depth - 1]--;
        struct head head;
        int rc = read_head(reader, &head);
        if (rc < 0)
            return rc;
        if (head.kind == HEAD_ARRAY || head.kind == HEAD_MAP) {
            if (depth == SY_CODEC_DEPTH_MAX)
                return sy_fail(reader->err, SY_E_LIMIT, "values are nested deeper than %d",
                               SY_CODEC_DEPTH_MAX);
            open[depth++] = rest_of(head);
        } else {
            reader->p += rest_of(head);
        }
    }
    return 0;
}

static int fail_type(struct reader *reader, const struct sy_field *field, const char *expected)
{
    return sy_fail(reader->err, SY_E_PARSE, "%s: expected %s", field->name, expected);
}

static int decode_text(struct reader *reader, const struct sy_field *field, struct head head,
                       struct sy_slice *ret)
{
    bool is_bytes = field->type == SY_FIELD_BYTES || field->type == SY_FIELD_FIXED;
    if (head.kind != (is_bytes ? HEAD_BIN : HEAD_STR))
        return fail_type(reader, field, is_bytes ? "bytes" : "text");
    if (head.value > field->capacity)
        return sy_fail(reader->err, SY_E_LIMIT, "%s has %llu bytes, at most %u are allowed",
                       field->name, (unsigned long long)head.value, field->capacity);
    if (!is_bytes && !sy_utf8_valid(reader->p, (size_t)head.value))
        return fail_type(reader, field, "UTF-8 text without NUL");
    *ret = (struct sy_slice){reader->p, (uint32_t)head.value};
    reader->p += head.value;
    return 0;
}

static int decode_array(struct reader *reader, const struct sy_field *field, struct head head,
                        uint8_t *member)
{
    struct sy_slice slice = {NULL, 0};
    int rc = decode_text(reader, field, head, &slice);
    if (rc < 0)
        return rc;
    if (field->type == SY_FIELD_FIXED && slice.bytes != field->capacity)
        return sy_fail(reader->err, SY_E_PARSE, "%s has %u bytes, expected %u", field->name,
                       slice.bytes, field->capacity);
    if (field->type == SY_FIELD_STRING && slice.bytes >= field->capacity)
        return sy_fail(reader->err, SY_E_LIMIT, "%s has %u bytes, at most %u are allowed",
                       field->name, slice.bytes, field->capacity - 1);
    memcpy(member, slice.data, slice.bytes);
    return 0;
}

static int decode_number(struct reader *reader, const struct sy_field *field, struct head head,
                         uint8_t *member)
{
    bool is_signed = field->type == SY_FIELD_I64;
    if (head.kind != HEAD_UINT && head.kind != HEAD_INT)
        return fail_type(reader, field, "a whole number");
    if (head.kind == HEAD_INT ? !is_signed : is_signed && head.value > INT64_MAX)
        return sy_fail(reader->err, SY_E_RANGE, "%s is out of range", field->name);
    if (field->type == SY_FIELD_U64 || is_signed) {
        memcpy(member, &head.value, sizeof head.value);
        return 0;
    }
    if (head.value > UINT32_MAX)
        return sy_fail(reader->err, SY_E_RANGE, "%s is %llu, at most %u is allowed", field->name,
                       (unsigned long long)head.value, UINT32_MAX);
    uint32_t value = (uint32_t)head.value;
    if (field->type == SY_FIELD_ENUM && !field->enum_name(value))
        return sy_fail(reader->err, SY_E_RANGE, "%s has the unknown value %u", field->name, value);
    memcpy(member, &value, sizeof value);
    return 0;
}

static int decode_scalar(struct reader *reader, const struct sy_field *field, struct head head,
                         uint8_t *member)
{
    switch ((enum sy_field_type)field->type) {
    case SY_FIELD_U32:
    case SY_FIELD_U64:
    case SY_FIELD_I64:
    case SY_FIELD_ENUM:
        return decode_number(reader, field, head, member);
    case SY_FIELD_BOOL:
        if (head.kind != HEAD_BOOL)
            return fail_type(reader, field, "true or false");
        *(bool *)member = head.value != 0;
        return 0;
    case SY_FIELD_STRING:
    case SY_FIELD_FIXED:
        return decode_array(reader, field, head, member);
    case SY_FIELD_BYTES:
    case SY_FIELD_TEXT:
    case SY_FIELD_JSON:
        return decode_text(reader, field, head, (struct sy_slice *)member);
    case SY_FIELD_LIST:
    case SY_FIELD_OBJECT:
        break;
    }
    return sy_fail(reader->err, SY_E_BUG, "%s has the field type %u", field->name, field->type);
}

/* An open object (left counts pairs, seen marks the fields that came) or an open list (left counts
 * items, data is the next one). */
struct unwalk {
    const struct sy_table *table;
    uint8_t *data;
    uint32_t left;
    bool is_list;
    uint64_t seen;
};
struct decoder {
    struct reader reader;
    struct sy_arena *arena;
    struct unwalk stack[STACK_MAX];
    size_t depth;
};

static int push_level(struct decoder *decoder, struct unwalk level)
{
    if (decoder->depth == STACK_MAX)
        return sy_fail(decoder->reader.err, SY_E_LIMIT, "%s is nested deeper than %d",
                       level.table->name, SY_CODEC_DEPTH_MAX);
    decoder->stack[decoder->depth++] = level;
    return 0;
}

static int open_object(struct decoder *decoder, const struct sy_table *table, struct head head,
                       uint8_t *object)
{
    SY_ASSERT(table->field_count <= SY_TABLE_FIELDS_MAX);
    if (head.kind != HEAD_MAP)
        return sy_fail(decoder->reader.err, SY_E_PARSE, "%s: expected a map", table->name);
    return push_level(decoder, (struct unwalk){table, object, (uint32_t)head.value, false, 0});
}

static int open_list(struct decoder *decoder, const struct sy_field *field, struct head head,
                     struct sy_list *list)
{
    struct sy_error *err = decoder->reader.err;
    if (head.kind != HEAD_ARRAY)
        return fail_type(&decoder->reader, field, "a list");
    if (head.value > field->capacity)
        return sy_fail(err, SY_E_LIMIT, "%s has %llu items, at most %u are allowed", field->name,
                       (unsigned long long)head.value, field->capacity);
    if (head.value == 0)
        return 0;
    size_t bytes;
    if (!sy_mul_ok((size_t)head.value, (size_t)field->sub->struct_bytes, &bytes))
        return sy_fail(err, SY_E_LIMIT, "%s is too large", field->name);
    void *items = sy_arena_alloc(decoder->arena, bytes);
    if (!items)
        return sy_fail(err, SY_E_NOMEM, "%s: no memory for %llu items", field->name,
                       (unsigned long long)head.value);
    *list = (struct sy_list){items, (uint32_t)head.value};
    return push_level(decoder, (struct unwalk){field->sub, items, (uint32_t)head.value, true, 0});
}

static int find_field(const struct sy_table *table, uint64_t id)
{
    for (uint32_t i = 0; i < table->field_count; i++) {
        if (table->fields[i].id == id)
            return (int)i;
    }
    return -1;
}

static int decode_pair(struct decoder *decoder, struct unwalk *top)
{
    struct reader *reader = &decoder->reader;
    struct head head;
    int rc = read_head(reader, &head);
    if (rc < 0)
        return rc;
    if (head.kind != HEAD_UINT)
        return sy_fail(reader->err, SY_E_PARSE, "%s: a field id must be a number >= 0",
                       top->table->name);
    int index = find_field(top->table, head.value);
    if (index < 0)
        return skip_value(reader);
    const struct sy_field *field = &top->table->fields[index];
    uint64_t bit = UINT64_C(1) << index;
    if (top->seen & bit)
        return sy_fail(reader->err, SY_E_PARSE, "%s stands twice in %s", field->name,
                       top->table->name);
    top->seen |= bit;
    uint8_t *member = top->data + field->offset;
    rc = read_head(reader, &head);
    if (rc < 0)
        return rc;
    if (field->type == SY_FIELD_LIST)
        return open_list(decoder, field, head, (struct sy_list *)member);
    if (field->type == SY_FIELD_OBJECT)
        return open_object(decoder, field->sub, head, member);
    return decode_scalar(reader, field, head, member);
}

static int close_object(struct decoder *decoder, const struct unwalk *top)
{
    for (uint32_t i = 0; i < top->table->field_count; i++) {
        if (top->table->fields[i].required && !(top->seen >> i & 1))
            return sy_fail(decoder->reader.err, SY_E_PARSE, "%s is missing in %s",
                           top->table->fields[i].name, top->table->name);
    }
    decoder->depth--;
    return 0;
}

static int decode_step(struct decoder *decoder)
{
    struct unwalk *top = &decoder->stack[decoder->depth - 1];
    if (top->left == 0 && top->is_list) {
        decoder->depth--;
        return 0;
    }
    if (top->left == 0)
        return close_object(decoder, top);
    top->left--;
    if (!top->is_list)
        return decode_pair(decoder, top);
    struct head head;
    int rc = read_head(&decoder->reader, &head);
    if (rc < 0)
        return rc;
    uint8_t *item = top->data;
    top->data += top->table->struct_bytes;
    return open_object(decoder, top->table, head, item);
}

int sy_table_decode(const struct sy_table *table, const void *data, size_t bytes,
                    struct sy_arena *arena, void *ret_object, struct sy_error *err)
{
    struct sy_error local;
    if (!err)
        err = &local;
    const uint8_t *start = data;
    struct decoder decoder = {.reader = {start, start + bytes, err}, .arena = arena};
    struct head head;
    memset(ret_object, 0, table->struct_bytes);
    int rc = read_head(&decoder.reader, &head);
    if (rc == 0)
        rc = open_object(&decoder, table, head, ret_object);
    while (rc == 0 && decoder.depth > 0)
        rc = decode_step(&decoder);
    if (rc == 0 && bytes_left(&decoder.reader) > 0)
        rc = sy_fail(err, SY_E_PARSE, "%zu bytes are left over", bytes_left(&decoder.reader));
    if (rc < 0) {
        memset(ret_object, 0, table->struct_bytes);
        return sy_error_wrap(err, "decode %s", table->name);
    }
    return 0;
}
