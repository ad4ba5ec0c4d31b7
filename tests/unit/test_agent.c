/* The agent program against a scheduler played by this test: enrolment, fences of generations, kill
 * -9 in the middle of a task, the lock. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "cgroup/cgroup.h"
#include "common/file.h"
#include "common/net.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 20000
#define AGENT_PROGRAM SY_BIN_DIR "/sealyard-agent"
#define FAKE_TASK SY_BIN_DIR "/../tests/fake_task"
#define SEEN_MAX 256

struct seen {
    uint16_t type;
    uint64_t task;
    uint32_t attempt;
    uint32_t verdict;  /* START_ACK */
    bool ok;           /* RESULT */
    uint32_t attempts; /* HELLO: how many, and the state of the first */
    uint32_t state;
    uint32_t code; /* STORE_STATE, FAILURE */
    char uuid[SY_UUID_BYTES];
    char data[256]; /* CHUNK */
};

static struct play {
    char dir[64], toml[128], fifo[128];
    struct sy_loop *loop;
    struct sy_router *router;
    struct sy_keypair server, once;
    char agent_key[SY_KEY_TEXT_BYTES]; /* learned from ENROLL */
    uint64_t generation;
    uint8_t instance[16];
    struct sy_peer peer; /* of the last frame */
    struct seen seen[SEEN_MAX];
    size_t seen_count;
    pid_t agent;
    char store[SY_UUID_BYTES];
} play;

static int lookup(void *ctx, const char *public_key, struct sy_identity *ret, struct sy_error *err)
{
    (void)ctx;
    *ret = (struct sy_identity){0};
    snprintf(ret->public_key, sizeof ret->public_key, "%s", public_key);
    if (play.agent_key[0] && strcmp(public_key, play.agent_key) == 0) {
        snprintf(ret->name, sizeof ret->name, "p1");
        ret->role = SY_ROLE_AGENT;
        return 0;
    }
    if (strcmp(public_key, play.once.public_key) == 0) {
        snprintf(ret->name, sizeof ret->name, "enroll.p1");
        ret->role = SY_ROLE_ENROLL;
        return 0;
    }
    return sy_fail(err, SY_E_AUTH, "unknown key");
}

static int send_frame(uint16_t type, uint64_t sequence, const void *body)
{
    struct sy_error err = {0};
    return sy_router_send(play.router, &play.peer, type, play.generation, sequence, body, &err);
}

static void take_hello(struct seen *seen, const struct sy_msg_hello *hello)
{
    seen->attempts = hello->attempts.count;
    const struct sy_msg_attempt_state *first = hello->attempts.items;
    if (hello->attempts.count > 0) {
        seen->task = first->task;
        seen->attempt = first->attempt;
        seen->state = first->state;
    }
}

static void answer(const struct sy_frame *frame, struct seen *seen)
{
    if (frame->type == SY_MSG_ENROLL) {
        const struct sy_msg_enroll *enroll = frame->body;
        struct sy_msg_enrolled reply = {0};
        snprintf(play.agent_key, sizeof play.agent_key, "%s", enroll->public_key);
        snprintf(reply.name, sizeof reply.name, "%s", enroll->name);
        send_frame(SY_MSG_ENROLLED, frame->sequence, &reply);
    } else if (frame->type == SY_MSG_HELLO) {
        struct sy_msg_welcome welcome = {.generation = play.generation, .heartbeat_ms = 200};
        memcpy(welcome.instance, play.instance, sizeof welcome.instance);
        take_hello(seen, frame->body);
        send_frame(SY_MSG_WELCOME, frame->sequence, &welcome);
    } else if (frame->type == SY_MSG_HEARTBEAT) {
        send_frame(SY_MSG_HEARTBEAT_ACK, frame->sequence, frame->body);
    }
}

