/* A person's file as a piece: size, padded size and piece commitment, computed here. */
#ifndef SEALYARD_OPS_CLI_PIECE_FILE_H
#define SEALYARD_OPS_CLI_PIECE_FILE_H

#include "common/job.h"

/* Reads the whole file once (all cores) and fills *ret: absolute path, raw and padded bytes, piece
 * CID. -SY_E_NOT_FOUND, -SY_E_ARG for an empty file, -SY_E_LIMIT for a path that is too long. */
int sy_cli_describe_piece(const char *path, struct sy_piece *ret, struct sy_error *err);

#endif
