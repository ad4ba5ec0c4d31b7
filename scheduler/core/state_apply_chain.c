/* Applying what the chain and its messages did to sectors, and the operator's retry and remove. */
#include "scheduler/core/state_internal.h"

#include <string.h>

static struct sector_node *sector_of(struct change *change, uint64_t miner, uint64_t number)
{
    return find_sector(change->state, miner, number);
}

static int apply_randomness(struct change *change, struct sy_error *err)
{
    const struct sy_ev_randomness *body = change->event->body;
    bool ticket = change->event->kind == SY_EVENT_TICKET;
    int rc = change_nodes(change, SY_ROW_TASK, 1, err);
    if (rc != 0)
        return rc;
    struct sector_node *sector = sector_of(change, body->miner, body->number);
    if (ticket) {
        sector->row.ticket_epoch = body->epoch;
        memcpy(sector->row.ticket, body->value, sizeof(sector->row.ticket));
    } else {
        sector->row.seed_epoch = body->epoch;
        memcpy(sector->row.seed, body->value, sizeof(sector->row.seed));
    }
    sector_move(change, sector,
                sy_fsm_step(sector->row.state, ticket ? SY_FSM_TICKET : SY_FSM_SEED, 0, 0), 0,
                NULL);
    return 0;
}

static int apply_landed(struct change *change, struct sy_error *err)
{
    const struct sy_ev_sector_epoch *body = change->event->body;
    bool precommit = change->event->kind == SY_EVENT_PRECOMMIT_LANDED;
    int rc = change_nodes(change, SY_ROW_TASK, 1, err);
    if (rc != 0)
        return rc;
    struct sector_node *sector = sector_of(change, body->miner, body->number);
    struct sy_sector *row = &sector->row;
    if (precommit) {
        row->precommit_epoch = body->epoch;
        if (body->cid[0] != '\0')
            text_copy(row->precommit_cid, sizeof(row->precommit_cid), body->cid);
    } else {
        row->activation_epoch = body->epoch;
        if (body->cid[0] != '\0')
            text_copy(row->commit_cid, sizeof(row->commit_cid), body->cid);
    }
    enum sy_fsm_input input = precommit ? SY_FSM_PRECOMMIT_LANDED : SY_FSM_COMMIT_LANDED;
    sector_move(change, sector, sy_fsm_step(row->state, input, 0, 0), 0, NULL);
    return 0;
}

static int apply_chain_refused(struct change *change, struct sy_error *err)
{
    const struct sy_ev_chain_refused *body = change->event->body;
    int rc = change_nodes(change, SY_ROW_TASK, 1, err);
    if (rc != 0)
        return rc;
    struct sector_node *sector = sector_of(change, body->miner, body->number);
    struct sy_fsm_step step = sy_fsm_refuse(sector->row.state, body->to_state);
    if (step.next == SY_SECTOR_Removing) {
        sector->row.error_class = body->error_class;
        text_copy(sector->row.error, sizeof(sector->row.error), body->error);
        sector_begin_removal(change, sector, step, "chain", sector->row.job);
        return 0;
    }
    if (step.next != sector->row.state)
        sector_cancel_tasks(change, sector);
    sector_move(change, sector, step, body->error_class, body->error);
    return 0;
}

static int apply_operator(struct change *change, struct sy_error *err)
{
    const struct sy_ev_sector *body = change->event->body;
    int rc = change_nodes(change, SY_ROW_TASK, 1, err);
    if (rc != 0)
        return rc;
    struct sector_node *sector = sector_of(change, body->miner, body->number);
    if (change->event->kind == SY_EVENT_SECTOR_REMOVE) {
        sector_begin_removal(change, sector, sy_fsm_step(sector->row.state, SY_FSM_REMOVE, 0, 0),
                             body->by, sector->row.job);
        return 0;
    }
    sector_move(change, sector,
                sy_fsm_step(sector->row.state, SY_FSM_RETRY, 0, sector->row.failed_from), 0, NULL);
    return 0;
}

/* ---- messages ---- */

static int apply_queued(struct change *change, struct sy_error *err)
{
    struct sy_state *state = change->state;
    struct sy_message row = *(const struct sy_message *)change->event->body;
    row.state = SY_MESSAGE_QUEUED;
    row.created_ms = change->event->wall_ms;
    row.nonce = 0;
    row.signed_bytes = (struct sy_slice){NULL, 0};
    row.return_bytes = (struct sy_slice){NULL, 0};
    row.signed_ms = 0;
    row.height = 0;
    row.exit_code = 0;
    struct node *old = NULL, *fresh = NULL;
    int rc = apply_upsert(change, SY_ROW_MESSAGE, &row, &old, &fresh, err);
    if (rc != 0)
        return rc;
    vector_insert(&state->rows[SY_ROW_MESSAGE], fresh);
    mark_dirty(state, fresh);
    bool precommit = row.kind == SY_MESSAGE_PRECOMMIT;
    const struct sy_number *numbers = row.sectors.items;
    for (uint32_t i = 0; i < row.sectors.count; i++) {
        struct sector_node *sector = sector_of(change, row.miner, numbers[i].value);
        text_copy(precommit ? sector->row.precommit_uid : sector->row.commit_uid, SY_UID_BYTES,
                  row.uid);
        enum sy_fsm_input input = precommit ? SY_FSM_PRECOMMIT_QUEUED : SY_FSM_COMMIT_QUEUED;
        sector_move(change, sector, sy_fsm_step(sector->row.state, input, 0, 0), 0, NULL);
    }
    return 0;
}

