#include "tests/unit/common_test.h"

#include "common/conf.h"
#include "common/mem.h"

static struct sy_conf *conf;
static struct sy_conf_table *root;

static int stop(void **state)
{
    (void)state;
    sy_conf_destroy(conf);
    conf = NULL;
    return sy_mem_live_count() == 0 ? 0 : -1;
}

static void parse(const char *text)
{
    sy_conf_destroy(conf);
    conf = NULL;
    assert_works(sy_conf_parse(&conf, text, strlen(text), "x.toml", &err));
    root = sy_conf_root(conf);
}

static void values_of_every_kind(void **state)
{
    (void)state;
    struct sy_conf_table *table = NULL;
    char text[16];
    int64_t number = 0;
    bool flag = false;
    uint64_t ms = 0, bytes = 0;
    parse("[a]\ntext = \"h\xc3\xa9llo\"\nnumber = -16\nflag = true\nwait = \"250ms\"\nsize = "
          "\"64GiB\"\n"
          "plain = 4096\nlist = [\"one\", \"two\"]\n");
    assert_works(sy_conf_table_get(root, "a", true, &table, &err));
    assert_works(sy_conf_string(table, "text", true, NULL, text, sizeof text, &err));
    assert_string_equal(text, "h\xc3\xa9llo");
    assert_works(sy_conf_integer(table, "number", true, 0, -16, -16, &number, &err));
    assert_int_equal(number, -16);
    assert_works(sy_conf_bool(table, "flag", true, false, &flag, &err));
    assert_true(flag);
    assert_works(sy_conf_duration_ms(table, "wait", true, NULL, &ms, &err));
    assert_int_equal(ms, 250);
    assert_works(sy_conf_bytes(table, "size", true, NULL, &bytes, &err));
    assert_true(bytes == UINT64_C(64) << 30);
    assert_works(sy_conf_bytes(table, "plain", true, NULL, &bytes, &err));
    assert_int_equal(bytes, 4096);
    assert_works(sy_conf_string_item(table, "list", 1, text, sizeof text, &err));
    assert_string_equal(text, "two");
    assert_fails(SY_E_NOT_FOUND, sy_conf_string_item(table, "list", 2, text, sizeof text, &err));
    assert_works(sy_conf_finish(conf, &err));
}

static void absent_keys_take_their_default(void **state)
{
    (void)state;
    struct sy_conf_table *table = (void *)1;
    char text[16];
    int64_t number = 0;
    bool flag = false;
    uint64_t value = 0;
    size_t count = 9;
    parse("");
    assert_works(sy_conf_string(root, "s", false, "dflt", text, sizeof text, &err));
    assert_string_equal(text, "dflt");
    assert_works(sy_conf_string(root, "s2", false, NULL, text, sizeof text, &err));
    assert_string_equal(text, "");
    assert_works(sy_conf_integer(root, "n", false, 5, 0, 9, &number, &err));
    assert_int_equal(number, 5);
    assert_works(sy_conf_bool(root, "b", false, true, &flag, &err));
    assert_true(flag);
    assert_works(sy_conf_duration_ms(root, "d", false, "2m", &value, &err));
    assert_int_equal(value, 120000);
    assert_works(sy_conf_bytes(root, "z", false, "2KiB", &value, &err));
    assert_int_equal(value, 2048);
    assert_works(sy_conf_table_get(root, "t", false, &table, &err));
    assert_null(table);
    assert_works(sy_conf_array_count(root, "l", &count, &err));
    assert_int_equal(count, 0);
    assert_fails(SY_E_NOT_FOUND, sy_conf_string_item(root, "l", 0, text, sizeof text, &err));
    assert_works(sy_conf_finish(conf, &err));
}

