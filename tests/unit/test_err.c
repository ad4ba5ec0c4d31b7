#include "tests/unit/common_test.h"

#include <errno.h>

static void every_code_has_a_name_and_a_class(void **state)
{
    (void)state;
    assert_string_equal(sy_err_name(SY_E_OK), "SY_E_OK");
    for (int code = 1; code < SY_E_COUNT; code++) {
        assert_memory_equal(sy_err_name(code), "SY_E_", 5);
        assert_in_range(sy_err_class_of(code), SY_CLASS_INPUT, SY_CLASS_BUG);
    }
    assert_string_equal(sy_err_name(3), "SY_E_RANGE");
    assert_string_equal(sy_err_name(SY_E_COUNT), "SY_E_UNKNOWN");
    assert_string_equal(sy_err_name(-1), "SY_E_UNKNOWN");
    assert_int_equal(sy_err_class_of(SY_E_COUNT), SY_CLASS_BUG);
    assert_int_equal(sy_err_class_of(-1), SY_CLASS_BUG);
    assert_int_equal(sy_err_class_of(0), SY_CLASS_NONE);
}

/* The numbers travel and are stored: these may never change. */
static void numbers_are_fixed(void **state)
{
    (void)state;
    assert_int_equal(SY_E_ARG, 1);
    assert_int_equal(SY_E_AUTH, 9);
    assert_int_equal(SY_E_LIMIT, 12);
    assert_int_equal(SY_E_IO, 14);
    assert_int_equal(SY_E_NOMEM, 20);
    assert_int_equal(SY_E_CORRUPT, 24);
    assert_int_equal(SY_E_BUG, 26);
}

static void fail_fills_code_class_and_text(void **state)
{
    (void)state;
    struct sy_error err = {0};
    assert_int_equal(sy_fail(&err, SY_E_RANGE, "n is %d, expected %d", 7, 5), -SY_E_RANGE);
    assert_int_equal(err.code, SY_E_RANGE);
    assert_int_equal(err.class, SY_CLASS_INPUT);
    assert_string_equal(err.text, "n is 7, expected 5");
    assert_int_equal(sy_fail(NULL, SY_E_IO, "x"), -SY_E_IO);
    assert_int_equal(sy_fail_errno(NULL, EIO, "x"), -SY_E_IO);
    assert_int_equal(sy_error_wrap(NULL, "x"), -SY_E_BUG);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct sy_error err = {0};
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    sy_fail(&err, SY_E_ARG, "%s", text);
    assert_int_equal(strlen(err.text), SY_ERROR_TEXT_BYTES - 1);
    sy_error_wrap(&err, "%s", text);
    assert_true(strlen(err.text) < SY_ERROR_TEXT_BYTES);
    sy_fail_errno(&err, EIO, "%s", text);
    assert_true(strlen(err.text) < SY_ERROR_TEXT_BYTES);
}

static void errno_becomes_a_code(void **state)
{
    (void)state;
    static const struct {
        int number, code;
    } rows[] = {
        {ENOSPC, SY_E_FULL},   {EDQUOT, SY_E_FULL},  {ENOMEM, SY_E_NOMEM}, {ENOENT, SY_E_NOT_FOUND},
        {EACCES, SY_E_DENIED}, {EPERM, SY_E_DENIED}, {EIO, SY_E_IO},
    };
    for (size_t i = 0; i < SY_ARRAY_SIZE(rows); i++) {
        struct sy_error err = {0};
        assert_int_equal(sy_fail_errno(&err, rows[i].number, "open %s", "f"), -rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_memory_equal(err.text, "open f: ", 8);
        assert_non_null(strstr(err.text, strerror(rows[i].number)));
    }
}

static void wrap_puts_the_context_in_front(void **state)
{
    (void)state;
    struct sy_error err = {0};
    sy_fail(&err, SY_E_PARSE, "inner");
    assert_int_equal(sy_error_wrap(&err, "outer %d", 1), -SY_E_PARSE);
    assert_string_equal(err.text, "outer 1: inner");
    assert_int_equal(err.class, SY_CLASS_INPUT);
}

static void class_names_parse_back(void **state)
{
    (void)state;
    enum sy_err_class class = SY_CLASS_NONE;
    for (int i = SY_CLASS_INPUT; i <= SY_CLASS_BUG; i++) {
        assert_int_equal(sy_err_class_parse(sy_err_class_name((enum sy_err_class)i), &class), 0);
        assert_int_equal(class, i);
    }
    assert_int_equal(sy_err_class_parse("nonsense", &class), -SY_E_PARSE);
    assert_int_equal(class, SY_CLASS_BUG);
    assert_string_equal(sy_err_class_name((enum sy_err_class)77), "BUG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_a_class),
        cmocka_unit_test(numbers_are_fixed),
        cmocka_unit_test(fail_fills_code_class_and_text),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(errno_becomes_a_code),
        cmocka_unit_test(wrap_puts_the_context_in_front),
        cmocka_unit_test(class_names_parse_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
