#include "tests/unit/common_test.h"

#include "common/codec.h"
#include "tests/unit/common_fill.h"

struct leaf {
    uint64_t value;
    char name[8];
};
struct middle {
    struct sy_list leaves;
};
struct everything {
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    bool flag;
    uint32_t colour;
    char text[8];
    char note[8];
    uint8_t digest[4];
    uint8_t token[4];
    struct sy_slice bytes, prose, json;
    struct sy_list middles;
    struct leaf inner;
};
struct strict {
    uint64_t id;
};

static const char *colour_name(uint32_t value)
{
    static const char *const names[] = {NULL, "red", "green"};
    return value < SY_ARRAY_SIZE(names) ? names[value] : NULL;
}

static const struct sy_field leaf_fields[] = {
    SY_F_U64(1, leaf, value),
    SY_F_STRING(2, leaf, name),
};
static const struct sy_table leaf_table = SY_TABLE("leaf", leaf, leaf_fields);
static const struct sy_field middle_fields[] = {
    SY_F_LIST(1, middle, leaves, &leaf_table, 4),
};
static const struct sy_table middle_table = SY_TABLE("middle", middle, middle_fields);
static const struct sy_field everything_fields[] = {
    SY_F_U32(1, everything, u32),
    SY_F_U64(2, everything, u64),
    SY_F_I64(3, everything, i64),
    SY_F_BOOL(4, everything, flag),
    SY_F_ENUM(5, everything, colour, colour_name),
    SY_F_STRING(6, everything, text),
    SY_F_STRING(7, everything, note, .lossy = true),
    SY_F_FIXED(8, everything, digest),
    SY_F_FIXED(9, everything, token, .secret = true),
    SY_F_BYTES(10, everything, bytes, 5),
    SY_F_TEXT(11, everything, prose, 5),
    SY_F_JSON(12, everything, json, 40),
    SY_F_LIST(200, everything, middles, &middle_table, 3),
    SY_F_OBJECT(300, everything, inner, &leaf_table),
};
static const struct sy_table everything_table =
    SY_TABLE("everything", everything, everything_fields);
static const struct sy_field strict_fields[] = {
    SY_F_U64(1, strict, id, .required = true),
};
static const struct sy_table strict_table = SY_TABLE("strict", strict, strict_fields);

static struct sy_arena *arena;
static struct sy_buffer buffer;

static int start(void **state)
{
    (void)state;
    arena = sy_arena_create(1 << 20);
    sy_buffer_init(&buffer, 1 << 16);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sy_arena_destroy(arena);
    sy_buffer_fini(&buffer);
    return sy_mem_live_count() == 0 ? 0 : -1;
}

static void make_sample(struct everything *object)
{
    static struct leaf leaves[] = {{1, "one"}, {UINT64_MAX, ""}};
    static struct middle middles[] = {{{leaves, 2}}, {{NULL, 0}}, {{leaves, 1}}};
    *object = (struct everything){
        .u32 = UINT32_MAX,
        .u64 = UINT64_MAX,
        .i64 = INT64_MIN,
        .flag = true,
        .colour = 2,
        .text = "h\xc3\xa9llo",
        .note = "n",
        .digest = {1, 2, 3, 4},
        .token = {5, 6, 7, 8},
        .bytes = {"\0\1\2", 3},
        .prose = {"prose", 5},
        .json = {"{\"a\":[1]}", 9},
        .middles = {middles, 3},
        .inner = {7, "seven77"},
    };
}

static int decode_bytes(const struct sy_table *table, const char *bytes, size_t count, void *ret,
                        struct sy_error *err)
{
    return sy_table_decode(table, bytes, count, arena, ret, err);
}
/* Bytes as a literal, NUL inside allowed. */
#define DECODE(table, literal, ret) decode_bytes(table, literal, sizeof literal - 1, ret, &err)

