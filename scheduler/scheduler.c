/* Putting the parts together, in order, and taking them apart; see scheduler.h. */
#include "scheduler/scheduler.h"

#include "scheduler/history.h"
#include "scheduler/recover.h"
#include "scheduler/rpc_command.h"
#include "scheduler/scheduler_feed.h"

#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- hooks --------------------- */

static void on_event(void *ctx, uint32_t kind)
{
    struct sy_scheduler *scheduler = ctx;
    (void)kind;
    if (scheduler->dispatcher)
        sy_dispatcher_touch(scheduler->dispatcher);
}

static void on_durable(void *ctx)
{
    struct sy_scheduler *scheduler = ctx;
    if (scheduler->dispatcher)
        sy_dispatcher_send(scheduler->dispatcher);
}

static void on_store_failed(void *ctx, const struct sy_error *err)
{
    struct sy_scheduler *scheduler = ctx;
    char text[SY_ERROR_TEXT_BYTES + 8];
    SY_ERROR("store", "failed", "err=%s", sy_log_value(err->text, text, sizeof text));
    scheduler->store_error = *err;
    scheduler->failure = err->code ? err->code : SY_E_IO;
    sy_loop_stop(scheduler->loop);
}

static void on_tick(void *ctx)
{
    sy_rpc_tick(ctx);
}

static void on_before_sleep(void *ctx)
{
    sy_scheduler_end_turn(ctx);
}

static void on_frame(void *ctx, const struct sy_peer *peer, const struct sy_frame *frame)
{
    sy_rpc_handle(ctx, peer, frame);
}

static void on_signal(void *ctx, int signal)
{
    struct sy_scheduler *scheduler = ctx;
    struct sy_error err = {0};
    bool changed = false;
    if (signal != SIGHUP) {
        SY_INFO("scheduler", "stop", "signal=%d", signal);
        sy_scheduler_stop(scheduler);
    } else if (sy_scheduler_reload_policy(scheduler, &changed, &err)) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_ERROR("scheduler", "policy_refused", "err=%s",
                 sy_log_value(err.text, text, sizeof text));
    }
}

static int router_send(void *ctx, const struct sy_peer *peer, uint16_t type, uint64_t generation,
                       uint64_t sequence, const void *body, struct sy_error *err)
{
    struct sy_scheduler *scheduler = ctx;
    if (!scheduler->router)
        return sy_fail(err, SY_E_UNREACHABLE, "not bound yet");
    return sy_router_send(scheduler->router, peer, type, generation, sequence, body, err);
}

int sy_scheduler_lookup_key(void *ctx, const char *public_key, struct sy_identity *ret,
                            struct sy_error *err)
{
    const struct sy_scheduler *scheduler = ctx;
    const struct sy_identity *identity = sy_state_identity_of_key(scheduler->state, public_key);
    if (!identity)
        return sy_fail(err, SY_E_AUTH, "the key is not known");
    if (identity->revoked)
        return sy_fail(err, SY_E_AUTH, "the key of %s is revoked", identity->name);
    if (identity->expires_ms && identity->expires_ms <= sy_env_wall_ms(scheduler->env))
        return sy_fail(err, SY_E_AUTH, "the key of %s has expired", identity->name);
    *ret = *identity;
    return 0;
}

void sy_scheduler_end_turn(struct sy_scheduler *scheduler)
{
    if (scheduler->failure)
        return;
    if (!scheduler->stopping)
        sy_dispatcher_plan(scheduler->dispatcher);
    sy_journal_flush(scheduler->journal);
}

int sy_scheduler_wait_durable(struct sy_scheduler *scheduler, struct sy_error *err)
{
    uint64_t end_ms = sy_env_boot_ms(scheduler->env) + SY_SCHEDULER_STORE_WAIT_MS;
    while (!scheduler->failure) {
        sy_journal_flush(scheduler->journal);
        if (sy_journal_is_idle(scheduler->journal))
            return 0;
        if (sy_env_boot_ms(scheduler->env) >= end_ms)
            return sy_fail(err, SY_E_TIMEOUT, "the store did not commit within %d s",
                           SY_SCHEDULER_STORE_WAIT_MS / 1000);
        int rc = sy_loop_turn(scheduler->loop, 50, err);
        if (rc)
            return rc;
    }
    if (err)
        *err = scheduler->store_error;
    return -scheduler->failure;
}

/* ---------------------------------------------------------------- policy -------------------- */

static void make_limits(const struct sy_policy *policy, struct sy_admit_limits *ret)
{
    *ret = (struct sy_admit_limits){
        .frames_per_s = policy->identity_rate,
        .frames_burst = policy->identity_burst,
        .jobs_live_max = policy->live_jobs_max,
        .store_percent_max = policy->store_reserve_percent,
    };
}

