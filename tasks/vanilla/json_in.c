#include "tasks/vanilla/json_in.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END_OF_TEXT (-1)
#define LONG_TEXT_FIRST_BYTES (64 * 1024)

void sy_json_in_init_fd(struct sy_json_in *in, int fd, const char *what)
{
    in->fd = fd;
    in->what = what;
    in->data = in->buffer;
    in->at = in->filled = 0;
    in->offset = 0;
}

void sy_json_in_init_memory(struct sy_json_in *in, const char *data, size_t bytes, const char *what)
{
    in->fd = -1;
    in->what = what;
    in->data = data;
    in->at = 0;
    in->filled = bytes;
    in->offset = 0;
}

int sy_json_in_fail(struct sy_json_in *in, struct sy_error *err, const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return sy_fail(err, SY_E_PARSE, "%.120s: byte %llu: %s", in->what,
                   (unsigned long long)(in->offset + in->at), text);
}

/* Refills the buffer; *ret_byte is the byte at the reading point or END_OF_TEXT. */
static int refill(struct sy_json_in *in, int *ret_byte, struct sy_error *err)
{
    *ret_byte = END_OF_TEXT;
    if (in->fd < 0)
        return 0;
    in->offset += in->filled;
    in->at = in->filled = 0;
    ssize_t got;
    do
        got = read(in->fd, in->buffer, sizeof in->buffer);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return sy_fail_errno(err, errno, "%.120s: reading at byte %llu", in->what,
                             (unsigned long long)in->offset);
    in->filled = (size_t)got;
    if (got > 0)
        *ret_byte = (unsigned char)in->buffer[0];
    return 0;
}

static int look(struct sy_json_in *in, int *ret_byte, struct sy_error *err)
{
    if (in->at < in->filled) {
        *ret_byte = (unsigned char)in->data[in->at];
        return 0;
    }
    return refill(in, ret_byte, err);
}

static int look_past_space(struct sy_json_in *in, int *ret_byte, struct sy_error *err)
{
    for (;;) {
        int rc = look(in, ret_byte, err);
        if (rc)
            return rc;
        int c = *ret_byte;
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return 0;
        in->at++;
    }
}

static int take(struct sy_json_in *in, char wanted, struct sy_error *err)
{
    int c;
    int rc = look_past_space(in, &c, err);
    if (rc)
        return rc;
    if (c == END_OF_TEXT)
        return sy_json_in_fail(in, err, "the text ends where '%c' was expected", wanted);
    if (c != (unsigned char)wanted)
        return sy_json_in_fail(in, err, "'%c' was expected, byte 0x%02x found", wanted, c);
    in->at++;
    return 0;
}

int sy_json_in_peek(struct sy_json_in *in, char *ret_first, struct sy_error *err)
{
    int c;
    int rc = look_past_space(in, &c, err);
    if (rc)
        return rc;
    *ret_first = c == END_OF_TEXT ? 0 : (char)c;
    return 0;
}

int sy_json_in_object(struct sy_json_in *in, struct sy_error *err)
{
    return take(in, '{', err);
}

int sy_json_in_array(struct sy_json_in *in, struct sy_error *err)
{
    return take(in, '[', err);
}

/* Takes the closing byte or, from the second item on, the comma in front of the next item. */
static int step(struct sy_json_in *in, char close, uint32_t *index, bool *ret_more,
                struct sy_error *err)
{
    int c;
    int rc = look_past_space(in, &c, err);
    if (rc)
        return rc;
    if (c == (unsigned char)close) {
        in->at++;
        *ret_more = false;
        return 0;
    }
    if (*index > 0) {
        rc = take(in, ',', err);
        if (rc)
            return rc;
    }
    if (*index == UINT32_MAX)
        return sy_json_in_fail(in, err, "more than %u items", UINT32_MAX);
    (*index)++;
    *ret_more = true;
    return 0;
}

int sy_json_in_element(struct sy_json_in *in, uint32_t *index, bool *ret_more, struct sy_error *err)
{
    return step(in, ']', index, ret_more, err);
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* After a backslash. Code points above 0x7f become 0xff: no key or name of ours has one. */
static int read_escape(struct sy_json_in *in, char *ret_byte, struct sy_error *err)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    int c;
    int rc = look(in, &c, err);
    if (rc)
        return rc;
    in->at++;
    const char *hit = c > 0 ? strchr(from, c) : NULL;
    if (hit) {
        *ret_byte = to[hit - from];
        return 0;
    }
    if (c != 'u')
        return sy_json_in_fail(in, err, "unknown escape in a string");
    unsigned code = 0;
    for (unsigned i = 0; i < 4; i++) {
        rc = look(in, &c, err);
        if (rc)
            return rc;
        if (hex_digit(c) < 0)
            return sy_json_in_fail(in, err, "\\u needs four hex digits");
        code = code << 4 | (unsigned)hex_digit(c);
        in->at++;
    }
    *ret_byte = code > 0 && code < 0x80 ? (char)code : (char)0xff;
    return 0;
}

