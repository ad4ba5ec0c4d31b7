/* What the unit tests of common/ share: cmocka's includes, a temporary directory, checks of errors.
 */
#ifndef SEALYARD_TESTS_UNIT_COMMON_TEST_H
#define SEALYARD_TESTS_UNIT_COMMON_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/err.h"
#include "common/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The call names its error `&err`; it must fail with this code, the code's class and a text. */
#define assert_fails(code_, call_)                                                                 \
    do {                                                                                           \
        struct sy_error err = {0};                                                                 \
        int rc_ = (call_);                                                                         \
        assert_int_equal(rc_, -(code_));                                                           \
        assert_int_equal(err.code, code_);                                                         \
        assert_int_equal(err.class, sy_err_class_of(code_));                                       \
        assert_true(err.text[0] != 0);                                                             \
    } while (0)

/* The same, and the text holds `part_`. */
#define assert_fails_with(code_, part_, call_)                                                     \
    do {                                                                                           \
        struct sy_error err = {0};                                                                 \
        int rc_ = (call_);                                                                         \
        assert_int_equal(rc_, -(code_));                                                           \
        assert_int_equal(err.code, code_);                                                         \
        if (!strstr(err.text, part_))                                                              \
            fail_msg("'%s' lacks '%s'", err.text, part_);                                          \
    } while (0)

#define assert_works(call_)                                                                        \
    do {                                                                                           \
        struct sy_error err = {0};                                                                 \
        int rc_ = (call_);                                                                         \
        if (rc_ != 0)                                                                              \
            fail_msg("%s: %d %s", #call_, rc_, err.text);                                          \
    } while (0)

static char test_directory[64];

static inline int make_test_directory(void **state)
{
    (void)state;
    snprintf(test_directory, sizeof test_directory, "/tmp/sealyard-test-XXXXXX");
    return mkdtemp(test_directory) ? 0 : -1;
}

static inline int remove_test_directory(void **state)
{
    (void)state;
    return sy_file_remove_tree(test_directory, NULL);
}

/* A path in the test directory; the last eight stay valid. */
static inline const char *test_path(const char *name)
{
    static char paths[8][256];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", test_directory, name);
    return path;
}

#endif