static void on_frame(void *ctx, const struct sy_peer *peer, const struct sy_frame *frame)
{
    (void)ctx;
    if (play.seen_count == SEEN_MAX)
        play.seen_count = 0;
    struct seen *seen = &play.seen[play.seen_count++];
    *seen = (struct seen){.type = frame->type};
    play.peer = *peer;
    if (frame->type == SY_MSG_START_ACK) {
        const struct sy_msg_start_ack *ack = frame->body;
        seen->task = ack->task;
        seen->attempt = ack->attempt;
        seen->verdict = ack->verdict;
    } else if (frame->type == SY_MSG_RESULT) {
        const struct sy_msg_result *result = frame->body;
        seen->task = result->task;
        seen->attempt = result->attempt;
        seen->ok = result->ok;
    } else if (frame->type == SY_MSG_STORE_STATE) {
        const struct sy_msg_store_state *state = frame->body;
        seen->code = state->code;
        memcpy(seen->uuid, state->store.uuid, sizeof seen->uuid);
    } else if (frame->type == SY_MSG_FAILURE) {
        seen->code = ((const struct sy_msg_failure *)frame->body)->code;
    } else if (frame->type == SY_MSG_CHUNK) {
        const struct sy_msg_chunk *chunk = frame->body;
        snprintf(seen->data, sizeof seen->data, "%.*s", (int)chunk->data.bytes,
                 (const char *)chunk->data.data);
    }
    answer(frame, seen);
}

static void start_router(const char *endpoint)
{
    struct sy_error err = {0};
    const char *const endpoints[] = {endpoint};
    const struct sy_router_opts opts = {.loop = play.loop,
                                        .endpoints = endpoints,
                                        .endpoint_count = 1,
                                        .key = &play.server,
                                        .lookup = lookup,
                                        .on_frame = on_frame};
    if (sy_router_create(&play.router, &opts, &err) != 0)
        fail_msg("%s", err.text);
}

static struct seen *wait_for(uint16_t type)
{
    static struct seen found;
    struct sy_error err;
    uint64_t deadline_ms = sy_env_boot_ms(sy_env_real()) + WAIT_MS;
    for (;;) {
        for (size_t i = 0; i < play.seen_count; i++)
            if (play.seen[i].type == type) {
                found = play.seen[i];
                play.seen[i].type = 0;
                return &found;
            }
        if (sy_env_boot_ms(sy_env_real()) > deadline_ms)
            fail_msg("no %s in %d ms", sy_msg_name(type), WAIT_MS);
        assert_int_equal(sy_loop_turn(play.loop, 20, &err), 0);
    }
}

static void forget(void)
{
    play.seen_count = 0;
}

static void turn_ms(uint64_t ms)
{
    struct sy_error err;
    uint64_t end_ms = sy_env_boot_ms(sy_env_real()) + ms;
    while (sy_env_boot_ms(sy_env_real()) < end_ms)
        assert_int_equal(sy_loop_turn(play.loop, 20, &err), 0);
}

static size_t count_of(uint16_t type)
{
    size_t count = 0;
    for (size_t i = 0; i < play.seen_count; i++)
        count += play.seen[i].type == type;
    return count;
}

static pid_t spawn(char *const *argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        char log[128];
        snprintf(log, sizeof log, "%s/agent.log", play.dir);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 1);
        dup2(fd, 2);
        execv(argv[0], argv);
        _exit(127);
    }
    assert_true(pid > 0);
    return pid;
}

static void start_agent(void)
{
    char *const argv[] = {AGENT_PROGRAM, "--config", play.toml, NULL};
    play.agent = spawn(argv);
}

static void kill_agent(void)
{
    if (play.agent > 0) {
        kill(play.agent, SIGKILL);
        waitpid(play.agent, NULL, 0);
    }
    play.agent = 0;
}

