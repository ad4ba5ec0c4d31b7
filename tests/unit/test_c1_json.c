/* C1 text: byte-exact writing, reading in any order, refusal of what is no C1 file. */
#include "tests/unit/kat.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "tasks/hash/sha256.h"
#include "tasks/vanilla/c1.h"
#include "tasks/vanilla/json_in.h"

#define TEXT_MAX (8u << 20)

struct text {
    char *data;
    size_t bytes;
};

static struct text load(const char *name)
{
    char path[1024];
    struct text text;
    struct sy_error err;
    snprintf(path, sizeof path, "%s/%s", SY_KAT_DIR, name);
    if (sy_file_read(path, TEXT_MAX, &text.data, &text.bytes, &err))
        fail_msg("%s", err.text);
    return text;
}

static struct sy_c1 *parse(const char *data, size_t bytes)
{
    struct sy_c1 *c1 = NULL;
    struct sy_error err;
    if (sy_c1_read_memory(&c1, data, bytes, &err))
        fail_msg("%s", err.text);
    return c1;
}

/* Writes c1 to a file, checks length and digest that the writer reports, gives the text. */
static struct text print(const struct sy_c1 *c1)
{
    char path[] = "/tmp/sy-test-c1-XXXXXX";
    struct sy_c1_writer *writer;
    struct sy_error err;
    struct text text;
    uint8_t digest[32];
    uint8_t expected[32];
    uint64_t bytes;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(sy_c1_writer_create(&writer, fd, path, c1->raw ? NULL : c1->registered_proof,
                                         c1->raw ? NULL : c1->size_key, &err),
                     0);
    for (uint32_t p = 0; p < c1->partition_count; p++)
        for (uint32_t i = 0; i < c1->challenge_count[p]; i++)
            assert_int_equal(sy_c1_writer_put(writer, &c1->partitions[p][i],
                                              i + 1 == c1->challenge_count[p], &err),
                             0);
    assert_int_equal(sy_c1_writer_finish(writer, &c1->public, digest, &bytes, &err), 0);
    sy_c1_writer_destroy(writer);
    close(fd);
    assert_int_equal(sy_file_read(path, TEXT_MAX, &text.data, &text.bytes, &err), 0);
    unlink(path);
    assert_int_equal(text.bytes, bytes);
    sy_sha256(text.data, text.bytes, expected);
    assert_memory_equal(digest, expected, 32);
    return text;
}

static void assert_prints_as(const struct sy_c1 *c1, const struct text *expected)
{
    struct text found = print(c1);
    assert_int_equal(found.bytes, expected->bytes);
    assert_memory_equal(found.data, expected->data, expected->bytes);
    free(found.data);
}

static const char *const files[] = {
    "sealing_c1_2k_v1_1_pattern.json",
    "reference/files/seal-2KiB-v1_1-cc/c1.api.json",
    "reference/files/seal-2KiB-v1_1-multi/c1.api.json",
    "reference/files/seal-2KiB-synth-multi/c1.api.json",
    "reference/files/seal-2KiB-ni-cc/c1.api.json",
};

static void reading_and_writing_gives_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(files); i++) {
        struct text text = load(files[i]);
        struct sy_c1 *c1 = parse(text.data, text.bytes);
        assert_false(c1->raw);
        assert_prints_as(c1, &text);
        sy_c1_destroy(c1);
        free(text.data);
    }
}

static void reading_a_file_is_reading_its_text(void **state)
{
    char path[1024];
    struct text text = load(files[4]);
    struct sy_c1 *c1 = NULL;
    struct sy_error err;
    (void)state;
    snprintf(path, sizeof path, "%s/%s", SY_KAT_DIR, files[4]);
    assert_int_equal(sy_c1_read_file(&c1, path, &err), 0);
    assert_int_equal(c1->partition_count, 13);
    assert_prints_as(c1, &text);
    sy_c1_destroy(c1);
    free(text.data);
}

static void key_order_and_white_space_do_not_matter(void **state)
{
    struct text text = load(files[2]);
    json_t *json = json_loadb(text.data, text.bytes, 0, NULL);
    (void)state;
    assert_non_null(json);
    char *sorted = json_dumps(json, JSON_SORT_KEYS | JSON_INDENT(3));
    struct sy_c1 *c1 = parse(sorted, strlen(sorted));
    assert_prints_as(c1, &text);
    sy_c1_destroy(c1);
    free(sorted);
    json_decref(json);
    free(text.data);
}

static json_t *first_proof(json_t *json)
{
    json_t *partitions =
        json_object_get(json_object_get(json, "vanilla_proofs"), "StackedDrg2KiBV1");
    return json_array_get(json_array_get(partitions, 0), 0);
}

