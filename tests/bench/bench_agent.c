/* What the agent costs: a task's start and end, the kill of a large tree, taking tasks over.
 *
 * usage: bench_agent [--json] [--tasks N]
 * Real shims, real control groups where the host allows; the program of a task does nothing. Prints
 * milliseconds. It needs sealyard-shim beside it in bin/ and fake_task in tests/.
 */
#include "agent/agent_conf.h"
#include "agent/attempt.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TASKS_MAX 10000
#define TREE_PROCESSES 1000
#define WAIT_MS 60000
#define FAKE_TASK SY_BENCH_BIN "/../tests/fake_task"

struct bench {
    char dir[64], group[64], ready[128];
    struct sy_agent_conf *conf;
    struct sy_loop *loop;
    struct sy_topo *topo;
    struct sy_slots slots;
    struct sy_stores stores;
    struct sy_cgroup_host *cgroups;
    struct sy_attempts *attempts;
    char scratch[SY_UUID_BYTES];
    unsigned acks, results, stops, failed;
};

struct figures {
    double start_p50, start_p99, task_p50, task_p99, kill_ms, adopt_ms;
    bool cgroups;
};

static int on_send(void *ctx, uint16_t type, uint64_t sequence, const void *body,
                   struct sy_error *err)
{
    (void)sequence;
    (void)err;
    struct bench *bench = ctx;
    if (type == SY_MSG_START_ACK) {
        const struct sy_msg_start_ack *ack = body;
        bench->acks++;
        if (ack->verdict != SY_START_ACCEPTED) {
            bench->failed++;
            fprintf(stderr, "bench_agent: refused: %.*s\n", (int)ack->text.bytes,
                    (const char *)ack->text.data);
        }
    } else if (type == SY_MSG_RESULT) {
        const struct sy_msg_result *result = body;
        bench->results++;
        bench->failed += !result->ok;
    } else if (type == SY_MSG_STOP_ACK) {
        bench->stops++;
    }
    return 0;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(double *values, size_t count, double part)
{
    qsort(values, count, sizeof *values, compare);
    size_t index = (size_t)((double)count * part);
    return values[SY_MIN(index, count - 1)];
}

static int start_agent(struct bench *bench, struct sy_error *err)
{
    const struct sy_attempts_opts opts = {.conf = bench->conf,
                                          .env = sy_env_real(),
                                          .loop = bench->loop,
                                          .slots = &bench->slots,
                                          .stores = &bench->stores,
                                          .cgroups = bench->cgroups,
                                          .cgroup_base = bench->group,
                                          .send = on_send,
                                          .ctx = bench};
    int rc = sy_topo_create(&bench->topo, NULL, err);
    if (rc == 0)
        rc = sy_slots_init(&bench->slots, bench->conf, bench->topo, err);
    if (rc == 0)
        rc = sy_attempts_create(&bench->attempts, &opts, err);
    return rc == 0 ? sy_attempts_adopt(bench->attempts, err) : rc;
}

static void stop_agent(struct bench *bench)
{
    sy_attempts_destroy(bench->attempts);
    sy_slots_fini(&bench->slots);
    sy_topo_destroy(bench->topo);
    bench->attempts = NULL;
    bench->topo = NULL;
}

static int open_bench(struct bench *bench, struct sy_error *err)
{
    char text[4096], path[128];
    const struct sy_store_row *row;
    snprintf(bench->dir, sizeof bench->dir, "/tmp/sy-bench-agent-XXXXXX");
    if (!mkdtemp(bench->dir))
        return sy_fail(err, SY_E_IO, "no temporary directory");
    snprintf(bench->group, sizeof bench->group, "sealyard-bench-%d", (int)getpid());
    snprintf(bench->ready, sizeof bench->ready, "%s/ready", bench->dir);
    int length = snprintf(
        text, sizeof text,
        "[agent]\nname = \"bench\"\ndir = \"%s\"\nscheduler = \"tcp://127.0.0.1:1\"\n"
        "[slots]\npc2 = 8\n[stage.ap]\nexec = [\"" FAKE_TASK "\", \"ok\"]\n"
        "[stage.pc1]\nexec = [\"" FAKE_TASK "\", \"fork\", \"%d\", \"%s\"]\nwritable = [\"%s\"]\n"
        "[stage.pc2]\nexec = [\"" FAKE_TASK "\", \"hang\"]\n",
        bench->dir, TREE_PROCESSES, bench->ready, bench->dir);
    int rc = sy_agent_conf_parse(&bench->conf, text, (size_t)length, "bench.toml", err);
    if (rc != 0)
        return rc;
    rc = sy_path_format(bench->conf->shim, err, "%s/sealyard-shim", SY_BENCH_BIN);
    snprintf(path, sizeof path, "%s/scratch", bench->dir);
    if (rc == 0 && mkdir(path, 0755) != 0)
        rc = sy_fail(err, SY_E_IO, "create %s", path);
    if (rc == 0)
        rc = sy_loop_create(&bench->loop, sy_env_real(), err);
    if (rc == 0)
        rc = sy_stores_init(&bench->stores, bench->dir, "bench", err);
    if (rc == 0)
        rc = sy_stores_attach(&bench->stores, sy_env_real(), path, SY_STORE_SCRATCH, true, &row,
                              err);
    if (rc != 0)
        return rc;
    snprintf(bench->scratch, sizeof bench->scratch, "%s", row->uuid);
    if (sy_cgroup_host_open(&bench->cgroups, NULL) != 0 ||
        sy_cgroup_host_check(bench->cgroups, bench->group, NULL) != 0) {
        sy_cgroup_host_close(bench->cgroups);
        bench->cgroups = NULL;
    }
    return start_agent(bench, err);
}

static void close_bench(struct bench *bench)
{
    stop_agent(bench);
    sy_loop_destroy(bench->loop);
    sy_agent_conf_destroy(bench->conf);
    if (bench->cgroups)
        sy_cgroup_remove(bench->cgroups, bench->group, NULL);
    sy_cgroup_host_close(bench->cgroups);
    sy_file_remove_tree(bench->dir, NULL);
}

static void send_start(struct bench *bench, enum sy_stage stage, uint64_t task)
{
    struct sy_msg_start start = {.task = task,
                                 .attempt = 1,
                                 .stage = stage,
                                 .miner = 1000,
                                 .number = task,
                                 .spec = {"{}", 2}};
    memcpy(start.scratch_store, bench->scratch, sizeof start.scratch_store);
    sy_attempts_on_start(bench->attempts, &start);
}

static int turn_until(struct bench *bench, const unsigned *counter, unsigned value,
                      struct sy_error *err)
{
    double deadline_ms = now_ms() + WAIT_MS;
    int rc = 0;
    while (rc == 0 && *counter < value) {
        rc = sy_loop_turn(bench->loop, 5, err);
        if (rc == 0 && now_ms() > deadline_ms)
            rc = sy_fail(err, SY_E_TIMEOUT, "no answer in %d ms", WAIT_MS);
    }
    return rc;
}

static int measure_tasks(struct bench *bench, unsigned tasks, struct figures *ret,
                         struct sy_error *err)
{
    double *start = calloc(tasks, sizeof *start), *whole = calloc(tasks, sizeof *whole);
    int rc = start && whole ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for %u tasks", tasks);
    for (unsigned i = 0; rc == 0 && i < tasks; i++) {
        double begin_ms = now_ms();
        send_start(bench, SY_STAGE_AP, i + 1);
        start[i] = now_ms() - begin_ms; /* durable, shim running, acknowledged */
        rc = turn_until(bench, &bench->results, i + 1, err);
        whole[i] = now_ms() - begin_ms;
        const struct sy_msg_result_ack ack = {i + 1, 1, SY_RESULT_ACCEPTED};
        sy_attempts_on_result_ack(bench->attempts, &ack);
    }
    if (rc == 0 && bench->failed > 0)
        rc = sy_fail(err, SY_E_BUG, "%u of %u tasks failed", bench->failed, tasks);
    if (rc == 0) {
        ret->start_p50 = percentile(start, tasks, 0.5);
        ret->start_p99 = percentile(start, tasks, 0.99);
        ret->task_p50 = percentile(whole, tasks, 0.5);
        ret->task_p99 = percentile(whole, tasks, 0.99);
    }
    free(start);
    free(whole);
    return rc;
}

static int measure_kill(struct bench *bench, struct figures *ret, struct sy_error *err)
{
    const struct sy_msg_attempt_ref ref = {100001, 1};
    send_start(bench, SY_STAGE_PC1, ref.task);
    double deadline_ms = now_ms() + WAIT_MS;
    while (access(bench->ready, F_OK) != 0) {
        int rc = sy_loop_turn(bench->loop, 5, err);
        if (rc != 0)
            return rc;
        if (now_ms() > deadline_ms)
            return sy_fail(err, SY_E_TIMEOUT, "the tree did not grow in %d ms", WAIT_MS);
    }
    double begin_ms = now_ms();
    sy_attempts_on_stop(bench->attempts, &ref);
    while (bench->stops == 0 && now_ms() < deadline_ms) {
        int rc = sy_loop_turn(bench->loop, 1, err);
        if (rc != 0)
            return rc;
        sy_attempts_tick(bench->attempts);
    }
    ret->kill_ms = now_ms() - begin_ms;
    return bench->stops ? 0 : sy_fail(err, SY_E_TIMEOUT, "the tree was not killed");
}

/* 8 running tasks; the new agent knows all of them when create and adopt have returned. */
static int measure_adoption(struct bench *bench, struct figures *ret, struct sy_error *err)
{
    struct sy_msg_attempt_state states[8];
    for (uint64_t task = 1; task <= 8; task++)
        send_start(bench, SY_STAGE_PC2, 200000 + task);
    stop_agent(bench);
    double begin_ms = now_ms();
    int rc = start_agent(bench, err);
    ret->adopt_ms = now_ms() - begin_ms;
    uint32_t count = rc == 0 ? sy_attempts_states(bench->attempts, states, 8) : 0;
    for (uint32_t i = 0; i < count; i++)
        if (states[i].state != SY_TASK_RUNNING)
            rc = sy_fail(err, SY_E_BUG, "task %llu was not adopted",
                         (unsigned long long)states[i].task);
    if (rc == 0 && count != 8)
        rc = sy_fail(err, SY_E_BUG, "%u of 8 tasks were adopted", count);
    for (uint64_t task = 1; task <= 8; task++) {
        const struct sy_msg_attempt_ref ref = {200000 + task, 1};
        sy_attempts_on_stop(bench->attempts, &ref);
    }
    return rc == 0 ? turn_until(bench, &bench->stops, 9, err) : rc;
}

static void print_json(const struct figures *f, unsigned tasks)
{
    printf("{\"tasks\":%u,\"cgroups\":%s,\"start_ack_ms\":{\"p50\":%.2f,\"p99\":%.2f},"
           "\"task_ms\":{\"p50\":%.2f,\"p99\":%.2f},\"kill_1000_ms\":%.1f,\"adopt_8_ms\":%.1f}\n",
           tasks, f->cgroups ? "true" : "false", f->start_p50, f->start_p99, f->task_p50,
           f->task_p99, f->kill_ms, f->adopt_ms);
}

static void print_table(const struct figures *f, unsigned tasks)
{
    printf("tasks %u, control groups %s\n", tasks, f->cgroups ? "on" : "off");
    printf("START to START_ACK (durable)  p50 %8.2f ms   p99 %8.2f ms\n", f->start_p50,
           f->start_p99);
    printf("START to RESULT, empty task   p50 %8.2f ms   p99 %8.2f ms\n", f->task_p50, f->task_p99);
    printf("STOP of 1000 processes        %8.1f ms\n", f->kill_ms);
    printf("restart that adopts 8 tasks   %8.1f ms\n", f->adopt_ms);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"tasks", required_argument, NULL, 't'},
                                            {NULL, 0, NULL, 0}};
    unsigned long tasks = 100;
    bool json = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'j')
            json = true;
        else if (option == 't')
            tasks = strtoul(optarg, NULL, 10);
        else
            tasks = 0;
    }
    if (tasks == 0 || tasks > TASKS_MAX || optind != argc) {
        fprintf(stderr, "usage: bench_agent [--json] [--tasks 1..%d]\n", TASKS_MAX);
        return 2;
    }
    struct bench *bench = calloc(1, sizeof *bench);
    struct figures figures = {0};
    struct sy_error err = {0};
    if (!bench)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    sy_log_set_level(SY_LOG_WARN);
    int rc = open_bench(bench, &err);
    figures.cgroups = bench->cgroups != NULL;
    if (rc == 0)
        rc = measure_tasks(bench, (unsigned)tasks, &figures, &err);
    if (rc == 0)
        rc = measure_kill(bench, &figures, &err);
    if (rc == 0)
        rc = measure_adoption(bench, &figures, &err);
    if (rc == 0 && json)
        print_json(&figures, (unsigned)tasks);
    else if (rc == 0)
        print_table(&figures, (unsigned)tasks);
    else
        fprintf(stderr, "bench_agent: %s\n", err.text);
    close_bench(bench);
    free(bench);
    return rc == 0 ? 0 : 1;
}
