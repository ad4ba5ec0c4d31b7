/* Rows to the plugins and proposals back; see scheduler_feed.h.
 *
 * Live are sectors until their final state, and messages until they executed and no sector waits
 * for them. When a sector becomes final its messages are handed over a last time, so the plugins'
 * cache follows what is in work, not what ever was.
 */
#include "scheduler/scheduler_feed.h"

#include "scheduler/scheduler.h"

#include <string.h>

static bool waits_for(const struct sy_sector *sector, const struct sy_message *message)
{
    switch (sector->state) {
    case SY_SECTOR_SubmitPreCommitBatch:
    case SY_SECTOR_PreCommitBatchWait:
        return strcmp(sector->precommit_uid, message->uid) == 0;
    case SY_SECTOR_SubmitCommitAggregate:
    case SY_SECTOR_CommitAggregateWait:
        return strcmp(sector->commit_uid, message->uid) == 0;
    default:
        return false;
    }
}

static bool is_live_message(const struct sy_state *state, const struct sy_message *message)
{
    const struct sy_number *numbers = message->sectors.items;
    if (message->state == SY_MESSAGE_QUEUED || message->state == SY_MESSAGE_SIGNED)
        return true;
    for (uint32_t i = 0; i < message->sectors.count; i++) {
        const struct sy_sector *sector = sy_state_sector(state, message->miner, numbers[i].value);
        if (sector && waits_for(sector, message))
            return true;
    }
    return false;
}

static int feed_miners(struct sy_scheduler *scheduler, struct sy_error *err)
{
    size_t count = sy_state_count(scheduler->state, SY_ROW_MINER);
    struct sy_miner *miners = sy_mem_alloc_array(count ? count : 1, sizeof *miners);
    if (!miners)
        return sy_fail(err, SY_E_NOMEM, "miners: out of memory");
    for (size_t i = 0; i < count; i++)
        miners[i] = *(const struct sy_miner *)sy_state_at(scheduler->state, SY_ROW_MINER, i);
    int rc = sy_plugin_set_feed_miners(scheduler->plugins, miners, count, err);
    sy_mem_free(miners);
    return rc;
}

static int feed_message(struct sy_scheduler *scheduler, const char *uid, struct sy_error *err)
{
    const struct sy_message *message = uid[0] ? sy_state_message(scheduler->state, uid) : NULL;
    if (!message)
        return 0;
    return sy_plugin_set_feed_message(scheduler->plugins, message,
                                      is_live_message(scheduler->state, message), err);
}

static int feed_sector(struct sy_scheduler *scheduler, const struct sy_sector *sector,
                       struct sy_error *err)
{
    bool live = !sy_sector_state_is_final(sector->state);
    int rc = sy_plugin_set_feed_sector(scheduler->plugins, sector, live, err);
    if (rc == 0 && !live)
        rc = feed_message(scheduler, sector->precommit_uid, err);
    if (rc == 0 && !live)
        rc = feed_message(scheduler, sector->commit_uid, err);
    return rc;
}

int sy_scheduler_feed_all(struct sy_scheduler *scheduler, struct sy_error *err)
{
    const struct sy_state *state = scheduler->state;
    int rc = feed_miners(scheduler, err);
    size_t messages = sy_state_count(state, SY_ROW_MESSAGE);
    for (size_t i = 0; rc == 0 && i < messages; i++) {
        const struct sy_message *message = sy_state_at(state, SY_ROW_MESSAGE, i);
        if (is_live_message(state, message))
            rc = sy_plugin_set_feed_message(scheduler->plugins, message, true, err);
    }
    size_t sectors = sy_state_count(state, SY_ROW_SECTOR);
    for (size_t i = 0; rc == 0 && i < sectors; i++) {
        const struct sy_sector *sector = sy_state_at(state, SY_ROW_SECTOR, i);
        if (!sy_sector_state_is_final(sector->state))
            rc = sy_plugin_set_feed_sector(scheduler->plugins, sector, true, err);
    }
    return rc;
}

void sy_scheduler_on_row(void *ctx, enum sy_row_kind kind, const void *row)
{
    struct sy_scheduler *scheduler = ctx;
    struct sy_error err = {0};
    int rc = 0;
    if (!scheduler->plugins)
        return;
    if (kind == SY_ROW_SECTOR)
        rc = feed_sector(scheduler, row, &err);
    else if (kind == SY_ROW_MESSAGE)
        rc = sy_plugin_set_feed_message(scheduler->plugins, row,
                                        is_live_message(scheduler->state, row), &err);
    else if (kind == SY_ROW_MINER)
        rc = feed_miners(scheduler, &err);
    if (rc) {
        char text[SY_ERROR_TEXT_BYTES + 8];
        SY_ERROR("plugin", "row_not_fed", "err=%s", sy_log_value(err.text, text, sizeof text));
    }
}

int sy_scheduler_on_propose(void *ctx, const char *plugin, uint32_t kind, const void *body,
                            struct sy_error *err)
{
    struct sy_scheduler *scheduler = ctx;
    if (scheduler->stopping)
        return sy_fail(err, SY_E_AGAIN, "the scheduler stops");
    int rc = sy_journal_event(scheduler->journal, kind, body, err);
    if (rc == 0)
        SY_INFO("plugin", "event", "plugin=%s event=%s number=%llu", plugin, sy_event_name(kind),
                (unsigned long long)sy_journal_last(scheduler->journal));
    return rc;
}