/* One byte of a string behind its opening quote; *ret_end is set at the closing one. */
static int read_string_byte(struct sy_json_in *in, char *ret_byte, bool *ret_end,
                            struct sy_error *err)
{
    int c;
    int rc = look(in, &c, err);
    if (rc)
        return rc;
    if (c < 0x20)
        return sy_json_in_fail(in, err, "the string does not end");
    in->at++;
    *ret_end = c == '"';
    *ret_byte = (char)c;
    return c == '\\' ? read_escape(in, ret_byte, err) : 0;
}

/* Reads a string; keeps its first capacity - 1 bytes when text is not NULL. */
static int read_string(struct sy_json_in *in, char *text, size_t capacity, size_t *ret_bytes,
                       struct sy_error *err)
{
    size_t bytes = 0;
    int rc = take(in, '"', err);
    while (rc == 0) {
        bool end = false;
        char byte = 0;
        rc = read_string_byte(in, &byte, &end, err);
        if (rc || end)
            break;
        if (text && bytes + 1 < capacity)
            text[bytes] = byte;
        bytes++;
    }
    if (rc)
        return rc;
    if (text)
        text[SY_MIN(bytes, capacity - 1)] = 0;
    *ret_bytes = bytes;
    return 0;
}

/* Room for one more byte and the end; doubles up to max_bytes. */
static int grow_text(struct sy_json_in *in, char **text, size_t *capacity, size_t max_bytes,
                     struct sy_error *err)
{
    size_t wanted = *capacity ? SY_MIN(2 * *capacity, max_bytes + 1) : LONG_TEXT_FIRST_BYTES;
    if (wanted <= *capacity)
        return sy_fail(err, SY_E_LIMIT, "%.120s: a string of more than %zu bytes", in->what,
                       max_bytes);
    char *larger = realloc(*text, wanted);
    if (!larger)
        return sy_fail(err, SY_E_NOMEM, "%.120s: a string of %zu bytes", in->what, wanted);
    *text = larger;
    *capacity = wanted;
    return 0;
}

int sy_json_in_long_text(struct sy_json_in *in, size_t max_bytes, char **ret_text,
                         size_t *ret_bytes, struct sy_error *err)
{
    char *text = NULL;
    size_t capacity = 0;
    size_t bytes = 0;
    bool end = false;
    int rc = take(in, '"', err);
    while (rc == 0) {
        char byte = 0;
        if (bytes + 1 >= capacity)
            rc = grow_text(in, &text, &capacity, max_bytes, err);
        if (rc == 0)
            rc = read_string_byte(in, &byte, &end, err);
        if (rc || end)
            break;
        text[bytes++] = byte;
    }
    if (rc) {
        free(text);
        return rc;
    }
    text[bytes] = 0;
    *ret_text = text;
    *ret_bytes = bytes;
    return 0;
}

int sy_json_in_text(struct sy_json_in *in, char *ret_text, struct sy_error *err)
{
    size_t bytes;
    int rc = read_string(in, ret_text, SY_JSON_TEXT_BYTES, &bytes, err);
    if (rc)
        return rc;
    if (bytes >= SY_JSON_TEXT_BYTES)
        return sy_fail(err, SY_E_LIMIT, "%.120s: byte %llu: a string of %zu bytes, at most %u",
                       in->what, (unsigned long long)(in->offset + in->at), bytes,
                       SY_JSON_TEXT_BYTES - 1);
    return 0;
}

int sy_json_in_member(struct sy_json_in *in, uint32_t *index, char *ret_key, bool *ret_more,
                      struct sy_error *err)
{
    size_t bytes;
    int rc = step(in, '}', index, ret_more, err);
    if (rc || !*ret_more)
        return rc;
    rc = read_string(in, ret_key, SY_JSON_TEXT_BYTES, &bytes, err);
    if (rc)
        return rc;
    return take(in, ':', err);
}

static bool ends_number(int c)
{
    return c == END_OF_TEXT || c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' ||
           c == '\r' || c == '\t';
}

