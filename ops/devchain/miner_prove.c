/* ProveCommitSectors3 of the miner actor: sectors fail one by one in the BatchReturn, unless the
 * message asks for all or nothing.
 *
 * Proofs are real ones (verifier.h): one per sector, or an aggregate of all, which holds for all or
 * fails the message. No allocation and no market exists: a piece that names an allocation fails its
 * sector, notifications reach nobody.
 */
#include "ops/devchain/vm.h"

#include "common/mem.h"
#include "common/proof.h"
#include "ops/devchain/commd.h"
#include "ops/devchain/money.h"
#include "tasks/snark/aggregate.h"

#include <string.h>

#define EXIT_NOTIFICATION 1001
#define AGGREGATE_SECTORS_MIN 4 /* MIN_AGGREGATED_SECTORS */
#define AGGREGATE_SECTORS_MAX 819

static uint32_t fail_sector(struct sy_dc_call *call, uint32_t code, uint64_t number,
                            const char *why)
{
    /* the receipt keeps the reason of the first failed sector */
    if (!call->receipt->error[0])
        sy_dc_abort(call->receipt, 0, "sector %llu: %s", (unsigned long long)number, why);
    return code;
}

static int precommitted_comm_d(const struct sy_dc_call *call,
                               const struct sy_dc_precommit *precommit, uint8_t ret[32],
                               struct sy_error *err)
{
    if (!precommit->has_unsealed)
        return sy_dc_comm_d(call->miner->sector_bytes, NULL, 0, ret, err);
    memcpy(ret, precommit->unsealed, 32);
    return 0;
}

/* The declared pieces must make the pre-committed commD. */
static int check_pieces(const struct sy_dc_call *call, const struct sy_fil_prove *prove,
                        const struct sy_fil_prove_sector *sector,
                        const struct sy_dc_precommit *precommit, struct sy_error *err)
{
    const struct sy_fil_prove_piece *pieces = &prove->pieces[sector->piece_first];
    struct sy_dc_piece *list = NULL;
    uint8_t declared[32], expected[32];
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
        rc = sy_dc_comm_d(call->miner->sector_bytes, list, sector->piece_count, declared, err);
    sy_mem_free(list);
    if (rc == 0)
        rc = precommitted_comm_d(call, precommit, expected, err);
    if (rc == 0 && memcmp(expected, declared, 32) != 0)
        return sy_fail(err, SY_E_MISMATCH, "commD of the pieces is not the pre-committed one");
    return rc;
}

static int64_t seed_epoch(const struct sy_dc_call *call, const struct sy_dc_precommit *precommit)
{
    return precommit->epoch + call->world->genesis->challenge_delay;
}

/* What a proof of this sector must be about. */
static int make_claim(const struct sy_dc_call *call, const struct sy_dc_precommit *precommit,
                      struct sy_porep_claim *ret, struct sy_error *err)
{
    const struct sy_dc_world *world = call->world;
    struct sy_porep_claim claim = {
        .proof_type = precommit->seal_proof, .miner = call->miner->id, .number = precommit->number};
    int rc = precommitted_comm_d(call, precommit, claim.comm_d, err);
    memcpy(claim.comm_r, precommit->sealed, 32);
    if (rc == 0)
        rc = world->draw(world->self, false, 5, precommit->rand_epoch, claim.miner, claim.ticket,
                         err);
    if (rc == 0)
        rc = world->draw(world->self, true, 6, seed_epoch(call, precommit), claim.miner, claim.seed,
                         err);
    if (rc == 0)
        *ret = claim;
    return rc;
}

/* Exit code of one sector, whatever its proof: time and pieces. -SY_E_NOMEM only. */
static int judge_sector(struct sy_dc_call *call, const struct sy_fil_prove *prove, uint32_t index,
                        uint32_t *ret_code, struct sy_error *err)
{
    const struct sy_fil_prove_sector *sector = &prove->sectors[index];
    const struct sy_dc_precommit *precommit = sy_dc_precommit_get(call->miner, sector->number);
    const struct sy_dc_world *world = call->world;
    struct sy_error why = {0};
    int rc;

    *ret_code = 0;
    if (world->epoch <= seed_epoch(call, precommit)) {
        *ret_code = fail_sector(call, SY_FIL_EXIT_FORBIDDEN, sector->number, "too early to prove");
        return 0;
    }
    if (world->epoch > precommit->epoch + world->genesis->prove_duration) {
        *ret_code = fail_sector(call, SY_FIL_EXIT_ILLEGAL_ARGUMENT, sector->number,
                                "pre-commit has expired");
        return 0;
    }
    rc = check_pieces(call, prove, sector, precommit, &why);
    if (rc == -SY_E_NOMEM)
        return sy_fail(err, SY_E_NOMEM, "%s", why.text);
    if (rc < 0)
        *ret_code = fail_sector(call, SY_FIL_EXIT_ILLEGAL_ARGUMENT, sector->number, why.text);
    return 0;
}