static void every_type_goes_both_ways(void **state)
{
    (void)state;
    struct everything in, out;
    make_sample(&in);
    assert_works(sy_table_encode(&everything_table, &in, &buffer, &err));
    assert_works(sy_table_decode(&everything_table, buffer.data, buffer.bytes, arena, &out, &err));
    assert_int_equal(out.u32, UINT32_MAX);
    assert_true(out.u64 == UINT64_MAX && out.i64 == INT64_MIN && out.flag && out.colour == 2);
    assert_string_equal(out.text, in.text);
    assert_memory_equal(out.digest, in.digest, 4);
    assert_memory_equal(out.token, in.token, 4);
    assert_int_equal(out.bytes.bytes, 3);
    assert_memory_equal(out.bytes.data, "\0\1\2", 3);
    assert_int_equal(out.middles.count, 3);
    const struct middle *middles = out.middles.items;
    assert_int_equal(middles[0].leaves.count, 2);
    assert_int_equal(middles[1].leaves.count, 0);
    const struct leaf *leaves = middles[0].leaves.items;
    assert_string_equal(leaves[0].name, "one");
    assert_true(leaves[1].value == UINT64_MAX);
    assert_string_equal(out.inner.name, "seven77");
}

/* encode(decode(encode(x))) == encode(x) for many x, also sparse ones. */
static void random_objects_round_trip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct everything in, out;
        struct fill fill = {seed * 0x9e3779b97f4a7c15u, arena, seed % 2};
        struct sy_buffer again;
        sy_buffer_init(&again, 1 << 16);
        sy_arena_reset(arena);
        buffer.bytes = 0;
        fill_object(&fill, &everything_table, &in);
        assert_works(sy_table_encode(&everything_table, &in, &buffer, &err));
        assert_works(
            sy_table_decode(&everything_table, buffer.data, buffer.bytes, arena, &out, &err));
        assert_works(sy_table_encode(&everything_table, &out, &again, &err));
        assert_int_equal(again.bytes, buffer.bytes);
        assert_memory_equal(again.data, buffer.data, buffer.bytes);
        sy_buffer_fini(&again);
    }
}

static void known_bytes(void **state)
{
    (void)state;
    struct strict object = {300};
    assert_works(sy_table_encode(&strict_table, &object, &buffer, &err));
    assert_int_equal(buffer.bytes, 5);
    assert_memory_equal(buffer.data, "\x81\x01\xcd\x01\x2c", 5);
    struct everything zero = {0};
    buffer.bytes = 0;
    assert_works(sy_table_encode(&everything_table, &zero, &buffer, &err));
    /* Only the embedded object, which is empty: zero fields are left out. */
    assert_memory_equal(buffer.data, "\x81\xcd\x01\x2c\x80", 5);
    assert_int_equal(buffer.bytes, 5);
    object.id = 0;
    buffer.bytes = 0;
    assert_works(sy_table_encode(&strict_table, &object, &buffer, &err));
    assert_memory_equal(buffer.data, "\x81\x01\x00", 3); /* required: written though zero */
}

static void every_number_width_is_read(void **state)
{
    (void)state;
    struct everything out;
    assert_works(DECODE(&everything_table, "\x81\x02\x7f", &out));
    assert_int_equal(out.u64, 127);
    assert_works(DECODE(&everything_table, "\x81\x02\xcc\xff", &out));
    assert_int_equal(out.u64, 255);
    assert_works(DECODE(&everything_table, "\x81\x02\xcf\x01\0\0\0\0\0\0\0", &out));
    assert_true(out.u64 == UINT64_C(1) << 56);
    assert_works(DECODE(&everything_table, "\x81\x02\xd0\x05", &out)); /* signed but positive */
    assert_int_equal(out.u64, 5);
    assert_works(DECODE(&everything_table, "\x81\x03\xff", &out));
    assert_int_equal(out.i64, -1);
    assert_works(DECODE(&everything_table, "\x81\x03\xd1\xff\0", &out));
    assert_int_equal(out.i64, -256);
    assert_works(DECODE(&everything_table, "\x81\x03\xd3\x80\0\0\0\0\0\0\0", &out));
    assert_true(out.i64 == INT64_MIN);
    assert_works(DECODE(&everything_table, "\x81\xcd\x00\x02\x01", &out)); /* wide id */
    assert_int_equal(out.u64, 1);
}

static void unknown_fields_are_skipped(void **state)
{
    (void)state;
    struct strict out;
    /* nil, true, float32, float64, str8, bin8, fixext1, ext8, nested array and map, negative */
    assert_works(DECODE(&strict_table,
                        "\x8b\x7f\xc0\x7e\xc3\x7d\xca\1\2\3\4\x7c\xcb\1\2\3\4\5\6\7\x08"
                        "\x7b\xd9\x02hi\x7a\xc4\x01x\x79\xd4\x05z\x78\xc7\x02\x05zz"
                        "\x77\x92\x81\x01\x90\x02\x76\xe0\x01\x09",
                        &out));
    assert_int_equal(out.id, 9);
}

