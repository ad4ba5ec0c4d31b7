/* ProveCommitSectors3 of the miner actor: sectors fail one by one in the BatchReturn, unless the
 * message asks for all or nothing.
 *
 * Proofs are real ones (verifier.h); aggregates do not exist. No allocation and no market exists
 * either: a piece that names an allocation fails its sector, notifications reach nobody.
 */
#include "ops/devchain/vm.h"

#include "common/mem.h"
#include "common/proof.h"
#include "ops/devchain/commd.h"
#include "ops/devchain/money.h"

#include <string.h>

#define EXIT_NOTIFICATION 1001

static uint32_t fail_sector(struct sy_dc_call *call, uint32_t code, uint64_t number,
                            const char *why)
{
    /* the receipt keeps the reason of the first failed sector */
    if (!call->receipt->error[0])
        sy_dc_abort(call->receipt, 0, "sector %llu: %s", (unsigned long long)number, why);
    return code;
}

/* The declared pieces must make the pre-committed commD. */
static int check_pieces(const struct sy_dc_call *call, const struct sy_fil_prove *prove,
                        const struct sy_fil_prove_sector *sector,
                        const struct sy_dc_precommit *precommit, uint8_t ret_comm_d[32],
                        struct sy_error *err)
{
    const struct sy_fil_prove_piece *pieces = &prove->pieces[sector->piece_first];
    struct sy_dc_piece *list = NULL;
    uint8_t expected[32];
    int rc = 0;

    for (uint32_t i = 0; i < sector->piece_count; i++) {
        if (pieces[i].has_allocation)
            return sy_fail(err, SY_E_UNSUPPORTED, "allocation %llu does not exist on this chain",
                           (unsigned long long)pieces[i].allocation);
    }
    if (sector->piece_count) {
        list = sy_mem_alloc_array(sector->piece_count, sizeof(*list));
        if (!list)
            return sy_fail(err, SY_E_NOMEM, "no memory for %u pieces", sector->piece_count);
    }
    for (uint32_t i = 0; rc == 0 && i < sector->piece_count; i++) {
        list[i].padded_bytes = pieces[i].padded_bytes;
        rc = sy_fil_cid_unsealed_get(&pieces[i].cid, list[i].comm, err);
    }
    if (rc == 0)
        rc = sy_dc_comm_d(call->miner->sector_bytes, list, sector->piece_count, ret_comm_d, err);
    if (rc == 0 && !precommit->has_unsealed)
        rc = sy_dc_comm_d(call->miner->sector_bytes, NULL, 0, expected, err);
    if (rc == 0 && precommit->has_unsealed)
        memcpy(expected, precommit->unsealed, 32);
    sy_mem_free(list);
    if (rc == 0 && memcmp(expected, ret_comm_d, 32) != 0)
        return sy_fail(err, SY_E_MISMATCH, "commD of the pieces is not the pre-committed one");
    return rc;
}

/* Exit code of one sector. -SY_E_NOMEM only. */
static int judge(struct sy_dc_call *call, const struct sy_fil_prove *prove, uint32_t index,
                 uint32_t *ret_code, struct sy_error *err)
{
    const struct sy_fil_prove_sector *sector = &prove->sectors[index];
    const struct sy_dc_precommit *precommit = sy_dc_precommit_get(call->miner, sector->number);
    const struct sy_dc_world *world = call->world;
    int64_t seed_epoch = precommit->epoch + world->genesis->challenge_delay;
    struct sy_porep_claim claim = {
        .proof_type = precommit->seal_proof, .miner = call->miner->id, .number = sector->number};
    struct sy_dc_proof_job job = {.claim = &claim,
                                  .proof = prove->proofs[index].data,
                                  .proof_bytes = prove->proofs[index].bytes};
    struct sy_error why = {0};
    int rc;

    *ret_code = 0;
    if (world->epoch <= seed_epoch) {
        *ret_code = fail_sector(call, SY_FIL_EXIT_FORBIDDEN, sector->number, "too early to prove");
        return 0;
    }
    if (world->epoch > precommit->epoch + world->genesis->prove_duration) {
        *ret_code = fail_sector(call, SY_FIL_EXIT_ILLEGAL_ARGUMENT, sector->number,
                                "pre-commit has expired");
        return 0;
    }
    rc = check_pieces(call, prove, sector, precommit, claim.comm_d, &why);
    if (rc == -SY_E_NOMEM)
        return sy_fail(err, SY_E_NOMEM, "%s", why.text);
    if (rc == 0)
        rc = world->draw(world->self, false, 5, precommit->rand_epoch, claim.miner, claim.ticket,
                         &why);
    if (rc == 0)
        rc = world->draw(world->self, true, 6, seed_epoch, claim.miner, claim.seed, &why);
    memcpy(claim.comm_r, precommit->sealed, 32);
    if (rc < 0 || !world->verify(world->self, &job, &why))
        *ret_code = fail_sector(call, SY_FIL_EXIT_ILLEGAL_ARGUMENT, sector->number, why.text);
    return 0;
}

