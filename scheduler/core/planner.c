#include "scheduler/core/planner_internal.h"

#include <string.h>

/* What finishes begun work comes first. */
static const uint32_t stage_order[] = {SY_STAGE_FIN, SY_STAGE_C2,     SY_STAGE_C1,     SY_STAGE_PC2,
                                       SY_STAGE_PC1, SY_STAGE_UNSEAL, SY_STAGE_REMOVE, SY_STAGE_AP};

const char *sy_why_name(uint32_t why)
{
    static const char *const names[] = {
#define SY_WHY_NAME(id, text) #id,
        SY_WHY_MAP(SY_WHY_NAME)
#undef SY_WHY_NAME
    };
    return why < SY_WHY_COUNT ? names[why] : "UNKNOWN";
}

const char *sy_why_text(uint32_t why)
{
    static const char *const texts[] = {
#define SY_WHY_TEXT(id, text) text,
        SY_WHY_MAP(SY_WHY_TEXT)
#undef SY_WHY_TEXT
    };
    return why < SY_WHY_COUNT ? texts[why] : "unknown reason";
}

/* The running account of one plan: starts as the view says and shrinks with each placement. */
struct account {
    const struct sy_view *view;
    const struct sy_plan_policy *policy;
    int64_t now_ms;
    uint64_t seed;
    struct sy_arena *arena;
    struct sy_plan *plan;
    uint32_t (*used)[SY_STAGE_COUNT]; /* per agent */
    uint64_t *avail;                  /* per store */
    uint32_t *sealing;                /* per miner */
    uint32_t *best_scratch;           /* per agent: store with most to spare, SY_VIEW_NONE = none */
    /* The last answer "nobody": it holds for the next task of the same need until something is
     * placed. */
    const uint8_t *shared_reasons;
    uint64_t shared_bytes;
    uint32_t shared_stage, shared_avoid, shared_why;
};

uint64_t plan_store_avail(const struct sy_view_store *store, uint64_t spare_bytes)
{
    if (!store->online)
        return 0;
    uint64_t by_total =
        store->bytes_total > store->bytes_booked ? store->bytes_total - store->bytes_booked : 0;
    uint64_t by_free =
        store->bytes_free > store->bytes_coming ? store->bytes_free - store->bytes_coming : 0;
    uint64_t avail = SY_MIN(by_total, by_free);
    return avail > spare_bytes ? avail - spare_bytes : 0;
}

static uint32_t best_store(const struct account *account, uint32_t agent, uint32_t kind)
{
    const struct sy_view_agent *row = &account->view->agents[agent];
    uint32_t best = SY_VIEW_NONE;
    for (uint32_t i = row->first_store; i < row->first_store + row->store_count; i++) {
        const struct sy_view_store *store = &account->view->stores[i];
        if (store->kind != kind || !store->online)
            continue;
        if (best == SY_VIEW_NONE || account->avail[i] > account->avail[best])
            best = i;
    }
    return best;
}

/* Why an agent can start nothing of this stage; SY_WHY_PLACED = it can. */
static uint32_t agent_blocks(const struct account *account, uint32_t agent, uint32_t stage)
{
    const struct sy_view_agent *row = &account->view->agents[agent];
    if (row->slots[stage] == 0)
        return SY_WHY_NO_SLOT;
    if (row->liveness != SY_AGENT_ONLINE)
        return row->liveness == SY_AGENT_SUSPECT ? SY_WHY_SUSPECT
               : row->liveness == SY_AGENT_DEAD  ? SY_WHY_DEAD
                                                 : SY_WHY_OFFLINE;
    if (row->paused)
        return SY_WHY_PAUSED;
    if (row->draining && stage == SY_STAGE_AP)
        return SY_WHY_DRAINING;
    if (account->used[agent][stage] >= row->slots[stage])
        return SY_WHY_SLOTS_BUSY;
    return SY_WHY_PLACED;
}

static void place(struct account *account, const struct sy_view_task *task, uint32_t agent,
                  uint32_t store, uint32_t why)
{
    struct sy_plan *plan = account->plan;
    plan->placements[plan->placement_count++] =
        (struct sy_placement){.task = task->id, .agent = agent, .store = store, .why = why};
    account->used[agent][task->stage]++;
    if (store != SY_VIEW_NONE) {
        uint64_t bytes = task->stage == SY_STAGE_AP ? task->scratch_bytes : task->long_bytes;
        account->avail[store] -= SY_MIN(account->avail[store], bytes);
    }
    if (task->stage == SY_STAGE_AP) {
        account->best_scratch[agent] = best_store(account, agent, SY_STORE_SCRATCH);
        if (task->miner != SY_VIEW_NONE)
            account->sealing[task->miner]++;
    }
    account->shared_reasons = NULL;
}

