/* Things every file may use: attributes, our own assertions, checked arithmetic.
 *
 * SY_ASSERT is for our own bugs only and stays on in release builds. Bytes that come from a peer, a
 * file or a person are never asserted: they give an error (common/err.h).
 */
#ifndef SEALYARD_COMMON_SY_H
#define SEALYARD_COMMON_SY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SY_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define SY_NORETURN __attribute__((noreturn))
#define SY_NODISCARD __attribute__((warn_unused_result))
#define SY_UNUSED __attribute__((unused))
/* Put in front of a symbol that a dlopen'ed plugin must export. */
#define SY_EXPORT __attribute__((visibility("default")))

#define SY_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SY_MIN(a, b) ((a) < (b) ? (a) : (b))
#define SY_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Prints the place and the expression to standard error and aborts. */
SY_NORETURN void sy_assert_failed(const char *expression, const char *file, int line);
#define SY_ASSERT(expression)                                                                      \
    ((expression) ? (void)0 : sy_assert_failed(#expression, __FILE__, __LINE__))

/* Checked arithmetic on size_t / uint64_t: true when the result fits and was stored. */
#define sy_add_ok(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define sy_mul_ok(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

#define SY_HASH_BYTES 32

#endif
