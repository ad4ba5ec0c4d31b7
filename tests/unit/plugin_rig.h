/* A host for plugins in a test: rows, proposals and the little of the scheduler that plugins can
 * tell apart from the real one. One thread, one clock that the test moves. Sealing is done by a
 * callback. All functions fail the test instead of returning an error. */
#ifndef SEALYARD_TESTS_UNIT_PLUGIN_RIG_H
#define SEALYARD_TESTS_UNIT_PLUGIN_RIG_H

#include "common/job.h"
#include "scheduler/plugin.h"

#define HOST_SECTORS_MAX 8
#define HOST_MESSAGES_MAX 32
#define HOST_EVENTS_MAX 256

struct sy_plugin_host {
    struct sy_miner miner;
    struct sy_sector sectors[HOST_SECTORS_MAX];
    uint32_t sector_count;
    struct sy_message messages[HOST_MESSAGES_MAX];
    uint32_t message_count;
    struct sy_chain_head head;
    uint32_t events[HOST_EVENTS_MAX]; /* kinds, in order of acceptance */
    uint32_t event_count;
    bool hold_signed; /* MESSAGE_SIGNED proposals are lost, as in a crash before the commit */
    uint32_t held_count, held_changes; /* lost ones, and how often their bytes differed */
    struct sy_slice held;
    uint64_t newest_nonce;
    bool nonce_known;
    uint64_t now_ms;
    struct sy_arena *arena;
    /* A sector came to PreCommit1 (commit = false) or Committing: fill comm_* or proof, or do
     * nothing. */
    void (*seal)(struct sy_plugin_host *host, struct sy_sector *sector, bool commit);
    void *libraries[2];
    const struct sy_plugin *plugins[2]; /* chain, messaging */
    void *selves[2];
};

void host_init(struct sy_plugin_host *host);
void host_fini(struct sy_plugin_host *host);
/* Loads and starts sealyard-plugin-NAME.so with this [plugin] table; slot 0 chain, 1 messaging. */
int host_start(struct sy_plugin_host *host, unsigned slot, const char *name, const char *conf,
               struct sy_error *err);
void host_stop(struct sy_plugin_host *host, unsigned slot);
struct sy_sector *host_add_sector(struct sy_plugin_host *host, uint64_t number, uint32_t state);
/* Hands every row to every plugin, then ticks each; time passes by `ms`. */
int host_turn(struct sy_plugin_host *host, uint64_t ms, struct sy_error *err);
unsigned host_count(const struct sy_plugin_host *host, uint32_t kind);

#endif
