/* The status screen: counts, the chain head, plugins, the store, alarms. */
#include "scheduler/query_status.h"

#include "scheduler/query.h"
#include "scheduler/scheduler.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ALARMS_MAX 64

static json_t *sectors_json(const struct sy_scheduler *scheduler)
{
    json_t *object = json_object();
    for (uint32_t state = 1; state < SY_SECTOR_STATE_COUNT; state++) {
        size_t count = sy_state_in_count(scheduler->state, state);
        if (count)
            json_object_set_new(object, sy_sector_state_name(state),
                                json_integer((json_int_t)count));
    }
    return object;
}

static json_t *stage_json(const struct sy_scheduler *scheduler, uint32_t stage)
{
    static const uint32_t shown[] = {SY_TASK_QUEUED, SY_TASK_LEASED, SY_TASK_RUNNING, SY_TASK_DONE,
                                     SY_TASK_FAILED};
    json_t *object = json_object();
    bool any = false;
    for (size_t i = 0; i < SY_ARRAY_SIZE(shown); i++) {
        size_t count = sy_state_task_count(scheduler->state, stage, shown[i]);
        any = any || count;
        json_object_set_new(object, sy_task_state_name(shown[i]), json_integer((json_int_t)count));
    }
    if (any)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *tasks_json(const struct sy_scheduler *scheduler)
{
    json_t *object = json_object();
    for (uint32_t stage = 1; stage < SY_STAGE_COUNT; stage++) {
        json_t *counts = stage_json(scheduler, stage);
        if (counts)
            json_object_set_new(object, sy_stage_name(stage), counts);
    }
    return object;
}

static json_t *agents_json(const struct sy_scheduler *scheduler)
{
    json_int_t counts[4] = {0};
    size_t count = sy_state_count(scheduler->state, SY_ROW_AGENT);
    for (size_t i = 0; i < count; i++) {
        const struct sy_agent *agent = sy_state_at(scheduler->state, SY_ROW_AGENT, i);
        counts[agent->liveness < 4 ? agent->liveness : 0]++;
    }
    json_t *object = json_object();
    for (uint32_t i = 0; i < 4; i++)
        json_object_set_new(object, sy_liveness_name(i), json_integer(counts[i]));
    return object;
}

static json_t *stores_json(const struct sy_scheduler *scheduler)
{
    json_int_t online = 0, bytes_free = 0, bytes_total = 0;
    size_t count = sy_state_count(scheduler->state, SY_ROW_STORE);
    for (size_t i = 0; i < count; i++) {
        const struct sy_store_row *store = sy_state_at(scheduler->state, SY_ROW_STORE, i);
        online += store->online;
        bytes_free += (json_int_t)store->bytes_free;
        bytes_total += (json_int_t)store->bytes_total;
    }
    return json_pack("{s:I, s:I, s:I, s:I}", "count", (json_int_t)count, "online", online,
                     "bytes_free", bytes_free, "bytes_total", bytes_total);
}

static json_t *miners_json(const struct sy_scheduler *scheduler)
{
    json_t *list = json_array();
    size_t count = sy_state_count(scheduler->state, SY_ROW_MINER);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            list, sy_query_miner_json(scheduler, sy_state_at(scheduler->state, SY_ROW_MINER, i)));
    return list;
}

static json_t *database_json(const struct sy_scheduler *scheduler)
{
    struct sy_store_usage usage = {0};
    scheduler->store.ops->usage(scheduler->store.self, &usage);
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "map_bytes",
                     (json_int_t)usage.map_bytes, "used_bytes", (json_int_t)usage.used_bytes,
                     "commits", (json_int_t)usage.commits, "records", (json_int_t)usage.records,
                     "last_commit_us", (json_int_t)usage.last_commit_us, "max_commit_us",
                     (json_int_t)usage.max_commit_us, "last_event",
                     (json_int_t)sy_journal_last(scheduler->journal));
}

