/* Reading scheduler.toml. Everything is checked before anything is used. */
#include "scheduler/options.h"

#include "common/proof.h"

#include <string.h>

#define MAP_BYTES_MIN (16ull << 20)
#define MAP_BYTES_MAX (1ull << 44)
#define ACTOR_MAX ((int64_t)1 << 62)
#define LISTEN_DEFAULT "tcp://127.0.0.1:7710"
/* sun_path has 108 bytes; "ipc://" does not count. */
#define IPC_PATH_BYTES_MAX 107

/* Relative paths start at the directory of the configuration file. */
static int resolve_path(const char *config_path, const char *value, char *ret, struct sy_error *err)
{
    const char *slash = strrchr(config_path, '/');
    if (value[0] == '/' || !slash)
        return sy_path_format(ret, err, "%s", value);
    return sy_path_format(ret, err, "%.*s/%s", (int)(slash - config_path), config_path, value);
}

static int check_endpoint(struct sy_conf_table *table, const char *endpoint, struct sy_error *err)
{
    if (strncmp(endpoint, "tcp://", 6) == 0 || strncmp(endpoint, "ipc://", 6) == 0)
        return 0;
    return sy_conf_fail(table, "listen", err,
                        "endpoint \"%s\": expected tcp://ADDRESS:PORT or ipc://PATH", endpoint);
}

static int read_listen(struct sy_conf_table *table, struct sy_scheduler_options *options,
                       struct sy_error *err)
{
    size_t count = 0;
    for (;; count++) {
        char endpoint[SY_SCHEDULER_ENDPOINT_BYTES];
        struct sy_error item = {0};
        int rc = sy_conf_string_item(table, "listen", count, endpoint, sizeof endpoint, &item);
        if (rc == -SY_E_NOT_FOUND)
            break;
        if (rc) {
            if (err)
                *err = item;
            return rc;
        }
        if (count == SY_SCHEDULER_LISTEN_MAX)
            return sy_conf_fail(table, "listen", err, "more than %d endpoints: remove some",
                                SY_SCHEDULER_LISTEN_MAX);
        rc = check_endpoint(table, endpoint, err);
        if (rc)
            return rc;
        memcpy(options->endpoints[count], endpoint, sizeof endpoint);
    }
    if (count == 0) {
        memcpy(options->endpoints[0], LISTEN_DEFAULT, sizeof LISTEN_DEFAULT);
        count = 1;
    }
    int n = snprintf(options->endpoints[count], SY_SCHEDULER_ENDPOINT_BYTES,
                     "ipc://%s/scheduler.ipc", options->directory);
    if (n < 0 || n - 6 > IPC_PATH_BYTES_MAX)
        return sy_conf_fail(table, "dir", err,
                            "%s: too long for the local endpoint, whose path may have %d bytes",
                            options->directory, IPC_PATH_BYTES_MAX);
    options->endpoint_count = count + 1;
    return 0;
}

static int read_paths(struct sy_conf_table *table, struct sy_scheduler_options *options,
                      struct sy_error *err)
{
    char text[SY_PATH_BYTES];
    int rc = sy_conf_string(table, "dir", true, NULL, text, sizeof text, err);
    if (rc)
        return rc;
    rc = resolve_path(options->path, text, options->directory, err);
    if (rc)
        return rc;
    rc = sy_path_format(options->store_path, err, "%s/store", options->directory);
    if (rc)
        return rc;
    rc = sy_conf_string(table, "plugin_dir", false, "", text, sizeof text, err);
    if (rc || !text[0])
        return rc;
    return resolve_path(options->path, text, options->plugin_directory, err);
}

static int read_policy_path(struct sy_conf_table *root, struct sy_scheduler_options *options,
                            struct sy_error *err)
{
    char text[SY_PATH_BYTES];
    int rc = sy_conf_string(root, "policy", false, "", text, sizeof text, err);
    if (rc || !text[0])
        return rc;
    return resolve_path(options->path, text, options->policy_path, err);
}

static int read_scheduler(struct sy_conf_table *root, struct sy_scheduler_options *options,
                          struct sy_error *err)
{
    struct sy_conf_table *table = NULL;
    int rc = sy_conf_table_get(root, "scheduler", true, &table, err);
    if (rc)
        return rc;
    rc = read_paths(table, options, err);
    if (rc)
        return rc;
    rc = read_listen(table, options, err);
    if (rc)
        return rc;
    rc = sy_conf_bytes(table, "map_bytes", false, "1GiB", &options->map_bytes, err);
    if (rc)
        return rc;
    if (options->map_bytes < MAP_BYTES_MIN || options->map_bytes > MAP_BYTES_MAX)
        return sy_conf_fail(table, "map_bytes", err, "%llu bytes: expected 16MiB to 16TiB",
                            (unsigned long long)options->map_bytes);
    char level[16];
    rc = sy_conf_string(table, "log_level", false, "info", level, sizeof level, err);
    if (rc)
        return rc;
    if (sy_log_level_parse(level, &options->log_level))
        return sy_conf_fail(table, "log_level", err, "\"%s\": expected error, warn, info or debug",
                            level);
    return 0;
}

