/* Deposits, pledge, base fee.
 *
 * The formulas are the network's (facts of the chain, section 3.6). What is simplified: the inputs
 * that the real chain smooths over time (reward, power, circulating supply) are constants here, so
 * the results are monotone in size and the same at every epoch. The base fee follows network
 * version 28.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_MONEY_H
#define SEALYARD_OPS_DEVCHAIN_MONEY_H

#include "common/fil/bigint.h"

#define SY_DC_BASE_FEE_MIN 100
#define SY_DC_BLOCK_GAS_LIMIT INT64_C(10000000000)

/* PCD: max(1, 20 days of reward of 10 x size). */
struct sy_bigint sy_dc_deposit(uint64_t sector_bytes);
/* Initial pledge of qa_bytes of quality-adjusted power. */
struct sy_bigint sy_dc_pledge(uint64_t qa_bytes);
/* The 110 % that the RPC answers. */
struct sy_bigint sy_dc_overestimate(const struct sy_bigint *value);

struct sy_dc_bid {
    uint64_t premium; /* effective */
    uint64_t gas_limit;
};
/* min(premium, max(0, fee_cap - base_fee)). */
uint64_t sy_dc_effective_premium(uint64_t base_fee, uint64_t fee_cap, uint64_t premium);
/* Premium at cumulative gas 8e9 - 1, highest first; sorts bids. */
uint64_t sy_dc_premium_percentile(struct sy_dc_bid *bids, size_t count);
uint64_t sy_dc_base_fee_next(uint64_t base_fee, uint64_t percentile);

#endif
