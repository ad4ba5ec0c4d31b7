#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/attempt_world.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy_text(char *to, size_t to_bytes, struct sy_slice text)
{
    snprintf(to, to_bytes, "%.*s", (int)text.bytes, text.data ? (const char *)text.data : "");
}

static int on_send(void *ctx, uint16_t type, uint64_t sequence, const void *body,
                   struct sy_error *err)
{
    struct world *world = ctx;
    if (type == SY_MSG_RESULT && world->refuse_results != 0 &&
        ((const struct sy_msg_result *)body)->ok)
        return sy_fail(err, world->refuse_results, "too deep");
    if (world->sent_count == WORLD_SENT_MAX)
        return -SY_E_AGAIN;
    struct world_sent *sent = &world->sent[world->sent_count++];
    *sent = (struct world_sent){.type = type, .sequence = sequence};
    if (type == SY_MSG_START_ACK) {
        const struct sy_msg_start_ack *ack = body;
        sent->task = ack->task;
        sent->attempt = ack->attempt;
        sent->verdict = ack->verdict;
        sent->error_class = ack->error_class;
        copy_text(sent->text, sizeof sent->text, ack->text);
    } else if (type == SY_MSG_RESULT) {
        const struct sy_msg_result *result = body;
        sent->task = result->task;
        sent->attempt = result->attempt;
        sent->ok = result->ok;
        sent->unstarted = result->unstarted;
        sent->error_class = result->error_class;
        sent->peak_bytes = result->peak_bytes;
        copy_text(sent->text, sizeof sent->text, result->error);
        sent->result =
            result->ok ? json_loadb(result->result.data, result->result.bytes, 0, NULL) : NULL;
        assert_int_equal(result->token[0], 7); /* the token of START comes back */
    } else if (type == SY_MSG_PROGRESS) {
        const struct sy_msg_progress *progress = body;
        sent->task = progress->task;
        sent->attempt = progress->attempt;
        sent->done = progress->done;
        sent->total = progress->total;
        snprintf(sent->text, sizeof sent->text, "%s", progress->phase);
    } else if (type == SY_MSG_FETCH) {
        const struct sy_msg_fetch *fetch = body;
        assert_string_equal(fetch->what, "c1-output");
        sent->task = fetch->id;
        sent->done = fetch->offset_bytes;
        sent->total = fetch->bytes;
    } else if (type == SY_MSG_STOP_ACK) {
        const struct sy_msg_attempt_ref *ref = body;
        sent->task = ref->task;
        sent->attempt = ref->attempt;
    }
    return 0;
}

