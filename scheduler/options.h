/* scheduler.toml: what one scheduler serves and where it keeps things.
 *
 *     policy = "policies/default.toml"      # relative paths start at this file; absent = built in
 *     [scheduler]
 *     dir = "/var/lib/sealyard"             # store, keys, ipc endpoint
 *     listen = ["tcp://0.0.0.0:7710"]       # ipc://<dir>/scheduler.ipc is always added
 *     map_bytes = "4GiB"                    # size of the store's map, preallocated
 *     log_level = "info"
 *     plugin_dir = "lib/sealyard"
 *     [[miner]]
 *     actor = 1000                          # f01000
 *     sector_size = "32GiB"                 # or proof_type = "StackedDrg32GiBV1_1"
 *     [plugin.chain]                        # one table per plugin to load; its keys are its own
 *
 * Threads: plain data; the parsed file inside is handed from thread to thread, never shared.
 */
#ifndef SEALYARD_SCHEDULER_OPTIONS_H
#define SEALYARD_SCHEDULER_OPTIONS_H

#include "common/conf.h"
#include "common/file.h"
#include "common/job.h"
#include "common/log.h"

#define SY_SCHEDULER_LISTEN_MAX 8
#define SY_SCHEDULER_MINERS_MAX 64
#define SY_SCHEDULER_PLUGINS_MAX 16
#define SY_SCHEDULER_ENDPOINT_BYTES 256

struct sy_scheduler_miner {
    uint64_t actor;
    uint32_t proof_type;
    uint64_t sector_bytes;
};

struct sy_scheduler_plugin {
    char name[SY_NAME_BYTES];
    struct sy_conf_table *conf; /* borrowed from options->conf */
};

struct sy_scheduler_options {
    struct sy_conf *conf; /* owned: plugins still take their keys from it */
    char path[SY_PATH_BYTES];
    char directory[SY_PATH_BYTES];
    char store_path[SY_PATH_BYTES];
    char policy_path[SY_PATH_BYTES]; /* empty = built-in defaults */
    char plugin_directory[SY_PATH_BYTES];
    char endpoints[SY_SCHEDULER_LISTEN_MAX + 1][SY_SCHEDULER_ENDPOINT_BYTES]; /* the last is ipc */
    size_t endpoint_count;
    uint64_t map_bytes;
    enum sy_log_level log_level;
    struct sy_scheduler_miner miners[SY_SCHEDULER_MINERS_MAX];
    size_t miner_count;
    struct sy_scheduler_plugin plugins[SY_SCHEDULER_PLUGINS_MAX];
    size_t plugin_count;
};

/* Reads and checks the file; errors name file:line. Keys of the plugins are not checked yet: call
 * sy_scheduler_options_finish after the plugins took theirs. *ret is freed by _fini. */
int sy_scheduler_options_load(struct sy_scheduler_options *ret, const char *path,
                              struct sy_error *err);
/* Refuses keys that nobody took. */
int sy_scheduler_options_finish(struct sy_scheduler_options *options, struct sy_error *err);
/* For sub-commands that load no plugin: nothing is left to check. Zeroed or loaded options. */
void sy_scheduler_options_fini(struct sy_scheduler_options *options);

/* <directory>/keys/NAME into ret_path[SY_PATH_BYTES]. */
int sy_scheduler_key_path(const struct sy_scheduler_options *options, const char *name,
                          char *ret_path, struct sy_error *err);

#endif
