/* C1 outputs over the wire: pieces, damage, silence, resuming; and C2 attempts that wait for them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/fetch.h"
#include "tests/unit/attempt_world.h"
#include "common/file.h"
#include "common/hex.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (2 * SY_CHUNK_BYTES_MAX + 1000)

static uint8_t *content;
static uint8_t digest[32];

static int make_content(void **state)
{
    (void)state;
    content = malloc(FILE_BYTES);
    if (!content)
        return -1;
    for (size_t i = 0; i < FILE_BYTES; i++)
        content[i] = (uint8_t)(i * 31 + (i >> 9));
    crypto_hash_sha256(digest, content, FILE_BYTES);
    return 0;
}

static int free_content(void **state)
{
    (void)state;
    free(content);
    return 0;
}

/* ---------------------------------------------------------------- one file ------------------ */

static char directory[64];
static struct sy_msg_fetch asked;
static uint64_t asked_sequence;
static unsigned asks;
static bool unreachable;

static int take_request(void *ctx, uint16_t type, uint64_t sequence, const void *body,
                        struct sy_error *err)
{
    (void)ctx;
    if (unreachable)
        return sy_fail(err, SY_E_UNREACHABLE, "no connection");
    assert_int_equal(type, SY_MSG_FETCH);
    asked = *(const struct sy_msg_fetch *)body;
    asked_sequence = sequence;
    asks++;
    return 0;
}

