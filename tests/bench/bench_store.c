/* Durable submits: each client waits for its own job before it sends the next, as the scheduler
 * does it (apply, flush when no commit runs, release on durable). Prints key=value. Arguments:
 * directory, seconds per case (default 2). */
#include "common/file.h"
#include "scheduler/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS_MAX 1024
#define SAMPLES_MAX 200000
#define MAP_BYTES (512ull << 20)

static struct sy_loop *loop;
static struct sy_state *state;
static struct sy_store store;
static struct sy_batch batch;
static bool writing;
static uint64_t sent_us[CLIENTS_MAX], event_of[CLIENTS_MAX];
static uint32_t latency_us[SAMPLES_MAX];
static uint32_t samples, clients;
static uint64_t submits;

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void must(int rc, const struct sy_error *err)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "bench_store: %s\n", err->text);
    abort();
}

static void apply(uint32_t kind, const void *body)
{
    struct sy_error err = {0};
    must(sy_record_apply(state, &batch, 1700000000000, kind, body, &err), &err);
}

static void send_batch(void)
{
    struct sy_error err = {0};
    if (writing || (batch.count == 0 && sy_state_dirty_count(state) == 0))
        return;
    must(sy_record_flush(state, &batch, &err), &err);
    must(store.ops->submit(store.self, &batch, &err), &err);
    writing = true;
}

static void submit_job(uint32_t client)
{
    uint64_t id = sy_state_meta(state)->next_job;
    struct sy_ev_job_submitted job = {
        .job = id, .kind = SY_JOB_PLEDGE, .miner = 1000, .count = 1, .submitter = "bench"};
    memcpy(job.idempotency_key, &id, sizeof(id));
    sent_us[client] = now_us();
    apply(SY_EVENT_JOB_SUBMITTED, &job);
    event_of[client] = sy_state_meta(state)->last_event;
    submits++;
}

static void on_durable(void *ctx, uint64_t last_event)
{
    (void)ctx;
    writing = false;
    uint64_t now = now_us();
    for (uint32_t i = 0; i < clients; i++) {
        if (event_of[i] > last_event)
            continue;
        if (samples < SAMPLES_MAX)
            latency_us[samples++] = (uint32_t)(now - sent_us[i]);
        submit_job(i);
    }
    send_batch();
}

static void on_failed(void *ctx, const struct sy_error *err)
{
    (void)ctx;
    must(-err->code, err);
}

static int order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void measure(const char *directory, uint32_t count, uint64_t seconds)
{
    struct sy_error err = {0};
    must(sy_store_lmdb_open(&store, directory, MAP_BYTES, true, &err), &err);
    must(sy_loop_create(&loop, sy_env_real(), &err), &err);
    must(store.ops->start(store.self, loop, on_durable, on_failed, NULL, &err), &err);
    state = sy_state_create();
    if (state == NULL)
        abort();
    struct sy_miner miner = {.id = 1000, .proof_type = 5, .sector_bytes = 2048};
    struct sy_ev_number_floor number = {.miner = 1000, .next_number = 1};
    apply(SY_EVENT_MINER_SET, &miner);
    apply(SY_EVENT_NUMBER_FLOOR, &number);
    clients = count;
    samples = 0;
    submits = 0;
    writing = false;
    uint64_t begin = now_us();
    for (uint32_t i = 0; i < clients; i++)
        submit_job(i);
    send_batch();
    while (now_us() - begin < seconds * 1000000)
        must(sy_loop_turn(loop, 100, &err), &err);
    double took = (double)(now_us() - begin) / 1e6;
    struct sy_store_usage usage;
    store.ops->usage(store.self, &usage);
    qsort(latency_us, samples, sizeof(latency_us[0]), order);
    printf("bench=store clients=%u submits_per_s=%.0f commits_per_s=%.0f records_per_commit=%.1f "
           "ack_p50_ms=%.2f ack_p99_ms=%.2f max_commit_ms=%.2f\n",
           clients, (double)samples / took, (double)usage.commits / took,
           (double)usage.records / (double)usage.commits,
           samples == 0 ? 0.0 : latency_us[samples / 2] / 1e3,
           samples == 0 ? 0.0 : latency_us[(uint64_t)samples * 99 / 100] / 1e3,
           (double)usage.max_commit_us / 1e3);
    store.ops->close(store.self);
    sy_loop_destroy(loop);
    sy_state_destroy(state);
    sy_batch_fini(&batch);
}

int main(int argc, char **argv)
{
    static const uint32_t counts[] = {1, 64, 256};
    char directory[64] = "/tmp/sy-bench-store-XXXXXX", path[SY_PATH_BYTES];
    uint64_t seconds = argc > 2 ? strtoull(argv[2], NULL, 10) : 2;
    const char *base = argc > 1 ? argv[1] : mkdtemp(directory);
    if (base == NULL)
        abort();
    for (size_t i = 0; i < SY_ARRAY_SIZE(counts); i++) {
        (void)snprintf(path, sizeof(path), "%s/store-%u", base, counts[i]);
        measure(path, counts[i], seconds);
        (void)sy_file_remove_tree(path, NULL);
    }
    if (argc <= 1)
        (void)sy_file_remove_tree(base, NULL);
    return 0;
}