static void nesting_is_limited(void **state)
{
    (void)state;
    struct strict out;
    /* The skipped value may open SY_CODEC_DEPTH_MAX - 1 lists. */
    assert_works(DECODE(&strict_table, "\x82\x01\x01\x7f\x91\x91\x91\x91\x91\x91\x91\x01", &out));
    assert_fails(SY_E_LIMIT, DECODE(&strict_table,
                                    "\x82\x01\x01\x7f\x91\x91\x91\x91\x91\x91\x91\x91\x01", &out));
}

struct nest {
    struct sy_list list;
};
static const struct sy_table nest_table;
static const struct sy_field nest_fields[] = {
    SY_F_LIST(1, nest, list, &nest_table, 4),
};
static const struct sy_table nest_table = SY_TABLE("nest", nest, nest_fields);

static void tables_that_hold_themselves_stop_at_the_depth(void **state)
{
    (void)state;
    struct nest chain[20] = {0}, out;
    char bytes[64];
    size_t used = 0;
    for (int i = 0; i < 19; i++)
        chain[i].list = (struct sy_list){&chain[i + 1], 1};
    assert_fails(SY_E_LIMIT, sy_table_encode(&nest_table, &chain[0], &buffer, &err));
    assert_int_equal(buffer.bytes, 0);
    assert_works(sy_table_encode(&nest_table, &chain[20 - SY_CODEC_DEPTH_MAX], &buffer, &err));
    assert_works(sy_table_decode(&nest_table, buffer.data, buffer.bytes, arena, &out, &err));
    assert_null(sy_table_to_json(&nest_table, &chain[0]));
    for (int i = 0; i < 20; i++) {
        memcpy(bytes + used, "\x81\x01\x91", 3);
        used += 3;
    }
    assert_fails(SY_E_LIMIT, sy_table_decode(&nest_table, bytes, used, arena, &out, &err));
}

static void wrong_shapes_are_refused(void **state)
{
    (void)state;
    struct everything out;
    struct strict strict;
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x90", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\xc1", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x80\x00", &out)); /* left over */
    assert_fails_with(SY_E_PARSE, "id is missing", DECODE(&strict_table, "\x80", &strict));
    assert_fails_with(SY_E_PARSE, "twice", DECODE(&strict_table, "\x82\x01\x01\x01\x01", &strict));
    assert_fails(SY_E_PARSE, DECODE(&strict_table, "\x81\xff\x01", &strict));         /* id -1 */
    assert_fails(SY_E_PARSE, DECODE(&strict_table, "\x81\xa1u\x01", &strict));        /* id text */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x02\xc0", &out));        /* nil */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x02\xa1x", &out));       /* text */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x04\x01", &out));        /* bool */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x06\xc4\x01x", &out));   /* bin */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x0a\xa1x", &out));       /* str */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x08\xc4\x03xyz", &out)); /* short */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\xcc\xc8\x80", &out));    /* no list */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\xcc\xc8\x91\x01", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\xcd\x01\x2c\x90", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x06\xa2\xc3\x28", &out)); /* UTF-8 */
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x06\xa2x\0", &out));      /* NUL */
    for (size_t i = 0; i < sizeof out; i++)
        assert_int_equal(((uint8_t *)&out)[i], 0); /* nothing half done is left */
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    struct everything out;
    assert_fails(SY_E_RANGE, DECODE(&everything_table, "\x81\x01\xcf\0\0\0\1\0\0\0\0", &out));
    assert_fails(SY_E_RANGE, DECODE(&everything_table, "\x81\x01\xff", &out));
    assert_fails(SY_E_RANGE, DECODE(&everything_table, "\x81\x02\xff", &out));
    assert_fails(SY_E_RANGE, DECODE(&everything_table, "\x81\x03\xcf\x80\0\0\0\0\0\0\0", &out));
    assert_fails(SY_E_RANGE, DECODE(&everything_table, "\x81\x05\x03", &out));
    assert_fails(SY_E_RANGE, DECODE(&everything_table, "\x81\x05\x00", &out));
}

