/* What a person or a scheduler can get wrong: specs, pieces, the command line; and what progress
 * looks like. */
#include "tests/unit/stage_sector.h"

#include <stdlib.h>
#include <sys/wait.h>

static void refuse_key(const char *stage, const char *key, json_t *value, const char *code,
                       const char *part)
{
    struct sector s;
    sector_open(&s, 5);
    s.pieces = json_array();
    json_t *spec = with_pieces(&s);
    json_object_set_new(spec, key, value);
    stage_refused(stage, spec, INPUT, code, part);
    assert_false(stage_exists(in(&s, "unsealed")));
    sector_close(&s);
}

static void wrong_values_are_refused_with_their_key(void **state)
{
    (void)state;
    refuse_key("ap", "tikcet", json_string(ticket), "SY_E_UNKNOWN_KEY", "\"tikcet\"");
    refuse_key("ap", "store", json_object(), "SY_E_UNKNOWN_KEY", "\"store\"");
    refuse_key("ap", "ticket", json_string("00"), "SY_E_ARG", "ticket");
    refuse_key("ap", "ticket", json_stringn(ticket, 63), "SY_E_ARG", "64 hex digits");
    refuse_key("ap", "ticket", json_integer(1), "SY_E_ARG", "ticket");
    refuse_key("ap", "miner", json_integer(-1), "SY_E_ARG", "miner");
    refuse_key("ap", "miner", json_real(1.5), "SY_E_ARG", "miner");
    refuse_key("ap", "number", json_string("1"), "SY_E_ARG", "number");
    refuse_key("ap", "proof_type", json_integer(20), "SY_E_RANGE", "20");
    refuse_key("ap", "sector_bytes", json_integer(1000), "SY_E_RANGE", "1000");
    refuse_key("ap", "layers", json_integer(3), "SY_E_RANGE", "layers");
    refuse_key("ap", "threads", json_integer(100000), "SY_E_RANGE", "threads");
    refuse_key("ap", "verify", json_string("most"), "SY_E_ARG", "most");
    refuse_key("ap", "digests", json_integer(1), "SY_E_ARG", "digests");
    refuse_key("ap", "cache", json_string(""), "SY_E_ARG", "cache");
    refuse_key("ap", "hugepages", json_pack("{s:s}", "mount", "/x"), "SY_E_ARG", "page_bytes");
    refuse_key("ap", "hugepages", json_pack("{s:s}", "size", "/x"), "SY_E_UNKNOWN_KEY",
               "hugepages.size");
    refuse_key("ap", "pieces", json_object(), "SY_E_ARG", "pieces");
    refuse_key("ap", "pieces", json_pack("[{s:i,s:i}]", "padded_bytes", 128, "z", 1),
               "SY_E_UNKNOWN_KEY", "pieces[0].z");
    refuse_key("pc1", "pieces", json_pack("[{s:i}]", "padded_bytes", 2048), "SY_E_ARG", "cid");
    refuse_key("pc1", "pieces", json_pack("[{s:i,s:s}]", "padded_bytes", 2048, "cid", "bafy"),
               "SY_E_PARSE", "pieces[0]");
    refuse_key("pc1", "batch", json_array(), "SY_E_ARG", "batch");
}

static void missing_keys_are_named(void **state)
{
    static const struct {
        const char *stage;
        const char *key;
    } needed[] = {{"ap", "pieces"},  {"ap", "unsealed"},   {"ap", "proof_type"},
                  {"pc1", "ticket"}, {"pc1", "cache"},     {"pc2", "sealed"},
                  {"c1", "comm_r"},  {"unseal", "output"}, {"finalize", "store"}};
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(needed); i++) {
        char part[40];
        struct sector s;
        sector_open(&s, 5);
        json_t *spec = json_copy(s.spec);
        snprintf(part, sizeof part, "\"%s\"", needed[i].key);
        json_object_del(spec, needed[i].key);
        /* What another key would complain about first is there. */
        if (strcmp(needed[i].key, "comm_r") == 0)
            json_object_set_new(spec, "comm_d", json_string(ticket));
        if (strcmp(needed[i].key, "output") == 0)
            json_object_set_new(spec, "comm_d", json_string(ticket));
        stage_refused(needed[i].stage, spec, INPUT, "SY_E_ARG", part);
        sector_close(&s);
    }
}

