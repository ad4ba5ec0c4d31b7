/* A whole 2 KiB sector through the agent with the real stage program, in its sandbox: nothing but
 * the scheduler is missing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/attempt_world.h"

#include "agent/file_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICKET "0101010101010101010101010101010101010101010101010101010101010101"
#define SEED "0202020202020202020202020202020202020202020202020202020202020202"
#define IDENTITY "\"proof_type\":5,\"miner\":1000,\"number\":12"
#define RAW_BYTES 2032 /* fills the sector exactly */

static struct world world;
static uint64_t task_number;

/* Runs one stage to its end; the result belongs to the world until the next call. */
static json_t *run_stage(enum sy_stage stage, const char *keys)
{
    char spec[8192];
    snprintf(spec, sizeof spec, "{" IDENTITY "%s%s}", keys[0] ? "," : "", keys);
    world_start_spec(&world, stage, ++task_number, 1, 12, spec);
    struct world_sent *ack = world_wait(&world, SY_MSG_START_ACK, task_number, 1);
    if (ack->verdict != SY_START_ACCEPTED)
        fail_msg("%s: refused: %s", sy_stage_name(stage), ack->text);
    struct world_sent *result = world_wait(&world, SY_MSG_RESULT, task_number, 1);
    if (!result->ok)
        fail_msg("%s: %s: %s", sy_stage_name(stage),
                 sy_err_class_name((enum sy_err_class)result->error_class), result->text);
    json_t *kept = result->result;
    uint64_t task = task_number;
    world_ack(&world, task, 1, SY_RESULT_ACCEPTED);
    return kept;
}

static void take(json_t *result, const char *key, char *text, size_t text_bytes)
{
    const char *value = json_string_value(json_object_get(result, key));
    if (!value)
        fail_msg("the result has no \"%s\"", key);
    snprintf(text, text_bytes, "%s", value);
}

static void make_piece(char path[128], char content[RAW_BYTES])
{
    for (int i = 0; i < RAW_BYTES; i++)
        content[i] = (char)(i * 7 + i / 256);
    snprintf(path, 128, "%s/piece", world.dir);
    assert_int_equal(sy_file_write(path, content, RAW_BYTES, 0600, NULL), 0);
}

static bool exists(const char *store, const char *kind)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s/s-t01000-12", store, kind);
    return access(path, F_OK) == 0;
}

static void sector_goes_through_all_stages(void **state)
{
    (void)state;
    char content[RAW_BYTES], piece[128], cid[128], comm_d[72], comm_r[72], keys[4096], pieces[512];
    world_open(&world, "", true);
    snprintf(world.conf->task, sizeof world.conf->task, "%s/sealyard-task", SY_BIN_DIR);
    make_piece(piece, content);
    snprintf(keys, sizeof keys,
             "\"pieces\":[{\"path\":\"%s\",\"raw_bytes\":%d,\"padded_bytes\":2048}]", piece,
             RAW_BYTES);
    json_t *result = run_stage(SY_STAGE_AP, keys);
    take(json_array_get(json_object_get(result, "pieces"), 0), "cid", cid, sizeof cid);
    snprintf(pieces, sizeof pieces, "\"pieces\":[{\"cid\":\"%s\",\"padded_bytes\":2048}]", cid);
    snprintf(keys, sizeof keys, "\"ticket\":\"" TICKET "\",%s", pieces);
    take(run_stage(SY_STAGE_PC1, keys), "comm_d", comm_d, sizeof comm_d);
    snprintf(keys, sizeof keys, "\"ticket\":\"" TICKET "\",\"comm_d\":\"%s\",%s", comm_d, pieces);
    take(run_stage(SY_STAGE_PC2, keys), "comm_r", comm_r, sizeof comm_r);
    snprintf(keys, sizeof keys,
             "\"ticket\":\"" TICKET "\",\"seed\":\"" SEED
             "\",\"comm_d\":\"%s\",\"comm_r\":\"%s\",%s",
             comm_d, comm_r, pieces);
    run_stage(SY_STAGE_C1, keys);
    assert_int_equal(world_entries(&world, "scratch/c1"), 1);
    run_stage(SY_STAGE_FIN, "\"keep_unsealed\":false");
    assert_true(exists(world.store, "sealed") && exists(world.store, "cache"));
    assert_false(exists(world.scratch, "sealed") || exists(world.scratch, "cache"));
    assert_int_equal(world_entries(&world, "scratch/c1"), 0);
    snprintf(keys, sizeof keys,
             "\"ticket\":\"" TICKET "\",\"comm_d\":\"%s\",\"offset_bytes\":0,\"size_bytes\":%d",
             comm_d, RAW_BYTES);
    run_stage(SY_STAGE_UNSEAL, keys);
    struct sy_msg_file_read request = {.task = task_number, .bytes = SY_CHUNK_BYTES_MAX};
    struct sy_msg_chunk chunk;
    struct sy_error err = {0};
    uint8_t *buffer = malloc(SY_CHUNK_BYTES_MAX);
    snprintf(request.what, sizeof request.what, "unseal-output");
    assert_int_equal(sy_agent_file_read(&chunk, world.dir, &world.stores, &request, buffer, &err),
                     0);
    assert_int_equal(chunk.data.bytes, RAW_BYTES);
    assert_memory_equal(buffer, content, RAW_BYTES);
    free(buffer);
    run_stage(SY_STAGE_REMOVE, "");
    assert_false(exists(world.store, "sealed") || exists(world.store, "cache"));
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sector_goes_through_all_stages, close_world)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
