#include "tests/unit/common_test.h"

#include "common/job.h"
#include "tests/unit/common_fill.h"

static void names_parse_back(void **state)
{
    (void)state;
    enum sy_stage stage;
    enum sy_sector_state sector_state;
    enum sy_store_kind kind;
    enum sy_role role;
    for (uint32_t i = 1; i < SY_STAGE_COUNT; i++) {
        assert_int_equal(sy_stage_parse(sy_stage_name(i), &stage), 0);
        assert_int_equal(stage, i);
    }
    for (uint32_t i = 1; i < SY_SECTOR_STATE_COUNT; i++) {
        assert_int_equal(sy_sector_state_parse(sy_sector_state_name(i), &sector_state), 0);
        assert_int_equal(sector_state, i);
    }
    for (uint32_t i = SY_STORE_SCRATCH; i <= SY_STORE_LONG; i++) {
        assert_int_equal(sy_store_kind_parse(sy_store_kind_name(i), &kind), 0);
        assert_int_equal(kind, i);
    }
    for (uint32_t i = SY_ROLE_VIEWER; i <= SY_ROLE_ENROLL; i++) {
        assert_int_equal(sy_role_parse(sy_role_name(i), &role), 0);
        assert_int_equal(role, i);
    }
    assert_int_equal(sy_stage_parse("pc1", &stage), 0);
    assert_int_equal(stage, SY_STAGE_PC1);
}

static void unknown_names_are_refused(void **state)
{
    (void)state;
    enum sy_stage stage = SY_STAGE_AP;
    enum sy_sector_state sector_state;
    enum sy_store_kind kind;
    enum sy_role role;
    assert_int_equal(sy_stage_parse("PC9", &stage), -SY_E_PARSE);
    assert_int_equal(stage, SY_STAGE_AP);
    assert_int_equal(sy_sector_state_parse("", &sector_state), -SY_E_PARSE);
    assert_int_equal(sy_store_kind_parse("tape", &kind), -SY_E_PARSE);
    assert_int_equal(sy_role_parse("root", &role), -SY_E_PARSE);
}

static void unknown_values_have_no_name(void **state)
{
    (void)state;
    const char *(*const names[])(uint32_t) = {
        sy_stage_name,         sy_sector_state_name, sy_job_kind_name, sy_job_state_name,
        sy_task_state_name,    sy_store_kind_name,   sy_role_name,     sy_message_kind_name,
        sy_message_state_name, sy_event_name};
    for (size_t i = 0; i < SY_ARRAY_SIZE(names); i++) {
        assert_null(names[i](0));
        assert_non_null(names[i](1));
        assert_null(names[i](100));
        assert_null(names[i](UINT32_MAX));
    }
    assert_string_equal(sy_liveness_name(0), "offline");
    assert_null(sy_liveness_name(4));
}

static void failed_and_final_states(void **state)
{
    (void)state;
    size_t failed = 0, final = 0;
    for (uint32_t i = 0; i < SY_SECTOR_STATE_COUNT + 5; i++) {
        failed += sy_sector_state_is_failed(i);
        final += sy_sector_state_is_final(i);
        assert_false(sy_sector_state_is_failed(i) && sy_sector_state_is_final(i));
    }
    assert_int_equal(failed, 8);
    assert_int_equal(final, 3);
    assert_true(sy_sector_state_is_failed(SY_SECTOR_CommitFailed));
    assert_true(sy_sector_state_is_final(SY_SECTOR_Proving));
}

static void names_of_agents_are_checked(void **state)
{
    (void)state;
    char longest[SY_NAME_BYTES + 1];
    static const char *const good[] = {"a", "p1-host.rack_3", "0", "x--"};
    static const char *const bad[] = {"", "A", "a b", "-a", ".a", "_a", "a/b", "a\n", "\xc3\xa9"};
    for (size_t i = 0; i < SY_ARRAY_SIZE(good); i++)
        assert_works(sy_name_check(good[i], &err));
    for (size_t i = 0; i < SY_ARRAY_SIZE(bad); i++)
        assert_fails(SY_E_ARG, sy_name_check(bad[i], &err));
    memset(longest, 'a', sizeof longest);
    longest[SY_NAME_BYTES - 1] = 0;
    assert_works(sy_name_check(longest, &err));
    longest[SY_NAME_BYTES - 1] = 'a';
    longest[SY_NAME_BYTES] = 0;
    assert_fails(SY_E_LIMIT, sy_name_check(longest, &err));
}