static int make_directory(void **state)
{
    (void)state;
    asks = 0;
    unreachable = false;
    snprintf(directory, sizeof directory, "/tmp/sy-fetch-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return sy_file_remove_tree(directory, NULL);
}

static struct sy_fetch *open_fetch(uint64_t now_ms)
{
    struct sy_fetch_opts opts = {.directory = directory,
                                 .task = 7,
                                 .sequence = 1ull << 63,
                                 .now_ms = now_ms,
                                 .send = take_request};
    struct sy_fetch *fetch = NULL;
    struct sy_error err = {0};
    memcpy(opts.sha256, digest, sizeof opts.sha256);
    if (sy_fetch_create(&fetch, &opts, &err) != 0)
        fail_msg("%s", err.text);
    return fetch;
}

/* The piece that an honest holder sends for the last request. */
static struct sy_msg_chunk piece(void)
{
    uint64_t left = FILE_BYTES - SY_MIN(asked.offset_bytes, (uint64_t)FILE_BYTES);
    uint32_t bytes = (uint32_t)SY_MIN(left, (uint64_t)asked.bytes);
    const uint8_t *data = content + asked.offset_bytes;
    return (struct sy_msg_chunk){.offset_bytes = asked.offset_bytes,
                                 .total_bytes = FILE_BYTES,
                                 .crc32c = sy_crc32c(0, data, bytes),
                                 .data = {data, bytes}};
}

static int give(struct sy_fetch *fetch, uint64_t now_ms, bool *ret_done, struct sy_error *err)
{
    struct sy_msg_chunk chunk = piece();
    assert_true(sy_fetch_waits_for(fetch, asked_sequence));
    return sy_fetch_on_chunk(fetch, &chunk, now_ms, ret_done, err);
}

static void expect_whole(void)
{
    char path[SY_PATH_BYTES], *data = NULL;
    size_t bytes = 0;
    assert_int_equal(sy_fetch_path(path, directory, 7, NULL), 0);
    assert_int_equal(sy_file_read(path, FILE_BYTES + 1, &data, &bytes, NULL), 0);
    assert_int_equal(bytes, FILE_BYTES);
    assert_memory_equal(data, content, FILE_BYTES);
    free(data);
}

static void file_comes_in_pieces_and_gets_its_name_when_whole(void **state)
{
    (void)state;
    struct sy_fetch *fetch = open_fetch(1000);
    struct sy_error err = {0};
    bool done = false;
    uint64_t have, total;
    for (unsigned n = 0; n < 3; n++) {
        assert_false(done);
        assert_int_equal(sy_fetch_tick(fetch, 1000 + n, &err), 0);
        assert_int_equal(asks, n + 1);
        assert_int_equal(asked.offset_bytes, n * SY_CHUNK_BYTES_MAX);
        assert_int_equal(asked.id, 7);
        assert_int_equal(sy_fetch_tick(fetch, 1000 + n, &err), 0); /* one at a time */
        assert_int_equal(asks, n + 1);
        assert_int_equal(give(fetch, 1000 + n, &done, &err), 0);
        assert_false(sy_fetch_waits_for(fetch, asked_sequence)); /* a repeat finds nobody */
    }
    assert_true(done);
    sy_fetch_progress(fetch, &have, &total);
    assert_true(have == FILE_BYTES && total == FILE_BYTES);
    sy_fetch_destroy(fetch);
    expect_whole();
}

static void next_process_goes_on_where_the_last_one_was(void **state)
{
    (void)state;
    struct sy_error err = {0};
    bool done = false;
    struct sy_fetch *fetch = open_fetch(0);
    sy_fetch_tick(fetch, 0, &err);
    assert_int_equal(give(fetch, 0, &done, &err), 0);
    sy_fetch_destroy(fetch);
    fetch = open_fetch(0);
    sy_fetch_tick(fetch, 0, &err);
    assert_int_equal(asked.offset_bytes, SY_CHUNK_BYTES_MAX);
    assert_int_equal(give(fetch, 0, &done, &err), 0);
    sy_fetch_tick(fetch, 0, &err);
    assert_int_equal(give(fetch, 0, &done, &err), 0);
    assert_true(done);
    sy_fetch_destroy(fetch);
    expect_whole();
}

static void damaged_piece_is_asked_for_again(void **state)
{
    (void)state;
    struct sy_fetch *fetch = open_fetch(0);
    struct sy_error err = {0};
    bool done = false;
    sy_fetch_tick(fetch, 0, &err);
    struct sy_msg_chunk chunk = piece();
    chunk.crc32c ^= 1;
    assert_int_equal(sy_fetch_on_chunk(fetch, &chunk, 5, &done, &err), 0);
    sy_fetch_tick(fetch, 6, &err);
    assert_int_equal(asks, 1); /* not at once */
    sy_fetch_tick(fetch, 5 + SY_FETCH_PAUSE_MS, &err);
    assert_int_equal(asks, 2);
    assert_int_equal(asked.offset_bytes, 0);
    chunk = piece();
    chunk.offset_bytes = 4096; /* another place: an old answer */
    assert_int_equal(sy_fetch_on_chunk(fetch, &chunk, 5, &done, &err), 0);
    sy_fetch_tick(fetch, 10 * SY_FETCH_PAUSE_MS, &err);
    assert_int_equal(asked.offset_bytes, 0);
    sy_fetch_destroy(fetch);
}

static void file_with_another_digest_is_removed(void **state)
{
    (void)state;
    struct sy_error err = {0};
    char path[SY_PATH_BYTES];
    bool done = false;
    snprintf(path, sizeof path, "%s/task-7.part", directory);
    assert_int_equal(sy_file_write(path, "damaged on this disk", 20, 0644, &err), 0);
    struct sy_fetch *fetch = open_fetch(0);
    int rc = 0;
    for (int n = 0; rc == 0 && n < 4; n++) {
        sy_fetch_tick(fetch, 0, &err);
        rc = give(fetch, 0, &done, &err);
    }
    assert_int_equal(rc, -SY_E_CORRUPT);
    assert_int_equal(err.class, SY_CLASS_CORRUPT);
    assert_false(done);
    assert_int_not_equal(access(path, F_OK), 0);
    sy_fetch_destroy(fetch);
}

static void refusals_and_silence_end_it_with_their_reason(void **state)
{
    (void)state;
    struct sy_fetch *fetch = open_fetch(0);
    struct sy_error err = {0};
    const struct sy_msg_failure failure = {.code = SY_E_UNREACHABLE,
                                           .text = {"agent p1 is not connected", 25}};
    unreachable = true;
    assert_int_equal(sy_fetch_tick(fetch, 0, &err), 0);
    unreachable = false;
    assert_int_equal(sy_fetch_tick(fetch, SY_FETCH_PAUSE_MS, &err), 0);
    assert_int_equal(asks, 1);
    sy_fetch_on_failure(fetch, &failure, SY_FETCH_PAUSE_MS);
    assert_int_equal(sy_fetch_tick(fetch, 2 * SY_FETCH_PAUSE_MS, &err), 0);
    assert_int_equal(asks, 2);
    assert_int_equal(sy_fetch_tick(fetch, 3 * SY_FETCH_PAUSE_MS + SY_FETCH_ANSWER_MS, &err), 0);
    assert_int_equal(asks, 3); /* no answer: once more */
    assert_int_equal(sy_fetch_tick(fetch, SY_FETCH_GIVE_UP_MS + 1, &err), -SY_E_TIMEOUT);
    assert_int_equal(err.class, SY_CLASS_TRANSIENT);
    assert_non_null(strstr(err.text, "agent p1 is not connected"));
    sy_fetch_destroy(fetch);
}

static void file_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct sy_fetch *fetch = open_fetch(0);
    struct sy_error err = {0};
    bool done = false;
    sy_fetch_tick(fetch, 0, &err);
    struct sy_msg_chunk chunk = piece();
    chunk.total_bytes = SY_FETCH_BYTES_MAX + 1;
    assert_int_equal(sy_fetch_on_chunk(fetch, &chunk, 0, &done, &err), -SY_E_LIMIT);
    sy_fetch_destroy(fetch);
    snprintf(directory + strlen(directory), 8, "/none");
    struct sy_fetch_opts opts = {.directory = directory, .task = 7, .send = take_request};
    assert_int_equal(sy_fetch_create(&fetch, &opts, &err), -SY_E_NOT_FOUND);
    directory[strlen(directory) - 5] = 0;
}

