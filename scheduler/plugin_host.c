/* Plugins: loading, their threads, and the two ways between them and the loop; see plugin_host.h.
 *
 * One mutex guards the row cache, the proposals, the head and the miners; callbacks of plugins run
 * without it. Proposals wait in a list that the set owns; the loop is woken by one posted function,
 * so nothing is lost when the loop ends first.
 */
#include "scheduler/plugin_host.h"

#include "scheduler/plugin_rows.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

/* What one callback or one proposal may hold at most: a tick may look at many rows. */
#define ARENA_BYTES_MAX (256u << 20)

struct proposal {
    struct proposal *next;
    size_t plugin;
    uint32_t kind;
    size_t bytes;
    uint8_t data[];
};

enum phase { PHASE_STARTING, PHASE_READY, PHASE_FAILED, PHASE_RUNNING };

/* What a plugin's functions get as their host. */
struct sy_plugin_host {
    struct sy_plugin_set *set;
    size_t index;
    char name[SY_NAME_BYTES];
    struct sy_conf_table *conf; /* borrowed; used by start only */
    void *library;
    const struct sy_plugin *plugin; /* inside the library */
    void *self;
    pthread_t thread;
    bool joinable;
    enum phase phase;                /* guarded */
    struct sy_error start_error;     /* guarded until PHASE_FAILED is seen */
    struct sy_arena *arena;          /* rows of the present callback; plugin thread only */
    uint64_t rest_until_ms;          /* plugin thread only */
    uint64_t tick_due_ms;            /* plugin thread only */
    size_t proposals_waiting;        /* guarded */
    uint64_t proposals, refused;     /* guarded */
    uint64_t failures;               /* guarded */
    char error[SY_ERROR_TEXT_BYTES]; /* guarded; empty when the last call went well */
};

struct sy_plugin_set {
    struct sy_plugin_set_opts opts;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    bool stopping;          /* guarded */
    struct sy_plugin_rows *rows;
    struct proposal *proposals; /* guarded; in order */
    struct proposal *last;      /* guarded */
    bool wake_posted;           /* guarded */
    struct sy_chain_head head;
    bool head_known;
    bool head_changed; /* guarded: the loop has not been told yet */
    struct sy_miner *miners;
    size_t miner_count;
    struct sy_plugin_host hosts[SY_SCHEDULER_PLUGINS_MAX];
    size_t count;
};

static const struct sy_plugin_host_ops host_ops;

/* ---------------------------------------------------------------- loop side ----------------- */

static void deliver_proposal(struct sy_plugin_set *set, const struct proposal *proposal)
{
    struct sy_plugin_host *host = &set->hosts[proposal->plugin];
    const struct sy_table *table = sy_event_table(proposal->kind);
    struct sy_arena *arena = sy_arena_create(ARENA_BYTES_MAX);
    struct sy_error err = {0};
    int rc = arena ? 0 : sy_fail(&err, SY_E_NOMEM, "proposal: out of memory");
    void *body = arena ? sy_arena_alloc(arena, table->struct_bytes) : NULL;
    if (rc == 0 && !body)
        rc = sy_fail(&err, SY_E_NOMEM, "proposal: out of memory");
    if (rc == 0)
        rc = sy_table_decode(table, proposal->data, proposal->bytes, arena, body, &err);
    if (rc == 0)
        rc = set->opts.on_propose(set->opts.ctx, host->name, proposal->kind, body, &err);
    if (rc) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_INFO("plugin", "proposal_refused", "plugin=%s event=%s err=%s", host->name,
                sy_event_name(proposal->kind), sy_log_value(err.text, text, sizeof text));
    }
    sy_arena_destroy(arena);
    pthread_mutex_lock(&set->mutex);
    host->proposals++;
    if (rc)
        host->refused++;
    pthread_mutex_unlock(&set->mutex);
}

/* Posted to the loop thread once per group of proposals. */
static void on_wake(void *ctx)
{
    struct sy_plugin_set *set = ctx;
    pthread_mutex_lock(&set->mutex);
    struct proposal *list = set->proposals;
    bool head_changed = set->head_changed;
    set->proposals = NULL;
    set->last = NULL;
    set->wake_posted = false;
    set->head_changed = false;
    for (size_t i = 0; i < set->count; i++)
        set->hosts[i].proposals_waiting = 0;
    pthread_mutex_unlock(&set->mutex);
    if (head_changed && set->opts.on_head)
        set->opts.on_head(set->opts.ctx);
    while (list) {
        struct proposal *proposal = list;
        list = proposal->next;
        deliver_proposal(set, proposal);
        sy_mem_free(proposal);
    }
}

