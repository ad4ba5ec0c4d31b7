/* Loads plugins and stands between their threads and the loop thread (the ABI is plugin.h).
 *
 * Rows go out: the loop feeds committed rows (durable ones only), each plugin has a queue of keys
 * over one shared cache of the newest encoded rows, so a slow plugin sees the newest row once
 * instead of every version, and what waits is bounded by the number of live rows. A row that a
 * plugin fails on comes again after 1 s x 2^n, at most 60 s; when the failure is TRANSIENT (the
 * node is away) the whole plugin rests for that time. Commands come in: a proposal is encoded on
 * the plugin's thread and decoded on the loop thread, at most SY_PLUGIN_PROPOSALS_MAX wait per
 * plugin.
 *
 * Threads: everything here is called on the loop thread; plugins run on one thread each.
 */
#ifndef SEALYARD_SCHEDULER_PLUGIN_HOST_H
#define SEALYARD_SCHEDULER_PLUGIN_HOST_H

#include "common/loop.h"
#include "scheduler/options.h"
#include "scheduler/plugin.h"

#define SY_PLUGIN_PROPOSALS_MAX 1024
#define SY_PLUGIN_PROPOSAL_BYTES_MAX (1u << 20)
#define SY_PLUGIN_ROW_BYTES_MAX 65536
#define SY_PLUGIN_BACKOFF_FIRST_MS 1000
#define SY_PLUGIN_BACKOFF_MAX_MS 60000
#define SY_PLUGIN_TICK_MIN_MS 20
#define SY_PLUGIN_TICK_MAX_MS 60000

struct sy_plugin_set;
struct sy_plugin_set_opts {
    struct sy_loop *loop;
    const struct sy_env *env;
    const char *directory; /* holds sealyard-plugin-NAME.so */
    const struct sy_scheduler_plugin *plugins;
    size_t plugin_count;
    /* A proposal, decoded; its kind is allowed for plugins. A refusal is counted and logged. */
    int (*on_propose)(void *ctx, const char *plugin, uint32_t kind, const void *body,
                      struct sy_error *err);
    /* The chain head changed. NULL is fine. */
    void (*on_head)(void *ctx);
    void *ctx;
};

/* Loads and checks every plugin and runs its start, one after the other, on its own thread. The
 * first that is missing, built for another ABI, or refuses its configuration fails the whole set.
 * No row is handed over before sy_plugin_set_run. */
int sy_plugin_set_create(struct sy_plugin_set **ret, const struct sy_plugin_set_opts *opts,
                         struct sy_error *err);
/* Lets the threads work. */
void sy_plugin_set_run(struct sy_plugin_set *set);
/* Tells each plugin to stop, waits for its present call to return, unloads. NULL is fine. */
void sy_plugin_set_destroy(struct sy_plugin_set *set);
size_t sy_plugin_set_count(const struct sy_plugin_set *set);

/* The newest committed row. `live` false: the plugins see it once more, then it is forgotten. */
int sy_plugin_set_feed_sector(struct sy_plugin_set *set, const struct sy_sector *row, bool live,
                              struct sy_error *err);
int sy_plugin_set_feed_message(struct sy_plugin_set *set, const struct sy_message *row, bool live,
                               struct sy_error *err);
/* Replaces the list of miners that plugins see. */
int sy_plugin_set_feed_miners(struct sy_plugin_set *set, const struct sy_miner *miners,
                              size_t count, struct sy_error *err);

/* The chain head as last told; false = no plugin told one. */
bool sy_plugin_set_head(struct sy_plugin_set *set, struct sy_chain_head *ret);

/* New array, one object per plugin: name, kind, build, waiting, delayed, proposals, refused,
 * failures, error (null when the last call went well). NULL = out of memory. */
json_t *sy_plugin_set_status(struct sy_plugin_set *set);

#endif
