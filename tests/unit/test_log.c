#include "tests/unit/common_test.h"

#include "common/log.h"

#include <fcntl.h>
#include <regex.h>
#include <unistd.h>

static int log_file;

static int open_log(void **state)
{
    make_test_directory(state);
    log_file = open(test_path("log"), O_CREAT | O_RDWR | O_APPEND, 0600);
    sy_log_set_fd(log_file);
    sy_log_set_level(SY_LOG_INFO);
    return log_file < 0;
}

static int close_log(void **state)
{
    sy_log_set_fd(STDERR_FILENO);
    close(log_file);
    return remove_test_directory(state);
}

static char *read_log(void)
{
    char *data = NULL;
    size_t bytes = 0;
    assert_works(sy_file_read(test_path("log"), 1 << 20, &data, &bytes, &err));
    return data;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

static void lines_are_logfmt(void **state)
{
    (void)state;
    regex_t shape;
    SY_INFO("store", "commit", "batch=%d ms=%d", 12, 7);
    char *text = read_log();
    assert_int_equal(regcomp(&shape,
                             "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z info store "
                             "ev=commit batch=12 ms=7\n$",
                             REG_EXTENDED),
                     0);
    assert_int_equal(regexec(&shape, text, 0, NULL, 0), 0);
    regfree(&shape);
    free(text);
}

static void levels_filter(void **state)
{
    (void)state;
    enum sy_log_level level;
    SY_DEBUG("u", "hidden", " ");
    sy_log_set_level(SY_LOG_ERROR);
    SY_WARN("u", "hidden", " ");
    SY_ERROR("u", "shown", " ");
    char *text = read_log();
    assert_null(strstr(text, "hidden"));
    assert_non_null(strstr(text, "error u ev=shown"));
    free(text);
    assert_int_equal(sy_log_level_parse("debug", &level), 0);
    assert_int_equal(level, SY_LOG_DEBUG);
    assert_int_equal(sy_log_level_parse("loud", &level), -SY_E_PARSE);
}

/* More lines than a site may write in the seconds that the loop can touch. */
static void a_site_is_limited_and_says_so(void **state)
{
    (void)state;
    static struct sy_log_site site = {"u", "flood", 0, 0, 0};
    for (int i = 0; i < 1000; i++)
        sy_log_line(&site, SY_LOG_INFO, "i=%d", i);
    char *text = read_log();
    size_t lines = count_lines(text);
    assert_in_range(lines, SY_LOG_LINES_PER_SECOND, 4 * SY_LOG_LINES_PER_SECOND);
    free(text);
    assert_true(site.suppressed > 0);
    site.window_s--; /* as if the next second had come */
    sy_log_line(&site, SY_LOG_INFO, "i=%d", 1000);
    text = read_log();
    assert_non_null(strstr(text, "suppressed="));
    free(text);
}

static void long_lines_are_cut_with_their_newline(void **state)
{
    (void)state;
    char field[5000];
    memset(field, 'y', sizeof field - 1);
    field[sizeof field - 1] = 0;
    SY_INFO("u", "long", "f=%s", field);
    SY_INFO("u", "next", " ");
    char *text = read_log();
    assert_int_equal(count_lines(text), 2);
    assert_true(strlen(text) < 2200);
    free(text);
}

static void values_from_outside_are_quoted(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(sy_log_value("plain", out, sizeof out), "plain");
    assert_string_equal(sy_log_value("", out, sizeof out), "\"\"");
    assert_string_equal(sy_log_value("a b", out, sizeof out), "\"a b\"");
    assert_string_equal(sy_log_value("a\"b", out, sizeof out), "\"a\\\"b\"");
    assert_string_equal(sy_log_value("a\nev=x", out, sizeof out), "\"a\\x0aev=x\"");
    assert_string_equal(sy_log_value("tab\t", out, sizeof out), "tab\\x09");
    assert_string_equal(sy_log_value("anything", out, 4), "");
    char wide[300], cut[16];
    memset(wide, ' ', sizeof wide - 1);
    wide[sizeof wide - 1] = 0;
    assert_true(strlen(sy_log_value(wide, cut, sizeof cut)) < sizeof cut);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_log, close_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_are_logfmt),
        TEST(levels_filter),
        TEST(a_site_is_limited_and_says_so),
        TEST(long_lines_are_cut_with_their_newline),
        TEST(values_from_outside_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