/* ---------------------------------------------------------------- attempts ------------------ */

#define FAKE_TASK SY_BIN_DIR "/../tests/fake_task"
#define C2_TOML "[slots]\nc2 = 1\n[stage.c2]\nexec = [\"" FAKE_TASK "\", \"echo\"]\n"
#define FOREIGN "11111111-2222-4333-8444-555555555555"

static struct world world;

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

static void start_c2(uint32_t attempt, const char *store)
{
    char hex[SY_HEX_TEXT_BYTES(32)], spec[256];
    snprintf(spec, sizeof spec, "{\"proof_type\":0,\"c1_sha256\":\"%s\"}",
             sy_hex_encode(digest, 32, hex));
    struct sy_msg_start start = {.task = 7,
                                 .attempt = attempt,
                                 .token = {7},
                                 .stage = SY_STAGE_C2,
                                 .miner = 1000,
                                 .number = 12,
                                 .spec = {spec, (uint32_t)strlen(spec)}};
    snprintf(start.scratch_store, sizeof start.scratch_store, "%s", store);
    sy_attempts_on_start(world.attempts, &start);
    struct world_sent *ack = world_wait(&world, SY_MSG_START_ACK, 7, attempt);
    if (ack->verdict != SY_START_ACCEPTED)
        fail_msg("refused: %s", ack->text);
}

static void answer_one(uint64_t offset)
{
    struct world_sent *sent = world_wait(&world, SY_MSG_FETCH, 7, 0);
    assert_int_equal(sent->done, offset);
    asked = (struct sy_msg_fetch){.offset_bytes = sent->done, .bytes = (uint32_t)sent->total};
    struct sy_msg_chunk chunk = piece();
    sy_attempts_on_chunk(world.attempts, sent->sequence + 1, &chunk); /* nobody's */
    sy_attempts_on_chunk(world.attempts, sent->sequence, &chunk);
}

static void c2_starts_when_its_input_is_here_even_after_a_restart(void **state)
{
    (void)state;
    char path[256];
    world_open(&world, C2_TOML, true);
    start_c2(1, FOREIGN);
    answer_one(0);
    struct sy_msg_attempt_state listed;
    assert_int_equal(sy_attempts_states(world.attempts, &listed, 1), 1);
    assert_int_equal(listed.state, SY_TASK_RUNNING);
    world_kill_agent(&world);
    world.sent_count = 0; /* what the dead agent had asked */
    world_start_agent(&world);
    answer_one(SY_CHUNK_BYTES_MAX);
    answer_one(2 * SY_CHUNK_BYTES_MAX);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 7, 1);
    if (!result->ok)
        fail_msg("%s", result->text);
    snprintf(path, sizeof path, "%s/inputs/task-7.json", world.dir);
    assert_string_equal(json_string_value(json_object_get(result->result, "input")), path);
    assert_null(json_object_get(result->result, "c1_sha256"));
    assert_null(json_object_get(result->result, "cache"));
    assert_int_equal(world_entries(&world, "inputs"), 1);
    world_ack(&world, 7, 1, SY_RESULT_ACCEPTED);
    assert_int_equal(world_entries(&world, "inputs"), 0);
    assert_int_equal(world_attempts(&world), 0);
}

