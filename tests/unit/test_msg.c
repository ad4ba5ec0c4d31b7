#include "tests/unit/common_test.h"

#include "common/msg.h"
#include "tests/unit/common_fill.h"

static struct sy_arena *arena;
static struct sy_buffer buffer;
static struct sy_frame frame;

static int start(void **state)
{
    (void)state;
    arena = sy_arena_create(16 << 20);
    sy_buffer_init(&buffer, SY_FRAME_BYTES_MAX);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    sy_arena_destroy(arena);
    sy_buffer_fini(&buffer);
    return sy_mem_live_count() == 0 ? 0 : -1;
}

static const uint16_t types[] = {
#define TYPE(value, id, type, roles) value,
    SY_MSG_MAP(TYPE)
#undef TYPE
};

/* Encodes a filled body of this type into the buffer. */
static void make_frame(uint16_t type, uint64_t seed)
{
    const struct sy_table *table = sy_msg_table(type);
    struct fill fill = {seed, arena, seed % 2};
    void *body = sy_arena_alloc(arena, table->struct_bytes);
    fill_object(&fill, table, body);
    buffer.bytes = 0;
    assert_works(sy_frame_encode(type, seed, ~seed, body, &buffer, &err));
}

static void every_message_round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(types); i++) {
        for (uint64_t seed = 1; seed < 30; seed++) {
            struct sy_buffer again;
            sy_buffer_init(&again, SY_FRAME_BYTES_MAX);
            sy_arena_reset(arena);
            make_frame(types[i], seed * 0x9e3779b97f4a7c15u);
            assert_works(sy_frame_decode(buffer.data, buffer.bytes, arena, &frame, &err));
            assert_int_equal(frame.type, types[i]);
            assert_int_equal(frame.version, SY_WIRE_VERSION);
            assert_int_equal(frame.sequence, ~frame.generation);
            assert_works(sy_frame_encode(frame.type, frame.generation, frame.sequence, frame.body,
                                         &again, &err));
            assert_int_equal(again.bytes, buffer.bytes);
            assert_memory_equal(again.data, buffer.data, buffer.bytes);
            sy_buffer_fini(&again);
        }
    }
}

