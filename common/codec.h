/* Bytes to structs and back, driven by one table per struct: the table encodes, decodes, checks and
 * prints (JSON). The same machinery carries wire messages (msg.h) and stored rows and events
 * (scheduler/record.c).
 *
 * Encoding: a msgpack map {field id: value}. Unknown ids are skipped (a newer peer), missing optional
 * fields keep the zero of the struct, a missing required field is -SY_E_PARSE. Nested lists at most
 * SY_CODEC_DEPTH_MAX deep. The reader never trusts a declared count: it is refused when it is larger
 * than the bytes that are left, so decoding allocates at most 4 x input + 64 KiB.
 * Threads: pure functions over caller's memory.
 */
#ifndef SEALYARD_COMMON_CODEC_H
#define SEALYARD_COMMON_CODEC_H

#include "common/err.h"
#include "common/mem.h"

#include <jansson.h>

#define SY_CODEC_DEPTH_MAX 8

struct sy_slice {
    const void *data;
    uint32_t bytes;
};

/* count items of the sub-table's struct, contiguous. */
struct sy_list {
    void *items;
    uint32_t count;
};

enum sy_field_type {
    SY_FIELD_U32,    /* uint32_t */
    SY_FIELD_U64,    /* uint64_t */
    SY_FIELD_I64,    /* int64_t */
    SY_FIELD_BOOL,   /* bool */
    SY_FIELD_ENUM,   /* uint32_t, printed through enum_name */
    SY_FIELD_STRING, /* char[capacity], NUL-terminated, UTF-8 */
    SY_FIELD_FIXED,  /* uint8_t[capacity], printed as hex; all zero prints as null */
    SY_FIELD_BYTES,  /* struct sy_slice, at most capacity bytes, printed as base64 */
    SY_FIELD_TEXT,   /* struct sy_slice, UTF-8, at most capacity bytes */
    SY_FIELD_JSON,   /* as TEXT; printed as the JSON value it holds */
    SY_FIELD_LIST,   /* struct sy_list of sub, at most capacity items */
};

struct sy_table;
struct sy_field {
    uint16_t id; /* never reused, > 0 */
    uint8_t type;
    bool required;
    const char *name; /* the JSON key */
    uint32_t offset;
    uint32_t capacity;
    const struct sy_table *sub;
    const char *(*enum_name)(uint32_t value); /* NULL result = unknown value: refused on decode */
};
struct sy_table {
    const char *name;
    uint32_t struct_bytes;
    uint32_t field_count;
    const struct sy_field *fields;
};

/* Growing byte buffer with a hard limit. */
struct sy_buffer {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
    size_t limit;
};
void sy_buffer_init(struct sy_buffer *buffer, size_t limit_bytes);
void sy_buffer_fini(struct sy_buffer *buffer);
int sy_buffer_append(struct sy_buffer *buffer, const void *data, size_t bytes, struct sy_error *err);

/* Appends the object. Fields that are zero and not required are left out. */
int sy_table_encode(const struct sy_table *table, const void *object, struct sy_buffer *out,
                    struct sy_error *err);
/* Fills *ret_object (struct_bytes, zeroed first). Slices borrow `data`; lists live in the arena. */
int sy_table_decode(const struct sy_table *table, const void *data, size_t bytes,
                    struct sy_arena *arena, void *ret_object, struct sy_error *err);
/* A new JSON object with every field by name (the caller owns the reference); NULL = out of memory. */
json_t *sy_table_to_json(const struct sy_table *table, const void *object);

/* crc32c (Castagnoli) of data, continued from crc (0 to start). SSE4.2 when the CPU has it. */
uint32_t sy_crc32c(uint32_t crc, const void *data, size_t bytes);

#endif