static void required_keys_are_missed_with_their_table(void **state)
{
    (void)state;
    struct sy_conf_table *table = NULL;
    char text[16] = "untouched";
    int64_t number;
    bool flag;
    uint64_t value;
    parse("a = 1\n\n[plugin.chain]\n");
    assert_works(sy_conf_table_get(root, "plugin", true, &table, &err));
    assert_works(sy_conf_table_get(table, "chain", true, &table, &err));
    assert_fails_with(SY_E_NOT_FOUND, "x.toml:3: [plugin.chain] lacks the key 'node'",
                      sy_conf_string(table, "node", true, "d", text, sizeof text, &err));
    assert_string_equal(text, "untouched");
    assert_fails(SY_E_NOT_FOUND, sy_conf_integer(root, "n", true, 0, 0, 9, &number, &err));
    assert_fails(SY_E_NOT_FOUND, sy_conf_bool(root, "b", true, true, &flag, &err));
    assert_fails(SY_E_NOT_FOUND, sy_conf_duration_ms(root, "d", true, NULL, &value, &err));
    assert_fails(SY_E_NOT_FOUND, sy_conf_bytes(root, "z", true, NULL, &value, &err));
    assert_fails(SY_E_NOT_FOUND, sy_conf_table_get(root, "t", true, &table, &err));
}

static void wrong_types_say_where_and_what(void **state)
{
    (void)state;
    struct sy_conf_table *table;
    char text[16];
    int64_t number;
    bool flag;
    uint64_t value;
    size_t count;
    parse("\nn = \"7\"\ns = 7\nb = 1\nf = 1.5\nt = 3\nl = [1, 2]\nd = 10\nneg = -1\n"
          "nul = \"a\\u0000b\"\n[tab]\n");
    assert_fails_with(SY_E_PARSE, "x.toml:2: n is \"7\", expected a whole number",
                      sy_conf_integer(root, "n", true, 0, 0, 9, &number, &err));
    assert_fails_with(SY_E_PARSE, "x.toml:3: s is 7, expected a text",
                      sy_conf_string(root, "s", true, "", text, sizeof text, &err));
    assert_fails_with(SY_E_PARSE, "x.toml:4: b is 1, expected true or false",
                      sy_conf_bool(root, "b", true, true, &flag, &err));
    assert_fails_with(SY_E_PARSE, "x.toml:5: f is a float",
                      sy_conf_integer(root, "f", true, 0, 0, 9, &number, &err));
    assert_fails_with(SY_E_PARSE, "x.toml:6", sy_conf_table_get(root, "t", false, &table, &err));
    assert_fails_with(SY_E_PARSE, "a list of tables", sy_conf_array_count(root, "t", &count, &err));
    assert_fails_with(SY_E_PARSE, "a table in the list",
                      sy_conf_array_count(root, "l", &count, &err));
    assert_fails(SY_E_PARSE, sy_conf_string_item(root, "l", 0, text, sizeof text, &err));
    assert_fails(SY_E_PARSE, sy_conf_string_item(root, "s", 0, text, sizeof text, &err));
    assert_fails_with(SY_E_PARSE, "x.toml:8: d is 10, expected a time",
                      sy_conf_duration_ms(root, "d", true, NULL, &value, &err));
    assert_fails(SY_E_PARSE, sy_conf_bytes(root, "neg", true, NULL, &value, &err));
    assert_fails(SY_E_PARSE, sy_conf_string(root, "nul", true, "", text, sizeof text, &err));
    assert_fails(SY_E_PARSE, sy_conf_string(root, "tab", true, "", text, sizeof text, &err));
}

