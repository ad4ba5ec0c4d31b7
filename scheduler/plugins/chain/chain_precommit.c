#include "scheduler/plugins/chain/chain.h"

#include "common/mem.h"

#include <string.h>

#define PROVING_PERIOD 2880
#define EPOCHS_PER_DAY 2880
#define LANDING_EPOCHS 10 /* time for a message to be included */

int64_t sy_chain_precommit_cutoff(const struct sy_chain *chain, const struct sy_sector *sector)
{
    return sector->ticket_epoch + chain->params.precommit_lookback;
}

/* On chain already? *ret_done = a proposal was made. */
static int adopt(struct sy_chain_step *step, bool *ret_done, struct sy_error *err)
{
    const struct sy_sector *sector = &step->sector;
    struct sy_node_sector precommit;
    bool allocated;
    int rc =
        sy_node_get_precommit(step->chain->node, sector->miner, sector->number, &precommit, err);
    *ret_done = true;
    if (rc < 0)
        return rc;
    if (precommit.found && memcmp(precommit.comm_r, sector->comm_r, 32) == 0)
        return sy_chain_landed(step, false, precommit.epoch, "", err);
    if (precommit.found)
        return sy_chain_refuse(step, SY_SECTOR_FailedUnrecoverable, SY_CLASS_CORRUPT, err,
                               "number %llu is pre-committed with another commR: it cannot be used",
                               (unsigned long long)sector->number);
    rc = sy_node_is_allocated(step->chain->node, sector->miner, sector->number, &allocated, err);
    if (rc == 0 && allocated)
        return sy_chain_refuse(step, SY_SECTOR_FailedUnrecoverable, SY_CLASS_CORRUPT, err,
                               "number %llu was used on the chain before and has no pre-commit: it "
                               "cannot be used again",
                               (unsigned long long)sector->number);
    *ret_done = false;
    return rc;
}

static int check_ticket(struct sy_chain_step *step, bool *ret_done, struct sy_error *err)
{
    const struct sy_sector *sector = &step->sector;
    struct sy_chain *chain = step->chain;
    int64_t cutoff = sy_chain_precommit_cutoff(chain, sector);
    uint8_t ticket[32];
    int rc;
    *ret_done = true;
    if (chain->head.height + LANDING_EPOCHS > cutoff)
        return sy_chain_refuse(step, SY_SECTOR_GetTicket, SY_CLASS_TRANSIENT, err,
                               "ticket of epoch %lld expired at %lld, head is %lld",
                               (long long)sector->ticket_epoch, (long long)cutoff,
                               (long long)chain->head.height);
    rc = sy_node_get_ticket(chain->node, sector->miner, sector->ticket_epoch, ticket, err);
    if (rc < 0)
        return rc;
    if (memcmp(ticket, sector->ticket, 32) != 0)
        return sy_chain_refuse(step, SY_SECTOR_GetTicket, SY_CLASS_TRANSIENT, err,
                               "ticket of epoch %lld changed on the chain",
                               (long long)sector->ticket_epoch);
    *ret_done = false;
    return 0;
}

int sy_chain_check_precommit(struct sy_chain_step *step, bool *ret_ready, struct sy_error *err)
{
    bool done;
    int rc = adopt(step, &done, err);
    if (rc == 0 && !done)
        rc = check_ticket(step, &done, err);
    *ret_ready = rc == 0 && !done;
    return rc;
}

/* Last epoch of the proving period nearest to head + lifetime, within what any landing epoch
 * allows. */
static int64_t choose_expiration(const struct sy_chain *chain, const struct sy_sector *sector,
                                 const struct sy_node_miner *miner)
{
    const struct sy_node_params *params = &chain->params;
    int64_t wanted = chain->head.height + chain->lifetime_days * EPOCHS_PER_DAY;
    int64_t least = sector->ticket_epoch + params->precommit_lookback + params->prove_duration +
                    params->expiration_min;
    int64_t most = chain->head.height + params->expiration_max - PROVING_PERIOD;
    int64_t periods = (wanted - miner->period_start + 1 + PROVING_PERIOD / 2) / PROVING_PERIOD;
    int64_t expiration = miner->period_start + periods * PROVING_PERIOD - 1;
    while (expiration < least)
        expiration += PROVING_PERIOD;
    while (expiration > most)
        expiration -= PROVING_PERIOD;
    return SY_MAX(expiration, least);
}

static void fill(const struct sy_chain *chain, const struct sy_sector *sector,
                 const struct sy_node_miner *miner, struct sy_fil_precommit *ret)
{
    *ret = (struct sy_fil_precommit){.seal_proof = sector->proof_type,
                                     .sector = sector->number,
                                     .seal_rand_epoch = sector->ticket_epoch,
                                     .expiration = choose_expiration(chain, sector, miner),
                                     .has_unsealed = !sy_chain_is_cc(sector)};
    sy_fil_cid_sealed(sector->comm_r, &ret->sealed);
    if (ret->has_unsealed)
        sy_fil_cid_unsealed(sector->comm_d, &ret->unsealed);
}

static int add_deposits(struct sy_chain *chain, const struct sy_fil_precommit *infos, size_t count,
                        uint64_t miner, struct sy_bigint *ret, struct sy_error *err)
{
    *ret = sy_bigint_from(0);
    for (size_t i = 0; i < count && !chain->collateral_from_miner; i++) {
        struct sy_bigint deposit;
        int rc = sy_node_get_deposit(chain->node, miner, &infos[i], &deposit, err);
        if (rc < 0)
            return rc;
        if (!sy_bigint_add(ret, ret, &deposit))
            return sy_fail(err, SY_E_RANGE, "the sum of deposits does not fit");
    }
    return 0;
}