/* Exit code of the sector's own proof. */
static uint32_t judge_proof(struct sy_dc_call *call, const struct sy_fil_prove *prove,
                            uint32_t index)
{
    uint64_t number = prove->sectors[index].number;
    struct sy_porep_claim claim;
    struct sy_dc_proof_job job = {.claims = &claim,
                                  .sectors = 1,
                                  .proof = prove->proofs[index].data,
                                  .proof_bytes = prove->proofs[index].bytes};
    struct sy_error why = {0};
    int rc = make_claim(call, sy_dc_precommit_get(call->miner, number), &claim, &why);
    if (rc < 0 || !call->world->verify(call->world->self, &job, &why))
        return fail_sector(call, SY_FIL_EXIT_ILLEGAL_ARGUMENT, number, why.text);
    return 0;
}

/* One proof of all sectors, those included that fail for another reason. When it does not hold the
 * receipt has a code. -SY_E_NOMEM only. */
static int check_aggregate(struct sy_dc_call *call, const struct sy_fil_prove *prove,
                           struct sy_error *err)
{
    struct sy_porep_claim *claims = sy_mem_alloc_array(prove->sector_count, sizeof(*claims));
    struct sy_dc_proof_job job = {.claims = claims,
                                  .sectors = prove->sector_count,
                                  .aggregate = true,
                                  .proof = prove->aggregate.data,
                                  .proof_bytes = prove->aggregate.bytes};
    struct sy_error why = {0};
    int rc = 0;
    if (!claims)
        return sy_fail(err, SY_E_NOMEM, "no memory for %u sectors", prove->sector_count);
    for (uint32_t i = 0; rc == 0 && i < prove->sector_count; i++) {
        const struct sy_dc_precommit *precommit =
            sy_dc_precommit_get(call->miner, prove->sectors[i].number);
        if (call->world->epoch <= seed_epoch(call, precommit)) {
            sy_dc_abort(call->receipt, SY_FIL_EXIT_FORBIDDEN, "too early to prove sector %llu",
                        (unsigned long long)precommit->number);
            goto out;
        }
        rc = make_claim(call, precommit, &claims[i], &why);
    }
    if (rc < 0 || !call->world->verify(call->world->self, &job, &why))
        sy_dc_abort(call->receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "aggregate refused: %s", why.text);
out:
    sy_mem_free(claims);
    return 0;
}

/* What kind of proof, and how many. false when the receipt has a code. */
static bool check_proofs(struct sy_dc_call *call, const struct sy_fil_prove *prove)
{
    struct sy_dc_receipt *receipt = call->receipt;
    bool aggregate = prove->aggregate.bytes != 0;
    if (prove->sector_count == 0 || aggregate == (prove->proof_count != 0))
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "%u proofs and an aggregate of %zu bytes for %u sectors: expected either",
                    prove->proof_count, prove->aggregate.bytes, prove->sector_count);
    else if (!aggregate && prove->has_aggregate_type)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "aggregate type %llu with one proof per sector: expected null",
                    (unsigned long long)prove->aggregate_type);
    else if (!aggregate && prove->proof_count != prove->sector_count)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "%u proofs for %u sectors",
                    prove->proof_count, prove->sector_count);
    else if (aggregate && !(prove->has_aggregate_type && prove->aggregate_type == SY_SNARKPACK_V2))
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "aggregate of another type than SnarkPackV2 (%d)", SY_SNARKPACK_V2);
    else if (aggregate && (prove->sector_count < AGGREGATE_SECTORS_MIN ||
                           prove->sector_count > AGGREGATE_SECTORS_MAX))
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "aggregate of %u sectors, expected %d to %d", prove->sector_count,
                    AGGREGATE_SECTORS_MIN, AGGREGATE_SECTORS_MAX);
    return receipt->exit_code == 0;
}

/* Conditions of the whole message; false when the receipt has a code. */
static bool check_message(struct sy_dc_call *call, const struct sy_fil_prove *prove)
{
    struct sy_dc_receipt *receipt = call->receipt;
    uint64_t seal_proof = 0;
    if (!check_proofs(call, prove))
        return false;
    if (prove->notify_count && prove->require_notification)
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
    bool aggregate = prove->aggregate.bytes != 0;
    size_t bytes;
    int rc = aggregate ? check_aggregate(call, prove, err) : 0;
    if (rc < 0 || call->receipt->exit_code)
        return rc;
    for (uint32_t i = 0; i < prove->sector_count; i++) {
        rc = judge_sector(call, prove, i, &codes[i], err);
        if (rc < 0)
            return rc;
        if (!codes[i] && !aggregate)
            codes[i] = judge_proof(call, prove, i);
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
    gas += SY_DC_GAS_PROOF_BYTE * (int64_t)prove.aggregate.bytes;
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
