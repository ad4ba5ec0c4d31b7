#include "agent/agent.h"

#include "agent/attempt.h"
#include "agent/enroll.h"
#include "agent/file_read.h"
#include "agent/link.h"
#include "cgroup/hugepage.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#define TOPOLOGY_BYTES_MAX 65536
#define ID_BYTES 4

struct sy_agent_daemon {
    const struct sy_agent_conf *conf; /* borrowed */
    const struct sy_env *env;
    int lock_fd;
    struct sy_loop *loop;
    struct sy_topo *topo;
    struct sy_slots slots;
    struct sy_stores stores;
    struct sy_cgroup_host *cgroups; /* NULL when switched off */
    char cgroup_base[SY_CGROUP_NAME_BYTES];
    struct sy_attempts *attempts;
    struct sy_guard guard;
    struct sy_keypair key;
    char server_key[SY_KEY_TEXT_BYTES];
    struct sy_link *link;
    struct sy_timer *tick, *look, *sweep;
    uint8_t instance[SY_GUARD_INSTANCE_BYTES];
    char boot_id[SY_UUID_BYTES];
    char *topology; /* JSON, malloc'ed */
    /* bodies that HELLO points to */
    struct sy_slot_offer offers[SY_STAGE_COUNT];
    struct sy_msg_attempt_state states[SY_ATTEMPTS_MAX];
    uint8_t chunk[SY_CHUNK_BYTES_MAX];
};

/* ---------------------------------------------------------------- what the link asks --------- */

static void make_hello(void *ctx, struct sy_msg_hello *ret)
{
    struct sy_agent_daemon *agent = ctx;
    sy_stores_refresh(&agent->stores);
    snprintf(ret->version, sizeof ret->version, "%s", SY_VERSION);
    memcpy(ret->instance, agent->instance, sizeof ret->instance);
    memcpy(ret->boot_id, agent->boot_id, sizeof ret->boot_id);
    ret->generation_seen = agent->guard.generation;
    ret->slots = (struct sy_list){agent->offers, sy_slots_offers(&agent->slots, agent->offers)};
    ret->topology = (struct sy_slice){agent->topology, (uint32_t)strlen(agent->topology)};
    ret->stores = (struct sy_list){agent->stores.rows, agent->stores.count};
    ret->attempts = (struct sy_list){
        agent->states, sy_attempts_states(agent->attempts, agent->states, SY_ATTEMPTS_MAX)};
}

static void make_heartbeat(void *ctx, struct sy_msg_heartbeat *ret)
{
    struct sy_agent_daemon *agent = ctx;
    ret->stores = (struct sy_list){agent->stores.rows, agent->stores.count};
}

static void on_joined(void *ctx)
{
    struct sy_agent_daemon *agent = ctx;
    sy_attempts_on_joined(agent->attempts);
}

static int send_push(void *ctx, uint16_t type, uint64_t sequence, const void *body,
                     struct sy_error *err)
{
    struct sy_agent_daemon *agent = ctx;
    if (!agent->link)
        return sy_fail(err, SY_E_UNREACHABLE, "no connection yet");
    return sy_link_send(agent->link, type, sequence, body, err);
}

static void attach_store(struct sy_agent_daemon *agent, uint64_t sequence,
                         const struct sy_msg_store_attach *request)
{
    struct sy_error err = {0}, ignored;
    const struct sy_store_row *row;
    struct sy_msg_store_state *state = calloc(1, sizeof *state);
    if (!state)
        return; /* the command is repeated */
    int rc = sy_stores_attach(&agent->stores, agent->env, request->path, request->kind,
                              request->initialise, &row, &err);
    if (rc == 0) {
        state->store = *row;
        SY_INFO("stores", "attached", "store=%s path=%s kind=%s", row->uuid, row->path,
                sy_store_kind_name(row->kind));
    } else {
        snprintf(state->store.path, sizeof state->store.path, "%s", request->path);
        state->store.kind = request->kind;
        state->code = (uint32_t)err.code;
        state->error_class = err.class;
        state->error = (struct sy_slice){err.text, (uint32_t)strlen(err.text)};
        SY_WARN("stores", "not-attached", "err=\"%s\"", err.text);
    }
    snprintf(state->store.agent, sizeof state->store.agent, "%s", agent->conf->name);
    sy_link_send(agent->link, SY_MSG_STORE_STATE, sequence, state, &ignored);
    free(state);
}

