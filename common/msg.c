/* Header bytes, little-endian: 0 magic, 4 version, 6 type, 8 flags, 12 generation, 20 sequence,
 * 28 body bytes, 32 crc32c, 36 body. No flag is defined yet: a set one is refused, so that a later
 * version can give flags a meaning that must not be overlooked. */
#include "common/msg.h"

#include "common/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AT_VERSION 4
#define AT_TYPE 6
#define AT_FLAGS 8
#define AT_GENERATION 12
#define AT_SEQUENCE 20
#define AT_BODY_BYTES 28
#define AT_CRC 32

static const uint8_t magic[4] = {'S', 'Y', 'R', 'D'};

static void put_le(uint8_t *p, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *p, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static uint32_t frame_crc(const uint8_t *frame, size_t bytes)
{
    static const uint8_t zero[4];
    uint32_t crc = sy_crc32c(0, frame, AT_CRC);
    crc = sy_crc32c(crc, zero, sizeof zero);
    return sy_crc32c(crc, frame + SY_FRAME_HEADER_BYTES, bytes - SY_FRAME_HEADER_BYTES);
}

int sy_frame_encode(uint16_t type, uint64_t generation, uint64_t sequence, const void *body,
                    struct sy_buffer *out, struct sy_error *err)
{
    const struct sy_table *table = sy_msg_table(type);
    if (!table)
        return sy_fail(err, SY_E_BUG, "frame: no message has the type %u", type);
    uint8_t header[SY_FRAME_HEADER_BYTES] = {0};
    size_t start = out->bytes;
    int rc = sy_buffer_append(out, header, sizeof header, err);
    if (rc < 0)
        return rc;
    rc = sy_table_encode(table, body, out, err);
    size_t bytes = out->bytes - start;
    if (rc == 0 && bytes > SY_FRAME_BYTES_MAX)
        rc = sy_fail(err, SY_E_LIMIT, "frame %s has %zu bytes, at most %u are allowed",
                     sy_msg_name(type), bytes, SY_FRAME_BYTES_MAX);
    if (rc < 0) {
        out->bytes = start;
        return rc;
    }
    uint8_t *frame = out->data + start;
    memcpy(frame, magic, sizeof magic);
    put_le(frame + AT_VERSION, SY_WIRE_VERSION, 2);
    put_le(frame + AT_TYPE, type, 2);
    put_le(frame + AT_GENERATION, generation, 8);
    put_le(frame + AT_SEQUENCE, sequence, 8);
    put_le(frame + AT_BODY_BYTES, bytes - SY_FRAME_HEADER_BYTES, 4);
    put_le(frame + AT_CRC, frame_crc(frame, bytes), 4);
    return 0;
}

/* Everything about the frame that does not need the body's table. */
static int check_header(const uint8_t *frame, size_t bytes, struct sy_error *err)
{
    if (bytes > SY_FRAME_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "frame of %zu bytes, at most %u are allowed", bytes,
                       SY_FRAME_BYTES_MAX);
    if (bytes < SY_FRAME_HEADER_BYTES)
        return sy_fail(err, SY_E_PARSE, "frame of %zu bytes, the header alone has %d", bytes,
                       SY_FRAME_HEADER_BYTES);
    if (memcmp(frame, magic, sizeof magic) != 0)
        return sy_fail(err, SY_E_PARSE, "frame does not start with SYRD: not a Sealyard peer");
    uint64_t version = get_le(frame + AT_VERSION, 2);
    if (version < SY_WIRE_VERSION_MIN || version > SY_WIRE_VERSION)
        return sy_fail(err, SY_E_VERSION,
                       "frame version %" PRIu64 ", this side speaks %d to %d; update the older one",
                       version, SY_WIRE_VERSION_MIN, SY_WIRE_VERSION);
    uint64_t body_bytes = get_le(frame + AT_BODY_BYTES, 4);
    if (body_bytes != bytes - SY_FRAME_HEADER_BYTES)
        return sy_fail(err, SY_E_PARSE, "frame declares %" PRIu64 " body bytes but has %zu",
                       body_bytes, bytes - SY_FRAME_HEADER_BYTES);
    uint32_t crc = (uint32_t)get_le(frame + AT_CRC, 4), computed = frame_crc(frame, bytes);
    if (crc != computed)
        return sy_fail(err, SY_E_CORRUPT, "frame crc32c is %08x, computed %08x", crc, computed);
    uint64_t flags = get_le(frame + AT_FLAGS, 4);
    if (flags != 0)
        return sy_fail(err, SY_E_UNSUPPORTED, "frame flags %" PRIx64 " are not known", flags);
    return 0;
}

int sy_frame_decode(const void *data, size_t bytes, struct sy_arena *arena, struct sy_frame *ret,
                    struct sy_error *err)
{
    const uint8_t *frame = data;
    int rc = check_header(frame, bytes, err);
    if (rc < 0)
        return rc;
    uint16_t type = (uint16_t)get_le(frame + AT_TYPE, 2);
    const struct sy_table *table = sy_msg_table(type);
    if (!table)
        return sy_fail(err, SY_E_UNSUPPORTED, "frame type %u is not known; update this side", type);
    void *body = sy_arena_alloc(arena, table->struct_bytes);
    if (!body)
        return sy_fail(err, SY_E_NOMEM, "frame %s: no memory for the body", sy_msg_name(type));
    rc = sy_table_decode(table, frame + SY_FRAME_HEADER_BYTES, bytes - SY_FRAME_HEADER_BYTES, arena,
                         body, err);
    if (rc < 0)
        return rc;
    *ret = (struct sy_frame){
        .version = (uint16_t)get_le(frame + AT_VERSION, 2),
        .type = type,
        .flags = 0,
        .generation = get_le(frame + AT_GENERATION, 8),
        .sequence = get_le(frame + AT_SEQUENCE, 8),
        .body = body,
    };
    return 0;
}

int sy_frame_sequence(const void *data, size_t bytes, uint64_t *ret_sequence)
{
    if (bytes < SY_FRAME_HEADER_BYTES || memcmp(data, magic, sizeof magic) != 0)
        return -SY_E_PARSE;
    *ret_sequence = get_le((const uint8_t *)data + AT_SEQUENCE, 8);
    return 0;
}

struct line {
    char *text;
    size_t bytes;
    size_t used;
};

SY_PRINTF(2, 3) static void add_text(struct line *line, const char *format, ...)
{
    if (line->used + 1 >= line->bytes)
        return;
    va_list args;
    va_start(args, format);
    int printed = vsnprintf(line->text + line->used, line->bytes - line->used, format, args);
    va_end(args);
    if (printed > 0)
        line->used += SY_MIN((size_t)printed, line->bytes - line->used - 1);
}

/* Numbers and names as they are; of everything that may be long or hold a secret only the size. */
static void add_field(struct line *line, const struct sy_field *field, const uint8_t *member)
{
    uint64_t wide;
    uint32_t narrow;
    const char *name;
    char value[2 * SY_NAME_BYTES];
    switch ((enum sy_field_type)field->type) {
    case SY_FIELD_U32:
        memcpy(&narrow, member, sizeof narrow);
        add_text(line, " %s=%" PRIu32, field->name, narrow);
        break;
    case SY_FIELD_ENUM:
        memcpy(&narrow, member, sizeof narrow);
        name = field->enum_name(narrow);
        add_text(line, " %s=%s", field->name, name ? name : "-");
        break;
    case SY_FIELD_U64:
        memcpy(&wide, member, sizeof wide);
        add_text(line, " %s=%" PRIu64, field->name, wide);
        break;
    case SY_FIELD_I64:
        memcpy(&wide, member, sizeof wide);
        add_text(line, " %s=%" PRId64, field->name, (int64_t)wide);
        break;
    case SY_FIELD_BOOL:
        add_text(line, " %s=%s", field->name, *(const bool *)member ? "true" : "false");
        break;
    case SY_FIELD_STRING:
        add_text(line, " %s=%s", field->name,
                 sy_log_value((const char *)member, value, sizeof value));
        break;
    case SY_FIELD_FIXED:
        break;
    case SY_FIELD_BYTES:
    case SY_FIELD_TEXT:
    case SY_FIELD_JSON:
        add_text(line, " %s_bytes=%u", field->name, ((const struct sy_slice *)member)->bytes);
        break;
    case SY_FIELD_LIST:
        add_text(line, " %s_count=%u", field->name, ((const struct sy_list *)member)->count);
        break;
    case SY_FIELD_OBJECT:
        break;
    }
}

const char *sy_frame_print(const struct sy_frame *frame, char *text, size_t text_bytes)
{
    struct line line = {text, text_bytes, 0};
    const struct sy_table *table = sy_msg_table(frame->type);
    if (text_bytes == 0)
        return "";
    text[0] = 0;
    if (!table) {
        add_text(&line, "type=%u", frame->type);
        return text;
    }
    add_text(&line, "type=%s gen=%" PRIu64 " seq=%" PRIu64, sy_msg_name(frame->type),
             frame->generation, frame->sequence);
    for (uint32_t i = 0; i < table->field_count; i++) {
        const struct sy_field *field = &table->fields[i];
        if (!field->secret)
            add_field(&line, field, (const uint8_t *)frame->body + field->offset);
    }
    return text;
}
