/* Executes one message on a state: nonce, gas, fees, transfer, method.
 *
 * Gas is a model: monotone in message bytes, sectors and proof bytes, so that OutOfGas can be
 * provoked. There is no overestimation burn: used gas burns at the base fee, the tip is the premium
 * over the whole limit, the rest returns. An actor method first checks everything, then changes the
 * state; on failure the value goes back and the fee stays paid.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_VM_H
#define SEALYARD_OPS_DEVCHAIN_VM_H

#include "common/fil/message.h"
#include "common/fil/miner_params.h"
#include "ops/devchain/state.h"
#include "tasks/snark/porep_verify.h"

#define SY_DC_RETURN_BYTES_MAX 8192

/* One proof to be judged; everything is borrowed. */
struct sy_dc_proof_job {
    const struct sy_porep_claim *claims; /* of one proof type */
    size_t sectors;                      /* at least 1; exactly 1 unless aggregate */
    bool aggregate;                      /* one SnarkPack proof of all claims, in their order */
    const uint8_t *proof;
    size_t proof_bytes;
};

/* What the actors need from the chain around them. */
struct sy_dc_world {
    const struct sy_dc_genesis *genesis;
    int64_t epoch; /* of the message's inclusion */
    uint64_t base_fee;
    void *self;
    /* Tickets / beacon; -SY_E_RANGE for the future. */
    int (*draw)(void *self, bool beacon, int64_t tag, int64_t epoch, uint64_t miner,
                uint8_t ret[32], struct sy_error *err);
    /* true when the proof holds; else err says why. */
    bool (*verify)(void *self, const struct sy_dc_proof_job *job, struct sy_error *err);
};

struct sy_dc_receipt {
    uint32_t exit_code;
    int64_t gas_used;
    uint32_t return_bytes;
    uint8_t returned[SY_DC_RETURN_BYTES_MAX];
    char error[SY_ERROR_TEXT_BYTES]; /* why it failed; for StateCall and logs */
};

/* Least gas limit of a message of this size. */
int64_t sy_dc_gas_intrinsic(size_t message_bytes);
/* `message_bytes` = length of the signed message. charge = false: no gas, no fees, no nonce check
 * (StateCall). Fails only for our own reasons (-SY_E_NOMEM); refusals are in the receipt. */
int sy_dc_execute(struct sy_dc_state *state, const struct sy_dc_world *world,
                  const struct sy_fil_message *message, size_t message_bytes, bool charge,
                  struct sy_dc_receipt *ret, struct sy_error *err);
/* Cron: removes pre-commits that can no longer be proven and burns their deposit. */
void sy_dc_cron(struct sy_dc_state *state, const struct sy_dc_genesis *genesis, int64_t epoch);

/* Used between vm.c and the actors: sets the receipt's code and text, returns 0. */
int sy_dc_abort(struct sy_dc_receipt *receipt, uint32_t exit_code, const char *format, ...)
    SY_PRINTF(3, 4);
/* Gas of a method with these parameters (after its strict decoding). */
#define SY_DC_GAS_SEND INT64_C(500000)
#define SY_DC_GAS_PRECOMMIT INT64_C(5000000)
#define SY_DC_GAS_PRECOMMIT_SECTOR INT64_C(16000000)
#define SY_DC_GAS_PROVE INT64_C(5000000)
#define SY_DC_GAS_PROVE_SECTOR INT64_C(45000000)
#define SY_DC_GAS_PROVE_PIECE INT64_C(1000000)
#define SY_DC_GAS_PROOF_BYTE INT64_C(20000)

struct sy_dc_call {
    struct sy_dc_state *state;
    const struct sy_dc_world *world;
    struct sy_dc_miner *miner;
    uint64_t caller;
    const uint8_t *params;
    size_t params_bytes;
    int64_t gas_left; /* INT64_MAX when nothing is charged */
    int64_t gas_used;
    struct sy_dc_receipt *receipt;
};
/* false (and exit 7) when the gas does not suffice. */
bool sy_dc_use_gas(struct sy_dc_call *call, int64_t gas);
int sy_dc_miner_precommit(struct sy_dc_call *call, struct sy_error *err);
int sy_dc_miner_prove(struct sy_dc_call *call, struct sy_error *err);

#endif