static void capacities_hold_at_the_limit_and_one_over(void **state)
{
    (void)state;
    struct everything out;
    assert_works(DECODE(&everything_table,
                        "\x81\x06\xa7"
                        "1234567",
                        &out));
    assert_fails(SY_E_LIMIT, DECODE(&everything_table,
                                    "\x81\x06\xa8"
                                    "12345678",
                                    &out));
    assert_works(DECODE(&everything_table, "\x81\x0a\xc4\x05xxxxx", &out));
    assert_fails(SY_E_LIMIT, DECODE(&everything_table, "\x81\x0a\xc4\x06xxxxxx", &out));
    assert_works(DECODE(&everything_table, "\x81\x0b\xa5xxxxx", &out));
    assert_fails(SY_E_LIMIT, DECODE(&everything_table, "\x81\x0b\xa6xxxxxx", &out));
    assert_works(DECODE(&everything_table, "\x81\xcc\xc8\x93\x80\x80\x80", &out));
    assert_fails(SY_E_LIMIT, DECODE(&everything_table, "\x81\xcc\xc8\x94\x80\x80\x80\x80", &out));
}

/* The counts that make a stock unpacker reserve gigabytes: nothing is allocated here. */
static void declared_counts_are_checked_before_memory(void **state)
{
    (void)state;
    struct everything out;
    uint64_t live = sy_mem_live_count();
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\xdf\x10\0\0\0", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\xdd\0\xff\xff\xff", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\xcc\xc8\xdd\xff\xff\xff\xff", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\xcc\xc8\xdc\x00\x03", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x0a\xc6\xff\xff\xff\xff", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x0b\xdb\xff\xff\xff\xff", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x7f\xc9\xff\xff\xff\xff\x01", &out));
    assert_fails(SY_E_PARSE, DECODE(&everything_table, "\x81\x7f\xdf\xff\xff\xff\xff", &out));
    assert_int_equal(sy_mem_live_count(), live);
}

static void truncation_at_every_byte_is_refused(void **state)
{
    (void)state;
    struct everything in, out;
    make_sample(&in);
    assert_works(sy_table_encode(&everything_table, &in, &buffer, &err));
    for (size_t bytes = 0; bytes < buffer.bytes; bytes++) {
        /* A copy of exact size, so that reading past the end shows in the sanitizer. */
        uint8_t *cut = sy_mem_dup(buffer.data, bytes);
        assert_fails(SY_E_PARSE, sy_table_decode(&everything_table, cut, bytes, arena, &out, &err));
        sy_mem_free(cut);
    }
}

/* What still decodes after a flip must encode again: no flip makes an object the table forbids. */
static void flipped_bits_never_make_a_forbidden_object(void **state)
{
    (void)state;
    struct everything in, out;
    size_t decoded = 0;
    make_sample(&in);
    assert_works(sy_table_encode(&everything_table, &in, &buffer, &err));
    for (size_t bit = 0; bit < 8 * buffer.bytes; bit++) {
        struct sy_buffer again;
        sy_buffer_init(&again, 1 << 16);
        sy_arena_reset(arena);
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (sy_table_decode(&everything_table, buffer.data, buffer.bytes, arena, &out, NULL) == 0) {
            decoded++;
            assert_works(sy_table_encode(&everything_table, &out, &again, &err));
        }
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        sy_buffer_fini(&again);
    }
    assert_in_range(decoded, 1, 8 * buffer.bytes - 1);
}

static void forbidden_values_are_not_encoded(void **state)
{
    (void)state;
    struct everything bad;
    static const struct leaf leaves[5];
    const struct middle one = {{(void *)(uintptr_t)leaves, 5}};
    make_sample(&bad);
    bad.colour = 9;
    assert_fails_with(SY_E_ARG, "colour", sy_table_encode(&everything_table, &bad, &buffer, &err));
    make_sample(&bad);
    memset(bad.text, 'x', sizeof bad.text);
    assert_fails_with(SY_E_ARG, "text", sy_table_encode(&everything_table, &bad, &buffer, &err));
    make_sample(&bad);
    memcpy(bad.text, "\xff", 2);
    assert_fails_with(SY_E_ARG, "UTF-8", sy_table_encode(&everything_table, &bad, &buffer, &err));
    make_sample(&bad);
    bad.bytes.bytes = 6;
    assert_fails(SY_E_LIMIT, sy_table_encode(&everything_table, &bad, &buffer, &err));
    make_sample(&bad);
    bad.middles = (struct sy_list){(void *)(uintptr_t)&one, 1};
    assert_fails_with(SY_E_LIMIT, "leaves",
                      sy_table_encode(&everything_table, &bad, &buffer, &err));
    assert_int_equal(buffer.bytes, 0); /* as before each call */
}