static void unknown_keys_are_skipped(void **state)
{
    struct text text = load(files[2]);
    json_t *json = json_loadb(text.data, text.bytes, 0, NULL);
    json_t *odd =
        json_pack("{s:[[],{},{s:s}],s:f,s:n,s:b}", "a", "x", "}]\\\"\n", "b", -1.5e3, "c", "d", 1);
    (void)state;
    json_object_set(json, "_lotus_SealRandomness", odd);
    json_object_set(first_proof(json), "more", odd);
    json_object_set_new(json_object_get(first_proof(json), "encoding_proof"), "x", odd);
    char *dumped = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    struct sy_c1 *c1 = parse(dumped, strlen(dumped));
    assert_prints_as(c1, &text);
    sy_c1_destroy(c1);
    free(dumped);
    json_decref(json);
    free(text.data);
}

/* The top-shaped proof stands alone; a raw document is put around it. */
static void top_shape_round_trips_in_the_raw_form(void **state)
{
    static const char zeros[] = "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]";
    static const char *const keys[] = {"comm_r", "comm_d", "replica_id", "seed", "ticket"};
    struct text proof = load("sealing_c1_32k_top_first_challenge.json");
    struct text text;
    char *data = NULL;
    (void)state;
    FILE *out = open_memstream(&data, &text.bytes);
    fprintf(out, "{\"vanilla_proofs\":[[%.*s]]", (int)strcspn(proof.data, "\n"), proof.data);
    for (size_t i = 0; i < SY_ARRAY_SIZE(keys); i++)
        fprintf(out, ",\"%s\":%s", keys[i], zeros);
    fprintf(out, "}");
    fclose(out);
    text.data = data;
    struct sy_c1 *c1 = parse(text.data, text.bytes);
    assert_true(c1->raw);
    assert_int_equal(c1->partitions[0][0].comm_r_last.sub_arity, 8);
    assert_int_equal(c1->partitions[0][0].comm_r_last.top_arity, 2);
    assert_prints_as(c1, &text);
    sy_c1_destroy(c1);
    free(data);
    free(proof.data);
}

static void wrappers_of_other_systems_are_opened(void **state)
{
    struct text text = load(files[2]);
    char *base64 = malloc(SY_BASE64_TEXT_BYTES(text.bytes));
    (void)state;
    sy_base64_encode(text.data, text.bytes, base64);
    json_t *lotus = json_string(base64);
    json_t *bench =
        json_pack("{s:i,s:O,s:i}", "SectorNum", 3, "Phase1Out", lotus, "SectorSize", 2048);
    json_t *const wrappers[] = {lotus, bench};
    for (size_t i = 0; i < SY_ARRAY_SIZE(wrappers); i++) {
        char *dumped = json_dumps(wrappers[i], JSON_ENCODE_ANY | JSON_ESCAPE_SLASH);
        struct sy_c1 *c1 = parse(dumped, strlen(dumped));
        assert_prints_as(c1, &text);
        sy_c1_destroy(c1);
        free(dumped);
        json_decref(wrappers[i]);
    }
    free(base64);
    free(text.data);
}

static void assert_refused(const char *data, size_t bytes, int code, const char *part)
{
    struct sy_c1 *c1 = NULL;
    struct sy_error err = {0};
    int rc = sy_c1_read_memory(&c1, data, bytes, &err);
    assert_null(c1);
    if (rc != -code || !strstr(err.text, part))
        fail_msg("%s expected with \"%s\", found %d \"%s\"", sy_err_name(code), part, rc, err.text);
}

static void assert_json_refused(json_t *json, int code, const char *part)
{
    char *text = json_dumps(json, JSON_COMPACT);
    assert_non_null(text);
    assert_refused(text, strlen(text), code, part);
    free(text);
    json_decref(json);
}

static void every_truncation_is_refused(void **state)
{
    struct text text = load(files[2]);
    struct sy_error err;
    (void)state;
    for (size_t cut = 0; cut < text.bytes; cut += cut < 4096 ? 1 : 997) {
        struct sy_c1 *c1 = NULL;
        assert_int_equal(sy_c1_read_memory(&c1, text.data, cut, &err), -SY_E_PARSE);
        assert_null(c1);
    }
    free(text.data);
}

static json_t *load_json(void)
{
    return kat_load("reference/files/seal-2KiB-v1_1-multi/c1.api.json");
}

