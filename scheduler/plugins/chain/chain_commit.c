#include "scheduler/plugins/chain/chain.h"

#include "common/mem.h"

#include <string.h>

int64_t sy_chain_commit_cutoff(const struct sy_chain *chain, const struct sy_sector *sector)
{
    return sector->precommit_epoch + chain->params.prove_duration;
}

/* A sector that is active already, or whose pre-commit is gone. *ret_done = a proposal was made. */
static int check_chain(struct sy_chain_step *step, bool *ret_done, struct sy_error *err)
{
    const struct sy_sector *sector = &step->sector;
    struct sy_chain *chain = step->chain;
    struct sy_node_sector active, precommit;
    int rc = sy_node_get_sector(chain->node, sector->miner, sector->number, &active, err);
    *ret_done = true;
    if (rc < 0)
        return rc;
    if (active.found && memcmp(active.comm_r, sector->comm_r, 32) == 0)
        return sy_chain_landed(step, true, active.epoch, "", err);
    if (active.found)
        return sy_chain_refuse(step, SY_SECTOR_FailedUnrecoverable, SY_CLASS_CORRUPT, err,
                               "the chain holds this sector with another commR");
    rc = sy_node_get_precommit(chain->node, sector->miner, sector->number, &precommit, err);
    if (rc < 0)
        return rc;
    if (!precommit.found || chain->head.height > sy_chain_commit_cutoff(chain, sector))
        return sy_chain_refuse(step, SY_SECTOR_Removing, SY_CLASS_INPUT, err,
                               "pre-commit of epoch %lld expired before the proof landed: its "
                               "deposit is lost",
                               (long long)sector->precommit_epoch);
    if (memcmp(precommit.comm_r, sector->comm_r, 32) != 0)
        return sy_chain_refuse(step, SY_SECTOR_FailedUnrecoverable, SY_CLASS_CORRUPT, err,
                               "the chain holds a pre-commit with another commR");
    *ret_done = false;
    return 0;
}

int sy_chain_check_commit(struct sy_chain_step *step, bool *ret_ready, struct sy_error *err)
{
    const struct sy_sector *sector = &step->sector;
    struct sy_chain *chain = step->chain;
    uint8_t seed[32];
    bool done;
    int rc = check_chain(step, &done, err);
    *ret_ready = false;
    if (rc < 0 || done)
        return rc;
    if (sector->seed_epoch != sector->precommit_epoch + chain->params.challenge_delay)
        return sy_chain_refuse(
            step, SY_SECTOR_WaitSeed, SY_CLASS_TRANSIENT, err,
            "seed is of epoch %lld, the pre-commit of %lld wants %lld",
            (long long)sector->seed_epoch, (long long)sector->precommit_epoch,
            (long long)(sector->precommit_epoch + chain->params.challenge_delay));
    rc = sy_node_get_seed(chain->node, sector->miner, sector->seed_epoch, seed, err);
    if (rc < 0)
        return rc;
    if (memcmp(seed, sector->seed, 32) != 0)
        return sy_chain_refuse(step, SY_SECTOR_WaitSeed, SY_CLASS_TRANSIENT, err,
                               "seed of epoch %lld changed on the chain",
                               (long long)sector->seed_epoch);
    if (sector->proof.bytes == 0)
        return sy_chain_refuse(step, SY_SECTOR_ComputeProofFailed, SY_CLASS_BUG, err,
                               "the sector came to be committed without a proof");
    *ret_ready = true;
    return 0;
}