static void lossy_text_is_repaired_on_encoding(void **state)
{
    (void)state;
    struct everything in = {.note = "a\xff\xc3\xa9\xc3"}, out;
    assert_works(sy_table_encode(&everything_table, &in, &buffer, &err));
    assert_works(sy_table_decode(&everything_table, buffer.data, buffer.bytes, arena, &out, &err));
    assert_string_equal(out.note, "a?\xc3\xa9?");
}

static void utf8_rules(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "\xff"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(good); i++)
        assert_true(sy_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_false(sy_utf8_valid(bad[i], strlen(bad[i])));
    assert_false(sy_utf8_valid("a\0b", 3));
}

static void buffers_stop_at_their_limit(void **state)
{
    (void)state;
    struct sy_buffer small;
    sy_buffer_init(&small, 600);
    assert_works(sy_buffer_append(&small, NULL, 0, &err));
    for (int i = 0; i < 6; i++)
        assert_works(sy_buffer_append(&small, test_directory, 50, &err));
    static const char block[300];
    assert_works(sy_buffer_append(&small, block, 300, &err));
    assert_int_equal(small.bytes, 600);
    assert_fails(SY_E_LIMIT, sy_buffer_append(&small, "x", 1, &err));
    assert_fails(SY_E_LIMIT, sy_buffer_append(&small, "x", SIZE_MAX, &err));
    assert_true(small.capacity <= 600);
    sy_buffer_fini(&small);
    struct everything in;
    make_sample(&in);
    struct sy_buffer tiny;
    for (size_t limit = 0; limit < 60; limit++) {
        sy_buffer_init(&tiny, limit);
        assert_fails(SY_E_LIMIT, sy_table_encode(&everything_table, &in, &tiny, &err));
        assert_int_equal(tiny.bytes, 0);
        sy_buffer_fini(&tiny);
    }
}

/* Each allocation of encode and decode fails once: -SY_E_NOMEM, nothing leaks, the next try works.
 */
static void each_allocation_may_fail(void **state)
{
    (void)state;
    struct everything in, out;
    uint64_t n = 0;
    int rc;
    make_sample(&in);
    do {
        struct sy_error err = {0};
        sy_buffer_fini(&buffer);
        sy_mem_fail_after(++n);
        rc = sy_table_encode(&everything_table, &in, &buffer, &err);
        sy_mem_fail_after(0);
        assert_true(rc == 0 || (rc == -SY_E_NOMEM && err.class == SY_CLASS_RESOURCE));
    } while (rc < 0);
    assert_true(n > 1);
    n = 0;
    do {
        struct sy_arena *fresh = sy_arena_create(1 << 20);
        sy_mem_fail_after(++n);
        rc = sy_table_decode(&everything_table, buffer.data, buffer.bytes, fresh, &out, NULL);
        sy_mem_fail_after(0);
        assert_true(rc == 0 || rc == -SY_E_NOMEM);
        sy_arena_destroy(fresh);
    } while (rc < 0);
    assert_true(n > 1);
    struct sy_arena *narrow = sy_arena_create(32);
    assert_fails(SY_E_NOMEM,
                 sy_table_decode(&everything_table, buffer.data, buffer.bytes, narrow, &out, &err));
    sy_arena_destroy(narrow);
}

static void json_shows_every_field_but_secrets(void **state)
{
    (void)state;
    struct everything in;
    make_sample(&in);
    json_t *json = sy_table_to_json(&everything_table, &in);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(
        text, "{\"u32\":4294967295,\"u64\":\"18446744073709551615\",\"i64\":-9223372036854775808,"
              "\"flag\":true,\"colour\":\"green\",\"text\":\"h\xc3\xa9llo\",\"note\":\"n\","
              "\"digest\":\"01020304\",\"bytes\":\"AAEC\",\"prose\":\"prose\",\"json\":{\"a\":[1]},"
              "\"middles\":[{\"leaves\":[{\"value\":1,\"name\":\"one\"},"
              "{\"value\":\"18446744073709551615\",\"name\":\"\"}]},{\"leaves\":[]},"
              "{\"leaves\":[{\"value\":1,\"name\":\"one\"}]}],"
              "\"inner\":{\"value\":7,\"name\":\"seven77\"}}");
    free(text);
    json_decref(json);
}

