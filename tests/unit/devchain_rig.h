/* A development chain in this process behind real HTTP, whose epochs pass only when a test says so.
 * All functions fail the test instead of returning an error. */
#ifndef SEALYARD_TESTS_UNIT_DEVCHAIN_RIG_H
#define SEALYARD_TESTS_UNIT_DEVCHAIN_RIG_H

#include "ops/devchain/http.h"

#define RIG_PATH_BYTES 512
#define RIG_MINER 1000

struct rig {
    char dir[RIG_PATH_BYTES];
    char url[RIG_PATH_BYTES];
    struct sy_dc_config config;
    struct sy_dc_chain *chain;
    struct sy_dc_server *server;
};

/* A new directory and chain of one 2 KiB miner, with the parameters of sealing_rig.h; `change` may
 * alter the configuration first. */
void rig_open(struct rig *rig, void (*change)(struct sy_dc_config *config));
/* A chain of its own that begins as `from` stands, which must not be open. `change` as above. */
void rig_open_copy(struct rig *rig, const struct rig *from,
                   void (*change)(struct sy_dc_config *config));
/* Closes the chain, keeps the directory. */
void rig_shut(struct rig *rig);
/* Closes and opens the same chain. */
void rig_reopen(struct rig *rig);
void rig_close(struct rig *rig); /* if it is open; and removes the directory */
void rig_step(struct rig *rig, unsigned epochs);
int64_t rig_height(const struct rig *rig);

/* The whole HTTP exchange: *ret_status, body as JSON (new reference, NULL when it is none). */
json_t *rig_http(struct rig *rig, const char *path, const char *token, const char *body,
                 int *ret_status);
/* Result of a call that must succeed. params: JSON text. */
json_t *rig_call(struct rig *rig, const char *method, const char *params);
/* Error code of a call that must fail; its text must contain `part`. */
int rig_refused(struct rig *rig, const char *method, const char *params, const char *part);

/* A signed message from the worker with the next nonce, 5e9 gas, generous fees. */
void rig_message(struct rig *rig, uint64_t method, const void *params, size_t bytes,
                 const char *value, struct sy_fil_signed_message *ret);
void rig_sign(struct rig *rig, struct sy_fil_signed_message *message);
/* Pushed, executed, visible: the receipt. */
const struct sy_dc_message *rig_send(struct rig *rig, uint64_t method, const void *params,
                                     size_t bytes, const char *value);
/* MpoolPush; 0 or the expected error text part. */
void rig_push(struct rig *rig, const struct sy_fil_signed_message *message);
void rig_push_refused(struct rig *rig, const struct sy_fil_signed_message *message,
                      const char *part);

/* A pre-commit that the chain takes at the next epoch. */
void rig_precommit_info(struct rig *rig, uint64_t number, struct sy_fil_precommit *ret);
const struct sy_dc_message *rig_precommit(struct rig *rig, const struct sy_fil_precommit *infos,
                                          size_t count);
/* ProveCommitSectors3 of these sectors with these proofs (192 bytes each). */
const struct sy_dc_message *rig_prove(struct rig *rig, const uint64_t *numbers,
                                      const uint8_t (*proofs)[SY_PROOF_BYTES], size_t count);

#endif