/* Text and parsed form of the configured policy; built-in defaults when there is no file. */
static int read_policy(const struct sy_scheduler *scheduler, struct sy_policy *ret, char **ret_text,
                       size_t *ret_bytes, struct sy_error *err)
{
    const char *path = scheduler->options->policy_path;
    char *text = NULL;
    size_t bytes = 0;
    if (!path[0]) {
        sy_policy_init(ret);
        *ret_text = NULL;
        *ret_bytes = 0;
        return 0;
    }
    int rc = sy_file_read(path, SY_POLICY_BYTES_MAX, &text, &bytes, err);
    if (rc == 0)
        rc = sy_policy_parse(ret, text, bytes, path, err);
    if (rc) {
        free(text);
        return rc;
    }
    *ret_text = text;
    *ret_bytes = bytes;
    return 0;
}

int sy_scheduler_reload_policy(struct sy_scheduler *scheduler, bool *ret_changed,
                               struct sy_error *err)
{
    struct sy_policy policy;
    struct sy_ev_policy event = {0};
    char *text = NULL;
    size_t bytes = 0;
    int rc = read_policy(scheduler, &policy, &text, &bytes, err);
    if (rc)
        return rc;
    crypto_hash_sha256(event.digest, (const unsigned char *)(text ? text : ""), bytes);
    event.text = (struct sy_slice){.data = text ? text : "", .bytes = (uint32_t)bytes};
    bool changed = memcmp(event.digest, sy_state_meta(scheduler->state)->policy_digest,
                          sizeof event.digest) != 0;
    if (changed)
        rc = sy_journal_event(scheduler->journal, SY_EVENT_POLICY_ACCEPTED, &event, err);
    free(text);
    if (rc)
        return rc;
    struct sy_admit_limits limits;
    scheduler->policy = policy;
    make_limits(&policy, &limits);
    sy_admit_set_limits(scheduler->admit, &limits);
    sy_dispatcher_touch(scheduler->dispatcher);
    SY_INFO("scheduler", "policy", "changed=%d bytes=%zu", changed, bytes);
    if (ret_changed)
        *ret_changed = changed;
    return 0;
}

/* ---------------------------------------------------------------- parts --------------------- */

int sy_scheduler_create_parts(struct sy_scheduler *scheduler, struct sy_batch *first,
                              struct sy_error *err)
{
    struct sy_journal_opts journal = {
        .env = scheduler->env,
        .loop = scheduler->loop,
        .store = &scheduler->store,
        .state = scheduler->state,
        .want_rows = scheduler->options->plugin_count > 0,
        .on_event = on_event,
        .on_row = sy_scheduler_on_row,
        .on_durable = on_durable,
        .on_failed = on_store_failed,
        .ctx = scheduler,
    };
    struct sy_admit_limits limits;
    make_limits(&scheduler->policy, &limits);
    int rc = sy_journal_create(&scheduler->journal, &journal, first, err);
    if (rc == 0)
        rc = sy_admit_create(&scheduler->admit, &limits, err);
    if (rc == 0)
        rc = sy_links_create(&scheduler->links, err);
    if (rc == 0)
        rc = sy_relay_create(&scheduler->relay, err);
    if (rc == 0)
        rc = sy_command_memory_create(&scheduler->commands, err);
    if (rc == 0)
        rc = sy_dispatcher_create(&scheduler->dispatcher, scheduler, err);
    /* agents are silent from now on */
    uint64_t now_ms = sy_env_boot_ms(scheduler->env);
    size_t count = sy_state_count(scheduler->state, SY_ROW_AGENT);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct sy_agent *agent = sy_state_at(scheduler->state, SY_ROW_AGENT, i);
        struct sy_link *link = NULL;
        rc = sy_links_obtain(scheduler->links, agent->name, now_ms, &link, err);
    }
    return rc;
}

void sy_scheduler_destroy_parts(struct sy_scheduler *scheduler)
{
    sy_history_fini(scheduler);
    sy_journal_destroy(scheduler->journal);
    scheduler->journal = NULL;
    sy_dispatcher_destroy(scheduler->dispatcher);
    scheduler->dispatcher = NULL;
    sy_command_memory_destroy(scheduler->commands);
    scheduler->commands = NULL;
    sy_relay_destroy(scheduler->relay);
    scheduler->relay = NULL;
    sy_links_destroy(scheduler->links);
    scheduler->links = NULL;
    sy_admit_destroy(scheduler->admit);
    scheduler->admit = NULL;
}

