#include "ops/devchain/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define GAS_MESSAGE INT64_C(1000000)
#define GAS_BYTE INT64_C(1300)
#define CLEANUP_DELAY 960 /* EXPIRED_PRE_COMMIT_CLEAN_UP_DELAY */

int64_t sy_dc_gas_intrinsic(size_t message_bytes)
{
    return GAS_MESSAGE + GAS_BYTE * (int64_t)message_bytes;
}

int sy_dc_abort(struct sy_dc_receipt *receipt, uint32_t exit_code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(receipt->error, sizeof(receipt->error), format, args);
    va_end(args);
    receipt->exit_code = exit_code;
    receipt->return_bytes = 0;
    return 0;
}

bool sy_dc_use_gas(struct sy_dc_call *call, int64_t gas)
{
    if (gas > call->gas_left) {
        sy_dc_abort(call->receipt, SY_FIL_EXIT_OUT_OF_GAS, "out of gas: %lld more needed",
                    (long long)(gas - call->gas_left));
        return false;
    }
    call->gas_left -= gas;
    call->gas_used += gas;
    return true;
}

static void move_value(struct sy_dc_actor *from, struct sy_dc_actor *to,
                       const struct sy_bigint *value)
{
    SY_ASSERT(sy_bigint_sub(&from->balance, &from->balance, value));
    SY_ASSERT(sy_bigint_add(&to->balance, &to->balance, value));
}

static int dispatch(struct sy_dc_call *call, const struct sy_dc_actor *to, uint64_t method,
                    struct sy_error *err)
{
    if (method == 0) {
        sy_dc_use_gas(call, SY_DC_GAS_SEND);
        return 0;
    }
    call->miner = to->kind == SY_DC_MINER ? sy_dc_miner_get(call->state, to->id) : NULL;
    if (call->miner && method == SY_FIL_METHOD_PRECOMMIT)
        return sy_dc_miner_precommit(call, err);
    if (call->miner && method == SY_FIL_METHOD_PROVE)
        return sy_dc_miner_prove(call, err);
    return sy_dc_abort(call->receipt, SY_FIL_EXIT_UNHANDLED,
                       "method %llu of actor t0%llu is not served by this chain",
                       (unsigned long long)method, (unsigned long long)to->id);
}

/* gas_limit x fee_cap is taken first; what was not burnt or tipped returns. */
static void settle_fees(struct sy_dc_state *state, const struct sy_dc_world *world,
                        struct sy_dc_actor *from, const struct sy_fil_message *message,
                        int64_t gas_used)
{
    uint64_t cap = UINT64_MAX, premium = UINT64_MAX, base = world->base_fee, tip_rate;
    struct sy_bigint fee = sy_bigint_from((uint64_t)gas_used), tip;
    struct sy_bigint limit = sy_bigint_from((uint64_t)message->gas_limit);
    sy_bigint_to_u64(&message->gas_fee_cap, &cap);
    sy_bigint_to_u64(&message->gas_premium, &premium);
    base = SY_MIN(base, cap);
    tip_rate = SY_MIN(premium, cap - base);
    tip = sy_bigint_from(tip_rate);
    {
        struct sy_bigint rate = sy_bigint_from(base);
        SY_ASSERT(sy_bigint_mul(&fee, &fee, &rate));
        SY_ASSERT(sy_bigint_mul(&tip, &tip, &limit));
    }
    move_value(from, sy_dc_actor_get(state, SY_DC_BURN), &fee);
    move_value(from, sy_dc_actor_get(state, 2), &tip); /* the reward actor keeps tips */
}

/* Sender, nonce, funds. true = go on; else the receipt has the code and nothing was charged. */
static bool check_sender(const struct sy_dc_actor *from, const struct sy_fil_message *message,
                         size_t message_bytes, struct sy_dc_receipt *receipt)
{
    struct sy_bigint cost = sy_bigint_from((uint64_t)message->gas_limit);
    bool fits = sy_bigint_mul(&cost, &cost, &message->gas_fee_cap) &&
                sy_bigint_add(&cost, &cost, &message->value);
    if (from->nonce != message->nonce) {
        sy_dc_abort(receipt, SY_FIL_EXIT_SENDER_STATE, "nonce %llu, expected %llu",
                    (unsigned long long)message->nonce, (unsigned long long)from->nonce);
        return false;
    }
    if (!fits || sy_bigint_compare(&from->balance, &cost) < 0) {
        sy_dc_abort(receipt, SY_FIL_EXIT_SENDER_STATE, "sender cannot pay value and gas");
        return false;
    }
    if (message->gas_limit < sy_dc_gas_intrinsic(message_bytes)) {
        sy_dc_abort(receipt, SY_FIL_EXIT_OUT_OF_GAS, "gas limit below the cost of the message");
        return false;
    }
    return true;
}

int sy_dc_execute(struct sy_dc_state *state, const struct sy_dc_world *world,
                  const struct sy_fil_message *message, size_t message_bytes, bool charge,
                  struct sy_dc_receipt *ret, struct sy_error *err)
{
    struct sy_dc_actor *from = sy_dc_actor_find(state, &message->from);
    struct sy_dc_actor *to = sy_dc_actor_find(state, &message->to);
    int64_t intrinsic = sy_dc_gas_intrinsic(message_bytes);
    struct sy_dc_call call = {.state = state, .world = world, .receipt = ret};
    bool moved = false;
    int rc = 0;

    *ret = (struct sy_dc_receipt){0};
    if (!from || from->kind != SY_DC_ACCOUNT)
        return sy_dc_abort(ret, 1, "sender is no account of this chain");
    if (charge && !check_sender(from, message, message_bytes, ret))
        return 0;
    call.caller = from->id;
    call.params = message->params;
    call.params_bytes = message->params_bytes;
    call.gas_left = charge ? message->gas_limit - intrinsic : INT64_MAX;
    call.gas_used = intrinsic;
    if (charge)
        from->nonce++;
    if (!to) {
        sy_dc_abort(ret, 5, "receiver does not exist");
    } else if (sy_bigint_compare(&from->balance, &message->value) < 0) {
        sy_dc_abort(ret, SY_FIL_EXIT_INSUFFICIENT_FUNDS, "sender lacks the value");
    } else {
        move_value(from, to, &message->value);
        moved = true;
        rc = dispatch(&call, to, message->method, err);
    }
    if (rc < 0)
        return rc;
    if (moved && ret->exit_code)
        move_value(to, from, &message->value);
    ret->gas_used =
        ret->exit_code == SY_FIL_EXIT_OUT_OF_GAS && charge ? message->gas_limit : call.gas_used;
    if (charge)
        settle_fees(state, world, from, message, ret->gas_used);
    return 0;
}

void sy_dc_cron(struct sy_dc_state *state, const struct sy_dc_genesis *genesis, int64_t epoch)
{
    for (uint32_t i = 0; i < state->miner_count; i++) {
        struct sy_dc_miner *miner = &state->miners[i];
        for (uint32_t k = 0; k < miner->precommit_count;) {
            struct sy_dc_precommit *precommit = &miner->precommits[k];
            struct sy_bigint deposit = precommit->deposit;
            if (epoch <= precommit->epoch + genesis->prove_duration + CLEANUP_DELAY) {
                k++;
                continue;
            }
            SY_ASSERT(sy_bigint_sub(&miner->deposits, &miner->deposits, &deposit));
            move_value(sy_dc_actor_get(state, miner->id), sy_dc_actor_get(state, SY_DC_BURN),
                       &deposit);
            sy_dc_miner_remove_precommit(miner, precommit->number);
        }
    }
}