static int apply_signed(struct change *change, struct sy_error *err)
{
    const struct sy_message *body = change->event->body;
    int rc = change_copy(change, 0, body->signed_bytes.data, body->signed_bytes.bytes, err);
    if (rc != 0)
        return rc;
    if (!sender_reserve(change->state))
        return sy_fail(err, SY_E_NOMEM, "no memory for the table of senders");
    struct node *node = find_message(change->state, body->uid);
    struct sy_message *row = node_row(node);
    row->state = SY_MESSAGE_SIGNED;
    row->nonce = body->nonce;
    row->signed_ms = change->event->wall_ms;
    swap_slice(&row->signed_bytes, change_blob(change, 0), body->signed_bytes.bytes);
    text_copy(row->from, sizeof(row->from), body->from);
    text_copy(row->cid, sizeof(row->cid), body->cid);
    text_copy(row->signed_cid, sizeof(row->signed_cid), body->signed_cid);
    sender_note(change->state, row->from, row->nonce);
    mark_dirty(change->state, node);
    return 0;
}

static int apply_onchain(struct change *change, struct sy_error *err)
{
    const struct sy_message *body = change->event->body;
    int rc = change_copy(change, 0, body->return_bytes.data, body->return_bytes.bytes, err);
    if (rc != 0)
        return rc;
    struct node *node = find_message(change->state, body->uid);
    struct sy_message *row = node_row(node);
    row->state = SY_MESSAGE_ONCHAIN;
    row->height = body->height;
    row->exit_code = body->exit_code;
    swap_slice(&row->return_bytes, change_blob(change, 0), body->return_bytes.bytes);
    mark_dirty(change->state, node);
    return 0;
}

static void apply_failed(struct change *change)
{
    const struct sy_message *body = change->event->body;
    struct node *node = find_message(change->state, body->uid);
    struct sy_message *row = node_row(node);
    row->state = SY_MESSAGE_FAILED;
    text_copy(row->error, sizeof(row->error), body->error);
    mark_dirty(change->state, node);
    bool precommit = row->kind == SY_MESSAGE_PRECOMMIT;
    const struct sy_number *numbers = row->sectors.items;
    for (uint32_t i = 0; i < row->sectors.count; i++) {
        struct sector_node *sector = sector_of(change, row->miner, numbers[i].value);
        if (sector == NULL)
            continue;
        const char *uid = precommit ? sector->row.precommit_uid : sector->row.commit_uid;
        struct sy_fsm_step step = sy_fsm_step(sector->row.state, SY_FSM_MESSAGE_FAILED, 0, 0);
        bool waits = precommit ? sector->row.state == SY_SECTOR_PreCommitBatchWait
                               : sector->row.state == SY_SECTOR_CommitAggregateWait;
        if (waits && strcmp(uid, row->uid) == 0 && step.verdict == SY_FSM_APPLY)
            sector_move(change, sector, step, SY_CLASS_TRANSIENT, body->error);
    }
}

int apply_chain(struct change *change, struct sy_error *err)
{
    switch (change->event->kind) {
    case SY_EVENT_TICKET:
    case SY_EVENT_SEED:
        return apply_randomness(change, err);
    case SY_EVENT_PRECOMMIT_LANDED:
    case SY_EVENT_COMMIT_LANDED:
        return apply_landed(change, err);
    case SY_EVENT_CHAIN_REFUSED:
        return apply_chain_refused(change, err);
    case SY_EVENT_SECTOR_RETRY:
    case SY_EVENT_SECTOR_REMOVE:
        return apply_operator(change, err);
    case SY_EVENT_MESSAGE_QUEUED:
        return apply_queued(change, err);
    case SY_EVENT_MESSAGE_SIGNED:
        return apply_signed(change, err);
    case SY_EVENT_MESSAGE_ONCHAIN:
        return apply_onchain(change, err);
    case SY_EVENT_MESSAGE_FAILED:
        apply_failed(change);
        return 0;
    default:
        return sy_fail(err, SY_E_BUG, "event kind %u passed the check but has no meaning",
                       change->event->kind);
    }
}