/* A field id used twice or a member described twice would lose data without a word. */
static void check_table(const struct sy_table *table)
{
    assert_in_range(table->field_count, 1, SY_TABLE_FIELDS_MAX);
    for (uint32_t i = 0; i < table->field_count; i++) {
        const struct sy_field *field = &table->fields[i];
        assert_true(field->id > 0 && field->offset < table->struct_bytes);
        assert_true((field->type == SY_FIELD_ENUM) == (field->enum_name != NULL));
        assert_true((field->type == SY_FIELD_LIST || field->type == SY_FIELD_OBJECT) ==
                    (field->sub != NULL));
        for (uint32_t k = 0; k < i; k++) {
            assert_int_not_equal(field->id, table->fields[k].id);
            assert_int_not_equal(field->offset, table->fields[k].offset);
            assert_string_not_equal(field->name, table->fields[k].name);
        }
        if (strstr(field->name, "token"))
            assert_true(field->secret);
    }
}

static void round_trip(const struct sy_table *table, uint64_t seed)
{
    struct sy_buffer first, second;
    struct sy_arena *arena = sy_arena_create(4 << 20);
    struct fill fill = {seed, arena, seed % 2};
    void *in = sy_arena_alloc(arena, table->struct_bytes);
    void *out = sy_arena_alloc(arena, table->struct_bytes);
    sy_buffer_init(&first, 1 << 20);
    sy_buffer_init(&second, 1 << 20);
    fill_object(&fill, table, in);
    assert_works(sy_table_encode(table, in, &first, &err));
    assert_works(sy_table_decode(table, first.data, first.bytes, arena, out, &err));
    assert_works(sy_table_encode(table, out, &second, &err));
    assert_int_equal(first.bytes, second.bytes);
    assert_memory_equal(first.data, second.data, first.bytes);
    json_t *a = sy_table_to_json(table, in), *b = sy_table_to_json(table, out);
    assert_non_null(a);
    assert_true(json_equal(a, b));
    assert_null(json_object_get(a, "token"));
    json_decref(a);
    json_decref(b);
    sy_buffer_fini(&first);
    sy_buffer_fini(&second);
    sy_arena_destroy(arena);
}

static const struct sy_table *const rows[] = {
    &sy_table_piece, &sy_table_sector,   &sy_table_number,     &sy_table_job,
    &sy_table_task,  &sy_table_attempt,  &sy_table_slot_offer, &sy_table_store_row,
    &sy_table_agent, &sy_table_identity, &sy_table_miner,      &sy_table_message,
};

static void every_row_round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < SY_ARRAY_SIZE(rows); i++) {
        check_table(rows[i]);
        for (uint64_t seed = 1; seed < 40; seed++)
            round_trip(rows[i], seed * 0x9e3779b97f4a7c15u + i);
    }
    assert_int_equal(sy_mem_live_count(), 0);
}

static void every_event_round_trips(void **state)
{
    (void)state;
    for (uint32_t kind = 1; kind < SY_EVENT_COUNT; kind++) {
        const struct sy_table *table = sy_event_table(kind);
        assert_non_null(table);
        assert_non_null(sy_event_name(kind));
        check_table(table);
        for (uint64_t seed = 1; seed < 40; seed++)
            round_trip(table, seed * 0x9e3779b97f4a7c15u + kind);
    }
    assert_string_equal(sy_event_name(SY_EVENT_TASK_LEASED), "TASK_LEASED");
    assert_null(sy_event_table(0));
    assert_null(sy_event_table(SY_EVENT_COUNT));
    assert_int_equal(sy_mem_live_count(), 0);
}

static void sizes_of_events_match_their_structs(void **state)
{
    (void)state;
#define CHECK_SIZE(value, id, type)                                                                \
    assert_int_equal(sy_event_table(value)->struct_bytes, sizeof(struct type));
    SY_EVENT_MAP(CHECK_SIZE)
#undef CHECK_SIZE
}

static void lists_of_a_sector_stop_at_their_limit(void **state)
{
    (void)state;
    struct sy_piece *pieces = calloc(SY_PIECES_MAX + 1, sizeof *pieces);
    struct sy_sector sector = {
        .miner = 1000, .state = SY_SECTOR_Empty, .pieces = {pieces, SY_PIECES_MAX}};
    struct sy_buffer buffer;
    sy_buffer_init(&buffer, 1 << 20);
    assert_works(sy_table_encode(&sy_table_sector, &sector, &buffer, &err));
    sector.pieces.count++;
    assert_fails_with(SY_E_LIMIT, "pieces",
                      sy_table_encode(&sy_table_sector, &sector, &buffer, &err));
    sector.pieces.count = 0;
    sector.state = SY_SECTOR_STATE_COUNT;
    assert_fails_with(SY_E_ARG, "state", sy_table_encode(&sy_table_sector, &sector, &buffer, &err));
    sy_buffer_fini(&buffer);
    free(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_parse_back),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(unknown_values_have_no_name),
        cmocka_unit_test(failed_and_final_states),
        cmocka_unit_test(names_of_agents_are_checked),
        cmocka_unit_test(every_row_round_trips),
        cmocka_unit_test(every_event_round_trips),
        cmocka_unit_test(sizes_of_events_match_their_structs),
        cmocka_unit_test(lists_of_a_sector_stop_at_their_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