static int read_proof_type(struct sy_conf_table *table, struct sy_scheduler_miner *miner,
                           struct sy_error *err)
{
    char size[SY_NAME_BYTES], name[SY_NAME_BYTES];
    int rc = sy_conf_string(table, "sector_size", false, "", size, sizeof size, err);
    if (rc)
        return rc;
    rc = sy_conf_string(table, "proof_type", false, "", name, sizeof name, err);
    if (rc)
        return rc;
    if (!size[0] == !name[0])
        return sy_conf_fail(table, "actor", err,
                            "miner %llu needs either sector_size (\"32GiB\") or proof_type "
                            "(\"StackedDrg32GiBV1_1\")",
                            (unsigned long long)miner->actor);
    const struct sy_proof *proof = NULL;
    struct sy_error why = {0};
    if (name[0]) {
        if (sy_proof_find_name(&proof, name, &why))
            return sy_conf_fail(table, "proof_type", err, "%.200s", why.text);
    } else {
        uint64_t bytes = 0;
        if (sy_sector_size_parse(size, &bytes, &why) ||
            sy_proof_select(&proof, bytes, SY_PROOF_V1_1, &why))
            return sy_conf_fail(table, "sector_size", err, "%.200s", why.text);
    }
    miner->proof_type = proof->id;
    miner->sector_bytes = proof->sector_bytes;
    return 0;
}

static int read_miners(struct sy_conf_table *root, struct sy_scheduler_options *options,
                       struct sy_error *err)
{
    size_t count = 0;
    int rc = sy_conf_array_count(root, "miner", &count, err);
    if (rc)
        return rc;
    if (count > SY_SCHEDULER_MINERS_MAX)
        return sy_conf_fail(root, "miner", err,
                            "%zu miners: at most %d are served by one scheduler", count,
                            SY_SCHEDULER_MINERS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct sy_conf_table *table = NULL;
        struct sy_scheduler_miner *miner = &options->miners[i];
        int64_t actor = 0;
        rc = sy_conf_array_get(root, "miner", i, &table, err);
        if (rc)
            return rc;
        rc = sy_conf_integer(table, "actor", true, 0, 1, ACTOR_MAX, &actor, err);
        if (rc)
            return rc;
        miner->actor = (uint64_t)actor;
        rc = read_proof_type(table, miner, err);
        if (rc)
            return rc;
        for (size_t j = 0; j < i; j++)
            if (options->miners[j].actor == miner->actor)
                return sy_conf_fail(table, "actor", err, "miner %lld stands twice: remove one",
                                    (long long)actor);
    }
    options->miner_count = count;
    return 0;
}

static int read_plugins(struct sy_conf_table *root, struct sy_scheduler_options *options,
                        struct sy_error *err)
{
    struct sy_conf_table *plugins = NULL;
    int rc = sy_conf_table_get(root, "plugin", false, &plugins, err);
    if (rc || !plugins)
        return rc;
    for (size_t i = 0;; i++) {
        const char *name = NULL;
        rc = sy_conf_table_name(plugins, i, &name, err);
        if (rc)
            return rc;
        if (!name)
            return 0;
        if (i == SY_SCHEDULER_PLUGINS_MAX)
            return sy_conf_fail(plugins, name, err, "more than %d plugins: remove some",
                                SY_SCHEDULER_PLUGINS_MAX);
        struct sy_scheduler_plugin *plugin = &options->plugins[i];
        struct sy_error why = {0};
        if (sy_name_check(name, &why))
            return sy_conf_fail(plugins, name, err, "%.200s", why.text);
        memcpy(plugin->name, name, strlen(name) + 1);
        rc = sy_conf_table_get(plugins, name, true, &plugin->conf, err);
        if (rc)
            return rc;
        options->plugin_count = i + 1;
    }
}

int sy_scheduler_options_load(struct sy_scheduler_options *ret, const char *path,
                              struct sy_error *err)
{
    struct sy_scheduler_options *options = ret;
    memset(options, 0, sizeof *options);
    int rc = sy_path_format(options->path, err, "%s", path);
    if (rc)
        return rc;
    rc = sy_conf_load(&options->conf, path, err);
    if (rc)
        return rc;
    struct sy_conf_table *root = sy_conf_root(options->conf);
    rc = read_policy_path(root, options, err);
    if (rc == 0)
        rc = read_scheduler(root, options, err);
    if (rc == 0)
        rc = read_miners(root, options, err);
    if (rc == 0)
        rc = read_plugins(root, options, err);
    if (rc)
        sy_scheduler_options_fini(options);
    return rc;
}

int sy_scheduler_options_finish(struct sy_scheduler_options *options, struct sy_error *err)
{
    return sy_conf_finish(options->conf, err);
}

void sy_scheduler_options_fini(struct sy_scheduler_options *options)
{
    sy_conf_destroy(options->conf);
    memset(options, 0, sizeof *options);
}

int sy_scheduler_key_path(const struct sy_scheduler_options *options, const char *name,
                          char *ret_path, struct sy_error *err)
{
    return sy_path_format(ret_path, err, "%s/keys/%s", options->directory, name);
}