/* Under the lock. */
static int wake_loop(struct sy_plugin_set *set, struct sy_error *err)
{
    if (set->wake_posted)
        return 0;
    int rc = sy_loop_post(set->opts.loop, on_wake, set, err);
    if (rc == 0)
        set->wake_posted = true;
    return rc;
}

/* ---------------------------------------------------------------- functions of the ABI ------ */

static const struct sy_env *host_env(struct sy_plugin_host *host)
{
    return host->set->opts.env;
}

static bool is_allowed_kind(uint32_t kind)
{
    switch (kind) {
    case SY_EVENT_NUMBER_FLOOR:
    case SY_EVENT_TICKET:
    case SY_EVENT_SEED:
    case SY_EVENT_MESSAGE_QUEUED:
    case SY_EVENT_MESSAGE_SIGNED:
    case SY_EVENT_MESSAGE_ONCHAIN:
    case SY_EVENT_MESSAGE_FAILED:
    case SY_EVENT_PRECOMMIT_LANDED:
    case SY_EVENT_COMMIT_LANDED:
    case SY_EVENT_CHAIN_REFUSED:
        return true;
    default:
        return false;
    }
}

static int queue_proposal(struct sy_plugin_host *host, struct proposal *proposal,
                          struct sy_error *err)
{
    struct sy_plugin_set *set = host->set;
    pthread_mutex_lock(&set->mutex);
    int rc = 0;
    if (host->proposals_waiting >= SY_PLUGIN_PROPOSALS_MAX)
        rc = sy_fail(err, SY_E_AGAIN, "plugin %s: %d proposals wait already: propose again later",
                     host->name, SY_PLUGIN_PROPOSALS_MAX);
    else if (wake_loop(set, NULL))
        rc = sy_fail(err, SY_E_AGAIN, "the loop's queue is full: propose again later");
    if (rc == 0) {
        if (set->last)
            set->last->next = proposal;
        else
            set->proposals = proposal;
        set->last = proposal;
        host->proposals_waiting++;
    }
    pthread_mutex_unlock(&set->mutex);
    return rc;
}

static int host_propose(struct sy_plugin_host *host, uint32_t kind, const void *body,
                        struct sy_error *err)
{
    if (!is_allowed_kind(kind)) {
        const char *name = sy_event_name(kind);
        return sy_fail(err, SY_E_DENIED, "plugin %s may not propose %s (%u)", host->name,
                       name ? name : "an unknown event", kind);
    }
    struct sy_buffer buffer;
    struct proposal *proposal = NULL;
    sy_buffer_init(&buffer, SY_PLUGIN_PROPOSAL_BYTES_MAX);
    int rc = sy_table_encode(sy_event_table(kind), body, &buffer, err);
    if (rc)
        goto out;
    proposal = sy_mem_alloc(sizeof *proposal + buffer.bytes);
    if (!proposal) {
        rc = sy_fail(err, SY_E_NOMEM, "proposal: out of memory");
        goto out;
    }
    proposal->plugin = host->index;
    proposal->kind = kind;
    proposal->bytes = buffer.bytes;
    memcpy(proposal->data, buffer.data, buffer.bytes);
    rc = queue_proposal(host, proposal, err);
    if (rc == 0)
        proposal = NULL;
out:
    sy_mem_free(proposal);
    sy_buffer_fini(&buffer);
    return rc;
}

static void host_set_head(struct sy_plugin_host *host, const struct sy_chain_head *head)
{
    struct sy_plugin_set *set = host->set;
    pthread_mutex_lock(&set->mutex);
    set->head = *head;
    set->head_known = true;
    set->head_changed = true;
    wake_loop(set, NULL); /* a full queue only delays the news */
    pthread_mutex_unlock(&set->mutex);
}

/* Decodes the cached row into the plugin's arena; false when unknown or out of memory. */
static bool get_row(struct sy_plugin_host *host, const char *key, const struct sy_table *table,
                    void *ret)
{
    struct sy_plugin_set *set = host->set;
    const void *data = NULL;
    size_t bytes = 0;
    void *copy = NULL;
    pthread_mutex_lock(&set->mutex);
    if (sy_plugin_rows_get(set->rows, key, &data, &bytes)) {
        copy = sy_arena_alloc(host->arena, bytes);
        if (copy)
            memcpy(copy, data, bytes);
    }
    pthread_mutex_unlock(&set->mutex);
    return copy && sy_table_decode(table, copy, bytes, host->arena, ret, NULL) == 0;
}

