/* `tasks why`: the plan's answer for one task, in words and numbers. */
#include "scheduler/core/planner_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

struct text {
    char *data;
    size_t bytes, used;
};

SY_PRINTF(2, 3) static void add(struct text *text, const char *format, ...)
{
    if (text->used + 1 >= text->bytes)
        return;
    va_list args;
    va_start(args, format);
    int wrote = vsnprintf(text->data + text->used, text->bytes - text->used, format, args);
    va_end(args);
    if (wrote > 0)
        text->used = SY_MIN(text->used + (size_t)wrote, text->bytes - 1);
}

static uint64_t most_avail(const struct sy_view *view, const struct sy_plan_policy *policy,
                           uint32_t agent, uint32_t kind)
{
    const struct sy_view_agent *row = &view->agents[agent];
    uint64_t most = 0;
    for (uint32_t i = row->first_store; i < row->first_store + row->store_count; i++) {
        struct sy_view_store store = view->stores[i];
        uint64_t spare = kind == SY_STORE_SCRATCH ? policy->scratch_spare_bytes : 0;
        if (store.kind != kind)
            continue;
        if (kind == SY_STORE_LONG)
            store.bytes_booked = 0;
        most = SY_MAX(most, plan_store_avail(&store, spare));
    }
    return most;
}

static void add_agent(struct text *text, const struct sy_view *view,
                      const struct sy_plan_policy *policy, const struct sy_view_task *task,
                      uint32_t agent, uint32_t why)
{
    const struct sy_view_agent *row = &view->agents[agent];
    add(text, "\n  %s: %s", row->name, sy_why_text(why));
    if (why == SY_WHY_SLOTS_BUSY) {
        uint32_t used = row->used[task->stage], slots = row->slots[task->stage];
        add(text, " (%u of %u%s)", used, slots,
            used < slots ? ", the rest goes to tasks before this one" : "");
    } else if (why == SY_WHY_SCRATCH_FULL) {
        add(text, " (needs %llu bytes, at most %llu to spare)", (ull)task->scratch_bytes,
            (ull)most_avail(view, policy, agent, SY_STORE_SCRATCH));
    } else if (why == SY_WHY_LONG_FULL) {
        add(text, " (needs %llu bytes, at most %llu to spare)", (ull)task->long_bytes,
            (ull)most_avail(view, policy, agent, SY_STORE_LONG));
    }
}

static void add_unplaced(struct text *text, const struct sy_view *view,
                         const struct sy_plan_policy *policy, int64_t now_ms,
                         const struct sy_view_task *task, const struct sy_unplaced *unplaced)
{
    if (unplaced->reasons != NULL ||
        (unplaced->agent != SY_VIEW_NONE && unplaced->why != SY_WHY_BACKOFF &&
         unplaced->why != SY_WHY_STOPPING)) {
        add(text, "waits:");
        for (uint32_t i = 0; i < view->agent_count; i++) {
            uint32_t why = SY_WHY_NOT_OWNER;
            if (unplaced->reasons != NULL)
                why = unplaced->reasons[i];
            else if (i == unplaced->agent)
                why = unplaced->why;
            add_agent(text, view, policy, task, i, why);
        }
        if (view->agent_count == 0)
            add(text, " no agent is known; enroll one");
        return;
    }
    add(text, "waits: %s", sy_why_text(unplaced->why));
    if (unplaced->why == SY_WHY_BACKOFF)
        add(text, " (%llu s more)", (ull)((uint64_t)(task->not_before_ms - now_ms) / 1000 + 1));
    else if (unplaced->why == SY_WHY_MAX_SEALING && task->miner != SY_VIEW_NONE)
        add(text, " (%u begun, limit %u)", view->miners[task->miner].sealing, policy->max_sealing);
}

static const struct sy_view_task *find(const struct sy_view *view, uint64_t id)
{
    for (uint32_t i = 0; i < view->task_count; i++) {
        if (view->tasks[i].id == id)
            return &view->tasks[i];
    }
    return NULL;
}

const char *sy_plan_why(const struct sy_view *view, const struct sy_plan_policy *policy,
                        int64_t now_ms, uint64_t id, struct sy_arena *arena, char *buffer,
                        size_t text_bytes)
{
    struct text text = {.data = buffer, .bytes = text_bytes};
    if (text_bytes == 0)
        return buffer;
    buffer[0] = '\0';
    const struct sy_view_task *task = find(view, id);
    if (task == NULL) {
        add(&text, "task %llu is not queued", (ull)id);
        return buffer;
    }
    struct sy_plan *plan = NULL;
    if (sy_plan(view, policy, now_ms, 0, arena, &plan, NULL) != 0) {
        add(&text, "no memory to plan");
        return buffer;
    }
    add(&text, "task %llu (%s of sector %llu) ", (ull)id, sy_stage_name(task->stage),
        (ull)task->number);
    for (uint32_t i = 0; i < plan->placement_count; i++) {
        const struct sy_placement *placement = &plan->placements[i];
        if (placement->task == id)
            add(&text, "goes to %s with the next plan; %s", view->agents[placement->agent].name,
                sy_why_text(placement->why));
    }
    for (uint32_t i = 0; i < plan->unplaced_count; i++) {
        if (plan->unplaced[i].task == id)
            add_unplaced(&text, view, policy, now_ms, task, &plan->unplaced[i]);
    }
    return buffer;
}
