/* Errors are values: a code, a class and a text.
 *
 * A function that can fail returns int, 0 or -SY_E_*, and takes `struct sy_error *err` last (NULL is
 * fine). On failure *err holds the same code, its class, and a text that says what failed, the value,
 * what was expected and what to do. Outputs named ret_* are touched only on success.
 *
 * The class decides what the scheduler does with a failed stage (scheduler/core/retry.c):
 *   INPUT      wrong spec, data, argument: never retried
 *   TRANSIENT  the world hiccuped: retried with backoff
 *   RESOURCE   memory, pages, disk, slots: retried elsewhere or later
 *   CORRUPT    a check of data failed: quarantined, alarm
 *   BUG        our own mistake: quarantined, alarm
 *
 * Threads: everything here is reentrant.
 */
#ifndef SEALYARD_COMMON_ERR_H
#define SEALYARD_COMMON_ERR_H

#include "common/sy.h"

enum sy_err_class {
    SY_CLASS_NONE = 0,
    SY_CLASS_INPUT,
    SY_CLASS_TRANSIENT,
    SY_CLASS_RESOURCE,
    SY_CLASS_CORRUPT,
    SY_CLASS_BUG,
};

/* X(name, class, short meaning). Append only: the numbers travel on the wire and stand in stores. */
#define SY_ERR_MAP(X)                                                                              \
    X(ARG, INPUT, "argument refused")                                                              \
    X(PARSE, INPUT, "text or bytes do not parse")                                                  \
    X(RANGE, INPUT, "value out of range")                                                          \
    X(UNKNOWN_KEY, INPUT, "unknown key")                                                           \
    X(NOT_FOUND, INPUT, "not found")                                                               \
    X(EXISTS, INPUT, "exists already")                                                             \
    X(STATE, INPUT, "not possible in this state")                                                  \
    X(DENIED, INPUT, "permission refused")                                                         \
    X(AUTH, INPUT, "identity not accepted")                                                        \
    X(STALE, INPUT, "fence is older than the current attempt")                                     \
    X(VERSION, INPUT, "version not supported")                                                     \
    X(LIMIT, INPUT, "a limit was exceeded")                                                        \
    X(UNSUPPORTED, INPUT, "not supported")                                                         \
    X(IO, TRANSIENT, "input or output failed")                                                     \
    X(TIMEOUT, TRANSIENT, "no answer in time")                                                     \
    X(UNREACHABLE, TRANSIENT, "peer not reachable")                                                \
    X(AGAIN, TRANSIENT, "not now, try again")                                                      \
    X(KILLED, TRANSIENT, "killed by a signal")                                                     \
    X(REMOTE, TRANSIENT, "peer reported an error")                                                 \
    X(NOMEM, RESOURCE, "out of memory")                                                            \
    X(FULL, RESOURCE, "no space left")                                                             \
    X(BUSY, RESOURCE, "in use")                                                                    \
    X(RESOURCE, RESOURCE, "resource missing")                                                      \
    X(CORRUPT, CORRUPT, "data is damaged")                                                         \
    X(MISMATCH, CORRUPT, "check failed: values differ")                                            \
    X(BUG, BUG, "internal error")

enum sy_err_code {
    SY_E_OK = 0,
#define SY_ERR_ENUM(name, class, text) SY_E_##name,
    SY_ERR_MAP(SY_ERR_ENUM)
#undef SY_ERR_ENUM
        SY_E_COUNT,
};

#define SY_ERROR_TEXT_BYTES 320

struct sy_error {
    int code; /* SY_E_*, 0 = no error */
    enum sy_err_class class;
    char text[SY_ERROR_TEXT_BYTES]; /* NUL-terminated, one line */
};

/* Fills *err (when not NULL) and returns -code, so that callers write `return sy_fail(...)`.
 * The class is the one of the code. The text is cut at SY_ERROR_TEXT_BYTES - 1. */
int sy_fail(struct sy_error *err, int code, const char *format, ...) SY_PRINTF(3, 4);

/* The same with the text of errno value `errnum` appended. ENOSPC and EDQUOT become SY_E_FULL, ENOMEM
 * SY_E_NOMEM, ENOENT SY_E_NOT_FOUND, EACCES and EPERM SY_E_DENIED, anything else SY_E_IO. */
int sy_fail_errno(struct sy_error *err, int errnum, const char *format, ...) SY_PRINTF(3, 4);

/* Puts "context: " in front of err->text; returns -err->code. For passing an error up. */
int sy_error_wrap(struct sy_error *err, const char *format, ...) SY_PRINTF(2, 3);

/* All three return a negative number, always; this tells the compiler, which then knows that outputs of
 * a failed call are not read. */
#define SY_NEGATIVE(call)                                                                          \
    __extension__({                                                                                \
        int sy_negative_ = (call);                                                                 \
        if (sy_negative_ >= 0)                                                                     \
            __builtin_unreachable();                                                               \
        sy_negative_;                                                                              \
    })
#define sy_fail(...) SY_NEGATIVE((sy_fail)(__VA_ARGS__))
#define sy_fail_errno(...) SY_NEGATIVE((sy_fail_errno)(__VA_ARGS__))
#define sy_error_wrap(...) SY_NEGATIVE((sy_error_wrap)(__VA_ARGS__))

/* "SY_E_RANGE" for 3; "SY_E_UNKNOWN" for numbers that are not in the map. Static storage. */
const char *sy_err_name(int code);
/* "INPUT" .. "BUG"; "NONE" for 0. Static storage. */
const char *sy_err_class_name(enum sy_err_class class);
/* The class of a code; SY_CLASS_BUG for an unknown one. */
enum sy_err_class sy_err_class_of(int code);
/* Parses "INPUT" .. "BUG"; 0 and *ret_class, or -SY_E_PARSE. */
int sy_err_class_parse(const char *name, enum sy_err_class *ret_class);

#endif
