/* A whole scheduler in this process: real store, real CURVE, a test plugin as chain, and an agent
 * that answers by hand. What was acknowledged is there after a restart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/admin.h"
#include "scheduler/scheduler.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 10000
#define H64 "1111111111111111111111111111111111111111111111111111111111111111"

struct world {
    char directory[64];
    char config[128];
    struct sy_scheduler_options *options;
    struct sy_scheduler *scheduler;
    pthread_t thread;
    int run_rc;
    struct sy_keypair admin;
    char server_key[SY_KEY_TEXT_BYTES];
    char endpoint[256];
    struct sy_client *client;
    /* the agent */
    struct sy_loop *loop;
    struct sy_dealer *dealer;
    struct sy_keypair agent_key;
    uint16_t last_type;
    struct sy_msg_start start;
    char spec[2048];
    struct sy_msg_welcome welcome;
    uint32_t verdict;
    size_t starts, acks, welcomes, enrolled, refused, connected;
    uint64_t sequence;
};

static struct world world;

static void check(int rc, const struct sy_error *err)
{
    if (rc)
        fail_msg("%s", err->text);
}

/* ---- scheduler */

static void write_config(void)
{
    char text[1024];
    struct sy_error err = {0};
    snprintf(world.config, sizeof world.config, "%s/scheduler.toml", world.directory);
    int n = snprintf(text, sizeof text,
                     "[scheduler]\ndir = \"%s/scheduler\"\nlisten = [\"tcp://127.0.0.1:0\"]\n"
                     "map_bytes = \"16MiB\"\nlog_level = \"warn\"\nplugin_dir = \"%s\"\n"
                     "[[miner]]\nactor = 1000\nsector_size = \"2KiB\"\n[plugin.test]\n",
                     world.directory, TEST_PLUGIN_DIR);
    check(sy_file_write(world.config, text, (size_t)n, 0600, &err), &err);
}

static void load_options(void)
{
    struct sy_error err = {0};
    world.options = calloc(1, sizeof *world.options);
    assert_non_null(world.options);
    check(sy_scheduler_options_load(world.options, world.config, &err), &err);
}

static void free_options(void)
{
    sy_scheduler_options_fini(world.options);
    free(world.options);
    world.options = NULL;
}

static void *run(void *ctx)
{
    struct sy_error err = {0};
    (void)ctx;
    world.run_rc = sy_scheduler_run(world.scheduler, &err);
    return NULL;
}

static void start_scheduler(void)
{
    struct sy_error err = {0};
    load_options();
    struct sy_scheduler_opts opts = {.options = world.options, .env = sy_env_real()};
    check(sy_scheduler_create(&world.scheduler, &opts, &err), &err);
    snprintf(world.endpoint, sizeof world.endpoint, "%s",
             sy_router_endpoint(world.scheduler->router, 0));
    assert_int_equal(pthread_create(&world.thread, NULL, run, NULL), 0);
    check(sy_client_create(&world.client, world.endpoint, world.server_key, &world.admin, &err),
          &err);
}

static void stop_scheduler(void)
{
    sy_client_destroy(world.client);
    sy_scheduler_stop(world.scheduler);
    pthread_join(world.thread, NULL);
    assert_int_equal(world.run_rc, 0);
    sy_scheduler_destroy(world.scheduler);
    free_options();
}

static void make_world(void)
{
    struct sy_error err = {0};
    char path[256];
    memset(&world, 0, sizeof world);
    snprintf(world.directory, sizeof world.directory, "/tmp/sealyard-test-XXXXXX");
    assert_non_null(mkdtemp(world.directory));
    write_config();
    load_options();
    struct sy_admin_args args = {.options = world.options};
    check(sy_admin_init(&args, &err), &err);
    check(sy_admin_init(&args, &err), &err); /* a second run changes nothing */
    free_options();
    snprintf(path, sizeof path, "%s/scheduler/keys/admin.key", world.directory);
    check(sy_keypair_load(path, &world.admin, &err), &err);
    snprintf(path, sizeof path, "%s/scheduler/keys/server.pub", world.directory);
    check(sy_public_key_load(path, world.server_key, &err), &err);
    check(sy_loop_create(&world.loop, sy_env_real(), &err), &err);
    check(sy_keypair_generate(&world.agent_key, &err), &err);
}