static void leave(struct account *account, const struct sy_view_task *task, uint32_t agent,
                  uint32_t why, const uint8_t *reasons)
{
    struct sy_plan *plan = account->plan;
    plan->unplaced[plan->unplaced_count++] =
        (struct sy_unplaced){.task = task->id, .agent = agent, .why = why, .reasons = reasons};
}

static void plan_bound(struct account *account, const struct sy_view_task *task)
{
    uint32_t why = agent_blocks(account, task->agent, task->stage);
    uint32_t store = SY_VIEW_NONE;
    if (why == SY_WHY_PLACED && task->stage == SY_STAGE_FIN) {
        store = best_store(account, task->agent, SY_STORE_LONG);
        if (store == SY_VIEW_NONE)
            why = SY_WHY_NO_LONG;
        else if (account->avail[store] < task->long_bytes)
            why = SY_WHY_LONG_FULL;
    }
    if (why == SY_WHY_PLACED)
        place(account, task, task->agent, store,
              task->stage == SY_STAGE_UNSEAL ? SY_WHY_LONG_OWNER : SY_WHY_OWNER);
    else
        leave(account, task, task->agent, why, NULL);
}

/* What an agent says to a task that may run anywhere. */
static uint32_t offer(const struct account *account, const struct sy_view_task *task,
                      uint32_t agent, uint64_t *ret_score)
{
    uint32_t why = agent_blocks(account, agent, task->stage);
    *ret_score = 0;
    if (why != SY_WHY_PLACED)
        return why;
    if (task->stage != SY_STAGE_AP) {
        *ret_score =
            account->view->agents[agent].slots[task->stage] - account->used[agent][task->stage];
        return SY_WHY_PLACED;
    }
    uint32_t store = account->best_scratch[agent];
    if (store == SY_VIEW_NONE)
        return SY_WHY_NO_SCRATCH;
    if (account->avail[store] < task->scratch_bytes)
        return SY_WHY_SCRATCH_FULL;
    *ret_score = account->avail[store];
    return SY_WHY_PLACED;
}

/* Of two reasons the one that is nearer to a placement. */
static uint32_t more_hopeful(uint32_t a, uint32_t b)
{
    static const uint8_t rank[SY_WHY_COUNT] = {
        [SY_WHY_AVOIDED] = 11, [SY_WHY_SLOTS_BUSY] = 10, [SY_WHY_SCRATCH_FULL] = 9,
        [SY_WHY_SUSPECT] = 8,  [SY_WHY_DRAINING] = 7,    [SY_WHY_PAUSED] = 6,
        [SY_WHY_OFFLINE] = 5,  [SY_WHY_DEAD] = 4,        [SY_WHY_NO_SCRATCH] = 3,
        [SY_WHY_NO_SLOT] = 2,
    };
    return rank[b] > rank[a] ? b : a;
}

/* The agents of the view turned by the seed, so that equals share the work. */
static uint32_t choose(struct account *account, const struct sy_view_task *task, uint8_t *reasons,
                       uint32_t *ret_why)
{
    const struct sy_view *view = account->view;
    uint32_t best = SY_VIEW_NONE, avoided = SY_VIEW_NONE, hope = SY_WHY_NO_SLOT;
    uint64_t best_score = 0;
    uint32_t turn = view->agent_count == 0 ? 0 : (uint32_t)(account->seed % view->agent_count);
    for (uint32_t i = 0; i < view->agent_count; i++) {
        uint32_t agent = turn + i < view->agent_count ? turn + i : turn + i - view->agent_count;
        uint64_t score = 0;
        uint32_t why = offer(account, task, agent, &score);
        if (why == SY_WHY_PLACED && agent == task->avoid_agent) {
            why = SY_WHY_AVOIDED;
            avoided = agent;
        }
        reasons[agent] = (uint8_t)why;
        if (why != SY_WHY_PLACED) {
            hope = more_hopeful(hope, why);
        } else if (best == SY_VIEW_NONE || score > best_score) {
            best = agent;
            best_score = score;
        }
    }
    uint32_t prefer = task->prefer_agent;
    if (prefer != SY_VIEW_NONE && reasons[prefer] == SY_WHY_PLACED) {
        *ret_why = SY_WHY_SAME_AGENT;
        return prefer;
    }
    *ret_why = best != SY_VIEW_NONE || avoided != SY_VIEW_NONE ? (uint32_t)SY_WHY_MOST_SPACE : hope;
    return best != SY_VIEW_NONE ? best : avoided;
}

