/* The chain on disk: one append-only file of records, each durable before anybody hears of it.
 *
 * Record: "SYDC", u32le length, u32le crc32c of the payload, payload. A torn last record (the
 * process or the machine died while writing) is cut off at open; damage anywhere else is
 * -SY_E_CORRUPT. One process at a time (flock).
 */
#ifndef SEALYARD_OPS_DEVCHAIN_JOURNAL_H
#define SEALYARD_OPS_DEVCHAIN_JOURNAL_H

#include "common/err.h"

#define SY_DC_RECORD_BYTES_MAX (16u << 20)

struct sy_dc_journal;
/* Calls on_record for every record in order; its error ends the opening. -SY_E_BUSY when another
 * process has it. */
int sy_dc_journal_open(struct sy_dc_journal **ret, const char *path,
                       int (*on_record)(void *ctx, const uint8_t *data, size_t bytes,
                                        struct sy_error *err),
                       void *ctx, struct sy_error *err);
void sy_dc_journal_close(struct sy_dc_journal *journal);
/* Durable when it returns 0. */
int sy_dc_journal_append(struct sy_dc_journal *journal, const void *data, size_t bytes,
                         struct sy_error *err);

#endif