int sy_scheduler_set_miners(struct sy_scheduler *scheduler, struct sy_error *err)
{
    for (size_t i = 0; i < scheduler->options->miner_count; i++) {
        const struct sy_scheduler_miner *wanted = &scheduler->options->miners[i];
        const struct sy_miner *known = sy_state_miner(scheduler->state, wanted->actor);
        if (known && known->proof_type == wanted->proof_type)
            continue;
        if (known)
            return sy_fail(err, SY_E_STATE,
                           "miner t0%llu has proof type %u in the store and %u in %s: the proof "
                           "type of a known miner cannot change; correct the file",
                           (unsigned long long)wanted->actor, known->proof_type, wanted->proof_type,
                           scheduler->options->path);
        struct sy_miner event = {
            .id = wanted->actor,
            .proof_type = wanted->proof_type,
            .sector_bytes = wanted->sector_bytes,
        };
        int rc = sy_journal_event(scheduler->journal, SY_EVENT_MINER_SET, &event, err);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---------------------------------------------------------------- start --------------------- */

static int load_keys(struct sy_scheduler *scheduler, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    int rc = sy_scheduler_key_path(scheduler->options, "server.key", path, err);
    if (rc)
        return rc;
    rc = sy_keypair_load(path, &scheduler->key, err);
    if (rc == -SY_E_NOT_FOUND)
        return sy_error_wrap(err, "no server key; run sealyard-scheduler init --config %s first",
                             scheduler->options->path);
    return rc;
}

static int open_state(struct sy_scheduler *scheduler, bool take_over, struct sy_batch *first,
                      struct sy_error *err)
{
    const struct sy_scheduler_options *options = scheduler->options;
    char machine_id[40];
    int rc =
        sy_store_lmdb_open(&scheduler->store, options->store_path, options->map_bytes, false, err);
    if (rc)
        return rc;
    struct sy_recover_report *report = sy_mem_alloc(sizeof *report);
    if (!report)
        return sy_fail(err, SY_E_NOMEM, "recovery: out of memory");
    rc = sy_recover_load(&scheduler->store, &scheduler->state, first, report, err);
    if (rc == 0)
        SY_INFO("scheduler", "recovered",
                "events=%llu rows=%llu damaged=%llu rebuilt=%llu lost=%llu",
                (unsigned long long)report->events, (unsigned long long)report->rows,
                (unsigned long long)report->damaged, (unsigned long long)report->rebuilt,
                (unsigned long long)report->lost);
    for (uint32_t i = 0; rc == 0 && i < report->note_count; i++) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_WARN("scheduler", "damage", "table=%s key=%s text=%s",
                sy_record_table_name(report->notes[i].table), report->notes[i].key,
                sy_log_value(report->notes[i].text, text, sizeof text));
    }
    sy_mem_free(report);
    if (rc == 0)
        rc = sy_recover_machine_id(machine_id, err);
    if (rc == 0)
        rc = sy_recover_check_machine(scheduler->state, machine_id, take_over, err);
    return rc;
}

/* The facts of this start; the endpoint is bound only after they are durable. */
static int begin_generation(struct sy_scheduler *scheduler, struct sy_error *err)
{
    struct sy_ev_generation event = {
        .generation = sy_state_meta(scheduler->state)->generation + 1,
    };
    sy_env_random(scheduler->env, event.instance, sizeof event.instance);
    int rc = sy_recover_machine_id(event.machine_id, err);
    if (rc == 0)
        rc = sy_journal_event(scheduler->journal, SY_EVENT_GENERATION, &event, err);
    if (rc == 0)
        rc = sy_scheduler_reload_policy(scheduler, NULL, err);
    if (rc == 0)
        rc = sy_scheduler_set_miners(scheduler, err);
    if (rc == 0)
        rc = sy_scheduler_wait_durable(scheduler, err);
    if (rc)
        return rc;
    scheduler->generation = event.generation;
    memcpy(scheduler->instance, event.instance, sizeof scheduler->instance);
    return 0;
}

static int start_plugins(struct sy_scheduler *scheduler, struct sy_error *err)
{
    struct sy_scheduler_options *options = scheduler->options;
    struct sy_plugin_set_opts opts = {
        .loop = scheduler->loop,
        .env = scheduler->env,
        .directory = options->plugin_directory,
        .plugins = options->plugins,
        .plugin_count = options->plugin_count,
        .on_propose = sy_scheduler_on_propose,
        .ctx = scheduler,
    };
    int rc = 0;
    if (options->plugin_count) {
        rc = sy_plugin_set_create(&scheduler->plugins, &opts, err);
        if (rc == 0)
            rc = sy_scheduler_feed_all(scheduler, err);
    }
    if (rc == 0)
        rc = sy_scheduler_options_finish(options, err);
    if (rc == 0 && scheduler->plugins)
        sy_plugin_set_run(scheduler->plugins);
    return rc;
}

static int bind_router(struct sy_scheduler *scheduler, struct sy_error *err)
{
    const char *endpoints[SY_SCHEDULER_LISTEN_MAX + 1];
    for (size_t i = 0; i < scheduler->options->endpoint_count; i++)
        endpoints[i] = scheduler->options->endpoints[i];
    struct sy_router_opts opts = {
        .loop = scheduler->loop,
        .endpoints = endpoints,
        .endpoint_count = scheduler->options->endpoint_count,
        .key = &scheduler->key,
        .lookup = sy_scheduler_lookup_key,
        .on_frame = on_frame,
        .ctx = scheduler,
    };
    return sy_router_create(&scheduler->router, &opts, err);
}

static int start_loop(struct sy_scheduler *scheduler, bool handle_signals, struct sy_error *err)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    int rc = sy_loop_create(&scheduler->loop, scheduler->env, err);
    if (rc == 0 && handle_signals)
        rc = sy_loop_on_signals(scheduler->loop, signals, SY_ARRAY_SIZE(signals), on_signal,
                                scheduler, err);
    return rc;
}