static void missing_keys_are_named(void **state)
{
    static const char *const top[] = {"vanilla_proofs", "comm_r", "comm_d",
                                      "replica_id",     "seed",   "ticket"};
    static const char *const inner[] = {"comm_d_proofs", "comm_r_last_proof",
                                        "replica_column_proofs", "labeling_proofs",
                                        "encoding_proof"};
    json_t *json;
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(top); i++) {
        json = load_json();
        json_object_del(json, top[i]);
        assert_json_refused(json, SY_E_PARSE, top[i]);
    }
    for (size_t i = 0; i < SY_ARRAY_SIZE(inner); i++) {
        json = load_json();
        json_object_del(first_proof(json), inner[i]);
        assert_json_refused(json, SY_E_PARSE, inner[i]);
    }
    json = load_json();
    json_object_del(json, "registered_proof");
    assert_json_refused(json, SY_E_PARSE, "go together");
}

static void values_of_the_wrong_kind_are_refused(void **state)
{
    json_t *json = load_json();
    (void)state;
    json_array_set_new(json_object_get(json, "comm_r"), 7, json_integer(256));
    assert_json_refused(json, SY_E_RANGE, "above 255");
    json = load_json();
    json_array_set_new(json_object_get(json, "comm_r"), 7, json_integer(-1));
    assert_json_refused(json, SY_E_PARSE, "whole number");
    json = load_json();
    json_array_set_new(json_object_get(json, "comm_r"), 7, json_real(1.0));
    assert_json_refused(json, SY_E_PARSE, "whole number");
    json = load_json();
    json_array_append_new(json_object_get(json, "seed"), json_integer(1));
    assert_json_refused(json, SY_E_PARSE, "more than 32");
    json = load_json();
    json_array_remove(json_object_get(json, "seed"), 0);
    assert_json_refused(json, SY_E_PARSE, "31 bytes");
    json = load_json();
    json_object_set_new(json, "seed", json_string("00"));
    assert_json_refused(json, SY_E_PARSE, "'['");
    json = load_json();
    json_object_set_new(json, "vanilla_proofs", json_object());
    assert_json_refused(json, SY_E_PARSE, "one key");
}

static void lists_beyond_their_limit_are_refused(void **state)
{
    json_t *json = load_json();
    json_t *partitions =
        json_object_get(json_object_get(json, "vanilla_proofs"), "StackedDrg2KiBV1");
    (void)state;
    for (int i = 0; i < SY_VANILLA_PARTITIONS_MAX; i++)
        json_array_append_new(partitions, json_array());
    assert_json_refused(json, SY_E_PARSE, "partitions");
    json = load_json();
    partitions = json_object_get(json_object_get(json, "vanilla_proofs"), "StackedDrg2KiBV1");
    for (int i = 0; i < SY_VANILLA_CHALLENGES_MAX; i++)
        json_array_append(json_array_get(partitions, 0), first_proof(json));
    assert_json_refused(json, SY_E_PARSE, "proofs in a partition");
    json = load_json();
    json_t *labels = json_object_get(first_proof(json), "labeling_proofs");
    while (json_array_size(labels) <= SY_LAYERS_MAX)
        json_array_append(labels, json_array_get(labels, 0));
    assert_json_refused(json, SY_E_PARSE, "labeling proofs");
    json = load_json();
    json_t *parents =
        json_object_get(json_object_get(first_proof(json), "replica_column_proofs"), "drg_parents");
    json_array_append(parents, json_array_get(parents, 0));
    assert_json_refused(json, SY_E_PARSE, "more than 6 parents");
}

static void paths_of_impossible_form_are_refused(void **state)
{
    json_t *json = load_json();
    json_t *data = json_object_get(json_object_get(first_proof(json), "comm_d_proofs"), "data");
    json_t *single = json_object_get(data, "Single");
    (void)state;
    json_object_set(data, "Sub", single);
    assert_json_refused(json, SY_E_PARSE, "one key was expected");
    json = load_json();
    data = json_object_get(json_object_get(first_proof(json), "comm_d_proofs"), "data");
    json_object_set_new(data, "Double", json_incref(json_object_get(data, "Single")));
    json_object_del(data, "Single");
    assert_json_refused(json, SY_E_PARSE, "Single, Sub or Top");
    json = load_json();
    data = json_object_get(json_object_get(first_proof(json), "comm_r_last_proof"), "data");
    json_t *path =
        json_object_get(json_object_get(json_object_get(data, "Single"), "path"), "path");
    json_array_remove(json_object_get(json_array_get(path, 1), "hashes"), 0);
    assert_json_refused(json, SY_E_PARSE, "siblings");
    json = load_json();
    data = json_object_get(json_object_get(first_proof(json), "comm_r_last_proof"), "data");
    path = json_object_get(json_object_get(json_object_get(data, "Single"), "path"), "path");
    json_array_clear(path);
    assert_json_refused(json, SY_E_PARSE, "without levels");
}