static void c2_beside_the_sector_reads_its_scratch(void **state)
{
    (void)state;
    char path[256];
    world_open(&world, C2_TOML, true);
    start_c2(1, world.scratch_id);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 7, 1);
    assert_true(result->ok);
    assert_false(world_has(&world, SY_MSG_FETCH, 7, 0));
    snprintf(path, sizeof path, "%s/c1/", world.scratch);
    assert_non_null(strstr(json_string_value(json_object_get(result->result, "input")), path));
}

static void stop_ends_fetching(void **state)
{
    (void)state;
    world_open(&world, C2_TOML, true);
    start_c2(1, FOREIGN);
    answer_one(0);
    world_stop(&world, 7, 1);
    world_wait(&world, SY_MSG_STOP_ACK, 7, 1);
    assert_false(world_has(&world, SY_MSG_RESULT, 7, 1));
    assert_int_equal(world_attempts(&world), 0);
    assert_int_equal(world_entries(&world, "ledger"), 0);
    start_c2(2, FOREIGN); /* the next attempt of the task goes on */
    world.sent_count = 0;
    world_turn(&world, 1);
    answer_one(SY_CHUNK_BYTES_MAX);
}

static void wrong_input_is_reported_as_corrupt_and_counts(void **state)
{
    (void)state;
    world_open(&world, C2_TOML, true);
    start_c2(1, FOREIGN);
    content[0] ^= 1;
    answer_one(0);
    content[0] ^= 1;
    answer_one(SY_CHUNK_BYTES_MAX);
    answer_one(2 * SY_CHUNK_BYTES_MAX);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, 7, 1);
    assert_false(result->ok);
    assert_false(result->unstarted);
    assert_int_equal(result->error_class, SY_CLASS_CORRUPT);
    assert_non_null(strstr(result->text, "SHA-256"));
    world_kill_agent(&world);
    world_start_agent(&world); /* a restart says the same */
    assert_int_equal(world_wait(&world, SY_MSG_RESULT, 7, 1)->error_class, SY_CLASS_CORRUPT);
}

static void foreign_input_without_a_digest_is_refused(void **state)
{
    (void)state;
    world_open(&world, C2_TOML, true);
    struct sy_msg_start start = {.task = 7,
                                 .attempt = 1,
                                 .token = {7},
                                 .stage = SY_STAGE_C2,
                                 .scratch_store = FOREIGN,
                                 .spec = {"{}", 2}};
    sy_attempts_on_start(world.attempts, &start);
    struct world_sent *ack = world_wait(&world, SY_MSG_START_ACK, 7, 1);
    assert_int_equal(ack->verdict, SY_START_REFUSED);
    assert_non_null(strstr(ack->text, "c1_sha256"));
    assert_int_equal(world_entries(&world, "ledger"), 0);
    assert_int_equal(world_attempts(&world), 0);
}

#define ALONE(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)
#define WITH_AGENT(name) cmocka_unit_test_teardown(name, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(file_comes_in_pieces_and_gets_its_name_when_whole),
        ALONE(next_process_goes_on_where_the_last_one_was),
        ALONE(damaged_piece_is_asked_for_again),
        ALONE(file_with_another_digest_is_removed),
        ALONE(refusals_and_silence_end_it_with_their_reason),
        ALONE(file_beyond_the_limit_is_refused),
        WITH_AGENT(c2_starts_when_its_input_is_here_even_after_a_restart),
        WITH_AGENT(c2_beside_the_sector_reads_its_scratch),
        WITH_AGENT(stop_ends_fetching),
        WITH_AGENT(wrong_input_is_reported_as_corrupt_and_counts),
        WITH_AGENT(foreign_input_without_a_digest_is_refused),
    };
    return cmocka_run_group_tests(tests, make_content, free_content);
}