int sy_json_in_u64(struct sy_json_in *in, uint64_t max, uint64_t *ret, struct sy_error *err)
{
    uint64_t value = 0;
    unsigned digits = 0;
    int c;
    int rc = look_past_space(in, &c, err);
    if (rc)
        return rc;
    while (c >= '0' && c <= '9') {
        if (digits == 1 && value == 0)
            return sy_json_in_fail(in, err, "a number with a leading zero");
        if (!sy_mul_ok(value, (uint64_t)10, &value) ||
            !sy_add_ok(value, (uint64_t)(c - '0'), &value) || value > max)
            return sy_fail(err, SY_E_RANGE, "%.120s: byte %llu: number above %llu", in->what,
                           (unsigned long long)(in->offset + in->at), (unsigned long long)max);
        digits++;
        in->at++;
        rc = look(in, &c, err);
        if (rc)
            return rc;
    }
    if (digits == 0 || !ends_number(c))
        return sy_json_in_fail(in, err, "a whole number from 0 to %llu was expected",
                               (unsigned long long)max);
    *ret = value;
    return 0;
}

int sy_json_in_node(struct sy_json_in *in, uint8_t ret_node[32], struct sy_error *err)
{
    uint8_t node[32];
    uint32_t index = 0;
    int rc = sy_json_in_array(in, err);
    if (rc)
        return rc;
    for (;;) {
        bool more;
        uint64_t byte;
        rc = sy_json_in_element(in, &index, &more, err);
        if (rc)
            return rc;
        if (!more)
            break;
        if (index > 32)
            return sy_json_in_fail(in, err, "more than 32 bytes in a node");
        rc = sy_json_in_u64(in, 255, &byte, err);
        if (rc)
            return rc;
        node[index - 1] = (uint8_t)byte;
    }
    if (index != 32)
        return sy_json_in_fail(in, err, "a node of %u bytes, 32 expected", index);
    memcpy(ret_node, node, 32);
    return 0;
}

/* true, false, null or any number: letters and digits up to a delimiter. */
static int skip_word(struct sy_json_in *in, struct sy_error *err)
{
    static const char *const words[] = {"true", "false", "null"};
    char text[32];
    size_t bytes = 0;
    int c;
    for (;;) {
        int rc = look(in, &c, err);
        if (rc)
            return rc;
        if (ends_number(c))
            break;
        if (bytes + 1 == sizeof text)
            return sy_json_in_fail(in, err, "a value that is no JSON");
        text[bytes++] = (char)c;
        in->at++;
    }
    text[bytes] = 0;
    for (size_t i = 0; i < SY_ARRAY_SIZE(words); i++)
        if (strcmp(text, words[i]) == 0)
            return 0;
    if (bytes == 0 || strspn(text, "0123456789+-.eE") != bytes)
        return sy_json_in_fail(in, err, "a value that is no JSON");
    return 0;
}

/* One step of skipping: a scalar, or the opening of an object or array, which goes on the stack. */
static int skip_open(struct sy_json_in *in, char *stack, uint32_t *counts, unsigned *depth,
                     struct sy_error *err)
{
    size_t bytes;
    char first;
    int rc = sy_json_in_peek(in, &first, err);
    if (rc)
        return rc;
    if (first == '"')
        return read_string(in, NULL, 0, &bytes, err);
    if (first != '{' && first != '[')
        return skip_word(in, err);
    if (*depth == SY_JSON_DEPTH_MAX)
        return sy_json_in_fail(in, err, "values nested deeper than %d", SY_JSON_DEPTH_MAX);
    in->at++;
    stack[*depth] = first == '{' ? '}' : ']';
    counts[*depth] = 0;
    (*depth)++;
    return 0;
}

int sy_json_in_skip(struct sy_json_in *in, struct sy_error *err)
{
    char stack[SY_JSON_DEPTH_MAX];
    uint32_t counts[SY_JSON_DEPTH_MAX];
    char key[SY_JSON_TEXT_BYTES];
    unsigned depth = 0;
    int rc = skip_open(in, stack, counts, &depth, err);
    while (rc == 0 && depth > 0) {
        bool more = false;
        if (stack[depth - 1] == '}')
            rc = sy_json_in_member(in, &counts[depth - 1], key, &more, err);
        else
            rc = sy_json_in_element(in, &counts[depth - 1], &more, err);
        if (rc)
            break;
        if (more)
            rc = skip_open(in, stack, counts, &depth, err);
        else
            depth--;
    }
    return rc;
}

int sy_json_in_end(struct sy_json_in *in, struct sy_error *err)
{
    int c;
    int rc = look_past_space(in, &c, err);
    if (rc)
        return rc;
    if (c != END_OF_TEXT)
        return sy_json_in_fail(in, err, "text after the end of the document");
    return 0;
}
