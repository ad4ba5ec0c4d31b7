#include "scheduler/plugins/chain/chain.h"

#include "common/log.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PARAMS_REFRESH_MS 60000
#define LOOK_AGAIN_MS 1000
#define TICKET_MARGIN_EPOCHS                                                                       \
    2 /* a ticket is not drawn from the newest tipsets of a young chain                            \
       */

int64_t sy_chain_epochs(const struct sy_chain *chain, uint64_t ms)
{
    return (int64_t)(ms / SY_MAX(chain->params.block_delay_ms, UINT64_C(1)));
}

void sy_chain_later(struct sy_chain_step *step, uint64_t ms)
{
    step->item->look_ms = step->chain->now_ms + ms;
}

bool sy_chain_is_cc(const struct sy_sector *sector)
{
    const struct sy_piece *pieces = sector->pieces.items;
    for (uint32_t i = 0; i < sector->pieces.count; i++) {
        if (pieces[i].raw_bytes)
            return false;
    }
    return true;
}

int sy_chain_propose(struct sy_chain_step *step, uint32_t kind, const void *body,
                     struct sy_error *err)
{
    int rc = step->chain->ops->propose(step->chain->host, kind, body, err);
    if (rc == 0)
        sy_chain_later(step, SY_CHAIN_REPROPOSE_MS);
    return rc;
}

static int refuse(struct sy_chain_step *step, uint32_t to_state, uint32_t class, const char *text,
                  struct sy_error *err)
{
    char shown[SY_ROW_TEXT_BYTES];
    struct sy_ev_chain_refused body = {.miner = step->sector.miner,
                                       .number = step->sector.number,
                                       .to_state = to_state,
                                       .error_class = class};
    snprintf(body.error, sizeof(body.error), "%s", text);
    SY_WARN("chain", "refused", "miner=%llu sector=%llu from=%s to=%s why=%s",
            (unsigned long long)body.miner, (unsigned long long)body.number,
            sy_sector_state_name(step->sector.state), sy_sector_state_name(to_state),
            sy_log_value(text, shown, sizeof(shown)));
    return sy_chain_propose(step, SY_EVENT_CHAIN_REFUSED, &body, err);
}

