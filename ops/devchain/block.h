/* Making and applying blocks; shared by chain_open.c (replay) and block.c. */
#ifndef SEALYARD_OPS_DEVCHAIN_BLOCK_H
#define SEALYARD_OPS_DEVCHAIN_BLOCK_H

#include "ops/devchain/chain.h"

/* Appends a block with these messages (moved) and executes them. signature NULL: sign now. For
 * height 0 the state must be genesis. */
int sy_dc_block_apply(struct sy_dc_chain *chain, int64_t height, int64_t timestamp_s,
                      struct sy_dc_message **messages, uint32_t count, const uint8_t *signature,
                      struct sy_error *err);
/* The head as a journal record. */
int sy_dc_block_write(struct sy_dc_chain *chain, struct sy_error *err);
/* A record read back: applied and compared. */
int sy_dc_block_replay(struct sy_dc_chain *chain, struct sy_cbor_reader *reader,
                       struct sy_error *err);

#define SY_DC_RECORD_GENESIS 0
#define SY_DC_RECORD_BLOCK 1

#endif