static int start_scheduler(struct sy_scheduler *scheduler, const struct sy_scheduler_opts *opts,
                           struct sy_error *err)
{
    struct sy_batch first = {0};
    int rc = load_keys(scheduler, err);
    if (rc == 0)
        rc = start_loop(scheduler, opts->handle_signals, err);
    if (rc == 0)
        rc = open_state(scheduler, opts->take_over, &first, err);
    if (rc == 0) {
        sy_policy_init(&scheduler->policy);
        rc = sy_scheduler_create_parts(scheduler, &first, err);
    }
    sy_batch_fini(&first);
    SY_FAULT("scheduler.before_generation");
    if (rc == 0)
        rc = begin_generation(scheduler, err);
    SY_FAULT("scheduler.after_generation");
    if (rc == 0)
        rc = start_plugins(scheduler, err);
    if (rc == 0)
        rc = sy_timer_create(scheduler->loop, SY_RPC_TICK_MS, SY_RPC_TICK_MS, on_tick, scheduler,
                             &scheduler->tick, err);
    if (rc == 0)
        rc = bind_router(scheduler, err);
    return rc;
}

int sy_scheduler_create(struct sy_scheduler **ret, const struct sy_scheduler_opts *opts,
                        struct sy_error *err)
{
    struct sy_scheduler *scheduler = sy_mem_alloc(sizeof *scheduler);
    if (!scheduler)
        return sy_fail(err, SY_E_NOMEM, "scheduler: out of memory");
    scheduler->env = opts->env;
    scheduler->options = opts->options;
    scheduler->send = router_send;
    scheduler->send_ctx = scheduler;
    scheduler->started_ms = sy_env_wall_ms(opts->env);
    int rc = start_scheduler(scheduler, opts, err);
    if (rc) {
        sy_scheduler_destroy(scheduler);
        return rc;
    }
    sy_loop_before_sleep(scheduler->loop, on_before_sleep, scheduler);
    SY_INFO("scheduler", "ready", "generation=%llu endpoint=%s plugins=%zu version=%s",
            (unsigned long long)scheduler->generation, sy_router_endpoint(scheduler->router, 0),
            opts->options->plugin_count, SY_VERSION);
    *ret = scheduler;
    return 0;
}

/* ---------------------------------------------------------------- life ---------------------- */

int sy_scheduler_run(struct sy_scheduler *scheduler, struct sy_error *err)
{
    int rc = sy_loop_run(scheduler->loop, err);
    scheduler->stopping = true;
    if (rc == 0)
        rc = sy_scheduler_wait_durable(scheduler, err);
    return rc;
}

void sy_scheduler_stop(struct sy_scheduler *scheduler)
{
    sy_loop_stop(scheduler->loop);
}

void sy_scheduler_destroy(struct sy_scheduler *scheduler)
{
    if (!scheduler)
        return;
    sy_timer_destroy(scheduler->tick);
    sy_plugin_set_destroy(scheduler->plugins);
    sy_router_destroy(scheduler->router);
    if (scheduler->store.ops)
        scheduler->store.ops->close(scheduler->store.self);
    sy_scheduler_destroy_parts(scheduler);
    sy_state_destroy(scheduler->state);
    sy_loop_destroy(scheduler->loop);
    sy_keypair_wipe(&scheduler->key);
    sy_mem_free(scheduler);
}