void world_start_agent(struct world *world)
{
    struct sy_error err = {0};
    const struct sy_attempts_opts opts = {.conf = world->conf,
                                          .env = sy_env_real(),
                                          .loop = world->loop,
                                          .slots = &world->slots,
                                          .stores = &world->stores,
                                          .cgroups = world->cgroups,
                                          .cgroup_base = world->group,
                                          .send = on_send,
                                          .ctx = world};
    assert_int_equal(sy_topo_create(&world->topo, NULL, &err), 0);
    if (sy_slots_init(&world->slots, world->conf, world->topo, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(sy_attempts_create(&world->attempts, &opts, &err), 0);
    if (sy_attempts_adopt(world->attempts, &err) != 0)
        fail_msg("%s", err.text);
}

void world_kill_agent(struct world *world)
{
    sy_attempts_destroy(world->attempts);
    world->attempts = NULL;
    sy_slots_fini(&world->slots);
    sy_topo_destroy(world->topo);
    world->topo = NULL;
}

static void open_cgroups(struct world *world)
{
    struct sy_error err = {0};
    if (sy_cgroup_host_open(&world->cgroups, &err) == 0 &&
        sy_cgroup_host_check(world->cgroups, world->group, &err) == 0)
        return;
    print_message("without control groups: %s\n", err.text);
    sy_cgroup_host_close(world->cgroups);
    world->cgroups = NULL;
}

static void attach(struct world *world, const char *path, uint32_t kind, char *ret_id)
{
    struct sy_error err = {0};
    const struct sy_store_row *row;
    assert_int_equal(mkdir(path, 0755), 0);
    if (sy_stores_attach(&world->stores, sy_env_real(), path, kind, true, &row, &err) != 0)
        fail_msg("%s", err.text);
    snprintf(ret_id, SY_UUID_BYTES, "%s", row->uuid);
}

void world_open(struct world *world, const char *stage_toml, bool use_cgroups)
{
    static unsigned number;
    char text[8192];
    struct sy_error err = {0};
    memset(world, 0, sizeof *world);
    snprintf(world->dir, sizeof world->dir, "/tmp/sy-attempt-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    assert_int_equal(chmod(world->dir, 0755), 0); /* a task may be another user */
    snprintf(world->scratch, sizeof world->scratch, "%s/scratch", world->dir);
    snprintf(world->store, sizeof world->store, "%s/store", world->dir);
    snprintf(world->group, sizeof world->group, "sealyard-test/attempt-%d-%u", (int)getpid(),
             ++number);
    int length =
        snprintf(text, sizeof text,
                 "[agent]\nname = \"test\"\ndir = \"%s\"\nscheduler = \"tcp://127.0.0.1:1\"\n"
                 "[cgroup]\nmode = \"off\"\n%s",
                 world->dir, stage_toml);
    if (sy_agent_conf_parse(&world->conf, text, (size_t)length, "test.toml", &err) != 0)
        fail_msg("%s", err.text);
    snprintf(world->conf->shim, sizeof world->conf->shim, "%s/sealyard-shim", SY_BIN_DIR);
    assert_int_equal(sy_loop_create(&world->loop, sy_env_real(), &err), 0);
    assert_int_equal(sy_stores_init(&world->stores, world->dir, "test", &err), 0);
    attach(world, world->scratch, SY_STORE_SCRATCH, world->scratch_id);
    attach(world, world->store, SY_STORE_LONG, world->store_id);
    if (use_cgroups)
        open_cgroups(world);
    world_start_agent(world);
}

void world_close(struct world *world)
{
    while (world->sent_count > 0)
        json_decref(world->sent[--world->sent_count].result);
    world_kill_agent(world);
    sy_loop_destroy(world->loop);
    sy_agent_conf_destroy(world->conf);
    if (world->cgroups) {
        sy_cgroup_remove(world->cgroups, world->group, NULL);
        sy_cgroup_host_close(world->cgroups);
    }
    sy_file_remove_tree(world->dir, NULL);
}

void world_start_spec(struct world *world, enum sy_stage stage, uint64_t task, uint32_t attempt,
                      uint64_t number, const char *spec)
{
    struct sy_msg_start start = {.task = task,
                                 .attempt = attempt,
                                 .token = {7},
                                 .stage = stage,
                                 .miner = 1000,
                                 .number = number,
                                 .proof_type = 0,
                                 .spec = {spec, (uint32_t)strlen(spec)}};
    memcpy(start.scratch_store, world->scratch_id, sizeof start.scratch_store);
    memcpy(start.long_store, world->store_id, sizeof start.long_store);
    sy_attempts_on_start(world->attempts, &start);
}

void world_start(struct world *world, enum sy_stage stage, uint64_t task, uint32_t attempt,
                 uint64_t number)
{
    world_start_spec(world, stage, task, attempt, number, "{\"proof_type\":0,\"miner\":1000}");
}

void world_stop(struct world *world, uint64_t task, uint32_t attempt)
{
    const struct sy_msg_attempt_ref ref = {task, attempt};
    sy_attempts_on_stop(world->attempts, &ref);
}

void world_ack(struct world *world, uint64_t task, uint32_t attempt, uint32_t verdict)
{
    const struct sy_msg_result_ack ack = {task, attempt, verdict};
    sy_attempts_on_result_ack(world->attempts, &ack);
}

void world_turn(struct world *world, int turns)
{
    struct sy_error err;
    for (int i = 0; i < turns; i++) {
        assert_int_equal(sy_loop_turn(world->loop, 20, &err), 0);
        sy_attempts_tick(world->attempts);
    }
}

bool world_has(const struct world *world, uint16_t type, uint64_t task, uint32_t attempt)
{
    for (size_t i = 0; i < world->sent_count; i++)
        if (world->sent[i].type == type && world->sent[i].task == task &&
            world->sent[i].attempt == attempt)
            return true;
    return false;
}

struct world_sent *world_wait(struct world *world, uint16_t type, uint64_t task, uint32_t attempt)
{
    static struct world_sent taken;
    json_decref(taken.result);
    taken = (struct world_sent){0};
    uint64_t deadline_ms = sy_env_boot_ms(sy_env_real()) + WORLD_WAIT_MS;
    while (!world_has(world, type, task, attempt)) {
        if (sy_env_boot_ms(sy_env_real()) > deadline_ms)
            fail_msg("no %s of %llu-%u after %d ms", sy_msg_name(type), (unsigned long long)task,
                     attempt, WORLD_WAIT_MS);
        world_turn(world, 1);
    }
    for (size_t i = 0; i < world->sent_count; i++) {
        if (world->sent[i].type != type || world->sent[i].task != task ||
            world->sent[i].attempt != attempt)
            continue;
        taken = world->sent[i];
        world->sent_count--;
        memmove(&world->sent[i], &world->sent[i + 1],
                (world->sent_count - i) * sizeof world->sent[0]);
        break;
    }
    return &taken;
}

void world_wait_file(struct world *world, const char *path)
{
    uint64_t deadline_ms = sy_env_boot_ms(sy_env_real()) + WORLD_WAIT_MS;
    while (access(path, F_OK) != 0) {
        if (sy_env_boot_ms(sy_env_real()) > deadline_ms)
            fail_msg("%s has not appeared", path);
        world_turn(world, 1);
    }
}

size_t world_processes(const struct world *world, uint64_t task, uint32_t attempt)
{
    char variable[256];
    size_t count = 0;
    snprintf(variable, sizeof variable, "SEALYARD_ATTEMPT=%s/attempts/%llu-%u", world->dir,
             (unsigned long long)task, attempt);
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && (entry = readdir(proc)) != NULL;) {
        char path[300], *text;
        size_t bytes;
        snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
        if (strtol(entry->d_name, NULL, 10) <= 0 ||
            sy_file_read(path, 65536, &text, &bytes, NULL) != 0)
            continue;
        count += memmem(text, bytes, variable, strlen(variable)) != NULL;
        free(text);
    }
    closedir(proc);
    return count;
}

uint32_t world_attempts(const struct world *world)
{
    struct sy_msg_attempt_state states[16];
    return sy_attempts_states(world->attempts, states, 16);
}

size_t world_entries(const struct world *world, const char *sub_directory)
{
    char path[256];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/%s", world->dir, sub_directory);
    DIR *entries = opendir(path);
    for (struct dirent *entry; entries && (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.';
    if (entries)
        closedir(entries);
    return count;
}
