#include "ops/devchain/money.h"

#include <stdlib.h>

#define EPOCHS_PER_DAY 2880
#define DEPOSIT_DAYS 20
#define REWARD_PER_EPOCH UINT64_C(60000000000000000) /* constant: 0.06 FIL to all miners */
#define NETWORK_POWER (UINT64_C(1) << 44)            /* constant: 16 TiB */
#define BASELINE_POWER (UINT64_C(1) << 50)
#define CIRCULATING_FIL UINT64_C(500000000)
#define RAMP_GAMMA 700 /* fully ramped */
#define PERCENTILE_GAS INT64_C(8000000000)

static struct sy_bigint multiply(struct sy_bigint a, uint64_t b)
{
    struct sy_bigint factor = sy_bigint_from(b);
    SY_ASSERT(sy_bigint_mul(&a, &a, &factor));
    return a;
}

static struct sy_bigint divide(struct sy_bigint a, struct sy_bigint b)
{
    SY_ASSERT(sy_bigint_div(&a, &a, &b));
    return a;
}

/* Block reward that the power would win in the given days. */
static struct sy_bigint block_reward(uint64_t qa_bytes, uint64_t days)
{
    struct sy_bigint reward = multiply(sy_bigint_from(REWARD_PER_EPOCH), days * EPOCHS_PER_DAY);
    return divide(multiply(reward, qa_bytes), sy_bigint_from(NETWORK_POWER));
}

static struct sy_bigint at_least_one(struct sy_bigint value)
{
    return sy_bigint_is_zero(&value) ? sy_bigint_from(1) : value;
}

struct sy_bigint sy_dc_deposit(uint64_t sector_bytes)
{
    return at_least_one(block_reward(10 * sector_bytes, DEPOSIT_DAYS));
}

struct sy_bigint sy_dc_pledge(uint64_t qa_bytes)
{
    const uint64_t atto = UINT64_C(1000000000000000000);
    struct sy_bigint lock =
        multiply(multiply(multiply(sy_bigint_from(CIRCULATING_FIL), atto), 3), qa_bytes);
    struct sy_bigint pledge = at_least_one(block_reward(qa_bytes, DEPOSIT_DAYS));
    struct sy_bigint cap = multiply(sy_bigint_from(atto >> 35), qa_bytes);
    struct sy_bigint baseline =
        divide(multiply(lock, RAMP_GAMMA), multiply(sy_bigint_from(BASELINE_POWER), 10 * 1000));
    struct sy_bigint simple = divide(multiply(lock, 1000 - RAMP_GAMMA),
                                     multiply(sy_bigint_from(NETWORK_POWER), 10 * 1000));
    SY_ASSERT(sy_bigint_add(&pledge, &pledge, &baseline));
    SY_ASSERT(sy_bigint_add(&pledge, &pledge, &simple));
    return sy_bigint_compare(&pledge, &cap) > 0 ? cap : pledge;
}

struct sy_bigint sy_dc_overestimate(const struct sy_bigint *value)
{
    return divide(multiply(*value, 110), sy_bigint_from(100));
}

uint64_t sy_dc_effective_premium(uint64_t base_fee, uint64_t fee_cap, uint64_t premium)
{
    uint64_t room = fee_cap > base_fee ? fee_cap - base_fee : 0;
    return SY_MIN(premium, room);
}

static int compare_bids(const void *a, const void *b)
{
    const struct sy_dc_bid *left = a, *right = b;
    return left->premium < right->premium ? 1 : left->premium > right->premium ? -1 : 0;
}

uint64_t sy_dc_premium_percentile(struct sy_dc_bid *bids, size_t count)
{
    int64_t gas = 0;
    if (count)
        qsort(bids, count, sizeof(*bids), compare_bids);
    for (size_t i = 0; i < count; i++) {
        gas += (int64_t)bids[i].gas_limit;
        if (gas > PERCENTILE_GAS - 1)
            return bids[i].premium;
    }
    return 0;
}

uint64_t sy_dc_base_fee_next(uint64_t base_fee, uint64_t percentile)
{
    uint64_t step = (base_fee + 7) / 8;
    uint64_t next;
    if (percentile >= step)
        next = base_fee + SY_MIN(step, percentile - step);
    else
        next = base_fee - (step - percentile);
    return SY_MAX(next, (uint64_t)SY_DC_BASE_FEE_MIN);
}