static void json_of_odd_values(void **state)
{
    (void)state;
    struct everything in = {.colour = 9, .note = "a\xff", .json = {"{bad", 4}};
    json_t *json = sy_table_to_json(&everything_table, &in);
    char *text = json_dumps(json, JSON_COMPACT);
    assert_non_null(strstr(text, "\"colour\":9,"));
    assert_non_null(strstr(text, "\"note\":\"a?\""));
    assert_non_null(strstr(text, "\"digest\":null"));
    assert_non_null(strstr(text, "\"json\":\"{bad\""));
    free(text);
    json_decref(json);
}

static uint64_t json_left;
static void *json_malloc_counted(size_t bytes)
{
    if (json_left == 0 || --json_left == 0)
        return NULL;
    return malloc(bytes);
}

static void json_survives_failing_allocations(void **state)
{
    (void)state;
    struct everything in;
    json_t *json = NULL;
    make_sample(&in);
    json_set_alloc_funcs(json_malloc_counted, free);
    uint64_t n = 0;
    for (; !json && n < 2000; n++) {
        json_left = n + 1;
        json = sy_table_to_json(&everything_table, &in);
        if (json && !json_object_get(json, "inner")) {
            json_decref(json);
            json = NULL;
        }
    }
    json_set_alloc_funcs(malloc, free);
    assert_in_range(n, 10, 1999);
    json_decref(json);
    for (n = 1; n < 4; n++) {
        sy_mem_fail_after(n);
        json = sy_table_to_json(&everything_table, &in);
        sy_mem_fail_after(0);
        assert_true((json == NULL) == (n < 3)); /* hex of the digest, base64 of the bytes */
        json_decref(json);
    }
}

/* RFC 3720 B.4 gives these for crc32c. */
static void crc32c_vectors_and_both_paths(void **state)
{
    (void)state;
    uint8_t data[4096 + 16];
    memset(data, 0, 32);
    assert_int_equal(sy_crc32c(0, data, 32), 0x8a9136aa);
    memset(data, 0xff, 32);
    assert_int_equal(sy_crc32c(0, data, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        data[i] = (uint8_t)i;
    assert_int_equal(sy_crc32c(0, data, 32), 0x46dd794e);
    assert_int_equal(sy_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(sy_crc32c(0, "", 0), 0);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i * 7 + i);
    for (size_t bytes = 0; bytes < 4096; bytes += bytes < 70 ? 1 : 97) {
        for (size_t offset = 0; offset < 9; offset++) {
            uint32_t crc = sy_crc32c((uint32_t)bytes, data + offset, bytes);
            assert_int_equal(crc, sy_crc32c_portable((uint32_t)bytes, data + offset, bytes));
            size_t half = bytes / 3;
            uint32_t parts = sy_crc32c((uint32_t)bytes, data + offset, half);
            assert_int_equal(crc, sy_crc32c(parts, data + offset + half, bytes - half));
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_goes_both_ways),
        TEST(random_objects_round_trip),
        TEST(known_bytes),
        TEST(every_number_width_is_read),
        TEST(unknown_fields_are_skipped),
        TEST(nesting_is_limited),
        TEST(tables_that_hold_themselves_stop_at_the_depth),
        TEST(wrong_shapes_are_refused),
        TEST(numbers_out_of_range_are_refused),
        TEST(capacities_hold_at_the_limit_and_one_over),
        TEST(declared_counts_are_checked_before_memory),
        TEST(truncation_at_every_byte_is_refused),
        TEST(flipped_bits_never_make_a_forbidden_object),
        TEST(forbidden_values_are_not_encoded),
        TEST(lossy_text_is_repaired_on_encoding),
        TEST(utf8_rules),
        TEST(buffers_stop_at_their_limit),
        TEST(each_allocation_may_fail),
        TEST(json_shows_every_field_but_secrets),
        TEST(json_of_odd_values),
        TEST(json_survives_failing_allocations),
        TEST(crc32c_vectors_and_both_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
