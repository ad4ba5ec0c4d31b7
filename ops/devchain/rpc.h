/* JSON-RPC 2.0 as a Lotus node answers it: names, exact parameter counts, shapes, codes, HTTP
 * statuses.
 *
 * Served: the read set, MpoolGetNonce, GasEstimateMessageGas, MpoolPush, MpoolPending. State is
 * kept for the head only: a read at another tipset key is refused by name instead of answered
 * wrongly.
 */
#ifndef SEALYARD_OPS_DEVCHAIN_RPC_H
#define SEALYARD_OPS_DEVCHAIN_RPC_H

#include "ops/devchain/chain.h"

/* Answers one request body; *ret_body is malloc'ed JSON text (NULL for a notification) and
 * *ret_status the HTTP status. may_write: the caller holds the `write` permission. The caller holds
 * the lock. */
int sy_dc_rpc_answer(struct sy_dc_chain *chain, const char *body, size_t bytes, bool may_write,
                     char **ret_body, int *ret_status, struct sy_error *err);

/* ---- between rpc*.c ---- */
struct sy_dc_rpc_call {
    struct sy_dc_chain *chain;
    const json_t *params;
    int code; /* of the error object; 1 unless set */
    bool may_write;
};
struct sy_dc_rpc_method {
    const char *name; /* without "Filecoin." */
    uint32_t params;
    bool write;
    int (*run)(struct sy_dc_rpc_call *call, json_t **ret, struct sy_error *err);
};
extern const struct sy_dc_rpc_method sy_dc_rpc_chain_methods[], sy_dc_rpc_miner_methods[],
    sy_dc_rpc_message_methods[];

#define SY_DC_RPC_BAD_PARAMS (-32602)
#define SY_DC_RPC_ACTOR_NOT_FOUND 11
/* -SY_E_ARG with code -32602. */
int sy_dc_rpc_bad_param(struct sy_dc_rpc_call *call, size_t index, const char *expected,
                        struct sy_error *err);
/* Tipset of parameter `index` (null, [] = head). */
int sy_dc_rpc_tipset(struct sy_dc_rpc_call *call, size_t index, uint32_t *ret_index,
                     struct sy_error *err);
/* State at parameter `index`: the head's, before its messages. */
int sy_dc_rpc_state(struct sy_dc_rpc_call *call, size_t index, struct sy_dc_state **ret,
                    struct sy_error *err);
/* Actor by address parameter; code 11 when unknown. */
int sy_dc_rpc_actor(struct sy_dc_rpc_call *call, size_t index, struct sy_dc_state *state,
                    struct sy_dc_actor **ret, struct sy_error *err);
/* Parameter 0 is the miner, the last one the tipset key. */
int sy_dc_rpc_miner(struct sy_dc_rpc_call *call, size_t key_index, struct sy_dc_state **ret_state,
                    struct sy_dc_miner **ret, struct sy_error *err);
int sy_dc_rpc_integer(struct sy_dc_rpc_call *call, size_t index, int64_t *ret,
                      struct sy_error *err);
json_t *sy_dc_rpc_id(uint64_t id); /* "t01000" */

#endif