static bool host_get_sector(struct sy_plugin_host *host, uint64_t miner, uint64_t number,
                            struct sy_sector *ret)
{
    char key[SY_PLUGIN_ROW_KEY_BYTES];
    return get_row(host, sy_plugin_rows_sector_key(miner, number, key), &sy_table_sector, ret);
}

static bool host_get_message(struct sy_plugin_host *host, const char *uid, struct sy_message *ret)
{
    char key[SY_PLUGIN_ROW_KEY_BYTES];
    return get_row(host, sy_plugin_rows_message_key(uid, key), &sy_table_message, ret);
}

static bool host_get_head(struct sy_plugin_host *host, struct sy_chain_head *ret)
{
    return sy_plugin_set_head(host->set, ret);
}

static bool host_get_miner(struct sy_plugin_host *host, size_t index, struct sy_miner *ret)
{
    struct sy_plugin_set *set = host->set;
    pthread_mutex_lock(&set->mutex);
    bool found = index < set->miner_count;
    if (found)
        *ret = set->miners[index];
    pthread_mutex_unlock(&set->mutex);
    return found;
}

static const struct sy_plugin_host_ops host_ops = {
    .abi = SY_PLUGIN_ABI,
    .env = host_env,
    .propose = host_propose,
    .set_head = host_set_head,
    .get_sector = host_get_sector,
    .get_message = host_get_message,
    .get_head = host_get_head,
    .get_miner = host_get_miner,
};

/* ---------------------------------------------------------------- plugin thread ------------- */

/* Waits on the condition for at most ms, under the lock. */
static void wait_changed(struct sy_plugin_set *set, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&set->changed, &set->mutex, &until);
}

/* Remembers how a call went; under the lock. */
static void note_result(struct sy_plugin_host *host, int rc, const struct sy_error *err,
                        const char *what)
{
    if (rc == 0) {
        host->error[0] = '\0';
        return;
    }
    char text[SY_ERROR_TEXT_BYTES + 8];
    host->failures++;
    snprintf(host->error, sizeof host->error, "%s", err->text);
    SY_WARN("plugin", "call_failed", "plugin=%s call=%s class=%s err=%s", host->name, what,
            sy_err_class_name(err->class), sy_log_value(err->text, text, sizeof text));
}

static int call_row(struct sy_plugin_host *host, enum sy_plugin_row_kind kind, const void *data,
                    size_t bytes, struct sy_error *err)
{
    int rc;
    if (kind == SY_PLUGIN_ROW_SECTOR) {
        struct sy_sector sector;
        rc = sy_table_decode(&sy_table_sector, data, bytes, host->arena, &sector, err);
        if (rc == 0 && host->plugin->on_sector)
            rc = host->plugin->on_sector(host->self, &sector, err);
    } else {
        struct sy_message message;
        rc = sy_table_decode(&sy_table_message, data, bytes, host->arena, &message, err);
        if (rc == 0 && host->plugin->on_message)
            rc = host->plugin->on_message(host->self, &message, err);
    }
    return rc;
}

/* Hands over one row. False when none was due. Called and returns under the lock. */
static bool work_row(struct sy_plugin_host *host, uint64_t now_ms)
{
    struct sy_plugin_set *set = host->set;
    enum sy_plugin_row_kind kind;
    const void *data = NULL;
    size_t bytes = 0;
    struct sy_plugin_row_ref *ref =
        sy_plugin_rows_take(set->rows, host->index, now_ms, &kind, &data, &bytes);
    if (!ref)
        return false;
    struct sy_error err = {0};
    sy_arena_reset(host->arena);
    void *copy = sy_arena_alloc(host->arena, bytes);
    if (copy)
        memcpy(copy, data, bytes);
    pthread_mutex_unlock(&set->mutex);
    int rc = copy ? call_row(host, kind, copy, bytes, &err)
                  : sy_fail(&err, SY_E_NOMEM, "row of %zu bytes: out of memory", bytes);
    uint64_t after_ms = sy_env_boot_ms(set->opts.env);
    pthread_mutex_lock(&set->mutex);
    note_result(host, rc, &err, kind == SY_PLUGIN_ROW_SECTOR ? "on_sector" : "on_message");
    uint64_t wait_ms = sy_plugin_rows_done(set->rows, host->index, ref, rc == 0, after_ms);
    if (rc && err.class == SY_CLASS_TRANSIENT)
        host->rest_until_ms = after_ms + wait_ms;
    return true;
}

