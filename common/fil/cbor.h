/* Strict DAG-CBOR as the chain writes it, over libcbor's streaming decoder.
 *
 * Definite lengths, shortest heads, no floats, no tag but 42 (a CID in a byte string that begins
 * with a zero byte), strings are UTF-8, null/true/false the only simple values. Whatever else comes
 * is -SY_E_PARSE with the byte offset. Structures are arrays in field order; the caller says which
 * length it wants. Nothing is allocated: the reader borrows the input, the writer fills a caller's
 * buffer. Threads: pure functions over the caller's memory.
 */
#ifndef SEALYARD_COMMON_FIL_CBOR_H
#define SEALYARD_COMMON_FIL_CBOR_H

#include "common/err.h"

#define SY_CBOR_ARRAY_MAX 8192       /* items of one array, the limit of the reference decoder */
#define SY_CBOR_BYTES_MAX (2u << 20) /* one byte or text string */
#define SY_CBOR_DEPTH_MAX 32         /* nesting in sy_cbor_check */

/* Fills data[0..capacity). Too little room is remembered: check once with sy_cbor_writer_finish. */
struct sy_cbor_writer {
    uint8_t *data;
    size_t capacity;
    size_t bytes;
    bool overflow;
};
void sy_cbor_writer_init(struct sy_cbor_writer *writer, void *data, size_t capacity);
void sy_cbor_put_array(struct sy_cbor_writer *writer, uint64_t count);
void sy_cbor_put_u64(struct sy_cbor_writer *writer, uint64_t value);
void sy_cbor_put_i64(struct sy_cbor_writer *writer, int64_t value);
void sy_cbor_put_bytes(struct sy_cbor_writer *writer, const void *data, size_t bytes);
void sy_cbor_put_bool(struct sy_cbor_writer *writer, bool value);
void sy_cbor_put_null(struct sy_cbor_writer *writer);
/* Tag 42 and the binary CID behind its zero byte. */
void sy_cbor_put_cid(struct sy_cbor_writer *writer, const void *cid, size_t bytes);
/* Bytes that are CBOR already. */
void sy_cbor_put_raw(struct sy_cbor_writer *writer, const void *data, size_t bytes);
/* *ret_bytes = length written; -SY_E_LIMIT when the buffer was too small (names `what`). */
int sy_cbor_writer_finish(const struct sy_cbor_writer *writer, const char *what, size_t *ret_bytes,
                          struct sy_error *err);

enum sy_cbor_kind {
    SY_CBOR_UINT,
    SY_CBOR_NEGATIVE,
    SY_CBOR_BYTES,
    SY_CBOR_TEXT,
    SY_CBOR_ARRAY,
    SY_CBOR_MAP,
    SY_CBOR_CID,
    SY_CBOR_BOOL,
    SY_CBOR_NULL,
    SY_CBOR_END,
};

struct sy_cbor_reader {
    const uint8_t *data;
    size_t bytes;
    size_t at;
    const char *what; /* names the object in errors; borrowed */
};
void sy_cbor_reader_init(struct sy_cbor_reader *reader, const void *data, size_t bytes,
                         const char *what);
/* Kind of the next item; SY_CBOR_END at the end. Does not move. -SY_E_PARSE for anything refused.
 */
int sy_cbor_peek(const struct sy_cbor_reader *reader, enum sy_cbor_kind *ret_kind,
                 struct sy_error *err);
/* An array head of exactly `count` items / of at most `max` items. */
int sy_cbor_get_tuple(struct sy_cbor_reader *reader, uint64_t count, struct sy_error *err);
int sy_cbor_get_array(struct sy_cbor_reader *reader, uint64_t max, uint64_t *ret_count,
                      struct sy_error *err);
int sy_cbor_get_u64(struct sy_cbor_reader *reader, uint64_t *ret, struct sy_error *err);
int sy_cbor_get_i64(struct sy_cbor_reader *reader, int64_t *ret, struct sy_error *err);
/* Borrowed from the input; at most max bytes. */
int sy_cbor_get_bytes(struct sy_cbor_reader *reader, size_t max, const uint8_t **ret_data,
                      size_t *ret_bytes, struct sy_error *err);
int sy_cbor_get_bool(struct sy_cbor_reader *reader, bool *ret, struct sy_error *err);
/* Takes a null when one is next (*ret_null says so), else leaves the reader where it is. */
int sy_cbor_get_null(struct sy_cbor_reader *reader, bool *ret_null, struct sy_error *err);
/* The binary CID without the zero byte; borrowed. */
int sy_cbor_get_cid(struct sy_cbor_reader *reader, const uint8_t **ret_cid, size_t *ret_bytes,
                    struct sy_error *err);
/* -SY_E_PARSE when bytes are left. */
int sy_cbor_get_end(const struct sy_cbor_reader *reader, struct sy_error *err);

/* One complete strict DAG-CBOR item and nothing behind it. */
int sy_cbor_check(const void *data, size_t bytes, const char *what, struct sy_error *err);

#endif
