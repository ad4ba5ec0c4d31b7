/* How fast the scheduler takes jobs and fills slots, every acknowledgement after its commit.
 *
 *   submit    one client keeps --window SUBMITs in flight for --seconds: durable submits per second
 *             and the time from request to reply
 *   dispatch  an agent with --slots AP slots reports a result and waits for the next START: the
 * time from "slot is free" (RESULT sent) to RESULT_ACK and to START, each after its commit
 *
 * Scheduler, client and agent are threads of one process and talk over TCP with CURVE. Prints one
 * line per measurement, or JSON with --json. Not a test: disks differ.
 */
#include "scheduler/admin.h"
#include "scheduler/scheduler.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define H64 "1111111111111111111111111111111111111111111111111111111111111111"
#define SAMPLES_MAX 2000000
#define WINDOW_MAX 8192
#define SLOTS_MAX 64

static const char ap_result[] =
    "{\"pieces\":[{\"cid\":\"baga1\",\"padded_bytes\":2048,\"offset\":0}],\"comm_d\":\"" H64
    "\",\"comm_d_cid\":\"baga2\"}";

struct samples {
    uint32_t *us;
    size_t count;
};

struct bench {
    char directory[256];
    char config[300];
    struct sy_scheduler_options *options;
    struct sy_scheduler *scheduler;
    pthread_t thread;
    struct sy_loop *loop;
    struct sy_dealer *dealer;
    struct sy_keypair key;
    char server_key[SY_KEY_TEXT_BYTES];
    bool connected;
    uint64_t sequence;
    /* submit */
    uint32_t window, in_flight;
    uint64_t jobs_max; /* stop after so many; 0 = when the time is over */
    uint64_t sent_us[WINDOW_MAX];
    uint64_t submitted, failed;
    char failure[SY_ERROR_TEXT_BYTES];
    bool submitting;
    struct samples reply;
    /* dispatch */
    uint32_t slots;
    bool welcome, enrolled;
    uint64_t freed_us[2 * SLOTS_MAX]; /* by number of the result, a ring */
    uint64_t results, acks, starts;
    uint64_t result_us[SLOTS_MAX * 4]; /* by sequence */
    struct samples ack, start;
    bool dispatching;
};

static struct bench bench;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void die(const char *what, const struct sy_error *err)
{
    fprintf(stderr, "bench_scheduler: %s: %s\n", what, err ? err->text : "");
    abort();
}

static void add_sample(struct samples *samples, uint64_t us)
{
    if (samples->count < SAMPLES_MAX)
        samples->us[samples->count++] = (uint32_t)SY_MIN(us, (uint64_t)UINT32_MAX);
}