static void read_file(struct sy_agent_daemon *agent, uint64_t sequence,
                      const struct sy_msg_file_read *request)
{
    struct sy_error err = {0}, ignored;
    struct sy_msg_chunk chunk = {0};
    if (sy_agent_file_read(&chunk, agent->conf->dir, &agent->stores, request, agent->chunk, &err) ==
        0) {
        sy_link_send(agent->link, SY_MSG_CHUNK, sequence, &chunk, &ignored); /* asked again */
        return;
    }
    const struct sy_msg_failure failure = {
        .code = (uint32_t)err.code,
        .error_class = (uint32_t)err.class,
        .text = {err.text, (uint32_t)strlen(err.text)},
    };
    sy_link_send(agent->link, SY_MSG_FAILURE, sequence, &failure, &ignored);
}

static void on_frame(void *ctx, const struct sy_frame *frame)
{
    struct sy_agent_daemon *agent = ctx;
    switch (frame->type) {
    case SY_MSG_START:
        sy_attempts_on_start(agent->attempts, frame->body);
        break;
    case SY_MSG_STOP:
        sy_attempts_on_stop(agent->attempts, frame->body);
        break;
    case SY_MSG_RESULT_ACK:
        sy_attempts_on_result_ack(agent->attempts, frame->body);
        break;
    case SY_MSG_STORE_ATTACH:
        attach_store(agent, frame->sequence, frame->body);
        break;
    case SY_MSG_FILE_READ:
        read_file(agent, frame->sequence, frame->body);
        break;
    case SY_MSG_CHUNK:
        sy_attempts_on_chunk(agent->attempts, frame->sequence, frame->body);
        break;
    case SY_MSG_FAILURE:
        sy_attempts_on_failure(agent->attempts, frame->sequence, frame->body);
        break;
    default:
        SY_WARN("agent", "unexpected", "type=%s", sy_msg_name(frame->type));
    }
}

/* ---------------------------------------------------------------- timers -------------------- */

static void on_tick(void *ctx)
{
    struct sy_agent_daemon *agent = ctx;
    sy_attempts_tick(agent->attempts);
}

static void on_look(void *ctx)
{
    struct sy_agent_daemon *agent = ctx;
    sy_stores_refresh(&agent->stores);
}

static void on_sweep(void *ctx)
{
    struct sy_agent_daemon *agent = ctx;
    sy_attempts_sweep(agent->attempts);
}

static void on_signal(void *ctx, int signal)
{
    struct sy_agent_daemon *agent = ctx;
    SY_INFO("agent", "stopping", "signal=%d", signal);
    sy_loop_stop(agent->loop);
}

/* ---------------------------------------------------------------- parts --------------------- */

