/* P1 and P2: the program is killed at random moments while a client submits. Every job that was
 * acknowledged is there after the restart under the same id, a repeated key makes no second job,
 * and the store is whole. The generation grows by one per start. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/file.h"
#include "common/net.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 10
#define JOBS_MAX 4000
#define KILL_AFTER_US_MAX 120000

static char directory[64], config[96], endpoint[128];
static char server_key[SY_KEY_TEXT_BYTES];
static struct sy_keypair admin;
static struct sy_client *client;
static pid_t pid;
static uint64_t acked[JOBS_MAX]; /* job id by key; 0 = not acknowledged */
static uint32_t next_key;

static void check(int rc, const struct sy_error *err)
{
    if (rc)
        fail_msg("%s", err->text);
}

static int run_program(const char *command)
{
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execl(SY_BIN_DIR "/sealyard-scheduler", "sealyard-scheduler", command, "--config", config,
              NULL);
        _exit(127);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void start_program(void)
{
    struct sy_error err = {0};
    struct sy_msg_query query = {.what = "policy"};
    const struct sy_frame *frame = NULL;
    pid = fork();
    if (pid == 0) {
        execl(SY_BIN_DIR "/sealyard-scheduler", "sealyard-scheduler", "--config", config, NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    sy_client_destroy(client);
    client = NULL;
    check(sy_client_create(&client, endpoint, server_key, &admin, &err), &err);
    check(sy_client_call(client, SY_MSG_QUERY, &query, 20000, &frame, &err), &err);
}

static void make_world(void)
{
    char text[1024], path[160];
    struct sy_error err = {0};
    snprintf(directory, sizeof directory, "/tmp/sealyard-kill-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(config, sizeof config, "%s/scheduler.toml", directory);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/data/scheduler.ipc", directory);
    int n = snprintf(text, sizeof text,
                     "policy = \"%s/policy.toml\"\n[scheduler]\ndir = \"%s/data\"\n"
                     "listen = [\"tcp://127.0.0.1:0\"]\nmap_bytes = \"64MiB\"\n"
                     "log_level = \"error\"\nplugin_dir = \"%s\"\n"
                     "[[miner]]\nactor = 1000\nsector_size = \"2KiB\"\n[plugin.test]\n",
                     directory, directory, TEST_PLUGIN_DIR);
    check(sy_file_write(config, text, (size_t)n, 0600, &err), &err);
    snprintf(path, sizeof path, "%s/policy.toml", directory);
    static const char policy[] = "[limits]\nidentity_rate = 100000\nidentity_burst = 100000\n";
    check(sy_file_write(path, policy, sizeof policy - 1, 0600, &err), &err);
    assert_int_equal(run_program("init"), 0);
    snprintf(path, sizeof path, "%s/data/keys/admin.key", directory);
    check(sy_keypair_load(path, &admin, &err), &err);
    snprintf(path, sizeof path, "%s/data/keys/server.pub", directory);
    check(sy_public_key_load(path, server_key, &err), &err);
}

/* 0 and the job id, or the error of the call. */
static int submit(uint32_t key, uint64_t timeout_ms, uint64_t *ret_job, struct sy_error *err)
{
    struct sy_msg_submit message = {.kind = SY_JOB_PLEDGE, .count = 1, .miner = 1000};
    const struct sy_frame *frame = NULL;
    memcpy(message.idempotency_key, &key, sizeof key);
    message.idempotency_key[15] = 1;
    int rc = sy_client_call(client, SY_MSG_SUBMIT, &message, timeout_ms, &frame, err);
    if (rc == 0)
        *ret_job = ((const struct sy_msg_submitted *)frame->body)->job;
    return rc;
}

static void *kill_later(void *ctx)
{
    const uint32_t *after_us = ctx;
    usleep(*after_us);
    kill(pid, SIGKILL);
    return NULL;
}

/* Submits until the program dies under our hands. */
static void submit_until_killed(uint32_t after_us)
{
    pthread_t killer;
    struct sy_error err = {0};
    assert_int_equal(pthread_create(&killer, NULL, kill_later, &after_us), 0);
    int rc = 0;
    while (next_key < JOBS_MAX && (rc == 0 || rc == -SY_E_AGAIN)) {
        uint64_t job = 0;
        rc = submit(next_key, 400, &job, &err);
        if (rc == 0)
            acked[next_key] = job;
        if (rc != -SY_E_AGAIN) /* the plugin has not told the free numbers yet */
            next_key++;
    }
    pthread_join(killer, NULL);
    int status = 0;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static void killed_scheduler_keeps_every_acknowledged_job(void **state)
{
    struct sy_error err = {0};
    uint32_t known = 0;
    unsigned seed = 12345;
    (void)state;
    make_world();
    for (int round = 0; round < ROUNDS; round++) {
        start_program();
        submit_until_killed((uint32_t)rand_r(&seed) % KILL_AFTER_US_MAX);
    }
    start_program();
    uint64_t *seen = calloc(JOBS_MAX * 2, sizeof *seen);
    assert_non_null(seen);
    for (uint32_t key = 0; key < next_key; key++) {
        uint64_t job = 0;
        check(submit(key, 5000, &job, &err), &err);
        if (acked[key] && acked[key] != job)
            fail_msg("key %u was acknowledged as job %llu and is now %llu", key,
                     (unsigned long long)acked[key], (unsigned long long)job);
        assert_in_range(job, 1, JOBS_MAX * 2 - 1);
        assert_int_equal(seen[job], 0); /* one key, one job */
        seen[job] = 1;
        known += acked[key] != 0;
    }
    free(seen);
    assert_true(known > ROUNDS); /* the test submitted something */
    struct sy_msg_query query = {.what = "status"};
    const struct sy_frame *frame = NULL;
    check(sy_client_call(client, SY_MSG_QUERY, &query, 5000, &frame, &err), &err);
    const struct sy_slice *text = &((const struct sy_msg_json *)frame->body)->json;
    json_t *status = json_loadb(text->data, text->bytes, 0, NULL);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(status, "scheduler"), "generation")),
        ROUNDS + 1);
    json_decref(status);
    sy_client_destroy(client);
    kill(pid, SIGTERM);
    int code = 0;
    waitpid(pid, &code, 0);
    assert_true(WIFEXITED(code) && WEXITSTATUS(code) == 0);
    assert_int_equal(run_program("fsck"), 0);
    sy_file_remove_tree(directory, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_scheduler_keeps_every_acknowledged_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