static int compare_us(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_ms(struct samples *samples, double part)
{
    if (samples->count == 0)
        return 0;
    qsort(samples->us, samples->count, sizeof *samples->us, compare_us);
    size_t at = (size_t)(part * (double)(samples->count - 1));
    return samples->us[at] / 1000.0;
}

/* ---- scheduler */

static void *run(void *ctx)
{
    struct sy_error err = {0};
    if (sy_scheduler_run(ctx, &err))
        die("run", &err);
    return NULL;
}

static void write_file(const char *name, const char *text)
{
    char path[300];
    struct sy_error err = {0};
    snprintf(path, sizeof path, "%s/%s", bench.directory, name);
    if (sy_file_write(path, text, strlen(text), 0600, &err))
        die(path, &err);
}

static void start_scheduler(void)
{
    char text[2048], path[400];
    struct sy_error err = {0};
    write_file("policy.toml", "[limits]\nidentity_rate = 1000000\nidentity_burst = 1000000\n"
                              "live_jobs_max = 1000000\n");
    snprintf(
        text, sizeof text,
        "policy = \"%s/policy.toml\"\n[scheduler]\ndir = \"%s/scheduler\"\n"
        "listen = [\"tcp://127.0.0.1:0\"]\nmap_bytes = \"1GiB\"\nlog_level = \"error\"\n"
        "plugin_dir = \"%s\"\n[[miner]]\nactor = 1000\nsector_size = \"2KiB\"\n[plugin.test]\n",
        bench.directory, bench.directory, TEST_PLUGIN_DIR);
    write_file("scheduler.toml", text);
    snprintf(bench.config, sizeof bench.config, "%s/scheduler.toml", bench.directory);
    bench.options = calloc(1, sizeof *bench.options);
    if (!bench.options || sy_scheduler_options_load(bench.options, bench.config, &err))
        die("options", &err);
    sy_log_set_level(SY_LOG_ERROR);
    struct sy_admin_args args = {.options = bench.options};
    if (sy_admin_init(&args, &err))
        die("init", &err);
    snprintf(path, sizeof path, "%s/scheduler/keys/admin.key", bench.directory);
    if (sy_keypair_load(path, &bench.key, &err))
        die("key", &err);
    snprintf(path, sizeof path, "%s/scheduler/keys/server.pub", bench.directory);
    if (sy_public_key_load(path, bench.server_key, &err))
        die("key", &err);
    struct sy_scheduler_opts opts = {.options = bench.options, .env = sy_env_real()};
    if (sy_scheduler_create(&bench.scheduler, &opts, &err))
        die("create", &err);
    if (pthread_create(&bench.thread, NULL, run, bench.scheduler))
        die("thread", NULL);
}

static void stop_scheduler(void)
{
    sy_scheduler_stop(bench.scheduler);
    pthread_join(bench.thread, NULL);
    sy_scheduler_destroy(bench.scheduler);
    sy_scheduler_options_fini(bench.options);
    free(bench.options);
}

/* ---- one connection, client or agent */

static void send_frame(uint16_t type, const void *body)
{
    struct sy_error err = {0};
    if (sy_dealer_send(bench.dealer, type, 0, ++bench.sequence, body, &err))
        die("send", &err);
}

static void send_submit(void)
{
    struct sy_msg_submit submit = {.kind = SY_JOB_PLEDGE, .count = 1, .miner = 1000};
    sy_env_random(sy_env_real(), submit.idempotency_key, sizeof submit.idempotency_key);
    send_frame(SY_MSG_SUBMIT, &submit);
    bench.sent_us[bench.sequence % WINDOW_MAX] = now_us();
    bench.in_flight++;
}

static void on_submitted(const struct sy_frame *frame)
{
    bench.in_flight--;
    if (frame->type == SY_MSG_SUBMITTED) {
        bench.submitted++;
        add_sample(&bench.reply, now_us() - bench.sent_us[frame->sequence % WINDOW_MAX]);
    } else {
        const struct sy_msg_failure *failure = frame->body;
        bench.failed++;
        snprintf(bench.failure, sizeof bench.failure, "%.*s", (int)failure->text.bytes,
                 (const char *)failure->text.data);
    }
    if (bench.jobs_max && bench.submitted + bench.in_flight >= bench.jobs_max)
        bench.submitting = false;
    if (bench.submitting)
        send_submit();
}

/* A stage that takes no time: the slot is free again at once. */
static void on_start(const struct sy_msg_start *start)
{
    uint64_t at = now_us();
    /* the first ones find free slots; each later one takes the slot of the oldest result */
    if (bench.starts >= bench.slots)
        add_sample(
            &bench.start,
            at - bench.freed_us[(bench.starts - bench.slots) % SY_ARRAY_SIZE(bench.freed_us)]);
    bench.starts++;
    struct sy_msg_start_ack ack = {
        .task = start->task, .attempt = start->attempt, .verdict = SY_START_ACCEPTED};
    send_frame(SY_MSG_START_ACK, &ack);
    if (!bench.dispatching)
        return;
    struct sy_msg_result result = {.task = start->task,
                                   .attempt = start->attempt,
                                   .ok = true,
                                   .result = {ap_result, sizeof ap_result - 1}};
    memcpy(result.token, start->token, sizeof result.token);
    send_frame(SY_MSG_RESULT, &result);
    at = now_us();
    bench.result_us[bench.sequence % SY_ARRAY_SIZE(bench.result_us)] = at;
    bench.freed_us[bench.results++ % SY_ARRAY_SIZE(bench.freed_us)] = at;
}

static void on_frame(void *ctx, const struct sy_frame *frame)
{
    (void)ctx;
    switch (frame->type) {
    case SY_MSG_SUBMITTED:
    case SY_MSG_FAILURE:
        on_submitted(frame);
        return;
    case SY_MSG_START:
        on_start(frame->body);
        return;
    case SY_MSG_RESULT_ACK:
        bench.acks++;
        add_sample(&bench.ack,
                   now_us() - bench.result_us[frame->sequence % SY_ARRAY_SIZE(bench.result_us)]);
        return;
    case SY_MSG_WELCOME:
        bench.welcome = true;
        return;
    case SY_MSG_ENROLLED:
        bench.enrolled = true;
        return;
    default:
        return;
    }
}

static void on_link(void *ctx, bool connected, bool refused)
{
    (void)ctx;
    (void)refused;
    bench.connected = connected;
}

static void turn_until(const bool *flag)
{
    uint64_t end_us = now_us() + 20000000;
    while (!*flag && now_us() < end_us)
        sy_loop_turn(bench.loop, 20, NULL);
    if (!*flag)
        die("no answer within 20 s", NULL);
}

static void connect_as(const struct sy_keypair *key)
{
    struct sy_error err = {0};
    sy_dealer_destroy(bench.dealer);
    bench.connected = false;
    struct sy_dealer_opts opts = {.loop = bench.loop,
                                  .endpoint = sy_router_endpoint(bench.scheduler->router, 0),
                                  .server_public_key = bench.server_key,
                                  .key = key,
                                  .on_frame = on_frame,
                                  .on_link = on_link};
    if (sy_dealer_create(&bench.dealer, &opts, &err))
        die("connect", &err);
    turn_until(&bench.connected);
}

/* ---- measurements */

static void measure_submit(double seconds, bool json)
{
    usleep(200000); /* the plugin tells the free sector numbers */
    connect_as(&bench.key);
    bench.submitting = true;
    uint64_t started_us = now_us(), end_us = started_us + (uint64_t)(seconds * 1e6);
    for (uint32_t i = 0; i < bench.window; i++)
        send_submit();
    while (bench.submitting && now_us() < end_us)
        sy_loop_turn(bench.loop, 20, NULL);
    double took = (double)(now_us() - started_us) / 1e6;
    uint64_t counted = bench.submitted;
    bench.submitting = false;
    while (bench.in_flight && now_us() < end_us + 10000000)
        sy_loop_turn(bench.loop, 20, NULL);
    if (bench.failed)
        fprintf(stderr, "%llu submits refused: %s\n", (unsigned long long)bench.failed,
                bench.failure);
    printf(json ? "{\"submit\": {\"per_s\": %.0f, \"window\": %u, \"p50_ms\": %.2f, \"p99_ms\": "
                  "%.2f, \"count\": %llu}}\n"
                : "submit    %.0f durable jobs/s, window %u, reply p50 %.2f ms p99 %.2f ms, %llu "
                  "jobs\n",
           (double)counted / took, bench.window, percentile_ms(&bench.reply, 0.5),
           percentile_ms(&bench.reply, 0.99), (unsigned long long)counted);
}

static void enroll_agent(struct sy_keypair *key)
{
    struct sy_error err = {0};
    struct sy_client *client = NULL;
    const struct sy_frame *frame = NULL;
    struct sy_msg_command command = {.verb = "agent-enroll", .name = "a1"};
    struct sy_enroll_token token;
    if (sy_client_create(&client, sy_router_endpoint(bench.scheduler->router, 0), bench.server_key,
                         &bench.key, &err) ||
        sy_client_call(client, SY_MSG_COMMAND, &command, 10000, &frame, &err))
        die("enroll", &err);
    const struct sy_slice *text = &((const struct sy_msg_json *)frame->body)->json;
    json_t *json = json_loadb(text->data, text->bytes, 0, NULL);
    const char *token_text = json_string_value(json_object_get(json, "token"));
    if (!token_text || sy_enroll_token_parse(token_text, &token, &err))
        die("token", &err);
    json_decref(json);
    sy_client_destroy(client);
    if (sy_keypair_generate(key, &err))
        die("key", &err);
    connect_as(&token.once);
    struct sy_msg_enroll enroll = {.name = "a1"};
    memcpy(enroll.public_key, key->public_key, sizeof enroll.public_key);
    send_frame(SY_MSG_ENROLL, &enroll);
    turn_until(&bench.enrolled);
}

static void measure_dispatch(double seconds, bool json)
{
    struct sy_keypair key;
    enroll_agent(&key);
    connect_as(&key);
    struct sy_slot_offer slot = {SY_STAGE_AP, bench.slots};
    struct sy_store_row store = {.uuid = "scratch-1",
                                 .path = "/scratch",
                                 .kind = SY_STORE_SCRATCH,
                                 .bytes_total = 1ull << 44,
                                 .bytes_free = 1ull << 44,
                                 .online = true};
    struct sy_msg_hello hello = {
        .version = SY_VERSION, .boot_id = "b", .slots = {&slot, 1}, .stores = {&store, 1}};
    bench.dispatching = true;
    send_frame(SY_MSG_HELLO, &hello);
    turn_until(&bench.welcome);
    uint64_t started_us = now_us(), end_us = started_us + (uint64_t)(seconds * 1e6);
    uint64_t beat_us = started_us;
    while (now_us() < end_us) {
        struct sy_msg_heartbeat beat = {.count = 1};
        if (now_us() >= beat_us) {
            send_frame(SY_MSG_HEARTBEAT, &beat);
            beat_us += 2000000;
        }
        sy_loop_turn(bench.loop, 20, NULL);
    }
    double took = (double)(now_us() - started_us) / 1e6;
    struct sy_dispatcher_counts counts;
    bench.dispatching = false;
    sy_dispatcher_counts(bench.scheduler->dispatcher, &counts);
    printf(json
               ? "{\"dispatch\": {\"per_s\": %.0f, \"slots\": %u, \"start_p50_ms\": %.2f, "
                 "\"start_p99_ms\": %.2f, \"ack_p50_ms\": %.2f, \"ack_p99_ms\": %.2f, "
                 "\"max_plan_us\": %llu, \"count\": %llu}}\n"
               : "dispatch  %.0f starts/s on %u slots, slot free to START p50 %.2f ms p99 %.2f ms, "
                 "RESULT to ack p50 %.2f ms p99 %.2f ms, longest plan %llu us, %llu starts\n",
           (double)bench.starts / took, bench.slots, percentile_ms(&bench.start, 0.5),
           percentile_ms(&bench.start, 0.99), percentile_ms(&bench.ack, 0.5),
           percentile_ms(&bench.ack, 0.99), (unsigned long long)counts.max_plan_us,
           (unsigned long long)bench.starts);
}

static void usage(FILE *out)
{
    fputs("usage: bench_scheduler [--dir DIR] [--seconds S] [--window N] [--slots N] [--jobs N] "
          "[--json]\n"
          "DIR (default /tmp) should be on the disk that the scheduler will use.\n"
          "example: bench_scheduler --dir /var/lib --seconds 5 --window 400\n",
          out);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},    {"seconds", required_argument, NULL, 's'},
        {"window", required_argument, NULL, 'w'}, {"slots", required_argument, NULL, 'n'},
        {"jobs", required_argument, NULL, 'm'},   {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    const char *directory = "/tmp";
    double seconds = 3;
    bool json = false;
    bench.window = 400;
    bench.slots = 8;
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'd')
            directory = optarg;
        else if (option == 's')
            seconds = strtod(optarg, NULL);
        else if (option == 'w')
            bench.window = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'n')
            bench.slots = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'm')
            bench.jobs_max = strtoull(optarg, NULL, 10);
        else if (option == 'j')
            json = true;
        else {
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    bench.window = SY_MIN(SY_MAX(bench.window, 1u), 400u); /* under half of the socket queue */
    bench.slots = SY_MIN(SY_MAX(bench.slots, 1u), (uint32_t)SLOTS_MAX);
    bench.reply.us = calloc(SAMPLES_MAX, sizeof *bench.reply.us);
    bench.ack.us = calloc(SAMPLES_MAX, sizeof *bench.ack.us);
    bench.start.us = calloc(SAMPLES_MAX, sizeof *bench.start.us);
    snprintf(bench.directory, sizeof bench.directory, "%s/sealyard-bench-XXXXXX", directory);
    if (!bench.reply.us || !bench.ack.us || !bench.start.us || !mkdtemp(bench.directory)) {
        fprintf(stderr, "bench_scheduler: %s cannot be used\n", bench.directory);
        return 1;
    }
    if (sy_loop_create(&bench.loop, sy_env_real(), NULL))
        return 1;
    start_scheduler();
    measure_submit(seconds, json);
    measure_dispatch(seconds, json);
    sy_dealer_destroy(bench.dealer);
    stop_scheduler();
    sy_loop_destroy(bench.loop);
    sy_file_remove_tree(bench.directory, NULL);
    free(bench.reply.us);
    free(bench.ack.us);
    free(bench.start.us);
    return 0;
}