static json_t *scheduler_json(const struct sy_scheduler *scheduler)
{
    struct sy_dispatcher_counts counts;
    sy_dispatcher_counts(scheduler->dispatcher, &counts);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "version",
                     SY_VERSION, "generation", (json_int_t)scheduler->generation, "started_ms",
                     (json_int_t)scheduler->started_ms, "frames", (json_int_t)scheduler->frames,
                     "frames_refused", (json_int_t)scheduler->frames_refused, "live_jobs",
                     (json_int_t)scheduler->live_jobs, "plans", (json_int_t)counts.plans, "leases",
                     (json_int_t)counts.leases, "starts", (json_int_t)counts.starts, "stops",
                     (json_int_t)counts.stops, "pushes_waiting", (json_int_t)counts.pushes,
                     "max_plan_us", (json_int_t)counts.max_plan_us);
}

json_t *sy_query_head_json(struct sy_scheduler *scheduler)
{
    struct sy_chain_head head;
    if (!scheduler->plugins || !sy_plugin_set_head(scheduler->plugins, &head))
        return json_null();
    return json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:I}", "network", head.network, "height",
                     (json_int_t)head.height, "timestamp_s", (json_int_t)head.timestamp_s, "tipset",
                     head.tipset, "network_version", (json_int_t)head.network_version,
                     "block_delay_ms", (json_int_t)head.block_delay_ms, "updated_ms",
                     (json_int_t)head.updated_ms);
}

/* ---------------------------------------------------------------- alarms -------------------- */

static void add_alarm(json_t *alarms, const char *format, ...) SY_PRINTF(2, 3);
static void add_alarm(json_t *alarms, const char *format, ...)
{
    char text[SY_ERROR_TEXT_BYTES + 2 * SY_NAME_BYTES];
    va_list args;
    if (json_array_size(alarms) >= ALARMS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(alarms, json_string(text));
}

static void alarm_agents(const struct sy_scheduler *scheduler, json_t *alarms)
{
    size_t count = sy_state_count(scheduler->state, SY_ROW_AGENT);
    for (size_t i = 0; i < count; i++) {
        const struct sy_agent *agent = sy_state_at(scheduler->state, SY_ROW_AGENT, i);
        const struct sy_identity *identity = sy_state_identity(scheduler->state, agent->name);
        if (agent->liveness == SY_AGENT_DEAD && identity && !identity->revoked)
            add_alarm(alarms, "agent %s is dead: its tasks wait for it", agent->name);
    }
}

static void alarm_sectors(const struct sy_scheduler *scheduler, json_t *alarms)
{
    for (uint32_t state = 1; state < SY_SECTOR_STATE_COUNT; state++) {
        size_t count = sy_state_in_count(scheduler->state, state);
        if (count && sy_sector_state_is_failed(state))
            add_alarm(alarms, "%zu sectors are %s: see sealyard sectors list --state %s", count,
                      sy_sector_state_name(state), sy_sector_state_name(state));
    }
}

static void alarm_store(const struct sy_scheduler *scheduler, json_t *alarms)
{
    struct sy_store_usage usage = {0};
    scheduler->store.ops->usage(scheduler->store.self, &usage);
    if (usage.map_bytes / 100 * scheduler->policy.store_reserve_percent < usage.used_bytes)
        add_alarm(alarms, "the store is over %u %% full: new jobs are refused",
                  scheduler->policy.store_reserve_percent);
}

static void alarm_plugins(const json_t *plugins, json_t *alarms)
{
    size_t index;
    json_t *plugin;
    json_array_foreach(plugins, index, plugin)
    {
        const char *error = json_string_value(json_object_get(plugin, "error"));
        if (error)
            add_alarm(alarms, "plugin %s: %s", json_string_value(json_object_get(plugin, "name")),
                      error);
    }
}

json_t *sy_query_status_json(struct sy_scheduler *scheduler)
{
    json_t *plugins = scheduler->plugins ? sy_plugin_set_status(scheduler->plugins) : json_array();
    json_t *alarms = json_array();
    if (!plugins || !alarms) {
        json_decref(plugins);
        json_decref(alarms);
        return NULL;
    }
    alarm_agents(scheduler, alarms);
    alarm_sectors(scheduler, alarms);
    alarm_store(scheduler, alarms);
    alarm_plugins(plugins, alarms);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "chain_head",
                     sy_query_head_json(scheduler), "miners", miners_json(scheduler), "sectors",
                     sectors_json(scheduler), "tasks", tasks_json(scheduler), "agents",
                     agents_json(scheduler), "stores", stores_json(scheduler), "plugins", plugins,
                     "database", database_json(scheduler), "scheduler", scheduler_json(scheduler),
                     "alarms", alarms);
}