/* Conditions of the whole message; false when the receipt has a code. */
static bool check_message(struct sy_dc_call *call, const struct sy_fil_prove *prove)
{
    struct sy_dc_receipt *receipt = call->receipt;
    uint64_t seal_proof = 0;
    if (prove->aggregate.bytes || prove->has_aggregate_type)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "network %s has no aggregate proofs: send one proof per sector", SY_DC_NETWORK);
    else if (prove->sector_count == 0 || prove->proof_count != prove->sector_count)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "%u proofs for %u sectors",
                    prove->proof_count, prove->sector_count);
    else if (prove->notify_count && prove->require_notification)
        sy_dc_abort(receipt, EXIT_NOTIFICATION, "this chain has no actor to notify");
    for (uint32_t i = 0; i < prove->sector_count && !receipt->exit_code; i++) {
        uint64_t number = prove->sectors[i].number;
        const struct sy_dc_precommit *precommit = sy_dc_precommit_get(call->miner, number);
        if (!precommit)
            sy_dc_abort(receipt, SY_FIL_EXIT_NOT_FOUND, "no pre-commit of sector %llu",
                        (unsigned long long)number);
        else if (i && precommit->seal_proof != seal_proof)
            sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "sectors of different proof types");
        else
            seal_proof = precommit->seal_proof;
        for (uint32_t k = 0; k < i && !receipt->exit_code; k++) {
            if (prove->sectors[k].number == number)
                sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "sector %llu stands twice",
                            (unsigned long long)number);
        }
    }
    return receipt->exit_code == 0;
}

static struct sy_bigint deal_weight(const struct sy_fil_prove *prove,
                                    const struct sy_fil_prove_sector *sector, int64_t lifetime)
{
    struct sy_bigint weight = sy_bigint_from((uint64_t)SY_MAX(lifetime, 0)), bytes;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < sector->piece_count; i++)
        sum += prove->pieces[sector->piece_first + i].padded_bytes;
    bytes = sy_bigint_from(sum);
    SY_ASSERT(sy_bigint_mul(&weight, &weight, &bytes));
    return weight;
}