static int add_pieces(const struct sy_sector *sector, struct sy_fil_prove *prove,
                      struct sy_error *err)
{
    const struct sy_piece *pieces = sector->pieces.items;
    for (uint32_t i = 0; i < sector->pieces.count; i++) {
        struct sy_fil_prove_piece piece = {.padded_bytes = pieces[i].padded_bytes};
        int rc;
        if (pieces[i].raw_bytes == 0) /* fillers are the zeros that the actor assumes */
            continue;
        rc = sy_fil_cid_parse(pieces[i].cid, &piece.cid, err);
        if (rc == 0)
            rc = sy_fil_prove_add_piece(prove, &piece, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int encode(const struct sy_chain_step *steps, size_t count, uint8_t *params,
                  size_t *ret_bytes, struct sy_error *err)
{
    struct sy_fil_prove prove;
    int rc = 0;
    sy_fil_prove_init(&prove);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct sy_sector *sector = &steps[i].sector;
        rc = sy_fil_prove_add_sector(&prove, sector->number, err);
        if (rc == 0)
            rc = add_pieces(sector, &prove, err);
        if (rc == 0)
            rc = sy_fil_prove_add_proof(&prove, sector->proof.data, sector->proof.bytes, err);
    }
    if (rc == 0)
        rc = sy_fil_prove_encode(&prove, params, SY_CHAIN_PARAMS_BYTES_MAX, ret_bytes, err);
    sy_fil_prove_fini(&prove);
    return rc;
}

/* Sum over the sectors of what the pledge needs beyond the deposit that is held already. */
static int add_pledges(struct sy_chain *chain, const struct sy_chain_step *steps, size_t count,
                       uint64_t sector_bytes, struct sy_bigint *ret, struct sy_error *err)
{
    const struct sy_bigint zero = sy_bigint_from(0);
    *ret = zero;
    for (size_t i = 0; i < count && !chain->collateral_from_miner; i++) {
        const struct sy_sector *sector = &steps[i].sector;
        struct sy_node_sector precommit;
        struct sy_bigint pledge;
        int rc = sy_node_get_precommit(chain->node, sector->miner, sector->number, &precommit, err);
        if (rc == 0 && !precommit.found)
            rc = sy_fail(err, SY_E_AGAIN, "pre-commit of sector %llu is not there any more",
                         (unsigned long long)sector->number);
        if (rc == 0)
            rc = sy_node_get_pledge(chain->node, precommit.expiration - chain->head.height,
                                    sector_bytes, &pledge, err);
        if (rc < 0)
            return rc;
        if (!sy_bigint_sub(&pledge, &pledge, &precommit.deposit))
            return sy_fail(err, SY_E_RANGE, "the pledge does not fit");
        if (sy_bigint_compare(&pledge, &zero) > 0 && !sy_bigint_add(ret, ret, &pledge))
            return sy_fail(err, SY_E_RANGE, "the sum of pledges does not fit");
    }
    return 0;
}

/* One failed sector of a message or of a trial. The same proof would be refused again, so a retry
 * of the person begins where it is computed. */
static int refuse_sector(struct sy_chain_step *step, int64_t code, const char *text,
                         struct sy_error *err)
{
    if (code == SY_FIL_EXIT_FORBIDDEN) { /* too early: the next epoch will do */
        if (step->sector.state == SY_SECTOR_SubmitCommitAggregate) {
            sy_chain_later(step, step->chain->params.block_delay_ms);
            return 0;
        }
        return sy_chain_resubmit(step, SY_SECTOR_SubmitCommitAggregate, err,
                                 "the chain says too early: it is sent again");
    }
    return sy_chain_refuse(step, SY_SECTOR_ComputeProofFailed, SY_CLASS_CORRUPT, err,
                           "the chain refuses the proof of this sector: exit %lld%s%s",
                           (long long)code, text[0] ? ": " : "", text);
}

/* What the trial says about each sector; *ret_good = all would land. */
static int judge_trial(struct sy_chain_step *steps, size_t count,
                       const struct sy_node_receipt *receipt, bool *ret_good, bool *ret_split,
                       struct sy_error *err)
{
    struct sy_fil_batch_return *batch;
    int rc = 0;
    *ret_good = receipt->exit_code == 0;
    if (sy_chain_is_transient_exit(receipt->exit_code))
        return sy_fail(err, SY_E_AGAIN, "commit waits: exit %lld: %s",
                       (long long)receipt->exit_code, receipt->error);
    if (receipt->exit_code && count == 1)
        return refuse_sector(&steps[0], receipt->exit_code, receipt->error, err);
    *ret_split = receipt->exit_code != 0;
    if (*ret_split)
        return 0;
    batch = sy_mem_alloc(sizeof(*batch));
    if (!batch)
        return sy_fail(err, SY_E_NOMEM, "no memory for a BatchReturn");
    rc = sy_fil_batch_return_decode(receipt->returned, receipt->return_bytes, batch, err);
    /* A receipt has one text: where several fail, smaller trials give each sector its own. */
    *ret_split = rc == 0 && batch->failure_count > 1;
    *ret_good = *ret_good && !*ret_split;
    for (uint32_t i = 0; rc == 0 && !*ret_split && i < count; i++) {
        uint32_t code = sy_fil_batch_return_code(batch, i);
        if (code) {
            *ret_good = false; /* the others go with the next look */
            rc = refuse_sector(&steps[i], code, receipt->error, err);
        }
    }
    sy_mem_free(batch);
    return rc;
}

static int send(struct sy_chain *chain, struct sy_chain_step *steps, size_t count, uint8_t *params,
                bool *ret_split, struct sy_error *err)
{
    struct sy_chain_draft draft = {.kind = SY_MESSAGE_COMMIT,
                                   .miner = steps[0].sector.miner,
                                   .method = SY_FIL_METHOD_PROVE,
                                   .params = params,
                                   .steps = steps,
                                   .count = count};
    struct sy_node_receipt receipt;
    struct sy_node_miner miner;
    bool good = false;
    int rc = sy_node_get_miner(chain->node, draft.miner, &miner, err);
    if (rc < 0)
        return rc;
    draft.worker = miner.worker;
    rc = encode(steps, count, params, &draft.params_bytes, err);
    if (rc == -SY_E_LIMIT && count > 1) {
        *ret_split = true;
        return 0;
    }
    if (rc == 0)
        rc = add_pledges(chain, steps, count, miner.sector_bytes, &draft.value, err);
    if (rc == 0)
        rc = sy_chain_try(chain, &draft, &receipt, err);
    if (rc == 0)
        rc = judge_trial(steps, count, &receipt, &good, ret_split, err);
    if (rc == 0 && good)
        rc = sy_chain_queue(chain, &draft, err);
    return rc;
}

int sy_chain_send_commit(struct sy_chain *chain, struct sy_chain_step *steps, size_t count,
                         bool *ret_split, struct sy_error *err)
{
    uint8_t *params;
    int rc;
    *ret_split = false;
    if (chain->head.network_version > SY_NODE_NETWORK_VERSION_MAX)
        return sy_fail(err, SY_E_VERSION,
                       "network version %u is newer than %d: nothing is sent, update this program",
                       chain->head.network_version, SY_NODE_NETWORK_VERSION_MAX);
    params = sy_mem_alloc(SY_CHAIN_PARAMS_BYTES_MAX);
    rc = params ? send(chain, steps, count, params, ret_split, err)
                : sy_fail(err, SY_E_NOMEM, "no memory for a commit");
    sy_mem_free(params);
    return rc;
}

/* Our sector's code in the message's BatchReturn. */
static int get_code(const struct sy_message *message, uint64_t number, uint32_t *ret,
                    struct sy_error *err)
{
    struct sy_fil_batch_return *batch = sy_mem_alloc(sizeof(*batch));
    const struct sy_number *numbers = message->sectors.items;
    int rc = batch ? sy_fil_batch_return_decode(message->return_bytes.data,
                                                message->return_bytes.bytes, batch, err)
                   : sy_fail(err, SY_E_NOMEM, "no memory for a BatchReturn");
    if (rc == 0 && batch->success_count + batch->failure_count != message->sectors.count)
        rc = sy_fail(err, SY_E_PARSE, "BatchReturn is about %llu sectors, the message about %u",
                     (unsigned long long)batch->success_count + batch->failure_count,
                     message->sectors.count);
    if (rc == 0) {
        rc = -SY_E_NOT_FOUND;
        for (uint32_t i = 0; i < message->sectors.count; i++) {
            if (numbers[i].value == number) {
                *ret = sy_fil_batch_return_code(batch, i);
                rc = 0;
            }
        }
        if (rc < 0)
            sy_fail(err, SY_E_NOT_FOUND, "sector %llu is not in message %s",
                    (unsigned long long)number, message->uid);
    }
    sy_mem_free(batch);
    return rc;
}

static int confirm(struct sy_chain_step *step, const struct sy_message *message,
                   struct sy_error *err)
{
    struct sy_chain *chain = step->chain;
    const struct sy_sector *sector = &step->sector;
    struct sy_node_sector active;
    int rc = sy_node_get_sector(chain->node, sector->miner, sector->number, &active, err);
    if (rc < 0)
        return rc;
    if (active.found && memcmp(active.comm_r, sector->comm_r, 32) == 0)
        return sy_chain_landed(step, true, active.epoch, message->signed_cid, err);
    if (message->exit_code == SY_FIL_EXIT_NOT_FOUND)
        return sy_chain_refuse(step, SY_SECTOR_CommitFailed, SY_CLASS_INPUT, err,
                               "commit message %s: the chain has no pre-commit of this sector",
                               message->signed_cid);
    if (chain->head.height <= message->height) {
        sy_chain_later(step, chain->poll_ms);
        return 0;
    }
    return sy_chain_resubmit(step, SY_SECTOR_SubmitCommitAggregate, err,
                             "commit message %s landed, the chain has no such sector (a reorg)",
                             message->signed_cid);
}

int sy_chain_wait_commit(struct sy_chain_step *step, struct sy_error *err)
{
    struct sy_chain *chain = step->chain;
    struct sy_message message;
    uint32_t code = 0;
    int rc;
    if (!chain->ops->get_message(chain->host, step->sector.commit_uid, &message) ||
        message.state != SY_MESSAGE_ONCHAIN) {
        sy_chain_later(step, chain->poll_ms); /* a failed message moves the sector by itself */
        return 0;
    }
    if (sy_chain_is_transient_exit(message.exit_code))
        return sy_chain_resubmit(step, SY_SECTOR_SubmitCommitAggregate, err,
                                 "commit message %s failed with exit %lld, it is sent again",
                                 message.signed_cid, (long long)message.exit_code);
    if (message.exit_code == SY_FIL_EXIT_NOT_FOUND)
        return confirm(step, &message, err);
    if (message.exit_code)
        return sy_chain_refuse(step, SY_SECTOR_CommitFailed, SY_CLASS_INPUT, err,
                               "commit message %s failed with exit %lld", message.signed_cid,
                               (long long)message.exit_code);
    rc = get_code(&message, step->sector.number, &code, err);
    if (rc < 0)
        return rc;
    if (code)
        return refuse_sector(step, code, "", err);
    return confirm(step, &message, err);
}