static int run_agent(const char *const *extra, char *text, size_t text_bytes)
{
    char *argv[16] = {AGENT_PROGRAM};
    int out[2], status;
    size_t n = 1, used = 0;
    for (; extra[n - 1]; n++)
        argv[n] = (char *)(uintptr_t)extra[n - 1];
    argv[n] = NULL;
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(out[1], 2);
        close(out[0]);
        close(out[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(out[1]);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    struct sy_error err;
    pid_t ended = 0;
    while (ended == 0) { /* the scheduler must answer meanwhile */
        assert_int_equal(sy_loop_turn(play.loop, 10, &err), 0);
        ended = waitpid(pid, &status, WNOHANG);
        ssize_t got = read(out[0], text + used, text_bytes - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    ssize_t got;
    while ((got = read(out[0], text + used, text_bytes - 1 - used)) > 0)
        used += (size_t)got;
    close(out[0]);
    text[used] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_toml(void)
{
    char text[2048];
    int length =
        snprintf(text, sizeof text,
                 "[agent]\nname = \"p1\"\ndir = \"%s/agent\"\nscheduler = \"%s\"\n"
                 "[cgroup]\nmode = \"%s\"\nparent = \"sealyard-test-agent\"\n"
                 "[stage.pc2]\nexec = [\"" FAKE_TASK "\", \"ok\"]\n"
                 "[stage.ap]\nexec = [\"" FAKE_TASK "\", \"wait\", \"%s\"]\n",
                 play.dir, sy_router_endpoint(play.router, 0),
                 geteuid() == 0 && access("/sys/fs/cgroup/freezer", W_OK) == 0 ? "required" : "off",
                 play.fifo);
    assert_int_equal(sy_file_write(play.toml, text, (size_t)length, 0600, NULL), 0);
}

static void write_token(char path[128])
{
    char text[SY_TOKEN_TEXT_BYTES];
    struct sy_error err = {0};
    struct sy_enroll_token token = {.once = play.once};
    snprintf(token.name, sizeof token.name, "p1");
    snprintf(token.endpoint, sizeof token.endpoint, "%s", sy_router_endpoint(play.router, 0));
    snprintf(token.server_key, sizeof token.server_key, "%s", play.server.public_key);
    assert_int_equal(sy_enroll_token_print(&token, text, &err), 0);
    snprintf(path, 128, "%s/token", play.dir);
    assert_int_equal(sy_file_write(path, text, strlen(text), 0600, &err), 0);
}

static void enroll(void)
{
    char token[128], text[4096];
    write_token(token);
    const char *const extra[] = {"enroll", "--config", play.toml, "--token-file", token, NULL};
    if (run_agent(extra, text, sizeof text) != 0)
        fail_msg("%s", text);
    assert_non_null(strstr(text, "enrolled"));
}

static int open_play(void **state)
{
    (void)state;
    struct sy_error err = {0};
    memset(&play, 0, sizeof play);
    snprintf(play.dir, sizeof play.dir, "/tmp/sy-agent-XXXXXX");
    assert_non_null(mkdtemp(play.dir));
    snprintf(play.toml, sizeof play.toml, "%s/agent.toml", play.dir);
    snprintf(play.fifo, sizeof play.fifo, "%s/fifo", play.dir);
    assert_int_equal(mkfifo(play.fifo, 0600), 0);
    play.generation = 5;
    play.instance[0] = 1;
    assert_int_equal(sy_keypair_generate(&play.server, &err), 0);
    assert_int_equal(sy_keypair_generate(&play.once, &err), 0);
    assert_int_equal(sy_loop_create(&play.loop, sy_env_real(), &err), 0);
    start_router("tcp://127.0.0.1:*");
    write_toml();
    return 0;
}

/* The group of this agent's directory; attempts' groups below are gone when the test went well. */
static void remove_groups(void)
{
    char path[160], name[SY_CGROUP_NAME_BYTES], *id;
    size_t bytes;
    struct sy_cgroup_host *host;
    snprintf(path, sizeof path, "%s/agent/id", play.dir);
    if (sy_file_read(path, 64, &id, &bytes, NULL) != 0)
        return;
    snprintf(name, sizeof name, "sealyard-test-agent/p1-%.16s", id);
    free(id);
    if (sy_cgroup_host_open(&host, NULL) != 0)
        return;
    sy_cgroup_remove(host, name, NULL);
    sy_cgroup_remove(host, "sealyard-test-agent", NULL);
    sy_cgroup_host_close(host);
}

static int close_play(void **state)
{
    (void)state;
    kill_agent();
    remove_groups();
    sy_router_destroy(play.router);
    sy_loop_destroy(play.loop);
    sy_file_remove_tree(play.dir, NULL);
    return 0;
}

static void attach_store(void)
{
    struct sy_msg_store_attach attach = {.kind = SY_STORE_SCRATCH, .initialise = true};
    snprintf(attach.path, sizeof attach.path, "%s/scratch", play.dir);
    assert_int_equal(mkdir(attach.path, 0755), 0);
    assert_int_equal(send_frame(SY_MSG_STORE_ATTACH, 77, &attach), 0);
    struct seen *state = wait_for(SY_MSG_STORE_STATE);
    assert_int_equal(state->code, 0);
    memcpy(play.store, state->uuid, sizeof play.store);
}

static void send_start_of(enum sy_stage stage, uint64_t task, uint32_t attempt)
{
    struct sy_msg_start start = {.task = task,
                                 .attempt = attempt,
                                 .token = {7},
                                 .stage = stage,
                                 .miner = 1000,
                                 .number = task,
                                 .spec = {"{}", 2}};
    memcpy(start.scratch_store, play.store, sizeof start.scratch_store);
    assert_int_equal(send_frame(SY_MSG_START, 78, &start), 0);
}

static void send_start(uint64_t task, uint32_t attempt)
{
    send_start_of(SY_STAGE_AP, task, attempt);
}

static void release_fifo(void)
{
    int fd = open(play.fifo, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void token_becomes_a_key_once(void **state)
{
    (void)state;
    char text[4096], token[128], path[160];
    const char *const run[] = {"--config", play.toml, NULL};
    assert_int_equal(run_agent(run, text, sizeof text), 1);
    assert_non_null(strstr(text, "not enrolled"));
    enroll();
    struct stat status;
    snprintf(path, sizeof path, "%s/agent/keys/agent.key", play.dir);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    snprintf(path, sizeof path, "%s/agent/keys/agent.key.new", play.dir);
    assert_int_equal(access(path, F_OK), -1);
    write_token(token);
    const char *const again[] = {"enroll", "--config", play.toml, "--token-file", token, NULL};
    assert_int_equal(run_agent(again, text, sizeof text), 1);
    assert_non_null(strstr(text, "exists"));
}

static void bad_tokens_are_refused(void **state)
{
    (void)state;
    char text[4096], token[128];
    write_token(token);
    const char *const extra[] = {"enroll", "--config", play.toml, "--token-file", token, NULL};
    assert_int_equal(sy_file_write(token, "sy1.nonsense\n", 13, 0600, NULL), 0);
    assert_int_equal(run_agent(extra, text, sizeof text), 1);
    assert_int_equal(sy_file_write(token, "\n", 1, 0600, NULL), 0);
    assert_int_equal(run_agent(extra, text, sizeof text), 1);
    assert_non_null(strstr(text, "token is empty"));
    /* a key that the scheduler does not know */
    struct sy_keypair known = play.once;
    assert_int_equal(sy_keypair_generate(&play.once, NULL), 0);
    write_token(token);
    play.once = known;
    assert_int_equal(run_agent(extra, text, sizeof text), 1);
    assert_non_null(strstr(text, "used up"));
    const char *const usage[] = {"enroll", "--token-file", token, NULL};
    assert_int_equal(run_agent(usage, text, sizeof text), 2);
    const char *const help[] = {"--help", NULL};
    assert_int_equal(run_agent(help, text, sizeof text), 0);
    assert_non_null(strstr(text, "examples"));
    const char *const version[] = {"--version", NULL};
    assert_int_equal(run_agent(version, text, sizeof text), 0);
}

static void killed_agent_finds_its_task_again(void **state)
{
    (void)state;
    enroll();
    start_agent();
    assert_int_equal(wait_for(SY_MSG_HELLO)->attempts, 0);
    wait_for(SY_MSG_HEARTBEAT);
    attach_store();
    send_start(5, 1);
    struct seen *seen = wait_for(SY_MSG_START_ACK);
    assert_int_equal(seen->verdict, SY_START_ACCEPTED);
    wait_for(SY_MSG_PROGRESS);
    for (int i = 0; i < 5; i++) { /* each time in another moment of its start */
        kill_agent();
        forget();
        start_agent();
        turn_ms((uint64_t)(20 * i));
    }
    kill_agent();
    forget();
    start_agent();
    seen = wait_for(SY_MSG_HELLO);
    assert_int_equal(seen->attempts, 1);
    assert_true(seen->task == 5 && seen->attempt == 1);
    assert_int_equal(seen->state, SY_TASK_RUNNING);
    wait_for(SY_MSG_HEARTBEAT);
    /* two agents on one directory: the second one is refused */
    char text[4096];
    const char *const run[] = {"--config", play.toml, NULL};
    assert_int_equal(run_agent(run, text, sizeof text), 1);
    assert_non_null(strstr(text, "another agent runs"));
    release_fifo();
    seen = wait_for(SY_MSG_RESULT);
    assert_true(seen->ok && seen->task == 5 && seen->attempt == 1);
    /* not acknowledged: a restart keeps it */
    kill_agent();
    forget();
    start_agent();
    seen = wait_for(SY_MSG_HELLO);
    assert_int_equal(seen->state, SY_TASK_DONE);
    assert_true(wait_for(SY_MSG_RESULT)->ok);
    const struct sy_msg_result_ack ack = {5, 1, SY_RESULT_ACCEPTED};
    assert_int_equal(send_frame(SY_MSG_RESULT_ACK, 79, &ack), 0);
    struct sy_msg_file_read read = {.task = 5, .attempt = 1, .bytes = 100};
    snprintf(read.what, sizeof read.what, "task-log");
    assert_int_equal(send_frame(SY_MSG_FILE_READ, 80, &read), 0);
    assert_non_null(strstr(wait_for(SY_MSG_CHUNK)->data, "fake task wait runs stage ap"));
    read.task = 6;
    assert_int_equal(send_frame(SY_MSG_FILE_READ, 81, &read), 0);
    assert_int_equal(wait_for(SY_MSG_FAILURE)->code, SY_E_NOT_FOUND);
    kill_agent();
    forget();
    start_agent();
    assert_int_equal(wait_for(SY_MSG_HELLO)->attempts, 0);
}

static void old_or_foreign_scheduler_is_not_obeyed(void **state)
{
    (void)state;
    char endpoint[256];
    enroll();
    start_agent();
    wait_for(SY_MSG_HEARTBEAT);
    attach_store();
    snprintf(endpoint, sizeof endpoint, "%s", sy_router_endpoint(play.router, 0));
    /* an older copy of the store, then another instance of the same generation */
    for (int i = 0; i < 2; i++) {
        sy_router_destroy(play.router);
        play.generation = i == 0 ? 4 : 5;
        play.instance[0] = i == 0 ? 1 : 2;
        forget();
        start_router(endpoint);
        wait_for(SY_MSG_HELLO);
        send_start(5, 1);
        turn_ms(1500);
        assert_int_equal(count_of(SY_MSG_START_ACK), 0);
        assert_int_equal(count_of(SY_MSG_HEARTBEAT), 0);
    }
    /* a frame with a wrong generation from the right scheduler is dropped too */
    play.generation = 6;
    wait_for(SY_MSG_HEARTBEAT);
    forget();
    play.generation = 5;
    send_start(5, 1);
    play.generation = 6;
    turn_ms(500);
    assert_int_equal(count_of(SY_MSG_START_ACK), 0);
    send_start(5, 1);
    assert_int_equal(wait_for(SY_MSG_START_ACK)->verdict, SY_START_ACCEPTED);
    const struct sy_msg_attempt_ref ref = {5, 1};
    assert_int_equal(send_frame(SY_MSG_STOP, 79, &ref), 0);
    wait_for(SY_MSG_STOP_ACK);
}

#ifdef SY_FAULTS
/* How often the task program of attempt 5-1 was started. */
static unsigned runs(void)
{
    char path[160], *text;
    size_t bytes;
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/agent/attempts/5-1/log", play.dir);
    if (sy_file_read(path, 65536, &text, &bytes, NULL) != 0)
        return 0;
    for (const char *p = text; (p = strstr(p, "runs stage")) != NULL; p++)
        count++;
    free(text);
    return count;
}

static void wait_death(void)
{
    struct sy_error err;
    int status;
    uint64_t deadline_ms = sy_env_boot_ms(sy_env_real()) + WAIT_MS;
    while (waitpid(play.agent, &status, WNOHANG) == 0) {
        if (sy_env_boot_ms(sy_env_real()) > deadline_ms)
            fail_msg("the failpoint was not reached");
        assert_int_equal(sy_loop_turn(play.loop, 10, &err), 0);
    }
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    play.agent = 0;
}

static void acknowledge(void)
{
    const struct sy_msg_result_ack ack = {5, 1, SY_RESULT_ACCEPTED};
    assert_int_equal(send_frame(SY_MSG_RESULT_ACK, 79, &ack), 0);
}

/* Death at each step between START and the end: the task runs at most once under one fence, and a
 * result that was made is reported. */
static void death_at(const char *point, bool result_survives)
{
    open_play(NULL);
    enroll();
    setenv("SEALYARD_FAULT", point, 1);
    start_agent();
    unsetenv("SEALYARD_FAULT");
    wait_for(SY_MSG_HEARTBEAT);
    attach_store();
    send_start_of(SY_STAGE_PC2, 5, 1);
    bool shim = strncmp(point, "shim.", 5) == 0, acked = strcmp(point, "agent.after_ack") == 0;
    if (acked) {
        assert_true(wait_for(SY_MSG_RESULT)->ok);
        acknowledge();
    }
    if (!shim) {
        wait_death();
        forget();
        start_agent();
        struct seen *hello = wait_for(SY_MSG_HELLO);
        if (acked) {
            assert_int_equal(hello->attempts, 0);
            close_play(NULL);
            return;
        }
        bool known = hello->attempts == 1;
        wait_for(SY_MSG_HEARTBEAT);
        if (!known)
            send_start_of(SY_STAGE_PC2, 5, 1);
    }
    struct seen *result = wait_for(SY_MSG_RESULT);
    assert_int_equal(result->task, 5);
    print_message("%s: %s after %u run(s)\n", point, result->ok ? "ok" : "failed, to be retried",
                  runs());
    assert_true(runs() <= 1);
    assert_true(result->ok || !result_survives);
    acknowledge();
    turn_ms(300);
    send_start_of(SY_STAGE_PC2, 5, 2); /* the next fence works */
    wait_for(SY_MSG_START_ACK);
    turn_ms(100);
    close_play(NULL);
}

static void death_at_any_step_loses_no_result(void **state)
{
    (void)state;
    death_at("agent.before_ledger", true);
    death_at("agent.after_prepare", false);
    death_at("agent.after_spawn", false);
    death_at("agent.after_running", false);
    death_at("agent.after_go", true);
    death_at("agent.before_result", true);
    death_at("agent.after_ack", true);
    death_at("shim.after_result", false);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_play, close_play)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(token_becomes_a_key_once),
        TEST(bad_tokens_are_refused),
        TEST(killed_agent_finds_its_task_again),
        TEST(old_or_foreign_scheduler_is_not_obeyed),
#ifdef SY_FAULTS
        cmocka_unit_test(death_at_any_step_loses_no_result),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