static void ranges_and_lengths_hold(void **state)
{
    (void)state;
    char text[6];
    int64_t number = 77;
    uint64_t value;
    parse("n = 10\ns = \"12345\"\nl = \"123456\"\nd = \"10 s\"\nz = \"2kb\"\ni = [\"123456\"]\n");
    assert_works(sy_conf_integer(root, "n", true, 0, 10, 10, &number, &err));
    number = 77;
    assert_fails_with(SY_E_RANGE, "x.toml:1: n is 10, expected 11 to 20",
                      sy_conf_integer(root, "n", true, 0, 11, 20, &number, &err));
    assert_fails(SY_E_RANGE, sy_conf_integer(root, "n", true, 0, 0, 9, &number, &err));
    assert_int_equal(number, 77);
    assert_works(sy_conf_string(root, "s", true, "", text, sizeof text, &err));
    assert_fails_with(SY_E_LIMIT, "x.toml:3: l has 6 characters, at most 5",
                      sy_conf_string(root, "l", true, "", text, sizeof text, &err));
    assert_fails(SY_E_LIMIT, sy_conf_string_item(root, "i", 0, text, sizeof text, &err));
    assert_fails_with(SY_E_PARSE, "x.toml:4: d: '10 s' is not a time",
                      sy_conf_duration_ms(root, "d", true, NULL, &value, &err));
    assert_fails_with(SY_E_PARSE, "x.toml:5: z",
                      sy_conf_bytes(root, "z", true, NULL, &value, &err));
}

static void unknown_keys_are_refused_with_a_suggestion(void **state)
{
    (void)state;
    struct sy_conf_table *table = NULL;
    char text[16];
    parse("[scheduler]\n\nlisten2 = \"x\"\nlisen = \"tcp\"\n");
    assert_works(sy_conf_table_get(root, "scheduler", true, &table, &err));
    assert_works(sy_conf_string(table, "listen", false, "", text, sizeof text, &err));
    assert_works(sy_conf_string(table, "listen2", false, "", text, sizeof text, &err));
    assert_works(sy_conf_string(table, "log_level", false, "", text, sizeof text, &err));
    assert_fails_with(SY_E_UNKNOWN_KEY,
                      "x.toml:4: unknown key 'lisen' in [scheduler]; did you mean 'listen'?",
                      sy_conf_finish(conf, &err));
    parse("zzzzz = 1\n");
    assert_works(sy_conf_string(root, "listen", false, "", text, sizeof text, &err));
    assert_fails_with(SY_E_UNKNOWN_KEY, "x.toml:1: unknown key 'zzzzz' in the top level; remove it",
                      sy_conf_finish(conf, &err));
    parse("[minor]\na = 1\n");
    assert_works(sy_conf_table_get(root, "miner", false, &table, &err));
    assert_fails_with(SY_E_UNKNOWN_KEY, "did you mean 'miner'?", sy_conf_finish(conf, &err));
}

static void nested_and_late_unknown_keys_are_found(void **state)
{
    (void)state;
    struct sy_conf_table *table = NULL, *inner = NULL;
    char text[16];
    int64_t number;
    parse("[a.b.c]\nok = 1\nbad = 2\n");
    assert_works(sy_conf_table_get(root, "a", true, &table, &err));
    assert_works(sy_conf_table_get(table, "b", true, &table, &err));
    assert_works(sy_conf_table_get(table, "c", true, &inner, &err));
    assert_works(sy_conf_integer(inner, "ok", true, 0, 0, 9, &number, &err));
    assert_fails_with(SY_E_UNKNOWN_KEY, "x.toml:3: unknown key 'bad' in [a.b.c]",
                      sy_conf_finish(conf, &err));
    parse("l = [\"a\"]\n[t]\n[t.u]\n[z]\n");
    assert_works(sy_conf_string_item(root, "l", 0, text, sizeof text, &err));
    assert_works(sy_conf_table_get(root, "t", true, &table, &err));
    assert_works(sy_conf_table_get(table, "u", true, &inner, &err));
    assert_fails_with(SY_E_UNKNOWN_KEY, "x.toml:4: unknown key 'z'", sy_conf_finish(conf, &err));
}