static void work_tick(struct sy_plugin_host *host, uint64_t now_ms)
{
    struct sy_plugin_set *set = host->set;
    if (!host->plugin->on_tick) {
        host->tick_due_ms = now_ms + SY_PLUGIN_TICK_MAX_MS;
        return;
    }
    struct sy_error err = {0};
    uint64_t next_ms = now_ms + SY_PLUGIN_BACKOFF_FIRST_MS;
    pthread_mutex_unlock(&set->mutex);
    sy_arena_reset(host->arena);
    int rc = host->plugin->on_tick(host->self, now_ms, &next_ms, &err);
    uint64_t after_ms = sy_env_boot_ms(set->opts.env);
    pthread_mutex_lock(&set->mutex);
    note_result(host, rc, &err, "on_tick");
    if (rc)
        next_ms = after_ms + SY_PLUGIN_BACKOFF_FIRST_MS;
    next_ms = SY_MAX(next_ms, after_ms + SY_PLUGIN_TICK_MIN_MS);
    host->tick_due_ms = SY_MIN(next_ms, after_ms + SY_PLUGIN_TICK_MAX_MS);
}

/* How long the thread may sleep: until a row, a tick or the end of a rest. */
static uint64_t sleep_ms(const struct sy_plugin_host *host, uint64_t now_ms)
{
    uint64_t due_ms = sy_plugin_rows_due(host->set->rows, host->index);
    due_ms = SY_MAX(due_ms, host->rest_until_ms);
    due_ms = SY_MIN(due_ms, host->tick_due_ms);
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

static void work_until_stop(struct sy_plugin_host *host)
{
    struct sy_plugin_set *set = host->set;
    bool after_rows = false;
    while (!set->stopping) {
        uint64_t now_ms = sy_env_boot_ms(set->opts.env);
        if (now_ms >= host->rest_until_ms && work_row(host, now_ms)) {
            after_rows = true;
            continue;
        }
        now_ms = sy_env_boot_ms(set->opts.env);
        if (after_rows || now_ms >= host->tick_due_ms) {
            after_rows = false;
            work_tick(host, now_ms);
            continue;
        }
        uint64_t ms = sleep_ms(host, now_ms);
        if (ms)
            wait_changed(set, ms);
    }
}

static void *plugin_thread(void *ctx)
{
    struct sy_plugin_host *host = ctx;
    struct sy_plugin_set *set = host->set;
    char name[16];
    snprintf(name, sizeof name, "plugin-%.8s", host->name);
    pthread_setname_np(pthread_self(), name);
    struct sy_error err = {0};
    int rc = host->plugin->start(host, &host_ops, host->conf, &host->self, &err);
    pthread_mutex_lock(&set->mutex);
    host->start_error = err;
    host->phase = rc ? PHASE_FAILED : PHASE_READY;
    pthread_cond_broadcast(&set->changed);
    while (rc == 0 && host->phase == PHASE_READY && !set->stopping)
        pthread_cond_wait(&set->changed, &set->mutex);
    if (rc == 0)
        work_until_stop(host);
    pthread_mutex_unlock(&set->mutex);
    if (rc == 0 && host->plugin->stop)
        host->plugin->stop(host->self);
    return NULL;
}

/* ---------------------------------------------------------------- loading ------------------- */

static int check_plugin(const struct sy_plugin *plugin, const char *name, const char *path,
                        struct sy_error *err)
{
    if (plugin->abi != SY_PLUGIN_ABI || plugin->size != sizeof *plugin)
        return sy_fail(
            err, SY_E_VERSION,
            "plugin %s: %s has ABI %u and %u bytes, this scheduler needs ABI %d and %zu: "
            "build it against this version",
            name, path, plugin->abi, plugin->size, SY_PLUGIN_ABI, sizeof *plugin);
    if (!plugin->name || strcmp(plugin->name, name) != 0)
        return sy_fail(err, SY_E_ARG,
                       "plugin %s: %s calls itself \"%.60s\": install the right file", name, path,
                       plugin->name ? plugin->name : "");
    if (!plugin->start)
        return sy_fail(err, SY_E_ARG, "plugin %s: %s has no start function", name, path);
    return 0;
}

static int load_plugin(struct sy_plugin_host *host, const char *directory, struct sy_error *err)
{
    char path[SY_PATH_BYTES];
    if (!directory[0])
        return sy_fail(err, SY_E_ARG, "plugin %s: set plugin_dir in [scheduler]", host->name);
    int rc = sy_path_format(path, err, "%s/sealyard-plugin-%s.so", directory, host->name);
    if (rc)
        return rc;
    host->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!host->library)
        return sy_fail(err, SY_E_NOT_FOUND, "plugin %s: %.240s", host->name, dlerror());
    host->plugin = dlsym(host->library, SY_PLUGIN_SYMBOL);
    if (!host->plugin)
        return sy_fail(err, SY_E_ARG, "plugin %s: %s does not export %s", host->name, path,
                       SY_PLUGIN_SYMBOL);
    return check_plugin(host->plugin, host->name, path, err);
}

