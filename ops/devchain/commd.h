/* CommD of declared pieces: each at the next multiple of its size, gaps and tail are zeros. */
#ifndef SEALYARD_OPS_DEVCHAIN_COMMD_H
#define SEALYARD_OPS_DEVCHAIN_COMMD_H

#include "common/err.h"

struct sy_dc_piece {
    uint8_t comm[32];
    uint64_t padded_bytes;
};

/* -SY_E_ARG when a size is no power of two >= 128 or the pieces do not fit. No pieces: zeros. */
int sy_dc_comm_d(uint64_t sector_bytes, const struct sy_dc_piece *pieces, size_t count,
                 uint8_t ret_comm_d[32], struct sy_error *err);

#endif
