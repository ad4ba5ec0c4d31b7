/* A pull reader for JSON that is too large for a document tree: C1 files reach 500 MB.
 *
 * Memory is one fixed buffer. The caller walks objects and arrays in the order of the text; a value
 * that it does not know is skipped without being kept. Strict JSON: no comments, no trailing
 * commas, no NaN; numbers that the caller asks for are plain decimal integers. Nesting of skipped
 * values stops at SY_JSON_DEPTH_MAX. Every error names the byte offset.
 *
 * Threads: one reader belongs to one thread.
 */
#ifndef SEALYARD_TASKS_VANILLA_JSON_IN_H
#define SEALYARD_TASKS_VANILLA_JSON_IN_H

#include "common/err.h"

#define SY_JSON_BUFFER_BYTES (64 * 1024)
#define SY_JSON_DEPTH_MAX 64
/* Keys and strings that the caller reads; longer text is cut for the comparison, never accepted. */
#define SY_JSON_TEXT_BYTES 128

struct sy_json_in {
    int fd;           /* -1: memory only */
    const char *what; /* borrowed; names the source in errors */
    const char *data; /* borrowed text, or buffer */
    size_t at;
    size_t filled;
    uint64_t offset; /* of data[0] in the source */
    char buffer[SY_JSON_BUFFER_BYTES];
};

/* Reads from an open file (borrowed, from its current position) or from data[0..bytes). */
void sy_json_in_init_fd(struct sy_json_in *in, int fd, const char *what);
void sy_json_in_init_memory(struct sy_json_in *in, const char *data, size_t bytes,
                            const char *what);

/* First byte of the next value, without taking it: '{', '[', '"', a digit, ... 0 at the end. */
int sy_json_in_peek(struct sy_json_in *in, char *ret_first, struct sy_error *err);

/* Objects: begin, then next until *ret_more is false. next stores the key, NUL-terminated, in
 * ret_key[SY_JSON_TEXT_BYTES]; the caller must then read or skip exactly one value. *index counts
 * the members and starts at 0. Arrays likewise. */
int sy_json_in_object(struct sy_json_in *in, struct sy_error *err);
int sy_json_in_member(struct sy_json_in *in, uint32_t *index, char *ret_key, bool *ret_more,
                      struct sy_error *err);
int sy_json_in_array(struct sy_json_in *in, struct sy_error *err);
int sy_json_in_element(struct sy_json_in *in, uint32_t *index, bool *ret_more,
                       struct sy_error *err);

/* A non-negative decimal integer up to max; -SY_E_RANGE above it, -SY_E_PARSE for anything else. */
int sy_json_in_u64(struct sy_json_in *in, uint64_t max, uint64_t *ret, struct sy_error *err);
/* A string that fits SY_JSON_TEXT_BYTES; -SY_E_LIMIT when it does not. */
int sy_json_in_text(struct sy_json_in *in, char *ret_text, struct sy_error *err);
/* A string of at most max_bytes bytes into malloc'ed memory, NUL-terminated; -SY_E_LIMIT above. */
int sy_json_in_long_text(struct sy_json_in *in, size_t max_bytes, char **ret_text,
                         size_t *ret_bytes, struct sy_error *err);
/* Exactly 32 integers 0..255. */
int sy_json_in_node(struct sy_json_in *in, uint8_t ret_node[32], struct sy_error *err);
/* Any one value. */
int sy_json_in_skip(struct sy_json_in *in, struct sy_error *err);
/* Only white space may follow. */
int sy_json_in_end(struct sy_json_in *in, struct sy_error *err);

/* -SY_E_PARSE with the place. */
int sy_json_in_fail(struct sy_json_in *in, struct sy_error *err, const char *format, ...)
    SY_PRINTF(3, 4);

#endif