static int take_lock(struct sy_agent_daemon *agent, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_file_make_directory(agent->conf->dir, 0755, err);
    if (rc == 0)
        rc = sy_path_format(path, err, "%s/lock", agent->conf->dir);
    if (rc != 0)
        return rc;
    agent->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (agent->lock_fd < 0)
        return sy_fail_errno(err, errno, "open %s", path);
    if (flock(agent->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? sy_fail(err, SY_E_BUSY, "another agent runs on %s: stop it first",
                             agent->conf->dir)
                   : sy_fail_errno(err, errno, "lock %s", path);
    return 0;
}

static int load_keys(struct sy_agent_daemon *agent, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_agent_key_path(path, agent->conf, err);
    if (rc == 0 && access(path, F_OK) != 0)
        return sy_fail(
            err, SY_E_NOT_FOUND,
            "%s is missing: this agent is not enrolled. On the scheduler's host: `sealyard "
            "agents enroll %s`; here: `sealyard-agent enroll --config FILE`",
            path, agent->conf->name);
    if (rc == 0)
        rc = sy_keypair_load(path, &agent->key, err);
    if (rc == 0)
        rc = sy_public_key_load(agent->conf->scheduler_key, agent->server_key, err);
    return rc;
}

/* Group names must differ between agents of one host, also when two laboratories use one agent name
 * and the same task numbers: a random id belongs to the directory. */
static int name_groups(struct sy_agent_daemon *agent, struct sy_error *err)
{
    char path[SY_PATH_BYTES], text[2 * ID_BYTES + 1], *data = NULL;
    size_t bytes = 0;
    int rc = sy_path_format(path, err, "%s/id", agent->conf->dir);
    if (rc != 0)
        return rc;
    if (sy_file_read(path, 64, &data, &bytes, NULL) == 0 && bytes == 2 * ID_BYTES &&
        strspn(data, "0123456789abcdef") == bytes) {
        memcpy(text, data, sizeof text);
    } else {
        uint8_t id[ID_BYTES];
        sy_env_random(agent->env, id, sizeof id);
        for (size_t i = 0; i < ID_BYTES; i++)
            snprintf(text + 2 * i, 3, "%02x", id[i]);
        rc = sy_file_write(path, text, 2 * ID_BYTES, 0600, err);
    }
    free(data);
    int length = snprintf(agent->cgroup_base, sizeof agent->cgroup_base, "%s/%s-%s",
                          agent->conf->cgroup_parent, agent->conf->name, text);
    if (rc == 0 && (length < 0 || (size_t)length >= sizeof agent->cgroup_base))
        rc = sy_fail(err, SY_E_LIMIT, "[cgroup] parent \"%s\" is too long",
                     agent->conf->cgroup_parent);
    return rc;
}

static int open_cgroups(struct sy_agent_daemon *agent, struct sy_error *err)
{
    char text[128];
    if (!agent->conf->cgroup_enabled) {
        SY_WARN("agent", "no-cgroups", "text=\"tasks are neither pinned nor limited\"");
        return 0;
    }
    int rc = sy_cgroup_host_open(&agent->cgroups, err);
    if (rc == 0)
        rc = sy_cgroup_host_check(agent->cgroups, agent->cgroup_base, err);
    if (rc == 0)
        SY_INFO("agent", "cgroups", "base=%s %s", agent->cgroup_base,
                sy_cgroup_host_describe(agent->cgroups, text, sizeof text));
    return rc;
}

static int describe_machine(struct sy_agent_daemon *agent, struct sy_error *err)
{
    char text[128] = "off";
    json_t *root = sy_topo_json(agent->topo);
    if (root) {
        json_object_set_new(root, "hugepages",
                            sy_hugepage_json("/sys", sy_topo_node_count(agent->topo)));
        if (agent->cgroups)
            sy_cgroup_host_describe(agent->cgroups, text, sizeof text);
        json_object_set_new(root, "cgroups", json_string(text));
        agent->topology = json_dumps(root, JSON_COMPACT);
    }
    json_decref(root);
    if (!agent->topology)
        return sy_fail(err, SY_E_NOMEM, "no memory to describe the machine");
    if (strlen(agent->topology) > TOPOLOGY_BYTES_MAX) { /* only shown; an empty object is honest */
        free(agent->topology);
        agent->topology = strdup("{}");
    }
    return agent->topology ? 0 : sy_fail(err, SY_E_NOMEM, "no memory to describe the machine");
}

static int check_hugepages(const struct sy_agent_conf *conf, struct sy_error *err)
{
    return conf->hugepage_mount[0]
               ? sy_hugepage_mount_check(conf->hugepage_mount, conf->hugepage_page_bytes, err)
               : 0;
}

static int create_machine(struct sy_agent_daemon *agent, struct sy_error *err)
{
    const struct sy_agent_conf *conf = agent->conf;
    int rc = sy_topo_create(&agent->topo, conf->topology[0] ? conf->topology : NULL, err);
    if (rc == 0)
        rc = sy_slots_init(&agent->slots, conf, agent->topo, err);
    if (rc == 0)
        rc = check_hugepages(conf, err);
    if (rc == 0)
        rc = name_groups(agent, err);
    if (rc == 0)
        rc = open_cgroups(agent, err);
    if (rc == 0)
        rc = describe_machine(agent, err);
    if (rc == 0)
        rc = sy_stores_init(&agent->stores, conf->dir, conf->name, err);
    return rc;
}

static int create_attempts(struct sy_agent_daemon *agent, struct sy_error *err)
{
    const struct sy_attempts_opts opts = {.conf = agent->conf,
                                          .env = agent->env,
                                          .loop = agent->loop,
                                          .slots = &agent->slots,
                                          .stores = &agent->stores,
                                          .cgroups = agent->cgroups,
                                          .cgroup_base = agent->cgroup_base,
                                          .send = send_push,
                                          .ctx = agent};
    int rc = sy_attempts_create(&agent->attempts, &opts, err);
    return rc == 0 ? sy_attempts_adopt(agent->attempts, err) : rc;
}

static int create_link(struct sy_agent_daemon *agent, struct sy_error *err)
{
    const struct sy_link_opts opts = {.loop = agent->loop,
                                      .guard = &agent->guard,
                                      .endpoint = agent->conf->scheduler,
                                      .server_key = agent->server_key,
                                      .key = &agent->key,
                                      .make_hello = make_hello,
                                      .make_heartbeat = make_heartbeat,
                                      .on_joined = on_joined,
                                      .on_frame = on_frame,
                                      .ctx = agent};
    return sy_link_create(&agent->link, &opts, err);
}

static int create_timers(struct sy_agent_daemon *agent, struct sy_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT};
    int rc =
        sy_loop_on_signals(agent->loop, signals, SY_ARRAY_SIZE(signals), on_signal, agent, err);
    if (rc == 0)
        rc = sy_timer_create(agent->loop, SY_AGENT_TICK_MS, SY_AGENT_TICK_MS, on_tick, agent,
                             &agent->tick, err);
    if (rc == 0)
        rc = sy_timer_create(agent->loop, SY_AGENT_STORES_MS, SY_AGENT_STORES_MS, on_look, agent,
                             &agent->look, err);
    if (rc == 0)
        rc =
            sy_timer_create(agent->loop, 0, SY_AGENT_SWEEP_MS, on_sweep, agent, &agent->sweep, err);
    return rc;
}

int sy_agent_daemon_create(struct sy_agent_daemon **ret, const struct sy_agent_conf *conf,
                           struct sy_error *err)
{
    struct sy_agent_daemon *agent = calloc(1, sizeof *agent);
    if (!agent)
        return sy_fail(err, SY_E_NOMEM, "no memory for the agent");
    agent->conf = conf;
    agent->env = sy_env_real();
    agent->lock_fd = -1;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* the key is in memory */
    sy_env_random(agent->env, agent->instance, sizeof agent->instance);
    int rc = take_lock(agent, err);
    if (rc == 0)
        rc = load_keys(agent, err);
    if (rc == 0)
        rc = sy_env_boot_id(agent->boot_id, err);
    if (rc == 0)
        rc = sy_guard_init(&agent->guard, conf->dir, err);
    if (rc == 0)
        rc = create_machine(agent, err);
    if (rc == 0)
        rc = sy_loop_create(&agent->loop, agent->env, err);
    if (rc == 0)
        rc = create_timers(agent, err);
    if (rc == 0)
        rc = create_attempts(agent, err);
    if (rc == 0)
        rc = create_link(agent, err);
    if (rc != 0)
        sy_agent_daemon_destroy(agent);
    else
        *ret = agent;
    return rc;
}

void sy_agent_daemon_destroy(struct sy_agent_daemon *agent)
{
    if (!agent)
        return;
    sy_link_destroy(agent->link);
    agent->link = NULL;
    sy_attempts_destroy(agent->attempts);
    sy_timer_destroy(agent->tick);
    sy_timer_destroy(agent->look);
    sy_timer_destroy(agent->sweep);
    sy_loop_destroy(agent->loop);
    sy_cgroup_host_close(agent->cgroups);
    sy_slots_fini(&agent->slots);
    sy_topo_destroy(agent->topo);
    free(agent->topology);
    sy_keypair_wipe(&agent->key);
    if (agent->lock_fd >= 0)
        close(agent->lock_fd);
    free(agent);
}

int sy_agent_daemon_run(struct sy_agent_daemon *agent, struct sy_error *err)
{
    SY_INFO("agent", "running", "name=%s dir=%s version=%s", agent->conf->name, agent->conf->dir,
            SY_VERSION);
    return sy_loop_run(agent->loop, err);
}
