/* State of miners and their sectors. */
#include "ops/devchain/rpc.h"

#include "common/mem.h"
#include "common/proof.h"
#include "ops/devchain/money.h"

#define WINDOW_POST_V1_1 10 /* of 2 KiB; the other sizes follow */
#define FILTER_RANGES_MAX 4096

static int get_number(struct sy_dc_rpc_call *call, uint64_t *ret, struct sy_error *err)
{
    int64_t number;
    int rc = sy_dc_rpc_integer(call, 1, &number, err);
    if (rc == 0 && number < 0)
        rc = sy_dc_rpc_bad_param(call, 1, "a sector number", err);
    if (rc == 0)
        *ret = (uint64_t)number;
    return rc;
}

static int run_info(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    int rc = sy_dc_rpc_miner(call, 1, &state, &miner, err);
    if (rc != 0)
        return rc;
    *ret = json_pack(
        "{s:o, s:o, s:s, s:[], s:i, s:n, s:[], s:i, s:I, s:I, s:i, s:n, s:o, s:{s:s,s:s,s:i}, s:n}",
        "Owner", sy_dc_rpc_id(miner->owner), "Worker", sy_dc_rpc_id(miner->worker), "NewWorker",
        "<empty>", "ControlAddresses", "WorkerChangeEpoch", -1, "PeerId", "Multiaddrs",
        "WindowPoStProofType", WINDOW_POST_V1_1 + (int)(miner->seal_proof % 5), "SectorSize",
        (json_int_t)miner->sector_bytes, "WindowPoStPartitionSectors",
        (json_int_t)miner->partition_sectors, "ConsensusFaultElapsed", -1, "PendingOwnerAddress",
        "Beneficiary", sy_dc_rpc_id(miner->owner), "BeneficiaryTerm", "Quota", "0", "UsedQuota",
        "0", "Expiration", 0, "PendingBeneficiaryTerm");
    return 0;
}

static int run_deadline(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    struct sy_dc_deadline at;
    int64_t epoch = sy_dc_chain_head(call->chain)->height;
    int rc = sy_dc_rpc_miner(call, 1, &state, &miner, err);
    if (rc != 0)
        return rc;
    sy_dc_miner_deadline(miner, epoch, &at);
    *ret =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:i,s:i}", "CurrentEpoch",
                  (json_int_t)epoch, "PeriodStart", (json_int_t)at.period_start, "Index",
                  (json_int_t)at.index, "Open", (json_int_t)at.open, "Close", (json_int_t)at.close,
                  "Challenge", (json_int_t)at.challenge, "FaultCutoff", (json_int_t)at.cutoff,
                  "WPoStPeriodDeadlines", SY_DC_DEADLINES, "WPoStProvingPeriod", SY_DC_PERIOD,
                  "WPoStChallengeWindow", SY_DC_WINDOW, "WPoStChallengeLookback",
                  SY_DC_CHALLENGE_LOOKBACK, "FaultDeclarationCutoff", SY_DC_FAULT_CUTOFF);
    return 0;
}

static int run_deadlines(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    int rc = sy_dc_rpc_miner(call, 1, &state, &miner, err);
    if (rc != 0)
        return rc;
    *ret = json_array();
    for (int i = 0; i < SY_DC_DEADLINES; i++)
        json_array_append_new(*ret, json_pack("{s:[i], s:i, s:s}", "PostSubmissions", 0,
                                              "DisputableProofCount", 0, "DailyFee", "0"));
    return 0;
}

/* Sectors of (deadline, partition) as run lengths; ascending by construction. */
static json_t *partition_json(const struct sy_dc_miner *miner, uint32_t deadline,
                              uint32_t partition)
{
    struct sy_rle_range *ranges = sy_mem_alloc_array(miner->partition_sectors + 1, sizeof(*ranges));
    size_t count = 0;
    json_t *all, *none = sy_rle_to_json(NULL, 0);
    if (!ranges) {
        json_decref(none);
        return NULL;
    }
    for (uint32_t i = 0; i < miner->sector_count; i++) {
        const struct sy_dc_sector *sector = &miner->sectors[i];
        if (sector->deadline != deadline || sector->partition != partition)
            continue;
        if (count && ranges[count - 1].start + ranges[count - 1].count == sector->number)
            ranges[count - 1].count++;
        else
            ranges[count++] = (struct sy_rle_range){sector->number, 1};
    }
    all = sy_rle_to_json(ranges, count);
    sy_mem_free(ranges);
    return json_pack("{s:O, s:O, s:O, s:O, s:o}", "AllSectors", all, "FaultySectors", none,
                     "RecoveringSectors", none, "LiveSectors", all, "ActiveSectors", none);
}

