/* Bytes to structs and back, driven by one table per struct: the table encodes, decodes, checks and
 * prints (JSON). The same machinery carries wire messages (msg.h) and stored rows and events
 * (scheduler/record.c).
 *
 * Encoding: a msgpack map {field id: value}. Unknown ids are skipped (a newer peer), missing
 * optional fields keep the zero of the struct, a missing required field is -SY_E_PARSE. Nested
 * lists at most SY_CODEC_DEPTH_MAX deep. The reader never trusts a declared count: it is refused
 * when it is larger than the bytes that are left or than the field's capacity, before anything is
 * allocated. So a list costs at most min(capacity, input bytes) items, and the arena's limit bounds
 * the sum. Threads: pure functions over caller's memory.
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
    SY_FIELD_OBJECT, /* the struct of sub, embedded */
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
    bool secret;                              /* travels and is stored, but is never printed */
    bool lossy; /* text for people: bytes that are not UTF-8 become '?' on encoding, not an error */
};
struct sy_table {
    const char *name;
    uint32_t struct_bytes;
    uint32_t field_count;
    const struct sy_field *fields;
};

/* Rows of a field table. They check at compile time that the member has the type of the row; extra
 * designators follow: SY_F_U64(1, sy_task, id, .required = true). */
#define SY_F_IS(struct_, member_, ctype_)                                                          \
    (0 *                                                                                           \
     sizeof(char[__builtin_types_compatible_p(__typeof__(((struct struct_ *)0)->member_), ctype_)  \
                     ? 1                                                                           \
                     : -1]))
#define SY_F_CAPACITY(struct_, member_) ((uint32_t)sizeof(((struct struct_ *)0)->member_))
#define SY_F_ROW(id_, type_, struct_, member_, ctype_, ...)                                        \
    {                                                                                              \
        .id = (id_), .type = (type_), .name = #member_,                                            \
        .offset =                                                                                  \
            (uint32_t)(offsetof(struct struct_, member_) + SY_F_IS(struct_, member_, ctype_)),     \
        __VA_ARGS__                                                                                \
    }
#define SY_F_U32(id_, s_, m_, ...) SY_F_ROW(id_, SY_FIELD_U32, s_, m_, uint32_t, __VA_ARGS__)
#define SY_F_U64(id_, s_, m_, ...) SY_F_ROW(id_, SY_FIELD_U64, s_, m_, uint64_t, __VA_ARGS__)
#define SY_F_I64(id_, s_, m_, ...) SY_F_ROW(id_, SY_FIELD_I64, s_, m_, int64_t, __VA_ARGS__)
#define SY_F_BOOL(id_, s_, m_, ...) SY_F_ROW(id_, SY_FIELD_BOOL, s_, m_, bool, __VA_ARGS__)
#define SY_F_ENUM(id_, s_, m_, name_, ...)                                                         \
    SY_F_ROW(id_, SY_FIELD_ENUM, s_, m_, uint32_t, .enum_name = (name_), __VA_ARGS__)
#define SY_F_STRING(id_, s_, m_, ...)                                                              \
    SY_F_ROW(id_, SY_FIELD_STRING, s_, m_, char[SY_F_CAPACITY(s_, m_)],                            \
             .capacity = SY_F_CAPACITY(s_, m_), __VA_ARGS__)
#define SY_F_FIXED(id_, s_, m_, ...)                                                               \
    SY_F_ROW(id_, SY_FIELD_FIXED, s_, m_, uint8_t[SY_F_CAPACITY(s_, m_)],                          \
             .capacity = SY_F_CAPACITY(s_, m_), __VA_ARGS__)
#define SY_F_BYTES(id_, s_, m_, capacity_, ...)                                                    \
    SY_F_ROW(id_, SY_FIELD_BYTES, s_, m_, struct sy_slice, .capacity = (capacity_), __VA_ARGS__)
#define SY_F_TEXT(id_, s_, m_, capacity_, ...)                                                     \
    SY_F_ROW(id_, SY_FIELD_TEXT, s_, m_, struct sy_slice, .capacity = (capacity_), __VA_ARGS__)
#define SY_F_JSON(id_, s_, m_, capacity_, ...)                                                     \
    SY_F_ROW(id_, SY_FIELD_JSON, s_, m_, struct sy_slice, .capacity = (capacity_), __VA_ARGS__)
#define SY_F_LIST(id_, s_, m_, table_, capacity_, ...)                                             \
    SY_F_ROW(id_, SY_FIELD_LIST, s_, m_, struct sy_list, .sub = (table_), .capacity = (capacity_), \
             __VA_ARGS__)
#define SY_F_OBJECT(id_, s_, m_, table_, ...)                                                      \
    SY_F_ROW(id_, SY_FIELD_OBJECT, s_, m_, __typeof__(((struct s_ *)0)->m_), .sub = (table_),      \
             __VA_ARGS__)
/* const struct sy_table LINKAGE_NAME = SY_TABLE("name", sy_struct, fields_array); */
#define SY_TABLE(name_, struct_, fields_)                                                          \
    {                                                                                              \
        .name = (name_), .struct_bytes = (uint32_t)sizeof(struct struct_),                         \
        .field_count = (uint32_t)SY_ARRAY_SIZE(fields_), .fields = (fields_)                       \
    }
#define SY_TABLE_FIELDS_MAX 64

/* Growing byte buffer with a hard limit. */
struct sy_buffer {
    uint8_t *data;
    size_t bytes;
    size_t capacity;
    size_t limit;
};
void sy_buffer_init(struct sy_buffer *buffer, size_t limit_bytes);
void sy_buffer_fini(struct sy_buffer *buffer);
int sy_buffer_append(struct sy_buffer *buffer, const void *data, size_t bytes,
                     struct sy_error *err);

/* Appends the object. Fields that are zero and not required are left out. -SY_E_ARG for a value
 * that the table forbids (unterminated or non-UTF-8 string, unknown enum value), -SY_E_LIMIT for
 * one that is over its capacity or a full buffer, -SY_E_NOMEM. On failure the buffer is as before.
 */
int sy_table_encode(const struct sy_table *table, const void *object, struct sy_buffer *out,
                    struct sy_error *err);
/* Fills *ret_object (struct_bytes, zeroed first; zero again on failure). Slices borrow `data`;
 * lists live in the arena. -SY_E_PARSE: not a map of this table, wrong type, missing required
 * field, an id twice, bytes left over. -SY_E_RANGE: number or enum value out of range. -SY_E_LIMIT:
 * longer than the capacity, too deep. -SY_E_NOMEM: the arena is full. */
int sy_table_decode(const struct sy_table *table, const void *data, size_t bytes,
                    struct sy_arena *arena, void *ret_object, struct sy_error *err);
/* A new JSON object with every field by name (the caller owns the reference); NULL = out of memory.
 */
json_t *sy_table_to_json(const struct sy_table *table, const void *object);

/* True when text[0..bytes) is UTF-8 without NUL bytes (RFC 3629: shortest form, no surrogates). */
bool sy_utf8_valid(const void *text, size_t bytes);

/* crc32c (Castagnoli) of data, continued from crc (0 to start). SSE4.2 when the CPU has it. */
uint32_t sy_crc32c(uint32_t crc, const void *data, size_t bytes);
/* The path without special instructions; the same values. */
uint32_t sy_crc32c_portable(uint32_t crc, const void *data, size_t bytes);

#endif