static void free_world(void)
{
    sy_dealer_destroy(world.dealer);
    sy_loop_destroy(world.loop);
    sy_file_remove_tree(world.directory, NULL);
}

/* ---- client */

static json_t *call_json(uint16_t type, const void *body)
{
    const struct sy_frame *frame = NULL;
    struct sy_error err = {0};
    check(sy_client_call(world.client, type, body, WAIT_MS, &frame, &err), &err);
    assert_int_equal(frame->type, SY_MSG_JSON);
    const struct sy_msg_json *reply = frame->body;
    json_t *json = json_loadb(reply->json.data, reply->json.bytes, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *ask(const char *what, uint64_t id)
{
    struct sy_msg_query query = {.id = id};
    snprintf(query.what, sizeof query.what, "%s", what);
    return call_json(SY_MSG_QUERY, &query);
}

static uint64_t pledge(uint8_t key, struct sy_error *err)
{
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1};
    const struct sy_frame *frame = NULL;
    memset(submit.idempotency_key, key, sizeof submit.idempotency_key);
    for (int i = 0; i < 100;
         i++) { /* the plugin tells the sector numbers a moment after the start */
        int rc = sy_client_call(world.client, SY_MSG_SUBMIT, &submit, WAIT_MS, &frame, err);
        if (rc == 0)
            return ((const struct sy_msg_submitted *)frame->body)->job;
        if (rc != -SY_E_AGAIN)
            return 0;
        usleep(20000);
    }
    return 0;
}

/* ---- agent */

static void on_frame(void *ctx, const struct sy_frame *frame)
{
    (void)ctx;
    world.last_type = frame->type;
    if (frame->type == SY_MSG_START) {
        const struct sy_msg_start *start = frame->body;
        world.start = *start;
        snprintf(world.spec, sizeof world.spec, "%.*s", (int)start->spec.bytes,
                 (const char *)start->spec.data);
        world.starts++;
    } else if (frame->type == SY_MSG_RESULT_ACK) {
        world.verdict = ((const struct sy_msg_result_ack *)frame->body)->verdict;
        world.acks++;
    } else if (frame->type == SY_MSG_WELCOME) {
        world.welcome = *(const struct sy_msg_welcome *)frame->body;
        world.welcomes++;
    } else if (frame->type == SY_MSG_ENROLLED) {
        world.enrolled++;
    }
}

static void on_link(void *ctx, bool connected, bool refused)
{
    (void)ctx;
    if (connected)
        world.connected++;
    if (refused)
        world.refused++;
}

static void connect_agent(const struct sy_keypair *key)
{
    struct sy_error err = {0};
    sy_dealer_destroy(world.dealer);
    struct sy_dealer_opts opts = {.loop = world.loop,
                                  .endpoint = world.endpoint,
                                  .server_public_key = world.server_key,
                                  .key = key,
                                  .on_frame = on_frame,
                                  .on_link = on_link};
    check(sy_dealer_create(&world.dealer, &opts, &err), &err);
}

static void send_agent(uint16_t type, const void *body)
{
    struct sy_error err = {0};
    check(
        sy_dealer_send(world.dealer, type, world.welcome.generation, ++world.sequence, body, &err),
        &err);
}

/* Turns the agent's loop until the counter grew; true when it did. */
static bool turn_until(const size_t *count, size_t wanted, uint64_t wait_ms)
{
    uint64_t end_ms = sy_env_boot_ms(sy_env_real()) + wait_ms;
    while (*count < wanted && sy_env_boot_ms(sy_env_real()) < end_ms)
        assert_int_equal(sy_loop_turn(world.loop, 20, NULL), 0);
    return *count >= wanted;
}

static void say_hello(void)
{
    struct sy_slot_offer slots[] = {{SY_STAGE_AP, 1}, {SY_STAGE_PC1, 1}, {SY_STAGE_PC2, 1}};
    struct sy_store_row store = {.uuid = "scratch-1",
                                 .path = "/scratch",
                                 .kind = SY_STORE_SCRATCH,
                                 .bytes_total = 1ull << 40,
                                 .bytes_free = 1ull << 40,
                                 .online = true};
    struct sy_msg_hello hello = {.version = SY_VERSION,
                                 .boot_id = "b",
                                 .slots = {slots, SY_ARRAY_SIZE(slots)},
                                 .stores = {&store, 1}};
    hello.instance[0] = 1;
    size_t before = world.welcomes;
    send_agent(SY_MSG_HELLO, &hello);
    assert_true(turn_until(&world.welcomes, before + 1, WAIT_MS));
}

static void enroll_agent(void)
{
    struct sy_msg_command command = {.verb = "agent-enroll", .name = "a1"};
    struct sy_enroll_token token;
    struct sy_error err = {0};
    memset(command.idempotency_key, 1, sizeof command.idempotency_key);
    json_t *answer = call_json(SY_MSG_COMMAND, &command);
    check(sy_enroll_token_parse(json_string_value(json_object_get(answer, "token")), &token, &err),
          &err);
    json_decref(answer);
    assert_string_equal(token.server_key, world.server_key);
    assert_string_equal(token.endpoint, world.endpoint);
    connect_agent(&token.once);
    assert_true(turn_until(&world.connected, 1, WAIT_MS));
    struct sy_msg_enroll enroll = {.name = "a1"};
    memcpy(enroll.public_key, world.agent_key.public_key, sizeof enroll.public_key);
    send_agent(SY_MSG_ENROLL, &enroll);
    assert_true(turn_until(&world.enrolled, 1, WAIT_MS));
    /* the one-time key is used up */
    connect_agent(&token.once);
    assert_true(turn_until(&world.refused, 1, WAIT_MS));
    connect_agent(&world.agent_key);
    assert_true(turn_until(&world.connected, 2, WAIT_MS));
}

/* Waits for the START of a stage, acknowledges it and reports this result. */
static void do_stage(enum sy_stage stage, const char *result)
{
    uint64_t end_ms = sy_env_boot_ms(sy_env_real()) + WAIT_MS;
    while (world.start.stage != stage && sy_env_boot_ms(sy_env_real()) < end_ms)
        assert_int_equal(sy_loop_turn(world.loop, 20, NULL), 0);
    assert_int_equal(world.start.stage, stage);
    struct sy_msg_start_ack ack = {
        .task = world.start.task, .attempt = world.start.attempt, .verdict = SY_START_ACCEPTED};
    send_agent(SY_MSG_START_ACK, &ack);
    struct sy_msg_result message = {.task = world.start.task,
                                    .attempt = world.start.attempt,
                                    .ok = true,
                                    .result = {result, (uint32_t)strlen(result)}};
    memcpy(message.token, world.start.token, sizeof message.token);
    size_t before = world.acks;
    send_agent(SY_MSG_RESULT, &message);
    assert_true(turn_until(&world.acks, before + 1, WAIT_MS));
    assert_int_equal(world.verdict, SY_RESULT_ACCEPTED);
}

/* ---- tests */

static void expect_log(json_t *log)
{
    static const char *const wanted[] = {"JOB_SUBMITTED", "TASK_LEASED", "TASK_STARTED",
                                         "TASK_RESULT",   "TICKET",      "TASK_LEASED"};
    size_t at = 0, index;
    json_t *row;
    json_array_foreach(json_object_get(log, "rows"), index, row)
    {
        const char *event = json_string_value(json_object_get(row, "event"));
        assert_non_null(event);
        assert_non_null(json_string_value(json_object_get(row, "summary")));
        if (at < SY_ARRAY_SIZE(wanted) && strcmp(event, wanted[at]) == 0)
            at++;
    }
    if (at != SY_ARRAY_SIZE(wanted)) {
        char *text = json_dumps(log, JSON_INDENT(1));
        fail_msg("%zu of the events: %s", at, text);
    }
}

static void sector_walks_and_a_restart_forgets_nothing(void **state)
{
    struct sy_error err = {0};
    (void)state;
    make_world();
    start_scheduler();
    json_decref(ask("status", 0));
    enroll_agent();
    say_hello();
    assert_int_equal(world.welcome.generation, 1);
    uint64_t job = pledge(1, &err);
    if (job == 0)
        fail_msg("%s", err.text);
    do_stage(SY_STAGE_AP, "{\"pieces\":[{\"cid\":\"baga1\",\"padded_bytes\":2048,\"offset\":0}],"
                          "\"comm_d\":\"" H64 "\",\"comm_d_cid\":\"baga2\"}");
    /* the plugin saw the committed row, proposed the ticket, and PC1 came */
    do_stage(SY_STAGE_PC1, "{\"comm_d\":\"" H64 "\",\"replica_id\":\"" H64 "\"}");
    assert_non_null(strstr(world.spec, "\"ticket\":\"0505"));
    json_t *log = ask("sector-log", 3); /* the test plugin's first free number */
    expect_log(log);
    json_decref(log);
    json_t *events = ask("events", 0);
    size_t event_count = json_array_size(json_object_get(events, "rows"));
    assert_true(event_count > 10);
    json_decref(events);
    stop_scheduler();

    start_scheduler();
    assert_int_equal(pledge(1, &err), job); /* the same key, the same job */
    json_t *row = ask("sector", 3);
    assert_string_equal(json_string_value(json_object_get(row, "state")), "PreCommit2");
    json_decref(row);
    json_t *status = ask("status", 0);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(status, "scheduler"), "generation")), 2);
    json_decref(status);
    connect_agent(&world.agent_key);
    assert_true(turn_until(&world.connected, 3, WAIT_MS));
    memset(&world.start, 0, sizeof world.start);
    say_hello();
    assert_int_equal(world.welcome.generation, 2);
    do_stage(SY_STAGE_PC2, "{\"comm_r\":\"" H64 "\",\"comm_r_cid\":\"bagb\"}");
    stop_scheduler();

    load_options();
    bool clean = false;
    struct sy_admin_args args = {.options = world.options};
    check(sy_admin_fsck(&args, &clean, &err), &err);
    assert_true(clean);
    free_options();
    free_world();
}