static int run_partitions(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    int64_t deadline;
    int rc = sy_dc_rpc_miner(call, 2, &state, &miner, err);
    if (rc == 0)
        rc = sy_dc_rpc_integer(call, 1, &deadline, err);
    if (rc != 0)
        return rc;
    if (deadline < 0 || deadline >= SY_DC_DEADLINES)
        return sy_fail(err, SY_E_REMOTE, "failed to load deadline %lld: out of bounds",
                       (long long)deadline);
    *ret = json_array();
    for (uint32_t i = 0; i * miner->partition_sectors < miner->deadline_sectors[deadline]; i++)
        json_array_append_new(*ret, partition_json(miner, (uint32_t)deadline, i));
    return 0;
}

static json_t *sector_json(const struct sy_dc_sector *sector)
{
    struct sy_fil_cid sealed;
    sy_fil_cid_sealed(sector->sealed, &sealed);
    return json_pack("{s:I,s:I,s:o,s:I,s:I,s:o,s:s,s:o,s:n,s:n,s:I,s:n,s:n,s:i,s:s}",
                     "SectorNumber", (json_int_t)sector->number, "SealProof",
                     (json_int_t)sector->seal_proof, "SealedCID", sy_fil_cid_to_json(&sealed),
                     "Activation", (json_int_t)sector->activation, "Expiration",
                     (json_int_t)sector->expiration, "DealWeight",
                     sy_fil_bigint_to_json(&sector->deal_weight), "VerifiedDealWeight", "0",
                     "InitialPledge", sy_fil_bigint_to_json(&sector->pledge), "ExpectedDayReward",
                     "ExpectedStoragePledge", "PowerBaseEpoch", (json_int_t)sector->activation,
                     "ReplacedDayReward", "SectorKeyCID", "Flags", 1, "DailyFee", "0");
}

static int run_sectors(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    const json_t *filter = json_array_get(call->params, 1);
    struct sy_rle_range *ranges = NULL;
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    size_t count = 0;
    int rc = sy_dc_rpc_miner(call, 2, &state, &miner, err);
    if (rc != 0)
        return rc;
    if (!json_is_null(filter)) {
        ranges = sy_mem_alloc_array(FILTER_RANGES_MAX, sizeof(*ranges));
        if (!ranges)
            return sy_fail(err, SY_E_NOMEM, "no memory for a filter");
        if (sy_rle_from_json(filter, ranges, FILTER_RANGES_MAX, &count, NULL) < 0)
            rc = sy_dc_rpc_bad_param(call, 1, "run lengths or null", err);
    }
    if (rc == 0) {
        *ret = json_array();
        for (uint32_t i = 0; i < miner->sector_count; i++) {
            if (!ranges || sy_rle_contains(ranges, count, miner->sectors[i].number))
                json_array_append_new(*ret, sector_json(&miner->sectors[i]));
        }
    }
    sy_mem_free(ranges);
    return rc;
}

static int run_sector(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    const struct sy_dc_sector *sector;
    uint64_t number;
    int rc = sy_dc_rpc_miner(call, 2, &state, &miner, err);
    if (rc == 0)
        rc = get_number(call, &number, err);
    if (rc != 0)
        return rc;
    sector = sy_dc_sector_get(miner, number);
    *ret = sector ? sector_json(sector) : json_null();
    return 0;
}

static int run_precommit(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    const struct sy_dc_precommit *precommit;
    struct sy_fil_cid sealed, unsealed;
    uint64_t number;
    int rc = sy_dc_rpc_miner(call, 2, &state, &miner, err);
    if (rc == 0)
        rc = get_number(call, &number, err);
    if (rc != 0)
        return rc;
    precommit = sy_dc_precommit_get(miner, number);
    if (!precommit) {
        *ret = json_null();
        return 0;
    }
    sy_fil_cid_sealed(precommit->sealed, &sealed);
    sy_fil_cid_unsealed(precommit->unsealed, &unsealed);
    *ret = json_pack(
        "{s:{s:I,s:I,s:o,s:I,s:[],s:I,s:o}, s:o, s:I}", "Info", "SealProof",
        (json_int_t)precommit->seal_proof, "SectorNumber", (json_int_t)number, "SealedCID",
        sy_fil_cid_to_json(&sealed), "SealRandEpoch", (json_int_t)precommit->rand_epoch, "DealIDs",
        "Expiration", (json_int_t)precommit->expiration, "UnsealedCid",
        precommit->has_unsealed ? sy_fil_cid_to_json(&unsealed) : json_null(), "PreCommitDeposit",
        sy_fil_bigint_to_json(&precommit->deposit), "PreCommitEpoch", (json_int_t)precommit->epoch);
    return 0;
}