static void repeated_keys_and_trailing_text_are_refused(void **state)
{
    static const char twice[] =
        "{\"seed\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
        "0,0,0],\"seed\":[]}";
    struct text text = load(files[2]);
    char *longer = malloc(text.bytes + 2);
    (void)state;
    assert_refused(twice, strlen(twice), SY_E_PARSE, "twice");
    memcpy(longer, text.data, text.bytes);
    longer[text.bytes] = '}';
    assert_refused(longer, text.bytes + 1, SY_E_PARSE, "after the end");
    free(longer);
    free(text.data);
}

static void bad_wrappers_are_refused(void **state)
{
    (void)state;
    assert_refused("\"abc\"", 5, SY_E_PARSE, "base64");
    assert_refused("\"e30=\"", 6, SY_E_PARSE, "missing"); /* {} */
    assert_refused("\"e30=\" 1", 8, SY_E_PARSE, "after the end");
    assert_refused("\"e30=", 5, SY_E_PARSE, "does not end");
    assert_refused("{\"Phase1Out\":7}", 15, SY_E_PARSE, "'\"'");
    assert_refused("{\"Phase1Out\":\"e30=\",\"seed\":[]}", 32, SY_E_PARSE, "0 bytes");
    /* A wrapper in a wrapper: {"Phase1Out":""} */
    assert_refused("\"eyJQaGFzZTFPdXQiOiIifQ==\"", 26, SY_E_PARSE, "inside");
}

static void nesting_of_unknown_values_has_a_limit(void **state)
{
    char text[4 * SY_JSON_DEPTH_MAX];
    size_t at = (size_t)snprintf(text, sizeof text, "{\"x\":");
    (void)state;
    for (int i = 0; i < SY_JSON_DEPTH_MAX + 1; i++)
        text[at++] = '[';
    assert_refused(text, at, SY_E_PARSE, "nested deeper");
}

static void not_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{",
        "{\"x\"}",
        "{\"x\":}",
        "{\"x\":tru}",
        "{\"x\":1,}",
        "{,}",
        "{\"x\":[1,]}",
        "{\"x\":\"\\q\"}",
        "{\"x\":\"\\u00g0\"}",
        "{\"x\":\"a\nb\"}",
        "{\"x\" 1}",
        "{x:1}",
    };
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(texts); i++) {
        struct sy_c1 *c1 = NULL;
        struct sy_error err;
        if (sy_c1_read_memory(&c1, texts[i], strlen(texts[i]), &err) != -SY_E_PARSE)
            fail_msg("accepted: %s", texts[i]);
    }
}

static void a_full_disk_is_reported(void **state)
{
    struct text text = load(files[4]);
    struct sy_c1 *c1 = parse(text.data, text.bytes);
    struct sy_c1_writer *writer;
    struct sy_error err = {0};
    int rc = 0;
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(sy_c1_writer_create(&writer, fileno(full), "out", "a", "b", &err), 0);
    for (uint32_t p = 0; rc == 0 && p < c1->partition_count; p++)
        for (uint32_t i = 0; rc == 0 && i < c1->challenge_count[p]; i++)
            rc = sy_c1_writer_put(writer, &c1->partitions[p][i], i + 1 == c1->challenge_count[p],
                                  &err);
    assert_int_equal(rc, -SY_E_FULL);
    assert_int_equal(err.class, SY_CLASS_RESOURCE);
    sy_c1_writer_destroy(writer);
    fclose(full);
    sy_c1_destroy(c1);
    free(text.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_and_writing_gives_the_same_bytes),
        cmocka_unit_test(reading_a_file_is_reading_its_text),
        cmocka_unit_test(key_order_and_white_space_do_not_matter),
        cmocka_unit_test(unknown_keys_are_skipped),
        cmocka_unit_test(top_shape_round_trips_in_the_raw_form),
        cmocka_unit_test(wrappers_of_other_systems_are_opened),
        cmocka_unit_test(bad_wrappers_are_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(missing_keys_are_named),
        cmocka_unit_test(values_of_the_wrong_kind_are_refused),
        cmocka_unit_test(lists_beyond_their_limit_are_refused),
        cmocka_unit_test(paths_of_impossible_form_are_refused),
        cmocka_unit_test(repeated_keys_and_trailing_text_are_refused),
        cmocka_unit_test(nesting_of_unknown_values_has_a_limit),
        cmocka_unit_test(not_json_is_refused),
        cmocka_unit_test(a_full_disk_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