static int start_plugin(struct sy_plugin_set *set, struct sy_plugin_host *host,
                        struct sy_error *err)
{
    host->arena = sy_arena_create(ARENA_BYTES_MAX);
    if (!host->arena)
        return sy_fail(err, SY_E_NOMEM, "plugin %s: out of memory", host->name);
    int errnum = pthread_create(&host->thread, NULL, plugin_thread, host);
    if (errnum)
        return sy_fail_errno(err, errnum, "plugin %s: no thread", host->name);
    host->joinable = true;
    pthread_mutex_lock(&set->mutex);
    while (host->phase == PHASE_STARTING)
        pthread_cond_wait(&set->changed, &set->mutex);
    int rc = 0;
    if (host->phase == PHASE_FAILED) {
        if (err)
            *err = host->start_error;
        rc = sy_error_wrap(err, "plugin %s", host->name);
        rc = rc ? rc : -SY_E_BUG;
    }
    pthread_mutex_unlock(&set->mutex);
    return rc;
}

static int init_sync(struct sy_plugin_set *set, struct sy_error *err)
{
    pthread_condattr_t attr;
    int errnum = pthread_mutex_init(&set->mutex, NULL);
    if (errnum == 0)
        errnum = pthread_condattr_init(&attr);
    if (errnum)
        return sy_fail_errno(err, errnum, "plugins: no mutex");
    errnum = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (errnum == 0)
        errnum = pthread_cond_init(&set->changed, &attr);
    pthread_condattr_destroy(&attr);
    return errnum ? sy_fail_errno(err, errnum, "plugins: no condition variable") : 0;
}

int sy_plugin_set_create(struct sy_plugin_set **ret, const struct sy_plugin_set_opts *opts,
                         struct sy_error *err)
{
    SY_ASSERT(opts->plugin_count <= SY_SCHEDULER_PLUGINS_MAX);
    struct sy_plugin_set *set = sy_mem_alloc(sizeof *set);
    if (!set)
        return sy_fail(err, SY_E_NOMEM, "plugins: out of memory");
    set->opts = *opts;
    int rc = init_sync(set, err);
    if (rc) {
        sy_mem_free(set);
        return rc;
    }
    set->rows = sy_plugin_rows_create(opts->plugin_count);
    if (!set->rows)
        rc = sy_fail(err, SY_E_NOMEM, "plugins: out of memory");
    for (size_t i = 0; rc == 0 && i < opts->plugin_count; i++) {
        struct sy_plugin_host *host = &set->hosts[i];
        host->set = set;
        host->index = i;
        host->conf = opts->plugins[i].conf;
        memcpy(host->name, opts->plugins[i].name, sizeof host->name);
        set->count = i + 1;
        rc = load_plugin(host, opts->directory, err);
        if (rc == 0)
            rc = start_plugin(set, host, err);
    }
    if (rc) {
        sy_plugin_set_destroy(set);
        return rc;
    }
    *ret = set;
    return 0;
}

void sy_plugin_set_run(struct sy_plugin_set *set)
{
    pthread_mutex_lock(&set->mutex);
    for (size_t i = 0; i < set->count; i++)
        set->hosts[i].phase = PHASE_RUNNING;
    pthread_cond_broadcast(&set->changed);
    pthread_mutex_unlock(&set->mutex);
}

void sy_plugin_set_destroy(struct sy_plugin_set *set)
{
    if (!set)
        return;
    pthread_mutex_lock(&set->mutex);
    set->stopping = true;
    pthread_cond_broadcast(&set->changed);
    pthread_mutex_unlock(&set->mutex);
    for (size_t i = 0; i < set->count; i++) {
        struct sy_plugin_host *host = &set->hosts[i];
        if (host->joinable)
            pthread_join(host->thread, NULL);
        sy_arena_destroy(host->arena);
        if (host->library)
            dlclose(host->library);
    }
    struct proposal *proposal, *next;
    LL_FOREACH_SAFE(set->proposals, proposal, next)
    {
        sy_mem_free(proposal);
    }
    sy_plugin_rows_destroy(set->rows);
    sy_mem_free(set->miners);
    pthread_cond_destroy(&set->changed);
    pthread_mutex_destroy(&set->mutex);
    sy_mem_free(set);
}