/* Deposits of proven sectors are released, their pledge is locked. */
static int activate(struct sy_dc_call *call, const struct sy_fil_prove *prove,
                    const uint32_t *codes, uint32_t proven, struct sy_error *err)
{
    struct sy_dc_miner *miner = call->miner;
    struct sy_bigint pledge = sy_dc_pledge(miner->sector_bytes), total = sy_bigint_from(proven);
    struct sy_bigint released = sy_bigint_from(0), funds;
    SY_ASSERT(sy_bigint_mul(&total, &total, &pledge));
    for (uint32_t i = 0; i < prove->sector_count; i++) {
        if (codes[i] == 0)
            SY_ASSERT(
                sy_bigint_add(&released, &released,
                              &sy_dc_precommit_get(miner, prove->sectors[i].number)->deposit));
    }
    funds = sy_dc_miner_available(call->state, miner);
    SY_ASSERT(sy_bigint_add(&funds, &funds, &released));
    if (sy_bigint_compare(&funds, &total) < 0) {
        char have[SY_BIGINT_TEXT_BYTES], want[SY_BIGINT_TEXT_BYTES];
        return sy_dc_abort(call->receipt, SY_FIL_EXIT_ACTOR_FUNDS,
                           "insufficient funds %s for initial pledge %s",
                           sy_bigint_print(&funds, have), sy_bigint_print(&total, want));
    }
    SY_ASSERT(sy_bigint_sub(&miner->deposits, &miner->deposits, &released));
    SY_ASSERT(sy_bigint_add(&miner->pledge, &miner->pledge, &total));
    for (uint32_t i = 0; i < prove->sector_count; i++) {
        const struct sy_fil_prove_sector *input = &prove->sectors[i];
        const struct sy_dc_precommit *precommit = sy_dc_precommit_get(miner, input->number);
        struct sy_dc_sector sector;
        int rc;
        if (codes[i])
            continue;
        sector = (struct sy_dc_sector){.number = input->number,
                                       .seal_proof = precommit->seal_proof,
                                       .activation = call->world->epoch,
                                       .expiration = precommit->expiration,
                                       .pledge = pledge};
        sector.deal_weight = deal_weight(prove, input, sector.expiration - sector.activation);
        memcpy(sector.sealed, precommit->sealed, 32);
        sy_dc_miner_remove_precommit(miner, input->number);
        rc = sy_dc_miner_add_sector(miner, &sector, call->world->epoch, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int run(struct sy_dc_call *call, const struct sy_fil_prove *prove,
               struct sy_fil_batch_return *batch, uint32_t *codes, struct sy_error *err)
{
    size_t bytes;
    int rc = 0;
    for (uint32_t i = 0; i < prove->sector_count; i++) {
        rc = judge(call, prove, i, &codes[i], err);
        if (rc < 0)
            return rc;
        if (codes[i]) {
            batch->failures[batch->failure_count].index = i;
            batch->failures[batch->failure_count++].exit_code = codes[i];
        } else {
            batch->success_count++;
        }
    }
    if (batch->failure_count && prove->require_activation) {
        call->receipt->exit_code = batch->failures[0].exit_code;
        return 0;
    }
    if (batch->success_count)
        rc = activate(call, prove, codes, (uint32_t)batch->success_count, err);
    if (rc < 0 || call->receipt->exit_code)
        return rc;
    rc = sy_fil_batch_return_encode(batch, call->receipt->returned, SY_DC_RETURN_BYTES_MAX, &bytes,
                                    err);
    if (rc == 0)
        call->receipt->return_bytes = (uint32_t)bytes;
    return rc;
}

int sy_dc_miner_prove(struct sy_dc_call *call, struct sy_error *err)
{
    struct sy_fil_batch_return *batch = NULL;
    struct sy_fil_prove prove;
    struct sy_error why;
    uint32_t *codes = NULL;
    int64_t gas = SY_DC_GAS_PROVE;
    int rc = sy_fil_prove_decode(call->params, call->params_bytes, &prove, &why);
    if (rc < 0)
        return sy_dc_abort(call->receipt, SY_FIL_EXIT_SERIALIZATION, "%s", why.text);
    gas += SY_DC_GAS_PROVE_SECTOR * prove.sector_count + SY_DC_GAS_PROVE_PIECE * prove.piece_count;
    for (uint32_t i = 0; i < prove.proof_count; i++)
        gas += SY_DC_GAS_PROOF_BYTE * (int64_t)prove.proofs[i].bytes;
    if (!sy_dc_use_gas(call, gas))
        goto out;
    if (call->caller != call->miner->worker && call->caller != call->miner->owner) {
        sy_dc_abort(call->receipt, SY_FIL_EXIT_FORBIDDEN,
                    "caller t0%llu is neither worker nor owner", (unsigned long long)call->caller);
        goto out;
    }
    if (!check_message(call, &prove))
        goto out;
    batch = sy_mem_alloc(sizeof(*batch));
    codes = sy_mem_alloc_array(prove.sector_count, sizeof(*codes));
    rc = batch && codes ? run(call, &prove, batch, codes, err)
                        : sy_fail(err, SY_E_NOMEM, "no memory for a commit batch");
out:
    sy_mem_free(batch);
    sy_mem_free(codes);
    sy_fil_prove_fini(&prove);
    return rc;
}