static void arrays_of_tables(void **state)
{
    (void)state;
    struct sy_conf_table *table = NULL;
    int64_t number;
    size_t count = 0;
    parse("[[miner]]\nactor = 1000\n[[miner]]\nactor = 1001\nactr = 2\n");
    assert_works(sy_conf_array_count(root, "miner", &count, &err));
    assert_int_equal(count, 2);
    assert_works(sy_conf_array_get(root, "miner", 0, &table, &err));
    assert_works(sy_conf_integer(table, "actor", true, 0, 0, 9999, &number, &err));
    assert_int_equal(number, 1000);
    assert_fails_with(SY_E_UNKNOWN_KEY, "an item of [miner] is not used",
                      sy_conf_finish(conf, &err));
    assert_works(sy_conf_array_get(root, "miner", 1, &table, &err));
    assert_works(sy_conf_integer(table, "actor", true, 0, 0, 9999, &number, &err));
    assert_int_equal(number, 1001);
    assert_fails_with(SY_E_UNKNOWN_KEY, "x.toml:5: unknown key 'actr' in [miner]",
                      sy_conf_finish(conf, &err));
    assert_fails(SY_E_NOT_FOUND, sy_conf_array_get(root, "miner", 2, &table, &err));
}

static void tables_come_in_file_order(void **state)
{
    (void)state;
    struct sy_conf_table *table = NULL;
    const char *name = NULL;
    static const char *const expected[] = {"zeta", "alpha", "mid", NULL};
    parse("[plugin.zeta]\n[plugin.alpha]\n[plugin]\nx = 1\n[plugin.mid]\n");
    assert_works(sy_conf_table_get(root, "plugin", true, &table, &err));
    for (size_t i = 0; i < 4; i++) {
        assert_works(sy_conf_table_name(table, i, &name, &err));
        if (expected[i])
            assert_string_equal(name, expected[i]);
        else
            assert_null(name);
    }
}

static void callers_errors_carry_the_place(void **state)
{
    (void)state;
    parse("\n\nport = 5\n");
    assert_fails_with(SY_E_ARG, "x.toml:3: port: 5 is taken",
                      sy_conf_fail(root, "port", &err, "%d is taken", 5));
    assert_fails_with(SY_E_ARG, "x.toml:1: gone: no", sy_conf_fail(root, "gone", &err, "no"));
}

static void bad_toml_is_refused_with_its_line(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a = 1\nb = \n",         "a = 1\na = 2\n", "x\n[a\n", "a = 1\nb = 99999999999999999999\n",
        "a = 1\nb = \"\xff\"\n",
    };
    struct sy_conf *none = (void *)1;
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++) {
        assert_fails_with(SY_E_PARSE,
                          "x.toml:", sy_conf_parse(&none, bad[i], strlen(bad[i]), "x.toml", &err));
        assert_ptr_equal(none, (void *)1);
    }
    assert_fails_with(SY_E_PARSE,
                      "x.toml:2:", sy_conf_parse(&none, bad[0], strlen(bad[0]), "x.toml", &err));
}