/* A refusal of one sector is that sector's; of many, they are tried in smaller messages. */
static int on_refusal(struct sy_chain_step *steps, size_t count,
                      const struct sy_node_receipt *receipt, bool *ret_split, struct sy_error *err)
{
    if (sy_chain_is_transient_exit(receipt->exit_code))
        return sy_fail(err, SY_E_AGAIN, "pre-commit waits: exit %lld: %s",
                       (long long)receipt->exit_code, receipt->error);
    *ret_split = count > 1;
    if (*ret_split)
        return 0;
    return sy_chain_refuse(&steps[0], SY_SECTOR_PreCommitFailed, SY_CLASS_INPUT, err,
                           "the chain would refuse the pre-commit: exit %lld: %s",
                           (long long)receipt->exit_code, receipt->error);
}

static int send(struct sy_chain *chain, struct sy_chain_step *steps, size_t count,
                struct sy_fil_precommit *infos, uint8_t *params, bool *ret_split,
                struct sy_error *err)
{
    struct sy_chain_draft draft = {.kind = SY_MESSAGE_PRECOMMIT,
                                   .miner = steps[0].sector.miner,
                                   .method = SY_FIL_METHOD_PRECOMMIT,
                                   .params = params,
                                   .steps = steps,
                                   .count = count};
    struct sy_node_receipt receipt;
    struct sy_node_miner miner;
    int rc = sy_node_get_miner(chain->node, draft.miner, &miner, err);
    if (rc < 0)
        return rc;
    draft.worker = miner.worker;
    for (size_t i = 0; i < count; i++)
        fill(chain, &steps[i].sector, &miner, &infos[i]);
    rc = sy_fil_precommit_encode(infos, count, params, SY_CHAIN_PARAMS_BYTES_MAX,
                                 &draft.params_bytes, err);
    if (rc == -SY_E_LIMIT && count > 1) {
        *ret_split = true;
        return 0;
    }
    if (rc == 0)
        rc = add_deposits(chain, infos, count, draft.miner, &draft.value, err);
    if (rc == 0)
        rc = sy_chain_try(chain, &draft, &receipt, err);
    if (rc == 0 && receipt.exit_code)
        return on_refusal(steps, count, &receipt, ret_split, err);
    if (rc == 0)
        rc = sy_chain_queue(chain, &draft, err);
    return rc;
}

int sy_chain_send_precommit(struct sy_chain *chain, struct sy_chain_step *steps, size_t count,
                            bool *ret_split, struct sy_error *err)
{
    struct sy_fil_precommit *infos;
    uint8_t *params;
    int rc;
    *ret_split = false;
    if (chain->head.network_version > SY_NODE_NETWORK_VERSION_MAX)
        return sy_fail(err, SY_E_VERSION,
                       "network version %u is newer than %d: nothing is sent, update this program",
                       chain->head.network_version, SY_NODE_NETWORK_VERSION_MAX);
    infos = sy_mem_alloc_array(count, sizeof(*infos));
    params = sy_mem_alloc(SY_CHAIN_PARAMS_BYTES_MAX);
    rc = infos && params ? send(chain, steps, count, infos, params, ret_split, err)
                         : sy_fail(err, SY_E_NOMEM, "no memory for a pre-commit");
    sy_mem_free(infos);
    sy_mem_free(params);
    return rc;
}

/* Exit codes that are the sector's fault: what does the chain hold now? */
static int recheck(struct sy_chain_step *step, const struct sy_message *message,
                   struct sy_error *err)
{
    bool done;
    int rc = adopt(step, &done, err);
    if (rc == 0 && !done)
        rc = check_ticket(step, &done, err);
    if (rc < 0 || done)
        return rc;
    return sy_chain_refuse(step, SY_SECTOR_PreCommitFailed, SY_CLASS_INPUT, err,
                           "pre-commit message %s failed with exit %lld", message->signed_cid,
                           (long long)message->exit_code);
}

int sy_chain_wait_precommit(struct sy_chain_step *step, struct sy_error *err)
{
    struct sy_chain *chain = step->chain;
    const struct sy_sector *sector = &step->sector;
    struct sy_node_sector precommit;
    struct sy_message message;
    int rc;
    if (!chain->ops->get_message(chain->host, sector->precommit_uid, &message) ||
        message.state != SY_MESSAGE_ONCHAIN) {
        sy_chain_later(step, chain->poll_ms); /* a failed message moves the sector by itself */
        return 0;
    }
    if (sy_chain_is_transient_exit(message.exit_code))
        return sy_chain_resubmit(step, SY_SECTOR_SubmitPreCommitBatch, err,
                                 "pre-commit message %s failed with exit %lld, it is sent again",
                                 message.signed_cid, (long long)message.exit_code);
    if (message.exit_code)
        return recheck(step, &message, err);
    rc = sy_node_get_precommit(chain->node, sector->miner, sector->number, &precommit, err);
    if (rc < 0)
        return rc;
    if (precommit.found && memcmp(precommit.comm_r, sector->comm_r, 32) == 0)
        return sy_chain_landed(step, false, precommit.epoch, message.signed_cid, err);
    if (precommit.found)
        return sy_chain_refuse(step, SY_SECTOR_FailedUnrecoverable, SY_CLASS_CORRUPT, err,
                               "the chain holds a pre-commit with another commR");
    if (chain->head.height <= message.height) { /* our node is behind the one that answered */
        sy_chain_later(step, chain->poll_ms);
        return 0;
    }
    return sy_chain_resubmit(step, SY_SECTOR_SubmitPreCommitBatch, err,
                             "pre-commit message %s landed, the chain has no pre-commit (a reorg)",
                             message.signed_cid);
}