int sy_chain_refuse(struct sy_chain_step *step, uint32_t to_state, uint32_t class,
                    struct sy_error *err, const char *format, ...)
{
    char text[SY_ROW_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return refuse(step, to_state, class, text, err);
}

int sy_chain_resubmit(struct sy_chain_step *step, uint32_t to_state, struct sy_error *err,
                      const char *format, ...)
{
    struct sy_chain_item *item = step->item;
    uint64_t wait = step->chain->retry_first_ms;
    char text[SY_ROW_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (uint32_t i = 0; i < item->resubmits && wait < SY_CHAIN_BACKOFF_MAX_MS; i++)
        wait *= 2;
    item->resubmits++;
    item->hold_ms = step->chain->now_ms + SY_MIN(wait, (uint64_t)SY_CHAIN_BACKOFF_MAX_MS);
    return refuse(step, to_state, SY_CLASS_TRANSIENT, text, err);
}

int sy_chain_landed(struct sy_chain_step *step, bool commit, int64_t epoch, const char *cid,
                    struct sy_error *err)
{
    struct sy_ev_sector_epoch body = {
        .miner = step->sector.miner, .number = step->sector.number, .epoch = epoch};
    snprintf(body.cid, sizeof(body.cid), "%s", cid);
    SY_INFO("chain", "landed", "step=%s miner=%llu sector=%llu epoch=%lld cid=%s",
            commit ? "commit" : "precommit", (unsigned long long)body.miner,
            (unsigned long long)body.number, (long long)epoch, cid[0] ? cid : "adopted");
    step->item->resubmits = 0;
    return sy_chain_propose(step, commit ? SY_EVENT_COMMIT_LANDED : SY_EVENT_PRECOMMIT_LANDED,
                            &body, err);
}

/* ---------------------------------------------------------------- randomness ---------------- */

static int get_ticket(struct sy_chain_step *step, struct sy_error *err)
{
    struct sy_chain *chain = step->chain;
    int64_t lookback = chain->ticket_lookback ? chain->ticket_lookback : chain->params.finality;
    struct sy_ev_randomness body = {.miner = step->sector.miner,
                                    .number = step->sector.number,
                                    .epoch = chain->head.height - lookback};
    int rc;
    if (body.epoch < TICKET_MARGIN_EPOCHS) {
        sy_chain_later(step, chain->params.block_delay_ms);
        return 0;
    }
    rc = sy_node_get_ticket(chain->node, body.miner, body.epoch, body.value, err);
    return rc < 0 ? rc : sy_chain_propose(step, SY_EVENT_TICKET, &body, err);
}

/* The pre-commit is read again: a reorg may have moved it. */
static int get_seed(struct sy_chain_step *step, struct sy_error *err)
{
    struct sy_chain *chain = step->chain;
    const struct sy_sector *sector = &step->sector;
    struct sy_ev_randomness body = {.miner = sector->miner, .number = sector->number};
    struct sy_node_sector precommit;
    int64_t ready =
        sector->precommit_epoch + chain->params.challenge_delay + chain->seed_confidence;
    int rc;
    if (chain->head.height < ready) {
        sy_chain_later(step,
                       (uint64_t)(ready - chain->head.height) * chain->params.block_delay_ms / 2);
        return 0;
    }
    rc = sy_node_get_precommit(chain->node, sector->miner, sector->number, &precommit, err);
    if (rc < 0)
        return rc;
    if (!precommit.found)
        return sy_chain_refuse(step, SY_SECTOR_SubmitPreCommitBatch, SY_CLASS_TRANSIENT, err,
                               "the pre-commit of epoch %lld is gone from the chain",
                               (long long)sector->precommit_epoch);
    if (memcmp(precommit.comm_r, sector->comm_r, 32) != 0)
        return sy_chain_refuse(step, SY_SECTOR_FailedUnrecoverable, SY_CLASS_CORRUPT, err,
                               "the chain holds a pre-commit with another commR");
    if (precommit.epoch != sector->precommit_epoch)
        return sy_chain_landed(step, false, precommit.epoch, "", err);
    body.epoch = precommit.epoch + chain->params.challenge_delay;
    rc = sy_node_get_seed(chain->node, body.miner, body.epoch, body.value, err);
    return rc < 0 ? rc : sy_chain_propose(step, SY_EVENT_SEED, &body, err);
}

/* ---------------------------------------------------------------- head ---------------------- */

static int refresh_params(struct sy_chain *chain, struct sy_error *err)
{
    uint32_t version;
    int rc;
    if (chain->params.network[0] && chain->now_ms < chain->params_due_ms)
        return 0;
    rc = sy_node_get_params(chain->node, &chain->params, err);
    if (rc == 0)
        rc = sy_node_get_version(chain->node, &version, err);
    if (rc < 0)
        return rc;
    if (chain->network[0] && strcmp(chain->network, chain->params.network) != 0) {
        rc = sy_fail(err, SY_E_ARG, "the node is of network \"%s\", the configuration says \"%s\"",
                     chain->params.network, chain->network);
        chain->params.network[0] = 0;
        return rc;
    }
    snprintf(chain->head.network, sizeof(chain->head.network), "%s", chain->params.network);
    chain->head.network_version = version;
    chain->head.block_delay_ms = chain->params.block_delay_ms;
    chain->params_due_ms = chain->now_ms + PARAMS_REFRESH_MS;
    return 0;
}

static int poll_head(struct sy_chain *chain, struct sy_error *err)
{
    struct sy_chain_head head;
    bool changed;
    int rc = refresh_params(chain, err);
    head = chain->head;
    if (rc == 0)
        rc = sy_node_get_head(chain->node, &head, err);
    if (rc < 0)
        return rc;
    changed = strcmp(head.tipset, chain->head.tipset) != 0;
    head.updated_ms = sy_env_wall_ms(chain->ops->env(chain->host));
    chain->head = head;
    if (changed)
        chain->ops->set_head(chain->host, &head);
    return 0;
}

/* No sector is numbered before the chain has told which numbers are used. */
static int set_floors(struct sy_chain *chain, struct sy_error *err)
{
    struct sy_miner miner;
    for (size_t i = 0; chain->ops->get_miner(chain->host, i, &miner); i++) {
        struct sy_ev_number_floor body = {.miner = miner.id};
        struct sy_node_miner info;
        int rc;
        if (miner.floor_known)
            continue;
        rc = sy_node_get_miner(chain->node, miner.id, &info, err);
        if (rc == 0 && info.sector_bytes != miner.sector_bytes)
            rc = sy_fail(err, SY_E_ARG,
                         "miner f0%llu has sectors of %llu bytes on the chain, %llu in the "
                         "configuration",
                         (unsigned long long)miner.id, (unsigned long long)info.sector_bytes,
                         (unsigned long long)miner.sector_bytes);
        if (rc == 0)
            rc = sy_node_get_number_floor(chain->node, miner.id, &body.next_number, err);
        if (rc == 0)
            rc = chain->ops->propose(chain->host, SY_EVENT_NUMBER_FLOOR, &body, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---------------------------------------------------------------- batches ------------------- */

static bool same_batch(const struct sy_sector *a, const struct sy_sector *b)
{
    return a->miner == b->miner && a->proof_type == b->proof_type;
}

/* Is the batch full, old or urgent? */
static bool is_due(const struct sy_chain *chain, bool commit, const struct sy_chain_step *steps,
                   size_t count)
{
    const struct sy_chain_batching *rule = commit ? &chain->commit : &chain->precommit;
    int64_t wall = sy_env_wall_ms(chain->ops->env(chain->host));
    if ((int64_t)count >= rule->threshold)
        return true;
    for (size_t i = 0; i < count; i++) {
        const struct sy_sector *sector = &steps[i].sector;
        int64_t cutoff = commit ? sy_chain_commit_cutoff(chain, sector)
                                : sy_chain_precommit_cutoff(chain, sector);
        if (wall - sector->state_ms >= (int64_t)rule->max_wait_ms ||
            cutoff - chain->head.height <= sy_chain_epochs(chain, rule->slack_ms))
            return true;
    }
    return false;
}

/* One batch in as few messages as it takes. */
static int send_batch(struct sy_chain *chain, bool commit, struct sy_chain_step *steps,
                      size_t count, struct sy_error *err)
{
    size_t most = count;
    for (size_t at = 0; at < count;) {
        size_t taken = SY_MIN(most, count - at);
        bool split;
        int rc = commit ? sy_chain_send_commit(chain, steps + at, taken, &split, err)
                        : sy_chain_send_precommit(chain, steps + at, taken, &split, err);
        if (rc < 0)
            return rc;
        if (split)
            most = (taken + 1) / 2;
        else
            at += taken;
    }
    return 0;
}

/* Sends what is ready, by miner and proof type. Reorders the steps. */
static int send_batches(struct sy_chain *chain, bool commit, struct sy_chain_step *steps,
                        size_t count, struct sy_error *err)
{
    int first = 0;
    while (count) {
        size_t taken = 1;
        for (size_t i = 1; i < count && taken < SY_BATCH_SECTORS_MAX; i++) {
            if (same_batch(&steps[0].sector, &steps[i].sector)) {
                struct sy_chain_step other = steps[taken];
                steps[taken++] = steps[i];
                steps[i] = other;
            }
        }
        if (is_due(chain, commit, steps, taken)) {
            int rc = send_batch(chain, commit, steps, taken, err);
            if (rc < 0 && first == 0)
                first = rc;
        }
        steps += taken;
        count -= taken;
    }
    return first;
}

static int log_failure(struct sy_chain_step *step, int rc, const struct sy_error *why,
                       struct sy_error *err)
{
    char text[SY_ERROR_TEXT_BYTES];
    if (sy_node_is_away(rc)) {
        if (err)
            *err = *why;
        return rc;
    }
    SY_WARN("chain", "step_failed", "miner=%llu sector=%llu state=%s err=%s",
            (unsigned long long)step->item->key.miner, (unsigned long long)step->item->key.number,
            sy_sector_state_name(step->item->state), sy_log_value(why->text, text, sizeof(text)));
    sy_chain_later(step, LOOK_AGAIN_MS);
    return 0;
}

static int run_step(struct sy_chain_step *step, bool *ret_ready, struct sy_error *err)
{
    switch (step->item->state) {
    case SY_SECTOR_GetTicket:
        return get_ticket(step, err);
    case SY_SECTOR_SubmitPreCommitBatch:
        return sy_chain_check_precommit(step, ret_ready, err);
    case SY_SECTOR_PreCommitBatchWait:
        return sy_chain_wait_precommit(step, err);
    case SY_SECTOR_WaitSeed:
        return get_seed(step, err);
    case SY_SECTOR_SubmitCommitAggregate:
        return sy_chain_check_commit(step, ret_ready, err);
    case SY_SECTOR_CommitAggregateWait:
        return sy_chain_wait_commit(step, err);
    default:
        return 0;
    }
}

/* Looks at every due item of one state; those of the two Submit states gather in batches. */
static int work_state(struct sy_chain *chain, uint32_t state, struct sy_error *err)
{
    struct sy_chain_step *ready = sy_mem_alloc_array(SY_CHAIN_CHECKS_PER_TICK, sizeof(*ready));
    struct sy_chain_item *item, *next;
    struct sy_error why = {0};
    size_t count = 0;
    int rc = ready ? 0 : sy_fail(err, SY_E_NOMEM, "no memory for a batch");
    HASH_ITER(hh, chain->items, item, next)
    {
        struct sy_chain_step step = {.chain = chain, .item = item};
        bool is_ready = false;
        if (rc < 0 || count == SY_CHAIN_CHECKS_PER_TICK)
            break;
        if (item->state != state || chain->now_ms < item->look_ms ||
            chain->now_ms < item->hold_ms ||
            !chain->ops->get_sector(chain->host, item->key.miner, item->key.number, &step.sector) ||
            step.sector.state != state)
            continue;
        rc = run_step(&step, &is_ready, &why);
        if (rc < 0)
            rc = log_failure(&step, rc, &why, err);
        else if (is_ready)
            ready[count++] = step;
    }
    if (rc == 0 && count) {
        struct sy_chain_step first = ready[0];
        rc = send_batches(chain, state == SY_SECTOR_SubmitCommitAggregate, ready, count, &why);
        if (rc < 0)
            rc = log_failure(&first, rc, &why, err);
    }
    sy_mem_free(ready);
    return rc;
}

/* ---------------------------------------------------------------- the plugin ---------------- */

static bool is_ours(uint32_t state)
{
    return state == SY_SECTOR_GetTicket || state == SY_SECTOR_SubmitPreCommitBatch ||
           state == SY_SECTOR_PreCommitBatchWait || state == SY_SECTOR_WaitSeed ||
           state == SY_SECTOR_SubmitCommitAggregate || state == SY_SECTOR_CommitAggregateWait;
}

static int on_sector(void *self, const struct sy_sector *sector, struct sy_error *err)
{
    struct sy_chain *chain = self;
    struct sy_chain_key key = {.miner = sector->miner, .number = sector->number};
    struct sy_chain_item *item;
    HASH_FIND(hh, chain->items, &key, sizeof(key), item);
    if (!item && !is_ours(sector->state))
        return 0;
    if (!item) {
        item = sy_mem_alloc(sizeof(*item));
        if (!item)
            return sy_fail(err, SY_E_NOMEM, "no memory for a sector");
        item->key = key;
        HASH_ADD(hh, chain->items, key, sizeof(item->key), item);
    }
    if (sy_sector_state_is_final(sector->state)) {
        HASH_DEL(chain->items, item);
        sy_mem_free(item);
        return 0;
    }
    if (item->state != sector->state || item->state_ms != sector->state_ms)
        item->look_ms = 0;
    item->state = sector->state;
    item->state_ms = sector->state_ms;
    return 0;
}

static int on_tick(void *self, uint64_t now_ms, uint64_t *ret_next_ms, struct sy_error *err)
{
    static const uint32_t states[] = {
        SY_SECTOR_GetTicket, SY_SECTOR_SubmitPreCommitBatch,  SY_SECTOR_PreCommitBatchWait,
        SY_SECTOR_WaitSeed,  SY_SECTOR_SubmitCommitAggregate, SY_SECTOR_CommitAggregateWait};
    struct sy_chain *chain = self;
    int rc = 0;
    chain->now_ms = now_ms;
    *ret_next_ms = now_ms + chain->poll_ms;
    if (now_ms >= chain->poll_due_ms) {
        rc = poll_head(chain, err);
        if (rc == 0)
            rc = set_floors(chain, err);
        if (rc < 0)
            return rc;
        chain->poll_due_ms = now_ms + chain->poll_ms;
    }
    for (size_t i = 0; rc == 0 && i < SY_ARRAY_SIZE(states); i++)
        rc = work_state(chain, states[i], err);
    return rc;
}

static int read_batching(struct sy_conf_table *conf, const char *prefix,
                         struct sy_chain_batching *ret, const char *slack, struct sy_error *err)
{
    char key[64];
    int rc;
    snprintf(key, sizeof(key), "%s_batch_threshold", prefix);
    rc = sy_conf_integer(conf, key, false, 16, 1, SY_BATCH_SECTORS_MAX, &ret->threshold, err);
    snprintf(key, sizeof(key), "%s_batch_max_wait", prefix);
    if (rc == 0)
        rc = sy_conf_duration_ms(conf, key, false, "1h", &ret->max_wait_ms, err);
    snprintf(key, sizeof(key), "%s_slack", prefix);
    if (rc == 0)
        rc = sy_conf_duration_ms(conf, key, false, slack, &ret->slack_ms, err);
    return rc;
}

static int read_conf(struct sy_chain *chain, struct sy_conf_table *conf, struct sy_error *err)
{
    int rc = sy_node_create_from_conf(&chain->node, conf, err);
    if (rc == 0)
        rc =
            sy_conf_string(conf, "network", false, "", chain->network, sizeof(chain->network), err);
    if (rc == 0)
        rc = sy_conf_duration_ms(conf, "poll", false, "5s", &chain->poll_ms, err);
    if (rc == 0)
        rc = read_batching(conf, "precommit", &chain->precommit, "6h", err);
    if (rc == 0)
        rc = read_batching(conf, "commit", &chain->commit, "3h", err);
    if (rc == 0)
        rc = sy_conf_integer(conf, "ticket_lookback", false, 0, 0, 3780, &chain->ticket_lookback,
                             err);
    if (rc == 0)
        rc = sy_conf_integer(conf, "seed_confidence", false, 6, 0, 900, &chain->seed_confidence,
                             err);
    if (rc == 0)
        rc =
            sy_conf_integer(conf, "lifetime_days", false, 540, 1, 1278, &chain->lifetime_days, err);
    if (rc == 0)
        rc = sy_conf_duration_ms(conf, "retry_first", false, "1m", &chain->retry_first_ms, err);
    if (rc == 0)
        rc = sy_conf_bool(conf, "collateral_from_miner_balance", false, false,
                          &chain->collateral_from_miner, err);
    return rc;
}

static void stop(void *self)
{
    struct sy_chain *chain = self;
    struct sy_chain_item *item, *next;
    if (!chain)
        return;
    HASH_ITER(hh, chain->items, item, next)
    {
        HASH_DEL(chain->items, item);
        sy_mem_free(item);
    }
    sy_node_destroy(chain->node);
    sy_mem_free(chain);
}

static int start(struct sy_plugin_host *host, const struct sy_plugin_host_ops *ops,
                 struct sy_conf_table *conf, void **ret_self, struct sy_error *err)
{
    struct sy_chain *chain;
    int rc;
    if (ops->abi != SY_PLUGIN_ABI)
        return sy_fail(err, SY_E_VERSION, "host speaks plugin ABI %u, expected %d", ops->abi,
                       SY_PLUGIN_ABI);
    chain = sy_mem_alloc(sizeof(*chain));
    if (!chain)
        return sy_fail(err, SY_E_NOMEM, "no memory for the chain plugin");
    chain->host = host;
    chain->ops = ops;
    rc = read_conf(chain, conf, err);
    if (rc < 0) {
        stop(chain);
        return rc;
    }
    *ret_self = chain;
    return 0;
}

/* The symbol that the host looks up. */
extern const struct sy_plugin sealyard_plugin;
SY_EXPORT const struct sy_plugin sealyard_plugin = {.abi = SY_PLUGIN_ABI,
                                                    .size = sizeof(struct sy_plugin),
                                                    .name = "chain",
                                                    .build = SY_VERSION,
                                                    .kind = SY_PLUGIN_CHAIN,
                                                    .start = start,
                                                    .on_sector = on_sector,
                                                    .on_tick = on_tick,
                                                    .stop = stop};