static int plan_anywhere(struct account *account, const struct sy_view_task *task,
                         struct sy_error *err)
{
    if (task->stage == SY_STAGE_AP && account->policy->max_sealing != 0 &&
        task->miner != SY_VIEW_NONE &&
        account->sealing[task->miner] >= account->policy->max_sealing) {
        leave(account, task, SY_VIEW_NONE, SY_WHY_MAX_SEALING, NULL);
        return 0;
    }
    if (account->shared_reasons != NULL && account->shared_stage == task->stage &&
        account->shared_bytes == task->scratch_bytes &&
        account->shared_avoid == task->avoid_agent) {
        leave(account, task, SY_VIEW_NONE, account->shared_why, account->shared_reasons);
        return 0;
    }
    uint8_t *reasons = sy_arena_alloc(account->arena, account->view->agent_count + 1);
    if (reasons == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for the reasons of a plan");
    uint32_t why = 0;
    uint32_t agent = choose(account, task, reasons, &why);
    if (agent != SY_VIEW_NONE) {
        place(account, task, agent,
              task->stage == SY_STAGE_AP ? account->best_scratch[agent] : SY_VIEW_NONE, why);
        return 0;
    }
    leave(account, task, SY_VIEW_NONE, why, reasons);
    account->shared_reasons = reasons;
    account->shared_stage = task->stage;
    account->shared_bytes = task->scratch_bytes;
    account->shared_avoid = task->avoid_agent;
    account->shared_why = why;
    return 0;
}

static int plan_task(struct account *account, const struct sy_view_task *task, struct sy_error *err)
{
    struct sy_plan *plan = account->plan;
    uint32_t limit = account->policy->placements_max;
    if (task->not_before_ms > account->now_ms) {
        if (plan->next_ms == 0 || task->not_before_ms < plan->next_ms)
            plan->next_ms = task->not_before_ms;
        leave(account, task, task->agent, SY_WHY_BACKOFF, NULL);
    } else if (task->agent_lost) {
        leave(account, task, SY_VIEW_NONE, SY_WHY_OWNER_UNKNOWN, NULL);
    } else if (task->stopping) {
        leave(account, task, task->agent, SY_WHY_STOPPING, NULL);
    } else if (limit != 0 && plan->placement_count >= limit) {
        leave(account, task, SY_VIEW_NONE, SY_WHY_PLAN_LIMIT, NULL);
    } else if (task->agent != SY_VIEW_NONE) {
        plan_bound(account, task);
    } else {
        return plan_anywhere(account, task, err);
    }
    return 0;
}

static int account_init(struct account *account, struct sy_error *err)
{
    const struct sy_view *view = account->view;
    struct sy_arena *arena = account->arena;
    account->plan = sy_arena_alloc(arena, sizeof(*account->plan));
    account->used = sy_arena_alloc(arena, (view->agent_count + 1ull) * sizeof(*account->used));
    account->avail = sy_arena_alloc(arena, (view->store_count + 1ull) * sizeof(*account->avail));
    account->sealing =
        sy_arena_alloc(arena, (view->miner_count + 1ull) * sizeof(*account->sealing));
    account->best_scratch =
        sy_arena_alloc(arena, (view->agent_count + 1ull) * sizeof(*account->best_scratch));
    if (account->plan == NULL || account->used == NULL || account->avail == NULL ||
        account->sealing == NULL || account->best_scratch == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for a plan");
    struct sy_plan *plan = account->plan;
    plan->placements = sy_arena_alloc(arena, (view->task_count + 1ull) * sizeof(*plan->placements));
    plan->unplaced = sy_arena_alloc(arena, (view->task_count + 1ull) * sizeof(*plan->unplaced));
    if (plan->placements == NULL || plan->unplaced == NULL)
        return sy_fail(err, SY_E_NOMEM, "no memory for a plan of %u tasks", view->task_count);
    for (uint32_t i = 0; i < view->store_count; i++) {
        uint64_t spare =
            view->stores[i].kind == SY_STORE_SCRATCH ? account->policy->scratch_spare_bytes : 0;
        struct sy_view_store store = view->stores[i];
        if (store.kind == SY_STORE_LONG)
            store.bytes_booked = 0;
        account->avail[i] = plan_store_avail(&store, spare);
    }
    for (uint32_t i = 0; i < view->agent_count; i++) {
        memcpy(account->used[i], view->agents[i].used, sizeof(account->used[i]));
        account->best_scratch[i] = best_store(account, i, SY_STORE_SCRATCH);
    }
    for (uint32_t i = 0; i < view->miner_count; i++)
        account->sealing[i] = view->miners[i].sealing;
    return 0;
}

int sy_plan(const struct sy_view *view, const struct sy_plan_policy *policy, int64_t now_ms,
            uint64_t seed, struct sy_arena *arena, struct sy_plan **ret, struct sy_error *err)
{
    struct account account = {
        .view = view, .policy = policy, .now_ms = now_ms, .seed = seed, .arena = arena};
    int rc = account_init(&account, err);
    for (size_t order = 0; rc == 0 && order < SY_ARRAY_SIZE(stage_order); order++) {
        for (uint32_t i = 0; rc == 0 && i < view->task_count; i++) {
            if (view->tasks[i].stage == stage_order[order])
                rc = plan_task(&account, &view->tasks[i], err);
        }
    }
    if (rc == 0)
        *ret = account.plan;
    return rc;
}