static void run_command(const char *arguments, int expected_status, const char *part)
{
    char command[2 * STAGE_PATH_BYTES];
    char output[4096] = {0};
    snprintf(command, sizeof command, "%s/sealyard-task %s 2>&1", SY_BIN_DIR, arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(output, 1, sizeof output - 1, pipe);
    int status = pclose(pipe);
    assert_true(got > 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected_status);
    if (!strstr(output, part))
        fail_msg("\"%s\" expected in: %s", part, output);
}

static void the_command_line_is_checked(void **state)
{
    char big[STAGE_PATH_BYTES + 64];
    const char *path = stage_path("big");
    FILE *file = fopen(path, "wb");
    (void)state;
    assert_non_null(file);
    for (int i = 0; i < 1024 * 1024 + 1; i++)
        putc(' ', file);
    fclose(file);
    snprintf(big, sizeof big, "ap --spec %s", path);
    run_command("--help", 0, "Example");
    run_command("--version", 0, "sealyard-task ");
    run_command("", INPUT, "usage");
    run_command("ap", INPUT, "usage");
    run_command("pc9 --spec -", INPUT, "pc9");
    run_command("ap --spec /nonexistent/spec", INPUT, "SY_E_NOT_FOUND");
    run_command(big, INPUT, "SY_E_LIMIT");
    snprintf(big, sizeof big, "ap --spec - < %s", path);
    run_command(big, INPUT, "SY_E_LIMIT");
    run_command("ap --spec - < /dev/null", INPUT, "SY_E_PARSE");
    stage_write(stage_path("list"), "[]", 2);
    snprintf(big, sizeof big, "ap --spec - < %s", stage_path("list"));
    run_command(big, INPUT, "object");
    run_command("ap --spec /dev/zero", INPUT, "SY_E_");
}

static void progress_goes_to_the_named_descriptor(void **state)
{
    char *log = NULL;
    struct sector s;
    (void)state;
    sector_open(&s, 5);
    run_ap(&s);
    json_decref(stage_run_env("pc1", with_pieces(&s), 0, "SEALYARD_PROGRESS_FD", "2"));
    json_t *error = stage_run_env("pc2", with_pieces(&s), INPUT, "SEALYARD_PROGRESS_FD", "771");
    assert_non_null(strstr(kat_text(error, "text"), "771"));
    json_decref(error);
    FILE *file = fopen(stage_path("log"), "rb");
    char line[1024];
    unsigned lines = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *object = line[0] == '{' ? json_loads(line, 0, NULL) : NULL;
        if (!object)
            continue;
        assert_true(kat_u64(object, "done") <= kat_u64(object, "total"));
        kat_text(object, "unit");
        kat_text(object, "phase");
        kat_u64(object, "eta_s");
        lines++;
        json_decref(object);
    }
    fclose(file);
    free(log);
    assert_in_range(lines, 1, 3);
    sector_close(&s);
}

/* ------------------------------------------------------------------------------------- ap */

static void refuse_pieces(json_t *pieces, int status, const char *code, const char *part)
{
    struct sector s;
    sector_open(&s, 5);
    json_decref(client_pieces(&s));
    json_t *piece;
    size_t i;
    json_array_foreach(pieces, i, piece) if (!json_object_get(piece, "path"))
        json_object_set_new(piece, "path", json_string(in(&s, "piece")));
    stage_refused("ap", with(&s, json_pack("{s:o}", "pieces", pieces)), status, code, part);
    assert_false(stage_exists(in(&s, "unsealed")));
    sector_close(&s);
}

static void pieces_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    refuse_pieces(json_pack("[{s:i,s:i}]", "raw_bytes", 1016, "padded_bytes", 4096), INPUT,
                  "SY_E_LIMIT", "4096");
    refuse_pieces(json_pack("[{s:i,s:i}]", "raw_bytes", 1016, "padded_bytes", 1000), INPUT,
                  "SY_E_ARG", "1000");
    refuse_pieces(json_pack("[{s:i,s:i},{s:i,s:i}]", "raw_bytes", 1016, "padded_bytes", 1024,
                            "raw_bytes", 1016, "padded_bytes", 2048),
                  INPUT, "SY_E_LIMIT", "2048");
    refuse_pieces(json_pack("[{s:i,s:i}]", "raw_bytes", 1015, "padded_bytes", 1024), INPUT,
                  "SY_E_ARG", "1015");
    refuse_pieces(json_pack("[{s:i,s:i}]", "raw_bytes", 1017, "padded_bytes", 2048), INPUT,
                  "SY_E_ARG", "1017");
    refuse_pieces(json_pack("[{s:i}]", "padded_bytes", 2048), INPUT, "SY_E_ARG", "raw_bytes");
    refuse_pieces(json_pack("[{s:s,s:i,s:i}]", "path", "/nonexistent/piece", "raw_bytes", 127,
                            "padded_bytes", 128),
                  INPUT, "SY_E_NOT_FOUND", "/nonexistent/piece");
    refuse_pieces(json_pack("[{s:i,s:i,s:s}]", "raw_bytes", 1016, "padded_bytes", 1024, "cid",
                            "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"),
                  CORRUPT, "SY_E_MISMATCH", "baga6ea4seaqpy7");
}

static int clean(void **state)
{
    (void)state;
    stage_cleanup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_values_are_refused_with_their_key),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(the_command_line_is_checked),
        cmocka_unit_test(progress_goes_to_the_named_descriptor),
        cmocka_unit_test(pieces_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