size_t sy_plugin_set_count(const struct sy_plugin_set *set)
{
    return set->count;
}

/* ---------------------------------------------------------------- feeding ------------------- */

static int feed_row(struct sy_plugin_set *set, enum sy_plugin_row_kind kind, const char *key,
                    const struct sy_table *table, const void *row, bool live, struct sy_error *err)
{
    struct sy_buffer buffer;
    sy_buffer_init(&buffer, SY_PLUGIN_ROW_BYTES_MAX * 16);
    int rc = sy_table_encode(table, row, &buffer, err);
    if (rc == 0) {
        pthread_mutex_lock(&set->mutex);
        rc = sy_plugin_rows_put(set->rows, kind, key, live, buffer.data, buffer.bytes, err);
        pthread_cond_broadcast(&set->changed);
        pthread_mutex_unlock(&set->mutex);
    }
    sy_buffer_fini(&buffer);
    return rc;
}

int sy_plugin_set_feed_sector(struct sy_plugin_set *set, const struct sy_sector *row, bool live,
                              struct sy_error *err)
{
    char key[SY_PLUGIN_ROW_KEY_BYTES];
    sy_plugin_rows_sector_key(row->miner, row->number, key);
    return feed_row(set, SY_PLUGIN_ROW_SECTOR, key, &sy_table_sector, row, live, err);
}

int sy_plugin_set_feed_message(struct sy_plugin_set *set, const struct sy_message *row, bool live,
                               struct sy_error *err)
{
    char key[SY_PLUGIN_ROW_KEY_BYTES];
    sy_plugin_rows_message_key(row->uid, key);
    return feed_row(set, SY_PLUGIN_ROW_MESSAGE, key, &sy_table_message, row, live, err);
}

int sy_plugin_set_feed_miners(struct sy_plugin_set *set, const struct sy_miner *miners,
                              size_t count, struct sy_error *err)
{
    struct sy_miner *copy = NULL;
    if (count) {
        copy = sy_mem_alloc_array(count, sizeof *copy);
        if (!copy)
            return sy_fail(err, SY_E_NOMEM, "plugins: no memory for %zu miners", count);
        memcpy(copy, miners, count * sizeof *copy);
    }
    pthread_mutex_lock(&set->mutex);
    struct sy_miner *old = set->miners;
    set->miners = copy;
    set->miner_count = count;
    pthread_mutex_unlock(&set->mutex);
    sy_mem_free(old);
    return 0;
}

bool sy_plugin_set_head(struct sy_plugin_set *set, struct sy_chain_head *ret)
{
    pthread_mutex_lock(&set->mutex);
    bool known = set->head_known;
    if (known)
        *ret = set->head;
    pthread_mutex_unlock(&set->mutex);
    return known;
}

static const char *kind_name(enum sy_plugin_kind kind)
{
    return kind == SY_PLUGIN_CHAIN ? "chain" : kind == SY_PLUGIN_MESSAGING ? "messaging" : "other";
}

static json_t *host_status(struct sy_plugin_set *set, const struct sy_plugin_host *host)
{
    size_t waiting = 0, delayed = 0;
    sy_plugin_rows_counts(set->rows, host->index, &waiting, &delayed);
    return json_pack("{s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:s?}", "name", host->name, "kind",
                     kind_name(host->plugin->kind), "build", host->plugin->build, "waiting",
                     (json_int_t)waiting, "delayed", (json_int_t)delayed, "proposals",
                     (json_int_t)host->proposals, "refused", (json_int_t)host->refused, "failures",
                     (json_int_t)host->failures, "error", host->error[0] ? host->error : NULL);
}

json_t *sy_plugin_set_status(struct sy_plugin_set *set)
{
    json_t *list = json_array();
    pthread_mutex_lock(&set->mutex);
    for (size_t i = 0; list && i < set->count; i++) {
        json_t *item = host_status(set, &set->hosts[i]);
        if (!item || json_array_append_new(list, item)) {
            json_decref(list);
            list = NULL;
        }
    }
    pthread_mutex_unlock(&set->mutex);
    return list;
}
