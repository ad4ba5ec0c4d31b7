/* The C1 exchange: a copy of a Commit1 output under the name of its content, for whoever computes
 * C2.
 *
 * <exchange>/<sha256>.json, written durably; the digest is computed while copying and compared with
 * the one that the stage reported. A file of that name that is there already is kept when its size
 * and digest agree. Threads: any.
 */
#ifndef SEALYARD_AGENT_EXCHANGE_H
#define SEALYARD_AGENT_EXCHANGE_H

#include "common/err.h"

#define SY_EXCHANGE_FILE_BYTES_MAX (4ull << 30)

/* result_json: the stage's result; its "sha256" (64 hex digits) names the digest. A file that does
 * not match is -SY_E_MISMATCH, a result without the key -SY_E_PARSE. */
int sy_exchange_copy(const char *from, const char *exchange, const char *result_json,
                     size_t result_bytes, struct sy_error *err);
/* SHA-256 of a whole file. */
int sy_exchange_digest(const char *path, uint8_t ret_digest[32], struct sy_error *err);

#endif