static void sizes_match_the_structs(void **state)
{
    (void)state;
#define CHECK_SIZE(value, id, type, roles)                                                         \
    assert_int_equal(sy_msg_table(value)->struct_bytes, sizeof(struct type));                      \
    assert_string_equal(sy_msg_name(value), #id);                                                  \
    assert_int_equal(sy_msg_roles(value), roles);
    SY_MSG_MAP(CHECK_SIZE)
#undef CHECK_SIZE
}

static void the_header_is_little_endian(void **state)
{
    (void)state;
    const struct sy_msg_enrolled body = {"n"};
    static const uint8_t expected[] = {'S',  'Y',  'R',  'D',  1,    0,    40, 0, 0, 0,    0,
                                       0,    0x08, 7,    6,    5,    4,    3,  2, 1, 0x18, 0x17,
                                       0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 4,  0, 0, 0};
    assert_works(sy_frame_encode(SY_MSG_ENROLLED, 0x0102030405060708, 0x1112131415161718, &body,
                                 &buffer, &err));
    assert_int_equal(buffer.bytes, SY_FRAME_HEADER_BYTES + 4);
    assert_memory_equal(buffer.data, expected, sizeof expected);
    assert_memory_equal(buffer.data + SY_FRAME_HEADER_BYTES, "\x81\x01\xa1n", 4);
    uint64_t sequence = 0;
    assert_int_equal(sy_frame_sequence(buffer.data, buffer.bytes, &sequence), 0);
    assert_true(sequence == 0x1112131415161718);
    assert_int_equal(sy_frame_sequence(buffer.data, SY_FRAME_HEADER_BYTES - 1, &sequence),
                     -SY_E_PARSE);
}

static void truncation_at_every_byte_is_refused(void **state)
{
    (void)state;
    make_frame(SY_MSG_HELLO, 4711);
    for (size_t bytes = 0; bytes < buffer.bytes; bytes++) {
        uint8_t *cut = sy_mem_dup(buffer.data, bytes);
        assert_fails(SY_E_PARSE, sy_frame_decode(cut, bytes, arena, &frame, &err));
        sy_mem_free(cut);
    }
}

/* Only the crc's own arithmetic could let one flip through, and crc32c finds every single one. */
static void every_flipped_bit_is_found(void **state)
{
    (void)state;
    make_frame(SY_MSG_START, 4712);
    for (size_t bit = 0; bit < 8 * buffer.bytes; bit++) {
        struct sy_error err = {0};
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = sy_frame_decode(buffer.data, buffer.bytes, arena, &frame, &err);
        assert_true(rc == -SY_E_CORRUPT || rc == -SY_E_PARSE || rc == -SY_E_VERSION);
        if (bit / 8 >= 6 && (bit / 8 < 28 || bit / 8 >= 32))
            assert_int_equal(rc, -SY_E_CORRUPT);
        buffer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_works(sy_frame_decode(buffer.data, buffer.bytes, arena, &frame, &err));
}

static void put_crc(uint8_t *bytes, size_t count)
{
    memset(bytes + 32, 0, 4);
    uint32_t crc = sy_crc32c(0, bytes, count);
    for (int i = 0; i < 4; i++)
        bytes[32 + i] = (uint8_t)(crc >> 8 * i);
}

static void strange_headers_are_named(void **state)
{
    (void)state;
    const struct sy_msg_enrolled body = {"n"};
    assert_works(sy_frame_encode(SY_MSG_ENROLLED, 1, 2, &body, &buffer, &err));
    uint8_t *bytes = buffer.data;
    bytes[4] = SY_WIRE_VERSION + 1;
    assert_fails(SY_E_VERSION, sy_frame_decode(bytes, buffer.bytes, arena, &frame, &err));
    bytes[4] = SY_WIRE_VERSION_MIN - 1;
    assert_fails(SY_E_VERSION, sy_frame_decode(bytes, buffer.bytes, arena, &frame, &err));
    bytes[4] = SY_WIRE_VERSION;
    bytes[8] = 1;
    put_crc(bytes, buffer.bytes);
    assert_fails_with(SY_E_UNSUPPORTED, "flags",
                      sy_frame_decode(bytes, buffer.bytes, arena, &frame, &err));
    bytes[8] = 0;
    bytes[6] = 63;
    put_crc(bytes, buffer.bytes);
    assert_fails_with(SY_E_UNSUPPORTED, "type",
                      sy_frame_decode(bytes, buffer.bytes, arena, &frame, &err));
    bytes[7] = 0xff;
    put_crc(bytes, buffer.bytes);
    assert_fails(SY_E_UNSUPPORTED, sy_frame_decode(bytes, buffer.bytes, arena, &frame, &err));
    bytes[6] = SY_MSG_ENROLLED;
    bytes[7] = 0;
    bytes[36] = 0x80; /* an empty map with bytes behind it */
    put_crc(bytes, buffer.bytes);
    assert_fails_with(SY_E_PARSE, "missing",
                      sy_frame_decode(bytes, buffer.bytes, arena, &frame, &err));
    bytes[0] = 'X';
    uint64_t sequence;
    assert_int_equal(sy_frame_sequence(bytes, buffer.bytes, &sequence), -SY_E_PARSE);
}

static void frames_stop_at_their_limit(void **state)
{
    (void)state;
    static char text[SY_FRAME_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    struct sy_msg_json body = {{text, SY_FRAME_BYTES_MAX - 64}};
    assert_works(sy_frame_encode(SY_MSG_JSON, 1, 2, &body, &buffer, &err));
    assert_works(sy_frame_decode(buffer.data, buffer.bytes, arena, &frame, &err));
    body.json.bytes++;
    buffer.bytes = 0;
    assert_fails(SY_E_LIMIT, sy_frame_encode(SY_MSG_JSON, 1, 2, &body, &buffer, &err));
    assert_int_equal(buffer.bytes, 0);
    assert_fails(SY_E_LIMIT, sy_frame_decode(text, SY_FRAME_BYTES_MAX + 1, arena, &frame, &err));
    struct sy_msg_chunk chunk = {.total_bytes = 1, .data = {text, SY_CHUNK_BYTES_MAX}};
    assert_works(sy_frame_encode(SY_MSG_CHUNK, 1, 2, &chunk, &buffer, &err));
    chunk.data.bytes++;
    assert_fails(SY_E_LIMIT, sy_frame_encode(SY_MSG_CHUNK, 1, 2, &chunk, &buffer, &err));
    assert_fails(SY_E_BUG, sy_frame_encode(63, 1, 2, &body, &buffer, &err));
}

/* The largest job still fits one frame. */
static void the_largest_submit_fits(void **state)
{
    (void)state;
    struct sy_piece *pieces = calloc(SY_PIECES_MAX, sizeof *pieces);
    for (int i = 0; i < SY_PIECES_MAX; i++) {
        memset(pieces[i].cid, 'c', sizeof pieces[i].cid - 1);
        memset(pieces[i].path, 'p', sizeof pieces[i].path - 1);
        pieces[i].padded_bytes = pieces[i].raw_bytes = pieces[i].offset_bytes = UINT64_MAX;
    }
    const struct sy_msg_submit submit = {.kind = SY_JOB_SEAL, .pieces = {pieces, SY_PIECES_MAX}};
    assert_works(sy_frame_encode(SY_MSG_SUBMIT, 1, 2, &submit, &buffer, &err));
    assert_works(sy_frame_decode(buffer.data, buffer.bytes, arena, &frame, &err));
    free(pieces);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    const struct sy_msg_enrolled body = {"n"};
    struct sy_buffer fresh;
    sy_buffer_init(&fresh, SY_FRAME_BYTES_MAX);
    sy_mem_fail_after(1);
    assert_fails(SY_E_NOMEM, sy_frame_encode(SY_MSG_ENROLLED, 1, 2, &body, &fresh, &err));
    assert_int_equal(fresh.bytes, 0);
    assert_works(sy_frame_encode(SY_MSG_ENROLLED, 1, 2, &body, &fresh, &err));
    sy_mem_fail_after(1);
    assert_fails(SY_E_NOMEM, sy_frame_decode(fresh.data, fresh.bytes, arena, &frame, &err));
    sy_buffer_fini(&fresh);
    make_frame(SY_MSG_HELLO, 99);
    for (uint64_t n = 1;; n++) {
        struct sy_arena *narrow = sy_arena_create(16 << 20);
        sy_mem_fail_after(n);
        int rc = sy_frame_decode(buffer.data, buffer.bytes, narrow, &frame, NULL);
        sy_mem_fail_after(0);
        sy_arena_destroy(narrow);
        if (rc == 0)
            break;
        assert_int_equal(rc, -SY_E_NOMEM);
    }
}

static void roles_are_as_agreed(void **state)
{
    (void)state;
    assert_int_equal(sy_msg_roles(SY_MSG_START), 0);
    assert_int_equal(sy_msg_roles(0), 0);
    assert_int_equal(sy_msg_roles(UINT16_MAX), 0);
    assert_null(sy_msg_name(0));
    assert_null(sy_msg_table(UINT16_MAX));
    assert_true(sy_msg_roles(SY_MSG_QUERY) & SY_ROLE_BIT(SY_ROLE_VIEWER));
    assert_true(sy_msg_roles(SY_MSG_SUBMIT) & SY_ROLE_BIT(SY_ROLE_ADMIN));
    assert_false(sy_msg_roles(SY_MSG_SUBMIT) & SY_ROLE_BIT(SY_ROLE_VIEWER));
    assert_false(sy_msg_roles(SY_MSG_SUBMIT) & SY_ROLE_BIT(SY_ROLE_AGENT));
    assert_int_equal(sy_msg_roles(SY_MSG_RESULT), SY_ROLE_BIT(SY_ROLE_AGENT));
    assert_int_equal(sy_msg_roles(SY_MSG_ENROLL), SY_ROLE_BIT(SY_ROLE_ENROLL));
}

static void printed_frames_hold_no_secrets(void **state)
{
    (void)state;
    char text[1024], hex[2 * SY_TOKEN_BYTES + 1];
    struct sy_msg_start body = {.task = 7, .attempt = 2, .stage = SY_STAGE_PC1, .number = 12};
    memset(body.token, 0xab, sizeof body.token);
    memset(hex, 0, sizeof hex);
    body.spec = (struct sy_slice){"{\"token\":\"sy1.secret\"}", 22};
    frame = (struct sy_frame){.type = SY_MSG_START, .generation = 3, .sequence = 4, .body = &body};
    sy_frame_print(&frame, text, sizeof text);
    assert_memory_equal(text, "type=START gen=3 seq=4 task=7 attempt=2 stage=PC1 ", 50);
    assert_non_null(strstr(text, "spec_bytes=22"));
    assert_null(strstr(text, "token"));
    assert_null(strstr(text, "abab"));
    assert_null(strstr(text, "secret"));
    for (size_t bytes = 0; bytes < 60; bytes++) {
        memset(text, 'x', sizeof text);
        sy_frame_print(&frame, text, bytes);
        assert_int_equal(text[bytes], 'x');
        assert_true(bytes == 0 || memchr(text, 0, bytes));
    }
    frame.type = 63;
    assert_string_equal(sy_frame_print(&frame, text, sizeof text), "type=63");
    for (size_t i = 0; i < SY_ARRAY_SIZE(types); i++) {
        make_frame(types[i], 12345 + i);
        assert_works(sy_frame_decode(buffer.data, buffer.bytes, arena, &frame, &err));
        assert_null(strchr(sy_frame_print(&frame, text, sizeof text), '\n'));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_message_round_trips),      TEST(sizes_match_the_structs),
        TEST(the_header_is_little_endian),    TEST(truncation_at_every_byte_is_refused),
        TEST(every_flipped_bit_is_found),     TEST(strange_headers_are_named),
        TEST(frames_stop_at_their_limit),     TEST(the_largest_submit_fits),
        TEST(each_allocation_may_fail),       TEST(roles_are_as_agreed),
        TEST(printed_frames_hold_no_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