static void files_are_loaded_and_limited(void **state)
{
    (void)state;
    static char block[SY_CONF_BYTES_MAX + 1];
    struct sy_conf *loaded = NULL;
    char text[8];
    make_test_directory(state);
    memset(block, '\n', sizeof block);
    assert_works(sy_file_write(test_path("c.toml"), "a = \"b\"\n", 8, 0600, &err));
    assert_works(sy_conf_load(&loaded, test_path("c.toml"), &err));
    assert_works(sy_conf_string(sy_conf_root(loaded), "a", true, "", text, sizeof text, &err));
    assert_string_equal(text, "b");
    sy_conf_destroy(loaded);
    assert_fails(SY_E_NOT_FOUND, sy_conf_load(&loaded, test_path("none.toml"), &err));
    assert_works(sy_conf_parse(&loaded, block, SY_CONF_BYTES_MAX, "x", &err));
    sy_conf_destroy(loaded);
    assert_fails(SY_E_LIMIT, sy_conf_parse(&loaded, block, sizeof block, "x", &err));
    assert_works(sy_file_write(test_path("big.toml"), block, sizeof block, 0600, &err));
    assert_fails(SY_E_LIMIT, sy_conf_load(&loaded, test_path("big.toml"), &err));
    remove_test_directory(state);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    static const char text[] = "a = \"x\"\n[t]\nb = 1\n[[l]]\nc = true\n";
    struct sy_conf *made = NULL;
    for (uint64_t n = 1; !made; n++) {
        sy_mem_fail_after(n);
        int rc = sy_conf_parse(&made, text, sizeof text - 1, "x", NULL);
        sy_mem_fail_after(0);
        assert_true(rc == 0 || rc == -SY_E_NOMEM);
        assert_true(n < 50);
    }
    sy_conf_destroy(made);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"0ms", 0},      {"250ms", 250},
                {"2s", 2000},    {"5m", 300000},
                {"1h", 3600000}, {"3d", 259200000},
                {"0001s", 1000}, {"213503982334d", UINT64_C(213503982334) * 86400000}};
    static const char *const bad[] = {"",     "s",  "10", "10 s", "-1s",
                                      "1.5s", "1S", "1w", "1sx",  " 1s"};
    uint64_t ms = 5;
    for (size_t i = 0; i < SY_ARRAY_SIZE(good); i++) {
        assert_works(sy_duration_parse(good[i].text, &ms, &err));
        assert_true(ms == good[i].ms);
    }
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_fails(SY_E_PARSE, sy_duration_parse(bad[i], &ms, &err));
    assert_fails(SY_E_RANGE, sy_duration_parse("213503982335d", &ms, &err));
    assert_fails(SY_E_RANGE, sy_duration_parse("18446744073709551616ms", &ms, &err));
}

static void sizes(void **state)
{
    (void)state;
    uint64_t bytes = 5;
    char text[32];
    assert_works(sy_bytes_parse("1048576", &bytes, &err));
    assert_int_equal(bytes, 1048576);
    assert_works(sy_bytes_parse("16383PiB", &bytes, &err));
    assert_true(bytes == UINT64_C(16383) << 50);
    assert_fails(SY_E_RANGE, sy_bytes_parse("16384PiB", &bytes, &err));
    assert_fails(SY_E_PARSE, sy_bytes_parse("", &bytes, &err));
    assert_fails(SY_E_PARSE, sy_bytes_parse("KiB", &bytes, &err));
    assert_fails(SY_E_PARSE, sy_bytes_parse("1KB", &bytes, &err));
    assert_fails(SY_E_PARSE, sy_bytes_parse("-1", &bytes, &err));
    assert_string_equal(sy_bytes_print(731, text, sizeof text), "731 B");
    assert_string_equal(sy_bytes_print(0, text, sizeof text), "0 B");
    assert_string_equal(sy_bytes_print(2048, text, sizeof text), "2 KiB");
    assert_string_equal(sy_bytes_print(UINT64_C(3) << 29, text, sizeof text), "1.5 GiB");
    assert_string_equal(sy_bytes_print(UINT64_MAX, text, sizeof text), "16383.9 PiB");
    assert_string_equal(sy_bytes_print(2048, text, 4), "2 K");
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_of_every_kind),
        TEST(absent_keys_take_their_default),
        TEST(required_keys_are_missed_with_their_table),
        TEST(wrong_types_say_where_and_what),
        TEST(ranges_and_lengths_hold),
        TEST(unknown_keys_are_refused_with_a_suggestion),
        TEST(nested_and_late_unknown_keys_are_found),
        TEST(arrays_of_tables),
        TEST(tables_come_in_file_order),
        TEST(callers_errors_carry_the_place),
        TEST(bad_toml_is_refused_with_its_line),
        TEST(files_are_loaded_and_limited),
        TEST(each_allocation_may_fail),
        TEST(durations),
        TEST(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