static void stranger_is_refused(void **state)
{
    struct sy_error err = {0};
    struct sy_keypair stranger;
    struct sy_client *client = NULL;
    const struct sy_frame *frame = NULL;
    struct sy_msg_query query = {.what = "status"};
    (void)state;
    make_world();
    start_scheduler();
    check(sy_keypair_generate(&stranger, &err), &err);
    check(sy_client_create(&client, world.endpoint, world.server_key, &stranger, &err), &err);
    assert_int_equal(sy_client_call(client, SY_MSG_QUERY, &query, 2000, &frame, &err), -SY_E_AUTH);
    sy_client_destroy(client);
    stop_scheduler();
    free_world();
}

static void changed_proof_type_of_a_known_miner_is_refused(void **state)
{
    struct sy_error err = {0};
    (void)state;
    make_world();
    start_scheduler();
    stop_scheduler();
    load_options();
    world.options->miners[0].proof_type = 7;
    struct sy_scheduler_opts opts = {.options = world.options, .env = sy_env_real()};
    assert_int_equal(sy_scheduler_create(&world.scheduler, &opts, &err), -SY_E_STATE);
    assert_non_null(strstr(err.text, "proof type"));
    free_options();
    free_world();
}

static void start_without_init_says_what_to_do(void **state)
{
    struct sy_error err = {0};
    struct sy_scheduler *scheduler = NULL;
    (void)state;
    make_world();
    sy_file_remove_tree(world.directory, NULL);
    assert_int_equal(sy_file_make_directory(world.directory, 0700, NULL), 0);
    write_config();
    load_options();
    struct sy_scheduler_opts opts = {.options = world.options, .env = sy_env_real()};
    assert_int_equal(sy_scheduler_create(&scheduler, &opts, &err), -SY_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "init"));
    free_options();
    free_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sector_walks_and_a_restart_forgets_nothing),
        cmocka_unit_test(stranger_is_refused),
        cmocka_unit_test(changed_proof_type_of_a_known_miner_is_refused),
        cmocka_unit_test(start_without_init_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
