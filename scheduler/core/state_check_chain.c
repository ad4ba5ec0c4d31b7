/* Checks of what the chain and the messaging plugin propose. */
#include "scheduler/core/state_internal.h"

#include <string.h>

typedef unsigned long long ull;

int check_chain_refused(const struct sy_state *state, const struct sy_ev_chain_refused *body,
                        struct sy_error *err)
{
    const struct sector_node *sector = find_sector(state, body->miner, body->number);
    if (sector == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "sector %llu of miner %llu does not exist",
                       (ull)body->number, (ull)body->miner);
    struct sy_fsm_step step = sy_fsm_refuse(sector->row.state, body->to_state);
    if (step.verdict == SY_FSM_APPLY)
        return 0;
    const char *to = sy_sector_state_name(body->to_state);
    return sy_fail(err, step.verdict == SY_FSM_STALE ? SY_E_STALE : SY_E_STATE,
                   "the chain cannot send sector %llu from %s to %s", (ull)body->number,
                   sy_sector_state_name(sector->row.state), to == NULL ? "an unknown state" : to);
}

static int check_message_sectors(const struct sy_state *state, const struct sy_message *body,
                                 struct sy_error *err)
{
    if (body->sectors.count == 0 || body->sectors.count > SY_BATCH_SECTORS_MAX)
        return sy_fail(err, SY_E_RANGE, "a message of %u sectors; 1 to %d are possible",
                       body->sectors.count, SY_BATCH_SECTORS_MAX);
    const struct sy_number *numbers = body->sectors.items;
    enum sy_fsm_input input =
        body->kind == SY_MESSAGE_PRECOMMIT ? SY_FSM_PRECOMMIT_QUEUED : SY_FSM_COMMIT_QUEUED;
    for (uint32_t i = 0; i < body->sectors.count; i++) {
        int rc = check_sector_step(state, body->miner, numbers[i].value, input, err);
        if (rc != 0)
            return rc;
        for (uint32_t j = 0; j < i; j++) {
            if (numbers[j].value == numbers[i].value)
                return sy_fail(err, SY_E_ARG, "sector %llu is in the message twice",
                               (ull)numbers[i].value);
        }
    }
    return 0;
}

static int check_queued(const struct sy_state *state, const struct sy_message *body,
                        struct sy_error *err)
{
    uint8_t key[SY_STATE_KEY_BYTES_MAX];
    if (sy_state_key(SY_ROW_MESSAGE, body, key) == 0 || sy_message_kind_name(body->kind) == NULL)
        return sy_fail(err, SY_E_ARG,
                       "message uid '%s' or kind %u is wrong; expected pc- or cm- and "
                       "64 hex digits",
                       body->uid, body->kind);
    if (find_message(state, body->uid) != NULL)
        return sy_fail(err, SY_E_STALE, "message %s is there already", body->uid);
    if (body->params.bytes > SY_STATE_PARAMS_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT,
                       "the parameters have %u bytes, at most %d: put fewer sectors in one message",
                       body->params.bytes, SY_STATE_PARAMS_BYTES_MAX);
    return check_message_sectors(state, body, err);
}

static int check_signed(const struct sy_state *state, const struct sy_message *old,
                        const struct sy_message *body, struct sy_error *err)
{
    if (old->state != SY_MESSAGE_QUEUED)
        return sy_fail(err, SY_E_STALE, "message %s is %s already", body->uid,
                       sy_message_state_name(old->state));
    if (body->signed_bytes.bytes == 0 ||
        body->signed_bytes.bytes > SY_STATE_PARAMS_BYTES_MAX + 1024)
        return sy_fail(err, SY_E_RANGE, "signed message of %u bytes; 1 to %d are possible",
                       body->signed_bytes.bytes, SY_STATE_PARAMS_BYTES_MAX + 1024);
    if (body->from[0] == '\0' || body->cid[0] == '\0')
        return sy_fail(err, SY_E_ARG, "message %s is signed without sender or CID", body->uid);
    bool known = false;
    uint64_t newest = sender_nonce(state, body->from, &known);
    if (known && body->nonce <= newest)
        return sy_fail(
            err, SY_E_STATE,
            "nonce %llu of %s was given before (newest %llu): a nonce is never used twice",
            (ull)body->nonce, body->from, (ull)newest);
    return 0;
}

int check_message(const struct sy_state *state, uint32_t kind, const struct sy_message *body,
                  struct sy_error *err)
{
    if (kind == SY_EVENT_MESSAGE_QUEUED)
        return check_queued(state, body, err);
    struct node *node = find_message(state, body->uid);
    if (node == NULL)
        return sy_fail(err, SY_E_NOT_FOUND, "message %s does not exist", body->uid);
    const struct sy_message *old = node_row(node);
    if (kind == SY_EVENT_MESSAGE_SIGNED)
        return check_signed(state, old, body, err);
    if (kind == SY_EVENT_MESSAGE_FAILED) {
        if (old->state == SY_MESSAGE_FAILED)
            return sy_fail(err, SY_E_STALE, "message %s failed already", body->uid);
        if (old->state == SY_MESSAGE_ONCHAIN)
            return sy_fail(err, SY_E_STATE, "message %s stands on the chain", body->uid);
        return 0;
    }
    if (body->return_bytes.bytes > SY_STATE_RETURN_BYTES_MAX)
        return sy_fail(err, SY_E_LIMIT, "a return value of %u bytes, at most %d",
                       body->return_bytes.bytes, SY_STATE_RETURN_BYTES_MAX);
    if (old->state == SY_MESSAGE_ONCHAIN && old->height == body->height &&
        old->exit_code == body->exit_code)
        return sy_fail(err, SY_E_STALE, "message %s is known to stand at height %lld", body->uid,
                       (long long)body->height);
    if (old->state != SY_MESSAGE_SIGNED && old->state != SY_MESSAGE_ONCHAIN)
        return sy_fail(err, SY_E_STATE, "message %s is %s and cannot be on the chain", body->uid,
                       sy_message_state_name(old->state));
    return 0;
}
