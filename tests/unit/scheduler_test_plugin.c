/* A plugin for the tests of the host: sets a head, proposes a ticket for every sector in GetTicket,
 * fails as often as its configuration says, and refuses to start when told so. Built several times
 * with another TEST_NAME, TEST_ABI. */
#include "scheduler/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TEST_NAME
#define TEST_NAME "test"
#endif
#ifndef TEST_ABI
#define TEST_ABI SY_PLUGIN_ABI
#endif

struct test_plugin {
    struct sy_plugin_host *host;
    const struct sy_plugin_host_ops *ops;
    int64_t failures; /* still to come */
    int64_t height;
    bool transient;
};

static int test_start(struct sy_plugin_host *host, const struct sy_plugin_host_ops *ops,
                      struct sy_conf_table *conf, void **ret_self, struct sy_error *err)
{
    struct test_plugin *plugin = calloc(1, sizeof *plugin);
    bool refuse = false;
    if (!plugin)
        return sy_fail(err, SY_E_NOMEM, "no memory");
    plugin->host = host;
    plugin->ops = ops;
    int rc = sy_conf_integer(conf, "failures", false, 0, 0, 100, &plugin->failures, err);
    if (rc == 0)
        rc = sy_conf_bool(conf, "refuse", false, false, &refuse, err);
    if (rc == 0)
        rc = sy_conf_bool(conf, "transient", false, false, &plugin->transient, err);
    if (rc == 0 && refuse)
        rc = sy_conf_fail(conf, "refuse", err, "told to refuse");
    if (rc) {
        free(plugin);
        return rc;
    }
    *ret_self = plugin;
    return 0;
}

static int test_on_sector(void *self, const struct sy_sector *sector, struct sy_error *err)
{
    struct test_plugin *plugin = self;
    struct sy_sector copy;
    if (plugin->failures > 0) {
        plugin->failures--;
        return sy_fail(err, plugin->transient ? SY_E_UNREACHABLE : SY_E_STATE, "told to fail");
    }
    if (!plugin->ops->get_sector(plugin->host, sector->miner, sector->number, &copy) ||
        copy.number != sector->number)
        return sy_fail(err, SY_E_BUG, "the host does not know the row that it handed over");
    if (sector->state != SY_SECTOR_GetTicket)
        return 0;
    struct sy_ev_randomness ticket = {
        .miner = sector->miner, .number = sector->number, .epoch = 77};
    memset(ticket.value, 5, sizeof ticket.value);
    return plugin->ops->propose(plugin->host, SY_EVENT_TICKET, &ticket, err);
}

static int test_on_message(void *self, const struct sy_message *message, struct sy_error *err)
{
    (void)self;
    return message->uid[0] ? 0 : sy_fail(err, SY_E_BUG, "message without uid");
}

static int test_on_tick(void *self, uint64_t now_ms, uint64_t *ret_next_ms, struct sy_error *err)
{
    struct test_plugin *plugin = self;
    struct sy_miner miner;
    struct sy_chain_head head = {.network = "testnet", .height = ++plugin->height};
    struct sy_ev_policy forbidden = {0};
    plugin->ops->set_head(plugin->host, &head);
    if (plugin->ops->propose(plugin->host, SY_EVENT_POLICY_ACCEPTED, &forbidden, err) !=
        -SY_E_DENIED)
        return sy_fail(err, SY_E_BUG, "a plugin could change the policy");
    err->code = 0;
    if (plugin->ops->get_miner(plugin->host, 0, &miner) && !miner.floor_known) {
        struct sy_ev_number_floor floor = {.miner = miner.id, .next_number = 3};
        plugin->ops->propose(plugin->host, SY_EVENT_NUMBER_FLOOR, &floor, err);
    }
    *ret_next_ms = now_ms + 50;
    return 0;
}

static void test_stop(void *self)
{
    free(self);
}

SY_EXPORT const struct sy_plugin sealyard_plugin = {
    .abi = TEST_ABI,
    .size = sizeof(struct sy_plugin),
    .name = TEST_NAME,
    .build = SY_VERSION,
    .kind = SY_PLUGIN_OTHER,
    .start = test_start,
    .on_sector = test_on_sector,
    .on_message = test_on_message,
    .on_tick = test_on_tick,
    .stop = test_stop,
};