static int run_partition_of(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    const struct sy_dc_sector *sector;
    uint64_t number;
    int rc = sy_dc_rpc_miner(call, 2, &state, &miner, err);
    if (rc == 0)
        rc = get_number(call, &number, err);
    if (rc != 0)
        return rc;
    sector = sy_dc_sector_get(miner, number);
    if (!sector)
        return sy_fail(err, SY_E_REMOTE, "sector not found: %llu", (unsigned long long)number);
    *ret = json_pack("{s:I, s:I}", "Deadline", (json_int_t)sector->deadline, "Partition",
                     (json_int_t)sector->partition);
    return 0;
}

static int run_is_allocated(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    uint64_t number;
    int rc = sy_dc_rpc_miner(call, 2, &state, &miner, err);
    if (rc == 0)
        rc = get_number(call, &number, err);
    if (rc == 0)
        *ret = json_boolean(sy_rle_contains(miner->numbers, miner->number_count, number));
    return rc;
}

static int run_allocated(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    int rc = sy_dc_rpc_miner(call, 1, &state, &miner, err);
    if (rc == 0)
        *ret = sy_rle_to_json(miner->numbers, miner->number_count);
    return rc;
}

static int run_available(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    struct sy_bigint free;
    int rc = sy_dc_rpc_miner(call, 1, &state, &miner, err);
    if (rc != 0)
        return rc;
    free = sy_dc_miner_available(state, miner);
    *ret = sy_fil_bigint_to_json(&free);
    return 0;
}

static int run_deposit(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    struct sy_bigint value;
    int rc = sy_dc_rpc_miner(call, 2, &state, &miner, err);
    if (rc == 0 && !json_is_object(json_array_get(call->params, 1)))
        rc = sy_dc_rpc_bad_param(call, 1, "SectorPreCommitInfo", err);
    if (rc != 0)
        return rc;
    value = sy_dc_deposit(miner->sector_bytes);
    value = sy_dc_overestimate(&value);
    *ret = sy_fil_bigint_to_json(&value);
    return 0;
}

static int run_pledge(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    int64_t duration, size, verified;
    struct sy_bigint value;
    const struct sy_proof *proof;
    uint32_t index;
    int rc = sy_dc_rpc_integer(call, 0, &duration, err);
    if (rc == 0)
        rc = sy_dc_rpc_integer(call, 1, &size, err);
    if (rc == 0)
        rc = sy_dc_rpc_integer(call, 2, &verified, err);
    if (rc == 0)
        rc = sy_dc_rpc_tipset(call, 3, &index, err);
    if (rc == 0)
        rc = sy_proof_select(&proof, (uint64_t)size, SY_PROOF_V1_1, err);
    if (rc != 0)
        return rc;
    if (verified < 0 || verified > size)
        return sy_dc_rpc_bad_param(call, 2, "a verified size within the sector", err);
    value = sy_dc_pledge((uint64_t)size + 9 * (uint64_t)verified);
    value = sy_dc_overestimate(&value);
    *ret = sy_fil_bigint_to_json(&value);
    return 0;
}

static int run_count(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err)
{
    struct sy_dc_state *state;
    struct sy_dc_miner *miner;
    int rc = sy_dc_rpc_miner(call, 1, &state, &miner, err);
    if (rc == 0)
        *ret = json_pack("{s:I, s:i, s:i}", "Live", (json_int_t)miner->sector_count, "Active", 0,
                         "Faulty", 0);
    return rc;
}

const struct sy_dc_rpc_method sy_dc_rpc_miner_methods[] = {
    {"StateMinerInfo", 2, false, run_info},
    {"StateMinerProvingDeadline", 2, false, run_deadline},
    {"StateMinerDeadlines", 2, false, run_deadlines},
    {"StateMinerPartitions", 3, false, run_partitions},
    {"StateMinerSectors", 3, false, run_sectors},
    {"StateMinerSectorCount", 2, false, run_count},
    {"StateSectorGetInfo", 3, false, run_sector},
    {"StateSectorPreCommitInfo", 3, false, run_precommit},
    {"StateSectorPartition", 3, false, run_partition_of},
    {"StateMinerSectorAllocated", 3, false, run_is_allocated},
    {"StateMinerAllocated", 2, false, run_allocated},
    {"StateMinerAvailableBalance", 2, false, run_available},
    {"StateMinerPreCommitDepositForPower", 3, false, run_deposit},
    {"StateMinerInitialPledgeForSector", 4, false, run_pledge},
    {NULL, 0, false, NULL},
};
