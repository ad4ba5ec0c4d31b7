/* The rows that plugins work on: one cache of the newest encoded rows, one queue per plugin over
 * it.
 *
 * Inside part of plugin_host.c: not thread-safe, the host's mutex guards it.
 */
#ifndef SEALYARD_SCHEDULER_PLUGIN_ROWS_H
#define SEALYARD_SCHEDULER_PLUGIN_ROWS_H

#include "common/job.h"

enum sy_plugin_row_kind { SY_PLUGIN_ROW_SECTOR = 1, SY_PLUGIN_ROW_MESSAGE };

#define SY_PLUGIN_ROW_KEY_BYTES (SY_UID_BYTES + 8)

struct sy_plugin_rows;
struct sy_plugin_row_ref; /* one row held for one plugin while its callback runs */

/* NULL = out of memory. */
struct sy_plugin_rows *sy_plugin_rows_create(size_t plugin_count);
void sy_plugin_rows_destroy(struct sy_plugin_rows *rows);

/* Key texts, into key[SY_PLUGIN_ROW_KEY_BYTES]; return key. */
const char *sy_plugin_rows_sector_key(uint64_t miner, uint64_t number, char *key);
const char *sy_plugin_rows_message_key(const char *uid, char *key);

/* Stores data (copied) as the newest version and queues it for every plugin. */
int sy_plugin_rows_put(struct sy_plugin_rows *rows, enum sy_plugin_row_kind kind, const char *key,
                       bool live, const void *data, size_t bytes, struct sy_error *err);
/* The newest version; false when unknown. *ret_data is valid until the next put. */
bool sy_plugin_rows_get(const struct sy_plugin_rows *rows, const char *key, const void **ret_data,
                        size_t *ret_bytes);

/* Takes the next row that is due for a plugin, or NULL. The caller decodes *ret_data under the lock
 * and calls sy_plugin_rows_done later. */
struct sy_plugin_row_ref *sy_plugin_rows_take(struct sy_plugin_rows *rows, size_t plugin,
                                              uint64_t now_ms, enum sy_plugin_row_kind *ret_kind,
                                              const void **ret_data, size_t *ret_bytes);
/* ok false: the row comes again after a backoff; returns that backoff, 0 when ok. */
uint64_t sy_plugin_rows_done(struct sy_plugin_rows *rows, size_t plugin,
                             struct sy_plugin_row_ref *ref, bool ok, uint64_t now_ms);
/* When the earliest delayed row is due; UINT64_MAX = none. 0 when one is ready now. */
uint64_t sy_plugin_rows_due(const struct sy_plugin_rows *rows, size_t plugin);
void sy_plugin_rows_counts(const struct sy_plugin_rows *rows, size_t plugin, size_t *ret_ready,
                           size_t *ret_delayed);

#endif
