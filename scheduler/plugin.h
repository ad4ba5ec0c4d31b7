/* The public plugin ABI. A plugin is a shared object that exports `struct sy_plugin sealyard_plugin`.
 *
 * How work reaches it: after start the host hands over every live row (on_sector, on_message), then
 * every row that a committed event changed, in commit order. Rows are the truth and repeat after a
 * restart, so a plugin keeps no state of its own that it cannot rebuild: it looks at a row, does the
 * next step, and answers with commands. A command is turned into an event on the loop thread, which
 * re-checks it against live state; a command that no longer fits is dropped. Effects outside (a push
 * to the chain) are made only from rows that came back committed.
 *
 * Threads: each plugin has one thread of its own; start, on_*, on_tick and stop run there, and its
 * blocking HTTP may take its time. The host functions may be called only from that thread.
 * A plugin that fails (returns an error) is called again with the same row after a backoff
 * (1 s x 2^n, at most 60 s) and shows in `sealyard status`; others are not disturbed.
 */
#ifndef SEALYARD_SCHEDULER_PLUGIN_H
#define SEALYARD_SCHEDULER_PLUGIN_H

#include "common/conf.h"
#include "common/env.h"
#include "common/job.h"

#define SY_PLUGIN_ABI 1
#define SY_PLUGIN_SYMBOL "sealyard_plugin"

enum sy_plugin_kind { SY_PLUGIN_CHAIN = 1, SY_PLUGIN_MESSAGING, SY_PLUGIN_OTHER };

struct sy_plugin_host;

/* What the chain plugin tells everybody (volatile, shown by `chain head` and `status`). */
struct sy_chain_head {
    char network[SY_NAME_BYTES];
    int64_t height;
    int64_t timestamp_s;
    char tipset[1024]; /* CIDs, comma separated */
    uint32_t network_version;
    uint64_t block_delay_ms;
    int64_t updated_ms;
};

struct sy_plugin_host_ops {
    uint32_t abi;
    const struct sy_env *(*env)(struct sy_plugin_host *host);
    /* Proposes an event; body is the struct of SY_EVENT_MAP and is copied (deeply). Refused with
     * -SY_E_AGAIN when the queue to the loop is full. Allowed kinds: NUMBER_FLOOR, TICKET, SEED,
     * MESSAGE_*, PRECOMMIT_LANDED, COMMIT_LANDED, CHAIN_REFUSED. */
    int (*propose)(struct sy_plugin_host *host, uint32_t event_kind, const void *body,
                   struct sy_error *err);
    void (*set_head)(struct sy_plugin_host *host, const struct sy_chain_head *head);
    /* Copies of rows as last committed and handed to this plugin. False when unknown. Slices and
     * lists borrow host memory until the present callback returns. */
    bool (*get_sector)(struct sy_plugin_host *host, uint64_t miner, uint64_t number,
                       struct sy_sector *ret);
    bool (*get_message)(struct sy_plugin_host *host, const char *uid, struct sy_message *ret);
    bool (*get_head)(struct sy_plugin_host *host, struct sy_chain_head *ret);
    /* Configured miners of this scheduler: index 0.. until false. */
    bool (*get_miner)(struct sy_plugin_host *host, size_t index, struct sy_miner *ret);
};

struct sy_plugin {
    uint32_t abi;  /* SY_PLUGIN_ABI */
    uint32_t size; /* sizeof(struct sy_plugin) */
    const char *name;
    const char *build; /* SY_VERSION */
    enum sy_plugin_kind kind;
    /* conf: the [plugin.NAME] table of scheduler.toml; the plugin takes its keys from it. */
    int (*start)(struct sy_plugin_host *host, const struct sy_plugin_host_ops *ops,
                 struct sy_conf_table *conf, void **ret_self, struct sy_error *err);
    int (*on_sector)(void *self, const struct sy_sector *sector, struct sy_error *err);
    int (*on_message)(void *self, const struct sy_message *message, struct sy_error *err);
    /* After each batch of rows and when it asked to. now_ms and *ret_next_ms (when to come again, cut to
     * 20 ms .. 60 s from now) are boot times. */
    int (*on_tick)(void *self, uint64_t now_ms, uint64_t *ret_next_ms, struct sy_error *err);
    void (*stop)(void *self);
};

#endif
