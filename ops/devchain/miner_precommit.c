/* PreCommitSectorBatch2 of the miner actor: any doubt refuses the whole message. */
#include "ops/devchain/vm.h"

#include "common/mem.h"
#include "common/proof.h"
#include "ops/devchain/money.h"

#include <string.h>

static bool check_caller(const struct sy_dc_call *call)
{
    return call->caller == call->miner->worker || call->caller == call->miner->owner;
}

static bool check_proof_type(const struct sy_dc_miner *miner, uint64_t seal_proof)
{
    const struct sy_proof *proof = sy_proof_get(seal_proof);
    return proof && proof->sector_bytes == miner->sector_bytes &&
           (proof->variant == SY_PROOF_V1_1 || proof->variant == SY_PROOF_SYNTHETIC);
}

static int check_expiration(const struct sy_dc_call *call, const struct sy_fil_precommit *sector)
{
    const struct sy_dc_genesis *genesis = call->world->genesis;
    int64_t now = call->world->epoch;
    int64_t activation = now + genesis->prove_duration;
    if (sector->expiration < 0 || sector->expiration - activation < genesis->expiration_min ||
        sector->expiration > now + genesis->expiration_max ||
        sector->expiration - activation > genesis->lifetime_max)
        return sy_dc_abort(call->receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                           "sector %llu: expiration %lld out of bounds [%lld, %lld]",
                           (unsigned long long)sector->sector, (long long)sector->expiration,
                           (long long)(activation + genesis->expiration_min),
                           (long long)(now + genesis->expiration_max));
    return 0;
}

static void check_sector(const struct sy_dc_call *call, const struct sy_fil_precommit *sector,
                         struct sy_dc_precommit *ret)
{
    struct sy_dc_receipt *receipt = call->receipt;
    const struct sy_dc_genesis *genesis = call->world->genesis;
    unsigned long long number = sector->sector;
    int64_t now = call->world->epoch;

    *ret = (struct sy_dc_precommit){.number = sector->sector,
                                    .seal_proof = sector->seal_proof,
                                    .rand_epoch = sector->seal_rand_epoch,
                                    .expiration = sector->expiration,
                                    .has_unsealed = sector->has_unsealed,
                                    .epoch = now};
    if (number > INT64_MAX ||
        sy_rle_contains(call->miner->numbers, call->miner->number_count, sector->sector))
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "sector number %llu already allocated",
                    number);
    else if (!check_proof_type(call->miner, sector->seal_proof))
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "sector %llu: seal proof type %llu does not fit this miner", number,
                    (unsigned long long)sector->seal_proof);
    else if (sy_fil_cid_sealed_get(&sector->sealed, ret->sealed, NULL) < 0)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "sector %llu: sealed CID is no commR",
                    number);
    else if (sector->has_unsealed &&
             sy_fil_cid_unsealed_get(&sector->unsealed, ret->unsealed, NULL) < 0)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "sector %llu: unsealed CID is no commD",
                    number);
    else if (sector->deal_count)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "sector %llu: this chain has no market, deal ids must be empty", number);
    else if (sector->seal_rand_epoch >= now)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "sector %llu: seal challenge epoch %lld must be before now %lld", number,
                    (long long)sector->seal_rand_epoch, (long long)now);
    else if (sector->seal_rand_epoch < now - genesis->precommit_lookback)
        sy_dc_abort(receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                    "sector %llu: seal challenge epoch %lld too old, must be >= %lld", number,
                    (long long)sector->seal_rand_epoch,
                    (long long)(now - genesis->precommit_lookback));
    else
        check_expiration(call, sector);
}

static int apply(struct sy_dc_call *call, struct sy_dc_precommit *precommits, size_t count,
                 struct sy_error *err)
{
    struct sy_bigint deposit = sy_dc_deposit(call->miner->sector_bytes);
    struct sy_bigint total = sy_bigint_from(count), available;
    SY_ASSERT(sy_bigint_mul(&total, &total, &deposit));
    available = sy_dc_miner_available(call->state, call->miner);
    if (sy_bigint_compare(&available, &total) < 0) {
        char have[SY_BIGINT_TEXT_BYTES], want[SY_BIGINT_TEXT_BYTES];
        return sy_dc_abort(call->receipt, SY_FIL_EXIT_ACTOR_FUNDS,
                           "insufficient funds %s for pre-commit deposit: %s",
                           sy_bigint_print(&available, have), sy_bigint_print(&total, want));
    }
    for (size_t i = 0; i < count; i++) {
        int rc = sy_dc_miner_use_number(call->miner, precommits[i].number, err);
        precommits[i].deposit = deposit;
        if (rc == 0)
            rc = sy_dc_miner_add_precommit(call->miner, &precommits[i], err);
        if (rc < 0)
            return rc;
    }
    SY_ASSERT(sy_bigint_add(&call->miner->deposits, &call->miner->deposits, &total));
    return 0;
}

static int run(struct sy_dc_call *call, struct sy_fil_precommit *sectors,
               struct sy_dc_precommit *precommits, struct sy_error *err)
{
    struct sy_error why;
    size_t count = 0;
    int rc = sy_fil_precommit_decode(call->params, call->params_bytes, sectors, SY_FIL_BATCH_MAX,
                                     &count, &why);
    if (rc < 0)
        return sy_dc_abort(call->receipt, SY_FIL_EXIT_SERIALIZATION, "%s", why.text);
    if (!sy_dc_use_gas(call, SY_DC_GAS_PRECOMMIT + SY_DC_GAS_PRECOMMIT_SECTOR * (int64_t)count))
        return 0;
    if (!check_caller(call))
        return sy_dc_abort(call->receipt, SY_FIL_EXIT_FORBIDDEN,
                           "caller t0%llu is neither worker nor owner",
                           (unsigned long long)call->caller);
    if (count == 0)
        return sy_dc_abort(call->receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT, "batch is empty");
    for (size_t i = 0; i < count; i++) {
        check_sector(call, &sectors[i], &precommits[i]);
        for (size_t k = 0; k < i && !call->receipt->exit_code; k++) {
            if (sectors[k].sector == sectors[i].sector)
                sy_dc_abort(call->receipt, SY_FIL_EXIT_ILLEGAL_ARGUMENT,
                            "sector number %llu stands twice in the batch",
                            (unsigned long long)sectors[i].sector);
        }
        if (call->receipt->exit_code)
            return 0;
    }
    return apply(call, precommits, count, err);
}

int sy_dc_miner_precommit(struct sy_dc_call *call, struct sy_error *err)
{
    struct sy_fil_precommit *sectors = sy_mem_alloc_array(SY_FIL_BATCH_MAX, sizeof(*sectors));
    struct sy_dc_precommit *precommits = sy_mem_alloc_array(SY_FIL_BATCH_MAX, sizeof(*precommits));
    int rc = sectors && precommits ? run(call, sectors, precommits, err)
                                   : sy_fail(err, SY_E_NOMEM, "no memory for a pre-commit batch");
    sy_mem_free(sectors);
    sy_mem_free(precommits);
    return rc;
}
